"""The bill of materials names what is locked, with licences; the audit never takes silence for safety."""

import json
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from scripts import audit, sbom

LOCKED = sbom.locked((sbom.ROOT / "requirements.lock").read_text())


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write the bill of materials as `make sbom` does."""
    target = tmp_path_factory.mktemp("sbom") / "sbom.cdx.json"
    assert sbom.main(target) == 0
    return target.read_text()


def test_the_bill_of_materials_is_valid_cyclonedx(document: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(document) is None


def test_it_names_what_the_lock_pins_and_nothing_of_the_tools(document: str) -> None:
    components = json.loads(document)["components"]
    assert {one["name"].lower().replace("_", "-").replace(".", "-"): one["version"] for one in components} == LOCKED
    assert "pydicom" in LOCKED
    assert "pytest" not in LOCKED


def test_every_package_says_its_licence_and_what_it_needs(document: str) -> None:
    made = json.loads(document)
    assert all(one["licenses"] for one in made["components"])
    needs = {one["ref"]: one["dependsOn"] for one in made["dependencies"]}
    assert any(ref.startswith("pydicom") for ref in needs[made["metadata"]["component"]["bom-ref"]])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "0"}, "0 here"),
        ({"licenses": []}, "does not say its licence"),
        ({"name": "other"}, "is not installed"),
    ],
)
def test_what_differs_from_the_lock_is_a_fault(document: str, change: dict[str, object], said: str) -> None:
    made = json.loads(document)
    made["components"][0] |= change
    (fault,) = sbom.reduce_to(made, LOCKED)
    assert said in fault


def test_a_pin_for_another_machine_is_no_part_of_this_one() -> None:
    lock = 'a==1 \\\n    --hash=sha256:00\nb==2 ; sys_platform == "win32" \\\n    # via a\nc==3; python_version > "3"\n'
    assert sbom.locked(lock) == {"a": "1", "c": "3"}


def test_the_audit_passes_only_what_was_looked_up_and_is_clean() -> None:
    clean = {"name": "a", "version": "1", "vulns": []}
    skipped = {"name": "b", "skip_reason": "not found"}
    bad = {"name": "c", "version": "2", "vulns": [{"id": "CVE-2026-0001"}]}
    assert audit.judge({"dependencies": [clean]})[0] == 0
    assert audit.judge({"dependencies": [clean, skipped]}) == (
        audit.NOT_ASKED, "audit: 1 of 2 packages could not be looked up, so this says nothing of them: b",
    )  # fmt: skip
    assert audit.judge({"dependencies": [clean, skipped, bad]}) == (
        audit.FOUND,
        "audit: known vulnerabilities\nc 2: CVE-2026-0001",
    )
    assert audit.judge({"dependencies": []})[0] == audit.NOT_ASKED


def test_a_service_that_cannot_be_reached_is_said_and_not_taken_for_a_clean_bill(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert audit.main("osv") == audit.NOT_ASKED
    assert "nothing was looked up" in capsys.readouterr().err
