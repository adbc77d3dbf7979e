"""What a profile's masks do to one file: the decision that every door makes, and the picture before and after.

The picture before is the original: whoever sees it has the file.
"""

import io
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
from PIL import Image, ImageDraw, ImageFont

from gateway.adapters.folder.attributes import to_json
from gateway.adapters.folder.bodies import Source
from gateway.adapters.folder.files import UNREADABLE, FileSlice, read_data_set, silence_pydicom
from gateway.adapters.folder.index import Index, Instance
from gateway.adapters.folder.pixels import NoSuchFrameError, bulk_source, frame_offers, frame_sources
from gateway.core.errors import MalformedInput, NotAcceptable, RefusedByMasks
from gateway.core.mask.model import PixelDecision, Verdict
from gateway.core.profile.model import Profile
from gateway.core.pseudonym.keys import KeyRing
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.maskfacts import require_maskable
from gateway.core.standard import iods
from gateway.core.standard.uids import TransferSyntax, transfer_syntax
from gateway.core.wire.dicomjson import decode_object
from gateway.core.wire.jsonelement import text
from gateway.ports import Frame
from gateway.rendering.description import Description, bulk_uris, describe
from gateway.rendering.look import Look
from gateway.rendering.work import still

__all__ = ["Looked", "drawn", "look_at"]

_NO_SECRET: Final = b"\0" * 32
"""Nothing that depends on a secret is shown."""
_PALETTE: Final = ("00281201", "00281202", "00281203")
_SHOWN_WIDTH: Final = 720
_PAPER, _INK, _SOFT, _MARK = (250, 250, 250), (27, 36, 48), (91, 102, 118), (214, 84, 30)


@dataclass(frozen=True, slots=True)
class Looked:
    """One file under one profile; ``about`` says in words what it is, ``frame`` is what can be drawn of it.

    ``is_stuck``: there is a mask, and its frames cannot be masked as they are compressed.
    """

    profile: str
    decision: PixelDecision
    about: str
    rows: int
    columns: int
    number: int = 1
    frame: Frame | None = None
    is_stuck: bool = False
    has_masks: bool = True

    @property
    def told(self) -> str:
        """Say in words what happens to its pixels."""
        decision, said = self.decision, []
        if decision.rules:
            said.append(f"by {', '.join(decision.rules)}")
        if decision.rectangles:
            said.append(f"{len(decision.rectangles)} rectangle{'s' * (len(decision.rectangles) > 1)} in every frame")
        if decision.reason:
            said.append(decision.reason)
        if self.is_stuck:
            said.append("frames in its Transfer Syntax cannot be masked: only uncompressed ones leave")
        elif decision.is_clean:
            said.append("Burned In Annotation becomes NO")
        nothing = "no rule is for it, and nothing makes it suspect"
        return "; ".join(said) or (nothing if self.has_masks else f"profile {self.profile} has no masks")


def look_at(path: Path, profile: Profile, number: int = 1) -> Looked:
    """Decide about a file, and find what can be drawn of frame ``number``.

    Raises MalformedInput for what is no DICOM instance or has no such frame.
    """
    silence_pydicom()
    index = Index()
    if not index.add(path):
        raise MalformedInput("not a DICOM file, or one without the UIDs of its study, series and instance")
    instance = next(index.instances(next(iter(index.studies))))
    try:
        return _looked(instance, profile, number)
    except NoSuchFrameError:
        raise MalformedInput(f"has no frame {number}") from None
    except UNREADABLE:
        raise MalformedInput("cannot be read to its end") from None


def _looked(instance: Instance, profile: Profile, number: int) -> Looked:
    data_set = read_data_set(instance.path, instance.transfer_syntax)
    metadata = msgspec.json.encode(to_json(data_set, lambda path: path))
    elements = decode_object(metadata)
    engine = Engine(profile, KeyRing(_NO_SECRET, "preview"))
    decision = engine.pixel_decision(elements)
    sop_class = text(elements, "00080016")
    if engine.refuses(sop_class):
        decision = PixelDecision(Verdict.REFUSE, reason=f"profile {profile.name} refuses objects of this SOP Class")
    described = describe(metadata)
    named = transfer_syntax(instance.transfer_syntax)
    words = [iods.keyword_of(sop_class) or "an unknown SOP Class", named.name if named else "a private Transfer Syntax"]
    is_stuck = decision.verdict is Verdict.MASK and not _is_maskable(named)
    has_masks = profile.masks is not None
    if described is None:
        return Looked(profile.name, decision, ", ".join(words), 0, 0, is_stuck=is_stuck, has_masks=has_masks)
    words.append(f"{described.columns} x {described.rows}, frame {number} of {described.frames}")
    frame = _frame(instance, described, number)
    if decision.rectangles:
        palette = {int(key, 16): _value(instance, key.lower()) for key in _PALETTE if key in elements}
        frame = replace(frame, image=engine.image(elements, palette), rectangles=decision.rectangles)
    size = described.rows, described.columns
    return Looked(profile.name, decision, ", ".join(words), *size, number, frame, is_stuck, has_masks)


