"""Ages above 89 years that a report holds as numbers are put into one, as Age Strings are."""

import base64
import json

import pytest

from gateway.core.profile.items import NUMERIC, UNITS
from gateway.core.wire.dicomjson import decode_object
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.unit.core.rewrite.objects import engine, walk
from tests.unit.core.rewrite.test_content_items import CONTENT, SR, Write, closed, item, opened, report
from tests.unit.core.rewrite.test_metadata import rewrite

ENCODINGS = [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE]
KEEPS = "options: [retain_patient_characteristics]\n"
BOTH = "options: [retain_patient_characteristics, clean_structured_content]\n"
AGE = (b"121033", b"DCM")
WEIGHT = (b"27113001", b"SCT")
MEASURED, FLOATING, NUMERATOR, DENOMINATOR = 0x0040A300, 0x0040A161, 0x0040A162, 0x0040A163
CONTEXT = 0x00400555


def unit(encoding: Encoding, code: bytes, scheme: bytes = b"UCUM") -> bytes:
    """Write Measurement Units Code Sequence."""
    body = encoding.make(0x00080100, "SH", code) + encoding.make(0x00080102, "SH", scheme)
    return closed(encoding, UNITS, body)


def exactly(encoding: Encoding) -> bytes:
    """Write what else says the number."""
    return (
        encoding.make(FLOATING, "FD", bytes(8))
        + encoding.make(NUMERATOR, "SL", b"\1\0\0\0")
        + encoding.make(DENOMINATOR, "UL", b"\1\0\0\0")
    )


def number(
    encoding: Encoding, units: bytes, value: bytes, *, write: Write = closed, concept: tuple[bytes, bytes] = AGE
) -> bytes:
    """Write a content item of a number."""
    measured = units + exactly(encoding) + encoding.make(NUMERIC, "DS", value)
    return item(encoding, concept, b"NUM", write(encoding, MEASURED, measured))


CAPPED = [
    (b"a", b"92", "90"),
    (b"a", b"90", "90"),
    (b"a", b"89.5", "90"),
    (b"a", b"89", "89"),
    (b"a", b"1e2", "90"),
    (b"a", b"", ""),
    (b"mo", b"1069", "1080"),
    (b"mo", b"1068", "1068"),
    (b"wk", b"4800", "4697"),
    (b"wk", b"4000", "4000"),
    (b"d", b"36500", "32873"),
    (b"d", b"20000", "20000"),
    (b"h", b"876000", "788940"),
    (b"min", b"52596000", "47336400"),
    (b"s", b"99999999999", "2840184000"),
    (b"a", b"91\\20", "90\\20"),
    (b"yr", b"92", ""),  # a unit that nobody knows
    (b"yr", b"40", ""),
    (b"a", b"ninety", ""),
]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("write", [closed, opened])
@pytest.mark.parametrize("options", [KEEPS, BOTH])
def test_an_age_is_capped_in_its_unit_and_nothing_else_says_it(encoding: Encoding, write: Write, options: str) -> None:
    for units, value, capped in CAPPED:
        body = write(encoding, CONTENT, number(encoding, unit(encoding, units), value, write=write))
        whole = walk(report(encoding, body), engine(options), encoding)
        assert encoding.make(NUMERIC, "DS", capped.encode()) in whole, (units, value)
        assert value == capped.encode() or encoding.make(NUMERIC, "DS", value) not in whole, (units, value)
        assert all(encoding.tag(tag) not in whole for tag in (FLOATING, NUMERATOR, DENOMINATOR))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_other_numbers_stay_and_so_do_ages_where_no_option_looks_at_reports(encoding: Encoding) -> None:
    for options, concept in ((KEEPS, WEIGHT), (BOTH, WEIGHT), ("", AGE)):
        body = closed(encoding, CONTENT, number(encoding, unit(encoding, b"a"), b"92", concept=concept))
        assert walk(report(encoding, body), engine(options), encoding).endswith(body)


