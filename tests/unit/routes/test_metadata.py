"""Metadata in both forms: one and the same content, links of ours, and what is left out."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.core.wire.dicomxml import from_xml
from tests.kit.archive import REPORT, Archive, Row, json_reply, multipart_reply
from tests.kit.inprocess import CHEST, DICOM, ECG, OCTETS, Answer, InProcess, links, over, released

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
shared = pytest.mark.asyncio(loop_scope="module")

XML = 'multipart/related; type="application/dicom+xml"'
INSTANCE = f"/studies/{CHEST}/series/{CHEST}.1/instances/{CHEST}.1.1"
LEVELS = [(f"/studies/{CHEST}", 4), (f"/studies/{CHEST}/series/{CHEST}.1", 2), (INSTANCE, 1)]

CT = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1")
TWO = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.2")
SR = Row("1.2.3.1", "1.2.3.1.2", "1.2.3.1.2.1", modality="SR", sop_class=REPORT)
STUDY = f"/studies/{CT.study}"


def of_xml(answer: Answer) -> list[dict[str, Any]]:
    """Read the parts back into the DICOM JSON Model."""
    assert answer.headers["content-type"].startswith('multipart/related; type="application/dicom+xml"; boundary=')
    found = []
    for media_type, document in answer.parts():
        assert media_type == "application/dicom+xml"
        found.append({key: json.loads(bytes(raw)) for key, raw in from_xml(document).items()})
    return found


def texts(found: Any) -> Any:
    """Write numbers and strings alike, as XML does, and leave out what is empty."""
    if isinstance(found, list):
        return [texts(one) for one in found]
    if isinstance(found, dict):
        return {key: texts(value) for key, value in found.items() if value not in ([], None)}
    return str(float(found)) if isinstance(found, int | float) else _number(found)


def _number(text: str) -> str:
    try:
        return str(float(text))
    except ValueError:
        return text


@shared
@pytest.mark.parametrize(("path", "count"), LEVELS)
@pytest.mark.parametrize("name", ["research", "identified", "strict"])
async def test_xml_says_what_json_says(gateway: InProcess, path: str, count: int, name: str) -> None:
    if name != "identified":
        path = released(path, name)
    as_json = (await gateway[name].get(f"{path}/metadata", "application/dicom+json")).json
    answer = await gateway[name].get(f"{path}/metadata", XML)
    assert answer.status in (200, 206)
    assert answer.whole
    assert len(as_json) == (count if name != "strict" else min(count, 3))
    assert texts(of_xml(answer)) == texts(as_json)


@shared
@pytest.mark.parametrize(
    "accept",
    [XML, "multipart/related;type=application/dicom+xml", 'multipart/related; type="*/*"', "multipart/related",
    'application/dicom+json;q=0.5, multipart/related; type="application/dicom+xml"'],
)  # fmt: skip
async def test_xml_is_asked_for_in_many_ways(gateway: InProcess, accept: str) -> None:
    assert len(of_xml(await gateway["research"].get(released(f"{INSTANCE}/metadata"), accept))) == 1


@shared
@pytest.mark.parametrize(
    ("query", "accept", "is_xml"),
    [
        ("multipart/related;%20type=%22application/dicom%2Bxml%22", "*/*", True),
        ("multipart/related;type=application/dicom+xml", None, True),
        ("application/dicom%2Bjson", "*/*", False),
        ("application/dicom+json", "text/html,application/xml;q=0.9,*/*;q=0.8", False),
    ],
)
async def test_a_link_may_say_what_it_accepts(gateway: InProcess, query: str, accept: str | None, is_xml: bool) -> None:
    answer = await gateway["research"].get(released(f"{INSTANCE}/metadata") + f"?accept={query}", accept)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("multipart") == is_xml


@shared
@pytest.mark.parametrize("form", ["application/dicom+json", XML])
async def test_text_is_utf_8_whatever_charset_is_asked_for(gateway: InProcess, form: str) -> None:
    path = released(f"{INSTANCE}/metadata")
    for query, headers in (("", {"accept_charset": "utf-16"}), ("?charset=utf-16", {})):
        answer = await gateway["research"].get(path + query, form, **headers)
        assert answer.status == 200
        assert "charset" not in answer.headers["content-type"]  # one of the clients knows no type with one
        answer.body.decode("utf-8")


@shared
async def test_an_unknown_parameter_is_ignored_and_does_not_reach_the_origin(gateway: InProcess) -> None:
    path = released(f"{INSTANCE}/metadata")
    plain = await gateway["research"].get(path)
    assert (await gateway["research"].get(f"{path}?PatientName=JANE&x=%00")).said == plain.said


@shared
@pytest.mark.parametrize("query", ["accept=*/*", "accept=application/*", "accept=application/dicom,image/png"])
async def test_a_link_takes_neither_wildcards_nor_mixtures(gateway: InProcess, query: str) -> None:
    answer = await gateway["research"].get(released(f"{INSTANCE}/metadata") + f"?{query}")
    assert answer.status == 400
    assert answer.json["type"] == "urn:dicomveil:problem:bad-request"


@shared
@pytest.mark.parametrize("path", [path for path, _ in LEVELS] + [f"/studies/{ECG}"])
@pytest.mark.parametrize("form", ["application/dicom+json", XML])
async def test_every_link_leads_to_its_value_whatever_was_asked_for(gateway: InProcess, path: str, form: str) -> None:
    answer = await gateway["research"].get(released(f"{path}/metadata"), form)
    found = links(answer.json if form != XML else of_xml(answer))
    assert found
    for uri in found:
        assert (await gateway.ask(uri, OCTETS)).status == 200
    assert CHEST.encode() not in answer.body


@pytest.mark.parametrize("form", ["application/dicom+json", XML])
async def test_what_the_profile_removes_has_no_link(tmp_path: Path, form: str) -> None:
    bulk: dict[str, dict[str, Any]] = {
        f"_{tag}": {"vr": vr, "BulkDataURI": f"{CT.path}/bulk/{tag.lower()}"}
        for tag, vr in {"60003000": "OW", "00091010": "OB", "00420011": "OB", "7FE00010": "OW"}.items()
    }
    bulk["_00090010"] = {"vr": "LO", "Value": ["ACME"]}
    archive = Archive([CT], {f"{CT.path}/metadata": json_reply([CT.json(**bulk)])})
    async with over(archive, tmp_path) as gateway:
        answer = await gateway["research"].get(released(f"{CT.path}/metadata"), form)
    (one,) = answer.json if form != XML else of_xml(answer)
    assert [key for key, element in one.items() if "BulkDataURI" in element] == ["7FE00010"]


@pytest.mark.parametrize(
    ("rows", "status"), [([SR, CT, TWO], 206), ([CT, SR, TWO], 200), ([CT, TWO], 200), ([SR], 404)]
)
@pytest.mark.parametrize("form", ["application/dicom+json", XML, DICOM])
async def test_what_is_withheld_is_said_while_that_is_possible(
    tmp_path: Path, rows: list[Row], status: int, form: str
) -> None:
    replies = {
        f"{STUDY}/metadata": json_reply([row.json() for row in rows]),
        STUDY: multipart_reply([row.part10() for row in rows]),
    }
    strict: dict[str, dict[str, object]] = {"research": {"profile": "strict"}}
    async with over(Archive(rows, replies), tmp_path, strict) as gateway:
        answer = await gateway["research"].get(released(STUDY + ("" if form == DICOM else "/metadata")), form)
    assert (answer.status, answer.whole) == (status, True)


async def test_malformed_metadata_are_no_xml_either(tmp_path: Path) -> None:
    bad = TWO.json(_00100010={"vr": "PN", "Value": "JANE"})
    for found, status in (([bad], 502), ([CT.json(), bad], 200)):
        async with over(Archive([CT], {f"{STUDY}/metadata": json_reply(found)}), tmp_path) as gateway:
            answer = await gateway["research"].get(released(f"{STUDY}/metadata"), XML)
        assert (answer.status, answer.whole) == (status, status == 502)
        assert b"JANE" not in answer.body
