"""A DICOMweb origin that costs next to nothing: prepared bodies, so that what is measured is what stands before it.

Like Orthanc it ends a study's body with the connection and gives an instance's a Content-Length.
Run: ``python -m benchmarks.static_origin PORT [FRAMES]``.
"""

import json
import sys
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydicom.datadict import tag_for_keyword

from benchmarks import samples
from benchmarks.samples import Instance, Study

BASE = "/dicom-web"


class Origin:
    """Studies by UID, and the bodies of those instances that are small enough to be kept."""

    def __init__(self, studies: Iterable[Study]) -> None:
        self.studies = {study.uid: study for study in studies}
        self.kept = {
            instance.data_set.SOPInstanceUID: b"".join(samples.multipart((instance,)))
            for study in self.studies.values()
            for instance in study.instances
            if instance.frames == 1
        }

    def search(self, level: str, study: str | None, query: str) -> list[dict[str, Any]]:
        keys = dict(parse_qsl(query))
        limit, offset = int(keys.pop("limit", 0)) or None, int(keys.pop("offset", 0))
        wanted = {tag: value for key, value in keys.items() if (tag := _tag(key))}
        below = [self.studies[study]] if study in self.studies else [] if study else list(self.studies.values())
        found = (match for each in below for match in each.matches[level] if _fits(match, wanted))
        return list(islice(found, offset, None if limit is None else offset + limit))


class Handler(BaseHTTPRequestHandler):
    """Search, retrieve and metadata; a search takes equality of single values only."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    origin: Origin

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        names = url.path.removeprefix(BASE).strip("/").split("/")
        uids = dict(zip(names[0::2], names[1::2], strict=False))
        last = names[-1]
        if last in ("studies", "series", "instances"):
            self._json(self._under(uids, self.origin.search(last, uids.get("studies"), url.query)))
        elif uids.get("studies") not in self.origin.studies:
            self.send_error(404)
        elif "frames" in uids:
            self._frame()
        elif last == "metadata":
            base = f"http://{self.headers['Host']}{url.path.removesuffix('/metadata')}"
            self._json([samples.metadata(instance, base) for instance in self._instances(uids)])
        else:
            self._retrieve(self._instances(uids))

    def _under(self, uids: dict[str, str], matches: list[dict[str, Any]]) -> list[dict[str, Any]]:
        series = uids.get("series")
        return [match for match in matches if series is None or match["0020000E"]["Value"] == [series]]

    def _instances(self, uids: dict[str, str]) -> tuple[Instance, ...]:
        instances = self.origin.studies[uids["studies"]].instances
        wanted = uids.get("instances")
        return tuple(each for each in instances if wanted in (None, each.data_set.SOPInstanceUID))

    def _retrieve(self, instances: tuple[Instance, ...]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", samples.CONTENT_TYPE)
        if len(instances) == 1:
            self.send_header("Content-Length", str(samples.multipart_length(instances)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        kept = self.origin.kept.get(instances[0].data_set.SOPInstanceUID) if len(instances) == 1 else None
        for piece in samples.multipart(instances) if kept is None else (kept,):
            self.wfile.write(piece)

    def _frame(self) -> None:
        """Answer any frame: all of them have the same pixels."""
        self.send_response(200)
        self.send_header("Content-Type", samples.FRAME_CONTENT_TYPE)
        self.send_header("Content-Length", str(len(samples.FRAME_BODY)))
        self.end_headers()
        self.wfile.write(samples.FRAME_BODY)

    def _json(self, body: list[dict[str, Any]]) -> None:
        text = json.dumps(body, separators=(",", ":")).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


def _tag(key: str) -> str | None:
    """Return a search key's tag as in DICOM JSON, None when it is no attribute."""
    number = int(key, 16) if len(key) == 8 and key.isalnum() and key[0] in "0123456789" else tag_for_keyword(key)
    return None if number is None else f"{number:08X}"


def _fits(match: dict[str, Any], wanted: dict[str, str]) -> bool:
    return all(match[tag].get("Value") == [value] for tag, value in wanted.items() if tag in match)


def main() -> None:
    port, *frames = map(int, sys.argv[1:])
    Handler.origin = Origin([samples.ct_study(), samples.large_study(*frames)])
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
