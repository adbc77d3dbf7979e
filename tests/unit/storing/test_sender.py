"""Objects on their way to a destination: what reaches it, and what is said of each, whatever goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset

from gateway.adapters.origin_client import ConnectionPolicy
from gateway.adapters.origin_http import HttpOrigin
from gateway.core.errors import ClientLeft, GatewayError, MalformedInput, OriginBusy, OriginFailed, StoringBusy
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.passing import Passing
from gateway.core.rewrite.stream import Limits
from gateway.storing import rewriting, sender
from gateway.storing.bulkparts import HeldBytes
from gateway.storing.model import Incoming, Kind, Names, Outcome
from gateway.storing.sender import send
from tests.kit import banners
from tests.kit.destination import JSON, Destination, destination, response, uid_of
from tests.kit.engine import KEYS, nominal, profile, random_cuts, rewrite
from tests.kit.images import CANARY, STUDY, image, ramp, transcoded, written
from tests.kit.scripted_server import Connection, scripted_server, until

POLICY = ConnectionPolicy(connect_s=2, read_s=20, queue_s=2)
PDF = b"%PDF-1.7\n" + bytes(1000)
STOW = "1.2.840.10008.5.1.4.1.1.7"


def small(number: int, **attributes: Any) -> bytes:
    return written(image(ramp(), number, **attributes))


def large(number: int, mib: int = 6, **attributes: Any) -> bytes:
    return written(image(np.zeros((mib, 1024, 1024), np.uint8), number, frames=mib, **attributes))


def uid(number: int) -> str:
    return f"{STUDY}.1.{number}"


def released(number: int) -> str:
    return KEYS.uid(uid(number))


async def chunks(data: bytes, size: int = 100_000, fault: GatewayError | None = None) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]
    if fault is not None:
        raise fault


async def objects(*each: bytes | Incoming, fault: GatewayError | None = None) -> AsyncIterator[Incoming]:
    for one in each:
        yield Incoming(chunks(one)) if isinstance(one, bytes) else one
    if fault is not None:
        raise fault


async def sent(
    to: Destination, *each: bytes | Incoming, engine: Engine | Passing | None = None, path_study: str = ""
) -> list[Outcome]:
    origin = HttpOrigin("far", to.base, policy=POLICY)
    try:
        async with aclosing(send(origin, engine or nominal(), objects(*each), path_study=path_study)) as sending:
            return [outcome async for outcome in sending]
    finally:
        await origin.aclose()


def told(outcomes: Iterable[Outcome]) -> list[tuple[str, Kind, int | None]]:
    return [(one.source.instance, one.kind, one.reason) for one in outcomes]


async def test_what_arrives_is_what_the_engine_makes_of_it() -> None:
    inputs = [small(1), large(2), small(3)]
    async with destination() as far:
        outcomes = await sent(far, *inputs)
    assert far.parts == [rewrite(nominal(), [one]) for one in inputs]
    assert [len(request) for request in far.requests] == [1, 1, 1], "a large one travels alone"
    assert set(far.part_types) == {"Content-Type: application/dicom"}
    names = Names(STUDY, f"{STUDY}.1", uid(1), STOW)
    far_names = Names(KEYS.uid(STUDY), KEYS.uid(f"{STUDY}.1"), released(1), STOW)
    assert outcomes[0] == Outcome(Kind.STORED, names, far_names)
    assert [one.source.instance for one in outcomes] == [uid(1), uid(2), uid(3)]
    assert not any(CANARY.encode() in part or STUDY.encode() in part for part in far.parts)


async def test_small_objects_share_a_request() -> None:
    async with destination() as far:
        outcomes = await sent(far, *map(small, range(1, 8)))
        assert [len(request) for request in far.requests] == [7]
    assert {one.kind for one in outcomes} == {Kind.STORED}


async def test_a_request_is_ended_after_so_many_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "BATCH_OBJECTS", 3)
    async with destination() as far:
        outcomes = await sent(far, *map(small, range(1, 8)))
        assert [len(request) for request in far.requests] == [3, 3, 1]
    assert [one.source.instance for one in outcomes] == [uid(number) for number in range(1, 8)]


async def test_a_request_is_ended_when_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "BATCH_IDLE_S", 0.05)
    async with destination() as far:

        async def slow() -> AsyncIterator[bytes]:
            await until(lambda: far.requests)
            yield small(2)

        outcomes = await sent(far, small(1), Incoming(slow()), small(3))
        assert [len(request) for request in far.requests] == [1, 2]
    assert told(outcomes) == [(uid(number), Kind.STORED, None) for number in (1, 2, 3)]


@pytest.mark.parametrize("seed", range(3))
async def test_any_cut_of_the_input_gives_the_same(seed: int) -> None:
    async def cut(data: bytes) -> AsyncIterator[bytes]:
        for piece in random_cuts(data, seed):
            yield piece

    deflated = written(transcoded(image(ramp(), 3), "1.2.840.10008.1.2.1.99"))
    inputs = [small(1), large(2), deflated, written(transcoded(image(ramp(), 4), "1.2.840.10008.1.2"))]
    async with destination() as far:
        outcomes = await sent(far, *[Incoming(cut(one)) for one in inputs])
    assert told(outcomes) == [(uid(number), Kind.STORED, None) for number in (1, 2, 3, 4)]
    assert far.parts == [rewrite(nominal(), [one]) for one in inputs]


def no_study() -> bytes:
    found = image(ramp(), 9)
    del found.StudyInstanceUID
    return written(found)


BAD: Mapping[str, tuple[bytes, Kind, int, bool]] = {
    "PDF": (PDF, Kind.DISCARDED, 0xC000, False),
    "nothing": (b"", Kind.DISCARDED, 0xC000, False),
    "text": (b"MSH|^~\\&|A|B", Kind.DISCARDED, 0xC000, False),
    "a program": (b"MZ" + bytes(5000), Kind.DISCARDED, 0xC000, False),
    "no preamble": (small(9)[128:], Kind.DISCARDED, 0xC000, False),
    "cut in its head": (small(9)[:600], Kind.MALFORMED, 0xC000, True),
    "cut in its pixels": (small(9)[:-100], Kind.MALFORMED, 0xC000, True),
    "cut in its meta": (small(9)[:180], Kind.MALFORMED, 0xC000, False),
    "a trailer": (small(9) + b"MZ, and more", Kind.MALFORMED, 0xC000, True),
    "no study": (no_study(), Kind.MALFORMED, 0xC000, True),
    "unknown syntax": (small(9).replace(b".10008.1.2.1\0", b".10008.9.9.9\0"), Kind.MALFORMED, 0xC122, True),
    "broken deflate": (
        written(transcoded(image(ramp(), 9), "1.2.840.10008.1.2.1.99"))[:380] + bytes(500), Kind.MALFORMED, 0xC000, True
    ),
    "a large one that is cut": (large(9)[:-1000], Kind.MALFORMED, 0xC000, True),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_object_is_named_and_never_reaches_the_destination(name: str) -> None:
    data, kind, reason, is_known = BAD[name]
    async with destination() as far:
        outcomes = await sent(far, small(1), data, small(2))
    found = {one.source.instance: one for one in outcomes}
    bad = found.pop(uid(9) if is_known else "")
    assert (bad.kind, bad.reason, bad.released) == (kind, reason, Names())
    assert {one.kind for one in found.values()} == {Kind.STORED}
    assert [uid_of(part) for part in far.parts] == [released(1), released(2)]


async def test_a_large_object_that_turns_out_bad_is_broken_off() -> None:
    async with destination() as far:
        await sent(far, large(1)[:-1000])
        assert (far.begun, far.requests) == (1, [])
        await asyncio.wait_for(far.server.ended.get(), 10)
        assert far.broken == 1


async def test_strict_refuses_what_is_no_image() -> None:
    engine = Engine(profile("strict"), KEYS)
    report = small(9, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
    async with destination() as far:
        outcomes = await sent(far, small(1), report, engine=engine)
    assert told(outcomes) == [(uid(9), Kind.REFUSED, 0x0122), (uid(1), Kind.STORED, None)]


@pytest.mark.parametrize("make", [small, large])
async def test_an_object_that_trips_the_final_check_is_refused_whole(make: object) -> None:
    assert callable(make)
    engine = Engine(profile("strict"), KEYS)
    name = f"{CANARY}^EVA"
    tripped = make(9, PatientName=name, LossyImageCompressionMethod=CANARY)
    async with destination() as far:
        outcomes = await sent(far, small(1), tripped, small(2), engine=engine)
    assert {(uid(9), Kind.REFUSED, 0x0110)} < set(told(outcomes))
    assert [uid_of(part) for part in far.parts] == [released(1), released(2)]


async def test_objects_of_another_study_than_the_path_names_are_refused() -> None:
    async with destination() as far:
        outcomes = await sent(far, small(1), path_study="1.2.3.4")
        assert told(outcomes) == [(uid(1), Kind.REFUSED, 0x0110)]
        assert told(await sent(far, small(1), path_study=STUDY)) == [(uid(1), Kind.STORED, None)]


async def test_an_instance_is_sent_once() -> None:
    async with destination() as far:
        outcomes = await sent(far, small(1), small(1, ImageComments="another"), large(2), large(2))
        assert len(far.parts) == 2
    assert sorted(told(outcomes), key=str) == sorted(
        [(uid(n), *said) for n in (1, 2) for said in ((Kind.STORED, None), (Kind.REFUSED, 0x0110))], key=str
    )


async def test_what_the_destination_does_not_name_is_not_stored() -> None:
    def forgets(parts: list[bytes]) -> tuple[str, bytes, str]:
        one, other, *_ = map(uid_of, parts)
        return "200 OK", response([one], [(other, 0xA900)]), JSON

    async with destination(Destination(forgets)) as far:
        outcomes = await sent(far, small(1), small(2), small(3))
    assert told(outcomes) == [
        (uid(1), Kind.STORED, None), (uid(2), Kind.FAILED, 0xA900), (uid(3), Kind.FAILED, 0x0110)
    ]  # fmt: skip


@pytest.mark.parametrize("status", ["202 Accepted", "400 Bad Request", "409 Conflict"])
async def test_a_destination_is_believed_item_by_item_whatever_its_status(status: str) -> None:
    def half(parts: list[bytes]) -> tuple[str, bytes, str]:
        one, other = map(uid_of, parts)
        return status, response([one], [(other, 49152)]), ""

    async with destination(Destination(half)) as far:
        outcomes = await sent(far, small(1), small(2))
    assert told(outcomes) == [(uid(1), Kind.STORED, None), (uid(2), Kind.FAILED, 49152)]


async def test_what_is_said_to_be_stored_and_failed_is_failed() -> None:
    def both(parts: list[bytes]) -> tuple[str, bytes, str]:
        each = [uid_of(part) for part in parts]
        return "202 Accepted", response(each, [(each[0], 0xA900)]), JSON

    async with destination(Destination(both)) as far:
        outcomes = await sent(far, small(1), small(2))
    assert told(outcomes) == [(uid(1), Kind.FAILED, 0xA900), (uid(2), Kind.STORED, None)]


@pytest.mark.parametrize("tail", [b"", b"MZ, and more"], ids=["good", "with a trailer"])
async def test_a_destination_that_says_stored_before_it_had_all_is_not_believed(tail: bytes) -> None:
    async def hasty(connection: Connection) -> None:
        await connection.request()
        async for _ in connection.chunks():
            break
        await connection.answer(response([released(1)]), headers=f"Content-Type: {JSON}\r\n")
        await connection.until_gone()

    async with scripted_server(hasty) as far:
        origin = HttpOrigin("far", far.base, policy=POLICY)
        async with aclosing(send(origin, nominal(), objects(large(1, 40) + tail))) as sending:
            outcomes = [outcome async for outcome in sending]
        await origin.aclose()
    assert told(outcomes) == [(uid(1), Kind.FAILED, 0x0110)]


async def test_an_answer_in_xml_is_read() -> None:
    def in_xml(parts: list[bytes]) -> tuple[str, bytes, str]:
        names = "".join(
            f'<Item number="{at}"><DicomAttribute tag="00081155" vr="UI"><Value number="1">{uid_of(part)}</Value>'
            "</DicomAttribute></Item>"
            for at, part in enumerate(parts, 1)
        )
        return (
            "200 OK",
            '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM"><DicomAttribute tag="00081199" '
            f'vr="SQ">{names}</DicomAttribute></NativeDicomModel>'.encode(),
            "application/dicom+xml",
        )

    async with destination(Destination(in_xml)) as far:
        assert told(await sent(far, small(1))) == [(uid(1), Kind.STORED, None)]


ANSWERS: Mapping[str, tuple[str, bytes, int]] = {
    "an empty answer": ("200 OK", b"", 0x0110),
    "a web page": ("200 OK", b"<html><body>SECRET</body></html>", 0x0110),
    "JSON of another kind": ("200 OK", b'{"stored": true}', 0x0110),
    "a list": ("200 OK", b'[{"00081199": {"vr": "SQ", "Value": [{}, null]}}]', 0x0110),
    "a reason that is text": ("409 Conflict", response([], [("2.25.1", "SECRET")]), 0x0110),
    "too much": ("200 OK", b" " * (5 << 20), 0x0110),
    "forbidden": ("403 Forbidden", b"SECRET", 0x0110),
    "too large": ("413 Content Too Large", b"SECRET", 0xA700),
    "broken": ("500 Internal Server Error", b"SECRET", 0x0110),
    "full": ("507 Insufficient Storage", b"SECRET", 0xA700),
    "busy": ("503 Service Unavailable", b"SECRET", 0xA700),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_says_nothing_of_an_object_fails_it(name: str) -> None:
    status, body, reason = ANSWERS[name]
    async with destination(Destination(lambda _: (status, body, "text/html"))) as far:
        outcomes = await sent(far, small(1), small(2))
    assert told(outcomes) == [(uid(1), Kind.FAILED, reason), (uid(2), Kind.FAILED, reason)]
    assert not any("SECRET" in str(one.fault) for one in outcomes)


async def test_a_destination_that_is_down_is_not_asked_again() -> None:
    async with destination() as far:
        base = far.base
    origin = HttpOrigin("far", base, policy=POLICY)
    async with aclosing(send(origin, nominal(), objects(small(1), large(2), small(3), PDF))) as sending:
        outcomes = [outcome async for outcome in sending]
    await origin.aclose()
    assert told(outcomes) == [
        (uid(1), Kind.FAILED, 0x0110),
        (uid(2), Kind.FAILED, 0x0110),
        (uid(3), Kind.FAILED, 0x0110),
        ("", Kind.DISCARDED, 0xC000),
    ]
    assert all(isinstance(one.fault, OriginFailed) for one in outcomes[:3])
    assert outcomes[2].released == Names(), "it was never sent"


async def test_a_full_destination_gets_nothing_more() -> None:
    async with destination(Destination(lambda _: ("507 Insufficient Storage", b"", ""))) as far:
        outcomes = await sent(far, large(1), large(2), small(3))
        assert far.begun == 1
    assert told(outcomes) == [(uid(number), Kind.FAILED, 0xA700) for number in (1, 2, 3)]
    assert all(isinstance(one.fault, OriginBusy) for one in outcomes)


async def test_a_destination_that_finds_one_object_too_large_gets_the_others() -> None:
    async with destination(Destination(refuses_after=(3, "413 Content Too Large"))) as far:
        outcomes = await sent(far, large(1, 20), small(2))
        assert [uid_of(part) for part in far.parts] == [released(2)]
    assert told(outcomes) == [(uid(1), Kind.FAILED, 0xA700), (uid(2), Kind.STORED, None)]


async def test_a_destination_that_breaks_off_fails_what_it_had_not_answered() -> None:
    async with destination(Destination(breaks_after=4)) as far:
        outcomes = await sent(far, large(1, 20), small(2))
        assert far.requests == []
    assert [one.kind for one in outcomes] == [Kind.FAILED, Kind.FAILED]


async def test_a_fault_of_the_source_ends_it_after_what_was_whole() -> None:
    fault = ClientLeft("the client left")
    cut = Incoming(chunks(small(2)[:1000], fault=fault))
    async with destination() as far:
        origin = HttpOrigin("far", far.base, policy=POLICY)
        async with aclosing(send(origin, nominal(), objects(small(1), cut, fault=fault))) as sending:
            kinds = [(await anext(sending)).kind, (await anext(sending)).kind]
            with pytest.raises(ClientLeft):
                await anext(sending)
        await origin.aclose()
        assert [uid_of(part) for part in far.parts] == [released(1)]
    assert set(kinds) == {Kind.STORED, Kind.FAILED}


@pytest.mark.parametrize("data", [small(1), large(1)], ids=["small", "large"])
async def test_who_stops_breaks_off_what_is_under_way(data: bytes) -> None:
    waiting = asyncio.Event()

    async def forever() -> AsyncIterator[bytes]:
        waiting.set()
        await asyncio.Event().wait()
        yield b""

    async def stuck() -> AsyncIterator[bytes]:
        async for chunk in chunks(data[:-10]):
            yield chunk
        async for chunk in forever():
            yield chunk

    async with destination() as far:
        each = [Incoming(stuck())] if len(data) > 1 << 20 else [data, Incoming(forever())]
        task = asyncio.create_task(sent(far, *each))
        await asyncio.wait_for(waiting.wait(), 20)
        await until(lambda: far.begun)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(far.server.ended.get(), 10)
        assert (far.broken, far.requests) == (1, [])


async def test_objects_pass_where_the_settings_say_so() -> None:
    inputs = [small(1), large(2)]
    async with destination() as far:
        outcomes = await sent(far, *inputs, PDF, engine=Passing())
        assert far.parts == inputs
    assert [one.kind for one in outcomes] == [Kind.STORED, Kind.STORED, Kind.DISCARDED]


async def test_a_retry_has_the_same_names() -> None:
    async with destination() as far:
        await sent(far, small(1))
        await sent(far, small(1), engine=Engine(profile("nominal"), KEYS))
        first, second = far.parts
    assert first == second


async def test_a_deflate_bomb_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewriting, "LIMITS", Limits(max_inflated_bytes=16 << 20))
    bomb = image(np.zeros((64, 1024, 1024), np.uint8), 9, frames=64)
    packed = written(transcoded(bomb, "1.2.840.10008.1.2.1.99"))
    assert len(packed) < 1 << 17
    async with destination() as far:
        outcomes = await sent(far, packed, small(1))
        assert [uid_of(part) for part in far.parts] == [released(1)]
    assert told(outcomes) == [(uid(9), Kind.MALFORMED, 0xA700), (uid(1), Kind.STORED, None)]


async def dripping(data: bytes, whole: int, size: int = 1) -> AsyncIterator[bytes]:
    """Yield so many bytes at once, and the others a few at a time."""
    yield data[:whole]
    for at in range(whole, len(data), size):
        await asyncio.sleep(0.005)
        yield data[at : at + size]


async def test_a_large_object_that_drips_does_not_keep_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewriting, "PATIENCE_S", 0.05)
    async with destination() as far:
        outcomes = await sent(far, Incoming(dripping(large(1), 5 << 20)), small(2))
        assert [uid_of(part) for part in far.parts] == [released(2)]
        assert far.broken == 1
    assert told(outcomes) == [(uid(1), Kind.FAILED, 0x0110), (uid(2), Kind.STORED, None)]


async def test_who_is_slow_but_not_too_slow_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewriting, "MIN_RATE", 1)
    async with destination() as far:
        outcomes = await sent(far, Incoming(dripping(large(1), 5 << 20, 50_000)), Incoming(dripping(small(2), 800, 10)))
    assert {one.kind for one in outcomes} == {Kind.STORED}


async def test_a_request_of_small_objects_is_ended_however_often_one_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "BATCH_OPEN_S", 0.05)
    async with destination() as far:

        async def slow() -> AsyncIterator[bytes]:
            await until(lambda: far.requests)
            yield small(2)

        outcomes = await sent(far, small(1), Incoming(slow()))
        assert [len(request) for request in far.requests] == [1, 1]
    assert {one.kind for one in outcomes} == {Kind.STORED}


@pytest.mark.parametrize("engine", [nominal(), Passing()], ids=["rewritten", "passing"])
async def test_what_all_objects_hold_of_their_heads_is_limited(engine: Engine | Passing) -> None:
    held = HeldBytes(2 << 20)
    head = written(image(ramp(), 9, AccessionNumber="A"))
    at = head.index(b"\x08\0\x50\0")
    padded = head[:at] + b"\x08\0\x4f\0UN\0\0" + (4 << 20).to_bytes(4, "little") + bytes(4 << 20) + head[at:]
    async with destination() as far:
        origin = HttpOrigin("far", far.base, policy=POLICY)
        async with aclosing(send(origin, engine, objects(padded, small(1)), held=held)) as sending:
            outcomes = [outcome async for outcome in sending]
        await origin.aclose()
    assert told(outcomes)[1:] == [(uid(1), Kind.STORED, None)]
    assert (outcomes[0].kind, outcomes[0].reason) == (Kind.FAILED, 0xA700)
    assert isinstance(outcomes[0].fault, StoringBusy)
    held.take(2 << 20)  # nothing is held any more


def nested(number: int, depth: int) -> bytes:
    inner = Dataset()
    for _ in range(depth):
        outer = Dataset()
        outer.ContentSequence = [inner]
        inner = outer
    return small(number, ContentSequence=inner.ContentSequence)


async def test_an_object_nested_so_deep_that_archives_die_of_it_is_never_sent() -> None:
    async with destination() as far:
        outcomes = await sent(far, nested(1, 32), nested(9, 33), small(2))
        assert [uid_of(part) for part in far.parts] == [released(1), released(2)]
    assert told(outcomes) == [
        (uid(9), Kind.MALFORMED, 0xA700), (uid(1), Kind.STORED, None), (uid(2), Kind.STORED, None)
    ]  # fmt: skip


async def test_a_fault_that_an_object_brings_along_is_its_own() -> None:
    broken = Incoming(chunks(b"", fault=MalformedInput("metadata")), Names("1.2", "1.3", "1.4", "1.5"))
    async with destination() as far:
        outcomes = await sent(far, broken, small(1))
    assert told(outcomes) == [("1.4", Kind.MALFORMED, 0xC000), (uid(1), Kind.STORED, None)]


# Masks


async def test_what_is_stored_is_masked_on_the_way_and_what_no_rule_knows_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "dicomveil.masks")
    engine = Engine(profile("strict-pixels"), KEYS)
    burned = [one for one in banners.objects() if one.name.startswith(("native RGB,", "JPEG Baseline", "RLE"))]
    async with destination() as far:
        outcomes = await sent(far, *(one.part10 for one in burned), banners.capture(99).part10, engine=engine)
    assert [one.kind for one in outcomes if one.source.instance != uid(99)] == [Kind.STORED] * len(burned)
    assert [(one.kind, one.reason) for one in outcomes if one.source.instance == uid(99)] == [(Kind.REFUSED, 0x0110)]
    assert len(far.parts) == len(burned)
    for part, one in zip(far.parts, burned, strict=True):
        for frame in banners.decoded(part, tmp_path):
            banners.assert_masked(frame, one.name)
    assert "not released" in caplog.text
    assert CANARY not in caplog.text
