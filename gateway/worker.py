"""One server process: its memory, its environment, its settings."""

import logging
import os
import signal
import ssl
import time
from functools import partial
from pathlib import Path
from typing import Final

from gateway import memory
from gateway.config import Settings, load_settings
from gateway.config.access import open_door
from gateway.core.errors import ConfigFault, ConfigFaults
from gateway.lasting import Lasting
from gateway.limits import raise_descriptor_limit, tls
from gateway.reloading import Reloading, Source, say
from gateway.watching import Watch

__all__ = ["application"]

AFTER_FAULTS_S: Final = 2
"""A worker that takes the place of one that died while the settings have faults comes so often."""


def application(source: Path, host: str, drain_s: float, shown: ssl.SSLContext | None = None) -> Reloading:
    """Build the application of this process. The settings were sound when the command began.

    ``host`` is where it listens, ``shown`` what the server shows of itself by TLS.
    """
    logging.captureWarnings(True)  # noqa: FBT003 else Python prints them, and with them what a library warns of
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload
    memory.set_malloc_thresholds()
    raise_descriptor_limit()
    watch = Watch(source)
    load = partial(_load, source, host, dict(os.environ))
    try:
        lasting = Lasting()
        if shown is not None:
            lasting.followers.append(tls.following(shown))
        return Reloading(Source(load, watch), load(), lasting, drain_s)
    except ConfigFaults as faults:
        say(faults)
        time.sleep(AFTER_FAULTS_S)
        raise SystemExit(1) from None


def _load(source: Path, host: str, environment: dict[str, str]) -> Settings:
    """Read the settings. What this process starts inherits its environment: secrets stay in the copy that is given."""
    settings = load_settings(source, environment)
    if problem := open_door(settings, host):
        raise ConfigFaults([ConfigFault(f"{source}:1", problem)])
    for name in settings.secret_variables:
        os.environ.pop(name, None)
    return settings
