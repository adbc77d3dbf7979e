"""Objects made to hide who their subject is, or to carry text where nobody looks for it."""

import pytest

from gateway.core.clean.subject import Kind, gather, kind_of
from gateway.core.clean.text import TextCleaner
from gateway.core.errors import GatewayError, MalformedInput, RefusedByProfile
from gateway.core.profile.model import Action
from gateway.core.profile.plan import Place
from gateway.core.rewrite.factwalk import BULK_BYTES
from gateway.core.wire.charset import split_terms
from gateway.core.wire.elements import EXPLICIT_LE
from tests.unit.core.rewrite.objects import CT, data_set_rewriter, engine, feed

CLEANS = "options: [clean_descriptors]"
DESCRIPTION = EXPLICIT_LE.make(0x0008103E, "LO", b"Thorax Smith")


def object_of(*others: bytes, vr: str = "PN") -> bytes:
    return (
        EXPLICIT_LE.make(0x00080016, "UI", CT)
        + EXPLICIT_LE.make(0x00080018, "UI", b"1.2.3")
        + DESCRIPTION
        + b"".join(others)
        + EXPLICIT_LE.make(0x00100010, vr, b"Smith^John")
        + EXPLICIT_LE.make(0x00100020, "LO", b"P1")
        + EXPLICIT_LE.make(0x0020000D, "UI", b"1.2")
    )


def rewritten(data_set: bytes, options: str = CLEANS) -> bytes:
    return feed(data_set_rewriter(engine(options)), [data_set])


def test_a_long_private_value_before_the_patient_does_not_hide_the_name() -> None:
    blob = EXPLICIT_LE.make(0x00090010, "LO", b"ACME") + EXPLICIT_LE.make(0x00091001, "OB", bytes(BULK_BYTES + 2))
    assert b"Smith" not in rewritten(object_of(blob))


@pytest.mark.parametrize("value", [b"abcd", b"\xfe\xff\x00\xe0", b"\xfe\xff\x00\xe0\x04\x00\x00\x00abcd"])
@pytest.mark.parametrize("tag", [0x00081111, 0x00091010])
def test_a_removed_sequence_that_is_none_does_not_hide_who_the_subject_is(tag: int, value: bytes) -> None:
    data_set = object_of(EXPLICIT_LE.make(tag, "SQ", value)) + EXPLICIT_LE.make(0x00181210, "SH", b"SMITH 1 ")
    assert b"SMITH 1" in rewritten(data_set, "")
    assert b"Smith" not in rewritten(data_set)
    with pytest.raises(RefusedByProfile):
        rewritten(data_set, "final_check: true")


@pytest.mark.parametrize("vr", ["LO", "SH", "UT", "ST", "LT", "UC", "UN", "DA", "DT", "UI"])
def test_a_name_is_one_in_whatever_vr_it_comes(vr: str) -> None:
    assert kind_of(0x00100010, vr) is Kind.NAME
    assert b"Smith" not in rewritten(object_of(vr=vr))


@pytest.mark.parametrize("written", ["1965-04-12", "1965/04/12", "1965.04.12", "19650412"])
def test_a_birth_date_is_known_however_it_is_separated(written: str) -> None:
    assert gather([(Kind.DATE, written)]).dates == {"19650412"}


@pytest.mark.parametrize("term", [b"SMITH^JOHN", b"ISO_IR 100\\SMITH JOHN", b"\\PID77731", b"ISO_IR 12345678"])
def test_a_character_set_is_a_term_and_no_text(term: bytes) -> None:
    with pytest.raises(MalformedInput):
        split_terms(term)
    with pytest.raises(GatewayError):
        rewritten(EXPLICIT_LE.make(0x00080005, "CS", term) + object_of(), "")


@pytest.mark.parametrize("term", [b"", b"ISO_IR 100", b"\\ISO 2022 IR 87", b"GB18030", b"ISO 2022 GBK", b"iso-ir 192"])
def test_terms_that_real_files_hold_pass(term: bytes) -> None:
    assert split_terms(term)


def test_items_hidden_in_a_text_of_unknown_vr_go_also_where_the_data_set_becomes_utf_8() -> None:
    name = EXPLICIT_LE.make(0x00100010, "PN", b"Smith^Jo")
    hidden = b"\xfe\xff\x00\xe0" + len(name).to_bytes(4, "little") + name
    data_set = (
        EXPLICIT_LE.make(0x00080005, "CS", b"ISO_IR 100")
        + EXPLICIT_LE.make(0x00080016, "UI", CT)
        + EXPLICIT_LE.make(0x00080018, "UI", b"1.2.3")
        + EXPLICIT_LE.make(0x00080070, "UN", hidden)
        + EXPLICIT_LE.make(0x00080080, "LO", b"Klinik")
        + EXPLICIT_LE.make(0x00100020, "LO", b"P1")
        + EXPLICIT_LE.make(0x0020000D, "UI", b"1.2")
    )
    made = rewritten(data_set, "  InstitutionName: {action: replace, value: Ω-Klinik}\n")
    assert "Ω-Klinik".encode() in made
    assert b"Smith" not in made


def test_a_name_of_thousands_of_letters_costs_no_memory_of_its_square() -> None:
    cleaner = TextCleaner(gather([(Kind.NAME, "smith" * 20_000), (Kind.IDENTIFIER, "a1" * 20_000)]))
    assert cleaner.clean("CT Thorax", "LO") == "CT Thorax"


def test_what_a_kept_content_item_holds_besides_its_value_goes() -> None:
    plan = engine("options: [clean_structured_content, retain_patient_characteristics]").plan("")
    place = plan.item_place(Place(content=True), ("DCM", "121033"), "NUM")
    assert place is not None
    assert plan.decide(0x0040A300, "SQ", place).action is Action.KEEP
    assert plan.decide(0x0040A123, "PN", place).action is not Action.KEEP
    assert plan.decide(0x0040A121, "DA", place).action is not Action.KEEP


def test_the_text_around_the_name_stays() -> None:
    assert b"Thorax ***" in rewritten(object_of())
