"""The engine on files and folders: DICOM files in, de-identified copies out, named by their released UIDs.

A name of an input file may be a patient's, so no part of it goes into the output. A copy is written aside and moved to
its name when it is whole; nothing that exists is ever overwritten. A file that fails is reported and the rest goes on.
"""

import filecmp
import os
import re
import secrets
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from struct import error as StructError  # noqa: N812 a class
from typing import Any

from gateway.copying import Finish, read_chunks, rewrite_file
from gateway.core.errors import GatewayError, LimitExceeded, MalformedInput
from gateway.core.mask.model import PixelDecision
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.part10 import Part10Rewriter
from gateway.core.standard.uids import transfer_syntax
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, elements
from gateway.masking.driving import finishing
from gateway.screening.files import FileScreener

__all__ = ["Failure", "Found", "Report", "deidentify_files", "find_files"]

HEAD_BYTES = 1 << 16
MAX_INFLATED_HEAD_BYTES = 32 << 20
PREFIX_END = 132
META_LENGTH_END = 144
SOP_INSTANCE_UID, STUDY_UID, SERIES_UID = 0x00080018, 0x0020000D, 0x0020000E

# Media Storage SOP Class UID (0002,0002) of a media directory (PS3.3 Annex F).
_DICOMDIR = b"\x02\x00\x02\x00UI\x14\x001.2.840.10008.1.3.10"
_SAFE_NAME = re.compile(r"[0-9]+(\.[0-9]+)+")


@dataclass(frozen=True, slots=True)
class Found:
    """An input file; ``named`` says that the user named it, instead of a folder it is in."""

    path: Path
    size: int
    named: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file was left out, without a value of it: ``tags`` is a path of tags, ``offset`` counts bytes."""

    path: Path
    kind: str
    what: str
    tags: tuple[int, ...] = ()
    offset: int | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.kind}: {self.what}"


@dataclass(slots=True)
class Report:
    """What became of the files, and how many values each action changed."""

    released: int = 0
    already_there: int = 0
    not_dicom: int = 0
    media_directories: int = 0
    failures: list[Failure] = field(default_factory=list)
    actions: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON data; it names input paths of failures, and no value."""
        return {
            "released": self.released,
            "already_there": self.already_there,
            "not_dicom": self.not_dicom,
            "media_directories": self.media_directories,
            "actions": dict(sorted(self.actions.items())),
            "failures": [
                {
                    "path": str(failure.path),
                    "kind": failure.kind,
                    "what": failure.what,
                    "tags": [f"{tag:08X}" for tag in failure.tags],
                    "offset": failure.offset,
                }
                for failure in self.failures
            ],
        }


class _Unreadable(Exception):
    """An input file cannot be read; the message is the system's reason."""


class _NotDicom(Exception):
    """An input file is not a Part 10 object."""


class _MediaDirectory(Exception):
    """An input file is a DICOMDIR: it lists patients and holds no instance."""


class _NameTaken(Exception):
    """Another object has the output name already."""


def find_files(inputs: Iterable[Path], out: Path) -> list[Found]:
    """List the files to read, each once: those named, and all regular files below folders, without ``out``."""
    found: dict[Path, Found] = {}
    outside = out.resolve()
    for path in inputs:
        named = not path.is_dir()
        for file in [path] if named else _below(path, outside):
            found.setdefault(file.resolve(), Found(file, file.stat().st_size, named))
    return list(found.values())


def deidentify_files(
    files: Sequence[Found], out: Path, engine: Engine, progress: Callable[[int], None] = lambda _: None
) -> Report:
    """Write a de-identified copy of each file to ``out``/study/series/instance.dcm, by released UIDs.

    ``progress`` is told how many input bytes are done. Raises OSError when ``out`` cannot be written.
    """
    report, screener = Report(), FileScreener()
    out.mkdir(parents=True, exist_ok=True)
    with finishing() as finish:
        for file in files:
            done = _Progress(progress)
            _deidentify(file, out, engine, report, done, _Helpers(screener, finish))
            done.finish(file.size)
    return report


@dataclass(frozen=True, slots=True)
class _Helpers:
    """What looks at pixels: ``screener`` for text in them, ``finish`` masks compressed frames in other processes."""

    screener: FileScreener
    finish: Finish


@dataclass(slots=True)
class _Progress:
    """Tells bytes as they are read, and those of a file that was given up at its end."""

    tell: Callable[[int], None]
    told: int = 0

    def add(self, count: int) -> None:
        self.told += count
        self.tell(count)

    def finish(self, size: int) -> None:
        if size > self.told:
            self.add(size - self.told)


def _below(folder: Path, outside: Path) -> Iterator[Path]:
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if (Path(base) / name).resolve() != outside)
        yield from (path for name in sorted(names) if (path := Path(base) / name).is_file())


