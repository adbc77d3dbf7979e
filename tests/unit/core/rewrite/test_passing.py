"""An identified worklist: nothing changes but links."""

import contextlib
import json

import pytest

from gateway.core.errors import GatewayError
from gateway.core.rewrite.passing import Passing


def bulk(uri: str) -> str:
    return "gateway/" + uri.rsplit("/", 1)[1]


def metadata(**elements: object) -> dict[str, object]:
    encoded = {key.lstrip("_"): json.dumps(value).encode() for key, value in elements.items()}
    return dict(json.loads(Passing().metadata_elements(encoded, bulk) or b"{}"))


def test_bytes_pass_as_they_are() -> None:
    rewriter = Passing().part10()
    assert [*rewriter.pieces(b"any"), *rewriter.pieces(b"thing"), *rewriter.last_pieces()] == [b"any", b"thing"]
    assert rewriter.report == {}


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
    assert metadata(_00420011={"vr": "OB", "BulkDataURI": None}) == {"00420011": {"vr": "OB", "BulkDataURI": None}}


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
