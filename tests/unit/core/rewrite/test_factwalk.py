"""FactWalker: a long sequence tells the same whether it is cut at its items or walked."""

from collections.abc import Callable
from random import Random

import pytest

from gateway.core.clean.subject import Kind
from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.rewrite import factwalk
from gateway.core.rewrite.factwalk import MAX_ITEM_SETS, MEMO_BYTES, FactWalker
from gateway.core.rewrite.told import Told
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.unit.core.rewrite.test_facts import LATIN, item, read, sequence

ENCODINGS = (EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE)
PERSON, EQUIVALENT, FRAMES, CONTENT = 0x00401101, 0x00080121, 0x52009230, 0x0040A730
FILLER = EXPLICIT_LE.make(0x0040A160, "UT", b"x" * 2 * MEMO_BYTES)
ITEM_TAG = b"\xfe\xff\x00\xe0"


uncompiled = pytest.mark.skipif(not factwalk.__file__.endswith(".py"), reason="a compiled class has no heirs")


class Walking(FactWalker):
    """Walks every sequence."""

    def _cut(self, value: bytes) -> tuple[Told, ...] | None:
        del value
        return None


def told(walker: FactWalker, data: bytes) -> set[tuple[int, Kind, tuple[str, ...]]]:
    found: list[Told] = []
    pos = 0
    while pos < len(data):
        pos = walker.element(data, pos, found)
    return {(one.tag, one.kind, one.values) for one in found}


def random_items(random: Random, encoding: Encoding, depth: int = 0) -> list[bytes]:
    """Make items of everything that tells something, or looks like it."""
    return [
        item(
            *(random_element(random, encoding, depth) for _ in range(random.randrange(5))),
            encoding=encoding,
            is_open=random.random() < 0.3,
        )
        for _ in range(random.randrange(4))
    ]


def random_element(random: Random, encoding: Encoding, depth: int) -> bytes:
    number = b"%02d" % random.randrange(6)
    if depth < 4 and random.random() < 0.4:
        tag = random.choice((CONTENT, FRAMES, 0x00081115, PERSON if random.random() < 0.02 else CONTENT))
        items = random_items(random, encoding, depth + 1)
        return sequence(tag, *items, encoding=encoding, is_open=random.random() < 0.3)
    makers: tuple[Callable[[], bytes], ...] = (
        lambda: encoding.make(0x0040A123, "PN", b"Doe^Jane" + number),
        lambda: encoding.make(0x0040A124, "UI", b"1.2.3.4.5." + number),
        lambda: encoding.make(0x0040A120, "DT", b"20200102030405." + number),
        lambda: encoding.make(0x00080100, "SH", b"CODE" + number),
        lambda: encoding.make(0x00100020, "LO", b"ID" + number),
        lambda: encoding.make(0x0040A30A, "DS", b"1." + number),
        lambda: encoding.make(0x00281201, "OW", b"ab" * 100),
        lambda: encoding.make(0x00091002, "PN", b"Private^Name" + number),
    )
    odd: tuple[Callable[[], bytes], ...] = (
        lambda: encoding.make(0x00080005, "CS", b"ISO_IR 192"),
        lambda: encoding.make(0x00281201, "OW", ITEM_TAG + b"\x10\0\x10\0PN\x04\0Noes"),
        lambda: encoding.make(0x00091003, "UN", item(IMPLICIT_LE.make(0x00100010, "PN", b"Hidden" + number))),
        lambda: encoding.make(0x00100010, "UN", b"Un^Known" + number),
    )
    return random.choice(odd if random.random() < 0.01 else makers)()


@uncompiled
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_sequence_that_is_cut_tells_what_walking_it_tells(encoding: Encoding) -> None:
    random = Random(7)
    cutting, cut = FactWalker(encoding, LATIN), 0
    for _ in range(150):
        items = [part for _ in range(8) for part in random_items(random, encoding)]
        data = sequence(CONTENT, *items, encoding=encoding)
        cut += len(data) > MEMO_BYTES and cutting._cut(data[12 if encoding.explicit else 8 :]) is not None
        assert told(cutting, data) == told(Walking(encoding, LATIN), data)
    assert 20 < cut < 140


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("filler", [b"", FILLER])
def test_codes_after_a_nested_sequence_belong_to_the_one_around_it(filler: bytes, *, is_open: bool) -> None:
    nested = sequence(EQUIVALENT, item(EXPLICIT_LE.make(0x00080100, "SH", b"NOBODY"), filler), is_open=is_open)
    first = item(EXPLICIT_LE.make(0x00080104, "LO", b"Eliot Rosewater"), nested)
    second = item(EXPLICIT_LE.make(0x00080104, "LO", b"Kilgore Trout"), filler)
    people = {"Eliot Rosewater", "Kilgore Trout"}
    assert read(sequence(PERSON, first, second, is_open=is_open)).names == people
    around = sequence(CONTENT, item(FILLER, sequence(PERSON, first, second, is_open=is_open)), item(FILLER, nested))
    assert read(around).names == people
    after = item(FILLER, sequence(PERSON, first, second, is_open=is_open), EXPLICIT_LE.make(0x00080104, "LO", b"no"))
    assert read(sequence(CONTENT, after)).names == people


