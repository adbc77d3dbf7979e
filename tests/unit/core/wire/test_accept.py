"""Accept headers as viewers, scripts and fuzzers send them."""

import pytest

from gateway.core.wire.accept import MAX_RANGES, Accepted, parse_accept

DICOM = "application/dicom"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", [Accepted("*/*", multipart=False, transfer_syntax=None, quality=1)]),
        ("*/*", [Accepted("*/*", multipart=False, transfer_syntax=None, quality=1)]),
        ("Application/DICOM", [Accepted(DICOM, multipart=False, transfer_syntax=None, quality=1)]),
        (
            'multipart/related; type="application/dicom"; transfer-syntax=*',
            [Accepted(DICOM, multipart=True, transfer_syntax="*", quality=1)],
        ),
        (
            "multipart/related;type=application/dicom",  # unquoted, as many clients send it
            [Accepted(DICOM, multipart=True, transfer_syntax=None, quality=1)],
        ),
        (
            'multipart/related; type="application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"',
            [Accepted("application/octet-stream", True, "1.2.840.10008.1.2.1", 1)],
        ),
        (
            'multipart/related; transfer-syntax=*; type="application/dicom; transfer-syntax=1.2"',
            [
                Accepted(DICOM, multipart=True, transfer_syntax="*", quality=1)
            ],  # the outer one is what Table 8.7.3-5 has
        ),
        ("multipart/related", [Accepted("*/*", multipart=True, transfer_syntax=None, quality=1)]),
        (
            "application/dicom;transfer-syntax=1.2.840.10008.1.2.4.50;q=0.3",
            [Accepted(DICOM, multipart=False, transfer_syntax="1.2.840.10008.1.2.4.50", quality=0.3)],
        ),
    ],
)
def test_one_media_range_is_read(header: str, expected: list[Accepted]) -> None:
    assert parse_accept(header) == expected


def test_the_most_wanted_comes_first_and_equals_keep_their_order() -> None:
    header = "text/html;q=0.2, image/png;q=0.9, application/json, image/jpeg;q=0.9, application/dicom+json"
    assert [one.media_type for one in parse_accept(header)] == [
        "application/json",
        "application/dicom+json",
        "image/png",
        "image/jpeg",
        "text/html",
    ]


def test_a_comma_in_quotes_separates_nothing() -> None:
    (one, other) = parse_accept('multipart/related; type="application/dicom"; note="a,b", text/html')
    assert (one.media_type, other.media_type) == (DICOM, "text/html")


@pytest.mark.parametrize(
    "ignored",
    [
        "text/html;q=0",
        "text/html;q=0.0",
        "text/html;q=nan",
        "text/html;q=high",
        "no media type",
        "text/html; charset",
        "application/dicom; transfer-syntax=SMITH^JOHN",
        "text/html; charset=a; charset=b",
        'multipart/related; type="no media type"',
        "multipart/related; type=dicom",
        ",",
        " , ,",
    ],
)
def test_what_is_unwanted_or_cannot_be_understood_is_ignored(ignored: str) -> None:
    assert [one.media_type for one in parse_accept(ignored + ", image/png")] == ["image/png"]


@pytest.mark.parametrize("header", ["nonsense", ",", "text/html;q=0"])
def test_a_header_without_any_acceptable_range_accepts_nothing(header: str) -> None:
    assert parse_accept(header) == []


def test_only_so_many_ranges_are_looked_at() -> None:
    assert len(parse_accept(", ".join(f"a/b{number}" for number in range(1000)))) == MAX_RANGES


def test_a_quote_that_never_ends_takes_the_rest_with_it() -> None:
    assert [one.media_type for one in parse_accept('text/html, a/b; c="d, image/png')] == ["text/html"]
