"""The loop over an origin's parts: what is refused is not there, and what breaks off looks broken."""

from collections.abc import AsyncGenerator, Iterable

import pytest

from gateway.calls import Call
from gateway.core.errors import NotReleased, RefusedByProfile
from gateway.core.rewrite.engine import Engine
from gateway.core.wire.multipart import Event, MultipartReader, MultipartWriter, PartChunk, PartEnd, PartStart
from gateway.routes.download import Archive
from gateway.routes.exchange import Outcome
from gateway.routes.released import Bare, Multipart, Packing, released
from tests.kit.archive import REPORT, Row
from tests.kit.encode import EXPLICIT, Element, part10
from tests.kit.engine import KEYS, profile, random_cuts
from tests.kit.judging import judging
from tests.unit.core.rewrite.objects import engine

BOUNDARY = b"x" * 32
STUDY = "1.2.826.0.1.3680043.10.1341.1"
ONE, TWO, SR = (
    Row(STUDY, f"{STUDY}.1", f"{STUDY}.1.1"),
    Row(STUDY, f"{STUDY}.1", f"{STUDY}.1.2"),
    Row(STUDY, f"{STUDY}.2", f"{STUDY}.2.1", sop_class=REPORT, modality="SR"),
)


async def events(objects: Iterable[bytes]) -> AsyncGenerator[Event, None]:
    for number, one in enumerate(objects):
        yield PartStart({"content-type": "application/dicom"})
        for chunk in random_cuts(one, number):
            yield PartChunk(chunk)
        yield PartEnd()


def multipart(outcome: Outcome | None = None) -> Multipart:
    return Multipart(MultipartWriter(BOUNDARY), lambda _rewriter: "", outcome or Outcome())


async def packed(objects: Iterable[bytes], under: Engine, packing: Packing, *, single: bool = False) -> bytes:
    call = Call("1", "", "GET", 0)
    pieces = released(events(objects), judging(under), STUDY, packing, call, single=single)
    return b"".join([bytes(piece) async for piece in pieces])


def parts(body: bytes) -> list[bytes]:
    reader = MultipartReader(BOUNDARY)
    found: list[bytes] = []
    for event in reader.feed(body):
        if isinstance(event, PartStart):
            found.append(b"")
        elif isinstance(event, PartChunk):
            found[-1] += event.data
    reader.close()
    return found


def rewritten(row: Row, under: Engine) -> bytes:
    return under.part10().feed(row.part10())


async def test_each_object_that_passes_is_a_part() -> None:
    strict = Engine(profile("strict"), KEYS)
    outcome = Outcome()
    body = await packed([one.part10() for one in (ONE, SR, TWO)], strict, multipart(outcome))
    assert parts(body) == [rewritten(ONE, strict), rewritten(TWO, strict)]
    assert outcome.is_partial


async def test_one_object_stands_alone() -> None:
    nominal = Engine(profile("nominal"), KEYS)
    assert await packed([ONE.part10(), TWO.part10()], nominal, Bare(), single=True) == rewritten(ONE, nominal)


@pytest.mark.parametrize("objects", [[], [SR.part10()], [SR.part10()] * 2])
async def test_where_nothing_passes_nothing_is_there(objects: list[bytes]) -> None:
    strict = Engine(profile("strict"), KEYS)
    for packing in (multipart(), Bare(), Archive(strict, Outcome())):
        with pytest.raises(NotReleased):
            await packed(objects, strict, packing)


async def test_a_refusal_behind_the_first_byte_ends_it_all() -> None:
    """An identifier after pixel data: what has left cannot be taken back, and must not look whole."""
    checking = engine("  '(\"ACME\",7FE1,01)': {action: keep}\nfinal_check: true\n")
    late = [
        *ONE.elements(),
        Element(0x7FE10010, "LO", b"ACME"),
        Element(0x7FE11001, "UT", f"of {ONE.name.partition('^')[0].title()}".encode()),
    ]
    objects = [TWO.part10(), part10(late, EXPLICIT), TWO.part10()]
    assert await packed(objects[:1], checking, multipart())
    for packing in (multipart(), Archive(checking, Outcome())):
        with pytest.raises(RefusedByProfile, match="7FE1,1001"):
            await packed(objects, checking, packing)
