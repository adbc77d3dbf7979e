"""The URI Service: the same objects and pictures as WADO-RS, by query parameters."""

import io
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pydicom
import pytest
import pytest_asyncio
from PIL import Image
from pydicom.uid import UID

from tests.kit.images import (
    CANARY,
    STUDY,
    coloured,
    count,
    folder_of,
    image,
    in_jpeg,
    opened,
    path_of,
    ramp,
    transcoded,
)
from tests.kit.inprocess import UNKNOWN, Answer, InProcess, in_process, released

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:pydicom"),
    pytest.mark.asyncio(loop_scope="module"),
]

EXPLICIT, JPEG_2000 = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.90"
PLAIN, COLOUR, MOVING, REPORT, COMPRESSED = range(1, 6)
CLIP = np.stack([ramp(low=0, high=high).astype(np.uint8) for high in (50, 100, 150)])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[InProcess]:
    """A gateway over a few images."""
    report = image(ramp(), REPORT, SOPClassUID=UID("1.2.840.10008.5.1.4.1.1.88.33"))
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated"):
        delattr(report, keyword)
    many = [
        image(ramp(), PLAIN),
        in_jpeg(image(coloured(), COLOUR), comment=CANARY.encode()),
        image(CLIP, MOVING, frames=3),
        report,
        transcoded(image(ramp(low=0, high=900).astype(np.uint16), COMPRESSED), JPEG_2000),
    ]
    folder = tmp_path_factory.mktemp("uri")
    worklists: dict[str, dict[str, object]] = {
        "research": {},
        "strict": {"profile": "strict", "domain": "research"},
        "search-only": {"domain": "research", "services": ["search"]},
    }
    async with in_process(folder / "gateway", {"files": folder_of(folder / "files", *many)}, worklists) as running:
        yield running


def query(number: int = PLAIN, **more: Any) -> str:
    """Name an object by its released UIDs."""
    parts = released(path_of(number)).split("/")
    named = {"requestType": "WADO", "studyUID": parts[2], "seriesUID": parts[4], "objectUID": parts[6]} | more
    return urlencode({name: value for name, value in named.items() if value != "-"})


async def ask(
    gateway: InProcess, number: int = PLAIN, accept: str | None = "*/*", worklist: str = "research", **more: Any
) -> Answer:
    """Ask for an object; a parameter ``-`` is left out."""
    return await gateway.ask(f"/worklists/{worklist}/wado?{query(number, **more)}", accept)


@pytest.mark.parametrize(
    ("accept", "kind", "media_type"),
    [
        (None, "", "image/jpeg"), ("*/*", "", "image/jpeg"), ("image/*", "", "image/jpeg"),
        ("image/png", "", "image/png"), ("*/*", "image/png", "image/png"), ("*/*", "image/gif", "image/gif"),
        ("*/*", "image/jp2", "image/jp2"), ("*/*", "image/webp,image/png", "image/png"),
        ("*/*", "image/png;q=0.2,image/gif;q=0.7", "image/gif"),
        ("text/html,application/xhtml+xml,image/avif,*/*;q=0.8", "application/dicom", "application/dicom"),
        ("application/dicom", "", "application/dicom"),
    ],
)  # fmt: skip
async def test_the_content_type_decides_and_then_the_header(
    gateway: InProcess, accept: str | None, kind: str, media_type: str
) -> None:
    answer = await ask(gateway, accept=accept, contentType=kind or "-")
    assert (answer.status, answer.headers["content-type"]) == (200, media_type)


@pytest.mark.parametrize("number", [PLAIN, COLOUR, MOVING, COMPRESSED])
@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png"])
async def test_a_picture_is_that_of_the_restful_service(gateway: InProcess, number: int, media_type: str) -> None:
    restful = await gateway["research"].get(released(f"{path_of(number)}/rendered"), media_type)
    assert (await ask(gateway, number, contentType=media_type)).body == restful.body


