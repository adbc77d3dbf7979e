"""What a frame holds beside its picture, nobody looks at."""

from dataclasses import replace

import imagecodecs
import numpy as np
import pytest

from gateway.ports import Frame
from gateway.screening.stored import samples_of
from tests.kit.screened import frame_of

TWELVE = {"00280101": {"vr": "US", "Value": [12]}}
SIGNED = {"00280103": {"vr": "US", "Value": [1]}}
WORDS = (np.arange(63, dtype=np.uint16) * 65).reshape(7, 9)
HIDDEN = WORDS | (np.arange(63, dtype=np.uint16).reshape(7, 9) % 2 << 13)
JPEG_LS = "1.2.840.10008.1.2.4.80"
GREY = (np.arange(63, dtype=np.uint8) * 4).reshape(7, 9)


def more(frame: Frame, data: bytes) -> Frame:
    return replace(frame, data=frame.data + data)


def compressed(data: bytes | bytearray) -> Frame:
    return replace(frame_of(GREY), data=bytes(data), transfer_syntax=JPEG_LS)


def test_what_is_nothing_but_a_picture_has_samples() -> None:
    assert (samples_of(frame_of(GREY))[0] == GREY).all()
    assert (samples_of(more(frame_of(GREY), b"\0"))[0] == GREY).all(), "padded"
    assert (samples_of(frame_of(WORDS, **TWELVE))[0] == WORDS).all()
    assert (samples_of(compressed(imagecodecs.jpegls_encode(GREY) + b"\0"))[0] == GREY).all()


@pytest.mark.filterwarnings("ignore:The pixel data is")
def test_more_bytes_than_a_frame_has_are_not_passed_over() -> None:
    with pytest.raises(ValueError, match="more than its picture"):
        samples_of(more(frame_of(GREY), bytes(2)))
    with pytest.raises(ValueError, match="more than its picture"):
        samples_of(compressed(imagecodecs.jpegls_encode(GREY) + b"\0" + imagecodecs.jpegls_encode(GREY)))


@pytest.mark.filterwarnings("ignore:The pixel data is")
def test_subsampled_colours_are_whole_in_either_form() -> None:
    said = {"00280004": {"vr": "CS", "Value": ["YBR_FULL_422"]}}
    colours = np.zeros((4, 6, 3), np.uint8)
    frame = frame_of(colours, **said)
    for size in (72, 48):
        assert samples_of(replace(frame, data=bytes(size)))[0].shape == colours.shape
    with pytest.raises(ValueError, match="more than its picture"):
        samples_of(replace(frame, data=bytes(60)))


def test_bits_above_those_stored_are_not_passed_over() -> None:
    for attributes in (TWELVE, TWELVE | SIGNED):
        with pytest.raises(ValueError, match="more than its picture"):
            samples_of(frame_of(HIDDEN, **attributes))


def test_bits_above_those_stored_may_be_none_or_the_sign() -> None:
    signed = (WORDS.astype(np.int16) - 2000).clip(-2048, 2047)
    for words in (signed, signed.view(np.uint16) & 0x0FFF):
        assert (samples_of(frame_of(words, **TWELVE, **SIGNED))[0] == signed).all()


def test_a_sign_that_only_some_samples_have_is_something_else() -> None:
    some = np.full((7, 9), 0xF900, np.uint16)
    some[2:4, 2:4] = 0x0900
    with pytest.raises(ValueError, match="more than its picture"):
        samples_of(frame_of(some, **TWELVE, **SIGNED))
