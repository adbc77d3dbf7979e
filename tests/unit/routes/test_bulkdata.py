"""Bulk data, pixel data and frames: which there are, where they say they are, and what an origin may not do."""

import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from tests.kit.archive import REPORT, Archive, Asked, Reply, Row, json_reply, multipart, multipart_reply, reply
from tests.kit.inprocess import BASE, CHEST, DOSE, ECG, HEAD, OCTETS, Answer, InProcess, links, over, released
from tests.kit.scripted_server import Connection

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
shared = pytest.mark.asyncio(loop_scope="module")

INSTANCE = f"/studies/{CHEST}/series/{CHEST}.1/instances/{CHEST}.1.1"
MULTI_FRAME = f"/studies/{DOSE}/series/{DOSE}.1/instances/{DOSE}.1.1"
WAVEFORM = f"/studies/{ECG}/series/{ECG}.1/instances/{ECG}.1.1"
JPEG_2000 = f"/studies/{HEAD}/series/{HEAD}.2/instances/{HEAD}.2.1"
LEVELS = [f"/studies/{CHEST}", f"/studies/{CHEST}/series/{CHEST}.1", INSTANCE, f"/studies/{HEAD}", WAVEFORM]

ONE = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1")
TWO = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.2")
SR = Row("1.2.3.1", "1.2.3.1.2", "1.2.3.1.2.1", modality="SR", sop_class=REPORT)
STUDY = f"/studies/{ONE.study}"
OCTET = "application/octet-stream"
JPEG = bytes.fromhex("ffd8ffd9")
STRICT: dict[str, dict[str, object]] = {"research": {"profile": "strict"}}


def located(answer: Answer) -> list[tuple[str, str, bytes]]:
    """Give location, media type and body of each part."""
    boundary = answer.headers["content-type"].partition("boundary=")[2].encode()
    assert answer.body.endswith(b"\r\n--" + boundary + b"--\r\n")
    found = []
    for part in (b"\r\n" + answer.body).split(b"\r\n--" + boundary)[1:-1]:
        head, _, body = part.partition(b"\r\n\r\n")
        header = dict(line.split(": ", 1) for line in head.decode().strip().split("\r\n"))
        assert header.keys() <= {"Content-Type", "Content-Location"}
        assert len(head) < 1_000  # the JavaScript client looks no further
        found.append((header.get("Content-Location", ""), header["Content-Type"], body))
    return found


def bulk(*tags: str, row: Row = ONE) -> dict[str, Any]:
    """Describe a row with values that are elsewhere."""
    vr = {"00091010": "OB", "00420011": "OB"}
    more = {f"_{tag}": {"vr": vr.get(tag, "OW"), "BulkDataURI": f"{row.path}/bulk/{tag.lower()}"} for tag in tags}
    return row.json(_00090010={"vr": "LO", "Value": ["ACME"]}, **more)


def values(*tags: str, row: Row = ONE) -> dict[str, Reply]:
    """Answer these values, each with its own tag."""
    return {f"{row.path}/bulk/{tag.lower()}": multipart_reply([tag.encode()], OCTET) for tag in tags}


# All of a study, a series, an instance


@shared
@pytest.mark.parametrize("path", LEVELS)
async def test_bulk_data_are_what_the_metadata_link_to(gateway: InProcess, path: str) -> None:
    service = gateway["research"]
    linked = links((await service.get(released(f"{path}/metadata"))).json)
    answer = await service.get(released(f"{path}/bulkdata"), OCTETS)
    assert (answer.status, answer.whole) == (200, True)
    parts = located(answer)
    assert set(linked) <= {location for location, _, _ in parts}
    for location, media_type, body in parts:
        ((alone, own_type, value),) = located(await gateway.ask(location, OCTETS))
        assert (alone, own_type, value) == (location, media_type, body)
    for source in (CHEST, HEAD, ECG):
        assert source.encode() not in answer.said


@shared
@pytest.mark.parametrize("path", LEVELS[:4])
async def test_pixel_data_are_those_of_the_frames(gateway: InProcess, path: str) -> None:
    service = gateway["research"]
    answer = await service.get(released(f"{path}/pixeldata"), OCTETS)
    assert answer.status == 200
    instances = [found for found in await service.paths() if found.startswith(released(path))]
    frames = [await service.get(f"{instance}/frames/1", OCTETS) for instance in instances]
    assert sorted(body for _, _, body in located(answer)) == sorted(
        body for frame in frames if frame.status == 200 for _, _, body in located(frame)
    )


