"""Frames that must be masked: whatever an origin answers, what leaves is masked or nothing leaves."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.kit.archive import Archive, Asked, Reply, Row, json_reply, multipart_reply, reply
from tests.kit.inprocess import InProcess, links, over, released
from tests.kit.scripted_server import Connection

ROWS, COLUMNS, BANNER = 16, 24, 8
ULTRASOUND, CAPTURE = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.7"
ONE: Final = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1", modality="US", sop_class=ULTRASOUND)
OTHER: Final = replace(ONE, instance="1.2.3.1.1.2", sop_class=CAPTURE, modality="OT")
PROFILE: Final = {"research": {"profile": "clean-pixel-data"}}
OCTETS, NATIVE, JPEG = "application/octet-stream", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"
PARTS: Final = f'multipart/related; type="{OCTETS}"'
AS_STORED: Final = f"{PARTS}; transfer-syntax=*"
Samples = NDArray[np.uint8]


def numbers(tag: str, value: int) -> dict[str, dict[str, Any]]:
    return {tag: {"vr": "US", "Value": [value]}}


def described(one: Row = ONE, *, frames: int = 1, photometric: str = "MONOCHROME2", **more: Any) -> dict[str, Any]:
    """Describe an object that keeps the lower half of its frames."""
    samples = 1 if photometric in ("MONOCHROME2", "PALETTE COLOR") else 3
    corners = {"00186018": 0, "0018601A": BANNER, "0018601C": COLUMNS - 1, "0018601E": ROWS - 1}
    region = {tag: {"vr": "UL", "Value": [value]} for tag, value in corners.items()}
    return (
        one.json(_7FE00010={"vr": "OW", "BulkDataURI": f"{one.path}/bulk/7fe00010"}, **more)
        | {"00280004": {"vr": "CS", "Value": [photometric]}, "00280008": {"vr": "IS", "Value": [frames]}}
        | {"00186011": {"vr": "SQ", "Value": [region]}}
        | numbers("00280002", samples) | numbers("00280006", 0) | numbers("00280010", ROWS)
        | numbers("00280011", COLUMNS) | numbers("00280100", 8) | numbers("00280101", 8) | numbers("00280103", 0)
    )  # fmt: skip


def drawn(seed: int = 1, samples: int = 1) -> Samples:
    shape = (ROWS, COLUMNS) if samples == 1 else (ROWS, COLUMNS, samples)
    return np.random.default_rng(seed).integers(1, 256, shape).astype(np.uint8)


def octets(*frames: Samples, syntax: str = NATIVE) -> Reply:
    return multipart_reply([one.tobytes() for one in frames], f"{OCTETS}; transfer-syntax={syntax}")


def archive(metadata: dict[str, Any], **replies: Reply) -> Archive:
    """Give an archive of one object; a reply's name is what it is below the instance."""
    below = {f"{ONE.path}/{name.replace('_', '/').replace('and', ',')}": one for name, one in replies.items()}
    return Archive([ONE], {f"{ONE.path}/metadata": json_reply([metadata]), **below})


async def frame(gateway: InProcess, listed: str = "1", accept: str = PARTS) -> tuple[int, list[Samples], bytes]:
    answer = await gateway["research"].get(released(f"{ONE.path}/frames/{listed}"), accept)
    bodies = [body for _, body in answer.parts()] if answer.status == 200 else []
    return answer.status, [np.frombuffer(body, np.uint8) for body in bodies], answer.body


def assert_masked(shown: Samples, source: Samples, fill: tuple[int, ...] = (0,)) -> None:
    shown, source = shown.reshape(ROWS, COLUMNS, -1), source.reshape(ROWS, COLUMNS, -1)
    assert (shown[:BANNER] == fill).all()
    assert (shown[BANNER:] == source[BANNER:]).all()


async def test_an_instance_is_looked_up_once_however_many_frames_are_asked_for_at_once(tmp_path: Path) -> None:
    frames = {f"frames_{number}": octets(drawn(number)) for number in range(1, 9)}
    origin = archive(described(frames=8), **frames)
    async with over(origin, tmp_path, PROFILE) as gateway:
        found = await asyncio.gather(*(frame(gateway, str(number)) for number in range(1, 9)))
        found += await asyncio.gather(*(frame(gateway, str(number)) for number in range(1, 9)))
    assert [status for status, _, _ in found] == [200] * 16
    for number, (_, shown, _) in enumerate(found):
        assert_masked(shown[0], drawn(number % 8 + 1))
    assert origin.count(f"{ONE.path}/metadata") == 1


