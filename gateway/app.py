"""Put a gateway together: settings -> origins, store and worklists -> routes. The only place that knows every part."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import Lifespan

from gateway.access.model import worklist_place
from gateway.adapters.origin_folder import FolderOrigin
from gateway.adapters.state_sql import SqlReleaseStore
from gateway.assembly import Uplinks, open_access, open_audit, open_origin, secrets_of
from gateway.audit.recorder import Recorder
from gateway.config import model
from gateway.core.pseudonym.keys import KeyRings
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.passing import Passing
from gateway.core.rewrite.query import Key
from gateway.core.standard import dictionary
from gateway.instruments import Instruments
from gateway.lasting import Lasting
from gateway.limits import Connections, Limiter
from gateway.masking.pool import Codecs
from gateway.ports import OriginServer, ReleaseStore, Screener
from gateway.routes.admin import admin_routes
from gateway.routes.entrances import Target, entrance_routes
from gateway.routes.front import Around, Gateway, everyone
from gateway.routes.links import Links
from gateway.routes.openapi import openapi_routes
from gateway.routes.service import worklist_routes
from gateway.routes.shares import share_routes
from gateway.routes.stored import StoredPixels
from gateway.routes.uplinks import uplink_routes
from gateway.uplink.jobs import Jobs
from gateway.worklists.source import Selection
from gateway.worklists.worklist import Worklist

Ending = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Assembled:
    """An application; ``retire`` makes it give up what only one can have, long before its last exchange ends."""

    application: Gateway
    retire: Ending


def build(settings: model.Settings, extra_routes: Sequence[BaseRoute] = ()) -> Gateway:
    """Build an application that is the only one of its process. ``extra_routes`` come last: pages of the demo."""
    lasting = Lasting()
    return assemble(settings, lasting, extra_routes, [lasting.aclose]).application


def assemble(
    settings: model.Settings,
    lasting: Lasting,
    extra_routes: Sequence[BaseRoute] = (),
    endings: Sequence[Ending] = (),
) -> Assembled:
    """Build one of several applications that share what is ``lasting``; ``endings`` end with it."""
    secrets = secrets_of(settings, lasting.secret)
    origins = {name: open_origin(origin) for name, origin in settings.origins.items()}
    store = SqlReleaseStore(settings.state, lambda domain: KeyRings.derive(secrets, domain))
    links = Links(settings.public_url, settings.trusted_proxies)
    instruments = Instruments(settings, lasting)
    instruments.count_cache("releases", lambda: store.cached)
    seen = instruments.watched(origins)
    screenings = {name: lasting.screeners.one() for name in settings.worklists}
    routes: list[BaseRoute] = [*openapi_routes(with_uplinks=bool(settings.uplinks))]
    targets: dict[str, Target] = {}
    for name, listed in settings.worklists.items():
        worklist = _worklist(listed, seen, store, secrets, lasting.codecs, screenings[name])
        instruments.count_hits(worklist_place(name), worklist.engine)
        service = worklist_routes(worklist, links, lasting.renderers, lasting.held)
        targets[name] = Target(listed.path, listed.wado_path, service)
        routes += service
    routes += entrance_routes(settings.entrances.values(), targets, links)
    recorder = open_audit(settings, on_failure=lasting.metrics.audit_failed)
    ended = recorder.exported if recorder else None
    uplinks = Uplinks(settings, seen, store, secrets, lasting.codecs, ended=ended) if settings.uplinks else None
    if uplinks is not None:
        routes += [*uplink_routes(uplinks.jobs, links), *share_routes(uplinks.sharing, links, lasting.renderers)]
        instruments.count_jobs(uplinks)
    identifier = open_access(settings.access)
    readiness = instruments.readiness(seen, store, identifier, recorder)
    routes += admin_routes(readiness, instruments.exposed, lambda: lasting.is_leaving)
    endings = [*(screening.aclose for screening in screenings.values()), *endings]
    if identifier is not None:
        endings = [identifier.aclose, *endings]
    identify = identifier or everyone

    def in_force() -> None:
        lasting.identify = identify
        instruments.in_force()

    lifespan = _lifespan(origins, store, uplinks, endings, recorder, instruments, in_force)
    around = Around(
        identify=identify,
        identify_now=lambda: lasting.identify,
        # The last one limits: what it refuses, the others see.
        watchers=(*instruments.watchers, *([recorder] if recorder else []), Limiter(settings.limits, lasting.clients)),
        client_of=links.client_of,
        trusts=links.trusts,
        answer_timeout_s=settings.limits.answer_timeout_s,
        allowed_headers=tuple({name for entrance in settings.entrances.values() for name in entrance.headers}),
    )
    application = Gateway([*routes, *extra_routes], lifespan, settings.cors_origins, around)
    application.state.connections = Connections(settings.limits, settings.trusted_proxies, lasting.crowd)
    return Assembled(application, uplinks.retire if uplinks else _nothing)


async def _nothing() -> None:
    """Retire where nothing runs by itself."""


@asynccontextmanager
async def open_worklist(settings: model.Settings, name: str) -> AsyncIterator[Worklist]:
    """Open one worklist of the settings without serving it."""
    listed, secrets = settings.worklists[name], secrets_of(settings)
    origin = open_origin(settings.origins[listed.origin])
    store = SqlReleaseStore(settings.state, lambda domain: KeyRings.derive(secrets, domain))
    async with _lifespan({listed.origin: origin}, store)(Starlette()):
        yield _worklist(listed, {listed.origin: origin}, store, secrets, Codecs(os.cpu_count() or 1))


@asynccontextmanager
async def open_uplinks(settings: model.Settings, *, leads: bool) -> AsyncIterator[Jobs]:
    """Open the uplinks of the settings without serving them; jobs run here if ``leads``, and no other process does."""
    secrets = secrets_of(settings)
    origins = {name: open_origin(origin) for name, origin in settings.origins.items()}
    store = SqlReleaseStore(settings.state, lambda domain: KeyRings.derive(secrets, domain))
    recorder = open_audit(settings)
    ended = recorder.exported if recorder else None
    codecs = Codecs(os.cpu_count() or 1)
    uplinks = Uplinks(settings, origins, store, secrets, codecs, leads=leads, ended=ended)
    async with _lifespan(origins, store, uplinks, recorder=recorder)(Starlette()):
        yield uplinks.jobs


def _lifespan(
    origins: Mapping[str, OriginServer],
    store: SqlReleaseStore,
    uplinks: Uplinks | None = None,
    endings: Sequence[Ending] = (),
    recorder: Recorder | None = None,
    instruments: Instruments | None = None,
    in_force: Callable[[], None] = lambda: None,
) -> Lifespan[Starlette]:
    """Open what there is, and close it in the opposite order, all of it whatever fails."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as closing:
            if instruments is not None:
                await closing.enter_async_context(instruments.running())
            if recorder is not None:
                closing.push_async_callback(recorder.aclose)
                await recorder.open()
            closing.push_async_callback(store.aclose)
            for origin in origins.values():
                closing.push_async_callback(origin.aclose)
            if uplinks is not None:
                closing.push_async_callback(uplinks.aclose)
            for ending in reversed(endings):
                closing.push_async_callback(ending)
            await store.start()
            for origin in origins.values():
                if isinstance(origin, FolderOrigin):
                    await origin.open()
            if uplinks is not None:
                await uplinks.start()
            if recorder is not None:
                recorder.begin()
            in_force()
            yield

    return lifespan


def _worklist(
    settings: model.Worklist,
    origins: Mapping[str, OriginServer],
    store: ReleaseStore,
    secrets: Sequence[bytes],
    codecs: Codecs,
    screener: Screener | None = None,
) -> Worklist:
    keys = KeyRings.derive(secrets, settings.domain)
    match = tuple(Key(tag, dictionary.vr_of(tag) or "UN", value) for tag, value in settings.match)
    return Worklist(
        name=settings.name,
        base_path=settings.path,
        origin=origins[settings.origin],
        engine=Engine(settings.profile, keys.current) if settings.profile else Passing(),
        keys=keys,
        selection=Selection(match, settings.studies or frozenset()),
        store=store,
        domain=settings.domain,
        services=frozenset(service.value for service in settings.services),
        search_budget=settings.search_budget,
        codecs=codecs,
        reader=StoredPixels(origins[settings.origin]),
        screener=screener,
    )
