"""Liveness and readiness."""

import logging
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.core.errors import GatewayError
from gateway.ports import OriginServer, ReleaseStore
from gateway.routes.guard import Door, Guard

log = logging.getLogger("dicomveil.admin")


def admin_routes(origins: Mapping[str, OriginServer], store: ReleaseStore) -> list[Door]:
    """Return /healthz (the process answers) and /readyz (so do its origins and its state store)."""

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_request: Request) -> Response:
        failed = [name for name, origin in origins.items() if not await _answers(origin)]
        try:
            await store.get("readyz", "study", "none")
        except GatewayError:
            failed.append("state")
        if failed:
            log.warning("not ready: %s", ", ".join(failed))
        return JSONResponse({"status": "unavailable" if failed else "ok"}, 503 if failed else 200)

    return [Door("/healthz", healthz, Guard("Liveness")), Door("/readyz", readyz, Guard("Readiness"))]


async def _answers(origin: OriginServer) -> bool:
    try:
        async with origin.get("/studies", "limit=1", "application/dicom+json") as answer:
            return answer.status in (200, 204, 206)
    except GatewayError:
        return False
