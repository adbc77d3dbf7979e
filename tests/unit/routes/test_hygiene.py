"""What holds for every door: headers of ours alone, conditions, ranges, and errors that tell nothing."""

from pathlib import Path

import pytest

from tests.kit.archive import Archive, Asked, Reply, Row, json_reply, multipart, reply
from tests.kit.inprocess import CHEST, DICOM, OCTETS, InProcess, over, released
from tests.kit.scripted_server import Connection

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
shared = pytest.mark.asyncio(loop_scope="module")

OURS = {
    "cache-control": "private, no-store",
    "vary": "Accept, Origin",
    "accept-ranges": "none",
    "x-content-type-options": "nosniff",
}
INSTANCE = f"/studies/{CHEST}/series/{CHEST}.1/instances/{CHEST}.1.1"
DOORS = ["/studies", INSTANCE, f"{INSTANCE}/metadata", f"{INSTANCE}/frames/1", f"{INSTANCE}/bulkdata",
         f"{INSTANCE}/pixeldata", f"/studies/{CHEST}/series"]  # fmt: skip
ONE = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1")
TELLING = {
    "ETag": '"JANE-1.2.3.1"',
    "Last-Modified": "Mon, 02 Mar 2020 07:28:00 GMT",
    "Content-Disposition": 'attachment; filename="JANE.dcm"',
    "Content-Location": "/studies/1.2.3.1",
    "Content-Description": "JANE",
    "Content-MD5": "JANE",
    "Digest": "JANE",
    "Set-Cookie": "patient=JANE",
    "Link": "</studies/1.2.3.1>; rel=up",
    "Location": "http://archive.example/JANE",
    "Refresh": "0; url=/JANE",
    "Warning": '299 archive "There are 1 JANE"',
    "WWW-Authenticate": "Basic realm=JANE",
    "Server": "JANE",
    "Via": "1.1 JANE",
    "X-Patient": "JANE",
    "Accept-Ranges": "bytes",
    "Age": "4711",
    "Expires": "Mon, 02 Mar 2020 07:28:00 GMT",
    "Access-Control-Allow-Origin": "http://jane.example",
    "Retry-After": "4711",
}
HEADERS = "".join(f"{name}: {value}\r\n" for name, value in TELLING.items())


def archive_answering(status: str) -> Archive:
    """Answer every door with a right body, a status and headers that tell much."""
    found = ONE.json(_7FE00010={"vr": "OW", "BulkDataURI": f"{ONE.path}/bulk/7fe00010"})
    header, objects = multipart([ONE.part10()])
    octets, body = multipart([b"pixels"], "application/octet-stream")
    replies: dict[str, Reply] = {
        ONE.path: reply(objects, status, header + HEADERS),
        f"{ONE.path}/metadata": _json(found, status),
        f"{ONE.path}/frames/1": reply(body, status, octets + HEADERS),
        f"{ONE.path}/bulk/7fe00010": reply(body, status, octets + HEADERS),
    }
    return Archive([ONE], replies)


def _json(found: dict[str, object], status: str) -> Reply:
    if status == "200 OK":
        return json_reply([found], "Content-Type: application/dicom+json\r\n" + HEADERS)
    return reply(b'{"error": "JANE"}', status, "Content-Type: application/json\r\n" + HEADERS)


@shared
@pytest.mark.parametrize("path", DOORS)
async def test_every_answer_has_the_same_headers_of_ours(gateway: InProcess, path: str) -> None:
    answer = await gateway["research"].get(released(path))
    assert answer.status == 200
    assert {name: answer.headers[name] for name in OURS} == OURS
    assert answer.headers.keys() == OURS.keys() | {"x-request-id", "content-type"}


@pytest.mark.parametrize("door", ["", "/metadata", "/frames/1", "/bulkdata", "/pixeldata"])
async def test_no_header_of_an_origin_gets_out(tmp_path: Path, door: str) -> None:
    async with over(archive_answering("200 OK"), tmp_path) as gateway:
        answer = await gateway["research"].get(released(ONE.path) + door)
    assert answer.status == 200
    assert answer.headers.keys() == OURS.keys() | {"x-request-id", "content-type"}
    for word in (b"JANE", b"jane", b"1.2.3.1", b"4711", b"2020", b"archive"):
        assert word not in answer.said.replace(b"example:8042", b"")


@pytest.mark.parametrize("door", ["", "/metadata", "/frames/1"])
@pytest.mark.parametrize(
    ("status", "expected"),
    [("301 Moved Permanently", 502), ("302 Found", 502), ("304 Not Modified", 502), ("307 Temporary Redirect", 502),
     ("401 Unauthorized", 502), ("403 Forbidden", 502), ("404 JANE", 404), ("410 Gone", 404), ("418 JANE", 502),
     ("502 JANE", 502), ("504 JANE", 502)],
)  # fmt: skip
async def test_no_refusal_or_redirect_of_an_origin_gets_out(
    tmp_path: Path, door: str, status: str, expected: int
) -> None:
    async with over(archive_answering(status), tmp_path) as gateway:
        answer = await gateway["research"].get(released(ONE.path) + door)
    assert answer.status == expected
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["type"].startswith("urn:dicomveil:problem:")
    assert answer.headers.keys() == OURS.keys() | {"x-request-id", "content-type", "content-length"}
    assert b"JANE" not in answer.said


# Conditions and ranges (RFC 9110 Sections 13 and 14)


