"""Pictures with text burned into them, as devices and workstations write it: whom they show, and when.

No header tool sees that text; it is what masks are for.
"""

from io import BytesIO
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from gateway.demo.people import Examination
from gateway.demo.phantom import Shorts

Pictures = NDArray[np.uint8]

SECTOR = (96, 44, 587, 411)
"""Columns and rows of the scan in a clip, corners inclusive: what the device calls its region."""
_BRIGHT, _DIM, _YELLOW = (236, 236, 236), (150, 164, 172), (240, 214, 120)
_MARGIN = 12


def clip(frames: Pictures, exam: Examination, device: str) -> list[bytes]:
    """Return frames of a scan at twice their size below a banner, as JPEG."""
    brighter = (255 * np.clip((frames - 8.0) / 235, 0, 1) ** 0.75).astype(np.uint8)
    brighter[:, :24] = brighter[:, 206:] = brighter[:, :, 270:] = brighter[:, :60, :60] = 0  # what the device wrote
    width, height = brighter.shape[2] * 2, brighter.shape[1] * 2
    over = Image.new("RGB", (width, height))
    _banner(ImageDraw.Draw(over), (width, height), exam, device)
    text = np.asarray(over)
    streams = []
    for frame in brighter:
        large = np.asarray(Image.fromarray(frame, "RGB").resize((width, height), Image.Resampling.BICUBIC))
        stream = BytesIO()
        Image.fromarray(np.maximum(large, text), "RGB").save(stream, "JPEG", quality=90, subsampling="4:2:2")
        streams.append(stream.getvalue())
    return streams


def _banner(draw: ImageDraw.ImageDraw, size: tuple[int, int], exam: Examination, device: str) -> None:
    patient, (width, height) = exam.patient, size
    large, small = ImageFont.load_default(15), ImageFont.load_default(12)
    draw.text((_MARGIN, 5), _name(exam), _BRIGHT, large)
    draw.text((_MARGIN, 24), f"{patient.patient_id}   {_day(patient.birth_date)}   {patient.sex}", _DIM, small)
    draw.text((width - _MARGIN, 5), f"{_day(exam.date)}  {_hour(exam.time)}", _BRIGHT, large, anchor="ra")
    draw.text((width - _MARGIN, 24), exam.hospital.name, _DIM, small, anchor="ra")
    for line, words in enumerate(("S5-1", "30 Hz", "16 cm", "2D  57%", "C 50", "P Low", "HGen")):
        draw.text((_MARGIN, 60 + 17 * line), words, _DIM, small)
    draw.text((_MARGIN, height - 24), f"{device}   Op: {_family(exam.hospital.operator)}", _DIM, small)
    draw.text((width - _MARGIN, height - 24), "72 bpm", _YELLOW, small, anchor="ra")


def screen(image: Shorts, exam: Examination) -> Pictures:
    """Return the screen of a workstation: a picture, and beside it what was measured, in whom."""
    shown = Image.new("RGB", (960, 600), (18, 22, 28))
    shades = Image.fromarray((255 * np.clip(1 - image / 3300.0, 0, 1)).astype(np.uint8), "L")
    shown.paste(shades.resize((640, 480), Image.Resampling.BICUBIC).convert("RGB"), (0, 60))
    draw = ImageDraw.Draw(shown)
    large, small = ImageFont.load_default(22), ImageFont.load_default(15)
    draw.rectangle((0, 0, 960, 44), (33, 44, 58))
    draw.text((_MARGIN, 10), _name(exam), _BRIGHT, large)
    draw.text((948, 14), f"{exam.patient.patient_id}   * {_day(exam.patient.birth_date)}", _BRIGHT, small, anchor="ra")
    draw.text((664, 76), "Cardiothoracic ratio", _YELLOW, small)
    told = (("Heart", "14.1 cm"), ("Thorax", "29.6 cm"), ("CTR", "0.48"), ("Exam", _day(exam.date)),
            ("Accession", exam.accession), ("Read by", _family(exam.hospital.reading)), ("", exam.comment))  # fmt: skip
    for line, (label, value) in enumerate(told):
        draw.text((664, 116 + 26 * line), label, _DIM, small)
        draw.text((764, 116 + 26 * line), value, _BRIGHT, small)
    draw.line((112, 400, 530, 400), _YELLOW, 2)
    return np.asarray(shown)


def _name(exam: Examination) -> str:
    family, _, given = exam.patient.name.partition("^")
    return f"{family.upper()}, {given.replace('^', ' ')}"


def _family(name: str) -> str:
    """Write a family name with the letters that the font has."""
    return normalize("NFKD", name.partition("^")[0]).encode("ascii", "ignore").decode()


def _day(date: str) -> str:
    return f"{date[6:]}.{date[4:6]}.{date[:4]}"


def _hour(time: str) -> str:
    return f"{time[:2]}:{time[2:4]}:{time[4:]}"
