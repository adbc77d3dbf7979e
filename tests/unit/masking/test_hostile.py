"""Spoiled codestreams of every syntax: malformed, or a frame whose rectangles are blank. Nothing else breaks."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from gateway.core.errors import MalformedInput
from gateway.core.mask.model import FrameWork, Rectangle
from gateway.core.mask.syntaxes import MASKED
from gateway.core.standard.uids import JPEG_EXTENDED_12_BIT
from gateway.masking.pool import Codecs
from tests.kit.frames import decoded, encoded, image, scene

SOME = (Rectangle(0, 0, 20, 60), Rectangle(40, 40, 10, 30))
SPOILED = 25


def spoiled(data: bytes, noise: np.random.Generator) -> bytes:
    """Change, cut out and put in some bytes, half of the time near the start."""
    found = bytearray(data)
    for _ in range(noise.integers(1, 5)):
        at = int(noise.integers(0, len(found) if noise.random() < 0.5 else min(len(found), 200)))
        match noise.integers(5):
            case 0:
                del found[at : at + int(noise.integers(1, 40))]
            case 1:
                found[at:at] = noise.bytes(5)
            case _:
                found[at : at + 1] = noise.bytes(1)
        found += b"\0" * (not found)
    return bytes(found)


@pytest.mark.slow
@pytest.mark.parametrize("syntax", sorted(MASKED))
async def test_a_spoiled_frame_is_malformed_or_masked(syntax: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(sum(map(ord, syntax)))
    described = image(bits=12 if syntax == JPEG_EXTENDED_12_BIT else 8)
    source = encoded(scene(described), described, syntax)
    codecs = Codecs(1, max_seconds=4)  # some spoiled JPEG-LS is decoded for ever
    masked = 0
    for _ in range(SPOILED):
        try:
            frame = await codecs.masked(FrameWork(spoiled(source, noise), syntax, described, SOME))
        except MalformedInput:
            continue
        samples = decoded(frame, described, syntax, tmp_path)
        assert not samples[0:20, 0:60].any()
        assert not samples[40:50, 40:70].any()
        masked += 1
    assert masked < SPOILED
    assert await Codecs(1).masked(FrameWork(source, syntax, described, SOME))
    await asyncio.sleep(0.3)  # the loop closes what the ended process left
