"""The command ``dicomveil reidentify``: what it prints, what it notes, and when it says nothing."""

import json
import os
import pwd
import shutil
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydicom import dcmread
from pydicom.data import get_testdata_file

from gateway import cli
from gateway.core.pseudonym.keys import KeyRing

CT = Path(str(get_testdata_file("CT_small.dcm", download=False)))
SECRET, OLD = b"s" * 32, b"o" * 32
SETTINGS = """\
secret: {file: secret}
previous_secrets: [{file: old}]
origins: {a: {folder: studies}}
worklists:
  w: {origin: a, profile: nominal, domain: shared}
  x: {origin: a, identified: true}
"""
RING = KeyRing(SECRET, "shared")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "studies").mkdir()
    shutil.copy(CT, tmp_path / "studies")
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "old").write_bytes(OLD)
    return tmp_path


def reidentify(*arguments: object, **environment: str | None) -> Result:
    return CliRunner(env=environment).invoke(cli._commands, ["reidentify", *map(str, arguments)])


def served(folder: Path, *values: str) -> Result:
    return reidentify("--config", folder / "settings.yaml", "--worklist", "w", *values)


def notes(file: Path) -> list[dict[str, str | None]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_identifiers_are_printed_with_their_sources(folder: Path) -> None:
    source = dcmread(CT)
    values = [
        RING.patient("", source.PatientID, ""),
        RING.uid(source.StudyInstanceUID),
        RING.uid(source.SeriesInstanceUID),
        RING.uid(source.SOPInstanceUID),
        KeyRing(OLD, "shared").uid(source.StudyInstanceUID),
    ]
    result = served(folder, *values)
    assert result.exit_code == 0
    study, series = f"study {source.StudyInstanceUID}", f"series {source.SeriesInstanceUID}"
    lines = [line.split(maxsplit=3) for line in result.stdout.splitlines()]
    assert lines == [
        ["RELEASED", "IS", "SOURCE", "OF"],
        [values[0], "patient", source.PatientID],
        [values[1], "study", source.StudyInstanceUID],
        [values[2], "series", source.SeriesInstanceUID, study],
        [values[3], "instance", source.SOPInstanceUID, f"{study}, {series}"],
        [values[4], "study", source.StudyInstanceUID],
    ]


def test_a_pseudonym_is_found_in_lower_case_as_in_a_search(folder: Path) -> None:
    pseudonym = RING.patient("", dcmread(CT).PatientID, "")
    result = served(folder, pseudonym.lower())
    assert (result.exit_code, result.stdout.splitlines()[1].split()[:2]) == (0, [pseudonym, "patient"])
    assert [note["released"] for note in notes(folder / "reidentify-audit.jsonl")] == [pseudonym]


def test_an_unknown_value_is_said_and_the_exit_code_is_1(folder: Path) -> None:
    known, unknown = RING.patient("", dcmread(CT).PatientID, ""), RING.uid("9.9")
    result = served(folder, known, unknown)
    assert result.exit_code == 1
    assert [line.split()[1] for line in result.stdout.splitlines()[1:]] == ["patient", "unknown"]


def test_each_look_up_is_noted_beside_the_state_without_its_source(folder: Path) -> None:
    source = dcmread(CT)
    known, unknown = RING.uid(source.StudyInstanceUID), RING.uid("9.9")
    served(folder, known)
    served(folder, known, unknown)
    audit = folder / "reidentify-audit.jsonl"
    assert audit.stat().st_mode & 0o777 == 0o600
    written = notes(audit)
    assert [(note["released"], note["outcome"]) for note in written] == [
        (known, "found"), (known, "found"), (unknown, "unknown")
    ]  # fmt: skip
    for note in written:
        assert (note["worklist"], note["domain"]) == ("w", "shared")
        assert note["user"] == pwd.getpwuid(os.getuid()).pw_name
        assert datetime.fromisoformat(str(note["time"])).utcoffset() is not None
    for word in (source.PatientID, source.StudyInstanceUID):
        assert word not in audit.read_text()


def test_the_user_is_the_systems_not_the_environments(folder: Path) -> None:
    reidentify(
        "--config", folder / "settings.yaml", "--worklist", "w", RING.uid("9.9"), LOGNAME="mallory", USER="mallory"
    )
    assert "mallory" not in (folder / "reidentify-audit.jsonl").read_text()


@pytest.mark.parametrize("audit", ["/dev/full", "none/audit"])
def test_nothing_is_shown_when_the_look_up_cannot_be_noted(folder: Path, audit: str) -> None:
    source = dcmread(CT)
    result = reidentify(
        "--config", folder / "settings.yaml", "--worklist", "w", "--audit", folder / audit,
        RING.uid(source.StudyInstanceUID),
    )  # fmt: skip
    assert result.exit_code == 1
    assert (result.stdout, "nothing is shown" in result.stderr) == ("", True)
    assert source.StudyInstanceUID not in result.output


def test_a_look_up_that_fails_is_noted_too(folder: Path) -> None:
    shutil.rmtree(folder / "studies")
    (folder / "settings.yaml").write_text(SETTINGS.replace("{folder: studies}", '{dicomweb: "http://127.0.0.1:9/d"}'))
    result = served(folder, RING.uid("9.9"))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert [note["outcome"] for note in notes(folder / "reidentify-audit.jsonl")] == ["failed"]


@pytest.mark.parametrize("value", ["1CT1", "1.3.6.1.4.1.5962.1.2.1", "CompressedSamples^CT1"])
def test_what_may_be_a_source_is_neither_noted_nor_repeated(folder: Path, value: str) -> None:
    result = served(folder, RING.uid("9.9"), value)
    assert result.exit_code == 2
    assert "value number 2" in result.stderr
    assert value not in result.output
    assert not (folder / "reidentify-audit.jsonl").exists()


def test_a_worklist_that_is_not_there_or_passes_identified_data_is_refused(folder: Path) -> None:
    for name, said in (("v", 'no worklist named "v"'), ("x", "passes identified data")):
        result = reidentify("--config", folder / "settings.yaml", "--worklist", name, RING.uid("9.9"))
        assert result.exit_code == 1
        assert said in result.stderr


def test_copies_made_by_deidentify_lead_back_to_their_files(folder: Path) -> None:
    secret = ("--secret-file", folder / "secret")
    made = CliRunner().invoke(
        cli._commands,
        [
            str(one)
            for one in ("deidentify", folder / "studies", "--out", folder / "out", "--profile", "nominal", *secret)
        ],
    )
    assert made.exit_code == 0, made.output
    (copy,) = (folder / "out").rglob("*.dcm")
    released, source = dcmread(copy), dcmread(CT)
    values = [released.PatientID, released.StudyInstanceUID, released.SeriesInstanceUID, released.SOPInstanceUID]
    options = ("--source", folder / "studies", "--audit", folder / "audit", *secret)
    result = reidentify(*options, *values)
    assert result.exit_code == 0, result.output
    assert [line.split()[2] for line in result.stdout.splitlines()[1:]] == [
        source.PatientID, source.StudyInstanceUID, source.SeriesInstanceUID, source.SOPInstanceUID
    ]  # fmt: skip
    assert [(note["worklist"], note["domain"]) for note in notes(folder / "audit")] == [(None, "files")] * 4
    assert reidentify(*options, "--domain", "other", *values).exit_code == 1


@pytest.mark.parametrize(
    "options",
    [
        [], ["--config", "settings.yaml"], ["--worklist", "w"], ["--config", "settings.yaml", "--source", "studies"],
        ["--source", "studies", "--worklist", "w"], ["--source", "studies", "--audit", "a"],
        ["--source", "studies", "--secret-file", "secret"],
    ],
)  # fmt: skip
def test_options_that_do_not_go_together_are_a_misuse(
    folder: Path, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert reidentify(*options, RING.uid("9.9"), DICOMVEIL_SECRET=None).exit_code == 2


def test_what_a_terminal_would_obey_is_escaped(folder: Path) -> None:
    found = dcmread(CT)
    found.PatientID = "A\x9b2JÄ"
    found.SpecificCharacterSet = "ISO_IR 100"
    found.save_as(folder / "studies" / CT.name)
    result = served(folder, RING.patient("", "A\x9b2JÄ", ""))
    assert result.stdout.splitlines()[1].split()[2] == "A\\x9b2JÄ"


def test_no_route_leads_back() -> None:
    for file in (Path(cli.__file__).parent / "routes").glob("*.py"):
        assert "reidentif" not in file.read_text()
