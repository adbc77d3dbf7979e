"""What is around all routes: errors as problems, CORS, an end for who has left.

In as few layers as can be: each costs every piece of every body.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Final

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send

from gateway.access.model import EVERYONE, Method, Principal
from gateway.calls import Call, Watcher, set_call
from gateway.core.errors import AuditFailed, GatewayError, TookTooLong
from gateway.routes.exchange import WhileClientStays
from gateway.routes.guard import login
from gateway.routes.headers import OURS
from gateway.routes.problems import problem, problem_of_status
from gateway.telemetry import requestid

READING: Final = ["GET", "HEAD", "OPTIONS"]
NOT_FOR_PAGES: Final = ("/uplinks/", "/shares/", "/metrics")
"""No page of another site has a part in these: one call there sends a study to whoever it names."""
ALLOWED_HEADERS: Final = ["Accept", "Authorization", "Cache-Control", "Content-Type", "Range", "X-Api-Key"]
EXPOSED_HEADERS: Final = [
    "Content-Type", "Content-Location", "Content-Disposition", "ETag", "Retry-After", "Warning", "X-Request-Id",
]  # fmt: skip
PREFLIGHT_TTL_S: Final = 600
_REQUEST_ID: Final = requestid.HEADER.encode()


Identify = Callable[[Headers, str], Awaitable[Principal]]
"""Says who sends these headers from this address; raises Unauthenticated for credentials that do not hold."""


ClientOf = Callable[[str, Headers], str]
"""Says who asks, behind trusted proxies: the address of a connection and the headers -> an address."""
Trusts = Callable[[str], bool]
"""Says whether an address is a trusted proxy's."""
PUBLIC_PROBES: Final = ("/healthz", "/readyz")
"""Nobody is asked who they are, so nothing can be wrong with it, and nothing is counted or put on record."""
PROBES: Final = (*PUBLIC_PROBES, "/metrics")


def unchanged() -> None:
    """Say that settings are what they were."""


async def everyone(_headers: Headers, _address: str) -> Principal:
    """Let everybody do everything."""
    return EVERYONE


def peer(address: str, _headers: Headers) -> str:
    """Trust no proxy."""
    return address


def nobody(_address: str) -> bool:
    """Trust no proxy."""
    return False


@dataclass(frozen=True, slots=True)
class Around:
    """What the front asks of others: who asks and from where, who is told, and how long an answer may wait to begin.

    ``identify_now`` gives what the settings of now say in the place of ``identify``, None for the same;
    ``allowed_headers`` are more of those that pages of other sites may send.
    """

    identify: Identify = everyone
    identify_now: Callable[[], Identify | None] = unchanged
    watchers: tuple[Watcher, ...] = ()
    client_of: ClientOf = peer
    trusts: Trusts = nobody
    answer_timeout_s: float | None = None
    allowed_headers: tuple[str, ...] = ()


NOTHING_AROUND: Final = Around()


class Gateway(Starlette):
    """The application: routes behind one layer where Starlette has three."""

    def __init__(
        self,
        routes: Sequence[BaseRoute],
        lifespan: Lifespan[Starlette],
        cors_origins: tuple[str, ...],
        around: Around = NOTHING_AROUND,
    ) -> None:
        super().__init__(routes=routes, lifespan=lifespan)
        self.router.redirect_slashes = False
        self._cors_origins = cors_origins
        self._around = around

    def build_middleware_stack(self) -> ASGIApp:
        """Return what is called for each request."""
        return Front(WhileClientStays(self.router.app), self._cors_origins, self._around)


