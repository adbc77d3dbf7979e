"""The DICOM JSON Model (PS3.18 Annex F) under the same Plan and with the same actions as Part 10.

A data set is a mapping of keys to raw JSON. What is kept is not parsed, its bytes are copied; only attributes that
change and sequences are decoded. Sequences that do not name the patient are remembered by their bytes.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.profile.model import Action
from gateway.core.profile.plan import IDENTITY_REMOVED, METHOD, METHOD_CODES, ROOT, TEMPORAL, Decision, Place, Plan
from gateway.core.pseudonym.values import shift, truncate
from gateway.core.rewrite import marks
from gateway.core.rewrite.identity import Identity, Patient, pad
from gateway.core.rewrite.tables import MAX_KEYS, MAX_MEMO, PATIENT_TAGS
from gateway.core.standard import dictionary
from gateway.core.standard.ps315 import CODING_SCHEME
from gateway.core.standard.tags import is_private, is_private_creator, json_key
from gateway.core.standard.vr import VRS, dummy_bytes, dummy_json
from gateway.core.wire.dicomjson import decode_object
from gateway.core.wire.elements import MAX_DEPTH, is_item

Raw = msgspec.Raw
Elements = Mapping[str, bytes | Raw]
"""One data set: key (8 hexadecimal digits) -> JSON of its element."""
Bulk = Callable[[str], str]
"""Gives the gateway's URL for an origin's BulkDataURI."""

_encode = msgspec.json.encode
_T = TypeVar("_T")
_KEEP = Decision(Action.KEEP, "")
_KEY = re.compile(r"[0-9A-F]{8}")
_VALUES = rb'"Value":\[(?:[^"{}\[\]\\]++|"[^"\\]*+")*+\]'
_PLAIN = re.compile(rb'\{"vr":"([A-Z]{2})"(?:,' + _VALUES + rb")?\}|\{" + _VALUES + rb',"vr":"([A-Z]{2})"\}')
"""An element without items, names, links, escapes or members that nobody knows: it may leave byte for byte.

