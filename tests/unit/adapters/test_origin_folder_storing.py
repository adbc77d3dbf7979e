"""The embedded origin takes Instances in: whole or not at all, the first of each, and seen at once."""

import errno
import json
from collections.abc import AsyncIterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import anyio
import pydicom
import pytest

from gateway.adapters.origin_folder import FolderOrigin
from gateway.core.errors import OriginFailed
from gateway.core.wire.multipart import MultipartWriter
from tests.kit.encode import EXPLICIT, Element, part10

MULTIPART = 'multipart/related; type="application/dicom"; boundary=parts'


def instance(number: int, *, study: str = "1.2.3", series: str = "1.2.3.1", pixels: bytes = b"12345678") -> bytes:
    return part10(
        [
            Element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2"),
            Element(0x00080018, "UI", f"1.2.3.1.{number}".encode()),
            Element(0x00100020, "LO", b"000000"),
            Element(0x0020000D, "UI", study.encode()),
            Element(0x0020000E, "UI", series.encode()),
            Element(0x00200013, "IS", str(number).encode()),
            Element(0x7FE00010, "OW", pixels),
        ],
        EXPLICIT,
    )


def body(parts: Sequence[bytes], media_type: str = "application/dicom") -> bytes:
    writer = MultipartWriter(b"parts")
    return b"".join([*[writer.part({"Content-Type": media_type}) + part for part in parts], writer.end()])


async def pieces(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def post(
    origin: FolderOrigin, sent: bytes | AsyncIterator[bytes], path: str = "/studies", content_type: str = MULTIPART
) -> tuple[int, Any]:
    chunks = pieces(sent) if isinstance(sent, bytes) else sent
    async with origin.post(path, content_type, chunks) as answer:
        found = b"".join([chunk async for chunk in answer.body])
        is_json = answer.headers["content-type"] == "application/dicom+json"
        return answer.status, json.loads(found) if is_json else found


async def get(origin: FolderOrigin, path: str) -> Any:
    async with origin.get(path) as answer:
        return json.loads(b"".join([chunk async for chunk in answer.body]))


def uids(response: Any, sequence: str) -> list[str]:
    return [item["00081155"]["Value"][0] for item in response.get(sequence, {}).get("Value", [])]


def written(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def origin(tmp_path: Path) -> FolderOrigin:
    return FolderOrigin(tmp_path, "cloud", writable=True)


async def test_what_is_stored_is_seen_at_once_and_after_a_restart(origin: FolderOrigin, tmp_path: Path) -> None:
    assert await get(origin, "/studies") == []
    status, response = await post(origin, body([instance(2), instance(1), instance(3, series="1.2.3.2")]))
    assert status == 200
    assert uids(response, "00081199") == ["1.2.3.1.2", "1.2.3.1.1", "1.2.3.1.3"]
    assert "00081198" not in response
    assert "0008119A" not in response
    for one in (origin, FolderOrigin(tmp_path, "cloud")):
        found = await get(one, "/studies/1.2.3/instances")
        assert [match["00080018"]["Value"][0] for match in found] == ["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"]


async def test_the_bytes_are_those_that_were_sent_and_the_names_of_files_say_nothing(
    origin: FolderOrigin, tmp_path: Path
) -> None:
    await post(origin, body([instance(1)]))
    (path,) = written(tmp_path)
    assert path.read_bytes() == instance(1)
    assert "1.2.3" not in str(path.relative_to(tmp_path))


async def test_the_first_of_two_stays(origin: FolderOrigin, tmp_path: Path) -> None:
    await post(origin, body([instance(1)]))
    status, response = await post(origin, body([instance(1, pixels=b"other...")]))
    assert (status, uids(response, "00081199")) == (200, ["1.2.3.1.1"])
    assert [pydicom.dcmread(path).PixelData for path in written(tmp_path)] == [b"12345678"]


async def test_the_first_of_two_stays_where_the_second_says_it_is_of_another_study(
    origin: FolderOrigin, tmp_path: Path
) -> None:
    await post(origin, body([instance(1)]))
    await post(origin, body([instance(1, study="1.2.9", pixels=b"other...")]))
    assert [path.read_bytes() for path in written(tmp_path)] == [instance(1)]
    assert len(await get(origin, "/studies")) == 1


async def test_an_instance_that_the_folder_had_before_stays(tmp_path: Path) -> None:
    (tmp_path / "mine.dcm").write_bytes(instance(1))
    origin = FolderOrigin(tmp_path, "cloud", writable=True)
    assert (await post(origin, body([instance(1)])))[0] == 200
    assert [path.name for path in written(tmp_path)] == ["mine.dcm"]


async def test_bad_parts_are_told_apart_and_the_good_ones_stay(origin: FolderOrigin) -> None:
    status, response = await post(
        origin,
        body([b"no DICOM", instance(1), instance(2, study="1.2.9"), instance(3, study="")]),
        "/studies/1.2.3",
    )
    assert status == 202
    assert uids(response, "00081199") == ["1.2.3.1.1"]
    assert uids(response, "00081198") == ["1.2.3.1.2", "1.2.3.1.3"]
    assert len(response["0008119A"]["Value"]) == 1
    assert len(await get(origin, "/instances")) == 1


async def test_nothing_stored_is_a_conflict(origin: FolderOrigin, tmp_path: Path) -> None:
    for sent in (body([b"no DICOM"]), body([instance(1)], "text/plain")):
        assert (await post(origin, sent))[0] == 409
    assert not written(tmp_path)


async def test_a_request_that_breaks_off_leaves_whole_instances_only(origin: FolderOrigin, tmp_path: Path) -> None:
    whole = body([instance(1), instance(2, pixels=bytes(50_000))])

    async def broken() -> AsyncIterator[bytes]:
        yield whole[:-20_000]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await post(origin, broken())
    assert (await post(origin, whole[:-20_000]))[0] == 400
    assert len(await get(origin, "/instances")) == 1
    assert len(written(tmp_path)) == 1


async def test_a_full_disk_is_said_and_leaves_nothing(
    origin: FolderOrigin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert (await post(origin, body([instance(1)])))[0] == 507
    assert not written(tmp_path)


@pytest.mark.parametrize(
    "content_type", ["application/dicom", "multipart/related; type=text/plain; boundary=a", "", "multipart/related"]
)
async def test_other_media_types_are_refused(origin: FolderOrigin, content_type: str) -> None:
    assert (await post(origin, body([instance(1)]), content_type=content_type))[0] == 415


async def test_other_resources_store_nothing(origin: FolderOrigin) -> None:
    for path in ("/series", "/studies/1.2.3/series", "/"):
        assert (await post(origin, body([instance(1)]), path))[0] == 404


async def test_a_folder_that_is_not_writable_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(OriginFailed):
        await post(FolderOrigin(tmp_path, "samples"), body([instance(1)]))
    assert not written(tmp_path)


async def test_many_may_store_while_others_search(origin: FolderOrigin) -> None:
    async with anyio.create_task_group() as group:
        for start in range(0, 40, 10):
            numbers = range(start, start + 12)
            group.start_soon(post, origin, body([instance(number) for number in numbers]))
        for _ in range(20):
            group.start_soon(get, origin, "/studies/1.2.3/instances")
    found = await get(origin, "/studies/1.2.3/instances")
    assert len(found) == 42
    assert pydicom.dcmread(BytesIO(instance(1))).InstanceNumber == found[1]["00200013"]["Value"][0]