@shared
async def test_native_pixel_data_of_many_frames_are_one_part(gateway: InProcess) -> None:
    service = gateway["research"]
    ((location, media_type, body),) = located(await service.get(released(f"{MULTI_FRAME}/pixeldata"), OCTETS))
    frames = located(await service.get(released(f"{MULTI_FRAME}/frames/" + ",".join(map(str, range(1, 16)))), OCTETS))
    assert media_type.startswith(OCTET)
    assert body == b"".join(frame for _, _, frame in frames)
    assert location in links((await service.get(released(f"{MULTI_FRAME}/metadata"))).json)


@shared
async def test_what_has_no_pixel_data_is_missing(gateway: InProcess) -> None:
    service = gateway["research"]
    answer = await service.get(released(f"{WAVEFORM}/pixeldata"))
    assert answer.said == (await service.get("/studies/1.2.3")).said


async def test_pixel_data_without_a_link_are_asked_for_frame_by_frame(tmp_path: Path) -> None:
    found = ONE.json(_00280010={"vr": "US", "Value": [8]}, _00280008={"vr": "IS", "Value": ["3"]})
    path = f"{ONE.path}/frames/1,2,3"
    jpeg = "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50"
    replies = {f"{ONE.path}/metadata": json_reply([found]), path: multipart_reply([JPEG] * 3, jpeg)}
    async with over(Archive([ONE], replies), tmp_path) as gateway:
        for door in ("pixeldata", "bulkdata"):
            answer = await gateway["research"].get(released(f"{ONE.path}/{door}"), f"{OCTETS}; transfer-syntax=*")
            assert [(where.rpartition("/frames/")[2], what) for where, _, what in located(answer)] == [
                ("1", JPEG), ("2", JPEG), ("3", JPEG),
            ]  # fmt: skip
            assert {media_type for _, media_type, _ in located(answer)} == {jpeg}


@pytest.mark.parametrize("door", ["bulkdata", "pixeldata"])
async def test_what_the_profile_removes_or_replaces_is_not_among_them(tmp_path: Path, door: str) -> None:
    tags = ("00091010", "00420011", "60003000", "7FE00010")
    archive = Archive([ONE], {f"{ONE.path}/metadata": json_reply([bulk(*tags)]), **values(*tags)})
    async with over(archive, tmp_path) as gateway:
        answer = await gateway["research"].get(released(f"{ONE.path}/{door}"), OCTETS)
    assert [body for _, _, body in located(answer)] == [b"7FE00010"]
    assert {asked.path.rpartition("/")[2] for asked in archive.asked if "/bulk/" in asked.path} == {"7fe00010"}


async def test_an_instance_that_the_profile_refuses_makes_the_answer_partial(tmp_path: Path) -> None:
    found = [bulk("7FE00010", row=SR), bulk("7FE00010"), bulk("7FE00010", row=TWO)]
    replies = {f"{STUDY}/metadata": json_reply(found), **values("7FE00010"), **values("7FE00010", row=TWO)}
    async with over(Archive([ONE, SR, TWO], replies), tmp_path, STRICT) as gateway:
        for door in ("bulkdata", "pixeldata"):
            answer = await gateway["research"].get(released(f"{STUDY}/{door}"), OCTETS)
            assert (answer.status, len(located(answer))) == (206, 2)
        assert (await gateway["research"].get(released(f"{SR.path}/bulkdata"), OCTETS)).status == 404


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "406 Not Acceptable"])
async def test_a_value_in_a_form_that_is_not_accepted_is_left_out(tmp_path: Path, status: str) -> None:
    header, octets = multipart([b"octets"], OCTET)
    replies = {
        f"{STUDY}/metadata": json_reply([bulk("7FE00010"), bulk("7FE00010", row=TWO)]),
        f"{ONE.path}/bulk/7fe00010": reply(octets, status, header),
        f"{TWO.path}/bulk/7fe00010": multipart_reply([JPEG], "image/jpeg"),
    }
    async with over(Archive([ONE, TWO], replies), tmp_path) as gateway:
        service = gateway["research"]
        answer = await service.get(released(f"{STUDY}/bulkdata"), 'multipart/related; type="image/jpeg"')
        assert (answer.status, [body for _, _, body in located(answer)]) == (206, [JPEG])
        answer = await service.get(released(f"{STUDY}/bulkdata"), 'multipart/related; type="image/jxl"')
        assert answer.status == 406


