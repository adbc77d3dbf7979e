"""Read DICOM JSON answers of an origin one data set at a time, whatever their size."""

from collections.abc import AsyncIterator, Mapping

from gateway.core.errors import MalformedInput, NotReleased, OriginFailed
from gateway.core.wire.dicomjson import ArrayReader, DataSet
from gateway.core.wire.multipart import parse_content_type
from gateway.ports import OriginServer
from gateway.worklists.places import Reader

JSON = "application/dicom+json"
JSON_TYPES = frozenset({JSON, "application/json"})
PAGE = 500
GROWTH = 5
"""A page that follows another is so many times as large, up to PAGE: who reads on reads much."""
LEAST_CAP = 100
"""Origins that give fewer results than they are asked for give at least so many; an answer below that is the last."""
MAX_PAGES = 2_000
"""A million results: past that a search is refused rather than read on."""


async def read_json(origin: OriginServer, path: str, query: str = "") -> AsyncIterator[DataSet]:
    """Yield the data sets of one answer. Raises NotReleased for 404 below a study, else OriginFailed."""
    async with origin.get(path, query, JSON) as answer:
        if answer.status == 204:
            return
        if answer.status in (404, 410) and path.count("/") > 1:
            raise NotReleased
        if answer.status not in (200, 206):
            raise OriginFailed.answered(answer.status)
        _check_json(answer.headers)
        reader = ArrayReader()
        async for chunk in answer.body:
            for data_set in reader.feed(chunk):
                yield data_set
        reader.close()


async def read_pages(
    origin: OriginServer, path: str, parameters: str, page: int = PAGE, reader: Reader | None = None
) -> AsyncIterator[DataSet]:
    """Yield the results of a search, page after page: an origin may give fewer than it is asked for and have more.

    A page is read whole before its first result comes out, so that no connection waits for whoever takes them. An
    origin that ignores the offset repeats itself; its first answer was everything, and comes as it is read. Where a
    ``reader`` is given, it says where to begin and is told how far it got.
    """
    reader = reader or Reader()
    first, offset = b"", reader.read
    for _ in range(MAX_PAGES):
        query = "&".join(part for part in (parameters, f"limit={page}", f"offset={offset}") if part)
        count = 0
        held: list[DataSet] = []
        async for data_set in read_json(origin, path, query):
            if count == 0:
                head = b"".join(bytes(raw) for raw in data_set.values())
                if head == first:
                    return
                reader.heeds_offset |= bool(first)
                first = head
            count += 1
            held.append(data_set)
            if count > page:
                for one in held:
                    reader.read += 1
                    yield one
                held.clear()
        for one in held:
            reader.read += 1
            yield one
        if count > page or count < min(page, LEAST_CAP):
            return
        offset += count
        page = max(page, min(GROWTH * page, PAGE))
    raise OriginFailed("the origin's search does not end")


def encode_query(parameters: list[tuple[str, str]]) -> str:
    """Join parameters whose characters need no percent-encoding (see ``query.widen``); some origins decode nothing."""
    return "&".join(f"{name}={value}" for name, value in parameters)


def _check_json(headers: Mapping[str, str]) -> None:
    try:
        media_type = parse_content_type(headers.get("content-type", "")).media_type
    except MalformedInput:
        media_type = ""
    if media_type not in JSON_TYPES:
        raise OriginFailed("the origin answered no DICOM JSON")
