"""What real objects do although PS3.5 does not let them: read as it is meant, and released as it should be."""

import zlib

import pytest

from gateway.core.errors import GatewayError, MalformedInput
from gateway.core.standard.uids import TRANSFER_SYNTAXES, TransferSyntax
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding, actual_encoding
from tests.kit.engine import rewrite
from tests.kit.splits import splits
from tests.unit.core.rewrite.arrays import DUMMY_NAME, NAME, NAMES, WINDOW, sequence
from tests.unit.core.rewrite.objects import engine, head, part10, released, released_head, released_meta

IMPLICIT, EXPLICIT, BIG = b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.2"
JPEG, DEFLATED = b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.1.99"
ENCODINGS = {IMPLICIT: IMPLICIT_LE, EXPLICIT: EXPLICIT_LE, BIG: EXPLICIT_BE}


def outcomes(data: bytes) -> set[bytes | str]:
    """Rewrite an object in every chunking; give what came out, or why nothing did."""
    found: set[bytes | str] = set()
    for chunks in splits(data):
        try:
            found.add(rewrite(engine(), chunks))
        except GatewayError as error:
            found.add(str(error).split(" (offset")[0])
    return found


@pytest.mark.parametrize("declared", ENCODINGS)
@pytest.mark.parametrize(("syntax", "encoding"), ENCODINGS.items())
def test_a_data_set_is_rewritten_in_the_encoding_that_it_is_in(
    declared: bytes, syntax: bytes, encoding: Encoding
) -> None:
    pixels = encoding.make(0x7FE00010, "OW", b"1234")
    (whole,) = outcomes(part10(head(encoding) + pixels, declared))
    assert whole == released_meta(syntax) + released_head(engine(), encoding) + pixels, (
        "and its Transfer Syntax is true"
    )


@pytest.mark.parametrize("encoding", [IMPLICIT_LE, EXPLICIT_BE])
def test_an_encapsulated_object_in_another_encoding_has_no_transfer_syntax(encoding: Encoding) -> None:
    (why,) = outcomes(part10(head(encoding), JPEG))
    assert why == "a data set in another encoding than its Transfer Syntax says at (0002,0010)"


def test_a_deflated_one_neither() -> None:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = deflater.compress(head(IMPLICIT_LE)) + deflater.flush()
    (why,) = outcomes(part10(data, DEFLATED))
    assert why == "a data set in another encoding than its Transfer Syntax says at (0002,0010)"


def test_explicit_data_that_are_encapsulated_after_all_are_refused() -> None:
    pixels = b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    (why,) = outcomes(part10(head() + pixels, IMPLICIT))
    assert str(why).startswith("encapsulated pixel data that no Transfer Syntax explains")


@pytest.mark.parametrize(
    ("first", "declared", "actual"),
    [
        (b"\x08\0\x05\0CS\x0a\0", EXPLICIT_LE, EXPLICIT_LE),
        (b"\x08\0\x05\0CS\x0a\0", IMPLICIT_LE, EXPLICIT_LE),
        (b"\x08\0\x05\0CS\x0a\0", EXPLICIT_BE, EXPLICIT_LE),
        (b"\x08\0\x05\0\x0a\0\0\0", EXPLICIT_LE, IMPLICIT_LE),
        (b"\0\x08\0\x05CS\0\x0a", EXPLICIT_LE, EXPLICIT_BE),
        (b"\x08\0\x05\0XX\x0a\0", EXPLICIT_LE, EXPLICIT_LE),  # an unknown VR is no length
        (b"\x08\0\x05\0CS", IMPLICIT_LE, IMPLICIT_LE),  # too little to say
        (b"\0\0\0\0\0\0\0\0", EXPLICIT_LE, EXPLICIT_LE),
        (b"\x10\x40\x05\0\x0a\0\0\0", EXPLICIT_LE, EXPLICIT_LE),  # no data set begins so
    ],
)
def test_only_what_is_plain_to_see_overrules_the_transfer_syntax(
    first: bytes, declared: Encoding, actual: Encoding
) -> None:
    assert actual_encoding(b"?" + first, 1, declared) is actual


def syntax_and_pixels(syntax: TransferSyntax) -> tuple[Encoding, bytes]:
    encoding = EXPLICIT_LE if syntax.explicit else IMPLICIT_LE
    if not syntax.little_endian:
        encoding = EXPLICIT_BE
    if not syntax.encapsulated:
        return encoding, encoding.make(0x7FE00010, "OW", b"1234")
    empty = b"\xfe\xff\x00\xe0\0\0\0\0"
    return encoding, b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + empty + b"\xfe\xff\xdd\xe0\0\0\0\0"


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES.values(), ids=lambda syntax: syntax.name)
def test_every_transfer_syntax_of_the_standard_passes_with_its_header_rewritten(syntax: TransferSyntax) -> None:
    encoding, pixels = syntax_and_pixels(syntax)
    data_set = head(encoding) + pixels
    expected = released_head(engine(), encoding) + pixels
    uid = syntax.uid.encode() + b"\0" * (len(syntax.uid) % 2)
    if syntax.deflated:
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data_set = deflater.compress(data_set) + deflater.flush()
    whole = rewrite(engine(), [part10(data_set, uid)])
    meta = released_meta(uid)
    assert whole.startswith(meta)
    body = whole[len(meta) :]
    if syntax.deflated:
        body = zlib.decompress(body, wbits=-zlib.MAX_WBITS)
    assert body == expected


