"""Retrieval: what is asked of an origin, what of its answers is released, and what happens when they are wrong."""

import json
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from tests.kit.archive import (
    FILLER,
    REPORT,
    Archive,
    Reply,
    Row,
    ended_by_close,
    json_reply,
    multipart,
    multipart_reply,
    reply,
)
from tests.kit.encode import EXPLICIT, IMPLICIT, Element, part10
from tests.kit.inprocess import CHEST, DICOM, DOSE, ECG, HEAD, OCTETS, Answer, InProcess, links, over, released

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
shared = pytest.mark.asyncio(loop_scope="module")

CT = f"/studies/{CHEST}/series/{CHEST}.1/instances/{CHEST}.1.1"
WAVEFORM = f"/studies/{ECG}/series/{ECG}.1/instances/{ECG}.1.1"
JPEG_2000 = f"/studies/{HEAD}/series/{HEAD}.2/instances/{HEAD}.2.1"
FRAMES = f"/studies/{DOSE}/series/{DOSE}.1/instances/{DOSE}.1.1"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"

ONE = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1")
TWO = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.2")
SR = Row("1.2.3.1", "1.2.3.1.2", "1.2.3.1.2.1", modality="SR", sop_class=REPORT)
STUDY = f"/studies/{ONE.study}"
SERIES = f"{STUDY}/series/{ONE.series}"


def uids(answer: Answer) -> list[str]:
    """Read the parts with pydicom; their SOP Instance UIDs."""
    found = []
    for media_type, body in answer.parts():
        assert media_type == "application/dicom"
        instance = pydicom.dcmread(BytesIO(body))
        assert instance.file_meta.MediaStorageSOPInstanceUID == instance.SOPInstanceUID
        assert instance.PatientIdentityRemoved == "YES"
        found.append(str(instance.SOPInstanceUID))
    return found


async def asked_of(tmp_path: Path, reply_: Reply, path: str, accept: str | None = None, at: str = STUDY) -> Answer:
    """Ask a gateway over an archive that gives one scripted answer."""
    async with over(Archive([ONE, TWO], {at: reply_}), tmp_path) as gateway:
        return await gateway["research"].get(released(path), accept)


# Instances


@shared
@pytest.mark.parametrize(
    ("path", "count"), [(f"/studies/{CHEST}", 4), (f"/studies/{CHEST}/series/{CHEST}.1", 2), (CT, 1)]
)
@pytest.mark.parametrize(
    "accept",
    [
        None, "*/*", "application/*", 'multipart/related; type="application/dicom"',
        "multipart/related; type=application/dicom",
        'multipart/related; type="application/dicom"; transfer-syntax=*', "multipart/related",
        'multipart/related; type="*/*"',
        f"multipart/related;type=application/dicom;transfer-syntax={EXPLICIT_LITTLE}",
        "Multipart/Related; TYPE=Application/DICOM",
        'image/png;q=0, multipart/related; type="application/dicom"; q=0.5',
        "nonsense/, , multipart/related; type=application/dicom",
        'multipart/related; type="application/dicom"; boundary=x; foo="a, b"',
    ],
)  # fmt: skip
async def test_instances_come_as_parts(gateway: InProcess, path: str, count: int, accept: str | None) -> None:
    answer = await gateway["research"].get(released(path), accept)
    assert answer.status == 200
    assert answer.whole
    assert answer.headers["content-type"].startswith('multipart/related; type="application/dicom"; boundary=')
    assert len(set(uids(answer))) == count


@shared
@pytest.mark.parametrize(
    "accept", ["application/dicom", "application/dicom; transfer-syntax=*",
    'application/dicom, multipart/related; type="application/dicom"; q=0.9'],
)  # fmt: skip
async def test_one_instance_may_stand_alone(gateway: InProcess, accept: str) -> None:
    answer = await gateway["research"].get(released(CT), accept)
    assert answer.headers["content-type"] == "application/dicom"
    assert str(pydicom.dcmread(BytesIO(answer.body)).SOPInstanceUID) == released(CT).rpartition("/")[2]


@shared
@pytest.mark.parametrize("path", [f"/studies/{CHEST}", f"/studies/{CHEST}/series/{CHEST}.1"])
async def test_several_instances_may_not(gateway: InProcess, path: str) -> None:
    assert (await gateway["research"].get(released(path), "application/dicom")).status == 406


