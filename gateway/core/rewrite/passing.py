"""What an identified worklist hands out: the same doors as an Engine's, with nothing changed but links.

What an object says of itself is checked all the same: an origin that answers with something else is not passed on.
"""

import struct
import zlib
from collections.abc import Collection, Mapping
from types import MappingProxyType

import msgspec

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.mask.image import IMAGE_TAGS
from gateway.core.mask.model import PASSES, Image, PixelDecision
from gateway.core.rewrite.dataset import Piece
from gateway.core.rewrite.head import STUDY, Head, HeadReader
from gateway.core.rewrite.maskfacts import json_pictured
from gateway.core.rewrite.metadata import Bulk, Elements, encode
from gateway.core.rewrite.stream import Limits
from gateway.core.standard import dictionary
from gateway.core.standard.tags import json_key
from gateway.core.standard.uids import TransferSyntax, transfer_syntax
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, actual_encoding, element_value

SERIES = 0x0020000E
PREAMBLE_BYTES = 132
RETRIEVE_URL = json_key(0x00081190)
"""No attribute of an object: where an origin has it from, in metadata and inside search results."""
_META_GROUP = b"\x02\0"


class PassingPart10:
    """A Part 10 object as it is, once its head has shown that it is one, of the study that was asked for.

    Holds the head until then. Raises MalformedInput and LimitExceeded before the first byte leaves.
    """

    report: dict[str, int] = {}  # noqa: RUF012 - never changed: nothing is counted
    question: PixelDecision | None = None
    decision: PixelDecision | None = PASSES

    def __init__(self, study: str = "", limits: Limits | None = None) -> None:
        self._study = study
        self._limits = limits or Limits()
        self._held: list[bytes] = []
        self._size = self._need = 0
        self.head: Head | None = None

    @property
    def series(self) -> str:
        """The Series Instance UID of the object, once its head is known."""
        return self.head.asked.get(SERIES, "") if self.head else ""

    @property
    def held(self) -> int:
        """How many bytes are held until more come."""
        return 0 if self.head else self._size

    def answer(self, decision: PixelDecision) -> list[Piece]:  # noqa: ARG002 - the rewriter's signature
        """Return nothing: nothing is asked."""
        return []

    def pieces(self, data: bytes) -> list[Piece]:
        """Return the bytes, as soon as they may leave."""
        if self.head:
            return [data]
        self._held.append(data)
        self._size += len(data)
        return self._judged(whole=False) if self._size >= self._need else []

    def last_pieces(self) -> list[Piece]:
        """Return what is still held."""
        return [] if self.head else self._judged(whole=True)

    def _judged(self, *, whole: bool) -> list[Piece]:
        held = b"".join(self._held)
        head = _head(held, whole=whole)
        if head is None:
            if self._size > self._limits.max_head_bytes:
                raise LimitExceeded("bytes of the head of an object", self._limits.max_head_bytes)
            self._held, self._need = [held], 2 * self._size  # read again when it has doubled: linear
            return []
        if self._study and head.study != self._study:
            raise MalformedInput("an object of another study than was asked for", (STUDY,))
        self._held, self.head = [], head
        return [held]


