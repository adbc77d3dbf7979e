"""Searches of viewers and client libraries, as they send them (OHIF 3.13, Weasis, dicomweb-client 0.61)."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.kit.inprocess import CHEST, HEAD, InProcess, released

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:pydicom"),
    pytest.mark.asyncio(loop_scope="module"),
]

OHIF_LIST = "limit=101&offset=0&fuzzymatching=false&includefield=00081030%2C00080060%2C00080090%2C00100030"
WEASIS_FIELDS = (
    "00080020,00080030,00080050,00080061,00080090,00081030,00100010,00100020,00100021,00100030,00100040,"
    "0020000D,00200010"
)
STUDY, SERIES, INSTANCE = "0020000D", "0020000E", "00080018"


def value(one: dict[str, Any], tag: str) -> Any:
    return one[tag]["Value"][0]


async def chest(gateway: InProcess) -> dict[str, Any]:
    (found,) = await gateway["research"].results(f"/studies?StudyInstanceUID={released(CHEST)}")
    return found


async def found(gateway: InProcess, query: str) -> list[str]:
    return [value(one, STUDY) for one in await gateway["research"].results(f"/studies?{query}")]


async def test_ohif_lists_studies(gateway: InProcess) -> None:
    answer = await gateway["research"].get(f"/studies?{OHIF_LIST}", "application/dicom+json")
    assert (answer.status, len(answer.json)) == (200, 4)
    assert "warning" not in answer.headers
    for one in answer.json:
        assert {"00100010", "00100020", STUDY} <= one.keys()
        assert "00080060" not in one  # of the series


@pytest.mark.parametrize("tag", ["PatientName", "00100020"])
async def test_ohif_filters_by_the_name_it_was_given(gateway: InProcess, tag: str) -> None:
    name = value(await chest(gateway), "00100020")
    for text in (f"*{name}*", f"*{name[:7]}*", quote(f"*{name.lower()}*")):
        assert await found(gateway, f"{OHIF_LIST}&{tag}={text}") == [released(CHEST)]
    assert await found(gateway, f"{OHIF_LIST}&{tag}=*SMITH*") == []


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("ModalitiesInStudy=CT", 1),
        ("ModalitiesInStudy=CT%5CMR", 2),
        ("StudyDate=19700102-20991231", 0),  # nominal releases no date
        ("AccessionNumber=*1*", 0),
        ("StudyDescription=*e*", 0),
    ],
)
async def test_ohif_filters_by_the_rest(gateway: InProcess, query: str, count: int) -> None:
    assert len(await found(gateway, f"{OHIF_LIST}&{query}")) == count


async def test_ohif_opens_a_study_and_looks_for_others_of_its_patient(gateway: InProcess) -> None:
    uids = quote(f"{released(CHEST)}\\{released(HEAD)}")
    assert set(await found(gateway, f"{OHIF_LIST}&StudyInstanceUID={uids}")) == {released(CHEST), released(HEAD)}
    fields = "includefield=00080021%2C00080031%2C0008103E%2C00200011"
    series = await gateway["research"].results(f"/studies/{released(CHEST)}/series?{fields}")
    assert sorted(value(one, "00200011") for one in series) == [1, 2, 3]
    assert {value(one, "00080060") for one in series} == {"CT", "SR"}
    name = value(await chest(gateway), "00100020")
    assert await found(gateway, f"00100020={name}") == [released(CHEST)]


async def test_weasis_finds_by_patient_study_and_accession_number(gateway: InProcess) -> None:
    name = value(await chest(gateway), "00100020")
    for key in (f"00100020={name}", f"0020000D={released(CHEST)}"):
        assert await found(gateway, f"{key}&includefield={WEASIS_FIELDS}") == [released(CHEST)]
    assert await found(gateway, f"00080050=1234&includefield={WEASIS_FIELDS}") == []


async def test_weasis_walks_down_by_retrieve_url(gateway: InProcess) -> None:
    service, study = gateway["research"], released(CHEST)
    fields = "includefield=0008103E,00080060,0020000E,00200011,00081190"
    for one in await service.results(f"/studies/{study}/series?{fields}"):
        series, url = value(one, SERIES), value(one, "00081190")
        assert url.partition("/studies/")[0] == "http://gateway.example:8042/worklists/research/dicom-web"
        counted = await service.results(f"/studies/{study}/series?0020000E={series}&includefield=00201209")
        instances = f"/studies/{study}/series/{series}/instances?includefield=00080018,00200013,00081190"
        below = await service.results(instances)
        assert [value(each, "00201209") for each in counted] == [len(below)]
        one_by_one = f"/studies/{study}/series/{series}/instances?includefield=00080018&limit=1&offset="
        pages = [await service.results(f"{one_by_one}{at}") for at in range(len(below) + 1)]
        assert [value(each, INSTANCE) for page in pages for each in page] == [value(each, INSTANCE) for each in below]


async def test_dicomweb_client_pages_until_nothing_is_left(gateway: InProcess) -> None:
    accept = "application/dicom+json, application/json"
    seen: list[str] = []
    while True:
        query = f"limit=3&offset={len(seen)}&fuzzymatching=false&includefield=PatientID&includefield=StudyDescription"
        answer = await gateway["research"].get(f"/studies?{query}", accept)
        if answer.status == 204:
            break
        seen += [value(one, STUDY) for one in answer.json]
    assert len(seen) == len(set(seen)) == 4


async def test_fuzzy_matching_is_literal_and_says_so(gateway: InProcess) -> None:
    name = value(await chest(gateway), "00100010")["Alphabetic"]
    for query, status in ((f"PatientName={name}", 200), ("PatientName=NOBODY", 204)):
        answer = await gateway["research"].get(f"/studies?{query}&fuzzymatching=true")
        assert answer.status == status
        assert answer.headers["warning"] == (
            "299 http://gateway.example:8042/worklists/research/dicom-web: "
            "The fuzzymatching parameter is not supported. Only literal matching has been performed."
        )


@pytest.mark.parametrize("query", ["_=1", "orderby=PatientName", "NoSuchKeyword=SMITH", "00080201=%2B0100"])
async def test_what_is_no_parameter_is_ignored_and_said_to_be(gateway: InProcess, query: str) -> None:
    answer = await gateway["research"].get(f"/studies?{query}")
    assert (answer.status, len(answer.json)) == (200, 4)
    assert "ignored" in answer.headers["warning"]
    assert "SMITH" not in answer.headers["warning"]


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/studies?limit=3", "There are additional results that can be requested"),
        ("/studies?limit=4", None),
        ("/studies?limit=1&offset=3", None),
        (f"/studies/{released(CHEST)}/series?limit=1", "There are 2 additional results that can be requested"),
        (f"/studies?StudyInstanceUID={released(CHEST)},{released(HEAD)}&limit=1",
         "There are 1 additional results that can be requested"),
        ("/instances?limit=2", "There are additional results that can be requested"),
    ],
)  # fmt: skip
async def test_a_page_says_whether_there_is_more(gateway: InProcess, path: str, more: str | None) -> None:
    answer = await gateway["research"].get(path)
    assert answer.status == 200
    said = answer.headers.get("warning")
    assert said == (more and f"299 http://gateway.example:8042/worklists/research/dicom-web: {more}")


async def test_results_come_as_xml_one_part_each(gateway: InProcess) -> None:
    accept = 'multipart/related; type="application/dicom+xml", application/dicom+json;q=0.5'
    answer = await gateway["research"].get("/studies", accept)
    parts = answer.parts()
    assert [kind for kind, _ in parts] == ["application/dicom+xml"] * 4
    as_json = await gateway["research"].results("/studies")
    for (_, document), one in zip(parts, as_json, strict=True):
        assert value(one, STUDY).encode() in document
        assert b"NativeDicomModel" in document
    assert (await gateway["research"].get("/studies?PatientName=NOBODY", accept)).status == 204
