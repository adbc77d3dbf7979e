"""YAML with line numbers, and validation that reports everything at once."""

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, field_validator

from gateway.core.errors import ConfigFaults
from gateway.core.marked_yaml import check, load, nearest, validate


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Attribute(Strict):
    action: Literal["remove", "keep"] = "keep"
    disabled: bool = False


class Model(Strict):
    name: str
    size: int = 0
    attributes: dict[str, Attribute] = {}
    steps: list[Attribute] | None = None
    pairs: tuple[Attribute, ...] = ()
    either: str | Attribute = ""

    @field_validator("name")
    @classmethod
    def _not_forbidden(cls, name: str) -> str:
        if name == "forbidden":
            raise ValueError("is taken")
        return name


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigFaults) as found:
        validate(Model, load(text, "p.yaml"))
    return str(found.value).splitlines()


@pytest.mark.parametrize(
    "scalar", ["000000", "19900101", "NO", "O", "0x10", "1e3", "~", "null", "1_000", "12:30:45", "0o7", ".5"]
)
def test_a_scalar_stays_the_text_that_was_written(scalar: str) -> None:
    assert load(f"a: {scalar}\nb: [{scalar}]\n{scalar}: x\n", "p.yaml").data == {
        "a": scalar,
        "b": [scalar],
        scalar: "x",
    }


def test_an_empty_scalar_is_empty_text() -> None:
    assert load("a:\nb: ''\nc: []\nd: {}\n", "p.yaml").data == {"a": "", "b": "", "c": [], "d": {}}


def test_keys_of_a_profile_need_no_quotes() -> None:
    text = '(0010,0010): O\n("ACME 1.1",0029,10): x\n60xx,3000:\nA > CodeMeaning: {disabled: true}\n'
    assert list(load(text, "p.yaml").data) == [
        "(0010,0010)",
        '("ACME 1.1",0029,10)',
        "60xx,3000",
        "A > CodeMeaning",
    ]


def test_every_key_and_item_knows_its_line() -> None:
    document = load("# comment\na: 1\nb:\n  c: 2\n\n  d:\n    - x\n    - {e: 3,\n       f: 4}\n", "p.yaml")
    assert [document.line(path) for path in [(), ("a",), ("b",), ("b", "c"), ("b", "d"), ("b", "d", 0)]] == [
        2,
        2,
        3,
        4,
        6,
        7,
    ]
    assert document.line(("b", "d", 1, "f")) == 9
    assert document.where(("b", "d", 1)) == "p.yaml:8"


def test_what_was_not_written_has_the_line_of_its_nearest_ancestor() -> None:
    document = load("a: 1\nb:\n  c: 2\n", "p.yaml")
    assert document.line(("b", "x", 3, "y")) == 2
    assert document.line(("z",)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["p.yaml:1: the file is empty; expected keys and values"]),
        ("# nothing\n", ["p.yaml:2: the file is empty; expected keys and values"]),
        ("text", ["p.yaml:1: expected keys and values at the top of the file"]),
        ("\n- a\n", ["p.yaml:2: expected keys and values at the top of the file"]),
        ("a: {b: 1,\n b: 2}\n", ["p.yaml:2: a.b: given twice, first in line 1"]),
        ("a: 1\nb: 2\na: {c: 1}\n", ["p.yaml:3: a: given twice, first in line 1"]),
        ("a: &x 1\n", ["p.yaml:1: anchors (&name) are not allowed; write the value out"]),
        ("a: 1\nb: *x\n", ["p.yaml:2: aliases (*name) are not allowed; write the value out"]),
        ("*x : 1\n", ["p.yaml:1: aliases (*name) are not allowed; write the value out"]),
        ("a: !!int 1\n", ["p.yaml:1: tags (!name) are not allowed; put text in quotes"]),
        ("a: ! 1\n", ["p.yaml:1: tags (!name) are not allowed; put text in quotes"]),
        ("? [a]\n: 1\n", ["p.yaml:1: a key must be text"]),
        ("'': 1\n", ["p.yaml:1: a key must be text"]),
        ("a: 1\n---\nb: 2\n", ["p.yaml:2: a second document in one file"]),
        ("a: [1\nb: 2\n", ["p.yaml:2: not valid YAML: expected ',' or ']', but got ':'"]),
        ("a: 1\nb: \x07\n", ["p.yaml:2: not valid YAML: it holds a control character"]),
        ("a: " + "[" * 200, ["p.yaml:1: not valid YAML: nested too deeply"]),
    ],
)
def test_what_misleads_a_reader_is_refused_with_its_line(text: str, expected: list[str]) -> None:
    with pytest.raises(ConfigFaults) as found:
        load(text, "p.yaml")
    assert str(found.value).splitlines() == expected


