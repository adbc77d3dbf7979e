"""The recipes of the README and of docs/http.md for curl work as they are written."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.kit.twin import TwinStage

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc]

ROOT = Path(__file__).parents[2]
PLACES = {"README.md": ROOT / "README.md", "docs/http.md": ROOT / "docs" / "http.md"}
WRITTEN = "http://127.0.0.1:8080/worklists/research"
_LINES = re.compile(r"^curl (?:.*\\\n)*.*$", re.MULTILINE)


def recipes() -> list[tuple[str, str]]:
    return [
        (name, line)
        for name, place in PLACES.items()
        for line in _LINES.findall(place.read_text(encoding="utf-8"))
        if WRITTEN in line
    ]


@pytest.mark.parametrize(("place", "recipe"), recipes())
def test_a_recipe_works(twin_stage: TwinStage, tmp_path: Path, place: str, recipe: str) -> None:
    twin = twin_stage.twins["nominal"]
    path = next(path for path in twin.copies if "PixelData" in next(
        one for one in twin.reference.instances if str(one.SOPInstanceUID) == path.rpartition("/")[2]
    ))  # fmt: skip
    _, _, study, _, series, _, instance = path.split("/")
    patient = next(str(one.PatientID) for one in twin.reference.instances if "PatientID" in one)
    line = recipe.replace("\\\n", " ").replace(WRITTEN, twin.ours.removesuffix("/dicom-web"))
    for name, uid in (("STUDY", study), ("SERIES", series), ("INSTANCE", instance), ("PATIENT", patient)):
        line = line.replace(f"${name}", uid)
    done = subprocess.run(
        [*shlex.split(line), "--fail", "--silent", "--show-error"],
        cwd=tmp_path, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    written = [file.read_bytes() for file in tmp_path.iterdir()]
    assert done.stdout or any(written)


def test_there_are_recipes_for_every_service() -> None:
    lines = " ".join(line for _, line in recipes())
    for part in ("/studies?", "/metadata", "/frames/", "/rendered", "application/zip", "/wado?"):
        assert part in lines, part
