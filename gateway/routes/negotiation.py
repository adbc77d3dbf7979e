"""What a request accepts: its Accept headers and its ``accept`` query parameter against what a resource offers."""

from collections.abc import Sequence

from starlette.requests import Request

from gateway.core.wire import accept
from gateway.core.wire.accept import Choice, Offer


def choose(request: Request, offers: Sequence[Offer]) -> Choice:
    """Return the representation that the client wants most. Raises NotAcceptable, BadRequest."""
    return ranked(request, offers)[0]


def ranked(request: Request, offers: Sequence[Offer]) -> list[Choice]:
    """Return all that the client accepts, most wanted first and never nothing. Raises NotAcceptable, BadRequest."""
    return accept.ranked(offers, ", ".join(request.headers.getlist("accept")), request.query_params.getlist("accept"))
