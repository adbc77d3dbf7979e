"""Over-deletion: what a modality is of no use without leaves under every shipped profile (tests/kit/needed.yaml)."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from pydicom import Dataset, dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.filebase import DicomBytesIO

from gateway.core.errors import RefusedByProfile
from gateway.core.standard.ps315 import Option
from tests.kit.clinical import BUILDERS, clinical
from tests.kit.engine import KEYS, profile, rewrite
from tests.kit.profiles import SHIPPED, engine
from tests.kit.reference import REGISTERED

NEEDED: Final[dict[str, Any]] = yaml.safe_load((Path(__file__).parents[1] / "kit" / "needed.yaml").read_text())
PSEUDONYMS: Final = {"PatientID", "PatientName"}
EVERY: Final = "every object"


def refused(modality: str, name: str) -> bool:
    return modality in NEEDED["exceptions"].get(name, {}).get("refused", ())


def excepted(name: str) -> set[str]:
    return set(NEEDED["exceptions"].get(name, {}).get("attributes", ()))


PASSED: Final = [(modality, name) for modality in BUILDERS for name in SHIPPED if not refused(modality, name)]
REFUSED: Final = [(modality, name) for modality in BUILDERS for name in SHIPPED if refused(modality, name)]
DATED: Final = [
    (modality, name)
    for modality, name in PASSED
    if {Option.RETAIN_LONGITUDINAL_FULL_DATES, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES} & profile(name).options
]


def needed(modality: str) -> list[str]:
    """List every path that an object of a modality needs."""
    own = NEEDED["modalities"][modality]
    grouped = [path for group in own.get("groups", ()) for path in NEEDED["groups"][group]]
    return [*NEEDED[EVERY], *grouped, *own["attributes"]]


def promised(modality: str, options: Iterable[str]) -> list[str]:
    """List what the options keep of an object of a modality."""
    promises = [NEEDED["options"].get(option, {}) for option in options]
    return [path for promise in promises for path in (*promise.get(EVERY, ()), *promise.get(modality, ()))]


def intervals(modality: str) -> list[str]:
    return [*NEEDED["intervals"][EVERY], *NEEDED["intervals"].get(modality, ())]


@pytest.mark.parametrize("modality", BUILDERS)
def test_every_attribute_of_the_list_is_in_the_object(modality: str) -> None:
    paths = [*needed(modality), *promised(modality, NEEDED["options"]), *intervals(modality)]
    assert [path for path in paths if not filled(source(modality), path)] == []


@pytest.mark.parametrize(("modality", "name"), PASSED)
def test_what_a_modality_needs_leaves_under_every_profile(modality: str, name: str) -> None:
    expected = set(needed(modality)) - excepted(name)
    changed = [path for path in sorted(expected) if not same(source(modality), released(modality, name), path, name)]
    assert changed == []


@pytest.mark.parametrize(("modality", "name"), PASSED)
def test_what_the_options_of_a_profile_promise_leaves(modality: str, name: str) -> None:
    paths = set(promised(modality, [option.value for option in profile(name).options])) - excepted(name)
    assert [path for path in sorted(paths) if not same(source(modality), released(modality, name), path, name)] == []


@pytest.mark.parametrize(("modality", "name"), REFUSED)
def test_an_exception_is_written_only_for_what_is_refused(modality: str, name: str) -> None:
    with pytest.raises(RefusedByProfile):
        released(modality, name)


@pytest.mark.parametrize(("modality", "name"), DATED)
def test_intervals_stay_as_they_are_under_a_date_option(modality: str, name: str) -> None:
    before, after = source(modality), released(modality, name)
    paths = [path for path in intervals(modality) if path not in excepted(name)]
    assert [
        path for path in paths if path.endswith("Time") and not date_time(path) and not equal(before, after, path)
    ] == []
    moved = {days(before, after, path) for path in paths if path.endswith("Date") or date_time(path)}
    assert len(moved) == 1
    assert None not in moved
    full = Option.RETAIN_LONGITUDINAL_FULL_DATES in profile(name).options
    assert (moved == {0}) == full


def test_a_list_with_an_attribute_that_a_profile_removes_is_noticed() -> None:
    assert not same(source("CT"), released("CT", "nominal"), "InstitutionName", "nominal")
    assert not same(source("CT"), released("CT", "nominal"), "StationName", "nominal")


@cache
def source(modality: str) -> Dataset:
    return dcmread(DicomBytesIO(clinical(modality)))


@cache
def released(modality: str, name: str) -> Dataset:
    return dcmread(DicomBytesIO(rewrite(engine(name), [clinical(modality)])))


def values(data_set: Dataset, path: str) -> list[Any]:
    """Give the value at a path in every item; an item without it counts as None."""
    *sequences, last = path.split(" > ")
    found = [data_set]
    for keyword in sequences:
        assert tag_for_keyword(keyword) is not None, keyword
        found = [item for outer in found for item in outer.get(keyword, ())]
    assert tag_for_keyword(last) is not None, last
    return [item.get(last) for item in found]


def filled(data_set: Dataset, path: str) -> bool:
    return any(value not in (None, "", []) for value in values(data_set, path))


def equal(before: Dataset, after: Dataset, path: str) -> bool:
    return values(before, path) == values(after, path)


def same(before: Dataset, after: Dataset, path: str, name: str) -> bool:
    """Say whether what a path leads to left whole: pseudonyms and UIDs as what they are mapped to."""
    if path in PSEUDONYMS:
        return filled(after, path)
    if path.endswith("UID") and Option.RETAIN_UIDS not in profile(name).options:
        expected = [uid if uid.startswith(REGISTERED) else KEYS.uid(uid) for uid in values(before, path)]
        return expected == values(after, path)
    return equal(before, after, path)


def date_time(path: str) -> bool:
    return path.endswith("DateTime")


def days(before: Dataset, after: Dataset, path: str) -> int | None:
    """Say by how many days a date moved; None where it is gone or its time changed."""
    (old,), (new,) = values(before, path), values(after, path)
    if not new or old[8:] != new[8:]:
        return None
    return (datetime.strptime(old[:8], "%Y%m%d") - datetime.strptime(new[:8], "%Y%m%d")).days  # noqa: DTZ007 - no clock
