"""What is put on record, whatever its form: who did what, where, and how many; of DICOM only released UIDs."""

import re
from collections.abc import Mapping
from enum import IntEnum, StrEnum
from functools import cache
from typing import Final

from msgspec import Struct

from gateway.access.model import Method
from gateway.calls import Call

__all__ = ["BEGIN", "Event", "Kind", "Outcome", "kind_of", "of_call"]

BEGIN: Final = "begin"
MAX_TEXT: Final = 256
"""Characters of a name that a token or a proxy gave; a record stays one of a few hundred bytes."""
_UNFIT: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""What neither XML 1.0 nor one line of text holds."""


class Kind(StrEnum):
    """What happened; ``gateway.audit.dicom`` says which message of PS3.15 Section A.5.3 each is."""

    START = "start"
    STOP = "stop"
    CONFIGURED = "configured"
    RESUMED = "resumed"
    LOG_READ = "log-read"
    LOGIN = "login"
    DENIED = "denied"
    CONTROL = "control"
    QUERY = "query"
    ACCESS = "access"
    TRANSFER = "transfer"
    STORE = "store"
    EXPORT = "export"


class Outcome(IntEnum):
    """EventOutcomeIndicator (PS3.15 Section A.5.2): done, refused to whoever asked, or broken off by a fault."""

    SUCCESS = 0
    REFUSED = 4
    FAILED = 8


class Event(Struct, frozen=True, gc=False):
    """One record. ``time`` is in seconds since 1970; ``stage`` is BEGIN of what is recorded again when it is over.

    ``released`` are released UIDs, study first, and empty of whatever was not released. ``count`` is how many results
    or instances were handed out or taken. ``subject`` names what it is about besides: a job, a log, a profile.
    """

    kind: Kind
    time: float
    outcome: Outcome = Outcome.SUCCESS
    stage: str = ""
    id: str = ""
    user: str = ""
    method: str = ""
    client: str = ""
    transaction: str = ""
    place: str = ""
    profile: str = ""
    released: tuple[str, ...] = ()
    count: int = 0
    left_out: Mapping[str, int] = {}
    actions: Mapping[str, int] = {}
    sent: int = 0
    status: int = 0
    fault: str = ""
    subject: str = ""


_TRANSFERRED: Final = re.compile("Retrieve(Study|Series|Instance)(Bulkdata|PixelData|ByURI)?")
_NAMED: Final = {
    "OpenShare": Kind.LOGIN,
    "ViewShare": Kind.EXPORT,
    "DownloadShare": Kind.EXPORT,
    "BeginUplink": Kind.CONTROL,
    "CancelUplink": Kind.CONTROL,
    "RevokeShare": Kind.CONTROL,
    "RetrieveCapabilities": None,
}


@cache  # there are some thirty
def kind_of(transaction: str) -> Kind | None:
    """Return what a transaction is on record as; None of what shows nothing and changes nothing."""
    if transaction in _NAMED:
        return _NAMED[transaction]
    if transaction.startswith("Search"):
        return Kind.QUERY
    if transaction.startswith("Store"):
        return Kind.STORE
    if _TRANSFERRED.fullmatch(transaction):
        return Kind.TRANSFER
    return Kind.ACCESS if transaction.startswith("Retrieve") else None


def of_call(call: Call, kind: Kind, time: float, outcome: Outcome = Outcome.SUCCESS, stage: str = "") -> Event:
    """Make the record of a call. What its path says is recorded only where that is known to be released UIDs."""
    return Event(
        kind=kind,
        time=time,
        outcome=outcome,
        stage=stage,
        id=call.id,  # ours, or of letters, digits and ``.-_``
        user=clean(call.principal.name),
        method="" if call.principal.method is Method.NONE else call.principal.method,
        client=clean(call.client),
        transaction=call.transaction,
        place=call.place,
        profile=call.profile,
        released=call.released if 0 < call.status < 400 else (),
        count=call.count,
        left_out=call.left_out,
        actions=call.actions,
        sent=0 if stage else call.sent,
        status=call.status,
        fault=call.fault,
        subject=call.subject,
    )


def clean(text: str) -> str:
    """Make text fit for any form: of one line, of bounded length, of characters that XML has."""
    if len(text) <= MAX_TEXT and text.isascii() and text.isprintable():
        return text
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text[:MAX_TEXT])
