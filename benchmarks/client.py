"""The client of all retrieval benchmarks: it reads and forgets, fast or at a given speed."""

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any

ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
FRAMES = 'multipart/related; type="application/octet-stream"'
_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True)
class Fetched:
    """One answer, read to its end or to the end of the time it was given."""

    size: int
    seconds: float
    first_byte_s: float


class Client:
    """Requests on one connection, opened anew where the server has closed it."""

    def __init__(self, port: int, key: str | None = None) -> None:
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))

    def fetch(
        self, path: str, bytes_per_s: float | None = None, for_s: float = float("inf"), accept: str = ACCEPT
    ) -> Fetched:
        """Read one body; at ``bytes_per_s`` and ``for_s`` at most if given. Raises RuntimeError when it is no 200."""
        began = time.perf_counter()
        answer = self._open(path, accept)
        size = len(answer.read1(65536))
        first = time.perf_counter() - began
        while count := answer.readinto(self._buffer):
            size += count
            elapsed = time.perf_counter() - began
            if elapsed > for_s:
                self.close()
                break
            if bytes_per_s is not None and (ahead := size / bytes_per_s - elapsed) > 0:
                time.sleep(ahead)
        return Fetched(size, time.perf_counter() - began, first)

    def json(self, path: str) -> Any:
        return json.loads(self._open(path, "application/dicom+json").read())

    def close(self) -> None:
        self._connection.close()

    def _open(self, path: str, accept: str) -> http.client.HTTPResponse:
        self._connection.request("GET", path, headers={"Accept": accept, **self._headers})
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} for a benchmark request: {answer.read(300)!r}")
        return answer
