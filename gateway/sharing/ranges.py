"""One byte range of a body whose length is known (RFC 9110 Section 14). Phones play a clip only where they get it."""

import re
from typing import Final

_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def byte_range(asked: str, size: int) -> range | None:
    """Return the bytes that a Range header asks for, empty when there are none of them; None for all of them.

    What is no range in bytes, or several, is ignored: a server may (Section 14.2).
    """
    match = _RANGE.fullmatch(asked.strip())
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(size, int(last) + 1) if last else size)