def test_faults_of_the_text_come_all_at_once() -> None:
    with pytest.raises(ConfigFaults) as found:
        load("a: &x 1\nb: !t 2\na: 3\nc: *x\n", "p.yaml")
    assert [fault.where for fault in found.value.faults] == ["p.yaml:1", "p.yaml:2", "p.yaml:3", "p.yaml:4"]


def test_a_sound_document_becomes_the_model() -> None:
    model = validate(Model, load("name: 007\nsize: 12\nattributes:\n  A: {disabled: true}\n", "p.yaml"))
    assert (model.name, model.size, model.attributes["A"].disabled) == ("007", 12, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("size: 1\n", "p.yaml:1: name: missing"),
        ("name: forbidden\n", "p.yaml:1: name: is taken"),
        ("name: [x]\n", "p.yaml:1: name: should be text"),
        ("name: x\nsize: big\n", "p.yaml:2: size: should be a whole number"),
        ("name: x\nsiz: 1\n", 'p.yaml:2: siz: unknown key (did you mean "size"?)'),
        ("name: x\nqqqq: 1\n", "p.yaml:2: qqqq: unknown key"),
        ("name: x\nattributes: [a]\n", "p.yaml:2: attributes: should be keys and values"),
        ("name: x\nattributes:\n  A: keep\n", "p.yaml:3: attributes.A: should be keys and values"),
        ("name: x\nattributes:\n  A:\n    action: kep\n", "p.yaml:4: attributes.A.action: should be remove or keep"),
        ("name: x\nattributes:\n  A: {disabled: maybe}\n", "p.yaml:3: attributes.A.disabled: should be true or false"),
        (
            "name: x\nattributes:\n  A: {acton: x}\n",
            'p.yaml:3: attributes.A.acton: unknown key (did you mean "action"?)',
        ),
        ("name: x\nsteps: A\n", "p.yaml:2: steps: should be a list"),
        (
            "name: x\nsteps:\n - {}\n - {acton: x}\n",
            'p.yaml:4: steps[1].acton: unknown key (did you mean "action"?)',
        ),
        ("name: x\npairs:\n - {disable: 1}\n", 'p.yaml:3: pairs[0].disable: unknown key (did you mean "disabled"?)'),
    ],
)
def test_a_fault_is_told_in_the_words_of_the_file(text: str, expected: str) -> None:
    assert faults(text) == [expected]


def test_faults_of_the_model_come_all_at_once() -> None:
    assert len(faults("nam: x\nsize: big\nattributes:\n  A: {disabled: maybe}\n  B: {x: 1}\n")) == 5


def test_a_fault_never_repeats_the_value() -> None:
    text = "name: [hunter2]\nsize: hunter2\nsteps: hunter2\npairs: {x: hunter2}\nattributes:\n  A: {action: hunter2}\n"
    assert "hunter2" not in "\n".join(faults(text + "either: [hunter2]\n"))


def test_a_part_of_a_document_can_be_checked_alone() -> None:
    document = load("x:\n  - {action: remove}\n  - {action: x}\n", "p.yaml")
    assert check(Attribute, document, ("x", 0)) == Attribute(action="remove")
    found = check(Attribute, document, ("x", 1))
    assert isinstance(found, list)
    assert [str(fault) for fault in found] == ["p.yaml:3: x[1].action: should be remove or keep"]


def test_the_nearest_word_is_suggested_and_nothing_when_none_is_near() -> None:
    assert nearest("nominl", ["nominal", "strict"]) == ' (did you mean "nominal"?)'
    assert nearest("studydate", ["StudyDate", "StudyTime"]) == ' (did you mean "StudyDate"?)'
    assert nearest("zebra", ["nominal", "strict"]) == ""
