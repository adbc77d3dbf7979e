"""The walker, byte array by byte array: what stands in the input, line by line, and what leaves.

Every array is fed whole, byte by byte, cut in two at every place and at random; all must give the same.
"""

import pytest

from gateway.core.errors import GatewayError, LimitExceeded, MalformedInput
from gateway.core.pseudonym.values import shift
from gateway.core.rewrite import dataset, marks, tables
from gateway.core.rewrite.dataset import COUNTED, MEMO_BYTES
from gateway.core.standard import dictionary
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, MAX_DEPTH, Encoding
from tests.kit.engine import KEYS
from tests.kit.splits import splits
from tests.unit.core.rewrite.objects import (
    ENHANCED_CT,
    PSEUDONYM,
    data_set_rewriter,
    engine,
    feed,
    head,
    released,
    released_head,
    uid,
    walk,
)

# Little endian delimiters.
OPEN_ITEM = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
END_ITEM = b"\xfe\xff\x0d\xe0\0\0\0\0"
END_SEQUENCE = b"\xfe\xff\xdd\xe0\0\0\0\0"
UNDEFINED = b"\xff\xff\xff\xff"

WINDOW = b"\x28\0\x50\x10DS\2\0" + b"40"  # (0028,1050) Window Center, kept
PALETTE = b"\x28\0\x01\x12OW\0\0\4\0\0\0\1\2\3\4"  # (0028,1201), kept, long form
COMMENTS = b"\x32\0\x00\x40LT\2\0Hi"  # (0032,4000) Study Comments, X
NAME = b"\x40\0\x23\xa1PN\6\0A^BCDE"  # (0040,A123) Person Name, D
DUMMY_NAME = b"\x40\0\x23\xa1PN\x0a\0ANONYMOUS "
ORDER = b"\x40\0\x16\x20LO\2\0" + b"77"  # (0040,2016) Placer Order Number, Z
NO_ORDER = b"\x40\0\x16\x20LO\0\0"
REFERENCE = b"\x08\0\x55\x11UI\6\0" + b"1.2.9\0"  # (0008,1155) Referenced SOP Instance UID, U
RELEASED_REFERENCE = b"\x08\0\x55\x11UI" + len(uid("1.2.9")).to_bytes(2, "little") + uid("1.2.9")
CLASS = b"\x08\0\x50\x11UI\x0c\0" + b"1.2.840.1000"  # (0008,1150) Referenced SOP Class UID, kept
ROOT_UID = b"\x40\0\x71\xa1"  # (0040,A171) Observation UID, U
LENGTH = len(uid("1.2.9")).to_bytes(2, "little")
REGISTERED = b"1.2.840.10008.1.2.1\0"
BOTH = (KEYS.uid("1.2.9") + "\\" + KEYS.uid("1.2")).encode()
BOTH += b"\0" * (len(BOTH) % 2)
BOTH_LENGTH = len(BOTH).to_bytes(2, "little")
MEANING = b"\x08\0\x04\x01LO\2\0CT"  # (0008,0104) Code Meaning, kept
PATIENT = b"\x10\0\x20\0LO\2\0P1"  # (0010,0020) inside an item
RELEASED_PATIENT = b"\x10\0\x20\0LO" + len(PSEUDONYM + " ").to_bytes(2, "little") + PSEUDONYM.encode() + b" "


def sequence(tag: bytes, *items: bytes, vr: bytes = b"SQ") -> bytes:
    """Write a sequence and its items with defined lengths."""
    value = b"".join(b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item for item in items)
    return tag + vr + b"\0\0" + len(value).to_bytes(4, "little") + value


def open_sequence(tag: bytes, *items: bytes, vr: bytes = b"SQ") -> bytes:
    """Write them with undefined lengths."""
    return tag + vr + b"\0\0" + UNDEFINED + b"".join(OPEN_ITEM + item + END_ITEM for item in items) + END_SEQUENCE


