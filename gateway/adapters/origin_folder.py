"""The embedded origin: a DICOMweb service, in this process, over a folder of DICOM files.

It answers like a plain archive: Search on every resource of PS3.18 Section 10.6, Retrieve of Studies, Series,
Instances, metadata, Frames and bulk values, and Store where the folder is writable. URLs in its answers are relative to
the URL that was asked (RFC 3986). pydicom reads the files, in threads; the index is built once: what is stored here is
seen, a file that others add later is not.
"""

import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from json import dumps
from pathlib import Path
from urllib.parse import unquote

from anyio import Lock
from anyio.to_thread import run_sync

from gateway.adapters.folder.accept import choose, parse_accept
from gateway.adapters.folder.attributes import Json, to_json
from gateway.adapters.folder.files import UNREADABLE, read_header, silence_pydicom
from gateway.adapters.folder.index import Index, build_index
from gateway.adapters.folder.matching import BadQueryError
from gateway.adapters.folder.retrieve import (
    BAD_REQUEST,
    JSON_OFFERS,
    NOT_ACCEPTABLE,
    NOT_FOUND,
    OK,
    Retrieval,
    problem,
    whole,
)
from gateway.adapters.folder.search import Found, Level, Target, search
from gateway.adapters.folder.storing import Storing
from gateway.core.errors import OriginFailed
from gateway.ports import OriginAnswer

log = logging.getLogger("dicomveil.origin")

CACHED_HEADERS = 256

_LEVELS = {"studies": Level.STUDY, "series": Level.SERIES, "instances": Level.INSTANCE}
_SEARCH = re.compile(
    r"/(?P<top>studies|series|instances)"
    r"|/studies/(?P<study>[^/]+)/(?P<below>series|instances)"
    r"|/studies/(?P<of_study>[^/]+)/series/(?P<series>[^/]+)/instances"
)
_STORE = re.compile(r"/studies(?:/(?P<study>[^/]+))?")
_RETRIEVE = re.compile(
    r"/studies/(?P<study>[^/]+)(?:/series/(?P<series>[^/]+)(?:/instances/(?P<instance>[^/]+))?)?(?P<metadata>/metadata)?"
    r"|/studies/(?P<study_>[^/]+)/series/(?P<series_>[^/]+)/instances/(?P<instance_>[^/]+)"
    r"/(?:frames/(?P<frames>[^/]+)|bulk/(?P<bulk>.+))"
)


