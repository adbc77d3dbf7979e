"""Objects full of canaries go through the engine: none comes out, in any form."""

import base64
import json
import zlib
from urllib.parse import quote

import pytest

from gateway.core.profile.parse import parse_profile
from gateway.core.rewrite.engine import Engine
from tests.kit.canary import CHARSETS, SOP_CLASSES, plant
from tests.kit.canary_search import TOKEN, UID_ROOT, Canaries, search
from tests.kit.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, JPEG, as_json
from tests.kit.engine import KEYS, nominal, profile, random_cuts, rewrite
from tests.kit.raw import read
from tests.kit.tables import LISTED

SYNTAXES = (EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED, JPEG)
ORIGIN = f"http://{TOKEN.lower()}.origin.invalid:8042/dicom-web/studies/{UID_ROOT}00001/bulk"


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("name", SOP_CLASSES)
def test_no_canary_leaves_in_a_part_10_object(name: str, syntax: str) -> None:
    planted = plant(name, syntax)
    released = rewrite(nominal(), random_cuts(planted.part10, seed=len(name)))
    assert search(inflated(released, syntax), planted.canaries) == []


@pytest.mark.parametrize("charset", CHARSETS)
def test_no_canary_leaves_in_any_character_set(charset: str) -> None:
    planted = plant("SR", EXPLICIT, charset)
    assert search(rewrite(nominal(), [planted.part10]), planted.canaries) == []


@pytest.mark.parametrize("bulk", ["", ORIGIN])
@pytest.mark.parametrize("name", SOP_CLASSES)
def test_no_canary_leaves_in_metadata(name: str, bulk: str) -> None:
    planted = plant(name)
    released = nominal().metadata(json.dumps(as_json(planted.elements, bulk)).encode(), lambda _: "/bulk/token")
    assert released is not None
    assert search(released, planted.canaries) == []


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_every_canary_would_be_found_in_the_object_itself(syntax: str) -> None:
    planted = plant("CT", syntax)
    assert len(planted.canaries.names) > 5000
    for value in planted.canaries.names:
        assert value.encode() in planted.part10
        assert search(value.encode(), planted.canaries)


@pytest.mark.parametrize(
    "keyword", ["InstitutionName", "AccessionNumber", "StudyDate", "PatientBirthDate", "DerivationDescription"]
)
def test_the_search_finds_an_attribute_whose_rule_is_taken_out(keyword: str) -> None:
    planted = plant("CT", EXPLICIT)
    leaky = Engine(parse_profile(disabling(keyword), "leaky.yaml", profile), KEYS)
    tag = next(tag for tag, row in LISTED.items() if row["keyword"] == keyword)
    name = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    in_part10 = search(rewrite(leaky, [planted.part10]), planted.canaries)
    assert any(hit.name.endswith(name) for hit in in_part10)
    assert all(hit.name.endswith(name) or hit.name.startswith("word") for hit in in_part10)
    metadata = leaky.metadata(json.dumps(as_json(planted.elements)).encode(), lambda _: "/bulk/token")
    assert metadata is not None
    assert any(hit.name.endswith(name) for hit in search(metadata, planted.canaries))


@pytest.mark.parametrize(
    "form", ["ascii", "utf-16-le", "utf-16-be", "percent", "base64", "base64 1", "base64 2", "json", "lower"]
)
@pytest.mark.parametrize("value", [f"{TOKEN}00042", f"{UID_ROOT}00042", "ŻółwßΩж漢字鱉"])
def test_the_search_knows_every_form(value: str, form: str) -> None:
    blob = b"before " + disguise(value, form) + b" after"
    assert search(blob, Canaries({}, {"ŻółwßΩж漢字鱉": "utf-8"}))
    assert search(b"before after", Canaries({}, {"ŻółwßΩж漢字鱉": "utf-8"})) == []


def disguise(value: str, form: str) -> bytes:
    if form.startswith("base64"):
        return base64.b64encode(b"." * int(form[6:] or 0) + value.encode() + b"xyz")
    if form == "percent":
        return "".join(f"%{byte:02X}" for byte in value.encode()).encode() if value.isascii() else quote(value).encode()
    if form == "json":
        return "".join(f"\\u{ord(character):04x}" for character in value).encode()
    if form == "lower":
        return value.lower().encode() if value.isascii() else value.encode()
    return value.encode("utf-8" if form == "ascii" else form)


def inflated(released: bytes, syntax: str) -> bytes:
    """Look inside a deflated data set as well."""
    if syntax != DEFLATED:
        return released
    body = released[132 + 12 + read(released).file_meta.FileMetaInformationGroupLength :]
    return released + zlib.decompressobj(-zlib.MAX_WBITS).decompress(body)


def disabling(keyword: str) -> str:
    return f"name: leaky\nbased_on: nominal\nattributes:\n  {keyword}: {{disabled: true}}\n"
