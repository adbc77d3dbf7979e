"""Serves with the settings of today, and takes new ones without a break.

On SIGHUP, and when a file that the settings are made of holds something else, all of them are read and checked anew,
and a new application is built and opened beside the old one. Any fault, and everything stays as it was. An exchange
belongs to the generation that was there when it began, and keeps its plans, caches and connections to its end; the old
generation is closed after its last one. Its jobs go over at once: each is taken up where it stands, under the new
settings, as after a restart.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, fields, replace
from types import FrameType
from typing import Any, Final

from starlette.datastructures import State
from starlette.types import Message, Receive, Scope, Send

from gateway import app
from gateway.config import Settings
from gateway.core.errors import ConfigFault, ConfigFaults, GatewayError
from gateway.generation import Generation
from gateway.lasting import Lasting
from gateway.logs import describe
from gateway.memory import tune_gc
from gateway.watching import Watch

__all__ = ["Reloading", "Source", "differences", "say", "warn", "without_restart"]

log = logging.getLogger("dicomveil.reload")

FIXED: Final[Sequence[tuple[str, Callable[[Settings], object]]]] = (
    ("state", lambda settings: settings.state._replace(username=None, password=None)),
    ("tls", lambda settings: settings.tls is None or settings.tls.client_ca is None),
    ("logs", lambda settings: settings.logs.form),
)
"""What a running process can't change: keys of the settings, and what of each stays; passwords may change."""
_DERIVED: Final = ("warnings", "own_profiles")


@dataclass(frozen=True, slots=True)
class Source:
    """Where settings come from: ``load`` raises ConfigFaults; ``watch`` was made before they were read."""

    load: Callable[[], Settings]
    watch: Watch


AGAIN_S: Final = 5.0
"""After a fault that is none of the settings, such as a database that is away, they are taken again so often."""


class Reloading:
    """The application of a server process. Told to end, it goes on for ``drain_s`` before the server hears of it."""

    def __init__(self, source: Source, settings: Settings, lasting: Lasting, drain_s: float = 0) -> None:
        self._source = source
        self._read = source.watch.look()
        self._lasting = lasting
        self._drain_s = drain_s
        self._now = Generation(settings, app.assemble(settings, lasting))
        self._before: set[asyncio.Task[None]] = set()
        self._may_pass = False
        self._asked = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live from the server's start to its end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._now(scope, receive, _last(send) if self._lasting.is_leaving else send)

    @property
    def state(self) -> State:
        """Return what connections look for: the limits of now."""
        return self._now.state

    async def reload(self) -> bool:
        """Take new settings; False, and nothing has changed, where they have faults."""
        old = self._now
        read = await asyncio.to_thread(self._source.watch.look)
        try:
            settings, kept = without_restart(old.settings, await asyncio.to_thread(self._source.load))
            new = Generation(settings, await asyncio.to_thread(app.assemble, settings, self._lasting))
            await new.open()
        except Exception as error:  # noqa: BLE001 whatever is wrong with the new, the old goes on
            say(error)
            self._may_pass = not isinstance(error, ConfigFaults)
            self._tell(old.settings, None)
            return False
        self._now = new
        warn(settings)
        for name in kept:
            log.warning("%s: changes with a restart only; what it was goes on", name)
        files = sorted(file.name for file in {*self._read, *read} if self._read.get(file) != read.get(file))
        self._read = read
        changed = ", ".join([*differences(old.settings, settings)] or files) or "nothing has changed"
        log.info("settings reloaded (%s): %d exchanges end under those before", changed, old.exchanges)
        self._tell(old.settings, settings)
        ending = asyncio.create_task(_ended(old))
        self._before.add(ending)
        ending.add_done_callback(self._before.discard)
        await _guarded(old.retire())
        return True

    def _tell(self, before: Settings, after: Settings | None) -> None:
        for follower in self._lasting.followers:
            follower(before, after)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._now.open()
        except Exception as error:  # noqa: BLE001 its message may hold a value; the server would print it
            log.error("cannot start: %s", str(error) if isinstance(error, GatewayError) else describe(error))  # noqa: TRY400
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        tune_gc()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._asked.set)
        _Leaving(self._lasting, self._drain_s)
        tasks = [asyncio.create_task(one) for one in (self._watch(), self._reload_when_asked())]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        loop.remove_signal_handler(signal.SIGHUP)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _watch(self) -> None:
        async with aclosing(self._source.watch.changes()) as changes:
            async for _ in changes:
                self._asked.set()

    async def _reload_when_asked(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            while not await self.reload() and self._may_pass:  # whose rights were taken must not wait for a person
                with suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN_S):
                        await self._asked.wait()
                self._asked.clear()

    async def _close(self) -> None:
        """Close all generations, and then what they shared."""
        for ending in self._before:
            ending.cancel()
        await _guarded(self._now.close())
        await asyncio.gather(*self._before, return_exceptions=True)
        await _guarded(self._lasting.aclose())


