"""A running gateway and clients that ask too much, leave, or come by TLS. Limits are small, and nothing is measured."""

import asyncio
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pydicom
import pytest

from tests.kit.archive import Archive, Asked, Row, serving
from tests.kit.certificates import Certificate, certificate
from tests.kit.inprocess import on_a_port, released
from tests.kit.scripted_server import Connection, until
from tests.kit.servers import Gateway, gateway

pytestmark = pytest.mark.e2e

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"
STUDIES = "/worklists/research/dicom-web/studies"
WAIT_S = 60
ABORTED = 1_000
TOGETHER = 25
"""Fewer than there are connections to the origin."""


@contextmanager
def limited(folder: Path, limits: Mapping[str, object] | None = None, **more: object) -> Iterator[Gateway]:
    """Run a gateway over one study."""
    (folder / "studies").mkdir()
    (folder / "studies" / "ct.dcm").write_bytes((SHIPPED / "CT_small.dcm").read_bytes())
    settings = {
        "origins": {"archive": {"folder": str(folder / "studies")}},
        "worklists": {"research": {"origin": "archive", "profile": "nominal"}},
        "limits": dict(limits or {}),
    }
    with gateway(folder / "gateway", settings | more) as server:
        yield server


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, "it never does"
        time.sleep(0.05)


def address(server: Gateway) -> tuple[str, int]:
    url = httpx.URL(server.base)
    return url.host, int(url.port or 0)


