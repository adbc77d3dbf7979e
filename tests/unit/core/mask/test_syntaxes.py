"""Which compressed frames can be masked, and what of their description changes."""

import pytest

from gateway.core.mask.syntaxes import JPEG, MASKED, photometric_of_masked
from gateway.core.standard.uids import TRANSFER_SYNTAXES


def test_only_encapsulated_syntaxes_of_the_standard_are_masked_frame_by_frame() -> None:
    assert JPEG < MASKED
    assert all(TRANSFER_SYNTAXES[syntax].encapsulated for syntax in MASKED)


@pytest.mark.parametrize("refused", ["1.2.840.10008.1.2.4.111", "1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.102"])
def test_video_part_2_and_recompressed_jpeg_are_not(refused: str) -> None:
    assert refused in TRANSFER_SYNTAXES
    assert refused not in MASKED


@pytest.mark.parametrize(
    ("said", "left"), [("YBR_ICT", "YBR_RCT"), ("XYB", "RGB"), ("YBR_RCT", "YBR_RCT"), ("MONOCHROME1", "MONOCHROME1")]
)
def test_transforms_that_lose_are_not_those_of_a_masked_frame(said: str, left: str) -> None:
    assert photometric_of_masked(said) == left
