"""One instance through every door says the same of every attribute, and shows the same pixels.

What is compared with is the permanent copy: the file that ``dicomveil deidentify`` makes under the same secret and
domain.
"""

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames
from pydicom.pixels.processing import apply_rescale, apply_windowing
from pydicom.pixels.utils import pixel_array

from tests.kit.inprocess import links
from tests.kit.surfaces import Surface, differences, load, of_file, of_json, of_xml
from tests.kit.twin import PROFILES, Reply, Twin, TwinStage, ask
from tests.kit.twin_reference import STUDY, Level
from tests.kit.twin_searches import INSTANCE_KEYS, MORE, SERIES_KEYS, STUDY_KEYS

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc, pytest.mark.slow, pytest.mark.filterwarnings("ignore:::pydicom")]

STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
ANY_OCTETS = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
OCTETS = 'multipart/related; type="application/octet-stream"'
XML = 'multipart/related; type="application/dicom+xml"'
PIXELS = "7FE00010"
AS_STORED = "contentType=application/dicom&transferSyntax=*"
LEVELS = {"study": 3, "series": 5, "instance": 7}
"""Up to which slash the path of an instance names each level."""


@pytest.fixture(params=PROFILES)
def twin(twin_stage: TwinStage, request: pytest.FixtureRequest) -> Twin:
    return twin_stage.twins[request.param]


OBJECT_DOORS: dict[str, Callable[[Twin, str], list[bytes]]] = {
    "one part": lambda twin, path: [body for _, body in ask(twin.ours + path, STORED).parts()],
    "bare": lambda twin, path: [ask(twin.ours + path, "application/dicom; transfer-syntax=*").body],
    "of a series": lambda twin, path: [body for _, body in ask(twin.ours + above(path, "series"), STORED).parts()],
    "of a study": lambda twin, path: [body for _, body in ask(twin.ours + above(path, "study"), STORED).parts()],
    "zip of an instance": lambda twin, path: in_zip(ask(twin.ours + path, "application/zip")),
    "zip of a series": lambda twin, path: in_zip(ask(twin.ours + above(path, "series"), "application/zip")),
    "zip of a study": lambda twin, path: in_zip(ask(twin.ours + above(path, "study"), "application/zip")),
    "URI service": lambda twin, path: [ask(f"{twin.wado}?{uri_query(path)}&{AS_STORED}").body],
}  # fmt: skip


@pytest.mark.parametrize("door", OBJECT_DOORS)
def test_objects_of_every_door_are_the_copy(twin: Twin, door: str) -> None:
    for path, copy in twin.copies.items():
        assert copy.read_bytes() in OBJECT_DOORS[door](twin, path), path


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("form", ["JSON", "XML"])
def test_metadata_of_every_door_say_what_the_copy_says(twin: Twin, form: str, level: str) -> None:
    for path, copy in some(twin, level):
        surfaces = json_surfaces(twin, above(path, level)) if form == "JSON" else xml_surfaces(twin, above(path, level))
        ours = surfaces[path.rpartition("/")[2]]
        assert differences(ours, of_file(copy.read_bytes()), not_in_metadata(twin, path)) == [], path


def test_search_results_say_what_the_copy_says(twin: Twin) -> None:
    fields = ",".join((*STUDY_KEYS, *SERIES_KEYS, *INSTANCE_KEYS, *MORE[Level.INSTANCE]))
    copies = {str(one.SOPInstanceUID): one for one in twin.reference.instances}
    for study in {str(one[STUDY].value) for one in copies.values()}:
        for found in ask(f"{twin.ours}/studies/{study}/instances?includefield={fields}").results:
            copy = copies.pop(found["00080018"]["Value"][0])
            ours = of_json(found, lambda _: b"")
            stated = {tag: value for tag, value in of_file(written(copy)).items() if tag in ours}
            assert differences(ours, stated, BESIDE_THE_OBJECT & ours.keys()) == []
    assert copies == {}


BESIDE_THE_OBJECT = {"00080005", "00080054", "00080056", "00080061", "00081190", "00201206", "00201208", "00201209",
                     "00083002", "00081030", "0008103E"}  # fmt: skip