@shared
@pytest.mark.parametrize(
    "accept",
    ["nonsense", "image/png", "text/*", 'multipart/related; type="application/dicom+xml"', "*/*;q=0",
     "application/gzip", 'multipart/related; type="image/jpeg"', "application/dicom+json",
     'multipart/related; type="application/dicom"; q=0', ";", "é"],
)  # fmt: skip
async def test_what_instances_are_not_is_not_acceptable(gateway: InProcess, accept: str) -> None:
    answer = await gateway["research"].get(released(CT), accept)
    assert answer.status == 406
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("syntax", "asked"),
    [
        ("", ["", "; transfer-syntax=*"]),
        (f"; transfer-syntax={EXPLICIT_LITTLE}", [f"; transfer-syntax={EXPLICIT_LITTLE}", ""]),
        ("; transfer-syntax=*", ["; transfer-syntax=*", ""]),
        ("; transfer-syntax=1.2.840.10008.1.2.4.50", ["; transfer-syntax=1.2.840.10008.1.2.4.50"]),
    ],
)
async def test_an_origin_is_asked_for_what_the_client_accepts_and_for_nothing_else(
    tmp_path: Path, syntax: str, asked: list[str]
) -> None:
    base = 'multipart/related; type="application/dicom"'
    archive = Archive([ONE], {ONE.path: reply(b"", "500 Internal Server Error")})
    async with over(archive, tmp_path) as gateway:
        assert (await gateway["research"].get(released(ONE.path), base + syntax)).status == 406
    assert [one.accept.removeprefix(base) for one in archive.asked if one.path == ONE.path] == asked


@pytest.mark.parametrize(
    "form", ['multipart/related; type="application/dicom"', "application/dicom", "application/zip"]
)
async def test_a_transfer_syntax_that_an_origin_calls_a_bad_request_is_not_acceptable(
    tmp_path: Path, form: str
) -> None:
    """Orthanc knows no more of one that it does not know; the object is there all the same."""
    archive = Archive([ONE], {ONE.path: reply(b"", "400 Bad Request")})
    async with over(archive, tmp_path) as gateway:
        answer = await gateway["research"].get(released(ONE.path), f"{form}; transfer-syntax=1.2.3")
    assert answer.status == 406


@pytest.mark.parametrize("accept", ["application/dicom", "application/dicom; transfer-syntax=*"])
async def test_an_object_that_an_origin_does_not_transcode_says_its_own_transfer_syntax(
    tmp_path: Path, accept: str
) -> None:
    stored = part10(ONE.elements(), IMPLICIT)
    async with over(Archive([ONE], {ONE.path: multipart_reply([stored])}), tmp_path) as gateway:
        answer = await gateway["research"].get(released(ONE.path), accept)
    assert answer.headers["content-type"] == "application/dicom"
    instance = pydicom.dcmread(BytesIO(answer.body))
    assert instance.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2"
    assert instance.PixelData == FILLER


async def test_several_objects_are_asked_for_as_stored_where_no_transfer_syntax_is_named(tmp_path: Path) -> None:
    """Orthanc cuts its answer at an object that it can't decode."""
    archive = Archive([ONE, TWO])
    async with over(archive, tmp_path) as gateway:
        for path in (STUDY, SERIES):
            assert (
                len(uids(await gateway["research"].get(released(path), 'multipart/related; type="application/dicom"')))
                == 2
            )
    accepts = {asked.accept for asked in archive.asked if asked.path in (STUDY, SERIES)}
    assert accepts == {DICOM}


@pytest.mark.parametrize("syntax", ['"é"', '"a b"', '"1.2; q=0"'])
async def test_a_transfer_syntax_that_is_none_does_not_reach_the_origin(tmp_path: Path, syntax: str) -> None:
    archive = Archive([ONE])
    async with over(archive, tmp_path) as gateway:
        accept = f"multipart/related; type=application/dicom; transfer-syntax={syntax}"
        answer = await gateway["research"].get(released(ONE.path), accept)
    assert answer.status in (200, 406)
    for asked in archive.asked:
        for text in ("image/jpeg", "a b", "q=0", "é", "\xc3"):
            assert text not in asked.accept