class Front:
    """Makes problems of errors and lets pages of ``cors_origins`` read answers.

    An answer that is read must begin within ``answer_timeout_s``; its body may take as long as it flows.
    """

    def __init__(self, app: ASGIApp, cors_origins: tuple[str, ...], around: Around) -> None:
        self._app = app
        self._around = around
        self._watchers = around.watchers
        self._cors = CORSMiddleware(
            app,
            allow_origins=cors_origins,
            allow_methods=READING
            if "*" in cors_origins
            else [*READING, "POST"],  # to store is for pages that are named
            allow_headers=[*ALLOWED_HEADERS, *around.allowed_headers],
            expose_headers=EXPOSED_HEADERS,
            max_age=PREFLIGHT_TTL_S,
        )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        headers = Headers(scope=scope)
        cors = None if scope["path"].startswith(NOT_FOR_PAGES) else self._cors
        is_preflight = scope["method"] == "OPTIONS" and "access-control-request-method" in headers
        if cors is not None and is_preflight and "origin" in headers:
            return cors.preflight_response(headers)(scope, receive, send)
        peer_address = _connected(scope)
        address = self._around.client_of(peer_address, headers)
        trail = requestid.begin(headers, is_trusted=self._around.trusts(peer_address))
        call = Call(trail.id, address, scope["method"], monotonic())
        call.watchers = self._watchers
        if scope["method"] in ("GET", "HEAD"):
            call.is_probe = scope["path"] in PROBES
            call.is_public = scope["path"] in PUBLIC_PROBES
        call.identify = partial(self._identify_now, headers, peer_address)
        call.is_outdated = self._is_outdated
        set_call(scope, call)
        answer = _Answer(call, self._watchers, cors, headers, send)
        if scope["method"] not in READING:
            receive = _counted(call, receive)
        return self._answer(call, headers, scope, receive, answer)

    async def _answer(self, call: Call, headers: Headers, scope: Scope, receive: Receive, send: "_Answer") -> None:
        try:
            for watcher in self._watchers:
                watcher.opened(call, headers)
            if not call.is_public:
                # Forwarded addresses vouch for nobody.
                call.principal = await self._around.identify(headers, _connected(scope))
                if self._is_outdated():  # an issuer may take its time
                    call.principal = await self._identify_now(headers, _connected(scope))
            for watcher in self._watchers:
                watcher.known(call)
            await self._begun_in_time(scope, receive, send)
        except Exception as error:
            call.fault = type(error).__name__
            if send.has_begun:
                raise
            try:
                await _refusal(error, call)(scope, receive, send)
            except AuditFailed as worse:  # not even that may happen unseen
                call.fault = type(worse).__name__
                await _refusal(worse, call)(scope, receive, send)
            if not isinstance(error, GatewayError | HTTPException):
                raise  # a bug: the server logs it
        finally:
            for watcher in self._watchers:
                watcher.ended(call)

    def _identify_now(self, headers: Headers, address: str) -> Awaitable[Principal]:
        return (self._around.identify_now() or self._around.identify)(headers, address)

    def _is_outdated(self) -> bool:
        return self._around.identify_now() not in (None, self._around.identify)

    async def _begun_in_time(self, scope: Scope, receive: Receive, send: "_Answer") -> None:
        timeout_s, task = self._around.answer_timeout_s, asyncio.current_task()
        if timeout_s is None or task is None or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        patience = send.patience = _Patience(task, timeout_s)
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if not patience.is_over or task.cancelling() > 1:
                raise
            raise TookTooLong(f"no answer had begun after {timeout_s:g} s") from None
        finally:
            patience.end()


class _Patience:
    """Cancels a task when its time is over: ``asyncio.timeout``, which costs four times as much."""

    __slots__ = ("_task", "_timer", "is_over")

    def __init__(self, task: asyncio.Task[None], seconds: float) -> None:
        self._task = task
        self._timer = asyncio.get_running_loop().call_later(seconds, self._give_up)
        self.is_over = False

    def _give_up(self) -> None:
        self.is_over = True
        self._task.cancel()

    def keep(self) -> None:
        """Wait for as long as it takes from now on."""
        self._timer.cancel()

    def end(self) -> None:
        """Take the cancellation back, once it has done its work."""
        self._timer.cancel()
        if self.is_over:
            self._task.uncancel()


class _Answer:
    """Sends the messages of one answer; its head with CORS headers, where there are any."""

    __slots__ = ("_call", "_cors", "_request_headers", "_send", "_watchers", "has_begun", "patience")

    def __init__(
        self,
        call: Call,
        watchers: tuple[Watcher, ...],
        cors: CORSMiddleware | None,
        request_headers: Headers,
        send: Send,
    ) -> None:
        self._call = call
        self._watchers = watchers
        self._cors = cors
        self._request_headers = request_headers
        self._send = send
        self.has_begun = False
        self.patience: _Patience | None = None

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] != "http.response.start":
            self._call.sent += len(message.get("body", b""))
            self._call.is_whole = not message.get("more_body", False)
            return self._send(message)
        self._call.status = message["status"]
        for watcher in self._watchers:
            if message["status"] < 400:
                watcher.answering(self._call)
            else:
                watcher.refusing(self._call)
        self.has_begun = True
        if self.patience is not None:
            self.patience.keep()
        headers = [*message.get("headers", ()), (_REQUEST_ID, self._call.id.encode())]
        cors = self._cors
        if cors is not None and "origin" not in self._request_headers:
            headers, cors = _varied(headers), None
        message = {**message, "headers": headers}
        return self._send(message) if cors is None else cors.send(message, self._send, self._request_headers)


def _varied(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Say that pages of other origins get other headers."""
    varying = [value for name, value in headers if name == b"vary"]
    kept = [header for header in headers if header[0] != b"vary"]
    return [*kept, (b"vary", b", ".join([*varying, b"Origin"]))]


def _connected(scope: Scope) -> str:
    """Return the address at the other end of the connection."""
    return str(scope["client"][0]) if scope.get("client") else ""


def _counted(call: Call, receive: Receive) -> Receive:
    async def taking() -> Message:
        message = await receive()
        call.taken += len(message.get("body", b""))
        return message

    return taking


def _refusal(error: Exception, call: Call) -> Response:
    if not isinstance(error, HTTPException):
        return problem(error if isinstance(error, GatewayError) else GatewayError())
    if call.principal.method is Method.NONE and not call.principal.everywhere:
        return problem(login())  # what there is and what there is not, is nothing that strangers are told
    if error.status_code != 405:
        return problem_of_status(error.status_code)
    methods = {each.strip() for each in (error.headers or {}).get("Allow", "GET").split(",")}
    allow = {"allow": ", ".join(sorted(methods | {"OPTIONS"}))}
    return (
        Response(status_code=204, headers=OURS | allow) if call.method == "OPTIONS" else problem_of_status(405, allow)
    )
