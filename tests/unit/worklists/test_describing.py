"""A result becomes the same whatever was described before it, and whatever is looked at first."""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from gateway.core.rewrite.query import Search, parse_search
from gateway.core.standard.levels import Level
from gateway.core.wire.dicomjson import DataSet
from gateway.worklists import describing
from gateway.worklists.describing import Described, Describer, Known
from gateway.worklists.worklist import Worklist
from tests.kit.engine import profile
from tests.kit.listing_origin import ListingOrigin
from tests.kit.searching import worklist_over

CT, MR, REPORT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.88.33"
PROFILES = ["nominal", "strict", "research-longitudinal", "retain-safe-private", None]
VALUES: dict[str, tuple[str, list[Any]]] = {
    "00080005": ("CS", ["ISO_IR 100", "ISO_IR 192"]),
    "00080016": ("UI", [CT, CT, CT, MR, REPORT]),
    "00080018": ("UI", [f"1.2.3.4.{number}" for number in range(40)] + ["../x"]),
    "00080020": ("DA", ["20200102", "20210304"]),
    "00080060": ("CS", ["CT", "CT", "CT", "SR"]),
    "00080061": ("CS", ["CT", "CT", "SR", ""]),
    "00081190": ("UR", ["http://archive.example/1", "http://archive.example/2"]),
    "0008103E": ("LO", ["THORAX", "HEAD"]),
    "00090010": ("LO", ["GEMS_IDEN_01", "ACME"]),
    "00091027": ("SL", [1, 2]),
    "00100010": ("PN", [{"Alphabetic": "DOE^JANE"}, {"Alphabetic": "ROE^RICHARD"}]),
    "00100020": ("LO", ["P1", "P1", "P1", "P2", ""]),
    "00100021": ("LO", ["A", "A", "A", "B"]),
    "0020000D": ("UI", ["1.2.3", "1.2.3", "1.2.3", "1.2.4"]),
    "0020000E": ("UI", ["1.2.3.4", "1.2.3.4", "1.2.3.5"]),
    "00200013": ("IS", list(range(9))),
    "00201208": ("IS", [3, 4]),
    "00280010": ("US", [256, 512]),
}


@dataclass(frozen=True)
class Link:
    base: str

    def __call__(self, uids: Iterable[str]) -> bytes:
        return json.dumps({"vr": "UR", "Value": [f"{self.base}/{'/'.join(uids)}"]}).encode()


def rows(count: int, seed: int) -> list[DataSet]:
    """Make results in a row, each of which differs from the one before in a few attributes, or in which it has."""
    chance = random.Random(seed)
    row = {key: chance.choice(values) for key, (_, values) in VALUES.items()}
    found = []
    for _ in range(count):
        for key in chance.sample(sorted(VALUES), chance.choice([0, 1, 1, 2, 3])):
            row[key] = chance.choice(VALUES[key][1])
        left_out = set(chance.sample(sorted(VALUES), chance.choice([0, 0, 0, 1])))
        found.append({key: _element(key, row[key]) for key in VALUES if key not in left_out})
    return found


def _element(key: str, value: Any) -> msgspec.Raw:
    element = {"vr": VALUES[key][0]} | ({} if value == "" else {"Value": [value]})
    return msgspec.Raw(msgspec.json.encode(element))


def describer(worklist: Worklist, search: Search, known: Known | None = None, base: str = "") -> Describer:
    return Describer(worklist, search, Link(base), known or Known(), within_study=True)


def shown(described: Described | None) -> object:
    return described and (described.in_json(), described.uid, described.study)


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("name", PROFILES)
def test_what_was_described_before_makes_no_difference(name: str | None, level: Level) -> None:
    worklist = worklist_over(ListingOrigin([]), profile(name) if name else None)
    search = parse_search([], level)
    for seed in range(6):
        results, known = rows(60, seed), Known()
        one_by_one = [shown(describer(worklist, search)(row)) for row in results]
        for _ in range(2):
            in_a_row = describer(worklist, search, known)
            assert [shown(in_a_row(row)) for row in results] == one_by_one
        assert any(one_by_one)


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize(
    "keys",
    [
        {"PatientName": "DV*"},
        {"PatientName": "*A*"},
        {"PatientID": "*B*", "ModalitiesInStudy": "CT"},
        {"StudyDate": "20190101-20200601"},
        {"Modality": "SR"},
        {"00091027": "1", "00090010": "GEMS_IDEN_01"},
        {"RetrieveURL": "*1.2.3*"},
        {"StudyInstanceUID": "2.25.1*"},
    ],
)
def test_what_does_not_match_at_first_sight_does_not_match(name: str | None, keys: dict[str, str]) -> None:
    worklist = worklist_over(ListingOrigin([]), profile(name) if name else None)
    search = parse_search(list(keys.items()), Level.INSTANCE)
    for row in rows(150, 1):
        describe = describer(worklist, search)
        described = describe(row)
        matches = described is not None and worklist.accepts(search, row, described.released)
        assert describe.may_match(row) or not matches


def test_results_are_remembered_by_how_they_were_asked_for() -> None:
    worklist, known = worklist_over(ListingOrigin([]), profile("nominal")), Known()
    (row,) = rows(1, 0)
    bare, named = parse_search([], Level.STUDY), parse_search([("PatientSex", "")], Level.STUDY)
    first = describer(worklist, bare, known)(row)
    assert first is not None
    assert describer(worklist, bare, known)(dict(row)) is first
    assert describer(worklist, named, known)(row) is not first
    other = describer(worklist, bare, known, "http://other")(row)
    assert other is not None
    assert b"http://other/" in other.in_json()


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describing, "MAX_DESCRIBED", 10)
    worklist, known = worklist_over(ListingOrigin([]), profile("nominal")), Known()
    search = parse_search([], Level.INSTANCE)
    for base in map(str, range(9)):
        describe = describer(worklist, search, known, base)
        for row in rows(60, 2):
            describe(row)
        assert sum(map(len, known._forms.values())) <= 10
        assert len(known._forms) <= describing.MAX_FORMS
