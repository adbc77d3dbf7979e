"""Logging that cannot repeat a value: messages of exceptions stay out, their kind and place are printed."""

import logging
import traceback
from typing import Any

__all__ = ["LEVELS", "ValueFreeFormatter", "describe", "log_config"]

LEVELS = ("critical", "error", "warning", "info", "debug")
"""Without uvicorn's ``trace``, which prints headers and paths."""

# All others may log URLs, statements or what they send below WARNING, and each new version differently.
_VERBOSE = ("dicomveil", "uvicorn")


class ValueFreeFormatter(logging.Formatter):
    """Prints a record; of an exception only where it came from and its class."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one record; of asyncio's only the first line, for the next ones print a task with its exception."""
        if record.name == "asyncio":
            record.msg, record.args = record.getMessage().partition("\n")[0], None
        return super().format(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Return the frames and the class of an exception, without its message."""
        return describe(ei[1])


def describe(error: BaseException) -> str:
    """Say where an exception came from and what it is; what it says, and what led to it, may hold a value."""
    return "".join(traceback.format_list(traceback.extract_tb(error.__traceback__))) + type(error).__name__


def log_config(level: str) -> dict[str, Any]:
    """Return the ``logging.config`` of a server at ``level``, one of LEVELS: everything goes to stderr."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "plain": {"()": ValueFreeFormatter, "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
        "root": {"level": level.upper() if level in ("critical", "error") else "WARNING", "handlers": ["stderr"]},
        "loggers": {name: {"level": level.upper()} for name in _VERBOSE},
    }
