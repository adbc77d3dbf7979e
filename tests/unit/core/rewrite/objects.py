"""A frame for annotated elements: the head every object needs, the marks every released one carries, every chunking."""

from collections.abc import Iterable, Sequence
from typing import cast

from gateway.core.mask.model import FrameWork
from gateway.core.profile.parse import parse_profile
from gateway.core.rewrite import marks
from gateway.core.rewrite.dataset import Piece, Step
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.head import Head
from gateway.core.rewrite.part10 import IMPLEMENTATION_CLASS_UID
from gateway.core.rewrite.stream import DataSetRewriter, Layout, Limits
from gateway.core.wire.elements import EXPLICIT_LE, Encoding
from tests.kit.engine import KEYS, mask_rules, profile
from tests.kit.splits import splits

CT = b"1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = b"1.2.840.10008.5.1.4.1.1.2.1"
EXPLICIT = b"1.2.840.10008.1.2.1"
JPEG = b"1.2.840.10008.1.2.4.50"
DEFLATED = b"1.2.840.10008.1.2.1.99"

PSEUDONYM = KEYS.patient("", "P1", "")
BASIC = "name: p\nattributes:\n  PatientID: {action: pseudonym}\n  PatientName: {action: pseudonym}\n"


def engine(text: str = "", limits: Limits | None = None) -> Engine:
    """Make an engine of the basic profile with more details (indented lines) or, from the first column on, options."""
    return Engine(parse_profile(BASIC + text, "p.yaml", profile, mask_rules), KEYS, limits)


def uid(source: str) -> bytes:
    """Give the released UID, padded to even length."""
    released = KEYS.uid(source).encode()
    return released + b"\0" * (len(released) % 2)


def layout(under: Engine, encoding: Encoding = EXPLICIT_LE, sop_class: bytes = CT) -> Layout:
    """Lay the plan out for an object without any value that a condition could look at."""
    return under.layout(Head(sop_class.decode(), "1.2.3", "", "P1", "1.2"), encoding)


def head(encoding: Encoding = EXPLICIT_LE, sop_class: bytes = CT) -> bytes:
    """Write what every object begins with."""
    return (
        encoding.make(0x00080016, "UI", sop_class)
        + encoding.make(0x00080018, "UI", b"1.2.3")
        + encoding.make(0x00100020, "LO", b"P1")
        + encoding.make(0x0020000D, "UI", b"1.2")
    )


def released_head(plan_of: Engine, encoding: Encoding = EXPLICIT_LE, sop_class: bytes = CT) -> bytes:
    """Write the same as it is released, with the marks of a finished object in their places."""
    plan = plan_of.plan(sop_class.decode())
    first, second, third = marks.elements(plan, encoding, (), "")
    return (
        encoding.make(0x00080016, "UI", sop_class)
        + encoding.make(0x00080018, "UI", uid("1.2.3"))
        + encoding.make(0x00100020, "LO", PSEUDONYM.encode())
        + (first + second)
        + encoding.make(0x0020000D, "UI", uid("1.2"))
        + third
    )


def feed(rewriter: DataSetRewriter, chunks: Iterable[bytes], left: list[Piece] | None = None) -> bytes:
    """Feed the chunks of a data set and collect what comes out, in ``left`` also where it ends in an error."""
    pieces = [] if left is None else left
    for chunk in chunks:
        pieces += plain(rewriter.feed(chunk))
    pieces += plain(rewriter.close())
    return b"".join(pieces)


def plain(steps: Sequence[Step]) -> list[Piece]:
    """Give what leaves of an object that has no frames to be masked."""
    assert not any(isinstance(step, FrameWork) for step in steps)
    return cast("list[Piece]", steps)


def data_set_rewriter(under: Engine, encoding: Encoding = EXPLICIT_LE, limits: Limits | None = None) -> DataSetRewriter:
    """Start a bare data set."""
    return DataSetRewriter(under, under.identity, encoding, limits or Limits())


def walk(data_set: bytes, under: Engine, encoding: Encoding = EXPLICIT_LE) -> bytes:
    """Rewrite a whole data set in every chunking; all give the same bytes."""
    released = {feed(data_set_rewriter(under, encoding), chunks) for chunks in splits(data_set)}
    assert len(released) == 1, "what is released depends on how the bytes arrive"
    return released.pop()


def released(
    body: bytes, under: Engine | None = None, encoding: Encoding = EXPLICIT_LE, sop_class: bytes = CT
) -> bytes:
    """Rewrite elements after (0028,0303) in every chunking and return what becomes of them."""
    by = under or engine()
    before = released_head(by, encoding, sop_class)
    whole = walk(head(encoding, sop_class) + body, by, encoding)
    assert whole.startswith(before)
    return whole[len(before) :]


def part10(data_set: bytes, syntax: bytes = EXPLICIT, group_length: int | None = None) -> bytes:
    """Write a Part 10 object with the least File Meta Information there can be."""
    meta = EXPLICIT_LE.make(0x00020010, "UI", syntax)
    length = b"" if group_length is None else b"\x02\0\0\0UL\4\0" + group_length.to_bytes(4, "little")
    return bytes(128) + b"DICM" + length + meta + data_set


def released_meta(syntax: bytes = EXPLICIT, sop_class: bytes = CT) -> bytes:
    """Write the preamble and File Meta Information that every released object begins with."""
    group = (
        EXPLICIT_LE.make(0x00020001, "OB", b"\0\1")
        + EXPLICIT_LE.make(0x00020002, "UI", sop_class)
        + EXPLICIT_LE.make(0x00020003, "UI", uid("1.2.3"))
        + EXPLICIT_LE.make(0x00020010, "UI", syntax)
        + EXPLICIT_LE.make(0x00020012, "UI", IMPLEMENTATION_CLASS_UID.encode())
        + EXPLICIT_LE.make(0x00020013, "SH", b"DICOMVEIL_1")
    )
    return bytes(128) + b"DICM" + EXPLICIT_LE.make(0x00020000, "UL", len(group).to_bytes(4, "little")) + group
