"""Bulk data and frames: only what metadata point at, only in forms that were asked for, only whole."""

from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from tests.kit.archive import (
    FILLER,
    REPORT,
    Archive,
    Asked,
    Reply,
    Row,
    ended_by_close,
    json_reply,
    multipart,
    multipart_reply,
    reply,
)
from tests.kit.inprocess import CHEST, DOSE, ECG, HEAD, OCTETS, Answer, InProcess, Service, links, over, released
from tests.kit.scripted_server import Connection

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
shared = pytest.mark.asyncio(loop_scope="module")

CT = f"/studies/{CHEST}/series/{CHEST}.1/instances/{CHEST}.1.1"
WAVEFORM = f"/studies/{ECG}/series/{ECG}.1/instances/{ECG}.1.1"
JPEG_2000 = f"/studies/{HEAD}/series/{HEAD}.2/instances/{HEAD}.2.1"
FRAMES = f"/studies/{DOSE}/series/{DOSE}.1/instances/{DOSE}.1.1"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"

ONE = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1")
TWO = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.2")
SR = Row("1.2.3.1", "1.2.3.1.2", "1.2.3.1.2.1", modality="SR", sop_class=REPORT)
STUDY = f"/studies/{ONE.study}"
SERIES = f"{STUDY}/series/{ONE.series}"


async def asked_of(tmp_path: Path, reply_: Reply, path: str, accept: str | None = None, at: str = STUDY) -> Answer:
    """Ask a gateway over an archive that gives one scripted answer."""
    async with over(Archive([ONE, TWO], {at: reply_}), tmp_path) as gateway:
        return await gateway["research"].get(released(path), accept)


# Bulk data


async def bulk_path(service: Service, instance: str = WAVEFORM, name: str = "research") -> str:
    """Find a BulkDataURI; the path below the service base."""
    answer = await service.get(f"{released(instance, name)}/metadata")
    (uri,) = links(answer.json)
    base = f"http://gateway.example:8042/worklists/{service.name}/dicom-web"
    assert uri.startswith(f"{base}{released(instance, name)}/bulkdata/")
    return uri.removeprefix(base)


@shared
@pytest.mark.parametrize(
    ("accept", "multiple"),
    [(None, True), ("*/*", True), (OCTETS, True), (f"{OCTETS}; transfer-syntax=*", True), ("application/octet-stream",
    False),
     ("application/octet-stream, */*;q=0.1", False)],
)  # fmt: skip
async def test_a_bulk_value_comes_as_part_or_alone(gateway: InProcess, accept: str | None, multiple: bool) -> None:
    path = await bulk_path(gateway["research"], CT)
    answer = await gateway["research"].get(path, accept)
    assert answer.status == 200
    body = answer.parts()[0][1] if multiple else answer.body
    assert len(body) == 128 * 128 * 2
    assert answer.headers["content-type"].startswith("multipart/related" if multiple else "application/octet-stream")


@shared
async def test_a_link_inside_a_sequence_is_ours_and_works(gateway: InProcess) -> None:
    answer = await gateway["research"].get(released(f"{WAVEFORM}/metadata"))
    found = links(answer.json)
    assert found
    for uri in found:
        assert (await gateway.ask(uri, OCTETS)).status == 200
    assert ECG.encode() not in answer.body


@shared
async def test_links_are_the_same_each_time(gateway: InProcess) -> None:
    assert await bulk_path(gateway["research"], CT) == await bulk_path(gateway["research"], CT)


@shared
@pytest.mark.parametrize(
    "kind", ["forged", "cut", "changed", "empty", "no base64", "path", "source", "another padding"]
)
async def test_a_forged_token_is_missing(gateway: InProcess, kind: str) -> None:
    path, _, token = (await bulk_path(gateway["research"], CT)).rpartition("/")
    forged = {
        "forged": urlsafe_b64encode(bytes(64)).decode().rstrip("="),
        "cut": token[:-4],
        "changed": token[:10] + ("A" if token[10] != "A" else "B") + token[11:],
        "empty": "AAAA",
        "no base64": "%21%21%C3%A9",
        "path": "7fe00010",
        "source": urlsafe_b64encode(f"{CT}/bulk/00100010".encode()).decode(),
        "another padding": token + "A",
    }[kind]
    answer = await gateway["research"].get(f"{path}/{forged}")
    assert answer.said == (await gateway["research"].get("/studies/1.2.3")).said
    assert answer.status == 404


