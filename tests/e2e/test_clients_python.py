"""Every call of the Python dicomweb-client's API that only reads works through the gateway.

Straight at Orthanc 24 of its calls work: names with ``^``, the default media types of frames, JPEG 2000 frames,
windows, rendered series and bulk data do not.
"""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom import Dataset, dcmread

from tests.kit.twin import Twin, TwinStage

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc, pytest.mark.filterwarnings("ignore:::pydicom")]

STORED = (("application/dicom", "*"),)
OCTETS = (("application/octet-stream", "*"),)
JPEG = (("image/jpeg", "1.2.840.10008.1.2.4.50"),)
JP2 = (("image/jp2", "1.2.840.10008.1.2.4.90"),)


class Place:
    """A client and where three copies are: a CT of three slices, its JPEG 2000 slice, and a clip in JPEG."""

    def __init__(self, twin: Twin, client: DICOMwebClient) -> None:
        self.client = client
        copies = twin.reference.instances
        self.uncompressed = next(one for one in copies if one.get("Modality") == "CT" and not compressed(one))
        self.jpeg2000 = next(one for one in copies if one.get("Modality") == "CT" and compressed(one))
        self.clip = next(one for one in copies if one.get("Modality") == "US" and compressed(one))
        self.study = self.jpeg2000.StudyInstanceUID
        self.series = self.jpeg2000.SeriesInstanceUID
        self.size = sum(one.StudyInstanceUID == self.study for one in copies)
        self.studies = len({one.StudyInstanceUID for one in copies})
        self.in_series = sum(one.SeriesInstanceUID == self.series for one in copies)
        self.patient = str(self.jpeg2000.PatientID)

    def of(self, copy: Dataset) -> tuple[str, str, str]:
        return copy.StudyInstanceUID, copy.SeriesInstanceUID, copy.SOPInstanceUID


@pytest.fixture
def place(twin_stage: TwinStage) -> Iterator[Place]:
    twin = twin_stage.twins["nominal"]
    with requests.Session() as session:
        yield Place(twin, DICOMwebClient(twin.ours, session=session))


def compressed(copy: Dataset) -> bool:
    return bool(copy.file_meta.TransferSyntaxUID.is_encapsulated)


def is_picture(data: bytes, kind: str = "JPEG") -> bool:
    return Image.open(BytesIO(data)).format == kind


def frames_of(place: Place, copy: Dataset, numbers: list[int], **more: Any) -> list[bytes]:
    return list(place.client.retrieve_instance_frames(*place.of(copy), numbers, **more))


def metadata_of(place: Place, copy: Dataset) -> dict[str, Any]:
    found: dict[str, Any] = place.client.retrieve_instance_metadata(*place.of(copy))
    return found


