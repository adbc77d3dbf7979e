"""Serve the built viewer OHIF on loopback, with a DICOMweb service on the same origin behind it."""

import http.client
import http.server
import json
import mimetypes
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

OHIF_DIST: Final = Path(__file__).resolve().parents[2] / ".cache" / "ohif" / "dist"

_HOP_HEADERS: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


@dataclass(frozen=True, slots=True)
class Service:
    """A DICOMweb service as OHIF shall see it.

    ``source`` is merged into the configuration of OHIF's data source, ``config`` into that of OHIF itself.
    ``cross_origin`` lets the browser call the service itself, which must then answer with CORS headers.
    """

    dicomweb: str
    rendering: str = "wadors"
    source: Mapping[str, object] = field(default_factory=dict)
    cross_origin: bool = False
    isolate: bool = False
    config: Mapping[str, object] = field(default_factory=dict)

    @property
    def wado(self) -> str:
        """Name the URI Service that stands beside the DICOMweb service."""
        return urljoin(self.dicomweb.rstrip("/"), "wado")

    def app_config(self) -> bytes:
        """Write OHIF's app-config.js."""
        root = self.dicomweb.rstrip("/") if self.cross_origin else "/dicom-web"
        source = {
            "friendlyName": "check",
            "name": "check",
            "qidoRoot": root,
            "wadoRoot": root,
            "wadoUriRoot": self.wado if self.cross_origin else "/wado",
            "imageRendering": self.rendering,
            "thumbnailRendering": self.rendering,
            "enableStudyLazyLoad": True,
            "qidoSupportsIncludeField": True,
            "supportsFuzzyMatching": False,
            "supportsWildcard": True,
            "dicomUploadEnabled": True,
            "omitQuotationForMultipartRequest": True,
            "bulkDataURI": {"enabled": True},
        } | dict(self.source)
        return f"window.config = {json.dumps({**_app_config(source), **self.config})};".encode()


def _app_config(source: Mapping[str, object]) -> Mapping[str, object]:
    module = "@ohif/extension-default.dataSourcesModule.dicomweb"
    return {
        "routerBasename": None,
        "extensions": [],
        "modes": [],
        "customizationService": {},
        "showStudyList": True,
        "maxNumberOfWebWorkers": 2,
        "showWarningMessageForCrossOrigin": False,
        "showCPUFallbackMessage": False,
        "showLoadingIndicator": True,
        "strictZSpacingForVolumeViewport": True,
        "investigationalUseDialog": {"option": "never"},
        "defaultDataSourceName": "dicomweb",
        "dataSources": [{"namespace": module, "sourceName": "dicomweb", "configuration": source}],
    }


@contextmanager
def serve_ohif(service: Service, dist: Path = OHIF_DIST) -> Iterator[str]:
    """Serve until the block ends; yield the base URL. Paths that are no file show the application, as it expects."""
    if not (dist / "index.html").is_file():
        raise FileNotFoundError(f"no OHIF in {dist}: run scripts/fetch_ohif.sh .cache/ohif")
    server = _Server(service, dist.resolve())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, service: Service, dist: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.service = service
        self.dist = dist

    def forwarded(self, target: str) -> str | None:
        """Translate a path of the viewer's origin to one of the service, or None for the viewer's own files."""
        own = urlsplit(self.service.dicomweb).path.rstrip("/")
        for prefix, path in (("/dicom-web", own), ("/wado", urlsplit(self.service.wado).path), (own, own)):
            if target.startswith(prefix):
                return target.replace(prefix, path, 1)
        return None


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass

    def _answer(self) -> None:
        target = self.server.forwarded(self.path)
        if target is None:
            self._send_file(urlsplit(self.path).path)
        else:
            self._forward(target)

    def _send_file(self, path: str) -> None:
        if path == "/app-config.js":
            self._send(200, [("Content-Type", "text/javascript")], self.server.service.app_config())
            return
        dist = self.server.dist
        file = (dist / path.lstrip("/")).resolve()
        if not (file.is_file() and file.is_relative_to(dist)):
            file = dist / "index.html"
        known = {".js": "text/javascript", ".wasm": "application/wasm"}
        kind = known.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        headers = [("Content-Type", kind)]
        if self.server.service.isolate:
            headers += [("Cross-Origin-Opener-Policy", "same-origin"), ("Cross-Origin-Embedder-Policy", "require-corp")]
        self._send(200, headers, file.read_bytes())

    def _forward(self, target: str) -> None:
        service = urlsplit(self.server.service.dicomweb)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        https = service.scheme == "https"
        connect = http.client.HTTPSConnection if https else http.client.HTTPConnection
        connection = connect(service.hostname or "", service.port, timeout=120)
        try:
            connection.request(self.command, target, body or None, sent)
            answer = connection.getresponse()
            status, headers, data = answer.status, answer.getheaders(), answer.read()
        except (OSError, http.client.HTTPException) as fault:
            status, headers, data = 502, [], f"no answer of the service: {fault}".encode()
        finally:
            connection.close()
        self._send(status, [pair for pair in headers if pair[0].lower() not in _HOP_HEADERS], data)

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status not in {204, 304}:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_OPTIONS = do_HEAD = do_PUT = do_DELETE = _answer  # noqa: N815 - the base class looks for these
