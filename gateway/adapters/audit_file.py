"""A file of audit records that several processes append to, which may be moved away and cut while they do.

A record is one line and one write, under a lock on the file: what was not written whole is taken back. It is in the
system's hands then, not on the disk.
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.audit.chain import Chain, mac_at_end
from gateway.audit.events import Event, Kind
from gateway.core.errors import AuditFailed

__all__ = ["AuditFile"]

MODE: Final = 0o600
OTHERS: Final = 0o077
LOCK_TRIES: Final = 50
LOCK_PAUSE_S: Final = 0.001
"""Others hold the lock for microseconds. One that was stopped while it had it must not stop all."""
_TAIL_BYTES: Final = 256
"""More than from the MAC of a record to its end."""


class AuditFile:
    """Appends records to the file at ``path``, each chained to the one before it by this process."""

    def __init__(self, path: Path, encode: Callable[[Event], list[bytes]], key: bytes) -> None:
        self.name = f"audit file {path}"
        self._name = os.fspath(path)
        self._own = (-1, -1)
        self._encode = encode
        self._chain = Chain(key, os.urandom(8).hex())
        self._file = -1
        self._end = -1

    async def open(self) -> None:
        """Leave it to the first record."""

    async def aclose(self) -> None:
        """Close the file."""
        self._close()

    def write(self, event: Event) -> None:
        """Append a record. Raises AuditFailed when it is not written."""
        records = self._encode(event)
        try:
            if self._is_moved():
                self._reopen()
            self._lock()
            try:
                self._append(records, ends=event.kind is Kind.STOP)
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        except OSError as error:
            raise AuditFailed(f"cannot write: {error.strerror}") from None

    def _is_moved(self) -> bool:
        """Say whether another file has the name now, or none."""
        try:
            there = os.stat(self._name)  # noqa: PTH116 each record costs this
        except FileNotFoundError:
            return True
        return (there.st_dev, there.st_ino) != self._own

    def _reopen(self) -> None:
        self._close()
        self._file = os.open(self._name, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
        opened = os.fstat(self._file)
        self._own = (opened.st_dev, opened.st_ino)
        self._end = -1
        self._keep_private()

    def _keep_private(self) -> None:
        """Take from others what the mode of a file that was there already lets them do."""
        mode = os.fstat(self._file).st_mode
        if not stat.S_ISREG(mode) or not mode & OTHERS:
            return
        try:
            os.fchmod(self._file, MODE)
        except PermissionError:
            self._close()
            raise OSError(errno.EPERM, "others may read or write it, and it is another user's") from None

    def _lock(self) -> None:
        for _ in range(LOCK_TRIES):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(LOCK_PAUSE_S)
            else:
                return
        raise OSError(errno.EAGAIN, "another process does not let go of it")

    def _append(self, records: list[bytes], *, ends: bool) -> None:
        size = os.lseek(self._file, 0, os.SEEK_END)
        after, lead = (None, b"") if size == self._end else self._above(size)
        sealed = self._chain.seal(records, after, ends=ends)
        data = lead + b"\n".join(sealed) + b"\n"
        if os.write(self._file, data) != len(data):
            os.ftruncate(self._file, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._chain.keep(sealed)
        self._end = size + len(data)

    def _above(self, size: int) -> tuple[bytes, bytes]:
        """Return the MAC of the last line, and what must end that line where it was cut off."""
        tail = os.pread(self._file, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
        if not tail.endswith(b"\n"):
            return mac_at_end(tail), b"\n" if tail else b""
        return mac_at_end(tail[:-1]), b""

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file, self._own = -1, (-1, -1)
