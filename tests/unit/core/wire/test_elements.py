"""Element headers in three encodings, byte by byte (PS3.5 Section 7)."""

import struct
from collections.abc import Callable

import pytest

from gateway.core.errors import GatewayError, LimitExceeded, MalformedInput
from gateway.core.standard.vr import VRS
from gateway.core.wire.elements import (
    EXPLICIT_BE,
    EXPLICIT_LE,
    IMPLICIT,
    IMPLICIT_LE,
    LONG,
    MAX_DEPTH,
    SHORT,
    UNDEFINED,
    Encoding,
    Header,
    element_value,
    elements,
    item_encoding,
    items,
    read_header,
    skip_value,
)

ENCODINGS = [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE]

# Delimiters, little endian.
OPEN_ITEM = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
END_ITEM = b"\xfe\xff\x0d\xe0\0\0\0\0"
END_SEQUENCE = b"\xfe\xff\xdd\xe0\0\0\0\0"
OPEN_SEQUENCE = b"\x40\0\x43\xa0SQ\0\0\xff\xff\xff\xff"


@pytest.mark.parametrize(
    ("encoding", "encoded", "header"),
    [
        (EXPLICIT_LE, b"\x10\0\x20\0LO\x04\0", Header(0x00100020, "LO", 8, 4)),
        (EXPLICIT_BE, b"\0\x10\0\x20LO\0\x04", Header(0x00100020, "LO", 8, 4)),
        (IMPLICIT_LE, b"\x10\0\x20\0\x04\0\0\0", Header(0x00100020, "", 8, 4)),
        (EXPLICIT_LE, b"\xe0\x7f\x10\0OW\0\0\x04\0\1\0", Header(0x7FE00010, "OW", 12, 0x10004)),
        (EXPLICIT_BE, b"\x7f\xe0\0\x10OW\0\0\0\1\0\x04", Header(0x7FE00010, "OW", 12, 0x10004)),
        (EXPLICIT_LE, OPEN_SEQUENCE, Header(0x0040A043, "SQ", 12, UNDEFINED)),
        (EXPLICIT_LE, OPEN_ITEM, Header(0xFFFEE000, "", 8, UNDEFINED)),
        (EXPLICIT_BE, b"\xff\xfe\xe0\0\0\0\0\x08", Header(0xFFFEE000, "", 8, 8)),
        (IMPLICIT_LE, END_SEQUENCE, Header(0xFFFEE0DD, "", 8, 0)),
    ],
)
def test_a_header_is_read_and_written_alike(encoding: Encoding, encoded: bytes, header: Header) -> None:
    assert read_header(encoded, 0, encoding) == header
    assert read_header(b"??" + encoded, 2, encoding) == Header(header.tag, header.vr, header.start + 2, header.length)
    assert element_value(encoded, 0, encoding) == (header.start, header.length)
    for cut in range(len(encoded)):
        with pytest.raises((IndexError, struct.error)):
            read_header(encoded[:cut], 0, encoding)
        if cut > 3:
            with pytest.raises((IndexError, struct.error)):
                element_value(encoded[:cut], 0, encoding)


@pytest.mark.parametrize("vr", sorted(VRS))
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_element_made_for_any_vr_is_read_back(vr: str, encoding: Encoding) -> None:
    made = encoding.make(0x00091001, vr, b"12")
    header = read_header(made, 0, encoding)
    assert (header.tag, header.vr, header.length) == (0x00091001, vr if encoding.explicit else "", 2)
    assert made[header.start :] == b"12"
    assert encoding.parse_key(made[: encoding.width]) == (0x00091001, header.vr)


@pytest.mark.parametrize(("vr", "padded"), [("LO", b"1 "), ("UI", b"1\0"), ("OB", b"1\0"), ("DA", b"1 ")])
def test_an_odd_value_is_padded_as_its_vr_demands(vr: str, padded: bytes) -> None:
    assert EXPLICIT_LE.make(0x00091001, vr, b"1").endswith(padded)


