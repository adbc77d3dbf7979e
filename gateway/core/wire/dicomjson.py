"""The DICOM JSON Model (PS3.18 Annex F) as a stream: an array of data sets in, one data set at a time out.

A data set comes out as ``{tag: msgspec.Raw}`` in the order sent: an Attribute that the Plan keeps is never parsed, its
bytes are copied. Members that are repeated are refused, escaped names too: two readers could see two data sets in them.

Cutting is fast because the seams between the data sets of one array look alike. The end of the first data set is found
by counting braces outside strings; the bytes from there to the second are learned, and from then on searched for. A
candidate counts only if the parser takes what lies before it as one whole object: no proper prefix of a JSON object is
a JSON object, so a wrong cut cannot pass. A document that misleads the search is scanned to its end. Linear in both
cases.
"""

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

import msgspec

from gateway.core.errors import LimitExceeded, MalformedInput

DataSet = dict[str, msgspec.Raw]

MAX_OBJECT_BYTES: Final = 64 * 1024 * 1024
PATIENCE_BYTES: Final = 4 * 1024 * 1024
"""How much to gather before a data set's end is scanned for: braces inside strings can hide its seam."""
MAX_SEAM_BYTES: Final = 256
"""More white space than this between two data sets is not worth learning."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_SPACES: Final = re.compile(rb"[ \t\r\n]*+")
_TO_BRACE_OR_CUT_STRING: Final = re.compile(
    rb'[^"{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}]*+)*+([{}"]|\Z)', re.DOTALL
)
_REST_OF_STRING: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.DOTALL)

_DECODER: Final = msgspec.json.Decoder(DataSet)
_ENCODER: Final = msgspec.json.Encoder()


def decode_object(piece: bytes | msgspec.Raw) -> DataSet:
    """Split a JSON object into its members, unparsed; they keep ``piece``, or a compact copy of it, in memory.

    Raises MalformedInput, also for repeated or escaped names; LimitExceeded if it nests deeper than the parser goes.
    """
    members = _decode(piece)
    if _accounts_for(members, len(piece)):
        return members
    compact = msgspec.json.format(bytes(piece), indent=-1)
    members = _decode(compact)
    if _accounts_for(members, len(compact)):
        return members
    raise MalformedInput("JSON object with a repeated or escaped name")


def encode_object(members: Mapping[str, msgspec.Raw | bytes]) -> bytes:
    """Join members whose values are JSON already; only the names are escaped where needed."""
    if bytes in map(type, members.values()):
        members = {name: msgspec.Raw(value) if type(value) is bytes else value for name, value in members.items()}
    return _ENCODER.encode(members)


def _decode(piece: bytes | msgspec.Raw) -> DataSet:
    try:
        return _DECODER.decode(piece)
    except RecursionError:
        raise LimitExceeded("nesting of JSON", sys.getrecursionlimit()) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedInput("not a JSON object") from None


def _accounts_for(members: DataSet, length: int) -> bool:
    """Tell whether compact members of these names and values fill so many bytes: then none was lost as repeated."""
    return 1 + 4 * len(members) + sum(map(len, members)) + sum(map(len, members.values())) == length


class _Place(Enum):
    """Where in the document the reader stands."""

    START = auto()
    FIRST = auto()
    OBJECT = auto()
    LONE_OBJECT = auto()
    AFTER = auto()
    NEXT = auto()
    END = auto()


_STEPS: Final = {
    (_Place.START, b"["): _Place.FIRST,
    (_Place.START, b"{"): _Place.LONE_OBJECT,
    (_Place.FIRST, b"{"): _Place.OBJECT,
    (_Place.FIRST, b"]"): _Place.END,
    (_Place.AFTER, b","): _Place.NEXT,
    (_Place.AFTER, b"]"): _Place.END,
    (_Place.NEXT, b"{"): _Place.OBJECT,
}


class ArrayReader:
    """Cut a JSON array of objects into its objects; a lone object stands for an array of one.

    Holds the object under way, ``max_object_bytes`` at most, and up to ``PATIENCE_BYTES`` where seams are hidden.
    ``feed`` raises MalformedInput and LimitExceeded; the reader is of no use afterwards.
    """

    def __init__(self, max_object_bytes: int = MAX_OBJECT_BYTES) -> None:
        self._max_object_bytes = max_object_bytes
        self._place = _Place.START
        self._buffer = bytearray()  # begins where the reader stands
        self._offset = 0  # of the buffer in the document
        self._between = b""  # what stood between the last object and here
        self._scan = _Scan()
        self._seam: _Seam | None = None
        self._learns_seam = True

    def feed(self, data: bytes) -> list[DataSet]:
        """Take the next bytes; return the objects that are complete with them."""
        self._buffer += data
        may_be_end = data.rstrip(b" \t\r\n").endswith(b"]")
        found: list[DataSet] = []
        if self._place is _Place.START and not self._skip_byte_order_mark():
            return found
        while self._step() if self._place not in (_Place.OBJECT, _Place.LONE_OBJECT) else self._cut(found, may_be_end):
            pass
        return found

    def close(self) -> None:
        """End the document; raises MalformedInput unless its array, or its lone object, has ended."""
        if self._place is not _Place.END:
            raise self._malformed("JSON array without its end")