NAMES = b"\x40\0\x43\xa0"  # (0040,A043) Concept Name Code Sequence, kept
SHARED = b"\x00\x52\x29\x92"  # (5200,9229) Shared Functional Groups Sequence, kept
REQUEST = b"\x40\0\x75\x02"  # (0040,0275) Request Attributes Sequence, X
PERSON = b"\x40\0\x01\x11"  # (0040,1101) Person Identification Code Sequence, D


def test_the_pseudonym_is_of_odd_length_as_the_arrays_suppose() -> None:
    assert len(PSEUDONYM) % 2


# Input, and what is released of it.
EXPLICIT = [
    ("kept elements", WINDOW + PALETTE, WINDOW + PALETTE),
    ("one removed between two kept", WINDOW + COMMENTS + PALETTE, WINDOW + PALETTE),
    ("two removed in a row", COMMENTS + COMMENTS + WINDOW, WINDOW),
    ("one emptied", WINDOW + ORDER, WINDOW + NO_ORDER),
    ("one replaced by its dummy", NAME + WINDOW, DUMMY_NAME + WINDOW),
    ("an empty one replaced too", b"\x40\0\x23\xa1PN\0\0", DUMMY_NAME),
    ("a UID", ROOT_UID + b"UI\6\0" + b"1.2.9\0", ROOT_UID + b"UI" + LENGTH + uid("1.2.9")),
    ("an empty UID", ROOT_UID + b"UI\0\0", ROOT_UID + b"UI\0\0"),
    ("a registered UID", ROOT_UID + b"UI\x14\0" + REGISTERED, ROOT_UID + b"UI\x14\0" + REGISTERED),
    ("two UIDs", ROOT_UID + b"UI\x0a\0" + b"1.2.9\\1.2\0", ROOT_UID + b"UI" + BOTH_LENGTH + BOTH),
    ("a kept sequence", sequence(NAMES, MEANING, MEANING), sequence(NAMES, MEANING, MEANING)),
    ("an empty sequence", sequence(NAMES), sequence(NAMES)),
    ("a sequence of one empty item", sequence(NAMES, b""), sequence(NAMES, b"")),
    ("a changed sequence, lengths anew", sequence(NAMES, REFERENCE), sequence(NAMES, RELEASED_REFERENCE)),
    (
        "one changed item among others",
        sequence(NAMES, MEANING, CLASS + REFERENCE + MEANING, b"", MEANING),
        sequence(NAMES, MEANING, CLASS + RELEASED_REFERENCE + MEANING, b"", MEANING),
    ),
    ("all that was in an item removed", sequence(NAMES, COMMENTS), sequence(NAMES, b"")),
    ("the last of an item removed", sequence(NAMES, MEANING + COMMENTS), sequence(NAMES, MEANING)),
    ("an open sequence, kept", open_sequence(NAMES, MEANING, b""), open_sequence(NAMES, MEANING, b"")),
    ("an open sequence without items", open_sequence(NAMES), open_sequence(NAMES)),
    (
        "an open sequence, changed, still open",
        open_sequence(NAMES, REFERENCE, MEANING, COMMENTS),
        open_sequence(NAMES, RELEASED_REFERENCE, MEANING, b""),
    ),
    (
        "closed items in an open sequence",
        NAMES + b"SQ\0\0" + UNDEFINED + b"\xfe\xff\x00\xe0\x0e\0\0\0" + REFERENCE + END_SEQUENCE,
        NAMES
        + b"SQ\0\0"
        + UNDEFINED
        + b"\xfe\xff\x00\xe0"
        + len(RELEASED_REFERENCE).to_bytes(4, "little")
        + RELEASED_REFERENCE
        + END_SEQUENCE,
    ),
    (
        "open items in a closed sequence",
        NAMES + b"SQ\0\0\x1e\0\0\0" + OPEN_ITEM + REFERENCE + END_ITEM,
        NAMES
        + b"SQ\0\0"
        + (16 + len(RELEASED_REFERENCE)).to_bytes(4, "little")
        + OPEN_ITEM
        + RELEASED_REFERENCE
        + END_ITEM,
    ),
    (
        "nested, each kind within the other",
        sequence(SHARED, open_sequence(NAMES, sequence(NAMES, REFERENCE + COMMENTS), MEANING)),
        sequence(SHARED, open_sequence(NAMES, sequence(NAMES, RELEASED_REFERENCE), MEANING)),
    ),
    (
        "the same item many times",
        sequence(SHARED, *[sequence(NAMES, REFERENCE)] * 3),
        sequence(SHARED, *[sequence(NAMES, RELEASED_REFERENCE)] * 3),
    ),
    ("the patient inside an item", sequence(NAMES, PATIENT), sequence(NAMES, RELEASED_PATIENT)),
    ("a removed sequence", sequence(REQUEST, NAME) + WINDOW, WINDOW),
    ("a removed open sequence", open_sequence(REQUEST, NAME + open_sequence(NAMES, NAME)) + WINDOW, WINDOW),
    (
        "a sequence of dummies: its shape stays",
        sequence(PERSON, MEANING + COMMENTS + sequence(NAMES, MEANING), b""),
        sequence(
            PERSON,
            b"\x08\0\x04\x01LO\x0a\0ANONYMOUS "
            + b"\x32\0\x00\x40LT\x0a\0ANONYMOUS "
            + sequence(NAMES, b"\x08\0\x04\x01LO\x0a\0ANONYMOUS "),
            b"",
        ),
    ),
    ("a private element and its creator", b"\x29\0\x10\0LO\4\0ACME" + b"\x29\0\x00\x10LO\2\0Hi" + WINDOW, WINDOW),
    ("an open private sequence", open_sequence(b"\x29\0\x00\x10", NAME) + WINDOW, WINDOW),
    (
        "an open private UN, implicit inside",
        open_sequence(b"\x29\0\x00\x10", b"\x10\0\x10\0\2\0\0\0Hi", vr=b"UN") + WINDOW,
        WINDOW,
    ),
    (
        "a private element inside an item",
        sequence(NAMES, b"\x09\0\x10\0LO\4\0ACME" + MEANING),
        sequence(NAMES, MEANING),
    ),
    ("an unknown element", b"\x28\0\xfe\xffLO\2\0Hi" + WINDOW, WINDOW),
    (
        "curves and overlays of repeating groups",
        b"\x02\x50\x00\x30OW\0\0\2\0\0\0Hi" + b"\x1e\x60\x00\x30OW\0\0\2\0\0\0Hi" + b"\x1e\x60\x22\0LO\2\0Hi",
        b"",
    ),
    ("a group length", b"\x40\0\0\0UL\4\0\1\0\0\0" + WINDOW, WINDOW),
    ("trailing padding", WINDOW + b"\xfc\xff\xfc\xffOB\0\0\2\0\0\0Hi", WINDOW),
    (
        "a known sequence as UN: walked as implicit little endian",
        # (0040,A043) UN: one item of 14 bytes with (0008,1155) in implicit VR
        NAMES + b"UN\0\0\x16\0\0\0" + b"\xfe\xff\x00\xe0\x0e\0\0\0" + b"\x08\0\x55\x11\6\0\0\0" + b"1.2.9\0",
        NAMES
        + b"UN\0\0"
        + (16 + len(uid("1.2.9"))).to_bytes(4, "little")
        + b"\xfe\xff\x00\xe0"
        + (8 + len(uid("1.2.9"))).to_bytes(4, "little")
        + b"\x08\0\x55\x11"
        + len(uid("1.2.9")).to_bytes(4, "little")
        + uid("1.2.9"),
    ),
    (
        "the same of undefined length",
        open_sequence(NAMES, b"\x10\0\x10\x40\2\0\0\0Hi", vr=b"UN"),  # (0010,4010), unknown
        open_sequence(NAMES, b"", vr=b"UN"),
    ),
    ("a UID as UN", ROOT_UID + b"UN\0\0\6\0\0\0" + b"1.2.9\0", ROOT_UID + b"UN\0\0" + LENGTH + b"\0\0" + uid("1.2.9")),
    ("a name as UN", b"\x40\0\x23\xa1UN\0\0\2\0\0\0" + b"AB", b"\x40\0\x23\xa1UN\0\0\x0a\0\0\0" + b"ANONYMOUS "),
    (
        "a UID under a tag that holds text",
        b"\x28\0\x55\x10UI\6\0" + b"1.2.9\0",
        b"\x28\0\x55\x10UI" + len(uid("1.2.9")).to_bytes(2, "little") + uid("1.2.9"),
    ),
    ("a person's name under a tag that holds numbers", b"\x28\0\x50\x10PN\2\0" + b"AB", b"\x28\0\x50\x10PN\0\0"),
    ("a dummy where a sequence came", sequence(b"\x40\0\x23\xa1", MEANING), b"\x40\0\x23\xa1SQ\0\0\0\0\0\0"),
    (
        "an open sequence where text is emptied",
        open_sequence(b"\x40\0\x16\x20", MEANING),
        b"\x40\0\x16\x20SQ\0\0\0\0\0\0",
    ),
]


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in EXPLICIT], ids=[case[0] for case in EXPLICIT])
def test_explicit_little_endian(body: bytes, expected: bytes) -> None:
    assert released(body) == expected


