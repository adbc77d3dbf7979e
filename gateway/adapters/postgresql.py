"""How a PostgreSQL is reached: with limits to every wait, so that one that hangs is a failure, and with TLS.

The URL is written as libpq has it (``sslmode``, ``sslrootcert``, ``sslcert``, ``sslkey``); asyncpg takes a context.
"""

import ssl
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import URL

__all__ = ["CONNECT_S", "blocking_url", "checked", "connecting"]

CONNECT_S: Final = 5
ANSWER_S: Final = 10
"""What a statement may take; the server ends it a little before the gateway stops to wait."""
LOCK_S: Final = 5
GOODBYE_S: Final = 1
"""What a server may take to end a session; then the gateway ends the connection."""
UPGRADE_S: Final = 60
"""What the command that changes the schema may wait for another one that does."""

_MODES: Final = ("disable", "prefer", "require", "verify-ca", "verify-full")
_FILES: Final = ("sslrootcert", "sslcert", "sslkey")
_SESSION: Final = {
    "application_name": "dicomveil",
    "statement_timeout": f"{(ANSWER_S - 1) * 1000}",
    "lock_timeout": f"{LOCK_S * 1000}",
    "idle_in_transaction_session_timeout": "30000",
    # A replica whose host has vanished holds its locks, the leader's among them, for a minute and not for hours.
    "tcp_keepalives_idle": "20",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


def checked(url: URL, folder: Path) -> URL:
    """Return a URL for asyncpg; relative paths in it count from ``folder``.

    Raises ValueError for what it can't say, and without what it says.
    """
    known = {"sslmode", *_FILES, "host", "port", "target_session_attrs"}
    if set(url.query) - known:
        raise ValueError(f"should have no parameters but {', '.join(sorted(known))}")
    if url.query.get("sslmode", "prefer") not in _MODES:
        raise ValueError(f"sslmode should be one of {', '.join(_MODES)}")
    for name in _FILES:
        if name in url.query:
            file = folder / str(url.query[name])
            if not file.is_file():
                raise ValueError(f"{name} should be a file")
            url = url.update_query_dict({name: str(file)})
    if str(url.query.get("sslmode", "")).startswith("verify-") and "sslrootcert" not in url.query:
        raise ValueError("sslmode verify-ca and verify-full need sslrootcert, the certificate of the authority")
    return url.set(drivername="postgresql+asyncpg")


def connecting(url: URL, answer_s: float | None = ANSWER_S) -> tuple[URL, dict[str, Any]]:
    """Return a URL without what is for TLS, and what asyncpg gets besides. Raises OSError for certificates."""
    arguments: dict[str, Any] = {
        "timeout": CONNECT_S,
        "command_timeout": answer_s,
        "server_settings": dict(_SESSION),
        "connection_class": _leaving_in_time(),
    }
    if "sslmode" in url.query:
        arguments["ssl"] = _tls(url)
    return url.difference_update_query(["sslmode", *_FILES]), arguments


def blocking_url(url: URL) -> URL:
    """Return the URL of the same database for a driver that waits: DBOS's and Alembic's."""
    if url.get_backend_name() == "sqlite":
        return url.set(drivername="sqlite")
    limits = {"connect_timeout": str(CONNECT_S), "options": f"-c lock_timeout={UPGRADE_S}s"}
    return url.set(drivername="postgresql+psycopg").update_query_dict(limits)


@cache
def _leaving_in_time() -> type:
    """Return asyncpg's connection, whose own end waits as long as for an answer: a pool of them ends one by one."""
    from asyncpg import Connection  # noqa: PLC0415 an extra

    class Leaving(Connection):  # type: ignore[misc] # it carries no types
        async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 as it has it
            try:
                await super().close(timeout=GOODBYE_S if timeout is None else timeout)
            except TimeoutError:  # it is aborted, which is as good
                return

    return Leaving


def _tls(url: URL) -> ssl.SSLContext | str:
    mode, root = str(url.query["sslmode"]), url.query.get("sslrootcert")
    if mode in ("disable", "prefer"):
        return mode
    context = ssl.create_default_context(cafile=str(root) if root else None)
    context.check_hostname = mode == "verify-full"
    if root is None:  # ``require`` alone: hidden from those who listen, and from nobody else, as with libpq
        context.verify_mode = ssl.CERT_NONE
    if certificate := url.query.get("sslcert"):
        key = url.query.get("sslkey")
        context.load_cert_chain(str(certificate), str(key) if key else None)
    return context
