"""Sees that the files which settings are made of hold something else than before.

Their content decides: a touch, a rename that puts the same back, or a volume that is mounted anew, is nothing. The
kernel says when to look (inotify on the folders, since editors and Kubernetes replace files rather than write them);
where it does not, as on network volumes or beyond its limits, they are looked at once in ``LOOK_EACH_S``. A folder that
holds a log of ours would tell of each of our own records: there the files are watched by themselves.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, NamedTuple

from watchfiles import awatch

from gateway.core import marked_yaml
from gateway.core.errors import ConfigFaults

__all__ = ["Watch", "files_of"]

log = logging.getLogger("dicomveil.reload")

LOOK_EACH_S: Final = 5.0
SETTLE_S: Final = 0.25
"""A file that is being written is left in peace: what it holds must be the same so much later."""
_QUIET_MS: Final = 200
_KEYS: Final = frozenset({"file", "ca", "client_ca", "certificate", "key"})
_WRITTEN: Final = ("audit", "to")
"""Files below this are the gateway's own to write."""

Seen = Mapping[Path, bytes | None]
Places = frozenset[tuple[Path, int]]
"""What the kernel is asked about: paths, and which inode each was."""


class Listed(NamedTuple):
    """Files that settings are made of, and those that the gateway writes by them."""

    files: frozenset[Path] = frozenset()
    logs: frozenset[Path] = frozenset()


class Watch:
    """Watches a settings file and every file that it names. What it holds at first is what it holds when this is made.

    A file that is named and not there yet is watched too; of what is no regular file nothing is read.
    """

    def __init__(self, source: Path) -> None:
        self._source = source.absolute()
        self._listed = Listed(frozenset({self._source}))
        self._seen = self.look()

    async def changes(self) -> AsyncGenerator[None, None]:
        """Yield whenever the files hold something else."""
        while True:
            places = await asyncio.to_thread(_places, self._listed)
            async with aclosing(_told(places)) as told:
                async for _ in told:
                    if await self._is_new():
                        yield
                    if await asyncio.to_thread(_places, self._listed) != places:
                        break

    async def _is_new(self) -> bool:
        now = await asyncio.to_thread(self.look)
        if now == self._seen:
            return False
        while (later := await self._look_later()) != now:
            now = later
        is_new = now != self._seen
        self._seen = now
        return is_new

    async def _look_later(self) -> Seen:
        await asyncio.sleep(SETTLE_S)
        return await asyncio.to_thread(self.look)

    def look(self) -> Seen:
        """Tell what all files hold now, those of a faulty settings file as far as it can be read."""
        listed = files_of(self._source)
        self._listed = listed if listed.files else self._listed
        return {file: _digest(file) for file in self._listed.files}


def files_of(source: Path) -> Listed:
    """List the settings file and every file that it names, profiles among them; nothing where it is no YAML."""
    try:
        data = marked_yaml.load(source.read_bytes().decode(), str(source)).data
    except (OSError, UnicodeDecodeError, ConfigFaults):
        return Listed()
    folder = source.parent
    named = {folder / name for name in _named(data, ())}
    profiles = data.get("profiles")
    if isinstance(profiles, str):
        named |= {*(folder / profiles).glob("*.yaml"), *(folder / profiles / "masks").glob("*.yaml")}
        named |= {folder / profiles, folder / profiles / "masks"}  # which hold nothing, but new files are told of
    return Listed(frozenset({source, *named}), frozenset(folder / name for name in _named(data, (), written=True)))


def _named(data: Any, path: tuple[str, ...], *, written: bool = False) -> Iterator[str]:
    """Yield what files are called: those to be read, or those ``written``."""
    if isinstance(data, list):
        for one in data:
            yield from _named(one, path, written=written)
    if not isinstance(data, dict):
        return
    for key, value in data.items():
        if not isinstance(value, str):
            yield from _named(value, (*path, key), written=written)
        elif key in _KEYS and value and (path == _WRITTEN) is written:
            yield value


def _digest(file: Path) -> bytes | None:
    try:
        if not file.is_file():  # a pipe can be read only once, and a device never ends
            return None
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError:
        return None


def _places(listed: Listed) -> Places:
    """Find what tells of these files: the folders where they are named, and where symbolic links lead."""
    files, written = listed.files, {log.resolve().parent for log in listed.logs}
    beside = {place for file in files for place in (file.parent, file.resolve().parent)}
    folders = {folder for folder in beside | files if folder.is_dir() and folder.resolve() not in written}
    alone = {file for file in files if file.is_file() and file.parent not in folders}
    return frozenset((place, _inode(place)) for place in folders | alone)


def _inode(place: Path) -> int:
    try:
        return place.stat().st_ino
    except OSError:  # it has gone meanwhile
        return -1


async def _told(places: Places) -> AsyncGenerator[None, None]:
    """Yield when something happens there, and once in LOOK_EACH_S in any case."""
    try:
        news = awatch(
            *{place for place, _ in places},
            watch_filter=None,
            step=_QUIET_MS,
            rust_timeout=int(LOOK_EACH_S * 1000),
            yield_on_timeout=True,
            recursive=False,
        )
        async with aclosing(news):
            async for _ in news:
                yield
    except (OSError, RuntimeError, ExceptionGroup) as error:
        log.debug("files are looked at every %s s: %s", LOOK_EACH_S, type(error).__name__)
    await asyncio.sleep(LOOK_EACH_S)
    yield
