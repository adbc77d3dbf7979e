"""An origin that is only searched: as many studies as wanted, made up as they are asked for.

It reads ``limit`` and ``offset`` and one study's UID, and no other key.

``GET /asked`` tells, and forgets, which pages were asked for and how many bytes they had.
Run: ``python -m benchmarks.listing_origin PORT STUDIES INSTANCES FORM``; the form is one of ``benchmarks.forms``.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from benchmarks.forms import FORMS

ROOT = "1.2.826.0.1.3680043.8.498.78"
_FAMILIES = ("BERG", "CORDES", "DIALLO", "ESPOSITO", "FISCHER", "GARCIA", "HOLM", "IVANOVA")
_MODALITIES = ("CT", "MR", "US", "CR", "DX")
CT = "1.2.840.10008.5.1.4.1.1.2"


def study_uid(number: int) -> str:
    return f"{ROOT}.{number}"


def patient_id(number: int) -> str:
    """Two studies each."""
    return f"MRN-{number // 2:06}"


def study(number: int) -> dict[str, Any]:
    """Return what an archive says of a study."""
    day, time = f"20{number % 20:02}{number % 12 + 1:02}{number % 28 + 1:02}", f"{number % 24:02}{number % 60:02}07"
    name = f"{_FAMILIES[number // 2 % 8]}^N{number // 2:06}"
    return {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00080020": {"vr": "DA", "Value": [day]},
        "00080030": {"vr": "TM", "Value": [time]},
        "00080050": {"vr": "SH", "Value": [f"A{number:07}"]},
        "00080056": {"vr": "CS", "Value": ["ONLINE"]},
        "00080061": {"vr": "CS", "Value": [_MODALITIES[number % 5]]},
        "00080090": {"vr": "PN", "Value": [{"Alphabetic": "REFERRER^RITA"}]},
        "00081030": {"vr": "LO", "Value": ["Follow-up after therapy"]},
        "00081190": {"vr": "UR", "Value": [f"http://archive.example/dicom-web/studies/{study_uid(number)}"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": name}]},
        "00100020": {"vr": "LO", "Value": [patient_id(number)]},
        "00100030": {"vr": "DA", "Value": [f"19{number // 2 % 90 + 10}0615"]},
        "00100040": {"vr": "CS", "Value": ["MF"[number // 2 % 2]]},
        "0020000D": {"vr": "UI", "Value": [study_uid(number)]},
        "00200010": {"vr": "SH", "Value": [f"S{number}"]},
        "00201206": {"vr": "IS", "Value": [3]},
        "00201208": {"vr": "IS", "Value": [240]},
    }


def instance(of: int, number: int) -> dict[str, Any]:
    """Return what an archive says of an instance of a study."""
    uid = study_uid(of)
    own = {
        "00080016": {"vr": "UI", "Value": [CT]},
        "00080018": {"vr": "UI", "Value": [f"{uid}.1.{number + 1}"]},
        "00080060": {"vr": "CS", "Value": ["CT"]},
        "0008103E": {"vr": "LO", "Value": ["THORAX 1.0 B30f"]},
        "0020000E": {"vr": "UI", "Value": [f"{uid}.1"]},
        "00200011": {"vr": "IS", "Value": [1]},
        "00200013": {"vr": "IS", "Value": [number + 1]},
        "00280010": {"vr": "US", "Value": [512]},
        "00280011": {"vr": "US", "Value": [512]},
        "00280100": {"vr": "US", "Value": [16]},
    }
    return dict(sorted((study(of) | own).items()))


class Handler(BaseHTTPRequestHandler):
    """Searches, and what was asked."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    studies = instances = 0
    form = "compact"
    asked: list[tuple[str, int, int, int]] = []  # noqa: RUF012 - path, offset, limit, bytes: of the whole process

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/asked":
            body = json.dumps(self.asked)
            self.asked.clear()
        else:
            keys = dict(parse_qsl(url.query))
            offset, limit = int(keys.get("offset", 0)), int(keys.get("limit", 0)) or 1 << 30
            body = FORMS[self.form](self._found(url.path, keys)[offset : offset + limit])
            self.asked.append((url.path, offset, limit, len(body)))
        self.send_response(200)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode("ascii"))

    def _found(self, path: str, keys: dict[str, str]) -> "_Lazy":
        """Return what matches, of which no more is made than is sliced."""
        *_, below = path.removeprefix("/dicom-web/").split("studies/")
        if path.endswith("/instances"):
            of = int(below.split("/")[0].rpartition(".")[2])
            return _Lazy(range(self.instances), lambda number: instance(of, number))
        uids = keys.get("0020000D") or keys.get("StudyInstanceUID")
        numbers: Any = [int(uid.rpartition(".")[2]) for uid in uids.split(",")] if uids else range(self.studies)
        return _Lazy(numbers, study)

    def log_message(self, *_: object) -> None:
        pass


class _Lazy:
    """Results by number."""

    def __init__(self, numbers: Any, make: Any) -> None:
        self._numbers = numbers
        self._make = make

    def __getitem__(self, part: slice) -> list[dict[str, Any]]:
        return [self._make(number) for number in self._numbers[part]]


def main() -> None:
    port, Handler.studies, Handler.instances = map(int, sys.argv[1:4])
    Handler.form = sys.argv[4]
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
