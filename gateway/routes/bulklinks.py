"""BulkDataURIs of ours: opaque tokens below the instance, in place of an origin's URIs (PS3.18 Section 10.4.1.1.5)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from urllib.parse import unquote, urljoin, urlsplit

from gateway.core.errors import MalformedInput, NotReleased
from gateway.core.rewrite.metadata import Bulk, Elements, text
from gateway.worklists.source import Instance
from gateway.worklists.worklist import Worklist

_NOT_VALUES = frozenset({".", "..", "rendered", "thumbnail"})
"""Steps of a path to something else than a value."""


def source_of(elements: Elements) -> Instance:
    """Return the instance that metadata of an origin describe."""
    return Instance(text(elements, "0020000D"), text(elements, "0020000E"), text(elements, "00080018"), "")


def bulk_links(worklist: Worklist, source: Instance, asked: str, base: str) -> Bulk:
    """Make the function that turns an origin's BulkDataURI into ours, below the service base ``base``.

    ``asked`` is the path whose metadata were asked for: a relative URI starts there (RFC 3986 Section 5.1.3). The
    function raises MalformedInput for a URI that leads elsewhere, as ``origin_path`` says.
    """
    released = worklist.released_path(source)
    metadata = f"{asked}/metadata"

    def link(uri: str) -> str:
        sealed = worklist.seal(origin_path(uri, metadata, source).encode(), released)
        return f"{base}{released}/bulkdata/{_token(sealed)}"

    return link


def bulk_path(worklist: Worklist, token: str, instance: Instance) -> str:
    """Return the origin's path behind a token. Raises NotReleased when it was not made for this instance."""
    try:
        sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (Base64Error, ValueError):
        raise NotReleased from None
    path = worklist.unseal(sealed, instance) if _token(sealed) == token else None
    if path is None:
        raise NotReleased
    return path.decode()


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
