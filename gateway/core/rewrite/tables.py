"""A Plan laid out for one encoding: first bytes of an element -> what the walker does. Filled as elements are met.

One dictionary look-up on raw bytes replaces parsing of tag and VR. An operation is ``code << 2 | form``; the three
plain forms of KEEP are 0, 1 and 2.
"""

from dataclasses import replace

from gateway.core.errors import MalformedInput
from gateway.core.profile.decisions import PIXEL_DATA
from gateway.core.profile.model import Action
from gateway.core.profile.plan import ROOT, Decision, Place, Plan
from gateway.core.rewrite import marks
from gateway.core.rewrite.asked import noted
from gateway.core.rewrite.head import SOP_CLASS
from gateway.core.rewrite.maskfacts import overlay_bits, wanted
from gateway.core.rewrite.offsets import TABLE_VRS, TABLES
from gateway.core.standard import dictionary
from gateway.core.standard.tags import is_private_creator
from gateway.core.standard.vr import CHARSET_VRS, VRS, dummy_bytes
from gateway.core.wire.charset import SPECIFIC_CHARACTER_SET
from gateway.core.wire.elements import IMPLICIT, IMPLICIT_LE, ITEM, LONG, SEQUENCE_DELIMITER, SHORT, Encoding, is_item
from gateway.core.wire.numbers import NUMBER_VRS, are_numbers

(
    KEEP,
    REMOVE,
    CONSTANT,
    UID,
    PATIENT,
    PSEUDONYM,
    SHIFT,
    TRUNCATE,
    CLEAN,
    AGE,
    WALK,
    CODES,
    TEMPORAL,
    PIXELS,
    INSERT,
    DELIMITER,
    CREATOR,
    PRIVATE,
    PADDING,
    STUDY,
    STUDY_KEPT,
    UNKNOWN,
    DEFINITION,
    TEXT,
    CHARSET,
    RECODE,
    NUMBER,
    DECIDING,
    OFFSETS,
) = range(29)
"""Operation codes. CONSTANT covers empty and replace, TEXT a replacement that is not ASCII; AGE is CLEAN for ages.

INSERT says that an element of ours comes before this one, PADDING that zeros follow the data set; STUDY and STUDY_KEPT
are UID and KEEP where the study that was asked for is checked and the series noted; UNKNOWN is KEEP unless the value
is items, DEFINITION is KEEP for UIDs that name a kind of thing, as long as they are UIDs; CHARSET is Specific Character
Set, RECODE is KEEP for text of a data set that becomes UTF-8, NUMBER is KEEP for numbers, as long as they are no text;
DECIDING stands for the operation of an attribute that others depend on and that must not come twice; OFFSETS is KEEP
for Extended Offset Table and its Lengths, as long as they are such.
REMOVE_SHORT is the most common operation but KEEP."""

REMOVE_SHORT = REMOVE << 2

LAST_STAGE = (0x1_0000_0000, b"")
"""Past all tags; nothing more is inserted."""

MAX_KEYS = 20_000
"""Remembered keys per table: a hostile object can invent tags without end."""
MAX_MEMO = 4_096
MAX_BLOCKS, MAX_SIZES, MAX_BEGINS = 512, 16, 1_024
STUDY_UID, SERIES_UID = 0x0020000D, 0x0020000E
LENGTH_TO_END, CONTENT_SEQUENCE = 0x00080001, 0x0040A730
PATIENT_TAGS = frozenset({0x00100010, 0x00100020})

_CODES = {
    Action.REMOVE: REMOVE,
    Action.EMPTY: CONSTANT,
    Action.REPLACE: CONSTANT,
    Action.UID: UID,
    Action.PSEUDONYM: PSEUDONYM,
    Action.SHIFT_DATE: SHIFT,
    Action.TRUNCATE_DATE: TRUNCATE,
    Action.CLEAN: CLEAN,
}

_AT_ROOT = {0x00120064: CODES, 0x00280303: TEMPORAL} | dict.fromkeys(PIXEL_DATA, PIXELS)

