"""Zip archives written as their bytes pass by, read by zipfile and by unzip."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import pytest

from gateway.core.wire.zipstream import ZipWriter

FILES: Mapping[str, list[bytes | memoryview]] = {
    "DICOM/ST000001/IM000001": [b"first ", memoryview(b"file")],
    "EMPTY": [],
    "MANIFEST": [os.urandom(70_000)],
}


def archive(files: Mapping[str, Iterable[bytes | memoryview]], *, closed: bool = True) -> bytes:
    writer = ZipWriter()
    out: list[bytes | memoryview] = []
    for name, pieces in files.items():
        out.append(writer.begin(name))
        for piece in pieces:
            writer.count(piece)
            out.append(piece)
        out.append(writer.end())
    return b"".join([*out, writer.close()] if closed else out)


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    whole = archive(FILES)
    with ZipFile(BytesIO(whole)) as read:
        assert read.testzip() is None
        assert {name: read.read(name) for name in read.namelist()} == {
            name: b"".join(pieces) for name, pieces in FILES.items()
        }
    (tmp_path / "a.zip").write_bytes(whole)
    assert b"No errors" in subprocess.run(["unzip", "-t", tmp_path / "a.zip"], capture_output=True, check=True).stdout


def test_it_tells_nothing_of_when_and_where_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = archive(FILES)
    with ZipFile(BytesIO(whole)) as read:
        for info in read.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert (info.extra, info.comment, info.compress_type) == (b"", b"", ZIP_STORED)
            assert info.external_attr >> 16 == 0o100644
        assert read.comment == b""
    monkeypatch.setattr(sys, "platform", "win32")
    assert archive(FILES) == whole


def test_headers_say_that_sizes_follow_in_8_bytes() -> None:
    """APPNOTE 4.3.7, 4.3.9 and 4.5.3, for who reads the archive forward."""
    whole = archive({"A": [b"abc"]})
    assert whole.startswith(
        b"PK\x03\x04"
        b"\x2d\0"  # version 4.5: ZIP64
        b"\x08\0"  # a data descriptor follows
        b"\0\0"  # stored
        b"\0\0\x21\0"  # 00:00:00, 1980-01-01
        + bytes(4)  # CRC
        + b"\xff" * 8  # both sizes stand in the ZIP64 field
        + b"\x01\0\x14\0A"  # length of name and extra field, name
        + b"\x01\0\x10\0"  # ZIP64 field
        + bytes(16)  # both sizes
        + b"abc"
        + b"PK\x07\x08"
        + (0x352441C2).to_bytes(4, "little")
        + (3).to_bytes(8, "little") * 2
        + b"PK\x01\x02"
    )


def test_without_its_end_nobody_can_read_it() -> None:
    open_ended = archive(FILES, closed=False)
    whole = archive(FILES)
    for cut in (open_ended, whole[: len(open_ended) + 40], whole[:-1], b""):
        with pytest.raises(BadZipFile):
            ZipFile(BytesIO(cut))


def test_a_file_and_what_follows_it_may_lie_beyond_4_gib(tmp_path: Path) -> None:
    """The bytes between are a hole in the file: only where things are and how large is looked at."""
    writer, hole = ZipWriter(), bytes(1 << 26)
    count = (1 << 32) // len(hole) + 1
    with (tmp_path / "large.zip").open("wb") as file:
        file.write(writer.begin("LARGE"))
        for _ in range(count):
            writer.count(hole)
        file.seek(count * len(hole), os.SEEK_CUR)
        file.write(writer.end())
        file.write(writer.begin("SMALL"))
        writer.count(b"small")
        file.write(b"small" + writer.end() + writer.close())
    with ZipFile(tmp_path / "large.zip") as read:
        large, small = read.infolist()
        assert large.file_size == large.compress_size == count * len(hole) > 1 << 32
        assert small.header_offset > 1 << 32
        assert read.read("SMALL") == b"small"
        with read.open("LARGE") as start:
            assert start.read(10) == bytes(10)


def test_there_may_be_more_files_than_65535() -> None:
    names = [f"IM{number:06d}" for number in range(70_000)]
    with ZipFile(BytesIO(archive({name: [b"x"] for name in names}))) as read:
        assert read.namelist() == names
        assert read.read(names[-1]) == b"x"