@shared
async def test_a_token_is_good_for_its_own_instance_only(gateway: InProcess) -> None:
    token = (await bulk_path(gateway["research"], CT)).rpartition("/")[2]
    other = released(f"/studies/{CHEST}/series/{CHEST}.1/instances/{CHEST}.1.2")
    assert (await gateway["research"].get(f"{other}/bulkdata/{token}", OCTETS)).status == 404


@shared
@pytest.mark.parametrize("name", ["patients", "ct", "identified"])
async def test_a_token_is_good_for_its_own_worklist_and_profile_only(gateway: InProcess, name: str) -> None:
    path = await bulk_path(gateway["research"], CT)
    token = path.rpartition("/")[2]
    other = CT if name == "identified" else released(CT)
    assert (await gateway[name].get(other)).status == 200
    assert (await gateway[name].get(f"{other}/bulkdata/{token}", OCTETS)).status == 404


async def test_a_token_ends_with_its_profile(tmp_path: Path) -> None:
    found = ONE.json(_7FE00010={"vr": "OW", "BulkDataURI": f"{ONE.path}/bulk/7fe00010"})
    bulk = multipart_reply([b"pixels"], "application/octet-stream")
    archive = Archive([ONE], {f"{ONE.path}/metadata": json_reply([found]), f"{ONE.path}/bulk/7fe00010": bulk})
    async with over(archive, tmp_path) as gateway:
        (uri,) = links((await gateway["research"].get(released(f"{ONE.path}/metadata"))).json)
        assert (await gateway.ask(uri, OCTETS)).parts() == [("application/octet-stream", b"pixels")]
    async with over(archive, tmp_path, {"research": {"profile": "retain-patient-characteristics"}}) as gateway:
        assert (await gateway.ask(uri, OCTETS)).status == 404


# Frames


@shared
async def test_frames_come_in_the_order_asked(gateway: InProcess) -> None:
    whole = (await gateway["research"].get(released(f"{FRAMES}/frames/1,2,15"), OCTETS)).parts()
    assert [media_type for media_type, _ in whole] == [
        f"application/octet-stream; transfer-syntax={EXPLICIT_LITTLE}"
    ] * 3
    assert (await gateway["research"].get(released(f"{FRAMES}/frames/1%2C2%2C15"), OCTETS)).parts() == whole
    ((_, second),) = (await gateway["research"].get(released(f"{FRAMES}/frames/2"), OCTETS)).parts()
    assert second == whole[1][1]


@shared
@pytest.mark.parametrize(
    "frames",
    ["0", "-1", "a", "1,", ",1", "1,,2", "2-4", "1.0", "1 2", "%EF%BC%91", "4294967296", "1,0", "+1", "1;2", "%00"],
)
async def test_what_is_no_frame_list_is_refused(gateway: InProcess, frames: str) -> None:
    assert (await gateway["research"].get(released(f"{FRAMES}/frames/") + frames, OCTETS)).status == 400


@shared
async def test_too_many_frames_are_refused(gateway: InProcess) -> None:
    assert (
        await gateway["research"].get(released(f"{FRAMES}/frames/") + ",".join(["1"] * 10_001), OCTETS)
    ).status == 400


@shared
@pytest.mark.parametrize("frames", ["16", "1,16", "999999"])
async def test_a_frame_beyond_the_last_is_missing(gateway: InProcess, frames: str) -> None:
    assert (await gateway["research"].get(released(f"{FRAMES}/frames/{frames}"), OCTETS)).status == 404


@shared
async def test_a_stored_frame_says_its_own_type_and_transfer_syntax(gateway: InProcess) -> None:
    answer = await gateway["research"].get(released(f"{JPEG_2000}/frames/1"), f"{OCTETS}; transfer-syntax=*")
    assert 'type="image/jp2"; transfer-syntax=1.2.840.10008.1.2.4.91' in answer.headers["content-type"]
    ((media_type, frame),) = answer.parts()
    assert media_type == "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.91"
    assert frame.startswith(b"\xff\x4f\xff\x51")


