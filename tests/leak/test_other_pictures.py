"""Under masks one picture of an object is judged; no other leaves, wherever the object has it."""

import json
from typing import Any, Final

import msgspec
import pytest

from gateway.core.profile.parse import parse_profile
from gateway.core.rewrite.engine import Engine
from tests.kit.encode import EXPLICIT, IMPLICIT, PIXEL_DATA, Element, as_json, part10
from tests.kit.engine import KEYS, profile, rewrite

TEXT: Final = b"SMITH^JOHN"
CLASSES: Final = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "report": "1.2.840.10008.5.1.4.1.1.88.33",
    "presentation": "1.2.840.10008.5.1.4.1.1.11.1",
    "key objects": "1.2.840.10008.5.1.4.1.1.88.59",
    "plan": "1.2.840.10008.5.1.4.1.1.481.5",
}
PICTURE: Final = (
    Element(0x00280002, "US", [1]),
    Element(0x00280004, "CS", b"MONOCHROME2"),
    Element(0x00280010, "US", [2]),
    Element(0x00280011, "US", [5]),
    Element(0x00280100, "US", [8]),
    Element(0x00280101, "US", [8]),
    Element(0x00280102, "US", [7]),
    Element(0x00280103, "US", [0]),
)
OTHERS: Final = {
    "in items of a series": Element(0x00081115, "SQ", [[*PICTURE, Element(PIXEL_DATA, "OB", TEXT)]]),
    "in content": Element(0x0040A730, "SQ", [[*PICTURE, Element(PIXEL_DATA, "OW", TEXT)]]),
    "in shared groups": Element(
        0x52009229, "SQ", [[*PICTURE, Element(0x7FE00008, "OF", TEXT + b"  ")]], undefined=True
    ),
    "an icon": Element(0x00880200, "SQ", [[*PICTURE, Element(PIXEL_DATA, "OB", TEXT)]]),
    "variable": Element(0x7F000010, "OW", TEXT),
}


def elements(name: str, other: Element) -> list[Element]:
    image = (*PICTURE, Element(PIXEL_DATA, "OB", bytes(10))) if name == "CT" else ()
    return [
        Element(0x00080008, "CS", b"ORIGINAL\\PRIMARY\\AXIAL"),
        Element(0x00080016, "UI", CLASSES[name].encode()),
        Element(0x00080018, "UI", b"1.2.3.1.1"),
        Element(0x00100020, "LO", b"P1"),
        Element(0x0020000D, "UI", b"1.2.3"),
        Element(0x0020000E, "UI", b"1.2.3.1"),
        *image,
        other,
    ]


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("name", CLASSES)
def test_no_other_picture_leaves_in_an_object(name: str, other: str, syntax: str) -> None:
    out = rewrite(Engine(profile("clean-pixel-data"), KEYS), [part10(elements(name, OTHERS[other]), syntax)])
    assert TEXT not in out


@pytest.mark.parametrize("bulk", ["", "http://archive.example/bulk"])
@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("name", CLASSES)
def test_nor_is_it_in_metadata_or_linked_there(name: str, other: str, bulk: str) -> None:
    engine, links = Engine(profile("clean-pixel-data"), KEYS), list[str]()
    source: dict[str, Any] = {
        key: msgspec.Raw(json.dumps(element).encode())
        for key, element in as_json(elements(name, OTHERS[other]), bulk).items()
    }

    def linked(uri: str) -> str:
        links.append(uri)
        return "x"

    out = engine.metadata_elements(source, linked)
    assert out is not None
    assert b"U01JVEheSk9ITg" not in out
    assert {link.rpartition("/")[0] for link in links} <= {bulk}


@pytest.mark.parametrize("other", OTHERS)
def test_what_the_final_check_refuses_in_objects_is_not_linked_in_metadata(other: str) -> None:
    engine, links = Engine(profile("strict"), KEYS), list[str]()
    elements_of = as_json([*elements("CT", OTHERS[other]), Element(0x00100010, "PN", TEXT)], "http://archive.example")
    source: dict[str, Any] = {key: msgspec.Raw(json.dumps(element).encode()) for key, element in elements_of.items()}

    def linked(uri: str) -> str:
        links.append(uri)
        return "x"

    assert engine.metadata_elements(source, linked)
    assert links == ["http://archive.example/7fe00010"]


def test_where_nothing_is_judged_the_profile_decides() -> None:
    text = "name: p\nbased_on: nominal\n"
    one = part10(elements("CT", OTHERS["in content"]), EXPLICIT)
    assert TEXT in rewrite(Engine(parse_profile(text, "p.yaml", profile), KEYS), [one])
