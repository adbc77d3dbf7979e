"""Every route there is, and the one answer for everything that there is not."""

import re

import pytest

from tests.kit.inprocess import CHEST, DICOM, DOSE, ECG, HEAD, OCTETS, UNKNOWN, Answer, InProcess, released

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("ignore::UserWarning:pydicom")]

STUDY = f"/studies/{CHEST}"
SERIES = f"{STUDY}/series/{CHEST}.1"
INSTANCE = f"{SERIES}/instances/{CHEST}.1.1"
SEARCHES = ("/studies", "/series", "/instances", f"{STUDY}/series", f"{STUDY}/instances", f"{SERIES}/instances")
RETRIEVALS = (
    STUDY, SERIES, INSTANCE, f"{STUDY}/metadata", f"{SERIES}/metadata", f"{INSTANCE}/metadata", f"{INSTANCE}/frames/1",
    f"{STUDY}/bulkdata", f"{SERIES}/bulkdata", f"{INSTANCE}/bulkdata", f"{STUDY}/pixeldata", f"{SERIES}/pixeldata",
    f"{INSTANCE}/pixeldata",
)  # fmt: skip
NOT_FOUND = {
    "type": "urn:dicomveil:problem:not-found",
    "title": "Not found",
    "status": 404,
    "detail": "There is no such resource here.",
}
OURS = {"cache-control", "vary", "accept-ranges", "x-content-type-options", "x-request-id"}


def missing(answer: Answer) -> bool:
    """Compare the whole answer: a difference would tell the kinds of absence apart."""
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.headers) == {"content-type", "content-length", *OURS}
    return bool(answer.json == NOT_FOUND)


@pytest.mark.parametrize("path", SEARCHES)
async def test_every_search_resource_answers(gateway: InProcess, path: str) -> None:
    answer = await gateway["research"].get(released(path))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    assert answer.whole
    assert answer.json


@pytest.mark.parametrize("path", RETRIEVALS)
async def test_every_retrieve_resource_answers(gateway: InProcess, path: str) -> None:
    answer = await gateway["research"].get(released(path))
    assert answer.status == 200
    assert answer.whole


@pytest.mark.parametrize("path", [path for path in (*SEARCHES, *RETRIEVALS) if CHEST in path])
@pytest.mark.parametrize("kind", ["source", "unknown", "other domain", "outside", "outside the match"])
async def test_what_is_not_released_is_all_one_404(gateway: InProcess, path: str, kind: str) -> None:
    name = {"outside": "one", "outside the match": "ct"}.get(kind, "research")
    asked = {
        "source": path,
        "unknown": re.sub(r"1\.2\.826[0-9.]+", UNKNOWN, path),
        "other domain": released(path, "another"),
        "outside": released(path),
        "outside the match": released(path.replace(CHEST, DOSE)),
    }[kind]
    assert missing(await gateway[name].get(asked))


@pytest.mark.parametrize(
    "path",
    [
        f"/studies/{HEAD}/series/{CHEST}.1",
        f"/studies/{HEAD}/series/{CHEST}.1/metadata",
        f"/studies/{HEAD}/series/{CHEST}.1/instances",
        f"/studies/{HEAD}/series/{HEAD}.1/instances/{HEAD}.2.1",
        f"/studies/{CHEST}/series/{CHEST}.1/instances/{CHEST}.2.1/metadata",
        f"/studies/{CHEST}/series/{CHEST}.1/instances/{CHEST}.2.1/frames/1",
        f"/studies/{CHEST}/series/{HEAD}.1/instances/{HEAD}.1.1",
        f"/studies/{CHEST}.1/series/{CHEST}.1",
        f"/studies/{CHEST}/series/{CHEST}/instances/{CHEST}.1.1",
    ],
)
async def test_released_uids_that_do_not_belong_together_are_missing(gateway: InProcess, path: str) -> None:
    assert missing(await gateway["research"].get(released(path)))


@pytest.mark.parametrize(("of_study", "of_series"), [(True, False), (False, True)])
async def test_a_source_uid_beside_released_ones_is_missing(
    gateway: InProcess, of_study: bool, of_series: bool
) -> None:
    path = released(f"/studies/{CHEST}") if of_study else f"/studies/{CHEST}"
    path += released(f"/series/{CHEST}.1") if of_series else f"/series/{CHEST}.1"
    assert missing(await gateway["research"].get(f"{path}/metadata"))


@pytest.mark.parametrize(
    "uid",
    [
        "2.25.1", "2.25.01", "2.25.", "2.25", "x", "%00", "2.25.1%00", "2.25.1%0d%0aX:y", "..", "%2e%2e", "2.25.1%2f..",
        "2.25.1 ", "%ff", "2.25." + "1" * 60, "1.2.840.10008.1.1", "%D9%A1", "*", "2.25.%D9%A1", "a" * 5000,
    ],
)  # fmt: skip
async def test_what_is_no_uid_is_missing(gateway: InProcess, uid: str) -> None:
    for name in ("research", "identified"):
        answer = await gateway[name].get(f"/studies/{uid}/metadata")
        assert missing(answer)


