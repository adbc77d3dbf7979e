"""aiohttp as a client of one origin server: who waits how long, what is sent again, what a failure is called.

Measured per GB of a streamed body, and per request of 4 kB: httpx 1.8 s and 2.7 ms, httpx-aiohttp 0.85 s and 0.6 ms,
pyreqwest 0.4 s (0.7 s where the connection ends the body) and 0.5 ms, pyqwest 0.6 s (6 s) and 0.7 ms, aiohttp behind
httpx's interface 0.4 s and 0.5 ms, a third of that for the interface. So aiohttp it is: it does the parsing and the
pooling, and received buffers are handed on without being joined. Held in memory: at most three receive buffers (256 kB
each) per open answer.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import yarl

from gateway.adapters.reason import reason
from gateway.core.errors import OriginBusy, OriginFailed, OriginTimedOut

RETRY_AFTER_S = 5
"""When a client may come back whom a busy origin, or too few connections, turned away."""

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


class OriginClient:
    """Sends requests to the server of ``base``, called ``name`` in messages; a request target goes out byte for byte.

    A GET whose connection drops before its answer begins is sent again, three times at most: it may be repeated (RFC
    9110 Section 9.2.2). A POST may not: it goes out once, on a connection of its own, since one that was kept alive may
    just be closing; its body is pulled from another task as the server takes it, and the time that its maker takes does
    not count. Raises OriginFailed, OriginTimedOut or OriginBusy, never with a URL in it.
    """

    def __init__(self, name: str, base: yarl.URL, policy: ConnectionPolicy, tls: ssl.SSLContext | None = None) -> None:
        self._name = name
        self._base = base
        self._policy = policy
        self._reading = _Connections(policy, tls, keeps=True)
        self._storing = _Connections(policy, tls, keeps=False)

    async def get(self, target: str, headers: Mapping[str, str]) -> "Answer":
        """Ask for a target and return the answer with its body still to be read."""
        url = self._url(target)
        return await self._answer(self._reading, lambda session, _wait: _ask(session, url, headers))

    async def post(
        self, target: str, headers: Mapping[str, str], body: AsyncIterator[Any], *, is_long: bool
    ) -> "Answer":
        """Send a body in chunks as they come, and return the answer with its own body still to be read."""
        url = self._url(target)
        return await self._answer(
            self._storing,
            lambda session, wait: session.post(url, headers=headers, data=wait.sent(body), allow_redirects=False),
            is_long=is_long,
        )

    @property
    def waiting(self) -> int:
        """Return how many requests wait for a connection."""
        return self._reading.waiting + self._storing.waiting

    async def aclose(self) -> None:
        """Close all connections."""
        await self._reading.aclose()
        await self._storing.aclose()

    def failed(self, what: str) -> OriginFailed:
        """Make the error for what this origin did."""
        return OriginFailed(self.said(what))

    def said(self, what: str) -> str:
        """Say of which origin something is said."""
        return f"origin {self._name}: {what}"

    def broken(self, error: aiohttp.ClientError | OSError) -> OriginFailed:
        """Make the error for an exchange that broke off."""
        if isinstance(error, TimeoutError):
            return OriginTimedOut(self.said("nothing received in time"))
        if isinstance(
            error, aiohttp.ClientPayloadError | aiohttp.ClientResponseError | aiohttp.ServerDisconnectedError
        ):
            return self.failed("the answer breaks off or is not HTTP")
        return self.failed("the connection broke")

    async def _answer(self, connections: "_Connections", ask: "_Ask", *, is_long: bool = False) -> "Answer":
        try:
            turn = await connections.turn(is_long=is_long)
        except TimeoutError:
            raise OriginBusy(self.said("no free connection in time"), RETRY_AFTER_S) from None
        wait = _Wait(self._policy)
        try:
            async with wait.deadline:
                try:
                    return Answer(await ask(connections.session(), wait), self, turn)
                finally:
                    wait.is_over = True
        except (aiohttp.ClientError, OSError) as error:
            turn.end()
            failure = self._unasked(error)
        except BaseException:
            turn.end()
            raise
        raise failure  # outside of the handler: aiohttp's own exception names the URL and must not travel along

    def _url(self, target: str) -> yarl.URL:
        path, _, query = target.partition("?")
        base = self._base
        return yarl.URL.build(
            scheme=base.scheme,
            host=base.raw_host or "",
            port=base.explicit_port,
            path=path,
            query_string=query,
            encoded=True,
        )

    def _unasked(self, error: aiohttp.ClientError | OSError) -> OriginFailed:
        """Translate what came before an answer, with the address of the settings where there was no connection."""
        address = self._base.raw_authority
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return OriginTimedOut(self.said(f"no connection to {address} in time"))
        if isinstance(error, aiohttp.ClientConnectorError):
            return self.failed(f"no connection to {address} ({reason(error)})")
        return self.broken(error)


class Answer:
    """One answer: status, lower-case headers, and its body, to be iterated over once.

    Closing it early closes the connection instead of reading the rest.
    """

    def __init__(self, answer: aiohttp.ClientResponse, client: OriginClient, turn: "_Turn") -> None:
        self.status = answer.status
        self.headers = _by_name(answer.headers.items())
        self._answer = answer
        self._client = client
        self._content = answer.content
        # Chunks of the transfer coding may be tiny, so what has arrived of them is joined; received buffers are not.
        self._joined = "transfer-encoding" in self.headers
        self._forget = _end_with_connection(answer)
        self._turn = turn
        self._content.on_eof(turn.end)

    def __aiter__(self) -> "Answer":
        return self

    async def __anext__(self) -> bytes:
        content = self._content
        try:
            piece = await content.readany() if self._joined else (await content.readchunk())[0]
        except (aiohttp.ClientError, OSError) as error:
            failure = self._client.broken(error)
        else:
            if piece:
                return piece
            raise StopAsyncIteration
        raise failure

    def close(self) -> None:
        """Let go of the connection, which is kept if all of the body has been received."""
        self._forget()
        if self._answer.connection is not None:
            self._answer.close()
        self._turn.end()


class _Turn:
    """The right to one connection, until the body has arrived or nobody wants it."""

    __slots__ = ("_turns",)

    def __init__(self, *turns: asyncio.Semaphore) -> None:
        self._turns = turns

    def end(self) -> None:
        """Let the next one have it; more than once does no harm."""
        for turns in self._turns:
            turns.release()
        self._turns = ()


class _Connections:
    """Connections for one purpose: to be used again, or one for each request."""

    def __init__(self, policy: ConnectionPolicy, tls: ssl.SSLContext | None, *, keeps: bool) -> None:
        self._policy = policy
        self._tls = tls
        self._keeps = keeps
        self._turns = asyncio.Semaphore(policy.limit)
        self._long_turns = asyncio.Semaphore(max(1, policy.limit * 3 // 4))
        self._session: aiohttp.ClientSession | None = None
        self.waiting = 0

    async def turn(self, *, is_long: bool) -> _Turn:
        """Wait for a free connection; what may last long gets three of four at most. Raises TimeoutError."""
        if not is_long:
            return _Turn(await self._acquired(self._turns))
        long = _Turn(await self._acquired(self._long_turns))
        try:
            return _Turn(await self._acquired(self._turns), self._long_turns)
        except BaseException:
            long.end()
            raise

    async def _acquired(self, turns: asyncio.Semaphore) -> asyncio.Semaphore:
        if turns.locked():
            self.waiting += 1
            try:
                async with asyncio.timeout(self._policy.queue_s):
                    await turns.acquire()
            finally:
                self.waiting -= 1
        else:
            await turns.acquire()
        return turns

    def session(self) -> aiohttp.ClientSession:
        """Return what sends; it belongs to the running event loop, which is not there at construction."""
        if self._session is None:
            self._session = self._open()
        return self._session

    async def aclose(self) -> None:
        """Close all of them."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        policy = self._policy
        connector = _Connector(
            limit=0,  # whose turn it is has been decided
            keepalive_timeout=policy.keepalive_s if self._keeps else None,
            force_close=not self._keeps,
            ssl=self._tls if self._tls is not None else True,
        )
        connector.most_stale = policy.limit
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
            trust_env=False,
        )


