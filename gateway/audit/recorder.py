"""Watches calls and puts them on record: what releases or changes something before it happens, and its end after it.

What is refused is recorded before that is said. A record of an end that cannot be written is owed: it comes before
whatever is recorded next, and until it is written nothing else happens where records are required.
"""

import logging
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final, Protocol

from cachetools import TTLCache
from msgspec.structs import replace

from gateway.access.model import GATEWAY, uplink_place
from gateway.addresses import network_of
from gateway.audit.events import BEGIN, Event, Kind, Outcome, kind_of, of_call
from gateway.calls import Call, Watcher
from gateway.core.errors import AuditFailed
from gateway.uplink.model import Fate, Job, State

__all__ = ["Recorder", "Sink"]

log = logging.getLogger("dicomveil.audit")

MAX_OWED: Final = 1000
"""Records that wait for a sink: enough for all exchanges that can end while nothing new begins."""
_LEFT_OUT: Final = (Fate.REFUSED, Fate.DISCARDED, Fate.FAILED)
TOO_MANY: Final = 429
MAX_TURNED_AWAY: Final = 10_000
TURNED_AWAY_EACH_S: Final = 60.0
"""Of what limits refuse to a client the first is on record, so that a flood fills no disk."""
_AT_ONCE: Final = frozenset({Kind.STORE, Kind.CONTROL})
"""What has an effect before its answer begins."""


class Sink(Protocol):
    """Where records go. ``name`` is for the log."""

    name: str

    async def open(self) -> None:
        """Get ready, if that is possible; what is not ready yet fails in ``write``."""

    def write(self, event: Event) -> None:
        """Write a record at once. Raises AuditFailed when it is not written."""

    async def aclose(self) -> None:
        """Hand over what is on its way, and end."""


def _nothing() -> None:
    """Let nobody know."""


class _Account:
    """A sink and what it is owed."""

    def __init__(self, sink: Sink, on_failure: Callable[[], None]) -> None:
        self.sink = sink
        self._on_failure = on_failure
        self._owed: deque[Event] = deque(maxlen=MAX_OWED)
        self._failed = 0

    def works(self, now: float) -> bool:
        """Say whether records are written: after a failure, by trying."""
        try:
            self._resume(now)
        except AuditFailed as fault:
            self._fail(fault)
        return not self._failed

    def write(self, event: Event, *, owes: bool) -> AuditFailed | None:
        """Write what is owed and then ``event``, which is owed too if that fails and it ``owes``."""
        try:
            if self._failed:
                self._resume(event.time)
            self.sink.write(event)
        except AuditFailed as fault:
            self._fail(fault)
            if owes:
                if len(self._owed) == MAX_OWED:
                    log.error("%s: a record is lost: %s", self.sink.name, self._owed[0].kind)  # noqa: TRY400
                # What is owed is written when its call has gone on counting.
                self._owed.append(replace(event, left_out=dict(event.left_out), actions=dict(event.actions)))
            return fault
        return None

    def _resume(self, now: float) -> None:
        """Record that there was a failure, and what is owed. Raises AuditFailed while it lasts."""
        if not self._failed:
            return
        self.sink.write(Event(Kind.RESUMED, now, place=GATEWAY, count=self._failed))
        log.warning("%s: records again, after %d times in vain", self.sink.name, self._failed)
        self._failed = 0
        while self._owed:
            self.sink.write(self._owed[0])
            self._owed.popleft()

    def _fail(self, fault: AuditFailed) -> None:
        if not self._failed:
            log.error("%s: nothing can be recorded: %s", self.sink.name, fault)
        self._failed += 1
        self._on_failure()


