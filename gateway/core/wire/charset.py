"""Text of Data Elements under a Specific Character Set (PS3.5 Section 6.1, PS3.3 Section C.12.1.1.2).

Strict where others replace what they cannot read: two different values must not become one, and what was not read was
not cleaned. With code extensions (ISO 2022) a value is walked with two sets at hand, one for bytes below 0x80 (G0) and
one for those above (G1); escape sequences exchange them, line ends and delimiters bring back the first term's. Where
two bytes make a character, no second one is taken for a backslash, a caret or an equals sign.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from gateway.core.errors import MalformedInput

SPECIFIC_CHARACTER_SET: Final = 0x00080005
_ESCAPE: Final = 0x1B
_LINE_ENDS: Final = frozenset(b"\t\n\f\r\\")
_NAME_DELIMITERS: Final = frozenset(b"^=")
_NAME_OF_TERM: Final = re.compile(r"ISO[-_ ]?(2022[-_ ]?)?(?:IR[-_ ]?)?(\d+)")
_LOW: Final = re.compile(rb"[\x20-\x7e]*")
_PAIRS: Final = re.compile(rb"[\x21-\x7e]*")
_HIGH: Final = re.compile(rb"[\x80-\xff]*")
UTF_8: Final = "ISO_IR 192"
# These know no code extensions.
_STAND_ALONE: Final = MappingProxyType({UTF_8: "utf-8", "GB18030": "gb18030", "GBK": "gbk", "ISO 2022 GBK": "gbk"})


@dataclass(frozen=True, slots=True)
class _Set:
    """One coded character set: its escape sequence, where it goes, how many bytes a character has, Python's codec.

    ``flips``: bytes below 0x80 stand for what the codec has above; ``lead`` is what the codec has before each.
    """

    escape: bytes
    codec: str
    in_g1: bool = True
    width: int = 1
    flips: bool = False
    lead: bytes = b""

    def read(self, raw: bytes) -> str | None:
        """Decode a run of characters; None when one is not of this set."""
        if self.flips:
            pairs = (raw[n : n + 2] for n in range(0, len(raw), 2))
            coded = b"".join(self.lead + bytes(byte | 0x80 for byte in pair) for pair in pairs)
        else:
            coded = raw
        try:
            text = coded.decode(self.codec)
        except UnicodeError:
            return None
        return text if len(text) * self.width == len(raw) else None

    def write(self, character: str) -> bytes | None:
        """Encode one character that is not ASCII, or return None."""
        try:
            coded = character.encode(self.codec)
        except UnicodeError:
            return None
        if not coded.startswith(self.lead) or len(coded) != len(self.lead) + self.width or coded[0] < 0x80:
            return None
        coded = coded[len(self.lead) :]
        return bytes(byte & 0x7F for byte in coded) if self.flips else coded


_ASCII: Final = _Set(b"\x1b(B", "ascii", in_g1=False)
# ISO-IR 14 has a yen sign and an overline where ASCII has a backslash and a tilde; PS3.5 Section 6.1.2.3 lets them be.
_ROMAJI: Final = _Set(b"\x1b(J", "ascii", in_g1=False)
# PS3.3 Tables C.12-3 and C.12-4, by registration number.
_SETS: Final = MappingProxyType(
    {
        "13": _Set(b"\x1b)I", "shift_jis"),
        "58": _Set(b"\x1b$)A", "gb2312", width=2),
        "87": _Set(b"\x1b$B", "euc_jp", in_g1=False, width=2, flips=True),
        "100": _Set(b"\x1b-A", "latin-1"),
        "101": _Set(b"\x1b-B", "iso8859-2"),
        "109": _Set(b"\x1b-C", "iso8859-3"),
        "110": _Set(b"\x1b-D", "iso8859-4"),
        "126": _Set(b"\x1b-F", "iso8859-7"),
        "127": _Set(b"\x1b-G", "iso8859-6"),
        "138": _Set(b"\x1b-H", "iso8859-8"),
        "144": _Set(b"\x1b-L", "iso8859-5"),
        "148": _Set(b"\x1b-M", "iso8859-9"),
        "149": _Set(b"\x1b$)C", "euc_kr", width=2),
        "159": _Set(b"\x1b$(D", "euc_jp", in_g1=False, width=2, flips=True, lead=b"\x8f"),
        "166": _Set(b"\x1b-T", "iso8859-11"),
        "203": _Set(b"\x1b-b", "iso8859-15"),
    }
)
_NO_SET: Final = _Set(b"", "ascii")


@dataclass(frozen=True, slots=True)
class _Repertoire:
    """What the terms of (0008,0005) allow: ``codec`` alone, or the first term's sets and all that escapes may bring."""

    codec: str
    g0: _Set = _ASCII
    g1: _Set = _NO_SET
    declared: tuple[_Set, ...] = ()


def decode(value: bytes, specific_character_set: Sequence[str], *, is_person_name: bool = False) -> str:
    """Decode a value under the terms of (0008,0005), or byte by byte as Latin-1 where they do not explain it.

    Never raises; the same bytes always give the same text, and nothing that was there is lost.
    """
    text = read(value, specific_character_set, is_person_name=is_person_name)
    return value.decode("latin-1") if text is None else text


def read(value: bytes, specific_character_set: Sequence[str], *, is_person_name: bool = False) -> str | None:
    """Decode a value under the terms of (0008,0005), or return None where they do not explain every byte of it."""
    if value.isascii() and _ESCAPE not in value:
        return value.decode("ascii")
    repertoire = _repertoire(tuple(specific_character_set))
    if repertoire is None:
        return None
    if repertoire.codec:
        try:
            return value.decode(repertoire.codec)
        except UnicodeError:
            return None
    texts = list(_walk(value, repertoire, _delimiters(is_person_name=is_person_name)))
    return None if None in texts else "".join(text for text in texts if text)


