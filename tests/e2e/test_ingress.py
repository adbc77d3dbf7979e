"""A gateway behind a real nginx: TLS, HTTP/2, streams in both directions, and who asks."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pydicom
import pytest
from pydicom.uid import UID

from tests.kit.certificates import Certificate, certificate
from tests.kit.nginx import Ingress, nginx
from tests.kit.servers import Gateway, gateway

pytestmark = pytest.mark.e2e

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"
LARGE = 24 << 20
"""Beyond what the buffers of all sockets on the way take."""
DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'
WAIT_S = 60


@dataclass(frozen=True, slots=True)
class Site:
    """A gateway, and the nginx before it."""

    gateway: Gateway
    ingress: Ingress
    certificate: Certificate

    @property
    def service(self) -> str:
        """Give the path of the DICOMweb service."""
        return "/worklists/research/dicom-web"

    def client(self, address: str = "127.0.0.1") -> httpx.Client:
        """Be somebody at an address, with connections of their own."""
        transport = httpx.HTTPTransport(verify=self.certificate.client(), local_address=address)
        return httpx.Client(base_url=self.ingress.base + self.service, transport=transport, timeout=WAIT_S)


def large() -> bytes:
    """Make an object of many bytes."""
    from io import BytesIO

    image = pydicom.dcmread(SHIPPED / "MR_small.dcm")
    image.Rows, image.Columns = 4096, LARGE // 2 // 4096
    image.PixelData = bytes(LARGE)
    image.SOPInstanceUID = "1.2.826.0.1.55.77"
    image.file_meta.MediaStorageSOPInstanceUID = UID(image.SOPInstanceUID)
    image.StudyInstanceUID = "1.2.826.0.1.55.7"
    with BytesIO() as file:
        image.save_as(file)
        return file.getvalue()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("ingress")
    (folder / "studies").mkdir()
    (folder / "studies" / "large.dcm").write_bytes(large())
    settings = {
        "origins": {"archive": {"folder": str(folder / "studies"), "writable": True}},
        "worklists": {
            "research": {"origin": "archive", "profile": "nominal", "services": ["search", "retrieve", "store"]}
        },
        "trusted_proxies": ["127.0.0.1/32"],
        "limits": {"requests_at_once": 1},
    }
    shown = certificate(folder)
    with (
        gateway(folder / "gateway", settings) as server,
        nginx(folder / "nginx", server.base, shown) as ingress,
    ):
        yield Site(server, ingress, shown)


def first_study(client: httpx.Client) -> str:
    """Find the large study; its released UID."""
    found = client.get("/studies", params={"ModalitiesInStudy": "MR"}).raise_for_status().json()
    uid: str = found[0]["0020000D"]["Value"][0]
    return uid


def until_busy(client: httpx.Client) -> None:
    """Wait until the gateway knows that this client has a request under way."""
    deadline = time.monotonic() + WAIT_S
    while client.get("/studies?limit=1").status_code != 429:
        assert time.monotonic() < deadline, "the gateway does not hear of the request"
        time.sleep(0.02)


def until_free(client: httpx.Client) -> None:
    """Wait until it knows that it has none."""
    deadline = time.monotonic() + WAIT_S
    while client.get("/studies?limit=1").status_code == 429:
        assert time.monotonic() < deadline, "the request does not end"
        time.sleep(0.02)


def test_urls_are_those_that_clients_reach(site: Site) -> None:
    with site.client() as client:
        study = first_study(client)
        (found,) = client.get("/studies", params={"StudyInstanceUID": study}).json()
        base = site.ingress.base + site.service
        assert found["00081190"]["Value"] == [f"{base}/studies/{study}"]
        said = client.get(f"/studies/{study}/metadata").text
        assert "http://127.0.0.1" not in said
        for uri in {one["7FE00010"]["BulkDataURI"] for one in json.loads(said)}:
            assert uri.startswith(f"{base}/")
            with client.stream("GET", uri) as answer:
                assert answer.status_code == 200


def test_http_2_multiplexes_to_clients(site: Site) -> None:
    urls = [f"{site.ingress.base}/healthz?{number}" for number in range(20)]
    command = ["curl", "--silent", "--http2", "--cacert", str(site.certificate.path), "--parallel"]
    done = subprocess.run(
        [*command, "--write-out", "%{http_version} %{response_code}\n", *urls],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.count("2 200\n") == 20, done.stdout


def test_a_request_keeps_the_name_that_the_ingress_gave_it(site: Site) -> None:
    with site.client() as client:
        answer = client.get("/studies", headers={"X-Request-Id": "a-name-that-a-client-made-up"})
    assert answer.headers["x-request-id"] in site.ingress.request_ids


def test_an_answer_is_not_held_back_on_the_way(site: Site) -> None:
    with site.client() as client, site.client() as other, site.client("127.0.0.2") as stranger:
        study = first_study(client)
        with client.stream("GET", f"/studies/{study}", headers={"Accept": DICOM}) as answer:
            body = answer.iter_raw(1 << 16)
            received = len(next(body))
            until_busy(other)  # the gateway still sends: nothing on the way takes the whole
            assert stranger.get("/studies?limit=1").status_code == 200
            assert site.ingress.held_back == []
            received += sum(map(len, body))
        assert received > LARGE
        until_free(other)


def test_who_does_not_read_on_leaves_nothing_behind(site: Site) -> None:
    with site.client() as client, site.client() as other:
        study = first_study(client)
        with client.stream("GET", f"/studies/{study}", headers={"Accept": DICOM}) as answer:
            body = answer.iter_raw(1 << 16)
            next(body)
            until_busy(other)
        until_free(other)


def test_what_is_stored_is_not_held_back_on_the_way(site: Site) -> None:
    stored = large().replace(b"1.2.826.0.1.55.77", b"1.2.826.0.1.55.78")
    head = b"--b\r\nContent-Type: application/dicom\r\n\r\n"
    statuses: list[str] = []
    with site.client("127.0.0.2") as stranger, site.client() as other:

        def body() -> Iterator[bytes]:
            yield head + stored[: LARGE // 2]
            until_busy(other)  # the gateway reads already
            statuses.append(str(stranger.get("/studies?limit=1").status_code))
            assert site.ingress.held_back == []
            yield stored[LARGE // 2 :]
            yield b"\r\n--b--\r\n"

        headers = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=b'}
        with site.client() as client:
            answer = client.post("/studies", content=body(), headers=headers)
        assert answer.status_code == 200, answer.text
        assert statuses == ["200"]


def test_who_asks_can_not_be_made_up(site: Site) -> None:
    forged = {"X-Forwarded-For": "192.0.2.7", "Forwarded": "for=192.0.2.7"}
    with site.client() as client, site.client() as other:
        study = first_study(client)
        with client.stream("GET", f"/studies/{study}", headers={"Accept": DICOM}) as answer:
            body = answer.iter_raw(1 << 16)
            next(body)
            until_busy(other)
            assert other.get("/studies?limit=1", headers=forged).status_code == 429


def test_who_comes_past_the_ingress_is_not_believed(site: Site) -> None:
    host, port = urlsplit(site.gateway.base).hostname, urlsplit(site.gateway.base).port
    with socket.create_connection((str(host), int(port or 0)), source_address=("127.0.0.3", 0)) as direct:
        direct.sendall(
            b"GET /readyz HTTP/1.1\r\nHost: x\r\nX-Request-Id: made-up-by-nobody\r\nConnection: close\r\n\r\n"
        )
        said = b""
        while piece := direct.recv(1 << 16):
            said += piece
    assert b"made-up-by-nobody" not in said
