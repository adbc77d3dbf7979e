"""The gateway with the logs of every library at DEBUG, and asyncio's debug mode: what no setting can bring about."""

import logging
from typing import Any

from gateway.cli import main


def _debug(self: logging.Logger, _level: Any) -> None:
    """Whatever a library or the settings ask for."""
    self.level = logging.DEBUG
    self.manager._clear_cache()  # type: ignore[attr-defined]


if __name__ == "__main__":
    logging.Logger.setLevel = _debug  # type: ignore[method-assign, assignment]
    main()
