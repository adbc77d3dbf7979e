"""The embedded origin on files that the pydicom wheel ships; its answers are read with other code than ours."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import pixel_array
from pydicom.sequence import Sequence
from pydicom.uid import MPEG2MPML, ExplicitVRLittleEndian, generate_uid

from gateway.adapters.folder.bodies import CHUNK_BYTES
from gateway.adapters.origin_folder import FolderOrigin
from gateway.core.errors import MalformedInput, OriginFailed
from tests.kit.encode import PIXEL_DATA, Element, part10

SHIPPED = Path(pydicom.__file__).parent / "data"
EXPLICIT = "1.2.840.10008.1.2.1"
AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
FRAMES_AS_STORED = "multipart/related; type=application/octet-stream; transfer-syntax=*"

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    chunks: list[bytes]

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def parts(self) -> list[tuple[dict[str, str], bytes]]:
        """Parsed by the standard library's mail parser."""
        message = message_from_bytes(f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode() + self.body)
        assert message.is_multipart(), message.defects
        assert not message.defects
        parts: Any = message.get_payload()
        return [
            ({name.lower(): value for name, value in part.items()}, part.get_payload(decode=True)) for part in parts
        ]


class Client:
    def __init__(self, origin: FolderOrigin) -> None:
        self.origin = origin

    async def get(self, path: str, query: str = "", accept: str = "*/*") -> Answer:
        async with self.origin.get(path, query, accept) as answer:
            return Answer(answer.status, dict(answer.headers), [chunk async for chunk in answer.body])

    async def instance_path(self, query: str = "") -> str:
        (found,) = (await self.get("/instances", query)).json
        names = (("studies", "0020000D"), ("series", "0020000E"), ("instances", "00080018"))
        return "".join(f"/{name}/{found[tag]['Value'][0]}" for name, tag in names)


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., Client]:
    """Serve copies of shipped files."""

    def start(*names: str) -> Client:
        for name in names:
            folder = "charset_files" if name.startswith("chr") else "test_files"
            shutil.copy(SHIPPED / folder / name, tmp_path / name)
        return Client(FolderOrigin(tmp_path, "samples"))

    return start


def suffixes(folder: Path) -> list[str]:
    return [path.suffix for path in folder.rglob("*.*")]


def values(answer: Answer, tag: str) -> list[Any]:
    return [study.get(tag, {}).get("Value", [None])[0] for study in answer.json]


# Search


async def test_a_study_comes_back_with_every_required_attribute(serve: Callable[..., Client]) -> None:
    answer = await serve("CT_small.dcm").get("/studies")
    (study,) = answer.json
    assert answer.headers["content-type"] == "application/dicom+json"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert list(study) == sorted(study)
    assert study["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "CompressedSamples^CT1"}]}
    assert study["00080050"] == {"vr": "SH"}  # required, and empty in the file
    assert study["00080061"]["Value"] == ["CT"]
    assert study["00201206"]["Value"] == [1]
    assert study["00201208"]["Value"] == [1]
    required = "00080020 00080030 00080050 00080090 00100010 00100020 00100030 00100040 0020000D 00200010"
    assert set(required.split()) < set(study)
    assert not {"0020000E", "00080018", "00080060", "00281050"} & set(study)


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("PatientName=CompressedSamples%5ECT1", 1),
        ("00100010=compressedsamples^ct*", 1),
        ("PatientName=CompressedSamples^C?1", 1),
        ("PatientName=CompressedSamples", 0),
        ("PatientName=*", 2),
        ("PatientName=", 2),
        ("PatientID=1ct1", 0),
        ("PatientID=1CT1", 1),
        ("PatientID=1CT1%2C4MR1", 2),
        ("PatientID=1CT1,nobody", 1),
        ("PatientID=1CT1%5C4MR1", 2),
        ("StudyDate=20040119", 1),
        ("StudyDate=20040119-20040826", 2),
        ("StudyDate=20040120-", 1),
        ("StudyDate=-20040119", 1),
        ("StudyTime=0727", 1),
        ("StudyTime=07-08", 1),
        ("StudyDate=20040119&PatientID=4MR1", 0),
        ("ModalitiesInStudy=MR", 1),
        ("ModalitiesInStudy=CT,MR", 2),
        ("Modality=MR", 1),
        ("Rows=128", 1),
        ("SliceThickness=5.0", 1),
        ("NumberOfStudyRelatedInstances=1", 2),
        ("StudyDescription=e%2B1", 1),
        ("StudyInstanceUID=1.2.3", 0),
    ],
)
async def test_matching_is_that_of_c_find(serve: Callable[..., Client], query: str, matches: int) -> None:
    answer = await serve("CT_small.dcm", "MR_small.dcm").get("/studies", query)
    assert answer.status == 200
    assert len(answer.json) == matches


