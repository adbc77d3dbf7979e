"""What an object says about its subject, gathered from the DICOM JSON Model (PS3.18 Annex F), as ``facts`` does."""

import re
from collections.abc import Sequence
from dataclasses import replace

from gateway.core.clean.subject import Kind, Subject, kind_of
from gateway.core.errors import LimitExceeded
from gateway.core.rewrite.factwalk import FactWalker
from gateway.core.rewrite.tables import MAX_MEMO
from gateway.core.rewrite.told import Facts, Told, meant, tell
from gateway.core.standard.vr import VRS
from gateway.core.wire import charset
from gateway.core.wire.elements import IMPLICIT_LE, MAX_DEPTH, is_item
from gateway.core.wire.jsonelement import (
    Element,
    Elements,
    decode_element,
    decode_items,
    inline_bytes,
    text,
    value_text,
    vr_of_plain,
)
from gateway.core.wire.jsonruns import Run, SharedDataSet

MEMO_BYTES = 2048
MAX_SUBJECTS, MAX_SHARED = 64, 64
"""How many subjects are remembered, and how many sets of runs that objects share."""
_HOLD_ITEMS = frozenset({b"SQ", b"UN"})
_KEY = re.compile(r"[0-9A-F]{8}")
MOMENT_CHARACTERS = 8
"""Of a date and time the date is enough."""


class JsonFactReader:
    """Gathers facts from data sets of the JSON Model; remembers what elements told, by their bytes."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], tuple[Told, ...]] = {}
        self._runs: dict[tuple[tuple[bytes, ...], tuple[str, ...]], Facts] = {}
        self._subjects: dict[frozenset[Told], Subject] = {}
        self._silent: dict[tuple[str, bytes, int], bool] = {}

    def read(self, elements: Elements) -> Facts:
        """Read one whole object. Raises MalformedInput, LimitExceeded."""
        terms = tuple(charset.split_terms(text(elements, "00080005").encode("latin-1", "replace")))
        if not isinstance(elements, SharedDataSet):
            return _facts(self._data_set(elements, terms, 0, 0))
        own = _facts(self._data_set(elements.rest, terms, 0, 0))
        shared = self._shared(elements.runs, terms)
        # The same set where it can be: its hash is known.
        said = shared.said if own.said <= shared.said else shared.said | own.said
        return Facts(said, own.uids + shared.uids)

    def subject(self, facts: Facts) -> Subject:
        """Return the Subject that the facts are about; what the objects of a series share is remembered."""
        known = self._subjects.get(facts.said)
        if known is None:
            if len(self._subjects) >= MAX_SUBJECTS:
                self._subjects.clear()
            known = self._subjects[facts.said] = Facts(facts.said, ()).subject()
        return replace(known, uids=frozenset(value for told in facts.uids for value in told.values))

    def _shared(self, runs: Sequence[Run], terms: tuple[str, ...]) -> Facts:
        """Read what an object shares with others; that is remembered."""
        asked = tuple([run.text for run in runs]), terms
        facts = self._runs.get(asked)
        if facts is None:
            if len(self._runs) >= MAX_SHARED:
                self._runs.clear()
            found = [told for run in runs for told in self._data_set(run.members, terms, 0, 0)]
            facts = self._runs[asked] = _facts(found)
        return facts

    def _data_set(self, elements: Elements, terms: Sequence[str], sequence: int, depth: int) -> list[Told]:
        if depth > MAX_DEPTH:
            raise LimitExceeded("nesting of sequences", MAX_DEPTH)
        found: list[Told] = []
        for key, value in elements.items():
            raw = bytes(value)
            told = None if sequence else self._known.get((key, raw))
            if told is None:
                vr = vr_of_plain(raw)
                if vr is not None and self._is_silent(key, vr, sequence):
                    continue
                tag = int(key, 16) if _KEY.fullmatch(key) else 0  # what is no tag is refused elsewhere
                told = tuple(self._element(tag, raw, terms, sequence, depth))
                if not sequence and len(raw) <= MEMO_BYTES and b"InlineBinary" not in raw:
                    if len(self._known) >= MAX_MEMO:
                        self._known.clear()
                    self._known[key, raw] = told
            found += told
        return found

    def _is_silent(self, key: str, vr: bytes, sequence: int) -> bool:
        """Say whether an attribute tells nothing, whatever its values; items tell by themselves."""
        asked = key, vr, sequence
        known = self._silent.get(asked)
        if known is None:
            if len(self._silent) >= MAX_MEMO:
                self._silent.clear()
            tag = int(key, 16) if _KEY.fullmatch(key) else 0
            known = vr not in _HOLD_ITEMS and kind_of(tag, meant(tag, vr.decode()), sequence) is None
            self._silent[asked] = known
        return known

    def _element(self, tag: int, raw: bytes, terms: Sequence[str], sequence: int, depth: int) -> list[Told]:
        element = decode_element(raw, tag)
        if element.vr == "SQ":
            items = decode_items(element, tag)
            return [told for item in items for told in self._data_set(item or {}, terms, tag, depth + 1)]
        if element.InlineBinary is not None and element.vr == "UN":
            value = inline_bytes(element, tag)
            if is_item(value[:4]):
                found: list[Told] = []
                FactWalker(IMPLICIT_LE, terms).unknown(tag, value, found)
                return found
            values = [charset.decode(value, terms)]
        else:
            values = _texts(element, tag)
        vr = meant(tag, element.vr)
        told = tell(tag, vr, "\\".join(values), sequence)
        return [] if told is None else [told]


def _facts(found: Sequence[Told]) -> Facts:
    uids = [told for told in found if told.kind is Kind.UID]
    return Facts(frozenset(found).difference(uids), tuple(uids))


def _texts(element: Element, tag: int) -> list[str]:
    vr = VRS.get(element.vr)
    if element.Value is None or vr is None or not vr.is_text:
        return []
    values = [value_text(value, tag) for value in element.Value]
    is_moment = element.vr == "DT" and kind_of(tag, "DT") is Kind.DATE
    return [value[:MOMENT_CHARACTERS] for value in values] if is_moment else values
