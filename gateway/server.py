"""The gateway as a server: uvicorn around ``gateway.worker``, in one process or several.

What a worker is given is little, and what it needs besides is loaded when it starts: its supervisor asks it meanwhile
whether it lives.
"""

import logging
import os
import signal
import ssl
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from gateway.logs import log_config
from gateway.memory import WORKERS_VARIABLE
from gateway.telemetry.workers import shared_metrics

if TYPE_CHECKING:
    from gateway.config import Settings, Tls
    from gateway.reloading import Reloading

__all__ = ["serve"]

log = logging.getLogger("dicomveil.server")

# How long a study that is being sent may take to end; less than what k8s/deployment.yaml waits.
GRACEFUL_SHUTDOWN_S: Final = 55
SILENT_S: Final = 30
"""A worker that does not answer its supervisor for so long is replaced; on a busy machine a new one takes a while."""
ASKED_S: Final = 1
AGAIN_S: Final = 2
"""Until one that could not start is started again: what it needs may be away for a while."""


def serve(settings: "Settings", host: str, port: int, workers: int, level: str, drain_s: float = 0) -> None:
    """Serve until interrupted. Each worker reads the settings file by itself."""
    os.environ[WORKERS_VARIABLE] = str(workers)
    start = _Start(settings.source.absolute(), host, drain_s)
    config = uvicorn.Config(
        start,
        factory=True,
        host=host,
        port=port,
        workers=workers,
        loop="gateway.connection:Loop",  # uvloop
        http="gateway.connection:ClientConnection",
        ws="none",
        ssl_context_factory=partial(start.context, settings.tls) if settings.tls else None,
        lifespan="on",
        access_log=False,  # paths and queries are what it would print
        server_header=False,
        proxy_headers=False,  # the application decides, by trusted_proxies, whose headers count
        log_config=log_config(level, settings.logs.form),
        log_level=level,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
        timeout_worker_healthcheck=SILENT_S,
    )
    with suppress(KeyboardInterrupt):
        if workers == 1:
            uvicorn.Server(config).run()
        else:
            with shared_metrics():
                workers_ = _Workers(config, [config.bind_socket()])
                workers_.run()
            if workers_.has_failed:
                sys.exit(STARTUP_FAILURE)


@dataclass(slots=True)
class _Start:
    """Makes the application in the process that serves it, and before that what this shows of itself by TLS."""

    source: Path
    host: str
    drain_s: float
    shown: ssl.SSLContext | None = None

    def context(self, settings: "Tls", _config: uvicorn.Config, _default: object) -> ssl.SSLContext:
        """Make the context of TLS; uvicorn's own has no lower bound."""
        from gateway.limits import tls  # noqa: PLC0415 as below

        self.shown = tls.context(settings)
        return self.shown

    def __call__(self) -> "Reloading":
        from gateway.worker import application  # noqa: PLC0415 most of the program

        return application(self.source, self.host, self.drain_s, self.shown)


class _Workers(Multiprocess):
    """uvicorn's processes: one that dies is replaced. On SIGHUP each reloads in its place; uvicorn would restart it.

    One that cannot start ends all, with the exit code of one alone (``has_failed``), only as long as none has served:
    later that is a database that is away, and the others go on.
    """

    _has_served = False
    has_failed = False

    def keep_subprocess_alive(self) -> None:
        """Replace those that have died, at once also where one dies while it is asked."""
        for at, process in enumerate(self.processes):
            process.child_conn.close()  # its copy is the last, and ends with it
            if process.is_alive(SILENT_S):
                self._has_served = self._has_served or process.is_ready(ASKED_S)
                continue
            process.kill()
            process.join()
            if process.exitcode == STARTUP_FAILURE:
                if not self._has_served:
                    self.has_failed = True
                    self.should_exit.set()
                    return
                self.should_exit.wait(AGAIN_S)
            log.warning("worker %s has died; another takes its place", process.pid)
            self.processes[at] = Process(self.config, self.sockets)
            self.processes[at].start()

    def handle_hup(self) -> None:
        """Pass the signal on to those that serve; one that starts reads the settings anyway."""
        for process in self.processes:
            if process.pid is not None and process.is_ready():
                os.kill(process.pid, signal.SIGHUP)
