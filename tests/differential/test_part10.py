"""Our Part 10 output, read by pydicom, equals what a naive de-identifier over a pydicom tree makes of the same file."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from zlib import crc32

import pytest
from pydicom import Dataset, dcmread

from gateway.core.errors import GatewayError
from tests.differential.corpus_files import CORPUS, NAMES, REFUSED
from tests.kit import reference
from tests.kit.corpus import read_manifest
from tests.kit.engine import KEYS, nominal, outcome, random_cuts, rewrite, single_bytes, strict
from tests.kit.raw import comparable, differences, read, tree

pytestmark = pytest.mark.corpus

PIXELS = {0x7FE00008, 0x7FE00009, 0x7FE00010}
META = [0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013]
PASSED = [name for name in NAMES if name not in REFUSED]
COMPRESSED = [
    entry.path
    for entry in (read_manifest(CORPUS) if CORPUS.is_dir() else ())
    if entry.path not in REFUSED and entry.transfer_syntax and "Endian" not in entry.transfer_syntax
]


@contextmanager
def refused(name: str) -> Iterator[None]:
    kind, reason = REFUSED[name]
    with pytest.raises(GatewayError, match=re.escape(reason)) as error:
        yield
    assert type(error.value).__name__ == kind


@lru_cache(maxsize=4)
def released(name: str) -> bytes:
    return rewrite(nominal(), [(CORPUS / name).read_bytes()])


def source(name: str) -> Dataset:
    return read((CORPUS / name).read_bytes())


def test_the_corpus_is_there() -> None:
    assert len(NAMES) > 400, f"no corpus in {CORPUS}: run make test"


def test_every_refusal_is_expected_and_every_expected_one_is_in_the_corpus() -> None:
    assert set(NAMES) >= set(REFUSED)


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_deidentified_is_refused_with_the_expected_reason(name: str) -> None:
    with refused(name):
        released(name)


@pytest.mark.parametrize("name", PASSED)
def test_output_equals_the_reference_element_by_element(name: str) -> None:
    expected = reference.deidentify(source(name), KEYS)
    assert list(differences(comparable(read(released(name))), comparable(expected))) == []


@pytest.mark.parametrize("name", PASSED)
def test_output_under_strict_equals_the_reference_element_by_element(name: str) -> None:
    data = (CORPUS / name).read_bytes()
    strictly = outcome(strict(), [data])
    if isinstance(strictly, str):
        assert strictly == "RefusedByProfile"
        pytest.skip("strict refuses what is no image, or names its subject")
    expected = reference.deidentify(read(data), KEYS, name="strict", details=reference.STRICT)
    assert list(differences(comparable(read(strictly)), comparable(expected))) == []
    assert outcome(strict(), random_cuts(data, crc32(name.encode()))) == strictly


@pytest.mark.parametrize("name", PASSED)
def test_pixel_data_is_bit_identical_but_for_what_is_written_over_in_frames(name: str) -> None:
    before = {tag: value for tag, _, value in comparable(source(name)) if tag in PIXELS}
    after = {tag: value for tag, _, value in comparable(read(released(name))) if tag in PIXELS}
    assert before == after


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", COMPRESSED)
def test_compressed_pixels_look_as_before(name: str) -> None:
    if tree(read(released(name)))[-1] == tree(source(name))[-1]:
        return  # nothing in them was written over
    try:
        before = dcmread(CORPUS / name).pixel_array
    except (AttributeError, RuntimeError, ValueError, NotImplementedError, TypeError, EOFError):
        pytest.skip("no decoder here reads the original")
    after = dcmread(BytesIO(released(name))).pixel_array
    assert (before == after).all()


@pytest.mark.parametrize("name", PASSED)
def test_file_meta_is_made_anew(name: str) -> None:
    part10, before = released(name), source(name)
    after = read(part10).file_meta
    assert part10[:132] == bytes(128) + b"DICM"
    assert [int(tag) for tag in sorted(after.keys())] == META
    assert after.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    assert after.MediaStorageSOPClassUID == reference.text(before, 0x00080016)
    assert after.MediaStorageSOPInstanceUID == reference.deidentify(before, KEYS).file_meta.MediaStorageSOPInstanceUID
    assert after.ImplementationClassUID != before.file_meta.get("ImplementationClassUID")
    assert str(after.ImplementationVersionName).startswith("DICOMVEIL")


@pytest.mark.parametrize("name", PASSED)
def test_elements_stay_in_ascending_order(name: str) -> None:
    before, after = list(source(name).keys()), list(read(released(name)).keys())
    if before == sorted(before):
        assert after == sorted(after)


@pytest.mark.parametrize("name", NAMES)
def test_any_chunking_gives_the_same_output(name: str) -> None:
    data = (CORPUS / name).read_bytes()
    for chunks in (random_cuts(data, crc32(name.encode())), [*single_bytes(data[:2000]), data[2000:]]):
        if name in REFUSED:  # for the first of its faults that is seen
            with pytest.raises(GatewayError):
                rewrite(nominal(), chunks)
        else:
            assert rewrite(nominal(), chunks) == released(name)


@pytest.mark.parametrize("name", PASSED)
def test_dcmdump_reads_the_output_where_it_read_the_input(name: str, tmp_path: Path) -> None:
    output = tmp_path / "released.dcm"
    output.write_bytes(released(name))
    if dcmdump(CORPUS / name) == "":
        assert dcmdump(output) == ""


def dcmdump(path: Path) -> str:
    """Let dcmtk read a file whole; give its complaints without the values that it prints."""
    done = subprocess.run(["dcmdump", "-q", "+E", str(path)], capture_output=True, check=False)
    return "" if done.returncode == 0 else f"exit code {done.returncode}"
