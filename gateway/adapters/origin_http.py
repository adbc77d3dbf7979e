"""The OriginServer port over HTTP: one origin server, asked with GET and nothing of the client's own request.

Transport: aiohttp's connections under httpx's interface (``httpx_transport``), chosen by measurement over httpx's own
transport (4x the CPU per GB), httpx-aiohttp (2x), and pyreqwest and pyqwest (1.6x and 14x where the connection ends the
body, which is how Orthanc sends studies).

URLs hold source UIDs. They are therefore kept out of httpx's URL objects, which it logs, and out of every exception.
"""

import re
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from gateway.adapters.httpx_transport import AiohttpTransport, ConnectionPolicy
from gateway.core.errors import OriginFailed
from gateway.ports import OriginAnswer

DEFAULT_POLICY = ConnectionPolicy()

_USER_AGENT = "dicomveil"
_HEADER_VALUE = re.compile(r"[ -~]+")
_PATH = re.compile(r"(/[!-~]*)?")
_QUERY = re.compile(r"[!-~]*")
_INFLATED_PIECE_BYTES = 256 << 10


class HttpOrigin:
    """An origin server at ``base`` (``http://host:port/dicom-web``), called ``name`` in messages.

    ``auth`` is a whole Authorization header value. Redirects are not followed and cookies are not kept. A body that
    comes compressed although it was not asked for is inflated piece by piece (gzip and deflate), another content
    coding is refused. Raises OriginFailed, also while a body is read: when it ends before its Content-Length or
    before the last chunk. A body without either ends when the connection does; whether it is whole is for the
    reader's syntax to say. Leaving the context before the end closes the connection.
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
        self._client = httpx.AsyncClient(
            transport=AiohttpTransport(policy, tls),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            trust_env=False,
        )

    @asynccontextmanager
    async def get(self, path: str, query: str = "", accept: str = "*/*") -> AsyncGenerator[OriginAnswer, None]:
        """Open ``{base}{path}?{query}``; both go out byte for byte, and ValueError is raised if they cannot."""
        request = httpx.Request(
            "GET",
            self._base,
            headers={"Accept": accept, **self._headers},
            extensions={"target": self._target(path, query)},
        )
        response = await self._send(request)
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            self._refuse_redirect(response.status_code)
            async with aclosing(self._body(response, headers)) as body:
                yield OriginAnswer(response.status_code, headers, body)
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    def _target(self, path: str, query: str) -> bytes:
        if not _PATH.fullmatch(path) or "?" in path or "#" in path or not _QUERY.fullmatch(query) or "#" in query:
            raise ValueError("path or query is not encoded for a request target")
        return f"{self._prefix}{path}{'?' if query else ''}{query}".encode("ascii")

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._client.send(request, stream=True)
        except httpx.TransportError as error:
            failure = self._failed(str(error))
        raise failure

    def _refuse_redirect(self, status: int) -> None:
        if not (200 <= status < 300 or 400 <= status < 600):
            raise self._failed(f"status {status} is neither an answer nor an error")

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
            failure = self._failed(str(error))
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

    def _failed(self, what: str) -> OriginFailed:
        return OriginFailed(f"origin {self._name}: {what}")


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


def _service_base(base: str) -> httpx.URL:
    url = httpx.URL(base)
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise ValueError("an origin's base is http or https, a host, and a path")
    return url