IMPLICIT = [
    ("kept", b"\x28\0\x50\x10\2\0\0\0" + b"40", b"\x28\0\x50\x10\2\0\0\0" + b"40"),
    ("removed", b"\x32\0\x00\x40\2\0\0\0" + b"Hi", b""),
    ("replaced", b"\x40\0\x23\xa1\2\0\0\0" + b"AB", b"\x40\0\x23\xa1\x0a\0\0\0" + b"ANONYMOUS "),
    ("private", b"\x29\0\x10\0\4\0\0\0ACME" + b"\x29\0\x00\x10\2\0\0\0Hi", b""),
    (
        "open private",
        b"\x29\0\x00\x10" + UNDEFINED + OPEN_ITEM + b"\x10\0\x10\0\2\0\0\0Hi" + END_ITEM + END_SEQUENCE,
        b"",
    ),
    (
        "a sequence",
        NAMES + b"\x1a\0\0\0" + b"\xfe\xff\x00\xe0\x12\0\0\0" + b"\x32\0\x00\x40\2\0\0\0Hi" + b"\x08\0\x04\x01\0\0\0\0",
        NAMES + b"\x10\0\0\0" + b"\xfe\xff\x00\xe0\x08\0\0\0" + b"\x08\0\x04\x01\0\0\0\0",
    ),
    (
        "an open sequence",
        NAMES + UNDEFINED + OPEN_ITEM + b"\x32\0\x00\x40\2\0\0\0Hi" + END_ITEM + END_SEQUENCE,
        NAMES + UNDEFINED + OPEN_ITEM + END_ITEM + END_SEQUENCE,
    ),
    ("an overlay", b"\x1e\x60\x00\x30\2\0\0\0Hi", b""),
]


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in IMPLICIT], ids=[case[0] for case in IMPLICIT])
def test_implicit_little_endian(body: bytes, expected: bytes) -> None:
    assert released(body, encoding=IMPLICIT_LE) == expected


