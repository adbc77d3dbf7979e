"""Ask a DICOMweb service for all that it may be asked for and much that it may not, and keep what it says."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

import httpx

ACCEPTS: Final = (
    None,
    "*/*",
    'multipart/related; type="application/dicom"; transfer-syntax=*',
    'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1',
    'multipart/related; type="application/octet-stream"; transfer-syntax=*',
    'multipart/related; type="image/jpeg"; transfer-syntax=*',
    'multipart/related; type="application/dicom+xml"',
    'multipart/related; type="*/*"',
    "application/dicom",
    "application/octet-stream",
    "application/dicom+json",
    "application/zip",
    "application/pdf",
    "image/jpeg",
    "text/html, application/json;q=0.5",
)
URI_TYPES: Final = (None, "application/dicom", "image/jpeg", "image/png", "image/gif", "text/html")
"""What the URI Service is asked for."""
WHOLE: Final = (*ACCEPTS[:4], "application/zip")
"""What studies and series are asked for as."""
METHODS: Final = ("HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")
BELOW_INSTANCE: Final = (
    "frames/1", "frames/1,2", "frames/1%2C2", "frames/0", "frames/99", "frames/a", "frames/", "frames",
    "bulk/00100010", "bulk/7fe00010", "bulkdata/forged", "bulkdata", "pixeldata",
    "metadata?accept=application/dicom+json", "bulkdata?accept=application/octet-stream", "metadata?accept=*/*",
    "rendered", "rendered?viewport=64,64", "frames/1/rendered", "thumbnail", "metadata?includefield=all",
)  # fmt: skip
BELOW_ALL: Final = (
    ("metadata", 'multipart/related; type="application/dicom+xml"'),
    ("bulkdata", 'multipart/related; type="application/octet-stream"; transfer-syntax=*'),
    ("bulkdata", 'multipart/related; type="image/jpeg"'),
    ("pixeldata", 'multipart/related; type="application/octet-stream"; transfer-syntax=*'),
    ("pixeldata", "image/jpeg"),
)
"""What studies, series and instances have besides objects and metadata, and how to ask for it."""
FORWARDED: Final = {
    "Forwarded": "host=evil.example;proto=https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-For": "10.0.0.1",
    "Range": "bytes=0-100",
    "If-None-Match": '"x"',
    "Accept-Charset": "utf-16",
    "Accept-Encoding": "gzip",
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One answer as it was on the wire, and the question (which is the client's own, and may hold anything)."""

    method: str
    url: str
    accept: str | None
    status: int
    said: bytes
    body: bytes
    broken: bool = False

    @property
    def question(self) -> str:
        """Name the exchange in a failure."""
        return f"{self.method} {urlsplit(self.url).path} (Accept: {self.accept}) -> {self.status}"