def test_elements_and_headers_are_written_in_each_form() -> None:
    assert EXPLICIT_LE.element(b"\x10\0\x20\0LO", SHORT, b"ab") == b"\x10\0\x20\0LO\2\0ab"
    assert EXPLICIT_BE.element(b"\0\x10\0\x20UT", LONG, b"ab") == b"\0\x10\0\x20UT\0\0\0\0\0\2ab"
    assert IMPLICIT_LE.element(b"\x10\0\x20\0", IMPLICIT, b"ab") == b"\x10\0\x20\0\2\0\0\0ab"
    assert EXPLICIT_LE.header(b"\x40\0\x43\xa0SQ", LONG, UNDEFINED) == OPEN_SEQUENCE
    assert IMPLICIT_LE.header(b"\x40\0\x43\xa0", IMPLICIT, 2) == b"\x40\0\x43\xa0\2\0\0\0"


@pytest.mark.parametrize("read", [read_header, element_value])
@pytest.mark.parametrize("vr", [b"XX", b"lo", b"\0\0", b"  ", b"\xff\xff"])
def test_an_unknown_vr_is_malformed_and_named_by_place_only(read: Callable[..., object], vr: bytes) -> None:
    with pytest.raises(MalformedInput) as caught:
        read(b"12345678\x10\0\x20\0" + vr + b"\4\0SMITH", 8, EXPLICIT_LE)
    assert (caught.value.path, caught.value.offset) == ((0x00100020,), 8)


# What may have undefined length, and what stands in it.
UNDEFINED_VALUES = [
    # explicit, little endian: two open items and one closed one
    (
        EXPLICIT_LE,
        "SQ",
        OPEN_ITEM
        + b"\x10\0\x20\0LO\2\0P1"  # Patient ID
        + END_ITEM
        + (b"\xfe\xff\x00\xe0\x0a\0\0\0" + b"\x10\0\x20\0LO\2\0P1")  # Item of 10 bytes
        + (OPEN_ITEM + END_ITEM)  # an empty one
        + END_SEQUENCE,
    ),
    # the same tag as UN: implicit inside whatever surrounds it (PS3.5 Section 6.2.2)
    (EXPLICIT_LE, "UN", OPEN_ITEM + b"\x10\0\x20\0\2\0\0\0P1" + END_ITEM + END_SEQUENCE),
    (EXPLICIT_BE, "UN", OPEN_ITEM + b"\x10\0\x20\0\2\0\0\0P1" + END_ITEM + END_SEQUENCE),
    (IMPLICIT_LE, "", OPEN_ITEM + b"\x10\0\x20\0\2\0\0\0P1" + END_ITEM + END_SEQUENCE),
    # an open sequence within an open sequence
    (EXPLICIT_LE, "SQ", OPEN_ITEM + OPEN_SEQUENCE + OPEN_ITEM + END_ITEM + END_SEQUENCE + END_ITEM + END_SEQUENCE),
    # fragments: an empty offset table and four bytes that look like an item end
    (EXPLICIT_LE, "OB", b"\xfe\xff\x00\xe0\0\0\0\0" + b"\xfe\xff\x00\xe0\4\0\0\0\xfe\xff\x0d\xe0" + END_SEQUENCE),
    (EXPLICIT_LE, "OW", END_SEQUENCE),
]


@pytest.mark.parametrize(("encoding", "vr", "value"), UNDEFINED_VALUES)
def test_a_value_of_undefined_length_is_skipped_to_its_end(encoding: Encoding, vr: str, value: bytes) -> None:
    header = Header(0x0040A043, vr, 3, UNDEFINED)
    assert skip_value(b"???" + value + b"after", header, encoding) == 3 + len(value)
    for cut in range(len(value)):
        with pytest.raises((IndexError, struct.error)):
            skip_value(b"???" + value[:cut], header, encoding)


def test_a_defined_length_is_believed_without_a_look() -> None:
    assert skip_value(b"", Header(0x0040A043, "SQ", 12, 5000), EXPLICIT_LE) == 5012


@pytest.mark.parametrize(
    ("vr", "value", "offset"),
    [
        ("LO", END_SEQUENCE, 0),  # text of undefined length
        ("UT", END_SEQUENCE, 0),
        ("SQ", b"\x10\0\x20\0LO\2\0P1", 0),  # no item
        ("SQ", END_ITEM, 0),
        ("OB", OPEN_ITEM, 0),  # a fragment of undefined length
        ("SQ", OPEN_ITEM + OPEN_ITEM, 8),  # an item in an item
        ("SQ", OPEN_ITEM + END_SEQUENCE, 8),  # an item without its end
        ("SQ", OPEN_ITEM + b"\x10\0\x20\0XX\2\0P1", 8),  # VR nonsense inside
        ("SQ", OPEN_ITEM + b"\x10\0\x20\0UT\0\0\xff\xff\xff\xff", 20),  # undefined length of text inside
    ],
)
def test_a_broken_value_of_undefined_length_is_malformed(vr: str, value: bytes, offset: int) -> None:
    with pytest.raises(MalformedInput) as caught:
        skip_value(value + bytes(16), Header(0x0040A043, vr, 0, UNDEFINED), EXPLICIT_LE)
    assert caught.value.offset == offset


