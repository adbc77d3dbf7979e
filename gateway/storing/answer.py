"""What a destination says of a request, read within bounds and believed item by item."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from gateway.core.errors import GatewayError, NotTaken, OriginBusy
from gateway.core.wire.storeresponse import Response, read_response
from gateway.ports import OriginAnswer
from gateway.storing.model import OUT_OF_RESOURCES, PROCESSING_FAILED

MAX_ANSWER_BYTES: Final = 4 << 20
"""For a hundred instances some 40 kB are sent; whoever sends a hundred times as much says something else."""
FULL_RETRY_S: Final = 60
"""When to come back to a destination that is full."""
_TOO_LARGE, _FULL = 413, 507
_OF_OBJECTS: Final = frozenset({200, 202, 400, 409})
"""Statuses of a Store Instances Response (PS3.18 Table 10.5.3-1)."""
_OF_SERVICE: Final = frozenset({401, 403, 404, 405, 406, 411, 415, 501})
"""Statuses that have nothing to do with what was sent: the next request would get the same."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request's objects, by released Instance UID.

    ``reason`` and ``fault`` are of those that are in neither list. ``is_final``: no other request will fare better now.
    """

    stored: frozenset[str] = frozenset()
    failed: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    reason: int = PROCESSING_FAILED
    fault: GatewayError | None = None
    is_final: bool = False


async def read_answer(answer: OriginAnswer) -> Answer:
    """Read an answer. Raises OriginFailed when it breaks off."""
    found = await _response(answer)
    stored, failed = (found.stored, found.failed) if found else (frozenset[str](), MappingProxyType[str, int]({}))
    status = answer.status
    if status == _FULL:
        busy = OriginBusy("the destination is full", FULL_RETRY_S)
        return Answer(stored, failed, OUT_OF_RESOURCES, busy, is_final=True)
    if status == _TOO_LARGE:
        return Answer(stored, failed, OUT_OF_RESOURCES)
    if found and status in _OF_OBJECTS:
        fault = NotTaken("the destination does not say what became of an object")
        return Answer(stored, failed, fault=fault)
    said = NotTaken(f"the destination answered {status}" + ("" if found else " without a Store Instances Response"))
    return Answer(stored, failed, fault=said, is_final=status in _OF_SERVICE)


def unanswered(fault: GatewayError) -> Answer:
    """Say what a request that was not answered means for its objects, and for those after it."""
    reason = OUT_OF_RESOURCES if isinstance(fault, OriginBusy) else PROCESSING_FAILED
    return Answer(reason=reason, fault=fault, is_final=True)


def too_early(answer: Answer) -> Answer:
    """Disbelieve what is said to be stored by who has not had all of the request: it may still break off."""
    fault = answer.fault or NotTaken("the destination answered before it had the whole request")
    return replace(answer, stored=frozenset(), fault=fault)


async def _response(answer: OriginAnswer) -> Response | None:
    held: list[bytes] = []
    size = 0
    async for piece in answer.body:
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            return None
        held.append(piece)
    body = b"".join(held)
    try:
        return read_response(body) if body.strip() else None
    except GatewayError:
        return None
