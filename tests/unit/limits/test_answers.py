"""For how long an answer may wait to begin, and that its body may take longer."""

import asyncio
from pathlib import Path

import pytest

from tests.kit.archive import Archive, Asked, Row
from tests.kit.inprocess import DICOM, over, released
from tests.kit.scripted_server import Connection, until

ROW = Row("1.2.826.0.1.99.1", "1.2.826.0.1.99.1.1", "1.2.826.0.1.99.1.1.1", "PAT-4711", "SMITHSON^ANN")
STUDY = f"/studies/{ROW.study}"
SHORT_S = 0.3


async def silent(connection: Connection, _asked: Asked) -> None:
    await connection.until_gone()


async def trickling(connection: Connection, _asked: Asked) -> None:
    """Begin a JSON answer, and say just enough that the origin is not taken for silent."""
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\nContent-Length: 9999\r\n\r\n[")
    while True:
        await connection.send(b" ")
        await asyncio.sleep(SHORT_S / 10)


async def slow(connection: Connection, _asked: Asked) -> None:
    """Send a body that takes longer than an answer may take to begin."""
    head = b'Content-Type: multipart/related; type="application/dicom"; boundary=b\r\nConnection: close\r\n'
    await connection.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
    part = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + ROW.part10() + b"\r\n"
    for _ in range(4):
        await connection.send(part)
        await asyncio.sleep(SHORT_S)
    await connection.send(b"--b--\r\n")
    raise ConnectionResetError  # and close


@pytest.mark.parametrize("origin", [silent, trickling])
async def test_an_answer_that_does_not_begin_in_time_is_given_up(tmp_path: Path, origin: object) -> None:
    archive = Archive([ROW], {f"{STUDY}/metadata": origin})  # type: ignore[dict-item]
    async with over(archive, tmp_path, limits={"answer_timeout_s": SHORT_S}) as gateway:
        answer = await gateway["research"].get(f"{released(STUDY)}/metadata")
        assert (answer.status, answer.json["type"]) == (504, "urn:dicomveil:problem:took-too-long")
        found = await gateway["research"].results("/studies")
        assert len(found) == 1
        await until(lambda: archive.open() <= 1)  # what was asked of the origin is given up with it


async def test_a_body_may_take_longer(tmp_path: Path) -> None:
    archive = Archive([ROW], {STUDY: slow})
    async with over(archive, tmp_path, limits={"answer_timeout_s": SHORT_S}) as gateway:
        answer = await gateway["research"].get(released(STUDY), DICOM)
    assert (answer.status, answer.whole, len(answer.parts())) == (200, True, 4)
