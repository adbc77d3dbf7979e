"""Events as JSON, one object a line: flat, and without what is empty."""

from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from gateway.audit.events import Event, Kind, Outcome

__all__ = ["encode", "stamp"]

_OUTCOMES = {outcome: outcome.name.lower() for outcome in Outcome}
_encode = msgspec.json.Encoder().encode


class _Line(msgspec.Struct, omit_defaults=True, gc=False):
    """The members of an object, in their order; ``study`` to ``instance`` are released UIDs."""

    time: str
    event: Kind
    outcome: str
    stage: str = ""
    id: str = ""
    user: str = ""
    method: str = ""
    client: str = ""
    transaction: str = ""
    place: str = ""
    profile: str = ""
    status: int = 0
    count: int = 0
    fault: str = ""
    subject: str = ""
    bytes: int = 0
    actions: dict[str, int] = {}
    study: str = ""
    series: str = ""
    instance: str = ""


def encode(event: Event) -> list[bytes]:
    """Return an event as one JSON object."""
    line = _Line(
        stamp(event.time),
        event.kind,
        _OUTCOMES[event.outcome],
        event.stage,
        event.id,
        event.user,
        event.method,
        event.client,
        event.transaction,
        event.place,
        event.profile,
        event.status,
        event.count,
        event.fault,
        event.subject,
        event.sent,
        dict(event.actions),
        *event.released,
    )
    return [_encode(msgspec.to_builtins(line) | event.left_out if event.left_out else line)]


def stamp(seconds: float) -> str:
    """Return a time in seconds since 1970 as of RFC 3339, in UTC."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1000):03}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
