"""What a request accepts: its Accept headers and its ``accept`` query parameter against what a resource offers."""

from collections.abc import Sequence
from functools import lru_cache

from starlette.requests import Request

from gateway.core.wire import accept
from gateway.core.wire.accept import Choice, Offer


def choose(request: Request, offers: Sequence[Offer]) -> Choice:
    """Return the representation that the client wants most. Raises NotAcceptable, BadRequest."""
    return ranked(request, offers)[0]


def ranked(request: Request, offers: Sequence[Offer]) -> list[Choice]:
    """Return all that the client accepts, most wanted first and never nothing. Raises NotAcceptable, BadRequest."""
    query = request.query_params.getlist("accept") if request.scope["query_string"] else ()
    return list(_ranked(tuple(offers), ", ".join(request.headers.getlist("accept")), tuple(query)))


@lru_cache(maxsize=256)
def _ranked(offers: tuple[Offer, ...], header: str, query: tuple[str, ...]) -> tuple[Choice, ...]:
    """Rank once what a client asks for again and again; refusals are not kept."""
    return tuple(accept.ranked(offers, header, query))