async def test_a_path_with_a_comma_list_of_uids_is_missing(gateway: InProcess) -> None:
    both = released(f"{CHEST},{HEAD}")
    assert missing(await gateway["research"].get(f"/studies/{both}/metadata"))


@pytest.mark.parametrize(
    "path",
    [
        "/", "/worklists", "/worklists/none/dicom-web/studies", "/worklists/research/studies",
        "/worklists/search-only/wado",
        "/studies", "/docs", "//worklists/research/dicom-web/studies",
        "/worklists/research/dicom-web/patients", "/worklists/none/dicom-web", "/worklists/none/dicom-web/",
        "/worklists/RESEARCH/dicom-web/studies",
    ],
)  # fmt: skip
async def test_what_is_not_listed_is_missing(gateway: InProcess, path: str) -> None:
    assert missing(await gateway.ask(path))


@pytest.mark.parametrize(
    "below",
    ["frames", "bulk/00100010", "bulkdata/x/y", "pixeldata/1", "metadata/x", "reject/113001%5EDCM", "count", "zip"],
)
async def test_what_an_instance_does_not_offer_is_missing(gateway: InProcess, below: str) -> None:
    assert missing(await gateway["research"].get(f"{released(INSTANCE)}/{below}"))


@pytest.mark.parametrize("path", ["/studies/", "/series/", f"{STUDY}/", f"{INSTANCE}/"])
async def test_a_slash_too_many_is_missing_and_redirects_nowhere(gateway: InProcess, path: str) -> None:
    assert missing(await gateway["research"].get(released(path)))


@pytest.mark.parametrize("path", RETRIEVALS)
async def test_a_worklist_that_only_searches_has_nothing_to_retrieve(gateway: InProcess, path: str) -> None:
    service = gateway["search-only"]
    assert len(await service.results("/studies")) == 4
    assert missing(await service.get(released(path)))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", ["/studies", STUDY, f"{INSTANCE}/metadata"])
async def test_another_method_is_405_with_allow(gateway: InProcess, method: str, path: str) -> None:
    answer = await gateway.ask(f"/worklists/research/dicom-web{released(path)}", method=method)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["type"] == "urn:dicomveil:problem:method-not-allowed"


async def test_options_tell_what_is_allowed(gateway: InProcess) -> None:
    answer = await gateway.ask("/worklists/research/dicom-web/studies", method="OPTIONS")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", [*SEARCHES, *RETRIEVALS])
async def test_head_answers_as_get_without_a_body(gateway: InProcess, path: str) -> None:
    path = f"/worklists/research/dicom-web{released(path)}"
    head, get = await gateway.ask(path, method="HEAD"), await gateway.ask(path)
    assert (head.status, head.body) == (200, b"")
    assert media_type(head) == media_type(get)
    assert set(head.headers) == set(get.headers)


async def test_head_of_what_is_missing_is_404(gateway: InProcess) -> None:
    answer = await gateway.ask(f"/worklists/research/dicom-web/studies/{CHEST}", method="HEAD")
    assert (answer.status, answer.body) == (404, b"")


async def test_released_uids_of_a_domain_work_in_each_of_its_worklists(gateway: InProcess) -> None:
    study = released(f"/studies/{CHEST}")
    for name in ("research", "patients", "ct", "both"):
        assert (await gateway[name].get(f"{study}/metadata")).status == 200, name
    assert missing(await gateway["one"].get(f"{study}/metadata"))


async def test_source_uids_are_accepted_where_the_worklist_is_identified(gateway: InProcess) -> None:
    service = gateway["identified"]
    for path in (*SEARCHES, *RETRIEVALS):
        assert (await service.get(path)).status == 200, path
    assert missing(await service.get(released(STUDY)))


async def test_every_study_can_be_walked_down_to_its_instances(gateway: InProcess) -> None:
    service = gateway["research"]
    walked = []
    for study in await service.uids("/studies", "0020000D"):
        for series in await service.uids(f"/studies/{study}/series", "0020000E"):
            path = f"/studies/{study}/series/{series}"
            instances = await service.uids(f"{path}/instances", "00080018")
            walked += [f"{path}/instances/{instance}" for instance in instances]
            assert len((await service.get(path, DICOM)).parts()) == len(instances)
    assert sorted(walked) == sorted(await service.paths())
    assert len(walked) == 8
    assert {path.split("/")[2] for path in walked} == {released(uid) for uid in (CHEST, HEAD, DOSE, ECG)}


async def test_frames_and_metadata_are_those_of_the_instance(gateway: InProcess) -> None:
    path = released(INSTANCE)
    (metadata,) = (await gateway["research"].get(f"{path}/metadata")).json
    ((_, frame),) = (await gateway["research"].get(f"{path}/frames/1", OCTETS)).parts()
    assert path.endswith(metadata["00080018"]["Value"][0])
    assert len(frame) == metadata["00280010"]["Value"][0] * metadata["00280011"]["Value"][0] * 2


def media_type(answer: Answer) -> str:
    return answer.headers["content-type"].partition(";")[0]
