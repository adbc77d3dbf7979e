"""Downloads: a zip of permanent copies with a DICOMDIR and a manifest, read by everything that reads such things."""

import json
import subprocess
from collections.abc import AsyncGenerator, Callable, Iterable
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import pytest

from gateway import __version__
from gateway.calls import Call
from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.rewrite.passing import Passing
from gateway.core.wire.multipart import Event, PartChunk, PartEnd, PartStart
from gateway.routes import download
from gateway.routes.download import Archive
from gateway.routes.exchange import Outcome
from gateway.routes.released import released as released_pieces
from tests.kit.archive import REPORT, Asked, Row, multipart, multipart_reply, reply
from tests.kit.archive import Archive as Origin
from tests.kit.canary import plant
from tests.kit.canary_search import search
from tests.kit.clinical import BUILDERS, clinical
from tests.kit.encode import EXPLICIT, Element, part10
from tests.kit.engine import nominal, random_cuts, single_bytes
from tests.kit.inprocess import CHEST, HEAD, UNKNOWN, Answer, InProcess, over, released
from tests.kit.judging import judging
from tests.kit.media import file_set
from tests.kit.scripted_server import Connection

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
shared = pytest.mark.asyncio(loop_scope="module")

ZIP = "application/zip"
AS_STORED = "application/dicom; transfer-syntax=*"
CT = f"/studies/{CHEST}/series/{CHEST}.1/instances/{CHEST}.1.1"
EXTRAS = {"DICOMDIR", "manifest.json"}

ONE = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1")
TWO = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.2")
SR = Row("1.2.3.1", "1.2.3.1.2", "1.2.3.1.2.1", modality="SR", sop_class=REPORT)
STUDY = f"/studies/{ONE.study}"


def call() -> Call:
    return Call("1", "", "GET", 0)


def files(body: bytes) -> dict[str, bytes]:
    with ZipFile(BytesIO(body)) as read:
        assert read.testzip() is None
        return {name: read.read(name) for name in read.namelist()}


def objects(body: bytes) -> dict[str, bytes]:
    return {name: data for name, data in files(body).items() if name not in EXTRAS}


def manifest(answer: Answer) -> dict[str, object]:
    found: dict[str, object] = json.loads(files(answer.body)["manifest.json"])
    return found


def ran(*command: str | Path) -> bytes:
    """Run a program; give all that it said."""
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout


async def events(objects_: Iterable[bytes], cut: Callable[[bytes], Iterable[bytes]]) -> AsyncGenerator[Event, None]:
    for one in objects_:
        yield PartStart({"content-type": "application/dicom"})
        for chunk in cut(one):
            yield PartChunk(chunk)
        yield PartEnd()


async def packed(objects_: Iterable[bytes], cut: Callable[[bytes], Iterable[bytes]] = lambda one: [one]) -> bytes:
    pieces = released_pieces(events(objects_, cut), judging(nominal()), "", Archive(nominal(), Outcome()), call())
    return b"".join([bytes(piece) async for piece in pieces])


# What it holds


@shared
@pytest.mark.parametrize("worklist", ["research", "dates", "identified"])
async def test_a_study_is_what_the_instance_door_says(gateway: InProcess, worklist: str, tmp_path: Path) -> None:
    service = gateway[worklist]
    study = f"/studies/{CHEST}" if worklist == "identified" else released(f"/studies/{CHEST}", worklist)
    answer = await service.get(study, ZIP)
    assert answer.status == 200
    assert answer.whole
    assert answer.headers["content-type"] == ZIP
    paths = [path for path in await service.paths() if path.startswith(f"{study}/")]
    alone = [(await service.get(path, AS_STORED)).body for path in paths]
    assert sorted(objects(answer.body).values()) == sorted(alone)
    assert len(alone) == 4

    (tmp_path / "a.zip").write_bytes(answer.body)
    assert b"No errors" in ran("unzip", "-t", tmp_path / "a.zip")
    ran("unzip", "-q", tmp_path / "a.zip", "-d", tmp_path / "set")
    with file_set(tmp_path / "set") as found:
        assert {one.load().SOPInstanceUID for one in found} == {path.rpartition("/")[2] for path in paths}
        assert all(one.load().SeriesInstanceUID == one.SeriesInstanceUID for one in found)
    assert ran("dcmdump", tmp_path / "set" / "DICOMDIR").count(b"ReferencedFileID") == 4
    assert b"Error" not in ran("dciodvfy", tmp_path / "set" / "DICOMDIR")


@shared
@pytest.mark.parametrize(("path", "count"), [(f"/studies/{CHEST}/series/{CHEST}.1", 2), (CT, 1)])
async def test_a_series_or_an_instance_may_be_downloaded(gateway: InProcess, path: str, count: int) -> None:
    answer = await gateway["research"].get(released(path), ZIP)
    assert len(objects(answer.body)) == count


