"""From a picture to bytes of a media type, with nothing in them but the picture: no text, no times, no maker's name."""

import io
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from subprocess import DEVNULL, PIPE
from typing import IO, Final, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gateway.core.errors import NotAcceptable
from gateway.core.rewrite.codestream import cleaner_of_media_type

JPEG, PNG, GIF, JP2, MP4 = "image/jpeg", "image/png", "image/gif", "image/jp2", "video/mp4"
STILLS: Final = (JPEG, PNG, GIF, JP2)
ENCODER: Final = "ffmpeg"
PIPE_BYTES: Final = 1 << 20
"""As much as a process may ask for: of a clip's frames none fits into what a pipe has by itself."""
WRAPPING: Final = (
    "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-movflags", "+faststart", "-f", "mp4",
)  # fmt: skip
"""MP4 with its index first, and no word of who made it."""
ENCODING: Final = (
    "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv",
    "-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-profile:v", "main", "-pix_fmt", "yuv420p",
    "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
    *WRAPPING,
)  # fmt: skip
"""H.264 as every phone plays it. It says what its colours are: players guess otherwise, each by a rule of its own."""


def encoded(picture: Image.Image, media_type: str, quality: int, profile: bytes | None) -> bytes:
    """Encode one picture; ``profile`` is embedded where the media type has a place for it."""
    out = io.BytesIO()
    if media_type == JPEG:
        sampling = 0 if quality >= 90 else 2
        picture.save(out, "JPEG", quality=quality, subsampling=sampling, icc_profile=profile)
    elif media_type == PNG:
        picture.save(out, "PNG", icc_profile=profile)
    elif media_type == GIF:
        picture.save(out, "GIF")
    elif media_type == JP2:
        picture.save(out, "JPEG2000")
        return _cleaned(out.getvalue(), JP2)
    else:
        raise NotAcceptable(f"{media_type} is not encoded here")
    return out.getvalue()


def animated(pictures: Iterator[Image.Image], interval_ms: float) -> bytes:
    """Encode an animated GIF that repeats."""
    out = io.BytesIO()
    duration = max(20, round(interval_ms / 10) * 10)  # in hundredths; browsers slow down what is shorter
    next(pictures).save(out, "GIF", save_all=True, append_images=pictures, duration=duration, loop=0, optimize=False)
    return out.getvalue()


def has_video() -> bool:
    """Say whether clips can be encoded on this machine."""
    return shutil.which(ENCODER) is not None


def video(pictures: Iterator[NDArray[np.uint8]], interval_ms: float) -> bytes:
    """Encode H.264 in MP4 with the ffmpeg of the machine. Raises NotAcceptable where it cannot."""
    first = next(pictures)
    (rows, columns), layout = first.shape[:2], "gray" if first.ndim == 2 else "rgb24"
    source = ["-f", "rawvideo", "-pixel_format", layout, "-video_size", f"{columns}x{rows}"]
    raw = (picture.data for picture in itertools.chain([first], pictures))
    return _clip([*source, "-framerate", f"{1000 / interval_ms:.4f}", "-i", "pipe:0", *ENCODING], raw)


def joined(parts: Sequence[bytes]) -> bytes:
    """Join clips that were encoded alike. Raises NotAcceptable where it cannot."""
    with ExitStack() as stack:
        files = [stack.enter_context(_held(part)) for part in parts]
        named = "".join(f"file 'file:{_path(file)}'\n" for file in files)
        source = ["-f", "concat", "-safe", "0", "-protocol_whitelist", "file,pipe", "-i", "pipe:0", "-c", "copy"]
        return _clip([*source, *WRAPPING], [named.encode()], *files)


def _clip(options: Sequence[str], given: Iterable[bytes | memoryview], *files: IO[bytes]) -> bytes:
    """Run ffmpeg on what it is given and on files that it may open.

    It writes to a file in memory and not to a pipe: the index is made last and has to come first, or phones wait.
    """
    program = shutil.which(ENCODER)
    if program is None:
        raise NotAcceptable("clips are not encoded here")
    with _held(b"") as clip:
        command = [program, "-nostdin", "-loglevel", "quiet", *options, "-y", _path(clip)]
        opened = [file.fileno() for file in (clip, *files)]
        with (
            subprocess.Popen(  # noqa: S603 - no shell, fixed words
                command, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, pass_fds=opened, pipesize=PIPE_BYTES
            ) as running,
            cast("IO[bytes]", running.stdin) as pipe,
        ):
            for piece in given:
                pipe.write(piece)
        clip.seek(0)
        found = clip.read()
    if running.returncode or not found:
        raise NotAcceptable("clips are not encoded here")
    return _cleaned(found, MP4)


def _held(content: bytes) -> IO[bytes]:
    """Return a file in memory."""
    file = os.fdopen(os.memfd_create("clip"), "w+b", buffering=0)
    file.write(content)
    return file


def _path(file: IO[bytes]) -> str:
    """Return the name under which a process that inherits a file opens it."""
    return f"/proc/self/fd/{file.fileno()}"


def _cleaned(encoding: bytes, media_type: str) -> bytes:
    """Take out the names that encoders write of themselves, as out of any codestream that leaves."""
    cleaner = cleaner_of_media_type(media_type, "", keeps_icc=False)
    if cleaner is None:
        raise NotAcceptable(f"{media_type} is not encoded here")
    return bytes(cleaner.feed(encoding)) + bytes(cleaner.end())