def test_one_who_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    with limited(tmp_path, {"requests_per_minute": 5}) as server, httpx.Client(base_url=server.base) as client:
        answers = [client.get(STUDIES) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 12
        assert answers[-1].json()["type"] == "urn:dicomveil:problem:too-many-requests"
        assert {client.get("/healthz").status_code for _ in range(20)} == {200}
        elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")
        with httpx.Client(base_url=server.base, transport=elsewhere) as other:
            assert other.get(STUDIES).status_code == 200


def test_one_who_guesses_studies_is_told_to_pause(tmp_path: Path) -> None:
    with limited(tmp_path, {"misses_per_minute": 3}) as server, httpx.Client(base_url=server.base) as client:
        for frame in range(20):  # of one study that has gone
            assert client.get(f"{STUDIES}/2.25.1/series/2.25.2/instances/2.25.3/frames/{frame + 1}").status_code == 404
        guesses = [client.get(f"{STUDIES}/2.25.{guess}/metadata").status_code for guess in range(10, 13)]
        assert guesses == [404] * 3
        answer = client.get(STUDIES)
        assert (answer.status_code, answer.headers["retry-after"]) in {(429, "60"), (429, "59")}
        assert client.get("/healthz").status_code == 200


def storing(server: Gateway) -> socket.socket:
    """Begin to store, and wait until the gateway reads the body; it may still be busy with the request before."""
    head = (
        f"POST {STUDIES} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 7\r\nConnection: close\r\n"
        'Content-Type: multipart/related; type="application/dicom"; boundary=b\r\n\r\n'
    )
    while True:
        connection = socket.create_connection(address(server), WAIT_S)
        connection.sendall(head.encode())
        said = connection.recv(1 << 16)
        if said.startswith(b"HTTP/1.1 100 "):
            return connection
        assert said.startswith(b"HTTP/1.1 503 "), said
        connection.close()


def test_a_full_process_finishes_what_it_does_and_takes_nothing_new(tmp_path: Path) -> None:
    """The process is over its memory from the start; a body that does not end keeps one request under way."""
    services = {"research": {"origin": "archive", "profile": "nominal", "services": ["search", "store"]}}
    origins = {"archive": {"folder": str(tmp_path / "studies"), "writable": True}}
    with (
        limited(tmp_path, {"memory_mb": 1}, worklists=services, origins=origins) as server,
        httpx.Client(base_url=server.base, timeout=WAIT_S) as client,
    ):
        assert client.get(STUDIES).status_code == 200
        with storing(server) as under_way:
            answer = client.get(STUDIES)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert answer.json()["type"] == "urn:dicomveil:problem:overloaded"
            assert client.get("/healthz").status_code == 200
            under_way.sendall(b"--b--\r\n")
            assert under_way.recv(1 << 16).startswith(b"HTTP/1.1 400 ")  # read to its end: no object is in it
        eventually(lambda: client.get(STUDIES).status_code == 200)


def test_slow_and_idle_clients_are_left_and_others_are_answered(tmp_path: Path) -> None:
    quick = {"head_timeout_s": 0.5, "body_timeout_s": 0.5, "keep_alive_s": 0.5}
    begun = [
        b"",
        b"GET ",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/dicom\r\nContent-Length: 99\r\n\r\nDICM"
        % STUDIES.encode(),
    ]
    with limited(tmp_path, quick) as server:
        slow = [socket.create_connection(address(server)) for _ in range(25) for _ in begun]
        for connection, sent in zip(slow, begun * 25, strict=True):
            connection.sendall(sent)
        assert httpx.get(server.base + STUDIES).status_code == 200
        for connection in slow:
            connection.settimeout(WAIT_S)
            try:
                while connection.recv(1 << 16):
                    pass
            except ConnectionResetError:
                pass
            connection.close()


def test_a_thousand_clients_that_leave_keep_no_descriptor(tmp_path: Path) -> None:
    with limited(tmp_path) as server:
        with httpx.Client(base_url=server.base) as client:
            study = client.get(STUDIES).json()[0]["0020000D"]["Value"][0]
            assert client.get(f"{STUDIES}/{study}").status_code == 200
        assert server.process is not None
        process = psutil.Process(server.process.pid)
        before = process.num_fds()
        path = f"{STUDIES}/{study}".encode()
        stages = [
            b"",
            b"GET " + path,
            b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET " + path + b"/metadata HTTP/1.1\r\nHost: x\r\n\r\n" * 3,
            b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nxyz",
        ]
        for number in range(ABORTED):
            with socket.create_connection(address(server)) as leaving:
                leaving.sendall(stages[number % len(stages)])
                if number % 2:  # not with a goodbye but with a reset
                    leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        eventually(lambda: process.num_fds() <= before)
        assert httpx.get(f"{server.base}{STUDIES}/{study}").status_code == 200
        assert "Traceback" not in server.log


ROW = Row("1.2.826.0.1.99.1", "1.2.826.0.1.99.1.1", "1.2.826.0.1.99.1.1.1", "PAT-4711", "SMITHSON^ANN")


async def silent(connection: Connection, _asked: Asked) -> None:
    await connection.until_gone()


def held() -> tuple[int, int]:
    """Count tasks and descriptors of this process, in which the gateway runs."""
    return len(asyncio.all_tasks()), psutil.Process().num_fds()


async def test_a_thousand_clients_that_leave_a_silent_origin_keep_no_task(tmp_path: Path) -> None:
    silent_path = f"/studies/{ROW.study}/metadata"
    archive = Archive([ROW], {silent_path: silent})
    async with (
        serving(archive),
        on_a_port(tmp_path, {"archive": {"dicomweb": archive.base}}, {"research": {}}) as (host, port),
    ):
        path = f"{STUDIES}/{released(ROW.study)}".encode()

        async def ask() -> asyncio.StreamWriter:
            _, writer = await asyncio.open_connection(host, port)
            writer.write(b"GET " + path + b"/metadata HTTP/1.1\r\nHost: x\r\n\r\n")
            return writer

        async def all_asked(times: int) -> None:
            await until(lambda: archive.count(silent_path) == times)

        async def many(rounds: int) -> None:
            for _ in range(rounds):
                asked = archive.count(silent_path)
                leaving = [await ask() for _ in range(TOGETHER)]
                await all_asked(asked + TOGETHER)
                for writer in leaving:
                    writer.transport.abort()
                await until(lambda: archive.open() <= 1)

        await many(1)
        await asyncio.sleep(0.1)
        before = held()
        await many(ABORTED // TOGETHER)
        await until(lambda: all(now <= then for now, then in zip(held(), before, strict=True)))
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
            assert (await client.get(STUDIES)).status_code == 200


@pytest.fixture
def shown(tmp_path: Path) -> Certificate:
    made = certificate(tmp_path, days=100)
    made.path.chmod(0o600)
    return made


def test_clients_reach_a_gateway_by_tls(tmp_path: Path, shown: Certificate) -> None:
    files = {"certificate": str(shown.path), "key": str(shown.path)}
    with limited(tmp_path, tls=files) as server:
        assert server.base.startswith("https://")
        with httpx.Client(base_url=server.base, verify=shown.client()) as client:
            (study,) = client.get(STUDIES).json()
            assert study["00081190"]["Value"][0].startswith(f"{server.base}{STUDIES}/")
        curl = ["curl", "--silent", "--cacert", str(shown.path), "--write-out", "%{http_code}", "--output", "/dev/null"]
        said = subprocess.run([*curl, server.base + STUDIES], capture_output=True, text=True, check=True).stdout
        assert said == "200"
        old = ["--tls-max", "1.1", "--tlsv1.0", "--ciphers", "ALL:@SECLEVEL=0", server.base]
        assert subprocess.run([*curl, *old], capture_output=True, check=False).returncode == 35  # no handshake
        with socket.create_connection(address(server)) as plain:  # who speaks no TLS, or only begins to, is left
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            plain.settimeout(WAIT_S)
            while plain.recv(1 << 16):
                pass


def test_who_does_not_agree_on_tls_counts_as_well(tmp_path: Path, shown: Certificate) -> None:
    files = {"certificate": str(shown.path), "key": str(shown.path)}
    with limited(tmp_path, {"connections_per_address": 3, "head_timeout_s": 3600}, tls=files) as server:

        def status() -> int:
            return httpx.get(server.base + STUDIES, verify=shown.client(), headers={"Connection": "close"}).status_code

        eventually(lambda: status() == 200)
        silent = [socket.create_connection(address(server)) for _ in range(3)]
        assert status() == 429
        for one in silent:
            one.close()
        eventually(lambda: status() == 200)


def serial(server: Gateway) -> str:
    return ssl.get_server_certificate(address(server))


def test_a_new_certificate_is_shown_without_a_restart(tmp_path: Path, shown: Certificate) -> None:
    files = {"certificate": str(shown.path), "key": str(shown.path)}
    with limited(tmp_path, tls=files) as server, httpx.Client(verify=shown.client()) as client:
        assert client.get(server.base + STUDIES).status_code == 200
        before = serial(server)
        renewed = certificate(tmp_path, "renewed", days=100)
        renewed.path.rename(shown.path)
        eventually(lambda: serial(server) != before)
        assert client.get(server.base + STUDIES).status_code == 200  # on the connection of before
        with httpx.Client(verify=ssl.create_default_context(cafile=shown.path)) as later:
            assert later.get(server.base + STUDIES).status_code == 200
        shown.path.write_text("not a certificate")
        eventually(lambda: "the settings are not used" in server.log)
        assert httpx.get(server.base + STUDIES, verify=False).status_code == 200  # noqa: S501
