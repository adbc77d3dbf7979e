"""The forms in which text may stand in bytes: percent-encoded, in base64 at any alignment, in other encodings."""

import re
from binascii import a2b_base64
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

from gateway.core.wire import charset

MIN_BASE64: Final = 12
"""Characters of base64 that may hold a name; most shorter runs are words."""
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
# The URL-safe alphabet (RFC 4648 Section 5) is read as the common one; whatever is in neither parts two runs.
_RUNS: Final = bytes(
    byte if byte in _ALPHABET else {ord("-"): ord("+"), ord("_"): ord("/")}.get(byte, ord(" ")) for byte in range(256)
)
_LOWER: Final = bytes(range(256)).lower()
_JSON_ESCAPE: Final = re.compile(rb"\\u([0-9a-fA-F]{4})")


def decoded(raw: bytes) -> list[bytes]:
    """Return the bytes and what stands in them percent-encoded or in base64."""
    found = [raw]
    if b"%" in raw:
        found.append(unquote_to_bytes(raw))
    runs = {run for run in set(raw.translate(_RUNS).split()) if len(run) >= MIN_BASE64}
    for run in runs:
        if not run.isdigit():  # ASCII text in base64 has letters
            found += [_from_base64(run[at:]) for at in range(4)]
    return found


def _from_base64(run: bytes) -> bytes:
    """Decode characters of base64; the last one says nothing where it stands alone."""
    over = len(run) % 4
    return a2b_base64(run[:-1] if over == 1 else run + b"=" * (-over % 4))


def folded(raw: bytes) -> bytes:
    """Return the bytes with ASCII in lower case and without zeros, so that UTF-16 of Latin text is plain text too."""
    return raw.translate(_LOWER, b"\0")


def unescaped(raw: bytes) -> bytes:
    """Return JSON text with its escapes replaced (RFC 8259 Section 7), in UTF-8."""
    text = _JSON_ESCAPE.sub(lambda found: chr(int(found[1], 16)).encode("utf-8", "replace"), raw)
    return text.replace(b"\\/", b"/").replace(b'\\"', b'"').replace(b"\\\\", b"\\")


def readings(raw: bytes, terms: Sequence[str], *, is_person_name: bool = False) -> Iterator[str]:
    """Yield what the bytes say in the object's character set, UTF-8, Latin-1 and UTF-16."""
    yield charset.decode(raw, terms, is_person_name=is_person_name)
    if not raw.isascii():
        yield raw.decode("utf-8", "replace")
        yield raw.decode("latin-1")
    if b"\0" in raw.strip(b"\0"):
        yield raw.replace(b"\0", b"").decode("latin-1")
    for start in (0, 1):
        yield raw[start:].decode("utf-16-le", "replace")
        yield raw[start:].decode("utf-16-be", "replace")