async def test_no_header_of_an_origin_or_its_parts_gets_out(tmp_path: Path) -> None:
    header, body = multipart([ONE.part10()])
    answer = await asked_of(tmp_path, reply(body, headers=header + "ETag: x\r\nContent-Location: /1.2.3.1\r\n"), STUDY)
    ours = {"cache-control", "vary", "accept-ranges", "x-content-type-options", "x-request-id"}
    assert set(answer.headers) == {"content-type", *ours}
    for word in (b"archive.example", b"origin-boundary", b"ETag", b"1.2.3.1"):
        assert word not in answer.said


async def test_a_part_that_the_profile_refuses_is_not_there(tmp_path: Path) -> None:
    strict: dict[str, dict[str, object]] = {"research": {"profile": "strict"}}
    for rows in ([ONE, SR, TWO], [SR, ONE, TWO], [ONE, TWO, SR]):
        async with over(
            Archive(rows, {STUDY: multipart_reply([row.part10() for row in rows])}), tmp_path, strict
        ) as gateway:
            answer = await gateway["research"].get(released(STUDY), DICOM)
            assert answer.whole
            assert set(uids(answer)) == {released(ONE.instance), released(TWO.instance)}
            assert (await gateway["research"].get(released(SR.path), DICOM)).status == 404
            assert (await gateway["research"].get(released(f"{STUDY}/series/{SR.series}"), DICOM)).status == 404
            assert (await gateway["research"].get(released(f"{SR.path}/metadata"))).status == 404
            assert (await gateway["research"].get(released(f"{STUDY}/series/{SR.series}/metadata"))).status == 404
            metadata = (await gateway["research"].get(released(f"{STUDY}/metadata"))).json
            assert {one["00080018"]["Value"][0] for one in metadata} == set(uids(answer))


async def test_a_small_part_that_the_profile_refuses_is_not_there_either(tmp_path: Path) -> None:
    small = Row(SR.study, SR.series, SR.instance, modality="SR", sop_class=REPORT, pixels=b"")
    without_pixels = part10([one for one in small.elements() if one.tag != 0x7FE00010], EXPLICIT)
    parts = [ONE.part10(), without_pixels, TWO.part10()]
    strict: dict[str, dict[str, object]] = {"research": {"profile": "strict"}}
    async with over(Archive([ONE, small, TWO], {STUDY: multipart_reply(parts)}), tmp_path, strict) as gateway:
        answer = await gateway["research"].get(released(STUDY), DICOM)
    assert answer.whole
    assert len(uids(answer)) == 2


@pytest.mark.parametrize(
    "part", [b"JANE DOE", b"", ONE.part10()[:200], bytes(128) + b"DICM", part10([Element(0x00100010, "PN", b"JANE")],
    EXPLICIT)]
)  # fmt: skip
async def test_a_malformed_first_part_is_a_502_without_values(tmp_path: Path, part: bytes) -> None:
    answer = await asked_of(tmp_path, multipart_reply([part, TWO.part10()]), STUDY)
    assert answer.status == 502
    assert answer.headers["content-type"] == "application/problem+json"
    for word in (b"JANE", b"SMITH", b"1.2.3"):
        assert word not in answer.said


@pytest.mark.parametrize("part", [b"JANE DOE", TWO.part10()[:-100], TWO.part10() + b"JANE"])
async def test_a_malformed_later_part_breaks_the_answer_off(tmp_path: Path, part: bytes) -> None:
    answer = await asked_of(tmp_path, multipart_reply([ONE.part10(), part]), STUDY)
    assert answer.status == 200
    broken_off(answer)


