"""Metadata and bulk data become Part 10 files: what is waited for, what is held, what is refused."""

import io
from collections.abc import AsyncGenerator
from typing import Any

import pydicom
import pytest

from gateway.core.errors import BadRequest, GatewayError, LimitExceeded, MalformedInput
from gateway.core.wire.multipart import Event
from gateway.storing.bulkparts import HeldBytes
from gateway.storing.described import MAX_OBJECTS, described
from gateway.storing.metadata import JSON, XML
from tests.kit.described import OCTETS, Part, events, files, in_pieces, metadata, payload
from tests.kit.encode import JPEG

PIXELS = "7FE00010"
FRAME = b"\xff\xd8\xff\xd9!"


def told(number: int = 1, **more: Any) -> dict[str, Any]:
    """Metadata of an image of 2 x 3 pixels, with some attributes more."""
    return {
        "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
        "00080018": {"vr": "UI", "Value": [f"1.2.{number}"]},
        "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
        "00280010": {"vr": "US", "Value": [2]},
        "00280011": {"vr": "US", "Value": [3]},
        "00280100": {"vr": "US", "Value": [8]},
        **{tag.removeprefix("x"): element for tag, element in more.items()},
    }


def elsewhere(uri: str, vr: str = "OB") -> dict[str, str]:
    return {"vr": vr, "BulkDataURI": uri}


def image(uri: str = "pixels", number: int = 1, **more: Any) -> dict[str, Any]:
    return told(number, **{PIXELS: elsewhere(uri)}, **more)


def frames(count: int) -> dict[str, Any]:
    return image(x00280008={"vr": "IS", "Value": [count]})


def read(found: bytes | GatewayError) -> pydicom.Dataset:
    assert isinstance(found, bytes), found
    return pydicom.dcmread(io.BytesIO(found))


async def fault_of(parts: list[Part], form: str = JSON) -> str:
    """What goes wrong with the only object, and nothing else comes."""
    (found,) = await files(parts, form)
    assert isinstance(found, MalformedInput | LimitExceeded), found
    return str(found)


async def test_an_object_without_bulk_data_goes_on_at_once() -> None:
    (found,) = await files(metadata([told(x00100010={"vr": "PN", "Value": [{"Alphabetic": "Ä^Ö"}]})]))
    assert str(read(found).PatientName) == "Ä^Ö"
    assert read(found).SpecificCharacterSet == "ISO_IR 192"
    assert read(found).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"


@pytest.mark.parametrize("form", [JSON, XML])
async def test_every_object_gets_its_own_parts_in_any_order(form: str) -> None:
    sent = metadata([image("a", 1), image("b", 2), told(3), image("d", 4)], form)
    parts = [Part(bytes([number] * 6), location=location) for number, location in ((4, "d"), (1, "a"), (2, "b"))]
    found = [read(one) for one in await files(sent + parts, form)]
    assert [(one.SOPInstanceUID, one.get("PixelData", b"")[:1]) for one in found] == [
        ("1.2.3", b""), ("1.2.4", b"\4"), ("1.2.1", b"\1"), ("1.2.2", b"\2"),
    ]  # fmt: skip


async def test_xml_documents_may_come_between_the_parts() -> None:
    one, other = metadata([image("a", 1), image("b", 2)], XML)
    found = await files([one, Part(bytes(6), location="a"), other, Part(bytes(6), location="b")], XML)
    assert [read(one).SOPInstanceUID for one in found] == ["1.2.1", "1.2.2"]


@pytest.mark.parametrize("has_length", [True, False])
async def test_pixel_data_pass_while_they_arrive(has_length: bool) -> None:
    size = [{"vr": "US", "Value": [1000]}] * 2
    sent = payload(
        [
            *metadata([image(x00280010=size[0], x00280011=size[1], x00282000=elsewhere("icc"))]),
            Part(b"profile.", location="icc"),
            Part(bytes(1_000_000), location="pixels", has_length=has_length),
        ]
    )
    arrived = [0]

    async def arriving() -> AsyncGenerator[Event, None]:
        async for event in events(in_pieces(sent, [1000])):
            arrived[0] += 1
            yield event

    passed = []
    async for incoming in described(arriving(), JSON, HeldBytes(5_000)):
        async for chunk in incoming.chunks:
            passed.append((arrived[0], len(chunk)))  # noqa: PERF401 - it is about when it is done
    early = sum(length for at, length in passed if at < arrived[0] / 2)
    assert early > 400_000
    assert sum(length for _, length in passed) > 1_000_000


