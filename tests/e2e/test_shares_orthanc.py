"""A share of what a real Orthanc holds."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gateway.adapters.origin_client import ConnectionPolicy
from gateway.adapters.origin_http import HttpOrigin
from gateway.ports import OriginServer
from tests.kit.servers import orthanc
from tests.kit.shared import share_site
from tests.unit.routes.test_shares import CLIP_BOUND, JPEG_BOUND, difference, frames_of, objects

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc]


async def test_pictures_and_clips_are_those_of_the_destination(tmp_path: Path) -> None:
    with orthanc(tmp_path) as server:

        def stored(copies: Path) -> OriginServer:
            server.load(copies)
            return HttpOrigin("cloud", server.dicomweb, None, ConnectionPolicy())

        async with share_site(tmp_path / "site", objects(), store=stored) as site:
            share = await site.share()
            page = await site.client.get(share.path)
            assert "2 images and 1 clip" in page.text
            for number in (1, 2):
                found = await site.client.get(f"{share.path}i/{number}.jpg")
                expected = site.copies[number - 1].pixel_array
                assert difference(np.asarray(Image.open(io.BytesIO(found.content))), expected) < JPEG_BOUND
            clip = await site.client.get(f"{share.path}c/1.mp4")
            assert difference(frames_of(clip.content, 160, 120), site.copies[2].pixel_array) < CLIP_BOUND
