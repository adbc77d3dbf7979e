"""The resources of one worklist's DICOMweb service: what is not listed here does not exist."""

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Scope

from gateway.access.model import Role, worklist_place
from gateway.core.rewrite.passing import Passing
from gateway.core.wire.accept import Offer
from gateway.rendering.pool import Renderers
from gateway.routes import bulkdata, download, frames, instances, metadata, rendered, store
from gateway.routes.capabilities import CapabilitiesService, Resource
from gateway.routes.doors import Doors
from gateway.routes.guard import Door, Endpoint, Guard
from gateway.routes.links import Links
from gateway.routes.octets import BULK_TYPES, FRAME_TYPES, OCTETS
from gateway.routes.qido import OFFERS as FOUND
from gateway.routes.qido import SearchService
from gateway.routes.wado_uri import UriService
from gateway.storing.bulkparts import HeldBytes
from gateway.worklists.worklist import Worklist

STUDY = "/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"
LEVELS = (("Study", STUDY), ("Series", SERIES), ("Instance", INSTANCE))
SEARCH_PARAMETERS = (
    "accept", "emptyvaluematching", "fuzzymatching", "includefield", "limit", "multiplevaluematching", "offset",
)  # fmt: skip
WHOLE = frozenset(f"Retrieve{level}{what}" for level in ("Study", "Series") for what in ("", "Bulkdata", "PixelData"))
"""What hands out more than a viewer needs to show an instance."""
OLD_BULK = Offer(OCTETS, multipart=True)
"""How bulk data were asked for before they had resources of their own (PS3.18 Section 10.4.3)."""


@dataclass(frozen=True, slots=True)
class Served:
    """A resource and what answers for it."""

    resource: Resource
    endpoint: Endpoint


def worklist_routes(worklist: Worklist, links: Links, renderers: Renderers, held: HeldBytes) -> list[BaseRoute]:
    """Return the routes of the services that are enabled, and of the document that describes them.

    ``held`` counts what is held of what is stored, on all worklists.
    """
    served: list[Served] = []
    guards = _Guards(worklist)
    if "search" in worklist.services:
        served += _search(SearchService(worklist, links))
    if "retrieve" in worklist.services:
        served += [*_retrieve(worklist, links, guards), *_render(worklist, links, renderers)]
    if "store" in worklist.services:
        served += _store(store.StoreService(worklist, links, held))
    base = worklist.base_path
    capabilities = CapabilitiesService(worklist, links, [one.resource for one in served])
    known = guards.of("RetrieveCapabilities", Role.VIEW, Role.DOWNLOAD, Role.STORE)
    described = (Door(base + path, capabilities.describe, known, ("GET", "OPTIONS")) for path in ("", "/"))
    return [Doors(base, [*_routes(base, served, guards), *described]), *_uri_service(worklist, renderers, guards)]


@dataclass(frozen=True, slots=True)
class _Guards:
    """Makes the guards of one worklist."""

    worklist: Worklist

    def of(self, transaction: str, *roles: Role) -> Guard:
        """Return a guard that lets in whoever has one of some roles."""
        identified = isinstance(self.worklist.engine, Passing)
        return Guard(
            transaction,
            frozenset(roles),
            worklist_place(self.worklist.name),
            frozenset({Role.IDENTIFIED}) if identified else frozenset(),
            self.worklist.engine.digest,
        )

    def resource(self, resource: Resource) -> Guard:
        """Return the guard of a resource."""
        if resource.takes:
            return self.of(resource.transaction, Role.STORE)
        if resource.transaction == "RetrieveInstance":
            return self.of(resource.transaction, Role.VIEW, Role.DOWNLOAD)  # a series holds it, too
        return self.of(resource.transaction, Role.DOWNLOAD if resource.transaction in WHOLE else Role.VIEW)


def _search(search: SearchService) -> Iterator[Served]:
    for path, transaction, endpoint in (
        ("/studies", "SearchForStudies", search.studies),
        ("/series", "SearchForSeries", search.series),
        ("/instances", "SearchForInstances", search.instances),
        (f"{STUDY}/series", "SearchForStudySeries", search.series),
        (f"{STUDY}/instances", "SearchForStudyInstances", search.instances),
        (f"{SERIES}/instances", "SearchForStudySeriesInstances", search.instances),
    ):
        types = tuple(offer.label for offer in FOUND)
        yield Served(Resource(path, transaction, types, SEARCH_PARAMETERS), endpoint)