def nested(depth: int) -> bytes:
    return (OPEN_SEQUENCE + OPEN_ITEM) * depth + (END_ITEM + END_SEQUENCE) * depth


@pytest.mark.parametrize("depth", [MAX_DEPTH + 2, 10_000])
def test_nesting_beyond_the_limit_is_refused(depth: int) -> None:
    bottomless = nested(depth)
    with pytest.raises(LimitExceeded, match="nesting"):
        skip_value(bottomless, read_header(bottomless, 0, EXPLICIT_LE), EXPLICIT_LE)


def test_nesting_up_to_the_limit_is_walked() -> None:
    deep = nested(MAX_DEPTH + 1)
    assert skip_value(deep, read_header(deep, 0, EXPLICIT_LE), EXPLICIT_LE) == len(deep)


def test_the_elements_between_two_positions_are_found() -> None:
    data_set = (
        b"\x08\0\x00\x01SH\2\0ab"  # (0008,0100)
        + (OPEN_SEQUENCE + OPEN_ITEM + END_ITEM + END_SEQUENCE)  # (0040,A043)
        + b"\x40\0\x23\xa1UI\0\0"  # (0040,A123), empty
    )
    found = list(elements(b"??" + data_set + b"??", 2, 2 + len(data_set), EXPLICIT_LE))
    assert [(header.tag, header.vr, after) for header, after in found] == [
        (0x00080100, "SH", 12),
        (0x0040A043, "SQ", 12 + 36),
        (0x0040A123, "UI", 48 + 8),
    ]


def test_elements_end_where_an_item_ends() -> None:
    assert list(elements(END_ITEM + b"\x08\0\x00\x01SH\0\0", 0, 16, EXPLICIT_LE)) == []


def test_the_items_of_a_sequence_are_found_without_their_delimiters() -> None:
    value = (
        (OPEN_ITEM + b"\x08\0\x00\x01SH\2\0ab" + END_ITEM)  # 8 to 18
        + (b"\xfe\xff\x00\xe0\x0a\0\0\0" + b"\x08\0\x00\x01SH\2\0cd")  # 34 to 44
        + END_SEQUENCE
        + b"ignored"
    )
    assert list(items(value, EXPLICIT_LE)) == [(8, 18), (34, 44)]
    assert list(items(value[: -len(END_SEQUENCE + b"ignored")], EXPLICIT_LE)) == [(8, 18), (34, 44)]
    assert list(items(b"", EXPLICIT_LE)) == []


def test_what_is_no_item_is_malformed() -> None:
    with pytest.raises(MalformedInput, match="an item was expected"):
        list(items(b"\x08\0\x00\x01SH\2\0ab", EXPLICIT_LE))


@pytest.mark.parametrize("noise", [bytes(range(256)), b"\xfe\xff\x00\xe0" * 40, bytes(200), b"\xff" * 200])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_noise_ends_in_a_known_way(noise: bytes, encoding: Encoding) -> None:
    for start in range(24):
        try:
            for header, after in elements(noise, start, len(noise), encoding):
                assert after >= header.start
        except (GatewayError, IndexError, struct.error):
            continue


# (0008,0104) Code Meaning and (0040,A123) Person Name, in either encoding.
EXPLICIT_ITEM = b"\x08\0\x04\x01LO\2\0CT" + b"\x40\0\x23\xa1PN\2\0AB"
IMPLICIT_ITEM = b"\x08\0\x04\x01\2\0\0\0CT" + b"\x40\0\x23\xa1\2\0\0\0AB"
OPEN_IMPLICIT = b"\x40\0\x43\xa0\xff\xff\xff\xff"
LONG_FIRST = b"\x08\0\x20\x01UR\0\0\2\0\0\0u:" + b"\x40\0\x23\xa1PN\2\0AB"
WIDE = b"\x08\0\x04\x01" + (0x4F4C).to_bytes(4, "little") + b"\x08\0\x05\x01LO\x02\0CT"  # LO, of no length; or long
ENDS_HERE = WIDE.ljust(0x4F4C + 8, b"?")


