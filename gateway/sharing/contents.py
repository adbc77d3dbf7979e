"""What a share shows: the images and clips among the stored instances, as the destination describes them."""

from collections.abc import Collection
from dataclasses import dataclass

from gateway.core.errors import MalformedInput, NotAcceptable
from gateway.core.rewrite.metadata import Elements, text
from gateway.core.rewrite.passing import Passing
from gateway.ports import OriginServer
from gateway.rendering.description import describe
from gateway.worklists.origin_json import read_json
from gateway.worklists.source import INSTANCE, SERIES, SOP_CLASS, STUDY, Instance, valid_source

STUDY_DATE, MODALITY, SERIES_NUMBER, INSTANCE_NUMBER = "00080020", "00080060", "00200011", "00200013"


@dataclass(frozen=True, slots=True)
class Item:
    """An instance that shows something; with several ``frames`` it is a clip."""

    source: Instance
    modality: str
    columns: int
    rows: int
    frames: int

    @property
    def is_clip(self) -> bool:
        """Say whether it moves."""
        return self.frames > 1


@dataclass(frozen=True, slots=True)
class Contents:
    """What is shared, in the order of Series and Instance Number; ``year`` may be empty."""

    year: str
    items: tuple[Item, ...]


async def read_contents(destination: OriginServer, study: str, instances: Collection[str]) -> Contents:
    """Read what there is to show. Raises NotAcceptable when that is nothing, NotReleased, OriginFailed."""
    wanted = frozenset(instances)
    found: list[tuple[tuple[int, str, int, str], Item]] = []
    year = ""
    async for elements in read_json(destination, f"/studies/{study}/metadata"):
        if text(elements, STUDY) != study or text(elements, INSTANCE) not in wanted:
            continue
        year = year or _year(text(elements, STUDY_DATE))
        item = _item(elements)
        if item is not None:
            found.append((_place(elements), item))
    if not found:
        raise NotAcceptable("none of these objects has an image")
    return Contents(year, tuple(item for _, item in sorted(found, key=lambda one: one[0])))


def _item(elements: Elements) -> Item | None:
    source = Instance(*(text(elements, key) for key in (STUDY, SERIES, INSTANCE, SOP_CLASS)))
    if not valid_source(source.series):
        return None
    try:
        shown = describe(Passing().metadata_elements(elements, _no_link) or b"")
    except MalformedInput:  # what cannot be described cannot be drawn
        return None
    if shown is None:
        return None
    return Item(source, text(elements, MODALITY), shown.columns, shown.rows, shown.frames)


def _place(elements: Elements) -> tuple[int, str, int, str]:
    return (
        _whole(text(elements, SERIES_NUMBER)),
        text(elements, SERIES),
        _whole(text(elements, INSTANCE_NUMBER)),
        text(elements, INSTANCE),
    )


def _year(date: str) -> str:
    year = date[:4]
    return year if len(year) == 4 and year.isascii() and year.isdigit() else ""


def _whole(number: str) -> int:
    try:
        return int(float(number))
    except (ValueError, OverflowError):
        return 0


def _no_link(_uri: str) -> str:
    """Stand for a BulkDataURI in a description that nobody gets."""
    return ""
