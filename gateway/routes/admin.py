"""Liveness, readiness and metrics."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.access.model import Role
from gateway.routes.guard import Door, Guard
from gateway.routes.headers import OURS
from gateway.telemetry.readiness import Readiness

Exposed = Callable[[str], Awaitable[tuple[bytes, str]]]
"""Returns all metrics in a form that an Accept header names, and its media type."""


def admin_routes(readiness: Readiness, exposed: Exposed, is_leaving: Callable[[], bool] = lambda: False) -> list[Door]:
    """Return /healthz (the process answers), /readyz (so does what it depends on) and /metrics."""

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers=OURS)

    async def readyz(_request: Request) -> Response:
        if is_leaving():
            return JSONResponse({"status": "leaving"}, 503, OURS)
        if await readiness.is_ready():
            return JSONResponse({"status": "ok"}, headers=OURS)
        return JSONResponse({"status": "unavailable"}, 503, OURS)  # the log says what, to whoever may read that

    async def metrics(request: Request) -> Response:
        body, media_type = await exposed(request.headers.get("accept", ""))
        return Response(body, headers=OURS, media_type=media_type)

    return [
        Door("/healthz", healthz, Guard("Liveness")),
        Door("/readyz", readyz, Guard("Readiness")),
        Door("/metrics", metrics, Guard("Metrics", frozenset({Role.METRICS, Role.MANAGE}))),
    ]
