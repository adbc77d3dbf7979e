"""``dicomveil audit verify``: its words, its exit code, and that it is on record itself."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.adapters.audit_file import AuditFile
from gateway.audit.chain import audit_key
from gateway.audit.events import Event, Kind
from gateway.audit.lines import encode
from gateway.cli import _commands

SETTINGS = """
secret: {file: secret}
previous_secrets: [{file: old}]
origins: {o: {dicomweb: "http://127.0.0.1:1"}}
worklists: {w: {origin: o, profile: nominal}}
audit: {to: [{file: audit.jsonl}]}
"""
SECRET, OLD = b"s" * 32, b"o" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    write(tmp_path / "audit.jsonl", SECRET)
    return tmp_path


def write(path: Path, secret: bytes, time: float = 1e9) -> None:
    one = AuditFile(path, encode, audit_key(secret))
    for number, kind in enumerate((Kind.START, Kind.QUERY, Kind.STOP)):
        one.write(Event(kind, time + number, user="alice"))


def verify(
    folder: Path, *names: str, by: tuple[str, str] = ("--config", "settings.yaml"), live: bool = False
) -> Result:
    files = [str(folder / name) for name in names or ("audit.jsonl",)]
    more = ["--live"] if live else []
    return CliRunner().invoke(_commands, ["audit", "verify", by[0], str(folder / by[1]), *more, *files])


def test_a_whole_log_is_said_to_be_whole(folder: Path) -> None:
    told = verify(folder)
    assert (told.exit_code, told.output) == (0, "whole: 3 records in 1 chain\n")


def test_what_is_wrong_is_told_with_file_and_line(folder: Path) -> None:
    path = folder / "audit.jsonl"
    path.write_text(path.read_text().replace("alice", "mallo", 2).replace("mallo", "alice", 1))
    told = verify(folder)
    assert told.exit_code == 1
    assert told.output.startswith(f"{path}:2: record 1 of chain ")


def test_reading_a_log_is_on_record_behind_what_was_read(folder: Path) -> None:
    verify(folder)
    events = [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()][3:]
    assert [event["event"] for event in events] == ["start", "log-read", "stop"]
    assert events[1]["subject"] == (folder / "audit.jsonl").as_uri()
    assert events[1]["user"]
    assert verify(folder).output == "whole: 6 records in 2 chains\n"


def test_a_copy_is_read_with_the_secret_alone_and_left_as_it_is(folder: Path) -> None:
    before = (folder / "audit.jsonl").read_bytes()
    assert verify(folder, by=("--secret-file", "secret")).exit_code == 0
    assert (folder / "audit.jsonl").read_bytes() == before
    assert verify(folder, by=("--secret-file", "old")).exit_code == 1


def test_a_secret_of_before_still_reads_its_log(folder: Path) -> None:
    write(folder / "audit.0", OLD, 1e8)
    assert verify(folder, "audit.jsonl", "audit.0").output == "whole: 6 records in 2 chains\n"


def test_files_are_read_oldest_first_whatever_their_order(folder: Path) -> None:
    one = AuditFile(folder / "log", encode, audit_key(SECRET))
    for number, kind in enumerate((Kind.START, Kind.QUERY, Kind.STOP)):
        one.write(Event(kind, 1e9 + number))
        (folder / "log").rename(folder / f"log.{3 - number}")
    assert verify(folder, "log.1", "log.2", "log.3").output == "whole: 3 records in 1 chain\n"


def test_a_chain_without_an_end_is_a_fault_unless_gateways_run(folder: Path) -> None:
    path = folder / "audit.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert verify(folder, live=True, by=("--secret-file", "secret")).exit_code == 0
    told = verify(folder, by=("--secret-file", "secret"))
    assert told.exit_code == 1
    assert "has no end" in told.output


def test_an_empty_log_and_one_of_other_things_are_told(folder: Path) -> None:
    (folder / "empty").touch()
    (folder / "other").write_bytes(b"\xff\x00 SMITH\n")
    assert verify(folder, "empty").output == "whole: 0 records in 0 chains\n"
    told = verify(folder, "other")
    assert told.exit_code == 1
    assert "SMITH" not in told.output


@pytest.mark.parametrize("more", [[], ["--config", "settings.yaml", "--secret-file", "secret"]])
def test_one_of_two_says_where_the_secret_is(folder: Path, more: list[str]) -> None:
    arguments = [str(folder / one) if "." in one or one == "secret" else one for one in more]
    told = CliRunner().invoke(_commands, ["audit", "verify", *arguments, str(folder / "audit.jsonl")])
    assert told.exit_code == 2
