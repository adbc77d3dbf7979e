"""What a profile always writes: in an object that lacks it as in one that has it, once, in its place, on every door."""

import json
from collections.abc import Mapping
from itertools import combinations, product
from typing import Any

import pytest

from gateway.core.profile.parse import parse_profile
from gateway.core.rewrite import marks
from gateway.core.rewrite.engine import Engine
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.kit import encode
from tests.kit.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, JPEG, Element
from tests.kit.engine import KEYS, profile, rewrite, single_bytes
from tests.kit.raw import read, tree
from tests.unit.core.rewrite.objects import CT, data_set_rewriter, feed, uid, walk

PROFILE = """\
name: p
attributes:
  PatientName: {action: replace, value: ANONYMOUS, always: true}
  PatientID: {action: replace, value: "000000", always: true}
  PatientSex: {action: replace, value: O, always: true}
"""
NOBODY = {0x00100010: ("PN", b"ANONYMOUS"), 0x00100020: ("LO", b"000000"), 0x00100040: ("CS", b"O")}
Said = Mapping[int, tuple[str, bytes]]
OBJECT: Said = {
    0x00080016: ("UI", CT),
    0x00080018: ("UI", b"1.2.3"),
    0x00100010: ("PN", b"Doe^Jane"),
    0x00100020: ("LO", b"P1"),
    0x00100022: ("CS", b"TEXT"),  # kept, between two of them
    0x00100040: ("CS", b"F"),
    0x00120064: ("SQ", b""),
    0x00200013: ("IS", b"7"),
    0x00281050: ("DS", b"40"),
}
ENCODINGS = [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE]
SYNTAXES = [EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED, JPEG]
SUBSETS = [frozenset(gone) for size in range(4) for gone in combinations(NOBODY, size)]
STRICT = {"00100010": "ANONYMOUS", "00100020": "000000", "00100030": "19900101", "00100040": "O"}


def engine(text: str = PROFILE) -> Engine:
    return Engine(parse_profile(text, "p.yaml", profile), KEYS)


def without(gone: frozenset[int], said: Said = OBJECT) -> Said:
    return {tag: value for tag, value in said.items() if tag not in gone}


def written(said: Said, encoding: Encoding = EXPLICIT_LE) -> bytes:
    return b"".join(encoding.make(tag, *value) for tag, value in said.items())


def expected(under: Engine, said: Said, encoding: Encoding = EXPLICIT_LE) -> bytes:
    """Write what is released, in the order of tags, whatever of NOBODY the object said."""
    values = {**without(frozenset({0x00120064}), said), **NOBODY, 0x00080018: ("UI", uid("1.2.3"))}
    pieces = {tag: encoding.make(tag, *value) for tag, value in values.items()}
    first, second, third = marks.elements(under.plan(CT.decode()), encoding, (), "")
    pieces |= {0x00120062: first, 0x00120063: second, 0x00280303: third}
    return b"".join(pieces[tag] for tag in sorted(pieces))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("gone", SUBSETS)
