"""Which objects are suspected of burned-in text."""

import pytest

from gateway.core.mask.policy import TAGS, suspicion
from gateway.core.standard._iod_table import IODS
from gateway.core.standard.iods import IMAGE_IODS, iod_of

CLASS, TYPE, CONVERSION, MODALITY = 0x00080016, 0x00080008, 0x00080064, 0x00080060
SERIES, SAMPLES, BURNED_IN = 0x0008103E, 0x00280002, 0x00280301
ROOT = "1.2.840.10008.5.1.4.1.1."
SLICE = {CLASS: ROOT + "2", TYPE: "ORIGINAL\\PRIMARY\\AXIAL", MODALITY: "CT"}

# What a device takes and shows no text by itself. Every other picture is suspected for its class alone.
PLAIN = {
    "breast-projection-x-ray-image",
    "breast-tomosynthesis-image",
    "computed-radiography-image",
    "ct-image",
    "digital-intra-oral-x-ray-image",
    "digital-mammography-x-ray-image",
    "digital-x-ray-image",
    "enhanced-continuous-rt-image",
    "enhanced-ct-image",
    "enhanced-mr-color-image",
    "enhanced-mr-image",
    "enhanced-pet-image",
    "enhanced-rt-image",
    "enhanced-xa-image",
    "enhanced-xrf-image",
    "legacy-converted-enhanced-ct-image",
    "legacy-converted-enhanced-mr-image",
    "legacy-converted-enhanced-pet-image",
    "mr-image",
    "nuclear-medicine-image",
    "positron-emission-tomography-image",
    "rt-image",
    "x-ray-3d-angiographic-image",
    "x-ray-3d-craniofacial-image",
    "x-ray-angiographic-image",
    "x-ray-radiofluoroscopic-image",
}


@pytest.mark.parametrize(("sop_class", "iod"), [(uid, iod) for uid, iod in IODS.items() if iod in IMAGE_IODS])
def test_every_image_is_suspected_but_those_whose_devices_write_no_text(sop_class: str, iod: str) -> None:
    said = {CLASS: sop_class, TYPE: "ORIGINAL\\PRIMARY", BURNED_IN: "NO"}
    assert bool(suspicion(said)) is (iod not in PLAIN)


@pytest.mark.parametrize("sop_class", ["", "1.2.3", "1.2.840.10008.5.1.4.1.1.2.999"])
def test_an_unknown_class_is_suspected(sop_class: str) -> None:
    assert suspicion({**SLICE, CLASS: sop_class})


@pytest.mark.parametrize("end", ["104.1", "104.2", "104.3"])
def test_a_document_is_suspected(end: str) -> None:
    assert suspicion({CLASS: ROOT + end})


@pytest.mark.parametrize("retired", ["3", "6"])
def test_retired_ultrasound_is_suspected(retired: str) -> None:
    assert iod_of(ROOT + retired)
    assert suspicion({**SLICE, CLASS: ROOT + retired})


@pytest.mark.parametrize(
    ("third", "suspect"),
    [("VOLUME", False), ("LABEL", True), ("OVERVIEW", True), ("THUMBNAIL", True), ("", True)],
)
@pytest.mark.parametrize("end", ["77.1.6", "77.1.9"])
def test_of_a_slide_all_but_its_tiles_are_suspected(third: str, suspect: bool, end: str) -> None:
    assert bool(suspicion({CLASS: ROOT + end, TYPE: f"ORIGINAL\\PRIMARY\\{third}\\NONE", MODALITY: "SM"})) is suspect


def test_an_original_slice_is_not_suspected() -> None:
    assert not suspicion(SLICE)
    assert not suspicion({**SLICE, BURNED_IN: "NO", CONVERSION: "DI", SERIES: "Thorax screening"})
    assert not suspicion({**SLICE, TYPE: "original\\primary "})


