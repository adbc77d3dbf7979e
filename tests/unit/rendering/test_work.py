"""From samples to shades and colours, against pydicom's own functions and plain arithmetic."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import get_frame
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from gateway.core.errors import NotAcceptable
from gateway.core.mask.image import image_of
from gateway.core.mask.model import Image as Stored
from gateway.core.mask.model import Rectangle
from gateway.ports import Frame
from gateway.rendering.description import Description, bulk_uris, describe
from gateway.rendering.look import Look, Region, Shape, Window
from gateway.rendering.work import animation, still
from tests.kit.images import Samples, coloured, count, image, in_jpeg, opened, ramp, shown, written

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def described(found: Dataset) -> tuple[Description, Mapping[str, bytes]]:
    """Describe an object as its metadata would, binary values behind URIs."""
    bulk: dict[str, bytes] = {}

    def behind(element: Any) -> str:
        bulk[str(len(bulk))] = element.value
        return str(len(bulk) - 1)

    metadata = found.to_json_dict(bulk_data_threshold=64, bulk_data_element_handler=behind, suppress_invalid_tags=True)
    metadata.pop("7FE00010", None)
    description = describe(json.dumps(metadata).encode())
    assert description
    return description, bulk


def frame_of(found: FileDataset, number: int = 1, syntax: str | None = None) -> Frame:
    """Take a frame as an origin would give it."""
    description, bulk = described(found)
    stored = UID(syntax or found.file_meta.TransferSyntaxUID)
    if stored.is_encapsulated:
        data = get_frame(found.PixelData, number - 1, number_of_frames=description.frames)
    else:
        size = len(found.PixelData) // description.frames
        data = found.PixelData[(number - 1) * size : number * size]
    return Frame(description.attributes(number), bulk, description.keyword, data, "", str(stored))


def stored_image(found: FileDataset) -> Stored:
    """Say how its frames lie."""
    return image_of({element.tag: str(element.value) for element in found if element.tag.group == 0x0028})


def png(found: FileDataset, look: Look | None = None, number: int = 1) -> Samples:
    """Render an object."""
    return opened(still(frame_of(found, number), look or Look(), "image/png"))


def assert_alike(one: Samples, other: Samples, most: int = 1) -> None:
    """Compare sample by sample."""
    assert one.shape == other.shape
    assert np.abs(one.astype(int) - other.astype(int)).max() <= most


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(40, 400), (-600.5, 1500), (1024, 1), (0, 8000)])
@pytest.mark.parametrize("slope", [(1.0, 0.0), (0.5, -100.25)])
@pytest.mark.parametrize("asked", [True, False])
def test_windows_are_those_of_the_standard(
    function: str, center: float, width: float, slope: tuple[float, float], asked: bool
) -> None:
    found = image(ramp(), RescaleSlope=slope[0], RescaleIntercept=slope[1])
    if asked:
        picture = png(found, Look(window=Window(center, width, Shape(function))))
    else:
        picture = png(
            image(
                ramp(), RescaleSlope=slope[0], RescaleIntercept=slope[1], WindowCenter=[center, 7],
                WindowWidth=[width, 9], VOILUTFunction=function,
            )
        )  # fmt: skip
    assert_alike(picture, shown(found, ramp(), center, width, function))


def stretched(values: Samples) -> Samples:
    """Show all values, from the least in black to the greatest in white."""
    low, high = float(values.min()), float(values.max())
    return np.rint((values.astype(float) - low) / (high - low) * 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("dtype", "bits"), [("uint8", 8), ("int8", 8), ("uint16", 16), ("int16", 16), ("uint16", 12), ("uint32", 32)]
)
def test_without_a_window_all_values_are_shown(dtype: str, bits: int) -> None:
    low = -100 if dtype.startswith("int") else 3
    samples = ramp(low=low, high=120).astype(dtype)
    assert_alike(png(image(samples, BitsStored=bits, HighBit=bits - 1)), stretched(samples))


@pytest.mark.parametrize(("center", "width"), [("0", "0"), ("", ""), ("5", "-3"), ("40", "")])
def test_a_window_that_shows_nothing_is_none(center: str, width: str) -> None:
    assert_alike(png(image(ramp(), WindowCenter=center, WindowWidth=width)), stretched(ramp()))


def test_padding_is_outside_of_the_range() -> None:
    samples = ramp(low=0, high=500)
    samples[:10] = -2000
    picture = png(image(samples, PixelPaddingValue=-2000))
    assert_alike(picture[10:], stretched(samples[10:]))
    assert not picture[:10].any()


def test_one_value_everywhere_is_a_picture() -> None:
    assert png(image(np.full((4, 4), 7, np.uint16))).shape == (4, 4)


@pytest.mark.parametrize("shape", [{"PhotometricInterpretation": "MONOCHROME1"}, {"PresentationLUTShape": "INVERSE"}])
def test_inverse_grays_are_inverted(shape: dict[str, Any]) -> None:
    assert_alike(png(image(ramp(), **shape)), 255 - stretched(ramp()))


def table(first: int, entries: list[int], bits: int, keyword: str, data: Any) -> Dataset:
    """Make a data set with one table in a sequence."""
    item = Dataset()
    item.add_new(0x00283002, "SS" if first < 0 else "US", [len(entries), first, bits])
    item.add_new(0x00283006, "OW" if isinstance(data, bytes) else "US", data)
    found = Dataset()
    setattr(found, keyword, [item])
    return found


@pytest.mark.parametrize("words", [True, False])
def test_a_modality_table_is_applied(words: bool) -> None:
    entries = [int(65535 * (n / 255) ** 2) for n in range(256)]
    data = np.array(entries, "<u2").tobytes() if words else entries
    sequence = table(10, entries, 16, "ModalityLUTSequence", data).ModalityLUTSequence
    samples = ramp(low=0, high=300).astype(np.uint16)
    reference = image(samples, ModalityLUTSequence=table(10, entries, 16, "ModalityLUTSequence", entries)[0x00283000])
    expected = apply_modality_lut(samples, _with(reference, entries))
    assert_alike(png(image(samples, ModalityLUTSequence=sequence)), stretched(expected))


def _with(_found: Dataset, entries: list[int]) -> Dataset:
    return table(10, entries, 16, "ModalityLUTSequence", entries)


@pytest.mark.parametrize("packed", [True, False])
def test_a_voi_table_is_preferred_to_a_window(packed: bool) -> None:
    entries = [255 - n for n in range(256)]
    data = bytes(entries) if packed else np.array(entries, "<u2").tobytes()
    sequence = table(-50, entries, 8, "VOILUTSequence", data).VOILUTSequence
    samples = ramp(low=-100, high=300)
    picture = png(image(samples, VOILUTSequence=sequence, WindowCenter=0, WindowWidth=9))
    assert_alike(picture, np.array(entries)[np.clip(samples + 50, 0, 255)].astype(np.uint8))


def test_a_window_that_is_asked_for_wins_over_a_voi_table() -> None:
    sequence = table(0, [5] * 256, 8, "VOILUTSequence", bytes([5] * 256)).VOILUTSequence
    picture = png(image(ramp(), VOILUTSequence=sequence), Look(window=Window(500, 1000)))
    assert_alike(picture, shown(image(ramp()), ramp(), 500, 1000))


def test_functional_groups_decide_frame_by_frame() -> None:
    samples = np.stack([ramp(), ramp(), ramp()])
    found = image(samples, frames=3)
    shared, transformation = Dataset(), Dataset()
    transformation.RescaleSlope, transformation.RescaleIntercept = 2, -10
    shared.PixelValueTransformationSequence = [transformation]
    found.SharedFunctionalGroupsSequence = [shared]
    found.PerFrameFunctionalGroupsSequence = [_window_group(center) for center in (100, 1000, 3000)]
    reference = image(ramp(), RescaleSlope=2, RescaleIntercept=-10)
    for number, center in enumerate((100, 1000, 3000), 1):
        assert_alike(png(found, number=number), shown(reference, ramp(), center, 500))


def _window_group(center: float) -> Dataset:
    group, window = Dataset(), Dataset()
    window.WindowCenter, window.WindowWidth = center, 500
    group.FrameVOILUTSequence = [window]
    return group


def test_colours_are_as_stored() -> None:
    assert_alike(png(image(coloured())), coloured(), 0)
    planar = image(coloured(), PlanarConfiguration=1)
    planar.PixelData = np.ascontiguousarray(coloured().transpose(2, 0, 1)).tobytes()
    assert_alike(png(planar), coloured(), 0)


def test_colours_of_sixteen_bits_are_scaled() -> None:
    assert_alike(png(image(coloured().astype(np.uint16) * 257)), coloured(), 0)


@pytest.mark.parametrize(
    "name",
    ["examples_palette.dcm", "examples_ybr_color.dcm", "SC_ybr_full_422_uncompressed.dcm", "SC_rgb_rle.dcm",
     "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_jpeg.dcm", "SC_rgb_jpeg_app14_dcmd.dcm", "SC_jpeg_no_color_transform.dcm",
     "SC_rgb_jls_lossy_line.dcm", "examples_jpeg2k.dcm"],
)  # fmt: skip
def test_real_colours_are_those_that_pydicom_sees(name: str) -> None:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    found = pydicom.dcmread(path)
    if name == "SC_rgb_jls_lossy_line.dcm":  # pydicom has no decoder for it here
        data = get_frame(found.PixelData, 0, number_of_frames=1)
        expected = imagecodecs.jpegls_decode(data)
    else:
        expected = pixel_array(found, index=0)
    if found.PhotometricInterpretation == "PALETTE COLOR":
        expected = apply_color_lut(expected, found)
        expected = (expected >> 8).astype(np.uint8) if expected.dtype == np.uint16 else expected
    assert_alike(png(found), expected)


def test_what_an_origin_has_decompressed_is_rgb_whatever_the_metadata_say() -> None:
    found = image(coloured(), PhotometricInterpretation="YBR_FULL_422")
    assert_alike(png(found), coloured(), 0)


@pytest.mark.parametrize(("effort", "syntax"), [(True, "110"), (False, "112")])
def test_jpeg_xl_is_decoded(effort: bool, syntax: str) -> None:
    samples = ramp(low=0, high=4000).astype(np.uint16)
    frame = frame_of(image(samples))
    data = bytes(imagecodecs.jpegxl_encode(samples, lossless=effort, distance=None if effort else 0.2))
    compressed = Frame(frame.attributes, {}, "PixelData", data, "image/jxl", f"1.2.840.10008.1.2.4.{syntax}")
    assert_alike(opened(still(compressed, Look(), "image/png")), stretched(samples), 1 if effort else 8)


@pytest.mark.parametrize("said", ["", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70"])
@pytest.mark.parametrize("codec", ["jpegls_encode", "htj2k_encode", "jpeg8_encode"])
def test_the_bytes_say_what_they_are_not_the_origin(said: str, codec: str) -> None:
    samples = ramp(low=0, high=250).astype(np.uint8)
    frame = frame_of(image(samples))
    data = bytes(getattr(imagecodecs, codec)(samples))
    wrong = Frame(frame.attributes, {}, "PixelData", data, "application/octet-stream", said)
    assert_alike(opened(still(wrong, Look(), "image/png")), stretched(samples), 3)


def test_signed_samples_in_a_codec_without_signs_are_signed() -> None:
    samples = ramp(low=-1000, high=1000)
    frame = frame_of(image(samples, BitsStored=12, HighBit=11))
    data = bytes(imagecodecs.jpegls_encode((samples & 0xFFF).astype(np.uint16)))
    signed = Frame(frame.attributes, {}, "PixelData", data, "", "1.2.840.10008.1.2.4.80")
    assert_alike(opened(still(signed, Look(), "image/png")), stretched(samples))


def test_one_bit_is_black_or_white() -> None:
    mask = ramp(low=0, high=100) > 40
    found = image(mask.astype(np.uint8), BitsAllocated=1, BitsStored=1, HighBit=0)
    found.PixelData = np.packbits(mask, bitorder="little").tobytes()
    assert_alike(png(found), mask * np.uint8(255), 0)


def test_floating_point_samples_are_shown() -> None:
    found = image(ramp(), BitsAllocated=32)
    description, _ = described(found)
    values = (ramp() / 7.0).astype("<f4")
    frame = Frame(description.attributes(1), {}, "FloatPixelData", values.tobytes(), "", "1.2.840.10008.1.2.1")
    assert_alike(opened(still(frame, Look(), "image/png")), stretched(values))


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (Region(5, 7, 20, 10), (slice(7, 17), slice(5, 25))),
        (Region(5, 7, None, None), (slice(7, None), slice(5, None))),
        (Region(5, 7, 20, 10, flip_x=True), (slice(7, 17), slice(24, 4, -1))),
        (Region(5, 7, 20, 10, flip_y=True), (slice(16, 6, -1), slice(5, 25))),
        (Region(0.25, 0.5, 0.5, 0.25, fractional=True), (slice(24, 36), slice(16, 48))),
    ],
)
def test_a_region_is_cut_out_and_mirrored(region: Region, expected: tuple[slice, slice]) -> None:
    assert_alike(png(image(coloured()), Look(region=region)), coloured()[expected], 0)


def test_outside_of_the_image_all_is_black() -> None:
    picture = png(image(coloured()), Look(region=Region(60, 40, 10, 20)))
    assert_alike(picture[:8, :4], coloured()[40:, 60:], 0)
    assert not picture[8:].any()
    assert not picture[:, 4:].any()


@pytest.mark.parametrize(
    ("width", "height", "size"), [(32, 32, (24, 32)), (128, 20, (20, 27)), (0, 24, (24, 32)), (640, 0, (480, 640))]
)
def test_a_picture_fits_its_viewport_and_keeps_its_proportions(width: int, height: int, size: tuple[int, int]) -> None:
    picture = png(image(coloured()), Look(width, height))
    assert picture.shape[:2] == size
    if size == (24, 32):
        assert_alike(picture, coloured().reshape(24, 2, 32, 2, 3).mean((1, 3)).astype(np.uint8), 60)


@pytest.mark.parametrize(
    "broken",
    [b"", b"\xff\xd8\xff\xe0garbage", bytes(100), b"\xff\x4f\xff\x51" + bytes(60), b"\x01\0\0\0" * 20],
)
@pytest.mark.parametrize("syntax", ["1", "5", "4.50", "4.57", "4.80", "4.90"])
def test_pixels_that_are_none_are_not_acceptable_and_say_no_more(broken: bytes, syntax: str) -> None:
    frame = frame_of(image(ramp()))
    with pytest.raises(NotAcceptable, match=r"^the pixel data of this object cannot be shown$") as raised:
        still(Frame(frame.attributes, {}, "PixelData", broken, "", f"1.2.840.10008.1.2.{syntax}"), Look(), "image/png")
    assert raised.value.__cause__ is None


def test_a_frame_of_another_size_is_not_shown() -> None:
    frame = frame_of(image(ramp()))
    data = bytes(imagecodecs.jpegls_encode(ramp(rows=20).astype(np.uint16)))
    with pytest.raises(NotAcceptable):
        still(Frame(frame.attributes, {}, "PixelData", data, "", "1.2.840.10008.1.2.4.80"), Look(), "image/png")


def test_the_frames_of_an_animation_share_one_window() -> None:
    dark, bright = ramp(low=0, high=100), ramp(low=0, high=1000)
    found = image(np.stack([dark, bright, dark]), frames=3)
    moving = Image.open(io.BytesIO(animation([frame_of(found, n) for n in (1, 2, 3)], Look(), "image/gif", 40)))
    assert (count(moving), moving.info["duration"], moving.info.get("comment")) == (3, 40, None)
    assert_alike(np.asarray(moving.convert("L")), np.rint(dark / 1000 * 255).astype(np.uint8), 2)


def test_a_description_names_the_values_that_are_elsewhere() -> None:
    path = get_testdata_file("examples_palette.dcm")
    assert isinstance(path, str)
    description, bulk = described(pydicom.dcmread(path))
    assert set(bulk_uris(description.attributes(1))) <= set(bulk)
    assert len(set(bulk_uris(description.attributes(1)))) == 3


def test_what_shows_nothing_has_no_description() -> None:
    found = image(ramp())
    del found.Rows
    metadata = pydicom.dcmread(io.BytesIO(written(found))).to_json_dict()
    assert describe(json.dumps(metadata).encode()) is None


def test_a_lossy_frame_is_its_own_picture() -> None:
    found = in_jpeg(image(coloured()), comment=b"x")
    reference = Image.open(io.BytesIO(get_frame(found.PixelData, 0, number_of_frames=1)))
    assert_alike(png(found), np.asarray(reference), 2)


def test_nothing_is_computed_from_what_is_masked() -> None:
    samples = ramp()
    samples[:8] = 30_000
    blanked = samples.copy()
    blanked[:8, :40] = -2048
    found, clean = image(samples), image(blanked)
    stored = stored_image(found)
    masked = replace(frame_of(found), image=stored, rectangles=(Rectangle(0, 0, 8, 40),))
    assert still(masked, Look(), "image/png") == still(frame_of(clean), Look(), "image/png")
    assert still(masked, Look(), "image/png") != still(frame_of(found), Look(), "image/png")


@pytest.mark.parametrize("make", [in_jpeg, lambda one: one])
def test_colours_are_masked_as_they_were_decoded(make: Callable[[FileDataset], FileDataset]) -> None:
    found = make(image(coloured()))
    masked = replace(frame_of(found), image=stored_image(found), rectangles=(Rectangle(8, 8, 16, 16),))
    shown, plain = (opened(still(one, Look(), "image/png")) for one in (masked, frame_of(found)))
    assert (shown[8:24, 8:24] == 0).all()
    assert (plain != shown).any(axis=-1).sum() <= 16 * 16


def test_rectangles_that_do_not_fit_the_samples_show_nothing() -> None:
    found = image(ramp())
    stored = replace(stored_image(found), columns=found.Columns + 1)
    with pytest.raises(NotAcceptable):
        still(replace(frame_of(found), image=stored, rectangles=(Rectangle(0, 0, 1, 1),)), Look(), "image/png")
