"""Objects of the DICOM JSON Model (PS3.18 Section F.2) taken apart into members that stay as they came.

A data set comes out as ``{tag: msgspec.Raw}`` in the order sent: an Attribute that the Plan keeps is never parsed, its
bytes are copied. Repeated members are refused, since two readers could see two data sets in them; so are names that are
escaped or not ASCII, which no tag is.
"""

import sys
from collections.abc import Mapping
from itertools import chain
from typing import Final

import msgspec

from gateway.core.errors import LimitExceeded, MalformedInput

DataSet = dict[str, msgspec.Raw]

_DECODER: Final = msgspec.json.Decoder(DataSet)
_ROW_DECODER: Final = msgspec.json.Decoder(list[DataSet])
_ENCODER: Final = msgspec.json.Encoder()


def decode_object(piece: bytes | msgspec.Raw) -> DataSet:
    """Split a JSON object into its members, unparsed; they keep ``piece``, or a compact copy of it, in memory.

    Raises MalformedInput, also for repeated, escaped and non-ASCII names and for bytes that are not UTF-8, and
    LimitExceeded where the parser finds it nested too deeply.
    """
    if isinstance(piece, bytes):
        _check_text(piece)  # a msgspec.Raw is a part of what has been checked
    members = _decode(piece)
    if _accounts_for(members, len(piece)):
        return members
    compact = msgspec.json.format(bytes(piece), indent=-1)
    members = _decode(compact)
    if _accounts_for(members, len(compact)):
        return members
    raise MalformedInput("JSON object with a repeated or unusual name")


def decode_objects(piece: bytes) -> list[DataSet] | None:
    """Split objects with commas between them, each as ``decode_object`` does; None where one of them is refused.

    Their members keep all of ``piece``, or a compact copy of it, in memory.
    """
    row = b"[%b]" % piece
    try:
        _check_text(row)
        objects = _decode_row(row)
        if not _account_for(objects, len(row)):
            row = msgspec.json.format(row, indent=-1)
            objects = _decode_row(row)
    except (MalformedInput, RecursionError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return objects if _account_for(objects, len(row)) else None


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


def _decode_row(row: bytes) -> list[DataSet]:
    return _ROW_DECODER.decode(row)


def _check_text(piece: bytes) -> None:
    """Raise MalformedInput unless it is UTF-8; the parser does not look into values that stay unparsed."""
    try:
        if not piece.isascii():
            piece.decode()
    except UnicodeDecodeError:
        raise MalformedInput("JSON that is not UTF-8") from None


def _accounts_for(members: DataSet, length: int) -> bool:
    """Tell whether compact members of these names and values fill so many bytes: then none was lost as repeated."""
    punctuation = 1 + 4 * len(members) if members else 2
    return punctuation + sum(map(len, members)) + sum(map(len, members.values())) == length


def _account_for(objects: list[DataSet], length: int) -> bool:
    """Tell the same of a compact row of objects with members: none can account for more than it has."""
    names = list(chain.from_iterable(objects))
    values = chain.from_iterable(map(dict.values, objects))
    punctuation = 1 + 2 * len(objects) + 4 * len(names)
    return punctuation + sum(map(len, names)) + sum(map(len, values)) == length
