"""Every option alone, and the pairs that interact: the output equals what the reference makes of the same object."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from gateway.core.clean.text import TextCleaner
from tests.differential import test_json
from tests.differential.corpus_files import CORPUS, NAMES, REFUSED
from tests.kit import reference
from tests.kit.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, Element, as_json, part10
from tests.kit.engine import KEYS, random_cuts, rewrite
from tests.kit.options import ALONE, EVERYTHING, PAIRS, engine_with, rich, subject
from tests.kit.raw import comparable, differences, read

COMBINATIONS = [pytest.param(options, id="+".join(options)) for options in (*ALONE, *PAIRS, EVERYTHING)]


@pytest.mark.parametrize("name", ["CT", "SR"])
@pytest.mark.parametrize("options", COMBINATIONS)
def test_the_released_object_is_what_the_reference_makes(name: str, options: tuple[str, ...]) -> None:
    assert_equal(part10(rich(name), EXPLICIT), options)


@pytest.mark.filterwarnings("ignore:::pydicom")
@pytest.mark.parametrize("options", COMBINATIONS)
def test_metadata_equals_the_part_10_object_attribute_by_attribute(options: tuple[str, ...]) -> None:
    engine = engine_with(options)
    elements = [replace(element, unknown=False) for element in rich("SR")]
    released = engine.metadata(json.dumps(as_json(elements)).encode(), lambda uri: uri)
    assert released is not None
    expected = test_json.as_json(rewrite(engine, [part10(elements, EXPLICIT)]), with_bulk=False)
    assert test_json.differences(json.loads(released), expected) == []


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG_ENDIAN, DEFLATED])
@pytest.mark.parametrize("options", COMBINATIONS[-1:])
def test_every_encoding_gives_the_same(options: tuple[str, ...], syntax: str) -> None:
    written = part10([*readable(rich("SR"), syntax)], syntax)
    assert_equal(written, options)


@pytest.mark.corpus
@pytest.mark.parametrize("options", COMBINATIONS[-1:])
@pytest.mark.parametrize("name", [name for name in NAMES[::2] if name not in REFUSED])
def test_files_of_the_corpus_come_out_as_the_reference_makes_them(name: str, options: tuple[str, ...]) -> None:
    assert_equal((CORPUS / name).read_bytes(), options)


def assert_equal(written: bytes, options: tuple[str, ...]) -> None:
    data_set = read(written)
    clean = TextCleaner(subject(data_set)).clean
    expected = reference.deidentify(data_set, KEYS, frozenset(options), clean, "tested")
    released = rewrite(engine_with(options), random_cuts(written, seed=len(written)))
    assert list(differences(comparable(read(released)), comparable(expected))) == []


def readable(elements: Iterable[Element], syntax: str) -> Iterator[Element]:
    """Leave out what pydicom does not read: UN sequences in big endian, private ones in implicit VR data sets."""
    for element in elements:
        unread = {BIG_ENDIAN: element.unknown, IMPLICIT: element.tag >> 16 & 1}.get(syntax, False)
        if element.vr != "SQ" or not unread:
            yield element
