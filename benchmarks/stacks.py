"""What stands between client and origin: nothing, nginx, a plain proxy, the gateway; all at once, measured in turns."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.client import Client
from benchmarks.processes import Running, cores, free_port, python_module, running
from gateway.core.pseudonym.keys import KeyRing

SECRET = b"a secret that only benchmarks use"
WORKLIST, STORING = "bench", "storing"
DIRECT, NGINX, PLAIN, GATEWAY = "direct", "nginx", "plain Starlette + httpx", "dicomveil"
REPOSITORY = Path(__file__).parent.parent

_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream origin {{ server 127.0.0.1:{origin}; keepalive 8; keepalive_timeout 1s; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_buffer_size 256k; proxy_busy_buffers_size 512k; proxy_buffers 4 256k;
    }}
  }}
}}
"""

_SETTINGS = """
secret: {{file: {folder}/secret}}
profiles: {profiles}
origins:
  archive: {{dicomweb: "http://127.0.0.1:{origin}/dicom-web"}}
worklists:
  {worklist}: {{origin: archive, profile: nominal, search_budget: {budget}}}
  {storing}: {{origin: archive, profile: nominal, services: [store]}}
"""


@dataclass(frozen=True)
class Stack:
    """One way to the origin; ``process`` is what is measured, if anything stands there at all."""

    name: str
    port: int
    process: Running | None
    keys: KeyRing | None = None
    api_key: str | None = None

    @property
    def base(self) -> str:
        """The path of the DICOMweb service."""
        return "/dicom-web" if self.keys is None else f"/worklists/{WORKLIST}/dicom-web"

    def path(self, study: str, series: str | None = None, instance: str | None = None) -> str:
        """Return the path of a resource by its source UIDs."""
        named = {"studies": study, "series": series, "instances": instance}
        uids = {level: self.keys.uid(uid) if self.keys else uid for level, uid in named.items() if uid is not None}
        return self.base + "".join(f"/{level}/{uid}" for level, uid in uids.items())

    def client(self) -> Client:
        return Client(self.port, self.api_key)


@contextmanager
def static_origin(folder: Path, *arguments: str) -> Iterator[int]:
    """Start the prepared origin away from the measured core; give its port."""
    _, others = cores()
    port = free_port()
    program = python_module("benchmarks.static_origin", str(port), *arguments)
    with running(program, port, others, folder / "origin.log"):
        yield port


@contextmanager
def all_stacks(origin: int, folder: Path) -> Iterator[list[Stack]]:
    """Start every stack on the measured core; nginx only where it is installed."""
    with ExitStack() as started:
        stacks = [Stack(DIRECT, origin, None)]
        if shutil.which("nginx", path=f"{os.defpath}:/usr/sbin:{os.environ.get('PATH', '')}"):
            stacks.append(started.enter_context(nginx(origin, folder)))
        stacks.append(started.enter_context(plain(origin, folder)))
        stacks.append(started.enter_context(dicomveil(origin, folder)))
        yield stacks


@contextmanager
def nginx(origin: int, folder: Path, on: set[int] | None = None) -> Iterator[Stack]:
    """Start nginx as a good administrator would set it up for large answers; on the measured core if not elsewhere."""
    port = free_port()
    settings = folder / "nginx.conf"
    settings.write_text(_NGINX.format(folder=folder, origin=origin, port=port), encoding="utf-8")
    program = [shutil.which("nginx") or "/usr/sbin/nginx", "-p", str(folder), "-e", "stderr", "-c", str(settings)]
    with running(program, port, on or cores()[0], folder / "nginx.log") as process:
        yield Stack(NGINX, port, process)


@contextmanager
def plain(origin: int, folder: Path) -> Iterator[Stack]:
    """Start the proxy of Starlette and httpx as they come."""
    measured, _ = cores()
    port = free_port()
    program = python_module("uvicorn", "benchmarks.plain_proxy:app", "--port", str(port), "--log-level", "warning")
    environment = {"ORIGIN": f"http://127.0.0.1:{origin}"}
    with running(program, port, measured, folder / "plain.log", environment) as process:
        yield Stack(PLAIN, port, process)


@contextmanager
def dicomveil(
    origin: int,
    folder: Path,
    budget: int = 20_000,
    more: Mapping[str, object] | None = None,
    *,
    tree: Path = REPOSITORY,
    api_key: str | None = None,
    workers: int = 1,
) -> Iterator[Stack]:
    """Start the gateway with a worklist of everything under profile nominal; ``budget`` is that of one search.

    ``more`` are settings besides, ``tree`` the checkout that it runs from; several ``workers`` have all cores.
    """
    measured, others = cores()
    port = free_port()
    (folder / "secret").write_bytes(SECRET)
    settings = folder / "settings.yaml"
    text = _SETTINGS.format(
        folder=folder,
        origin=origin,
        worklist=WORKLIST,
        storing=STORING,
        profiles=REPOSITORY / "profiles",
        budget=budget,
    )
    # Every JSON document is a YAML document.
    text += "".join(
        f"{name}: {json.dumps(value)}\n"
        for name, value in ({"state": f"sqlite:///{folder}/state.db"} | dict(more or {})).items()
    )
    settings.write_text(text, encoding="utf-8")
    program = python_module("gateway", "serve", "--config", str(settings), "--host", "127.0.0.1", "--port", str(port))
    if workers > 1:
        program += ["--workers", str(workers)]
        measured = measured | others
    with running(program, port, measured, folder / "gateway.log", folder=tree) as process:
        stack = Stack(GATEWAY, port, process, KeyRing(SECRET, WORKLIST), api_key)
        client = stack.client()
        # As every client does before it retrieves: this releases the studies.
        client.json(f"{stack.base}/studies?limit=100")
        client.close()
        yield stack
