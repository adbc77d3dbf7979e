"""Logs that cannot repeat a value."""

import io
import json
import logging
import logging.config
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from pydicom.charset import convert_encodings

from gateway.calls import Call
from gateway.logs import FORMS, LEVELS, JsonFormatter, ValueFreeFormatter, describe, log_config
from gateway.telemetry.exchanges import ExchangeLog
from gateway.telemetry.requestid import Trail, following
from tests.kit.archive import Archive, Row
from tests.kit.inprocess import over

CANARY = "Beispiel^Erika"


def failed() -> ValueError:
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as cause:
            raise ValueError(CANARY) from cause
    except ValueError as error:
        return error


@pytest.fixture(params=FORMS)
def lines(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ValueFreeFormatter("%(message)s") if request.param == "text" else JsonFormatter())
    loggers = [logging.getLogger(name) for name in ("gateway.test", "asyncio", "py.warnings", "pydicom")]
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
    assert logged.rstrip().rstrip('"}').endswith("ValueError")


def test_a_forgotten_task_is_logged_without_its_exception(lines: io.StringIO) -> None:
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task %r>", failed())
    logged = lines.getvalue()
    assert CANARY not in logged
    assert "Task exception was never retrieved" in logged
    assert "future" not in logged


def test_a_librarys_warning_is_logged_by_its_place_and_class(lines: io.StringIO) -> None:
    said = f"/lib/pydicom/valuerep.py:440: UserWarning: Invalid value for VR PN: '{CANARY}'.\n  warn_and_log(msg)\n"
    logging.getLogger("py.warnings").warning("%s", said)
    logging.getLogger("py.warnings").warning("%s", CANARY)
    logged = lines.getvalue()
    assert CANARY not in logged
    assert "/lib/pydicom/valuerep.py:440: UserWarning" in logged
    assert "Invalid" not in logged


def test_what_pydicom_logs_beside_its_warnings_is_not_repeated(lines: io.StringIO) -> None:
    with pytest.warns(UserWarning, match="Unknown encoding"):
        convert_encodings(CANARY)
    logging.getLogger("pydicom.below").error("%s", CANARY, extra={"seen": CANARY})
    logged = lines.getvalue()
    assert CANARY not in logged
    assert "encoding" not in logged
    assert len(logged.splitlines()) == 2


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


@pytest.mark.parametrize("says", ["exception", "warning"])
def test_no_command_prints_what_an_exception_or_a_warning_says(says: str) -> None:
    program = f"""
import logging, sys, warnings
from gateway import cli

@cli._commands.command()
def fail():
    if {says!r} == "warning":
        warnings.warn({CANARY!r})
        return
    try:
        raise ValueError({CANARY!r})
    except ValueError:
        logging.getLogger("dicomveil.any").exception("it broke")

sys.argv = ["dicomveil", "fail"]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert CANARY not in done.stderr + done.stdout
    assert ("UserWarning" if says == "warning" else "ValueError") in done.stderr
    assert ("it broke" in done.stderr) == (says == "exception")


def record(**more: Any) -> logging.LogRecord:
    made = logging.LogRecord("dicomveil.test", logging.WARNING, __file__, 1, "not ready: %s", ("archive",), None)
    vars(made).update(more)
    return made


def test_a_line_of_json_has_the_fields_that_are_listed_and_no_others() -> None:
    attached = {"headers": CANARY, "color_message": CANARY, "request_line": CANARY}
    with following(Trail("request-1")):
        fields = json.loads(JsonFormatter().format(record(**attached)))
    time = fields.pop("time")
    assert time.endswith("+00:00")
    assert fields == {
        "level": "warning",
        "process": os.getpid(),
        "logger": "dicomveil.test",
        "message": "not ready: archive",
        "request": "request-1",
    }


def test_a_message_of_several_lines_is_one_line_of_json() -> None:
    (line,) = JsonFormatter().format(record(msg="a\nb", args=None)).splitlines()
    assert json.loads(line)["message"] == "a\nb"


def test_a_line_of_text_names_the_request_where_there_is_one() -> None:
    formatter = ValueFreeFormatter("%(name)s%(request)s: %(message)s")
    with following(Trail("request-1")):
        assert formatter.format(record()) == "dicomveil.test [request-1]: not ready: archive"
    assert formatter.format(record()) == "dicomveil.test: not ready: archive"


@pytest.mark.parametrize("form", FORMS)
def test_a_server_writes_in_the_form_of_the_settings(form: str) -> None:
    program = "import logging, logging.config, sys; from gateway.logs import log_config\n"
    program += "logging.config.dictConfig(log_config('info', sys.argv[1]))\n"
    program += "logging.getLogger('uvicorn.error').info('started')"
    done = subprocess.run([sys.executable, "-c", program, form], capture_output=True, text=True, check=True)
    if form == "json":
        assert json.loads(done.stderr)["message"] == "started"
    else:
        assert done.stderr.endswith(" INFO uvicorn.error: started\n")


def test_an_exchange_is_logged_by_what_it_was_and_never_by_its_path(caplog: pytest.LogCaptureFixture) -> None:
    call = Call("id", "192.0.2.1", "GET", monotonic(), released=("2.25.1",))
    call.transaction, call.place, call.status, call.sent = "RetrieveFrames", "worklist:research", 200, 524_330
    with caplog.at_level("INFO", "dicomveil.exchanges"):
        ExchangeLog().ended(call)
        ExchangeLog().ended(Call("id", "192.0.2.1", "GET", monotonic()))
    fields = json.loads(JsonFormatter().format(caplog.records[0]))
    assert (fields["transaction"], fields["place"], fields["status"]) == ("RetrieveFrames", "worklist:research", 200)
    assert (fields["bytes"], fields["taken"], fields["whole"]) == (524_330, 0, False)
    assert caplog.messages[1].startswith("none none 0, 0 bytes")
    assert not any("2.25.1" in text or "192.0.2.1" in text for text in [*caplog.messages, json.dumps(fields)])


@pytest.mark.parametrize("exchanges", [True, False])
async def test_exchanges_are_logged_where_the_settings_say_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, exchanges: bool
) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", "dicomveil")
    archive = Archive([Row("1.2.3", "1.2.3.4", "1.2.3.4.5")])
    async with over(archive, tmp_path, logs={"exchanges": exchanges}) as gateway:
        await gateway.ask("/worklists/research/dicom-web/studies?PatientName=CANARY")
        await gateway.ask("/CANARY")
    lines = [one.getMessage() for one in caplog.records if one.name == "dicomveil.exchanges"]
    assert len(lines) == (2 if exchanges else 0)
    assert not any("CANARY" in line for line in lines)
