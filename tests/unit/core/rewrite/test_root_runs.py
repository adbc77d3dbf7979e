"""Runs of the root are remembered with what became of them; that may change nothing but the time it takes."""

from itertools import product

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.runs import MAX_RUNS, RUN_BYTES
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.unit.core.rewrite.objects import CT, data_set_rewriter, engine, feed

PROFILE = """\
  StudyDescription: {action: clean}
  StudyDate: {action: shift_date}
  ("ACME",0029,10): {action: keep}
final_check: true
"""
PIXELS = bytes(range(64))


def data_set(encoding: Encoding = EXPLICIT_LE, **values: bytes) -> bytes:
    """Write an object: what is kept, removed, shifted, cleaned, walked into, private and kept, and varies as told."""
    make, name = encoding.make, values.get("name", b"Doe^Johanna")
    item = make(0x00080100, "SH", b"C1") + make(0x00080104, "LO", b"abdomen")
    sequence = encoding.tag(0xFFFEE000) + encoding.u32.pack(len(item)) + item
    return b"".join(
        (
            make(0x00080016, "UI", CT),
            make(0x00080018, "UI", values.get("instance", b"1.2.826.0.1.3680043.10.1341.3")),
            make(0x00080020, "DA", values.get("date", b"20260102")),
            make(0x00080060, "CS", values.get("modality", b"CT")),
            make(0x00081030, "LO", values.get("title", b"Thorax of Doe")),
            make(0x00081032, "SQ", sequence),
            make(0x00100010, "PN", name),
            make(0x00100020, "LO", values.get("patient", b"P1")),
            make(0x00180050, "DS", values.get("thickness", b"5")),
            make(0x0020000D, "UI", b"1.2.826.0.1.3680043.10.1341.1"),
            values.get("creator", make(0x00290010, "LO", b"ACME")),
            make(0x00291001, "LO", b"removed"),
            make(0x00291010, "LO", values.get("private", b"kept")),
            make(0x7FE00010, "OW", PIXELS),
            make(0x7FE10010, "LO", b"ACME"),
        )
    )


OBJECTS: list[dict[str, bytes]] = [
    {},
    {"instance": b"1.2.826.0.1.3680043.10.1341.33"},
    {"date": b"20260103"},
    {"modality": b"MR", "title": b"Head of Johanna, 2026-01-02"},
    {"thickness": b"1.25", "private": b"kept as well"},
    {"patient": b"P2", "name": b"Roe^Richard"},
    {"creator": b""},
    {"creator": EXPLICIT_LE.make(0x00290010, "LO", b"ELSE")},
    {},
]


def outcome(values: dict[str, bytes], under: Engine, encoding: Encoding = EXPLICIT_LE) -> tuple[bytes, list[int]]:
    rewriter = data_set_rewriter(under, encoding)
    return feed(rewriter, [data_set(encoding, **values)]), rewriter.counts


@pytest.mark.parametrize("first", range(len(OBJECTS)))
def test_every_object_leaves_as_if_it_were_the_only_one(first: int) -> None:
    under = engine(PROFILE)
    turns = [OBJECTS[first]] * 3 + [one for pair in product(OBJECTS, [OBJECTS[first]]) for one in pair]
    for values in turns:
        assert outcome(values, under) == outcome(values, engine(PROFILE))


@pytest.mark.parametrize("encoding", [EXPLICIT_BE, IMPLICIT_LE])
def test_so_they_do_in_other_encodings(encoding: Encoding) -> None:
    under = engine(PROFILE)
    for values in [one for one in OBJECTS if "creator" not in one] * 3:
        assert outcome(values, under, encoding) == outcome(values, engine(PROFILE), encoding)


def test_what_nobody_reserves_any_more_is_not_kept_because_it_once_was() -> None:
    under = engine(PROFILE)
    for _ in range(4):
        assert b"kept" in outcome({}, under)[0]
    assert b"kept" not in outcome({"creator": b""}, under)[0]
    assert b"kept" in outcome({}, under)[0]


def test_an_element_that_differs_stands_between_two_runs() -> None:
    under = engine(PROFILE)
    for number in range(4):
        outcome({"thickness": b"%d" % number}, under)
    (shared,) = under._shared.values()
    varying = {key for runs in shared.runs.values() for key in runs.varying}
    assert EXPLICIT_LE.tag(0x00180050) + b"DS" in varying
    assert all(len(run.raw) <= RUN_BYTES for runs in shared.runs.values() for run in runs.known.values())


def test_runs_without_end_do_not_fill_the_memory() -> None:
    under = engine(PROFILE)
    for number in range(3):
        more = b"".join(
            EXPLICIT_LE.make(0x00330000 + 2 * n, "LT", b"%d" % (number if n % 2 else 0)) for n in range(2_000)
        )
        feed(data_set_rewriter(under), [data_set().replace(EXPLICIT_LE.make(0x7FE00010, "OW", PIXELS), more)])
    (shared,) = under._shared.values()
    assert 0 < max(len(runs.known) for runs in shared.runs.values()) <= MAX_RUNS


def test_a_second_patient_id_is_malformed_after_any_number_of_objects_without_one() -> None:
    under = engine(PROFILE)
    for _ in range(4):
        outcome({}, under)
    again = EXPLICIT_LE.make(0x00100020, "LO", b"P9")
    with pytest.raises(MalformedInput, match=r"\(0010,0020\)"):
        feed(data_set_rewriter(under), [data_set().replace(EXPLICIT_LE.make(0x00180050, "DS", b"5"), again)])
