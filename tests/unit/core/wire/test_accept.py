"""Accept headers as viewers, scripts and fuzzers send them."""

import pytest

from gateway.core.errors import BadRequest, NotAcceptable
from gateway.core.wire.accept import MAX_CHARACTERS, MAX_RANGES, Accepted, Choice, Offer, choose, parse_accept, ranked

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


def test_a_header_or_parameter_that_is_too_long_is_a_bad_request() -> None:
    longest = "image/png" + "," * (MAX_CHARACTERS - len("image/png"))
    assert choose([PNG], longest) == Choice(PNG)
    with pytest.raises(BadRequest, match="8192"):
        choose([PNG], longest + ",")
    with pytest.raises(BadRequest, match="8192"):
        choose([PNG], "", [longest, "image/png"])


@pytest.mark.parametrize("asked", [f"{DICOM}; transfer-syntax=SMITH", f'{DICOM}; Transfer-Syntax="1.2x"'])
def test_a_transfer_syntax_that_is_no_uid_is_said_and_not_repeated(asked: str) -> None:
    with pytest.raises(NotAcceptable, match=r"^transfer-syntax is not a UID$"):
        choose([ALONE], asked)
    assert choose([ALONE], asked + ", */*") == Choice(ALONE)


def test_a_quote_that_never_ends_takes_the_rest_with_it() -> None:
    assert [one.media_type for one in parse_accept('text/html, a/b; c="d, image/png')] == ["text/html"]


# Choosing among offers

PARTS, ALONE = Offer(DICOM, multipart=True), Offer(DICOM)
JSON, XML = Offer("application/dicom+json"), Offer("application/dicom+xml", multipart=True)
OCTETS, JLS, JPEG = (Offer(name, multipart=True) for name in ("application/octet-stream", "image/jls", "image/jpeg"))
STORED_JPEG = Offer("image/jpeg")
PNG, GIF, PICTURE = (Offer(name, rendered=True) for name in ("image/png", "image/gif", "image/jpeg"))
INSTANCE, METADATA, FRAME, RENDERED = [PARTS, ALONE], [JSON, XML], [OCTETS, JPEG, JLS, STORED_JPEG], [PICTURE, PNG, GIF]


