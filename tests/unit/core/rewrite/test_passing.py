"""An identified worklist: nothing changes but links."""

import contextlib
import json

import msgspec
import pytest

from gateway.core.errors import GatewayError, LimitExceeded, MalformedInput
from gateway.core.rewrite.passing import Passing, PassingPart10
from gateway.core.rewrite.stream import Limits
from tests.kit.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, Element, part10


def bulk(uri: str) -> str:
    return "gateway/" + uri.rsplit("/", 1)[1]


def metadata(**elements: object) -> dict[str, object]:
    encoded = {key.lstrip("_"): json.dumps(value).encode() for key, value in elements.items()}
    return dict(json.loads(Passing().metadata_elements(encoded, bulk) or b"{}"))


STUDY = "1.2.840.55.1"
ELEMENTS = [
    Element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2"),
    Element(0x00080018, "UI", b"1.2.840.55.3"),
    Element(0x00100010, "PN", b"DOE^JANE"),
    Element(0x00100020, "LO", b"4711"),
    Element(0x0020000D, "UI", STUDY.encode()),
    Element(0x0020000E, "UI", b"1.2.840.55.2"),
    Element(0x7FE00010, "OW", bytes(range(256)) * 40),
]


def passed(pieces: list[bytes], study: str = STUDY, limits: Limits | None = None) -> tuple[bytes, bytes]:
    """Feed an object; the bytes that came out before its end, and all of them."""
    rewriter = PassingPart10(study, limits)
    early = b"".join(bytes(one) for piece in pieces for one in rewriter.pieces(piece))
    return early, early + b"".join(bytes(one) for one in rewriter.last_pieces())


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
@pytest.mark.parametrize("size", [1, 7, 300, 100_000])
def test_bytes_pass_as_they_are(syntax: str, size: int) -> None:
    whole = part10(ELEMENTS, syntax)
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    early, everything = passed(pieces)
    assert everything == whole
    assert early or syntax == DEFLATED
    assert passed(pieces, study="")[1] == whole


def test_pixels_pass_as_the_same_object() -> None:
    whole, pixels = part10(ELEMENTS, EXPLICIT), bytes(1000)
    rewriter = Passing().part10(STUDY)
    assert b"".join(bytes(one) for one in rewriter.pieces(whole)) == whole
    assert rewriter.pieces(pixels)[0] is pixels
    assert rewriter.head is not None
    assert rewriter.head.sop_instance == "1.2.840.55.3"
    assert rewriter.series == "1.2.840.55.2"
    assert rewriter.report == {}


def test_an_object_in_another_encoding_than_it_says_passes() -> None:
    whole = part10(ELEMENTS, EXPLICIT).replace(EXPLICIT.encode() + b"\0", IMPLICIT.encode() + b"\0\0\0", 1)
    assert passed([whole])[1] == whole


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
def test_an_object_of_another_study_does_not_pass(syntax: str) -> None:
    with pytest.raises(MalformedInput, match="another study"):
        passed([part10(ELEMENTS, syntax)], study="1.2.840.55.2")
    with pytest.raises(MalformedInput, match="another study"):
        passed([part10([one for one in ELEMENTS if one.tag != 0x0020000D], syntax)])


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"<html>a login page",
        b"<html>" + b"x" * 5000,
        bytes(128) + b"DICM",
        part10(ELEMENTS, EXPLICIT)[:200],
        part10(ELEMENTS, "1.2.3.4"),
        part10([], DEFLATED)[:-2] + b"\xff" * 400,
        bytes(128) + b"DICM" + ELEMENTS[0].tag.to_bytes(4, "little") * 50,
    ],
    ids=lambda rubbish: repr(rubbish[:12]),
)
@pytest.mark.parametrize("size", [1, 100_000])
def test_what_is_no_object_does_not_pass(rubbish: bytes, size: int) -> None:
    rewriter = PassingPart10(STUDY)
    out: list[bytes | memoryview] = []

    def feed() -> None:
        for at in range(0, len(rubbish), size):
            out.extend(rewriter.pieces(rubbish[at : at + size]))
        out.extend(rewriter.last_pieces())

    with pytest.raises(MalformedInput):
        feed()
    assert out == []


