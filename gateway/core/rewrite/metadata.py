"""The DICOM JSON Model (PS3.18 Annex F) under the same Plan and with the same actions as Part 10.

A data set is a mapping of keys to raw JSON. What is kept is not parsed, its bytes are copied; only attributes that
change and sequences are decoded. Sequences that do not name the patient are remembered by their bytes.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.profile.model import Action
from gateway.core.profile.plan import IDENTITY_REMOVED, METHOD, METHOD_CODES, ROOT, TEMPORAL, Decision, Place, Plan
from gateway.core.rewrite import jsonvalues, marks
from gateway.core.rewrite.cleaning import Cleaner, Cleaners
from gateway.core.rewrite.dataset import DataSetWalker, Piece
from gateway.core.rewrite.identity import Identity
from gateway.core.rewrite.jsonactions import Actions, Bulk, Found, Whole
from gateway.core.rewrite.jsonfacts import JsonFactReader
from gateway.core.rewrite.tables import MAX_KEYS, MAX_MEMO, Table
from gateway.core.standard import dictionary
from gateway.core.standard.tags import is_private, is_private_creator, json_key
from gateway.core.standard.vr import VRS
from gateway.core.wire.dicomjson import decode_object
from gateway.core.wire.elements import IMPLICIT, IMPLICIT_LE, MAX_DEPTH, is_item
from gateway.core.wire.jsonelement import (
    BINARY_VRS,
    NUMBER_VRS,
    Elements,
    creator_of,
    decode_element,
    encode,
    inline_bytes,
    text,
)

__all__ = ["Bulk", "Elements", "MetadataRewriter", "encode", "text"]

Planner = Callable[[str, Mapping[int, str]], Plan]
"""Gives the plan for a SOP Class and the values that conditions look at."""

_REMOVE = Decision(Action.REMOVE, "")
_KEY = re.compile(r"[0-9A-F]{8}")
_VALUES = rb'"Value":\[(?:[^"{}\[\]\\]++|"[^"\\\x00-\x1f]*+")*+\]'
_PLAIN = re.compile(rb'\{"vr":"([A-Z]{2})"(?:,' + _VALUES + rb")?\}|\{" + _VALUES + rb',"vr":"([A-Z]{2})"\}')
"""An element without items, names, links, escapes or members that nobody knows: it may leave byte for byte.