Possessive throughout: a match that fails fails in linear time."""
_STRING = rb'"Value":\["([ -!#-\[\]-~]+)"\]'
_SINGLE = re.compile(rb'\{"vr":"[A-Z]{2}",' + _STRING + rb"\}|\{" + _STRING + rb',"vr":"[A-Z]{2}"\}')
"""An element with one value, printable ASCII without escapes."""
_LOOKED_INTO = frozenset({b"SQ", b"UI", b"UN"})
MEMO_BYTES = 2048
BINARY_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


class Element(msgspec.Struct, omit_defaults=True):
    """One element of the JSON Model (PS3.18 Section F.2.2)."""

    vr: str = ""
    Value: list[Raw] | None = None
    BulkDataURI: str | None = None
    InlineBinary: str | None = None


_decode_element = msgspec.json.Decoder(Element).decode
_decode_items = msgspec.json.Decoder(list[dict[str, Raw] | None]).decode


@dataclass(slots=True)
class _Object:
    """What the elements of one object have in common. ``touched`` counts uses of the patient and of links."""

    patient: Patient
    bulk: Bulk
    touched: int = 0


class _Spot:
    """What is known of the data sets at one place under one plan: decisions, and what was met before."""

    __slots__ = ("children", "decisions", "known", "place", "plan", "removed")

    def __init__(self, plan: Plan, place: Place) -> None:
        self.plan = plan
        self.place = place
        self.removed: set[str] = set()
        self.decisions: dict[tuple[str, bytes], Decision] = {}
        self.known: dict[tuple[str, bytes], bytes] = {}
        self.children: dict[tuple[int, bool], _Spot] = {}

    def remember(self, key: str, raw: bytes, new: bytes) -> None:
        """Remember what became of an element: a series repeats most of its elements in every instance."""
        if len(self.known) >= MAX_MEMO:
            self.known.clear()
        self.known[key, raw] = new


class MetadataRewriter:
    """Rewrites data sets of one engine; keeps decisions and small sequences."""

    def __init__(self, plan: Callable[[str], Plan], identity: Identity) -> None:
        self._plan = plan
        self._identity = identity
        self._spots: dict[tuple[Plan, Place], _Spot] = {}

    def instance(self, elements: Elements, bulk: Bulk) -> bytes | None:
        """Rewrite an instance's metadata; None when the profile refuses it. Raises MalformedInput, LimitExceeded."""
        sop_class = text(elements, "00080016")
        if not sop_class or not text(elements, "00080018"):
            raise MalformedInput("no SOP Class or SOP Instance UID", (0x00080016,))
        plan = self._plan(sop_class)
        if plan.refuses(sop_class, text(elements, "00280301")):
            return None
        out = self.match(elements, plan, bulk)
        out[json_key(IDENTITY_REMOVED)] = b'{"vr":"CS","Value":["YES"]}'
        out[json_key(METHOD)] = _encode({"vr": "LO", "Value": [plan.method]})
        out[json_key(METHOD_CODES)] = _encode(
            {"vr": "SQ", "Value": [_code(*pair) for pair in marks.codes(plan.codes, _codes(elements))]}
        )
        out[json_key(TEMPORAL)] = _encode(
            {"vr": "CS", "Value": [marks.temporal(plan.longitudinal, text(elements, json_key(TEMPORAL)))]}
        )
        if "00080005" in out:
            out["00080005"] = b'{"vr":"CS","Value":["ISO_IR 192"]}'  # JSON text is UTF-8, whatever the object was
        return encode(out)

    def match(self, elements: Elements, plan: Plan, bulk: Bulk) -> dict[str, bytes]:
        """Rewrite one data set that is not a whole instance (a search result), without the marks of an instance."""
        patient = self._identity.patient(
            text(elements, "00100021"), text(elements, "00100020"), text(elements, "0020000D")
        )
        return self._data_set(elements, _Object(patient, bulk), self._spot(plan, ROOT), 0)

    def _spot(self, plan: Plan, place: Place) -> _Spot:
        found = self._spots.get((plan, place))
        if found is None:
            found = self._spots[plan, place] = _Spot(plan, place)
        return found

    def _data_set(self, elements: Elements, whole: _Object, spot: _Spot, depth: int) -> dict[str, bytes]:
        if depth > MAX_DEPTH:
            raise LimitExceeded("nesting of sequences", MAX_DEPTH)
        out = {}
        removed, known = spot.removed, spot.known
        for key, value in elements.items():
            if key in removed:
                continue
            raw = bytes(value)
            new = known.get((key, raw))
            if new is None:
                new = self._element(elements, key, raw, whole, spot, depth)
                if new is None:
                    continue
            out[key] = new
        return out

    def _decide(self, elements: Elements, spot: _Spot, key: str, vr: bytes) -> Decision:
        if not _KEY.fullmatch(key):
            raise MalformedInput("a key that is no tag")
        tag, plan = int(key, 16), spot.plan
        encoded = vr.decode("latin-1")
        if encoded not in VRS:
            raise MalformedInput("a VR that PS3.5 does not define", (tag,))
        if is_private(tag) and plan.private_groups:
            return self._private(elements, plan, tag, encoded)
        decision = spot.decisions[key, vr] = plan.decide(tag, encoded, spot.place)
        if plan.decide(tag, dictionary.vr_of(tag) or "UN", spot.place).action is Action.REMOVE:
            spot.removed.add(key)  # whatever VR it comes in
        if len(spot.decisions) > MAX_KEYS:
            spot.decisions.clear()
            spot.removed.clear()
        return decision

    def _private(self, elements: Elements, plan: Plan, tag: int, vr: str) -> Decision:
        """Private creators stand in the same data set, so nothing is remembered."""
        block = tag if is_private_creator(tag) else tag & 0xFFFF0000 | tag >> 8 & 0xFF
        creator = text(elements, json_key(block))
        if is_private_creator(tag):
            return _KEEP if (creator, tag >> 16) in plan.private_groups else Decision(Action.REMOVE, "")
        decision = plan.private_rule(creator, tag & 0xFFFF00FF, vr)
        return Decision(Action.REMOVE, "") if vr == "SQ" and decision.action is Action.KEEP else decision

    def _element(
        self, elements: Elements, key: str, raw: bytes, whole: _Object, spot: _Spot, depth: int
    ) -> bytes | None:
        """Rewrite one element; what depends on nothing but its bytes is remembered by them."""
        plain = _PLAIN.fullmatch(raw)
        vr = plain[1] or plain[2] if plain else _vr(raw)
        decision = spot.decisions.get((key, vr)) or self._decide(elements, spot, key, vr)
        if decision.action is Action.REMOVE:
            return None
        tag, touched = int(key, 16), whole.touched
        if decision.action is not Action.KEEP:
            new = self._changed(_parse(_decode_element, raw, tag), tag, decision, whole)
        elif plain and vr not in _LOOKED_INTO:
            new = raw
        else:
            new = self._kept(_parse(_decode_element, raw, tag), tag, decision, whole, spot, depth)
        if new is not None and whole.touched == touched and len(raw) <= MEMO_BYTES and not is_private(tag):
            spot.remember(key, raw, new)
        return new

    def _changed(self, element: Element, tag: int, decision: Decision, whole: _Object) -> bytes | None:
        meant = _meant(element, tag)
        if decision.action is Action.EMPTY or (decision.action is Action.REPLACE and element.vr == "SQ"):
            return _encode({"vr": element.vr})
        if decision.action is Action.REPLACE:
            return _constant(element.vr, meant, decision.value)
        if element.vr == "UN":
            return self._unknown_vr(element, tag, meant, decision, whole)
        if element.Value is None:
            filled = decision.action is Action.PSEUDONYM and tag in PATIENT_TAGS and element.BulkDataURI is None
            return self._json(element.vr, self._texts(tag, meant, [], decision, whole)) if filled else _empty(element)
        values = [_string(value, tag) for value in element.Value]
        return self._json(element.vr, self._texts(tag, meant, values, decision, whole))

    def _kept(
        self, element: Element, tag: int, decision: Decision, whole: _Object, spot: _Spot, depth: int
    ) -> bytes | None:
        if _meant(element, tag) == "SQ":
            return self._sequence(element, tag, whole, self._child(spot, tag, decision), depth)
        if element.vr == "UN" and (element.BulkDataURI is not None or is_item(_binary(element, tag).encode("latin-1"))):
            return None  # items, or what may be items, that nobody walks
        if element.BulkDataURI is not None:
            whole.touched += 1
            return _encode({"vr": element.vr, "BulkDataURI": whole.bulk(element.BulkDataURI)})
        if element.InlineBinary is not None and element.vr not in BINARY_VRS:
            raise MalformedInput("InlineBinary in a VR of text or numbers", (tag,))
        if element.vr == "UI" and element.Value is not None:
            return self._json("UI", [self._identity.definition(_string(value, tag)) for value in element.Value])
        values = None if element.Value is None else [_clean(value, element.vr, tag) for value in element.Value]
        return _encode(msgspec.structs.replace(element, Value=values))

    def _child(self, spot: _Spot, tag: int, decision: Decision) -> _Spot:
        found = spot.children.get((tag, decision.deep))
        if found is None:
            inside = spot.plan.inside(spot.place, tag, deep=decision.deep)
            found = spot.children[tag, decision.deep] = self._spot(spot.plan, inside)
        return found

    def _sequence(self, element: Element, tag: int, whole: _Object, inside: _Spot, depth: int) -> bytes | None:
        if element.vr == "UN" or element.BulkDataURI is not None or element.InlineBinary is not None:
            return None  # items that cannot be walked here do not leave
        if element.Value is None:
            return b'{"vr":"SQ"}'
        items = _parse(_decode_items, b"[" + b",".join(map(bytes, element.Value)) + b"]", tag)
        walked = (encode(self._data_set(item or {}, whole, inside, depth + 1)) for item in items)
        return b'{"vr":"SQ","Value":[' + b",".join(walked) + b"]}"

    def _unknown_vr(self, element: Element, tag: int, meant: str, decision: Decision, whole: _Object) -> bytes | None:
        """A value in VR UN stands as InlineBinary; one that is elsewhere cannot be changed here and does not leave."""
        if element.InlineBinary is None:
            return _empty(element)
        values = [value.strip(" \0") for value in _binary(element, tag).split("\\")]
        padding = VRS[meant].padding if meant in VRS else b" "
        new = pad("\\".join(self._texts(tag, meant, values, decision, whole)), padding)
        return _encode({"vr": "UN", "InlineBinary": b64encode(new).decode()})

    def _texts(self, tag: int, vr: str, values: list[str], decision: Decision, whole: _Object) -> list[str]:
        if decision.action is Action.UID:
            return [self._identity.uid(value) for value in values]
        if decision.action is Action.PSEUDONYM:
            if tag in PATIENT_TAGS:
                whole.touched += 1
                return [whole.patient.pseudonym]
            return [self._identity.pseudonym(tag, value) for value in values]
        if decision.action is Action.SHIFT_DATE:
            whole.touched += 1
            return [shift(vr, value, whole.patient.shift_days) for value in values]
        if decision.action is Action.TRUNCATE_DATE:
            return [truncate(vr, value) for value in values]
        raise MalformedInput("an action without a meaning here", (tag,))

    def _json(self, vr: str, values: list[str]) -> bytes:
        if not any(values):
            return _encode({"vr": vr})
        if vr == "PN":
            return _encode({"vr": vr, "Value": [{"Alphabetic": value} for value in values]})
        return _encode({"vr": vr, "Value": [value or None for value in values]})