@pytest.mark.parametrize("has_length", [True, False])
async def test_what_is_held_is_bounded_for_all_requests_together_and_given_back(has_length: bool) -> None:
    held = HeldBytes(3_000)
    large = told(1, x00420011=elsewhere("large"), x00282000=elsewhere("icc"))
    sent = metadata([large, image("small", 2, x00420011=elsewhere("pdf"))])
    sent += [Part(bytes(4_000), location="large", has_length=has_length)]
    sent += [Part(bytes(1_000), location="pdf"), Part(bytes(6), location="small"), Part(b"icc.", location="icc")]
    refused, good = await files(sent, sizes=[500], held=held)
    assert isinstance(refused, LimitExceeded)
    assert read(good).SOPInstanceUID == "1.2.2"
    held.take(3_000)


@pytest.mark.parametrize("last", [b"12345678", b"1234567"])
async def test_an_object_gives_back_what_it_held_when_it_goes_whether_well_or_not(last: bytes) -> None:
    sent, parts = [], []
    for number in range(20):
        two = {"x00420011": elsewhere(f"{number}/pdf"), "x00189087": elsewhere(f"{number}/value", "FD")}
        sent.append(told(number, **two, x00282000=elsewhere(f"{number}/icc")))
        parts.append(Part(bytes(1_000), location=f"{number}/pdf"))
        parts.append(Part(last, location=f"{number}/value"))
        parts.append(Part(b"icc.", location=f"{number}/icc"))
    room = sum(len(part.body) for part in metadata(sent)) + 3_000
    found = await files(metadata(sent) + parts, held=HeldBytes(room))
    assert [type(one) for one in found] == [bytes if len(last) == 8 else MalformedInput] * 20


async def test_metadata_that_are_larger_than_what_may_be_held_end_the_request() -> None:
    with pytest.raises(LimitExceeded):
        await files(metadata([told()]), held=HeldBytes(100))


async def test_parts_that_nobody_waits_for_have_no_bytes_and_hurt_nobody() -> None:
    parts = [Part(b"secret", location="other"), Part(b"secret"), Part(bytes(6), location="pixels")]
    nothing, still_nothing, good = await files(metadata([image()]) + parts)
    assert (nothing, still_nothing) == (b"", b"")
    assert read(good).PixelData == bytes(6)


async def test_a_part_that_comes_twice_spoils_an_object_that_waits() -> None:
    both = image(x00282000=elsewhere("icc"))
    twice = [Part(b"1234", location="icc"), Part(b"5678", location="icc")]
    assert "twice" in await fault_of([*metadata([both]), *twice, Part(bytes(6), location="pixels")])


async def test_a_part_that_comes_twice_at_once_spoils_the_object_that_it_would_end() -> None:
    assert "twice" in await fault_of([*metadata([image()]), *[Part(bytes(6), location="pixels")] * 2])


async def test_a_part_that_comes_again_later_has_no_bytes() -> None:
    sent = metadata([image("a", 1), image("b", 2)])
    parts = [Part(bytes(6), location=location) for location in ("a", "b", "a")]
    found = await files(sent + parts)
    assert [read(one).SOPInstanceUID for one in found[:2]] == ["1.2.1", "1.2.2"]
    assert found[2:] == [b""]


async def test_the_parts_of_a_bad_object_are_passed_over_and_no_one_elses() -> None:
    bad = image(
        "b", 2, x00091001={"vr": "US", "Value": ["x"]}, x54000100={"vr": "SQ", "Value": [{"54001010": elsewhere("c")}]}
    )
    sent = metadata([image("a", 1), bad, image("a", 3, x00091001=elsewhere("d"))])
    parts = [Part(bytes(6), location=location) for location in ("b", "a", "c", "d")]
    found = await files(sent + parts)
    assert [type(one) for one in found] == [MalformedInput, MalformedInput, bytes]


async def test_metadata_that_name_a_part_twice_are_refused() -> None:
    assert "named twice" in await fault_of(metadata([image("a", x00282000=elsewhere("a"))]))
    one, other = await files([*metadata([image("a", 1), image("a", 2)]), Part(bytes(6), location="a")])
    assert isinstance(one, MalformedInput)
    assert read(other).SOPInstanceUID == "1.2.1"


@pytest.mark.parametrize("uri", ["missing", "http://127.0.0.1:1/bulk", "file:///etc/hostname", "FILE:/etc/hostname"])
async def test_a_bulk_data_uri_without_its_part_is_refused_and_never_followed(uri: str) -> None:
    said = await fault_of(metadata([image(uri)]))
    assert uri not in said
    assert "(7FE0,0010)" in said


async def test_an_absolute_bulk_data_uri_names_a_part_as_any_other() -> None:
    uri = "https://sender.example.org/bulk/1"
    (found,) = await files([*metadata([image(uri)]), Part(bytes(6), location=uri)])
    assert read(found).PixelData == bytes(6)


