"""Items in another encoding than their data set: de-identified as any other, and released in that of the data set."""

import warnings
from io import BytesIO

import pytest
from pydicom import dcmread

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.rewrite.dataset import MEMO_BYTES
from gateway.core.rewrite.factwalk import FactWalker
from gateway.core.rewrite.maskfacts import regions
from gateway.core.rewrite.told import Told
from gateway.core.wire.elements import (
    EXPLICIT_BE,
    EXPLICIT_LE,
    IMPLICIT_LE,
    ITEM,
    ITEM_DELIMITER,
    MAX_DEPTH,
    SEQUENCE_DELIMITER,
    SHORT,
    UNDEFINED,
    Encoding,
)
from tests.unit.core.rewrite.objects import engine, head, part10, released, uid, walk

CONCEPT, REQUEST, CONTENT = 0x0040A043, 0x00400275, 0x0040A730
SYNTAXES = {EXPLICIT_LE: b"1.2.840.10008.1.2.1", IMPLICIT_LE: b"1.2.840.10008.1.2"}
OTHER = {EXPLICIT_LE: IMPLICIT_LE, IMPLICIT_LE: EXPLICIT_LE}
ENCODINGS = [EXPLICIT_LE, IMPLICIT_LE]
OPTIONS = "options: [clean_structured_content, clean_descriptors]\n"


def item(body: bytes, *, is_open: bool = False) -> bytes:
    """Write an item."""
    tag, end = EXPLICIT_LE.tag(ITEM), EXPLICIT_LE.header(EXPLICIT_LE.tag(ITEM_DELIMITER), SHORT, 0)
    if is_open:
        return EXPLICIT_LE.header(tag, SHORT, UNDEFINED) + body + end
    return EXPLICIT_LE.header(tag, SHORT, len(body)) + body


def sequence(tag: int, encoding: Encoding, *items: bytes, is_open: bool = False, vr: str = "SQ") -> bytes:
    """Write a sequence."""
    value = b"".join(items)
    if not is_open:
        return encoding.make(tag, vr, value)
    end = encoding.header(encoding.tag(SEQUENCE_DELIMITER), SHORT, 0)
    return encoding.make(tag, vr, b"")[:-4] + b"\xff\xff\xff\xff" + value + end


def coded(encoding: Encoding, name: bytes = b"SMITH^JO", more: bytes = b"") -> bytes:
    """Write elements that stay, go, and change."""
    return (
        encoding.make(0x00080000, "UL", b"\x20\0\0\0")
        + encoding.make(0x00080104, "LO", b"CT")
        + encoding.make(0x00081155, "UI", b"1.2.9")
        + encoding.make(0x00091010, "LO", b"ACME")
        + encoding.make(0x00091001, "LO", name)
        + encoding.make(0x0040A123, "PN", name)
        + more
    )


def left(encoding: Encoding, more: bytes = b"") -> bytes:
    """Write what is left of them."""
    return (
        encoding.make(0x00080104, "LO", b"CT")
        + encoding.make(0x00081155, "UI", uid("1.2.9"))
        + encoding.make(0x0040A123, "PN", b"ANONYMOUS")
        + more
    )


@pytest.mark.parametrize("own", ENCODINGS)
@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("has_open_items", [False, True])
@pytest.mark.parametrize("filler", [b"", b"x" * 2 * MEMO_BYTES])
def test_an_item_in_another_encoding_leaves_in_that_of_its_data_set(
    own: Encoding, filler: bytes, *, is_open: bool, has_open_items: bool
) -> None:
    other = OTHER[own]
    items = [
        item(coded(own), is_open=has_open_items),
        item(coded(other, more=other.make(0x0040A160, "UT", filler)), is_open=has_open_items),
        item(b"", is_open=has_open_items),
        item(coded(own)),
    ]
    expected = [
        item(left(own), is_open=has_open_items),
        item(left(own, own.make(0x0040A160, "UT", b"ANONYMOUS"))),
        item(b"", is_open=has_open_items),
        item(left(own)),
    ]
    whole = released(sequence(CONCEPT, own, *items, is_open=is_open), encoding=own)
    assert whole == sequence(CONCEPT, own, *expected, is_open=is_open)


