"""Pixels that must not leave: objects whose every pixel a mask blanks, native and in fragments, damaged."""

import struct
from dataclasses import replace
from functools import cache
from random import Random
from typing import Final

from gateway.core.errors import GatewayError
from gateway.core.mask.areas import Area
from gateway.core.mask.model import FrameWork, Policy, Verdict
from gateway.core.mask.rules import MaskRule, Masks, What
from gateway.core.profile.parse import parse_profile
from gateway.core.rewrite.engine import Engine
from tests.fuzz import audit
from tests.fuzz.mutate import cut, damage, damage_lengths, reshape
from tests.fuzz.objects import SMALL, object_tokens
from tests.fuzz.target import REFUSALS, Broken
from tests.kit import codestreams
from tests.kit.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, JPEG, PIXEL_DATA, RLE, Element, part10
from tests.kit.engine import KEYS, profile
from tests.kit.raw import Tree, read, tree

SYNTAXES: Final = (EXPLICIT, EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED, JPEG, RLE)
SHOWN: Final = b"\xa5\x5b\xc3\x3d"
"""What every pixel shows before it is masked."""
MASKED: Final = b"masked"
NO: Final = b"113101"
"""The code of an object whose pixels are clean."""
KEEPS: Final = (
    "name: keeps\nbased_on: nominal\nattributes:\n"
    "  IconImageSequence: {disabled: true}\n  (60xx,3000): {disabled: true}\n"
)
_PLACES: Final = frozenset({0x7FE0, 0x6000, 0x0088, 0x7F02})
"""Groups in which pixels may be shown: bytes of damaged pixel data under another tag are none."""
_SIDE: Final = 8
_TAGS: Final = (
    0x00186011, 0x00280002, 0x00280004, 0x00280008, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280103,
    0x00880200, 0x7FE00008, 0x7FE00009, 0x7FE00010, 0x7F020010, 0x60003000,
)  # fmt: skip


@cache
def masking(policy: Policy) -> Engine:
    """Give the engine whose one rule blanks the whole picture of every object, and that would keep it elsewhere."""
    rule = MaskRule("everything", (), What.BLANK, (Area(),))
    return Engine(replace(parse_profile(KEEPS, "keeps.yaml", profile), masks=Masks(policy, (rule,))), KEYS)


def elements(syntax: str, random: Random) -> list[Element]:
    """Make a picture of some frames, with an icon and an overlay."""
    frames, bits, samples = random.randint(1, 3), random.choice((8, 16, 32)), random.choice((1, 3))
    value = SHOWN * (_SIDE * _SIDE * bits // 8 * samples * frames // 4)
    pixels = Element(PIXEL_DATA, random.choice(("OB", "OW")), value)
    if syntax in (JPEG, RLE):
        frame = codestreams.jpeg() if syntax == JPEG else struct.pack("<16I", 1, 64, *[0] * 14) + SHOWN * 4
        cuts = 1 if syntax == RLE else random.randint(1, 3)
        size = -(-len(frame) // cuts) + 1 & ~1
        fragments = [frame[at : at + size] for at in range(0, len(frame), size)] * frames
        pixels = Element(PIXEL_DATA, "OB", fragments, undefined=True)
    icon = Element(0x00880200, "SQ", [[Element(PIXEL_DATA, "OB", SHOWN * 4)]], undefined=random.random() < 0.5)
    regions = [Element(0x00186018 + 2 * n, "UL", [at]) for n, at in enumerate((1, 1, 6, 6))]
    return [
        Element(0x00080008, "CS", b"ORIGINAL\\PRIMARY"),
        Element(0x00080016, "UI", random.choice((b"1.2.840.10008.5.1.4.1.1.6.1", b"1.2.840.10008.5.1.4.1.1.2"))),
        Element(0x00080018, "UI", b"1.2.3"),
        Element(0x00100020, "LO", b"P1"),
        Element(0x00186011, "SQ", [regions], undefined=random.random() < 0.5),
        Element(0x0020000D, "UI", b"1.2"),
        Element(0x00280002, "US", [samples]),
        Element(0x00280004, "CS", b"RGB" if samples == 3 else b"MONOCHROME2"),
        *([Element(0x00280006, "US", [random.randrange(2)])] if samples == 3 else []),
        Element(0x00280008, "IS", str(frames).encode()),
        Element(0x00280010, "US", [_SIDE]),
        Element(0x00280011, "US", [_SIDE]),
        Element(0x00280100, "US", [bits]),
        Element(0x00280101, "US", [bits]),
        Element(0x00280103, "US", [0]),
        Element(0x60003000, "OW", SHOWN * 4),
        icon,
        pixels,
    ]


def make(random: Random) -> bytes:
    """Draw an object, mostly damaged."""
    syntax = random.choice(SYNTAXES)
    tokens = [*object_tokens(syntax), *(token(tag, syntax) for tag in _TAGS)]
    ways = random.randrange(8)
    found = elements(syntax, random)
    try:
        data = part10(reshape(found, random) if ways & 1 else found, syntax)
    except (struct.error, KeyError, TypeError):  # a value that its length or its new place has no form for
        return make(random)
    if ways & 2:
        data = damage_lengths(data, tokens[-len(_TAGS) :], random)
    return damage(data, tokens, random) if ways & 4 else data


def token(tag: int, syntax: str) -> bytes:
    """Encode a tag."""
    return struct.pack(">HH" if syntax == BIG_ENDIAN else "<HH", tag >> 16, tag & 0xFFFF)


def run(data: bytes, random: Random) -> bool:
    """Mask whole and in chunks; nothing of the pixels may be left, whoever has to be asked about them."""
    released = masked(masking(Policy.MASK), [data])
    if random.randrange(4) == 0 and masked(masking(Policy.MASK), cut(data, random)) != released:
        raise Broken("the output depends on the chunks")
    if released is not None and not audit.defeats_pydicom(released):
        found = tree(read(released))
        if NO in released and shows(found):
            raise Broken("pixels that a mask covers")
        if shows([element for element in found if element[0] >> 16 == PIXEL_DATA >> 16]):
            raise Broken("pixels that no rule was asked about")
    masked(masking(Policy.SCREEN), cut(data, random))
    if random.randrange(8) == 0:
        masked(Engine(masking(Policy.MASK).profile, KEYS, SMALL), cut(data, random))
    return released is not None


def masked(by: Engine, chunks: list[bytes]) -> bytes | None:
    """Rewrite; a codec that knows one codestream only stands for all."""
    rewriter = by.part10(asks=True)
    out: list[bytes] = []
    try:
        for chunk in (*chunks, None):
            steps = rewriter.last_pieces() if chunk is None else rewriter.pieces(chunk)
            if rewriter.question:
                steps = [*steps, *rewriter.answer(replace(rewriter.question, verdict=Verdict.MASK))]
            out += [step.finish(MASKED) if isinstance(step, FrameWork) else bytes(step) for step in steps]
    except REFUSALS:
        return None
    except GatewayError as error:
        raise Broken("an error that is not declared") from error
    return b"".join(out)


def shows(found: Tree) -> bool:
    """Say whether pixels are left in any attribute that may show them."""
    for tag, _, value in found:
        if isinstance(value, list):
            if any(shows(item) for item in value):
                return True
        elif tag >> 16 in _PLACES and any(mark in value for mark in (SHOWN, SHOWN[1::-1] + SHOWN[:1:-1])):
            return True
    return False