@pytest.mark.parametrize(
    ("offers", "header", "wanted"),
    [
        (INSTANCE, "", Choice(PARTS)),
        (INSTANCE, "*/*", Choice(PARTS)),
        (INSTANCE, "application/*", Choice(PARTS)),
        (INSTANCE, "multipart/related", Choice(PARTS)),
        (INSTANCE, "multipart/*", Choice(PARTS)),
        (INSTANCE, 'multipart/related; type="*/*"', Choice(PARTS)),
        (INSTANCE, DICOM, Choice(ALONE)),
        (INSTANCE, f'{DICOM};q=0.4, multipart/related;type="{DICOM}"', Choice(PARTS)),
        (INSTANCE, f'{DICOM}, multipart/related;type="{DICOM}";q=0.4', Choice(ALONE)),
        (INSTANCE, f"*/*, {DICOM};q=0.1", Choice(ALONE)),  # a wildcard counts when no whole type does
        (INSTANCE, f'multipart/related; type="{DICOM}"; transfer-syntax="*"', Choice(PARTS, "*")),
        (INSTANCE, f"multipart/related; type={DICOM}; transfer-syntax=*", Choice(PARTS, "*")),
        (INSTANCE, f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.4.90", Choice(ALONE, "1.2.840.10008.1.2.4.90")),
        (INSTANCE, "*/*; transfer-syntax=*", Choice(PARTS, "*")),
        (METADATA, "*/*", Choice(JSON)),
        (METADATA, "multipart/related", Choice(XML)),
        (METADATA, 'multipart/related; type="*/*"', Choice(XML)),
        (METADATA, "application/json, text/plain, */*", Choice(JSON)),  # what axios sends
        (METADATA, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Choice(JSON)),  # and a browser
        (METADATA, 'application/dicom+json;q=0.2, multipart/related; type="application/dicom+xml"', Choice(XML)),
        (FRAME, "*/*", Choice(OCTETS)),
        (FRAME, 'multipart/related; type="image/*"', Choice(JPEG)),
        (FRAME, 'multipart/related; type="image/*", multipart/related; type="image/jpeg";q=0', Choice(JLS)),
        (FRAME, "image/*", Choice(STORED_JPEG)),
        (FRAME, 'multipart/related; type="image/x-jls"', Choice(JLS)),
        (FRAME, 'multipart/related; type="image/dicom+jpeg"; transfer-syntax=1.2.840.10008.1.2.4.51',
         Choice(JPEG, "1.2.840.10008.1.2.4.51")),
        (FRAME, 'multipart/related; type="image/jls", image/jpeg', Choice(JLS)),  # no mixture: both as stored
        (RENDERED, "image/avif,image/webp,image/png,image/svg+xml,image/*,*/*;q=0.8", Choice(PNG)),
        (RENDERED, "image/gif;q=0.5, image/*", Choice(GIF)),
        (RENDERED, "image/*", Choice(PICTURE)),
        (RENDERED, "*/*, image/jpeg;q=0", Choice(PICTURE)),
    ],
)  # fmt: skip
def test_what_is_wanted_most_is_chosen(offers: list[Offer], header: str, wanted: Choice) -> None:
    if header == "*/*, image/jpeg;q=0":
        with pytest.raises(NotAcceptable):
            choose(offers, header)
    else:
        assert choose(offers, header) == wanted


@pytest.mark.parametrize(
    ("offers", "header"),
    [
        ([PARTS], DICOM),
        (INSTANCE, "application/zip"),
        (INSTANCE, "image/*"),
        (INSTANCE, "nonsense"),
        (METADATA, DICOM),
        (FRAME, "video/mp4"),
        (FRAME, 'multipart/related; type="text/*"'),
        (RENDERED, "image/jpeg; transfer-syntax=*"),  # rendered types have none
        (RENDERED, 'multipart/related; type="image/jpeg"'),
        (RENDERED, "text/html"),
    ],
)
def test_what_is_not_offered_is_not_acceptable(offers: list[Offer], header: str) -> None:
    with pytest.raises(NotAcceptable) as raised:
        choose(offers, header)
    assert offers[0].label in str(raised.value)


@pytest.mark.parametrize(
    ("query", "header", "wanted"),
    [
        (["application/dicom+json"], "", JSON),
        (["application/dicom json"], "", JSON),  # a plus that was decoded as in a form
        (['multipart/related; type="application/dicom+xml"'], "*/*", XML),
        (['multipart/related; type="application/dicom xml"'], "*/*", XML),
        (['multipart/related; type="application/dicom+xml";q=0.1, application/dicom+json'], "", JSON),
        (["application/dicom+json", 'multipart/related; type="application/dicom+xml"'], "", JSON),
        (['multipart/related; type="application/dicom+xml"'], "application/dicom+json, */*;q=0.1", XML),
        # What the header does not cover does not count, nor what is not offered.
        (['multipart/related; type="application/dicom+xml"'], "application/dicom+json", JSON),
        (["application/zip"], "*/*", JSON),
        (["nonsense"], "", JSON),
    ],
)
def test_the_accept_parameter_comes_first(query: list[str], header: str, wanted: Offer) -> None:
    assert choose(METADATA, header, query).offer == wanted


@pytest.mark.parametrize("query", ["*/*", "application/*", 'multipart/related; type="*/*"', "multipart/related"])
def test_the_accept_parameter_takes_no_wildcards(query: str) -> None:
    with pytest.raises(BadRequest):
        choose(METADATA, "", [query])


@pytest.mark.parametrize(
    ("offers", "header", "query"),
    [
        (INSTANCE, f"{DICOM}, image/jpeg", []),
        (INSTANCE, f'image/png, multipart/related; type="{DICOM}"; q=0.5', []),
        (INSTANCE, "*/*", [f"{DICOM}, image/png"]),
        (METADATA, "application/dicom+json, text/html", []),
        (RENDERED, 'image/jpeg, multipart/related; type="image/jpeg"', []),
        (RENDERED, "*/*", [f"image/jpeg, {DICOM}"]),
    ],
)
def test_dicom_and_rendered_types_do_not_go_together(offers: list[Offer], header: str, query: list[str]) -> None:
    with pytest.raises(BadRequest):
        choose(offers, header, query)


def test_a_link_speaks_for_itself() -> None:
    header = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"
    assert choose(INSTANCE, header, [DICOM]).offer == ALONE


def test_what_is_not_wanted_is_no_mixture() -> None:
    assert choose(INSTANCE, f"{DICOM}, image/jpeg;q=0").offer == ALONE


def test_all_that_is_acceptable_is_ranked() -> None:
    header = 'multipart/related; type="image/*";q=0.9, multipart/related; type="image/jls";q=0.5, */*;q=0.1'
    assert [choice.offer for choice in ranked(FRAME, header)] == [JLS, JPEG, OCTETS]
    header = 'multipart/related; type="image/jls"; transfer-syntax=1.2, multipart/related; type="image/jls"'
    assert ranked(FRAME, header) == [Choice(JLS, "1.2"), Choice(JLS)]


@pytest.mark.parametrize("quality", ["-1", "2", "1e9", "inf"])
def test_a_weight_that_is_none_is_ignored(quality: str) -> None:
    assert choose(RENDERED, f"image/gif;q={quality}, image/png;q=0.1") == Choice(PNG)
