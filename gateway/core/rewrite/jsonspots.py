"""What is remembered between data sets of the DICOM JSON Model: instances of a series repeat most of their elements."""

from gateway.core.profile.model import Action
from gateway.core.profile.plan import Decision, Place, Plan
from gateway.core.rewrite.cleaning import Cleaner
from gateway.core.rewrite.identity import Patient
from gateway.core.rewrite.jsonreleased import ReleasedRun
from gateway.core.rewrite.jsonvalues import written
from gateway.core.rewrite.tables import MAX_KEYS, MAX_MEMO

MEMO_BYTES = 2048
_NAMED = {"00100010": (b"PN",), "00100020": (b"LO",)}
"""Who the patient is, whatever stands there, in the VRs of the standard."""
MAX_RUNS = 256
"""Runs of elements that data sets share."""
MAX_SPOTS = 512
"""Objects choose the conditions that hold for them, and so the plan, and their private creators."""

Creators = tuple[tuple[str, bytes], ...]
"""The private creators of one data set, as they came."""
Person = tuple[Patient, Cleaner | None]
"""All that makes one object's values something else than the same values of another."""
Memo = dict[tuple[str, bytes], bytes | None]
"""What became of an element by its key and bytes; None: it went."""
Runs = dict[bytes, ReleasedRun]
"""What became of elements that follow each other, by their bytes."""


class Spot:
    """What is known of the data sets at one place under one plan: decisions, and what became of elements.

    ``known`` holds for everybody, ``personal`` for the person of the last data set. ``settled`` are attributes whose
    value makes no difference: how they begin where their VR comes first, or end where it comes last, and what they
    become; ``named`` are those that name the patient. Data sets with different private creators share nothing: what a
    private element is depends on them.
    """

    __slots__ = (
        "_names",
        "_person",
        "children",
        "decisions",
        "known",
        "named",
        "personal",
        "personal_runs",
        "place",
        "plan",
        "removed",
        "runs",
        "settled",
    )

    def __init__(self, plan: Plan, place: Place) -> None:
        self.plan = plan
        self.place = place
        self.removed: set[str] = set()
        self.decisions: dict[tuple[str, bytes], Decision] = {}
        self.children: dict[tuple[int, bool], Spot] = {}
        self.known: Memo = {}
        self.personal: Memo = {}
        self.settled: dict[str, tuple[bytes, bytes, bytes]] = {}
        self.named: dict[str, tuple[bytes, bytes, bytes]] = {}
        self._names: dict[str, tuple[bytes, bytes, bytes, bytes]] = {}
        self.runs: Runs = {}
        self.personal_runs: Runs = {}
        self._person: Person | None = None

    def turn_to(self, person: Person) -> None:
        """Forget what elements became for another person."""
        if person != self._person:
            self._person = person
            self.personal.clear()
            self.personal_runs.clear()
            pseudonym = person[0].pseudonym.encode()
            named = self._names.items()
            self.named = {key: (begin, end, pseudonym.join(around)) for key, (begin, end, *around) in named}

    def decide(self, key: str, vr: bytes, decision: Decision, *, always_removed: bool) -> None:
        """Remember a decision; ``always_removed``: whatever VR the attribute comes in."""
        if len(self.decisions) >= MAX_KEYS:
            self.decisions.clear()
            self.removed.clear()
            self.settled.clear()
            self._names.clear()
        self.decisions[key, vr] = decision
        if always_removed:
            self.removed.add(key)
        elif decision.action is Action.EMPTY:
            begin = b'{"vr":"%b"' % vr
            self.settled[key] = begin, b',"vr":"%b"}' % vr, begin + b"}"
        elif decision.action is Action.PSEUDONYM and vr in _NAMED.get(key, ()):
            before, after = written(vr.decode(), ["*"]).split(b"*")
            self._names[key] = b'{"vr":"%b","Value":[' % vr, b'],"vr":"%b"}' % vr, before, after

    def remember(self, key: str, raw: bytes, new: bytes | None, *, is_personal: bool) -> None:
        """Remember what became of an element unless it is large."""
        if len(raw) > MEMO_BYTES:
            return
        memo = self.personal if is_personal else self.known
        if len(memo) >= MAX_MEMO:
            memo.clear()
        memo[key, raw] = new

    def remember_run(self, text: bytes, new: ReleasedRun, *, is_personal: bool) -> None:
        """Remember what became of a run of elements."""
        runs = self.personal_runs if is_personal else self.runs
        if len(runs) >= MAX_RUNS:
            runs.clear()
        runs[text] = new


class Spots:
    """The spots of one engine."""

    def __init__(self) -> None:
        self._known: dict[tuple[Plan, Place, Creators], Spot] = {}

    def at(self, plan: Plan, place: Place, creators: Creators = ()) -> Spot:
        """Return the spot for data sets at a place with these private creators."""
        found = self._known.get((plan, place, creators))
        if found is None:
            if len(self._known) >= MAX_SPOTS:
                self._known.clear()
            found = self._known[plan, place, creators] = Spot(plan, place)
        return found

    def inside(self, spot: Spot, tag: int, *, deep: bool) -> Spot:
        """Return the spot for the items of a sequence."""
        found = spot.children.get((tag, deep))
        if found is None:
            found = spot.children[tag, deep] = self.at(spot.plan, spot.plan.inside(spot.place, tag, deep=deep))
        return found
