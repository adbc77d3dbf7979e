"""Jobs that outlive the process that runs them: DBOS Transact over SQLite or PostgreSQL.

DBOS is one of a kind in a process (its registry and its instance are globals of its package), so it is kept to this
module, and a second gateway in the same process does not lead. Its workflows run in threads of their own, and each step
on the gateway's loop, where the connections to origins and databases live: run there, DBOS would replace the loop's
executor. It is told a job's id and the names of stages, nothing else.
"""

import asyncio
import json
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

from dbos import DBOS, DBOSConfig, Serializer, SetWorkflowID
from sqlalchemy.engine import URL

from gateway.adapters.postgresql import blocking_url
from gateway.core.errors import StateFailed

__all__ = ["Durable", "jobs_file", "make_tables"]

VERSION: Final = "1"
"""Of the workflow: one that another version began is begun anew, since its steps may not be these."""
PRUNED_AT_ONCE: Final = 500
LAUNCH_S: Final = 10.0
"""How long an end waits for a launch under way; one without its database is tried for ever."""
_ENDED: Final = frozenset({"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})
"""A job that is not over goes on under another id, whatever ended the workflow."""
_ONE_PER_PROCESS: Final = threading.Lock()

Run = Callable[[str, str], Awaitable[str]]


class _Left(BaseException):
    """The process leaves a job as it is. No Exception: DBOS would take that for the job's end."""


class _Json(Serializer):
    """Job ids and names of stages as JSON, in the place of pickles; of an error only its class."""

    def serialize(self, data: Any) -> str:
        """Write a value."""
        return json.dumps(data, default=lambda value: type(value).__name__)

    def deserialize(self, serialized_data: str) -> Any:
        """Read a value."""
        return json.loads(serialized_data)

    def name(self) -> str:
        """Name the form, as it is noted beside each value."""
        return "dicomveil_json"


class Durable:
    """Runs workflows: ``run`` of one stage after the other, from ``first`` on, until one has no next.

    Call ``launch`` and ``close`` from the loop that stages are to run on. What a former process left is taken up again.
    """

    def __init__(self, state: URL, run: Run, first: str) -> None:
        self._state = state
        self._run = run
        self._first = first
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stages: set[asyncio.Task[str]] = set()
        self._is_open = False
        self._launching = threading.Lock()
        self._workflow: Any = None

    async def launch(self) -> bool:
        """Begin; False when another gateway of this process does it already."""
        if not _ONE_PER_PROCESS.acquire(blocking=False):
            return False
        self._loop = asyncio.get_running_loop()
        self._is_open = True
        try:
            await asyncio.to_thread(self._launch)
        except BaseException:
            await self.close()
            raise
        return True

    async def start(self, job: str) -> None:
        """Begin a job, unless it was begun before and has not ended."""
        await asyncio.to_thread(self._start, job)

    async def prune(self, kept_s: float) -> None:
        """Forget jobs that ended longer ago."""
        await asyncio.to_thread(_prune, datetime.now(UTC) - timedelta(seconds=kept_s))

    async def close(self) -> None:
        """Break off the stages under way and stop; they are begun again at the next start."""
        self._is_open = False
        for stage in self._stages:
            stage.cancel()
        if self._stages:
            await asyncio.wait(self._stages)
        try:
            await asyncio.to_thread(self._destroy)
        finally:
            _ONE_PER_PROCESS.release()

    def _launch(self) -> None:
        with self._launching:
            if self._is_open:
                self._launch_engine()

    def _destroy(self) -> None:
        """Stop the engine; one that is still being launched first, or its threads would go on for ever."""
        is_launched = self._launching.acquire(timeout=LAUNCH_S)
        try:
            DBOS.destroy(destroy_registry=True)
        finally:
            if is_launched:
                self._launching.release()

    def _launch_engine(self) -> None:
        logging.getLogger("dbos").addHandler(logging.NullHandler())  # else it adds one that prints to stderr
        DBOS(config=_config(self._state))

        @DBOS.step(name="stage")
        def stage(job: str, name: str) -> str:
            return self._on_loop(job, name)

        @DBOS.workflow(name="uplink", max_recovery_attempts=None)
        def uplink(job: str) -> None:
            name = self._first
            while name:
                name = stage(job, name)

        self._workflow = uplink
        DBOS.launch()

    def _start(self, job: str) -> None:
        for number in count():
            with SetWorkflowID(f"{job}.{VERSION}.{number}"):
                status = DBOS.start_workflow(self._workflow, job).get_status().status
            if status not in _ENDED:
                return

    def _on_loop(self, job: str, name: str) -> str:
        """Run a stage on the gateway's loop, and wait for it in the workflow's thread."""
        if self._loop is None or not self._is_open:
            raise _Left
        try:
            return asyncio.run_coroutine_threadsafe(self._stage(job, name), self._loop).result()
        except CancelledError:
            raise _Left from None

    async def _stage(self, job: str, name: str) -> str:
        task = asyncio.ensure_future(self._run(job, name))
        self._stages.add(task)
        try:
            return await task
        finally:
            self._stages.discard(task)


def _prune(before: datetime) -> None:
    while True:
        ended = DBOS.list_workflows(
            status=sorted(_ENDED),
            completed_before=before.isoformat(),
            limit=PRUNED_AT_ONCE,
            load_input=False,
            load_output=False,
        )
        if not ended:
            return
        DBOS.delete_workflows([one.workflow_id for one in ended])


def make_tables(state: URL, role: str | None) -> None:
    """Make or change the tables of DBOS, which ``role`` may use from then on. Raises StateFailed."""
    try:
        DBOS.migrate(_database(state), application_role=role)
    except Exception as error:  # noqa: BLE001 - whatever a driver raises; its message may hold the URL
        raise StateFailed(f"the tables of the jobs' queue cannot be made ({type(error).__name__})") from None


def jobs_file(state: URL) -> Path:
    """Return the SQLite file that jobs are kept in, beside the state's."""
    path = Path(state.database or "")
    return path.with_name(f"{path.stem}-jobs{path.suffix}")


def _config(state: URL) -> DBOSConfig:
    return DBOSConfig(
        name="dicomveil",
        system_database_url=_database(state),
        application_version=VERSION,
        executor_id="dicomveil",  # whoever leads takes up what any other began
        serializer=_Json(),
        log_level="WARNING",
        enable_otlp=False,
        use_listen_notify=False,
        scheduler_polling_interval_sec=3600.0,
        sys_db_pool_size=4,
    )


def _database(state: URL) -> str:
    if state.get_backend_name() == "sqlite":
        file = jobs_file(state)
        with suppress(FileExistsError):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return f"sqlite:///{file}"
    return blocking_url(state).render_as_string(hide_password=False)