class Recorder(Watcher):
    """Puts calls on record in all ``sinks``. ``open`` before use.

    ``profiles`` are digests by place. Where records are ``required``, a call that cannot be recorded is refused with
    AuditFailed. ``on_failure`` is told of each record that a sink did not take.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        profiles: Mapping[str, str],
        clock: Callable[[], float],
        *,
        required: bool,
        on_failure: Callable[[], None] = _nothing,
    ) -> None:
        self._accounts = [_Account(sink, on_failure) for sink in sinks]
        self._profiles = profiles
        self._clock = clock
        self._required = required
        self._begun: dict[int, Kind] = {}
        self._has_begun = False
        self._turned_away: TTLCache[Hashable, bool] = TTLCache(MAX_TURNED_AWAY, TURNED_AWAY_EACH_S, clock)

    async def is_working(self) -> bool:
        """Say whether all sinks take records."""
        works = [account.works(self._clock()) for account in self._accounts]  # each is tried
        return all(works)

    async def open(self) -> None:
        """Get ready to record."""
        for account in self._accounts:
            await account.sink.open()

    def begin(self) -> None:
        """Begin the log, and record which profile each place has, once that is in force."""
        self._has_begun = True
        self.note(Event(Kind.START, self._clock()))
        for place, digest in self._profiles.items():
            self.note(Event(Kind.CONFIGURED, self._clock(), place=place, profile=digest))

    async def aclose(self) -> None:
        """End the log, if it has begun."""
        if self._has_begun:
            self.note(Event(Kind.STOP, self._clock()))
        for account in self._accounts:
            await account.sink.aclose()

    def exported(self, job: Job, study: str) -> None:
        """Record the end of a job: what an uplink has sent of a (released) study."""
        place = uplink_place(job.uplink)
        outcomes = {State.DONE: Outcome.SUCCESS, State.CANCELLED: Outcome.REFUSED}
        event = Event(
            kind=Kind.EXPORT,
            time=self._clock(),
            outcome=outcomes.get(job.state, Outcome.FAILED),
            place=place,
            profile=self._profiles.get(place, ""),
            released=(study,) if study and job.stored else (),
            count=job.stored,
            left_out={fate: count for fate in _LEFT_OUT if (count := getattr(job, fate))},
            subject=job.id,
        )
        self.note(event)

    def note(self, event: Event) -> None:
        """Record what has happened. Never raises."""
        for account in self._accounts:
            account.write(event, owes=True)

    def entered(self, call: Call) -> None:
        """Record that something begins that has an effect before it is answered."""
        kind = kind_of(call.transaction)
        if kind in _AT_ONCE:
            self._begin(call, kind)

    def answering(self, call: Call) -> None:
        """Record what is released, before its first byte is."""
        kind = kind_of(call.transaction)
        if kind is None or id(call) in self._begun:
            return
        is_counted = kind is not Kind.QUERY or call.count or call.status == 204
        if kind is Kind.TRANSFER or not is_counted:
            self._begin(call, kind)
        else:
            self._record(of_call(call, kind, self._clock()))

    def refusing(self, call: Call) -> None:
        """Record what is refused, before that is said."""
        kind = _refused(call)
        if kind is None or id(call) in self._begun or call.fault == AuditFailed.__name__:
            return
        if call.status != TOO_MANY:
            self._record(of_call(call, kind, self._clock(), _outcome(call)))
        elif (who := _who(call)) not in self._turned_away:
            event = of_call(call, kind, self._clock(), _outcome(call))
            self._record(replace(event, place=event.place or GATEWAY))
            self._turned_away[who] = True

    def ended(self, call: Call) -> None:
        """Record what became of it."""
        kind = self._begun.pop(id(call), None)
        if kind is None:
            return
        outcome = _outcome(call) if call.status >= 400 or call.is_whole else Outcome.FAILED
        event = of_call(call, kind, self._clock(), outcome)
        if not call.studies:
            self.note(event)
            return
        # A message is of one study (PS3.15 Section A.5.3.7); what is left out is told of once.
        for study, count in call.studies.items():
            self.note(replace(event, released=(study,), count=count))
            event = replace(event, left_out={}, actions={})

    def _begin(self, call: Call, kind: Kind) -> None:
        self._record(of_call(call, kind, self._clock(), stage=BEGIN))
        self._begun[id(call)] = kind

    def _record(self, event: Event) -> None:
        """Write what has not happened yet. Raises AuditFailed where it must not happen then."""
        faults = [account.write(event, owes=not self._required) for account in self._accounts]
        for fault in faults:
            if fault is not None and self._required:
                raise fault


def _refused(call: Call) -> Kind | None:
    """Return what an answer of 400 and above is on record as."""
    kind = kind_of(call.transaction)
    if call.status == 401 or kind is Kind.LOGIN:
        return Kind.LOGIN
    if call.status == TOO_MANY and kind is None:
        return Kind.DENIED
    is_nothing_theirs = call.status == 404 and bool(call.place) and not call.principal.roles(call.place)
    return Kind.DENIED if call.status == 403 or is_nothing_theirs else kind


def _who(call: Call) -> Hashable:
    """Return whom limits know a call by, and what was refused."""
    who = call.principal
    return (who.method, who.name or network_of(call.client), call.transaction, call.place)


def _outcome(call: Call) -> Outcome:
    if call.status < 400:
        return Outcome.SUCCESS
    return Outcome.REFUSED if call.status < 500 else Outcome.FAILED