async def test_a_uid_list_may_be_separated_by_comma_or_backslash(serve: Callable[..., Client]) -> None:
    client = serve("CT_small.dcm", "MR_small.dcm")
    uids = values(await client.get("/studies"), "0020000D")
    for separator in (",", "%2C", "%5C", "\\"):
        assert values(await client.get("/studies", f"StudyInstanceUID={separator.join(uids)}"), "0020000D") == uids


async def test_a_key_inside_a_sequence_is_matched(serve: Callable[..., Client]) -> None:
    client = serve("liver_1frame.dcm", "CT_small.dcm")
    found = (await client.get("/instances", "includefield=SegmentSequence&SegmentSequence.SegmentLabel=*")).json
    label = next(one["00620002"]["Value"][0]["00620005"]["Value"][0] for one in found if "00620002" in one)
    assert len((await client.get("/instances", f"00620002.00620005={label}")).json) == 1
    assert (await client.get("/instances", "00620002.00620005=other")).json == []


@pytest.mark.parametrize("name", ["chrGreek.dcm", "chrH31.dcm", "chrX1.dcm", "chrRuss.dcm", "chrKoreanMulti.dcm"])
async def test_names_in_any_character_set_are_found_and_come_out_as_utf_8(
    serve: Callable[..., Client], name: str
) -> None:
    client = serve(name, "CT_small.dcm")
    expected = pydicom.dcmread(SHIPPED / "charset_files" / name).PatientName
    (found,) = [one for one in (await client.get("/studies")).json if "Comp" not in str(one["00100010"])]
    assert found["00100010"]["Value"][0]["Alphabetic"] == expected.alphabetic
    assert found["00100010"]["Value"][0].get("Ideographic", "") == expected.ideographic
    assert found["00080005"]["Value"] == ["ISO_IR 192"]
    text = expected.ideographic or expected.alphabetic
    encoded = "".join(f"%{byte:02X}" for byte in text.encode())
    assert len((await client.get("/studies", f"PatientName={encoded}")).json) == 1


@pytest.mark.parametrize(
    "query",
    [
        "limit=x",
        "limit=-1",
        "offset=1.5",
        "StudyDate=yesterday",
        "StudyDate=-",
        "Rows=many",
        "PatientName=%FF",
        "PixelData=x",
    ],
)
async def test_a_bad_value_is_a_bad_request_that_repeats_nothing(serve: Callable[..., Client], query: str) -> None:
    answer = await serve("CT_small.dcm").get("/studies", query)
    assert answer.status == 400
    assert query.partition("=")[2].encode() not in answer.body or query.endswith(("-", "x"))


async def test_a_page_says_how_many_more_there_are(serve: Callable[..., Client]) -> None:
    client = serve("CT_small.dcm", "MR_small.dcm", "examples_palette.dcm")
    all_uids = values(await client.get("/studies"), "0020000D")
    first, second = await client.get("/studies", "limit=2"), await client.get("/studies", "limit=2&offset=2")
    assert values(first, "0020000D") + values(second, "0020000D") == all_uids
    assert "There are 1 additional results" in first.headers["warning"]
    assert "warning" not in second.headers
    assert (await client.get("/studies", "offset=9")).json == []


