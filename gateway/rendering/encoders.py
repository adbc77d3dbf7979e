"""From a picture to bytes of a media type, with nothing in them but the picture: no text, no times, no maker's name."""

import io
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from subprocess import DEVNULL, PIPE
from typing import IO, Final, cast

from PIL import Image

from gateway.core.errors import NotAcceptable
from gateway.core.rewrite.codestream import cleaner_of_media_type

JPEG, PNG, GIF, JP2, MP4 = "image/jpeg", "image/png", "image/gif", "image/jp2", "video/mp4"
STILLS: Final = (JPEG, PNG, GIF, JP2)
ENCODER: Final = "ffmpeg"
_BT_709: Final = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")
"""What is said of the colours: players guess otherwise, each by a rule of its own."""


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
    else:
        picture.save(out, "JPEG2000")
        return _cleaned(out.getvalue(), JP2)
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


def video(pictures: Iterator[Image.Image], interval_ms: float) -> bytes:
    """Encode H.264 in MP4 with the ffmpeg of the machine. Raises NotAcceptable where it cannot."""
    program = shutil.which(ENCODER)
    if program is None:
        raise NotAcceptable("clips are not encoded here")
    first = next(pictures)
    # A file in memory and not a pipe: the index is written last and has to come first, or phones wait for the end.
    with os.fdopen(os.memfd_create("clip"), "rb") as clip:
        command = _command(program, first, interval_ms, f"/proc/self/fd/{clip.fileno()}")
        with (
            subprocess.Popen(  # noqa: S603 - no shell, fixed words
                command, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, pass_fds=[clip.fileno()]
            ) as running,
            cast("IO[bytes]", running.stdin) as raw,
        ):
            for picture in itertools.chain([first], pictures):
                raw.write(picture.tobytes())
        found = clip.read()
    if running.returncode or not found:
        raise NotAcceptable("clips are not encoded here")
    return _cleaned(found, MP4)


def _cleaned(encoding: bytes, media_type: str) -> bytes:
    """Take out the names that encoders write of themselves, as out of any codestream that leaves."""
    cleaner = cleaner_of_media_type(media_type, "", keeps_icc=False)
    if cleaner is None:
        raise NotAcceptable(f"{media_type} is not encoded here")
    return bytes(cleaner.feed(encoding)) + bytes(cleaner.end())


def _command(program: str, first: Image.Image, interval_ms: float, target: str) -> list[str]:
    layout = "gray" if first.mode == "L" else "rgb24"
    return [
        program, "-nostdin", "-loglevel", "quiet", "-f", "rawvideo", "-pixel_format", layout,
        "-video_size", f"{first.width}x{first.height}", "-framerate", f"{1000 / interval_ms:.4f}", "-i", "pipe:0",
        "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv",
        "-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-profile:v", "main", "-pix_fmt", "yuv420p",
        *_BT_709, "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact",
        "-movflags", "+faststart", "-f", "mp4", "-y", target,
    ]  # fmt: skip
