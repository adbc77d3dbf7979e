"""A name in any place of compressed pixel data leaves through no door: Part 10 objects, frames, bulk data."""

from pathlib import Path
from typing import Final

import pytest

from gateway.core.errors import MalformedInput, RefusedByProfile
from gateway.core.profile.parse import parse_profile
from gateway.core.rewrite.engine import Engine
from tests.kit.archive import Archive, Asked, Row, json_reply, multipart_reply
from tests.kit.codestreams import AVC, H264, ICC, JPEG, JPEG_LS, MPEG2, PLACES, TEXT, Planted, jpeg, mp4, segment, sized
from tests.kit.encode import EXPLICIT, PIXEL_DATA, Element, part10
from tests.kit.engine import KEYS, nominal, profile, rewrite
from tests.kit.inprocess import links, over, released
from tests.kit.profiles import SHIPPED, engine
from tests.kit.scripted_server import Connection
from tests.kit.splits import splits

SECONDARY_CAPTURE = b"1.2.840.10008.5.1.4.1.1.7"
ONE = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1")
TEXTS: Final = (TEXT, TEXT.decode().encode("utf-16-le"))
COMMENT, SPACES = segment(0xFE, TEXT), segment(0xFE, b" " * len(TEXT))

MEDIA_TYPES: Final = {
    "JPEG 2000": "image/jp2",
    "JPEG-LS": "image/jls",
    "JPEG XL": "image/jxl",
    "JPEG": "image/jpeg",
    "JP2": "image/jp2",
    "RLE": "image/dicom-rle",
    "MPEG-2": "video/mpeg",
    "program stream": "video/mpeg",
    "transport stream": "video/mp4",
    "H.264": "video/mp4",
    "H.265": "video/h265",
    "MP4 H.265": "video/h265",
    "MP4": "video/mp4",
}


def media_type(place: str) -> str:
    return MEDIA_TYPES[max((name for name in MEDIA_TYPES if place.startswith(name)), key=len)]


def leaks(out: bytes) -> bool:
    return any(text[at : at + 8] in out for text in TEXTS for at in range(len(text) - 7))


def instance(*frames: bytes, syntax: str = JPEG, elements: tuple[Element, ...] = ()) -> bytes:
    """Write an object with these fragments."""
    known = (
        Element(0x00080016, "UI", SECONDARY_CAPTURE),
        Element(0x00080018, "UI", b"1.2.3.1.1.1"),
        Element(0x00080060, "CS", b"OT"),
        Element(0x00100020, "LO", b"P1"),
        Element(0x0020000D, "UI", b"1.2.3.1"),
        Element(0x0020000E, "UI", b"1.2.3.1.1"),
        Element(PIXEL_DATA, "OB", list(frames), undefined=True),
    )
    return part10([*known, *elements], syntax)


WITHOUT_ICC: Final = {place: planted for place, planted in PLACES.items() if not place.endswith("ICC")}
"""Colour profiles stay inside frames where the profile keeps their attribute, as ``nominal`` does."""


@pytest.mark.parametrize("place", WITHOUT_ICC)
def test_no_name_leaves_in_a_part_10_object(place: str) -> None:
    planted = PLACES[place]
    out = rewrite(nominal(), [instance(planted.data, syntax=planted.syntax)])
    assert not leaks(out)
    assert len(planted.data) + len(planted.data) % 2 == len(pixels(out))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_profile_cleans_codestreams(name: str) -> None:
    try:
        out = rewrite(engine(name), [instance(jpeg(COMMENT), jpeg(COMMENT))])
    except RefusedByProfile:
        return
    assert out.count(SPACES) == 2
    assert not leaks(out)


def test_fragments_keep_their_lengths_and_offsets_however_they_arrive() -> None:
    frames = [jpeg(COMMENT), jpeg(COMMENT, COMMENT), jpeg()]
    clean = [frame.replace(COMMENT, SPACES) for frame in frames]
    before, after = instance(*frames), instance(*clean)
    expected = rewrite(nominal(), [after])
    for chunks in splits(before):
        assert rewrite(nominal(), chunks) == expected


@pytest.mark.parametrize(("details", "stays"), [("", True), ("attributes: {ICCProfile: {action: remove}}", False)])
def test_colour_profiles_follow_their_attribute(details: str, stays: bool) -> None:
    one = Engine(parse_profile(f"name: p\nbased_on: nominal\n{details}\n", "p.yaml", profile), KEYS)
    icc = segment(0xE2, ICC)
    assert (icc in rewrite(one, [instance(jpeg(icc))])) == stays
    frame = one.frame_cleaner("image/jpeg", "")
    assert frame
    assert (icc in bytes(frame.feed(jpeg(icc)))) == stays


def test_what_follows_pixel_data_is_rewritten_as_ever() -> None:
    after = Element(0xFFFAFFFA, "SQ", [])
    assert rewrite(nominal(), [instance(jpeg(), elements=(after,))]) == rewrite(nominal(), [instance(jpeg())])