@pytest.mark.parametrize(
    "uid",
    [
        b"1.2.840.10008.1.2.7.1\0",  # SMPTE ST 2110-20 Uncompressed Progressive Active Video
        b"1.2.840.10008.1.2.7.2\0",
        b"1.2.840.10008.1.2.7.3\0",
        b"1.2.840.10008.1.2.6.1\0",  # RFC 2557 MIME
        b"1.2.840.10008.1.2.6.2\0",  # XML
        b"1.2.840.10008.1.20\0\0",  # Papyrus
        b"1.2.840.113619.5.2",  # a private one of GE, pixels big endian
    ],
)
def test_what_is_no_stored_data_set_of_the_standard_is_refused(uid: bytes) -> None:
    with pytest.raises(MalformedInput, match="Transfer Syntax"):
        rewrite(engine(), [part10(head(), uid)])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (sequence(NAMES, b"", vr=b"UN"), sequence(NAMES, b"", vr=b"UN")),
        (
            sequence(NAMES, b"\x40\0\x23\xa1\6\0\0\0A^BCDE", vr=b"UN"),
            sequence(NAMES, b"\x40\0\x23\xa1\x0a\0\0\0ANONYMOUS ", vr=b"UN"),
        ),
        (
            NAMES + b"UN\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\x0e\0\0\0" + b"\x40\0\x23\xa1\6\0\0\0A^BCDE"
            b"\xfe\xff\xdd\xe0\0\0\0\0",
            NAMES + b"UN\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\x12\0\0\0" + b"\x40\0\x23\xa1\x0a\0\0\0ANONYMOUS "
            b"\xfe\xff\xdd\xe0\0\0\0\0",
        ),
    ],
    ids=["an empty item", "a name", "undefined length"],
)
def test_a_sequence_in_unknown_vr_is_walked(body: bytes, expected: bytes) -> None:
    assert released(body + WINDOW) == expected + WINDOW


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"\x28\0\x00\0UL\4\0\1\0\0\0" + WINDOW, WINDOW),
        (b"\x29\0\x00\0UL\4\0\1\0\0\0" + WINDOW, WINDOW),
        (sequence(NAMES, b"\x40\0\x00\0UL\4\0\1\0\0\0" + NAME), sequence(NAMES, DUMMY_NAME)),
    ],
    ids=["of the root", "of a private group", "of an item"],
)
def test_group_lengths_go(body: bytes, expected: bytes) -> None:
    assert released(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"\x28\0\x50\x10DS\1\0" + b"4" + WINDOW, b"\x28\0\x50\x10DS\1\0" + b"4" + WINDOW),
        (b"\x40\0\x23\xa1PN\5\0" + b"A^BCD" + WINDOW, DUMMY_NAME + WINDOW),
        (b"\x40\0\x71\xa1UI\5\0" + b"1.2.3" + WINDOW, released(b"\x40\0\x71\xa1UI\6\0" + b"1.2.3\0" + WINDOW)),
        (sequence(NAMES, b"\x28\0\x50\x10DS\1\0" + b"4"), sequence(NAMES, b"\x28\0\x50\x10DS\1\0" + b"4")),
    ],
    ids=["kept", "replaced", "mapped", "in an item"],
)
def test_odd_lengths_are_read(body: bytes, expected: bytes) -> None:
    assert released(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"\x40\0\x23\xa1LO\6\0A^BCDE",  # Person Name as LO
        b"\x40\0\x23\xa1UT\0\0\6\0\0\0A^BCDE",
        b"\x40\0\x23\xa1OB\0\0\6\0\0\0A^BCDE",
        b"\x28\0\x50\x10PN\6\0A^BCDE",  # Window Center as PN
        b"\x28\0\x50\x10UT\0\0\6\0\0\0A^BCDE",
        b"\x40\0\x43\xa0LO\6\0A^BCDE",  # a sequence as text
    ],
)
def test_a_wrong_vr_hides_nothing(body: bytes) -> None:
    assert b"BCDE" not in released(body + WINDOW)


def test_an_empty_value_of_unknown_vr_is_no_sequence_though_an_item_follows() -> None:
    empty = EXPLICIT_LE.make(0x00080104, "UN", b"")
    two_items = sequence(NAMES, empty, b"")
    assert released(two_items) == two_items