def test_a_head_without_end_is_not_held_for_ever() -> None:
    endless = [Element(0x00091000 + number, "UN", bytes(60_000)) for number in range(50)]
    whole = part10([*ELEMENTS[:3], *endless, *ELEMENTS[3:]], EXPLICIT)
    with pytest.raises(LimitExceeded):
        passed([whole[at : at + 1000] for at in range(0, len(whole), 1000)], limits=Limits(max_head_bytes=100_000))


def test_every_link_points_at_the_gateway_at_any_depth() -> None:
    item = {"00420011": {"vr": "OB", "BulkDataURI": "http://origin/2"}}
    assert metadata(
        _7FE00010={"vr": "OW", "BulkDataURI": "http://origin/1"},
        _0040A730={"vr": "SQ", "Value": [{"0040A730": {"vr": "SQ", "Value": [item, None]}}, None, {}]},
    ) == {
        "7FE00010": {"vr": "OW", "BulkDataURI": "gateway/1"},
        "0040A730": {
            "vr": "SQ",
            "Value": [
                {"0040A730": {"vr": "SQ", "Value": [{"00420011": {"vr": "OB", "BulkDataURI": "gateway/2"}}, None]}},
                None,
                {},
            ],
        },
    }


def test_everything_else_stays_byte_for_byte() -> None:
    elements = {"00100010": b'{"vr":"PN","Value":[{"Alphabetic":"A"}]}', "00280030": b'{"vr":"DS","Value":[1.50]}'}
    passing = Passing()
    assert (
        passing.metadata_elements(elements, bulk)
        == b'{"00100010":' + elements["00100010"] + b',"00280030":' + elements["00280030"] + b"}"
    )
    assert passing.match(elements) == elements


def test_text_that_speaks_of_uris_is_left_alone() -> None:
    assert metadata(_00081030={"vr": "LO", "Value": ["URI"]}) == {"00081030": {"vr": "LO", "Value": ["URI"]}}
    assert metadata(_00420011={"vr": "OB", "BulkDataURI": None}) == {"00420011": {"vr": "OB"}}


def test_a_link_whose_name_is_escaped_is_one() -> None:
    raw = b'{"vr":"OB","Bulk\\u0044ata\\u0055RI":"http://origin/7"}'
    assert json.loads(Passing().metadata_elements({"00420011": raw}, bulk) or b"")["00420011"] == {
        "vr": "OB",
        "BulkDataURI": "gateway/7",
    }


def test_a_retrieve_url_of_the_origin_goes_at_any_depth() -> None:
    url = {"vr": "UR", "Value": ["http://origin/studies/1"]}
    item = {"00081190": url, "00080018": {"vr": "UI", "Value": ["1"]}}
    nested = {"vr": "SQ", "Value": [item, {"0040A730": {"vr": "SQ", "Value": [item]}}]}
    assert b"origin" not in (
        Passing().metadata_elements({"00081190": as_raw(url), "0040A730": as_raw(nested)}, bulk) or b""
    )
    assert b"origin" not in b"".join(Passing().match({"00081190": as_raw(url), "0040A730": as_raw(nested)}).values())


def test_a_search_result_has_no_link_to_bulk_data() -> None:
    found = Passing().match({"00282000": as_raw({"vr": "OB", "BulkDataURI": "http://origin/1"})})
    assert json.loads(found["00282000"]) == {"vr": "OB"}


def as_raw(element: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(element).encode())


@pytest.mark.parametrize(
    "element", [{"vr": "SQ", "Value": ["BulkDataURI"]}, {"vr": "SQ", "Value": [{"00080100": "BulkDataURI"}]}]
)
def test_items_that_are_none_are_refused_or_passed_but_break_nothing(element: object) -> None:
    with contextlib.suppress(GatewayError):
        assert metadata(_0040A730=element)


def test_every_identifier_and_object_is_released() -> None:
    passing = Passing()
    assert passing.uid("1.2.3") == "1.2.3"
    assert passing.keeps(0x00100010)
    assert not passing.keeps(0x00291010)
    assert not passing.refuses("1.2.840.10008.5.1.4.1.1.88.11")
