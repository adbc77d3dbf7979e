"""What the routes need from outside, as protocols; ``gateway.adapters`` fills them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.core.mask.model import Image, PixelDecision, Rectangle
from gateway.core.wire.jsonelement import Elements


@dataclass(frozen=True, slots=True)
class OriginAnswer:
    """One answer of an origin server: status, lower-case headers, and the body as it arrives."""

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]


class OriginServer(Protocol):
    """A DICOMweb service. Only GET is ever sent to one that is read; ``post`` is for what stores."""

    def get(self, path: str, query: str = "", accept: str = "*/*") -> AbstractAsyncContextManager[OriginAnswer]:
        """Open ``{service base}{path}?{query}``; path and query go out byte for byte as given (ASCII, already encoded).

        Any status is an answer but 429 and 503, which raise OriginBusy. Raises OriginFailed when there is none, also
        out of ``body`` when it breaks off. The message names the origin's configured name, never a URL: URLs hold
        source UIDs.
        """

    def post(
        self,
        path: str,
        content_type: str,
        body: AsyncIterator[bytes | memoryview],
        accept: str = "*/*",
        *,
        is_long: bool = False,
    ) -> AbstractAsyncContextManager[OriginAnswer]:
        """Send ``body`` to ``{service base}{path}`` as it comes, and open the answer, which may come before its end.

        Sent once: never again on another connection, and no redirect is followed. The body is pulled as the origin
        takes it, from another task, and no longer once the answer is closed; what it raises breaks the request off.
        Raises as ``get`` does; OriginTimedOut also when the origin takes nothing for its read timeout. The time that
        the body's maker takes does not count. Those that may be ``is_long`` never take all connections.
        """

    async def aclose(self) -> None:
        """Release connections."""


@dataclass(frozen=True, slots=True)
class Release:
    """A pair of the released side and the source side; ``source`` is secret and stored sealed."""

    released: str
    source: str


class ReleaseStore(Protocol):
    """What has been released and can therefore be resolved: ``kind`` is ``study`` or ``patient``."""

    async def put(self, domain: str, kind: str, releases: Iterable[Release]) -> None:
        """Remember pairs; known ones are left as they are."""

    async def get(self, domain: str, kind: str, released: str) -> str | None:
        """Return the source of a released identifier, or None."""

    async def aclose(self) -> None:
        """Release connections."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as the origin gave it, what the metadata say about it, and the values behind their URIs.

    ``rectangles`` are pixels of it that must not be seen: whoever decodes it overwrites them first.
    """

    attributes: dict[str, Any]
    bulk: Mapping[str, bytes]
    keyword: str
    data: bytes
    media_type: str
    transfer_syntax: str
    image: Image | None = None
    rectangles: tuple[Rectangle, ...] = ()


@dataclass(frozen=True, slots=True)
class Screened:
    """An instance whose pixels must be looked at before they leave.

    ``path`` is its place at the origin, a key to remember it by; ``elements`` is what the origin says of it, source
    identifiers included. ``frames`` reads frames by their numbers, which begin with 1, unmasked, without what the
    profile does to their metadata; it raises NotAcceptable, NotReleased, OriginFailed. Nothing of it is to be shown.
    """

    path: str
    elements: Elements
    decision: PixelDecision
    image: Image
    frames: Callable[[Sequence[int]], Awaitable[Sequence[Frame]]]


class Screener(Protocol):
    """Looks at pixels for text. Where there is none, what must be screened is refused."""

    async def judge(self, one: Screened) -> PixelDecision:
        """Answer a SCREEN decision with one that is none: PASS, MASK or REFUSE. Asked once a minute per instance.

        A fault of its own is a refusal, not an exception; GatewayError goes through (the origin fails, it is busy).
        """
