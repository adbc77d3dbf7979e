"""The engine on files and folders."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID

from gateway.core.mask.model import FrameWork
from gateway.core.pseudonym.keys import KeyRing
from gateway.core.rewrite.engine import Engine
from gateway.files import HEAD_BYTES, Report, deidentify_files, find_files
from gateway.masking import pool
from tests.kit import banners
from tests.kit.engine import profile
from tests.kit.images import CANARY, written

KEYS = KeyRing(bytes(range(32)), "files")


def sample(name: str) -> Path:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    return Path(path)


CT = sample("CT_small.dcm")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in" / "SMITH^JOHN"
    folder.mkdir(parents=True)
    shutil.copy(CT, folder / "SMITH_JOHN_19500101.dcm")
    return tmp_path / "in"


def run(
    inputs: list[Path], out: Path, name: str = "nominal", progress: Callable[[int], None] = lambda _: None
) -> Report:
    engine = Engine(profile(name), KEYS)
    return deidentify_files(find_files(inputs, out), out, engine, progress)


def outputs(folder: Path) -> list[Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def test_a_copy_is_named_by_its_released_uids_and_by_nothing_of_its_source(source: Path, tmp_path: Path) -> None:
    report = run([source], tmp_path / "out")
    original = dcmread(CT)
    uids = (original.StudyInstanceUID, original.SeriesInstanceUID, original.SOPInstanceUID)
    assert outputs(tmp_path / "out") == [Path("/".join(map(KEYS.uid, uids)) + ".dcm")]
    assert (report.released, report.failures) == (1, [])


def test_a_copy_is_de_identified_and_its_source_unchanged(source: Path, tmp_path: Path) -> None:
    run([source], tmp_path / "out")
    copy = dcmread(tmp_path / "out" / outputs(tmp_path / "out")[0])
    original = dcmread(CT)
    assert copy.PatientID == KEYS.patient("", original.PatientID, original.StudyInstanceUID)
    assert copy.PixelData == original.PixelData
    assert next(source.rglob("*.dcm")).read_bytes() == CT.read_bytes()


@pytest.mark.parametrize("name", ["image_dfl.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "JPEG2000.dcm"])
def test_every_transfer_syntax_gets_its_name(tmp_path: Path, name: str) -> None:
    run([sample(name)], tmp_path / "out")
    copy = dcmread(tmp_path / "out" / outputs(tmp_path / "out")[0])
    expected = Path(copy.StudyInstanceUID) / copy.SeriesInstanceUID / f"{copy.SOPInstanceUID}.dcm"
    assert outputs(tmp_path / "out") == [expected]
    assert copy.SOPInstanceUID == KEYS.uid(dcmread(sample(name)).SOPInstanceUID)


def test_a_long_head_is_read_to_its_uids(tmp_path: Path) -> None:
    data_set = dcmread(CT)
    data_set.ImageType = ["ORIGINAL"] * 7000
    data_set.ConvolutionKernel = ["STANDARD"] * 7000
    data_set.save_as(tmp_path / "long.dcm")
    run([tmp_path / "long.dcm"], tmp_path / "out")
    copy = tmp_path / "out" / outputs(tmp_path / "out")[0]
    assert copy.read_bytes().index(b"\x20\x00\x0d\x00UI") > HEAD_BYTES
    assert copy.name == KEYS.uid(data_set.SOPInstanceUID) + ".dcm"


def test_a_file_without_study_and_series_is_still_kept(tmp_path: Path) -> None:
    data_set = dcmread(CT)
    del data_set.StudyInstanceUID, data_set.SeriesInstanceUID
    data_set.save_as(tmp_path / "loose.dcm")
    run([tmp_path / "loose.dcm"], tmp_path / "out")
    assert outputs(tmp_path / "out") == [Path("no-study", "no-series", KEYS.uid(data_set.SOPInstanceUID) + ".dcm")]


@pytest.mark.parametrize("uid", ["../../../../escaped", "..", ".", "/abs", "a/b"])
def test_a_retained_uid_that_is_none_cannot_choose_the_path(tmp_path: Path, uid: str) -> None:
    raw = CT.read_bytes()
    data_set = dcmread(CT)
    old = data_set.StudyInstanceUID.encode()
    crafted = raw.replace(old, uid.encode().ljust(len(old), b"\0"))
    (tmp_path / "crafted.dcm").write_bytes(crafted)
    run([tmp_path / "crafted.dcm"], tmp_path / "deep" / "er" / "out", "retain-uids")
    names = outputs(tmp_path)
    assert [name.parts[:3] for name in names if name != Path("crafted.dcm")] == [("deep", "er", "out")]
    assert "escaped" not in str(names)


def test_a_second_run_finds_its_copies_already_there(source: Path, tmp_path: Path) -> None:
    run([source], tmp_path / "out")
    copy = tmp_path / "out" / outputs(tmp_path / "out")[0]
    before = (copy.stat().st_ino, copy.read_bytes())
    report = run([source], tmp_path / "out")
    assert (report.released, report.already_there, report.failures) == (0, 1, [])
    assert (copy.stat().st_ino, copy.read_bytes()) == before


def test_another_file_under_the_same_name_is_never_overwritten(source: Path, tmp_path: Path) -> None:
    run([source], tmp_path / "out")
    copy = tmp_path / "out" / outputs(tmp_path / "out")[0]
    copy.write_bytes(b"mine")
    report = run([source], tmp_path / "out")
    assert [failure.kind for failure in report.failures] == ["NameTaken"]
    why = "is there with other content: of another file with the same UIDs, or of another run"
    assert report.failures[0].what.endswith(f"{copy} {why}")
    assert copy.read_bytes() == b"mine"


def test_without_hard_links_a_copy_still_gets_its_name_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert run([source], tmp_path / "out").released == 1
    assert run([source], tmp_path / "out").already_there == 1
    assert len(outputs(tmp_path / "out")) == 1


def test_a_truncated_file_leaves_nothing_behind_and_the_rest_goes_on(source: Path, tmp_path: Path) -> None:
    (source / "0-cut.dcm").write_bytes(CT.read_bytes()[:20_000])
    report = run([source], tmp_path / "out")
    assert report.released == 1
    assert [(failure.path.name, failure.kind) for failure in report.failures] == [("0-cut.dcm", "MalformedInput")]
    assert len(outputs(tmp_path / "out")) == 1


def test_a_failure_tells_tag_and_offset_and_no_value(tmp_path: Path) -> None:
    raw = CT.read_bytes()
    at = raw.index(b"CompressedSamples^CT1") - 4  # the VR of the patient's name
    assert raw[at : at + 2] == b"PN"
    (tmp_path / "bad.dcm").write_bytes(raw[:at] + b"??" + raw[at + 2 :])
    report = run([tmp_path / "bad.dcm"], tmp_path / "out")
    failure = report.failures[0]
    assert (failure.kind, failure.tags, failure.offset is not None) == ("MalformedInput", (0x00100010,), True)
    assert "CompressedSamples" not in str(failure)
    assert "CompressedSamples" not in str(report.as_json())


def test_what_the_profile_refuses_is_a_failure(tmp_path: Path) -> None:
    report = run([sample("test-SR.dcm")], tmp_path / "out", "strict")
    assert [failure.kind for failure in report.failures] == ["RefusedByProfile"]
    assert outputs(tmp_path / "out") == []


def test_other_files_in_a_folder_are_counted_and_no_failure(source: Path, tmp_path: Path) -> None:
    (source / "readme.txt").write_text("hello")
    (source / "empty").write_bytes(b"")
    shutil.copy(sample("DICOMDIR"), source / "DICOMDIR")
    report = run([source], tmp_path / "out")
    assert (report.released, report.not_dicom, report.media_directories, report.failures) == (1, 2, 1, [])


def test_a_file_that_calls_itself_dicom_has_to_be(source: Path, tmp_path: Path) -> None:
    (source / "broken.dcm").write_bytes(b"cut")
    report = run([source], tmp_path / "out")
    assert [(failure.path.name, failure.kind) for failure in report.failures] == [("broken.dcm", "Unreadable")]
    assert report.not_dicom == 0


def test_a_file_that_was_named_has_to_be_dicom(source: Path, tmp_path: Path) -> None:
    (source / "readme.txt").write_text("hello")
    report = run([source / "readme.txt", sample("DICOMDIR")], tmp_path / "out")
    assert [failure.kind for failure in report.failures] == ["Unreadable", "MediaDirectory"]


def test_a_file_that_cannot_be_read_is_a_failure(source: Path, tmp_path: Path) -> None:
    files = find_files([source], tmp_path / "out")
    files[0].path.unlink()
    report = deidentify_files(files, tmp_path / "out", Engine(profile("nominal"), KEYS))
    assert [(failure.kind, failure.what) for failure in report.failures] == [
        ("Unreadable", "No such file or directory")
    ]


def test_an_output_folder_inside_the_input_is_not_read(source: Path) -> None:
    run([source], source / "out")
    assert [file.path.name for file in find_files([source], source / "out")] == ["SMITH_JOHN_19500101.dcm"]


def test_a_file_given_twice_is_read_once(source: Path, tmp_path: Path) -> None:
    file = next(source.rglob("*.dcm"))
    (tmp_path / "link").symlink_to(source)
    assert len(find_files([source, file, tmp_path / "link", source], tmp_path / "out")) == 1


def test_a_pipe_in_a_folder_is_passed_over(source: Path, tmp_path: Path) -> None:
    os.mkfifo(source / "pipe")
    assert len(find_files([source], tmp_path / "out")) == 1


def test_progress_tells_every_byte_of_good_and_bad_files(source: Path, tmp_path: Path) -> None:
    (source / "readme.txt").write_text("hello")
    (source / "cut.dcm").write_bytes(CT.read_bytes()[:20_000])
    told: list[int] = []
    run([source], tmp_path / "out", progress=told.append)
    assert sum(told) == CT.stat().st_size + 5 + 20_000


def test_actions_are_counted_over_all_files(source: Path, tmp_path: Path) -> None:
    once = run([source], tmp_path / "one").actions
    shutil.copy(sample("MR_small.dcm"), source / "other.dcm")
    both = run([source], tmp_path / "two").actions
    assert once["uid"] > 0
    assert all(both[name] > count for name, count in once.items())
    assert run([source], tmp_path / "two").as_json()["actions"] == dict(sorted(both.items()))


def test_an_output_folder_that_cannot_be_written_stops_the_run(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OSError, match="File exists"):
        run([source], tmp_path / "out")


def test_a_part10_file_of_a_media_directory_is_known_by_its_meta_information(tmp_path: Path) -> None:
    data_set = dcmread(CT)
    assert isinstance(data_set.file_meta, FileMetaDataset)
    data_set.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.1.3.10")
    data_set.save_as(tmp_path / "renamed.bin")
    (tmp_path / "in").mkdir()
    (tmp_path / "renamed.bin").rename(tmp_path / "in" / "renamed.bin")
    assert run([tmp_path / "in"], tmp_path / "out").media_directories == 1


def test_compressed_and_native_pixels_are_masked_and_a_refusal_brings_the_missing_rule(tmp_path: Path) -> None:
    burned = {KEYS.uid(one.found.SOPInstanceUID): one for one in banners.objects()}
    (tmp_path / "in").mkdir()
    for number, one in enumerate(burned.values()):
        (tmp_path / "in" / f"{number}.dcm").write_bytes(one.part10)
    (tmp_path / "in" / "unknown.dcm").write_bytes(banners.capture(99).part10)
    report = run([tmp_path / "in"], tmp_path / "out", "clean-pixel-data")
    assert report.released == len(burned)
    for path in outputs(tmp_path / "out"):
        one = burned[path.stem]
        source = banners.decoded(one.part10, tmp_path)
        shown = banners.decoded((tmp_path / "out" / path).read_bytes(), tmp_path)
        for frame in shown:
            banners.assert_masked(frame, one.name)
        assert (shown[:, banners.BANNER :] == source[:, banners.BANNER :]).all()
    (failure,) = report.failures
    assert failure.kind == "RefusedByMasks"
    assert "Missing rule: {name: " in failure.what
    assert CANARY not in str(failure)


def _dies(_work: FrameWork) -> bytes:
    os._exit(1)


def test_a_codec_that_crashes_fails_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    for one in banners.objects():
        if one.name in ("native RGB, 1 frames", "JPEG-LS, 3 frames"):
            (tmp_path / "in" / f"{one.name}.dcm").write_bytes(one.part10)
    monkeypatch.setattr(pool, "masked", _dies)
    report = run([tmp_path / "in"], tmp_path / "out", "clean-pixel-data")
    (failure,) = report.failures
    assert (report.released, failure.path.stem, failure.kind) == (1, "JPEG-LS, 3 frames", "MalformedInput")
    assert len(outputs(tmp_path / "out")) == 1


def test_masked_bytes_of_a_large_file_do_not_go_another_way(tmp_path: Path) -> None:
    burned = banners.ultrasound(7, banners.drawn(7, 100))
    (tmp_path / "one.dcm").write_bytes(written(burned))
    run([tmp_path / "one.dcm"], tmp_path / "out", "clean-pixel-data")
    copy = dcmread(tmp_path / "out" / outputs(tmp_path / "out")[0])
    shown = banners.samples_of(copy)
    for frame in shown:
        banners.assert_masked(frame, "a clip")
    assert (shown[:, banners.BANNER :] == banners.samples_of(burned)[:, banners.BANNER :]).all()