@pytest.mark.parametrize("short", [-COLUMNS, -1, 2, COLUMNS])
async def test_octets_of_another_size_do_not_leave(short: int, tmp_path: Path) -> None:
    source = drawn().tobytes()
    source = source[:short] if short < 0 else source + source[:short]
    origin = archive(described(), frames_1=multipart_reply([source], f"{OCTETS}; transfer-syntax={NATIVE}"))
    async with over(origin, tmp_path, PROFILE) as gateway:
        status, _, body = await frame(gateway)
    assert status == 502
    assert not any(source[at : at + 8] in body for at in range(len(source) - 8))


@pytest.mark.parametrize("syntax", [NATIVE, ""])
async def test_a_codestream_that_is_called_uncompressed_is_masked_as_what_it_is(syntax: str, tmp_path: Path) -> None:
    stored = bytes(imagecodecs.jpeg8_encode(drawn(), level=100))
    named = f"{OCTETS}; transfer-syntax={syntax}" if syntax else OCTETS
    async with over(archive(described(), frames_1=multipart_reply([stored], named)), tmp_path, PROFILE) as gateway:
        status, (shown,), body = await frame(gateway)
    assert status == 200
    found = imagecodecs.jpeg8_decode(shown.tobytes())
    assert (found[:BANNER] == found[0, 0]).all()
    assert (found[BANNER:] == imagecodecs.jpeg8_decode(stored)[BANNER:]).all()
    assert stored[-200:-100] not in body or (found[:BANNER] == found[0, 0]).all()


async def test_a_frame_that_cannot_be_decoded_does_not_leave(tmp_path: Path) -> None:
    stored = bytes(imagecodecs.jpeg8_encode(drawn(), level=100))
    for broken in (stored[:100], b"\xff\xd8\xff\xe0" + bytes(100), drawn().tobytes()):
        origin = archive(described(), frames_1=multipart_reply([broken], f"image/jpeg; transfer-syntax={JPEG}"))
        async with over(origin, tmp_path, PROFILE) as gateway:
            assert (await frame(gateway))[0] == 502


def by_accept(stored: Reply, plain: Reply | None) -> Reply:
    """Answer as stored where that is asked for, else uncompressed or not at all."""

    async def answer(connection: Connection, asked: Asked) -> None:
        as_stored = "transfer-syntax" in asked.accept or "octet-stream" not in asked.accept
        await (stored if as_stored else plain or reply(b"", "406 Not Acceptable"))(connection, asked)

    return answer


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.53"])
async def test_what_no_codec_writes_comes_uncompressed_or_not_at_all(syntax: str, tmp_path: Path) -> None:
    kind = "video/mp4" if syntax.endswith("102") else "image/jpx" if syntax.endswith("92") else "image/jpeg"
    stored = multipart_reply([b"\xff\x4f\xff\x51" + drawn().tobytes()], f"{kind}; transfer-syntax={syntax}")
    origin = archive(described(frames=2), frames_1=by_accept(stored, octets(drawn())), frames_2=by_accept(stored, None))
    async with over(origin, tmp_path, PROFILE) as gateway:
        status, (shown,), _ = await frame(gateway, accept=AS_STORED)
        assert status == 200
        assert_masked(shown, drawn())
        assert (await frame(gateway, "1", f'multipart/related; type="{kind}"'))[0] == 406
        assert (await frame(gateway, "2", AS_STORED))[0] == 406


async def test_big_endian_samples_are_masked_and_bytes_that_may_be_swapped_do_not_leave(tmp_path: Path) -> None:
    big = "1.2.840.10008.1.2.2"
    words = drawn(samples=2).reshape(ROWS, COLUMNS * 2)
    metadata = described(frames=2) | numbers("00280100", 16) | numbers("00280101", 16)
    async with over(archive(metadata, frames_1=octets(words, syntax=big)), tmp_path, PROFILE) as gateway:
        status, (shown,), _ = await frame(gateway)
        assert status == 200
        assert_masked(shown, words, (0, 0))
    async with over(archive(described(), frames_1=octets(drawn(), syntax=big)), tmp_path, PROFILE) as gateway:
        assert (await frame(gateway))[0] == 502