@pytest.mark.parametrize(
    ("item", "declared", "actual"),
    [
        (EXPLICIT_ITEM, EXPLICIT_LE, EXPLICIT_LE),
        (EXPLICIT_ITEM, IMPLICIT_LE, EXPLICIT_LE),
        (EXPLICIT_ITEM[:10], IMPLICIT_LE, EXPLICIT_LE),
        (LONG_FIRST, IMPLICIT_LE, EXPLICIT_LE),
        (OPEN_SEQUENCE + END_SEQUENCE, IMPLICIT_LE, EXPLICIT_LE),
        (b"\x08\0\0\0UL\4\0\1\0\0\0" + EXPLICIT_ITEM, IMPLICIT_LE, EXPLICIT_LE),
        (IMPLICIT_ITEM, IMPLICIT_LE, IMPLICIT_LE),
        (IMPLICIT_ITEM, EXPLICIT_LE, IMPLICIT_LE),
        (OPEN_IMPLICIT + END_SEQUENCE, EXPLICIT_LE, IMPLICIT_LE),
        (IMPLICIT_ITEM, EXPLICIT_BE, EXPLICIT_BE),  # items of another byte order are none
        (WIDE, IMPLICIT_LE, EXPLICIT_LE),  # as an implicit one its first element would go on beyond it
        (b"\x08\0\x04\x01ZZ\2\0CT", EXPLICIT_LE, EXPLICIT_LE),  # an unknown VR is no length
        (b"\x08\0\x20\x01UR\1\0\2\0\0\0u:", IMPLICIT_LE, IMPLICIT_LE),  # reserved bytes that are not zero
        (b"\x02\0\x10\0UI\2\0" + b"1\0", IMPLICIT_LE, IMPLICIT_LE),  # no group of a data set
        (EXPLICIT_ITEM[10:] + EXPLICIT_ITEM[:10], IMPLICIT_LE, IMPLICIT_LE),  # tags that do not ascend
        (EXPLICIT_ITEM[:10] + IMPLICIT_ITEM[10:], IMPLICIT_LE, IMPLICIT_LE),  # the second element has no VR
        (EXPLICIT_ITEM[:8], IMPLICIT_LE, IMPLICIT_LE),  # cut
        (b"\x08\0\x04\x01\xff\xff\0\0CT", EXPLICIT_LE, EXPLICIT_LE),  # too long to be plain
        (b"\x08\0\x04\x01A\2\0\0".ljust(8 + 0x241, b"?"), EXPLICIT_LE, IMPLICIT_LE),  # a length that begins like a VR
        (b"", EXPLICIT_LE, EXPLICIT_LE),
    ],
)
def test_an_item_is_in_another_encoding_where_that_is_plain_to_see(
    item: bytes, declared: Encoding, actual: Encoding
) -> None:
    assert item_encoding(b"?" + item, 1, 1 + len(item), declared) is actual
    if len(item) > 8 and item[:4] != EXPLICIT_ITEM[10:14]:
        assert item_encoding(b"?" + item + END_ITEM, 1, None, declared) is actual


def test_an_item_that_may_be_meant_in_two_encodings_is_malformed() -> None:
    with pytest.raises(MalformedInput, match="an item that can be read in two encodings"):
        item_encoding(ENDS_HERE, 0, len(ENDS_HERE), IMPLICIT_LE)


def test_of_an_item_of_undefined_length_enough_bytes_must_be_there() -> None:
    for item, declared in ((EXPLICIT_ITEM, IMPLICIT_LE), (IMPLICIT_ITEM, EXPLICIT_LE)):
        for cut in range(6, 14):
            with pytest.raises((IndexError, struct.error)):
                item_encoding(item[:cut], 0, None, declared)


@pytest.mark.parametrize(("item", "declared"), [(EXPLICIT_ITEM, IMPLICIT_LE), (IMPLICIT_ITEM, EXPLICIT_LE)])
def test_an_item_in_another_encoding_is_stepped_over(item: bytes, declared: Encoding) -> None:
    value = OPEN_ITEM + item + END_ITEM + OPEN_ITEM + END_ITEM + END_SEQUENCE
    assert list(items(value, declared)) == [(8, 8 + len(item)), (24 + len(item), 24 + len(item))]
