"""The walker on broken and hostile input, and what it remembers from one object to the next."""

import pytest

from gateway.core.errors import GatewayError, LimitExceeded, MalformedInput
from gateway.core.rewrite import dataset, tables
from gateway.core.rewrite.change import COUNTED
from gateway.core.rewrite.dataset import MEMO_BYTES
from gateway.core.rewrite.stream import Limits
from gateway.core.standard import dictionary
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, MAX_DEPTH, Encoding
from tests.kit.engine import KEYS
from tests.kit.splits import splits
from tests.unit.core.rewrite.arrays import (
    COMMENTS,
    END_ITEM,
    END_SEQUENCE,
    MEANING,
    NAME,
    NAMES,
    OPEN_ITEM,
    ORDER,
    PATIENT,
    REFERENCE,
    RELEASED_PATIENT,
    RELEASED_REFERENCE,
    REQUEST,
    SHARED,
    UNDEFINED,
    WINDOW,
    open_sequence,
    sequence,
)
from tests.unit.core.rewrite.objects import (
    PSEUDONYM,
    data_set_rewriter,
    engine,
    feed,
    head,
    layout,
    released,
    released_head,
    walk,
)

DATES = "options: [retain_longitudinal_modified_dates]\n"
DAYS = KEYS.shift_days("", "P1", "")


MALFORMED: list[tuple[str, bytes, int]] = [
    ("bytes of undefined length, kept", b"\x28\0\x01\x12OW\0\0" + UNDEFINED + END_SEQUENCE, 0x00281201),
    ("text of undefined length under a number's tag", b"\x28\0\x50\x10UT\0\0" + UNDEFINED + END_SEQUENCE, 0x00281050),
    ("text of undefined length, replaced", b"\x40\0\x23\xa1UT\0\0" + UNDEFINED + END_SEQUENCE, 0x0040A123),
    ("text of undefined length, removed", b"\x32\0\x00\x40UT\0\0" + UNDEFINED + END_SEQUENCE, 0x00324000),
    ("a VR that is none", b"\x28\0\x50\x10XX\2\0" + b"40", 0x00281050),
    ("an item outside a sequence", OPEN_ITEM + END_ITEM, 0xFFFEE000),
    ("a sequence end outside a sequence", END_SEQUENCE, 0xFFFEE0DD),
    ("an item end outside an item", END_ITEM, 0),
    ("a sequence end within an item", NAMES + b"SQ\0\0" + UNDEFINED + OPEN_ITEM + END_SEQUENCE, 0x0040A043),
    ("no item in a sequence", NAMES + b"SQ\0\0\x08\0\0\0" + b"\x08\0\x04\x01LO\0\0", 0x0040A043),
    ("a delimiter in a closed sequence", NAMES + b"SQ\0\0\x08\0\0\0" + END_SEQUENCE, 0x0040A043),
    ("no item in an open sequence", NAMES + b"SQ\0\0" + UNDEFINED + b"\x08\0\x04\x01LO\0\0" + END_SEQUENCE, 0x0040A043),
    (
        "an item longer than its sequence",
        NAMES + b"SQ\0\0\x08\0\0\0" + b"\xfe\xff\x00\xe0\x0a\0\0\0" + MEANING,
        0x0040A043,
    ),
    (
        "an element longer than its item, kept",
        NAMES + b"SQ\0\0\x10\0\0\0" + b"\xfe\xff\x00\xe0\x08\0\0\0" + b"\x08\0\x04\x01LO\2\0" + WINDOW,
        0x0040A043,
    ),
    (
        "an element longer than its item, removed",
        NAMES + b"SQ\0\0\x10\0\0\0" + b"\xfe\xff\x00\xe0\x08\0\0\0" + b"\x32\0\x00\x40LT\2\0" + WINDOW,
        0x0040A043,
    ),
    (
        "an element longer than its item, changed",
        NAMES + b"SQ\0\0\x10\0\0\0" + b"\xfe\xff\x00\xe0\x08\0\0\0" + b"\x08\0\x55\x11UI\2\0" + WINDOW,
        0x0040A043,
    ),
    (
        "an item of six bytes",
        NAMES + b"SQ\0\0\x0e\0\0\0" + b"\xfe\xff\x00\xe0\6\0\0\0" + b"\x08\0\x04\x01LO" + WINDOW,
        0x0040A043,
    ),
    (
        "an item of two bytes",
        NAMES + b"SQ\0\0\x0a\0\0\0" + b"\xfe\xff\x00\xe0\2\0\0\0" + b"\x08\0" + WINDOW,
        0x0040A043,
    ),
    ("half an item header", NAMES + b"SQ\0\0\4\0\0\0" + b"\xfe\xff\x00\xe0" + WINDOW, 0x0040A043),
    ("a VR that is none, inside", sequence(NAMES, b"\x08\0\x04\x01XX\0\0"), 0x0040A043),
]


