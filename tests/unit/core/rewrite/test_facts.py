"""Facts: who a head is about, however it is written and however often it was met before."""

import pytest

from gateway.core.clean.subject import Subject
from gateway.core.rewrite import facts, factwalk
from gateway.core.rewrite.facts import RUN_BYTES, FactReader
from gateway.core.rewrite.factwalk import BULK_BYTES
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, UNDEFINED, Encoding
from tests.unit.core.rewrite.objects import head

ENCODINGS = (EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE)
LATIN = ("ISO_IR 100",)
PIXELS = EXPLICIT_LE.make(0x7FE00010, "OW", b"\1\2")


def read(data: bytes, encoding: Encoding = EXPLICIT_LE, terms: tuple[str, ...] = LATIN) -> Subject:
    """Read a whole data set with a new reader and with one that has met it before: both say the same."""
    reader = FactReader(encoding, terms)
    subjects = []
    for _ in range(3):
        found = reader.read(data, 0, whole=True)
        assert found is not None
        subjects += [reader.subject(found), found.subject()]
    assert all(subject == subjects[0] for subject in subjects)
    return subjects[0]


def item(*elements: bytes, encoding: Encoding = EXPLICIT_LE, is_open: bool = False) -> bytes:
    body = b"".join(elements)
    if not is_open:
        return encoding.tag(0xFFFEE000) + encoding.u32.pack(len(body)) + body
    return encoding.tag(0xFFFEE000) + b"\xff" * 4 + body + encoding.tag(0xFFFEE00D) + bytes(4)