@shared
async def test_names_say_nothing(gateway: InProcess) -> None:
    answer = await gateway["research"].get(released(f"/studies/{CHEST}"), ZIP)
    assert list(files(answer.body)) == [
        "DICOM/ST000001/SE000001/IM000001",
        "DICOM/ST000001/SE000001/IM000002",
        "DICOM/ST000001/SE000002/IM000001",
        "DICOM/ST000001/SE000003/IM000001",
        "DICOMDIR",
        "manifest.json",
    ]
    digits = released(CHEST).removeprefix("2.25.")[:12]
    assert answer.headers["content-disposition"] == f'attachment; filename="dicomveil-{digits}.zip"'


@shared
async def test_the_manifest_counts_and_names_nobody(gateway: InProcess) -> None:
    answer = await gateway["research"].get(released(f"/studies/{CHEST}"), ZIP)
    found = manifest(answer)
    actions = found.pop("actions")
    assert isinstance(actions, dict)
    assert actions["pseudonym"] == 8
    assert all(isinstance(count, int) for count in actions.values())
    assert found == {
        "software": {"name": "Dicomveil", "version": __version__},
        "profile": {"name": "nominal", "digest": nominal().digest},
        "objects": 4,
        "refused": 0,
        "complete": True,
    }
    assert manifest(await gateway["identified"].get(f"/studies/{CHEST}", ZIP))["profile"] is None


@shared
async def test_the_same_download_is_the_same_again(gateway: InProcess) -> None:
    first, second = [await gateway["research"].get(released(f"/studies/{HEAD}"), ZIP) for _ in range(2)]
    assert first.body == second.body


# How it is asked for


@shared
@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("", "application/zip"),
        ("", "application/zip; transfer-syntax=*"),
        ("", 'multipart/related; type="application/dicom"; q=0.5, application/zip'),
        ("?accept=application/zip", None),
        ("?accept=application/zip", "*/*"),
        ("?accept=application%2Fzip", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ],
)
async def test_a_link_or_a_header_asks_for_it(gateway: InProcess, query: str, accept: str | None) -> None:
    answer = await gateway["research"].get(released(f"/studies/{HEAD}") + query, accept)
    assert answer.status == 200
    assert len(objects(answer.body)) == 2


@shared
@pytest.mark.parametrize("accept", [None, "*/*", "application/*"])
async def test_who_does_not_ask_for_it_gets_parts(gateway: InProcess, accept: str | None) -> None:
    answer = await gateway["research"].get(released(f"/studies/{HEAD}"), accept)
    assert answer.headers["content-type"].startswith("multipart/related")


@shared
@pytest.mark.parametrize("worklist", ["research", "identified"])
async def test_what_is_not_there_is_not_found(gateway: InProcess, worklist: str) -> None:
    service = gateway[worklist]
    nowhere = await service.get(f"/studies/{UNKNOWN}", ZIP)
    assert nowhere.status == 404
    if worklist == "research":
        assert (await service.get(f"/studies/{CHEST}", ZIP)).said == nowhere.said


@shared
async def test_a_study_of_refused_objects_is_not_there(gateway: InProcess) -> None:
    service = gateway["strict"]
    assert (await service.get(released(f"/studies/{UNKNOWN}", "strict"), ZIP)).said == (
        await service.get(released("/studies/1.2.826.0.1.55.4", "strict"), ZIP)
    ).said


async def test_objects_are_asked_for_as_stored_or_as_wanted(tmp_path: Path) -> None:
    async def refuses(connection: Connection, _asked: Asked) -> None:
        await connection.answer(b"", "406 Not Acceptable")

    origin = Origin([ONE], {STUDY: refuses})
    async with over(origin, tmp_path) as gateway:
        syntax = "1.2.840.10008.1.2.4.50"
        accepts = (ZIP, f"{ZIP}; transfer-syntax={syntax}")
        assert {(await gateway["research"].get(released(STUDY), one)).status for one in accepts} == {406}
    asked = [one.accept.partition("transfer-syntax=")[2] for one in origin.asked if one.path == STUDY]
    assert asked == ["*", "", syntax]


# What is left out, and what breaks


async def test_what_the_profile_refuses_is_counted_and_left_out(tmp_path: Path) -> None:
    async with over(Origin([ONE, SR, TWO]), tmp_path, {"research": {"profile": "strict"}}) as gateway:
        answer = await gateway["research"].get(released(STUDY), ZIP)
    assert answer.status == 200
    assert len(objects(answer.body)) == 2
    found = manifest(answer)
    assert (found["objects"], found["refused"], found["complete"]) == (2, 1, False)


