"""Whether released values name their subject, value by value: slow, exact, asked when bytes look suspicious."""

import re
from collections.abc import Iterator, Sequence

from gateway.core.profile.model import Action
from gateway.core.profile.plan import DATE_VRS, Plan
from gateway.core.rewrite.factwalk import BULK_BYTES, FIRST_BULK_TAG
from gateway.core.rewrite.forms import decoded, folded, readings
from gateway.core.rewrite.needles import Needles, Where
from gateway.core.standard import dictionary
from gateway.core.wire import charset
from gateway.core.wire.elements import IMPLICIT_LE, UNDEFINED, Encoding, Header, elements, is_item, items
from gateway.core.wire.jsonelement import Elements, decode_element, decode_items, inline_bytes, plain_text

Path = tuple[int, ...]

_WHERE = dict.fromkeys(("DS", "IS"), Where.NUMBERS) | dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "TM"), Where.PLACES)
_VOCABULARY = frozenset({0x00080070, 0x00080100, 0x00080104, 0x00080119, 0x00081090})
"""Manufacturer and its Model Name, and coded concepts: words of theirs that are also somebody's name are no leak."""
_NUMBERS = frozenset({"AT", "FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"})
"""VRs of binary numbers, which say nothing as text."""
_NUMERIC = re.compile(rb"[0-9+.eE \\\0-]*")
MAX_WORK = 1 << 23
"""Characters times needles of one object: what would take more to clear is not cleared."""
_BULK = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_WRITTEN = frozenset({Action.REPLACE, Action.SHIFT_DATE, Action.TRUNCATE_DATE, Action.CLEAN})


class Verdict:
    """Finds the values of one released object that hold one of the needles, or one of the UIDs."""

    def __init__(self, found: Needles, uids: frozenset[str], plan: Plan, terms: Sequence[str]) -> None:
        self._needles = found
        self._uids = uids
        self._plan = plan
        self._terms = terms
        self._work = 0

    def data_set(self, data: bytes, encoding: Encoding) -> Iterator[Path]:
        """Yield the paths of telling values in whole elements. Raises IndexError, struct.error, MalformedInput."""
        return self._elements(data, 0, len(data), encoding, ())

    def json(self, data_set: Elements, path: Path = ()) -> Iterator[Path]:
        """Do the same for the JSON Model. Raises MalformedInput."""
        for key, raw in data_set.items():
            tag = int(key, 16)
            element = decode_element(bytes(raw), tag)
            here = (*path, tag)
            if element.vr == "SQ":
                for item in decode_items(element, tag):
                    yield from self.json(item or {}, here)
                continue
            values = [plain_text(value, tag).encode() for value in element.Value or ()]
            values.append((element.BulkDataURI or "").encode())
            if element.InlineBinary is not None:
                values.append(inline_bytes(element, tag))
            if any(self._tells(value, tag, element.vr, (charset.UTF_8,)) for value in values):
                yield here

    def _elements(self, data: bytes, start: int, end: int, encoding: Encoding, path: Path) -> Iterator[Path]:
        terms = self._terms
        for header, after in elements(data, start, end, encoding):
            if not path and (header.tag >> 16 == FIRST_BULK_TAG >> 16 or is_bulk(header)):
                continue
            vr = header.vr if header.vr not in ("", "UN") else dictionary.vr_of(header.tag) or "UN"
            if header.vr == "UN" and vr in _NUMBERS:
                vr = "UN"  # bytes of any kind
            value, here = data[header.start : min(after, end)], (*path, header.tag)
            if header.tag == charset.SPECIFIC_CHARACTER_SET:
                terms = charset.split_terms(value)
            elif vr == "SQ" or (vr == "UN" and is_item(value[:4])):
                inner = IMPLICIT_LE if header.vr == "UN" else encoding
                for first, last in items(value, inner):
                    yield from self._elements(value, first, last, inner, here)
            elif self._tells(value, header.tag, vr, terms):
                yield here

    def _tells(self, value: bytes, tag: int, vr: str, terms: Sequence[str]) -> bool:
        if vr in _NUMBERS:
            return False
        where = Where.CODES if tag in _VOCABULARY else _WHERE.get(vr, Where.TEXT)
        if where is Where.NUMBERS and not _NUMERIC.fullmatch(value):
            where = Where.TEXT
        for form in decoded(value):
            is_near = vr != "UI" and self._is_near(form)
            for text in readings(form, terms, is_person_name=vr == "PN"):
                if is_near and (self._work > MAX_WORK or self._needles.are_in(text, where)):
                    return True
                if vr in DATE_VRS and self._is_birth_date(text, tag, vr):
                    return True
                if any(_holds(text, uid) for uid in self._uids):
                    return True
        return False

    def _is_near(self, form: bytes) -> bool:
        """Say whether a needle may be in bytes, so that the text they are is worth reading."""
        is_near = self._needles.may_be_in(folded(form))
        self._work += len(form) * len(self._needles) * is_near
        return is_near

    def _is_birth_date(self, text: str, tag: int, vr: str) -> bool:
        """Say whether a date is the date of birth and was not put there by the plan itself."""
        return self._needles.give_birth_date(text) and self._plan.decide(tag, vr).action not in _WRITTEN


def _holds(text: str, uid: str) -> bool:
    """Say whether a UID stands in a text, not as part of a longer one."""
    return uid in text and re.search(rf"(?<![\d.]){re.escape(uid)}(?!\.?\d)", text) is not None


def is_bulk(header: Header) -> bool:
    """Say whether the value of an element of the root is too large to be held for the check."""
    vr = header.vr or dictionary.vr_of(header.tag) or "UN"
    return vr in _BULK and BULK_BYTES < header.length < UNDEFINED
