"""Elements of a data set as byte arrays, and what becomes of them under the basic profile."""

from tests.kit.engine import KEYS
from tests.unit.core.rewrite.objects import PSEUDONYM, uid

# Little endian delimiters.
OPEN_ITEM = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
END_ITEM = b"\xfe\xff\x0d\xe0\0\0\0\0"
END_SEQUENCE = b"\xfe\xff\xdd\xe0\0\0\0\0"
UNDEFINED = b"\xff\xff\xff\xff"

WINDOW = b"\x28\0\x50\x10DS\2\0" + b"40"  # (0028,1050) Window Center, kept
PALETTE = b"\x28\0\x01\x12OW\0\0\4\0\0\0\1\2\3\4"  # (0028,1201), kept, long form
COMMENTS = b"\x32\0\x00\x40LT\2\0Hi"  # (0032,4000) Study Comments, X
NAME = b"\x40\0\x23\xa1PN\6\0A^BCDE"  # (0040,A123) Person Name, D
DUMMY_NAME = b"\x40\0\x23\xa1PN\x0a\0ANONYMOUS "
ORDER = b"\x40\0\x16\x20LO\2\0" + b"77"  # (0040,2016) Placer Order Number, Z
NO_ORDER = b"\x40\0\x16\x20LO\0\0"
REFERENCE = b"\x08\0\x55\x11UI\6\0" + b"1.2.9\0"  # (0008,1155) Referenced SOP Instance UID, U
RELEASED_REFERENCE = b"\x08\0\x55\x11UI" + len(uid("1.2.9")).to_bytes(2, "little") + uid("1.2.9")
CLASS = b"\x08\0\x50\x11UI\x0c\0" + b"1.2.840.1000"  # (0008,1150) Referenced SOP Class UID, kept
ROOT_UID = b"\x40\0\x71\xa1"  # (0040,A171) Observation UID, U
LENGTH = len(uid("1.2.9")).to_bytes(2, "little")
REGISTERED = b"1.2.840.10008.1.2.1\0"
BOTH = (KEYS.uid("1.2.9") + "\\" + KEYS.uid("1.2")).encode()
BOTH += b"\0" * (len(BOTH) % 2)
BOTH_LENGTH = len(BOTH).to_bytes(2, "little")
MEANING = b"\x08\0\x04\x01LO\2\0CT"  # (0008,0104) Code Meaning, kept
DUMMY_MEANING = b"\x08\0\x04\x01LO\x0a\0ANONYMOUS "
PATIENT = b"\x10\0\x20\0LO\2\0P1"  # (0010,0020) inside an item
RELEASED_PATIENT = b"\x10\0\x20\0LO" + len(PSEUDONYM + " ").to_bytes(2, "little") + PSEUDONYM.encode() + b" "


def sequence(tag: bytes, *items: bytes, vr: bytes = b"SQ") -> bytes:
    """Write a sequence and its items with defined lengths."""
    value = b"".join(b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item for item in items)
    return tag + vr + b"\0\0" + len(value).to_bytes(4, "little") + value


def open_sequence(tag: bytes, *items: bytes, vr: bytes = b"SQ") -> bytes:
    """Write them with undefined lengths."""
    return tag + vr + b"\0\0" + UNDEFINED + b"".join(OPEN_ITEM + item + END_ITEM for item in items) + END_SEQUENCE


NAMES = b"\x40\0\x43\xa0"  # (0040,A043) Concept Name Code Sequence, kept
SHARED = b"\x00\x52\x29\x92"  # (5200,9229) Shared Functional Groups Sequence, kept
REQUEST = b"\x40\0\x75\x02"  # (0040,0275) Request Attributes Sequence, X
PERSON = b"\x40\0\x01\x11"  # (0040,1101) Person Identification Code Sequence, D
