"""A study, a series or an instance as one zip: the permanent de-identified copies, a DICOMDIR and a manifest."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.types import ASGIApp

from gateway import __version__
from gateway.calls import call_of
from gateway.core.errors import LimitExceeded
from gateway.core.rewrite import dicomdir
from gateway.core.rewrite.dataset import Piece
from gateway.core.rewrite.dicomdir import Directory
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.part10 import joined
from gateway.core.rewrite.passing import Passing
from gateway.core.wire.accept import Offer
from gateway.core.wire.zipstream import ZipWriter
from gateway.routes.exchange import Outcome, Streamed
from gateway.routes.negotiation import choose
from gateway.routes.parts import open_parts
from gateway.routes.released import DICOM, Rewriter, released
from gateway.routes.target import source_path
from gateway.worklists.worklist import Worklist

ZIP: Final = "application/zip"
OFFER: Final = Offer(ZIP)
MANIFEST: Final = "manifest.json"
FIRST_BYTES: Final = 1 << 14
MAX_HEAD_BYTES: Final = 32 << 20
"""How much of an object may be held until its place in the archive is known; a rewriter holds no more of it."""
NAME_DIGITS: Final = 12


class DownloadService:
    """Answers downloads of one worklist.

    Always with 200, since browsers take 206 for a range: the manifest says how many objects were left out.
    """

    def __init__(self, worklist: Worklist) -> None:
        self._worklist = worklist

    async def retrieve(self, request: Request) -> ASGIApp:
        """Retrieve a study, a series or an instance as a zip; as stored, where no Transfer Syntax is asked for."""
        syntax = choose(request, (OFFER,)).transfer_syntax
        path = await source_path(self._worklist, request)
        engine, study = self._worklist.engine, path.split("/")[2]
        outcome = Outcome()
        events = open_parts(self._worklist.origin, path, _attempts(syntax), frozenset({DICOM}), outcome)
        headers = {"content-disposition": f'attachment; filename="{_file_name(engine.uid(study))}"'}
        packing = Archive(engine, outcome)
        return Streamed(released(events, self._worklist.pixels, study, packing, call_of(request.scope)), ZIP, headers)


class Archive:
    """Released objects as the files of a zip.

    Holds the first bytes of an object until they say in which series it belongs, and a record of each for the DICOMDIR.
    Raises LimitExceeded when that takes too many bytes, and MalformedInput.
    """

    def __init__(self, engine: Engine | Passing, outcome: Outcome) -> None:
        self._engine = engine
        self._outcome = outcome
        self._zip = ZipWriter()
        self._directory = Directory()
        self._held: list[Piece] = []
        self._held_bytes = self._need = 0
        self._named = False
        self._descriptor = b""
        self._objects = self._refused = 0
        self._actions: Counter[str] = Counter()

    def feed(self, pieces: list[Piece], rewriter: Rewriter) -> list[Piece]:  # noqa: ARG002 - the signature of every packing
        """Put the local header before the first bytes, as soon as the file has a name."""
        pieces = joined(pieces)
        if self._named:
            return self._counted(pieces)
        self._held += pieces
        self._held_bytes += sum(map(len, pieces))
        if self._held_bytes < self._need:
            return []
        return self._begin(whole=False)

    def end(self, rewriter: Rewriter) -> list[Piece]:
        """Keep the data descriptor for what follows: a piece of its own would be an event of its own."""
        rest = [] if self._named else self._begin(whole=True)
        self._named = False
        self._descriptor = self._zip.end()
        self._objects += 1
        self._actions.update(rewriter.report)
        return rest

    def refused(self) -> None:
        """Count it for the manifest."""
        self._refused += 1

    def close(self) -> list[Piece]:
        """Write DICOMDIR, manifest and the central directory."""
        manifest = json.dumps(self._manifest(), indent=1).encode() + b"\n"
        return [
            self._descriptor,
            *self._file(dicomdir.NAME, list(self._directory.pieces())),
            *self._file(MANIFEST, [manifest]),
            self._zip.close(),
        ]

    def _begin(self, *, whole: bool) -> list[Piece]:
        name = self._name(whole=whole)
        if name is None:
            if self._held_bytes > MAX_HEAD_BYTES:
                raise LimitExceeded("bytes before the keys of a directory record", MAX_HEAD_BYTES)
            self._need = 2 * self._held_bytes
            return []
        pieces, self._held = self._held, []
        self._held_bytes = self._need = 0
        self._named = True
        lead, self._descriptor = self._descriptor + self._zip.begin("/".join(name)), b""
        return [lead, *self._counted(pieces)]

    def _name(self, *, whole: bool) -> tuple[str, ...] | None:
        """Enter the object into the directory by as few of its bytes as that takes."""
        size = FIRST_BYTES
        while size < self._held_bytes:
            name = self._directory.enter(_first(self._held, size))
            if name is not None:
                return name
            size *= 4
        return self._directory.enter(b"".join(self._held), whole=whole)

    def _counted(self, pieces: list[Piece]) -> list[Piece]:
        for piece in pieces:
            self._zip.count(piece)
        return pieces

    def _file(self, name: str, pieces: list[Piece]) -> list[Piece]:
        return [self._zip.begin(name), *self._counted(pieces), self._zip.end()]

    def _manifest(self) -> Mapping[str, Any]:
        """Say what was done to what, without a name of either side."""
        engine = self._engine
        profile = None if isinstance(engine, Passing) else {"name": engine.profile.name, "digest": engine.digest}
        return {
            "software": {"name": "Dicomveil", "version": __version__},
            "profile": profile,
            "objects": self._objects,
            "refused": self._refused,
            "complete": not self._outcome.is_partial and not self._refused,
            "actions": dict(sorted(self._actions.items())),
        }


def _attempts(syntax: str | None) -> list[str]:
    """List what to ask the origin for: one Transfer Syntax and no other, or what it has.

    Most archives give objects as stored only to those who say so.
    """
    part = f'multipart/related; type="{DICOM}"'
    if syntax and syntax != "*":
        return [f"{part}; transfer-syntax={syntax}"]
    return [f"{part}; transfer-syntax=*", part]


def _file_name(study: str) -> str:
    """Name the archive by the first digits of the released Study Instance UID."""
    return f"dicomveil-{study.removeprefix('2.25.')[:NAME_DIGITS].strip('.')}.zip"


def _first(pieces: list[Piece], size: int) -> bytes:
    """Join the first bytes of pieces that hold as many."""
    found: list[Piece] = []
    while size > 0:
        found.append(pieces[len(found)][:size])
        size -= len(found[-1])
    return b"".join(found)
