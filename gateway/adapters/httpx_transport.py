"""httpx over aiohttp's connections: httpx's interface at about a quarter of its own transport's CPU per byte.

Measured per GB of a streamed body, and per request of 4 kB: httpx's own transport 1.8 s and 2.7 ms, httpx-aiohttp
0.85 s and 0.6 ms, pyreqwest 0.4 s (0.7 s where the connection ends the body) and 0.5 ms, pyqwest 0.6 s (6 s) and
0.7 ms, this adapter 0.4 s and 0.5 ms. aiohttp does the parsing and the pooling; here its answers and exceptions become
httpx's, and received buffers are handed on without being joined. Held in memory: at most three receive buffers
(256 kB each) per open answer.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import SimpleNamespace

import aiohttp
import httpx
import yarl

# aiohttp stops reading from the socket at twice this much.
_READ_BUFFER_BYTES = 256 << 10
# Each sends a request once, and once more on another connection: several pooled ones may be stale at a time.
_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class ConnectionPolicy:
    """How many connections there may be, and for how long one may connect, be silent, be kept unused, or be awaited."""

    limit: int = 32
    connect_s: float = 5.0
    read_s: float = 60.0
    keepalive_s: float = 0.7  # Orthanc closes a connection that was unused for 1 s
    queue_s: float = 10.0


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Performs GET requests for an httpx client.

    The request target is the ``target`` extension where there is one (as in httpx's own transport) and goes out byte
    for byte. A request whose connection drops before its answer begins is sent again, three times at most: a GET may be
    repeated (RFC 9110 Section 9.2.2). Raises httpx.TransportError, PoolTimeout among them, never with a URL in it.
    """

    def __init__(self, policy: ConnectionPolicy, tls: ssl.SSLContext | None = None) -> None:
        self._policy = policy
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and return its answer with the body still to be read."""
        if self._session is None:  # it belongs to the running event loop, which is not there at construction
            self._session = self._open_session()
        wait = _Wait(self._policy)
        try:
            async with wait.deadline:
                answer = await _ask(self._session, request, wait)
        except (aiohttp.ClientError, OSError) as error:
            failure = (
                httpx.PoolTimeout("no free connection in time") if wait.is_queued else _unasked(error, request.url)
            )
        else:
            return httpx.Response(answer.status, headers=list(answer.raw_headers), stream=_Body(answer))
        raise failure  # outside of the handler: aiohttp's own exception names the URL and must not travel along

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        policy = self._policy
        connector = _Connector(
            limit=policy.limit,
            keepalive_timeout=policy.keepalive_s,
            ssl=self._tls if self._tls is not None else True,
        )
        timeout = aiohttp.ClientTimeout(
            total=None,
            sock_connect=policy.connect_s,
            sock_read=policy.read_s,
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=_READ_BUFFER_BYTES,
            trace_configs=[_queue_trace()],
            trust_env=False,
        )


class _Connector(aiohttp.TCPConnector):
    """Never sends a request on a connection whose peer spoke unasked: that would be taken for the answer to it."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> aiohttp.connector.Connection:
        """Return a connection on which nothing waits to be read."""
        connection = await super().connect(req, traces, timeout)
        for _ in range(self.limit):
            if connection.protocol is None or not connection.protocol.should_close:
                break
            connection.close()
            connection = await super().connect(req, traces, timeout)
        return connection


class _Wait:
    """How long one request may still wait: for a free connection first, then for the head of its answer."""

    def __init__(self, policy: ConnectionPolicy) -> None:
        self._policy = policy
        self._clock = asyncio.get_running_loop().time
        self._free_until: float | None = None
        self.is_queued = False
        self.deadline = asyncio.timeout(policy.connect_s + policy.read_s)  # however slowly a head drips

    def queue(self) -> None:
        """Take note that every connection is in use."""
        self.is_queued = True
        if self._free_until is None:  # who has to queue again has waited already
            self._free_until = self._clock() + self._policy.queue_s
        self.deadline.reschedule(self._free_until)

    def go_on(self) -> None:
        """Take note that one is free."""
        self.is_queued = False
        self.deadline.reschedule(self._clock() + self._policy.connect_s + self._policy.read_s)


