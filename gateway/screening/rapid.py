"""Text detection by RapidOCR: PP-OCR models on onnxruntime, which come with its package. Only workers import this.

The thresholds are below the library's own: a box too many costs a few pixels, one too few shows a name.
"""

from typing import Any, Final

import numpy as np
from PIL import Image
from rapidocr import RapidOCR

from gateway.core.mask.geometry import clipped
from gateway.screening.text import Pixels, Text, as_colour

SCALE: Final = 1.5
"""Small letters are found better when they are enlarged; beyond this it only takes longer."""
MIN_SIDE: Final = 64
"""Of a smaller picture, the network sees too little around the letters."""
_OPTIONS: Final[dict[str, Any]] = {
    "Global.log_level": "critical",  # its log would name what it read
    "Global.use_preprocess_img": False,  # which makes large pictures small
    "Global.use_vertical_padding": False,
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Det.limit_type": "min",
    "Det.limit_side_len": 32,
    "Det.thresh": 0.2,
    "Det.box_thresh": 0.3,
    "Det.unclip_ratio": 1.8,
}


class RapidText:
    """One thread, two networks, loaded when they are first needed."""

    def __init__(self) -> None:
        self._engine: Any = RapidOCR(params=_OPTIONS)

    def find(self, pixels: Pixels, *, reads: bool) -> list[Text]:
        """Return every text of a picture."""
        rows, columns = pixels.shape[:2]
        found = self._engine(_enlarged(pixels), use_det=True, use_cls=False, use_rec=False)
        texts = []
        for corners in () if found.boxes is None else found.boxes / SCALE:
            (x0, y0), (x1, y1) = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
            place = clipped(int(x0), int(y0), int(x1 - x0) + 1, int(y1 - y0) + 1, rows, columns)
            if place is not None:  # or it lies in what was put around a small picture
                inside = pixels[place.y : place.y + place.height, place.x : place.x + place.width]
                texts.append(Text(place, *(self._read(inside) if reads else ("", 0.0))))
        return texts

    def _read(self, pixels: Pixels) -> tuple[str, float]:
        found = self._engine(
            np.ascontiguousarray(as_colour(pixels)), use_det=False, use_cls=False, use_rec=True, text_score=0.0
        )
        return (str(found.txts[0]), float(found.scores[0])) if found.txts else ("", 0.0)


def _enlarged(pixels: Pixels) -> Pixels:
    rows, columns = pixels.shape[:2]
    if min(rows, columns) < MIN_SIDE:
        beyond = [(0, max(0, MIN_SIDE - rows)), (0, max(0, MIN_SIDE - columns)), (0, 0)]
        pixels = np.pad(pixels, beyond[: pixels.ndim], mode="edge")
        rows, columns = pixels.shape[:2]
    picture = Image.fromarray(as_colour(pixels))
    return np.asarray(picture.resize((round(columns * SCALE), round(rows * SCALE)), Image.Resampling.BILINEAR))
