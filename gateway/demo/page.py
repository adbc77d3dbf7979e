"""The pages of the demonstration: two worklists side by side, and what masks do to pictures.

The pages themselves hold no identifier; the browser reads both services. Everything they load comes from this server.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gateway import __version__
from gateway.core.mask.model import Rectangle
from gateway.core.standard.dictionary import keyword_of

MAX_TAGS = 1000

_ASSETS = "/demo"
_MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_VERDICTS = {"mask": "masked", "pass": "passes", "refuse": "refused", "screen": "screened"}
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


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture on the page of masks: its instance on both sides, and what was decided about it, in words.

    ``after`` is empty for what does not leave; ``snippet`` is the rule that is missing.
    """

    title: str
    about: str
    before: str
    after: str
    rows: int
    columns: int
    rectangles: tuple[Rectangle, ...]
    verdict: str
    told: str
    snippet: str = ""


def mask_routes(released: Side, profile: str, shown: Sequence[Shown]) -> list[BaseRoute]:
    """Return the route of the page that shows what masks do."""
    page = _render("masks.html", released=released, profile=profile, shown=shown, words=_VERDICTS)
    return [Route("/masks", _fixed(page, "text/html"))]


def demo_routes(
    identified: Side, released: Side, profile: str, destination: Destination, studies: Mapping[str, str]
) -> list[BaseRoute]:
    """Return the routes of the page: ``/`` and what it loads, below ``/demo``.

    ``studies`` are released UIDs by those of the archive.
    """
    page = _render(
        "page.html",
        identified=identified,
        released=released,
        profile=profile,
        destination=destination,
        names=f"{_ASSETS}/names",
        pairs=f"{_ASSETS}/pairs",
    )
    routes: list[BaseRoute] = [Route("/", _fixed(page, "text/html")), Route(f"{_ASSETS}/names", _names)]
    routes.append(Route(f"{_ASSETS}/pairs", _fixed(json.dumps(dict(studies)).encode(), "application/json")))
    for asset in sorted(files(__package__).joinpath("static").iterdir(), key=lambda one: one.name):
        media_type = _MEDIA_TYPES[asset.name.rpartition(".")[2]]
        routes.append(Route(f"{_ASSETS}/{asset.name}", _fixed(asset.read_bytes(), media_type)))
    return routes


def _render(name: str, **values: object) -> bytes:
    template = files(__package__).joinpath(name).read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(template).render(values, assets=_ASSETS, version=__version__).encode()


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
