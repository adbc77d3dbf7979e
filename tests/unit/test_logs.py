"""Logs that cannot repeat a value."""

import io
import logging
import logging.config
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
def test_libraries_that_log_urls_stay_quiet_at_every_level(level: str) -> None:
    config = log_config(level)
    assert config["root"]["level"] == level.upper()
    for name in ("httpx", "aiohttp", "sqlalchemy", "aiosqlite", "asyncio"):
        assert config["loggers"][name]["level"] == "WARNING"
    logging.config.DictConfigurator(config)


def test_no_level_prints_requests() -> None:
    assert "trace" not in LEVELS