@shared
@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_who_wants_it_only_if_there_is_none_gets_none(gateway: InProcess, path: str, method: str) -> None:
    path = f"/worklists/research/dicom-web{released(path)}"
    answer = await gateway.ask(path, None, method, if_none_match="*")
    assert (answer.status, answer.body, answer.whole) == (304, b"", True)
    assert answer.headers == OURS | {"x-request-id": answer.headers["x-request-id"]}


@shared
@pytest.mark.parametrize("path", DOORS)
async def test_an_entity_tag_that_must_match_never_does(gateway: InProcess, path: str) -> None:
    answer = await gateway["research"].get(released(path), None, if_match='"x"')
    assert answer.status == 412
    assert answer.json["type"] == "urn:dicomveil:problem:precondition-failed"


@shared
@pytest.mark.parametrize("path", [f"{INSTANCE}/rendered", f"{INSTANCE}/frames/1/thumbnail", "/studies?limit=2"])
async def test_what_is_held_whole_has_an_entity_tag(gateway: InProcess, path: str) -> None:
    door = gateway["research"]
    whole = await door.get(released(path))
    tag = whole.headers["etag"]
    assert (await door.get(released(path))).headers["etag"] == tag
    for same in (tag, f"W/{tag}", f'"x", {tag}'):
        answer = await door.get(released(path), if_none_match=same)
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag)
    assert (await door.get(released(path), if_match=tag)).body == whole.body
    for other in ('"x"', f"W/{tag}"):
        assert (await door.get(released(path), if_match=other)).status == 412
    changed = await door.get(released(path), if_none_match='"x"')
    assert (changed.status, changed.headers["etag"], changed.body) == (200, tag, whole.body)


@shared
async def test_other_contents_have_another_entity_tag(gateway: InProcess) -> None:
    paths = (
        "/studies?limit=1",
        "/studies?limit=2",
        f"{released(INSTANCE)}/rendered?quality=50",
        f"{released(INSTANCE)}/rendered",
    )
    tags = [(await gateway["research"].get(path)).headers["etag"] for path in paths]
    assert len(set(tags)) == len(paths)


@shared
@pytest.mark.parametrize(
    "condition",
    [
        {"if_match": "*"},
        {"if_none_match": '"x", W/"y", W/, '},
        {"if_modified_since": "Fri, 01 Jan 2100 00:00:00 GMT"},
        {"if_unmodified_since": "Mon, 01 Jan 1900 00:00:00 GMT"},
        {"range": "bytes=0-9"},
        {"range": "bytes=-1"},
        {"range": "bytes=0-9", "if_range": '"x"'},
    ],
)
@pytest.mark.parametrize("path", DOORS)
async def test_other_conditions_and_ranges_are_ignored(
    gateway: InProcess, path: str, condition: dict[str, str]
) -> None:
    service = gateway["research"]
    answer = await service.get(released(path), None, **condition)
    assert (answer.status, answer.whole) == (200, True)
    assert len(answer.body) == len((await service.get(released(path))).body)


@shared
async def test_conditions_tell_nothing_of_what_is_missing(gateway: InProcess) -> None:
    service = gateway["research"]
    for condition in ({"if_none_match": "*"}, {"if_match": '"x"'}, {"range": "bytes=0-1"}):
        answer = await service.get(INSTANCE, None, **condition)
        assert answer.said == (await service.get("/studies/1.2.3")).said


@pytest.mark.parametrize("client", [{"range": "bytes=0-9"}, {"if_none_match": '"x"'}, {"cookie": "a=b"},
    {"accept_encoding": "gzip"}, {"referer": "http://viewer.example/JANE"}, {"authorization": "Bearer secret"},
    {"x_forwarded_for": "10.9.8.7"}, {"traceparent": "00-4711-4711-01"}])  # fmt: skip
async def test_no_header_of_a_client_reaches_an_origin(tmp_path: Path, client: dict[str, str]) -> None:
    heads: list[bytes] = []
    archive = archive_answering("200 OK")
    right = archive.replies[ONE.path]

    async def watched(connection: Connection, asked: Asked) -> None:
        heads.extend(connection.server.heads)
        await right(connection, asked)

    archive.replies[ONE.path] = watched
    async with over(archive, tmp_path) as gateway:
        assert (await gateway["research"].get(released(ONE.path), DICOM, **client)).status == 200
    assert len(heads) > 1
    ((name, value),) = client.items()
    for head in heads:
        assert value.encode() not in head
        header = f"\r\n{name.replace('_', '-')}:".encode()
        assert header not in head.lower() or b"\r\nAccept-Encoding: identity\r\n" in head


# Boundaries


@shared
@pytest.mark.parametrize("accept", [DICOM, OCTETS, 'multipart/related; type="application/dicom"'])
async def test_a_boundary_is_new_each_time(gateway: InProcess, accept: str) -> None:
    boundaries = set()
    for _ in range(3):
        answer = await gateway["research"].get(released(INSTANCE), accept)
        boundaries.add(answer.headers["content-type"].partition("boundary=")[2])
    assert len(boundaries) == 3
    assert all(len(boundary) >= 32 and boundary.isalnum() for boundary in boundaries)


@shared
async def test_each_object_says_where_it_is(gateway: InProcess) -> None:
    service = gateway["research"]
    base = "http://gateway.example:8042/worklists/research/dicom-web"
    for path in (f"/studies/{CHEST}", f"/studies/{CHEST}/series/{CHEST}.1", INSTANCE):
        body = (await service.get(released(path), DICOM)).body
        instances = [found for found in await service.paths() if found.startswith(released(path))]
        for instance in instances:
            assert body.count(f"\r\nContent-Location: {base}{instance}\r\n".encode()) == 1