@pytest.mark.parametrize("concept", [(b"30525-0", b"LN"), (b"397669002", b"SCT"), (b"111538", b"dcm ")])
def test_so_are_other_ages_of_the_subject(concept: tuple[bytes, bytes]) -> None:
    body = closed(EXPLICIT_LE, CONTENT, number(EXPLICIT_LE, unit(EXPLICIT_LE, b"a"), b"92", concept=concept))
    whole = walk(report(EXPLICIT_LE, body), engine(KEEPS))
    assert EXPLICIT_LE.make(NUMERIC, "DS", b"90") in whole


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_age_in_the_acquisition_context_has_its_number_beside_its_name(encoding: Encoding) -> None:
    concept = encoding.make(0x00080100, "SH", AGE[0]) + encoding.make(0x00080102, "SH", AGE[1])
    name = encoding.make(0x0040A040, "CS", b"NUMERIC") + closed(encoding, 0x0040A043, concept)
    number = exactly(encoding) + encoding.make(NUMERIC, "DS", b"92")
    context = closed(encoding, CONTEXT, unit(encoding, b"a") + name + number)
    got = walk(report(encoding, context), engine("  AcquisitionContextSequence: {action: keep}\n" + KEEPS), encoding)
    assert encoding.make(NUMERIC, "DS", b"90") in got
    assert encoding.tag(FLOATING) not in got


def test_units_that_are_missing_of_another_scheme_or_broken_are_unknown() -> None:
    for units in (
        b"",
        unit(EXPLICIT_LE, b"a", b"99LOCAL"),
        closed(EXPLICIT_LE, UNITS),
        closed(EXPLICIT_LE, UNITS, b"", b""),
    ):
        body = closed(EXPLICIT_LE, CONTENT, number(EXPLICIT_LE, units, b"92"))
        assert walk(report(EXPLICIT_LE, body), engine(KEEPS)).endswith(EXPLICIT_LE.make(NUMERIC, "DS", b""))


def test_a_unit_and_a_number_in_vr_unknown_are_read() -> None:
    units = unit(IMPLICIT_LE, b"a")[8:]
    measured = EXPLICIT_LE.make(UNITS, "UN", units) + EXPLICIT_LE.make(NUMERIC, "UN", b"92")
    body = closed(EXPLICIT_LE, CONTENT, item(EXPLICIT_LE, AGE, b"NUM", closed(EXPLICIT_LE, MEASURED, measured)))
    assert walk(report(EXPLICIT_LE, body), engine(KEEPS)).endswith(EXPLICIT_LE.make(NUMERIC, "UN", b"90"))


def code(value: str, scheme: str) -> dict[str, object]:
    """Write a coded concept in JSON."""
    return {
        "vr": "SQ",
        "Value": [{"00080100": {"vr": "SH", "Value": [value]}, "00080102": {"vr": "SH", "Value": [scheme]}}],
    }


def metadata(measured: dict[str, object], concept: tuple[bytes, bytes] = AGE) -> dict[str, object]:
    """Write a report with one number in JSON."""
    content = {
        "0040A040": {"vr": "CS", "Value": ["NUM"]},
        "0040A043": code(concept[0].decode(), concept[1].decode()),
        "0040A300": {"vr": "SQ", "Value": [measured]},
    }
    return {
        "00080016": {"vr": "UI", "Value": [SR.decode()]},
        "00080018": {"vr": "UI", "Value": ["1.2.3"]},
        "0040A730": {"vr": "SQ", "Value": [content]},
    }


def rewritten(options: str, described: dict[str, object]) -> dict[str, object]:
    """Give what is left of the measured value."""
    out = rewrite(engine(options), described)
    left: dict[str, object] = out["0040A730"]["Value"][0]["0040A300"]["Value"][0]
    return left


