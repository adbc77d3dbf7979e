"""The Python dicomweb-client, which knows nothing of us, uses a worklist as it would use any archive."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom import Dataset

from tests.e2e.stack import Stack

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.orthanc,
    pytest.mark.corpus,
    pytest.mark.filterwarnings("ignore:::pydicom"),
]

ANY_SYNTAX = (("application/dicom", "*"),)
Json = dict[str, Any]


@pytest.fixture
def client(stack: Stack) -> Iterator[DICOMwebClient]:
    with requests.Session() as session:
        yield DICOMwebClient(stack.research, session=session)


@pytest.fixture
def mr(client: DICOMwebClient) -> Json:
    found = client.search_for_studies(
        search_filters={"ModalitiesInStudy": "MR"}, fields=["NumberOfStudyRelatedInstances"]
    )
    return next(study for study in found if first(study, "00201208") == 20)


@pytest.fixture
def source(stack: Stack) -> dict[int, Json]:
    """Give what the archive itself says of the MR study, by Instance Number."""
    found = stack.origin.search(f"/studies/{stack.mr_study}/metadata")
    return {int(first(instance, "00200013")): instance for instance in found}


def test_searches_find_what_the_archive_holds_and_name_nobody(client: DICOMwebClient, stack: Stack) -> None:
    for found, level in (
        (client.search_for_studies(), "/studies"),
        (client.search_for_series(), "/series"),
        (client.search_for_instances(), "/instances"),
    ):
        assert len(found) == len(stack.origin.search(level))
        assert nobody_is_named(found, stack)


def test_pages_join_to_the_whole_list(client: DICOMwebClient) -> None:
    whole = [first(study, "0020000D") for study in client.search_for_studies()]
    pages = [client.search_for_studies(limit=2, offset=at) for at in range(0, len(whole) + 2, 2)]
    assert [first(study, "0020000D") for page in pages for study in page] == whole
    assert [first(study, "0020000D") for study in client.search_for_studies(limit=2, get_remaining=True)] == whole


def test_a_pseudonym_finds_its_patient(client: DICOMwebClient, mr: Json) -> None:
    pseudonym = first(mr, "00100020")
    found = client.search_for_studies(search_filters={"PatientID": pseudonym})
    assert {first(study, "00100020") for study in found} == {pseudonym}
    assert len(found) == 2  # the MR and the report of the same patient
    for wildcard in (f"{pseudonym[:8]}*", f"*{pseudonym[4:]}", pseudonym.replace("D", "?", 1)):
        assert client.search_for_studies(search_filters={"PatientName": wildcard}) == found


def test_what_is_hidden_finds_nothing(client: DICOMwebClient) -> None:
    for filters in (
        {"PatientName": "Beispiel^Erika"}, {"PatientName": "Beisp*"}, {"PatientID": "MRN-0815"},
        {"PatientBirthDate": "19611105"}, {"AccessionNumber": "ACC-4711"}, {"StudyDate": "19000102-20500101"},
    ):  # fmt: skip
        assert client.search_for_studies(search_filters=filters) == []


def test_released_uids_find_their_study_series_and_instance(client: DICOMwebClient, mr: Json) -> None:
    study = first(mr, "0020000D")
    assert [
        first(one, "0020000D") for one in client.search_for_studies(search_filters={"StudyInstanceUID": study})
    ] == [study]
    series = first(client.search_for_series(study)[0], "0020000E")
    instances = client.search_for_instances(study, series)
    assert len(instances) == 20
    wanted = first(instances[7], "00080018")
    found = client.search_for_instances(study, series, search_filters={"SOPInstanceUID": wanted})
    assert [first(one, "00080018") for one in found] == [wanted]


def test_fields_that_are_asked_for_come_back_as_released(client: DICOMwebClient, mr: Json, stack: Stack) -> None:
    fields = ["StudyDescription", "InstitutionName", "PatientBirthDate", "Modality"]
    found = client.search_for_studies(fields=fields)
    assert len(found) == len(client.search_for_studies())
    assert nobody_is_named(found, stack)


def test_metadata_is_the_same_from_study_series_and_instance(client: DICOMwebClient, mr: Json, stack: Stack) -> None:
    study = first(mr, "0020000D")
    whole = client.retrieve_study_metadata(study)
    series = first(whole[0], "0020000E")
    instance = first(whole[3], "00080018")
    assert len(whole) == 20
    assert sorted(client.retrieve_series_metadata(study, series), key=number) == sorted(whole, key=number)
    assert client.retrieve_instance_metadata(study, series, instance) == whole[3]
    assert nobody_is_named(whole, stack)


def test_pixels_arrive_bit_identical_by_every_way(client: DICOMwebClient, mr: Json, source: dict[int, Json]) -> None:
    study = first(mr, "0020000D")
    whole = {int(one.InstanceNumber): one for one in client.retrieve_study(study, media_types=ANY_SYNTAX)}
    assert whole.keys() == source.keys()
    series = whole[1].SeriesInstanceUID
    for instances in (
        client.retrieve_series(study, series, media_types=ANY_SYNTAX),
        client.iter_study(study, media_types=ANY_SYNTAX),
        client.iter_series(study, series, media_types=ANY_SYNTAX),
    ):
        assert {int(one.InstanceNumber): one.PixelData for one in instances} == pixels(whole)
    one = client.retrieve_instance(study, series, whole[5].SOPInstanceUID)
    assert one.PixelData == whole[5].PixelData
    frames = client.retrieve_instance_frames(
        study, series, one.SOPInstanceUID, [1], media_types=(("application/octet-stream", "*"),)
    )
    assert frames == [whole[5].PixelData]


def test_the_whole_study_names_nobody(client: DICOMwebClient, mr: Json, stack: Stack) -> None:
    study = first(mr, "0020000D")
    for one in client.iter_study(study, media_types=ANY_SYNTAX):
        written = BytesIO()
        one.save_as(written)
        assert nobody_is_named(written.getvalue(), stack)
        assert one.StudyInstanceUID == study
        assert one.PatientID == first(mr, "00100020") == str(one.PatientName)
        assert one.PatientIdentityRemoved == "YES"


def test_bulk_data_is_read_by_the_uri_in_the_metadata(client: DICOMwebClient, mr: Json) -> None:
    study = first(mr, "0020000D")
    metadata = client.retrieve_study_metadata(study)[0]
    one = client.retrieve_instance(study, first(metadata, "0020000E"), first(metadata, "00080018"))
    assert client.retrieve_bulkdata(metadata["7FE00010"]["BulkDataURI"]) == [one.PixelData]


def test_every_instance_of_every_study_can_be_retrieved(client: DICOMwebClient, stack: Stack) -> None:
    for study in client.search_for_studies():
        uid = first(study, "0020000D")
        received = client.retrieve_study(uid, media_types=ANY_SYNTAX)
        metadata = client.retrieve_study_metadata(uid)
        assert {one.SOPInstanceUID for one in received} == {first(one, "00080018") for one in metadata}
        assert nobody_is_named(metadata, stack)


def pixels(instances: dict[int, Dataset]) -> dict[int, bytes]:
    return {at: one.PixelData for at, one in instances.items()}


def first(element: Json, key: str) -> Any:
    value = element[key]["Value"][0]
    return value["Alphabetic"] if isinstance(value, dict) else value


def number(instance: Json) -> int:
    return int(first(instance, "00200013"))


def nobody_is_named(said: object, stack: Stack) -> bool:
    text = said if isinstance(said, bytes) else repr(said).encode()
    return not any(word.encode().lower() in text.lower() for word in (*stack.identifiers, stack.mr_study))