@pytest.mark.parametrize("cut", [10, 300, 5000, len(FILLER) // 2, len(FILLER) * 3 // 2])
async def test_a_truncated_body_never_looks_whole(tmp_path: Path, cut: int) -> None:
    header, body = multipart([ONE.part10(), TWO.part10()])
    answer = await asked_of(tmp_path, ended_by_close(body[:cut], headers=header), STUDY)
    if answer.status == 200:
        broken_off(answer)
    else:
        assert answer.status == 502


async def test_a_body_without_its_closing_delimiter_never_looks_whole(tmp_path: Path) -> None:
    broken_off(await asked_of(tmp_path, multipart_reply([ONE.part10()], end=False), STUDY))


def broken_off(answer: Answer) -> None:
    assert not answer.whole
    boundary = answer.headers["content-type"].partition("boundary=")[2]
    assert f"--{boundary}--".encode() not in answer.body
    for word in (b"JANE", b"SMITH", b"1.2.3"):
        assert word not in answer.body


@pytest.mark.parametrize("inner", ["text/html", "application/octet-stream", "application/dicom+json"])
async def test_an_answer_of_another_type_is_a_502(tmp_path: Path, inner: str) -> None:
    assert (await asked_of(tmp_path, multipart_reply([ONE.part10()], inner), STUDY)).status == 502
    assert (await asked_of(tmp_path, reply(ONE.part10(), headers=f"Content-Type: {inner}\r\n"), STUDY)).status == 502


async def test_no_parts_are_404(tmp_path: Path) -> None:
    assert (await asked_of(tmp_path, multipart_reply([]), STUDY)).status == 404


async def test_an_origin_that_sends_one_object_bare_is_understood(tmp_path: Path) -> None:
    bare = reply(ONE.part10(), headers="Content-Type: application/dicom\r\n")
    assert len(uids(await asked_of(tmp_path, bare, ONE.path, at=ONE.path))) == 1
    alone = await asked_of(tmp_path, bare, ONE.path, "application/dicom", ONE.path)
    assert alone.headers["content-type"] == "application/dicom"
    assert alone.body[128:132] == b"DICM"


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "302 Found", "503 Service Unavailable"])
async def test_an_origins_refusal_is_not_handed_on(tmp_path: Path, status: str) -> None:
    answer = await asked_of(tmp_path, reply(b"JANE", status, "WWW-Authenticate: Basic realm=JANE\r\n"), STUDY)
    assert answer.status == (503 if status.startswith("503") else 502)
    assert b"JANE" not in answer.said


# Metadata


@shared
@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/dicom+json", "application/json", "application/dicom+json, application/json"]
)
async def test_metadata_and_instance_agree(gateway: InProcess, accept: str | None) -> None:
    answer = await gateway["research"].get(released(f"{CT}/metadata"), accept)
    assert answer.headers["content-type"] == "application/dicom+json"
    (metadata,) = answer.json
    ((_, body),) = (await gateway["research"].get(released(CT), DICOM)).parts()
    instance = pydicom.dcmread(BytesIO(body))
    assert set(metadata) == {f"{element.tag:08X}" for element in instance}
    for tag in ("00080018", "0020000D", "00100020", "00080016"):
        assert metadata[tag]["Value"] == [str(instance[int(tag, 16)].value)]


@shared
@pytest.mark.parametrize("accept", ["text/html", "application/dicom+xml", "nonsense", DICOM])
async def test_metadata_in_another_form_is_not_acceptable(gateway: InProcess, accept: str) -> None:
    assert (await gateway["research"].get(released(f"{CT}/metadata"), accept)).status == 406


@pytest.mark.parametrize("first", [True, False])
async def test_malformed_metadata_does_not_get_out(tmp_path: Path, first: bool) -> None:
    bad = TWO.json(_00100010={"vr": "PN", "Value": "JANE"})
    found = [bad] if first else [ONE.json(), bad]
    answer = await asked_of(tmp_path, json_reply(found), f"{STUDY}/metadata", at=f"{STUDY}/metadata")
    assert (answer.status, answer.whole) == ((502, True) if first else (200, False))
    assert b"JANE" not in answer.body


async def test_empty_metadata_is_404(tmp_path: Path) -> None:
    assert (await asked_of(tmp_path, json_reply([]), f"{STUDY}/metadata", at=f"{STUDY}/metadata")).status == 404


