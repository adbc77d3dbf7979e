"""The DICOM JSON Model (PS3.18 Annex F) under the same Plan and with the same actions as Part 10.

A data set is a mapping of keys to raw JSON. What is kept is not parsed, its bytes are copied; only attributes that
change and sequences are decoded. Sequences that do not name the patient are remembered by their bytes.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.mask.image import PHOTOMETRIC
from gateway.core.mask.model import PASSES, PixelDecision, Verdict
from gateway.core.profile.decisions import PIXEL_DATA
from gateway.core.profile.model import Action
from gateway.core.profile.plan import IDENTITY_REMOVED, METHOD, METHOD_CODES, ROOT, TEMPORAL, Decision, Plan
from gateway.core.rewrite import jsonvalues, marks
from gateway.core.rewrite.ages import capped_members
from gateway.core.rewrite.asked import json_value
from gateway.core.rewrite.cleaning import Cleaners
from gateway.core.rewrite.dataset import DataSetWalker, Piece
from gateway.core.rewrite.finalcheck import FinalCheck
from gateway.core.rewrite.identity import Identity
from gateway.core.rewrite.jsonactions import Actions, Bulk, Found, Whole
from gateway.core.rewrite.jsonfacts import JsonFactReader
from gateway.core.rewrite.jsonreleased import ReleasedDataSet, ReleasedRun
from gateway.core.rewrite.jsonspots import Creators, Spot, Spots
from gateway.core.rewrite.offsets import TABLE_VRS, TABLES, are_tables
from gateway.core.rewrite.tables import Table
from gateway.core.rewrite.told import Facts
from gateway.core.standard import dictionary
from gateway.core.standard.tags import is_private, is_private_creator, json_key
from gateway.core.standard.vr import VRS
from gateway.core.wire import charset
from gateway.core.wire.dicomjson import decode_object
from gateway.core.wire.elements import IMPLICIT, IMPLICIT_LE, MAX_DEPTH, is_item
from gateway.core.wire.jsonelement import (
    BINARY_VRS,
    Elements,
    creator_of,
    decode_element,
    encode,
    inline_bytes,
    text,
    vr_of_plain,
)
from gateway.core.wire.jsonruns import Run, SharedDataSet
from gateway.core.wire.numbers import NUMBER_VRS

__all__ = ["Bulk", "Elements", "MetadataRewriter", "encode", "text"]

Planner = Callable[[str, Mapping[int, str], PixelDecision, str], Plan]
"""Gives the plan for a SOP Class, the values that conditions look at, what happens to the pixels, and what they are."""

CHARACTER_SET = "00080005"
_PHOTOMETRIC = json_key(PHOTOMETRIC)
_PIXEL_DATA = tuple(map(json_key, sorted(PIXEL_DATA)))
CONTENT_SEQUENCE = 0x0040A730
_ODD = frozenset("13579BDF")
_UNKNOWN = b""
_REMOVE = Decision(Action.REMOVE, "")
_TEMPORAL = json_key(TEMPORAL)
_KEY = re.compile(r"[0-9A-F]{8}")
_LOOKED_INTO = frozenset({b"SQ", b"UI", b"PN", *(vr.encode() for vr in BINARY_VRS)})
_NUMBERS = frozenset(vr.encode() for vr in NUMBER_VRS)
_QUOTES_OF_NUMBERS = 6
"""Quotation marks of a plain element without strings: around vr, its value, and Value."""


class MetadataRewriter:
    """Rewrites data sets of one engine; keeps decisions and small sequences."""

    def __init__(
        self,
        plan: Planner,
        identity: Identity,
        cleaners: Cleaners,
        condition_tags: Sequence[int],
        final_check: FinalCheck | None = None,
    ) -> None:
        self._plan = plan
        self._identity = identity
        self._cleaners = cleaners
        self._final_check = final_check
        self._facts = JsonFactReader()
        self._condition_keys = [(tag, json_key(tag)) for tag in condition_tags]
        self._spots = Spots()
        self._actions = Actions(identity, are_checked=final_check is not None)
        self._marked: tuple[Plan, tuple[str, ...], str] | None = None
        self._last_marks: dict[str, bytes] = {}

    def instance(self, elements: Elements, bulk: Bulk, decision: PixelDecision = PASSES) -> bytes | None:
        """Rewrite an instance's metadata; None when the profile refuses it. Raises MalformedInput, LimitExceeded.

        Pixels that are masked, or of which it says that they are clean, leave behind a BulkDataURI only, where that is
        seen to.
        """
        sop_class = text(elements, "00080016")
        if not sop_class or not text(elements, "00080018"):
            raise MalformedInput("no SOP Class or SOP Instance UID", (0x00080016,))
        values = {tag: json_value(elements, tag) for tag, key in self._condition_keys if key in elements}
        plan = self._plan(sop_class, values, decision, text(elements, _PHOTOMETRIC))
        if plan.refuses(sop_class):
            return None
        facts = self._facts.read(elements) if plan.cleans or self._final_check else None
        out = self._root(elements, plan, bulk, elements, facts)
        if decision.verdict is Verdict.MASK or decision.is_clean:
            _drop_inline_pixels(out)
        if self._final_check and facts and not self._final_check.passes(facts, _terms(elements), plan, out):
            return None
        out |= self._marks(plan, jsonvalues.earlier_codes(elements), text(elements, _TEMPORAL))
        released = encode(out)
        if CHARACTER_SET in out or released.isascii():
            return released
        return encode(out | {CHARACTER_SET: jsonvalues.CHARACTER_SET})  # a value of the profile, which may be anything

    def _marks(self, plan: Plan, earlier_codes: list[str], earlier_temporal: str) -> dict[str, bytes]:
        """Return what every finished object says; the objects of a series say the same."""
        asked = plan, tuple(earlier_codes), earlier_temporal
        if asked != self._marked:
            codes = marks.codes(plan.codes, earlier_codes)
            temporal = marks.temporal(plan.longitudinal, earlier_temporal)
            self._marked = asked
            self._last_marks = {
                json_key(IDENTITY_REMOVED): jsonvalues.IDENTITY_REMOVED,
                json_key(METHOD): jsonvalues.written("LO", [plan.method]),
                json_key(METHOD_CODES): jsonvalues.method_codes(codes),
                _TEMPORAL: jsonvalues.written("CS", [temporal]),
                **jsonvalues.constants(plan.always),
            }
        return self._last_marks

    def match(
        self, elements: Elements, plan: Plan, bulk: Bulk, returned: Collection[str] = frozenset()
    ) -> dict[str, bytes]:
        """Rewrite one data set that is not a whole instance (a search result), without the marks of an instance.

        It does not say who all its subject is, so text that is to be cleaned does not leave. ``returned`` are the keys
        that it has if the objects have them.
        """
        out = self._root(elements, plan, bulk)
        if plan.always:
            always = jsonvalues.constants(plan.always)
            out |= {key: raw for key, raw in always.items() if key in elements or key in returned}
        return out

    def passes(self, source: Elements, study: Elements, released: Elements, plan: Plan) -> bool:
        """Say whether what is released of a search result passes the final check; ``study``: what is known above it.

        What can't be read doesn't: a fault in what is hidden must not end the search.
        """
        if self._final_check is None:
            return True
        try:
            result, above = (self._facts.read(one) for one in (source, study))
            facts = Facts(result.said | above.said, result.uids + above.uids)
        except (LimitExceeded, MalformedInput):
            return False
        return self._final_check.passes(facts, (), plan, released)

    def _root(
        self, elements: Elements, plan: Plan, bulk: Bulk, root: Elements | None = None, facts: Facts | None = None
    ) -> dict[str, bytes]:
        """Rewrite a data set; ``facts`` are those of the whole object, if it is one."""
        patient_id = text(elements, "00100020")
        patient = self._identity.patient(
            text(elements, "00100021"), patient_id, "" if patient_id else text(elements, "0020000D")
        )
        cleaner = None
        if facts is not None and plan.cleans:
            cleaner = self._cleaners.of(self._facts.subject(facts))
        whole = Whole(root, patient, cleaner, bulk)
        return self._data_set(elements, whole, self._spots.at(plan, ROOT), 0)

    def _data_set(self, elements: Elements, whole: Whole, spot: Spot, depth: int) -> dict[str, bytes]:
        if depth > MAX_DEPTH:
            raise LimitExceeded("nesting of sequences", MAX_DEPTH)
        creators = _creators(elements) if spot.plan.private_groups else ()
        if creators:
            spot = self._spots.at(spot.plan, spot.place, creators)
        spot.turn_to((whole.patient, whole.cleaner))
        if isinstance(elements, SharedDataSet):
            rest = self._members(elements, elements.rest, whole, spot, depth)
            runs = [self._run(elements, run, whole, spot) for run in elements.runs]
            out: dict[str, bytes] = ReleasedDataSet(runs, rest)
        else:
            out = self._members(elements, elements, whole, spot, depth)
        if CHARACTER_SET in out:
            out[CHARACTER_SET] = jsonvalues.CHARACTER_SET
        if creators:
            _drop_idle_creators(out)
        return out

    def _run(self, elements: Elements, run: Run, whole: Whole, spot: Spot) -> ReleasedRun:
        """Rewrite what objects share; it is remembered unless some of it becomes another in each of them."""
        known = spot.runs.get(run.text)
        if known is None:
            known = spot.personal_runs.get(run.text)
        if known is None:
            before, single = whole.personal, whole.single
            known = ReleasedRun(self._members(elements, run.members, whole, spot, 0))
            if whole.single == single:
                spot.remember_run(run.text, known, is_personal=whole.personal != before)
        return known

    def _members(self, elements: Elements, members: Elements, whole: Whole, spot: Spot, depth: int) -> dict[str, bytes]:
        """Rewrite members of a data set one by one."""
        out = {}
        removed, settled, named, known, personal = spot.removed, spot.settled, spot.named, spot.known, spot.personal
        for key, value in members.items():
            if key in removed:
                continue
            raw = bytes(value)
            if key in settled:
                begin, end, same = settled[key]
                if raw.startswith(begin) or raw.endswith(end):
                    out[key] = same
                    continue
            elif key in named:
                begin, end, same = named[key]
                if raw.startswith(begin) or raw.endswith(end):
                    out[key] = same
                    whole.personal += 1
                    continue
            new = known.get((key, raw), _UNKNOWN)
            if new is _UNKNOWN:
                new = personal.get((key, raw), _UNKNOWN)
                if new is _UNKNOWN:
                    new = self._element(elements, key, raw, whole, spot, depth)
                else:
                    whole.personal += 1
            if new is not None:
                out[key] = new
        return out

    def _element(self, elements: Elements, key: str, raw: bytes, whole: Whole, spot: Spot, depth: int) -> bytes | None:
        """Rewrite one element; what depends on nothing but its bytes is remembered by them."""
        plain = vr_of_plain(raw)
        vr = plain or decode_element(raw, None).vr.encode("latin-1", "replace")
        decision = spot.decisions.get((key, vr)) or self._decide(elements, spot, key, vr)
        tag, before, single = int(key, 16), whole.personal, whole.single
        new: bytes | None
        if decision.action is Action.REMOVE:
            new = None
        elif tag in TABLES and decision.action is Action.KEEP:
            found = Found(tag, decode_element(raw, tag), "OV", decision)
            new = self._actions.kept(found, whole) if depth == 0 and self._are_tables(elements, spot) else None
            whole.single += 1
        elif plain and decision.action is Action.KEEP and _may_leave_as_it_is(vr, raw):
            new = raw
        else:
            element = decode_element(raw, tag)
            found = Found(tag, element, _meant(elements, element.vr, tag), decision, is_root=not depth)
            if decision.action is not Action.KEEP:
                new = self._actions.changed(found, whole)
            elif found.meant == "SQ":
                new = self._sequence(elements, found, whole, spot, depth)
            else:
                new = None if _may_be_items(found) else self._actions.kept(found, whole)
        if whole.single == single:
            spot.remember(key, raw, new, is_personal=whole.personal != before)
        return new

    def _decide(self, elements: Elements, spot: Spot, key: str, vr: bytes) -> Decision:
        if not _KEY.fullmatch(key):
            raise MalformedInput("a key that is no tag")
        tag, plan = int(key, 16), spot.plan
        encoded = vr.decode("latin-1")
        if encoded not in VRS:
            raise MalformedInput("a VR that PS3.5 does not define", (tag,))
        if is_private(tag) and plan.private_groups:
            decision, always_removed = _private(elements, spot, tag, encoded), False
        else:
            decision = plan.decide(tag, encoded, spot.place)
            usual = plan.decide(tag, dictionary.vr_of(tag) or "UN", spot.place)
            always_removed = usual.action is Action.REMOVE
        spot.decide(key, vr, decision, always_removed=always_removed)
        return decision

    def _are_tables(self, elements: Elements, spot: Spot) -> bool:
        """Say whether a data set has both extended offset tables, as such, and the plan keeps them."""
        values = []
        for tag in sorted(TABLES):
            element = decode_element(bytes(elements.get(json_key(tag), b"{}")), tag)
            if element.vr not in TABLE_VRS or element.BulkDataURI is not None:
                return False
            if spot.plan.decide(tag, element.vr, spot.place).action is not Action.KEEP:
                return False
            values.append(inline_bytes(element, tag))
        return are_tables(*values)

    def _sequence(self, elements: Elements, found: Found, whole: Whole, spot: Spot, depth: int) -> bytes | None:
        element = found.element
        if element.vr == "UN" and element.InlineBinary is not None:
            return self._items_in_bytes(elements, found, whole, spot)
        if element.vr == "UN" or element.BulkDataURI is not None or element.InlineBinary is not None:
            return None  # items that cannot be walked here do not leave
        if element.Value is None:
            return b'{"vr":"SQ"}'
        inside = self._spots.inside(spot, found.tag, deep=found.decision.deep)
        walked = []
        for value in element.Value:
            item = {} if bytes(value) == b"null" else decode_object(value)
            its = self._spot_of_content(inside, item) if inside.place.content else inside
            if its is not None:
                members = self._data_set(item, whole, its, depth + 1)
                walked.append(encode(capped_members(members) if its.place.age else members))
        if element.Value and not walked and found.tag == CONTENT_SEQUENCE:
            return None  # of Type 1C: without an item it must not be there
        return b'{"vr":"SQ","Value":[' + b",".join(walked) + b"]}"

    def _spot_of_content(self, spot: Spot, item: Elements) -> Spot | None:
        """Find the place of a content item by what it is about; None when it goes (PS3.15 Section E.3.4)."""
        place = spot.plan.item_place(spot.place, *jsonvalues.concept(item))
        return None if place is None else self._spots.at(spot.plan, place)

    def _items_in_bytes(self, elements: Elements, found: Found, whole: Whole, spot: Spot) -> bytes | None:
        """Have a sequence in VR UN, which is encoded in implicit VR (PS3.5 Section 6.2.2), walked as in Part 10."""
        value = inline_bytes(found.element, found.tag)
        head = b""
        if is_private(found.tag):
            creator = creator_of(elements, found.tag).encode("latin-1", "replace")
            head = IMPLICIT_LE.make(_creator_tag(found.tag), "LO", creator)
        data_set = head + IMPLICIT_LE.element(IMPLICIT_LE.tag(found.tag), IMPLICIT, value)
        walker = DataSetWalker(self._identity, whole.patient, character_set=whole.character_set, cleaner=whole.cleaner)
        out: list[Piece] = []
        end = walker.walk(data_set, 0, len(data_set), Table(spot.plan, spot.place, IMPLICIT_LE), out, closed=True)
        released = b"".join([*out, data_set[walker.run : end]])
        whole.single += 1
        return jsonvalues.inline("UN", released[len(head) + 8 :]) if len(released) > len(head) else None


def _drop_inline_pixels(out: dict[str, bytes]) -> None:
    """Remove pixel data that stand in the metadata themselves."""
    for key in _PIXEL_DATA:
        if key in out and decode_element(out[key], None).BulkDataURI is None:
            del out[key]


def _may_be_items(found: Found) -> bool:
    """Say whether an element holds items, or what may be items, that nobody walks; raises MalformedInput."""
    element = found.element
    if element.InlineBinary is not None and element.vr not in BINARY_VRS:
        raise MalformedInput("InlineBinary in a VR of text or numbers", (found.tag,))
    return element.vr == "UN" and (element.BulkDataURI is not None or is_item(inline_bytes(element, found.tag)))


def _terms(elements: Elements) -> Sequence[str]:
    return charset.split_terms(text(elements, CHARACTER_SET).encode("latin-1", "replace"))


def _may_leave_as_it_is(vr: bytes, raw: bytes) -> bool:
    """Say whether a plain element may leave byte for byte: a string among numbers may be any text."""
    return vr not in _LOOKED_INTO and (vr not in _NUMBERS or raw.count(b'"') <= _QUOTES_OF_NUMBERS)


def _creator_tag(tag: int) -> int:
    """Return the tag of the private creator that reserves the block of an element (PS3.5 Section 7.8.1)."""
    return tag & 0xFFFF0000 | tag >> 8 & 0xFF


def _private(elements: Elements, spot: Spot, tag: int, vr: str) -> Decision:
    """Decide about a private element by the creator that stands in the same data set."""
    if is_private_creator(tag):
        keeps = (text(elements, json_key(tag)), tag >> 16) in spot.plan.private_groups
        return Decision(Action.KEEP, "") if keeps else _REMOVE
    return spot.plan.private_rule(creator_of(elements, tag), tag & 0xFFFF00FF, vr, spot.place)


def _creators(elements: Elements) -> Creators:
    return tuple([(key, bytes(elements[key])) for key in elements if key[4:6] == "00" and key[3:4] in _ODD])


def _drop_idle_creators(out: dict[str, bytes]) -> None:
    """Remove private creators whose block has no element left (PS3.15 Section E.3.10)."""
    private = [int(key, 16) for key in out if key[3] in _ODD]
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