@pytest.mark.parametrize("syntax", [EXPLICIT, "1.2.840.10008.1.2.1.99"])
def test_fragments_that_no_transfer_syntax_explains_are_malformed(syntax: str) -> None:
    with pytest.raises(MalformedInput):
        rewrite(nominal(), [instance(jpeg(COMMENT), syntax=syntax)])


def test_pixel_data_that_are_not_encapsulated_as_their_transfer_syntax_says_are_malformed() -> None:
    known = [Element(0x00080016, "UI", SECONDARY_CAPTURE), Element(0x00080018, "UI", b"1.2.3")]
    patient = [Element(0x00100020, "LO", b"P1"), Element(0x0020000D, "UI", b"1.2")]
    with pytest.raises(MalformedInput):
        rewrite(nominal(), [part10([*known, *patient, Element(PIXEL_DATA, "OB", jpeg(COMMENT))], JPEG)])
    rewrite(nominal(), [part10([*known, *patient, Element(PIXEL_DATA, "OB", b"")], JPEG)])


@pytest.mark.parametrize(
    ("syntax", "frame"), [(JPEG, TEXT), (MPEG2, TEXT), (H264, mp4(sized(*AVC) + TEXT, moov_last=True))]
)
def test_what_the_gateway_does_not_understand_does_not_leave(syntax: str, frame: bytes) -> None:
    with pytest.raises(MalformedInput) as caught:
        rewrite(nominal(), [instance(frame, syntax=syntax)])
    assert "SMITH" not in str(caught.value)


def pixels(out: bytes) -> bytes:
    """Give the one fragment of a released object."""
    at = out.index(b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff") + 20
    return out[at + 8 : at + 8 + int.from_bytes(out[at + 4 : at + 8], "little")]


async def test_no_name_leaves_in_a_frame(tmp_path: Path) -> None:
    archive = Archive([ONE])
    async with over(archive, tmp_path) as gateway:
        for place, planted in WITHOUT_ICC.items():
            kind = media_type(place)
            reply = multipart_reply([planted.data, planted.data], f"{kind}; transfer-syntax={planted.syntax}")
            archive.replies[f"{ONE.path}/frames/1,2"] = reply
            archive.replies[f"{ONE.path}/frames/1"] = multipart_reply([planted.data], kind)
            both = await gateway["research"].get(
                released(f"{ONE.path}/frames/1,2"), f'multipart/related; type="{kind}"'
            )
            assert (both.status, [len(body) for _, body in both.parts()]) == (200, [len(planted.data)] * 2), place
            alone = await gateway["research"].get(released(f"{ONE.path}/frames/1"), kind)
            assert (alone.status, len(alone.body)) == (200, len(planted.data)), place
            assert not leaks(both.body + alone.body), place


async def test_none_leaves_in_bulk_data(tmp_path: Path) -> None:
    found = ONE.json(_7FE00010={"vr": "OB", "BulkDataURI": f"{ONE.path}/bulk/7fe00010"})
    archive = Archive([ONE], {f"{ONE.path}/metadata": json_reply([found])})
    async with over(archive, tmp_path, {"research": {}, "reading": {"identified": True}}) as gateway:
        (uri,) = links((await gateway["research"].get(released(f"{ONE.path}/metadata"))).json)
        for planted, kind in (
            (PLACES["JPEG COM"], f"application/octet-stream; transfer-syntax={JPEG}"),
            (PLACES["JPEG COM"], "application/octet-stream"),
            (PLACES["JP2 xml"], "application/octet-stream"),
            (PLACES["JPEG-LS COM"], f"image/jls; transfer-syntax={JPEG_LS}"),
            (PLACES["MP4 udta"], "video/mp4"),
        ):
            archive.replies[f"{ONE.path}/bulk/7fe00010"] = multipart_reply([planted.data], kind)
            answer = await gateway.ask(uri, "*/*")
            assert answer.status == 200
            assert not leaks(answer.body)
        (own,) = links((await gateway["reading"].get(f"{ONE.path}/metadata")).json)
        archive.replies[f"{ONE.path}/bulk/7fe00010"] = multipart_reply([PLACES["JPEG COM"].data], "image/jpeg")
        assert PLACES["JPEG COM"].data in (await gateway.ask(own, "*/*")).body


async def test_a_frame_that_is_not_what_it_says_breaks_off(tmp_path: Path) -> None:
    async def wrong(connection: Connection, asked: Asked) -> None:
        await multipart_reply([TEXT], "image/jpeg")(connection, asked)

    async with over(Archive([ONE], {f"{ONE.path}/frames/1": wrong}), tmp_path) as gateway:
        answer = await gateway["research"].get(released(f"{ONE.path}/frames/1"), "image/jpeg")
        assert answer.status >= 500
        assert not leaks(answer.body)


def test_every_format_has_a_place() -> None:
    assert {planted.syntax for planted in PLACES.values()} == {
        *(JPEG, JPEG_LS, MPEG2, H264),
        *("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.107", "1.2.840.10008.1.2.5"),
    }
    assert isinstance(PLACES["JPEG COM"], Planted)