@pytest.mark.parametrize(("body", "tag"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED])
def test_malformed_input_is_refused_however_it_arrives(body: bytes, tag: int) -> None:
    under = engine()
    data_set = head() + body + WINDOW
    for chunks in splits(data_set):
        with pytest.raises(MalformedInput) as caught:
            feed(data_set_rewriter(under), chunks)
        assert caught.value.path[:1] in ((tag,), ())


@pytest.mark.parametrize("element", [b"\x28\0\x50\x10UT\0\0", b"\x32\0\x00\x40UT\0\0"])
def test_a_fault_in_a_value_that_is_skipped_is_placed_alike_however_it_arrives(element: bytes) -> None:
    seen = set()
    for chunks in splits(head() + element + UNDEFINED + END_SEQUENCE + WINDOW):
        with pytest.raises(MalformedInput) as caught:
            feed(data_set_rewriter(engine()), chunks)
        seen.add(caught.value.offset)
    assert len(seen) == 1


@pytest.mark.parametrize("encoding", [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE])
def test_a_data_set_cut_anywhere_inside_an_element_is_malformed(encoding: Encoding) -> None:
    under = engine()
    elements = [
        encoding.make(0x00281050, "DS", b"40"),
        encoding.make(0x00324000, "LT", b"Hi"),
        encoding.make(
            0x0040A043,
            "SQ",
            encoding.tag(0xFFFEE000) + encoding.u32.pack(8) + bytes(0) + encoding.make(0x00080104, "LO", b""),
        ),
        encoding.make(0x0040A123, "PN", b"AB"),
    ]
    data_set, ends = head(encoding), set()
    start = len(data_set)
    for element in elements:
        data_set += element
        ends.add(len(data_set))
    for end in range(start + 1, len(data_set)):
        last = max((other for other in ends if other < end), default=start)
        if end in ends or not data_set[last:end].strip(b"\0"):  # zeros after the data set are no fault
            continue
        with pytest.raises(MalformedInput, match=r"past the end of the data|inside an element"):
            feed(data_set_rewriter(under, encoding), [data_set[:end]])
        with pytest.raises(MalformedInput, match=r"past the end of the data|inside an element"):
            feed(data_set_rewriter(under, encoding), [data_set[i : i + 1] for i in range(end)])


def test_a_fault_names_path_and_offset_in_the_whole_data_set_and_no_value() -> None:
    body = WINDOW + sequence(SHARED, sequence(NAMES, MEANING + b"\x08\0\x05\x01XXSMITH^JOHN"))
    with pytest.raises(MalformedInput) as caught:
        feed(data_set_rewriter(engine()), [head() + body])
    at = (head() + body).index(b"\x08\0\x05\x01XX")
    assert str(caught.value) == (
        f"a VR that PS3.5 does not define at (5200,9229)>(0040,A043)>(0008,0105) (offset {at})"
    )


