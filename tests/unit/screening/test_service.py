import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rapidocr", reason="needs the extra screen")

from gateway.core.errors import NotAcceptable, OriginFailed, ScreeningBusy
from gateway.core.mask.model import Rectangle, Verdict
from gateway.ports import Frame
from gateway.screening import gathered
from gateway.screening.service import Screeners, Screening
from gateway.screening.text import Pixels
from gateway.screening.worker import NICE
from tests.kit import burned
from tests.kit.screened import frame_of, question, screened

PATIENCE_S = 280.0
"""These processes have little priority, on machines that do other things."""
EMPTY = np.zeros((120, 400), np.uint8)
NAMED, WRITTEN = burned.write(EMPTY, "BEISPIEL^ERIKA", (30, 40), 20, 200)


@pytest.fixture
async def screeners() -> AsyncIterator[Screeners]:
    made = Screeners(most_waiting=2, wait_s=PATIENCE_S)
    yield made
    await made.aclose()


@pytest.fixture
def screening(screeners: Screeners) -> Screening:
    return screeners.one()


class Held:
    """Frames that come when they are let go; counts how often they are read."""

    def __init__(self, *pictures: Pixels) -> None:
        self.let_go = asyncio.Event()
        self.reads = 0
        self._pictures = pictures

    async def __call__(self, numbers: Sequence[int]) -> Sequence[Frame]:
        self.reads += 1
        await self.let_go.wait()
        return [frame_of(self._pictures[number - 1]) for number in numbers]


async def test_text_is_masked_and_what_has_none_passes(screening: Screening) -> None:
    masked = await screening.judge(screened(NAMED, path="/1"))
    passed = await screening.judge(screened(EMPTY, path="/2"))
    hidden = np.zeros(EMPTY.shape, np.bool_)
    for each in masked.rectangles:
        hidden[each.y : each.y + each.height, each.x : each.x + each.width] = True
    assert masked.verdict is Verdict.MASK
    assert masked.is_clean
    assert hidden[WRITTEN.glyphs].all()
    assert (passed.verdict, passed.is_clean) == (Verdict.PASS, True)


async def test_text_on_one_frame_of_many_is_found(screening: Screening) -> None:
    answer = await screening.judge(screened(*[EMPTY] * 40, NAMED, *[EMPTY] * 9))
    assert answer.verdict is Verdict.MASK


async def test_the_names_of_the_object_itself_are_masked_beside_the_areas_of_a_rule(screening: Screening) -> None:
    label, _ = burned.write(EMPTY, "LIVER", (30, 40), 20, 200)
    asked = question(Rectangle(0, 0, 10, 400))
    assert len((await screening.judge(screened(NAMED, path="/1", asked=asked))).rectangles) == 2
    assert (await screening.judge(screened(label, path="/2", asked=asked))).rectangles == asked.rectangles


async def test_an_object_is_looked_at_once_however_many_ask(screening: Screening) -> None:
    frames = Held(EMPTY)
    one = screened(EMPTY, read=frames)
    askers = [asyncio.create_task(screening.judge(one)) for _ in range(3)]
    await asyncio.sleep(0)
    frames.let_go.set()
    answers = [await asker for asker in askers]
    assert answers[0] == answers[1] == answers[2] == await screening.judge(one)
    assert frames.reads == 1


async def test_who_waits_too_long_comes_again_and_finds_the_answer(screeners: Screeners) -> None:
    screening = Screeners(wait_s=0.0)
    frames = Held(EMPTY)
    one = screened(EMPTY, read=frames)
    first = screening.one()
    with pytest.raises(ScreeningBusy) as busy:
        await first.judge(one)
    assert busy.value.retry_after_s >= 1
    frames.let_go.set()
    await asyncio.wait(first._under_way.values())
    assert (await first.judge(one)).verdict is Verdict.PASS
    assert frames.reads == 1
    await screening.aclose()


async def test_more_objects_than_may_wait_are_turned_away_at_once(screeners: Screeners) -> None:
    frames = Held(EMPTY)
    one, other = screeners.one(), screeners.one()
    waiting = [
        asyncio.create_task(one.judge(screened(EMPTY, path="/1", read=frames))),
        asyncio.create_task(other.judge(screened(EMPTY, path="/1", read=frames))),
    ]
    await asyncio.sleep(0)
    with pytest.raises(ScreeningBusy):
        await one.judge(screened(EMPTY, path="/2"))
    frames.let_go.set()
    await asyncio.gather(*waiting)
    assert (await one.judge(screened(EMPTY, path="/2"))).verdict is Verdict.PASS