"""What a result says that no object does; descriptions, where they are cleaned, are those of ``twin_allowed``."""


@pytest.mark.parametrize("level", LEVELS)
def test_bulk_data_are_the_values_of_the_copy(twin: Twin, level: str) -> None:
    for path, _ in some(twin, level):
        expected = dict(bulk_values(twin, above(path, level)))
        reply = ask(f"{twin.ours}{above(path, level)}/bulkdata", ANY_OCTETS)
        if expected:
            found = dict(reply.located())
            assert {uri: found.get(uri) for uri in expected} == expected
        else:  # compressed pixels have no URI in Orthanc's metadata, and are bulk data all the same
            assert reply.status in (200, 404)


def test_frames_and_pixel_data_are_the_pixels_of_the_copy(twin: Twin) -> None:
    for path, copy in pictures(twin):
        frames = stored_frames(copy)
        every = ",".join(str(number) for number in range(1, len(frames) + 1))
        assert [body for _, body in ask(f"{twin.ours}{path}/frames/{every}", ANY_OCTETS).parts()] == frames
        assert [body for _, body in ask(f"{twin.ours}{path}/frames/{len(frames)}", ANY_OCTETS).parts()] == frames[-1:]
        assert joined(ask(f"{twin.ours}{path}/pixeldata", ANY_OCTETS)) == b"".join(frames)


@pytest.mark.parametrize("level", ["study", "series"])
def test_pixel_data_of_a_study_and_a_series_are_those_of_its_instances(twin: Twin, level: str) -> None:
    for folder in {above(path, level) for path, _ in pictures(twin)}:
        whole = joined(ask(f"{twin.ours}{folder}/pixeldata", ANY_OCTETS))
        below = [b"".join(stored_frames(copy)) for path, copy in pictures(twin) if path.startswith(f"{folder}/")]
        assert len(whole) == sum(map(len, below))
        assert all(pixels in whole for pixels in below)


PICTURE_DOORS: dict[str, Callable[[Twin, str], str]] = {
    "instance": lambda twin, path: f"{twin.ours}{path}/rendered",
    "frame": lambda twin, path: f"{twin.ours}{path}/frames/1/rendered",
    "URI service": lambda twin, path: f"{twin.wado}?{uri_query(path)}&contentType=image/png",
    "URI service, a frame": lambda twin, path: f"{twin.wado}?{uri_query(path)}&contentType=image/png&frameNumber=1",
}


@pytest.mark.parametrize("door", PICTURE_DOORS)
def test_pictures_show_the_pixels_of_the_copy(twin: Twin, door: str) -> None:
    for path, copy in pictures(twin):
        reply = ask(PICTURE_DOORS[door](twin, path), "image/png")
        assert (reply.status, reply.headers["content-type"]) == (200, "image/png"), path
        picture = Image.open(io.BytesIO(reply.body))
        assert picture.size == (copy.Columns, copy.Rows)
        assert likeness(picture, copy) > 0.9, (path, copy.get("Modality"))


@pytest.mark.parametrize("kind", ["image/jpeg", "image/png"])
@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_every_level_has_pictures_and_thumbnails(twin: Twin, level: str, kind: str) -> None:
    for folder in {above(path, level) for path, _ in pictures(twin)}:
        for door in ("rendered", "thumbnail"):
            reply = ask(f"{twin.ours}{folder}/{door}", kind)
            assert reply.status == 200, (folder, door)
            first = reply.body if reply.headers["content-type"] == kind else reply.parts()[0][1]
            Image.open(io.BytesIO(first)).verify()


def test_a_viewport_and_a_window_change_the_picture_as_they_say(twin: Twin) -> None:
    path = next(path for path, copy in pictures(twin) if copy.get("Modality") == "CT")
    small = Image.open(io.BytesIO(ask(f"{twin.ours}{path}/rendered?viewport=16,16", "image/png").body))
    assert max(small.size) == 16
    dark, light = (
        np.asarray(Image.open(io.BytesIO(ask(f"{twin.ours}{path}/rendered?window={w}", "image/png").body)).convert("L"))
        for w in ("4000,100,linear", "-4000,100,linear")
    )
    assert (dark.mean(), light.mean()) == (0, 255)