@pytest.mark.parametrize("length", [0, 5, 8, 600])
async def test_pixel_data_are_as_large_as_the_metadata_say(length: int) -> None:
    for has_length in (True, False):
        sent = [*metadata([image()]), Part(bytes(length), location="pixels", has_length=has_length)]
        assert "pixel data" in await fault_of(sent) or "length" in await fault_of(sent)


@pytest.mark.parametrize(
    ("inline", "fits"), [("AQIDBAUG", True), ("", True), ("AQIDBAUGBwg=", False), ("/9j/2Q==", False)]
)
async def test_pixel_data_in_the_metadata_are_no_exception(inline: str, fits: bool) -> None:
    (found,) = await files(metadata([told(1, x7FE00010={"vr": "OB", "InlineBinary": inline})]))
    assert isinstance(found, bytes) is fits


async def test_pixel_data_of_unknown_size_are_refused() -> None:
    unknown = {tag: element for tag, element in image().items() if tag != "00280010"}
    assert "pixel data" in await fault_of([*metadata([unknown]), Part(bytes(6), location="pixels")])


async def test_an_odd_number_of_pixels_is_padded() -> None:
    odd = image(x00280010={"vr": "US", "Value": [1]})
    (found,) = await files([*metadata([odd]), Part(b"abc", location="pixels")])
    assert read(found).PixelData == b"abc\0"


async def test_a_part_whose_content_length_is_not_its_own_spoils_its_object() -> None:
    sent = [*metadata([told(x00420011=elsewhere("pdf"))]), Part(b"12345678", location="pdf", has_length=False)]
    sent[1] = Part(b"12345678", location="pdf", has_length=False, more={"Content-Length": "6"})
    assert "length" in await fault_of(sent)


@pytest.mark.parametrize(
    ("media_type", "syntax"),
    [
        ("image/jpeg", "1.2.840.10008.1.2.4.70"),
        ("image/jpeg; transfer-syntax=" + JPEG, JPEG),
        (f"{OCTETS}; transfer-syntax={JPEG}", JPEG),
        ("image/x-jls", "1.2.840.10008.1.2.4.80"),
        ("image/jp2", "1.2.840.10008.1.2.4.90"),
        ("image/jphc", "1.2.840.10008.1.2.4.201"),
        ("video/H265", "1.2.840.10008.1.2.4.107"),
    ],
)
async def test_compressed_pixel_data_bring_their_transfer_syntax(media_type: str, syntax: str) -> None:
    (found,) = await files([*metadata([image()]), Part(FRAME, media_type, "pixels")])
    data_set = read(found)
    assert data_set.file_meta.TransferSyntaxUID == syntax
    assert data_set["PixelData"].VR == "OB"
    assert list(pydicom.encaps.generate_frames(data_set.PixelData, number_of_frames=1)) == [FRAME + b"\0"]


@pytest.mark.parametrize(
    "media_type",
    [
        "image/gif",
        "application/dicom",
        f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.2",
        f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.1.99",
        f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.4.94",
        f"{OCTETS}; transfer-syntax=1.2.3",
    ],
)
async def test_pixel_data_in_other_forms_are_refused(media_type: str) -> None:
    assert "(7FE0,0010)" in await fault_of([*metadata([image()]), Part(bytes(6), media_type, "pixels")])


async def test_frames_may_be_held_until_the_rest_is_there() -> None:
    sent = metadata([frames(2) | {"00282000": elsewhere("icc")}])
    parts = [Part(FRAME, "image/jpeg", "pixels")] * 2
    (found,) = await files([*sent, *parts, Part(b"1234", location="icc")])
    assert len(list(pydicom.encaps.generate_frames(read(found).PixelData, number_of_frames=2))) == 2


@pytest.mark.parametrize("count", [1, 3])
async def test_there_are_as_many_frames_as_the_metadata_say(count: int) -> None:
    assert await fault_of([*metadata([frames(2)]), *[Part(FRAME, "image/jpeg", "pixels")] * count])


async def test_frames_in_different_transfer_syntaxes_are_refused() -> None:
    parts = [Part(FRAME, "image/jpeg", "pixels"), Part(FRAME, "image/jls", "pixels")]
    assert "different forms" in await fault_of([*metadata([frames(2)]), *parts])


async def test_a_video_is_one_part_whatever_the_number_of_frames() -> None:
    (found,) = await files([*metadata([frames(500)]), Part(b"video.", "video/mp4", "pixels")])
    assert b"video." in read(found).PixelData


@pytest.mark.parametrize("name", ["Content-Encoding", "Content-Transfer-Encoding"])
async def test_parts_in_a_coding_are_refused(name: str) -> None:
    part = Part(bytes(6), location="pixels", more={name: "base64"})
    assert "coding" in await fault_of([*metadata([image()]), part])


