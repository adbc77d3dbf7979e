"""The Forwarded header (RFC 7239): what each proxy on the way says of the request that it took.

Whom to believe is for the caller: a client may have written all of it.
"""

import re
from collections.abc import Mapping
from typing import Final

MAX_CHARACTERS: Final = 8 << 10

_PAIR: Final = re.compile(
    r'([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=(?:"((?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*)"|([^\s",;\x00-\x1f\x7f]+))'
)
_BREAK: Final = re.compile(r"[ \t]*(?:([;,])[ \t]*|\Z)")
_QUOTED_PAIR: Final = re.compile(r"\\(.)")


def parse_forwarded(text: str) -> tuple[Mapping[str, str], ...]:
    """Return what each proxy says, names in small letters; the last is the proxy next to us. None of what is malformed.

    A host with a port need not be quoted: many write it bare.
    """
    if len(text) > MAX_CHARACTERS:
        return ()
    elements: list[dict[str, str]] = [{}]
    at = 0
    while at < len(text):
        pair = _PAIR.match(text, at)
        if pair is not None:
            name, quoted, bare = pair.groups()
            if name.lower() in elements[-1]:
                return ()
            elements[-1][name.lower()] = bare if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
            at = pair.end()
        ends = _BREAK.match(text, at)
        if ends is None:
            return ()
        if ends[1] == ",":
            elements.append({})
        at = ends.end()
    return tuple(element for element in elements if element)
