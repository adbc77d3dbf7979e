from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames

pytest.importorskip("rapidocr", reason="needs the extra screen")

from gateway.core.mask.model import Verdict
from gateway.core.profile.parse import parse_profile
from gateway.core.pseudonym.keys import KeyRing
from gateway.core.rewrite.engine import Engine
from gateway.files import Report, deidentify_files, find_files
from gateway.screening import files
from tests.kit import burned
from tests.kit.engine import mask_rules, profile
from tests.kit.images import SYNTAXES, encapsulated, image, transcoded, written
from tests.kit.screened import image_of, question

PROFILE = "name: p\nbased_on: nominal\napply_masks: true\nburned_in_text: screen\n"
EMPTY = np.full((120, 400), 30, np.uint8)
NAMED, TEXT = burned.write(EMPTY, "BEISPIEL^ERIKA", (30, 40), 20, 200)
LOSSLESS = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80"]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(parse_profile(PROFILE, "p.yaml", profile, mask_rules), KeyRing(b"s" * 32, "tests"))


def copied(engine: Engine, folder: Path, data: bytes) -> tuple[Report, list[pydicom.FileDataset]]:
    (folder / "in").mkdir()
    (folder / "in" / "one.dcm").write_bytes(data)
    report = deidentify_files(find_files([folder / "in"], folder / "out"), folder / "out", engine)
    return report, [pydicom.dcmread(path) for path in (folder / "out").rglob("*.dcm")]


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_text_in_a_file_is_masked_on_all_frames(engine: Engine, tmp_path: Path, syntax: str) -> None:
    assert syntax in SYNTAXES
    several = image(NAMED) if syntax.endswith(".80") else image(np.stack([EMPTY, NAMED]), frames=2)
    report, (copy,) = copied(engine, tmp_path, written(transcoded(several, syntax)))
    assert report.released == 1
    frames = copy.pixel_array.reshape(-1, *EMPTY.shape)
    assert all(len(np.unique(frame[TEXT.glyphs])) == 1 for frame in frames)
    assert (frames[:, 80:] == 30).all()
    assert copy.BurnedInAnnotation == "NO"


def test_a_file_without_text_stays_as_it_is(engine: Engine, tmp_path: Path) -> None:
    _, (copy,) = copied(engine, tmp_path, written(image(EMPTY)))
    assert (copy.pixel_array == EMPTY).all()
    assert copy.BurnedInAnnotation == "NO"


def test_a_file_that_cannot_be_looked_at_is_refused(engine: Engine, tmp_path: Path) -> None:
    broken = transcoded(image(NAMED), "1.2.840.10008.1.2.4.80")
    at = broken.PixelData.find(b"\xff\xda")
    broken.PixelData = broken.PixelData[:at] + bytes(len(broken.PixelData) - at)
    report, copies = copied(engine, tmp_path, written(broken))
    assert not copies
    assert len(report.failures) == 1


def test_without_the_extra_a_file_is_refused_with_what_is_missing(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "missing", lambda: "rapidocr missing: pip install 'dicomveil[screen]'")
    report, copies = copied(engine, tmp_path, written(image(NAMED)))
    assert not copies
    assert "pip install" in report.failures[0].what


def test_frames_beyond_those_an_object_says_are_refused(engine: Engine, tmp_path: Path) -> None:
    report, copies = copied(engine, tmp_path, written(image(np.stack([EMPTY, NAMED]))))
    assert (report.released, copies) == (0, [])


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80"])
def test_compressed_frames_beyond_those_an_object_says_are_refused(tmp_path: Path, syntax: str) -> None:
    both = [
        next(generate_frames(transcoded(image(one), syntax).PixelData, number_of_frames=1)) for one in (EMPTY, NAMED)
    ]
    several = encapsulated(image(EMPTY), syntax, both)
    several.PixelData = encapsulate(both, has_bot=False)
    (tmp_path / "one.dcm").write_bytes(written(several))
    answer = files.FileScreener().judge(tmp_path / "one.dcm", question(), image_of(EMPTY, 1))
    assert (answer.verdict, answer.is_clean) == (Verdict.REFUSE, False)


def test_a_frame_in_many_fragments_is_one(engine: Engine, tmp_path: Path) -> None:
    found = transcoded(image(NAMED), "1.2.840.10008.1.2.4.80")
    whole = next(generate_frames(found.PixelData, number_of_frames=1))
    encapsulated(found, "1.2.840.10008.1.2.4.80", [whole])
    found.PixelData = encapsulate([whole], fragments_per_frame=3)
    report, (copy,) = copied(engine, tmp_path, written(found))
    assert report.released == 1
    assert len(np.unique(copy.pixel_array[TEXT.glyphs])) == 1


def test_samples_that_lie_in_other_bits_are_refused(engine: Engine, tmp_path: Path) -> None:
    shifted = image(NAMED.astype(np.uint16) << 8, BitsStored=8, HighBit=15)
    report, copies = copied(engine, tmp_path, written(shifted))
    assert (report.released, copies) == (0, [])
