"""The name of a request: the same in our answer, log and audit, at the origin, and in a trace.

A client's own is never taken over: what goes into logs and on to an archive is ours or a trusted proxy's.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

__all__ = ["HEADER", "TRACEPARENT", "Trail", "begin", "current", "follow", "following", "sent_on"]

HEADER: Final = "x-request-id"
TRACEPARENT: Final = "traceparent"
_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyzABCDEF" * 8
_RANDOM_BYTES: Final = 24
_PARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, Section 3.2; its ``tracestate`` may hold anything and is dropped."""


@dataclass(frozen=True, slots=True)
class Trail:
    """What a request is called, and the ``traceparent`` of what is asked for it; empty where there is none."""

    id: str = ""
    traceparent: str = ""


_CURRENT: Final[ContextVar[Trail]] = ContextVar("dicomveil.trail", default=Trail())  # noqa: B039 it is frozen


def begin(headers: Mapping[str, str], *, is_trusted: bool) -> Trail:
    """Name the request that this task serves; what it is called already counts if a trusted proxy says so."""
    trail = _given(headers.get(HEADER, ""), headers.get(TRACEPARENT, "")) if is_trusted else Trail(_made())
    _CURRENT.set(trail)
    return trail


def _given(name: str, parent: str) -> Trail:
    return Trail(name if _ID.fullmatch(name) else _made(), parent if _PARENT.fullmatch(parent) else "")


def _made() -> str:
    """Return letters only, so that nothing that looks for numbers takes them for one: a date, an MRN, a UID."""
    return os.urandom(_RANDOM_BYTES).translate(_LETTERS).decode()


def current() -> Trail:
    """Return the request that is being served, or an empty trail."""
    return _CURRENT.get()


def follow(trail: Trail) -> None:
    """Go on under another trail, in this task and those that it starts."""
    _CURRENT.set(trail)


@contextmanager
def following(trail: Trail) -> Iterator[None]:
    """Go on under another trail for a while."""
    token = _CURRENT.set(trail)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def sent_on() -> dict[str, str]:
    """Return the headers that what is asked for the current request carries."""
    trail = _CURRENT.get()
    if not trail.id:
        return {}
    if not trail.traceparent:
        return {"X-Request-Id": trail.id}
    return {"X-Request-Id": trail.id, TRACEPARENT: trail.traceparent}
