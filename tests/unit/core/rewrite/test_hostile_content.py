"""Content items made to hide that Table E.3.4-1 lists them."""

import json
from base64 import b64encode
from collections.abc import Callable

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.profile.model import Action
from gateway.core.profile.plan import Place
from gateway.core.wire.elements import EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.unit.core.rewrite.objects import engine, walk
from tests.unit.core.rewrite.test_content_items import CONCEPT, CONTENT, TEXT, VALUE_TYPE, closed, opened, report

CLEANS = "options: [clean_structured_content, retain_patient_characteristics]\n"
SUBJECT, OTHER = (b"121029", b"DCM"), (b"1", b"99X")
NAME = b"Zorro Vega"
E = EXPLICIT_LE
KIND, VALUE = E.make(VALUE_TYPE, "CS", b"TEXT"), E.make(TEXT, "UT", NAME)
Write = Callable[..., bytes]


def code(concept: tuple[bytes, bytes], encoding: Encoding = E) -> bytes:
    return encoding.make(0x00080100, "SH", concept[0]) + encoding.make(0x00080102, "SH", concept[1])


def named(*concepts: tuple[bytes, bytes]) -> bytes:
    return closed(E, CONCEPT, *map(code, concepts))


def made(*elements: bytes, write: Write = closed) -> bytes:
    return walk(report(E, write(E, CONTENT, b"".join(elements))), engine(CLEANS))


@pytest.mark.parametrize("write", [closed, opened])
@pytest.mark.parametrize(
    "elements",
    [
        (VALUE, KIND, named(SUBJECT)),
        (KIND, named(OTHER), named(SUBJECT), VALUE),
        (KIND, named(OTHER), VALUE, named(SUBJECT)),
        (KIND, named(OTHER, SUBJECT), VALUE),
    ],
)
def test_an_item_that_says_late_or_twice_what_it_is_about_is_malformed(
    write: Write, elements: tuple[bytes, ...]
) -> None:
    with pytest.raises(MalformedInput):
        made(*elements, write=write)


@pytest.mark.parametrize("write", [closed, opened])
def test_items_before_and_inside_an_item_do_not_hide_what_that_is_about(write: Write) -> None:
    inner = KIND + named(OTHER)
    specimen = write(E, 0x00400612, inner, inner)
    outer = made(specimen, KIND, named(OTHER), write(E, CONTENT, inner, KIND + named(SUBJECT) + VALUE), write=write)
    assert NAME not in outer
    with pytest.raises(MalformedInput):
        made(KIND, named(OTHER), write(E, CONTENT, inner), named(SUBJECT), write=write)


@pytest.mark.parametrize("concept", [(b"121029", b"dcm"), (b"121029", b"Dcm")])
def test_a_scheme_in_lower_case_is_the_same_scheme(concept: tuple[bytes, bytes]) -> None:
    assert NAME not in made(KIND, named(concept), VALUE)


@pytest.mark.parametrize("kind", [b"CODE", b"NUM ", b"CONTAINER", b"SCOORD"])
def test_a_name_that_calls_itself_something_else_goes(kind: bytes) -> None:
    meaning = closed(E, 0x0040A168, code(OTHER) + E.make(0x00080104, "LO", NAME))
    assert NAME not in made(E.make(VALUE_TYPE, "CS", kind), named(SUBJECT), VALUE)
    if kind in (b"CODE", b"NUM "):
        assert NAME not in made(E.make(VALUE_TYPE, "CS", kind), named(SUBJECT), meaning)


def test_a_coded_finding_keeps_its_code_and_nothing_beside_it() -> None:
    plan = engine(CLEANS).plan("")
    place = plan.item_place(Place(content=True), ("DCM", "121071"), "CODE")
    assert place is not None
    assert plan.decide(0x0040A168, "SQ", place).action is Action.KEEP
    for tag, vr in ((TEXT, "UT"), (0x0040A123, "PN"), (0x0040A121, "DA")):
        assert plan.decide(tag, vr, place).action is Action.REMOVE


def metadata(concept: dict[str, object]) -> str:
    item = {
        "0040A040": {"vr": "CS", "Value": ["TEXT"]},
        "0040A043": concept,
        "0040A160": {"vr": "UT", "Value": [NAME.decode()]},
    }
    data_set = {
        "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.88.33"]},
        "00080018": {"vr": "UI", "Value": ["1.2.3"]},
        "0040A730": {"vr": "SQ", "Value": [item]},
    }
    return (engine(CLEANS).metadata(json.dumps(data_set).encode(), lambda uri: uri) or b"").decode()


def json_code(concept: tuple[bytes, bytes]) -> dict[str, object]:
    value, scheme = (text.decode() for text in concept)
    return {"00080100": {"vr": "SH", "Value": [value]}, "00080102": {"vr": "SH", "Value": [scheme]}}


def test_the_json_model_reads_a_concept_in_unknown_vr() -> None:
    name = code(SUBJECT, IMPLICIT_LE)
    item = b"\xfe\xff\x00\xe0" + len(name).to_bytes(4, "little") + name
    assert NAME.decode() not in metadata({"vr": "UN", "InlineBinary": b64encode(item).decode()})
    assert NAME.decode() not in metadata({"vr": "SQ", "Value": [json_code((b"121029", b"dcm"))]})
    assert NAME.decode() in metadata({"vr": "SQ", "Value": [json_code(OTHER)]})


@pytest.mark.parametrize(
    "concept",
    [
        {"vr": "SQ", "Value": [json_code(OTHER), json_code(SUBJECT)]},
        {"vr": "UN", "BulkDataURI": "http://origin/1"},
        {"vr": "UN", "InlineBinary": b64encode(b"\xfe\xff\x00\xe0\xff\0\0\0").decode()},
    ],
)
def test_a_concept_that_the_json_model_cannot_tell_is_malformed(concept: dict[str, object]) -> None:
    with pytest.raises(MalformedInput):
        metadata(concept)
