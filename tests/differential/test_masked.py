"""Masks on real files: the header is what it is without them but for what masks say, and of the pixels nothing is left.

One rule is for every object: it blanks a rectangle that lies somewhere inside.
"""

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from io import BytesIO
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from gateway.core.errors import MalformedInput
from gateway.core.mask.areas import Area, Length
from gateway.core.mask.model import FrameWork, Policy, Rectangle, Verdict
from gateway.core.mask.rules import MaskRule, Masks, What
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.part10 import Part10Rewriter
from tests.differential.corpus_files import CORPUS, NAMES, REFUSED
from tests.kit.engine import KEYS, profile, random_cuts
from tests.kit.raw import differences, read, tree

pytestmark = [pytest.mark.corpus, pytest.mark.filterwarnings("ignore")]

PASSED = [name for name in NAMES if name not in REFUSED]
PIXELS: Final = (0x7FE00008, 0x7FE00009, 0x7FE00010)
SAID: Final = (0x00280301, 0x00120064)
"""What an object says of its mask."""
_SOME, _MORE = Length(Fraction(10), is_percent=True), Length(Fraction(45), is_percent=True)
RULE: Final = MaskRule("everywhere", (), What.BLANK, (Area(_SOME, _SOME, _MORE, _MORE),))


@lru_cache(maxsize=1)
def masking() -> Engine:
    return Engine(replace(profile("nominal"), masks=Masks(Policy.ALLOW, (RULE,))), KEYS)


@lru_cache(maxsize=1)
def plain() -> Engine:
    return Engine(profile("nominal"), KEYS)


def made(rewriter: Part10Rewriter, data: bytes) -> tuple[bytes, list[FrameWork]]:
    """Rewrite a file in pieces; a frame comes out as its codestream was."""
    out: list[bytes] = []
    works: list[FrameWork] = []
    for chunk in (*random_cuts(data, len(data)), None):
        for step in rewriter.last_pieces() if chunk is None else rewriter.pieces(chunk):
            if isinstance(step, FrameWork):
                works.append(step)
                out.append(step.finish(step.data))
            else:
                out.append(bytes(step))
    return b"".join(out), works


def hidden(tag: int) -> bool:
    """Say whether an attribute shows pixels elsewhere, or says where frames begin."""
    return tag in (0x00880200, 0x00420011, 0x00287FE0) or (tag >> 24 in (0x50, 0x60, 0x7F) and tag not in PIXELS)


@pytest.mark.parametrize("name", PASSED)
def test_a_mask_changes_its_pixels_and_what_is_said_of_them(name: str) -> None:
    data = (CORPUS / name).read_bytes()
    unmasked = read(made(plain().part10(), data)[0])
    rewriter = masking().part10()
    try:
        out, works = made(rewriter, data)
    except MalformedInput as refused:
        pytest.skip(f"pixels that are not as the object says: {refused}")
    decision = rewriter.decision
    assert decision is not None
    masked = read(out)
    is_masked = decision.verdict is Verdict.MASK
    if not is_masked:
        assert list(differences(tree(masked), tree(unmasked))) == []
        return
    left = [one for one in tree(masked) if one[0] not in (*PIXELS, *SAID)]
    right = [one for one in tree(unmasked) if one[0] not in (*PIXELS, *SAID) and not hidden(one[0])]
    assert [where for where in differences(left, right) if "(0028,0004)" not in where] == []
    assert masked.BurnedInAnnotation == "NO"
    assert "113101" in [item.CodeValue for item in masked.DeidentificationMethodCodeSequence]
    if works:
        assert len(works) == int(unmasked.get("NumberOfFrames") or 1)
        assert all(work.rectangles == decision.rectangles for work in works)
    elif any(tag in masked for tag in PIXELS):
        check_native(masked, unmasked, decision.rectangles)


def check_native(masked: Dataset, unmasked: Dataset, rectangles: tuple[Rectangle, ...]) -> None:
    """Compare samples by an independent reading of the value."""
    tag = next(tag for tag in PIXELS if tag in masked)
    bits, samples = int(masked.BitsAllocated), int(masked.SamplesPerPixel)
    if bits < 8 or "422" in masked.PhotometricInterpretation or "420" in masked.PhotometricInterpretation:
        return
    frames, rows, columns = int(masked.get("NumberOfFrames") or 1), int(masked.Rows), int(masked.Columns)
    shape = (frames, rows, columns, samples)
    if samples > 1 and masked.PlanarConfiguration:
        shape = (frames, samples, rows, columns)
    whole = int(np.prod(shape))
    big = bits == 8 and "Big" in str(masked.file_meta.TransferSyntaxUID.name)
    before, after = (
        samples_of(value.value, bits, is_swapped=big and value.VR == "OW")[:whole].reshape(shape)
        for value in (unmasked.get_item(tag), masked.get_item(tag))
    )
    if samples > 1 and masked.PlanarConfiguration:
        before, after = before.transpose(0, 2, 3, 1), after.transpose(0, 2, 3, 1)
    inside = np.zeros((rows, columns), bool)
    for each in rectangles:
        inside[each.y : each.y + each.height, each.x : each.x + each.width] = True
    assert inside.any()
    assert (after[:, ~inside] == before[:, ~inside]).all()
    assert all(len(np.unique(after[:, inside, sample])) == 1 for sample in range(samples)), "something survived"


def samples_of(value: bytes, bits: int, *, is_swapped: bool) -> NDArray[Any]:
    found = np.frombuffer(value, np.uint8)
    if is_swapped:
        found = found[: len(found) // 2 * 2].reshape(-1, 2)[:, ::-1].reshape(-1)
    size = bits // 8
    return found[: len(found) // size * size].view(f"u{size}") if size > 1 else found


def test_a_decoder_finds_the_mask() -> None:
    name = next(name for name in PASSED if name.endswith("CT_small.dcm"))
    out, _ = made(masking().part10(), (CORPUS / name).read_bytes())
    shown = dcmread(BytesIO(out)).pixel_array
    assert len(np.unique(shown[13:70, 13:70])) == 1