def _deidentify(file: Found, out: Path, engine: Engine, report: Report, progress: _Progress, helpers: _Helpers) -> None:
    rewriter = engine.part10(asks=True)
    aside = out / f".{secrets.token_hex(8)}.part"
    try:
        _rewrite(file.path, aside, rewriter, progress, helpers)
        new = _move(aside, _target(aside, out, engine, rewriter))
    except _NotDicom:
        if file.named or file.path.suffix.lower() == ".dcm":
            report.failures.append(Failure(file.path, "Unreadable", "not a DICOM Part 10 file"))
        else:
            report.not_dicom += 1
    except _MediaDirectory:
        report.media_directories += 1
        if file.named:
            report.failures.append(Failure(file.path, "MediaDirectory", "a DICOMDIR holds no instance"))
    except (GatewayError, _Unreadable, _NameTaken) as error:
        report.failures.append(_failure(file.path, error))
    else:
        report.released += new
        report.already_there += not new
        report.actions.update(rewriter.report)
    finally:
        aside.unlink(missing_ok=True)


def _failure(path: Path, error: Exception) -> Failure:
    if isinstance(error, (MalformedInput, LimitExceeded)):
        return Failure(path, type(error).__name__, str(error), error.path, error.offset)
    return Failure(path, type(error).__name__.removeprefix("_"), str(error))


def _rewrite(path: Path, aside: Path, rewriter: Part10Rewriter, progress: _Progress, helpers: _Helpers) -> None:
    def answer(question: PixelDecision) -> PixelDecision:
        if rewriter.head is None or rewriter.head.pictured is None:
            return question
        return helpers.screener.judge(path, question, rewriter.head.pictured.image())

    with _opened(path) as source:
        chunks = _readable(source)
        first = next(chunks, b"")
        if first[128:PREFIX_END] != b"DICM":
            raise _NotDicom
        if first.find(_DICOMDIR, PREFIX_END, HEAD_BYTES) > 0:
            raise _MediaDirectory
        with aside.open("xb", buffering=0) as target:
            rewrite_file(
                chain([first], chunks), source, target.fileno(), rewriter, helpers.finish, progress.add, answer
            )


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        source = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise _Unreadable(error.strerror or "cannot be read") from None
    try:
        yield source
    finally:
        os.close(source)


def _readable(source: int) -> Iterator[bytes]:
    """Read a file in pieces; its own errors are told apart from those of writing the copy."""
    try:
        yield from read_chunks(source)
    except OSError as error:
        raise _Unreadable(error.strerror or "cannot be read") from None


def _move(aside: Path, target: Path) -> bool:
    """Give the copy its name; return False when an equal file has it already."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if _linked(aside, target):
        return True
    if not filecmp.cmp(aside, target, shallow=False):
        raise _NameTaken(f"{target} is there with other content: of another file with the same UIDs, or of another run")
    return False


def _linked(aside: Path, target: Path) -> bool:
    """Let the copy appear under its name, whole; False when the name is taken."""
    try:
        os.link(aside, target)  # unlike a rename, it never replaces a file
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if target.exists():
            return False
        aside.rename(target)
    return True


def _target(aside: Path, out: Path, engine: Engine, rewriter: Part10Rewriter) -> Path:
    """Name the copy by what it says itself."""
    uids = _released_uids(aside, rewriter.transfer_syntax_uid or "")

    def name(tag: int, missing: str) -> str:
        uid = uids.get(tag, "")
        if not uid:
            return missing
        # A profile that retains UIDs hands out what the file held, which need not be a UID, nor safe in a path.
        return uid if _SAFE_NAME.fullmatch(uid) else engine.keys.uid(uid)

    return out / name(STUDY_UID, "no-study") / name(SERIES_UID, "no-series") / f"{name(SOP_INSTANCE_UID, 'no-uid')}.dcm"


def _released_uids(aside: Path, syntax_uid: str) -> dict[int, str]:
    """Read Study, Series and SOP Instance UID at the head of a de-identified file."""
    wanted = HEAD_BYTES
    size = aside.stat().st_size
    while True:
        with aside.open("rb") as stream:
            head = stream.read(wanted)
        uids = _uids(head, syntax_uid, whole=wanted >= size)
        if uids is not None:
            return uids
        wanted *= 8


def _uids(head: bytes, syntax_uid: str, *, whole: bool) -> dict[int, str] | None:
    """Return the UIDs, or None when the head is too short to say that there are no more."""
    syntax = transfer_syntax(syntax_uid)
    start = META_LENGTH_END + int.from_bytes(head[META_LENGTH_END - 4 : META_LENGTH_END], "little")
    data_set = head[start:]
    found: dict[int, str] = {}
    if syntax is None:
        return found
    if syntax.deflated:
        data_set = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data_set, MAX_INFLATED_HEAD_BYTES)
        whole = whole or len(data_set) == MAX_INFLATED_HEAD_BYTES
    encoding = EXPLICIT_LE if syntax.explicit else IMPLICIT_LE
    with suppress(IndexError, StructError):
        for header, after in elements(data_set, 0, len(data_set), encoding if syntax.little_endian else EXPLICIT_BE):
            if after > len(data_set):
                break
            if header.tag in (STUDY_UID, SERIES_UID, SOP_INSTANCE_UID):
                found[header.tag] = data_set[header.start : after].decode("latin-1").strip(" \0")
            if header.tag >= SERIES_UID:
                return found
    return found if whole else None