BIG_ENDIAN = [
    ("kept", b"\0\x28\x10\x50DS\0\2" + b"40", b"\0\x28\x10\x50DS\0\2" + b"40"),
    ("kept, more than 255 bytes", b"\0\x28\x10\x55LO\1\0" + b"A" * 256, b"\0\x28\x10\x55LO\1\0" + b"A" * 256),
    ("removed", b"\0\x32\x40\0LT\0\2" + b"Hi", b""),
    ("replaced", b"\0\x40\xa1\x23PN\0\2" + b"AB", b"\0\x40\xa1\x23PN\0\x0a" + b"ANONYMOUS "),
    (
        "a sequence",
        b"\0\x40\xa0\x43SQ\0\0\0\0\0\x1a"
        + b"\xff\xfe\xe0\0\0\0\0\x12"
        + b"\0\x32\x40\0LT\0\2Hi"
        + b"\0\x08\x01\x04LO\0\0",
        b"\0\x40\xa0\x43SQ\0\0\0\0\0\x10" + b"\xff\xfe\xe0\0\0\0\0\x08" + b"\0\x08\x01\x04LO\0\0",
    ),
    (
        "a known sequence as UN: little endian inside",
        b"\0\x40\xa0\x43UN\0\0\0\0\0\x12" + b"\xfe\xff\x00\xe0\x0a\0\0\0" + b"\x32\0\x00\x40\2\0\0\0Hi",
        b"\0\x40\xa0\x43UN\0\0\0\0\0\x08" + b"\xfe\xff\x00\xe0\0\0\0\0",
    ),
]


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in BIG_ENDIAN], ids=[case[0] for case in BIG_ENDIAN])
def test_explicit_big_endian(body: bytes, expected: bytes) -> None:
    assert released(body, encoding=EXPLICIT_BE) == expected


