"""The parts of a multipart payload as objects on their way in."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final

from gateway.core.errors import GatewayError, LimitExceeded
from gateway.core.wire.multipart import Event, PartChunk, PartEnd, PartStart
from gateway.storing.model import Incoming

MAX_PARTS: Final = 10_000
"""Of one request: what became of each is held until its end."""


async def incoming(events: AsyncGenerator[Event, None]) -> AsyncGenerator[Incoming, None]:
    """Yield each part as an object, whatever its headers say it is.

    Raises LimitExceeded, and what ``events`` raises, also where that has come out of an object's chunks before.
    """
    async with aclosing(events):
        parts = _Parts(events)
        count = 0
        while await parts.next():
            count += 1
            if count > MAX_PARTS:
                raise LimitExceeded("parts of one request", MAX_PARTS)
            yield Incoming(parts.chunks())


class _Parts:
    """Goes through the events part by part; what nobody has read of a part is passed over."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events
        self._fault: GatewayError | None = None
        self._is_inside = False

    async def next(self) -> bool:
        """Go to the next part; False when there is none."""
        if self._fault is not None:
            raise self._fault
        async for event in self._events:
            if isinstance(event, PartStart):
                self._is_inside = True
                return True
        return False

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield what is left of this part."""
        try:
            while self._is_inside:
                event = await anext(self._events)
                if isinstance(event, PartEnd):
                    self._is_inside = False
                elif isinstance(event, PartChunk):
                    yield event.data
        except GatewayError as fault:
            self._fault, self._is_inside = fault, False
            raise
