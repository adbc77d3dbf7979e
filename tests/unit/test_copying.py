"""Objects from file to file: what the system moves by itself and what goes through memory is the same object."""

import os
from pathlib import Path

import pytest

from gateway.copying import CHUNK_BYTES, HEAD_BYTES, read_chunks, rewrite_file
from gateway.core.errors import MalformedInput
from gateway.masking.driving import finishing
from tests.kit.encode import EXPLICIT, PIXEL_DATA, Element, part10
from tests.kit.engine import nominal, rewrite

LARGE = part10(
    (
        Element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2\0"),
        Element(0x00080018, "UI", b"1.2.3.4"),
        Element(0x00100010, "PN", b"SMITH^JOHN"),
        Element(PIXEL_DATA, "OW", bytes(range(256)) * 4_096),
    ),
    EXPLICIT,
)


def copied(source: int, target: Path) -> tuple[bytes, list[int]]:
    told: list[int] = []
    written = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        with finishing() as finish:
            rewrite_file(read_chunks(source), source, written, nominal().part10(), finish, told.append)
    finally:
        os.close(written)
    return target.read_bytes(), told


def of_file(data: bytes, folder: Path) -> tuple[bytes, list[int]]:
    (folder / "in").write_bytes(data)
    source = os.open(folder / "in", os.O_RDONLY)
    try:
        return copied(source, folder / "out")
    finally:
        os.close(source)


def test_the_copy_is_what_the_rewriter_makes_and_pixel_data_do_not_pass_through_memory(tmp_path: Path) -> None:
    found, told = of_file(LARGE, tmp_path)
    assert found == rewrite(nominal(), [LARGE])
    assert told == [HEAD_BYTES, len(LARGE) - HEAD_BYTES]


def test_where_the_system_cannot_move_bytes_they_go_through_memory(tmp_path: Path) -> None:
    data = LARGE[: HEAD_BYTES + 2]  # fits into a pipe, which cannot be moved from; its pixel data are cut
    source, feed = os.pipe()
    os.write(feed, data)
    os.close(feed)
    with pytest.raises(MalformedInput):
        copied(source, tmp_path / "out")
    os.close(source)
    assert (tmp_path / "out").read_bytes() == nominal().part10().feed(data)


def test_pixel_data_that_end_early_are_no_whole_object(tmp_path: Path) -> None:
    with pytest.raises(MalformedInput):
        of_file(LARGE[: CHUNK_BYTES * 2], tmp_path)


def test_no_more_than_the_untouched_bytes_can_be_skipped() -> None:
    rewriter = nominal().part10()
    with pytest.raises(ValueError, match="untouched"):
        rewriter.skip(1)
    rewriter.feed(LARGE[:HEAD_BYTES])
    assert rewriter.untouched == len(LARGE) - HEAD_BYTES
    with pytest.raises(ValueError, match="untouched"):
        rewriter.skip(rewriter.untouched + 1)
