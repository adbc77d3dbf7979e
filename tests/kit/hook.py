"""A real server on loopback that takes webhooks, keeps them, and answers as it is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.kit.certificates import Certificate


@dataclass(frozen=True, slots=True)
class Called:
    """One request; names of headers are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Hook:
    """A running server. It answers with ``statuses`` one after the other, then always with ``status``."""

    base: str = ""
    asked: list[Called] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    status: int = 204

    async def take(self, request: web.Request) -> web.Response:
        """Keep a request and answer it."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Called(request.method, request.path_qs, headers, await request.read()))
        status = self.statuses.pop(0) if self.statuses else self.status
        return web.Response(status=status, headers={"Location": f"{self.base}/elsewhere"} if status < 400 else {})


@asynccontextmanager
async def hook(*statuses: int, tls: Certificate | None = None) -> AsyncIterator[Hook]:
    """Run a server in this event loop."""
    taken = Hook(statuses=list(statuses))
    application = web.Application()
    application.router.add_route("*", "/{any:.*}", taken.take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls.server() if tls else None)
    await site.start()
    taken.base = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield taken
    finally:
        await runner.cleanup()