CALLS: dict[str, Callable[[Place], bool]] = {
    "search studies": lambda at: len(at.client.search_for_studies()) == at.studies,
    "search studies, fields": lambda at: all(
        "00080060" not in one or one for one in at.client.search_for_studies(fields=["StudyDescription", "PatientAge"])
    ),
    "search studies, limit and offset": lambda at: (
        at.client.search_for_studies(limit=2, offset=1) == at.client.search_for_studies()[1:3]
    ),
    "search studies, remaining": lambda at: (
        at.client.search_for_studies(limit=2, get_remaining=True) == at.client.search_for_studies()
    ),
    "search studies by ID": lambda at: (
        {one["00100020"]["Value"][0] for one in at.client.search_for_studies(search_filters={"PatientID": at.patient})}
        == {at.patient}
    ),
    "search studies by name with ^": lambda at: (
        len(at.client.search_for_studies(search_filters={"PatientName": f"{at.patient}^"})) >= 2
    ),
    "search studies by wild card": lambda at: (
        len(at.client.search_for_studies(search_filters={"PatientName": f"{at.patient[:8]}*"})) >= 2
    ),
    "search studies, fuzzy": lambda at: (
        len(at.client.search_for_studies(fuzzymatching=True, search_filters={"PatientName": at.patient})) >= 2
    ),
    "search series of a study": lambda at: len(at.client.search_for_series(at.study)) == 4,
    "search all series": lambda at: len(at.client.search_for_series()) > at.studies,
    "search instances of a study": lambda at: len(at.client.search_for_instances(at.study)) == at.size,
    "search instances of a series": lambda at: len(at.client.search_for_instances(at.study, at.series)) == at.in_series,
    "search all instances": lambda at: len(at.client.search_for_instances()) > at.size,
    "metadata of a study": lambda at: len(at.client.retrieve_study_metadata(at.study)) == at.size,
    "metadata of a series": lambda at: len(at.client.retrieve_series_metadata(at.study, at.series)) == at.in_series,
    "metadata of an instance": lambda at: (
        metadata_of(at, at.jpeg2000)["00080018"]["Value"] == [at.jpeg2000.SOPInstanceUID]
    ),
    "retrieve a study": lambda at: len(at.client.retrieve_study(at.study)) == at.size,
    "retrieve a study as stored": lambda at: len(at.client.retrieve_study(at.study, media_types=STORED)) == at.size,
    "retrieve a series": lambda at: len(at.client.retrieve_series(at.study, at.series)) == at.in_series,
    "retrieve an instance": lambda at: (
        at.client.retrieve_instance(*at.of(at.jpeg2000)).PixelData == at.jpeg2000.PixelData
    ),
    "iterate a study": lambda at: len(list(at.client.iter_study(at.study, media_types=STORED))) == at.size,
    "iterate a series": lambda at: len(list(at.client.iter_series(at.study, at.series))) == at.in_series,
    "frames, default media types": lambda at: frames_of(at, at.uncompressed, [1])[0] == at.uncompressed.PixelData,
    "frames as stored": lambda at: len(frames_of(at, at.clip, [1, 2], media_types=OCTETS)) == 2,
    "frames in JPEG": lambda at: is_picture(frames_of(at, at.clip, [2], media_types=JPEG)[0]),
    "frames in JPEG 2000": lambda at: is_picture(frames_of(at, at.jpeg2000, [1], media_types=JP2)[0], "JPEG2000"),
    "iterate frames": lambda at: len(list(at.client.iter_instance_frames(*at.of(at.clip), [1, 2]))) == 2,
    "rendered instance": lambda at: is_picture(at.client.retrieve_instance_rendered(*at.of(at.uncompressed))),
    "rendered instance in PNG": lambda at: is_picture(
        at.client.retrieve_instance_rendered(*at.of(at.jpeg2000), media_types=("image/png",)), "PNG"
    ),
    "rendered instance, window": lambda at: is_picture(
        at.client.retrieve_instance_rendered(
            *at.of(at.uncompressed), media_types=("image/jpeg",), params={"window": "40,400,linear"}
        )
    ),
    "rendered frames": lambda at: is_picture(
        at.client.retrieve_instance_frames_rendered(*at.of(at.clip), [2], media_types=("image/jpeg",))
    ),
    "rendered series": lambda at: at.client.retrieve_series_rendered(at.study, at.series) != b"",
    "bulk data": lambda at: (
        at.client.retrieve_bulkdata(metadata_of(at, at.uncompressed)["7FE00010"]["BulkDataURI"])
        == [at.uncompressed.PixelData]
    ),
    "iterate bulk data": lambda at: (
        list(at.client.iter_bulkdata(metadata_of(at, at.uncompressed)["7FE00010"]["BulkDataURI"]))
        == [at.uncompressed.PixelData]
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_of_the_python_client_works(place: Place, call: str) -> None:
    assert CALLS[call](place)


def test_what_would_change_the_archive_is_refused_and_nothing_changes(place: Place) -> None:
    before = place.client.search_for_instances()
    for change in (
        lambda: place.client.delete_instance(*place.of(place.uncompressed)),
        lambda: place.client.delete_study(place.study),
        lambda: place.client.store_instances([dcmread(BytesIO(as_file(place.uncompressed)))]),
    ):
        with pytest.raises(requests.HTTPError) as refused:
            change()
        assert refused.value.response is not None
        assert refused.value.response.status_code == 405
    assert place.client.search_for_instances() == before


def as_file(copy: Dataset) -> bytes:
    written = BytesIO()
    copy.save_as(written)
    return written.getvalue()