async def test_frames_of_bits_that_do_not_end_with_a_byte_do_not_leave(tmp_path: Path) -> None:
    one_bit = numbers("00280100", 1) | numbers("00280101", 1)
    packed = np.packbits(drawn() & 1)
    for rows, frames, status in ((ROWS, 2, 200), (ROWS - 3, 1, 200), (ROWS - 3, 2, 502)):
        metadata = described(frames=frames) | one_bit | numbers("00280010", rows) | numbers("00280011", COLUMNS - 1)
        metadata["00186011"]["Value"][0]["0018601C"]["Value"] = [COLUMNS - 2]
        metadata["00186011"]["Value"][0]["0018601E"]["Value"] = [rows - 1]
        size = -(-rows * (COLUMNS - 1) // 8)
        async with over(archive(metadata, frames_1=octets(packed[:size])), tmp_path, PROFILE) as gateway:
            assert (await frame(gateway))[0] == status, (rows, frames)


async def test_an_overlay_inside_the_pixels_keeps_all_of_them_back(tmp_path: Path) -> None:
    metadata = described() | numbers("60000102", 8)
    async with over(archive(metadata, frames_1=octets(drawn())), tmp_path, PROFILE) as gateway:
        for below in ("frames/1", "pixeldata", "rendered", "metadata"):
            answer = await gateway["research"].get(released(f"{ONE.path}/{below}"))
            assert answer.status in (404, 502), below


def stored_as(origin: Archive, syntax: str) -> Archive:
    """Let an archive say in which Transfer Syntax its object is stored."""
    listed = ONE.json(_00083002={"vr": "UI", "Value": [syntax]})
    origin.replies[ONE.path.rpartition("/")[0]] = json_reply([listed])
    return origin


async def test_colours_in_planes_are_asked_for_as_they_are_stored(tmp_path: Path) -> None:
    source = np.ascontiguousarray(np.moveaxis(drawn(samples=3), -1, 0))
    metadata = described(photometric="RGB") | numbers("00280006", 1)
    origin = archive(metadata, frames_1=by_accept(octets(source), octets(drawn(samples=3))))
    async with over(stored_as(origin, NATIVE), tmp_path, PROFILE) as gateway:
        status, (shown,), _ = await frame(gateway)
    assert status == 200
    assert_masked(np.moveaxis(shown.reshape(3, ROWS, COLUMNS), 0, -1), np.moveaxis(source, 0, -1), (0, 0, 0))


@pytest.mark.parametrize("syntax", ["", "1.2.840.10008.1.2.5"])
async def test_colours_that_an_origin_may_have_laid_out_anew_are_masked_either_way(syntax: str, tmp_path: Path) -> None:
    pixels = drawn(samples=3)
    metadata = described(photometric="RGB") | numbers("00280006", 1)
    for name, source in (("pixels", pixels), ("planes", np.ascontiguousarray(np.moveaxis(pixels, -1, 0)))):
        (tmp_path / name).mkdir()
        origin = archive(metadata, frames_1=octets(source))
        if syntax:
            stored_as(origin, syntax)
        async with over(origin, tmp_path / name, PROFILE) as gateway:
            _, (shown,), _ = await frame(gateway)
            picture = await gateway["research"].get(released(f"{ONE.path}/rendered"), "image/png")
        laid_out = shown.reshape(source.shape)
        banner = laid_out[:BANNER] if source is pixels else laid_out[:, :BANNER]
        assert not banner.any()
        assert shown.any()
        assert not np.asarray(imagecodecs.png_decode(picture.body))[:BANNER].any()


async def test_what_an_origin_decompressed_is_masked_as_what_it_became(tmp_path: Path) -> None:
    source = drawn(samples=3)
    origin = archive(described(photometric="YBR_FULL_422"), frames_1=octets(source))
    async with over(origin, tmp_path, PROFILE) as gateway:
        status, (shown,), _ = await frame(gateway)
    assert status == 200
    assert_masked(shown, source, (0, 0, 0))


async def test_a_palette_is_masked_with_its_darkest_colour(tmp_path: Path) -> None:
    table = np.roll(np.arange(256, dtype="<u2"), 77).tobytes()
    places = {f"_0028120{n}": f"{ONE.path}/bulk/0028120{n}" for n in (1, 2, 3)}
    tables = {tag: {"vr": "OW", "BulkDataURI": place} for tag, place in places.items()}
    descriptors = {f"_0028110{n}": {"vr": "US", "Value": [256, 0, 16]} for n in (1, 2, 3)}
    more: dict[str, Any] = {**tables, **descriptors}
    origin = archive(described(photometric="PALETTE COLOR", **more), frames_1=octets(drawn()))
    origin.replies |= {f"{ONE.path}/bulk/0028120{n}": multipart_reply([table], OCTETS) for n in (1, 2, 3)}
    async with over(origin, tmp_path, PROFILE) as gateway:
        for _ in range(2):
            status, (shown,), _ = await frame(gateway)
            assert status == 200
            assert_masked(shown, drawn(), (77,))
    assert origin.count(f"{ONE.path}/bulk/00281201") == 1


async def test_pixel_data_are_made_of_masked_frames(tmp_path: Path) -> None:
    frames = [drawn(number) for number in (1, 2, 3)]
    origin = archive(
        described(frames=3), frames_1and2and3=octets(*frames), bulk_7fe00010=octets(np.concatenate(frames))
    )
    async with over(origin, tmp_path, PROFILE) as gateway:
        place = released(ONE.path)
        (link,) = links((await gateway["research"].get(f"{place}/metadata")).json)
        for answer in (
            await gateway.ask(link, PARTS),
            await gateway["research"].get(f"{place}/pixeldata", PARTS),
            await gateway["research"].get(f"{place}/bulkdata", PARTS),
        ):
            ((_, body),) = answer.parts()
            for source, shown in zip(frames, np.frombuffer(body, np.uint8).reshape(3, -1), strict=True):
                assert_masked(shown, source)
        alone = await gateway.ask(link, OCTETS)
        assert_masked(np.frombuffer(alone.body, np.uint8)[: ROWS * COLUMNS], frames[0])
    assert origin.count(f"{ONE.path}/bulk/7fe00010") == 0


async def test_frames_that_are_too_few_break_off(tmp_path: Path) -> None:
    origin = archive(described(frames=3), frames_1and2and3=octets(drawn(1), drawn(2)))
    async with over(origin, tmp_path, PROFILE) as gateway:
        answer = await gateway["research"].get(released(ONE.path) + "/pixeldata", PARTS)
    assert answer.status == 502 or not answer.whole


async def test_what_no_rule_knows_is_left_out_and_said_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "dicomveil.masks")
    known, unknown = described(), described(OTHER)
    unknown["00080070"] = {"vr": "LO", "Value": ["Acme"]}
    del unknown["00186011"]
    series = ONE.path.rpartition("/instances")[0]
    origin = Archive(
        [ONE, OTHER],
        {
            f"{series}/metadata": json_reply([unknown, known]),
            f"{ONE.path}/metadata": json_reply([known]),
            f"{OTHER.path}/metadata": json_reply([unknown]),
            f"{ONE.path}/frames/1": octets(drawn()),
            f"{OTHER.path}/frames/1": octets(drawn()),
        },
    )
    async with over(origin, tmp_path, PROFILE) as gateway:
        for below in ("metadata", "pixeldata", "bulkdata"):
            answer = await gateway["research"].get(released(f"{series}/{below}"))
            assert answer.status == 206, below
            assert json.dumps(released(OTHER.instance)).encode() not in answer.body
        for below in ("metadata", "frames/1", "pixeldata", "bulkdata", "rendered", "thumbnail", "frames/1/rendered"):
            answer = await gateway["research"].get(released(f"{OTHER.path}/{below}"))
            assert answer.status == 404, below
    assert origin.count(f"{OTHER.path}/frames/1") == 0
    assert "Acme" in caplog.text
    for secret in ("SMITH", "PAT-4711", OTHER.instance, OTHER.study):
        assert secret not in caplog.text