async def test_an_unknown_parameter_is_ignored_with_a_warning(serve: Callable[..., Client]) -> None:
    for query in ("nothing=1", "fuzzymatching=true", "includefield=Nothing"):
        answer = await serve("CT_small.dcm").get("/studies", query)
        assert len(answer.json) == 1
        assert answer.headers["warning"].startswith("299 samples ")


async def test_include_fields_come_from_the_level_asked_or_above(serve: Callable[..., Client]) -> None:
    client = serve("CT_small.dcm")
    for query in ("includefield=00081030%2C00101010,InstitutionName", "includefield=00081030&includefield=PatientAge"):
        (study,) = (await client.get("/studies", query)).json
        assert study["00081030"]["Value"] == ["e+1"]
        assert study["00101010"]["Value"] == ["000Y"]
        assert "00080080" not in study
    (series,) = (await client.get("/series", "includefield=InstitutionName,SliceThickness")).json
    assert series["00080080"]["Value"] == ["JFK IMAGING CENTER"]
    assert series["00100020"]["Value"] == ["1CT1"]
    assert "00180050" not in series
    (everything,) = (await client.get("/instances", "includefield=all")).json
    assert everything["00180050"]["Value"] == [5]
    assert "00431028" in everything
    assert "7FE00010" not in everything


async def test_every_search_resource_returns_its_own_levels(serve: Callable[..., Client]) -> None:
    client = serve("CT_small.dcm", "MR_small.dcm")
    path = await client.instance_path("PatientID=1CT1")
    study, series = path[: path.index("/series")], path[: path.index("/instances")]
    expected = {
        "/studies": (2, {"00100010"}, {"00080060", "00280010"}),
        "/series": (2, {"00100010", "00080060", "00201209"}, {"00280010"}),
        "/instances": (2, {"00100010", "00080060", "00280010", "00083002"}, set()),
        f"{study}/series": (1, {"00080060", "00201209"}, {"00100010", "00280010"}),
        f"{study}/instances": (1, {"00080060", "00280010"}, {"00100010"}),
        f"{series}/instances": (1, {"00280010", "00080018"}, {"00100010", "00080060"}),
    }
    for resource, (count, there, absent) in expected.items():
        found = (await client.get(resource)).json
        assert len(found) == count, resource
        assert there <= set(found[0]), resource
        assert not absent & set(found[0]), resource
        url = f"http://origin/dicom-web{resource}"
        assert urljoin(url, found[0]["00081190"]["Value"][0]).startswith("http://origin/dicom-web/studies/"), resource


async def test_below_an_unknown_study_a_search_finds_nothing_and_a_retrieve_is_not_found(
    serve: Callable[..., Client],
) -> None:
    client = serve("CT_small.dcm", "MR_small.dcm")
    ct, mr = await client.instance_path("PatientID=1CT1"), await client.instance_path("PatientID=4MR1")
    mixed = ct[: ct.index("/instances")] + mr[mr.index("/instances") :]
    assert (await client.get("/studies/1.2.3/series")).json == []
    for path in (
        "/studies/1.2.3",
        "/studies/1.2.3/metadata",
        mixed,
        f"{mixed}/frames/1",
        "/patients",
        "/",
        f"{ct}/other",
    ):
        assert (await client.get(path)).status == 404, path


# Retrieve


async def test_as_stored_means_the_bytes_of_the_file(serve: Callable[..., Client], tmp_path: Path) -> None:
    client = serve("MR_small_bigendian.dcm")
    answer = await client.get(await client.instance_path(), "", AS_STORED)
    ((headers, body),) = answer.parts()
    assert answer.headers["content-type"].startswith('multipart/related; type="application/dicom"; boundary=')
    assert headers["content-type"] == "application/dicom"
    assert int(headers["content-length"]) == len(body)
    assert body == (tmp_path / "MR_small_bigendian.dcm").read_bytes()


