"""The root page of the demonstration: an identified and a de-identified worklist side by side.

The page itself holds no DICOM value; the browser reads both services. Everything it loads comes from this server.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gateway import __version__
from gateway.core.standard.dictionary import keyword_of

MAX_TAGS = 1000

_ASSETS = "/demo"
_MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_TAGS = re.compile(r"[0-9A-Fa-f]{8}(?:,[0-9A-Fa-f]{8})*")
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class Side:
    """One worklist as the page shows it: its name, and the path of its service base."""

    name: str
    base: str


@dataclass(frozen=True, slots=True)
class Destination:
    """Where studies are sent: the worklist that shows it, the service base that stores there, the uplink to it."""

    side: Side
    store: str
    uplink: str


def demo_routes(identified: Side, released: Side, profile: str, destination: Destination) -> list[BaseRoute]:
    """Return the routes of the page: ``/`` and what it loads, below ``/demo``."""
    page = _render(identified, released, profile, destination).encode()
    routes: list[BaseRoute] = [Route("/", _fixed(page, "text/html")), Route(f"{_ASSETS}/names", _names)]
    for asset in sorted(files(__package__).joinpath("static").iterdir(), key=lambda one: one.name):
        media_type = _MEDIA_TYPES[asset.name.rpartition(".")[2]]
        routes.append(Route(f"{_ASSETS}/{asset.name}", _fixed(asset.read_bytes(), media_type)))
    return routes


def _render(identified: Side, released: Side, profile: str, destination: Destination) -> str:
    template = files(__package__).joinpath("page.html").read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(template).render(
        identified=identified,
        released=released,
        profile=profile,
        destination=destination,
        assets=_ASSETS,
        names=f"{_ASSETS}/names",
        version=__version__,
    )


def _fixed(body: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        return Response(body, headers=_HEADERS, media_type=media_type)

    return answer


async def _names(request: Request) -> Response:
    """Keywords of the tags asked for, so that the browser needs no dictionary of its own."""
    tags = request.query_params.get("tags", "")
    if not _TAGS.fullmatch(tags) or len(tags) > MAX_TAGS * 9:
        return JSONResponse({"title": "tags: not a list of tags"}, 400, _HEADERS)
    found = {tag: keyword_of(int(tag, 16)) or "" for tag in tags.split(",")}
    return JSONResponse(found, headers=_HEADERS)
