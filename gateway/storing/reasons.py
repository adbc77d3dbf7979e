"""What a fault of one object is called: its kind, and the most fitting Failure Reason (PS3.18 Section 10.5.3)."""

from gateway.core.errors import (
    GatewayError,
    LimitExceeded,
    MalformedInput,
    NotDicom,
    RefusedByProfile,
    RefusedSopClass,
    StateFailed,
    StoringBusy,
)
from gateway.core.wire.filehead import TRANSFER_SYNTAX
from gateway.storing.model import (
    CANNOT_UNDERSTAND,
    OUT_OF_RESOURCES,
    PROCESSING_FAILED,
    SOP_CLASS_NOT_SUPPORTED,
    TRANSFER_SYNTAX_NOT_SUPPORTED,
    Kind,
    Names,
    Outcome,
)

_REASONS: tuple[tuple[type[GatewayError], Kind, int], ...] = (
    (NotDicom, Kind.DISCARDED, CANNOT_UNDERSTAND),
    (MalformedInput, Kind.MALFORMED, CANNOT_UNDERSTAND),
    (StoringBusy, Kind.FAILED, OUT_OF_RESOURCES),
    (LimitExceeded, Kind.MALFORMED, OUT_OF_RESOURCES),
    (RefusedSopClass, Kind.REFUSED, SOP_CLASS_NOT_SUPPORTED),
    (RefusedByProfile, Kind.REFUSED, PROCESSING_FAILED),
    (StateFailed, Kind.FAILED, OUT_OF_RESOURCES),
)


def failure(source: Names, fault: GatewayError) -> Outcome:
    """Say what became of an object that was not sent, or not to its end."""
    if isinstance(fault, MalformedInput) and fault.path == (TRANSFER_SYNTAX,):
        return Outcome(Kind.MALFORMED, source, reason=TRANSFER_SYNTAX_NOT_SUPPORTED, fault=fault)
    for error, kind, reason in _REASONS:
        if isinstance(fault, error):
            return Outcome(kind, source, reason=reason, fault=fault)
    return Outcome(Kind.FAILED, source, reason=PROCESSING_FAILED, fault=fault)