def test_a_delimiter_where_nothing_is_open_ends_nothing() -> None:
    stray = EXPLICIT_LE.tag(0xFFFEE0DD) + bytes(4)
    nested = sequence(EQUIVALENT, item(FILLER), stray)
    second = item(EXPLICIT_LE.make(0x00080104, "LO", b"Kilgore Trout"))
    assert read(sequence(PERSON, item(nested), second)).names == {"Kilgore Trout"}


@pytest.mark.parametrize(
    "inside",
    [
        EXPLICIT_LE.make(0x00100010, "PN", b"Smith^John")[:-2],
        EXPLICIT_LE.make(0x00100010, "PN", b"Smith^John")[:5],
        EXPLICIT_LE.make(0x00100010, "PN", b"Smith^John") + b"\x10\x00",
        EXPLICIT_LE.make(0x00280010, "US", b"\1\2")[:4] + b"??\x02\x00\1\2",
        sequence(CONTENT, FILLER),
    ],
)
def test_pieces_that_are_no_whole_elements_are_left_to_the_walk(inside: bytes) -> None:
    name = item(EXPLICIT_LE.make(0x0040A123, "PN", b"Doe^Jane"))
    for value in (name + item(inside), inside + name):
        assert FactWalker(EXPLICIT_LE, LATIN)._cut(value) is None
    assert read(sequence(CONTENT, name, item(FILLER), item(inside))).names >= {"Doe^Jane"}


def test_a_long_sequence_met_again_is_told_apart_from_a_longer_one() -> None:
    name, other = (item(EXPLICIT_LE.make(0x0040A123, "PN", value)) for value in (b"Doe^Jane", b"Roe^Max"))
    walker = FactWalker(EXPLICIT_LE, LATIN)
    for names in ((name,), (name,), (name, other), (other,)):
        data = sequence(CONTENT, item(FILLER), *names)
        assert len(told(walker, data)) == len(names)


def test_long_sequences_are_remembered_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    walker = FactWalker(EXPLICIT_LE, LATIN)
    name = item(EXPLICIT_LE.make(0x0040A123, "PN", b"Doe^Jane"))
    data = [sequence(tag, item(FILLER), name) for tag in (CONTENT, FRAMES, 0x00081115)]
    for limit, count in ((len(data[0]), 2), (1, 0)):
        monkeypatch.setattr(factwalk, "MAX_REMEMBERED_BYTES", limit)
        for one in data * 2:
            assert len(told(walker, one)) == 1
        assert len(walker._long) <= count


