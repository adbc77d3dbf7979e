"""Store Instances Responses, written and read."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.wire.dicomjson import encode_object
from gateway.core.wire.dicomxml import to_xml
from gateway.core.wire.storeresponse import Entry, Response, read_response, to_data_set

STORED = [Entry("1.2", "1.2.3", "http://g/studies/1"), Entry("1.2", "1.2.4")]
FAILED = [Entry("1.2", "1.2.5", reason=0xA700)]


def test_it_says_what_it_must_and_no_more() -> None:
    found = json.loads(encode_object(to_data_set(STORED, FAILED, [0xC000], "http://g/studies/1")))
    assert found == {
        "00081190": {"vr": "UR", "Value": ["http://g/studies/1"]},
        "00081198": {"vr": "SQ", "Value": [{
            "00081150": {"vr": "UI", "Value": ["1.2"]},
            "00081155": {"vr": "UI", "Value": ["1.2.5"]},
            "00081197": {"vr": "US", "Value": [42752]},
        }]},
        "00081199": {"vr": "SQ", "Value": [
            {
                "00081150": {"vr": "UI", "Value": ["1.2"]},
                "00081155": {"vr": "UI", "Value": ["1.2.3"]},
                "00081190": {"vr": "UR", "Value": ["http://g/studies/1"]},
            },
            {"00081150": {"vr": "UI", "Value": ["1.2"]}, "00081155": {"vr": "UI", "Value": ["1.2.4"]}},
        ]},
        "0008119A": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [49152]}}]},
    }  # fmt: skip


def test_sequences_without_items_are_not_there_but_the_url_is() -> None:
    assert json.loads(encode_object(to_data_set([], [], []))) == {"00081190": {"vr": "UR"}}


@pytest.mark.parametrize("form", ["JSON", "a list of it", "XML"])
def test_what_was_written_is_read(form: str) -> None:
    written = to_data_set(STORED, FAILED, [0xC000])
    body = to_xml(written) if form == "XML" else encode_object(written)
    assert read_response(b"[%b]" % body if form == "a list of it" else body) == Response(
        frozenset({"1.2.3", "1.2.4"}), {"1.2.5": 0xA700}
    )


ITEM: Mapping[str, Any] = {"00081155": {"vr": "UI", "Value": ["1.2.5"]}}


@pytest.mark.parametrize(
    "reason",
    [{}, {"vr": "US"}, {"vr": "US", "Value": ["text"]}, {"vr": "US", "Value": [-1]}, {"vr": "US", "Value": [65536]},
     {"vr": "US", "Value": [0]}, {"vr": "US", "Value": [1.5]}],
)  # fmt: skip
def test_a_reason_that_is_none_is_not_passed_on(reason: Mapping[str, Any]) -> None:
    item = {**ITEM, "00081197": reason} if reason else ITEM
    body = json.dumps({"00081198": {"vr": "SQ", "Value": [item, None]}}).encode()
    assert read_response(body) == Response(frozenset(), {})


def test_empty_sequences_say_nothing() -> None:
    assert read_response(b'{"00081198": {"vr": "SQ"}, "00081199": {"vr": "SQ", "Value": [{}]}}') == Response(
        frozenset(), {}
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"no", b'{"00081199": {"vr": "LO", "Value": ["1.2.3"]}}', b'{"00081199": {"vr": "SQ", "Value": ["1.2.3"]}}',
     b"<html/>", b'{"00081199": 1}'],
)  # fmt: skip
def test_what_is_no_response_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedInput):
        read_response(body)