@pytest.mark.parametrize("own", ENCODINGS)
@pytest.mark.parametrize("is_open", [False, True])
def test_so_do_those_nested_in_it_whatever_they_are_in(own: Encoding, *, is_open: bool) -> None:
    other = OTHER[own]
    expected = b""
    whole = b""
    for depth in range(9):  # in the other encoding, and back again
        inner, outer = (own, other) if depth in (3, 4, 7) else (other, other)
        whole = coded(inner, more=sequence(CONCEPT, inner, item(whole, is_open=is_open), is_open=is_open))
        expected = left(own, sequence(CONCEPT, own, item(expected)))
        assert outer is other
    got = released(sequence(CONCEPT, own, item(whole, is_open=is_open), is_open=is_open), encoding=own)
    assert read(got, own) == read(sequence(CONCEPT, own, item(expected)), own)


def read(data: bytes, own: Encoding) -> dict[str, object]:
    """Give what pydicom reads, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return dcmread(BytesIO(part10(head(own) + data, SYNTAXES[own]))).to_json_dict()


def test_an_element_that_says_its_vr_is_judged_by_it_and_one_that_does_not_is_unknown() -> None:
    person = sequence(0x00080008, EXPLICIT_LE, item(EXPLICIT_LE.make(0x00100010, "PN", b"SMITH^JO")))
    window = EXPLICIT_LE.make(0x00281050, "DS", b"40")
    got = released(sequence(CONCEPT, IMPLICIT_LE, item(person + window)), encoding=IMPLICIT_LE)
    assert got == sequence(CONCEPT, IMPLICIT_LE, item(IMPLICIT_LE.make(0x00281050, "DS", b"40"))), "Image Type is no SQ"
    choice = item(
        IMPLICIT_LE.make(0x00280106, "US", b"\1\0") + IMPLICIT_LE.make(0x00281050, "DS", b"4\\" * 40_000 + b"5 ")
    )
    assert released(sequence(CONCEPT, EXPLICIT_LE, choice)) == sequence(
        CONCEPT,
        EXPLICIT_LE,
        item(EXPLICIT_LE.make(0x00280106, "UN", b"\1\0") + EXPLICIT_LE.make(0x00281050, "UN", b"4\\" * 40_000 + b"5 ")),
    )


def test_a_private_element_that_is_kept_keeps_its_creator_and_one_without_a_vr_goes() -> None:
    under = engine("  '(\"ACME\",0009,01)': {action: keep}\n")
    before = [own.make(0x00080104, "LO", b"CT") for own in (IMPLICIT_LE, EXPLICIT_LE)]
    explicit = item(before[1] + private(EXPLICIT_LE, "SH"))
    got = released(sequence(CONCEPT, IMPLICIT_LE, explicit), under, IMPLICIT_LE)
    assert got == sequence(CONCEPT, IMPLICIT_LE, item(before[0] + private(IMPLICIT_LE, "SH")))
    implicit = item(before[0] + private(IMPLICIT_LE, "SH"))
    assert released(sequence(CONCEPT, EXPLICIT_LE, implicit), under) == sequence(CONCEPT, EXPLICIT_LE, item(before[1]))


def test_a_safe_private_element_keeps_its_creator_where_its_vr_is_unknown() -> None:
    def safe(own: Encoding, vr: str) -> bytes:
        """Write one of Table E.3.10-1."""
        return own.make(0x00430010, "LO", b"GEMS_PARM_01") + own.make(0x00431039, vr, b"1000")

    got = released(
        sequence(CONCEPT, EXPLICIT_LE, item(safe(IMPLICIT_LE, "IS"))), engine("options: [retain_safe_private]\n")
    )
    assert got == sequence(CONCEPT, EXPLICIT_LE, item(safe(EXPLICIT_LE, "UN")))


def private(encoding: Encoding, vr: str) -> bytes:
    """Write a private block with one element."""
    return encoding.make(0x00090010, "LO", b"ACME") + encoding.make(0x00091001, vr, b"12")


@pytest.mark.parametrize("own", ENCODINGS)
@pytest.mark.parametrize("is_open", [False, True])
def test_what_goes_goes_with_its_items_in_any_encoding(own: Encoding, *, is_open: bool) -> None:
    inside = coded(OTHER[own], more=sequence(CONCEPT, OTHER[own], item(coded(own), is_open=is_open), is_open=is_open))
    whole = sequence(REQUEST, own, item(inside, is_open=is_open), is_open=is_open)
    window = own.make(0x00281050, "DS", b"40")
    assert released(whole + window, encoding=own) == window


@pytest.mark.parametrize("is_open", [False, True])
def test_items_in_vr_unknown_may_be_explicit_after_all(*, is_open: bool) -> None:
    got = released(sequence(CONCEPT, EXPLICIT_LE, item(coded(EXPLICIT_LE), is_open=is_open), is_open=is_open, vr="UN"))
    assert got == sequence(CONCEPT, EXPLICIT_LE, item(left(IMPLICIT_LE)), is_open=is_open, vr="UN")


def test_items_of_another_byte_order_and_ambiguous_ones_are_malformed() -> None:
    wide = EXPLICIT_LE.make(0x00080104, "LO", b"") + EXPLICIT_LE.make(0x00080105, "LO", b"CT")
    for own, body, why in (
        (EXPLICIT_BE, coded(IMPLICIT_LE), "a VR that PS3.5 does not define"),
        (
            EXPLICIT_LE,
            EXPLICIT_LE.make(0x00080104, "LO", b"CT").replace(b"LO", b"ZZ"),
            "a VR that PS3.5 does not define",
        ),
        (EXPLICIT_LE, coded(EXPLICIT_BE), "an element ends past the end of its item"),
        (IMPLICIT_LE, wide.ljust(8 + 0x4F4C, b" "), "an item that can be read in two encodings"),
    ):
        end = own.header(own.tag(ITEM), SHORT, len(body)) + body
        with pytest.raises(MalformedInput, match=why) as caught:
            released(own.make(CONCEPT, "SQ", end), encoding=own)
        assert caught.value.path[0] == CONCEPT


@pytest.mark.parametrize("own", ENCODINGS)
@pytest.mark.parametrize("is_open", [False, True])
def test_a_content_item_is_known_by_its_concept_in_any_encoding(own: Encoding, *, is_open: bool) -> None:
    under = engine(OPTIONS)

    def content(encoding: Encoding, code: bytes, inner: Encoding) -> bytes:
        """Write a numeric content item."""
        name = inner.make(0x00080100, "SH", code) + inner.make(0x00080102, "SH", b"DCM")
        return (
            encoding.make(0x0040A040, "CS", b"TEXT")
            + sequence(CONCEPT, encoding, item(name, is_open=is_open), is_open=is_open)
            + encoding.make(0x0040A160, "UT", b"plain")
        )

    goes, stays = b"121029", b"121071"  # Subject Name; Finding
    other = OTHER[own]
    items = [
        item(content(a, code, b), is_open=is_open) for code in (goes, stays) for a in (own, other) for b in (own, other)
    ]
    one = released(sequence(CONTENT, own, *items, is_open=is_open), under, own)
    alike = [item(content(own, code, own)) for code in (goes, stays) for _ in range(4)]
    assert read(one, own) == read(released(sequence(CONTENT, own, *alike), under, own), own)


@pytest.mark.parametrize("own", ENCODINGS)
@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("filler", [b"", b"x" * 2 * MEMO_BYTES])
def test_what_such_items_tell_of_the_subject_is_known(own: Encoding, filler: bytes, *, is_open: bool) -> None:
    other = OTHER[own]
    name = other.make(0x0040A123, "PN", b"QUIXOTE^ALONSO")
    items = (
        item(own.make(0x0040A160, "UT", filler), is_open=is_open),
        item(other.make(0x00080104, "LO", b"CT") + name, is_open=is_open),
        item(own.make(0x0040A123, "PN", b"MALAMBRUNO^X"), is_open=is_open),
    )
    data = sequence(CONCEPT, own, *items, is_open=is_open) + own.make(0x0040A123, "PN", b"DULCINEA^X")
    assert told(data, own) == {"QUIXOTE^ALONSO", "MALAMBRUNO^X", "DULCINEA^X"}


def told(data: bytes, own: Encoding) -> set[str]:
    """Give what elements of the root tell."""
    found: list[Told] = []
    walker, pos = FactWalker(own, ()), 0
    while pos < len(data):
        pos = walker.element(data, pos, found)
    return {value for one in found for value in one.values}


@pytest.mark.parametrize("own", ENCODINGS)
@pytest.mark.parametrize("body", [b"", b"\x40\0\x60\xa1ZZ\0\0", b"?"])
def test_a_broken_one_hides_nothing_that_comes_after_it(own: Encoding, body: bytes) -> None:
    name = OTHER[own].make(0x0040A123, "PN", b"QUIXOTE^ALONSO")
    start = EXPLICIT_LE.header(EXPLICIT_LE.tag(ITEM), SHORT, UNDEFINED)
    broken = sequence(REQUEST, own, start + OTHER[own].make(0x00080104, "LO", b"CT") + name + body)
    after = own.make(0x0040A123, "PN", b"DULCINEA^X")
    assert told(broken + after, own) == {"QUIXOTE^ALONSO", "DULCINEA^X"}


def test_one_that_may_be_meant_in_two_encodings_hides_nothing_either() -> None:
    wide = EXPLICIT_LE.make(0x00080104, "LO", b"") + EXPLICIT_LE.make(0x00080105, "LO", b"CT")
    name = IMPLICIT_LE.make(0x0040A123, "PN", b"QUIXOTE^ALONSO")
    for cut in (item(wide.ljust(8 + 0x4F4C, b" ") + name), item(b"")[:4] + b"\x06\0\0\0" + name[:6]):
        data = sequence(REQUEST, IMPLICIT_LE, cut) + IMPLICIT_LE.make(0x0040A123, "PN", b"DULCINEA^X")
        assert "DULCINEA^X" in told(data, IMPLICIT_LE)
    assert told(sequence(REQUEST, EXPLICIT_LE, item(b"\x08\0\x04\x01\2\0")), EXPLICIT_LE) == set()


@pytest.mark.parametrize("own", ENCODINGS)
def test_codes_of_an_earlier_pass_and_regions_are_read_in_any_encoding(own: Encoding) -> None:
    other = OTHER[own]
    code = other.make(0x00080100, "SH", b"113100") + other.make(0x00080102, "SH", b"DCM")
    one, alike = (
        released(sequence(0x00120064, own, item(body)), encoding=own)
        for body in (code, own.make(0x00080100, "SH", b"113100") + own.make(0x00080102, "SH", b"DCM"))
    )
    assert one == alike
    corners = b"".join(
        other.make(tag, "UL", bytes([number, 0, 0, 0]))
        for number, tag in enumerate(range(0x00186018, 0x00186020, 2), 1)
    )
    assert regions(sequence(0x00186011, own, item(corners)), own) == ((1, 2, 3, 4),)


@pytest.mark.parametrize("own", ENCODINGS)
def test_nesting_is_bounded_whatever_encodings_take_turns(own: Encoding) -> None:
    def nested(depth: int) -> bytes:
        """Nest sequences in encodings that take turns."""
        body, encoding = b"", own if depth % 2 else OTHER[own]
        for _ in range(depth):
            body, encoding = (
                encoding.make(0x00080104, "LO", b"CT") + sequence(CONCEPT, encoding, item(body)),
                OTHER[encoding],
            )
        return sequence(CONCEPT, own, item(body))

    read(released(nested(30), encoding=own), own)
    with pytest.raises(LimitExceeded, match="nesting of sequences"):
        walk(head(own) + nested(MAX_DEPTH), engine(), own)
    with pytest.raises(LimitExceeded, match="nesting of sequences"):
        FactWalker(own, ()).element(nested(2 * MAX_DEPTH), 0, [])


@pytest.mark.parametrize("own", ENCODINGS)
@pytest.mark.parametrize("is_open", [False, True])
def test_what_comes_after_them_in_the_head_is_found(own: Encoding, *, is_open: bool) -> None:
    start, identifiers = (
        head(own)[: -len(head(own).partition(own.tag(0x00100020))[2]) - 4],
        head(own).partition(own.tag(0x00100020)),
    )
    views = sequence(0x00081140, own, item(coded(OTHER[own]), is_open=is_open), is_open=is_open)
    got = walk(start + views + b"".join(identifiers[1:]), engine(), own)
    alike = walk(start + sequence(0x00081140, own, item(coded(own))) + b"".join(identifiers[1:]), engine(), own)
    assert dcmread(BytesIO(part10(got, SYNTAXES[own]))) == dcmread(BytesIO(part10(alike, SYNTAXES[own])))


@pytest.mark.parametrize("own", ENCODINGS)
def test_one_that_ends_after_its_sequence_is_malformed(own: Encoding) -> None:
    whole = item(OTHER[own].make(0x00080104, "LO", b"CT"), is_open=True)
    broken = sequence(CONCEPT, own, whole)
    length = len(whole) - 8
    broken = broken.replace(len(whole).to_bytes(4, "little"), length.to_bytes(4, "little"), 1)
    with pytest.raises(MalformedInput, match="an element ends past the end of the data"):
        walk(head(own) + broken, engine(), own)
