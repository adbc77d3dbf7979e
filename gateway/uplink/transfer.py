"""One attempt of a job to bring over what is still missing, told instance by instance.

What the destination has already is not sent again: released UIDs are the same each time, so an attempt that was cut
off anywhere, even by a power cut, is taken up by the next. An object that comes in one answer with many and can't be
told apart, since it is no DICOM or broken at its head, is asked for by itself.

Nor can it be told which object a destination stumbled over that broke off a request instead of answering it. All that
were in it are suspects from then on: they go last, each in a request of its own, and are in nobody's way.
"""

import logging
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from gateway.core.errors import NotReleased, NotTaken, OriginBusy, OriginFailed
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.metadata import text
from gateway.masking.pool import Codecs
from gateway.ports import OriginServer
from gateway.storing.model import Incoming, Kind, Names, Outcome
from gateway.storing.sender import send
from gateway.uplink.model import Asked, Fate, JobStore
from gateway.uplink.source import Pull, list_instances, pulled, pulls_for, singly
from gateway.worklists.origin_json import read_pages
from gateway.worklists.source import INSTANCE, Instance

__all__ = ["Transfer"]

log = logging.getLogger("dicomveil.uplink")

MAX_TRIES: Final = 5
"""How often an instance is tried that the origin does not give, or the destination does not take."""
NOTED_AT_ONCE: Final = 64
NOTED_EACH_S: Final = 0.5
_FATES: Final = {
    Kind.STORED: Fate.STORED,
    Kind.REFUSED: Fate.REFUSED,
    Kind.MALFORMED: Fate.REFUSED,
    Kind.DISCARDED: Fate.DISCARDED,
}


@dataclass(slots=True)
class Transfer:
    """Brings over one job's instances; ``attempt`` again until it returns True."""

    job: str
    asked: Asked
    origin: OriginServer
    destination: OriginServer
    engine: Engine
    store: JobStore
    codecs: Codecs = field(default_factory=lambda: Codecs(1))
    _tries: Counter[str] = field(default_factory=Counter)
    _broke: Counter[str] = field(default_factory=Counter)
    """How often a request broke off that an instance was in: the suspects."""

    async def attempt(self) -> bool:
        """Try once, and say whether every instance is accounted for.

        Raises NotReleased when there is no such study; OriginFailed when it is of use to try again later.
        """
        there = {self.engine.uid(one.instance): one for one in await list_instances(self.origin, self.asked)}
        await self.store.expect(self.job, there)
        left = await self._left()
        gone = dict.fromkeys(left - there.keys(), Fate.FAILED)
        await self.store.account(self.job, gone | await self._already(left & there.keys()))
        for pulls_of in (self._many, self._singly):
            if left := await self._left() - self._broke.keys():
                await self._bring(pulls_of(there, left))
        for uid in sorted(await self._left() & self._broke.keys()):
            await self._bring_suspect(uid, there[uid])
        return await self._give_up()

    def _many(self, there: Mapping[str, Instance], left: Collection[str]) -> list[Pull]:
        return pulls_for(self.asked, list(there.values()), {there[uid] for uid in left})

    def _singly(self, there: Mapping[str, Instance], left: Collection[str]) -> list[Pull]:
        return singly(one for uid, one in there.items() if uid in left)

    async def _bring(self, pulls: Sequence[Pull]) -> None:
        """Pull and send, and note what became of each object as soon as that is certain.

        What the origin sends besides is passed over. A fault that is of all ends the pulling, and is raised once it is
        known what became of those that were sent.
        """
        wanted = {one.instance for pull in pulls for one in pull.brings}

        async def admits(names: Names) -> bool:
            return names.instance in wanted

        notes = _Notes(self.store, self.job)
        faults: list[OriginFailed] = []
        objects = _until(faults, pulled(self.origin, pulls))
        sending = send(
            self.destination,
            self.engine,
            objects,
            path_study=self.asked.study,
            admits=admits,
            codecs=self.codecs,
        )
        try:
            async with aclosing(objects), aclosing(sending):
                async for outcome in sending:
                    if outcome.kind is Kind.FAILED:
                        faults += self._faults_of_all(outcome)
                    elif outcome.source.instance in wanted:
                        await notes.add(self.engine.uid(outcome.source.instance), _FATES[outcome.kind])
        finally:
            await notes.write()
        if faults:
            raise faults[0]

    def _faults_of_all(self, outcome: Outcome) -> list[OriginFailed]:
        """Return the fault that keeps the others from being stored, too; none where it is the object's own."""
        fault = outcome.fault
        if isinstance(fault, OriginFailed) and not isinstance(fault, NotTaken):
            if outcome.released.instance and not isinstance(fault, OriginBusy):
                self._broke[outcome.released.instance] += 1
            return [fault]
        log.warning("an instance was not taken: %04X", outcome.reason or 0)
        return []

    async def _bring_suspect(self, uid: str, one: Instance) -> None:
        """Bring one alone. A request that breaks off again is its own fault if the destination still answers.

        Raises OriginFailed when it does not.
        """
        times = self._broke[uid]
        try:
            await self._bring(singly([one]))
        except OriginFailed:
            if self._broke[uid] == times:
                raise
            log.warning("the destination breaks off at one instance")
            await self.store.account(self.job, await self._already({uid}))

    async def _give_up(self) -> bool:
        """Count a try of what is left, and give up what was tried often enough."""
        left = await self._left()
        self._tries.update(left)
        hopeless = [uid for uid in left if self._tries[uid] >= MAX_TRIES]
        await self.store.account(self.job, dict.fromkeys(hopeless, Fate.FAILED))
        return len(hopeless) == len(left)

    async def _left(self) -> set[str]:
        return {uid for uid, fate in (await self.store.instances(self.job)).items() if fate is None}

    async def _already(self, left: Collection[str]) -> dict[str, Fate]:
        """Find what is at the destination already; a study that it does not know has nothing there."""
        if not left:
            return {}
        path = f"/studies/{self.engine.uid(self.asked.study)}/instances"
        found: dict[str, Fate] = {}
        with suppress(NotReleased):
            async for elements in read_pages(self.destination, path, f"includefield={INSTANCE}"):
                uid = text(elements, INSTANCE)
                if uid in left:
                    found[uid] = Fate.STORED
        return found


async def _until(faults: list[OriginFailed], objects: AsyncGenerator[Incoming, None]) -> AsyncGenerator[Incoming, None]:
    """Yield objects until there is a fault."""
    async with aclosing(objects):
        async for one in objects:
            if faults:
                return
            yield one


class _Notes:
    """Collects what became of instances, so that not each of them is a transaction."""

    def __init__(self, store: JobStore, job: str) -> None:
        self._store = store
        self._job = job
        self._held: dict[str, Fate] = {}
        self._since = monotonic()

    async def add(self, uid: str, fate: Fate) -> None:
        """Note a fate; what was stored stays so, whatever comes after it under the same UID."""
        if self._held.get(uid) is not Fate.STORED:
            self._held[uid] = fate
        if len(self._held) >= NOTED_AT_ONCE or monotonic() - self._since > NOTED_EACH_S:
            await self.write()

    async def write(self) -> None:
        """Write what is held."""
        held, self._held, self._since = self._held, {}, monotonic()
        await self._store.account(self._job, held)
