"""An archive that is only searched, in memory: it reads keys and paging as plain archives do, or does not."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from gateway.core.standard import dictionary
from gateway.core.standard.levels import Level, level_of
from gateway.core.standard.tags import json_key
from gateway.ports import OriginAnswer

Json = dict[str, Any]
UIDS = {Level.STUDY: "0020000D", Level.SERIES: "0020000E", Level.INSTANCE: "00080018"}


class NeverStoredTo:
    """The half of an origin that no search may ever reach."""

    def post(
        self,
        path: str,
        content_type: str,
        body: AsyncIterator[bytes | memoryview],
        accept: str = "*/*",
        *,
        is_long: bool = False,
    ) -> AbstractAsyncContextManager[OriginAnswer]:
        """Fail."""
        raise AssertionError("a search stores nothing")


@dataclass
class ListingOrigin(NeverStoredTo):
    """``instances`` are data sets of the JSON Model with all that is known of each.

    ``order`` sorts what is found, by hidden values too; ``asked`` holds path and query of every request, ``sent`` how
    many results went out.
    """

    instances: Sequence[Json]
    order: Callable[[Json], Any] | None = None
    reads_keys: bool = True
    asked: list[tuple[str, list[tuple[str, str]]]] = field(default_factory=list)
    sent: int = 0

    @asynccontextmanager
    async def get(self, path: str, query: str = "", accept: str = "*/*") -> AsyncIterator[OriginAnswer]:
        """Answer a search."""
        pairs = parse_qsl(query, keep_blank_values=True)
        self.asked.append((path, pairs))
        found = self._page(self._search(path, pairs), dict(pairs))
        self.sent += len(found)
        yield OriginAnswer(200, {"content-type": "application/dicom+json"}, _whole(json.dumps(found).encode()))

    async def aclose(self) -> None:
        """Do nothing."""

    def _search(self, path: str, pairs: Iterable[tuple[str, str]]) -> list[Json]:
        *scope, kind = path.strip("/").split("/")
        level = {"studies": Level.STUDY, "series": Level.SERIES, "instances": Level.INSTANCE}[kind]
        above = [(UIDS[Level(number + 1)], uid) for number, uid in enumerate(scope[1::2])]
        found: dict[str, Json] = {}
        for one in self.instances:
            if all(_has(one, key, uid) for key, uid in above):
                uid = one[UIDS[level]]["Value"][0]
                found.setdefault(uid, {key: raw for key, raw in one.items() if level_of(int(key, 16)) <= level})
        keys = [(_key(name), value) for name, value in pairs if name not in ("includefield", "limit", "offset")]
        kept = [one for one in found.values() if not self.reads_keys or all(_matches(one, *pair) for pair in keys)]
        return kept if self.order is None else sorted(kept, key=self.order)

    def _page(self, found: list[Json], named: dict[str, str]) -> list[Json]:
        offset, limit = int(named.get("offset", 0)), int(named.get("limit", 0))
        return found[offset : offset + limit] if limit else found[offset:]


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _key(name: str) -> str:
    tag = dictionary.tag_of(name)
    return name if tag is None else json_key(tag)


def _has(one: Json, key: str, value: str) -> bool:
    return value in one.get(key, {}).get("Value", ())


def _matches(one: Json, key: str, wanted: str) -> bool:
    """Match as the crudest archive does: lists, ranges of digits, a leading text before an asterisk."""
    values = [str(value) for value in one.get(key, {}).get("Value", ())]
    if "-" in wanted and dictionary.vr_of(int(key, 16)) in ("DA", "TM"):
        low, _, high = wanted.partition("-")
        return any(low <= value <= (high or "9") for value in values)
    return any(
        value.startswith(part.partition("*")[0]) if "*" in part else value == part
        for part in wanted.split(",")
        for value in values
    )