async def test_text_may_be_bulk_data_in_the_character_set_that_metadata_name() -> None:
    known = {"vr": "CS", "Value": ["ISO_IR 100"]}
    parts = [Part("Käse".encode("latin-1"), location="a"), Part("Käse".encode(), location="b")]
    found = await files(
        metadata([told(n, x00080005=known, x00104000=elsewhere(uri, "LT")) for n, uri in ((1, "a"), (2, "b"))]) + parts
    )
    assert [read(one).PatientComments for one in found] == ["Käse", "Käse"]


async def test_text_that_is_bulk_data_is_declared_as_what_it_becomes() -> None:
    (found,) = await files([*metadata([told(x00104000=elsewhere("a", "LT"))]), Part("Käse".encode(), location="a")])
    assert read(found).SpecificCharacterSet == "ISO_IR 192"
    assert read(found).PatientComments == "Käse"


async def test_numbers_may_be_bulk_data_of_whole_values() -> None:
    sent = metadata([told(x00189087=elsewhere("a", "FD"))])
    (found,) = await files([*sent, Part(bytes(6) + b"\xf0\x3f", location="a")])
    assert read(found).DiffusionBValue == 1.0
    assert "whole number" in await fault_of([*sent, Part(bytes(7), location="a")])


async def test_what_is_not_read_of_an_object_is_passed_over() -> None:
    parts = [*metadata([frames(2), image("b", 2)]), *[Part(FRAME * 500, "image/jpeg", "pixels")] * 2]
    sent = payload([*parts, Part(bytes(6), location="b")])
    read_whole: list[bytes] = []
    async for incoming in described(events(in_pieces(sent, [100])), JSON, HeldBytes()):
        if incoming.names.instance == "1.2.1":
            await anext(incoming.chunks)
        else:
            read_whole.append(b"".join([chunk async for chunk in incoming.chunks]))
    assert [read(one).SOPInstanceUID for one in read_whole] == ["1.2.2"]


@pytest.mark.parametrize(
    ("parts", "form"),
    [
        ([Part(bytes(6), location="pixels"), *metadata([image()])], JSON),
        ([*metadata([told(1)]), *metadata([told(2)])], JSON),
        ([Part(b"[{]", JSON)], JSON),
        ([Part(b'"text"', JSON)], JSON),
        ([Part(bytes(6), location="pixels")], XML),
    ],
)
async def test_a_broken_request_is_refused_as_a_whole(parts: list[Part], form: str) -> None:
    with pytest.raises(BadRequest):
        await files(parts, form)


async def test_an_xml_document_that_cannot_be_read_is_one_bad_object() -> None:
    broken, good = await files([Part(b"<NativeDicomModel>", XML), *metadata([told()], XML)], XML)
    assert isinstance(broken, MalformedInput)
    assert read(good).SOPInstanceUID == "1.2.1"


async def test_a_bad_object_leaves_the_others_alone_and_is_named() -> None:
    bad = told(2, x00020010={"vr": "UI", "Value": ["1.2.840.10008.1.2.4.50"]})
    found: list[tuple[str, object]] = []
    async for incoming in described(events([payload(metadata([bad, told(1)]))]), JSON, HeldBytes()):
        try:
            found.append((incoming.names.instance, b"".join([chunk async for chunk in incoming.chunks]) != b""))
        except MalformedInput as fault:
            found.append((incoming.names.instance, str(fault)))
    assert found == [("1.2.2", "an element that metadata do not have at (0002,0010)"), ("1.2.1", True)]


async def test_no_message_holds_a_value() -> None:
    secret = "CANARY"
    bad: list[dict[str, Any]] = [
        {"vr": "US", "Value": [secret]}, {"vr": "OB", "InlineBinary": secret + "!"}, {"vr": secret},
        {"vr": "SQ", "Value": [secret]}, {"vr": "PN", "Value": [{"Alphabetic": [secret]}]}, elsewhere(secret),
        {"vr": "CS", "Value": [secret + "\\ä"]}, {"vr": "UI", "Value": [{"a": secret}]},
    ]  # fmt: skip
    found = await files(metadata([told(number, x00280009=element) for number, element in enumerate(bad)]))
    assert len(found) == len(bad)
    for one in found:
        assert isinstance(one, GatewayError)
        assert secret not in str(one)


async def test_sequences_deeper_than_any_object_has_are_refused() -> None:
    for depth in (70, 5_000):
        written = b'{"00081115":{"vr":"SQ","Value":[' * depth + b"{}" + b"]}}" * depth
        try:
            (found,) = await files([Part(b"[" + written + b"]", JSON)])
        except LimitExceeded:
            continue
        assert isinstance(found, MalformedInput | LimitExceeded)


async def test_only_so_many_objects_come_in_one_request() -> None:
    with pytest.raises(LimitExceeded):
        await files([Part(b"[" + b"{}," * MAX_OBJECTS + b"{}]", JSON)])
    assert len(await files([Part(b"[{},{}]", JSON)])) == 2
