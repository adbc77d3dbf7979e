"""Where a BulkDataURI may lead: below its own instance, or to bulk data that an origin keeps for a study or series."""

import pytest

from gateway.core.errors import MalformedInput
from gateway.routes.bulklinks import origin_path
from gateway.worklists.source import Instance

OWN = Instance("1.2.3", "1.2.3.4", "1.2.3.4.5", "")
STUDY = "/studies/1.2.3"
SERIES = f"{STUDY}/series/1.2.3.4"
METADATA = f"{OWN.path}/metadata"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        (f"https://pacs.example/dicom-web{OWN.path}/bulk/7fe00010", f"{OWN.path}/bulk/7fe00010"),
        (f"{OWN.path}/bulkdata/0048/1..2?offset=1&length=2", f"{OWN.path}/bulkdata/0048/1..2?offset=1&length=2"),
        (f"{OWN.path}/frames/1", f"{OWN.path}/frames/1"),
        (OWN.path, OWN.path),  # dcm4chee's, of pixel data
        ("bulk/5400,0100/1", f"{OWN.path}/bulk/5400,0100/1"),
        ("../1.2.3.4.5/bulkdata/a%20b", f"{OWN.path}/bulkdata/a%20b"),
        ("../../bulkdata/7f/abc.mp4", f"{SERIES}/bulkdata/7f/abc.mp4"),
        ("../../../../bulkdata/7f/abc.mp4", f"{STUDY}/bulkdata/7f/abc.mp4"),  # static-wado's
    ],
)
def test_bulk_data_of_the_instance_are_found(uri: str, path: str) -> None:
    assert origin_path(uri, METADATA, OWN) == path


@pytest.mark.parametrize(
    "uri",
    [
        f"{STUDY}/../9/x",
        f"{STUDY}/%2e%2e/%2E%2e/admin/users",
        f"{OWN.path}/%2e%2e/9/bulk/7fe00010",
        f"{OWN.path}/bulk/..%2f..%2fadmin",
        f"{OWN.path}/bulk/%2e/x",
        f"{OWN.path}/bulk/..\\admin",
        f"{OWN.path}/bulk/%5c..%5cadmin",
        f"{OWN.path}/bulk/a%0d%0aX",
        f"{OWN.path}/bulk/a b",
        f"{OWN.path}/bulk/\u00e9",
        f"{OWN.path}6/bulk/7fe00010",
        f"{SERIES}/instances/1.2.3.4.6/bulk/7fe00010",
        f"{STUDY}/series/9.9.9/instances/9.9/bulk",
        f"{STUDY}/bulkdata",
        f"{STUDY}/series/1.2.3.4/bulkdata",
        f"{STUDY}/metadata",
        f"{STUDY}/rendered?annotation=patient",
        f"{OWN.path}/rendered?annotation=patient",
        f"{OWN.path}/%72endered?annotation=patient",
        f"{OWN.path}/frames/1/rendered?annotation=patient",
        f"{OWN.path}/thumbnail",
        "/studies/1.2.4/bulkdata/x",
        "file:///etc/passwd",
        "http://[::1/x",
    ],
)
def test_what_leads_elsewhere_is_malformed(uri: str) -> None:
    with pytest.raises(MalformedInput) as refused:
        origin_path(uri, METADATA, OWN)
    assert "1.2" not in str(refused.value)