async def test_a_study_is_sent_whole_in_chunks_of_bounded_size(serve: Callable[..., Client], tmp_path: Path) -> None:
    client = serve("examples_overlay.dcm")
    path = await client.instance_path()
    answer = await client.get(path[: path.index("/series")], "", AS_STORED)
    assert [body for _, body in answer.parts()] == [(tmp_path / "examples_overlay.dcm").read_bytes()]
    assert max(map(len, answer.chunks)) == CHUNK_BYTES


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small_implicit.dcm",
        "MR_small_bigendian.dcm",
        "SC_rgb_small_odd_big_endian.dcm",
        "ExplVR_BigEnd.dcm",
        "rtdose_expb.dcm",
        "image_dfl.dcm",
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "SC_rgb_rle_2frame.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
    ],
)
async def test_without_a_transfer_syntax_instances_come_in_explicit_little_endian(
    serve: Callable[..., Client], name: str
) -> None:
    client = serve(name)
    for accept in (
        "*/*",
        "multipart/related",
        'multipart/related; type="application/dicom"',
        "application/dicom;q=0.5",
    ):
        answer = await client.get(await client.instance_path(), "", accept)
        body = answer.body if accept.startswith("application") else answer.parts()[0][1]
        found, source = pydicom.dcmread(BytesIO(body)), pydicom.dcmread(SHIPPED / "test_files" / name)
        assert found.file_meta.TransferSyntaxUID == EXPLICIT
        assert np.array_equal(found.pixel_array, source.pixel_array)
        skipped = {"PixelData", "PhotometricInterpretation"}  # decoding changes these
        for element in source:
            if element.tag.element and element.VR != "SQ" and element.keyword not in skipped:
                assert found[element.tag].value == element.value


async def test_without_numpy_compressed_instances_can_only_be_had_as_stored(
    serve: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pydicom.config.have_numpy", False)
    client = serve("MR_small_RLE.dcm")
    path = await client.instance_path()
    assert (await client.get(path)).status == 406
    assert (await client.get(f"{path}/frames/1")).status == 406
    assert (await client.get(path, "", AS_STORED)).status == 200


async def test_lossy_pixels_that_cannot_be_decoded_go_out_as_stored(serve: Callable[..., Client]) -> None:
    client = serve("JPEG-lossy.dcm")  # JPEG Extended
    ((_, body),) = (await client.get(await client.instance_path())).parts()
    assert pydicom.dcmread(BytesIO(body)).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.51"


async def test_instances_that_cannot_be_sent_as_asked_are_left_out_of_a_study(
    serve: Callable[..., Client], tmp_path: Path
) -> None:
    client = serve("CT_small.dcm")
    video = pydicom.dcmread(SHIPPED / "test_files" / "SC_rgb_jpeg_gdcm.dcm")
    video.StudyInstanceUID = pydicom.dcmread(SHIPPED / "test_files" / "CT_small.dcm").StudyInstanceUID
    video.file_meta.TransferSyntaxUID = MPEG2MPML  # nothing decodes it
    video.save_as(tmp_path / "video.dcm")
    (found,) = (await client.get("/studies")).json
    answer = await client.get(f"/studies/{found['0020000D']['Value'][0]}")
    assert found["00201208"]["Value"] == [2]
    assert answer.status == 206
    ((_, body),) = answer.parts()
    assert pydicom.dcmread(BytesIO(body)).Modality == "CT"


@pytest.mark.parametrize(
    "accept",
    [
        "application/zip",
        'multipart/related; type="image/png"',
        f"{AS_STORED[:-1]}1.2.840.10008.1.2.4.80",
        "application/dicom;q=0",
    ],
)
async def test_a_form_that_cannot_be_made_is_not_acceptable(serve: Callable[..., Client], accept: str) -> None:
    client = serve("CT_small.dcm")
    assert (await client.get(await client.instance_path(), "", accept)).status == 406


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small_implicit.dcm",
        "MR_small_bigendian.dcm",
        "waveform_ecg.dcm",
        "test-SR.dcm",
        "rtplan.dcm",
        "rtdose_rle.dcm",
        "liver_expb_1frame.dcm",
        "reportsi.dcm",
        "image_dfl.dcm",
    ],
)
async def test_metadata_are_the_data_set_and_their_links_lead_to_the_values(
    serve: Callable[..., Client], name: str
) -> None:
    client = serve(name)
    path = await client.instance_path()
    source = pydicom.dcmread(SHIPPED / "test_files" / name)
    for resource in (path, path[: path.index("/instances")], path[: path.index("/series")]):
        answer = await client.get(f"{resource}/metadata", "", "application/dicom+json")
        (found,) = answer.json
        links = list(_links(found))
        assert list(found) == sorted(found)
        assert found.get("00080005", {"Value": ["ISO_IR 192"]})["Value"] == ["ISO_IR 192"]
        bulk = {}
        for link in links:
            target = urljoin(f"{resource}/metadata", link)
            assert target.startswith(f"{path}/bulk/")
            bulk[link] = b"".join(body for _, body in (await client.get(target)).parts())
        _assert_same(Dataset.from_json(found, lambda _tag, _vr, link, bulk=bulk: bulk[link]), source)


