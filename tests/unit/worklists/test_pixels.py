"""What is decided about the pixels of an instance: once, by whoever screens, and refused where nobody does."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pydicom
import pytest

from gateway.adapters.origin_client import ConnectionPolicy
from gateway.adapters.origin_folder import FolderOrigin
from gateway.adapters.origin_http import HttpOrigin
from gateway.calls import Call
from gateway.core.errors import MalformedInput, NotReleased, RefusedByMasks
from gateway.core.mask.model import PixelDecision, Rectangle, Verdict
from gateway.core.profile.parse import parse_profile
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.metadata import text
from gateway.core.rewrite.passing import Passing
from gateway.core.wire.multipart import Event, PartChunk, PartEnd, PartStart
from gateway.ports import Screened
from gateway.routes.released import Bare, released
from gateway.routes.stored import StoredPixels
from gateway.worklists.pixels import PASSED, Judge
from gateway.worklists.source import Instance
from tests.kit.archive import Archive, json_reply, serving
from tests.kit.banners import BANNER, Burned, assert_masked, capture, decoded
from tests.kit.engine import KEYS, mask_rules, nominal, profile, random_cuts
from tests.kit.images import CANARY, STUDY, written

SCREENS: Final = "name: screens\nbased_on: nominal\napply_masks: true\nburned_in_text: screen\nmasks: []\n"
NUMBER: Final = 5
ONE: Final = Instance(STUDY, f"{STUDY}.1", f"{STUDY}.1.{NUMBER}", "1.2.840.10008.5.1.4.1.1.7")
MASKED: Final = PixelDecision(Verdict.MASK, (Rectangle(0, 0, BANNER, 128),), ("screened",), is_clean=True)
REFUSED: Final = PixelDecision(Verdict.REFUSE, reason="text that nobody can read")


@dataclass(slots=True)
class Watching:
    """Answers the same to everything, and keeps what it was asked."""

    answer: PixelDecision
    asked: list[Screened] = field(default_factory=list)
    seen: list[bytes] = field(default_factory=list)

    async def judge(self, one: Screened) -> PixelDecision:
        self.asked.append(one)
        self.seen += [frame.data for frame in await one.frames([1])]
        return self.answer


def screening() -> Engine:
    return Engine(parse_profile(SCREENS, "screens.yaml", profile, mask_rules), KEYS)


@asynccontextmanager
async def judging(
    folder: Path, screener: Watching | None, engine: Engine | Passing | None = None
) -> AsyncIterator[Judge]:
    (folder / "one.dcm").write_bytes(shown().part10)
    origin = FolderOrigin(folder, "samples")
    await origin.open()
    try:
        yield Judge(origin, engine or screening(), reader=StoredPixels(origin), screener=screener)
    finally:
        await origin.aclose()


def shown() -> Burned:
    return capture(NUMBER)


async def events(part10: bytes) -> AsyncGenerator[Event, None]:
    yield PartStart({"content-type": "application/dicom"})
    for chunk in random_cuts(part10, 3):
        yield PartChunk(chunk)
    yield PartEnd()


async def object_of(judge: Judge, part10: bytes = b"") -> bytes:
    came = events(part10 or shown().part10)
    return b"".join(
        [bytes(piece) async for piece in released(came, judge, STUDY, Bare(), Call("1", "", "GET", 0.0), single=True)]
    )


async def test_a_screener_sees_what_is_stored_and_is_asked_once_by_all_but_whole_objects(tmp_path: Path) -> None:
    screener = Watching(MASKED)
    async with judging(tmp_path, screener) as judge:
        found = await asyncio.gather(*(judge.of(ONE) for _ in range(5)))
        part10 = await object_of(judge)
    assert {one.decision for one in found} == {MASKED}
    asked, anew = screener.asked
    assert asked.elements == anew.elements
    assert (asked.path, asked.decision.verdict) == (ONE.path, Verdict.SCREEN)
    assert CANARY in text(asked.elements, "00100010")
    assert screener.seen == [shown().frames.tobytes()] * 2
    for frame in decoded(part10, tmp_path):
        assert_masked(frame, "screened")
    assert pydicom.dcmread(tmp_path / "after.dcm").BurnedInAnnotation == "NO"


async def test_an_object_that_was_replaced_is_judged_anew(tmp_path: Path) -> None:
    screener = Watching(PixelDecision(Verdict.PASS, is_clean=True))
    async with judging(tmp_path, screener) as judge:
        assert not (await judge.of(ONE)).is_refused
        screener.answer = REFUSED
        with pytest.raises(NotReleased):
            await object_of(judge)
        assert (await judge.of(ONE)).is_refused


async def test_metadata_of_another_image_answer_for_no_object(tmp_path: Path) -> None:
    async with judging(tmp_path, Watching(PixelDecision(Verdict.PASS, is_clean=True))) as judge:
        two = shown().found
        two.NumberOfFrames, two.PixelData = 2, two.PixelData * 2
        with pytest.raises(MalformedInput, match="another image"):
            await object_of(judge, written(two))


async def test_an_object_whose_pixels_pass_leaves_with_them(tmp_path: Path) -> None:
    async with judging(tmp_path, Watching(PixelDecision(Verdict.PASS, is_clean=True))) as judge:
        assert not (await judge.of(ONE)).is_refused
        assert shown().frames.tobytes() in await object_of(judge)


@pytest.mark.parametrize("screener", [None, Watching(REFUSED), Watching(PixelDecision(Verdict.SCREEN))])
async def test_what_is_not_screened_is_refused_and_the_log_says_why(
    screener: Watching | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "dicomveil.masks")
    async with judging(tmp_path, screener) as judge:
        assert (await judge.of(ONE)).is_refused
        with pytest.raises(NotReleased):
            await object_of(judge)
    assert "not released" in caplog.text
    assert CANARY not in caplog.text
    assert ONE.instance not in caplog.text


async def test_metadata_of_what_was_refused_are_not_there(tmp_path: Path) -> None:
    screener = Watching(REFUSED)
    async with judging(tmp_path, screener) as judge:
        await judge.of(ONE)
        elements = {"00080016": b"{}"}
        judged = await judge.by(ONE, elements)
        assert judge.metadata(judged, elements, str) is None
    assert len(screener.asked) == 1


async def test_an_object_that_the_origin_does_not_describe_does_not_leave_unseen() -> None:
    archive = Archive([], {f"{ONE.path}/metadata": json_reply([])})
    async with serving(archive):
        origin = HttpOrigin("archive", archive.base, policy=ConnectionPolicy())
        judge = Judge(origin, screening(), screener=Watching(PixelDecision(Verdict.PASS)))
        with pytest.raises(NotReleased):
            await object_of(judge)
        assert (await judge.of(ONE)).is_refused
        await origin.aclose()


@pytest.mark.parametrize("engine", [nominal(), Passing()])
async def test_a_profile_without_masks_asks_nobody(engine: Engine | Passing, tmp_path: Path) -> None:
    screener = Watching(REFUSED)
    async with judging(tmp_path, screener, engine) as judge:
        assert await judge.of(Instance(STUDY, f"{STUDY}.1", "9.9.9", "")) is PASSED
        assert await judge.by(ONE, {}) is PASSED
    assert screener.asked == []


def test_an_object_that_must_be_screened_is_not_stored_unseen() -> None:
    with pytest.raises(RefusedByMasks, match="screen"):
        screening().part10().feed(shown().part10)
