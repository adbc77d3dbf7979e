"""Tags as plain integers 0xGGGGEEEE, and masks for repeating groups."""

import re
from dataclasses import dataclass

_TAG = re.compile(r"\(([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)|([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})")
_MASK = re.compile(r"\(([0-9A-FXa-fx]{4}),([0-9A-FXa-fx]{4})\)|([0-9A-FXa-fx]{4}),?([0-9A-FXa-fx]{4})")
_PARITY_BIT = 0x00010000


@dataclass(frozen=True, slots=True)
class TagMask:
    """A set of tags: those whose bits under ``mask`` equal ``value``."""

    mask: int
    value: int

    def matches(self, tag: int) -> bool:
        """Say whether the tag belongs to the set."""
        return tag & self.mask == self.value

    def __str__(self) -> str:
        text = "".join(
            f"{self.value >> shift & 0xF:X}" if self.mask >> shift & 0xF == 0xF else "x" for shift in range(28, -4, -4)
        )
        return f"({text[:4]},{text[4:]})"


def parse_tag(text: str) -> int:
    """Read ``(0010,0020)``, ``0010,0020`` or ``00100020``; raise ValueError on anything else."""
    found = _TAG.fullmatch(text)
    if found is None:
        raise ValueError("not a tag")
    return int("".join(part for part in found.groups() if part), 16)


def parse_mask(text: str) -> TagMask:
    """Read a tag with ``x`` for free digits, such as ``60xx,3000``; raise ValueError on anything else.

    Where the last digit of the group is free only even groups match: a repeating group is even (PS3.5 Section 7.6),
    and an odd group is private whatever its number.
    """
    found = _MASK.fullmatch(text)
    if found is None:
        raise ValueError("not a tag mask")
    digits = "".join(part for part in found.groups() if part).lower()
    if "x" not in digits:
        raise ValueError("not a tag mask: no digit is free")
    mask = int("".join("0" if digit == "x" else "f" for digit in digits), 16)
    return TagMask(mask | _PARITY_BIT, int(digits.replace("x", "0"), 16))


def format_tag(tag: int) -> str:
    """Print a tag as ``(0010,0020)``."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def json_key(tag: int) -> str:
    """Print a tag as the DICOM JSON Model does, ``00100020`` (PS3.18 Section F.2.2)."""
    return f"{tag:08X}"


def is_private(tag: int) -> bool:
    """Say whether the group is odd (PS3.5 Section 7.8)."""
    return bool(tag & _PARITY_BIT)


def is_private_creator(tag: int) -> bool:
    """Say whether the tag reserves a private block: (gggg,0010-00FF), odd group (PS3.5 Section 7.8.1)."""
    return bool(tag & _PARITY_BIT) and 0x10 <= tag & 0xFFFF <= 0xFF


def is_group_length(tag: int) -> bool:
    """Say whether the tag is (gggg,0000) (PS3.5 Section 7.2)."""
    return tag & 0xFFFF == 0
