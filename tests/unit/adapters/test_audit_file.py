"""An audit file that is full, gone, moved away, cut, and written by several processes at once."""

import errno
import fcntl
import multiprocessing
import os
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from gateway.adapters.audit_file import AuditFile
from gateway.audit.chain import audit_key
from gateway.audit.events import Event, Kind
from gateway.audit.lines import encode
from gateway.audit.verify import Verifier
from gateway.core.errors import AuditFailed

KEY = audit_key(b"s" * 32)
EACH = 300


def event(kind: Kind = Kind.ACCESS) -> Event:
    return Event(kind, 1e9, user="alice", place="worklist:research")


def writer(path: Path) -> AuditFile:
    return AuditFile(path, encode, KEY)


def faults(*paths: Path, live: bool = True) -> list[str]:
    verifier = Verifier([KEY])
    found = []
    for path in paths:
        with path.open("rb") as lines:
            found += [str(fault) for fault in verifier.read(path.name, lines)]
    return found if live else found + [str(fault) for fault in verifier.open_chains()]


def write_many(path: Path) -> None:
    one = writer(path)
    for _ in range(EACH):
        one.write(event())
    one.write(event(Kind.STOP))


def test_several_processes_write_at_once_and_no_record_is_torn_or_lost(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=write_many, args=(path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert faults(path, live=False) == []
    lines = path.read_bytes().splitlines()
    assert len(lines) == 3 * (EACH + 1)
    assert sum(b'"after"' in line for line in lines) >= 3


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    writer(tmp_path / "audit").write(event())
    assert stat.S_IMODE((tmp_path / "audit").stat().st_mode) == 0o600


def test_a_file_that_others_may_read_is_theirs_no_more(tmp_path: Path) -> None:
    path, one = tmp_path / "audit", writer(tmp_path / "audit")
    for rotated in ("audit.1", "audit.2"):
        path.touch()
        path.chmod(0o644)
        one.write(event())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.rename(tmp_path / rotated)


def test_a_file_that_others_may_read_and_that_is_somebody_elses_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_file: int, _mode: int) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    path, one = tmp_path / "audit", writer(tmp_path / "audit")
    path.touch()
    path.chmod(0o640)
    before = psutil.Process().num_fds()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fchmod", refuse)
        for _ in range(2):
            with pytest.raises(AuditFailed, match="others may read or write it, and it is another user's"):
                one.write(event())
    assert (path.read_bytes(), psutil.Process().num_fds()) == (b"", before)
    one.write(event(Kind.STOP))
    assert faults(path, live=False) == []


def test_a_file_that_is_moved_away_is_begun_anew_and_the_chain_goes_on(tmp_path: Path) -> None:
    path, one = tmp_path / "audit", writer(tmp_path / "audit")
    one.write(event())
    path.rename(tmp_path / "audit.1")
    one.write(event())
    one.write(event(Kind.STOP))
    assert faults(tmp_path / "audit.1", path, live=False) == []


def test_a_file_that_is_there_anew_is_written(tmp_path: Path) -> None:
    path, one = tmp_path / "audit", writer(tmp_path / "audit")
    one.write(event())
    path.rename(tmp_path / "audit.1")
    path.touch()
    one.write(event(Kind.STOP))
    assert faults(tmp_path / "audit.1", path, live=False) == []
    assert path.read_bytes().count(b"\n") == 1


def test_a_file_that_is_copied_and_cut_is_gone_on_with(tmp_path: Path) -> None:
    path, one = tmp_path / "audit", writer(tmp_path / "audit")
    one.write(event())
    (tmp_path / "audit.1").write_bytes(path.read_bytes())
    os.truncate(path, 0)
    one.write(event())
    assert faults(tmp_path / "audit.1", path) == []


def test_a_folder_that_is_gone_is_a_failure_until_it_is_there_again(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    one = writer(folder / "audit")
    one.write(event())
    (folder / "audit").rename(tmp_path / "audit.1")
    folder.rmdir()
    with pytest.raises(AuditFailed, match="No such file"):
        one.write(event())
    folder.mkdir()
    one.write(event(Kind.STOP))
    assert faults(tmp_path / "audit.1", folder / "audit", live=False) == []


def test_a_device_that_is_full_is_a_failure() -> None:
    with pytest.raises(AuditFailed, match="No space left"):
        writer(Path("/dev/full")).write(event())


FULL = """
import resource, sys
from pathlib import Path
from gateway.core.errors import AuditFailed
from tests.unit.adapters.test_audit_file import event, writer
from gateway.audit.events import Kind
path = Path(sys.argv[1])
one = writer(path)
one.write(event())
size = path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40, resource.RLIM_INFINITY))
for _ in range(3):
    try:
        one.write(event())
    except AuditFailed as fault:
        print(fault)
assert path.stat().st_size == size, "half a record stayed"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
one.write(event(Kind.STOP))
"""


def test_half_a_record_is_taken_back_and_the_chain_goes_on_when_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    told = subprocess.run(
        [sys.executable, "-c", FULL, path], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines() == ["cannot write: No space left on device"] * 3
    assert faults(path, live=False) == []


def test_a_line_that_was_cut_off_is_ended_and_found(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    writer(path).write(event())
    os.truncate(path, path.stat().st_size - 20)
    other = writer(path)
    other.write(event())
    other.write(event(Kind.STOP))
    assert faults(path) == ["audit:1: not a record: it was added, or changed, or cut off"]


def test_a_process_that_does_not_let_go_of_the_file_stops_nobody_for_long(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    one = writer(path)
    one.write(event())
    holder = os.open(path, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with pytest.raises(AuditFailed, match="does not let go"):
        one.write(event())
    os.close(holder)
    one.write(event(Kind.STOP))
    assert faults(path, live=False) == []


def test_a_folder_in_the_place_of_the_file_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(AuditFailed, match=os.strerror(errno.EISDIR)):
        writer(tmp_path).write(event())


async def test_a_file_is_let_go_of(tmp_path: Path) -> None:
    one = writer(tmp_path / "audit")
    await one.open()
    before = psutil.Process().num_fds()
    one.write(event())
    await one.aclose()
    assert psutil.Process().num_fds() == before