@pytest.mark.parametrize(
    "said",
    [
        {BURNED_IN: "YES"},
        {BURNED_IN: "yes "},
        {BURNED_IN: "MAYBE"},
        {0x00181012: "20260102"},
        {0x00181016: "ACME"},
        {0x00181018: "Grabber"},
        {0x00181019: "1.0"},
        {CONVERSION: "DF"},
        {CONVERSION: "SD"},
        {CONVERSION: "WSD"},
        {MODALITY: "US"},
        {MODALITY: "OT"},
        {MODALITY: "DOC "},
        {TYPE: ""},
        {TYPE: "\\"},
        {TYPE: "ORIGINAL\\PRIMARY\\SCREEN SAVE"},
        {TYPE: "original\\primary\\screen save"},
        {TYPE: "ORIGINAL\\PRIMARY\\CAPTURE"},
        {TYPE: "ORIGINAL\\PRIMARY\\REPORTDATA"},
        {TYPE: "DERIVED\\PRIMARY\\MPR"},
        {TYPE: "ORIGINAL\\SECONDARY\\AXIAL"},
        {SAMPLES: "3"},
        {SAMPLES: "x"},
        {SERIES: "Screen Save"},
        {SERIES: "Dose Report"},
        {SERIES: "Patient Protocol"},
        {SERIES: "Screenshots"},
    ],
)
def test_a_slice_that_may_be_a_screen_is_suspected(said: dict[int, str]) -> None:
    assert suspicion({**SLICE, **said})
    assert suspicion({**SLICE, BURNED_IN: "NO", **said})  # which alone clears nobody


def test_colour_is_no_sign_of_a_screen_where_a_class_has_it() -> None:
    tile = {CLASS: ROOT + "77.1.6", TYPE: "ORIGINAL\\PRIMARY\\VOLUME\\NONE", MODALITY: "SM", SAMPLES: "3"}
    assert not suspicion(tile)
    assert not suspicion({CLASS: ROOT + "4.3", TYPE: "ORIGINAL\\PRIMARY\\FLOW\\NONE", MODALITY: "MR", SAMPLES: "3"})
    assert not suspicion({**SLICE, SAMPLES: "1 "})


ROWS, COMPUTED = 0x00280010, {"segmentation", "height-map-segmentation", "parametric-map", "rt-dose"}


@pytest.mark.parametrize(("sop_class", "iod"), [(uid, iod) for uid, iod in IODS.items() if iod not in IMAGE_IODS])
def test_a_picture_in_an_object_of_a_class_that_has_none_is_suspected(sop_class: str, iod: str) -> None:
    said = {CLASS: sop_class, TYPE: "DERIVED\\PRIMARY", MODALITY: "SR", ROWS: "512", SAMPLES: "1"}
    assert bool(suspicion(said)) is (iod not in COMPUTED)
    assert suspicion({**said, SAMPLES: "3"})
    kinds = "encapsulated-", "ophthalmic-", "corneal-", "microscopy-"  # suspected for their class alone
    assert bool(suspicion({CLASS: sop_class, TYPE: "DERIVED\\PRIMARY"})) is iod.startswith(kinds)


def test_what_is_computed_is_suspected_without_image_type_but_for_a_dose_which_needs_none() -> None:
    said = {MODALITY: "SEG", ROWS: "512", SAMPLES: "1"}
    assert suspicion({**said, CLASS: ROOT + "66.4"})
    assert suspicion({**said, CLASS: ROOT + "30"})
    assert not suspicion({**said, CLASS: ROOT + "481.2"})


def test_a_spectrum_has_rows_and_is_no_picture() -> None:
    spectrum = {CLASS: ROOT + "4.2", TYPE: "ORIGINAL\\PRIMARY\\SPECTROSCOPY\\NONE", MODALITY: "MR", ROWS: "1"}
    assert not suspicion(spectrum)
    assert suspicion({**spectrum, SAMPLES: "1"})


def test_a_slice_without_image_type_is_suspected() -> None:
    assert suspicion({CLASS: ROOT + "2", MODALITY: "CT"})


@pytest.mark.parametrize("end", ["4", "12.1", "12.2"])
def test_what_is_made_from_magnetic_resonance_and_angiography_is_suspected_too(end: str) -> None:
    assert suspicion({CLASS: ROOT + end, TYPE: "DERIVED\\PRIMARY"})


def test_a_mammogram_is_derived_before_anybody_sees_it() -> None:
    assert not suspicion({CLASS: ROOT + "1.2", TYPE: "DERIVED\\PRIMARY", MODALITY: "MG"})
    assert suspicion({CLASS: ROOT + "1.2", TYPE: "DERIVED\\SECONDARY", MODALITY: "MG"})


def test_what_is_looked_at_stands_before_group_0029() -> None:
    assert max(TAGS) < 0x00290000
    assert 0x00186011 not in TAGS
