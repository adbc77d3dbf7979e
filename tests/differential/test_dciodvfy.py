"""``dciodvfy`` (Debian: dicom3tools) finds no error in a de-identified object that it does not find in the original."""

import re
import subprocess
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from pydicom import Dataset, dcmwrite

from gateway.core.errors import RefusedByProfile
from gateway.demo import head, samples, thorax
from tests.differential.corpus_files import CORPUS, NAMES, REFUSED
from tests.kit.clinical import BUILDERS, clinical
from tests.kit.corpus import read_manifest
from tests.kit.engine import rewrite
from tests.kit.profiles import SHIPPED, engine

pytestmark = [pytest.mark.corpus, pytest.mark.filterwarnings("ignore")]

ALLOWED: Final = {
    "Missing attribute Type 2C Conditional Element=<ResponsiblePerson> Module=<Patient>": (
        "E.1-1 removes (X) the owner of an animal, whom the Patient Module wants named"
    ),
    "Missing attribute Type 2C Conditional Element=<ResponsibleOrganization> Module=<Patient>": (
        "E.1-1 removes (X) the organization of an animal, which the Patient Module wants named"
    ),
}
"""Errors that de-identification makes on purpose, each with its reason."""

_DEMONSTRATION: Final[dict[str, Callable[[], Dataset]]] = {
    "CT slice": lambda: samples._ct_slice(0, thorax.thorax_slice(0)),
    "echo": samples._echo,
    "MR slice": lambda: samples._mr_slice(0, head.head_volume()[0]),
    "report": samples._report,
    "MR abdomen": samples._mr_abdomen,
    "CT head": samples._ct_head,
}


def _of_every_sop_class() -> list[str]:
    """Name the smallest file of the corpus for each SOP Class."""
    if not CORPUS.is_dir():
        return []
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    passed = set(NAMES) - set(REFUSED)
    for entry in read_manifest(CORPUS):
        if entry.path in passed and entry.sop_class:
            found[entry.sop_class].append((int(entry.bytes), entry.path))
    return sorted(min(files)[1] for files in found.values())


SAMPLES: Final = (*BUILDERS, *_DEMONSTRATION, *_of_every_sop_class())


@pytest.mark.parametrize("profile", SHIPPED)
@pytest.mark.parametrize("sample", SAMPLES)
def test_the_released_object_has_no_error_that_the_original_had_not(sample: str, profile: str) -> None:
    assert added(sample, profile) - ALLOWED.keys() == set()


def test_every_allowance_is_needed() -> None:
    seen = {message for sample in SAMPLES for message in added(sample, "nominal")}
    assert seen >= ALLOWED.keys()


@pytest.mark.parametrize("modality", BUILDERS)
def test_the_objects_made_for_tests_are_without_an_error(modality: str) -> None:
    assert errors(original(modality)) == set()


def test_the_checker_is_listened_to() -> None:
    broken = clinical("CT").replace(b"\x20\x00\x32\x00DS", b"\x20\x00\x33\x00DS")
    assert "Missing attribute Type 1 Required Element=<ImagePositionPatient> Module=<ImagePlane>" in errors(broken)


@cache
def added(sample: str, profile: str) -> frozenset[str]:
    """Give the errors that the released object has and the original has not; none where it is refused."""
    try:
        released = rewrite(engine(profile), [original(sample)])
    except RefusedByProfile:
        return frozenset()
    return frozenset(errors(released) - errors_of_original(sample))


@cache
def errors_of_original(sample: str) -> set[str]:
    return errors(original(sample))


@cache
def original(sample: str) -> bytes:
    if sample in BUILDERS:
        return clinical(sample)
    if sample in _DEMONSTRATION:
        written = BytesIO()
        dcmwrite(written, _DEMONSTRATION[sample](), enforce_file_format=True)
        return written.getvalue()
    return (CORPUS / sample).read_bytes()


def errors(part10: bytes) -> set[str]:
    """Let ``dciodvfy`` look at an object; leave out numbers and values, which differ in any case."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "object.dcm")
        path.write_bytes(part10)
        done = subprocess.run(["dciodvfy", str(path)], capture_output=True, check=False)
    lines = (done.stderr + done.stdout).decode("latin-1").splitlines()
    return {_without_values(line.removeprefix("Error - ")) for line in lines if line.startswith("Error - ")}


def _without_values(message: str) -> str:
    return re.sub(r"value <[^>]*>", "value <#>", re.sub(r"\d+(\.\d+)*(?!C? (Required|Conditional))", "#", message))
