"""A throw-away PostgreSQL on loopback (Debian package postgresql), started as an ordinary user."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import LiteralString

import psycopg

PASSWORD = "made-up"
START_S = 30


@dataclass(slots=True)
class Server:
    """A server in a folder of its own; the user ``app`` may do everything."""

    folder: Path
    port: int
    options: str = ""
    _programs: Path = Path()
    _as_user: Sequence[str] = ()
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def url(self) -> str:
        """Give the URL of the database that is there from the beginning."""
        return self.address("postgres")

    def address(self, database: str, user: str = "app") -> str:
        """Give the URL of a database."""
        return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    @property
    def log(self) -> str:
        """Give all that it has printed."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"test_{next(self._numbers)}"
        self.run("CREATE DATABASE " + name)
        return self.address(name)

    def run(self, statement: LiteralString, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement as the owner of everything."""
        with psycopg.connect(self.address(database), autocommit=True) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def start(self) -> None:
        """Start and wait until it takes connections, also after a kill."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off"
        self._control("-o", f"{options} {self.options}", "start")

    def stop(self) -> None:
        """End what clients do, and stop."""
        self._control("-m", "fast", "stop")

    def kill(self) -> None:
        """End every process of it at once, as when the machine goes down."""
        self.signal(signal.SIGKILL)
        deadline = time.monotonic() + START_S
        while self._is_there():
            assert time.monotonic() < deadline, "PostgreSQL does not end"
            time.sleep(0.02)
        # It may be there as a zombie, and a server that starts would take these for those of one that runs.
        for lock in (self.folder / "data" / "postmaster.pid", *self.folder.glob(".s.PGSQL.*")):
            lock.unlink()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process of it; SIGSTOP makes it hang."""
        first = self._process
        for process in (first, *self._children(first)):
            with suppress(ProcessLookupError):  # one that served a connection which has just ended
                os.kill(process, number)

    def initialise(self) -> None:
        """Make its files."""
        (self.folder / "password").write_text(PASSWORD + "\n")
        self._programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
        self._as_user = _ordinary_user(self.folder)
        files = f"-D {self.folder}/data --pwfile={self.folder}/password"
        how = "-U app --auth=scram-sha-256 -E UTF8 --locale=C.UTF-8 --no-sync"
        self._run(f"{self._programs}/initdb", *files.split(), *how.split())

    @property
    def _process(self) -> int:
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def _children(self, process: int) -> list[int]:
        listed = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8")
        return [int(each) for each in listed.split()]

    def _is_there(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _control(self, *arguments: str) -> None:
        self._run(f"{self._programs}/pg_ctl", "-D", f"{self.folder}/data", "-w", "-l", f"{self.folder}/log", *arguments)

    def _run(self, *command: str) -> None:
        with (self.folder / "output").open("ab") as output:
            subprocess.run([*self._as_user, *command], check=True, stdout=output, stderr=output, cwd=self.folder)


@contextmanager
def cluster(options: str = "", files: Mapping[str, bytes] | None = None) -> Iterator[Server]:
    """Start a server; ends it and removes everything afterwards. ``files`` are put beside its data, for ``options``."""
    assert list(Path("/usr/lib/postgresql").glob("*/bin")), "PostgreSQL is needed: apt-get install -y postgresql"
    folder = Path(tempfile.mkdtemp(prefix="dicomveil-pg-"))
    server = Server(folder, _free_port(), options)
    for name, content in (files or {}).items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    try:
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def postgresql() -> Iterator[str]:
    """Start a server with an empty database; yields its URL, and removes everything afterwards."""
    with cluster() as server:
        yield server.url


def _ordinary_user(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: give the folder to nobody and run as nobody."""
    if os.geteuid() != 0:
        return []
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, "nobody", "nogroup")
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
