"""Contacts that may be found nowhere, and a search for them in every form in which they could travel.

A contact is looked for whole and by its telling parts: the local part and the host of an address, the digits of a
number. A hash without a key counts as the contact itself, since all phone numbers are hashed in minutes.
"""

import base64
import hashlib
import html
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

EMAIL: Final = "erika.qzjxvk+7@mail-of-qzjxvk.example"
PHONE: Final = "+4915987162534"
REFERENCE: Final = "ref-qzjxvk/4711 <&>"

_JSON_ESCAPE: Final = re.compile(rb"\\u([0-9a-fA-F]{4})")
_HASHES: Final = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "sha3_256")


@dataclass(frozen=True, slots=True)
class Trace:
    """A contact that was found: which part of it, in which form."""

    part: str
    form: str
    offset: int


def traces(blob: bytes, *contacts: str) -> list[Trace]:
    """Find every trace of contacts in bytes."""
    views = {"": blob} | {f" in {name}": view for name, view in _decoded(blob)}
    folded = {name: view.lower() for name, view in views.items()}
    return [
        Trace(part, form + name, at)
        for contact in contacts
        for part in _parts(contact)
        for form, needle, is_folded in _forms(part, whole=part == contact)
        for name, view in (folded if is_folded else views).items()
        if (at := view.find(needle)) >= 0
    ]


def _parts(contact: str) -> tuple[str, ...]:
    if "@" in contact:
        local, _, host = contact.partition("@")
        return (contact, local, host)
    return (contact, contact.removeprefix("+")) if contact.startswith("+") else (contact,)


def _decoded(blob: bytes) -> Iterator[tuple[str, bytes]]:
    if b"%" in blob:
        yield "percent encoding", unquote_to_bytes(blob)
    if b"\\u" in blob:
        yield "JSON escapes", _JSON_ESCAPE.sub(lambda match: chr(int(match[1], 16)).encode("utf-8", "replace"), blob)
    if b"&" in blob:
        yield "character references", html.unescape(blob.decode("latin-1")).encode("utf-8", "replace")
    if b"=" in blob:
        yield "quoted-printable", quopri.decodestring(blob)
    if b"\\x" in blob:
        yield "Python escapes", re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), blob)


def _forms(part: str, *, whole: bool) -> Iterator[tuple[str, bytes, bool]]:
    """Yield each form: its name, its bytes, and whether case makes no difference."""
    for codec in ("utf-8", "latin-1", "utf-16-le", "utf-16-be"):
        raw = part.encode(codec)
        yield codec, raw.lower(), True
        yield f"hex of {codec}", raw.hex().encode(), True
        for shift in range(3):
            yield f"base64 of {codec}", _inner_base64(raw, shift), False
            yield f"URL-safe base64 of {codec}", _inner_base64(raw, shift).translate(_URL_SAFE), False
    yield "base32", base64.b32encode(part.encode()).rstrip(b"=")[:-1].lower(), True
    if whole or "@" not in part:
        for name in _HASHES:
            digest = hashlib.new(name, part.encode()).digest()
            yield name, digest, False
            yield f"hex of {name}", digest.hex().encode(), True
            yield f"base64 of {name}", base64.b64encode(digest).rstrip(b"="), False
            yield f"URL-safe base64 of {name}", base64.urlsafe_b64encode(digest).rstrip(b"="), False


_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def _inner_base64(raw: bytes, shift: int) -> bytes:
    """Encode bytes that stand ``shift`` after a multiple of three, without the characters that neighbours change."""
    encoded = base64.b64encode(bytes(shift) + raw)
    begin = (shift * 8 + 5) // 6
    return encoded[begin : (shift + len(raw)) * 8 // 6]
