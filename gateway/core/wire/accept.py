"""Content negotiation (PS3.18 Section 8.7): what the client accepts, most wanted first."""

import re
from dataclasses import dataclass

from gateway.core.errors import MalformedInput
from gateway.core.wire.multipart import parse_content_type

MAX_RANGES = 64
_SYNTAX = re.compile(r"\*|[0-9.]{1,64}")


@dataclass(frozen=True, slots=True)
class Accepted:
    """One media range. For ``multipart/related`` the type inside stands in ``media_type`` and ``multipart`` is True."""

    media_type: str
    multipart: bool
    transfer_syntax: str | None
    quality: float


def parse_accept(header: str) -> list[Accepted]:
    """Parse an Accept header; a missing one is ``*/*``. What cannot be understood is ignored, as the standard says."""
    found = []
    for part in _split(header or "*/*")[:MAX_RANGES]:
        try:
            one = parse_content_type(part)
            quality = float(one.parameters.get("q", "1"))
        except (MalformedInput, ValueError):
            continue
        multipart = one.media_type == "multipart/related"
        inner, syntax = one.media_type, one.parameters.get("transfer-syntax")
        if multipart:
            try:
                typed = parse_content_type(one.parameters.get("type", "*/*"))
            except MalformedInput:
                continue
            inner, syntax = typed.media_type, syntax or typed.parameters.get("transfer-syntax")
        if quality > 0 and (syntax is None or _SYNTAX.fullmatch(syntax)):
            found.append(Accepted(inner, multipart, syntax, quality))
    return sorted(found, key=lambda one: -one.quality)


def _split(header: str) -> list[str]:
    """Split at commas outside quotes."""
    parts, quoted, start = [], False, 0
    for at, char in enumerate(header):
        if char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            parts.append(header[start:at].strip())
            start = at + 1
    parts.append(header[start:].strip())
    return [part for part in parts if part]