async def test_a_value_that_the_origin_has_not_is_its_failure(tmp_path: Path) -> None:
    missing = {f"{TWO.path}/bulk/7fe00010": reply(b"", "404 Not Found")}
    replies = {f"{STUDY}/metadata": json_reply([bulk("7FE00010"), bulk("7FE00010", row=TWO)]), **values("7FE00010")}
    async with over(Archive([ONE, TWO], replies | missing), tmp_path) as gateway:
        answer = await gateway["research"].get(released(f"{STUDY}/bulkdata"), OCTETS)
        assert (answer.status, answer.whole) == (200, False)


@pytest.mark.parametrize("found", [Row("1.2.3.9", ONE.series, ONE.instance), Row(ONE.study, "1/../2", ONE.instance)])
async def test_metadata_of_something_else_are_refused(tmp_path: Path, found: Row) -> None:
    replies = {f"{STUDY}/metadata": json_reply([found.json(_00280010={"vr": "US", "Value": [8]})])}
    async with over(Archive([ONE], replies), tmp_path) as gateway:
        assert (await gateway["research"].get(released(f"{STUDY}/pixeldata"), OCTETS)).status == 502


@shared
@pytest.mark.parametrize("path", LEVELS[:3])
async def test_octets_of_an_object_are_its_bulk_data(gateway: InProcess, path: str) -> None:
    old = await gateway["research"].get(released(path), OCTETS)
    assert located(old) == located(await gateway["research"].get(released(f"{path}/bulkdata"), OCTETS))


@pytest.mark.parametrize("syntax", ["1.2.3.4", "1.2.840.113619.5.2", "1.2.840.10008.1.2.4.94"])
async def test_octets_in_a_transfer_syntax_that_nobody_knows_leave_at_no_door(tmp_path: Path, syntax: str) -> None:
    named = b"\xff\xd8\xff\xfe\0\x0fSMITH^JOHN000\xff\xd9"
    found = bulk("7FE00010") | {"00280010": {"vr": "US", "Value": [8]}}
    replies = {f"{ONE.path}/metadata": json_reply([found])}
    for path in ("bulk/7fe00010", "frames/1"):
        replies[f"{ONE.path}/{path}"] = multipart_reply([named], f"{OCTET}; transfer-syntax={syntax}")
    archive = Archive([ONE], replies)
    async with over(archive, tmp_path) as gateway:
        service = gateway["research"]
        (uri,) = links((await service.get(released(f"{ONE.path}/metadata"))).json)
        for door in ("frames/1", "pixeldata", "bulkdata", "bulkdata/" + uri.rpartition("/")[2]):
            answer = await service.get(released(ONE.path) + f"/{door}", f"{OCTETS}; transfer-syntax=*")
            assert b"SMITH" not in answer.said
            assert answer.status == 502 or not answer.whole
        assert archive.open() <= 1  # the idle one


async def test_as_many_frames_as_there_are_said_to_be_are_asked_for_as_they_leave(tmp_path: Path) -> None:
    """Nothing is made of a number before the first frames are there."""
    found = ONE.json(_00280010={"vr": "US", "Value": [8]}, _00280008={"vr": "IS", "Value": ["16777216"]})
    archive = Archive([ONE], {f"{ONE.path}/metadata": json_reply([found])})
    async with over(archive, tmp_path) as gateway:
        tracemalloc.start()
        try:
            answer = await gateway["research"].get(released(f"{ONE.path}/pixeldata"), OCTETS)
            assert tracemalloc.get_traced_memory()[1] < 16 << 20
        finally:
            tracemalloc.stop()
    assert answer.status == 502
    assert sum("/frames/" in asked.path for asked in archive.asked) <= 4


