"""What is read before the first byte may leave."""

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.head import Head, HeadReader
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding

ENCODINGS = [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE]
CLASS = (0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2")
INSTANCE = (0x00080018, "UI", b"1.2.3")
PATIENT = (0x00100020, "LO", b"P1")
ISSUER = (0x00100021, "LO", b"HOSPITAL")
SEX = (0x00100040, "CS", b"O ")
STUDY = (0x0020000D, "UI", b"1.2")
SERIES = (0x0020000E, "UI", b"1.3")
BURNED_IN = (0x00280301, "CS", b"YES")
MODALITY_LUT = (0x00283002, "CS", b"AB")
PIXELS = (0x7FE00010, "OW", b"12")

Element = tuple[int, str, bytes]


def write(encoding: Encoding, *elements: Element) -> bytes:
    return b"".join(encoding.make(*element) for element in elements)


def read(
    *elements: Element, whole: bool = False, masks: tuple[int, ...] = (), encoding: Encoding = EXPLICIT_LE
) -> Head | None:
    reader = HeadReader(encoding, masks=masks)
    return reader.read(write(encoding, *elements), 0, whole=whole)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_everything_wanted_is_found(encoding: Encoding) -> None:
    found = read(
        CLASS, INSTANCE, PATIENT, ISSUER, SEX, STUDY, SERIES, BURNED_IN, PIXELS, encoding=encoding, masks=(0x00280301,)
    )
    assert found is not None
    assert (found.sop_class, found.sop_instance) == ("1.2.840.10008.5.1.4.1.1.2", "1.2.3")
    assert (found.issuer, found.patient_id, found.study, found.series) == ("HOSPITAL", "P1", "1.2", "1.3")
    assert found.pictured is not None
    assert found.pictured.values == {0x00280301: "YES"}
    assert found.raw_patient_id == b"P1"


@pytest.mark.parametrize(
    ("elements", "enough"),
    [
        ((CLASS, INSTANCE), False),
        ((CLASS, INSTANCE, PATIENT), False),  # the issuer may follow
        ((CLASS, INSTANCE, PATIENT, ISSUER), False),
        ((CLASS, INSTANCE, PATIENT, SEX), True),
        ((CLASS, INSTANCE, (0x00100020, "LO", b"  "), SEX), False),  # without an ID the Study counts
        ((CLASS, INSTANCE, SEX), False),
        ((CLASS, INSTANCE, SEX, STUDY), False),
        ((CLASS, INSTANCE, SEX, STUDY, SERIES), True),
    ],
)
def test_the_head_is_known_as_early_as_it_can_be(elements: tuple[Element, ...], enough: bool) -> None:
    assert (read(*elements) is not None) is enough
    assert read(*elements, whole=True) is not None


def test_a_profile_with_masks_reads_on_to_the_end_of_what_says_how_pixels_lie() -> None:
    known = (CLASS, INSTANCE, PATIENT, STUDY, SERIES)
    masks = (0x00280010, 0x00280301)
    assert read(*known, masks=masks) is None
    assert read(*known, BURNED_IN, MODALITY_LUT, masks=masks) is None
    found = read(*known, BURNED_IN, MODALITY_LUT, PIXELS, masks=masks)
    assert found is not None
    assert found.pictured is not None
    assert found.pictured.values == {0x00280301: "YES"}
    assert found.given == {0x00080016: CLASS[2] + b"\0", 0x00280010: b"", 0x00280301: b"YES "}
    without = read(*known, PIXELS, masks=masks)
    assert without is not None
    assert without.pictured is not None
    assert without.pictured.values == {}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_head_cut_anywhere_is_not_known_yet(encoding: Encoding) -> None:
    known = write(encoding, CLASS, INSTANCE, PATIENT, SEX)
    last = len(write(encoding, SEX))
    for end in range(len(known) - last + 4):
        assert HeadReader(encoding).read(known[:end], 0, whole=False) is None
    assert HeadReader(encoding).read(known, 0, whole=False) is not None


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_sequences_on_the_way_are_skipped_closed_or_open(encoding: Encoding) -> None:
    inside = write(encoding, (0x00100020, "LO", b"P9"))
    item = encoding.tag(0xFFFEE000) + encoding.u32.pack(len(inside)) + inside
    closed = encoding.make(0x00081140, "SQ", item)
    header = len(closed) - len(item)
    opened = closed[: header - 4] + b"\xff\xff\xff\xff" + item + encoding.tag(0xFFFEE0DD) + encoding.u32.pack(0)
    for sequence in (closed, opened):
        data_set = write(encoding, CLASS, INSTANCE) + sequence + write(encoding, PATIENT, SEX)
        found = HeadReader(encoding).read(b"??" + data_set, 2, whole=False)
        assert found is not None
        assert found.patient_id == "P1"


@pytest.mark.parametrize(
    ("elements", "tag"),
    [
        ((INSTANCE, PATIENT, SEX), 0x00080016),
        ((CLASS, PATIENT, SEX), 0x00080018),
        (((0x00080016, "UI", b"\0\0"), INSTANCE, SEX, STUDY, SERIES), 0x00080016),
        ((CLASS, (0x00080018, "UI", b"1" * 66), PATIENT, SEX), 0x00080018),
    ],
)
def test_an_object_without_a_class_or_instance_uid_is_malformed(elements: tuple[Element, ...], tag: int) -> None:
    with pytest.raises(MalformedInput) as caught:
        read(*elements)
    assert caught.value.path == (tag,)


def test_nothing_at_all_is_malformed_only_when_nothing_can_follow() -> None:
    assert read() is None
    with pytest.raises(MalformedInput):
        read(whole=True)


def test_the_first_of_two_equal_tags_counts() -> None:
    found = read(CLASS, INSTANCE, PATIENT, (0x00100020, "LO", b"P2"), SEX)
    assert found is not None
    assert found.patient_id == "P1"


def test_a_value_that_is_cut_is_not_taken_for_shorter() -> None:
    cut = write(EXPLICIT_LE, CLASS, INSTANCE, (0x00100020, "LO", b"P12345"))[:-2]
    found = HeadReader(EXPLICIT_LE).read(cut, 0, whole=True)
    assert found is not None
    assert found.patient_id == ""


@pytest.mark.parametrize(
    ("terms", "encoded", "text"),
    [
        (b"ISO_IR 100", b"M\xfcller", "Müller"),
        (b"ISO_IR 192", b"M\xc3\xbcller", "Müller"),
        (b"", b"A\\B ", "A\\B"),
    ],
)
def test_the_patient_id_is_decoded_so_that_json_names_the_same_patient(terms: bytes, encoded: bytes, text: str) -> None:
    found = read((0x00080005, "CS", terms), CLASS, INSTANCE, (0x00100020, "LO", encoded), SEX)
    assert found is not None
    assert found.patient_id == text
