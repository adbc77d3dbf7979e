"""Events as JSON, one object a line: flat, and without what is empty."""

from datetime import UTC, datetime

import msgspec

from gateway.audit.events import Event

__all__ = ["encode", "stamp"]

_LEVELS = ("study", "series", "instance")
_TEXTS = (
    "stage", "id", "user", "method", "client", "transaction", "place", "profile", "status", "count", "fault", "subject",
)  # fmt: skip
_encode = msgspec.json.Encoder().encode


def encode(event: Event) -> list[bytes]:
    """Return an event as one JSON object."""
    found: dict[str, object] = {
        "time": stamp(event.time),
        "event": event.kind.value,
        "outcome": event.outcome.name.lower(),
    }
    for name in _TEXTS:
        if value := getattr(event, name):
            found[name] = value
    found.update(zip(_LEVELS, event.released, strict=False))
    if event.sent:
        found["bytes"] = event.sent
    found.update(event.left_out)
    if event.actions:
        found["actions"] = dict(event.actions)
    return [_encode(found)]


def stamp(seconds: float) -> str:
    """Return a time in seconds since 1970 as of RFC 3339, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
