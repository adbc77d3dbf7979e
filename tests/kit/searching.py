"""A search service over an origin in memory: nothing but the worklist, its routes and the error handlers."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from gateway.core.profile.model import Profile
from gateway.core.pseudonym.keys import KeyRings
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.passing import Passing
from gateway.ports import OriginServer, Release
from gateway.routes.front import Gateway
from gateway.routes.guard import Door, Guard
from gateway.routes.links import Links
from gateway.routes.qido import SearchService
from gateway.worklists.source import Selection
from gateway.worklists.worklist import DEFAULT_BUDGET, Worklist

RINGS = KeyRings.derive([bytes(range(32))], "research")
BASE = "http://gateway.example"


@dataclass(slots=True)
class Remembered:
    """Fills ReleaseStore with a dictionary."""

    pairs: dict[tuple[str, str], str] = field(default_factory=dict)

    async def put(self, domain: str, kind: str, releases: Iterable[Release]) -> None:
        """Remember pairs."""
        self.pairs.update({(kind, one.released): one.source for one in releases})

    async def get(self, domain: str, kind: str, released: str) -> str | None:
        """Return the source."""
        return self.pairs.get((kind, released))

    async def aclose(self) -> None:
        """Do nothing."""


def worklist_over(
    origin: OriginServer,
    profile: Profile | None,
    selection: Selection = Selection(),  # noqa: B008 - frozen
    budget: int = DEFAULT_BUDGET,
) -> Worklist:
    """Build a worklist of a whole archive, identified where there is no profile."""
    engine = Engine(profile, RINGS.current) if profile else Passing()
    return Worklist(
        "research", "", origin, engine, RINGS, selection, Remembered(), "research", frozenset({"search"}), budget
    )


@asynccontextmanager
async def searching(worklist: Worklist) -> AsyncIterator[httpx.AsyncClient]:
    """Serve its searches in this process."""
    service = SearchService(worklist, Links(BASE))
    study = "/studies/{study}"
    guard = Guard("Search")
    routes = [
        Door("/studies", service.studies, guard),
        Door("/series", service.series, guard),
        Door("/instances", service.instances, guard),
        Door(f"{study}/series", service.series, guard),
        Door(f"{study}/instances", service.instances, guard),
        Door(f"{study}/series/{{series}}/instances", service.instances, guard),
    ]
    application = Gateway(routes, _nothing_to_open, ())
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client


def results(answer: httpx.Response) -> list[dict[str, Any]]:
    """Return what was found, also where that is nothing."""
    assert answer.status_code in (200, 204), (answer.status_code, answer.text)
    return list(answer.json()) if answer.status_code == 200 else []


@asynccontextmanager
async def _nothing_to_open(_app: object) -> AsyncIterator[None]:
    yield