@pytest.fixture
def vouched(tmp_path: Path) -> dict[str, Any]:
    """Give settings with a profile that calls the devices of Acme clean."""
    folder = tmp_path / "profiles"
    (folder / "masks").mkdir(parents=True)
    rule = "{name: acme, when: {Manufacturer: {equals: Acme}}, clean: true}"
    (folder / "masks" / "ours.yaml").write_text(f"name: ours\nrules:\n  - {rule}\n")
    (folder / "p.yaml").write_text("name: p\nbased_on: clean-pixel-data\napply_masks: true\nmasks: [ours]\n")
    return {"worklists": {"research": {"profile": "p"}}, "profiles": str(folder)}


def clean(frames: int = 1, **more: Any) -> dict[str, Any]:
    metadata = described(frames=frames, _00080070={"vr": "LO", "Value": ["Acme"]}, **more)
    del metadata["00186011"]
    return metadata


async def test_of_an_object_that_is_said_to_be_clean_no_frame_leaves_that_it_does_not_describe(
    tmp_path: Path, vouched: dict[str, Any]
) -> None:
    frames = [drawn(number) for number in (1, 2)]
    whole = octets(np.concatenate(frames))
    origin = archive(clean(), frames_1=octets(frames[0]), frames_2=octets(frames[1]), bulk_7fe00010=whole)
    async with over(origin, tmp_path, **vouched) as gateway:
        place = released(ONE.path)
        (link,) = links((await gateway["research"].get(f"{place}/metadata")).json)
        assert (await frame(gateway))[0] == 200
        for listed in ("2", "1,2"):
            assert (await frame(gateway, listed))[0] == 404
        for answer in (
            await gateway.ask(link, PARTS),
            await gateway["research"].get(f"{place}/pixeldata", PARTS),
            await gateway["research"].get(f"{place}/bulkdata", PARTS),
        ):
            ((_, body),) = answer.parts()
            assert body == frames[0].tobytes()