OTHERS = {
    "0040A161": {"vr": "FD", "Value": [92.25]},
    "0040A162": {"vr": "SL", "Value": [369]},
    "0040A163": {"vr": "UL", "Value": [4]},
}


@pytest.mark.parametrize("options", [KEEPS, BOTH])
def test_metadata_say_the_same(options: str) -> None:
    for units, value, capped in CAPPED:
        parts = [None if part == "" else part for part in value.decode().split("\\")]
        measured = {"004008EA": code(units.decode(), "UCUM"), **OTHERS, "0040A30A": {"vr": "DS", "Value": parts}}
        left = rewritten(options, metadata(measured))
        found = left["0040A30A"].get("Value", [])  # type: ignore[attr-defined]
        assert "\\".join(str(one or "") for one in found) == capped, (units, value)
        assert not OTHERS.keys() & left.keys()


def test_metadata_with_numbers_links_and_bytes() -> None:
    units = code("a", "UCUM")
    for element, capped in (
        ({"vr": "DS", "Value": [92.5]}, {"vr": "DS", "Value": ["90"]}),
        ({"vr": "DS", "Value": [45.5]}, {"vr": "DS", "Value": [45.5]}),
        ({"vr": "DS"}, {"vr": "DS"}),
        (
            {"vr": "UN", "InlineBinary": base64.b64encode(b"92").decode()},
            {"vr": "UN", "InlineBinary": base64.b64encode(b"90").decode()},
        ),
        ({"vr": "DS", "BulkDataURI": "http://origin/bulk"}, {"vr": "DS"}),
    ):
        assert rewritten(KEEPS, metadata({"004008EA": units, "0040A30A": element}))["0040A30A"] == capped
    described = metadata({"004008EA": {"vr": "SQ"}, "0040A30A": {"vr": "DS", "Value": [40]}})
    assert rewritten(KEEPS, described)["0040A30A"] == {"vr": "DS"}
    inline = base64.b64encode(unit(IMPLICIT_LE, b"a")[8:]).decode()
    for said, capped in (
        ({}, {"vr": "DS"}),
        ({"004008EA": {"vr": "UN", "InlineBinary": inline}}, {"vr": "DS", "Value": ["90"]}),
        ({"004008EA": {"vr": "SQ", "Value": [{}, {}]}}, {"vr": "DS"}),
    ):
        measured = {**said, "0040A30A": {"vr": "DS", "Value": [92]}}
        assert rewritten(KEEPS, metadata(measured))["0040A30A"] == capped
    other = {"004008EA": units, **OTHERS, "0040A30A": {"vr": "DS", "Value": [92]}}
    assert rewritten(KEEPS, metadata(other, WEIGHT)) == other
    assert rewritten("", metadata(other)) == other
    assert "0040A30A" not in rewritten(KEEPS, metadata({"004008EA": units, **OTHERS}))


def test_metadata_of_items_in_bytes_too() -> None:
    measured = unit(IMPLICIT_LE, b"a") + IMPLICIT_LE.make(NUMERIC, "DS", b"92")
    content = item(IMPLICIT_LE, AGE, b"NUM", closed(IMPLICIT_LE, MEASURED, measured))
    inline = base64.b64encode(closed(IMPLICIT_LE, CONTENT, content)[8:]).decode()
    described = metadata({}) | {"0040A730": {"vr": "UN", "InlineBinary": inline}}
    left = base64.b64decode(rewrite(engine(KEEPS), described)["0040A730"]["InlineBinary"])
    assert left.endswith(IMPLICIT_LE.make(NUMERIC, "DS", b"90"))
    assert decode_object(json.dumps(described).encode())


def test_a_detail_for_the_number_decides_instead() -> None:
    body = closed(EXPLICIT_LE, CONTENT, number(EXPLICIT_LE, unit(EXPLICIT_LE, b"a"), b"92"))
    under = engine("  NumericValue: {disabled: true}\n" + KEEPS)
    assert walk(report(EXPLICIT_LE, body), under).endswith(body)
