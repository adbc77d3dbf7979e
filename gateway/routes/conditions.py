"""Conditional requests (RFC 9110 Section 13): an entity tag of ours for what is held whole before it leaves.

What streams has none: it is not known when its header leaves. Dates in conditions are ignored, since none are given.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

_CONDITIONS: Final = (b"if-match", b"if-none-match")
_TAG_BYTES: Final = 16


def entity_tag(body: Iterable[bytes]) -> str:
    """Return the strong entity tag of a body that is released, a digest of its bytes."""
    digest = blake2b(digest_size=_TAG_BYTES)
    for piece in body:
        digest.update(piece)
    return f'"{digest.hexdigest()}"'


def condition(scope: Scope, tag: str) -> int | None:
    """Return 304 or 412 where a condition says so; ``tag`` is empty where there is none."""
    if not any(name in _CONDITIONS for name, _ in scope["headers"]):
        return None
    headers = Headers(scope=scope)
    same = {"*", tag} if tag else {"*"}
    matching, other = (_listed(headers, name) for name in ("if-match", "if-none-match"))
    if matching and not same & matching:
        return 412
    return 304 if same & {one.removeprefix("W/") for one in other} else None


def _listed(headers: Headers, name: str) -> set[str]:
    return {one.strip() for value in headers.getlist(name) for one in value.split(",")} - {""}
