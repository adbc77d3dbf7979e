"""Put a gateway together: settings -> origins, store and worklists -> routes. The only place that knows every part."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import Lifespan

from gateway.adapters.origin_folder import FolderOrigin
from gateway.adapters.state_sql import SqlReleaseStore
from gateway.assembly import Uplinks, open_origin, secrets_of
from gateway.config import model
from gateway.core.pseudonym.keys import KeyRings
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.passing import Passing
from gateway.core.rewrite.query import Key
from gateway.core.standard import dictionary
from gateway.masking.pool import Codecs
from gateway.ports import OriginServer, ReleaseStore, Screener
from gateway.rendering.pool import Renderers
from gateway.routes.admin import admin_routes
from gateway.routes.front import Gateway
from gateway.routes.links import Links
from gateway.routes.openapi import openapi_routes
from gateway.routes.service import worklist_routes
from gateway.routes.shares import share_routes
from gateway.routes.stored import StoredPixels
from gateway.routes.uplinks import uplink_routes
from gateway.screening.service import Screeners
from gateway.storing.bulkparts import HeldBytes
from gateway.uplink.jobs import Jobs
from gateway.worklists.source import Selection
from gateway.worklists.worklist import Worklist


def build(settings: model.Settings, extra_routes: Sequence[BaseRoute] = ()) -> Starlette:
    """Build the application. ``extra_routes`` come last: pages of the demo."""
    secrets = secrets_of(settings)
    origins = {name: open_origin(origin) for name, origin in settings.origins.items()}
    store = SqlReleaseStore(settings.state, lambda domain: KeyRings.derive(secrets, domain))
    links = Links(settings.public_url, settings.trusted_proxies)
    codecs, screeners = Codecs(os.cpu_count() or 1), Screeners()
    # Of three processors or more the loop that streams has one; of two processes one is kept free of animations.
    renderers = Renderers(max(2, (os.cpu_count() or 1) - 1))
    routes: list[BaseRoute] = [*admin_routes(origins, store), *openapi_routes(with_uplinks=bool(settings.uplinks))]
    held = HeldBytes()
    for listed in settings.worklists.values():
        routes += worklist_routes(
            _worklist(listed, origins, store, secrets, codecs, screeners.one()), links, renderers, held
        )
    uplinks = Uplinks(settings, origins, store, secrets, codecs) if settings.uplinks else None
    if uplinks is not None:
        routes += [*uplink_routes(uplinks.jobs, links), *share_routes(uplinks.sharing, links, renderers)]
    return Gateway([*routes, *extra_routes], _lifespan(origins, store, uplinks, screeners), settings.cors_origins)


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
    uplinks = Uplinks(settings, origins, store, secrets, Codecs(os.cpu_count() or 1), leads=leads)
    async with _lifespan(origins, store, uplinks)(Starlette()):
        yield uplinks.jobs


def _lifespan(
    origins: Mapping[str, OriginServer],
    store: SqlReleaseStore,
    uplinks: Uplinks | None = None,
    screeners: Screeners | None = None,
) -> Lifespan[Starlette]:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            await store.start()
            for origin in origins.values():
                if isinstance(origin, FolderOrigin):
                    await origin.open()
            if uplinks is not None:
                await uplinks.start()
            yield
        finally:
            if screeners is not None:
                await screeners.aclose()
            if uplinks is not None:
                await uplinks.aclose()
            for origin in origins.values():
                await origin.aclose()
            await store.aclose()

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