class _Connector(aiohttp.TCPConnector):
    """Never sends a request on a connection whose peer spoke unasked: that would be taken for the answer to it."""

    most_stale = 0

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> aiohttp.connector.Connection:
        """Return a connection on which nothing waits to be read."""
        connection = await super().connect(req, traces, timeout)
        for _ in range(self.most_stale):
            if connection.protocol is None or not connection.protocol.should_close:
                break
            connection.close()
            connection = await super().connect(req, traces, timeout)
        if self.force_close and connection.protocol is not None and connection.protocol.closed is not None:
            connection.protocol.closed.add_done_callback(_look_at)
        return connection


class _Wait:
    """How long one request may still wait for the head of its answer, however slowly it drips."""

    def __init__(self, policy: ConnectionPolicy) -> None:
        self._read_s = policy.read_s
        self._clock = asyncio.get_running_loop().time
        self.is_over = False
        self.deadline = asyncio.timeout(policy.connect_s + policy.read_s)

    async def sent(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Yield a request's body; each piece may take as long as an answer, its maker any time."""
        sender = asyncio.current_task()
        if sender is not None:  # aiohttp's, which nobody awaits when the server goes at the body's end
            sender.add_done_callback(_look_at)
        try:
            self._until(None)
            async for piece in body:
                self._until(self._read_s)
                yield piece
                self._until(None)
        finally:
            self._until(self._read_s)

    def _until(self, seconds: float | None) -> None:
        if not self.is_over:  # else the answer is there before the body's end
            self.deadline.reschedule(None if seconds is None else self._clock() + seconds)


_Ask = Callable[[aiohttp.ClientSession, _Wait], Awaitable[aiohttp.ClientResponse]]


async def _ask(session: aiohttp.ClientSession, url: yarl.URL, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
    for attempt in range(1, _ROUNDS + 1):
        try:
            return await session.get(url, headers=headers, allow_redirects=False)
        except aiohttp.ClientConnectorError:
            raise  # it was never connected
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            if attempt == _ROUNDS:
                raise
    raise AssertionError


def _end_with_connection(answer: aiohttp.ClientResponse) -> Callable[[], None]:
    """Let a body fail when its connection goes before it ends; return what undoes that.

    aiohttp closes a connection on which a chunk is malformed, and leaves the reader of its body waiting for ever.
    """
    connection, content = answer.connection, answer.content
    closed = connection.protocol.closed if connection is not None and connection.protocol is not None else None
    if closed is None:
        return _nothing

    def end(gone: asyncio.Future[None]) -> None:
        _look_at(gone)
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the connection went"))

    closed.add_done_callback(end)
    return lambda: _discard(closed, end)


def _discard(closed: asyncio.Future[None], end: Callable[[asyncio.Future[None]], None]) -> None:
    closed.remove_done_callback(end)


def _look_at(gone: asyncio.Future[None]) -> None:
    """Look at an exception that says nothing new: asyncio would log it, with the address."""
    if not gone.cancelled():
        gone.exception()


def _nothing() -> None:
    pass


def _by_name(headers: Any) -> dict[str, str]:
    """Return headers by lower-case name; of one that was sent several times the values are joined."""
    joined: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        joined[lower] = f"{joined[lower]}, {value}" if lower in joined else value
    return joined