def without_restart(before: Settings, after: Settings) -> tuple[Settings, list[str]]:
    """Return new settings with what only a restart can change as it was, and the names of that.

    Raises ConfigFaults where they no longer say who may come, or where a profile is now the shipped one of the same
    name: what was lost by mistake must open no door.
    """
    if before.access is not None and after.access is None and not after.without_authentication:
        what = "access is gone: say access: {without_authentication: true}, or restart"
        raise ConfigFaults([ConfigFault("settings", what)])
    kept = [name for name, part in FIXED if part(before) != part(after)]
    for name in before.own_profiles & set(after.profiles) - after.own_profiles:
        what = f"profile {name} is gone, and the shipped one of that name says something else: restart to take that"
        raise ConfigFaults([ConfigFault("settings", what)])
    if before.secret is not None and after.secret is None:  # several workers must share one
        kept.append("secret")
    values: dict[str, Any] = {name: getattr(before, name) for name in kept}
    return replace(after, **values), kept


def differences(before: Settings, after: Settings) -> Iterator[str]:
    """Name what differs: a key of the settings, and which of those with names of their own."""
    for key in fields(Settings):
        old, new = getattr(before, key.name), getattr(after, key.name)
        if key.name in _DERIVED or old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from (f"{key.name}.{name}" for name in sorted({*old, *new}) if old.get(name) != new.get(name))
        else:
            yield key.name


def say(error: Exception) -> None:
    """Log what is wrong as ``check`` prints it."""
    lines: list[str] = []
    if isinstance(error, ConfigFaults):
        lines = str(error).splitlines()
    else:
        lines = [str(error) if isinstance(error, GatewayError) else describe(error)]
    for line in lines:
        log.error("%s", line)
    log.error("the settings are not used: faults: %d", len(lines))


def warn(settings: Settings) -> None:
    """Log what works but may not be meant so, as ``check`` prints it."""
    for warning in settings.warnings:
        log.warning("%s", warning)


async def _ended(generation: Generation) -> None:
    """See a generation to its end, and give back its memory."""
    try:
        await _guarded(generation.ended())
    except asyncio.CancelledError:
        await _guarded(generation.close())
        raise
    log.info("the last exchange under former settings has ended")
    del generation
    tune_gc()  # what the first generation was made of is where the collector does not look


async def _guarded(closing: Awaitable[None]) -> None:
    try:
        await closing
    except Exception as error:  # noqa: BLE001 what closes badly must not keep the rest from closing
        log.error("closing failed: %s", describe(error))  # noqa: TRY400 its message may hold a value


class _Leaving:
    """In the place of a server's handler of SIGTERM: for ``drain_s`` it only says so, and the server is told then.

    Of a second one it is told at once. ``should_exit`` is the server's: sse-starlette looks for it here.
    """

    def __init__(self, lasting: Lasting, drain_s: float) -> None:
        self._lasting = lasting
        self._drain_s = drain_s
        self._loop = asyncio.get_running_loop()
        self._told = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, self.leave)

    @property
    def should_exit(self) -> bool:
        return bool(getattr(getattr(self._told, "__self__", None), "should_exit", False))

    def leave(self, number: int, frame: FrameType | None) -> None:
        wait_s = 0.0 if self._lasting.is_leaving else self._drain_s
        self._lasting.is_leaving = True
        if wait_s:
            log.info("leaving in %s s", wait_s)
            self._loop.call_soon_threadsafe(self._loop.call_later, wait_s, self._tell, number, None)
        else:
            self._tell(number, frame)

    def _tell(self, number: int, frame: FrameType | None) -> None:
        if callable(self._told):
            self._told(number, frame)


def _last(send: Send) -> Send:
    """Make an answer the last one on its connection: the next request goes to who stays."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), (b"connection", b"close")]}
        await send(message)

    return sending
