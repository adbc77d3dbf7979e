"""Each action on one element of the DICOM JSON Model, given what is known of the object that it stands in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from gateway.core.errors import MalformedInput
from gateway.core.profile.decisions import PIXEL_DATA
from gateway.core.profile.model import Action
from gateway.core.profile.plan import Decision
from gateway.core.pseudonym.values import cap_age, shift, truncate
from gateway.core.rewrite.cleaning import Cleaner
from gateway.core.rewrite.identity import Identity, Patient, pad
from gateway.core.rewrite.jsonvalues import constant, emptied, inline, written
from gateway.core.rewrite.tables import PATIENT_TAGS
from gateway.core.standard.vr import SINGLE_VALUE_VRS, VRS
from gateway.core.wire import charset
from gateway.core.wire.jsonelement import BINARY_VRS, Element, Elements, fitting, inline_bytes, text, value_text
from gateway.core.wire.numbers import DECIMAL_VRS, NUMBER_VRS, are_numbers, only_numbers

Bulk = Callable[[str], str]
"""Gives the gateway's URL for an origin's BulkDataURI."""

_encode = msgspec.json.encode
_LOOKED_INTO = DECIMAL_VRS | {"UI"}
"""VRs of text of which something may have to go even where the attribute stays."""
_TABLES = frozenset({*range(0x00281201, 0x00281205), *range(0x00281221, 0x00281225), 0x00283006})
"""Without these pixels are not what they show: the final check lets them be named, as it does the pixels."""


class Whole:
    """What the elements of one object have in common.

    ``root`` and ``cleaner`` are None for less than an object, which does not say who its subject is. ``personal``
    counts uses of the patient and the cleaner, ``single`` those of what differs from object to object.
    """

    def __init__(self, root: Elements | None, patient: Patient, cleaner: Cleaner | None, bulk: Bulk) -> None:
        self.patient = patient
        self.cleaner = cleaner
        self.personal = self.single = 0
        self._root = root
        self._bulk = bulk

    @property
    def character_set(self) -> Sequence[str]:
        """The terms of (0008,0005), which hold for what is in InlineBinary; JSON itself is UTF-8."""
        return charset.split_terms(text(self._root or {}, "00080005").encode("latin-1", "replace"))

    def link(self, uri: str) -> str:
        """Return the gateway's URL for an origin's BulkDataURI."""
        self.single += 1
        return self._bulk(uri)


@dataclass(slots=True)
class Found:
    """An element, the VR that is meant where it is written as UN, and what is to happen to it."""

    tag: int
    element: Element
    meant: str
    decision: Decision
    is_root: bool = True


class Actions:
    """Carries decisions out with the pseudonyms of one engine."""

    def __init__(self, identity: Identity, *, are_checked: bool = False) -> None:
        self._identity = identity
        self._are_checked = are_checked

    def kept(self, found: Found, whole: Whole) -> bytes:
        """Write an element that stays and is no sequence: nothing but what its VR can hold. Raises MalformedInput."""
        element, tag = found.element, found.tag
        if element.BulkDataURI is not None:
            if not self._may_be_linked(found):
                return _encode({"vr": element.vr})
            return _encode({"vr": element.vr, "BulkDataURI": whole.link(element.BulkDataURI)})
        if element.InlineBinary is not None:
            raw = inline_bytes(element, tag)
            if found.meant in NUMBER_VRS and not are_numbers(raw, found.meant):
                raw = only_numbers(raw, found.meant)
            return inline(element.vr, raw)
        if element.Value is None or element.vr in BINARY_VRS:
            return _encode({"vr": element.vr})
        if element.vr == "UI":
            return written("UI", [self._identity.definition(value_text(value, tag)) for value in element.Value])
        return _encode({"vr": element.vr, "Value": [fitting(value, element.vr, tag) for value in element.Value]})

    def _may_be_linked(self, found: Found) -> bool:
        """Say whether octets that are only named may leave as they are: nothing in them can be changed, or searched."""
        if not self._are_checked:
            return found.meant not in _LOOKED_INTO
        return found.tag in _TABLES or (found.tag in PIXEL_DATA and found.is_root)

    def changed(self, found: Found, whole: Whole) -> bytes | None:
        """Write an element as its action wants it, or None where it goes. Raises MalformedInput."""
        element, action = found.element, found.decision.action
        if action is Action.EMPTY or (action is Action.REPLACE and element.vr == "SQ"):
            return _encode({"vr": element.vr})
        if action is Action.REPLACE:
            return constant(element.vr, found.meant, found.decision.value)
        if element.vr == "UN":
            return self._unknown_vr(found, whole)
        if element.Value is None:
            filled = action is Action.PSEUDONYM and found.tag in PATIENT_TAGS and element.BulkDataURI is None
            return written(element.vr, self._texts(found, whole, [])) if filled else emptied(element)
        values = [value_text(value, found.tag) for value in element.Value]
        return written(element.vr, self._texts(found, whole, values))

    def _unknown_vr(self, found: Found, whole: Whole) -> bytes | None:
        """A value in VR UN stands as InlineBinary; one that is elsewhere cannot be changed here and does not leave."""
        if found.element.InlineBinary is None:
            return emptied(found.element)
        whole.single += 1
        raw = inline_bytes(found.element, found.tag)
        decoded = charset.decode(raw, whole.character_set, is_person_name=found.meant == "PN")
        values = [decoded] if found.meant in SINGLE_VALUE_VRS else decoded.split("\\")
        new = "\\".join(self._texts(found, whole, [value.strip(" \0") for value in values]))
        if not new.isascii():
            return None  # bytes in the object's own character set would stand in an object that says UTF-8
        return inline("UN", pad(new, VRS[found.meant].padding if found.meant in VRS else b" "))

    def _texts(self, found: Found, whole: Whole, values: list[str]) -> list[str]:
        action = found.decision.action
        if action is Action.UID:
            return [self._identity.uid(value) for value in values]
        if action is Action.TRUNCATE_DATE:
            to: Literal["year", "month"] = "month" if found.decision.value == "month" else "year"
            return [truncate(found.meant, value, to) for value in values]
        if action is Action.CLEAN and found.meant == "AS":
            return [cap_age(value) for value in values]
        if action is Action.PSEUDONYM and found.tag not in PATIENT_TAGS:
            return [self._identity.pseudonym(found.tag, value) for value in values]
        whole.personal += 1
        if action is Action.PSEUDONYM:
            return [whole.patient.pseudonym]
        if action is Action.SHIFT_DATE:
            return [shift(found.meant, value, whole.patient.shift_days) for value in values]
        if action is Action.CLEAN:
            return [] if whole.cleaner is None else [_cleaned(whole.cleaner, value, found.meant) for value in values]
        raise MalformedInput("an action without a meaning here", (found.tag,))


def _cleaned(cleaner: Cleaner, value: str, vr: str) -> str:
    """Clean one value, a person's name by its component groups."""
    return "=".join([cleaner.text(part, vr) for part in (value.split("=") if vr == "PN" else (value,))])
