"""Masked frames where a rewriter left work."""

import asyncio
from dataclasses import dataclass, field

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.mask.model import FrameWork, Rectangle
from gateway.core.rewrite.dataset import Step
from gateway.core.standard.uids import RLE_LOSSLESS
from gateway.masking.codecs import masked
from gateway.masking.driving import finished, finishing
from tests.kit.frames import encoded, image, scene

SOME = (Rectangle(3, 4, 20, 30),)


def work(seed: int) -> FrameWork:
    return FrameWork(encoded(scene(image(), seed), image(), RLE_LOSSLESS), RLE_LOSSLESS, image(), SOME)


@dataclass
class Slow:
    """Answers the last one first."""

    waiting: int = 0
    most: int = 0
    broken: tuple[bytes, ...] = ()
    left: list[bytes] = field(default_factory=list)

    async def masked(self, one: FrameWork) -> bytes:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            for _ in range(20 - self.waiting):
                await asyncio.sleep(0)
            if one.data in self.broken:
                raise MalformedInput("a frame that cannot be masked")
            await asyncio.sleep(0)
            return b"masked " + one.data
        except asyncio.CancelledError:
            self.left.append(one.data)
            raise
        finally:
            self.waiting -= 1


def plain(data: bytes) -> FrameWork:
    return FrameWork(data, RLE_LOSSLESS, image(), SOME)


async def test_order_stays_and_frames_that_came_together_are_masked_together() -> None:
    codecs = Slow()
    steps: list[Step] = [b"head", plain(b"one!"), memoryview(b"between"), plain(b"two!"), plain(b"six"), b"tail"]
    item = b"\xfe\xff\x00\xe0"
    assert [bytes(piece) for piece in await finished(steps, codecs)] == [
        b"head",
        item + b"\x0c\0\0\0masked one!\0",
        b"between",
        item + b"\x0c\0\0\0masked two!\0",
        item + b"\x0a\0\0\0masked six",
        b"tail",
    ]
    assert codecs.most == 3


async def test_pieces_without_frames_are_handed_on_as_they_are() -> None:
    steps: list[Step] = [b"head", memoryview(b"tail")]
    assert await finished(steps, Slow()) is steps


async def test_a_frame_that_cannot_be_masked_ends_the_others() -> None:
    codecs = Slow(broken=(b"two",))
    with pytest.raises(MalformedInput):
        await finished([plain(b"one"), plain(b"two"), plain(b"three")], codecs)
    assert codecs.waiting == 0


async def test_nothing_goes_on_when_nobody_waits() -> None:
    codecs = Slow()
    waiting = asyncio.create_task(finished([plain(b"one"), plain(b"two")], codecs))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert sorted(codecs.left) == [b"one", b"two"]


def test_who_has_no_event_loop_gets_the_same_from_other_processes() -> None:
    one = work(1)
    steps: list[Step] = [b"head", memoryview(b"tail")]
    with finishing() as finish:
        assert finish(steps) is steps
        assert finish([b"head", one]) == [b"head", one.finish(masked(one))]
        with pytest.raises(MalformedInput):
            finish([plain(b"no RLE")])
        assert finish([one]) == [one.finish(masked(one))]
