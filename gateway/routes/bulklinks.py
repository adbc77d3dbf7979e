"""BulkDataURIs of ours: opaque tokens below the instance, in place of an origin's URIs (PS3.18 Section 10.4.1.1.5)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

from gateway.core.errors import MalformedInput, NotReleased
from gateway.core.rewrite.metadata import Bulk, Elements, text
from gateway.core.wire.jsonelement import decode_element
from gateway.worklists.source import Instance
from gateway.worklists.worklist import Worklist

PIXELS: Final = ("7FE00010", "7FE00008", "7FE00009")
_OF_PIXELS: Final = b"pixels:"
"""Before a sealed path, which begins with a slash."""
_NOT_VALUES = frozenset({".", "..", "rendered", "thumbnail"})
"""Steps of a path to something else than a value."""


def source_of(elements: Elements) -> Instance:
    """Return the instance that metadata of an origin describe."""
    return Instance(text(elements, "0020000D"), text(elements, "0020000E"), text(elements, "00080018"), "")


def pixel_uri(elements: Elements) -> str | None:
    """Return the origin's BulkDataURI of the pixel data; None where it gives none."""
    for key in PIXELS:
        if key in elements:
            return decode_element(bytes(elements[key]), int(key, 16)).BulkDataURI
    return None


def bulk_links(worklist: Worklist, source: Instance, asked: str, base: str, pixels: str | None) -> Bulk:
    """Make the function that turns an origin's BulkDataURI into ours, below the service base ``base``.

    ``asked`` is the path whose metadata were asked for: a relative URI starts there (RFC 3986 Section 5.1.3).
    ``pixels`` is the URI of the pixel data: its token says so. The function raises MalformedInput for a URI that leads
    elsewhere, as ``origin_path`` says.
    """
    released = worklist.released_path(source)
    metadata = f"{asked}/metadata"

    def link(uri: str) -> str:
        path = origin_path(uri, metadata, source).encode()
        sealed = worklist.seal(_OF_PIXELS + path if uri == pixels else path, released)
        return f"{base}{released}/bulkdata/{_token(sealed)}"

    return link


def bulk_path(worklist: Worklist, token: str, instance: Instance) -> tuple[str, bool]:
    """Return the origin's path behind a token, and whether it is of the pixel data.

    Raises NotReleased when the token was not made for this instance.
    """
    try:
        sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (Base64Error, ValueError):
        raise NotReleased from None
    path = worklist.unseal(sealed, instance) if _token(sealed) == token else None
    if path is None:
        raise NotReleased
    return path.removeprefix(_OF_PIXELS).decode(), path.startswith(_OF_PIXELS)


def _token(sealed: bytes) -> str:
    """Write a token, in the only way that is read: the decoder skips letters that are none, and tokens are repeated."""
    return urlsafe_b64encode(sealed).decode().rstrip("=")


def origin_path(uri: str, metadata_path: str, source: Instance) -> str:
    """Return path and query below the origin's service base.

    Raises MalformedInput unless the path lies below the instance, or is what an origin keeps as bulk data of its series
    or study. It is looked at as the origin reads it, without percent-encoding.
    """
    try:
        parts = urlsplit(urljoin(metadata_path, uri))
    except ValueError:
        raise MalformedInput("a BulkDataURI that is no URI") from None
    at = parts.path.find(f"/studies/{source.study}/")
    target = parts.path[at:] + (f"?{parts.query}" if parts.query else "")
    if at < 0 or not target.isascii() or not target.isprintable() or " " in target:
        raise MalformedInput("a BulkDataURI that does not lie in its study")
    if not _leads_to_values(unquote(parts.path[at:]), source):
        raise MalformedInput("a BulkDataURI that does not lead to values of its instance")
    return target


def _leads_to_values(path: str, source: Instance) -> bool:
    if not path.isprintable() or "\\" in path or not _NOT_VALUES.isdisjoint(path.split("/")):
        return False
    study = f"/studies/{source.study}"
    shared = (f"{study}/bulkdata/", f"{study}/series/{source.series}/bulkdata/")
    return path == source.path or path.startswith((f"{source.path}/", *shared))
