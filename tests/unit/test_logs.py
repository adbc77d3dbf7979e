"""Logs that cannot repeat a value."""

import io
import logging
import logging.config
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gateway.logs import LEVELS, ValueFreeFormatter, describe, log_config

CANARY = "Beispiel^Erika"


def failed() -> ValueError:
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as cause:
            raise ValueError(CANARY) from cause
    except ValueError as error:
        return error


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ValueFreeFormatter("%(message)s"))
    loggers = [logging.getLogger(name) for name in ("gateway.test", "asyncio")]
    for logger in loggers:
        logger.addHandler(handler)
    yield stream
    for logger in loggers:
        logger.removeHandler(handler)


def test_an_exception_is_logged_with_its_place_and_class_alone(lines: io.StringIO) -> None:
    logging.getLogger("gateway.test").error("it broke", exc_info=failed())
    logged = lines.getvalue()
    assert CANARY not in logged
    assert "it broke" in logged
    assert "test_logs.py" in logged
    assert logged.rstrip().endswith("ValueError")


def test_a_forgotten_task_is_logged_without_its_exception(lines: io.StringIO) -> None:
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task %r>", failed())
    assert lines.getvalue() == "Task exception was never retrieved\n"


def test_a_described_exception_says_where_it_arose() -> None:
    described = describe(failed())
    assert CANARY not in described
    assert "in failed" in described


@pytest.mark.parametrize("level", LEVELS)
def test_no_level_lets_a_library_print_what_it_sends_or_is_sent(level: str) -> None:
    program = "import logging, logging.config, sys; from gateway.logs import log_config\n"
    program += "logging.config.dictConfig(log_config(sys.argv[1]))\n"
    program += "for name in sys.argv[2:]: print(name, logging.getLogger(name).isEnabledFor(logging.INFO))"
    names = ("aiohttp.client", "aiosqlite", "asyncio", "dbos", "sqlalchemy.engine", "sse_starlette.sse", "any.other")
    done = subprocess.run([sys.executable, "-c", program, level, *names], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [word for name in names for word in (name, "False")]


@pytest.mark.parametrize("level", LEVELS)
def test_our_own_messages_follow_the_level(level: str) -> None:
    config = log_config(level)
    assert {logger["level"] for logger in config["loggers"].values()} == {level.upper()}
    assert set(config["loggers"]) == {"dicomveil", "uvicorn"}
    assert logging.getLevelName(config["root"]["level"]) >= logging.getLevelName(level.upper())
    logging.config.DictConfigurator(config)


def test_no_level_prints_requests() -> None:
    assert "trace" not in LEVELS


def test_no_command_prints_what_an_exception_says() -> None:
    program = f"""
import logging, sys
from gateway import cli

@cli._commands.command()
def fail():
    try:
        raise ValueError({CANARY!r})
    except ValueError:
        logging.getLogger("dicomveil.any").exception("it broke")

sys.argv = ["dicomveil", "fail"]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "it broke" in done.stderr
    assert "ValueError" in done.stderr
    assert CANARY not in done.stderr + done.stdout
