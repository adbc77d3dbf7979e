"""Rendered resources and thumbnails: the released object is shown, in every form, and nothing else."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image
from pydicom.dataset import FileDataset
from pydicom.encaps import get_frame
from pydicom.uid import UID

from gateway.rendering.pool import AHEAD
from tests.kit.archive import Archive, Asked, Reply, Row, json_reply, multipart_reply, reply
from tests.kit.images import (
    CANARY,
    STUDY,
    SYNTAXES,
    Samples,
    coloured,
    count,
    encapsulated,
    folder_of,
    image,
    in_jpeg,
    opened,
    path_of,
    ramp,
    shown,
    transcoded,
)
from tests.kit.inprocess import UNKNOWN, InProcess, in_process, over, released
from tests.kit.scripted_server import Connection

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:pydicom"),
    pytest.mark.asyncio(loop_scope="module"),
]

CT = UID("1.2.840.10008.5.1.4.1.1.2")
TWELVE_BITS = ramp(low=0, high=4000).astype(np.uint16)
SEEN = [syntax for syntax in SYNTAXES if not syntax.startswith("1.2.840.10008.1.2.4.11") and not syntax.endswith(".50")]
"""Those that pydicom writes into a file, and that hold twelve bits."""
CLIP = np.stack([ramp(low=0, high=high).astype(np.uint8) for high in (50, 100, 150, 200, 250)])
GREY, MOVING, JPEG, REPORT, PALETTE, BURNED, WINDOWED, PLAIN = range(1, 9)
IMAGES = ("image/jpeg", "image/png", "image/gif", "image/jp2")
PATHS = {
    "study": f"/studies/{STUDY}",
    "series": f"/studies/{STUDY}/series/{STUDY}.1",
    "instance": path_of(GREY),
    "frame": f"{path_of(MOVING)}/frames/2",
}
WORKLISTS: dict[str, dict[str, object]] = {
    "research": {},
    "strict": {"profile": "strict"},
    "identified": {"identified": True},
    "masked": {"profile": "masked"},
    "search-only": {"domain": "research", "services": ["search"]},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[InProcess]:
    """A gateway over one series of each kind of image, and one series for each Transfer Syntax."""
    exif = Image.Exif()
    exif[0x010E] = CANARY
    report = image(ramp(), REPORT)
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated"):
        delattr(report, keyword)
    report.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.88.33")
    many = [
        image(TWELVE_BITS, GREY, BitsStored=12, HighBit=11, RescaleSlope=1, RescaleIntercept=-1024),
        image(CLIP, MOVING, frames=5),
        in_jpeg(image(coloured(), JPEG), comment=CANARY.encode(), exif=exif),
        report,
        palette(PALETTE),
        image(ramp(), BURNED, BurnedInAnnotation="YES", SOPClassUID=CT),
        image(ramp(), WINDOWED, WindowCenter=500, WindowWidth=1000),
        image(ramp(), PLAIN, SOPClassUID=CT, ImageType=["ORIGINAL", "PRIMARY", "AXIAL"]),
        image(ramp(), 1, 9, BurnedInAnnotation="YES", SOPClassUID=CT),
    ]
    for number, syntax in enumerate(SEEN):
        stored = image(TWELVE_BITS, 1, 10 + number, BitsStored=12, HighBit=11)
        many.append(transcoded(stored, syntax))
    folder = tmp_path_factory.mktemp("rendered")
    files = {"files": folder_of(folder / "files", *many)}
    (folder / "profiles").mkdir()
    (folder / "profiles" / "masked.yaml").write_text("name: masked\nbased_on: nominal\napply_masks: true\n")
    profiles = str(folder / "profiles")
    async with in_process(folder / "gateway", files, WORKLISTS, profiles=profiles) as running:
        yield running


def palette(number: int) -> FileDataset:
    """Make an image of 256 colours."""
    found = image(ramp(low=0, high=255).astype(np.uint8), number, PhotometricInterpretation="PALETTE COLOR")
    for name, values in (("Red", range(256)), ("Green", range(255, -1, -1)), ("Blue", [7] * 256)):
        setattr(found, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(found, f"{name}PaletteColorLookupTableData", np.array(values, "<u2").__mul__(257).tobytes())
    return found


async def png(gateway: InProcess, path: str, worklist: str = "research") -> Samples:
    """Ask for a PNG of a source path; its samples."""
    domain = worklist if worklist in ("research", "strict") else "research"
    answer = await gateway[worklist].get(path if worklist == "identified" else released(path, domain), "image/png")
    assert (answer.status, answer.headers.get("content-type")) == (200, "image/png"), answer.body
    assert answer.whole
    return opened(answer.body)


def stretched(values: Samples) -> Samples:
    """Show all values."""
    low, high = float(values.min()), float(values.max())
    return np.rint((values.astype(float) - low) / (high - low) * 255).astype(np.uint8)


def assert_alike(one: Samples, other: Samples, most: int = 1) -> None:
    """Compare sample by sample."""
    assert one.shape == other.shape
    assert np.abs(one.astype(int) - other.astype(int)).max() <= most


# What is shown


@pytest.mark.parametrize("number", range(len(SEEN)), ids=SEEN)
async def test_every_transfer_syntax_shows_the_same_picture(gateway: InProcess, number: int) -> None:
    assert_alike(await png(gateway, f"{path_of(1, 10 + number)}/rendered"), stretched(TWELVE_BITS))


@pytest.mark.parametrize("worklist", ["research", "strict", "identified"])
async def test_a_window_is_that_of_the_standard_under_every_profile(gateway: InProcess, worklist: str) -> None:
    picture = await png(gateway, f"{path_of(GREY)}/rendered?window=40,400,linear", worklist)
    reference = image(TWELVE_BITS, BitsStored=12, HighBit=11, RescaleSlope=1, RescaleIntercept=-1024)
    assert_alike(picture, shown(reference, TWELVE_BITS, 40, 400))


async def test_the_window_of_the_object_is_the_default(gateway: InProcess) -> None:
    expected = shown(image(ramp()), ramp(), 500, 1000)
    assert_alike(await png(gateway, f"{path_of(WINDOWED)}/rendered"), expected)


async def test_palettes_are_read_from_where_the_metadata_say(gateway: InProcess) -> None:
    index = ramp(low=0, high=255)
    expected = np.stack([index, 255 - index, np.full_like(index, 7)], axis=-1).astype(np.uint8)
    assert_alike(await png(gateway, f"{path_of(PALETTE)}/rendered"), expected, 0)


async def test_one_pixel_of_the_source_is_one_of_the_picture(gateway: InProcess) -> None:
    cropped = await png(gateway, f"{path_of(GREY)}/rendered?viewport=20,10,7,9,20,10")
    assert_alike(cropped, stretched(TWELVE_BITS)[9:19, 7:27])
    flipped = await png(gateway, f"{path_of(GREY)}/rendered?viewport=20,10,7,9,-20,-10")
    assert_alike(flipped, cropped[::-1, ::-1], 0)


# Media types


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "image/jpeg"), ("*/*", "image/jpeg"), ("image/*", "image/jpeg"), ("image/jpeg", "image/jpeg"),
        ("image/png", "image/png"), ("image/gif", "image/gif"), ("image/jp2", "image/jp2"),
        ("image/png;q=0.5, image/gif;q=0.9", "image/gif"), ("image/webp, image/png;q=0.1", "image/png"),
    ],
)  # fmt: skip
async def test_the_accept_header_decides(gateway: InProcess, accept: str | None, media_type: str) -> None:
    answer = await gateway["research"].get(released(f"{path_of(GREY)}/rendered"), accept)
    assert (answer.status, answer.headers["content-type"]) == (200, media_type)
    picture = Image.open(io.BytesIO(answer.body))
    assert picture.size == (64, 48)
    assert_alike(np.asarray(picture.convert("L")), stretched(TWELVE_BITS), 12)


async def test_the_accept_parameter_decides_before_it(gateway: InProcess) -> None:
    answer = await gateway["research"].get(released(f"{path_of(GREY)}/rendered?accept=image/png"), "image/*")
    assert answer.headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    "accept",
    ["text/html", "application/pdf", "video/mp4", "application/dicom", "image/png; transfer-syntax=*", "image/webp"],
)
async def test_what_a_picture_is_not_is_not_acceptable(gateway: InProcess, accept: str) -> None:
    assert (await gateway["research"].get(released(f"{path_of(GREY)}/rendered"), accept)).status == 406


@pytest.mark.parametrize("path", [path_of(REPORT)])
@pytest.mark.parametrize("resource", ["rendered", "thumbnail"])
async def test_what_has_no_image_is_not_acceptable(gateway: InProcess, path: str, resource: str) -> None:
    answer = await gateway["research"].get(released(f"{path}/{resource}"), "*/*")
    assert (answer.status, answer.json["detail"]) == (406, "this object has no image")


@pytest.mark.parametrize("accept", [None, "image/gif"])
async def test_several_frames_are_an_animation(gateway: InProcess, accept: str | None) -> None:
    answer = await gateway["research"].get(released(f"{path_of(MOVING)}/rendered"), accept)
    moving = Image.open(io.BytesIO(answer.body))
    assert (answer.headers["content-type"], count(moving), moving.info["duration"]) == ("image/gif", 5, 40)
    moving.seek(4)
    low, high = float(CLIP[2].min()), float(CLIP[2].max())  # the window of the frame in the middle
    expected = np.clip((CLIP[4].astype(float) - low) / (high - low), 0, 1) * 255
    assert_alike(np.asarray(moving.convert("L")), np.rint(expected).astype(np.uint8), 2)


async def test_several_frames_are_a_clip(gateway: InProcess) -> None:
    answer = await gateway["research"].get(released(f"{path_of(MOVING)}/rendered"), "video/mp4")
    assert (answer.status, answer.headers["content-type"], answer.body[4:8]) == (200, "video/mp4", b"ftyp")


async def test_as_one_image_they_are_shown_by_the_middle_one(gateway: InProcess) -> None:
    assert_alike(await png(gateway, f"{path_of(MOVING)}/rendered"), stretched(CLIP[2]))


@pytest.mark.parametrize("number", [1, 2, 5])
async def test_a_frame_is_rendered_by_its_number(gateway: InProcess, number: int) -> None:
    picture = await png(gateway, f"{path_of(MOVING)}/frames/{number}/rendered")
    assert_alike(picture, stretched(CLIP[number - 1]))


async def test_a_list_of_frames_comes_in_its_order(gateway: InProcess) -> None:
    answer = await gateway["research"].get(
        released(f"{path_of(MOVING)}/frames/4,2/rendered"), 'multipart/related; type="image/png"'
    )
    assert [kind for kind, _ in answer.parts()] == ["image/png"] * 2
    for (_, body), frame in zip(answer.parts(), (CLIP[3], CLIP[1]), strict=True):
        assert_alike(opened(body), stretched(frame))


async def test_a_study_comes_as_parts_each_with_its_place(gateway: InProcess) -> None:
    answer = await gateway["research"].get(released(f"{PATHS['series']}/rendered"), None)
    assert answer.headers["content-type"].startswith('multipart/related; type="image/jpeg"; boundary=')
    parts = answer.parts()
    assert [kind for kind, _ in parts] == ["image/jpeg"] * 11  # five frames, six images; the report shows nothing
    locations = [line for line in answer.body.split(b"\r\n") if line.startswith(b"Content-Location: ")]
    base = "http://gateway.example:8042/worklists/research/dicom-web"
    assert locations[1].decode() == f"Content-Location: {base}{released(path_of(MOVING))}/frames/1/rendered"
    for location, (_, body) in zip(locations, parts, strict=True):
        again = await gateway.ask(location.decode().removeprefix("Content-Location: "), "image/jpeg")
        assert again.body == body
    whole = await gateway["research"].get(released(f"{PATHS['study']}/rendered"), 'multipart/related; type="image/gif"')
    assert len(whole.parts()) == 12 + len(SEEN)


@pytest.mark.parametrize("level", ["study", "series"])
async def test_a_study_as_one_image_is_one_in_its_middle(gateway: InProcess, level: str) -> None:
    assert (await png(gateway, f"{PATHS[level]}/rendered")).shape[:2] == (48, 64)


@pytest.mark.parametrize("accept", [None, "image/gif", "video/mp4"])
async def test_an_animation_shows_a_frame_once(gateway: InProcess, accept: str | None) -> None:
    answer = await gateway["research"].get(released(f"{path_of(MOVING)}/frames/1,2,1/rendered"), accept)
    assert (answer.status, answer.json["detail"]) == (400, "frames: an animation shows each frame once")
    parts = 'multipart/related; type="image/png"'
    answer = await gateway["research"].get(released(f"{path_of(MOVING)}/frames/1,2,1/rendered"), parts)
    assert len(answer.parts()) == 3


# Thumbnails


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize(
    ("query", "size"), [("", (128, 96)), ("?viewport=32,32", (32, 24)), ("?viewport=300%2C12", (16, 12))]
)
async def test_thumbnails_fit_their_viewport(gateway: InProcess, path: str, query: str, size: tuple[int, int]) -> None:
    answer = await gateway["research"].get(released(f"{path}/thumbnail{query}"), "*/*")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(answer.body)).size == size


# Refusals


@pytest.mark.parametrize(
    "query",
    ["viewport=0,0", "viewport=1", "window=1,2", "window=1,2,cubic", "quality=0", "quality=high", "iccprofile=cmyk",
     "annotation=everything"],
)  # fmt: skip
async def test_a_bad_value_is_refused_by_the_name_of_its_parameter(gateway: InProcess, query: str) -> None:
    for path in PATHS.values():
        answer = await gateway["research"].get(released(f"{path}/rendered?{query}"), None)
        assert answer.status == 400
        assert answer.json["detail"].startswith(query.partition("=")[0])


@pytest.mark.parametrize("resource", ["rendered", "thumbnail"])
async def test_everything_outside_is_one_404(gateway: InProcess, resource: str) -> None:
    unknown = (await gateway["research"].get(f"/studies/{UNKNOWN}/{resource}", None)).said
    assert b"404" in unknown[:4]
    paths = [
        *PATHS.values(),
        released(path_of(GREY)).replace(released(STUDY), UNKNOWN),
        released(path_of(99)),
        released(f"{path_of(GREY)}/frames/2"),
        released(f"{path_of(MOVING)}/frames/6"),
        released(f"{path_of(MOVING)}/frames/2147483647"),
    ]
    for path in paths:
        assert (await gateway["research"].get(f"{path}/{resource}", None)).said == unknown
    for path in PATHS.values():
        assert (await gateway["search-only"].get(f"{released(path)}/{resource}", None)).said == unknown


async def test_an_instance_that_the_profile_refuses_is_not_there(gateway: InProcess) -> None:
    for resource in ("rendered", "thumbnail", "frames/1/rendered", "frames/1/thumbnail"):
        for worklist, number in (("strict", REPORT), ("masked", BURNED), ("masked", PALETTE)):
            path = released(f"{path_of(number)}/{resource}", worklist)
            assert (await gateway[worklist].get(path, None)).status == 404
        assert (await gateway["masked"].get(released(f"{path_of(PLAIN)}/{resource}", "masked"), None)).status == 200
    parts = (await gateway["masked"].get(released(f"{PATHS['series']}/rendered", "masked"), None)).parts()
    assert len(parts) == 1
    for series in (9, 10):  # one that says so itself, and one whose kind often has text in it
        path = released(f"/studies/{STUDY}/series/{STUDY}.{series}", "masked")
        for resource in ("rendered", "rendered?accept=image/jpeg", "thumbnail"):
            assert (await gateway["masked"].get(f"{path}/{resource}", None)).status == 404, resource


async def test_pixels_that_cannot_be_shown_are_not_acceptable(tmp_path: Path) -> None:
    broken = encapsulated(image(ramp(), 1), "1.2.840.10008.1.2.4.90", [b"\xff\x4f\xff\x51" + b"\x77" * 300])
    files = folder_of(tmp_path / "files", broken, image(ramp(), 2))
    async with in_process(tmp_path / "gateway", {"files": files}, {"research": {}}) as running:
        answer = await running["research"].get(released(f"{path_of(1)}/rendered"), None)
        assert (answer.status, answer.json["detail"]) == (406, "the pixel data of this object cannot be shown")
        answer = await running["research"].get(released(f"/studies/{STUDY}/rendered"), None)
        assert (answer.status, len(answer.parts())) == (206, 1)


# Nothing else leaves


async def test_no_answer_names_the_patient_or_the_source(gateway: InProcess) -> None:
    paths = [f"{path}/{resource}" for path in PATHS.values() for resource in ("rendered", "thumbnail")]
    paths += [f"{path_of(JPEG)}/rendered?annotation=patient,technique&iccprofile=yes", f"{path_of(REPORT)}/rendered"]
    paths += [f"{path_of(MOVING)}/frames/1,2/rendered"]
    for path in paths:
        for accept in (*IMAGES, "video/mp4", 'multipart/related; type="image/*"', "*/*", "text/html"):
            answer = await gateway["research"].get(released(path), accept)
            assert CANARY.encode() not in answer.said
            assert STUDY.encode() not in answer.said
            assert b"Exif" not in answer.said


async def test_annotations_change_nothing(gateway: InProcess) -> None:
    plain = await png(gateway, f"{path_of(GREY)}/rendered")
    assert_alike(await png(gateway, f"{path_of(GREY)}/rendered?annotation=patient,technique"), plain, 0)


async def test_metadata_inside_a_frame_do_not_survive_but_its_colours_do(gateway: InProcess) -> None:
    stored = in_jpeg(image(coloured()), comment=CANARY.encode())
    reference = Image.open(io.BytesIO(get_frame(stored.PixelData, 0, number_of_frames=1)))
    assert_alike(await png(gateway, f"{path_of(JPEG)}/rendered"), np.asarray(reference), 2)


ROW = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1")
SAMPLES = ramp(low=0, high=255).astype(np.uint8)


def described(**more: Any) -> list[dict[str, Any]]:
    """Describe an image of eight bits."""
    values = {"00280002": 1, "00280010": 48, "00280011": 64, "00280100": 8, "00280101": 8, "00280102": 7, "00280103": 0}
    found = {tag: {"vr": "US", "Value": [value]} for tag, value in values.items()}
    return [ROW.json(**found | {"00280004": {"vr": "CS", "Value": ["MONOCHROME2"]}} | _tags(more))]


def _tags(more: dict[str, Any]) -> dict[str, Any]:
    return {tag.removeprefix("_"): element for tag, element in more.items()}


def archive_of(frame: Reply, **more: Any) -> Archive:
    """Make an archive of one image whose frame is a scripted reply."""
    replies = {f"{ROW.path}/metadata": json_reply(described(**more)), f"{ROW.path}/frames/1": frame}
    return Archive([ROW], replies)


async def test_the_origin_is_never_asked_for_its_own_rendering(tmp_path: Path) -> None:
    archive = archive_of(multipart_reply([SAMPLES.tobytes()], "application/octet-stream"))
    async with over(archive, tmp_path) as running:
        for path in (ROW.path, f"/studies/{ROW.study}", f"{ROW.path}/frames/1"):
            for resource in ("rendered", "thumbnail"):
                answer = await running["research"].get(released(f"{path}/{resource}?annotation=patient"), "image/png")
                assert answer.status == 200, answer.body
    assert {asked.path.rpartition("/")[2] for asked in archive.asked} <= {
        "studies", "series", "instances", "metadata", "1",
    }  # fmt: skip
    assert not [asked for asked in archive.asked if "annotation" in asked.raw_query or "viewport" in asked.raw_query]


async def test_frames_are_asked_for_as_stored_and_uncompressed_only_where_there_is_no_decoder(tmp_path: Path) -> None:
    accepts: list[str] = []

    async def frames(connection: Connection, asked: Asked) -> None:
        accepts.append(asked.accept)
        if "transfer-syntax=*" in asked.accept:
            answer = multipart_reply([b"strange"], "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.999")
            await answer(connection, asked)
        else:
            await multipart_reply([SAMPLES.tobytes()], "application/octet-stream")(connection, asked)

    async with over(archive_of(frames), tmp_path) as running:
        answer = await running["research"].get(released(f"{ROW.path}/rendered"), "image/png")
    assert_alike(opened(answer.body), stretched(SAMPLES))
    assert [("transfer-syntax=*" in one) for one in accepts] == [True, False]


@pytest.mark.parametrize(
    ("parts", "status"),
    [([], 502), ([SAMPLES.tobytes()] * 2, 502), ([SAMPLES.tobytes()[:-9]], 406), ([bytes(1 << 20)], 406)],
)
async def test_frames_that_are_not_what_was_asked_for_are_not_shown(
    tmp_path: Path, parts: list[bytes], status: int
) -> None:
    async with over(archive_of(multipart_reply(parts, "application/octet-stream")), tmp_path) as running:
        assert (await running["research"].get(released(f"{ROW.path}/rendered"), None)).status == status


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "500 Internal Server Error"])
async def test_an_object_whose_frames_the_origin_does_not_give_is_left_out(tmp_path: Path, status: str) -> None:
    two = Row(ROW.study, ROW.series, "1.2.3.1.1.2")
    good = multipart_reply([SAMPLES.tobytes()], "application/octet-stream")
    archive = archive_of(good)
    archive.rows.append(two)
    archive.replies[f"{two.path}/frames/1"] = reply(b"SMITH^ANN has no frames", status)
    archive.replies[f"{two.path}/metadata"] = json_reply([described()[0] | two.json()])
    async with over(archive, tmp_path) as running:
        assert (await running["research"].get(released(f"{two.path}/rendered"), None)).status == 406
        answer = await running["research"].get(released(f"/studies/{ROW.study}/rendered"), None)
        assert (answer.whole, len(answer.parts())) == (True, 1)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"00280008": {"vr": "IS", "Value": [0]}}, 502),
        ({"00280010": {"vr": "US", "Value": ["48"]}}, 406),
        ({"0020000D": {"vr": "UI", "Value": ["1.2.3.9"]}}, 502),
        ({"00080018": {"vr": "UI", "Value": ["1.2.3.9"]}}, 502),
    ],
)
async def test_metadata_that_cannot_be_are_refused(tmp_path: Path, more: dict[str, Any], status: int) -> None:
    frame = multipart_reply([SAMPLES.tobytes()], "application/octet-stream")
    one = described()[0] | more
    archive = Archive([ROW], {f"{ROW.path}/metadata": json_reply([one]), f"{ROW.path}/frames/1": frame})
    async with over(archive, tmp_path) as running:
        assert (await running["research"].get(released(f"{ROW.path}/rendered"), None)).status == status


async def test_an_image_that_is_too_large_is_not_fetched(tmp_path: Path) -> None:
    archive = archive_of(reply(b""), _00280010={"vr": "US", "Value": [65535]}, _00280011={"vr": "US", "Value": [65535]})
    async with over(archive, tmp_path) as running:
        answer = await running["research"].get(released(f"{ROW.path}/rendered"), None)
    assert (answer.status, answer.json["detail"]) == (406, "the image is too large to be rendered")
    assert not archive.count(f"{ROW.path}/frames/1")


@pytest.mark.parametrize(
    ("frames", "query"),
    [(16_000_000, "?viewport=1,1"), (10, "?viewport=8192,8192"), (90_000, "")],
)
async def test_an_animation_that_is_too_large_is_not_fetched(tmp_path: Path, frames: int, query: str) -> None:
    archive = archive_of(reply(b""), _00280008={"vr": "IS", "Value": [frames]})
    async with over(archive, tmp_path) as running:
        answer = await running["research"].get(released(f"{ROW.path}/rendered{query}"), "image/gif")
    assert (answer.status, answer.json["detail"]) == (406, "the animation is too large: ask for less of it")
    assert not [asked for asked in archive.asked if "/frames/" in asked.path]


async def test_who_waits_for_a_turn_holds_no_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    go_on, fetched = asyncio.Event(), asyncio.Semaphore(0)

    async def slowly(connection: Connection, asked: Asked) -> None:
        fetched.release()
        await go_on.wait()
        await multipart_reply([SAMPLES.tobytes()], "application/octet-stream")(connection, asked)

    archive = archive_of(slowly)
    async with over(archive, tmp_path) as running:
        asked = [
            asyncio.create_task(running["research"].get(released(f"{ROW.path}/thumbnail"), None)) for _ in range(12)
        ]
        for _ in range(2 + AHEAD):
            await fetched.acquire()
        await asyncio.sleep(0.3)
        assert fetched.locked()
        go_on.set()
        assert [answer.status for answer in await asyncio.gather(*asked)] == [200] * 12


async def test_a_table_outside_of_the_study_is_not_fetched(tmp_path: Path) -> None:
    tables = {
        f"0028120{n}": {"vr": "OW", "BulkDataURI": "http://elsewhere.example/studies/9.9/bulk"} for n in (1, 2, 3)
    }
    async with over(archive_of(reply(b""), **tables), tmp_path) as running:
        assert (await running["research"].get(released(f"{ROW.path}/rendered"), None)).status == 502


async def test_an_archive_with_one_connection_is_enough(tmp_path: Path) -> None:
    archive = archive_of(multipart_reply([SAMPLES.tobytes()], "application/octet-stream"))
    async with over(archive, tmp_path) as running:
        service = running["research"]
        asked = [service.get(released(f"/studies/{ROW.study}/rendered"), None) for _ in range(3)]
        assert [answer.status for answer in await asyncio.gather(*asked)] == [200] * 3
