"""What a finished object says about its de-identification, byte by byte."""

import pytest

from gateway.core.rewrite import marks
from gateway.core.standard.ps315 import Option
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from tests.unit.core.rewrite.objects import engine

OURS = (("113100", "Basic Application Confidentiality Profile"), ("113110", "Retain UIDs Option"))


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        ([], ["113100", "113110"]),
        (["113105"], ["113105", "113100", "113110"]),
        (["113105", "113105", "113101"], ["113105", "113101", "113100", "113110"]),
        (["113100", "113110"], ["113100", "113110"]),
        (["SMITH", "", "113113x", "999999"], ["113100", "113110"]),
    ],
)
def test_codes_are_appended_to_those_of_an_earlier_pass_once_each_and_only_known_ones(
    earlier: list[str], expected: list[str]
) -> None:
    joined = marks.codes(OURS, earlier)
    assert [code for code, _ in joined] == expected
    assert all(meaning == marks.CODE_MEANINGS[code] for code, meaning in joined)


def test_there_is_a_meaning_for_the_profile_and_each_option() -> None:
    assert len(marks.CODE_MEANINGS) == 1 + len(Option)


@pytest.mark.parametrize(
    ("ours", "earlier", "said"),
    [
        ("REMOVED", "", "REMOVED"),
        ("REMOVED", "UNMODIFIED", "REMOVED"),
        ("REMOVED", "MODIFIED", "REMOVED"),
        ("MODIFIED", "", "MODIFIED"),
        ("MODIFIED", "UNMODIFIED", "MODIFIED"),
        ("MODIFIED", "REMOVED", "REMOVED"),
        ("UNMODIFIED", "", "UNMODIFIED"),
        ("UNMODIFIED", "UNMODIFIED", "UNMODIFIED"),
        ("UNMODIFIED", "MODIFIED", "MODIFIED"),
        ("UNMODIFIED", "REMOVED", "REMOVED"),
        ("UNMODIFIED", "SMITH", "UNMODIFIED"),
    ],
)
def test_what_an_earlier_pass_took_away_does_not_come_back(ours: str, earlier: str, said: str) -> None:
    assert marks.temporal(ours, earlier) == said


def test_the_marks_in_explicit_little_endian() -> None:
    plan = engine().plan("1.2.840.10008.5.1.4.1.1.2")
    assert marks.elements(plan, EXPLICIT_LE, [], "") == (
        b"\x12\0\x62\0CS\4\0" + b"YES ",
        b"".join(
            (
                b"\x12\0\x63\0LO\x0c\0" + b"Dicomveil p ",
                b"\x12\0\x64\0SQ\0\0\x54\0\0\0",  # one item
                b"\xfe\xff\x00\xe0\x4c\0\0\0",
                b"\x08\0\x00\x01SH\6\0" + b"113100",
                b"\x08\0\x02\x01SH\4\0" + b"DCM ",
                b"\x08\0\x04\x01LO\x2a\0" + b"Basic Application Confidentiality Profile ",
            )
        ),
        b"\x28\0\x03\x03CS\x08\0" + b"REMOVED ",
    )


def test_the_marks_in_the_other_encodings() -> None:
    plan = engine().plan("1.2.840.10008.5.1.4.1.1.2")
    assert marks.elements(plan, IMPLICIT_LE, [], "")[0] == b"\x12\0\x62\0\4\0\0\0" + b"YES "
    assert marks.elements(plan, EXPLICIT_BE, [], "")[0] == b"\0\x12\0\x62CS\0\4" + b"YES "
    assert marks.code_items((), EXPLICIT_LE) == b""
