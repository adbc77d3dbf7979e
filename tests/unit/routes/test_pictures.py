"""What is read of an instance before it is shown."""

from types import SimpleNamespace
from typing import cast

import pytest

from gateway.core.errors import NotAcceptable
from gateway.rendering.description import Description
from gateway.routes.pictures import Picture, Pictures
from gateway.routes.stored import FRAMES_PER_REQUEST
from gateway.worklists.source import Instance
from gateway.worklists.worklist import Worklist
from tests.kit.archive import Archive
from tests.kit.scripted_origin import origin_on

FRAMES = 1 << 24


class Numbers:
    """All frame numbers, of which only those of the first request may be looked at."""

    def __len__(self) -> int:
        """Count them."""
        return FRAMES

    def __getitem__(self, at: slice) -> range:
        """Give some of them."""
        assert at.stop <= FRAMES_PER_REQUEST
        return range(1, FRAMES + 1)[at]


async def test_frames_are_looked_at_as_they_are_asked_for() -> None:
    description = Description({}, {}, (), FRAMES, 8, 8, 100.0, "PixelData")
    picture = Picture(Instance("1.2", "1.2.3", "1.2.3.4", ""), description, [])
    archive = Archive([])
    async with origin_on(archive) as (origin, _):
        pictures = Pictures(cast("Worklist", SimpleNamespace(origin=origin)))
        with pytest.raises(NotAcceptable):
            await pictures.frames(picture, cast("range", Numbers()))
    assert [asked.path.rpartition(",")[2] for asked in archive.asked] == [str(FRAMES_PER_REQUEST)]
