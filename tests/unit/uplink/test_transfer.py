"""One attempt of a job: what is asked of the origin, what reaches the destination, and what each instance comes to."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass

import pytest
from pydicom.uid import UID
from sqlalchemy.engine import URL

from gateway.adapters.origin_client import ConnectionPolicy
from gateway.adapters.origin_http import HttpOrigin
from gateway.adapters.state_jobs import SqlJobStore
from gateway.core.errors import NotReleased, OriginBusy, OriginFailed
from gateway.core.pseudonym.keys import KeyRings
from gateway.core.rewrite.engine import Engine
from gateway.uplink.model import Asked, Fate, Job
from gateway.uplink.transfer import MAX_TRIES, Transfer
from tests.kit.archive import Archive, Row, ended_by_close, multipart_reply, reply, serving
from tests.kit.destination import JSON, Destination, destination, response, uid_of
from tests.kit.engine import KEYS, profile
from tests.kit.images import image, ramp, written

STUDY = "1.2.826.0.1.77"
POLICY = ConnectionPolicy(connect_s=2, read_s=20, queue_s=2)
PDF = b"%PDF-1.7\n" + bytes(1000)


def row(number: int, series: int = 1) -> Row:
    return Row(STUDY, f"{STUDY}.{series}", f"{STUDY}.{series}.{number}")


def part(one: Row, sop_class: str = "1.2.840.10008.5.1.4.1.1.2") -> bytes:
    found = image(ramp(8, 8), SOPClassUID=sop_class, SOPInstanceUID=UID(one.instance))
    found.StudyInstanceUID, found.SeriesInstanceUID = UID(one.study), UID(one.series)
    found.file_meta.MediaStorageSOPInstanceUID = UID(one.instance)
    return written(found)


ROWS = [row(number, series) for series in (1, 2) for number in (1, 2, 3)]
WHOLE = [part(one) for one in ROWS]


@dataclass
class Stage:
    archive: Archive
    there: Destination
    transfer: Transfer
    store: SqlJobStore

    async def fates(self) -> Counter[Fate | None]:
        return Counter((await self.store.instances("job")).values())

    async def fate(self, one: Row) -> Fate | None:
        return (await self.store.instances("job"))[KEYS.uid(one.instance)]

    @property
    def arrived(self) -> set[str]:
        return {uid_of(part) for part in self.there.parts}

    def pulls(self) -> list[str]:
        asked = [one.path for one in self.archive.asked]
        return [path.removeprefix(f"/studies/{STUDY}") for path in asked if not path.endswith("/studies/instances")]


@asynccontextmanager
async def stage(
    state: URL, there: Destination | None = None, series: tuple[str, ...] = (), instances: tuple[str, ...] = ()
) -> AsyncIterator[Stage]:
    store = SqlJobStore(state, lambda _domain: KeyRings(KEYS))
    await store.start()
    wanted = Asked(STUDY, series, instances)
    await store.create(Job("job", "clinic"), "clinic", wanted, None)
    async with serving(Archive(list(ROWS))) as archive, destination(there) as far:
        archive.replies[f"/studies/{STUDY}"] = multipart_reply(WHOLE)
        for one, whole in zip(ROWS, WHOLE, strict=True):
            archive.replies[one.path] = multipart_reply([whole])
        for name in {one.series for one in ROWS}:
            of_series = [whole for one, whole in zip(ROWS, WHOLE, strict=True) if one.series == name]
            archive.replies[f"/studies/{STUDY}/series/{name}"] = multipart_reply(of_series)
        origin, goal = (HttpOrigin(name, base, None, POLICY) for name, base in (("a", archive.base), ("b", far.base)))
        engine = Engine(profile("strict"), KEYS)
        try:
            yield Stage(archive, far, Transfer("job", wanted, origin, goal, engine, store), store)
        finally:
            for one_origin in (origin, goal):
                await one_origin.aclose()
            await store.aclose()


def released(rows: Iterable[Row]) -> set[str]:
    return {KEYS.uid(one.instance) for one in rows}


async def test_a_whole_study_comes_by_one_request_and_goes_by_one(state: URL) -> None:
    async with stage(state) as it:
        assert await it.transfer.attempt()
        assert await it.fates() == {Fate.STORED: 6}
        assert it.arrived == released(ROWS)
        assert it.pulls() == ["/instances", ""]
        assert len(it.there.requests) == 1


async def test_only_what_is_missing_is_pulled_series_by_series(state: URL) -> None:
    async with stage(state) as it:
        await it.store.account("job", dict.fromkeys(released(ROWS[:1]), Fate.STORED))
        assert await it.transfer.attempt()
        assert it.arrived == released(ROWS[1:])
        assert it.pulls() == [
            "/instances", f"/series/{STUDY}.1/instances/{STUDY}.1.2", f"/series/{STUDY}.1/instances/{STUDY}.1.3",
            f"/series/{STUDY}.2",
        ]  # fmt: skip


async def test_what_the_destination_has_is_not_sent_again(state: URL) -> None:
    async with stage(state) as it:
        there = [{"00080018": {"vr": "UI", "Value": [uid]}} for uid in sorted(released(ROWS[:4]))]
        async with serving(Archive([])) as other:
            path = f"/studies/{KEYS.uid(STUDY)}/instances"
            other.replies[path] = reply(str(there).replace("'", '"').encode(), headers=f"Content-Type: {JSON}\r\n")
            it.transfer.destination = HttpOrigin("c", other.base, None, POLICY)
            assert await it.transfer._already(released(ROWS)) == dict.fromkeys(released(ROWS[:4]), Fate.STORED)
            await it.transfer.destination.aclose()


async def test_named_series_and_instances_bring_nothing_else(state: URL) -> None:
    async with stage(state, series=(f"{STUDY}.2",), instances=(ROWS[0].instance,)) as it:
        assert await it.transfer.attempt()
        assert it.arrived == released([ROWS[0], *ROWS[3:]])
        assert await it.fates() == {Fate.STORED: 4}


@pytest.mark.parametrize(("series", "instances"), [(("1.2.3",), ()), ((), (ROWS[0].instance, "1.2.3"))])
async def test_what_is_named_and_not_there_is_said(
    state: URL, series: tuple[str, ...], instances: tuple[str, ...]
) -> None:
    async with stage(state, series=series, instances=instances) as it:
        with pytest.raises(NotReleased):
            await it.transfer.attempt()


async def test_every_object_is_accounted_for_whatever_it_is(state: URL) -> None:
    broken = WHOLE[2][: len(WHOLE[2]) - 100]
    async with stage(state) as it:
        odd = [*WHOLE[:2], broken, PDF, *WHOLE[4:]]
        it.archive.replies[f"/studies/{STUDY}"] = multipart_reply(odd)
        for one, whole in zip(ROWS, odd, strict=True):
            it.archive.replies[one.path] = multipart_reply([whole])
        assert await it.transfer.attempt()
        assert await it.fate(ROWS[2]) is Fate.REFUSED
        assert await it.fate(ROWS[3]) is Fate.DISCARDED
        assert await it.fates() == {Fate.STORED: 4, Fate.REFUSED: 1, Fate.DISCARDED: 1}
        assert it.arrived == released([*ROWS[:2], *ROWS[4:]])


async def test_what_the_profile_refuses_is_refused(state: URL) -> None:
    async with stage(state) as it:
        text = part(ROWS[0], "1.2.840.10008.5.1.4.1.1.88.11")
        it.archive.replies[f"/studies/{STUDY}"] = multipart_reply([text, *WHOLE[1:]])
        assert await it.transfer.attempt()
        assert await it.fates() == {Fate.REFUSED: 1, Fate.STORED: 5}


async def test_an_answer_that_breaks_off_keeps_what_came_whole(state: URL) -> None:
    async with stage(state) as it:
        header = 'Content-Type: multipart/related; type="application/dicom"; boundary=origin-boundary\r\n'
        begun = b"".join(
            b"--origin-boundary\r\nContent-Type: application/dicom\r\n\r\n%b\r\n" % one for one in WHOLE[:2]
        )
        cut = begun + b"--origin-boundary\r\nContent-Type: application/dicom\r\n\r\n" + WHOLE[2][:700]
        it.archive.replies[f"/studies/{STUDY}"] = ended_by_close(cut, headers=header)
        with pytest.raises(OriginFailed):
            await it.transfer.attempt()
        assert await it.fates() == {Fate.STORED: 2, None: 4}
        assert await it.transfer.attempt()
        assert it.arrived == released(ROWS)


async def test_what_the_origin_does_not_give_is_given_up_after_some_tries(state: URL) -> None:
    async with stage(state) as it:
        it.archive.replies[f"/studies/{STUDY}"] = multipart_reply(WHOLE[1:])
        it.archive.replies[ROWS[0].path] = reply(b"", "500 Internal Server Error")
        for _ in range(MAX_TRIES - 1):
            assert not await it.transfer.attempt()
        assert await it.fates() == {Fate.STORED: 5, None: 1}
        assert await it.transfer.attempt()
        assert await it.fates() == {Fate.STORED: 5, Fate.FAILED: 1}


async def test_what_the_destination_does_not_take_is_given_up_after_some_tries(state: URL) -> None:
    refused = KEYS.uid(ROWS[0].instance)

    def all_but_one(parts: list[bytes]) -> tuple[str, bytes, str]:
        uids = [uid_of(part) for part in parts]
        return "202 Accepted", response([uid for uid in uids if uid != refused], [(refused, 0xC000)]), JSON

    async with stage(state, there=Destination(all_but_one)) as it:
        while not await it.transfer.attempt():
            pass
        assert await it.fates() == {Fate.STORED: 5, Fate.FAILED: 1}


@pytest.mark.parametrize(
    ("there", "fault"),
    [
        (Destination(refuses_after=(0, "507 Insufficient Storage")), OriginBusy),
        (Destination(refuses_after=(0, "503 Service Unavailable")), OriginBusy),
        (Destination(is_dead=True), OriginFailed),
    ],
)
async def test_a_destination_that_takes_nothing_now_ends_the_attempt(
    state: URL, there: Destination, fault: type[OriginFailed]
) -> None:
    there = deepcopy(there)
    async with stage(state, there=there) as it:
        for _ in range(2 * MAX_TRIES):
            with pytest.raises(fault):
                await it.transfer.attempt()
        assert await it.fates() == {None: 6}
        there.refuses_after, there.is_dead = None, False
        assert await it.transfer.attempt()
        assert await it.fates() == {Fate.STORED: 6}


@pytest.mark.parametrize("poisoned", [ROWS[0], ROWS[-1]])
async def test_an_object_at_which_the_destination_breaks_off_keeps_no_other_from_being_stored(
    state: URL, poisoned: Row
) -> None:
    there = Destination(poison=KEYS.uid(poisoned.instance).encode())
    async with stage(state, there=there) as it:
        with pytest.raises(OriginFailed):  # nobody knows yet which it was
            await it.transfer.attempt()
        for _ in range(MAX_TRIES - 1):
            assert not await it.transfer.attempt()
            assert await it.fates() == {Fate.STORED: 5, None: 1}
        assert await it.transfer.attempt()
        assert await it.fates() == {Fate.STORED: 5, Fate.FAILED: 1}
        assert await it.fate(poisoned) is Fate.FAILED


async def test_what_was_in_a_broken_request_goes_last_and_alone(state: URL) -> None:
    there = Destination(poison=KEYS.uid(ROWS[0].instance).encode())
    async with stage(state, there=there) as it:
        it.transfer._broke.update(released(ROWS[:2]))
        assert not await it.transfer.attempt()
        assert [{uid_of(part) for part in request} for request in there.requests] == [
            released(ROWS[2:]), released(ROWS[1:2]),
        ]  # fmt: skip


async def test_no_try_counts_while_the_destination_is_down(state: URL) -> None:
    there = Destination(poison=KEYS.uid(ROWS[0].instance).encode(), dies=True)
    async with stage(state, there=there) as it:
        for _ in range(2 * MAX_TRIES):
            there.is_dead = False
            with pytest.raises(OriginFailed):
                await it.transfer.attempt()
        assert await it.fate(ROWS[0]) is None
        there.is_dead, there.poison = False, b""
        assert await it.transfer.attempt()
        assert await it.fates() == {Fate.STORED: 6}


async def test_what_was_not_asked_for_is_passed_over(state: URL) -> None:
    foreign = part(row(9))
    async with stage(state) as it:
        it.archive.replies[f"/studies/{STUDY}"] = multipart_reply([*WHOLE[:3], foreign, *WHOLE[3:]])
        assert await it.transfer.attempt()
        assert it.arrived == released(ROWS)
        assert await it.fates() == {Fate.STORED: 6}
