"""A gateway over an archive answers as a plain archive of the de-identified copies would: every search, every door.

What may differ stands in ``tests.kit.twin_allowed``, each row with its reason, and in ``docs/twin.md``.
"""

import random
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.kit.surfaces import Surface, differences, load, of_file, of_json, of_xml
from tests.kit.twin import JSON, PROFILES, Twin, TwinStage, ask
from tests.kit.twin_allowed import ALLOWED, METADATA, unexcused, unexcused_metadata
from tests.kit.twin_reference import Question
from tests.kit.twin_searches import KINDS, Values, plain_lists, searches

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.orthanc,
    pytest.mark.slow,
    pytest.mark.timeout(900),  # one of them waits for all searches
    pytest.mark.filterwarnings("ignore:::pydicom"),
]

COUNTS = {"nominal": 26, "research-longitudinal": 14}
"""Searches of each kind: 12 kinds, so 480 in all."""
DICOM = 'multipart/related; type="application/dicom"'
OCTETS = 'multipart/related; type="application/octet-stream"'
XML = 'multipart/related; type="application/dicom+xml"'
DOC = Path(__file__).parents[2] / "docs" / "twin.md"


@pytest.fixture(params=PROFILES)
def twin(twin_stage: TwinStage, request: pytest.FixtureRequest) -> Twin:
    return twin_stage.twins[request.param]


@dataclass(slots=True)
class Compared:
    """What differs without leave, by profile and kind of question, and which rows of the table were needed."""

    differences: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def compared(running_twins: TwinStage) -> Compared:
    """Ask everything of both once."""
    found = Compared()
    for twin in running_twins.twins.values():
        for kind in KINDS:
            values = Values(twin.reference, running_twins.sources, random.Random(f"{twin.name} {kind}"))
            asked = searches(kind, values, COUNTS[twin.name])
            assert len(asked) == COUNTS[twin.name], kind
            found.differences[twin.name, kind] = list(differing(twin, asked, found.used))
        found.differences[twin.name, "everything"] = list(differing(twin, plain_lists(twin.reference), found.used))
        for form, read in (("JSON", json_metadata), ("XML", xml_metadata)):
            bases = (twin.ours, twin.plain.dicomweb)
            found.differences[twin.name, form] = [
                f"{path} {difference}"
                for path in twin.copies
                for difference in unexcused_metadata(differences(*(read(b + path, b) for b in bases)), found.used)
            ]
    return found


@pytest.mark.parametrize("kind", [*KINDS, "everything", "JSON", "XML"])
@pytest.mark.parametrize("name", PROFILES)
def test_searches_and_metadata_are_those_of_the_plain_archive(compared: Compared, name: str, kind: str) -> None:
    assert compared.differences[name, kind] == []


def test_every_row_of_the_table_is_needed_and_written_down(compared: Compared) -> None:
    rows = (*ALLOWED, *METADATA)
    text = DOC.read_text(encoding="utf-8")
    assert [f"| {row.name} | {row.why} |" for row in rows if f"| {row.name} | {row.why} |" not in text] == []
    assert {row.name for row in rows} - compared.used == set()


def differing(twin: Twin, questions: Iterable[Question], used: set[str]) -> Iterator[str]:
    asked = list(questions)
    with ThreadPoolExecutor(4) as asking:
        for question, found in zip(asked, asking.map(twin.differences, asked), strict=True):
            for difference in dict.fromkeys(unexcused(question, found, used)):
                yield f"{question.path} {question.parameters} {difference}"


def test_stored_objects_are_the_copies_byte_by_byte(twin: Twin) -> None:
    for path, copy in twin.copies.items():
        [(kind, ours)] = ask(twin.ours + path, f"{DICOM}; transfer-syntax=*").parts()
        assert kind.startswith("application/dicom"), path
        assert ours == copy.read_bytes(), path


def test_objects_of_a_study_and_a_series_are_the_copies(twin: Twin) -> None:
    for depth in (2, 4):
        for above in {"/".join(path.split("/")[: depth + 1]) for path in twin.copies}:
            parts = ask(twin.ours + above, f"{DICOM}; transfer-syntax=*").parts()
            below = [copy.read_bytes() for path, copy in twin.copies.items() if path.startswith(f"{above}/")]
            assert sorted(part for _, part in parts) == sorted(below)