@pytest.mark.parametrize("below", ["frames/1", "pixeldata", "bulkdata"])
async def test_octets_of_another_size_are_not_what_was_said_to_be_clean(
    below: str, tmp_path: Path, vouched: dict[str, Any]
) -> None:
    double = np.concatenate([drawn(1), drawn(2)])
    origin = archive(clean(), frames_1=octets(double), bulk_7fe00010=octets(double))
    async with over(origin, tmp_path, **vouched) as gateway:
        answer = await gateway["research"].get(released(f"{ONE.path}/{below}"), PARTS)
    assert answer.status == 502
    assert drawn(2).tobytes() not in answer.body


async def test_a_compressed_frame_that_is_said_to_be_clean_leaves_as_it_is(
    tmp_path: Path, vouched: dict[str, Any]
) -> None:
    stored = [bytes(imagecodecs.jpeg8_encode(drawn(number), level=100)) for number in (1, 2)]
    compressed = multipart_reply(stored, f"image/jpeg; transfer-syntax={JPEG}")
    origin = archive(clean(2), frames_1and2=compressed, frames_1=multipart_reply(stored[:1], "image/jpeg"))
    async with over(origin, tmp_path, **vouched) as gateway:
        for below, expected in (("frames/1,2", stored), ("pixeldata", stored), ("frames/1", stored[:1])):
            answer = await gateway["research"].get(released(f"{ONE.path}/{below}"), AS_STORED)
            assert [body for _, body in answer.parts()] == expected, below


async def test_an_object_with_pixel_data_of_two_kinds_does_not_leave(tmp_path: Path) -> None:
    metadata = described(_7FE00008={"vr": "OF", "BulkDataURI": f"{ONE.path}/bulk/7fe00008"})
    origin = archive(metadata, frames_1=octets(drawn()), bulk_7fe00010=octets(drawn()), bulk_7fe00008=octets(drawn()))
    async with over(origin, tmp_path, PROFILE) as gateway:
        for below in ("metadata", "frames/1", "pixeldata", "bulkdata", "rendered"):
            answer = await gateway["research"].get(released(f"{ONE.path}/{below}"))
            assert answer.status == 502, below


async def test_metadata_of_a_series_do_not_decide_about_pixels(tmp_path: Path) -> None:
    own = described()
    del own["00186011"]
    series = ONE.path.rpartition("/instances")[0]
    origin = archive(own, frames_1=octets(drawn()), bulk_7fe00010=octets(drawn()))
    origin.replies[f"{series}/metadata"] = json_reply([described()])
    async with over(origin, tmp_path, PROFILE) as gateway:
        for below in ("pixeldata", "bulkdata"):
            assert (await gateway["research"].get(released(f"{series}/{below}"), PARTS)).status == 404, below


async def test_no_search_says_of_text_in_pixels_what_masks_decide_later(tmp_path: Path) -> None:
    series = ONE.path.rpartition("/instances")[0]
    origin = archive(described())
    origin.replies[f"{series}/instances"] = json_reply([ONE.json(_00280301={"vr": "CS", "Value": ["YES"]})])
    place = released(f"{series}/instances")
    for profile, there in (("clean-pixel-data", False), ("nominal", True)):
        (tmp_path / profile).mkdir()
        async with over(origin, tmp_path / profile, {"research": {"profile": profile}}) as gateway:
            (found,) = (await gateway["research"].get(f"{place}?includefield=BurnedInAnnotation")).json
            matches = await gateway["research"].get(f"{place}?BurnedInAnnotation=YES")
        assert ("00280301" in found) == there
        assert (matches.status == 200 and bool(matches.json)) == there
