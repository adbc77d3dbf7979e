"""The final check: what names its subject does not leave, what does not is not held up."""

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence

import pytest

from gateway.core.errors import RefusedByProfile
from gateway.core.profile.parse import parse_profile
from gateway.core.rewrite import finalcheck
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.facts import FactReader
from gateway.core.rewrite.factwalk import BULK_BYTES
from gateway.core.rewrite.finalcheck import FinalCheck, ObjectCheck
from gateway.core.rewrite.jsonfacts import JsonFactReader
from gateway.core.wire.dicomjson import ArrayReader
from gateway.core.wire.elements import EXPLICIT_LE
from gateway.core.wire.jsonruns import SharedDataSet
from tests.kit.engine import KEYS, profile
from tests.unit.core.rewrite.objects import CT

LATIN = ("ISO_IR 100",)
UID, OTHER_UID = "1.2.826.0.1.3680043.10.1341.1", "1.2.826.0.1.3680043.10.1341.2"
DESCRIPTION, SERIES_DESCRIPTION, SERIAL = 0x00081030, 0x0008103E, 0x00181000
CLEAN = EXPLICIT_LE.make(SERIES_DESCRIPTION, "LO", b"Thorax")


def element(tag: int, text: str | bytes, vr: str = "LO") -> bytes:
    return EXPLICIT_LE.make(tag, vr, text.encode("latin-1") if isinstance(text, str) else text)


def head(uid: str = UID, more: bytes = b"") -> bytes:
    return (
        element(0x00080018, uid, "UI")
        + element(0x00100010, "Smith^Johanna", "PN")
        + element(0x00100020, "4711-0815")
        + element(0x00100030, "19900101", "DA")
        + more
    )


class Checked:
    """A check with what it needs to begin an object."""

    def __init__(self, details: str = "") -> None:
        self.engine = Engine(parse_profile(f"name: p\n{details}", "p.yaml", profile), KEYS)
        self.check = FinalCheck(self.engine.profile)
        self.reader = FactReader(EXPLICIT_LE, LATIN)

    def begin(self, data: bytes | None = None) -> ObjectCheck:
        facts = self.reader.read(head() if data is None else data, 0, whole=True)
        assert facts is not None
        return self.check.of(facts, self.engine.plan(CT.decode()), LATIN)

    def passes(self, pieces: Iterable[bytes], data: bytes | None = None) -> bool:
        try:
            self.begin(data).pieces(pieces, EXPLICIT_LE)
        except RefusedByProfile:
            return False
        return True


def test_a_hit_is_refused_and_counted_and_names_paths_only() -> None:
    checked = Checked()
    one = checked.begin()
    named = [element(DESCRIPTION, "CT of Smith"), CLEAN, element(0x00204000, "no. 4711-0815")]
    with pytest.raises(RefusedByProfile) as refused:
        one.pieces(named, EXPLICIT_LE)
    assert str(refused.value).endswith("at (0008,1030), (0020,4000)")
    assert one.is_refused
    assert checked.check.refused == 1
    other = checked.begin()
    other.pieces([CLEAN], EXPLICIT_LE)
    assert not other.is_refused
    assert checked.check.refused == 1


def test_only_the_first_few_places_are_named() -> None:
    with pytest.raises(RefusedByProfile) as refused:
        Checked().begin().pieces([element(DESCRIPTION + n, "Smith") for n in range(40)], EXPLICIT_LE)
    assert str(refused.value).count(">") + str(refused.value).count("(0008") == finalcheck.MAX_NAMED_PATHS


def test_what_looks_suspicious_and_cannot_be_read_is_refused() -> None:
    with pytest.raises(RefusedByProfile, match="at an unknown place"):
        Checked().begin().pieces([b"\x08\x00\x30\x10??\x05\x00Smith"], EXPLICIT_LE)
    assert Checked().passes([b"\x08\x00\x30\x10??\x05\x00Thora"])


@pytest.mark.parametrize(
    "value", [f"see {UID}", UID.encode("utf-16-le"), b64encode(UID.encode()), b"1%2E" + UID[2:].encode()]
)
def test_uids_of_the_object_itself_are_found(value: str | bytes) -> None:
    checked = Checked()
    assert not checked.passes([element(DESCRIPTION, value, "UN")])
    assert checked.passes([element(DESCRIPTION, value, "UN")], head(OTHER_UID))


@pytest.mark.parametrize(
    ("length", "is_found"), [(65, True), (finalcheck.MAX_UID, True), (finalcheck.MAX_UID + 1, False)]
)
def test_uids_that_are_longer_than_they_may_be_are_found_too(length: int, *, is_found: bool) -> None:
    long = "1.2.826." + "7" * (length - 8)
    assert Checked().passes([element(DESCRIPTION, f"see {long}")], head(long)) is not is_found


