"""A destination that takes every object and keeps none: Store of a DICOMweb service at the least cost there is.

Run: ``python -m benchmarks.static_sink PORT``.
"""

import json
import re
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_META = re.compile(rb"\x02\x00\x02\x00UI(..)(.{0,64}?)\x02\x00\x03\x00UI(..)", re.DOTALL)
_TAIL_BYTES = 1024
_PIECE_BYTES = 1 << 20


class Handler(BaseHTTPRequestHandler):
    """Reads a body of either transfer coding and names what its File Meta Information named."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    rbufsize = _PIECE_BYTES

    def do_POST(self) -> None:
        found: dict[str, str] = {}
        tail = b""
        for piece in self._pieces():
            whole = tail + piece[:_TAIL_BYTES]
            found.update(_named(whole))
            if len(piece) > _TAIL_BYTES:
                found.update(_named(piece))
            tail = (tail + piece)[-_TAIL_BYTES:] if len(piece) < _TAIL_BYTES else piece[-_TAIL_BYTES:]
        items = [
            {"00081150": {"vr": "UI", "Value": [sop_class]}, "00081155": {"vr": "UI", "Value": [instance]}}
            for instance, sop_class in found.items()
        ]
        self._answer(json.dumps({"00081199": {"vr": "SQ", "Value": items}}).encode())

    def do_GET(self) -> None:
        self._answer(b'[{"0020000D": {"vr": "UI", "Value": ["1.2.3"]}, "00100020": {"vr": "LO", "Value": ["1"]}}]')

    def _answer(self, text: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _pieces(self) -> Iterator[bytes]:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            left = int(self.headers["Content-Length"])
            while left and (piece := self.rfile.read1(min(left, _PIECE_BYTES))):
                left -= len(piece)
                yield piece
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def log_message(self, *_: object) -> None:
        pass


def _named(data: bytes) -> Iterator[tuple[str, str]]:
    for match in _META.finditer(data):
        length = int.from_bytes(match[3], "little")
        instance = data[match.end() : match.end() + length]
        if len(instance) == length:
            yield instance.decode("ascii").strip("\0 "), match[2].decode("ascii").strip("\0 ")


def main() -> None:
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
