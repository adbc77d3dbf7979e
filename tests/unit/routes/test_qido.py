"""Search: every key is evaluated on what is released, and an origin is only asked for what it may know."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.kit.archive import Archive, Row
from tests.kit.inprocess import CHEST, DOSE, ECG, HEAD, UNKNOWN, InProcess, over, released

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
shared = pytest.mark.asyncio(loop_scope="module")

STUDIES = {released(uid): uid for uid in (CHEST, HEAD, DOSE, ECG)}
ROWS = [
    Row(f"1.2.3.{n}", f"1.2.3.{n}.1", f"1.2.3.{n}.1.1", f"PAT-{n}", f"SMITH^N{n}", "CT" if n % 2 else "MR")
    for n in range(1, 10)
]


async def found(gateway: InProcess, query: str, name: str = "research") -> set[str]:
    """Search studies; the source UIDs of those found."""
    return {STUDIES.get(uid, uid) for uid in await gateway[name].uids(f"/studies{query}", "0020000D")}


async def pseudonym(gateway: InProcess, study: str, name: str = "research") -> str:
    (one,) = await gateway[name].results(f"/studies?StudyInstanceUID={released(study)}")
    assert one["00100010"]["Value"][0]["Alphabetic"] == one["00100020"]["Value"][0]
    return str(one["00100020"]["Value"][0])


def value(one: dict[str, Any], tag: str) -> Any:
    return one[tag]["Value"][0]


@shared
@pytest.mark.parametrize(
    "query",
    [
        "?PatientName=SMITH*", "?PatientName=SMITH^JOHN", "?PatientName=*", "?00100010=S*", "?PatientName=?MITH^JOHN",
        "?PatientID=C-100", "?PatientID=C*", "?StudyDate=20040119", "?StudyDate=20040101-20041231",
        "?StudyDate=-20990101",
        "?StudyDate=19000101-", "?StudyTime=07*", "?PatientBirthDate=19000101-", "?PatientSex=O", "?PatientSex=M",
        "?StudyDescription=e*", "?InstitutionName=JFK*", "?AccessionNumber=*1*", "?ReferringPhysicianName=?*",
        f"?StudyInstanceUID={CHEST}", f"?StudyInstanceUID={CHEST[:-1]}*", "?StudyInstanceUID=1.2.826*",
        "?PatientName=SMITH*&fuzzymatching=true", "?PatientAge=0*", "?PatientComments=*a*",
    ],
)  # fmt: skip
async def test_source_values_find_nothing_that_released_ones_do_not(gateway: InProcess, query: str) -> None:
    universal = query == "?PatientName=*"
    assert await found(gateway, query) == (set(STUDIES.values()) if universal else set())


@shared
@pytest.mark.parametrize("key", ["PatientName", "00100010", "PatientID", "00100020"])
async def test_a_pseudonym_finds_its_patient_whole_or_in_part(gateway: InProcess, key: str) -> None:
    name = await pseudonym(gateway, CHEST)
    for pattern in (name, name[:-3] + "*", "*" + name[4:], name[:5] + "?" * (len(name) - 5)):
        assert await found(gateway, f"?{key}={pattern}") == {CHEST}, pattern
    assert await found(gateway, f"?{key}={name[:-1]}") == set()
    assert await found(gateway, f"?{key}={name[:-1]}?x") == set()


@shared
@pytest.mark.parametrize(
    "key",
    [
        "PatientName",
        "PatientID",
    ],
)
async def test_a_pseudonym_finds_its_patient_in_lower_case(gateway: InProcess, key: str) -> None:
    name = await pseudonym(gateway, CHEST)
    assert await found(gateway, f"?{key}={name.lower()}") == {CHEST}


@shared
async def test_lists_of_pseudonyms_find_each(gateway: InProcess) -> None:
    both = [await pseudonym(gateway, uid) for uid in (CHEST, HEAD)]
    for separator in (",", "%2C", "%5C"):
        assert await found(gateway, "?PatientID=" + separator.join(both)) == {CHEST, HEAD}


@shared
async def test_the_patient_without_an_id_is_found_by_pseudonym_too(gateway: InProcess) -> None:
    assert await found(gateway, "?PatientID=" + await pseudonym(gateway, ECG)) == {ECG}


@shared
@pytest.mark.parametrize("separator", [",", "%2C", "%5C", "%5c", "%2c"])
async def test_lists_of_released_uids_find_each(gateway: InProcess, separator: str) -> None:
    uids = separator.join([released(CHEST), released(DOSE), UNKNOWN, HEAD])
    assert await found(gateway, f"?StudyInstanceUID={uids}") == {CHEST, DOSE}
    assert await found(gateway, f"?0020000D={uids}&PatientName=*") == {CHEST, DOSE}
    (some, *_) = await gateway["research"].results(f"/studies/{released(CHEST)}/series")
    series = separator.join([value(some, "0020000E"), released(f"{CHEST}.2")])
    assert len(await gateway["research"].results(f"/studies/{released(CHEST)}/series?SeriesInstanceUID={series}")) == 2


@shared
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("ModalitiesInStudy=CT", {CHEST}), ("ModalitiesInStudy=CT,NM", {CHEST, HEAD}), ("00080061=MR%5CCT", {CHEST,
        HEAD}),
        ("ModalitiesInStudy=CT%2CMR", {CHEST, HEAD}), ("ModalitiesInStudy=R*", {DOSE}), ("ModalitiesInStudy=?R",
        {HEAD, CHEST}),
        ("ModalitiesInStudy=", set(STUDIES.values())), ("ModalitiesInStudy=*", set(STUDIES.values())),
        ("ModalitiesInStudy=XX", set()), ("ModalitiesInStudy=CT&StudyInstanceUID=" + released(HEAD), set()),
    ],
)  # fmt: skip
async def test_a_kept_key_finds_what_it_matches(gateway: InProcess, key: str, expected: set[str]) -> None:
    assert await found(gateway, "?" + key) == expected


@shared
@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("/studies?ModalitiesInStudy=ct", 1), ("/series?Modality=ct", 2), ("/series?SeriesNumber=1*", 4),
        ("/instances?InstanceNumber=?", 8),
    ],
)  # fmt: skip
async def test_a_hint_never_narrows_further_than_its_key(gateway: InProcess, path: str, count: int) -> None:
    answer = await gateway["research"].get(path)
    assert (answer.status, len(answer.json)) == (200, count)


@shared
async def test_a_number_that_is_none_finds_nothing(gateway: InProcess) -> None:
    for path in ("/series?SeriesNumber=abc", "/instances?InstanceNumber=1x", "/series?SeriesNumber=1.5"):
        assert await gateway["research"].results(path) == []


@shared
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("dates", "/studies?StudyDate=20040101-20041231-"),
        ("identified", "/studies?StudyDate=2004-2005-"),
        ("research", "/studies?StudyDate=20040101-20041231-"),
    ],
)
async def test_a_bad_value_is_the_clients_fault(gateway: InProcess, name: str, path: str) -> None:
    assert (await gateway[name].get(path)).status == 400


@shared
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("StudyDate=20040119", {CHEST}), ("StudyDate=20040101-20041231", {CHEST, HEAD}), ("StudyDate=20040827-", {ECG}),
        ("StudyDate=-20031231", {DOSE}), ("StudyDate=20040119-20040119", {CHEST}), ("StudyTime=07-08", {CHEST}),
        # Combined Datetime Matching: from 6 p.m. of the first day to 7 p.m. of the last.
        ("StudyDate=20040101-20041231&StudyTime=18-19", {CHEST, HEAD}), ("00080020=20040119", {CHEST}),
        ("StudyDate=20040119-20041231&StudyTime=0728-19", {HEAD}), ("StudyDate=20040119&StudyTime=07-08", {CHEST}),
        ("StudyDate=20040119-20040119&StudyTime=08-09", set()), ("StudyDate=20040119-&StudyTime=-0800", {CHEST}),
    ],
)  # fmt: skip
async def test_dates_that_are_kept_are_found_by_value_and_range(
    gateway: InProcess, key: str, expected: set[str]
) -> None:
    for name in ("dates", "identified"):
        service = gateway[name]
        everything = {value(one, "0020000D"): value(one, "00080020") for one in await service.results("/studies")}
        mine = dict(zip(sorted(everything.values()), (DOSE, CHEST, HEAD, ECG), strict=True))
        assert {mine[everything[uid]] for uid in await service.uids(f"/studies?{key}", "0020000D")} == expected


@shared
async def test_a_range_of_times_with_minutes_finds_what_lies_in_it(gateway: InProcess) -> None:
    assert await found(gateway, "?StudyTime=0700-0800", "identified") == {CHEST}


@shared
@pytest.mark.parametrize("query", ["=x", "=", "includefield="])
async def test_a_parameter_without_a_name_is_refused(gateway: InProcess, query: str) -> None:
    assert (await gateway["research"].get(f"/studies?{query}")).status == 400


@shared
@pytest.mark.parametrize("key", ["StudyDate=x", "StudyDate=2004/01/01", "StudyTime=noon", "PatientBirthDate=a-b"])
async def test_what_is_no_date_is_refused_whatever_the_profile(gateway: InProcess, key: str) -> None:
    for name in ("research", "dates", "identified"):
        assert (await gateway[name].get(f"/studies?{key}")).status == 400


@shared
@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("/series?Modality=CT", 2), ("/series?Modality=CT,MR", 3), ("/series?SeriesNumber=2", 2),
        ("/instances?Modality=SR", 1),
        ("/instances?InstanceNumber=2", 1), ("/instances?SOPClassUID=1.2.840.10008.5.1.4.1.1.2", 3),
        (f"/instances?SOPInstanceUID={released(CHEST)}", 0), (f"/instances?SOPInstanceUID={released(f'{CHEST}.1.1')}",
        1),
        (f"/instances?SOPInstanceUID={CHEST}.1.1", 0), (f"/instances?SeriesInstanceUID={released(f'{CHEST}.1')}", 2),
        (f"/series?SeriesInstanceUID={CHEST}.1", 0), (f"/instances?StudyInstanceUID={released(CHEST)}&Modality=CT", 3),
        ("/series?PatientName=SMITH*", 0), ("/instances?PatientID=C-100", 0), ("/series?SeriesDescription=*", 7),
        ("/instances?Rows=128", 3), ("/instances?Columns=64", 1), ("/instances?SOPClassUID=1.2.840*", 8),
        ("/instances?Manufacturer=*ge*", 4), ("/series?BodyPartExamined=CHEST", 0),
    ],
)  # fmt: skip
async def test_keys_of_series_and_instances(gateway: InProcess, path: str, count: int) -> None:
    assert len(await gateway["research"].results(path)) == count


@shared
async def test_patient_keys_work_at_every_level(gateway: InProcess) -> None:
    name = await pseudonym(gateway, CHEST)
    assert len(await gateway["research"].results(f"/series?PatientID={name}")) == 3
    assert len(await gateway["research"].results(f"/instances?PatientName={name[:9]}*")) == 4
    assert len(await gateway["research"].results(f"/studies/{released(CHEST)}/series?PatientID={name}")) == 3
    assert len(await gateway["research"].results(f"/studies/{released(HEAD)}/series?PatientID={name}")) == 0


@shared
@pytest.mark.parametrize(
    "query",
    [
        "00091010=x", "0009FF10=x&00090010=A", "00091010=x&00090010=", "RequestAttributesSequence=x",
        "RequestAttributesSequence.RequestedProcedureID=x", "00400275.00400009=x", "ReferencedStudySequence=1",
        "PatientName.PatientID=x", "limit=1&limit=2", "offset=1&offset=1", "fuzzymatching=true&fuzzymatching=true",
        "emptyvaluematching=1", "multiplevaluematching=TRUE", "StudyDate=2004011", "StudyTime=7", "StudyDate=a*",
        "PatientName=a&PatientName=b", "PatientName=a&00100010=b", "SeriesInstanceUID=1.2", "Modality=CT",
        "SOPInstanceUID=1",
        "SOPClassUID=1", "InstanceNumber=1", "limit=abc", "limit=-1", "limit=1.5", "limit=", "offset=x", "offset=-1",
        "limit=99999999999999999999", "offset=%D9%A1", "includefield=NoSuch",
        "fuzzymatching=maybe",
        "limit=%00", "includefield=StudyDescription,NoSuch", "accept=*/*", "Rows=1", "StudyInstanceUID.PatientID=x",
    ],
)  # fmt: skip
async def test_what_cannot_be_answered_as_asked_is_refused_without_its_value(gateway: InProcess, query: str) -> None:
    answer = await gateway["research"].get(f"/studies?{query}&PatientID=NO-SUCH-VALUE")
    assert answer.status == 400, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert "NO-SUCH-VALUE" not in answer.json["detail"]


@shared
@pytest.mark.parametrize("query", ["SOPInstanceUID=1.2", "InstanceNumber=1", "SOPClassUID=1.2"])
async def test_an_instances_key_does_not_belong_to_series(gateway: InProcess, query: str) -> None:
    assert (await gateway["research"].get(f"/series?{query}")).status == 400


@shared
async def test_a_bad_query_below_a_study_says_nothing_about_the_study(gateway: InProcess) -> None:
    ours, other = [await gateway["research"].get(f"/studies/{uid}/series?limit=x") for uid in (released(CHEST), CHEST)]
    assert ours.said == other.said


@shared
@pytest.mark.parametrize(
    "query", ["PatientName=NOBODY", "StudyInstanceUID=" + UNKNOWN, "offset=100", "limit=1&offset=4"]
)
async def test_nothing_found_is_204_without_a_body(gateway: InProcess, query: str) -> None:
    answer = await gateway["research"].get(f"/studies?{query}")
    assert (answer.status, answer.body) == (204, b"")


@shared
@pytest.mark.parametrize("query", ["", "&PatientName=DV*", "&ModalitiesInStudy=CT,MR,RTDOSE,ECG", "&includefield=all"])
@pytest.mark.parametrize("path", ["/studies", "/series", "/instances"])
async def test_pages_put_together_are_the_whole(gateway: InProcess, path: str, query: str) -> None:
    if path != "/studies" and "ModalitiesInStudy" in query:
        query = ""
    service = gateway["research"]
    whole = await service.results(f"{path}?{query}")
    for size in (1, 2, 3, 100):
        pages = [
            await service.results(f"{path}?limit={size}&offset={at}{query}") for at in range(0, len(whole) + 1, size)
        ]
        assert [one for page in pages for one in page] == whole
        assert all(len(page) == size for page in pages[: len(whole) // size])


@shared
async def test_limit_0_is_no_limit(gateway: InProcess) -> None:
    assert len(await gateway["research"].results("/studies?limit=0")) == 4


@pytest.mark.parametrize("behaviour", [{}, {"reads_keys": False}, {"reads_paging": False}, {"cap": 2}, {"cap": 1}])
@pytest.mark.parametrize("query", ["", "ModalitiesInStudy=MR", "PatientName=*"])
async def test_paging_is_exact_over_any_origin(
    tmp_path: Path, behaviour: dict[str, Any], query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.worklists.origin_json.LEAST_CAP", 1)
    async with over(Archive(ROWS, **behaviour), tmp_path) as gateway:
        service = gateway["research"]
        whole = await service.uids(f"/studies?{query}", "0020000D")
        assert len(whole) == (4 if "MR" in query else 9)
        for limit, offset in ((1, 0), (2, 1), (3, 3), (4, 8), (20, 2), (5, 20)):
            page = await service.uids(f"/studies?{query}&limit={limit}&offset={offset}", "0020000D")
            assert page == whole[offset : offset + limit]


async def test_a_limit_over_a_pseudonym_is_exact(tmp_path: Path) -> None:
    rows = [
        Row(f"1.2.4.{n}", f"1.2.4.{n}.1", f"1.2.4.{n}.1.1", "SAME" if n % 3 == 0 else f"P{n}") for n in range(1, 13)
    ]
    async with over(Archive(rows), tmp_path) as gateway:
        service = gateway["research"]
        third = next(one for one in await service.results("/studies") if value(one, "0020000D") == released("1.2.4.3"))
        name = value(third, "00100020")
        for key in (f"PatientID={name}", f"PatientName={name}", f"PatientName={name[:8]}*"):
            assert len(await service.results(f"/studies?{key}")) == 4
            assert len(await service.results(f"/studies?{key}&limit=3")) == 3
            assert len(await service.results(f"/studies?{key}&limit=3&offset=3")) == 1


@shared
@pytest.mark.parametrize(
    "field",
    ["StudyDescription", "00081030", "StudyDescription,00080060", "StudyDescription%2C00080060", "all",
    "all,PatientName",
     "StudyDescription&includefield=00321060", "PatientComments", "00104000"],
)  # fmt: skip
async def test_fields_are_included_as_the_profile_releases_them(gateway: InProcess, field: str) -> None:
    for one in await gateway["research"].results(f"/studies?includefield={field}"):
        assert list(one) == sorted(one)
        assert "00081030" not in one or "Value" not in one["00081030"]
        assert b"SMITH" not in json.dumps(one).encode()
        assert "00104000" not in one
        assert not [tag for tag in one if int(tag[:4], 16) % 2]


@shared
async def test_an_included_field_that_is_kept_comes_back(gateway: InProcess) -> None:
    (one, *_) = await gateway["research"].results("/instances?Modality=CT&includefield=00280100,SliceThickness%2CKVP")
    assert {"00280100", "00180050", "00180060"} <= set(one)
    described = await gateway["identified"].results("/studies?includefield=StudyDescription")
    assert any("Value" in one.get("00081030", {}) for one in described)


@shared
@pytest.mark.parametrize(
    "accept", ["application/dicom+json", "application/json", "*/*", None, "application/*", "text/html, */*;q=0.1",
               'multipart/related; type="application/dicom+xml";q=0.5, application/dicom+json',
               "application/dicom+json; charset=utf-8", "application/dicom+json, application/json"],
)  # fmt: skip
async def test_results_are_dicom_json(gateway: InProcess, accept: str | None) -> None:
    answer = await gateway["research"].get("/studies", accept)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    assert answer.headers["cache-control"] == "private, no-store"


@shared
@pytest.mark.parametrize(
    "accept", ["text/html", 'multipart/related; type="application/dicom"', "application/dicom+xml", "nonsense",
    ",", "*/*;q=0",
               "application/dicom+json;q=0", "application/dicom+json;q=x", "image/*"],
)  # fmt: skip
async def test_another_form_is_not_acceptable(gateway: InProcess, accept: str) -> None:
    answer = await gateway["research"].get("/studies", accept)
    assert answer.status == 406
    assert answer.json["title"] == "Not acceptable"


@shared
@pytest.mark.parametrize(
    "path", ["/studies", "/series", "/instances", f"/studies/{CHEST}/series", f"/studies/{CHEST}/instances"]
)
async def test_retrieve_urls_are_ours_and_can_be_followed(gateway: InProcess, path: str) -> None:
    for name in ("research", "identified"):
        asked = path if name == "identified" else released(path)
        for one in await gateway[name].results(asked):
            url = value(one, "00081190")
            assert url.startswith(f"http://gateway.example:8042/worklists/{name}/dicom-web/studies/")
            assert (await gateway.ask(url.removeprefix("http://gateway.example:8042"))).status == 200


@shared
async def test_results_are_the_same_each_time(gateway: InProcess) -> None:
    first, second = [await gateway["research"].get("/instances?includefield=all") for _ in range(2)]
    assert first.body == second.body


@shared
async def test_a_profile_that_lets_only_images_pass_lists_their_studies(gateway: InProcess) -> None:
    service = gateway["strict"]
    assert released(CHEST, "strict") in await service.uids("/studies", "0020000D")
    assert len(await service.results(f"/studies/{released(CHEST, 'strict')}/series?Modality=CT")) == 2


@shared
async def test_a_profile_that_lets_only_images_pass_hides_the_other_instances(gateway: InProcess) -> None:
    found = await gateway["strict"].results("/instances")
    assert {value(one, "00080060") for one in found} == {"CT", "MR", "NM"}
    assert {value(one, "00100020") for one in found} <= {"000000"}