@pytest.mark.parametrize(
    "uri",
    [
        "http://evil.example/secrets", "/etc/passwd", "../../../../other", "file:///etc/passwd", "bulk/1", "",
        "/studies/1.2.3.9/series/1.2.3.1.1/instances/1.2.3.1.1.1/bulk/7fe00010", "http://127.0.0.1:1/studies/9.9/bulk",
        f"{STUDY}/../../../patients", f"{ONE.path}/bulk/a b", f"{ONE.path}/bulk/é", f"{ONE.path}/../../bulk/1",
        "data:application/octet-stream;base64,SkFORQ==", f"{STUDY}x/bulk", "//evil.example/x",
    ],
)  # fmt: skip
async def test_a_bulk_uri_that_does_not_lie_in_its_study_is_refused(tmp_path: Path, uri: str) -> None:
    found = ONE.json(_7FE00010={"vr": "OW", "BulkDataURI": uri})
    answer = await asked_of(tmp_path, json_reply([found]), f"{ONE.path}/metadata", at=f"{ONE.path}/metadata")
    if answer.status == 200:  # relative ones lie where the metadata lie
        (one,) = answer.json
        assert uri in ("bulk/1", "../../../../other", "", f"{ONE.path}/../../bulk/1")
        assert one["7FE00010"]["BulkDataURI"].startswith("http://gateway.example:8042/worklists/research/")
    else:
        assert answer.status == 502
    assert b"evil" not in answer.body


@pytest.mark.parametrize("uri", ["http://[", "http://[x]/studies/1.2.3.1/", "//[::1"])
async def test_a_bulk_uri_that_cannot_be_parsed_is_refused(tmp_path: Path, uri: str) -> None:
    found = ONE.json(_7FE00010={"vr": "OW", "BulkDataURI": uri})
    answer = await asked_of(tmp_path, json_reply([found]), f"{ONE.path}/metadata", at=f"{ONE.path}/metadata")
    assert answer.status == 502


async def test_a_bulk_uri_with_a_query_is_followed_as_it_is_or_refused(tmp_path: Path) -> None:
    found = ONE.json(_7FE00010={"vr": "OW", "BulkDataURI": f"{ONE.path}/bulkdata?offset=100&length=4"})
    archive = Archive([ONE], {f"{ONE.path}/metadata": json_reply([found])})
    async with over(archive, tmp_path) as gateway:
        answer = await gateway["research"].get(released(f"{ONE.path}/metadata"))
        if answer.status == 200:
            await gateway.ask(answer.json[0]["7FE00010"]["BulkDataURI"])
            assert archive.asked[-1].raw_query == "offset=100&length=4"


@pytest.mark.parametrize("missing", ["0020000D", "0020000E"])
async def test_metadata_without_uids_of_its_place_is_refused_or_has_no_links(tmp_path: Path, missing: str) -> None:
    found = ONE.json(_7FE00010={"vr": "OW", "BulkDataURI": f"{ONE.path}/bulk/7fe00010"})
    del found[missing]
    answer = await asked_of(tmp_path, json_reply([found]), f"{ONE.path}/metadata", at=f"{ONE.path}/metadata")
    assert answer.status in (200, 502)
    assert b"1.2.3" not in answer.body


@pytest.mark.parametrize("below", ["", "/metadata"])
async def test_an_instance_of_another_study_in_an_origins_answer_is_not_released(tmp_path: Path, below: str) -> None:
    other = Row("1.2.9", "1.2.9.1", "1.2.9.1.1")
    answers = {STUDY: multipart_reply([other.part10()]), f"{STUDY}/metadata": json_reply([other.json()])}
    worklists: dict[str, dict[str, object]] = {"research": {"studies": [ONE.study]}}
    async with over(Archive([ONE, other], answers), tmp_path, worklists) as gateway:
        answer = await gateway["research"].get(released(STUDY) + below)
    assert answer.status in (404, 502)


# Identified worklists


@shared
async def test_an_identified_worklist_passes_bytes(gateway: InProcess, samples: dict[str, object]) -> None:
    ((_, body),) = (await gateway["identified"].get(CT, DICOM)).parts()
    assert body == (Path(str(samples["folder"])) / f"{CHEST}.1.1.dcm").read_bytes()
    assert (await gateway["identified"].get(CT, "application/dicom")).body == body


@shared
async def test_an_identified_worklist_has_links_of_ours(gateway: InProcess) -> None:
    for path in (CT, WAVEFORM):
        (metadata,) = (await gateway["identified"].get(f"{path}/metadata")).json
        assert metadata["00100010"]["Value"][0]["Alphabetic"] in ("SMITH^JOHN", "NEMO")
        for uri in links(metadata):
            assert uri.startswith(f"http://gateway.example:8042/worklists/identified/dicom-web{path}/bulkdata/")
            assert (await gateway.ask(uri, OCTETS)).status == 200
        assert "../" not in json.dumps(metadata)
