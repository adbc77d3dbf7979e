"""What is stored, and what became of it. Source identifiers are the sender's: never to be shown to anyone else."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.core.errors import GatewayError

PROCESSING_FAILED: Final = 0x0110
SOP_CLASS_NOT_SUPPORTED: Final = 0x0122
OUT_OF_RESOURCES: Final = 0xA700
CANNOT_UNDERSTAND: Final = 0xC000
TRANSFER_SYNTAX_NOT_SUPPORTED: Final = 0xC122
"""Failure Reason (0008,1197), PS3.18 Section 10.5.3."""


@dataclass(frozen=True, slots=True)
class Names:
    """What an object is called on one side: its UIDs, empty where they are not known."""

    study: str = ""
    series: str = ""
    instance: str = ""
    sop_class: str = ""


@dataclass(slots=True)
class Incoming:
    """One object on its way in: the bytes of a Part 10 file, whatever they turn out to be, read once and in order.

    What ``chunks`` raises of GatewayError is this object's fault; others still come. ``names`` is what the sender
    calls it where that is known before its bytes are read. Not read to its end, the rest is passed over.
    """

    chunks: AsyncIterator[bytes]
    names: Names = field(default_factory=Names)


class Kind(StrEnum):
    """What became of an object.

    STORED: the destination says so. REFUSED: by the profile, or an object that must not be stored here. MALFORMED: it
    cannot be de-identified. FAILED: the destination did not take it, or was not asked any more. DISCARDED: no DICOM.
    """

    STORED = "stored"
    REFUSED = "refused"
    MALFORMED = "malformed"
    FAILED = "failed"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one object. ``reason`` is a Failure Reason, None of what was stored.

    ``released`` is empty where nothing was sent. ``fault`` is why, if the gateway knows; its message holds no value.
    """

    kind: Kind
    source: Names
    released: Names = field(default_factory=Names)
    reason: int | None = None
    fault: GatewayError | None = None