@pytest.mark.parametrize("door", ["pixeldata", "bulkdata", "rendered"])
@pytest.mark.parametrize("count", ["9" * 5_000, "99999999", "0", "-1"])
async def test_a_number_of_frames_that_is_none_is_the_origins_failure(tmp_path: Path, door: str, count: str) -> None:
    image = {tag: {"vr": "US", "Value": [8]} for tag in ("00280010", "00280011", "00280100")}
    found = ONE.json() | image | {"00280008": {"vr": "IS", "Value": [count]}}
    async with over(Archive([ONE], {f"{ONE.path}/metadata": json_reply([found])}), tmp_path) as gateway:
        answer = await gateway["research"].get(released(f"{ONE.path}/{door}"))
    assert answer.status == 502


# One value


@shared
async def test_one_value_stands_alone_and_whole_whatever_range_is_asked_for(gateway: InProcess) -> None:
    for uri in links((await gateway["research"].get(released(f"{WAVEFORM}/metadata"))).json):
        ((_, _, value),) = located(await gateway.ask(uri, OCTETS))
        answer = await gateway.ask(uri, OCTET, range="bytes=0-9")
        assert (answer.status, answer.body) == (200, value)
        assert answer.headers["content-type"].partition(";")[0] == OCTET
        assert answer.headers["accept-ranges"] == "none"
        assert "content-range" not in answer.headers


async def test_a_token_of_an_element_that_the_profile_changes_does_not_exist(tmp_path: Path) -> None:
    """Whatever path the client makes up, only what was sealed is asked for."""
    archive = Archive([ONE], {f"{ONE.path}/metadata": json_reply([bulk("7FE00010")]), **values("7FE00010", "60003000")})
    async with over(archive, tmp_path) as gateway:
        service = gateway["research"]
        (uri,) = links((await service.get(released(f"{ONE.path}/metadata"))).json)
        assert (await gateway.ask(uri, OCTETS)).status == 200
        for made_up in (uri.replace("/bulkdata/", "/bulk/"), uri + "/60003000", uri + "?path=60003000"):
            answer = await gateway.ask(made_up, OCTETS)
            assert answer.status == (200 if "?" in made_up else 404)
    assert archive.count(f"{ONE.path}/bulk/60003000") == 0


async def test_a_token_is_written_in_one_way(tmp_path: Path) -> None:
    archive = Archive([ONE], {f"{ONE.path}/metadata": json_reply([bulk("7FE00010")]), **values("7FE00010")})
    async with over(archive, tmp_path) as gateway:
        (uri,) = links((await gateway["research"].get(released(f"{ONE.path}/metadata"))).json)
        url, _, token = uri.rpartition("/")
        assert (await gateway.ask(uri, OCTETS)).status == 200
        for junk in ("....", "%22%3Cscript%3E", "%0d%0aX-Evil:%201", "%00", "====", "!!!!", "%C3%A9"):
            assert (await gateway.ask(f"{url}/{token[:9]}{junk}{token[9:]}", OCTETS)).status == 404, junk
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        others = [token[:-1] + letter for letter in letters if letter != token[-1]]
        assert {(await gateway.ask(f"{url}/{other}", OCTETS)).status for other in others} == {404}


# Frames


@shared
@pytest.mark.parametrize("numbers", ["1", "3,1,2", "2%2C1"])
async def test_each_frame_says_where_it_is(gateway: InProcess, numbers: str) -> None:
    answer = await gateway["research"].get(released(f"{MULTI_FRAME}/frames/") + numbers, OCTETS)
    base = f"{BASE}/worklists/research/dicom-web{released(MULTI_FRAME)}"
    wanted = [f"{base}/frames/{number}" for number in re.split("%2C|,", numbers)]
    assert [location for location, _, _ in located(answer)] == wanted


@pytest.mark.parametrize("count", [1, 3])
async def test_more_or_fewer_frames_than_asked_for_break_the_answer_off(tmp_path: Path, count: int) -> None:
    path = f"{ONE.path}/frames/1,2"
    archive = Archive([ONE], {path: multipart_reply([b"frame"] * count, OCTET)})
    async with over(archive, tmp_path) as gateway:
        assert not (await gateway["research"].get(released(ONE.path) + "/frames/1,2", OCTETS)).whole


