"""What a worklist's service does, in words of ours, never the origin's (Retrieve Capabilities, PS3.18 Section 8.9)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import quoteattr

from starlette.requests import Request
from starlette.responses import Response

from gateway.core.wire.accept import Offer
from gateway.routes.headers import OURS
from gateway.routes.links import Links
from gateway.routes.negotiation import choose
from gateway.worklists.worklist import Worklist

WADL: Final = "application/vnd.sun.wadl+xml"
JSON: Final = "application/json"
OFFERS: Final = (Offer(JSON), Offer(WADL), Offer("application/dicom+json"), Offer("application/xml"))
_XML_OFFERS: Final = frozenset({WADL, "application/xml"})
_NAMESPACE: Final = "http://wadl.dev.java.net/2009/02"


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of resource of a service: its path template, what retrieves or searches it, and in which media types.

    ``takes`` are the media types of what is stored there; a resource that takes something is asked with POST.
    """

    path: str
    transaction: str
    media_types: tuple[str, ...]
    parameters: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """The method that the transaction uses."""
        return "POST" if self.takes else "GET"


class CapabilitiesService:
    """Describes what is served, made from the same table as the routes."""

    def __init__(self, worklist: Worklist, links: Links, resources: Sequence[Resource]) -> None:
        self._worklist = worklist
        self._links = links
        self._resources = resources

    async def describe(self, request: Request) -> Response:
        """Answer OPTIONS on the service base, as WADL or JSON."""
        media_type = choose(request, OFFERS).offer.media_type
        base = self._links.service(request, self._worklist)
        if media_type in _XML_OFFERS:
            return Response(self._wadl(base), headers=OURS, media_type=WADL)
        return Response(self._json(base), headers=OURS, media_type=JSON)

    def _json(self, base: str) -> str:
        resources = [
            {
                "path": one.path,
                "transaction": one.transaction,
                "methods": [one.method] if one.takes else [one.method, "HEAD"],
                "mediaTypes": list(one.media_types),
                "parameters": list(one.parameters),
            }
            | ({"takes": list(one.takes)} if one.takes else {})
            for one in self._resources
        ]
        return json.dumps({"base": base, "services": sorted(self._worklist.services), "resources": resources})

    def _wadl(self, base: str) -> str:
        resources = "".join(map(_wadl_resource, self._resources))
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<application xmlns={quoteattr(_NAMESPACE)}>'
            f"<resources base={quoteattr(base)}>{resources}</resources></application>\n"
        )


def _wadl_resource(one: Resource) -> str:
    names = [part[1:-1] for part in one.path.split("/") if part.startswith("{")]
    templates = "".join(f'<param name={quoteattr(name)} style="template" required="true"/>' for name in names)
    queries = "".join(f'<param name={quoteattr(name)} style="query"/>' for name in one.parameters)
    taken, representations = map(_representations, (one.takes, one.media_types))
    return (
        f"<resource path={quoteattr(one.path.lstrip('/'))}>{templates}"
        f'<method name="{one.method}" id={quoteattr(one.transaction)}><request>{queries}{taken}</request>'
        f'<response status="200">{representations}</response></method></resource>'
    )


def _representations(media_types: Sequence[str]) -> str:
    return "".join(f"<representation mediaType={quoteattr(each)}/>" for each in media_types)