def encode(elements: Elements) -> bytes:
    """Join elements to a data set, tags ascending (PS3.18 Section F.2.2)."""
    return b"{" + b",".join([b'"%b":%b' % (key.encode(), bytes(elements[key])) for key in sorted(elements)]) + b"}"


def text(elements: Elements, key: str) -> str:
    """Return an element as text without padding, several values joined by a backslash; empty when there is none."""
    raw = elements.get(key)
    if raw is None:
        return ""
    single = _SINGLE.fullmatch(bytes(raw))
    if single is not None:
        return (single[1] or single[2]).decode().strip(" ")
    tag = int(key, 16)
    element = _parse(_decode_element, bytes(raw), tag)
    if element.InlineBinary is not None:
        return _binary(element, tag).strip(" \0")
    return "\\".join(_string(value, tag) for value in element.Value or ())


def _parse(decoder: Callable[[bytes], _T], raw: bytes, tag: int | None) -> _T:
    try:
        return decoder(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedInput("not the DICOM JSON Model", () if tag is None else (tag,)) from None


def _vr(raw: bytes) -> bytes:
    return _parse(_decode_element, raw, None).vr.encode("latin-1", "replace")


def _binary(element: Element, tag: int) -> str:
    """Return InlineBinary as text in which each character is a byte."""
    try:
        return b64decode(element.InlineBinary or "", validate=True).decode("latin-1")
    except ValueError:
        raise MalformedInput("InlineBinary is not base64", (tag,)) from None


def _string(value: Raw, tag: int) -> str:
    found = _parse(msgspec.json.decode, bytes(value), tag)
    if isinstance(found, dict):
        groups = (found.get(group) or "" for group in NAME_GROUPS)
        found = "=".join(map(str, groups)).rstrip("=")
    if isinstance(found, list):
        raise MalformedInput("a list within a value", (tag,))
    return "" if found is None else str(found).strip(" \0")


def _clean(value: Raw, vr: str, tag: int) -> Raw:
    """Let nothing pass inside a value but what the Model has there: text, numbers, null, and a name's three groups."""
    found = _parse(msgspec.json.decode, bytes(value), tag)
    if isinstance(found, dict) and vr == "PN":
        names = {group: found[group] for group in NAME_GROUPS if isinstance(found.get(group), str)}
        return Raw(_encode(names))
    if isinstance(found, dict | list):
        raise MalformedInput("a value that its VR cannot have", (tag,))
    return value


def _meant(element: Element, tag: int) -> str:
    return (dictionary.vr_of(tag) or "UN") if element.vr == "UN" else element.vr


def _empty(element: Element) -> bytes | None:
    return None if element.BulkDataURI is not None else _encode({"vr": element.vr})


def _constant(vr: str, meant: str, value: str | None) -> bytes:
    if vr == "UN":
        raw = dummy_bytes(meant) if value is None else pad(value, b" ")
        return _encode({"vr": "UN", "InlineBinary": b64encode(raw).decode()})
    if value is None:
        return _encode({"vr": vr, **dummy_json(vr)})
    if vr == "PN":
        return _encode({"vr": vr, "Value": [{"Alphabetic": value}]})
    return _encode({"vr": vr, "Value": [float(value) if vr == "DS" else int(value) if vr == "IS" else value]})


def _code(code: str, meaning: str) -> dict[str, object]:
    return {
        "00080100": {"vr": "SH", "Value": [code]},
        "00080102": {"vr": "SH", "Value": ["DCM"]},
        "00080104": {"vr": "LO", "Value": [meaning]},
    }


def _codes(elements: Elements) -> list[str]:
    raw = elements.get(json_key(METHOD_CODES))
    if raw is None:
        return []
    element = _parse(_decode_element, bytes(raw), METHOD_CODES)
    items = [decode_object(item) for item in element.Value or () if bytes(item) != b"null"]
    return [text(item, "00080100") for item in items if text(item, "00080102") == CODING_SCHEME]