@pytest.mark.parametrize("value", [b"P2", b"P1\\P2", b""])
def test_a_second_patient_id_is_refused_because_dates_may_have_moved_already(value: bytes) -> None:
    second = EXPLICIT_LE.make(0x00100020, "LO", value)
    whole, study = head(), EXPLICIT_LE.make(0x0020000D, "UI", b"1.2")
    for data_set in (whole + second, whole.removesuffix(study) + second + study):
        with pytest.raises(MalformedInput, match=r"Patient ID twice or out of order at \(0010,0020\)"):
            feed(data_set_rewriter(engine()), [data_set])


def test_the_same_patient_id_twice_is_harmless() -> None:
    under = engine()
    assert walk(head() + EXPLICIT_LE.make(0x00100020, "LO", b"P1 "), under).count(RELEASED_PATIENT) == 2


def test_the_patient_id_of_another_patient_inside_an_item_reads_as_this_one() -> None:
    assert released(sequence(NAMES, b"\x10\0\x20\0LO\2\0P9")) == sequence(NAMES, RELEASED_PATIENT)


def nested(depth: int) -> bytes:
    return (NAMES + b"SQ\0\0" + UNDEFINED + OPEN_ITEM) * depth + (END_ITEM + END_SEQUENCE) * depth


def test_nesting_up_to_the_limit_is_walked() -> None:
    body = nested(MAX_DEPTH)
    under = engine()
    assert feed(data_set_rewriter(under), [head() + body]) == released_head(under) + body


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 10_000])
def test_nesting_beyond_the_limit_is_refused(depth: int) -> None:
    with pytest.raises(LimitExceeded, match="nesting of sequences"):
        feed(data_set_rewriter(engine()), [head() + nested(depth)])


def test_nesting_in_closed_lengths_beyond_the_limit_is_refused() -> None:
    inner = b""
    for _ in range(MAX_DEPTH + 1):
        inner = sequence(NAMES, inner)
    with pytest.raises(LimitExceeded, match="nesting of sequences"):
        feed(data_set_rewriter(engine()), [head() + inner])


@pytest.mark.parametrize("inner_depth", [2, 20, 28])
def test_a_lower_limit_counts_also_what_is_remembered(inner_depth: int) -> None:
    inner = b""
    for _ in range(inner_depth):
        inner = sequence(NAMES, inner)
    outer = (NAMES + b"SQ\0\0" + UNDEFINED + OPEN_ITEM, END_ITEM + END_SEQUENCE)
    under = engine()
    shallow, deep = (outer[0] * count + inner + outer[1] * count for count in (30 - inner_depth, 31 - inner_depth))
    for _ in range(3):  # the first walks, the second remembers, the third is compared
        feed(data_set_rewriter(under), [head() + inner])
        feed(data_set_rewriter(under), [head() + deep])
        feed(data_set_rewriter(under, limits=Limits(max_depth=30)), [head() + shallow])
        with pytest.raises(LimitExceeded, match="nesting of sequences exceeds the limit of 30"):
            feed(data_set_rewriter(under, limits=Limits(max_depth=30)), [head() + deep])


def test_nesting_inside_what_is_removed_is_limited_too() -> None:
    with pytest.raises(LimitExceeded, match="nesting of sequences"):
        feed(data_set_rewriter(engine()), [head() + REQUEST + b"SQ\0\0" + UNDEFINED + OPEN_ITEM + nested(10_000)])


def test_a_remembered_sequence_is_forgotten_for_another_patient() -> None:
    under = engine()
    body = sequence(NAMES, PATIENT)
    of_p1 = walk(head() + body, under)
    of_p2 = walk(head().replace(b"LO\2\0P1", b"LO\2\0P2") + body, under)
    assert PSEUDONYM.encode() in of_p1
    assert KEYS.patient("", "P2", "").encode() in of_p2
    assert PSEUDONYM.encode() not in of_p2


def test_dates_inside_a_sequence_are_not_remembered_from_another_patient() -> None:
    under = engine(DATES)
    body = sequence(NAMES, b"\x40\0\x21\xa1DA\x08\0" + b"20200301")
    first = walk(head() + body, under)
    assert KEYS.shift_days("", "P3", "") != DAYS
    assert walk(head().replace(b"LO\2\0P1", b"LO\2\0P3") + body, under)[-8:] != first[-8:]


