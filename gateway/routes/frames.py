"""WADO-RS, Retrieve of frames (PS3.18 Section 10.4.3.4)."""

from starlette.requests import Request
from starlette.types import ASGIApp

from gateway.core.errors import NotAcceptable, NotReleased
from gateway.routes.exchange import Outcome
from gateway.routes.links import Links
from gateway.routes.masked import masker_of
from gateway.routes.octets import FRAME_TYPES, Wanted, answer, frame_numbers
from gateway.routes.target import source_instance
from gateway.worklists.worklist import Worklist


class FrameService:
    """Answers retrievals of frames of one worklist."""

    def __init__(self, worklist: Worklist, links: Links) -> None:
        self._worklist = worklist
        self._links = links

    async def retrieve(self, request: Request) -> ASGIApp:
        """Retrieve frames as stored or uncompressed, one part each; one frame may stand alone."""
        numbers = frame_numbers(request.path_params["frames"])
        wanted = Wanted(request, FRAME_TYPES, alone=len(numbers) == 1)
        instance = await source_instance(self._worklist, request)
        judged = await self._worklist.pixels.of(instance)
        if judged.image and max(numbers) > judged.image.frames:
            raise NotReleased  # an origin may count frames that nobody looked at
        outcome = Outcome()
        path = f"{instance.path}/frames/{','.join(map(str, numbers))}"
        masker = masker_of(judged, self._worklist.pixels.codecs)
        try:
            values = await wanted.open(self._worklist.origin, path, outcome, masker)
        except (NotReleased, NotAcceptable) as refused:
            raise await wanted.missing(self._worklist.origin, path, refused) from None
        base = self._links.service(request, self._worklist) + self._worklist.released_path(instance)
        locations = (f"{base}/frames/{number}" for number in numbers) if wanted.is_multipart else None
        return answer(self._worklist.engine, values, locations, outcome)