def _is_maskable(syntax: TransferSyntax | None) -> bool:
    if syntax is None:
        return False
    try:
        require_maskable(syntax)
    except RefusedByMasks:
        return False
    return True


def _frame(instance: Instance, described: Description, number: int) -> Frame:
    attributes = described.attributes(number)
    form = frame_offers(instance.transfer_syntax)[0]
    (source,) = frame_sources(instance, [number], form)
    bulk = {uri: _value(instance, uri) for uri in bulk_uris(attributes)}
    return Frame(
        attributes, bulk, described.keyword, _read(source), form.label or form.media_type, form.transfer_syntax
    )


def _value(instance: Instance, path: str) -> bytes:
    source = bulk_source(instance, path)
    return b"" if source is None else _read(source)


def _read(source: Source) -> bytes:
    if isinstance(source, FileSlice):
        return source.read()
    return source if isinstance(source, bytes) else source()


def drawn(looked: Looked) -> Image.Image:
    """Draw the frame as it is, with what is overwritten marked, beside the frame as it leaves.

    Raises NotAcceptable where it cannot be shown.
    """
    if looked.frame is None:
        raise NotAcceptable("there is no picture in it")
    before = _shown(replace(looked.frame, image=None, rectangles=()))
    scale = _SHOWN_WIDTH / before.width
    size = (_SHOWN_WIDTH, max(1, round(before.height * scale)))
    left = _marked(before.resize(size), looked, scale)
    if looked.decision.verdict in (Verdict.PASS, Verdict.MASK):
        right = _shown(looked.frame).resize(size)
    else:
        right = Image.new("RGB", size, (30, 34, 40))
        words = {Verdict.REFUSE: "does not leave", Verdict.SCREEN: "leaves once it was looked at for text"}
        middle = (size[0] / 2, size[1] / 2)
        ImageDraw.Draw(right).text(
            middle, words[looked.decision.verdict], _PAPER, ImageFont.load_default(26), anchor="mm"
        )
    return _beside(left, right, looked)


def _shown(frame: Frame) -> Image.Image:
    return Image.open(io.BytesIO(still(frame, Look(), "image/png"))).convert("RGB")


def _marked(picture: Image.Image, looked: Looked, scale: float) -> Image.Image:
    """Outline and hatch what is overwritten."""
    hatch = Image.new("L", picture.size)
    lines = ImageDraw.Draw(hatch)
    for start in range(-picture.height, picture.width, 9):
        lines.line((start, picture.height, start + picture.height, 0), 200)
    area = Image.new("L", picture.size)
    inside, edges = ImageDraw.Draw(area), ImageDraw.Draw(picture)
    boxes = [
        (one.x * scale, one.y * scale, (one.x + one.width) * scale - 1, (one.y + one.height) * scale - 1)
        for one in looked.decision.rectangles
    ]
    for box in boxes:
        inside.rectangle(box, 255)
    hatch.paste(0, mask=area.point(lambda value: 255 - value))
    picture.paste(_MARK, mask=hatch)
    for left, top, right, bottom in boxes:
        edges.rectangle((left, top, max(left, right), max(top, bottom)), outline=_MARK, width=2)
    return picture


def _beside(left: Image.Image, right: Image.Image, looked: Looked) -> Image.Image:
    """Put two pictures side by side between words."""
    small, large, gap = ImageFont.load_default(15), ImageFont.load_default(19), 16
    lines = textwrap.wrap(f"{looked.decision.verdict.value}: {looked.told}", 175) or [""]
    sheet = Image.new("RGB", (2 * left.width + 3 * gap, left.height + 66 + gap + 22 * (len(lines) + 1)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    second = left.width + 2 * gap
    for x, title in ((gap, "Before: the file itself"), (second, f"After: what leaves under {looked.profile}")):
        draw.text((x, 14), title, _INK, large)
    sheet.paste(left, (gap, 46))
    sheet.paste(right, (second, 46))
    for line, words in enumerate([looked.about, *lines]):
        draw.text((gap, left.height + 58 + 22 * line), words, _INK if line else _SOFT, small)
    return sheet
