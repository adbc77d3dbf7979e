"""A Plan laid out for one encoding: first bytes of an element -> what the walker does. Filled as elements are met.

One dictionary look-up on raw bytes replaces parsing of tag and VR. An operation is ``code << 2 | form``; the three
plain forms of KEEP are 0, 1 and 2.
"""

from gateway.core.errors import MalformedInput
from gateway.core.profile.model import Action
from gateway.core.profile.plan import ROOT, Decision, Place, Plan
from gateway.core.rewrite import marks
from gateway.core.standard import dictionary
from gateway.core.standard.tags import is_private, is_private_creator
from gateway.core.standard.vr import VRS, dummy_bytes
from gateway.core.wire.elements import IMPLICIT, IMPLICIT_LE, ITEM, LONG, SEQUENCE_DELIMITER, SHORT, Encoding

(
    KEEP,
    REMOVE,
    CONSTANT,
    UID,
    PATIENT,
    PSEUDONYM,
    SHIFT,
    TRUNCATE,
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
) = range(21)
"""Operation codes. CONSTANT covers empty and replace; INSERT says that an element of ours comes before this one,
PADDING that zeros follow the data set; STUDY and STUDY_KEPT
are UID and KEEP where the study that was asked for is checked; UNKNOWN is KEEP unless the value is items,
DEFINITION is KEEP for UIDs that name a kind of thing, as long as they are UIDs.
REMOVE_SHORT is the most common operation but KEEP."""

REMOVE_SHORT = REMOVE << 2

STAGES = (0x00120062, 0x00120065, 0x00280304, 0x1_0000_0000)
"""At the root, an element at or past the tag of its stage waits until the elements of that stage are inserted."""

PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
MAX_KEYS = 20_000
"""Remembered keys per table: a hostile object can invent tags without end."""
MAX_MEMO = 4_096
STUDY_UID = 0x0020000D
PATIENT_TAGS = frozenset({0x00100010, 0x00100020})

_CODES = {
    Action.REMOVE: REMOVE,
    Action.EMPTY: CONSTANT,
    Action.REPLACE: CONSTANT,
    Action.UID: UID,
    Action.PSEUDONYM: PSEUDONYM,
    Action.SHIFT_DATE: SHIFT,
    Action.TRUNCATE_DATE: TRUNCATE,
}


class Table:
    """Operations for the data sets at one place in one encoding; ``sequence`` is the tag of what holds them.

    ``stage`` counts what the root has inserted so far and ``insertion`` is what it inserts next; None and nothing
    elsewhere.
    """

    __slots__ = (
        "_family",
        "_place",
        "_plan",
        "children",
        "constants",
        "encoding",
        "insertion",
        "item",
        "memo",
        "operations",
        "runs",
        "sequence",
        "sequence_end",
        "stage",
        "vrs",
    )

    def __init__(
        self, plan: Plan, place: Place, encoding: Encoding, sequence: int = 0, stage: int | None = None
    ) -> None:
        self._plan = plan
        self._place = place
        self.encoding = encoding
        self.sequence = sequence
        self.stage = stage
        self.insertion = _insertion(plan, encoding, stage)
        self.item = encoding.tag(ITEM)
        self.sequence_end = encoding.tag(SEQUENCE_DELIMITER)
        self._family: dict[tuple[Place, Encoding, int], Table] = {}
        self.operations: dict[bytes, int] = {}
        self.constants: dict[bytes, bytes] = {}
        self.vrs: dict[bytes, str] = {}
        self.children: dict[bytes, Table] = {}
        self.runs: dict[bytes, tuple[bytes, int]] = {}
        self.memo: dict[bytes, tuple[bytes, tuple[int, ...]] | None] = {}

    def classify(self, key: bytes) -> int:
        """Decide about a key met for the first time and remember it.

        Raises MalformedInput on a VR that PS3.5 does not define.
        """
        if len(self.operations) > MAX_KEYS:
            for remembered in (self.operations, self.vrs, self.constants, self.children, self.runs):
                remembered.clear()
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

    def private_operation(self, key: bytes, creator: str, tag: int) -> int:
        """Decide about an element of a private block once its creator is known."""
        vr = self.encoding.parse_key(key)[1] or "UN"
        decision = self._plan.private_rule(creator, tag & 0xFFFF00FF, vr)
        code = self._code(key, tag, vr, decision, self._form(tag, vr))
        return REMOVE if code == WALK else code

    def keeps_creator(self, creator: str, tag: int) -> bool:
        """Say whether some rule keeps elements of this private block."""
        return (creator, tag >> 16) in self._plan.private_groups

    def _form(self, tag: int, vr: str) -> int:
        if not self.encoding.explicit:
            return IMPLICIT
        properties = VRS.get(vr)
        if properties is None:
            raise MalformedInput("a VR that PS3.5 does not define", (tag,))
        return LONG if properties.is_long else SHORT

    def _operation(self, key: bytes, tag: int, vr: str, form: int) -> int:
        if self.stage is not None:
            if tag >= STAGES[self.stage]:
                return INSERT
            if tag == 0x00120064:
                return CODES
            if tag == 0x00280303:
                return TEMPORAL
            if tag in PIXEL_DATA:
                return PIXELS
        if is_private(tag) and self._plan.private_groups:
            return CREATOR if is_private_creator(tag) else PRIVATE
        known = dictionary.vr_of(tag)
        encoded = vr or known or "UN"
        code = self._code(key, tag, encoded, self._plan.decide(tag, encoded, self._place), form)
        if tag == STUDY_UID and self.stage is not None:
            return {UID: STUDY, DEFINITION: STUDY_KEPT}.get(code, code)
        return code

    def _code(self, key: bytes, tag: int, vr: str, decision: Decision, form: int) -> int:
        known = dictionary.vr_of(tag) or vr
        self.vrs[key] = meant = known if vr == "UN" else vr
        if decision.action is Action.KEEP:
            return self._kept(key, tag, vr, meant, decision)
        code = _CODES[decision.action]
        if code == CONSTANT:
            self.constants[key] = self._constant(key, form, vr, known, decision)
        if code == PSEUDONYM and tag in PATIENT_TAGS:
            return PATIENT
        return code

    def _kept(self, key: bytes, tag: int, vr: str, meant: str, decision: Decision) -> int:
        if meant != "SQ":
            return UNKNOWN if vr == "UN" else DEFINITION if meant == "UI" else KEEP
        inner = IMPLICIT_LE if vr == "UN" and self.encoding.explicit else self.encoding
        place = self._plan.inside(self._place, tag, deep=decision.deep)
        self.children[key] = self._shared(place, inner, tag)
        return WALK

    def _shared(self, place: Place, encoding: Encoding, sequence: int) -> "Table":
        """Places that no rule can tell apart share one table, however the sequences are nested."""
        found = self._family.get((place, encoding, sequence))
        if found is None:
            found = self._family[place, encoding, sequence] = Table(self._plan, place, encoding, sequence)
            found._family = self._family
        return found

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


def _insertion(plan: Plan, encoding: Encoding, stage: int | None) -> bytes:
    """What belongs before the elements of the next stage (PS3.15 Section E.1.1) when no earlier pass left its marks."""
    if stage is None or stage == len(STAGES) - 1:
        return b""
    return marks.elements(plan, encoding, (), "")[stage]


def root_tables(plan: Plan, encoding: Encoding) -> tuple[Table, ...]:
    """The tables of a top-level data set, one per stage."""
    return tuple(Table(plan, ROOT, encoding, stage=stage) for stage in range(len(STAGES)))
