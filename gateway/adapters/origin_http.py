"""The OriginServer port over HTTP: one origin server, asked with GET and nothing of the client's own request.

Transport: aiohttp's connections under httpx's interface (``httpx_transport``), chosen by measurement over httpx's own
transport (4x the CPU per GB), httpx-aiohttp (2x), and pyreqwest and pyqwest (1.6x and 14x where the connection ends the
body, which is how Orthanc sends studies).

URLs hold source UIDs. They are therefore kept out of httpx's URL objects and out of every exception.
"""

import re
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from gateway.adapters.httpx_transport import AiohttpTransport, ConnectionPolicy
from gateway.core.errors import OriginBusy, OriginFailed, OriginTimedOut
from gateway.ports import OriginAnswer

DEFAULT_POLICY = ConnectionPolicy()

_USER_AGENT = "dicomveil"
_PORTS = {"http": 80, "https": 443}
_HEADER_VALUE = re.compile(r"[ -~]+")
_PATH = re.compile(r"(/[!-~]*)?")
_QUERY = re.compile(r"[!-~]*")
_DOTS = re.compile(r"/(\.|%2e){1,2}(/|$)", re.IGNORECASE)
_INFLATED_PIECE_BYTES = 256 << 10

MAX_REDIRECTS = 3
RETRY_AFTER_S = 5
"""When a client may come back whom a busy origin, or too few connections, turned away."""
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
        self._name = name
        self._base = _service_base(base)
        self._prefix = self._base.raw_path.decode("ascii").rstrip("/")
        self._headers = {"Accept-Encoding": "identity", "User-Agent": _USER_AGENT}
        if auth is not None:
            if not _HEADER_VALUE.fullmatch(auth):
                raise ValueError("an Authorization header value is printable ASCII")
            self._headers["Authorization"] = auth
        # Not behind an httpx client: it would read Set-Cookie and Location, which are nothing to us.
        self._transport = AiohttpTransport(policy, tls)

    @asynccontextmanager
    async def get(self, path: str, query: str = "", accept: str = "*/*") -> AsyncGenerator[OriginAnswer, None]:
        """Open ``{base}{path}?{query}``; both go out byte for byte, and ValueError is raised if they cannot."""
        response = await self._answered(self._target(path, query), accept)
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            self._check(response.status_code, headers)
            async with aclosing(self._body(response, headers)) as body:
                yield OriginAnswer(response.status_code, headers, body)
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    def _target(self, path: str, query: str) -> str:
        if not _PATH.fullmatch(path) or "?" in path or "#" in path or not _QUERY.fullmatch(query) or "#" in query:
            raise ValueError("path or query is not encoded for a request target")
        return f"{self._prefix}{path}{'?' if query else ''}{query}"

    async def _answered(self, target: str, accept: str) -> httpx.Response:
        """Send a request, and again to where a redirect leads below the base: the target alone may change."""
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._send(target, accept)
            if response.status_code not in (301, 302, 303, 307, 308):
                return response
            await response.aclose()
            target = self._redirected(target, response.headers.get("location", ""))
        raise self._failed("redirects that do not end")

    async def _send(self, target: str, accept: str) -> httpx.Response:
        request = httpx.Request(
            "GET",
            self._base,
            headers={"Accept": accept, **self._headers},
            extensions={"target": target.encode("ascii")},
        )
        failure: OriginFailed
        try:
            return await self._transport.handle_async_request(request)
        except httpx.PoolTimeout as error:
            failure = OriginBusy(self._said(str(error)), RETRY_AFTER_S)
        except httpx.TransportError as error:
            failure = self._broken(error)
        raise failure

    def _redirected(self, target: str, location: str) -> str:
        """Return the target that a Location names (RFC 9110 Section 10.2.2), or refuse it."""
        url = _joined(self._base, target, location)
        if not location or url is None or not url.path.startswith(f"{self._prefix}/"):
            raise self._failed("a redirect that leads out of its service")
        if not _PATH.fullmatch(url.path) or not _QUERY.fullmatch(url.query) or _DOTS.search(url.path):
            raise self._failed("a redirect to what is no URL")
        return f"{url.path}{'?' if url.query else ''}{url.query}"

    def _check(self, status: int, headers: dict[str, str]) -> None:
        """Refuse what is neither an answer nor an error."""
        if status in (429, 503):
            raise OriginBusy(self._said(f"status {status}"), _retry_after(headers.get("retry-after", "")))
        if not (200 <= status < 300 or 400 <= status < 600):
            raise self._failed(f"status {status} is neither an answer nor an error")
        if status == 206 and "content-range" in headers:  # without: some of what was asked for (PS3.18 Section 10.4.3)
            raise self._failed("a range that was not asked for")

    def _body(self, response: httpx.Response, headers: dict[str, str]) -> AsyncGenerator[bytes, None]:
        """Choose how to read the body; the headers then say what the reader gets."""
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding == "identity":
            return self._plain(response)
        if coding not in ("gzip", "x-gzip", "deflate"):
            raise self._failed("a content coding that was not asked for")
        headers.pop("content-encoding")
        headers.pop("content-length", None)
        return self._inflated(response)

    async def _plain(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        failure: OriginFailed | None = None
        try:
            async for piece in response.aiter_raw():
                yield piece
        except httpx.TransportError as error:
            failure = self._broken(error)
        if failure is not None:
            raise failure

    async def _inflated(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        failure: OriginFailed | None = None
        try:
            async with aclosing(self._plain(response)) as pieces:
                async for piece in _inflate(pieces):
                    yield piece
        except (zlib.error, EOFError):
            failure = self._failed("a compressed body that is broken or ends short")
        if failure is not None:
            raise failure

    def _broken(self, error: httpx.TransportError) -> OriginFailed:
        kind = OriginTimedOut if isinstance(error, httpx.TimeoutException) else OriginFailed
        return kind(self._said(str(error)))

    def _failed(self, what: str) -> OriginFailed:
        return OriginFailed(self._said(what))

    def _said(self, what: str) -> str:
        return f"origin {self._name}: {what}"


async def _inflate(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield gzip members or a zlib stream in bounded pieces; raise EOFError when the last one ends before its check."""
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: gzip or zlib, as its first bytes say
    empty = True
    async for piece in pieces:
        rest = piece
        while rest:
            empty = False
            if inflater.eof:
                inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
            if inflated := inflater.decompress(rest, _INFLATED_PIECE_BYTES):
                yield inflated
            rest = inflater.unconsumed_tail or inflater.unused_data
    if not (inflater.eof or empty):
        raise EOFError


def _joined(base: httpx.URL, target: str, location: str) -> SplitResult | None:
    """Return what a Location means at a target, or None when that is another server."""
    try:
        url = urlsplit(urljoin(f"{base.copy_with(raw_path=b'/')}{target[1:]}", location))
        server = (url.scheme, url.hostname, url.port or _PORTS.get(url.scheme))
    except ValueError:
        return None
    own = (base.scheme, base.host, base.port or _PORTS[base.scheme])
    return url if server == own and url.username is None else None


def _retry_after(text: str) -> int:
    """Read delay-seconds (RFC 9110 Section 10.2.3); a date depends on the origin's clock and is not read."""
    return min(int(text), MAX_RETRY_AFTER_S) if text.isascii() and text.isdigit() and len(text) < 10 else RETRY_AFTER_S


def _service_base(base: str) -> httpx.URL:
    url = httpx.URL(base)
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise ValueError("an origin's base is http or https, a host, and a path")
    return url
