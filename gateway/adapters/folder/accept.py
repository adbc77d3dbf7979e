"""Content negotiation of the embedded origin (PS3.18 Section 8.7): Accept header -> one Representation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_MULTIPART = "multipart/related"


@dataclass(frozen=True, slots=True)
class Representation:
    """One form a resource can be sent in; ``transfer_syntax`` is the one it has then, empty where that means nothing.

    ``label`` is the media type written where it differs from the one asked for: "as stored" octets are labelled as what
    they are.
    """

    media_type: str
    transfer_syntax: str = ""
    multipart: bool = True
    default: bool = False
    label: str = ""

    @property
    def content_type(self) -> str:
        """The Content-Type of one part in this form."""
        syntax = f"; transfer-syntax={self.transfer_syntax}" if self.transfer_syntax else ""
        return (self.label or self.media_type) + syntax


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One element of an Accept header; ``inner`` is the type inside multipart/related."""

    media_type: str
    inner: str
    transfer_syntax: str
    quality: float


def parse_accept(header: str) -> list[MediaRange]:
    """Read an Accept header, best first; elements that are no media ranges are ignored, as the standard says."""
    ranges = [found for element in _split(header or "*/*", ",") if (found := _media_range(element)) is not None]
    return sorted(ranges, key=lambda found: -found.quality)


def choose(ranges: Sequence[MediaRange], offers: Iterable[Representation]) -> Representation | None:
    """Return the first offer that the best possible range accepts, or None for 406."""
    forms = list(offers)
    for found in ranges:
        for form in forms:
            if found.quality > 0 and _accepts(found, form):
                return form
    return None


def _accepts(found: MediaRange, form: Representation) -> bool:
    if found.media_type == "*/*" or (found.media_type == _MULTIPART and not found.inner):
        return form.default and _syntax_fits(found, form)
    if form.multipart != (found.media_type == _MULTIPART):
        return False
    wanted = found.inner if form.multipart else found.media_type
    if wanted == "*/*":
        return form.default and _syntax_fits(found, form)
    return _covers(wanted, form.media_type) and _syntax_fits(found, form)


def _covers(wanted: str, media_type: str) -> bool:
    return wanted == media_type or (wanted.endswith("/*") and media_type.startswith(wanted[:-1]))


def _syntax_fits(found: MediaRange, form: Representation) -> bool:
    """A range without transfer syntax asks for the default of its media type, which only ``default`` offers have."""
    if not form.transfer_syntax:
        return True
    if found.transfer_syntax:
        return found.transfer_syntax in ("*", form.transfer_syntax)
    return form.default or form.media_type.startswith(("image/", "video/"))


def _media_range(element: str) -> MediaRange | None:
    media_type, *rest = (part.strip() for part in _split(element, ";"))
    if media_type.count("/") != 1:
        return None
    parameters = _parameters(rest)
    inner, *inside = (part.strip() for part in _split(parameters.get("type", ""), ";"))
    syntax = parameters.get("transfer-syntax") or _parameters(inside).get("transfer-syntax", "")
    try:
        quality = float(parameters.get("q", "1"))
    except ValueError:
        return None
    return MediaRange(media_type.lower(), inner.lower(), syntax, quality)


def _parameters(parts: Iterable[str]) -> Mapping[str, str]:
    pairs = (part.partition("=") for part in parts if "=" in part)
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _split(text: str, separator: str) -> list[str]:
    """Split outside quoted strings."""
    parts, start, quoted = [], 0, False
    for index, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]