Possessive throughout: a match that fails fails in linear time."""
_LOOKED_INTO = frozenset({b"SQ", b"UI", b"PN", *(vr.encode() for vr in BINARY_VRS)})
_NUMBERS = frozenset(vr.encode() for vr in NUMBER_VRS)
_QUOTES_OF_NUMBERS = 6
"""Quotation marks of a plain element without strings: around vr, its value, and Value."""
MEMO_BYTES = 2048
MAX_SPOTS = 4_096
"""Objects choose the conditions that hold for them, and so the plan."""


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

    def __init__(self, plan: Planner, identity: Identity, cleaners: Cleaners, condition_tags: Sequence[int]) -> None:
        self._plan = plan
        self._identity = identity
        self._cleaners = cleaners
        self._facts = JsonFactReader()
        self._condition_keys = [(tag, json_key(tag)) for tag in condition_tags]
        self._spots: dict[tuple[Plan, Place], _Spot] = {}
        self._actions = Actions(identity)

    def instance(self, elements: Elements, bulk: Bulk) -> bytes | None:
        """Rewrite an instance's metadata; None when the profile refuses it. Raises MalformedInput, LimitExceeded."""
        sop_class = text(elements, "00080016")
        if not sop_class or not text(elements, "00080018"):
            raise MalformedInput("no SOP Class or SOP Instance UID", (0x00080016,))
        plan = self._plan(sop_class, {tag: text(elements, key) for tag, key in self._condition_keys if key in elements})
        if plan.refuses(sop_class, text(elements, "00280301")):
            return None
        out = self._root(elements, plan, bulk, elements)
        out[json_key(IDENTITY_REMOVED)] = jsonvalues.IDENTITY_REMOVED
        out[json_key(METHOD)] = jsonvalues.written("LO", [plan.method])
        out[json_key(METHOD_CODES)] = jsonvalues.method_codes(
            marks.codes(plan.codes, jsonvalues.earlier_codes(elements))
        )
        temporal = marks.temporal(plan.longitudinal, text(elements, json_key(TEMPORAL)))
        out[json_key(TEMPORAL)] = jsonvalues.written("CS", [temporal])
        if "00080005" in out:
            out["00080005"] = jsonvalues.CHARACTER_SET
        released = encode(out)
        if "00080005" in out or released.isascii():
            return released
        return encode(out | {"00080005": jsonvalues.CHARACTER_SET})  # a value of the profile, which may be anything

    def match(self, elements: Elements, plan: Plan, bulk: Bulk) -> dict[str, bytes]:
        """Rewrite one data set that is not a whole instance (a search result), without the marks of an instance.

        It does not say who all its subject is, so text that is to be cleaned does not leave.
        """
        return self._root(elements, plan, bulk, None)

    def _root(self, elements: Elements, plan: Plan, bulk: Bulk, root: Elements | None) -> dict[str, bytes]:
        patient = self._identity.patient(
            text(elements, "00100021"), text(elements, "00100020"), text(elements, "0020000D")
        )
        return self._data_set(elements, Whole(patient, bulk, root, self._cleaner), self._spot(plan, ROOT), 0)

    def _cleaner(self, root: Elements) -> Cleaner:
        return self._cleaners.of(self._facts.read(root).subject())

    def _spot(self, plan: Plan, place: Place) -> _Spot:
        found = self._spots.get((plan, place))
        if found is None:
            if len(self._spots) >= MAX_SPOTS:
                self._spots.clear()
            found = self._spots[plan, place] = _Spot(plan, place)
        return found

    def _data_set(self, elements: Elements, whole: Whole, spot: _Spot, depth: int) -> dict[str, bytes]:
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
        if spot.plan.private_groups:
            _drop_idle_creators(out)
        return out

    def _element(self, elements: Elements, key: str, raw: bytes, whole: Whole, spot: _Spot, depth: int) -> bytes | None:
        """Rewrite one element; what depends on nothing but its bytes is remembered by them."""
        plain = _PLAIN.fullmatch(raw)
        vr = plain[1] or plain[2] if plain else decode_element(raw, None).vr.encode("latin-1", "replace")
        decision = spot.decisions.get((key, vr)) or self._decide(elements, spot, key, vr)
        if decision.action is Action.REMOVE:
            return None
        tag, touched = int(key, 16), whole.touched
        if plain and decision.action is Action.KEEP and _may_leave_as_it_is(vr, raw):
            new: bytes | None = raw
        else:
            element = decode_element(raw, tag)
            found = Found(tag, element, _meant(elements, element.vr, tag), decision)
            if decision.action is not Action.KEEP:
                new = self._actions.changed(found, whole)
            elif found.meant == "SQ":
                new = self._sequence(elements, found, whole, spot, depth)
            else:
                new = None if _may_be_items(found) else self._actions.kept(found, whole)
        if new is not None and whole.touched == touched and len(raw) <= MEMO_BYTES and not is_private(tag):
            spot.remember(key, raw, new)
        return new

    def _decide(self, elements: Elements, spot: _Spot, key: str, vr: bytes) -> Decision:
        if not _KEY.fullmatch(key):
            raise MalformedInput("a key that is no tag")
        tag, plan = int(key, 16), spot.plan
        encoded = vr.decode("latin-1")
        if encoded not in VRS:
            raise MalformedInput("a VR that PS3.5 does not define", (tag,))
        if is_private(tag) and plan.private_groups:
            return _private(elements, spot, tag, encoded)
        decision = spot.decisions[key, vr] = plan.decide(tag, encoded, spot.place)
        if plan.decide(tag, dictionary.vr_of(tag) or "UN", spot.place).action is Action.REMOVE:
            spot.removed.add(key)  # whatever VR it comes in
        if len(spot.decisions) > MAX_KEYS:
            spot.decisions.clear()
            spot.removed.clear()
        return decision

    def _child(self, spot: _Spot, tag: int, decision: Decision) -> _Spot:
        found = spot.children.get((tag, decision.deep))
        if found is None:
            inside = spot.plan.inside(spot.place, tag, deep=decision.deep)
            found = spot.children[tag, decision.deep] = self._spot(spot.plan, inside)
        return found

    def _sequence(self, elements: Elements, found: Found, whole: Whole, spot: _Spot, depth: int) -> bytes | None:
        element = found.element
        if element.vr == "UN" and element.InlineBinary is not None:
            return self._items_in_bytes(elements, found, whole, spot)
        if element.vr == "UN" or element.BulkDataURI is not None or element.InlineBinary is not None:
            return None  # items that cannot be walked here do not leave
        if element.Value is None:
            return b'{"vr":"SQ"}'
        inside = self._child(spot, found.tag, found.decision)
        walked = []
        for value in element.Value:
            item = {} if bytes(value) == b"null" else decode_object(value)
            its = self._spot_of_content(inside, item) if inside.place.content else inside
            if its is not None:
                walked.append(encode(self._data_set(item, whole, its, depth + 1)))
        return b'{"vr":"SQ","Value":[' + b",".join(walked) + b"]}"

    def _spot_of_content(self, spot: _Spot, item: Elements) -> _Spot | None:
        """Find the place of a content item by what it is about; None when it goes (PS3.15 Section E.3.4)."""
        place = spot.plan.item_place(spot.place, *jsonvalues.concept(item))
        return None if place is None else self._spot(spot.plan, place)

    def _items_in_bytes(self, elements: Elements, found: Found, whole: Whole, spot: _Spot) -> bytes | None:
        """Have a sequence in VR UN, which is encoded in implicit VR (PS3.5 Section 6.2.2), walked as in Part 10."""
        value = inline_bytes(found.element, found.tag)
        head = b""
        if is_private(found.tag):
            creator = creator_of(elements, found.tag).encode("latin-1", "replace")
            head = IMPLICIT_LE.make(_creator_tag(found.tag), "LO", creator)
        data_set = head + IMPLICIT_LE.element(IMPLICIT_LE.tag(found.tag), IMPLICIT, value)
        cleaner = whole.cleaner if spot.plan.cleans else None
        walker = DataSetWalker(self._identity, whole.patient, character_set=whole.character_set, cleaner=cleaner)
        out: list[Piece] = []
        end = walker.walk(data_set, 0, len(data_set), Table(spot.plan, spot.place, IMPLICIT_LE), out, closed=True)
        released = b"".join([*out, data_set[walker.run : end]])
        whole.touched += 1
        return jsonvalues.inline("UN", released[len(head) + 8 :]) if len(released) > len(head) else None