def test_it_is_there_once_and_in_its_place_in_any_chunking(encoding: Encoding, gone: frozenset[int]) -> None:
    under = engine()
    said = without(gone)
    assert walk(written(said, encoding), under, encoding) == expected(under, said, encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("last", OBJECT)
def test_it_is_there_wherever_the_data_set_ends(encoding: Encoding, last: int) -> None:
    under = engine()
    said = {tag: value for tag, value in OBJECT.items() if tag <= max(last, 0x00080018)}
    assert walk(written(said, encoding), under, encoding) == expected(under, said, encoding)


@pytest.mark.parametrize("empty", NOBODY)
def test_an_empty_one_is_filled(empty: int) -> None:
    under = engine()
    said = {**OBJECT, empty: (OBJECT[empty][0], b"")}
    assert walk(written(said), under) == expected(under, said)


@pytest.mark.parametrize("vr", ["UN", "IS", "OB", "UI", "SQ"])
def test_one_in_another_vr_is_no_exception(vr: str) -> None:
    under = engine()
    said = {**OBJECT, 0x00100010: (vr, b"")}
    assert walk(written(said), under) == expected(under, said)


def test_one_that_comes_twice_or_out_of_order_is_there_once() -> None:
    under = engine()
    twice = written(OBJECT) + EXPLICIT_LE.make(0x00100010, "PN", b"Roe")
    assert walk(twice, under) == expected(under, OBJECT)
    name = EXPLICIT_LE.make(0x00100010, "PN", b"Doe^Jane")
    late = written(without(frozenset({0x00100010}))).replace(
        EXPLICIT_LE.make(0x00100022, "CS", b"TEXT"), EXPLICIT_LE.make(0x00100022, "CS", b"TEXT") + name
    )
    assert walk(late, under) == expected(under, OBJECT)


def test_only_the_root_gets_it() -> None:
    under = engine()
    item = EXPLICIT_LE.make(0x00100010, "PN", b"Roe^Richard") + EXPLICIT_LE.make(0x00080100, "SH", b"C")
    other = EXPLICIT_LE.make(0x00080100, "SH", b"D")
    value = b"".join(b"\xfe\xff\x00\xe0" + EXPLICIT_LE.u32.pack(len(one)) + one for one in (item, other))
    released = walk(written({**OBJECT, 0x00400260: ("SQ", value)}), under)
    assert released.count(b"ANONYMOUS") == 2  # of the root, and where the first item has it
    assert b"Roe" not in released


@pytest.mark.parametrize(("first", "second"), [*product(SUBSETS, repeat=2)])
def test_runs_that_are_remembered_neither_lose_nor_double_it(first: frozenset[int], second: frozenset[int]) -> None:
    under = engine()
    for gone in (first, second, second, first, second, first):
        said = without(gone)
        assert feed(data_set_rewriter(under), [written(said)]) == expected(under, said)


def test_marks_of_an_earlier_pass_change_nothing_about_it() -> None:
    under = engine()
    earlier = {**without(frozenset(NOBODY)), 0x00280303: ("CS", b"MODIFIED")}
    once = feed(data_set_rewriter(under), [written(dict(sorted(earlier.items())))])
    assert once == expected(under, without(frozenset({0x00280303}), earlier))
    assert tree_values(feed(data_set_rewriter(under), [once])) == tree_values(once)


def tree_values(data_set: bytes) -> bytes:
    """Leave out the UID, which is mapped anew."""
    return data_set[: data_set.index(b"\x08\0\x18\0")] + data_set[data_set.index(b"\x10\0\x10\0") :]


def test_what_it_replaces_is_counted_as_replaced() -> None:
    under = engine()
    rewriter = data_set_rewriter(under)
    feed(rewriter, [written(OBJECT)])
    plain = engine(PROFILE.replace(", always: true", ""))
    other = data_set_rewriter(plain)
    feed(other, [written(OBJECT)])
    assert rewriter.counts == other.counts


@pytest.mark.parametrize(("condition", "there"), [("M", True), ("F", False)])
def test_a_more_specific_rule_goes_first(condition: str, there: bool) -> None:
    text = PROFILE.replace(
        "PatientSex: {action: replace, value: O, always: true}",
        f"PatientSex:\n    - {{action: replace, value: O, always: true}}\n"
        f"    - {{action: remove, when: {{PatientSex: {{equals: {condition}}}}}}}",
    )
    released = walk(written(OBJECT), engine(text))
    assert (EXPLICIT_LE.make(0x00100040, "CS", b"O") in released) is there
    assert (EXPLICIT_LE.tag(0x00100040) + b"CS" in released) is there


# The profile strict


def planted(gone: frozenset[int]) -> list[Element]:
    said = {**OBJECT, 0x00080020: ("DA", b"20240317"), 0x00100030: ("DA", b"19610203"), 0x0020000D: ("UI", b"1.2.9")}
    return [Element(tag, vr, [] if vr == "SQ" else value) for tag, (vr, value) in without(gone, said).items()]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("gone", [frozenset({0x00100030, *gone}) for gone in SUBSETS])
def test_strict_in_every_encoding_byte_by_byte(syntax: str, gone: frozenset[int]) -> None:
    under = Engine(profile("strict"), KEYS)
    source = encode.part10(planted(gone), syntax)
    whole = rewrite(under, [source])
    assert rewrite(under, single_bytes(source)) == whole
    found = {f"{tag:08X}": value.decode().strip(" ") for tag, _, value in tree(read(whole)) if f"{tag:08X}" in STRICT}
    assert found == STRICT
    tags = [tag for tag, _, _ in tree(read(whole))]
    assert tags == sorted(set(tags))


@pytest.mark.parametrize("gone", [frozenset({0x00100030, *gone}) for gone in SUBSETS])
def test_strict_in_metadata_as_in_the_object(gone: frozenset[int]) -> None:
    under = Engine(profile("strict"), KEYS)
    released = under.metadata(json.dumps(encode.as_json(planted(gone))).encode(), lambda uri: uri)
    assert released is not None
    found: dict[str, Any] = json.loads(released)
    assert list(found) == sorted(found)
    assert {key: value_of(found[key]) for key in STRICT} == STRICT
    part10 = read(rewrite(under, [encode.part10(planted(gone), EXPLICIT)]))
    assert [(f"{tag:08X}", vr) for tag, vr, _ in tree(part10)] == [(key, one["vr"]) for key, one in found.items()]


def value_of(element: dict[str, Any]) -> str:
    (value,) = element["Value"]
    return str(value["Alphabetic"] if isinstance(value, dict) else value)


@pytest.mark.parametrize(
    ("said", "asked", "keys"),
    [((), (), ()), ((), ("00100040",), ("00100040",)), (("00100010",), (), ("00100010",)), ((), STRICT, STRICT)],
)
def test_a_search_result_has_it_where_it_is_asked_for(said: tuple[str], asked: tuple[str], keys: tuple[str]) -> None:
    source = dict.fromkeys(said, b'{"vr":"PN"}')
    found = Engine(profile("strict"), KEYS).match(source, "", frozenset(asked))
    assert {key: value_of(json.loads(raw)) for key, raw in found.items()} == {key: STRICT[key] for key in keys}
