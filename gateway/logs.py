"""Logging that cannot repeat a value: messages of exceptions stay out, their kind and place are printed.

A record that is made while a request is served carries the request's name. The JSON form holds the fields that are
listed here and no others: what libraries attach to a record may be anything.
"""

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from typing import Any, Final

from gateway.telemetry import requestid

__all__ = ["FORMS", "LEVELS", "JsonFormatter", "ValueFreeFormatter", "describe", "log_config"]

LEVELS = ("critical", "error", "warning", "info", "debug")
"""Without uvicorn's ``trace``, which prints headers and paths."""
FORMS: Final = ("text", "json")
TEXT: Final = "%(asctime)s %(process)d %(levelname)s %(name)s%(request)s: %(message)s"

_WARNING: Final = re.compile(r"[^\n]+?:\d+: \w+")
"""How ``warnings`` begins what it prints: file, line, class."""

# All others may log URLs, statements or what they send below WARNING, and each new version differently.
_VERBOSE = ("dicomveil", "uvicorn")


class ValueFreeFormatter(logging.Formatter):
    """Prints a record; of an exception only where it came from and its class."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one record; of asyncio's only the first line, for the next ones print a task with its exception.

        Of a library's warning only its place and class: pydicom's repeat the value that they warn of. pydicom says the
        same through a logger of its own: of that only that it said something.
        """
        if record.name == "asyncio":
            record.msg, record.args = record.getMessage().partition("\n")[0], None
        elif record.name == "py.warnings":
            found = _WARNING.match(record.getMessage())
            record.msg, record.args = found[0] if found else "a warning", None
        elif record.name.partition(".")[0] == "pydicom":
            record.msg, record.args = "a message, which may hold a value", None
        name = requestid.current().id
        record.request = f" [{name}]" if name else ""
        return super().format(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Return the frames and the class of an exception, without its message."""
        return describe(ei[1])


class JsonFormatter(ValueFreeFormatter):
    """Prints a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return time, level, process (its id), logger, message and, where there are any, request and where.

        ``where`` is that of an exception. What an exchange was has fields of its own.
        """
        super().format(record)
        where = self.formatException(record.exc_info) if record.exc_info and record.exc_info[1] else ""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": record.process,
            "logger": record.name,
            "message": record.message,
            "request": requestid.current().id,
            "where": where,
            **getattr(record, "exchange", {}),
        }
        return json.dumps({name: value for name, value in fields.items() if value != ""})


def describe(error: BaseException) -> str:
    """Say where an exception came from and what it is; what it says, and what led to it, may hold a value."""
    return "".join(traceback.format_list(traceback.extract_tb(error.__traceback__))) + type(error).__name__


def log_config(level: str, form: str = "text") -> dict[str, Any]:
    """Return the ``logging.config`` of a server at ``level``, one of LEVELS: everything goes to stderr in a form."""
    formatters = {"text": {"()": ValueFreeFormatter, "format": TEXT}, "json": {"()": JsonFormatter}}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"chosen": formatters[form]},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "chosen"}},
        "root": {"level": level.upper() if level in ("critical", "error") else "WARNING", "handlers": ["stderr"]},
        "loggers": {name: {"level": level.upper()} for name in _VERBOSE},
    }
