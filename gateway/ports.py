"""What the routes need from outside, as protocols; ``gateway.adapters`` fills them."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


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