@shared
@pytest.mark.parametrize("accept", ["image/jp2", "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.91"])
async def test_a_stored_frame_may_stand_alone(gateway: InProcess, accept: str) -> None:
    answer = await gateway["research"].get(released(f"{JPEG_2000}/frames/1"), accept)
    assert answer.headers["content-type"] == "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.91"
    assert answer.body.startswith(b"\xff\x4f\xff\x51")


@shared
@pytest.mark.parametrize(
    "accept", ["nonsense", "application/dicom", "text/html", 'multipart/related; type="application/dicom"', "image/png"]
)
async def test_what_frames_are_not_is_not_acceptable(gateway: InProcess, accept: str) -> None:
    assert (await gateway["research"].get(released(f"{CT}/frames/1"), accept)).status == 406


@shared
@pytest.mark.parametrize("accept", ["text/*", "image/*", 'multipart/related; type="image/*"', "video/*"])
async def test_octets_are_not_sent_to_who_does_not_accept_them(gateway: InProcess, accept: str) -> None:
    answer = await gateway["research"].get(released(f"{CT}/frames/1"), accept)
    assert answer.status == 406


async def test_frames_fall_back_when_an_origin_cannot_give_them_as_stored(tmp_path: Path) -> None:
    async def not_as_stored(connection: Connection, asked: Asked) -> None:
        if "transfer-syntax" in asked.accept:
            await connection.answer(b"", "500 Internal Server Error")
        else:
            await multipart_reply([b"pixels"], "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1")(
                connection, asked
            )

    archive = Archive([ONE], {f"{ONE.path}/frames/1": not_as_stored})
    async with over(archive, tmp_path) as gateway:
        answer = await gateway["research"].get(released(f"{ONE.path}/frames/1"), f"{OCTETS}; transfer-syntax=*")
    assert answer.status == 200
    accepts = [asked.accept for asked in archive.asked if asked.path.endswith("frames/1")]
    assert accepts == [f"{OCTETS}; transfer-syntax=*", OCTETS]


@pytest.mark.parametrize("accept", ["*/*", 'multipart/related; type="*/*"', None])
async def test_any_range_asks_for_octets_then_as_stored(tmp_path: Path, accept: str | None) -> None:
    archive = Archive([ONE], {f"{ONE.path}/frames/1": reply(b"", "406 Not Acceptable")})
    async with over(archive, tmp_path) as gateway:
        assert (await gateway["research"].get(released(f"{ONE.path}/frames/1"), accept)).status == 406
    accepts = [asked.accept for asked in archive.asked if asked.path.endswith("frames/1")]
    assert accepts == [OCTETS, f"{OCTETS}; transfer-syntax=*"]


async def test_several_parts_for_one_break_the_answer_off(tmp_path: Path) -> None:
    several = multipart_reply([b"one", b"two"], "application/octet-stream")
    answer = await asked_of(
        tmp_path, several, f"{ONE.path}/frames/1", "application/octet-stream", f"{ONE.path}/frames/1"
    )
    assert not answer.whole


@pytest.mark.parametrize("inner", ["text/html", "application/dicom", "application/dicom+json", "image/svg+xml"])
async def test_frames_of_another_type_are_refused(tmp_path: Path, inner: str) -> None:
    found = multipart_reply([b"JANE"], inner)
    answer = await asked_of(tmp_path, found, f"{ONE.path}/frames/1", OCTETS, f"{ONE.path}/frames/1")
    assert answer.status == 502
    assert b"JANE" not in answer.body


async def test_truncated_frames_never_look_whole(tmp_path: Path) -> None:
    header, body = multipart([FILLER], "application/octet-stream")
    for cut in (20, 1000, len(body) - 10):
        found = ended_by_close(body[:cut], headers=header)
        answer = await asked_of(tmp_path, found, f"{ONE.path}/frames/1", OCTETS, f"{ONE.path}/frames/1")
        assert answer.status == 502 or not answer.whole


async def test_a_frame_that_an_origin_refuses_with_400_is_missing(tmp_path: Path) -> None:
    answer = await asked_of(
        tmp_path, reply(b"", "400 Bad Request"), f"{ONE.path}/frames/31", OCTETS, f"{ONE.path}/frames/31"
    )
    assert answer.status == 404
