"""What an engine remembers of one patient's objects may not show in another's: it gives what a new engine gives."""

import pytest

from gateway.core.rewrite.engine import Engine
from gateway.core.wire.elements import EXPLICIT_LE
from tests.unit.core.rewrite.arrays import NAMES, SHARED, sequence
from tests.unit.core.rewrite.objects import CT, data_set_rewriter, engine, feed

FRAMES = b"\x00\x52\x30\x92"  # (5200,9230) Per-frame Functional Groups Sequence, kept
LEAVES = {
    "": EXPLICIT_LE.make(0x00100020, "LO", b"REF1"),
    "options: [retain_longitudinal_modified_dates]": EXPLICIT_LE.make(0x00080021, "DA", b"20200304"),
    "options: [clean_descriptors]": EXPLICIT_LE.make(0x0008103E, "LO", b"Thorax Smith"),
}


def object_of(patient: bytes, name: bytes, body: bytes) -> bytes:
    return (
        EXPLICIT_LE.make(0x00080016, "UI", CT)
        + EXPLICIT_LE.make(0x00080018, "UI", b"1.2.3")
        + EXPLICIT_LE.make(0x00100010, "PN", name)
        + EXPLICIT_LE.make(0x00100020, "LO", patient)
        + EXPLICIT_LE.make(0x0020000D, "UI", b"1.2")
        + body
    )


def rewritten(under: Engine, data_set: bytes) -> bytes:
    return feed(data_set_rewriter(under), [data_set])


@pytest.mark.parametrize("options", LEAVES)
def test_a_sequence_inside_another_does_not_carry_one_patient_into_the_next(options: str) -> None:
    inner = sequence(NAMES, LEAVES[options])
    twice = sequence(SHARED, inner) + sequence(FRAMES, inner)  # known by the second, and not walked there
    theirs = object_of(b"P1", b"Jones^Ann", twice)
    ours = object_of(b"P3", b"Smith^John", sequence(FRAMES, inner))
    used = engine(options)
    rewritten(used, theirs)
    assert rewritten(used, ours) == rewritten(engine(options), ours)
