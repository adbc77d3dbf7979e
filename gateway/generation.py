"""An application from the opening of its stores to their close, and how many exchanges it still has."""

import asyncio
from contextlib import suppress
from typing import Final

from starlette.datastructures import State
from starlette.types import Receive, Scope, Send

from gateway.app import Assembled
from gateway.config.model import Settings

__all__ = ["Generation"]

ENDING_S: Final = 5.0
"""What the server has cancelled has this long to say goodbye."""


class Generation:
    """Built from one reading of the settings. ``open`` it, hand it exchanges, ``retire`` it, and wait for ``ended``.

    ``exchanges`` is how many are under way, however they end.
    """

    def __init__(self, settings: Settings, assembled: Assembled) -> None:
        self.settings = settings
        self.exchanges = 0
        self._assembled = assembled
        self._is_retired = False
        self._unused = asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    @property
    def state(self) -> State:
        """Return what the application holds for its connections."""
        return self._assembled.application.state

    async def open(self) -> None:
        """Open what it needs. Raises what that raises, and then everything is closed again."""
        opened = asyncio.Event()
        self._life = asyncio.create_task(self._live(opened))
        opening = asyncio.create_task(opened.wait())
        try:
            await asyncio.wait((opening, self._life), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._life.cancel()
            await asyncio.wait([self._life])  # what was opened is closed before anything else ends
            raise
        finally:
            opening.cancel()
        if self._life.done():
            await self._life

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; no step between the choice of a generation and this one may wait."""
        self.exchanges += 1
        try:
            await self._assembled.application(scope, receive, send)
        finally:
            self.exchanges -= 1
            self._look()

    async def retire(self) -> None:
        """Give up what only one generation can have; it ends with its last exchange."""
        self._is_retired = True
        try:
            await self._assembled.retire()
        finally:
            self._look()

    async def ended(self) -> None:
        """Wait until it is closed. Raises what closing raises."""
        if self._life is not None:
            await asyncio.shield(self._life)

    async def close(self) -> None:
        """End it, with what is under way: the server has cancelled that."""
        await self.retire()
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDING_S):
                await self._unused.wait()
        self._unused.set()
        await self.ended()

    def _look(self) -> None:
        if self._is_retired and not self.exchanges:
            self._unused.set()

    async def _live(self, opened: asyncio.Event) -> None:
        """Open and close in one task, as context managers of tasks and time limits want it."""
        application = self._assembled.application
        async with application.router.lifespan_context(application):
            opened.set()
            await self._unused.wait()