PRIVATE = """\
  ("ACME",0029,10): {action: keep}
  ("ACME",0029,11): {action: empty}
  ("ACME",0009,10): {action: keep}
"""
ACME = b"\x29\0\x10\0LO\4\0ACME"  # (0029,0010): block 10 is ACME's
OTHER = b"\x29\0\x11\0LO\4\0ELSE"  # (0029,0011)

PRIVATE_CASES = [
    ("a kept element and its creator", ACME + b"\x29\0\x10\x10LO\2\0Hi", ACME + b"\x29\0\x10\x10LO\2\0Hi"),
    ("an emptied one", ACME + b"\x29\0\x11\x10LO\2\0Hi", ACME + b"\x29\0\x11\x10LO\0\0"),
    ("one without a rule", ACME + b"\x29\0\x12\x10LO\2\0Hi", ACME),
    ("one of another block", ACME + OTHER + b"\x29\0\x10\x11LO\2\0Hi", ACME),
    (
        "ACME in another block",
        b"\x29\0\x42\0LO\4\0ACME" + b"\x29\0\x10\x42LO\2\0Hi",
        b"\x29\0\x42\0LO\4\0ACME" + b"\x29\0\x10\x42LO\2\0Hi",
    ),
    (
        "a padded creator",
        b"\x29\0\x10\0LO\6\0ACME  " + b"\x29\0\x10\x10LO\2\0Hi",
        b"\x29\0\x10\0LO\6\0ACME  " + b"\x29\0\x10\x10LO\2\0Hi",
    ),
    ("without any creator", b"\x29\0\x10\x10LO\2\0Hi", b""),
    ("a creator that comes too late", b"\x29\0\x10\x10LO\2\0Hi" + ACME, ACME),
    ("a creator of another group", b"\x2b\0\x10\0LO\4\0ACME" + b"\x2b\0\x10\x10LO\2\0Hi", b""),
    (
        "a UID in it",
        ACME + b"\x29\0\x10\x10UI\6\x001.2.9\0",
        ACME + b"\x29\0\x10\x10UI" + len(uid("1.2.9")).to_bytes(2, "little") + uid("1.2.9"),
    ),
    ("a sequence in it", ACME + sequence(b"\x29\0\x10\x10", NAME), ACME),
    ("an open sequence in it", ACME + open_sequence(b"\x29\0\x10\x10", NAME), ACME),
    ("what may be a sequence in it", ACME + b"\x29\0\x10\x10UN\0\0\2\0\0\0Hi", ACME),
    (
        "in an item, where the creator of the root does not count",
        ACME + sequence(NAMES, b"\x29\0\x10\x10LO\2\0Hi"),
        ACME + sequence(NAMES, b""),
    ),
    (
        "in an item with a creator of its own",
        sequence(
            NAMES,
            b"\x09\0\x10\0LO\4\0ACME" + b"\x09\0\x10\x10LO\2\0Hi" + b"\x09\0\x11\x10LO\2\0Hi",
            b"\x09\0\x10\x10LO\2\0Hi",
        ),
        sequence(NAMES, b"\x09\0\x10\0LO\4\0ACME" + b"\x09\0\x10\x10LO\2\0Hi", b""),
    ),
]


