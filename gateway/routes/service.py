"""The routes of one worklist's DICOMweb service: what is not listed here does not exist."""

from starlette.routing import Route

from gateway.routes.links import Links
from gateway.routes.qido import SearchService
from gateway.routes.wado_rs import RetrieveService
from gateway.worklists.worklist import Worklist

STUDY = "/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"


def worklist_routes(worklist: Worklist, links: Links) -> list[Route]:
    """Return the routes of the services that are enabled."""
    base, routes = worklist.base_path, []
    if "search" in worklist.services:
        search = SearchService(worklist, links)
        routes += [
            Route(f"{base}/studies", search.studies),
            Route(f"{base}/series", search.series),
            Route(f"{base}/instances", search.instances),
            Route(f"{base}{STUDY}/series", search.series),
            Route(f"{base}{STUDY}/instances", search.instances),
            Route(f"{base}{SERIES}/instances", search.instances),
        ]
    if "retrieve" in worklist.services:
        retrieve = RetrieveService(worklist, links)
        routes += [
            *(Route(f"{base}{level}", retrieve.instances) for level in (STUDY, SERIES, INSTANCE)),
            *(Route(f"{base}{level}/metadata", retrieve.metadata) for level in (STUDY, SERIES, INSTANCE)),
            Route(f"{base}{INSTANCE}/frames/{{frames}}", retrieve.frames),
            Route(f"{base}{INSTANCE}/bulkdata/{{token}}", retrieve.bulkdata),
        ]
    return routes
