"""A throw-away PostgreSQL on loopback (Debian package postgresql), started as an ordinary user."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "made-up"


@contextmanager
def postgresql() -> Iterator[str]:
    """Start a server with an empty database; yields its URL, and removes everything afterwards."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    assert programs, "PostgreSQL is needed: apt-get install -y postgresql"
    folder = Path(tempfile.mkdtemp(prefix="dicomveil-pg-"))
    (folder / "password").write_text(PASSWORD + "\n")
    as_user = _ordinary_user(folder)
    port = _free_port()
    try:
        data = folder / "data"
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        initdb = f"initdb -D {data} -U app --auth=scram-sha-256 --pwfile={folder}/password -E UTF8 --locale=C.UTF-8"
        _run([*as_user, *f"{programs[-1]}/{initdb} --no-sync".split()], folder)
        control = [*as_user, *f"{programs[-1]}/pg_ctl -D {data} -w -l {folder}/log".split()]
        _run([*control, "-o", options, "start"], folder)
        try:
            yield f"postgresql://app:{PASSWORD}@127.0.0.1:{port}/postgres"
        finally:
            _run([*control, "-m", "fast", "stop"], folder)
    finally:
        shutil.rmtree(folder)


def _ordinary_user(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: give the folder to nobody and run as nobody."""
    if os.geteuid() != 0:
        return []
    for path in (folder, folder / "password"):
        shutil.chown(path, "nobody", "nogroup")
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


def _run(command: list[str], folder: Path) -> None:
    with (folder / "output").open("ab") as output:
        subprocess.run(command, check=True, stdout=output, stderr=output, cwd=folder)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