def encode(text: str, specific_character_set: Sequence[str], *, is_person_name: bool = False) -> bytes | None:
    """Encode text, values separated by backslashes, under the terms of (0008,0005); None: it does not fit."""
    if text.isascii() and "\x1b" not in text:
        return text.encode("ascii")
    repertoire = _repertoire(tuple(specific_character_set))
    if repertoire is None:
        return None
    if repertoire.codec:
        try:
            return text.encode(repertoire.codec)
        except UnicodeError:
            return None
    return _write(text, repertoire, _delimiters(is_person_name=is_person_name))


_TERM: Final = re.compile(
    r"(?:ISO[-_ ]?(?:2022[-_ ]?)?(?:IR[-_ ]?)?\d{1,3}|(?:ISO[-_ ]2022[-_ ])?(?:GBK|GB18030|GB2312)"
    r"|ISO[-_ ]?8859[-_]\d{1,2}|UTF[-_ ]?8|LATIN[-_ ]?1)?",
    re.IGNORECASE,
)


def split_terms(value: bytes) -> tuple[str, ...]:
    """Return the terms of a Specific Character Set value; the first is empty where the default repertoire is meant.

    Raises MalformedInput where one has not the form of a defined term (PS3.3 Section C.12.1.1.2), nor of what real
    files write instead: nobody could say what the data set means, and it would leave as it is.
    """
    terms = tuple(term.strip(" \0") for term in value.decode("latin-1").split("\\"))
    if not all(map(_TERM.fullmatch, terms)):
        raise MalformedInput("not a Specific Character Set", (SPECIFIC_CHARACTER_SET,))
    return terms


def _walk(value: bytes, repertoire: _Repertoire, delimiters: frozenset[int]) -> Iterator[str | None]:
    """Yield the text of each run of bytes, None for what cannot be read."""
    g0, g1, pos = repertoire.g0, repertoire.g1, 0
    while pos < len(value):
        byte = value[pos]
        if byte == _ESCAPE:
            found = next((s for s in repertoire.declared if value.startswith(s.escape, pos)), None)
            if found is None:
                yield None
                return
            g0, g1 = (g0, found) if found.in_g1 else (found, g1)
            pos += len(found.escape)
            continue
        run = (_HIGH if byte >= 0x80 else _LOW if g0.width == 1 else _PAIRS).match(value, pos)
        end = run.end() if run else pos
        if end == pos or (byte in delimiters and g0.width == 1):
            yield chr(byte)
            pos += 1
            if byte in delimiters:
                g0, g1 = repertoire.g0, _after_delimiter(repertoire, g1)
            continue
        if byte < 0x80 and g0.width == 1:
            end = next((n for n in range(pos, end) if value[n] in delimiters), end)
        yield (g1 if byte >= 0x80 else g0).read(value[pos:end])
        pos = end


def _after_delimiter(repertoire: _Repertoire, g1: _Set) -> _Set:
    """Where the first term has nothing above 0x80, a set that was not invoked again is still the one that is meant."""
    return g1 if repertoire.g1 is _NO_SET else repertoire.g1


def _write(text: str, repertoire: _Repertoire, delimiters: frozenset[int]) -> bytes | None:
    g0, g1 = repertoire.g0, repertoire.g1
    out: list[bytes] = []
    for character in text:
        if character.isascii():
            if character == "\x1b":
                return None
            if g0.width > 1:
                out.append(repertoire.g0.escape)
            g0 = repertoire.g0
            if ord(character) in delimiters:
                g1 = repertoire.g1
            out.append(character.encode("ascii"))
            continue
        fitting = ((s, coded) for s in (g1, g0, *repertoire.declared) if (coded := s.write(character)))
        found, coded = next(fitting, (None, b""))
        if found is None:
            return None
        if found not in (g0, g1):
            out.append(found.escape)
            g0, g1 = (g0, found) if found.in_g1 else (found, g1)
        out.append(coded)
    if g0.width > 1:
        out.append(repertoire.g0.escape)
    return b"".join(out)


def _delimiters(*, is_person_name: bool) -> frozenset[int]:
    """Return what brings back the first term's sets (PS3.5 Section 6.1.2.5.3)."""
    return _LINE_ENDS | _NAME_DELIMITERS if is_person_name else _LINE_ENDS


@lru_cache(maxsize=256)
def _repertoire(terms: tuple[str, ...]) -> _Repertoire | None:
    """Return what the terms allow; None for a first term that is not defined. A later one does no harm."""
    first, *later = [_defined(term) for term in terms] or [""]
    if first in _STAND_ALONE:
        return _Repertoire(_STAND_ALONE[first])
    if first not in ("", "6", *_SETS):
        return None
    own = _SETS.get(first)
    g0 = _ROMAJI if first == "13" else _ASCII
    g1 = own if own and own.in_g1 else _NO_SET
    others = [_SETS[term] for term in later if term in _SETS]
    declared = dict.fromkeys([*([own] if own else []), *others, _ASCII])
    if "13" in (first, *later):
        declared[_ROMAJI] = None
    return _Repertoire("", g0, g1, tuple(declared))


def _defined(term: str) -> str:
    """Return the registration number of a term, with or without code extensions, however it is spelt; or the term."""
    term = term.strip(" \0").upper()
    name = _NAME_OF_TERM.fullmatch(term)
    if name is None:
        return term
    return UTF_8 if name[2] == "192" else name[2]
