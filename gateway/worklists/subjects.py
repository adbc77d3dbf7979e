"""The final check of search results: who a result is about stands in its study, which the origin is asked about.

What is asked of the study, and of each result for whoever is named below the study, does not depend on the search, and
nothing else that a result holds says who it is about: a client can't choose what is looked for.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from gateway.core.clean.subject import Kind, kind_of
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.keys import INSTANCE_UID, RETRIEVE_URL, SERIES_UID, SOP_CLASS, STUDY_UID
from gateway.core.rewrite.metadata import Elements, text
from gateway.core.standard import dictionary
from gateway.core.standard.levels import SERIES_ATTRIBUTES, STUDY_ATTRIBUTES, Level
from gateway.core.standard.tags import json_key
from gateway.worklists.worklist import Worklist

PAGE: Final = 100
"""More than the studies that are asked for at once."""
OTHER_PATIENT_IDS, RETRIEVE_AE = 0x00101002, 0x00080054
CHARACTER_SET, CONTENT_CREATOR, REVIEWER = 0x00080005, 0x00700084, 0x300E0008
_OF_THE_ARCHIVE: Final = frozenset(map(json_key, (RETRIEVE_URL, RETRIEVE_AE)))
"""What no object has, and what says nothing of its subject."""


def _tells(tag: int) -> bool:
    return tag == OTHER_PATIENT_IDS or kind_of(tag, dictionary.vr_of(tag) or "UN") not in (None, Kind.UID)


FIELDS: Final = tuple(json_key(tag) for tag in STUDY_ATTRIBUTES if _tells(tag))
_OF_SERIES: Final = tuple(tag for tag in SERIES_ATTRIBUTES if _tells(tag))
_BELOW: Final[Mapping[Level, tuple[int, ...]]] = {
    Level.STUDY: (),
    Level.SERIES: _OF_SERIES,
    Level.INSTANCE: (*_OF_SERIES, CONTENT_CREATOR, REVIEWER),
}
"""Who is named below the study: operators, physicians, devices; of the Instance whoever made it or approved of it."""
_STUDY, _SOP_CLASS = json_key(STUDY_UID), json_key(SOP_CLASS)


def asked_of_results(worklist: Worklist, level: Level) -> tuple[int, ...]:
    """List what the origin is asked for in each result, whatever the client wants to see."""
    engine = worklist.engine
    return _BELOW[level] if isinstance(engine, Engine) and engine.final_check else ()


class Subjects:
    """Knows who the studies of some results are about.

    A result that names its subject is not there, as its objects are not. An object that is refused for a part that
    the result does not show is still found.
    """

    def __init__(self, worklist: Worklist, engine: Engine, level: Level) -> None:
        self._worklist = worklist
        self._engine = engine
        tells = (CHARACTER_SET, STUDY_UID, SERIES_UID, INSTANCE_UID, *_BELOW[level])
        self._tells = tuple(map(json_key, tells))
        self._known: dict[str, dict[str, bytes]] = {}

    async def learn(self, sources: Iterable[Elements]) -> None:
        """Ask about the studies of these results, and forget the others."""
        uids = {text(source, _STUDY) for source in sources}
        self._known = {uid: known for uid, known in self._known.items() if uid in uids}
        missing = uids - self._known.keys()
        if missing:
            async for study in self._worklist.studies([("includefield", key) for key in FIELDS], PAGE, missing):
                if text(study, _STUDY) in missing:
                    self._known[text(study, _STUDY)] = {key: bytes(study[key]) for key in FIELDS if key in study}

    def passes(self, source: Elements, released: Elements) -> bool:
        """Say whether a result may leave; of a study that the origin does not describe nothing does."""
        study = self._known.get(text(source, _STUDY))
        if study is None:
            return False
        about = {key: source[key] for key in self._tells if key in source}
        shown = {key: released[key] for key in released if key not in _OF_THE_ARCHIVE}
        return self._engine.shows(about, study, shown, text(source, _SOP_CLASS))