@dataclass(slots=True)
class Crawler:
    """Asks, and keeps every answer."""

    base: str
    exchanges: list[Exchange] = field(default_factory=list)
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def ask(
        self, path: str, accept: str | None = "*/*", method: str = "GET", headers: dict[str, str] | None = None
    ) -> Exchange:
        """Ask for a path below the service base, or for a whole URL; a broken answer is an answer, too, or none."""
        url = path if path.startswith("http") else self.base + path
        request = self.client.build_request(method, url, headers=headers)
        if accept is None:
            del request.headers["Accept"]
        else:
            request.headers["Accept"] = accept
        body: list[bytes] = []
        broken = False
        try:
            response = self.client.send(request, stream=True)
        except (httpx.ReadError, httpx.RemoteProtocolError):
            self.exchanges.append(Exchange(method, url, accept, 0, b"", b"", broken=True))
            return self.exchanges[-1]
        try:
            body.extend(response.iter_bytes())
        except httpx.TransportError:
            broken = True
        finally:
            response.close()
        head = [f"{response.status_code} {response.reason_phrase}".encode("latin-1", "replace")]
        head += [name + b": " + value for name, value in response.headers.raw]
        said = b"\n".join([*head, b"", *body])
        exchange = Exchange(method, url, accept, response.status_code, said, b"".join(body), broken)
        self.exchanges.append(exchange)
        return exchange

    def json(self, path: str) -> list[dict[str, Any]]:
        """Ask for a JSON array; empty when there is none."""
        exchange = self.ask(path, "application/dicom+json")
        return json.loads(exchange.body) if exchange.status == 200 and exchange.body[:1] == b"[" else []

    def crawl(self) -> list[tuple[str, str, str]]:
        """Walk from the study list down to every instance; return the released UIDs of each."""
        found = []
        self.capabilities()
        for study in uids(self.json("/studies"), "0020000D"):
            self.retrieve(f"/studies/{study}", WHOLE)
            for series in uids(self.json(f"/studies/{study}/series"), "0020000E"):
                self.retrieve(f"/studies/{study}/series/{series}", WHOLE)
                self.json(f"/studies/{study}/instances")
                for instance in uids(self.json(f"/studies/{study}/series/{series}/instances"), "00080018"):
                    self.instance(f"/studies/{study}/series/{series}/instances/{instance}")
                    self.uri_service(study, series, instance)
                    found.append((study, series, instance))
        return found

    def retrieve(self, path: str, accepts: Iterable[str | None]) -> list[dict[str, Any]]:
        """Retrieve objects and metadata in every media type; return the metadata."""
        for accept in accepts:
            self.ask(path, accept)
            self.ask(f"{path}/metadata", accept)
        for below, accept in BELOW_ALL:
            self.ask(f"{path}/{below}", accept)
        return self.json(f"{path}/metadata")

    def capabilities(self) -> None:
        """Ask what the service says of itself."""
        for method in ("OPTIONS", "GET"):
            for accept in (None, "application/vnd.sun.wadl+xml", "text/html"):
                self.ask("", accept, method)
                self.ask("/", accept, method)

    def instance(self, path: str) -> None:
        """Ask for all that there is of an instance, and follow every link in it."""
        for metadata in self.retrieve(path, ACCEPTS):
            for link in set(links(metadata)):
                for accept in ACCEPTS[:8]:
                    self.ask(link, accept)
        for below in BELOW_INSTANCE:
            for accept in (None, ACCEPTS[4], "image/jpeg"):
                self.ask(f"{path}/{below}", accept)
        for method in METHODS:
            self.ask(path, method=method)
        self.ask(path, ACCEPTS[2], headers=FORWARDED)
        self.ask(path, ACCEPTS[2], headers=FORWARDED | {"If-None-Match": "*"})

    def uri_service(self, study: str, series: str, instance: str) -> None:
        """Ask the URI Service beside the service base for an instance."""
        named = f"requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={instance}"
        for content_type in URI_TYPES:
            asked = f"&contentType={content_type}" if content_type else ""
            self.ask(f"{self.base.removesuffix('/dicom-web')}/wado?{named}{asked}")

    def search(self, fields: Iterable[str], keys: Iterable[tuple[str, str]], paths: Iterable[str]) -> None:
        """Search with include fields and match keys."""
        wanted = list(fields)
        for path in paths:
            self.ask(f"{path}?includefield=all", "application/dicom+json")
            self.ask(f"{path}?limit=1&offset=1", "application/json")
            for at in range(0, len(wanted), 60):
                self.ask(f"{path}?limit=2&includefield={','.join(wanted[at : at + 60])}", "application/dicom+json")
            for key, value in keys:
                self.ask(f"{path}?limit=3&{key}={quote(value, safe='*?-')}", "application/dicom+json")


def links(element: Any) -> Iterator[str]:
    """Find every URL in a JSON document."""
    if isinstance(element, dict):
        for value in element.values():
            yield from links(value)
    elif isinstance(element, list):
        for value in element:
            yield from links(value)
    elif isinstance(element, str) and element.startswith(("http://", "https://")):
        yield element


def uids(found: Iterable[dict[str, Any]], key: str) -> list[str]:
    """Give the UIDs of search results."""
    return [one[key]["Value"][0] for one in found]
