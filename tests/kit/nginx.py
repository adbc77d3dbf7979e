"""A real nginx before a gateway, as an ingress has it: TLS and HTTP/2 to clients, nothing held back on the way."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.kit.certificates import Certificate
from tests.kit.servers import START_S, STOP_S, free_port

OPERATIONS: Final = Path(__file__).parents[2] / "docs/operations.md"
_CONFIG: Final = """\
daemon off; worker_processes 1; pid nginx.pid; error_log error.log;
%(user)s
events { worker_connections 2048; }
http {
  log_format ids "$request_id";
  access_log access.log ids;
  client_body_temp_path bodies; proxy_temp_path answers; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
%(server)s
}
"""


@dataclass(frozen=True, slots=True)
class Ingress:
    """A running nginx; ``base`` is its https address."""

    folder: Path
    base: str

    @property
    def request_ids(self) -> list[str]:
        """Give the names that it gave to requests that are over."""
        return (self.folder / "access.log").read_text().split()

    @property
    def held_back(self) -> list[Path]:
        """Give the files in which it keeps what it does not pass on at once."""
        return [path for name in ("bodies", "answers") for path in (self.folder / name).rglob("*") if path.is_file()]


@contextmanager
def nginx(folder: Path, gateway: str, certificate: Certificate) -> Iterator[Ingress]:
    """Run an nginx before a gateway."""
    folder.mkdir()
    port = free_port()
    values = {
        "user": "user root;" if os.geteuid() == 0 else "",
        "server": _documented(urlsplit(gateway).netloc, f"127.0.0.1:{port}", certificate.path),
    }
    (folder / "nginx.conf").write_text(_CONFIG % values)
    command = ["nginx", "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]
    environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
    with (folder / "err").open("wb") as errors:
        process = subprocess.Popen(command, stderr=errors, env=environment)
    try:
        _wait(process, port, folder)
        yield Ingress(folder, f"https://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(STOP_S)


def _documented(gateway: str, address: str, certificate: Path) -> str:
    """Return what docs/operations.md has nginx do, with other addresses and files."""
    text = OPERATIONS.read_text()
    server = text[text.index("```nginx\n") + len("```nginx\n") :].partition("```")[0]
    for written, used in (
        ("127.0.0.1:8080", gateway),
        ("listen 443 ", f"listen {address} "),
        ("/etc/nginx/dicomveil.pem", str(certificate)),
        ("/etc/nginx/dicomveil.key", str(certificate)),
    ):
        assert written in server
        server = server.replace(written, used)
    return server


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        assert process.poll() is None, (folder / "err").read_text()
        assert time.monotonic() < deadline, "nginx does not listen"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
