"""What fuzzing found, each in its smallest form."""

import json

import pytest

from gateway.core.clean.subject import Subject
from gateway.core.clean.text import TextCleaner
from gateway.core.errors import MalformedInput
from gateway.core.wire.dicomjson import ArrayReader
from tests.kit import codestreams
from tests.kit.encode import EXPLICIT, JPEG, PIXEL_DATA, Element, part10
from tests.kit.engine import nominal, rewrite

HEAD = (Element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2"), Element(0x00080018, "UI", b"1.2.3"))


@pytest.mark.parametrize("value", [b"\xff", b"\xc3", b"\xed\xa0\x80"])
def test_metadata_that_is_not_utf_8_is_refused(value: bytes) -> None:
    document = json.dumps(
        {
            "00080016": {"vr": "UI", "Value": ["1.2"]},
            "00080018": {"vr": "UI", "Value": ["1.3"]},
            "00080060": {"vr": "CS", "Value": ["?"]},
        }
    ).encode()
    with pytest.raises(MalformedInput):
        nominal().metadata(document.replace(b"?", value), str)
    with pytest.raises(MalformedInput):
        ArrayReader().feed(document.replace(b"?", value))


@pytest.mark.parametrize("terms", [b"ISO_IR\0 100", b"\xfe\xff\0\xe0"])
def test_a_specific_character_set_that_is_no_text_is_refused(terms: bytes) -> None:
    with pytest.raises(MalformedInput):
        rewrite(nominal(), [part10((Element(0x00080005, "CS", terms), *HEAD), EXPLICIT)])


@pytest.mark.parametrize("identifier", ["0000000002", "\ufffd"])
def test_an_identifier_of_zeros_or_signs_can_be_searched_for(identifier: str) -> None:
    cleaner = TextCleaner(Subject(identifiers=frozenset({identifier})))
    assert cleaner.clean(f"Thorax of {identifier}", "LO")


def test_a_second_specific_character_set_is_refused() -> None:
    twice = (Element(0x00080005, "CS", b"ISO_IR 192"), Element(0x00080005, "CS", bytes(range(64))))
    with pytest.raises(MalformedInput):
        rewrite(nominal(), [part10((*twice, *HEAD), EXPLICIT)])


def test_encapsulated_pixel_data_in_vr_un_is_refused() -> None:
    frame = Element(PIXEL_DATA, "UN", [codestreams.jpeg()], undefined=True)
    with pytest.raises(MalformedInput):
        rewrite(nominal(), [part10((*HEAD, frame), JPEG)])