def _links(found: Any) -> Iterator[str]:
    for entry in found.values():
        if "BulkDataURI" in entry:
            yield entry["BulkDataURI"]
        if entry["vr"] == "SQ":
            for item in entry.get("Value", []):
                yield from _links(item)


def _assert_same(found: Dataset, source: Dataset) -> None:
    """Compare with what pydicom reads from the file; words of a big endian file are turned."""
    assert {element.tag for element in found} == {element.tag for element in source if element.tag.element}
    for element in found:
        expected = source[element.tag]
        if isinstance(element.value, Sequence):
            assert len(element.value) == len(expected.value)
            for one, other in zip(element.value, expected.value, strict=True):
                _assert_same(one, other)
        elif element.tag == 0x7FE00010:
            assert len(element.value) >= source.Rows * source.Columns // 8
        elif element.VR in ("OB", "OW", "UN"):
            assert element.value == expected.value, element.tag
        elif element.tag != 0x00080005:
            assert _plain(element.value) == _plain(expected.value), element.tag


def _plain(value: Any) -> Any:
    if isinstance(value, pydicom.multival.MultiValue | list):
        return [_plain(member) for member in value]
    if isinstance(value, pydicom.valuerep.DSfloat | float):
        return pytest.approx(float(value)) if value is not None else None
    return str(value) if value not in (None, "") else None


async def test_long_text_cannot_be_read_as_bulk_although_it_stays_in_its_file(serve: Callable[..., Client]) -> None:
    client = serve("examples_ybr_color.dcm")
    assert (await client.get(await client.instance_path() + "/bulk/00191050")).status == 404


async def test_only_binary_values_can_be_read_as_bulk(serve: Callable[..., Client]) -> None:
    client = serve("CT_small.dcm")
    path = await client.instance_path()
    for tag in ("00100010", "00081140", "00081140/1/00081155", "00431029/1/00100010", "zz", "00431029/../00100010"):
        assert (await client.get(f"{path}/bulk/{tag}")).status == 404, tag
    ((_, body),) = (await client.get(f"{path}/bulk/00431029")).parts()
    assert body == pydicom.dcmread(SHIPPED / "test_files" / "CT_small.dcm")[0x00431029].value


# Frames