def some(twin: Twin, level: str) -> Iterator[tuple[str, Path]]:
    """Give path and file of every instance, or of one for each study or series."""
    seen = set()
    for path, copy in twin.copies.items():
        folder = above(path, level)
        if folder not in seen:
            seen.add(folder)
            yield path, copy


def pictures(twin: Twin) -> list[tuple[str, Dataset]]:
    """Give path and copy of every instance that has pixels."""
    found = {path: dcmread(copy) for path, copy in twin.copies.items()}
    return [(path, copy) for path, copy in found.items() if "PixelData" in copy]


def above(path: str, level: str) -> str:
    return "/".join(path.split("/")[: LEVELS[level]])


def uri_query(path: str) -> str:
    study, series, instance = path.split("/")[2::2]
    return f"requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={instance}"


def in_zip(reply: Reply) -> list[bytes]:
    assert (reply.status, reply.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        return [archive.read(name) for name in archive.namelist()]


def json_surfaces(twin: Twin, path: str) -> dict[str, Surface]:
    found = load(ask(f"{twin.ours}{path}/metadata", "application/dicom+json").body)
    return {one["00080018"]["Value"][0]: of_json(one, lambda uri: fetched(twin, uri)) for one in found}


def xml_surfaces(twin: Twin, path: str) -> dict[str, Surface]:
    parts = ask(f"{twin.ours}{path}/metadata", XML).parts()
    found = [of_xml(body, lambda uri: fetched(twin, uri)) for _, body in parts]
    return {one["00080018"][1][0]: one for one in found}


def fetched(twin: Twin, uri: str) -> bytes:
    assert uri.startswith(twin.ours), "a link that leads elsewhere"
    return joined(ask(uri, ANY_OCTETS))


def not_in_metadata(twin: Twin, path: str) -> set[str]:
    """Name what metadata need not say as the file does: the character set of JSON and XML; compressed pixels."""
    [copy] = [one for one in twin.reference.instances if str(one.SOPInstanceUID) == path.rpartition("/")[2]]
    return {"00080005", PIXELS} if copy.file_meta.TransferSyntaxUID.is_encapsulated else {"00080005"}


def bulk_values(twin: Twin, path: str) -> Iterator[tuple[str, bytes]]:
    """Give the BulkDataURIs of the metadata below a path, and what each one answers."""
    for one in load(ask(f"{twin.ours}{path}/metadata", "application/dicom+json").body):
        for uri in links(one):
            yield uri.removeprefix(twin.ours), joined(ask(uri, OCTETS))


def joined(reply: Reply) -> bytes:
    return b"".join(body for _, body in reply.parts())


def stored_frames(copy: Dataset) -> list[bytes]:
    number = int(copy.get("NumberOfFrames") or 1)
    if copy.file_meta.TransferSyntaxUID.is_encapsulated:
        return list(generate_frames(copy.PixelData, number_of_frames=number))
    size = len(copy.PixelData) // number
    return [copy.PixelData[at * size : (at + 1) * size] for at in range(number)]


def likeness(picture: Image.Image, copy: Dataset) -> float:
    """Correlate a picture with the first frame as pydicom shows it: rescaled, and in the object's first window."""
    pixels = pixel_array(copy, index=0)
    if copy.SamplesPerPixel == 1:
        shown = np.asarray(picture.convert("L"))
        if copy.BitsStored < copy.BitsAllocated:
            pixels = pixels & ((1 << copy.BitsStored) - 1)
        pixels = apply_windowing(apply_rescale(pixels, copy), copy)
    else:
        shown = np.asarray(picture.convert("RGB"))
    if pixels.std() == 0 or shown.std() == 0:
        return float(pixels.std() == shown.std())
    return float(np.corrcoef(ranks(pixels), ranks(shown))[0, 1])


def ranks(values: np.ndarray) -> np.ndarray:
    return np.unique(values.ravel(), return_inverse=True)[1]


def written(copy: Dataset) -> bytes:
    stream = io.BytesIO()
    copy.save_as(stream)
    return stream.getvalue()
