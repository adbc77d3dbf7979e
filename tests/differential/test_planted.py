"""Objects full of canaries, which hold every attribute of Table E.1-1, come out as the reference makes them."""

import json
from collections.abc import Collection

import pytest

from tests.differential import test_json
from tests.kit import encode, reference
from tests.kit.canary import CHARSETS, SOP_CLASSES, plant
from tests.kit.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, JPEG
from tests.kit.engine import KEYS, nominal, random_cuts, rewrite, strict
from tests.kit.raw import differences, read, tree


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED, JPEG])
@pytest.mark.parametrize("name", SOP_CLASSES)
def test_every_attribute_of_the_table_in_every_encoding(name: str, syntax: str) -> None:
    # pydicom does not read a UN sequence of undefined length in a big endian data set.
    assert_equal(plant(name, syntax, hostile=syntax != BIG_ENDIAN).part10)


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_patient_is_the_same_in_every_character_set(charset: str) -> None:
    assert_equal(plant("CT", EXPLICIT, charset).part10)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED, JPEG])
@pytest.mark.parametrize("gone", [(), reference.STRICT.always, (0x00100010, 0x00100040)])
def test_strict_says_who_nobody_is_where_the_object_says_nothing(syntax: str, gone: Collection[int]) -> None:
    planted = plant("CT", syntax, hostile=False)
    part10 = encode.part10([one for one in planted.elements if one.tag not in gone], syntax)
    expected = reference.deidentify(read(part10), KEYS, name="strict", details=reference.STRICT)
    released = rewrite(strict(), random_cuts(part10, seed=len(part10)))
    assert list(differences(tree(read(released)), tree(expected))) == []


@pytest.mark.filterwarnings("ignore:::pydicom")
@pytest.mark.parametrize("name", SOP_CLASSES)
def test_metadata_equals_the_part_10_object_attribute_by_attribute(name: str) -> None:
    planted = plant(name, EXPLICIT, hostile=False)
    source = json.dumps(encode.as_json(planted.elements)).encode()
    released = nominal().metadata(source, lambda uri: uri)
    assert released is not None
    expected = test_json.as_json(rewrite(nominal(), [planted.part10]), with_bulk=False)
    assert test_json.differences(json.loads(released), expected) == []


def assert_equal(part10: bytes) -> None:
    expected = reference.deidentify(read(part10), KEYS)
    released = rewrite(nominal(), random_cuts(part10, seed=len(part10)))
    assert list(differences(tree(read(released)), tree(expected))) == []
