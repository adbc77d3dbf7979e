"""The walker, byte array by byte array: what stands in the input, line by line, and what leaves.

Every array is fed whole, byte by byte, cut in two at every place and at random; all must give the same.
"""

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.pseudonym.values import shift
from gateway.core.rewrite import marks
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.kit.engine import KEYS
from tests.unit.core.rewrite.arrays import (
    BOTH,
    BOTH_LENGTH,
    CLASS,
    COMMENTS,
    DUMMY_MEANING,
    DUMMY_NAME,
    END_ITEM,
    END_SEQUENCE,
    LENGTH,
    MEANING,
    NAME,
    NAMES,
    NO_ORDER,
    OPEN_ITEM,
    ORDER,
    PALETTE,
    PATIENT,
    PERSON,
    REFERENCE,
    REGISTERED,
    RELEASED_PATIENT,
    RELEASED_REFERENCE,
    REQUEST,
    ROOT_UID,
    SHARED,
    UNDEFINED,
    WINDOW,
    open_sequence,
    sequence,
)
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
            DUMMY_MEANING + b"\x32\0\x00\x40LT\x0a\0ANONYMOUS " + sequence(NAMES, DUMMY_MEANING),
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
        b"".join(
            (
                b"\0\x40\xa0\x43SQ\0\0\0\0\0\x1a",
                b"\xff\xfe\xe0\0\0\0\0\x12",
                b"\0\x32\x40\0LT\0\2Hi",  # (0032,4000)
                b"\0\x08\x01\x04LO\0\0",  # (0008,0104)
            )
        ),
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
    ("one without a rule", ACME + b"\x29\0\x12\x10LO\2\0Hi", b""),
    ("one of another block", ACME + OTHER + b"\x29\0\x10\x11LO\2\0Hi", b""),
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
    ("a creator that comes too late", b"\x29\0\x10\x10LO\2\0Hi" + ACME, b""),
    ("a creator of another group", b"\x2b\0\x10\0LO\4\0ACME" + b"\x2b\0\x10\x10LO\2\0Hi", b""),
    (
        "a UID in it",
        ACME + b"\x29\0\x10\x10UI\6\x001.2.9\0",
        ACME + b"\x29\0\x10\x10UI" + len(uid("1.2.9")).to_bytes(2, "little") + uid("1.2.9"),
    ),
    ("a sequence in it", ACME + sequence(b"\x29\0\x10\x10", NAME), ACME + sequence(b"\x29\0\x10\x10", DUMMY_NAME)),
    (
        "an open sequence in it",
        ACME + open_sequence(b"\x29\0\x10\x10", NAME),
        ACME + open_sequence(b"\x29\0\x10\x10", DUMMY_NAME),
    ),
    ("what may be a sequence in it", ACME + b"\x29\0\x10\x10UN\0\0\2\0\0\0Hi", b""),
    (
        "in an item, where the creator of the root does not count",
        ACME + b"\x29\0\x10\x10LO\2\0Hi" + sequence(NAMES, b"\x29\0\x10\x10LO\2\0Hi"),
        ACME + b"\x29\0\x10\x10LO\2\0Hi" + sequence(NAMES, b""),
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
    assert released(body, engine(PRIVATE), IMPLICIT_LE) == b""


@pytest.mark.parametrize("number", [0x30, 0x100, 0x0F])
def test_private_elements_outside_any_block_go(number: int) -> None:
    odd = b"\x29\0" + number.to_bytes(2, "little") + b"LO\4\0ACME"
    assert released(odd + b"\x29\0\x10\x30LO\2\0Hi", engine('  ("ACME",0031,10): {action: keep}\n')) == b""


DATES = "options: [retain_longitudinal_modified_dates]\n"
DAYS = KEYS.shift_days("", "P1", "")


def test_dates_move_and_times_stay() -> None:
    moved = shift("DA", "20200301", DAYS).encode()
    assert moved != b"20200301"
    date, time = b"\x40\0\x21\xa1", b"\x40\0\x22\xa1"  # (0040,A121) Date, (0040,A122) Time
    cases = [
        (date + b"DA\x12\0" + b"20200301\\20200301 ", date + b"DA\x12\0" + moved + b"\\" + moved + b" "),
        (time + b"TM\4\0" + b"1200", time + b"TM\4\0" + b"1200"),
        (time + b"TM\4\0" + b"noon", time + b"TM\0\0"),
        (sequence(NAMES, date + b"DA\x08\0" + b"20200301"), sequence(NAMES, date + b"DA\x08\0" + moved)),
        (date + b"UN\0\0\x08\0\0\0" + b"20200301", date + b"UN\0\0\x08\0\0\0" + moved),
    ]
    body, expected = (b"".join(parts) for parts in zip(*cases, strict=True))
    assert released(body, engine(DATES)) == expected


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


def test_a_code_that_settles_by_its_place_in_the_iod() -> None:
    body = sequence(SHARED, sequence(b"\x08\0\x40\x11", CLASS))  # (0008,1140) Referenced Image Sequence: U there
    assert released(body, sop_class=ENHANCED_CT) == body
    assert released(sequence(NAMES, sequence(b"\x08\0\x40\x11", CLASS)), sop_class=ENHANCED_CT) == sequence(NAMES, b"")


EARLIER = (
    b"\x12\0\x62\0CS\4\0" + b"YES "  # (0012,0062) Patient Identity Removed
    b"\x12\0\x63\0LO\4\0" + b"HAND"  # (0012,0063) De-identification Method
)


def code(value: bytes, scheme: bytes, encoding: Encoding) -> bytes:
    return encoding.make(0x00080100, "SH", value) + encoding.make(0x00080102, "SH", scheme)


@pytest.mark.parametrize("encoding", [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE])
@pytest.mark.parametrize("is_open", [True, False])
def test_the_codes_of_an_earlier_pass_stay_before_ours(encoding: Encoding, is_open: bool) -> None:
    under = engine()
    length = encoding.u32.pack(0xFFFFFFFF)
    items = b""
    for value, scheme in ((b"113105", b"DCM"), (b"999999", b"DCM"), (b"113101", b"99LOCAL"), (b"113100", b"DCM")):
        body = code(value, scheme, encoding)
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