async def test_an_object_is_that_of_the_restful_service(gateway: InProcess) -> None:
    restful = await gateway["research"].get(released(path_of(PLAIN)), "application/dicom")
    answer = await ask(gateway, contentType="application/dicom", anonymize="yes")
    assert answer.body == restful.body
    assert CANARY.encode() not in answer.body


@pytest.mark.parametrize(("syntax", "given"), [("-", EXPLICIT), (EXPLICIT, EXPLICIT), ("*", JPEG_2000)])
async def test_the_transfer_syntax_is_explicit_unless_another_is_asked_for(
    gateway: InProcess, syntax: str, given: str
) -> None:
    answer = await ask(gateway, COMPRESSED, contentType="application/dicom", transferSyntax=syntax)
    found = pydicom.dcmread(io.BytesIO(answer.body))
    assert (found.file_meta.TransferSyntaxUID, found.PatientIdentityRemoved) == (given, "YES")


async def test_a_transfer_syntax_that_nobody_can_make_is_not_acceptable(gateway: InProcess) -> None:
    answer = await ask(gateway, contentType="application/dicom", transferSyntax="1.2.840.10008.1.2.4.100")
    assert answer.status == 406


async def test_an_object_without_an_image_is_had_as_dicom_only(gateway: InProcess) -> None:
    assert (await ask(gateway, REPORT, contentType="application/dicom")).status == 200
    assert (await ask(gateway, REPORT)).status == 406
    assert (await ask(gateway, REPORT, contentType="text/html")).status == 406


async def test_rows_and_columns_bound_the_picture(gateway: InProcess) -> None:
    cases: list[tuple[dict[str, Any], tuple[int, int]]] = [
        ({"rows": "24"}, (32, 24)),
        ({"columns": "32"}, (32, 24)),
        ({"rows": "12", "columns": "32"}, (16, 12)),
    ]
    for more, size in cases:
        answer = await ask(gateway, contentType="image/png", **more)
        assert Image.open(io.BytesIO(answer.body)).size == size


async def test_a_region_is_a_part_of_the_picture(gateway: InProcess) -> None:
    whole = opened((await ask(gateway, contentType="image/png", windowCenter="0", windowWidth="900")).body)
    part = await ask(gateway, contentType="image/png", region="0.25,0.5,0.75,1", windowCenter="0", windowWidth="900")
    assert np.array_equal(opened(part.body), whole[24:, 16:48])


async def test_a_window_is_applied(gateway: InProcess) -> None:
    answer = await ask(gateway, contentType="image/png", windowCenter="0", windowWidth="1")
    assert np.array_equal(opened(answer.body), np.where(ramp() > -0.5, 255, 0))


async def test_a_frame_is_chosen_by_its_number(gateway: InProcess) -> None:
    for number in (1, 2, 3):
        answer = await ask(gateway, MOVING, contentType="image/png", frameNumber=str(number))
        frame = CLIP[number - 1].astype(float)
        expected = np.rint((frame - frame.min()) / (frame.max() - frame.min()) * 255)
        assert np.abs(opened(answer.body) - expected).max() <= 1
    moving = Image.open(io.BytesIO((await ask(gateway, MOVING, contentType="image/gif")).body))
    assert count(moving) == 3
    one = Image.open(io.BytesIO((await ask(gateway, MOVING, contentType="image/gif", frameNumber="1")).body))
    assert count(one) == 1


