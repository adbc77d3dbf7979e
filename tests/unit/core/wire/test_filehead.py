"""The beginning of a file: what it says of itself, in every encoding and however little of it is there."""

from io import BytesIO

import pydicom
import pytest

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, MAX_DEPTH, Encoding
from gateway.core.wire.filehead import FileMeta, RootReader, read_meta
from tests.kit.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, JPEG, Element, part10

ELEMENTS = [
    Element(0x00080008, "CS", b"ORIGINAL\\PRIMARY"),
    Element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2"),
    Element(0x00080018, "UI", b"1.2.3.4"),
    Element(0x00081140, "SQ", [[Element(0x00081155, "UI", b"1.2.9")]], undefined=True),
    Element(0x00091001, "OB", bytes(300)),
    Element(0x0020000D, "UI", b"1.2.3"),
    Element(0x00200013, "IS", b"7"),
    Element(0x7FE00010, "OW", bytes(64)),
]
WANTED = (0x00080008, 0x00081140, 0x0020000D, 0x00200013)
ENCODINGS = {
    EXPLICIT: EXPLICIT_LE,
    JPEG: EXPLICIT_LE,
    DEFLATED: EXPLICIT_LE,
    IMPLICIT: IMPLICIT_LE,
    BIG_ENDIAN: EXPLICIT_BE,
}


def read(head: bytes, *, whole: bool = False) -> dict[int, bytes] | None:
    meta = read_meta(head)
    assert meta is not None
    return RootReader(meta.encoding, WANTED).read(*meta.data_set(head), whole=whole)


@pytest.mark.parametrize(("syntax", "encoding"), ENCODINGS.items())
def test_it_says_what_pydicom_says(syntax: str, encoding: Encoding) -> None:
    file = part10(ELEMENTS, syntax)
    meta = read_meta(file)
    expected = pydicom.dcmread(BytesIO(file))
    assert meta is not None
    assert meta.sop_class == expected.file_meta.MediaStorageSOPClassUID
    assert meta.sop_instance == expected.file_meta.MediaStorageSOPInstanceUID == "1.2.3.4"
    assert meta.transfer_syntax == expected.file_meta.TransferSyntaxUID == syntax
    assert meta.encoding is encoding
    found = read(file)
    assert found is not None
    assert found[0x00080008].strip() == b"ORIGINAL\\PRIMARY"
    assert found[0x00200013].strip() == str(expected.InstanceNumber).encode() == b"7"
    assert found[0x0020000D].strip(b"\0") == b"1.2.3"
    assert b"1.2.9" in found[0x00081140]
    assert len(found) == 4


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
def test_with_too_few_bytes_it_says_nothing(syntax: str) -> None:
    file = part10(ELEMENTS, syntax)
    meta = read_meta(file)
    assert meta is not None
    assert all(read_meta(file[:size]) in (None, meta) for size in range(len(file)))
    assert read_meta(file[: meta.end + 1]) is None  # the next element may be of the same group
    complete = read(file)
    found = [read(file[:size]) for size in range(meta.end + 2, len(file))]
    assert found == [None] * found.count(None) + [complete] * found.count(complete)
    assert complete in found


def test_the_last_bytes_of_a_file_end_the_wait() -> None:
    file = part10(ELEMENTS[:-2], EXPLICIT)
    assert read(file) is None
    assert set(read(file, whole=True) or ()) == set(WANTED) - {0x00200013}


def test_elements_seen_before_are_read_again() -> None:
    reader = RootReader(EXPLICIT_LE, WANTED)
    files = [part10([*ELEMENTS[:-2], Element(0x00200013, "IS", n), ELEMENTS[-1]], EXPLICIT) for n in (b"1 ", b"22")]
    metas = [read_meta(file) for file in files]
    found = [reader.read(file, meta.end, whole=False) for file, meta in zip(files, metas, strict=True) if meta]
    assert [one[0x00200013] for one in found if one] == [b"1 ", b"22"]


@pytest.mark.parametrize(
    ("file", "what"),
    [
        (bytes(200), "no DICM prefix"),
        (part10(ELEMENTS, EXPLICIT, [Element(0x00020010, "UI", b"1.2.3")]), "Transfer Syntax"),
        (part10(ELEMENTS, EXPLICIT, [Element(0x00020010, "UI", DEFLATED.encode())]), "inflated"),
    ],
)
def test_what_is_no_file_of_the_standard_is_refused(file: bytes, what: str) -> None:
    with pytest.raises(MalformedInput, match=what):
        read(file)


def test_nesting_has_a_limit() -> None:
    depth = MAX_DEPTH + 2
    nested = EXPLICIT_LE.tag(0x00081140) + b"SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    with pytest.raises(LimitExceeded, match="nesting"):
        RootReader(EXPLICIT_LE, WANTED).read(nested * depth, 0, whole=True)


def test_the_meta_of_no_object_has_no_encoding() -> None:
    with pytest.raises(MalformedInput, match="Transfer Syntax"):
        _ = FileMeta("", "", "", 0).encoding
