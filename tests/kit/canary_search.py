"""Look for canaries in bytes, in every form in which a value can travel.

Every canary of a kind starts with the same marker, so one pass per form finds them all; what follows the marker names
the element. Text is looked for in ASCII, UTF-16, base64 at each of its three alignments, percent-encoded and
JSON-escaped form; words in other scripts in the same forms, and in their own character set.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

TOKEN: Final = "QZJXVK"
UID_ROOT: Final = "1.3.6.1.4.1.54321.9182."
DIGITS: Final = 5

# No value that a gateway makes looks like these: years of birth long gone, and fractions that no clock shows.
_NUMBERS: Final = {
    "date": re.compile(rb"(?<![0-9A-Za-z.-])17[0-3][0-9]-?[01][0-9]-?[0-3][0-9](?![A-Za-z])"),
    "time": re.compile(rb"[0-9]{6}\.918273"),
    "age": re.compile(rb"(?<![0-9A-Za-z+/])9[0-9]{2}W(?![0-9A-Za-z+/])"),
    "integer": re.compile(rb"(?<![0-9.])19876[0-9]{5}(?![0-9])"),
    "decimal": re.compile(rb"7\.12345[0-9]{5}"),
}
_JSON_ESCAPE: Final = re.compile(rb"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True, slots=True)
class Hit:
    """A canary that got out: in which form, which one, and where in the bytes."""

    form: str
    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class Canaries:
    """What was planted: the element of each marker with its number, and words in other scripts with their codec."""

    names: Mapping[str, str]
    words: Mapping[str, str]
    others: frozenset[bytes] = frozenset()

    def __or__(self, more: "Canaries") -> "Canaries":
        return Canaries({**self.names, **more.names}, {**self.words, **more.words}, self.others | more.others)


def search(blob: bytes, canaries: Canaries) -> list[Hit]:
    """Find every canary in the bytes, whatever form it takes."""
    views = {"plain": blob}
    if b"%" in blob:
        views["percent-encoded"] = unquote_to_bytes(blob)
    if b"\\u" in blob:
        views["JSON-escaped"] = _JSON_ESCAPE.sub(lambda match: _utf8(int(match[1], 16)), blob)
    hits = [hit for form, view in views.items() for hit in _in_view(form, view, canaries)]
    return sorted({(hit.form, hit.name): hit for hit in reversed(hits)}.values(), key=lambda hit: hit.offset)


def _in_view(form: str, view: bytes, canaries: Canaries) -> Iterator[Hit]:
    folded = view.upper()
    for marker in (TOKEN, UID_ROOT):
        for at in _each(folded, marker.encode()):
            yield Hit(form, _name(view[at : at + len(marker) + DIGITS].upper(), canaries), at)
        for encoded, needle in _encodings(marker):
            yield from (Hit(f"{form} {encoded}", marker, at) for at in _each(view, needle))
    for kind, pattern in _NUMBERS.items():
        yield from (Hit(form, f"{kind} {_name(match[0], canaries)}", match.start()) for match in pattern.finditer(view))
    for word, codec in canaries.words.items():
        for encoded, needle in _word_forms(word, codec):
            yield from (Hit(f"{form} {encoded}", f"word in {codec}", at) for at in _each(view, needle))
    for other in canaries.others:
        yield from (Hit(form, "other", at) for at in _each(view, other))


def _each(view: bytes, needle: bytes) -> Iterator[int]:
    at = view.find(needle)
    while at >= 0:
        yield at
        at = view.find(needle, at + 1)


def _name(found: bytes, canaries: Canaries) -> str:
    return canaries.names.get(found.decode("latin-1"), "unnamed")


def _encodings(text: str) -> Iterable[tuple[str, bytes]]:
    yield "UTF-16LE", text.encode("utf-16-le")
    yield "UTF-16BE", text.encode("utf-16-be")
    yield from (("base64", needle) for needle in _base64(text.encode()))
    yield from (("base64 of UTF-16LE", needle) for needle in _base64(text.encode("utf-16-le")))


def _word_forms(word: str, codec: str) -> Iterable[tuple[str, bytes]]:
    yield codec, word.encode(codec)
    yield "UTF-8", word.encode()
    yield "UTF-16LE", word.encode("utf-16-le")
    yield "UTF-16BE", word.encode("utf-16-be")
    yield from (("base64", needle) for raw in (word.encode(), word.encode(codec)) for needle in _base64(raw))


def _base64(raw: bytes) -> Iterator[bytes]:
    """Encode at each alignment, without the characters that also depend on what stands before and after."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw).rstrip(b"=")
        first = -(-before * 8 // 6)
        last = (before + len(raw)) * 8 // 6
        yield encoded[first:last]


def _utf8(code: int) -> bytes:
    return chr(code).encode("utf-8", "surrogatepass")