@pytest.mark.parametrize(
    ("accept", "inner", "status"),
    [
        ('multipart/related; type="image/dicom-rle"', "image/dicom-rle", 200),
        ('multipart/related; type="image/x-dicom-rle"', "image/dicom-rle", 200),
        ('multipart/related; type="image/dicom-rle"', "image/x-dicom-rle", 200),
        ('multipart/related; type="image/*"', "image/dicom-rle", 200),
        ("image/dicom-rle", "image/dicom-rle", 200),
        ('multipart/related; type="image/jpeg"', "image/dicom-rle", 406),
        ('multipart/related; type="image/*"', OCTET, 406),
        (OCTETS, "image/dicom-rle", 200),  # what has no other form stands in
        ("video/*", "image/dicom-rle", 406),
    ],
)
async def test_a_frame_comes_in_a_form_that_is_accepted_or_not_at_all(
    tmp_path: Path, accept: str, inner: str, status: int
) -> None:
    archive = Archive([ONE], {f"{ONE.path}/frames/1": multipart_reply([b"frame"], inner)})
    async with over(archive, tmp_path) as gateway:
        answer = await gateway["research"].get(released(ONE.path) + "/frames/1", accept)
    assert answer.status == status
    if status == 200:
        assert b"x-dicom-rle" not in answer.said
        assert b"image/dicom-rle" in answer.said


@pytest.mark.parametrize("door", ["frames/1", "bulk/7fe00010"])
@pytest.mark.parametrize(
    ("other_form", "nothing"),
    [("400 Bad Request", "400 Bad Request"), ("406 Not Acceptable", "404 Not Found"), ("404 Not Found",) * 2],
)
@pytest.mark.parametrize("accept", ["image/jxl", 'multipart/related; type="video/mp4"', OCTETS])
async def test_a_form_that_there_is_not_is_told_from_a_value_that_there_is_not(
    tmp_path: Path, door: str, other_form: str, nothing: str, accept: str
) -> None:
    """Some origins answer alike to both."""
    there = True

    async def answered(connection: Connection, asked: Asked) -> None:
        if not there:
            await reply(b"", nothing)(connection, asked)
        elif OCTET in asked.accept:
            await multipart_reply([b"octets"], OCTET)(connection, asked)
        else:
            await reply(b"", other_form)(connection, asked)

    replies: dict[str, Reply] = {
        f"{ONE.path}/metadata": json_reply([bulk("7FE00010")]), f"{ONE.path}/{door}": answered
    }  # fmt: skip
    async with over(Archive([ONE], replies), tmp_path) as gateway:
        (uri,) = links((await gateway["research"].get(released(f"{ONE.path}/metadata"))).json)
        url = uri if door.startswith("bulk") else f"{uri.partition('/bulkdata')[0]}/{door}"
        assert (await gateway.ask(url, accept)).status == (200 if accept == OCTETS else 406)
        there = False
        assert (await gateway.ask(url, accept)).status == 404


@shared
async def test_a_stored_frame_says_its_transfer_syntax_in_its_own_header(gateway: InProcess) -> None:
    accept = 'multipart/related; type="application/octet-stream"; transfer-syntax="*"'  # quoted, as OHIF sends it
    answer = await gateway["research"].get(released(f"{JPEG_2000}/frames/1"), accept)
    ((_, media_type, _),) = located(answer)
    assert media_type == "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.91"


# What the profile refuses is refused at every door


async def test_an_instance_that_the_final_check_refuses_is_nowhere(tmp_path: Path) -> None:
    telling = ONE.json(_7FE00010={"vr": "OW", "BulkDataURI": f"{ONE.path}/bulk/7fe00010"})
    # Every action is right by the profile, and yet a name would leave in what it keeps.
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "leaky.yaml").write_text(
        "name: leaky\nbased_on: nominal\nfinal_check: true\nattributes:\n  SoftwareVersions: {action: keep}\n"
    )
    telling["00181020"] = {"vr": "LO", "Value": ["made for SMITH^ANN"]}
    header, body = multipart([b"pixels"], OCTET)
    replies = {
        f"{ONE.path}/metadata": json_reply([telling]),
        f"{ONE.path}/bulk/7fe00010": reply(body, headers=header),
        f"{ONE.path}/frames/1": reply(body, headers=header),
    }
    worklists: dict[str, dict[str, object]] = {"research": {"profile": "leaky"}}
    async with over(Archive([ONE], replies), tmp_path, worklists, profiles=str(tmp_path / "profiles")) as gateway:
        for door in ("metadata", "frames/1", "bulkdata", "pixeldata", "bulkdata/x"):
            assert (await gateway["research"].get(f"{released(ONE.path)}/{door}")).status == 404, door
