"""What the benchmarks retrieve: studies made from pydicom's CT slice, as multipart bodies and as search results.

Pixels are random bytes from a fixed seed: delimiters are searched in the bytes that a scanner would give, not in zeros.
"""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import Any

import pydicom
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

ROOT = "1.2.826.0.1.3680043.8.498.77"
BOUNDARY = "7f3a2c61-9d0e-4b58-8f17-c2d5e6a90b34"
CONTENT_TYPE = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
FRAME_BYTES = 512 * 512 * 2
SLICES = 200
MULTI_FRAME_SOP_CLASS = UID("1.2.840.10008.5.1.4.1.1.7.3")  # Multi-frame Grayscale Word Secondary Capture

Json = dict[str, Any]


@dataclass(frozen=True)
class Instance:
    """One SOP Instance: its data set and its Part 10 bytes up to the pixels, of which there are ``frames``."""

    data_set: Dataset
    header: bytes
    frames: int

    @property
    def size(self) -> int:
        return len(self.header) + self.frames * FRAME_BYTES


@dataclass(frozen=True)
class Study:
    """One Study with one Series."""

    uid: str
    series_uid: str
    instances: tuple[Instance, ...]

    @cached_property
    def matches(self) -> Mapping[str, list[Json]]:
        """Search results per level, as an archive gives them."""
        first = self.instances[0].data_set
        study = _attributes(first, _STUDY_KEYS) | {"00080061": {"vr": "CS", "Value": [first.Modality]}}
        counts = {"00201206": {"vr": "IS", "Value": [1]}, "00201208": {"vr": "IS", "Value": [len(self.instances)]}}
        series = _attributes(first, _SERIES_KEYS)
        series["00201209"] = {"vr": "IS", "Value": [len(self.instances)]}
        instances = [_attributes(instance.data_set, _INSTANCE_KEYS) for instance in self.instances]
        return {
            "studies": [study | counts],
            "series": [study | series],
            "instances": [study | series | instance for instance in instances],
        }


_STUDY_KEYS = (
    "StudyDate StudyTime AccessionNumber PatientName PatientID PatientBirthDate PatientSex StudyInstanceUID StudyID"
)
_SERIES_KEYS = "Modality SeriesInstanceUID SeriesNumber SeriesDescription"
_INSTANCE_KEYS = "SOPClassUID SOPInstanceUID InstanceNumber Rows Columns BitsAllocated NumberOfFrames"
_CLOSING = f"\r\n--{BOUNDARY}--\r\n".encode("ascii")
PIXELS = random.Random(4711).randbytes(FRAME_BYTES)
FRAME_CONTENT_TYPE = f'multipart/related; type="application/octet-stream"; boundary={BOUNDARY}'
FRAME_BODY = f"\r\n--{BOUNDARY}\r\nContent-Type: application/octet-stream\r\n\r\n".encode("ascii") + PIXELS + _CLOSING


def ct_study(slices: int = SLICES, branch: int = 1) -> Study:
    """Make a CT study of 0.5 MB slices with about 290 elements each, most of them private; UIDs are below a branch."""
    uid, series = f"{ROOT}.{branch}", f"{ROOT}.{branch}.1"
    return Study(uid, series, tuple(_instance(uid, series, number, 1) for number in range(1, slices + 1)))


def large_study(frames: int = 2048) -> Study:
    """Make a study of one multi-frame instance; 2,048 frames are 1 GiB."""
    uid, series = f"{ROOT}.2", f"{ROOT}.2.1"
    return Study(uid, series, (_instance(uid, series, 1, frames),))


def part10(instance: Instance) -> bytes:
    """Return a whole file; for instances of few frames."""
    return instance.header + PIXELS * instance.frames


def multipart(instances: tuple[Instance, ...]) -> Iterator[bytes]:
    """Yield the body of a retrieve answer in large pieces."""
    for instance in instances:
        yield _part_head(instance) + instance.header + PIXELS
        for _ in range(instance.frames - 1):
            yield PIXELS
    yield _CLOSING


def multipart_length(instances: tuple[Instance, ...]) -> int:
    """Return how long that body is."""
    return sum(len(_part_head(instance)) + instance.size for instance in instances) + len(_CLOSING)


def metadata(instance: Instance, base: str) -> Json:
    """Return the DICOM JSON of one instance with its pixels (and nothing else) as bulk data."""
    text = instance.data_set.to_json(bulk_data_threshold=1 << 30, bulk_data_element_handler=lambda _: "")
    attributes: Json = json.loads(text)
    attributes["7FE00010"] = {
        "vr": "OW",
        "BulkDataURI": f"{base}/instances/{instance.data_set.SOPInstanceUID}/bulk/7fe00010",
    }
    return attributes


def _part_head(instance: Instance) -> bytes:
    head = f"\r\n--{BOUNDARY}\r\nContent-Type: application/dicom\r\nContent-Length: {instance.size}\r\n"
    return head.encode("ascii") + b"MIME-Version: 1.0\r\n\r\n"


def _instance(study: str, series: str, number: int, frames: int) -> Instance:
    data_set = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = study, series
    data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = UID(f"{series}.{number}")
    if frames > 1:
        data_set.SOPClassUID = data_set.file_meta.MediaStorageSOPClassUID = MULTI_FRAME_SOP_CLASS
        data_set.NumberOfFrames = frames
    data_set.InstanceNumber = number
    data_set.Rows = data_set.Columns = 512
    data_set.ImagePositionPatient = [-158.1, -179.0, -75.7 + number]
    data_set.SliceLocation = -75.7 + number
    data_set.BurnedInAnnotation = "NO"
    data_set.ReferencedStudySequence = Sequence([_reference("1.2.840.10008.3.1.2.3.1", study)])
    data_set.ReferencedImageSequence = Sequence([_reference(data_set.SOPClassUID, f"{series}.{n}") for n in (1, 2, 3)])
    data_set.RequestAttributesSequence = Sequence([_request()])
    del data_set[0x7FE00010]
    if (0xFFFC, 0xFFFC) in data_set:
        del data_set[0xFFFC, 0xFFFC]
    written = BytesIO()
    data_set.save_as(written, enforce_file_format=True)
    pixels = b"\xe0\x7f\x10\x00OW\x00\x00" + (FRAME_BYTES * frames).to_bytes(4, "little")
    return Instance(data_set, written.getvalue() + pixels, frames)


def _reference(sop_class: str, sop_instance: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_instance
    return item


def _request() -> Dataset:
    item = Dataset()
    item.ScheduledProcedureStepDescription = "CT thorax"
    item.ScheduledProcedureStepID, item.RequestedProcedureID = "SPS-1", "RP-1"
    return item


def _attributes(data_set: Dataset, keywords: str) -> Json:
    found = Dataset()
    for keyword in keywords.split():
        if keyword in data_set:
            found[keyword] = data_set[keyword]
    attributes: Json = found.to_json_dict()
    return attributes