class Passing:
    """Releases every identifier. Only a worklist whose settings say ``identified: true`` gets one."""

    digest = "identified"
    masks = None
    maps_patients = False

    def uid(self, source: str) -> str:
        """Return the UID itself."""
        return source

    def part10(
        self,
        study: str = "",
        limits: Limits | None = None,
        *,
        asks: bool = False,  # noqa: ARG002 - the Engine's signature
    ) -> PassingPart10:
        """Start a Part 10 object, which must belong to a study if one is given."""
        return PassingPart10(study, limits)

    def pixel_decision(self, elements: Elements) -> PixelDecision:  # noqa: ARG002 - the Engine's signature
        """Say that pixels pass."""
        return PASSES

    def image(self, elements: Elements, palette: Mapping[int, bytes] = MappingProxyType({})) -> Image:
        """Return how the frames of an object lie in its pixel data. Raises MalformedInput."""
        return json_pictured(elements, IMAGE_TAGS, palette).image()

    def metadata_elements(
        self,
        elements: Elements,
        bulk: Bulk,
        decided: PixelDecision | None = None,  # noqa: ARG002 - the Engine's signature
    ) -> bytes | None:
        """Point every BulkDataURI at the gateway, at any depth; a Retrieve URL is not the object's and goes."""
        return encode({key: _linked(bytes(raw), bulk) for key, raw in elements.items() if key != RETRIEVE_URL})

    def match(
        self,
        elements: Elements,
        sop_class: str = "",  # noqa: ARG002 - the Engine's signature
        returned: Collection[str] = frozenset(),  # noqa: ARG002 - the Engine's signature
    ) -> dict[str, bytes]:
        """Return a search result without links: those of bulk data belong to metadata."""
        return {key: _linked(bytes(raw), None) for key, raw in elements.items() if key != RETRIEVE_URL}

    def keeps(self, tag: int) -> bool:
        """Say that the origin may be asked for any attribute of the standard."""
        return dictionary.vr_of(tag) is not None

    def frame_cleaner(self, media_type: str, transfer_syntax: str) -> None:
        """Say that frames and bulk data pass as they are."""

    def refuses(self, sop_class: str) -> bool:  # noqa: ARG002 - the Engine's signature
        """Say that every object passes."""
        return False


def _head(buf: bytes, *, whole: bool) -> Head | None:
    """Read the head of an object, or return None when more bytes are needed."""
    try:
        found = _file_meta(buf)
    except (IndexError, struct.error):
        found = None
    if found is None:
        if whole or (len(buf) >= PREAMBLE_BYTES and buf[128:PREAMBLE_BYTES] != b"DICM"):
            raise MalformedInput("not a DICOM Part 10 object, or cut before its data set", offset=len(buf))
        return None
    syntax, at = found
    if syntax.deflated:
        try:
            buf, at = zlib.decompressobj(wbits=-zlib.MAX_WBITS).decompress(buf[at:], Limits().max_head_bytes), 0
        except zlib.error:
            raise MalformedInput("the deflated data set cannot be inflated") from None
    if len(buf) < at + 8 and not whole:
        return None
    declared = EXPLICIT_LE if syntax.explicit else IMPLICIT_LE
    encoding = actual_encoding(buf, at, declared if syntax.little_endian else EXPLICIT_BE)
    return HeadReader(encoding, (STUDY, SERIES)).read(buf, at, whole=whole)


def _file_meta(buf: bytes) -> tuple[TransferSyntax, int] | None:
    """Return the Transfer Syntax and where the data set begins (PS3.10 Section 7.1); None while that has not come."""
    at, syntax = PREAMBLE_BYTES, None
    while len(buf) > at + 1 and buf[at : at + 2] == _META_GROUP:
        element = buf[at + 2 : at + 4]
        start, length = element_value(buf, at, EXPLICIT_LE)
        at = start + length
        if element == b"\x10\0" and at <= len(buf):
            syntax = transfer_syntax(buf[start:at].decode("latin-1").strip(" \0"))
    if len(buf) < at + 2 or buf[128:PREAMBLE_BYTES] != b"DICM":
        return None
    if syntax is None:
        raise MalformedInput("no Transfer Syntax that the standard defines", (0x00020010,))
    return syntax, at


def _linked(raw: bytes, bulk: Bulk | None) -> bytes:
    if b"URI" not in raw and b"00081190" not in raw and b"\\" not in raw:  # a name may be written with escapes
        return raw
    element = msgspec.json.decode(raw)
    _link(element, bulk)
    return msgspec.json.encode(element)


def _link(element: dict[str, object], bulk: Bulk | None) -> None:
    uri = element.pop("BulkDataURI", None)
    if isinstance(uri, str) and bulk is not None:
        element["BulkDataURI"] = bulk(uri)
    values = element.get("Value")
    for item in values if isinstance(values, list) and element.get("vr") == "SQ" else ():
        if isinstance(item, dict):
            item.pop(RETRIEVE_URL, None)
        for nested in item.values() if isinstance(item, dict) else ():
            if not isinstance(nested, dict):
                raise MalformedInput("not the DICOM JSON Model")
            _link(nested, bulk)
