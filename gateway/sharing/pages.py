"""The pages of a share, from templates beside this module: no script or style inside, everything from this server.

They hold counts, a year, kinds of examination and an end; no value of an object is written out.
"""

import hashlib
from calendar import month_name
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from gateway.sharing.contents import Contents, Item

ASSETS: Final = {"share.css": "text/css", "share.js": "text/javascript", "icon.svg": "image/svg+xml"}
_FOLDER: Final = "site"
_KINDS: Final = {
    "CR": "X-ray", "CT": "CT", "DX": "X-ray", "ECG": "ECG", "ES": "Endoscopy", "GM": "Microscopy",
    "IO": "Dental X-ray", "MG": "Mammography", "MR": "MRI", "NM": "Nuclear medicine", "OP": "Eye photography",
    "OPT": "Eye scan", "PT": "PET", "PX": "Dental X-ray", "RF": "Fluoroscopy", "RG": "X-ray", "SM": "Microscopy",
    "US": "Ultrasound", "XA": "Angiography", "XC": "Photography",
}  # fmt: skip
"""What patients call modalities (PS3.3 Section C.7.3.1.1.1); others are not named."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An image or a clip on the page: its number among its like, and the name it is saved under."""

    number: int
    label: str
    name: str
    columns: int
    rows: int


def asset(name: str) -> bytes:
    """Return a file that the pages load."""
    return files(__package__).joinpath(_FOLDER, name).read_bytes()


def file_name(kind: str, number: int, count: int) -> str:
    """Name a picture without its ending: neutral, and in order when names are sorted."""
    return f"{kind}-{number:0{max(2, len(str(count)))}d}"


class Pages:
    """Writes pages; compiled once."""

    def __init__(self) -> None:
        environment = Environment(
            loader=PackageLoader(__package__, _FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals["version"] = hashlib.sha256(b"".join(map(asset, ASSETS))).hexdigest()[:12]
        self._environment = environment

    def gallery(self, base: str, contents: Contents, expires: int, *, is_secret: bool) -> bytes:
        """Show everything; ``base`` is the path that assets are below. ``is_secret``: a PIN is needed besides."""
        images, clips = list(_shown(contents.items, "image")), list(_shown(contents.items, "clip"))
        kinds = dict.fromkeys(_KINDS[one.modality] for one in contents.items if one.modality in _KINDS)
        return self._page(
            "gallery.html", base=base, images=images, clips=clips, kinds=list(kinds), year=contents.year,
            total=_counted(images, clips), end=_day(expires), end_date=_iso_date(expires), is_secret=is_secret,
        )  # fmt: skip

    def image(self, base: str, contents: Contents, number: int) -> bytes | None:
        """Show one image, for browsers without scripts; None where there is no such image."""
        images = list(_shown(contents.items, "image"))
        if not 1 <= number <= len(images):
            return None
        return self._page("image.html", base=base, one=images[number - 1], count=len(images))

    def pin(self, base: str, said: str = "") -> bytes:
        """Ask for the PIN; ``said`` is what was wrong with the one before."""
        return self._page("pin.html", base=base, said=said)

    def message(self, base: str, title: str, *lines: str) -> bytes:
        """Say something in a few lines."""
        return self._page("message.html", base=base, title=title, lines=lines)

    def _page(self, template: str, **values: object) -> bytes:
        return self._environment.get_template(template).render(**values).encode()


def _shown(items: Sequence[Item], kind: str) -> Iterator[Shown]:
    found = [item for item in items if item.is_clip == (kind == "clip")]
    for number, item in enumerate(found, 1):
        label = f"{kind.capitalize()} {number} of {len(found)}"
        yield Shown(number, label, file_name(kind, number, len(found)), item.columns, item.rows)


def _counted(images: Sequence[Shown], clips: Sequence[Shown]) -> str:
    named = ((len(images), "image"), (len(clips), "clip"))
    return " and ".join(f"{count} {name}{'s' if count > 1 else ''}" for count, name in named if count)


def _day(seconds: int) -> str:
    day = datetime.fromtimestamp(seconds, UTC)
    return f"{day.day} {month_name[day.month]} {day.year}"


def _iso_date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