def test_a_remembered_sequence_counts_as_often_as_it_is_met() -> None:
    for times in (1, 2, 5):
        rewriter = data_set_rewriter(engine())
        feed(rewriter, [head() + sequence(SHARED, *[sequence(NAMES, REFERENCE + COMMENTS)] * times)])
        counts = dict(zip(COUNTED, rewriter.counts, strict=True))
        assert (counts["uid"], counts["removed"]) == (2 + times, times)


def test_the_memory_of_sequences_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "MAX_MEMO", 2)
    bodies = [sequence(NAMES, b"\x08\0\x04\x01LO\2\0" + bytes([65, 65 + n]) + REFERENCE) for n in range(9)]
    expected = [body.replace(REFERENCE, b"") for body in bodies]
    whole = released(b"".join(bodies))
    assert whole.count(RELEASED_REFERENCE) == len(expected)


def test_a_large_sequence_is_walked_without_being_remembered() -> None:
    many = [REFERENCE] * (MEMO_BYTES // len(REFERENCE) + 1)
    assert released(sequence(NAMES, *many)) == sequence(NAMES, *[RELEASED_REFERENCE] * len(many))


def test_counts_do_not_depend_on_how_the_bytes_arrive() -> None:
    under = engine()
    data_set = head() + open_sequence(NAMES, REFERENCE + COMMENTS, ORDER, PATIENT) + COMMENTS + NAME
    seen = set()
    for chunks in splits(data_set):
        rewriter = data_set_rewriter(under)
        feed(rewriter, chunks)
        seen.add(tuple(zip(COUNTED, rewriter.counts, strict=True)))
    assert len(seen) == 1


def test_an_element_that_outgrows_its_length_field_is_refused_at_once() -> None:
    many = b"\\".join([b"1"] * 3000) + b"\0"
    rewriter = data_set_rewriter(engine())
    with pytest.raises(GatewayError):
        rewriter.feed(
            head()
            + EXPLICIT_LE.make(0x00080058, "UI", b"")
            + EXPLICIT_LE.make(0x0040A171, "UI", many)
            + bytes(0)
            + WINDOW
        )


def test_invented_tags_do_not_fill_the_memory_of_a_long_lived_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_KEYS", 50)
    under = engine()
    for start in range(0x1000, 0x1800, 0x100):
        body = b"".join(b"\x29\0" + n.to_bytes(2, "little") + b"LO\0\0" for n in range(start, start + 0x100))
        assert feed(data_set_rewriter(under), [head() + body]) == released_head(under)
    for table in layout(under).tables:
        assert max(len(table.operations), len(table.vrs), len(table.constants)) <= 51


KEPT_SEQUENCES = (0x00281401, 0x0028140B, 0x00283000, 0x00283010, 0x00283110, 0x00285000, 0x00286100)


def test_nested_inventions_do_not_fill_the_memory_of_a_long_lived_engine() -> None:
    known = KEPT_SEQUENCES
    under = engine()

    def tables_after(turn: int) -> int:
        body = b""
        for depth in range(20):
            body = EXPLICIT_LE.make(
                known[(depth * turn + depth // 3) % 7],
                "SQ",
                b"\xfe\xff\x00\xe0" + len(body).to_bytes(4, "little") + body,
            )
        feed(data_set_rewriter(under), [head() + body])
        found: set[int] = set()
        open_tables = list(layout(under).tables)
        while open_tables:
            table = open_tables.pop()
            if id(table) not in found:
                found.add(id(table))
                open_tables += table.children.values()
        return len(found)

    assert all(dictionary.vr_of(tag) == "SQ" for tag in known)
    sizes = [tables_after(turn) for turn in range(1, 12)]
    assert sizes[-1] <= 4 + 4 * len(known)
