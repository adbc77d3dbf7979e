"""What a process has once, whatever its settings say: it outlives a reload.

Limits are the process's: were each reload to bring its own, what goes on under the old settings and what begins under
the new would pass them together, and processes that decode would be there twice.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.datastructures import Headers

from gateway.access.model import Principal
from gateway.config.model import Settings
from gateway.core.pseudonym.keys import MIN_SECRET_BYTES
from gateway.limits import Clients, Crowd
from gateway.masking.pool import Codecs
from gateway.rendering.pool import Renderers
from gateway.screening.service import Screeners
from gateway.storing.bulkparts import HeldBytes
from gateway.telemetry.metrics import Metrics

__all__ = ["Follower", "Lasting"]

Identify = Callable[[Headers, str], Awaitable[Principal]]
Follower = Callable[[Settings, Settings | None], None]
"""Is told of each reload: the settings before and after it; None where faults kept those before. Must not raise."""


def _codecs() -> Codecs:
    return Codecs(os.cpu_count() or 1)


def _renderers() -> Renderers:
    # Of three processors or more the loop that streams has one; of two processes one is kept free of animations.
    return Renderers(max(2, (os.cpu_count() or 1) - 1))


@dataclass(slots=True)
class Lasting:
    """Handed to every application that the process builds; ``aclose`` after the last of them has ended."""

    codecs: Codecs = field(default_factory=_codecs)
    renderers: Renderers = field(default_factory=_renderers)
    screeners: Screeners = field(default_factory=Screeners)
    held: HeldBytes = field(default_factory=HeldBytes)
    metrics: Metrics = field(default_factory=Metrics)
    clients: Clients = field(default_factory=Clients)
    crowd: Crowd = field(default_factory=Crowd)
    secret: bytes = field(default_factory=lambda: os.urandom(MIN_SECRET_BYTES), repr=False)
    """Seals links of identified data where the settings give no secret."""
    followers: list[Follower] = field(default_factory=list)
    identify: Identify | None = None
    """Says by the settings of now who asks."""
    is_leaving: bool = False
    """The process was told to end: whoever shares out requests gives it no more."""

    def __post_init__(self) -> None:
        """Count reloads."""
        self.followers.append(lambda _before, after: self.metrics.reloaded(ok=after is not None))

    async def aclose(self) -> None:
        """End the processes."""
        await self.screeners.aclose()
