"""The sample Studies: the same every time, readable, coherent, and full of identifiers to be removed."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.pixels.utils import pixel_array

from gateway.demo import head, people, samples, thorax
from gateway.demo.samples import INSTANCES, make_samples


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_samples(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def studies(folder: Path) -> dict[str, list[FileDataset]]:
    found = defaultdict(list)
    for path in sorted(folder.rglob("*.dcm")):
        found[path.parent.name].append(pydicom.dcmread(path))
    return found


def test_eight_studies_of_five_patients_show_every_kind_of_object(studies: dict[str, list[FileDataset]]) -> None:
    kinds = [(one[0].Modality, one[0].file_meta.TransferSyntaxUID.name, len(one)) for one in studies.values()]
    assert kinds == [
        ("CT", "Explicit VR Little Endian", 48),
        ("US", "JPEG Baseline (Process 1)", 1),
        ("MR", "Explicit VR Little Endian", 20),
        ("SR", "Explicit VR Little Endian", 1),
        ("MR", "RLE Lossless", 1),
        ("CT", "JPEG 2000 Image Compression (Lossless Only)", 1),
        ("CR", "Explicit VR Little Endian", 1),
        ("OT", "Explicit VR Little Endian", 1),
    ]
    assert len({one[0].PatientID for one in studies.values()}) == 5
    assert sum(map(len, studies.values())) == INSTANCES


def test_names_keep_their_scripts(studies: dict[str, list[FileDataset]]) -> None:
    names = {str(one[0].PatientName) for one in studies.values()}
    assert names == {patient.name for patient in _patients()}
    sets = {str(one[0].SpecificCharacterSet) for one in studies.values()}
    assert sets == {"ISO_IR 100", "ISO_IR 126", "ISO_IR 192", "['', 'ISO 2022 IR 87']"}


def test_the_name_stands_in_descriptions_sequences_and_private_values(
    studies: dict[str, list[FileDataset]],
) -> None:
    for instances in studies.values():
        data_set = instances[0]
        block = data_set.private_block(0x0029, "DICOMVEIL DEMO 1.0")
        assert data_set.PatientName == block[0x12].value[0].PatientName
        assert data_set.PatientID.encode() in block[0x13].value
        assert data_set.RequestAttributesSequence[0].RequestedProcedureDescription == data_set.StudyDescription
        assert data_set.OtherPatientIDsSequence[0].PatientID
    sentences = [one.get("TextValue", "") for item in studies["4-sr-report"][0].ContentSequence for one in _tree(item)]
    assert any("Kisaragi" in sentence for sentence in sentences)


def test_a_volume_has_the_geometry_that_reconstruction_needs(studies: dict[str, list[FileDataset]]) -> None:
    for name, spacing in (("1-ct-thorax", 6.0), ("3-mr-head", 6.0)):
        instances = studies[name]
        heights = [one.ImagePositionPatient[2] for one in instances]
        assert np.allclose(np.diff(heights), -spacing)
        for keyword in ("SeriesInstanceUID", "FrameOfReferenceUID", "ImageOrientationPatient", "PixelSpacing"):
            assert len({str(one[keyword].value) for one in instances}) == 1
        assert len({one.SOPInstanceUID for one in instances}) == len(instances)


def test_every_picture_can_be_decoded_and_is_not_blank(folder: Path) -> None:
    for path in folder.rglob("*.dcm"):
        if path.parent.name != "4-sr-report":
            pixels = pixel_array(path)
            assert pixels.std() > 5, path.name
    assert pixel_array(folder / "2-us-echo" / "us-001.dcm").shape == (30, 480, 640, 3)


def test_text_is_burned_into_every_frame_of_the_clip_and_only_outside_the_region_of_the_scan(folder: Path) -> None:
    path = folder / "2-us-echo" / "us-001.dcm"
    region = pydicom.dcmread(path).SequenceOfUltrasoundRegions[0]
    (x0, x1), (y0, y1) = (
        (region[f"RegionLocationMin{axis}0"].value, region[f"RegionLocationMax{axis}1"].value) for axis in "XY"
    )
    frames = pixel_array(path).max(axis=-1).astype(int)
    text = frames.copy()
    text[:, y0 : y1 + 1, x0 : x1 + 1] = 0
    assert ((text > 120).sum(axis=(1, 2)) > 1000).all()
    assert ((text[:1] > 120) == (text > 120)).mean() > 0.999  # the scan moves, the text does not
    around = np.concatenate([frames[:, y0 : y1 + 1, x0], frames[:, y0 : y1 + 1, x1]], axis=1)
    assert around.max() < 60  # and does not reach into it


def test_the_report_refers_to_an_image_that_is_there(studies: dict[str, list[FileDataset]]) -> None:
    evidence = studies["4-sr-report"][0].CurrentRequestedProcedureEvidenceSequence[0]
    series = evidence.ReferencedSeriesSequence[0]
    image = next(
        one
        for one in studies["3-mr-head"]
        if one.SOPInstanceUID == series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    )
    assert (image.StudyInstanceUID, image.SeriesInstanceUID) == (evidence.StudyInstanceUID, series.SeriesInstanceUID)


def test_pictures_and_uids_are_the_same_every_time() -> None:
    assert (
        hashlib.sha256(thorax.thorax_slice(20).tobytes()).digest()
        == hashlib.sha256(thorax.thorax_slice(20).tobytes()).digest()
    )
    assert np.array_equal(head.head_volume(), head.head_volume())
    assert people.CT_THORAX.study_uid == people.CT_THORAX.uid("study")
    assert people.CT_THORAX.study_uid != people.ECHO.study_uid


def test_samples_are_made_once_and_a_broken_run_leaves_nothing_behind(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    assert make_samples(folder.parent, lambda done, total: seen.append((done, total))) == folder
    assert seen == []

    class Interrupted(Exception):
        pass

    def interrupt(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        make_samples(tmp_path, interrupt)
    assert seen == [(1, INSTANCES), (2, INSTANCES)]
    assert not (tmp_path / f"samples-{samples.VERSION}").exists()


def _tree(item: Dataset) -> Iterator[Dataset]:
    yield item
    for below in item.get("ContentSequence", ()):
        yield from _tree(below)


def _patients() -> list[people.Patient]:
    return [people.LINDQVIST, people.KISARAGI, people.KALLIMACHOU, people.ZELAZNY, people.OKONKWO]