@pytest.mark.parametrize(
    ("name", "media_type", "syntax"),
    [
        ("CT_small.dcm", "application/octet-stream", EXPLICIT),
        ("MR_small_bigendian.dcm", "application/octet-stream", EXPLICIT),
        ("image_dfl.dcm", "application/octet-stream", EXPLICIT),
        ("MR_small_RLE.dcm", "image/dicom-rle", "1.2.840.10008.1.2.5"),
        ("examples_jpeg2k.dcm", "image/jp2", "1.2.840.10008.1.2.4.90"),
        ("SC_rgb_small_odd_jpeg.dcm", "image/jpeg", "1.2.840.10008.1.2.4.50"),
        ("MR_small_jpeg_ls_lossless.dcm", "image/jls", "1.2.840.10008.1.2.4.80"),
    ],
)
async def test_a_frame_as_stored_says_what_it_is(
    serve: Callable[..., Client], name: str, media_type: str, syntax: str
) -> None:
    client = serve(name)
    answer = await client.get(await client.instance_path() + "/frames/1", "", FRAMES_AS_STORED)
    ((headers, body),) = answer.parts()
    assert headers["content-type"] == f"{media_type}; transfer-syntax={syntax}"
    assert f'type="{media_type}"' in answer.headers["content-type"]
    source = pydicom.dcmread(SHIPPED / "test_files" / name)
    if media_type == "application/octet-stream":
        assert body == source.pixel_array.astype(source.pixel_array.dtype.newbyteorder("<")).tobytes()
    else:
        assert body == next(generate_frames(source.PixelData, number_of_frames=1))


@pytest.mark.parametrize("number", [110, 111, 112])
async def test_frames_of_a_transfer_syntax_that_pydicom_does_not_know_come_as_stored(
    tmp_path: Path, number: int
) -> None:
    syntax, codestream = f"1.2.840.10008.1.2.4.{number}", b"\xff\x0a" + bytes(6)
    known = {
        0x00080016: "1.2.840.10008.5.1.4.1.1.7",
        0x00080018: "1.2.3.1.1",
        0x0020000D: "1.2.3",
        0x0020000E: "1.2.3.1",
    }
    elements = [Element(tag, "UI", uid.encode()) for tag, uid in known.items()]
    pixels = Element(PIXEL_DATA, "OB", [codestream], undefined=True)
    (tmp_path / "jxl.dcm").write_bytes(part10([*elements, Element(0x00280010, "US", [8]), pixels], syntax))
    client = Client(FolderOrigin(tmp_path, "samples"))
    path = await client.instance_path()
    for below in ("/frames/1", "/bulk/7fe00010"):
        ((headers, body),) = (await client.get(path + below, "", FRAMES_AS_STORED)).parts()
        assert (headers["content-type"], body) == (f"image/jxl; transfer-syntax={syntax}", codestream)
    assert (await client.get(f"{path}/frames/1", "", "image/jpeg")).status == 406


async def test_several_frames_are_as_many_parts_in_the_order_asked(serve: Callable[..., Client]) -> None:
    client = serve("examples_ybr_color.dcm")
    path = await client.instance_path()
    pixels = pixel_array(SHIPPED / "test_files" / "examples_ybr_color.dcm")
    for accept in ("*/*", 'multipart/related; type="*/*"'):
        answer = await client.get(f"{path}/frames/2,30", "", accept)
        assert [body for _, body in answer.parts()] == [pixels[1].tobytes(), pixels[29].tobytes()]
    single = await client.get(f"{path}/frames/2", "", "application/octet-stream")
    assert single.body == pixels[1].tobytes()
    assert (await client.get(f"{path}/frames/2%2C3", "", FRAMES_AS_STORED)).status == 200
    assert (await client.get(f"{path}/frames/31")).status == 404
    for frames in ("0", "a", "2-4", "1,"):
        assert (await client.get(f"{path}/frames/{frames}")).status == 400, frames
    assert (await client.get(f"{path}/frames/1", "", "multipart/related; type=image/png")).status == 406


