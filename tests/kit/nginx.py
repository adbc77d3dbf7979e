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

_CONFIG: Final = """\
daemon off; worker_processes 1; pid nginx.pid; error_log error.log;
%(user)s
events { worker_connections 2048; }
http {
  log_format ids "$request_id";
  access_log access.log ids;
  client_body_temp_path bodies; proxy_temp_path answers; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  client_max_body_size 0;
  upstream gateway { server %(gateway)s; keepalive 16; }
  server {
    listen %(address)s ssl http2;
    ssl_certificate %(certificate)s; ssl_certificate_key %(certificate)s; ssl_protocols TLSv1.2 TLSv1.3;
    location / {
      proxy_pass http://gateway; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Request-Id $request_id;
      proxy_buffering off; proxy_request_buffering off; proxy_read_timeout 300s;
    }
  }
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
        "gateway": urlsplit(gateway).netloc,
        "address": f"127.0.0.1:{port}",
        "certificate": certificate.path,
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