def _queue_trace() -> aiohttp.TraceConfig:
    """Tell a request's ``_Wait`` of its turns; costs nothing per piece of a body."""

    async def start(_session: aiohttp.ClientSession, context: SimpleNamespace, _parameters: object) -> None:
        context.trace_request_ctx.queue()

    async def end(_session: aiohttp.ClientSession, context: SimpleNamespace, _parameters: object) -> None:
        context.trace_request_ctx.go_on()

    trace = aiohttp.TraceConfig()
    trace.on_connection_queued_start.append(start)
    trace.on_connection_queued_end.append(end)
    return trace


async def _ask(session: aiohttp.ClientSession, request: httpx.Request, wait: _Wait) -> aiohttp.ClientResponse:
    headers = [(name.decode("ascii"), value.decode("ascii")) for name, value in request.headers.raw]
    for attempt in range(1, _ROUNDS + 1):
        try:
            return await session.get(_url(request), headers=headers, allow_redirects=False, trace_request_ctx=wait)
        except aiohttp.ClientConnectorError:
            raise  # it was never connected
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            if attempt == _ROUNDS:
                raise
    raise AssertionError


class _Body(httpx.AsyncByteStream):
    """The body of one answer; closing it early closes the connection instead of reading the rest."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self._forget = _end_with_connection(answer)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        content = self._answer.content
        # Chunks of the transfer coding may be tiny, so what has arrived of them is joined; received buffers are not.
        joined = "Transfer-Encoding" in self._answer.headers
        failure: httpx.TransportError | None = None
        while failure is None:
            try:
                piece = await content.readany() if joined else (await content.readchunk())[0]
            except (aiohttp.ClientError, OSError) as error:
                failure = _translate(error)
            else:
                if not piece:
                    return
                yield piece
        raise failure

    async def aclose(self) -> None:
        self._forget()
        self._answer.close()


def _end_with_connection(answer: aiohttp.ClientResponse) -> Callable[[], None]:
    """Let a body fail when its connection goes before it ends; return what undoes that.

    aiohttp closes a connection on which a chunk is malformed, and leaves the reader of its body waiting for ever.
    """
    connection, content = answer.connection, answer.content
    closed = connection.protocol.closed if connection is not None and connection.protocol is not None else None
    if closed is None:
        return _nothing

    def end(gone: asyncio.Future[None]) -> None:
        if not gone.cancelled():
            gone.exception()  # looked at: asyncio would log it, with the address
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the connection went"))

    closed.add_done_callback(end)
    return lambda: _discard(closed, end)


def _discard(closed: asyncio.Future[None], end: Callable[[asyncio.Future[None]], None]) -> None:
    closed.remove_done_callback(end)


def _nothing() -> None:
    pass


def _url(request: httpx.Request) -> yarl.URL:
    target = request.extensions.get("target", request.url.raw_path).decode("ascii")
    path, _, query = target.partition("?")
    return yarl.URL.build(
        scheme=request.url.scheme,
        host=request.url.host,
        port=request.url.port,
        path=path,
        query_string=query,
        encoded=True,
    )


def _unasked(error: aiohttp.ClientError | OSError, url: httpx.URL) -> httpx.TransportError:
    """Translate what came before an answer, with the address of the settings where there was no connection."""
    address = url.netloc.decode("ascii")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return httpx.ConnectTimeout(f"no connection to {address} in time")
    if isinstance(error, aiohttp.ClientConnectorError):
        return httpx.ConnectError(f"no connection to {address} ({_reason(error)})")
    return _translate(error)


def _reason(error: aiohttp.ClientConnectorError) -> str:
    """Say why there is no connection, in the words of the system, not of the exception."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientSSLError):
        return "no TLS"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "unknown host name"
    return os.strerror(error.errno).lower() if error.errno else "not reachable"


def _translate(error: aiohttp.ClientError | OSError) -> httpx.TransportError:
    if isinstance(error, TimeoutError):
        return httpx.ReadTimeout("nothing received in time")
    if isinstance(error, (aiohttp.ClientPayloadError, aiohttp.ClientResponseError, aiohttp.ServerDisconnectedError)):
        return httpx.RemoteProtocolError("the answer breaks off or is not HTTP")
    return httpx.ReadError("the connection broke")
