"""The identified worklist over a real archive: what Orthanc says, through the gateway, and never where Orthanc is."""

from typing import Any, Final

import httpx
import pytest

from tests.e2e.stack import Stack
from tests.kit.inprocess import Answer, links

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc]

JSON: Final = "application/dicom+json"
STORED: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
OCTETS: Final = 'multipart/related; type="application/octet-stream"'


def get(url: str, accept: str) -> Answer:
    answer = httpx.get(url, headers={"Accept": accept}, timeout=60)
    return Answer(answer.status_code, dict(answer.headers), answer.content, whole=True)


def both(stack: Stack, path: str, accept: str) -> tuple[Answer, Answer]:
    """Ask gateway and archive; the gateway's answer may not tell the archive's address."""
    ours, theirs = (get(base + path, accept) for base in (stack.gateway.worklist("reading"), stack.origin.dicomweb))
    assert (ours.status, theirs.status) == (200, 200)
    assert stack.origin.authority.encode() not in ours.said
    return ours, theirs


def instance(stack: Stack) -> str:
    one = stack.origin.search(f"/studies/{stack.mr_study}/instances?limit=1")[0]
    return f"/studies/{stack.mr_study}/series/{one['0020000E']['Value'][0]}/instances/{one['00080018']['Value'][0]}"


def without_links(found: Any) -> Any:
    """Leave out what leads somewhere."""
    if isinstance(found, list):
        return [without_links(one) for one in found]
    if isinstance(found, dict):
        return {key: without_links(one) for key, one in found.items() if key not in ("BulkDataURI", "00081190")}
    return found


def test_objects_are_the_archives(stack: Stack) -> None:
    ours, theirs = both(stack, instance(stack), STORED)
    assert [body for _, body in ours.parts()] == [body for _, body in theirs.parts()]
    ours, theirs = both(stack, f"/studies/{stack.mr_study}", STORED)
    assert sorted(body for _, body in ours.parts()) == sorted(body for _, body in theirs.parts())


def test_metadata_are_the_archives_but_for_links(stack: Stack) -> None:
    ours, theirs = both(stack, f"{instance(stack)}/metadata", JSON)
    assert without_links(ours.json) == without_links(theirs.json)
    base = stack.gateway.worklist("reading") + instance(stack) + "/bulkdata/"
    assert links(ours.json)
    for link, origin_link in zip(links(ours.json), links(theirs.json), strict=True):
        assert link.startswith(base)
        assert [body for _, body in get(link, OCTETS).parts()] == [body for _, body in get(origin_link, OCTETS).parts()]


def test_frames_are_the_archives(stack: Stack) -> None:
    ours, theirs = both(stack, f"{instance(stack)}/frames/1", OCTETS)
    assert [body for _, body in ours.parts()] == [body for _, body in theirs.parts()]


@pytest.mark.parametrize(
    "path", ["/studies", "/studies?PatientID=MRN-0815", "/series?Modality=MR", "/instances?Modality=MR"]
)
def test_searches_find_the_archives_identifiers(path: str, stack: Stack) -> None:
    ours = get(stack.gateway.worklist("reading") + path, JSON)
    assert stack.origin.authority.encode() not in ours.said
    expected = {one["0020000D"]["Value"][0] for one in stack.origin.search(path)}
    assert {one["0020000D"]["Value"][0] for one in ours.json} == expected
    assert all(one["00081190"]["Value"][0].startswith(stack.gateway.worklist("reading")) for one in ours.json)