class FolderOrigin:
    """Fills the OriginServer port; ``name`` is how messages call it. Only a ``writable`` folder stores."""

    def __init__(self, folder: Path, name: str, *, writable: bool = False) -> None:
        self._folder = folder
        self._name = name
        self._index: Index | None = None
        self._opening = Lock()
        self._writable = writable
        self._storing: Storing | None = None
        self._headers = lru_cache(CACHED_HEADERS)(_header_json)
        silence_pydicom()

    async def open(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Build the index, unless that is done; ``progress`` gets files read and files found, in another thread.

        Raises OriginFailed if the folder is not there.
        """
        await self._opened(progress)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Studies and Instances in the index, and files passed over; zeros before it is built."""
        index = self._index or Index()
        return len(index.studies), sum(1 for uid in index.studies for _ in index.instances(uid)), index.skipped

    @asynccontextmanager
    async def get(self, path: str, query: str = "", accept: str = "*/*") -> AsyncIterator[OriginAnswer]:
        """Answer as a DICOMweb service would. Raises OriginFailed, also out of the body, for a file gone or broken."""
        answer = await self._answer(await self._opened(), path, query, accept)
        try:
            yield answer
        finally:
            if isinstance(answer.body, AsyncGenerator):
                await answer.body.aclose()

    @asynccontextmanager
    async def post(
        self,
        path: str,
        content_type: str,
        body: AsyncIterator[bytes | memoryview],
        accept: str = "*/*",  # noqa: ARG002 - the response has one form
        *,
        is_long: bool = False,  # noqa: ARG002 - there are no connections
    ) -> AsyncIterator[OriginAnswer]:
        """Store the parts of a request (PS3.18 Section 10.5). Raises OriginFailed where the folder is only read."""
        if not self._writable:
            raise OriginFailed(f"origin {self._name}: a folder that is not writable stores nothing")
        found = _STORE.fullmatch(path)
        if found is None:
            yield problem(NOT_FOUND, "no such resource")
            return
        storing = await self._open_to_store()
        yield await storing.receive(content_type, body, _uid(found["study"]), _up(path))

    async def aclose(self) -> None:
        """Forget cached headers; files are only open while a body is read."""
        self._headers.cache_clear()

    async def store(self, data: bytes) -> None:
        """Take one Part 10 file in, whether the folder is writable or not; for tests. Raises MalformedInput."""
        await (await self._open_to_store()).store(data)

    async def _open_to_store(self) -> Storing:
        index = await self._opened()
        if self._storing is None:
            self._storing = Storing(self._folder, index)
        return self._storing

    async def _opened(self, progress: Callable[[int, int], None] | None = None) -> Index:
        if self._index is None:
            async with self._opening:
                if self._index is None:
                    if not self._folder.is_dir():
                        raise OriginFailed(f"origin {self._name}: its folder is not there")
                    self._index = await run_sync(build_index, self._folder, progress)
                    _, objects, passed_over = self.counts
                    log.info("origin %s: %d objects; files passed over: %d", self._name, objects, passed_over)
        return self._index

    async def _answer(self, index: Index, path: str, query: str, accept: str) -> OriginAnswer:
        if found := _SEARCH.fullmatch(path):
            return await self._search(index, path, found, query, accept)
        if found := _RETRIEVE.fullmatch(path):
            return await self._retrieve(index, path, found, accept)
        return problem(NOT_FOUND, "no such resource")

    async def _search(self, index: Index, path: str, found: re.Match[str], query: str, accept: str) -> OriginAnswer:
        form = choose(parse_accept(accept), JSON_OFFERS)
        if form is None:
            return problem(NOT_ACCEPTABLE, "no acceptable form")
        level = _LEVELS[found["top"] or found["below"] or "instances"]
        target = Target(level, _uid(found["study"] or found["of_study"]), _uid(found["series"]), _up(path))
        try:
            result = await run_sync(partial(search, index, target, query, lambda one: self._headers(one.path)))
        except BadQueryError as error:
            return problem(BAD_REQUEST, str(error))
        except UNREADABLE:
            raise OriginFailed(f"origin {self._name}: a file cannot be read") from None
        body = dumps(result.matches, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        headers = {"content-type": form.media_type, "content-length": str(len(body))}
        return OriginAnswer(OK, headers | _warning(self._name, result), whole(body))

    async def _retrieve(self, index: Index, path: str, found: re.Match[str], accept: str) -> OriginAnswer:
        uids = [_uid(found[name] or found[f"{name}_"]) for name in ("study", "series", "instance")]
        instances = list(index.instances(uids[0] or "", *uids[1:]))
        if not instances:
            return problem(NOT_FOUND, "no such resource")
        retrieval = Retrieval(self._name, instances, parse_accept(accept), _up(path))
        if found["metadata"]:
            return retrieval.metadata()
        if found["frames"]:
            return await retrieval.frames(unquote(found["frames"]))
        if found["bulk"]:
            return await retrieval.bulk(found["bulk"])
        return await run_sync(retrieval.part10)


def _header_json(path: Path) -> Json:
    return to_json(read_header(path), None)


def _uid(segment: str | None) -> str | None:
    return None if segment is None else unquote(segment)


def _up(path: str) -> str:
    """Lead from the URL of a resource to the service base: all of its segments but the last."""
    return "../" * (path.count("/") - 1)


def _warning(name: str, result: Found) -> dict[str, str]:
    texts = [f"There are {result.remaining} additional results that can be requested"] if result.remaining else []
    texts += ["Part of the query was not understood and not used"] if result.ignored else []
    return {"warning": ", ".join(f'299 {name} "{text}"' for text in texts)} if texts else {}