async def test_frames_of_single_bits_are_cut_between_bytes(tmp_path: Path) -> None:
    bits = np.random.default_rng(3).integers(0, 2, (4, 3, 3), dtype=np.uint8)
    data_set = Dataset()
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.SOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = generate_uid(), generate_uid()
    data_set.SOPInstanceUID = generate_uid()
    data_set.Rows = data_set.Columns = 3
    data_set.SamplesPerPixel = data_set.BitsAllocated = data_set.BitsStored = 1
    data_set.NumberOfFrames, data_set.PhotometricInterpretation = 4, "MONOCHROME2"
    data_set.PixelData = np.packbits(bits.reshape(-1), bitorder="little").tobytes() + b"\0"
    data_set.save_as(tmp_path / "bits.dcm", enforce_file_format=True)
    client = Client(FolderOrigin(tmp_path, "samples"))
    parts = (await client.get(await client.instance_path() + "/frames/1,2,3,4")).parts()
    for frame, (_, body) in zip(bits, parts, strict=True):
        found = np.unpackbits(np.frombuffer(body, np.uint8), bitorder="little")
        assert np.array_equal(found[:9].reshape(3, 3), frame)
        assert not found[9:].any()


# The folder


async def test_progress_is_told_and_what_is_no_instance_is_passed_over(
    serve: Callable[..., Client], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "dicomveil.origin")
    client = serve("CT_small.dcm", "MR_truncated.dcm")
    (tmp_path / "notes.txt").write_text("not DICOM")
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "CT_small.dcm", tmp_path / "copy" / "again.dcm")
    seen: list[tuple[int, int]] = []
    await client.origin.open(lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert client.origin.counts == (2, 2, 2)
    assert [record.getMessage() for record in caplog.records] == ["origin samples: 2 objects; files passed over: 2"]
    await client.origin.open(lambda done, total: seen.append((done, total)))
    assert len(seen) == 4


async def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    shutil.copy(SHIPPED / "test_files" / "CT_small.dcm", outside / "ct.dcm")
    (inside / "file.dcm").symlink_to(outside / "ct.dcm")
    (inside / "folder").symlink_to(outside)
    client = Client(FolderOrigin(inside, "samples"))
    assert (await client.get("/studies")).json == []


async def test_a_folder_that_is_not_there_fails_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(OriginFailed, match="origin samples") as failure:
        await FolderOrigin(tmp_path / "missing", "samples").open()
    assert str(tmp_path) not in str(failure.value)


async def test_a_file_cut_short_breaks_the_body_before_its_closing_boundary(
    serve: Callable[..., Client], tmp_path: Path
) -> None:
    client = serve("examples_overlay.dcm")
    path = await client.instance_path()
    received = b""
    async with client.origin.get(path, "", AS_STORED) as answer:
        received += await anext(answer.body)
        os.truncate(tmp_path / "examples_overlay.dcm", 300_000)
        with pytest.raises(OriginFailed, match="samples"):
            received += b"".join([chunk async for chunk in answer.body])
    assert not received.rstrip().endswith(b"--")


async def test_a_stored_instance_is_served_and_never_replaced(tmp_path: Path) -> None:
    client = Client(FolderOrigin(tmp_path, "samples"))
    assert (await client.get("/studies")).json == []
    data = (SHIPPED / "test_files" / "CT_small.dcm").read_bytes()
    await client.origin.store(data)
    await client.origin.store(data.replace(b"CompressedSamples^CT1", b"CompressedSamples^CT2"))
    assert values(await client.get("/studies"), "00100010") == [{"Alphabetic": "CompressedSamples^CT1"}]
    ((_, body),) = (await client.get(await client.instance_path(), "", AS_STORED)).parts()
    assert body == data
    assert suffixes(tmp_path) == [".dcm"]
    with pytest.raises(MalformedInput):
        await client.origin.store(b"nothing")
