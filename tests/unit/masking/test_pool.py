"""Processes that mask: what breaks one is the end of one object."""

import asyncio
import os
import time

import pytest

from gateway.core.errors import LimitExceeded, MalformedInput, ProcessFailed
from gateway.core.mask.model import FrameWork, Image, Rectangle
from gateway.core.standard.uids import JPEG_LOSSLESS_SV1, RLE_LOSSLESS
from gateway.masking import pool
from gateway.masking.codecs import masked
from gateway.masking.pool import Codecs
from tests.kit.frames import encoded, image, scene

SOME = (Rectangle(3, 4, 20, 30),)


def work(syntax: str = JPEG_LOSSLESS_SV1) -> FrameWork:
    return FrameWork(encoded(scene(image()), image(), syntax), syntax, image(), SOME)


async def test_a_frame_is_masked_in_another_process_as_it_is_here() -> None:
    assert await Codecs(1).masked(work()) == masked(work())


async def test_what_cannot_be_masked_says_so_from_there() -> None:
    with pytest.raises(MalformedInput, match=r"\(7FE0,0010\)"):
        await Codecs(1).masked(FrameWork(b"SMITH^JOHN", JPEG_LOSSLESS_SV1, image(), SOME))
    huge = Image(0xFFFF, 0xFFFF, 3, 16, 16, is_signed=False, photometric="RGB")
    with pytest.raises(LimitExceeded):
        await Codecs(1).masked(FrameWork(b"", RLE_LOSSLESS, huge, SOME))


def _die(_work: FrameWork) -> bytes:
    os._exit(1)


def _stay(_work: FrameWork) -> bytes:
    time.sleep(3600)
    return b""


async def test_a_process_that_dies_is_one_malformed_frame(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    codecs = Codecs(1)
    with monkeypatch.context() as broken:
        broken.setattr(pool, "masked", _die)
        with pytest.raises(MalformedInput):
            await codecs.masked(work())
    assert [record.name for record in caplog.records if "masked" in record.message] == ["dicomveil.masking"]
    assert await codecs.masked(work())
    await asyncio.sleep(0.3)  # the loop closes what the ended process left


async def test_a_frame_that_takes_too_long_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(pool, "masked", _stay)
        with pytest.raises(MalformedInput, match="too long"):
            await Codecs(1, max_seconds=2).masked(work())
    assert await Codecs(1).masked(work())
    await asyncio.sleep(0.3)  # the loop closes what the ended process left


async def test_a_process_that_does_not_start_is_not_blamed_on_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(ProcessFailed):
        await Codecs(1).masked(work())


async def test_others_wait_for_their_turn() -> None:
    codecs = Codecs(1)
    assert await asyncio.gather(*(codecs.masked(work()) for _ in range(3))) == [masked(work())] * 3