def test_transcoded_objects_are_those_of_the_plain_archive(twin: Twin) -> None:
    for path, copy in twin.copies.items():
        [(_, ours)] = ask(twin.ours + path, DICOM).parts()
        theirs = ask(twin.plain.dicomweb + path, DICOM)
        if theirs.status == 200:
            [(_, transcoded)] = theirs.parts()
            assert differences(of_file(ours), of_file(transcoded)) == [], path
        else:  # Orthanc cannot decode JPEG 2000: as stored is better than nothing
            assert ours == copy.read_bytes(), path


def test_metadata_of_a_study_are_those_of_its_instances(twin: Twin) -> None:
    for study in {path.split("/")[2] for path in twin.copies}:
        whole = load(ask(f"{twin.ours}/studies/{study}/metadata").body)
        theirs = load(ask(f"{twin.plain.dicomweb}/studies/{study}/metadata").body)
        assert sorted(one["00080018"]["Value"][0] for one in whole) == sorted(
            one["00080018"]["Value"][0] for one in theirs
        )


@pytest.mark.parametrize("syntax", ["", "; transfer-syntax=*"], ids=["uncompressed", "as stored"])
def test_frames_are_those_of_the_plain_archive(twin: Twin, syntax: str) -> None:
    for path in images(twin):
        ours, theirs = (ask(f"{base}{path}/frames/1", OCTETS + syntax) for base in (twin.ours, twin.plain.dicomweb))
        if theirs.status == 200:
            assert [part for _, part in ours.parts()] == [part for _, part in theirs.parts()], path
        else:
            assert ours.status == 200, (path, theirs.status)  # Orthanc cannot; the gateway asks it in another way


def test_what_is_not_there_is_missing_on_both_sides(twin: Twin) -> None:
    path = next(iter(images(twin)))
    study = path.split("/series/")[0]
    for missing in (
        "/studies/2.25.1", "/studies/2.25.1/metadata", f"{study}/series/2.25.1", f"{study}/series/2.25.1/metadata",
        f"{path}1", f"{path}1/metadata", f"{path}1/frames/1",
    ):  # fmt: skip
        ours, theirs = (ask(base + missing) for base in (twin.ours, twin.plain.dicomweb))
        assert (ours.status, theirs.status) == (404, 404), missing


@pytest.mark.parametrize("kind", ["image/jpeg", "image/png"])
def test_pictures_are_those_of_the_plain_archive(twin: Twin, kind: str) -> None:
    for path in images(twin):
        theirs = ask(f"{twin.plain.dicomweb}{path}/rendered", kind)
        ours = ask(f"{twin.ours}{path}/rendered", kind)
        assert (ours.status, ours.headers["content-type"]) == (200, kind), path
        if theirs.status == 200:
            assert picture_size(ours.body) == picture_size(theirs.body), path


def test_the_uri_service_answers_as_that_of_the_plain_archive(twin: Twin) -> None:
    for path in twin.copies:
        ours, theirs = (ask(f"{base}?{uri_query(path)}") for base in (twin.wado, twin.plain_wado))
        assert ours.status == theirs.status == 200, path
        assert differences(of_file(ours.body), of_file(theirs.body)) == [], path


def json_metadata(url: str, base: str) -> Surface:
    [found] = load(ask(f"{url}/metadata", JSON).body)
    return of_json(found, lambda uri: bulk(uri, base))


def xml_metadata(url: str, base: str) -> Surface:
    [(kind, document)] = ask(f"{url}/metadata", XML).parts()
    assert kind.startswith("application/dicom+xml")
    return of_xml(document, lambda uri: bulk(uri, base))


def bulk(uri: str, base: str) -> bytes:
    """Read bulk data; an archive that was asked by another name writes that into its URLs."""
    reply = ask(base + "/studies/" + uri.partition("/studies/")[2], OCTETS)
    assert reply.status == 200, reply
    [(_, data)] = reply.parts()
    return data


def images(twin: Twin) -> list[str]:
    """List the paths of instances that have pixels."""
    pictured = {str(one.SOPInstanceUID) for one in twin.reference.instances if "PixelData" in one}
    return [path for path in twin.copies if path.rpartition("/")[2] in pictured]


def uri_query(path: str) -> str:
    study, series, instance = path.split("/")[2::2]
    return (
        f"requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={instance}"
        "&contentType=application/dicom&transferSyntax=*"
    )


def picture_size(body: bytes) -> tuple[int, int]:
    return Image.open(BytesIO(body)).size
