"""Everything that can go wrong, as one small closed family.

A message says what and where (a tag path, a byte offset, a file and line), never a DICOM value: messages reach logs
and clients. Any other exception out of ``gateway.core`` is a bug.
"""

from collections.abc import Iterable, Sequence


class GatewayError(Exception):
    """Base of all errors raised on purpose."""


class MalformedInput(GatewayError):
    """The input is not what PS3.5, PS3.10 or PS3.18 allow; nothing of it may leave."""

    def __init__(self, what: str, path: Sequence[int] = (), offset: int | None = None) -> None:
        self.what = what
        self.path = tuple(path)
        self.offset = offset
        super().__init__(what + _where(self.path, offset))

    def __reduce__(self) -> tuple[object, ...]:
        """Come whole out of another process."""
        return MalformedInput, (self.what, self.path, self.offset)


class LimitExceeded(GatewayError):
    """The input is larger or deeper than a stated limit."""

    def __init__(self, what: str, limit: int, path: Sequence[int] = (), offset: int | None = None) -> None:
        self.what = what
        self.limit = limit
        self.path = tuple(path)
        self.offset = offset
        super().__init__(f"{what} exceeds the limit of {limit}" + _where(self.path, offset))

    def __reduce__(self) -> tuple[object, ...]:
        """Come whole out of another process."""
        return LimitExceeded, (self.what, self.limit, self.path, self.offset)


class StoringBusy(LimitExceeded):
    """All requests that store hold as much as they may together; a client may come back after ``retry_after_s``."""

    def __init__(self, what: str, limit: int, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(what, limit)


class NotDicom(MalformedInput):
    """What came is not a DICOM object at all, whatever it was said to be."""


class RefusedByProfile(GatewayError):
    """The profile does not let this object through."""


class RefusedSopClass(RefusedByProfile):
    """The profile lets no object of this SOP Class through."""


class RefusedByMasks(RefusedByProfile):
    """The pixels of this object may show text that no rule masks, or cannot be masked.

    The message is for an operator: it may say what a mask rule looks at, down to a rule that would do.
    """


class OriginFailed(GatewayError):
    """The origin server could not be reached, or answered what it must not."""

    @classmethod
    def answered(cls, status: int) -> "OriginFailed":
        """Make the error for an answer with this status."""
        why = ": it refuses the gateway's own account, its `auth` in the settings" if status in (401, 403) else ""
        return cls(f"the origin answered {status}{why}")


class OriginTimedOut(OriginFailed):
    """The origin server was silent for too long."""


class OriginBusy(OriginFailed):
    """The origin server takes no more requests now; a client may come back after ``retry_after_s``."""

    def __init__(self, what: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(what)


class NotTaken(OriginFailed):
    """The destination answered, but did not take an object, or does not say so."""


class ProcessFailed(GatewayError):
    """No process that could work on pixels was started."""


class RenderingFailed(GatewayError):
    """No process that could render was started."""


class RenderingBusy(GatewayError):
    """All processes that render are busy; a client may come back after ``retry_after_s``."""

    def __init__(self, what: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(what)


class ScreeningBusy(GatewayError):
    """Too many objects wait to be searched for text, or this one still is; come back after ``retry_after_s``."""

    def __init__(self, what: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(what)


class TooManyFollowers(GatewayError):
    """No more jobs are followed now; a client may come back after ``retry_after_s``."""

    def __init__(self, what: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(what)


class StateFailed(GatewayError):
    """The state store cannot be reached or does not work; the message names no value."""


class NotifyFailed(GatewayError):
    """A message could not be handed over; ``is_final`` when it is no use to try again. It does not name the contact."""

    def __init__(self, what: str, *, is_final: bool = False) -> None:
        self.is_final = is_final
        super().__init__(what)


class NotReleased(GatewayError):
    """No such resource on the released side: outside, unknown and never seen are all alike."""


class ClientLeft(GatewayError):
    """The client went away in the middle of its request."""


class TooSlow(GatewayError):
    """What is to be stored comes so slowly that it must not hold a connection to the destination any longer."""


class UnsupportedMediaType(GatewayError):
    """The client sent a form that this resource does not take (PS3.18 Section 8.5); the message says what it takes."""


class Unauthenticated(GatewayError):
    """Nobody is known to have sent the request; ``error`` is a code of RFC 6750, empty where nothing was shown."""

    def __init__(self, what: str, error: str = "") -> None:
        self.error = error
        super().__init__(what)


class IssuerFailed(GatewayError):
    """Who asks cannot be recognized, since the issuer of their token does not answer; come back after a while."""

    def __init__(self, what: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(what)


class Forbidden(GatewayError):
    """Who asks may do something here, but not this."""


class TooManyRequests(GatewayError):
    """A client asks more than its share; it may come back after ``retry_after_s``."""

    def __init__(self, what: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(what)


class Overloaded(GatewayError):
    """The gateway takes no more requests now; a client may come back after ``retry_after_s``."""

    def __init__(self, what: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(what)


class TookTooLong(GatewayError):
    """No answer had begun after all the time that one may take."""


class AuditFailed(GatewayError):
    """What is to be on record cannot be written, and must not happen unseen."""


class BadRequest(GatewayError):
    """The client's request cannot be understood or must not be answered as asked."""


class KeyReused(GatewayError):
    """An idempotency key came again with another request."""


class SearchTooBroad(GatewayError):
    """A search read too many results in vain; ``budget`` is the setting's (PS3.18 Section 10.6.3.1: 413)."""

    def __init__(self, budget: int) -> None:
        super().__init__(f"more than {budget} studies, series or instances do not match; a narrower search may end")


class NotAcceptable(GatewayError):
    """None of the media types the client accepts can be produced here (PS3.18 Section 8.7)."""


class ConfigFault(GatewayError):
    """One fault in settings or a profile; ``where`` is ``file:line``."""

    def __init__(self, where: str, what: str) -> None:
        self.where = where
        self.what = what
        super().__init__(f"{where}: {what}")


class ConfigFaults(GatewayError):
    """Every fault found in one go; ``faults`` is never empty."""

    def __init__(self, faults: Iterable[ConfigFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def format_path(path: Sequence[int]) -> str:
    """Print a tag path as ``(0040,A730)>(0040,A160)``."""
    return ">".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in path)


def _where(path: Sequence[int], offset: int | None) -> str:
    text = f" at {format_path(path)}" if path else ""
    return text if offset is None else f"{text} (offset {offset})"