def _retrieve(worklist: Worklist, links: Links, guards: _Guards) -> Iterator[Served]:
    bulk = bulkdata.BulkService(worklist, links)
    zipped = guards.of("Download", Role.DOWNLOAD).over(download.DownloadService(worklist).retrieve)
    objects = instances.InstanceService(worklist, links, {OLD_BULK: bulk.all, download.OFFER: zipped})
    described = metadata.MetadataService(worklist, links)
    for level, path in LEVELS:
        types = [offer.label for offer in objects.offers(alone=path == INSTANCE)]
        yield _served(path, f"Retrieve{level}", types, objects.retrieve)
        types = [offer.label for offer in metadata.OFFERS]
        yield _served(f"{path}/metadata", f"Retrieve{level}Metadata", types, described.retrieve)
        yield _served(f"{path}/bulkdata", f"Retrieve{level}Bulkdata", _parts(BULK_TYPES), bulk.all)
        yield _served(f"{path}/pixeldata", f"Retrieve{level}PixelData", _parts(FRAME_TYPES), bulk.pixels)
    types = [*_parts(FRAME_TYPES), *FRAME_TYPES]
    yield _served(
        f"{INSTANCE}/frames/{{frames}}", "RetrieveFrames", types, frames.FrameService(worklist, links).retrieve
    )
    yield _served(f"{INSTANCE}/bulkdata/{{token}}", "RetrieveBulkdata", [*_parts(BULK_TYPES), *BULK_TYPES], bulk.value)


def _render(worklist: Worklist, links: Links, renderers: Renderers) -> Iterator[Served]:
    service = rendered.RenderedService(worklist, links, renderers)
    moving = rendered.moving()
    for level, path, endpoint, more in (
        ("Study", STUDY, service.several, ()),
        ("Series", SERIES, service.several, ()),
        ("Instance", INSTANCE, service.instance, moving),
        ("Frames", f"{INSTANCE}/frames/{{frames}}", service.frames, moving),
    ):
        offers = dict.fromkeys([*rendered.IMAGES, *rendered.SEPARATE, *more])
        types = tuple(offer.label for offer in offers)
        resource = Resource(f"{path}/rendered", f"RetrieveRendered{level}", types, rendered.PARAMETERS)
        yield Served(resource, endpoint)
        types = tuple(offer.label for offer in rendered.THUMBNAILS)
        resource = Resource(f"{path}/thumbnail", f"Retrieve{level}Thumbnail", types, rendered.THUMBNAIL_PARAMETERS)
        yield Served(resource, service.thumbnail)


def _store(service: store.StoreService) -> Iterator[Served]:
    for path, transaction in (("/studies", "StoreInstances"), (STUDY, "StoreStudyInstances")):
        yield Served(Resource(path, transaction, store.GIVEN, ("accept",), store.TAKEN), service.store)


class _OnlyPost(Door):
    """A resource that something is only stored to: to who would read it, it is not there."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope.get("method") in ("GET", "HEAD"):
            return Match.NONE, {}
        return super().matches(scope)


def _routes(base: str, served: list[Served], guards: _Guards) -> Iterator[Route]:
    """Yield one route for each path, whatever its methods."""
    paths: dict[str, dict[str, Served]] = {}
    for one in served:
        paths.setdefault(one.resource.path, {})[one.resource.method] = one
    for path, by_method in paths.items():
        guarded = {method: guards.resource(one.resource) for method, one in by_method.items()}
        endpoints = {method: one.endpoint for method, one in by_method.items()}
        if len(endpoints) > 1:
            yield Door(base + path, _by_method(endpoints), guarded, list(endpoints))
            continue
        for method, endpoint in endpoints.items():
            yield (_OnlyPost if method == "POST" else Door)(base + path, endpoint, guarded, [method])


def _by_method(endpoints: dict[str, Endpoint]) -> Endpoint:
    async def answer(request: Request) -> ASGIApp:
        return await endpoints["POST" if request.method == "POST" else "GET"](request)

    return answer


def _uri_service(worklist: Worklist, renderers: Renderers, guards: _Guards) -> Iterator[Route]:
    """Yield the route of the URI Service, which is not below the service base of the RESTful services."""
    if "retrieve" in worklist.services:
        guard = guards.of("RetrieveInstanceByURI", Role.VIEW)
        yield Door(f"/worklists/{worklist.name}/wado", UriService(worklist, renderers).retrieve, guard)


def _served(path: str, transaction: str, media_types: list[str], endpoint: Endpoint) -> Served:
    return Served(Resource(path, transaction, tuple(media_types), ("accept",)), endpoint)


def _parts(types: tuple[str, ...]) -> list[str]:
    return [f'multipart/related; type="{one}"' for one in types]