def test_pieces_met_before_are_searched_for_the_uids_of_this_object() -> None:
    checked = Checked()
    plain, hidden = element(DESCRIPTION, f"like {OTHER_UID}"), element(DESCRIPTION, b64encode(OTHER_UID.encode()))
    for piece in (plain, hidden):
        assert checked.passes([piece, CLEAN])
        assert checked.passes([piece, CLEAN])
        assert not checked.passes([piece, CLEAN], head(OTHER_UID))
        assert checked.passes([piece, CLEAN])


def test_pieces_met_before_are_searched_for_another_subject() -> None:
    checked = Checked()
    piece = element(DESCRIPTION, "Jones")
    assert checked.passes([piece])
    assert not checked.passes([piece], element(0x00100010, "Jones^Ann", "PN"))


def test_what_looked_suspicious_and_was_not_passes_again() -> None:
    checked = Checked()
    pieces = [element(DESCRIPTION, "blacksmithery of Johannas"), CLEAN]
    assert checked.passes(pieces)
    assert checked.passes(pieces)
    assert not checked.passes([*pieces, element(0x00204000, "Johanna")])


@pytest.mark.parametrize("length", [BULK_BYTES, BULK_BYTES + 2])
def test_bulk_is_not_searched(length: int) -> None:
    bulk = element(0x00091001, b"Smith " + bytes(length - 6), "OB")
    assert Checked().passes([element(DESCRIPTION, "Thorax") + bulk + CLEAN]) == (length > BULK_BYTES)
    assert not Checked().passes([bulk + element(DESCRIPTION, "Smith")])
    assert not Checked().passes([bulk, element(DESCRIPTION, "Smith")])


def test_views_are_pixel_data_and_pass() -> None:
    Checked().begin().pieces([CLEAN, memoryview(b"Smith")], EXPLICIT_LE)


@pytest.mark.parametrize(
    ("details", "value"),
    [
        ("attributes:\n  PatientID: {disabled: true}\n", "4711-0815"),
        ("attributes:\n  PatientName: {action: keep}\n", "Smith"),
        ('attributes:\n  InstitutionName: {action: replace, value: "Smith Clinic"}\n', "Smith"),
        ("options: [retain_uids]\n", UID),
        ("options: [retain_device_identity]\n", "SN4711"),
        ("attributes:\n  '(\"ACME\",0009,02)': {action: keep}\n", "Private"),
    ],
)
def test_what_the_profile_releases_on_purpose_is_searched_nowhere(details: str, value: str) -> None:
    more = element(SERIAL, "SN4711") + element(0x00091002, "Private^Person", "PN")
    piece = element(DESCRIPTION, value)
    assert Checked(details).passes([piece], head(more=more))
    assert not Checked().passes([piece], head(more=more))


def test_a_uid_that_is_kept_somewhere_is_no_secret() -> None:
    more = element(0x00181002, UID, "UI")
    assert Checked("attributes:\n  DeviceUID: {action: keep}\n").passes([element(DESCRIPTION, UID)], head(more=more))
    assert not Checked().passes([element(DESCRIPTION, UID)], head(more=more))


def test_short_uids_are_not_searched() -> None:
    assert Checked().passes([element(DESCRIPTION, "1.2.3.4")], head("1.2.3.4"))


def test_our_own_insertions_are_no_hits() -> None:
    data = element(0x00100010, "ANONYMOUS^Dicomveil", "PN") + element(0x00100030, "19000101", "DA")
    assert Checked().passes([element(DESCRIPTION, "ANONYMOUS Dicomveil 19000101")], data)


@pytest.mark.parametrize("limit", ["MAX_SUBJECTS", "MAX_DECIDED", "MAX_KNOWN_BYTES", "MAX_PIECE_BYTES"])
def test_what_is_remembered_is_bounded(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finalcheck, limit, 1)
    checked = Checked()
    for number in range(3):
        data = head(more=element(0x00700084, f"Person{number}^X", "PN"))
        assert checked.passes([element(DESCRIPTION, "blacksmith"), CLEAN], data)
        assert checked.passes([element(DESCRIPTION, f"Abdomen {number}")], data)
        assert not checked.passes([element(DESCRIPTION, f"Person{number}")], data)


