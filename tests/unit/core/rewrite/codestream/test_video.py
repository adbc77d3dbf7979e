"""The container of a clip is told from its first bytes."""

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream import cleaner
from tests.kit.codestreams import AVC, H264, MPEG, MPEG2, TEXT, USER, mp4, program, sei, sized, transport, units
from tests.unit.core.rewrite.codestream.streams import passes


@pytest.mark.parametrize(
    ("syntax", "clip"),
    [
        (MPEG2, b"\0\0\1" + MPEG[0]),
        (MPEG2, units(*MPEG)),
        (MPEG2, program()),
        (MPEG2, transport()),
        (H264, transport(lead=b"\0\0\1\2")),
        (H264, transport(lead=b"\0\0\0\1")),
        (H264, units(*AVC)),
        (H264, mp4(audio=b"")),
    ],
)
def test_every_container_that_dicom_allows_is_known(syntax: str, clip: bytes) -> None:
    passes(syntax, clip)


@pytest.mark.parametrize(
    ("syntax", "clip"),
    [(MPEG2, mp4()), (H264, sized(b"\x06" + sei(USER), *AVC)), (H264, TEXT), (MPEG2, b"\x1aE\xdf\xa3" + TEXT)],
)
def test_any_other_is_malformed(syntax: str, clip: bytes) -> None:
    one = cleaner(syntax, keeps_icc=False)
    assert one
    with pytest.raises(MalformedInput, match="no container"):
        one.feed(clip)