async def test_one_frame_is_no_clip(gateway: InProcess) -> None:
    for number, more in ((PLAIN, {}), (COLOUR, {"frameNumber": "1"}), (MOVING, {"frameNumber": "2"})):
        assert (await ask(gateway, number, contentType="video/mp4", **more)).status == 406
        assert (await ask(gateway, number, accept="video/mp4", **more)).status == 406
        answer = await ask(gateway, number, contentType="video/mp4,image/png;q=0.5", **more)
        assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
        assert Image.open(io.BytesIO(answer.body)).format == "PNG"


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"requestType": "-"}, "requestType"), ({"requestType": "wado"}, "requestType"),
        ({"studyUID": "-"}, "studyUID"),
        ({"seriesUID": "-"}, "seriesUID"), ({"objectUID": ""}, "objectUID"), ({"anonymize": "no"}, "anonymize"),
        ({"contentType": "image/*"}, "contentType"), ({"contentType": "image/png;transfer-syntax=*"}, "contentType"),
        ({"contentType": "application/dicom", "transferSyntax": "any"}, "transferSyntax"),
        ({"windowCenter": "5"}, "windowCenter"), ({"windowCenter": "5", "windowWidth": "0"}, "windowWidth"),
        ({"rows": "0"}, "rows"), ({"columns": "many"}, "columns"), ({"region": "0,0,2,2"}, "region"),
        ({"imageQuality": "0"}, "imageQuality"), ({"frameNumber": "0"}, "frameNumber"),
        ({"frameNumber": "2"}, "frameNumber"), ({"annotation": "all"}, "annotation"),
        ({"presentationUID": "2.25.1", "presentationSeriesUID": "2.25.2"}, "presentation"),
        ({"presentationUID": "2.25.1"}, "presentationUID"),
    ],
)  # fmt: skip
async def test_a_bad_parameter_is_refused_by_its_name(gateway: InProcess, more: dict[str, Any], named: str) -> None:
    answer = await ask(gateway, **more)
    assert answer.status == 400
    assert answer.json["detail"].startswith(named)


async def test_who_gives_a_wrong_word_is_told_the_right_one(gateway: InProcess) -> None:
    answer = await ask(gateway, requestType="wado")
    assert answer.json["detail"] == "requestType must be WADO, in capital letters"
    assert (await ask(gateway, anonymize="no")).json["detail"] == "anonymize can only be yes"


async def test_a_parameter_that_is_given_twice_is_refused(gateway: InProcess) -> None:
    for name in ("studyUID", "contentType", "rows", "annotation"):
        answer = await gateway.ask(f"/worklists/research/wado?{query(rows='9')}&{name}=image/png&{name}=image/png")
        assert answer.status == 400
        assert answer.json["detail"].startswith(name)


async def test_parameters_that_nobody_knows_and_annotations_change_nothing(gateway: InProcess) -> None:
    plain = await ask(gateway)
    answer = await ask(gateway, annotation="patient,technique", charset="utf-8", anonymize="yes", Rows="9", x="1")
    assert answer.body == plain.body


async def test_everything_outside_is_one_404(gateway: InProcess) -> None:
    unknown = await ask(gateway, studyUID=UNKNOWN)
    assert unknown.status == 404
    source = path_of(PLAIN).split("/")
    asked: list[dict[str, Any]] = [
        {"studyUID": source[2], "seriesUID": source[4], "objectUID": source[6]},
        {"objectUID": source[6]},
        {"objectUID": UNKNOWN},
        {"seriesUID": released(path_of(PLAIN)).split("/")[6]},
        {"studyUID": "../secret"},
    ]
    for kind in ("image/jpeg", "application/dicom"):
        for more in asked:
            assert (await ask(gateway, contentType=kind, **more)).said == unknown.said
        for worklist, number in (("strict", REPORT), ("search-only", PLAIN), ("nowhere", PLAIN)):
            assert (await ask(gateway, number, worklist=worklist, contentType=kind)).said == unknown.said


async def test_no_answer_names_the_patient_or_the_source(gateway: InProcess) -> None:
    for number in (PLAIN, COLOUR, MOVING, REPORT, COMPRESSED):
        for kind in (
            "image/jpeg",
            "image/png",
            "image/gif",
            "image/jp2",
            "video/mp4",
            "application/dicom",
            "text/html",
        ):
            answer = await ask(gateway, number, contentType=kind, transferSyntax="*", annotation="patient")
            assert CANARY.encode() not in answer.said
            assert STUDY.encode() not in answer.said
