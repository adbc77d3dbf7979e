"""Which results of the origin count, in windows and as read in vain: those that do not depend on dates that moved."""

from gateway.core.rewrite.keys import ISSUER, PATIENT_ID, SOP_CLASS, STUDY_UID
from gateway.core.rewrite.metadata import Elements, text
from gateway.core.rewrite.moved import Moved
from gateway.core.rewrite.query import Search
from gateway.core.standard.tags import json_key
from gateway.worklists.worklist import Worklist

_SOP_CLASS = json_key(SOP_CLASS)


class Counted:
    """Judges results of one search by the dates that are released."""

    def __init__(self, worklist: Worklist, search: Search) -> None:
        self._engine = worklist.engine
        self._moved = Moved(search.keys, worklist.decide)
        self._wanted = tuple(map(json_key, (STUDY_UID, PATIENT_ID, ISSUER, SOP_CLASS, *self._moved.tags)))

    def may_match(self, source: Elements) -> bool:
        """Say whether a study has the dates that are asked for; else what is in it need not be read."""
        return not self._moved or self._moved.match(self._released(source))

    def __bool__(self) -> bool:
        """Say whether there may be results that do not count."""
        return bool(self._moved)

    def __call__(self, source: Elements) -> bool:
        """Say whether a result counts."""
        return not self._moved or self._moved.may_count(self._released(source))

    def _released(self, source: Elements) -> dict[str, bytes]:
        part = {key: source[key] for key in self._wanted if key in source}
        return self._engine.match(part, text(part, _SOP_CLASS))