async def test_what_the_origin_leaves_out_makes_it_incomplete(tmp_path: Path) -> None:
    header, body = multipart([ONE.part10()])
    partial = reply(body, "206 Partial Content", header)
    async with over(Origin([ONE, TWO], {STUDY: partial}), tmp_path) as gateway:
        answer = await gateway["research"].get(released(STUDY), ZIP)
    assert answer.status == 200
    assert manifest(answer)["complete"] is False


@pytest.mark.parametrize(
    ("parts", "end"),
    [
        ([ONE.part10(), TWO.part10()], False),
        ([ONE.part10(), TWO.part10()[:-5]], True),
        ([ONE.part10(), b"no object"], True),
        ([ONE.part10(), Row("9.9.9", "9.9.9.1", "9.9.9.1.1").part10()], True),
    ],
)
async def test_a_fault_in_the_middle_leaves_no_archive(tmp_path: Path, parts: list[bytes], *, end: bool) -> None:
    async with over(Origin([ONE, TWO], {STUDY: multipart_reply(parts, end=end)}), tmp_path) as gateway:
        answer = await gateway["research"].get(released(STUDY), ZIP)
    assert answer.status == 200
    assert not answer.whole
    assert len(answer.body) > len(ONE.pixels)
    with pytest.raises(BadZipFile):
        files(answer.body)
    (tmp_path / "cut.zip").write_bytes(answer.body)
    with pytest.raises(subprocess.CalledProcessError):
        ran("unzip", "-t", tmp_path / "cut.zip")


async def test_a_fault_in_the_beginning_is_a_problem(tmp_path: Path) -> None:
    async with over(Origin([ONE], {STUDY: multipart_reply([b"no object"])}), tmp_path) as gateway:
        answer = await gateway["research"].get(released(STUDY), ZIP)
    assert answer.status == 502
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_object_that_nobody_can_place_is_a_fault(tmp_path: Path) -> None:
    row = Row(ONE.study, "", ONE.instance)
    async with over(Origin([ONE], {STUDY: multipart_reply([row.part10()])}), tmp_path) as gateway:
        assert (await gateway["research"].get(released(STUDY), ZIP)).status == 502


async def test_the_wait_for_a_place_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MAX_HEAD_BYTES", 10_000)
    late = part10(
        [
            Element(0x00080016, "UI", ONE.sop_class.encode()),
            Element(0x00080018, "UI", b"1.2.3"),
            Element(0x00081140, "SQ", [[Element(0x00081155, "UI", b"1.2.9")]] * 2_000),
            Element(0x00100020, "LO", b"P"),
            Element(0x0020000D, "UI", b"1.2"),
            Element(0x0020000E, "UI", b"1.2.1"),
        ],
        EXPLICIT,
    )
    packing, pixels = Archive(Passing(), Outcome()), judging(Passing())
    with pytest.raises(LimitExceeded, match="before the keys"):
        async for _ in released_pieces(
            events([late], lambda one: random_cuts(one, 1, 500)), pixels, "", packing, call()
        ):
            pass
    with pytest.raises(MalformedInput, match="cut before its data set"):
        async for _ in released_pieces(
            events([late[:140]], single_bytes), judging(Passing()), "", Archive(Passing(), Outcome()), call()
        ):
            pass


# How it is made


async def test_it_does_not_depend_on_how_the_bytes_come() -> None:
    every = [clinical(modality) for modality in BUILDERS]
    whole = await packed(every)
    for seed in range(3):
        assert await packed(every, lambda one, seed=seed: random_cuts(one, seed)) == whole  # type: ignore[misc]
    assert await packed(every[:2], single_bytes) == await packed(every[:2])


async def test_nothing_that_identifies_is_in_it() -> None:
    planted = [plant(name, EXPLICIT, seed=number * 5_000, small=True) for number, name in enumerate(("CT", "SR", "PR"))]
    whole = await packed([one.part10 for one in planted])
    assert len(objects(whole)) == 3
    for one in planted:
        assert not search(whole, one.canaries)


async def test_what_is_held_does_not_grow_with_the_objects() -> None:
    """A thousand objects of a megabyte: what is held for each is a record, an entry and no byte of it."""
    pixels = bytes(1 << 20)

    async def study() -> AsyncGenerator[Event, None]:
        for number in range(1_000):
            row = Row("1.2", "1.2.1", f"1.2.1.{number}", pixels=b"")
            head = row.part10()[:-4] + len(pixels).to_bytes(4, "little")
            yield PartStart({"content-type": "application/dicom"})
            yield PartChunk(head)
            yield PartChunk(pixels)
            yield PartEnd()

    packing = Archive(nominal(), Outcome())
    size = 0
    async for piece in released_pieces(study(), judging(nominal()), "", packing, call()):
        size += len(piece)
        assert packing._held_bytes < 2_000
        assert len(piece) <= len(pixels)
    assert size > 1_000 * len(pixels)
    records = b"".join(packing._directory.pieces())
    assert len(records) < 1_000 * 300