async def test_what_the_origin_fails_at_is_neither_an_answer_nor_remembered(screening: Screening) -> None:
    async def failing(_numbers: Sequence[int]) -> Sequence[Frame]:
        raise OriginFailed("origin fails")

    with pytest.raises(OriginFailed):
        await screening.judge(screened(EMPTY, read=failing))
    assert (await screening.judge(screened(EMPTY))).verdict is Verdict.PASS


async def test_what_cannot_be_decoded_is_refused(screening: Screening) -> None:
    async def undecodable(_numbers: Sequence[int]) -> Sequence[Frame]:
        raise NotAcceptable("no decoder")

    async def broken(_numbers: Sequence[int]) -> Sequence[Frame]:
        whole = frame_of(EMPTY)
        return [Frame(whole.attributes, {}, "PixelData", b"short", whole.media_type, whole.transfer_syntax)]

    async def missing(_numbers: Sequence[int]) -> Sequence[Frame]:
        return []

    for number, read in enumerate((undecodable, broken, missing)):
        answer = await screening.judge(screened(EMPTY, path=f"/{number}", read=read))
        assert (answer.verdict, answer.is_clean) == (Verdict.REFUSE, False)


async def test_objects_of_too_many_frames_or_pixels_are_refused(
    screening: Screening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathered, "MAX_FRAMES", 2)
    monkeypatch.setattr(gathered, "MAX_PIXELS", 2 * EMPTY.size)  # of few shades, it is looked at twice
    assert (await screening.judge(screened(*[EMPTY] * 3, path="/1"))).verdict is Verdict.REFUSE
    assert (await screening.judge(screened(EMPTY, NAMED, path="/2"))).verdict is Verdict.REFUSE
    assert (await screening.judge(screened(EMPTY, EMPTY, path="/3"))).verdict is Verdict.PASS


async def test_an_overlay_in_unused_bits_is_refused(screening: Screening) -> None:
    inside = {"60000102": {"vr": "US", "Value": [12]}}
    beside = {"60000102": {"vr": "US", "Value": [0]}}
    assert (await screening.judge(screened(EMPTY, path="/1", more=inside))).verdict is Verdict.REFUSE
    assert (await screening.judge(screened(EMPTY, path="/2", more=beside))).verdict is Verdict.PASS


async def test_samples_whose_high_bit_is_elsewhere_are_refused(screening: Screening) -> None:
    more = {"00280101": {"vr": "US", "Value": [8]}, "00280102": {"vr": "US", "Value": [15]}}
    assert (await screening.judge(screened(EMPTY, more=more))).verdict is Verdict.REFUSE


async def test_what_was_replaced_at_the_origin_under_the_same_identifiers_is_looked_at_anew(
    screening: Screening,
) -> None:
    later = {"00080033": {"vr": "TM", "Value": ["120000"]}}
    assert (await screening.judge(screened(EMPTY))).verdict is Verdict.PASS
    assert (await screening.judge(screened(NAMED, more=later))).verdict is Verdict.MASK


async def test_a_process_that_ends_takes_one_object_with_it(screeners: Screeners) -> None:
    async def killing(_numbers: Sequence[int]) -> Sequence[Frame]:
        (process,) = _children()
        os.kill(process, signal.SIGKILL)
        return [frame_of(EMPTY)]

    screening = screeners.one()
    await screening.judge(screened(EMPTY, path="/0"))  # it has started for sure
    assert (await screening.judge(screened(EMPTY, path="/1", read=killing))).verdict is Verdict.REFUSE
    assert _children() == []
    assert (await screening.judge(screened(EMPTY, path="/2"))).verdict is Verdict.PASS


async def test_processes_yield_to_all_others_and_end_with_the_service() -> None:
    screeners = Screeners(wait_s=PATIENCE_S)
    await screeners.one().judge(screened(EMPTY))
    (process,) = _children()
    assert os.getpriority(os.PRIO_PROCESS, process) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICE)
    await screeners.aclose()
    assert _children() == []


def _children() -> list[int]:
    """Return the processes of this one that look for text."""
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    children = [child for task in tasks for child in (task / "children").read_text().split()]
    lines = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return [child for child, line in lines.items() if b"gateway.screening.worker" in line]
