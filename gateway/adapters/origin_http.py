"""The OriginServer port over HTTP: one origin server, and nothing of the client's own request.

URLs hold source UIDs. They are therefore kept out of every exception.
"""

import re
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import SplitResult, urljoin, urlsplit

import yarl

from gateway.adapters.origin_client import RETRY_AFTER_S, Answer, ConnectionPolicy, OriginClient
from gateway.core.errors import OriginBusy, OriginFailed
from gateway.ports import OriginAnswer
from gateway.telemetry.requestid import sent_on

DEFAULT_POLICY = ConnectionPolicy()

_USER_AGENT = "dicomveil"
_PORTS = {"http": 80, "https": 443}
_HEADER_VALUE = re.compile(r"[ -~]+")
_PATH = re.compile(r"(/[!-~]*)?")
_QUERY = re.compile(r"[!-~]*")
_DOTS = re.compile(r"/(\.|%2e){1,2}(/|$)", re.IGNORECASE)
_INFLATED_PIECE_BYTES = 256 << 10

MAX_REDIRECTS = 3
MAX_RETRY_AFTER_S = 300


class HttpOrigin:
    """An origin server at ``base`` (``http://host:port/dicom-web``), called ``name`` in messages.

    ``auth`` is a whole Authorization header value. A redirect is followed below ``base`` only, and cookies are not
    kept. A body that comes compressed although it was not asked for is inflated piece by piece (gzip and deflate),
    another content coding is refused, and so is a range that was not asked for. Raises OriginFailed, also while a body
    is read: when it ends before its Content-Length or before the last chunk; OriginTimedOut; OriginBusy when the origin
    says so or no connection becomes free. A body without a length ends when the connection does; whether it is whole is
    for the reader's syntax to say. Leaving the context before the end closes the connection.
    """

    def __init__(
        self,
        name: str,
        base: str,
        auth: str | None = None,
        policy: ConnectionPolicy = DEFAULT_POLICY,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._base = _service_base(base)
        self._prefix = self._base.raw_path.rstrip("/")
        self._headers = {"Accept-Encoding": "identity", "User-Agent": _USER_AGENT}
        if auth is not None:
            if not _HEADER_VALUE.fullmatch(auth):
                raise ValueError("an Authorization header value is printable ASCII")
            self._headers["Authorization"] = auth
        self._client = OriginClient(name, self._base, policy, tls)

    @asynccontextmanager
    async def get(self, path: str, query: str = "", accept: str = "*/*") -> AsyncGenerator[OriginAnswer, None]:
        """Open ``{base}{path}?{query}``; both go out byte for byte, and ValueError is raised if they cannot."""
        answer = await self._answered(self._target(path, query), {"Accept": accept, **self._headers, **sent_on()})
        try:
            yield self._checked(answer)
        finally:
            answer.close()

    @asynccontextmanager
    async def post(
        self,
        path: str,
        content_type: str,
        body: AsyncIterator[bytes | memoryview],
        accept: str = "*/*",
        *,
        is_long: bool = False,
    ) -> AsyncGenerator[OriginAnswer, None]:
        """Send ``body`` to ``{base}{path}`` once, in chunks as they come, and open the answer."""
        headers = {"Accept": accept, "Content-Type": content_type, **self._headers, **sent_on()}
        answer = await self._client.post(self._target(path, ""), headers, body, is_long=is_long)
        try:
            yield self._checked(answer)
        finally:
            answer.close()

    @property
    def waiting(self) -> int:
        """Return how many requests wait for a connection."""
        return self._client.waiting

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    def _target(self, path: str, query: str) -> str:
        if not _PATH.fullmatch(path) or "?" in path or "#" in path or not _QUERY.fullmatch(query) or "#" in query:
            raise ValueError("path or query is not encoded for a request target")
        return f"{self._prefix}{path}{'?' if query else ''}{query}"

    async def _answered(self, target: str, headers: dict[str, str]) -> Answer:
        """Send a request, and again to where a redirect leads below the base: the target alone may change."""
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._client.get(target, headers)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            answer.close()
            target = self._redirected(target, answer.headers.get("location", ""))
        raise self._client.failed("redirects that do not end")

    def _redirected(self, target: str, location: str) -> str:
        """Return the target that a Location names (RFC 9110 Section 10.2.2), or refuse it."""
        url = _joined(self._base, target, location)
        if not location or url is None or not url.path.startswith(f"{self._prefix}/"):
            raise self._client.failed("a redirect that leads out of its service")
        if not _PATH.fullmatch(url.path) or not _QUERY.fullmatch(url.query) or _DOTS.search(url.path):
            raise self._client.failed("a redirect to what is no URL")
        return f"{url.path}{'?' if url.query else ''}{url.query}"

    def _checked(self, answer: Answer) -> OriginAnswer:
        """Refuse what is neither an answer nor an error; the headers then say what the reader of the body gets."""
        status, headers, failed = answer.status, answer.headers, self._client.failed
        if status in (429, 503):
            raise OriginBusy(self._client.said(f"status {status}"), _retry_after(headers.get("retry-after", "")))
        if not (200 <= status < 300 or 400 <= status < 600):
            raise failed(f"status {status} is neither an answer nor an error")
        if status == 206 and "content-range" in headers:  # without: some of what was asked for (PS3.18 Section 10.4.3)
            raise failed("a range that was not asked for")
        coding = headers.pop("content-encoding", "identity").strip().lower()
        if coding == "identity":
            return OriginAnswer(status, headers, answer)
        if coding not in ("gzip", "x-gzip", "deflate"):
            raise failed("a content coding that was not asked for")
        headers.pop("content-length", None)
        return OriginAnswer(
            status, headers, _Inflated(answer, failed("a compressed body that is broken or ends short"))
        )


class _Inflated:
    """gzip members or a zlib stream in bounded pieces; raises ``failure`` when the last one ends before its check."""

    def __init__(self, pieces: AsyncIterator[bytes], failure: OriginFailed) -> None:
        self._pieces = pieces
        self._failure = failure
        self._inflater = _new_inflater()
        self._rest = b""
        self._is_empty = True

    def __aiter__(self) -> "_Inflated":
        return self

    async def __anext__(self) -> bytes:
        while True:
            while self._rest:
                if inflated := self._inflate():
                    return inflated
            self._rest = await anext(self._pieces, b"")
            if not self._rest:
                break
            self._is_empty = False
        if self._inflater.eof or self._is_empty:
            raise StopAsyncIteration
        raise self._failure

    def _inflate(self) -> bytes:
        if self._inflater.eof:
            self._inflater = _new_inflater()
        try:
            inflated = self._inflater.decompress(self._rest, _INFLATED_PIECE_BYTES)
        except zlib.error:
            raise self._failure from None
        self._rest = self._inflater.unconsumed_tail or self._inflater.unused_data
        return inflated


def _new_inflater() -> "zlib._Decompress":
    return zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: gzip or zlib, as its first bytes say


def _joined(base: yarl.URL, target: str, location: str) -> SplitResult | None:
    """Return what a Location means at a target, or None when that is another server."""
    try:
        url = urlsplit(urljoin(f"{base.origin()}{target}", location))
        server = (url.scheme, url.hostname, url.port or _PORTS.get(url.scheme))
    except ValueError:
        return None
    own = (base.scheme, base.raw_host, base.port)
    return url if server == own and url.username is None else None


def _retry_after(text: str) -> int:
    """Read delay-seconds (RFC 9110 Section 10.2.3); a date depends on the origin's clock and is not read."""
    return min(int(text), MAX_RETRY_AFTER_S) if text.isascii() and text.isdigit() and len(text) < 10 else RETRY_AFTER_S


def _service_base(base: str) -> yarl.URL:
    url = yarl.URL(base)
    if (
        url.scheme not in ("http", "https")
        or not url.raw_host
        or url.user
        or url.password
        or url.raw_query_string
        or url.raw_fragment
    ):
        raise ValueError("an origin's base is http or https, a host, and a path")
    return url
