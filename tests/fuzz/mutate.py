"""Damage: changes to bytes and to trees of elements, all drawn from one ``Random``, so that a seed brings them back."""

import dataclasses
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from tests.kit.encode import FORMATS, Element

NUMBERS: Final = (
    0,
    1,
    2,
    7,
    8,
    0x7F,
    0x80,
    0xFF,
    0xFE,
    0x7FFF,
    0xFFFF,
    0xFFFE,
    0x10000,
    0x7FFFFFFF,
    0xFFFFFFFE,
    0xFFFFFFFF,
)
NO_VRS: Final = ("XX", "**", "\0\0")
VRS: Final = (
    "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "OB", "OD", "OF", "OL", "OV", "OW", "PN",
    "SH", "SL", "SQ", "SS", "ST", "SV", "TM", "UC", "UI", "UL", "UN", "UR", "US", "UT", "UV", *NO_VRS,
)  # fmt: skip
TAGS: Final = (
    0x00080005, 0x00080016, 0x00080018, 0x00080060, 0x00080104, 0x00081115, 0x00081140, 0x00100010, 0x00100020,
    0x0020000D, 0x00280010, 0x00281050, 0x0040A043, 0x0040A160, 0x0040A730, 0x00120063, 0x00090010, 0x00091001,
    0x0009FF01, 0x60003000, 0x50002500, 0x7FE00010, 0x7FE00008, 0xFFFAFFFA, 0xFFFCFFFC, 0xFFFEE000, 0xFFFEE00D,
    0xFFFEE0DD, 0x00020010, 0x00041220, 0x00000002, 0x00080000, 0x0008FFF0,
)  # fmt: skip
MOST: Final = 4
"""Changes to one input; more of them leave little that gets past the first."""


def damage(data: bytes, tokens: Sequence[bytes], random: Random) -> bytes:
    """Change bytes: some at random, some to what means something in this kind of input."""
    changed = bytearray(data)
    for _ in range(random.randint(1, MOST)):
        _change(changed, tokens, random)
    return bytes(changed)


def _change(data: bytearray, tokens: Sequence[bytes], random: Random) -> None:
    at, size = random.randint(0, len(data)), random.choice((1, 1, 2, 4, 8, 40))
    how = random.randrange(9)
    if how == 0:
        data[at : at + 1] = bytes((random.randrange(256),))
    elif how == 1 and at < len(data):
        data[at] ^= 1 << random.randrange(8)
    elif how == 2:
        del data[at : at + size]
    elif how == 3:
        data[at:at] = data[at : at + size] * random.choice((1, 1, 2, 30))
    elif how == 4:
        other = random.randint(0, len(data))
        data[at : at + size] = data[other : other + size]
    elif how == 5:
        data[at : at + random.choice((0, 0, size))] = random.choice(tokens)
    elif how == 6:
        _swap_token(data, tokens, random)
    elif how == 7:
        width = random.choice((2, 4))
        data[at : at + width] = (random.choice(NUMBERS) % (1 << 8 * width)).to_bytes(
            width, random.choice(("little", "big"))
        )
    elif random.randrange(4) == 0:
        del data[at:]


def _swap_token(data: bytearray, tokens: Sequence[bytes], random: Random) -> None:
    """Put one word of the input's language where another stands."""
    old, new = random.choice(tokens), random.choice(tokens)
    found = data.find(old, random.randint(0, len(data))) if old else -1
    if found >= 0:
        data[found : found + len(old)] = new


def damage_lengths(data: bytes, tags: Sequence[bytes], random: Random) -> bytes:
    """Change the VR or the length of an element whose tag is found, each in any of the places where they may stand."""
    changed = bytearray(data)
    at = changed.find(random.choice(tags), random.randint(0, len(changed)))
    if at < 0:
        return data
    if random.randrange(3) == 0:
        changed[at + 4 : at + 6] = random.choice(VRS).encode()[:2]
        return bytes(changed)
    width, place = random.choice(((2, at + 6), (4, at + 4), (4, at + 8)))
    old = int.from_bytes(changed[place : place + width], "little")
    new = random.choice((random.choice(NUMBERS), old + random.choice((-8, -2, -1, 1, 2, 8)), random.randrange(64)))
    changed[place : place + width] = (new % (1 << 8 * width)).to_bytes(width, "little")
    return bytes(changed)


def reshape(elements: Sequence[Element], random: Random) -> list[Element]:
    """Change the tree: what is left can be written, and much of it gets as far as the plan."""
    changed = list(elements)
    for _ in range(random.randint(1, MOST)):
        if changed:
            _reshape(changed, random)
    return changed


def _reshape(elements: list[Element], random: Random) -> None:
    at = random.randrange(len(elements))
    element = elements[at]
    if element.vr == "SQ" and isinstance(element.value, list) and element.value and random.randrange(3):
        items = [list(item) for item in element.value]
        inner = random.choice(items)
        if inner:
            _reshape(inner, random)
        elements[at] = dataclasses.replace(element, value=items)
        return
    random.choice(_SHAPES)(elements, at, random)


def _drop(elements: list[Element], at: int, _: Random) -> None:
    del elements[at]


def _repeat(elements: list[Element], at: int, random: Random) -> None:
    elements.insert(random.randint(0, len(elements)), elements[at])


def _retag(elements: list[Element], at: int, random: Random) -> None:
    tag = random.choice(
        (random.choice(TAGS), random.choice(elements).tag, elements[at].tag ^ 1 << random.randrange(32))
    )
    elements[at] = dataclasses.replace(elements[at], tag=tag)


def _retype(elements: list[Element], at: int, random: Random) -> None:
    vr = random.choice(VRS)
    value = elements[at].value
    if isinstance(value, bytes) and vr not in FORMATS and len(vr.encode()) == 2:
        elements[at] = dataclasses.replace(elements[at], vr=vr)


def _refill(elements: list[Element], at: int, random: Random) -> None:
    other = random.choice(elements)
    if isinstance(elements[at].value, bytes) and isinstance(other.value, bytes):
        joined = other.value + random.choice((b"", b"\\", b" ", b"\0", b"=", b"^", b"\x1b$B")) + elements[at].value
        elements[at] = dataclasses.replace(elements[at], value=random.choice((b"", other.value, joined[:1000])))


def _disguise(elements: list[Element], at: int, _: Random) -> None:
    elements[at] = dataclasses.replace(elements[at], unknown=not elements[at].unknown)


def _open(elements: list[Element], at: int, _: Random) -> None:
    if elements[at].vr == "SQ":
        elements[at] = dataclasses.replace(elements[at], undefined=not elements[at].undefined)


def _nest(elements: list[Element], at: int, random: Random) -> None:
    for _ in range(random.choice((1, 1, 2, 70))):
        tag = random.choice((0x00081115, 0x0040A730, 0x00091020, 0x00400275, 0x0040A043, 0x00081140))
        elements[at] = Element(tag, "SQ", [[elements[at]]], undefined=random.random() < 0.5)


_SHAPES: Final[tuple[Callable[[list[Element], int, Random], None], ...]] = (
    _drop, _repeat, _retag, _retype, _refill, _disguise, _open, _nest,
)  # fmt: skip


def cut(data: bytes, random: Random) -> list[bytes]:
    """Cut into chunks, many of them tiny and some empty."""
    chunks, at = [], 0
    while at < len(data):
        size = random.choice((0, 1, 1, 2, 3, 5, 7, 8, 12, 64, 500, 4096))
        chunks.append(data[at : at + size])
        at += size
    return chunks
