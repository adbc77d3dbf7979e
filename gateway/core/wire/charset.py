"""Text of Data Elements for comparing identifiers: a Patient ID is the same however it is encoded (PS3.5 Section 6.1).

Strict where pydicom replaces what it cannot read: two different values must not become one. What the Specific
Character Set does not explain is read byte by byte as Latin-1, which loses nothing.
"""

import re
from collections.abc import Sequence
from typing import Final

from pydicom.charset import CODES_TO_ENCODINGS, STAND_ALONE_ENCODINGS, handled_encodings, python_encoding

_ESCAPE: Final = b"\x1b"
_FRAGMENT: Final = re.compile(rb"\x1b?[^\x1b]*+", re.DOTALL)
_NAME_OF_TERM: Final = re.compile(r"ISO[-_ ]?(2022[-_ ]?)?IR[-_ ]?(\d+)")
# Python drops the escape sequence of these itself; of ISO-IR 58 it does not, whatever pydicom's table says.
_KEEPS_ESCAPE: Final = frozenset(handled_encodings) - {"iso_ir_58"}
# These return to the first character set (PS3.5 Section 6.1.2.5.3); in a Person Name, so do its delimiters.
_RESET: Final = re.compile(rb"[\t\n\f\r\\]")
_RESET_IN_PERSON_NAME: Final = re.compile(rb"[\t\n\f\r\\^=]")


def decode(value: bytes, specific_character_set: Sequence[str], *, is_person_name: bool = False) -> str:
    """Decode a value under the terms of (0008,0005); never raises, and the same bytes always give the same text."""
    if value.isascii() and _ESCAPE not in value:
        return value.decode("ascii")
    codecs = _codecs(specific_character_set)
    reset = _RESET_IN_PERSON_NAME if is_person_name else _RESET
    try:
        if _ESCAPE not in value or _is_stand_alone(specific_character_set):
            return value.decode(codecs[0])
        return "".join(_decode_fragment(fragment, codecs, reset) for fragment in _FRAGMENT.findall(value))
    except UnicodeError:
        return value.decode("latin-1")


def split_terms(value: bytes) -> tuple[str, ...]:
    """Return the terms of a Specific Character Set value; the first is empty where the default repertoire is meant."""
    return tuple(term.strip(" \0") for term in value.decode("latin-1").split("\\"))


def _decode_fragment(fragment: bytes, codecs: Sequence[str], reset: re.Pattern[bytes]) -> str:
    """Decode up to the next escape sequence; raises UnicodeError where the fragment's own is not declared."""
    if not fragment.startswith(_ESCAPE):
        return fragment.decode(codecs[0])
    length = 4 if fragment.startswith((b"\x1b$(", b"\x1b$)")) else 3
    codec = CODES_TO_ENCODINGS.get(fragment[:length], "")
    if codec not in codecs and codec != python_encoding[""]:
        raise UnicodeError("escape sequence of a character set that is not declared")
    if codec in _KEEPS_ESCAPE:
        return fragment.decode(codec)
    text = fragment[length:]
    found = reset.search(text)
    end = len(text) if found is None else found.start()
    return text[:end].decode(codec) + text[end:].decode(codecs[0])


def _codecs(terms: Sequence[str]) -> list[str]:
    """Return Python's names; Latin-1 for a first term that is not defined, nothing for a later one."""
    names = [python_encoding.get(_defined(term)) for term in terms] or [None]
    return [names[0] or "latin-1", *(name for name in names[1:] if name is not None)]


def _is_stand_alone(terms: Sequence[str]) -> bool:
    return bool(terms) and _defined(terms[0]) in STAND_ALONE_ENCODINGS


def _defined(term: str) -> str:
    """Mend the common misspellings of a defined term (PS3.3 Section C.12.1.1.2): ``ISO-IR 100``, ``iso_ir_192``."""
    term = term.strip(" \0").upper()
    name = _NAME_OF_TERM.fullmatch(term)
    if name is None:
        return term
    return f"ISO 2022 IR {name[2]}" if name[1] else f"ISO_IR {name[2]}"
