"""Small valid inputs full of canaries, which damage is done to."""

import itertools
from functools import cache
from typing import Final

from tests.kit import canary, codestreams
from tests.kit.canary import SOP_CLASSES, Planter, sensitive
from tests.kit.canary_search import Canaries
from tests.kit.encode import PIXEL_DATA, Element

SLICES: Final = 64
PLANTER: Final = Planter()


@cache
def objects() -> tuple[tuple[Element, ...], ...]:
    """Make objects of every SOP Class, each with another part of the attributes that must not leave."""
    classes = itertools.cycle(SOP_CLASSES.values())
    return tuple(tuple(_object(sop_class, number)) for number, sop_class in zip(range(SLICES), classes, strict=False))


@cache
def encapsulated() -> tuple[tuple[Element, ...], ...]:
    """Make the same objects with a compressed frame in them."""
    frame = Element(PIXEL_DATA, "OB", [codestreams.jpeg()], undefined=True)
    return tuple((*(element for element in one if element.tag != PIXEL_DATA), frame) for one in objects())


def canaries() -> Canaries:
    """Give all that is planted in them."""
    objects()
    return PLANTER.canaries


def _object(sop_class: str, number: int) -> list[Element]:
    plain = (
        Element(0x00080005, "CS", b"ISO_IR 192"),
        Element(0x00080016, "UI", sop_class.encode()),
        Element(0x00080060, "CS", b"OT"),
        Element(0x00180050, "DS", b"2.5"),
        Element(0x00200032, "DS", b"1\\2\\3"),
        Element(0x00280010, "US", [8]),
        Element(0x00282110, "CS", b"01"),
    )
    planted = [PLANTER.element(tag, vr) for tag, vr in sensitive(hostile=number % 2 == 0)[number::SLICES]]
    own = [PLANTER.element(tag, vr) for tag, vr in ((0x00080018, "UI"), (0x0020000D, "UI"), (0x00100010, "PN"))]
    nested = canary._item(PLANTER, "nested>")
    sequences = [
        Element(0x00081115, "SQ", [[Element(0x0008114A, "SQ", [nested]), *own]], undefined=number % 2 == 0),
        Element(0x0040A730, "SQ", [_content(number), _content(number + 1)], undefined=number % 3 == 0),
        Element(0x00081140, "SQ", [own[:1]], unknown=number % 4 == 0),
        Element(0x0040A043, "SQ", [[Element(0x00080104, "LO", b"kept meaning")]]),
    ]
    foreign = [*canary._private(PLANTER, 0x0009, ""), *canary._overlay(PLANTER, 0x60000000)]
    pixels = [Element(PIXEL_DATA, "OW", bytes(range(64)))]
    known = {element.tag: element for element in (*planted, *own, *plain, *sequences, *foreign, *pixels)}
    return [known[tag] for tag in sorted(known)]


def _content(number: int) -> list[Element]:
    kinds = ((0x0040A160, "UT"), (0x0040A123, "PN"), (0x0040A121, "DA"), (0x0040A124, "UI"))
    tag, vr = kinds[number % len(kinds)]
    return [Element(0x0040A040, "CS", b"TEXT"), PLANTER.element(tag, vr, "content>")]