def raw(elements: dict[str, object]) -> dict[str, bytes]:
    return {key: json.dumps(value).encode() for key, value in elements.items()}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["Thorax"], True),
        (["of Müller"], False),
        (["a\\/b", "Thorax"], True),
        ([b64encode(b"Johanna Li").decode()], False),
    ],
)
def test_the_json_model_passes_or_not_alike(values: Sequence[str], *, expected: bool) -> None:
    checked = Checked()
    source = raw({"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Müller^Johanna"}]}})
    released = raw({"00081030": {"vr": "LO", "Value": values}, "00100020": {"vr": "LO", "Value": ["DVABC"]}})
    facts, plan = JsonFactReader().read(source), checked.engine.plan(CT.decode())
    assert checked.check.passes(facts, (), plan, released) is expected
    assert checked.check.passes(facts, (), plan, released) is expected
    assert checked.check.refused == (0 if expected else 2)


def instance(uid: str, **values: object) -> dict[str, object]:
    """Say of an instance what it has in common with the next one; it is long enough to be taken apart by that."""
    texts = {f"0028{number:04X}": {"vr": "US", "Value": [number]} for number in range(0x2000, 0x2060)}
    own = {
        "00080016": {"vr": "UI", "Value": [CT.decode()]},
        "00080018": {"vr": "UI", "Value": [uid]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Smith^Johanna"}]},
        "00100020": {"vr": "LO", "Value": ["4711-0815"]},
        **{key: {"vr": "SH", "Value": [value]} for key, value in values.items()},
    }
    return dict(sorted((texts | own).items()))


KERNEL, FILTER = "00181210", "00181160"


@pytest.mark.parametrize(
    ("odd", "of"),
    [
        ({KERNEL: "Smith"}, "shared"),
        ({KERNEL: f"{UID}.9"}, "shared"),
        ({KERNEL: "Smith"}, "own"),
        ({FILTER: f"{UID}.9"}, "own"),
        ({FILTER: "MR SMITH"}, "own"),
    ],
)
def test_what_the_objects_of_a_series_share_is_searched_in_each(odd: dict[str, str], of: str) -> None:
    engine = Engine(parse_profile("name: p\nfinal_check: true\n", "p.yaml", profile), KEYS)
    series = [instance(f"{UID}.{number}", **(odd if of == "shared" or number == 9 else {})) for number in range(14)]
    found = list(ArrayReader().feed(json.dumps(series, separators=(",", ":")).encode()))
    assert isinstance(found[9], SharedDataSet)
    is_named = of == "shared" and "Smith" in odd.values()
    passed = [engine.metadata_elements(elements, str) is not None for elements in found]
    assert passed == [not is_named and number != 9 for number in range(14)]


def test_utf_16_text_that_begins_like_an_item_is_not_cut_in_half() -> None:
    data = element(0x00100010, "\xe0bel^X", "PN")
    text = b"\xfe\xff" + "\xe0bel".encode("utf-16-be")
    for before in (b"", b"b" * 5000):
        assert not Checked().passes([EXPLICIT_LE.make(0x00091001, "UT", before + text)], data)
    assert Checked().passes([EXPLICIT_LE.make(0x00091001, "UT", b"b" * 5000 + text[:-2])], data)


def test_a_long_piece_is_searched_in_all_its_items() -> None:
    checked = Checked()
    texts = [f"x{number:04}" for number in range(400)]
    for wrong, passes in (("of Smith", False), (UID, False), ("of nobody", True)):
        named = [*texts[:200], wrong, *texts[200:]]
        items = [EXPLICIT_LE.make(DESCRIPTION, "LO", text.encode()) for text in named]
        data = b"".join(EXPLICIT_LE.tag(0xFFFEE000) + EXPLICIT_LE.u32.pack(len(body)) + body for body in items)
        assert checked.passes([EXPLICIT_LE.make(0x00081115, "SQ", data)]) == passes


def test_what_was_cleared_where_it_stands_is_searched_elsewhere() -> None:
    value = b"abcd" + EXPLICIT_LE.tag(0xFFFEE000) + b"Smith made this " + b"x" * 5_000  # as if an item began in it
    checked = Checked()
    assert checked.passes([element(0x00080070, value)])  # makers may have anybody's name
    assert not checked.passes([element(SERIAL, value)])


@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le", "utf-16-be"])
def test_the_uid_of_a_later_object_is_found_in_what_is_known(encoding: str) -> None:
    checked = Checked()
    piece = element(0x00283006, OTHER_UID.encode(encoding), "OW")
    assert checked.passes([piece])
    assert not checked.passes([piece], head(OTHER_UID))


def test_uids_that_are_none_and_texts_that_identify_nobody_cost_nothing() -> None:
    many = "\\".join("1." * (40 + n) + "2" for n in range(200))
    data = head(more=element(0x00080058, many, "UI") + element(0x00102155, "+49 30 " * 100_000, "UT"))
    assert Checked().passes([element(0x00283006, b"1." * 100_000, "OW"), element(SERIAL, b"1" * 64)], data)