Outcome = tuple[bytes | None, tuple[int, ...], int]
"""What became of a sequence: its new value, None if it stays; how the counts grew, empty if they did not; its depth."""
Concept = tuple[str, str]
"""Coding Scheme Designator and Code Value of a content item's concept name."""


class Table:
    """Operations for the data sets at one place in one encoding; ``sequence`` is the tag of what holds them.

    At the root an element at or past the tag ``stage`` waits until ``insertion`` has left; None and nothing elsewhere.
    A private block has a table of its own: ``number`` is its group and block, ``creator`` who reserved it, empty when
    nothing of it stays. ``recodes``: text becomes UTF-8. ``content``: each item has a table of its own, by
    what it is about; ``begun`` has those of items that began with the same bytes, ``sizes`` of so many. ``ages``: the
    number of an item is an age, which is capped. ``given`` is what the profile says about a value: the text that
    replaces it, or how far it is cut; ``deciding`` has tag and operation of an attribute that others depend on,
    ``noted`` are those that decide by being there; ``groups`` are private groups that were looked through, with their
    blocks.
    """

    __slots__ = (
        "_always",
        "_blocks",
        "_deciding",
        "_family",
        "_place",
        "_plan",
        "_private_groups",
        "ages",
        "begun",
        "children",
        "constants",
        "content",
        "creator",
        "deciding",
        "encoding",
        "given",
        "groups",
        "insertion",
        "item",
        "memo",
        "noted",
        "number",
        "numbers",
        "operations",
        "recodes",
        "runs",
        "sequence",
        "sequence_end",
        "sizes",
        "stage",
        "vrs",
    )

    def __init__(
        self,
        plan: Plan,
        place: Place,
        encoding: Encoding,
        sequence: int = 0,
        *,
        stage: tuple[int, bytes] | None = None,
        block: tuple[int, str] | None = None,
        recodes: bool = False,
    ) -> None:
        self._plan = plan
        self._place = place
        self._private_groups = frozenset(group for _, group in plan.private_groups)
        self.encoding = encoding
        self.sequence = sequence
        self.stage = stage[0] if stage else None
        self.insertion = stage[1] if stage else b""
        self.number = block[0] if block else 0
        self.creator = block[1] if block else None
        self.recodes = recodes
        self.content = place.content
        self.ages = place.age
        self.item = encoding.tag(ITEM)
        self.sequence_end = encoding.tag(SEQUENCE_DELIMITER)
        self._family: dict[tuple[Place, Encoding, int], Table] = {}
        self._blocks: dict[tuple[int, str], Table] = {}
        self.begun: dict[bytes, Table | None] = {}
        self.sizes: list[int] = []
        self.operations: dict[bytes, int] = {}
        self.constants: dict[bytes, bytes] = {}
        self.given: dict[bytes, str] = {}
        self._deciding = frozenset[int]() if stage is None else _deciding(plan)
        self.noted = noted(self._deciding, wanted(plan.profile.masks))
        self._always = frozenset(() if stage is None else (tag for tag, _, _ in plan.always))
        self.deciding: dict[bytes, tuple[int, int]] = {}
        self.vrs: dict[bytes, str] = {}
        self.children: dict[bytes, Table] = {}
        self.runs: dict[bytes, tuple[bytes, int]] = {}
        self.numbers: dict[bytes, bytes] = {}
        self.groups: dict[bytes, tuple[bytes, dict[int, Table]]] = {}
        self.memo: dict[bytes, Outcome] = {}

    def classify(self, key: bytes) -> int:
        """Decide about a key met for the first time and remember it.

        Raises MalformedInput on a VR that PS3.5 does not define.
        """
        if len(self.operations) > MAX_KEYS:
            remembered = self.operations, self.vrs, self.constants, self.given, self.children, self.runs
            for each in (*remembered, self.numbers, self.deciding):
                each.clear()
        tag, vr = self.encoding.parse_key(key)
        if tag == 0 and vr == "\0\0" and self.stage is not None:
            operation = PADDING << 2
        elif tag >> 16 == 0xFFFE:
            if tag != 0xFFFEE00D:
                raise MalformedInput("an item outside a sequence", (tag,))
            operation = DELIMITER << 2 | IMPLICIT
        else:
            form = self._form(tag, vr)
            operation = self._operation(key, tag, vr, form) << 2 | form
        self.operations[key] = operation
        return operation

    def keeps(self, creator: str, group: int) -> bool:
        """Say whether some rule keeps elements of a creator's private blocks."""
        return (creator, group) in self._plan.private_groups

    def block(self, number: int, creator: str) -> "Table":
        """Return the table of a private block in data sets of this place, by its ``number`` (group and block).

        Without a ``creator`` nothing of it stays.
        """
        found = self._blocks.get((number, creator))
        if found is None:
            if len(self._blocks) >= MAX_BLOCKS:
                self._blocks.clear()
            found = self._sibling(self._place, self.encoding, self.sequence, (number, creator))
            self._blocks[number, creator] = found
        return found

    def in_encoding(self, encoding: Encoding) -> "Table":
        """Return the table for the items of the same sequence that are in another encoding."""
        return self._shared(self._place, encoding, self.sequence)

    def covers(self, key: bytes) -> bool:
        """Say whether an element belongs to the private block that this table is for."""
        group, element = self.encoding.tags.unpack_from(key)
        return bool(group << 8 | element >> 8 == self.number)

    def has_numbers(self, key: bytes, value: bytes) -> bool:
        """Say whether a value of a NUMBER consists of such; in VR UN it may be items."""
        return are_numbers(value, self.vrs[key]) and not (key[4:] == b"UN" and is_item(value))

    def content_item(self, concept: Concept, value_type: str, begins: bytes) -> "Table | None":
        """Return the table of one content item, or None when the item goes (PS3.15 Table E.3.4-1).

        ``begins`` are its bytes up to the end of its concept name, empty if it has none: they tell the same next time.
        """
        place = self._plan.item_place(self._place, concept, value_type)
        found = None if place is None else self._shared(place, self.encoding, self.sequence)
        if 0 < len(begins) <= MAX_BEGINS:
            if len(self.begun) >= MAX_MEMO or (len(self.sizes) >= MAX_SIZES and len(begins) not in self.sizes):
                self.begun.clear()
                self.sizes.clear()
            self.begun[begins] = found
            if len(begins) not in self.sizes:
                self.sizes.append(len(begins))
        return found

    def _form(self, tag: int, vr: str) -> int:
        if not self.encoding.explicit:
            return IMPLICIT
        properties = VRS.get(vr)
        if properties is None:
            raise MalformedInput("a VR that PS3.5 does not define", (tag,))
        return LONG if properties.is_long else SHORT

    def _operation(self, key: bytes, tag: int, vr: str, form: int) -> int:
        if self.creator == "":
            return REMOVE
        if self.creator is not None:
            encoded = vr or "UN"
            decision = self._plan.private_rule(self.creator, tag & 0xFFFF00FF, encoded, self._place)
            return self._code(key, tag, encoded, decision, form)
        code = self._special(tag)
        if code is None and tag in self._always:
            self.constants[key] = b""  # what stands for it was inserted before
            code = CONSTANT
        elif code is None:
            encoded = vr or dictionary.vr_of(tag) or "UN"
            code = self._code(key, tag, encoded, self._plan.decide(tag, encoded, self._place), form)
        if tag in (STUDY_UID, SERIES_UID) and self.stage is not None:
            return {UID: STUDY, DEFINITION: STUDY_KEPT}.get(code, code)
        if tag not in self._deciding or code == INSERT or (code == WALK and tag not in self.noted):
            return code
        self.deciding[key] = tag, code
        return code if code == WALK else DECIDING

    def _special(self, tag: int) -> int | None:
        """Return the operation for what the walk itself needs, whatever the plan says."""
        if self.stage is not None:
            if tag >= self.stage:
                return INSERT
            if tag in _AT_ROOT:
                return _AT_ROOT[tag]
        if tag >> 16 in self._private_groups:
            return CREATOR if is_private_creator(tag) else PRIVATE if tag & 0xFFFF > 0xFF else REMOVE
        if tag == SPECIFIC_CHARACTER_SET:
            return CHARSET
        if tag == LENGTH_TO_END and self.recodes:
            return REMOVE  # retired, and untrue by now
        return None

    def _code(self, key: bytes, tag: int, vr: str, decision: Decision, form: int) -> int:
        known = self._known(tag) or vr
        self.vrs[key] = meant = known if vr == "UN" else vr
        if decision.action is Action.KEEP:
            return self._kept(key, tag, vr, meant, decision)
        code = _CODES[decision.action]
        if decision.value is not None:
            self.given[key] = decision.value
            if code == CONSTANT and not decision.value.isascii():
                self.constants[key] = self._constant(key, form, vr, known, replace(decision, value=None))
                return TEXT
        if code == CONSTANT:
            self.constants[key] = self._constant(key, form, vr, known, decision)
        if code == PSEUDONYM and tag in PATIENT_TAGS:
            return PATIENT
        if code == CLEAN and meant == "AS":
            return AGE
        return code

    def _known(self, tag: int) -> str | None:
        return dictionary.vr_of(tag) if self.creator is None else dictionary.private_vr(tag & 0xFFFF00FF, self.creator)

    def _kept(self, key: bytes, tag: int, vr: str, meant: str, decision: Decision) -> int:
        if tag in TABLES and self.creator is None:
            return OFFSETS if self.stage is not None and vr in TABLE_VRS else REMOVE
        if meant != "SQ":
            if self.recodes and meant in CHARSET_VRS:
                return RECODE
            if meant in NUMBER_VRS:
                return NUMBER
            return UNKNOWN if vr == "UN" else DEFINITION if meant == "UI" else KEEP
        inner = IMPLICIT_LE if vr == "UN" and self.encoding.explicit else self.encoding
        named = tag if self.creator is None else tag & 0xFFFF00FF
        place = self._plan.inside(self._place, named, deep=decision.deep)
        self.children[key] = self._shared(place, inner, tag)
        return WALK

    def _shared(self, place: Place, encoding: Encoding, sequence: int) -> "Table":
        """Places that no rule can tell apart share one table, however the sequences are nested."""
        found = self._family.get((place, encoding, sequence))
        if found is None:
            found = self._family[place, encoding, sequence] = self._sibling(place, encoding, sequence)
        return found

    def _sibling(
        self, place: Place, encoding: Encoding, sequence: int, block: tuple[int, str] | None = None
    ) -> "Table":
        table = Table(self._plan, place, encoding, sequence, block=block, recodes=self.recodes)
        table._family = self._family
        return table

    def _constant(self, key: bytes, form: int, vr: str, known: str, decision: Decision) -> bytes:
        """The whole element. A dummy follows the VR it is written in; a value of the profile is text in any."""
        if decision.action is Action.EMPTY or vr == "SQ":
            value = b""
        elif decision.value is not None:
            value = decision.value.encode("ascii")
            value += b" " if len(value) % 2 else b""
        else:
            value = dummy_bytes(known if vr == "UN" else vr)
        return self.encoding.element(key, form, value)


def _deciding(plan: Plan) -> frozenset[int]:
    """Return the root attributes that the plan of an object depends on."""
    overlays = overlay_bits(plan.profile.masks, is_masked=plan.is_masked)
    return frozenset({SOP_CLASS, *plan.profile.condition_tags, *wanted(plan.profile.masks), *overlays})


def root_tables(plan: Plan, encoding: Encoding, *, recodes: bool = False) -> tuple[Table, ...]:
    """The tables of a top-level data set, one per stage, for an object without marks of an earlier pass."""
    stages = (*marks.stages(plan, encoding), LAST_STAGE)
    return tuple(Table(plan, ROOT, encoding, stage=stage, recodes=recodes) for stage in stages)
