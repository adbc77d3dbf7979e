"""The description of the gateway's own interface: what it says, and what it keeps to itself."""

import re
from pathlib import Path

import pytest

from gateway import __version__
from gateway.routes.documents import NewUplink
from gateway.routes.openapi import description
from tests.kit.archive import Archive
from tests.kit.inprocess import over

UPLINKS = {
    "/uplinks/{name}": {"post"},
    "/uplinks/{name}/jobs/{job}": {"get"},
    "/uplinks/{name}/jobs/{job}/events": {"get"},
    "/uplinks/{name}/jobs/{job}/cancel": {"post"},
    "/uplinks/{name}/jobs/{job}/share": {"delete"},
}
PROCESS = {"/healthz": {"get"}, "/readyz": {"get"}, "/metrics": {"get"}, "/openapi.json": {"get"}}


async def test_it_is_served_and_names_no_worklist(tmp_path: Path) -> None:
    async with over(Archive([]), tmp_path, {"qzjxvk-list": {}}) as gateway:
        answer = await gateway.ask("/openapi.json")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == description(with_uplinks=False)
    assert b"qzjxvk" not in answer.body


@pytest.mark.parametrize("with_uplinks", [False, True])
def test_it_lists_what_there_is(with_uplinks: bool) -> None:
    document = description(with_uplinks=with_uplinks)
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["version"] == __version__
    paths = {path: set(operations) for path, operations in document["paths"].items()}
    assert paths == PROCESS | (UPLINKS if with_uplinks else {})


def test_every_reference_leads_somewhere() -> None:
    document = description(with_uplinks=True)
    references = set(re.findall(r"'\$ref': '([^']+)'", repr(document)))
    assert references == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


def test_every_operation_has_a_name_of_its_own_and_describes_its_parameters() -> None:
    document = description(with_uplinks=True)
    operations = [(path, one) for path, methods in document["paths"].items() for one in methods.values()]
    assert len({one["operationId"] for _, one in operations}) == len(operations)
    for path, one in operations:
        in_path = {each["name"] for each in one.get("parameters", ()) if each["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path))


def test_links_lead_to_operations_with_the_parameters_that_they_have() -> None:
    paths = description(with_uplinks=True)["paths"]
    by_name = {one["operationId"]: one for methods in paths.values() for one in methods.values()}
    links = paths["/uplinks/{name}"]["post"]["responses"]["202"]["links"]
    assert len(links) == 3
    for link in links.values():
        assert set(link["parameters"]) == {each["name"] for each in by_name[link["operationId"]]["parameters"]}


def test_the_request_is_what_the_gateway_checks() -> None:
    schema = description(with_uplinks=True)["components"]["schemas"]["NewUplink"]
    assert set(schema["properties"]) == set(NewUplink.model_fields)
    assert schema["additionalProperties"] is False
