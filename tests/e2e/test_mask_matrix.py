"""The matrix of objects, Transfer Syntaxes and policies: nothing in it is open, and the docs say what it says."""

from collections import Counter

import numpy as np
import pytest

from gateway.core.mask.model import Image, Policy, Rectangle
from gateway.core.standard.uids import TRANSFER_SYNTAXES
from gateway.core.wire.multipart import PartStart
from gateway.masking.pool import Codecs
from gateway.routes.masked import FrameMasker
from scripts import mask_matrix
from tests.kit import matrix
from tests.kit.matrix import KINDS, MASKED, OUTCOMES, PASSED, REFUSED, SCREENED, UNCOMPRESSED, Cell

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found() -> list[Cell]:
    return list(matrix.cells())


def test_every_cell_has_an_outcome(found: list[Cell]) -> None:
    assert len(found) == len({(one.kind, one.ruled, one.policy, one.syntax) for one in found})
    assert len(found) == len(KINDS) * 2 * len(Policy) * len(TRANSFER_SYNTAXES)
    assert Counter(one.outcome for one in found).keys() == OUTCOMES.keys()


def test_what_may_show_text_passes_only_where_the_profile_allows_it(found: list[Cell]) -> None:
    suspects = {one.kind for one in found if one.policy == "mask" and not one.ruled and one.outcome == REFUSED}
    assert len(suspects) == 9
    assert {one.policy for one in found if one.kind in suspects and one.outcome == PASSED} == {"allow"}


def test_with_a_rule_nothing_passes_as_it_is_but_what_no_mask_can_be_laid_on(found: list[Cell]) -> None:
    passed = {(one.kind, one.policy) for one in found if one.ruled and one.outcome == PASSED}
    assert passed == {("video", "allow"), ("encapsulated PDF", "allow")}


def test_nobody_screens_where_the_policy_does_not_say_so(found: list[Cell]) -> None:
    assert {one.policy for one in found if one.outcome == SCREENED} == {"screen", "mask_or_screen"}


def test_every_syntax_that_can_be_written_here_is_masked_in_itself(found: list[Cell]) -> None:
    masked = {one.syntax for one in found if one.outcome == MASKED}
    assert masked == set(matrix._CAN) - {matrix._ENCAPSULATED_NATIVE}


def test_a_pixel_that_survives_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    kind, syntax = KINDS[0], "1.2.840.10008.1.2.4.90"
    decoded = matrix._decoded

    def leaking(*arguments: object) -> list[object]:
        frames = [np.array(one) for one in decoded(*arguments)]  # type: ignore[arg-type]
        frames[0][3, 7] = 1
        return list(frames)

    monkeypatch.setattr(matrix, "_decoded", leaking)
    with pytest.raises(AssertionError):
        matrix.outcome(kind, Policy.MASK, syntax, ruled=True)


def test_the_docs_are_current(
    found: list[Cell], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mask_matrix, "cells", lambda: iter(found))
    assert mask_matrix.main(["--check"]) == 0, capsys.readouterr().out
    less = found[:-1]
    monkeypatch.setattr(mask_matrix, "cells", lambda: iter([*less, Cell(*_key(found[-1]), "masked")]))
    assert mask_matrix.main(["--check"]) == 1
    assert capsys.readouterr().out == "stale: mask-matrix.csv\nstale: masks.md\n"


def _key(one: Cell) -> tuple[str, bool, str, str]:
    return one.kind, one.ruled, one.policy, one.syntax


def test_frames_that_are_not_masked_as_they_are_stored_are_not_taken_at_their_door(found: list[Cell]) -> None:
    image = Image(4, 4, 1, 8, 8, is_signed=False, photometric="MONOCHROME2")
    masker = FrameMasker(image, (Rectangle(0, 0, 1, 1),), Codecs(1))
    by_syntax = {one.syntax: one.outcome for one in found if one.kind == "CT" and one.ruled}
    assert set(by_syntax.values()) == {MASKED, UNCOMPRESSED}
    samples = {matrix._ENCAPSULATED_NATIVE}  # whose frames are no different in an object and uncompressed
    for syntax, outcome in by_syntax.items():
        start = PartStart({"content-type": f"application/octet-stream; transfer-syntax={syntax}"})
        assert masker.takes(start) is (outcome == MASKED or syntax in samples), syntax
