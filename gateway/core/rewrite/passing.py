"""What an identified worklist hands out: the same doors as an Engine's, with nothing changed but links."""

import msgspec

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.dataset import Piece
from gateway.core.rewrite.metadata import Bulk, Elements, encode
from gateway.core.standard import dictionary


class PassingPart10:
    """A Part 10 object as it is."""

    report: dict[str, int] = {}  # noqa: RUF012 - never changed: nothing is counted

    def pieces(self, data: bytes) -> list[Piece]:
        """Return the bytes."""
        return [data]

    def last_pieces(self) -> list[Piece]:
        """Return nothing more."""
        return []


class Passing:
    """Releases every identifier. Only a worklist whose settings say ``identified: true`` gets one."""

    digest = "identified"
    wants_burned_in = False
    maps_patients = False

    def uid(self, source: str) -> str:
        """Return the UID itself."""
        return source

    def part10(self, study: str = "") -> PassingPart10:  # noqa: ARG002 - the Engine's signature
        """Start an object."""
        return PassingPart10()

    def metadata_elements(self, elements: Elements, bulk: Bulk) -> bytes | None:
        """Point every BulkDataURI at the gateway, at any depth."""
        return encode({key: _linked(bytes(raw), bulk) for key, raw in elements.items()})

    def match(self, elements: Elements, sop_class: str = "") -> dict[str, bytes]:  # noqa: ARG002 - the Engine's signature
        """Return a search result as it is."""
        return {key: bytes(raw) for key, raw in elements.items()}

    def keeps(self, tag: int) -> bool:
        """Say that the origin may be asked for any attribute of the standard."""
        return dictionary.vr_of(tag) is not None

    def frame_cleaner(self, media_type: str, transfer_syntax: str) -> None:
        """Say that frames and bulk data pass as they are."""

    def refuses(self, sop_class: str, burned_in: str = "") -> bool:  # noqa: ARG002 - the Engine's signature
        """Say that every object passes."""
        return False


def _linked(raw: bytes, bulk: Bulk) -> bytes:
    if b"URI" not in raw:
        return raw
    element = msgspec.json.decode(raw)
    _link(element, bulk)
    return msgspec.json.encode(element)


def _link(element: dict[str, object], bulk: Bulk) -> None:
    uri = element.get("BulkDataURI")
    if isinstance(uri, str):
        element["BulkDataURI"] = bulk(uri)
    values = element.get("Value")
    for item in values if isinstance(values, list) and element.get("vr") == "SQ" else ():
        for nested in item.values() if isinstance(item, dict) else ():
            if not isinstance(nested, dict):
                raise MalformedInput("not the DICOM JSON Model")
            _link(nested, bulk)