def _may_be_items(found: Found) -> bool:
    """Say whether an element holds items, or what may be items, that nobody walks; raises MalformedInput."""
    element = found.element
    if element.InlineBinary is not None and element.vr not in BINARY_VRS:
        raise MalformedInput("InlineBinary in a VR of text or numbers", (found.tag,))
    return element.vr == "UN" and (element.BulkDataURI is not None or is_item(inline_bytes(element, found.tag)))


def _may_leave_as_it_is(vr: bytes, raw: bytes) -> bool:
    """Say whether a plain element holds nothing but what its VR has: a string among numbers may be any text."""
    return vr not in _LOOKED_INTO and (vr not in _NUMBERS or raw.count(b'"') <= _QUOTES_OF_NUMBERS)


def _creator_tag(tag: int) -> int:
    """Return the tag of the private creator that reserves the block of an element (PS3.5 Section 7.8.1)."""
    return tag & 0xFFFF0000 | tag >> 8 & 0xFF


def _private(elements: Elements, spot: _Spot, tag: int, vr: str) -> Decision:
    """Decide about a private element; its creator stands in the same data set, so nothing is remembered."""
    if is_private_creator(tag):
        keeps = (text(elements, json_key(tag)), tag >> 16) in spot.plan.private_groups
        return Decision(Action.KEEP, "") if keeps else _REMOVE
    return spot.plan.private_rule(creator_of(elements, tag), tag & 0xFFFF00FF, vr, spot.place)


def _drop_idle_creators(out: dict[str, bytes]) -> None:
    """Remove private creators whose block has no element left (PS3.15 Section E.3.10)."""
    private = [int(key, 16) for key in out if key[3] in "13579BDF"]
    used = {_creator_tag(tag) for tag in private if not is_private_creator(tag)}
    for tag in private:
        if is_private_creator(tag) and tag not in used:
            del out[json_key(tag)]


def _meant(elements: Elements, vr: str, tag: int) -> str:
    """Return the VR, or the one that the dictionary has for what is written as UN."""
    if vr != "UN":
        return vr
    if is_private(tag):
        return dictionary.private_vr(tag & 0xFFFF00FF, creator_of(elements, tag)) or "UN"
    return dictionary.vr_of(tag) or "UN"
