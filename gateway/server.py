"""The gateway as a server process: uvicorn around ``gateway.app``, in one process or several."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn

from gateway import app, memory
from gateway.config import Settings, load_settings
from gateway.connection import ClientConnection
from gateway.logs import log_config

__all__ = ["application", "serve"]

# How long a study that is being sent may take to end; less than what k8s/deployment.yaml waits.
GRACEFUL_SHUTDOWN_S = 55
CONFIG_VARIABLE = "DICOMVEIL_CONFIG"

_Application = Callable[..., Awaitable[Any]]


def serve(settings: Settings, host: str, port: int, workers: int, level: str) -> None:
    """Serve until interrupted. Each of several workers reads the settings file anew."""
    target: _Application | str = "gateway.server:application"
    if workers == 1:
        target = _built(settings)
    else:
        os.environ[CONFIG_VARIABLE] = str(settings.source.absolute())
    uvicorn.run(
        target,
        factory=workers > 1,
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http=ClientConnection,
        ws="none",
        access_log=False,  # paths and queries are what it would print
        server_header=False,
        proxy_headers=False,  # the application decides, by trusted_proxies, whose headers count
        log_config=log_config(level),
        log_level=level,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
    )


def application() -> _Application:
    """Build the application of one worker process from the settings file that the environment names."""
    return _built(load_settings(Path(os.environ[CONFIG_VARIABLE])))


def _built(settings: Settings) -> _Application:
    memory.set_malloc_thresholds()
    built: _Application = app.build(settings)
    for name in settings.secret_variables:  # what this process starts inherits its environment
        os.environ.pop(name, None)
    memory.tune_gc()
    return built
