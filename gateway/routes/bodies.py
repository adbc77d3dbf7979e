"""The JSON body of a request as a model; what is wrong with it is said by member, never by value."""

from collections.abc import Sequence
from typing import Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from gateway.core.errors import BadRequest, ClientLeft, UnsupportedMediaType

__all__ = ["MAX_BODY_BYTES", "faults_of", "read_json"]

MAX_BODY_BYTES: Final = 256 << 10
"""Some 4,000 UIDs; more instances than that are asked for by their series."""
MAX_FAULTS: Final = 10

_Model = TypeVar("_Model", bound=BaseModel)

# pydantic's own words for these would repeat a part of the input.
_WORDS: Final = {
    "json_invalid": "the body is not JSON",
    "missing": "is missing",
    "string_pattern_mismatch": "does not have the form it should have",
}


async def read_json(request: Request, model: type[_Model], max_bytes: int = MAX_BODY_BYTES) -> _Model:
    """Read and check a body.

    Raises BadRequest, which names members of ``model`` and nothing that was sent; UnsupportedMediaType; ClientLeft;
    HTTPException with 413.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType("The Content-Type should be application/json.")
    body = await _read(request, max_bytes)
    fault: BadRequest
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        fault = faults_of(error, model)
    raise fault  # outside of the handler: pydantic's own exception holds the input


def faults_of(error: ValidationError, model: type[BaseModel]) -> BadRequest:
    """Say which members of ``model`` are wrong, and how."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    said = list(dict.fromkeys(_said(fault, model) for fault in found))
    more = f"; and {len(said) - MAX_FAULTS} more" if len(said) > MAX_FAULTS else ""
    return BadRequest("; ".join(said[:MAX_FAULTS]) + more)


async def _read(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > max_bytes:
                raise HTTPException(413)
    except ClientDisconnect:
        raise ClientLeft from None
    return bytes(body)


def _said(fault: ErrorDetails, model: type[BaseModel]) -> str:
    kind, place = fault["type"], list(fault["loc"])
    words = _WORDS.get(kind, fault["msg"])
    if kind == "extra_forbidden":
        place.pop()  # the name of an unknown member is the sender's own
        words = f"holds a member that is unknown; there are {', '.join(_members(model, place))}"
    where = ".".join(str(step) for step in place)
    return f"{where}: {words}" if where else words


def _members(model: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """List the members of ``model``, or of the object at a place in it."""
    for step in place:
        annotation = model.model_fields[str(step)].annotation
        model = next(one for one in (annotation, *get_args(annotation)) if hasattr(one, "model_fields"))
    return list(model.model_fields)