@pytest.mark.parametrize(
    ("body", "expected"), [case[1:] for case in PRIVATE_CASES], ids=[case[0] for case in PRIVATE_CASES]
)
def test_private_elements_by_their_creator(body: bytes, expected: bytes) -> None:
    assert released(body, engine(PRIVATE)) == expected


def test_a_private_value_of_unknown_vr_may_be_a_sequence_and_goes() -> None:
    body = b"\x29\0\x10\0\4\0\0\0ACME" + b"\x29\0\x10\x10\2\0\0\0Hi"
    assert released(body, engine(PRIVATE), IMPLICIT_LE) == b"\x29\0\x10\0\4\0\0\0ACME"


@pytest.mark.parametrize("number", [0x30, 0x100, 0x0F])
def test_private_elements_outside_any_block_go(number: int) -> None:
    odd = b"\x29\0" + number.to_bytes(2, "little") + b"LO\4\0ACME"
    assert released(odd + b"\x29\0\x10\x30LO\2\0Hi", engine('  ("ACME",0031,10): {action: keep}\n')) == b""


DATES = "options: [retain_longitudinal_modified_dates]\n"
DAYS = KEYS.shift_days("", "P1", "")


def test_dates_move_and_times_stay() -> None:
    moved = shift("DA", "20200301", DAYS).encode()
    assert moved != b"20200301"
    body = (
        b"\x40\0\x21\xa1DA\x12\0"
        + b"20200301\\20200301 "  # (0040,A121) Date, two of them
        + b"\x40\0\x22\xa1TM\4\0"
        + b"1200"  # (0040,A122) Time
        + b"\x40\0\x22\xa1TM\4\0"
        + b"noon"
        + sequence(NAMES, b"\x40\0\x21\xa1DA\x08\0" + b"20200301")
        + b"\x40\0\x21\xa1UN\0\0\x08\0\0\0"
        + b"20200301"
    )
    assert released(body, engine(DATES)) == (
        b"\x40\0\x21\xa1DA\x12\0"
        + moved
        + b"\\"
        + moved
        + b" "
        + b"\x40\0\x22\xa1TM\4\0"
        + b"1200"
        + b"\x40\0\x22\xa1TM\0\0"
        + sequence(NAMES, b"\x40\0\x21\xa1DA\x08\0" + moved)
        + b"\x40\0\x21\xa1UN\0\0\x08\0\0\0"
        + moved
    )


def test_dates_are_cut_to_their_year() -> None:
    body = b"\x40\0\x21\xa1DA\x08\0" + b"20200713"
    assert released(body, engine("  (0040,A121): {action: truncate_date}\n")) == b"\x40\0\x21\xa1DA\x08\0" + b"20200101"


def test_a_pseudonym_stands_for_each_value() -> None:
    body = b"\x40\0\x16\x20LO\6\0" + b"77\\\\77"
    new = KEYS.value(0x00402016, "77").encode()
    joined = new + b"\\\\" + new
    joined += b" " * (len(joined) % 2)
    expected = b"\x40\0\x16\x20LO" + len(joined).to_bytes(2, "little") + joined
    assert released(body, engine("  PlacerOrderNumberImagingServiceRequest: {action: pseudonym}\n")) == expected


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
@pytest.mark.xfail(strict=True, reason="what skips a value counts offsets from the chunk")
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


@pytest.mark.xfail(strict=True, reason="what changed in an open sequence counts again each time it is walked anew")
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
    for table in under.tables("1.2.840.10008.5.1.4.1.1.2", EXPLICIT_LE)[1]:
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
        open_tables = list(under.tables("1.2.840.10008.5.1.4.1.1.2", EXPLICIT_LE)[1])
        while open_tables:
            table = open_tables.pop()
            if id(table) not in found:
                found.add(id(table))
                open_tables += table.children.values()
        return len(found)

    assert all(dictionary.vr_of(tag) == "SQ" for tag in known)
    sizes = [tables_after(turn) for turn in range(1, 12)]
    assert sizes[-1] <= 4 + 4 * len(known)


