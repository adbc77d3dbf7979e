import io
import pickle

import msgspec
import numpy as np

from gateway.core.mask.model import Rectangle
from gateway.ports import Frame
from gateway.screening.text import Pixels, Text, as_colour
from gateway.screening.worker import LENGTH, Answer, Request, serve
from tests.kit.screened import frame_of

PICTURE = as_colour(np.tile(np.linspace(0, 255, 50).astype(np.uint8), (40, 1)))


class Everything:
    """Finds one text, all over."""

    def find(self, pixels: Pixels, *, reads: bool) -> list[Text]:
        return [Text(Rectangle(0, 0, *pixels.shape[:2]), "read" if reads else "")]


def answers(*requests: Request) -> list[Answer]:
    asked, answered = io.BytesIO(), io.BytesIO()
    for request in requests:
        data = pickle.dumps(request)
        asked.write(len(data).to_bytes(LENGTH, "big") + data)
    asked.seek(0)
    serve(asked, answered, Everything())
    answered.seek(0)
    found = []
    while head := answered.read(LENGTH):
        found.append(msgspec.msgpack.decode(answered.read(int.from_bytes(head, "big")), type=Answer))
    return found


def asked(*, frame: Frame | None = None, is_first: bool = True, reads: bool = False) -> Request:
    return Request(frame or frame_of(PICTURE), is_first, reads)


def test_each_request_gets_its_answer() -> None:
    first, second = answers(asked(), asked(is_first=False))
    assert first.looked is not None
    assert first.looked.texts == [Text(Rectangle(0, 0, 40, 50))]
    assert second.looked is not None
    assert second.looked.texts == [], "the same frame was seen before"


def test_the_next_object_is_looked_at_anew() -> None:
    _, second = answers(asked(), asked(reads=True))
    assert second.looked is not None
    assert [text.written for text in second.looked.texts] == ["read"]


def test_pixels_that_cannot_be_decoded_have_no_answer_and_break_nothing() -> None:
    whole = frame_of(PICTURE)
    broken = Frame(whole.attributes, {}, "PixelData", b"too short", whole.media_type, whole.transfer_syntax)
    first, second = answers(asked(frame=broken), asked())
    assert first.looked is None
    assert second.looked is not None
