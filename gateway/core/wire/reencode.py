"""Items written in the other little endian encoding (PS3.5 Section 7.1), for those that are not in their data set's.

Values stay as they are. Where explicit VR needs a VR that implicit VR does not tell (private elements, those that the
standard leaves a choice for) or that has no room for the length, it is UN (PS3.5 Section 6.2.2). A sequence where the
standard has none is left out of implicit VR, which cannot say that it is one.
"""

from gateway.core.standard import dictionary
from gateway.core.standard.tags import is_private_creator
from gateway.core.standard.vr import VRS
from gateway.core.wire.elements import (
    EXPLICIT_LE,
    IMPLICIT,
    ITEM,
    LONG,
    MAX_SHORT_BYTES,
    SHORT,
    UNDEFINED,
    Encoding,
    Header,
    elements,
    items,
)

_ITEM = EXPLICIT_LE.tag(ITEM)


def reencoded_items(value: bytes, encoding: Encoding, into: Encoding) -> bytes:
    """Write the items of a sequence, which all are in one little endian ``encoding``, in the other, with their lengths.

    Raises MalformedInput, LimitExceeded, IndexError or struct.error for what is no row of items.
    """
    written = []
    for start, end in items(value, encoding):
        body = b"".join(
            _element(value, header, after, encoding, into) for header, after in elements(value, start, end, encoding)
        )
        written.append(EXPLICIT_LE.header(_ITEM, SHORT, len(body)) + body)
    return b"".join(written)


def _element(buf: bytes, header: Header, after: int, encoding: Encoding, into: Encoding) -> bytes:
    """Write one element whose value ends before ``after``."""
    value, length = buf[header.start : after], header.length
    vr = header.vr or _vr(header.tag)
    if vr == "SQ":
        if not into.explicit and dictionary.vr_of(header.tag) not in ("SQ", None):
            return b""
        value = reencoded_items(value, encoding, into)
        length = len(value)
    if not into.explicit:
        return into.header(into.tag(header.tag), IMPLICIT, length) + value
    if length > MAX_SHORT_BYTES and vr != "SQ" and (length == UNDEFINED or not VRS[vr].is_long):
        vr = "UN"
    key = into.tag(header.tag) + vr.encode()
    return into.header(key, LONG, length) + value if VRS[vr].is_long else into.element(key, SHORT, value)


def _vr(tag: int) -> str:
    """Return the VR of an element that comes without one."""
    if is_private_creator(tag):
        return "LO"
    vrs = dictionary.vrs_of(tag)
    return vrs[0] if len(vrs) == 1 else "UN"
