"""The final check of search results: who a result is about stands in its study, which the origin is asked about.

What is asked does not depend on the search, so that a client can't choose what is looked for.
"""

from collections.abc import Iterable
from typing import Final

from gateway.core.clean.subject import Kind, kind_of
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.keys import RETRIEVE_URL, SOP_CLASS, STUDY_UID
from gateway.core.rewrite.metadata import Elements, text
from gateway.core.standard import dictionary
from gateway.core.standard.levels import STUDY_ATTRIBUTES
from gateway.core.standard.tags import json_key
from gateway.worklists.worklist import Worklist

PAGE: Final = 100
"""More than the studies that are asked for at once."""
OTHER_PATIENT_IDS, RETRIEVE_AE = 0x00101002, 0x00080054
_OF_THE_ARCHIVE: Final = frozenset(map(json_key, (RETRIEVE_URL, RETRIEVE_AE)))
"""What no object has, and what says nothing of its subject."""


def _tells(tag: int) -> bool:
    return tag == OTHER_PATIENT_IDS or kind_of(tag, dictionary.vr_of(tag) or "UN") not in (None, Kind.UID)


FIELDS: Final = tuple(json_key(tag) for tag in STUDY_ATTRIBUTES if _tells(tag))
_STUDY, _SOP_CLASS = json_key(STUDY_UID), json_key(SOP_CLASS)


class Subjects:
    """Knows who the studies of some results are about.

    A result that names its subject is not there, as its objects are not. An object that is refused for a part that
    the result does not show is still found.
    """

    def __init__(self, worklist: Worklist, engine: Engine) -> None:
        self._worklist = worklist
        self._engine = engine
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
        about = {key: source[key] for key in source if key not in _OF_THE_ARCHIVE}
        shown = {key: released[key] for key in released if key not in _OF_THE_ARCHIVE}
        return self._engine.shows(about, study, shown, text(source, _SOP_CLASS))