def broken(encoding: Encoding) -> tuple[bytes, ...]:
    """Make values of sequences in which something ends before it is whole."""
    cut = encoding.make(0x00100010, "PN", b"x" * 40)[:20]
    filler = encoding.make(0x0040A160, "UT", b"x" * 2 * MEMO_BYTES)
    huge = encoding.header(encoding.tag(0x0040A160) + (b"UT" if encoding.explicit else b""), 1, 0x0FFFFFFF)
    return (
        b"abcd",
        b"no sequence at all, but text that a vendor wrote",
        encoding.tag(0xFFFEE000),
        item(cut, encoding=encoding),
        item(filler, cut, encoding=encoding),
        item(filler, encoding=encoding) + item(huge, encoding=encoding),
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("number", range(6))
def test_a_broken_sequence_hides_nothing_that_comes_after_it(encoding: Encoding, number: int) -> None:
    value = broken(encoding)[number]
    after = encoding.make(0x0040A123, "PN", b"Doe^Jane")
    root = encoding.make(0x00100010, "PN", b"Smith^John")
    assert read(encoding.make(0x00081111, "SQ", value) + root, encoding).names >= {"Smith^John"}
    nested = item(encoding.make(CONTENT, "SQ", value), after, encoding=encoding)
    for is_open in (False, True):
        around = sequence(CONTENT, nested, item(after, encoding=encoding), encoding=encoding, is_open=is_open)
        assert read(around + root, encoding).names >= {"Smith^John", "Doe^Jane"}
    open_item = item(encoding.make(CONTENT, "SQ", value), after, encoding=encoding, is_open=True)
    around = sequence(CONTENT, open_item, encoding=encoding, is_open=True)
    assert read(around + root, encoding).names >= {"Smith^John", "Doe^Jane"}
    if len(value) > 8 and value.startswith(encoding.tag(0xFFFEE000)):
        around = sequence(CONTENT, value, item(after, encoding=encoding), encoding=encoding, is_open=True)
        assert read(around + root, encoding).names >= {"Smith^John", "Doe^Jane"}


def test_an_item_of_anything_does_not_hide_the_end_of_its_sequence() -> None:
    root = EXPLICIT_LE.make(0x00100010, "PN", b"Smith^John")
    assert read(sequence(0x00091010, item(b"abcd"), is_open=True) + root).names == {"Smith^John"}


@pytest.mark.parametrize("filler", [b"", FILLER])
def test_what_reaches_past_its_item_or_sequence_tells_what_stands_in_it(filler: bytes) -> None:
    cut = EXPLICIT_LE.make(0x0040A123, "PN", b"Doe^Jane" + b"x" * 40)[:16]
    name = item(EXPLICIT_LE.make(0x0040A123, "PN", b"Roe^Max"))
    assert read(sequence(CONTENT, item(filler, cut), name)).names == {"Doe^Jane", "Roe^Max"}
    assert read(sequence(CONTENT, item(sequence(CONTENT, filler, cut), name))).names == {"Doe^Jane", "Roe^Max"}
    long = EXPLICIT_LE.header(EXPLICIT_LE.tag(CONTENT) + b"SQ", 1, 0x00FFFFFF)
    assert read(sequence(CONTENT, item(filler, long, name), name)).names == {"Roe^Max"}


def test_a_value_without_an_end_inside_a_sequence_is_refused() -> None:
    endless = EXPLICIT_LE.header(EXPLICIT_LE.tag(0x00091003) + b"OB", 1, 0xFFFFFFFF) + item(b"ab")
    for data in (sequence(CONTENT, item(endless)), sequence(CONTENT, item(endless), item(FILLER))):
        with pytest.raises(MalformedInput, match=r"\(0009,1003\)"):
            read(data)


@pytest.mark.parametrize("filler", [b"", FILLER])
def test_an_item_keeps_its_character_set_whatever_a_nested_one_says(filler: bytes) -> None:
    name = "Иванов"
    greek, cyrillic = (EXPLICIT_LE.make(0x00080005, "CS", term) for term in (b"ISO_IR 126", b"ISO_IR 144"))
    nested = sequence(0x00081140, item(greek, EXPLICIT_LE.make(0x00080104, "LO", b"ab"), filler))
    person = EXPLICIT_LE.make(0x0040A123, "PN", name.encode("iso8859_5"))
    assert name in read(sequence(0x0040A073, item(cyrillic, nested, person))).names


def test_the_character_sets_of_one_sequence_are_bounded() -> None:
    def data(count: int) -> bytes:
        terms = (f"ISO_IR {100 + number}".encode() for number in range(1, count + 1))
        return sequence(CONTENT, *(item(EXPLICIT_LE.make(0x00080005, "CS", term)) for term in terms))

    read(data(MAX_ITEM_SETS) + data(MAX_ITEM_SETS))
    with pytest.raises(LimitExceeded):
        read(data(MAX_ITEM_SETS + 1))


@pytest.mark.parametrize("filler", [b"", IMPLICIT_LE.make(0x0040A160, "UT", b"x" * 2 * MEMO_BYTES)])
def test_codes_tell_also_where_their_sequence_is_in_vr_unknown(filler: bytes) -> None:
    code = item(IMPLICIT_LE.make(0x00080104, "LO", b"Kilgore Trout"), filler)
    assert read(sequence(PERSON, code, vr="UN")).names == {"Kilgore Trout"}
    assert read(sequence(CONTENT, item(FILLER, sequence(PERSON, code, vr="UN")))).names == {"Kilgore Trout"}
    assert read(sequence(0x00080082, code, vr="UN")).places == {"Kilgore Trout"}
    assert not read(sequence(EQUIVALENT, code, vr="UN")).names
