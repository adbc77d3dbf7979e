"""Content negotiation (PS3.18 Section 8.7): which of a resource's representations a client wants most.

The ``accept`` query parameter comes first, then the Accept header by its weights, then wildcards: ``*/*`` is the
default of the resource, not any of its representations. What a header says that cannot be understood is ignored.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.core.errors import BadRequest, MalformedInput, NotAcceptable
from gateway.core.wire.multipart import parse_content_type

MAX_RANGES: Final = 64
MAX_CHARACTERS: Final = 8 << 10
ANY: Final = "*/*"

_SYNTAX: Final = re.compile(r"\*|[0-9.]{1,64}")
_SYNTAX_ASKED: Final = re.compile(r"transfer-syntax=\"?([^\",;\s]*)", re.IGNORECASE)
_LOST_PLUS: Final = re.compile(r"(?<=[A-Za-z0-9]) (?=[A-Za-z])")
_DICOM: Final = frozenset({"application/dicom", "application/dicom+json", "application/dicom+xml"})
_RENDERED: Final = frozenset(
    {
        "application/pdf",
        "application/rtf",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/html",
        "text/plain",
        "text/rtf",
        "text/xml",
        "video/h265",
        "video/mp4",
        "video/mpeg",
    }
)
"""Media types that render a resource (PS3.18 Section 8.7.4), unless a resource offers them as stored."""
_RETIRED: Final = {
    "image/dicom+jp2": "image/jp2",
    "image/dicom+jpeg": "image/jpeg",
    "image/dicom+jpeg-jls": "image/jls",
    "image/dicom+jpx": "image/jpx",
    "image/dicom+rle": "image/dicom-rle",
    "image/x-dicom-rle": "image/dicom-rle",
    "image/x-jls": "image/jls",
}
"""Names of earlier editions, which clients and origins still use."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """One media range. For ``multipart/related`` the type inside stands in ``media_type`` and ``multipart`` is True."""

    media_type: str
    multipart: bool
    transfer_syntax: str | None
    quality: float


@dataclass(frozen=True, slots=True)
class Offer:
    """A representation that a resource has, alone or as the parts of multipart/related; the first is its default.

    ``rendered`` ones have no Transfer Syntax, and one request may not ask for them and for DICOM.
    """

    media_type: str
    multipart: bool = False
    rendered: bool = False

    @property
    def label(self) -> str:
        """Write it as a client would ask for it."""
        return f'multipart/related; type="{self.media_type}"' if self.multipart else self.media_type


@dataclass(frozen=True, slots=True)
class Choice:
    """What a client wants, and in which Transfer Syntax: a UID, ``*`` for any, or None where it did not say."""

    offer: Offer
    transfer_syntax: str | None = None


def choose(offers: Sequence[Offer], header: str, query: Sequence[str] = ()) -> Choice:
    """Return the representation that is wanted most. Raises NotAcceptable, BadRequest.

    ``header`` is the Accept header, empty for none; ``query`` holds the values of the ``accept`` query parameter.
    """
    return ranked(offers, header, query)[0]


def ranked(offers: Sequence[Offer], header: str, query: Sequence[str] = ()) -> list[Choice]:
    """Return all that is acceptable, most wanted first and never nothing. Raises NotAcceptable, BadRequest."""
    ranges = _ranges(header or ANY)
    named = _ranges(_LOST_PLUS.sub("+", ",".join(query)))
    if any("*" in one.media_type for one in named):
        raise BadRequest("the accept parameter takes no wildcards")
    _refuse_mixture(offers, named or ranges)  # a browser has one header for all: what a link says stands for itself
    first = [choice for choice in _wanted(offers, named) if _quality(choice, ranges, any_syntax=True) > 0]
    found = dict.fromkeys([*first, *_wanted(offers, ranges)])
    if not found:
        raise NotAcceptable(_refusal(offers, ",".join((header, *query))))
    return list(found)


def parse_accept(header: str) -> list[Accepted]:
    """Parse an Accept header, most wanted first; a missing one is ``*/*``. What is not wanted (``q=0``) is left out.

    Raises BadRequest.
    """
    return sorted((one for one in _ranges(header or ANY) if one.quality > 0), key=lambda one: -one.quality)


def current_name(media_type: str) -> str:
    """Return the name that a media type has today."""
    return _RETIRED.get(media_type, media_type)


def _refusal(offers: Sequence[Offer], asked: str) -> str:
    """Say why nothing is left, without repeating what was asked for."""
    if not all(_SYNTAX.fullmatch(syntax) for syntax in _SYNTAX_ASKED.findall(asked)):
        return "transfer-syntax is not a UID"
    return "this resource is answered as " + ", ".join(offer.label for offer in offers)


def _ranges(header: str) -> list[Accepted]:
    if len(header) > MAX_CHARACTERS:
        raise BadRequest(f"Accept is longer than {MAX_CHARACTERS} characters")
    return [one for part in _split(header)[:MAX_RANGES] for one in _range(part)]


def _range(part: str) -> list[Accepted]:
    """Read one media range; nothing where it is none."""
    try:
        one = parse_content_type(part)
        quality = float(one.parameters.get("q", "1"))
        multipart = one.media_type in ("multipart/related", "multipart/*")
        inner, syntax = one.media_type, one.parameters.get("transfer-syntax")
        if multipart:
            typed = parse_content_type(one.parameters.get("type", ANY))
            inner, syntax = typed.media_type, syntax or typed.parameters.get("transfer-syntax")
    except (MalformedInput, ValueError):
        return []
    if not 0 <= quality <= 1 or (syntax is not None and not _SYNTAX.fullmatch(syntax)):
        return []
    return [Accepted(current_name(inner), multipart, syntax, quality)]


def _refuse_mixture(offers: Sequence[Offer], ranges: Sequence[Accepted]) -> None:
    """Raise BadRequest for DICOM and rendered media types in one request (PS3.18 Section 8.7.5)."""
    stored = {offer.media_type for offer in offers if not offer.multipart and not offer.rendered}
    wanted = [one for one in ranges if one.quality > 0]
    is_dicom = any(one.multipart or one.media_type in _DICOM for one in wanted)
    if is_dicom and any(not one.multipart and one.media_type in _RENDERED - stored for one in wanted):
        raise BadRequest("DICOM and rendered media types in one request")


def _wanted(offers: Sequence[Offer], ranges: Sequence[Accepted]) -> list[Choice]:
    """Return what ranges name: whole types first, then by weight, then in their order."""
    found: dict[Choice, tuple[int, float]] = {}
    for one in ranges:
        for offer in _named(one, offers):
            choice = Choice(offer, one.transfer_syntax)
            quality = _quality(choice, ranges)
            if quality > 0:
                found[choice] = max(found.get(choice, (0, 0.0)), (min(3, _specificity(one, offer)), quality))
    return sorted(found, key=lambda choice: (-found[choice][0], -found[choice][1]))


def _named(one: Accepted, offers: Sequence[Offer]) -> list[Offer]:
    """Return the offers that a range stands for: a wildcard outside multipart for the most usual one only."""
    covered = [
        offer
        for offer in offers
        if _specificity(one, offer) and (one.multipart or not offer.multipart or offer is offers[0])
    ]
    return covered[:1] if one.media_type == ANY or not one.multipart else covered


def _quality(choice: Choice, ranges: Sequence[Accepted], *, any_syntax: bool = False) -> float:
    """Return the weight that the most specific range gives (RFC 9110 Section 12.5.1)."""
    weights = [
        (_specificity(one, choice.offer), one.quality)
        for one in ranges
        if any_syntax or one.transfer_syntax in (None, choice.transfer_syntax)
    ]
    specificity, quality = max(weights, default=(0, 0.0))
    return quality if specificity else 0


def _specificity(one: Accepted, offer: Offer) -> int:
    """Say how exactly a range names an offer; 0 when it does not."""
    if one.transfer_syntax and offer.rendered:
        return 0
    if one.media_type == ANY:
        return 1 if offer.multipart or not one.multipart else 0
    if one.media_type == offer.media_type and one.multipart == offer.multipart:
        return 4 if one.transfer_syntax else 3
    kind = offer.media_type.partition("/")[0]
    return 2 if one.media_type == f"{kind}/*" and (offer.multipart or not one.multipart) else 0


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