def sequence(tag: int, *items: bytes, encoding: Encoding = EXPLICIT_LE, is_open: bool = False, vr: str = "SQ") -> bytes:
    body = b"".join(items)
    if not is_open:
        return encoding.make(tag, vr, body)
    key = encoding.tag(tag) + (vr.encode() if encoding.explicit else b"")
    form = 1 if encoding.explicit else 2
    return encoding.header(key, form, UNDEFINED) + body + encoding.tag(0xFFFEE0DD) + bytes(4)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_root_tells_names_identifiers_places_dates_and_uids(encoding: Encoding) -> None:
    data = (
        encoding.make(0x00080018, "UI", b"1.2.3.4")
        + encoding.make(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2")
        + encoding.make(0x00080020, "DA", b"20200102")
        + encoding.make(0x0008002A, "DT", b"20200103101112.5")
        + encoding.make(0x00080080, "LO", b"Clinic")
        + encoding.make(0x00081050, "PN", b"Doe^Jane\\Roe^Max")
        + encoding.make(0x00100010, "PN", b"Smith^John")
        + encoding.make(0x00100020, "LO", b"4711 ")
        + encoding.make(0x00101080, "LO", b"")
        + encoding.make(0x00400275, "SQ", b"")
    )
    assert read(data, encoding) == Subject(
        names=frozenset({"Doe^Jane", "Roe^Max", "Smith^John"}),
        identifiers=frozenset({"4711"}),
        places=frozenset({"Clinic"}),
        dates=frozenset({"20200102", "20200103"}),
        uids=frozenset({"1.2.3.4"}),
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("is_open", [False, True])
def test_items_tell_at_any_depth(encoding: Encoding, *, is_open: bool) -> None:
    name = encoding.make(0x0040A123, "PN", b"Deep^Down")
    inner = sequence(0x0040A730, item(name, encoding=encoding, is_open=is_open), encoding=encoding, is_open=is_open)
    filler = encoding.make(0x0040A160, "UT", b"x" * 2 * factwalk.MEMO_BYTES)
    wide = sequence(0x0040A730, item(filler, name, encoding=encoding), encoding=encoding)
    outer = item(filler, inner, wide, filler, encoding=encoding, is_open=is_open)
    after = encoding.make(0x0040A124, "UI", b"1.2.3.9")
    data = sequence(0x0040A730, outer, item(after, encoding=encoding), encoding=encoding, is_open=is_open)
    later = encoding.make(0x00700084, "PN", b"Late^Comer")
    found = read(data + later, encoding)
    assert found.names == {"Deep^Down", "Late^Comer"}
    assert found.uids == {"1.2.3.9"}


@pytest.mark.parametrize("is_open", [False, True])
def test_items_in_vr_unknown_are_read_as_implicit(*, is_open: bool) -> None:
    name = IMPLICIT_LE.make(0x00100010, "PN", b"Hidden^Name")
    items = item(name, encoding=IMPLICIT_LE)
    data = sequence(0x00091001, items, vr="UN", is_open=is_open)
    if is_open:
        data = data[:-8] + IMPLICIT_LE.tag(0xFFFEE0DD) + bytes(4)
    assert read(data).names == {"Hidden^Name"}
    assert read(sequence(0x00400275, item(data, data))).names == {"Hidden^Name"}


def test_an_unknown_value_that_only_begins_like_an_item_tells_nothing() -> None:
    data = EXPLICIT_LE.make(0x00091001, "UN", b"\xfe\xff\x00\xe0\xff\xff\xff\x0fabcdefghij")
    assert read(data + EXPLICIT_LE.make(0x00100020, "LO", b"4711")).identifiers == {"4711"}


def test_what_is_no_element_of_the_root_is_stepped_over() -> None:
    stray = EXPLICIT_LE.tag(0xFFFEE0DD) + bytes(4)
    unknown = EXPLICIT_LE.make(0x00091001, "UN", b"Smith^John")
    assert read(unknown + stray + EXPLICIT_LE.make(0x00100020, "LO", b"4711")) == Subject(
        identifiers=frozenset({"4711"})
    )


def test_a_known_attribute_in_vr_unknown_tells_what_it_means() -> None:
    assert read(EXPLICIT_LE.make(0x00100010, "UN", b"Smith^John")).names == {"Smith^John"}


@pytest.mark.parametrize("vr", ["DA", "DT", "UI", "TM", "IS"])
def test_a_name_or_identifier_tells_in_whatever_vr_it_was_written(vr: str) -> None:
    data = EXPLICIT_LE.make(0x00100010, vr, b"Smith^John") + EXPLICIT_LE.make(0x00100020, vr, b"PID77731-9")
    assert read(data) == Subject(names=frozenset({"Smith^John"}), identifiers=frozenset({"PID77731-9"}))


def test_private_elements_tell_by_their_vr() -> None:
    assert read(EXPLICIT_LE.make(0x00091002, "PN", b"Private^Name")).names == {"Private^Name"}


def test_codes_tell_in_the_sequences_that_name_somebody_only() -> None:
    code = item(EXPLICIT_LE.make(0x00080100, "SH", b"P-12"), EXPLICIT_LE.make(0x00080104, "LO", b"Doctor Who"))
    assert read(sequence(0x00401101, code)).names == {"P-12", "Doctor Who"}
    assert read(sequence(0x0008103F, code)) == Subject()


def test_text_is_read_in_the_character_set_of_the_object_or_of_its_item() -> None:
    name = "Müller^Jörg".encode("latin-1")
    assert read(EXPLICIT_LE.make(0x00100010, "PN", name)).names == {"Müller^Jörg"}
    own = EXPLICIT_LE.make(0x00080005, "CS", b"ISO_IR 192")
    there = item(own, EXPLICIT_LE.make(0x00100010, "PN", "Żółw^Ω".encode()))
    large = item(EXPLICIT_LE.make(0x00204000, "LT", b"x" * 2 * factwalk.MEMO_BYTES), there)
    for data in (there, large):
        found = read(sequence(0x00400275, data) + EXPLICIT_LE.make(0x00700084, "PN", name)).names
        assert {"Żółw^Ω", "Müller^Jörg"} <= found
    nested = sequence(0x00400275, item(own, sequence(0x00400275, there)))
    assert "Żółw^Ω" in read(nested).names


def test_what_comes_after_pixel_data_is_not_of_the_head() -> None:
    data = head() + PIXELS + EXPLICIT_LE.make(0x00100010, "PN", b"Smith")
    assert read(data).names == frozenset()
    icon = sequence(0x00880200, item(PIXELS))
    assert read(icon + EXPLICIT_LE.make(0x00880910, "LO", b"Author")).names == {"Author"}


@pytest.mark.parametrize("length", [BULK_BYTES, BULK_BYTES + 2])
def test_a_value_that_nobody_holds_ends_the_head(length: int) -> None:
    data = head() + EXPLICIT_LE.make(0x00420011, "OB", bytes(length))
    names = read(data + EXPLICIT_LE.make(0x00700084, "PN", b"Late")).names
    assert names == ({"Late"} if length <= BULK_BYTES else frozenset())
    cut = FactReader(EXPLICIT_LE, LATIN).read(data[:200], 0, whole=False)
    assert (cut is None) == (length <= BULK_BYTES)


def test_a_vr_that_does_not_exist_ends_the_head() -> None:
    assert read(head() + b"\x10\x00\x10\x00??\x04\x00Name").identifiers == {"P1"}


def test_more_bytes_are_asked_for_until_the_head_is_whole() -> None:
    nested = sequence(0x00400275, item(EXPLICIT_LE.make(0x00401001, "SH", b"R1")), is_open=True)
    encapsulated = EXPLICIT_LE.header(EXPLICIT_LE.tag(0x00091003) + b"OB", 1, UNDEFINED)
    encapsulated += item(b"ab") + EXPLICIT_LE.tag(0xFFFEE0DD) + bytes(4)
    large = sequence(0x00400555, item(EXPLICIT_LE.make(0x00204000, "LT", b"x" * 2 * factwalk.MEMO_BYTES)))
    small = sequence(0x00400008, item(EXPLICIT_LE.make(0x00080100, "SH", b"C1")))
    data = head() + encapsulated + small + nested + large + PIXELS
    reader = FactReader(EXPLICIT_LE, LATIN)
    for end in range(len(data) - len(PIXELS) + 6):
        assert reader.read(data[:end], 0, whole=False) is None
    found = reader.read(data, 0, whole=False)
    assert found is not None
    assert reader.subject(found).identifiers == {"P1", "R1"}


def test_a_head_that_differs_from_those_met_before_tells_its_own() -> None:
    reader = FactReader(EXPLICIT_LE, LATIN)
    for number in range(40):
        data = (
            EXPLICIT_LE.make(0x00080018, "UI", f"1.2.3.{number}".encode())
            + EXPLICIT_LE.make(0x00080050, "SH", f"A{number % 7}".encode())
            + EXPLICIT_LE.make(0x00080080, "LO", b"Clinic")
            + EXPLICIT_LE.make(0x00100010, "PN", f"Smith^{number % 3}".encode())
            + EXPLICIT_LE.make(0x00204000, "LT", b"x" * (RUN_BYTES + number))
            + EXPLICIT_LE.make(0x00700084, "PN", b"Late^Comer")
        )
        found = reader.read(data, 0, whole=True)
        assert found is not None
        assert reader.subject(found) == Subject(
            names=frozenset({f"Smith^{number % 3}", "Late^Comer"}),
            identifiers=frozenset({f"A{number % 7}"}),
            places=frozenset({"Clinic"}),
            uids=frozenset({f"1.2.3.{number}"}),
        )


def test_alike_heads_share_what_they_say_but_for_their_uids() -> None:
    reader = FactReader(EXPLICIT_LE, LATIN)
    one, other = (
        reader.read(EXPLICIT_LE.make(0x00080018, "UI", uid) + EXPLICIT_LE.make(0x00100020, "LO", b"P1"), 0, whole=True)
        for uid in (b"1.2.3.4", b"1.2.3.5")
    )
    assert one is not None
    assert other is not None
    assert one.said == other.said
    assert one.uids != other.uids


def test_a_long_value_is_not_remembered_where_too_many_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "MAX_VARYING", 0)
    reader = FactReader(EXPLICIT_LE, LATIN)
    for number in range(3):
        data = head() + EXPLICIT_LE.make(0x00204000, "UT", b"%d" % number * RUN_BYTES * 4)
        assert reader.read(data, 0, whole=True)
    remembered = [run for runs in reader._runs.values() for run, _ in runs.known.values()]
    assert max(map(len, remembered), default=0) < 2 * RUN_BYTES


@pytest.mark.parametrize(
    "limit",
    [
        "MAX_KEYS",
        "MAX_MEMO",
        "MAX_HEADS",
        "MAX_RUNS",
        "MAX_VARYING",
        "MAX_PIECES",
        "MAX_REMEMBERED_BYTES",
        "MEMO_BYTES",
        "RUN_BYTES",
    ],
)
def test_what_is_remembered_is_bounded(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts if hasattr(facts, limit) else factwalk, limit, 1)
    reader = FactReader(EXPLICIT_LE, LATIN)
    for number in range(5):
        nested = item(EXPLICIT_LE.make(0x00080100, "SH", f"C{number}".encode()))
        data = (
            head()
            + sequence(0x00081032, nested)
            + sequence(0x00401101, nested)
            + EXPLICIT_LE.make(0x00700084, "PN", f"Name{number}".encode())
        )
        found = reader.read(data, 0, whole=True, who=str(number))
        assert found is not None
        assert reader.subject(found).names == {f"C{number}", f"Name{number}"}