def test_a_code_that_settles_by_its_place_in_the_iod() -> None:
    body = sequence(SHARED, sequence(b"\x08\0\x40\x11", CLASS))  # (0008,1140) Referenced Image Sequence: Z there
    expected = sequence(SHARED, sequence(b"\x08\0\x40\x11"))
    assert released(body, sop_class=ENHANCED_CT) == expected
    assert released(sequence(NAMES, sequence(b"\x08\0\x40\x11", CLASS)), sop_class=ENHANCED_CT) == sequence(NAMES, b"")


EARLIER = (
    b"\x12\0\x62\0CS\4\0" + b"YES "  # (0012,0062) Patient Identity Removed
    b"\x12\0\x63\0LO\4\0" + b"HAND"  # (0012,0063) De-identification Method
)


def code(value: bytes, encoding: Encoding = EXPLICIT_LE) -> bytes:
    return encoding.make(0x00080100, "SH", value) + encoding.make(0x00080104, "LO", b"whatever")


@pytest.mark.parametrize("encoding", [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE])
@pytest.mark.parametrize("is_open", [True, False])
def test_the_codes_of_an_earlier_pass_stay_before_ours(encoding: Encoding, is_open: bool) -> None:
    under = engine()
    length = encoding.u32.pack(0xFFFFFFFF)
    items = b""
    for value in (b"113105", b"999999", b"113100"):
        body = code(value, encoding)
        end = encoding.tag(0xFFFEE00D) + encoding.u32.pack(0)
        items += encoding.tag(0xFFFEE000) + (length + body + end if is_open else encoding.u32.pack(len(body)) + body)
    earlier = encoding.make(0x00120064, "SQ", items)
    if is_open:
        header = len(earlier) - len(items)
        earlier = earlier[: header - 4] + length + items + encoding.tag(0xFFFEE0DD) + encoding.u32.pack(0)
    study = encoding.make(0x0020000D, "UI", b"1.2")
    temporal = encoding.make(0x00280303, "CS", b"MODIFIED")
    data_set = head(encoding).removesuffix(study) + earlier + study + temporal
    plan = under.plan("1.2.840.10008.5.1.4.1.1.2")
    first, second, third = marks.elements(plan, encoding, ["113105"], "MODIFIED")
    expected = walk(head(encoding).removesuffix(study), under, encoding)
    start = encoding.make(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2")
    assert expected.startswith(start)
    whole = walk(data_set, under, encoding)
    assert first + second + encoding.make(0x0020000D, "UI", uid("1.2")) + third in whole
    assert b"Clean Descriptors Option" in second
    assert b"999999" not in whole


@pytest.mark.parametrize(
    "value",
    [
        b"\xfe\xff\x00\xe0\x20\0\0\0" + b"\x08\0\x00\x01SH\6\0" + b"113105",  # an item longer than its sequence
        b"\xfe\xff\x00\xe0\6\0\0\0" + b"\x08\0\x00\x01SH",  # half an element
        b"\xfe\xff\x00",
        b"\x08\0\x00\x01SH\6\0" + b"113105",  # no item
    ],
)
def test_broken_codes_of_an_earlier_pass_are_malformed(value: bytes) -> None:
    broken = b"\x12\0\x64\0SQ\0\0" + len(value).to_bytes(4, "little") + value
    study = EXPLICIT_LE.make(0x0020000D, "UI", b"1.2")
    with pytest.raises(MalformedInput):
        feed(data_set_rewriter(engine()), [head().removesuffix(study) + broken + study])


def test_what_an_earlier_pass_says_of_itself_in_words_goes() -> None:
    study = EXPLICIT_LE.make(0x0020000D, "UI", b"1.2")
    assert walk(head().removesuffix(study) + EARLIER + study, engine()) == released_head(engine())
