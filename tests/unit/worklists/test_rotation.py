"""A new secret follows an old one: what was released leads back, and only the new one makes what is handed out."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.core.pseudonym.keys import KeyRing
from tests.kit.archive import Archive, Row
from tests.kit.inprocess import DICOM, OCTETS, SECRET, Answer, InProcess, in_process, links, over, sample_folder

ANN = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1", "PAT-1", "SMITH^ANN", "CT")
BOB = Row("1.2.3.2", "1.2.3.2.1", "1.2.3.2.1.1", "PAT-2", "SMITH^BOB", "MR")
CAT = Row("1.2.3.3", "1.2.3.3.1", "1.2.3.3.1.1", "", "JONES^CAT", "CT")
ROWS = [ANN, BOB, CAT]
NEW = b"n" * 32
OLD_RING, NEW_RING = KeyRing(SECRET, "research"), KeyRing(NEW, "research")
ROTATED: dict[str, Any] = {"secret": {"file": "new"}, "previous_secrets": [{"file": "unused"}, {"file": "secret"}]}
DROPPED: dict[str, Any] = {"secret": {"file": "new"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "new").write_bytes(NEW)
    (tmp_path / "gateway" / "unused").write_bytes(b"u" * 32)
    return tmp_path


def under(ring: KeyRing, path: str) -> str:
    return re.sub(r"[0-9]+(\.[0-9]+)+", lambda uid: ring.uid(uid[0]), path)


def old_names() -> list[bytes]:
    """Everything of the archive as the old secret names it."""
    uids = [uid for row in ROWS for uid in (row.study, row.series, row.instance)]
    patients = [OLD_RING.patient("", row.patient, "" if row.patient else row.study) for row in ROWS]
    return [name.encode() for name in (*map(OLD_RING.uid, uids), *patients)]


async def released_before(folder: Path) -> None:
    async with over(Archive(ROWS), folder) as gateway:
        assert len(await gateway["research"].results("/studies")) == len(ROWS)


def forget(folder: Path) -> None:
    for file in (folder / "gateway").glob("state.db*"):
        file.unlink()


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "lost"])
@pytest.mark.parametrize("row", ROWS, ids=["ann", "bob", "cat"])
async def test_old_paths_lead_to_objects_with_new_names(folder: Path, row: Row, lost: bool) -> None:
    await released_before(folder)
    if lost:
        forget(folder)
    async with over(Archive(ROWS), folder, **ROTATED) as gateway:
        research = gateway["research"]
        answers: list[Answer] = []
        for path in (row.path, f"{row.path}/metadata", f"/studies/{row.study}/series", f"/studies/{row.study}"):
            old = await research.get(
                under(OLD_RING, path), DICOM if path in (row.path, f"/studies/{row.study}") else None
            )
            assert old.status == 200
            answers.append(old)
        assert answers[1].body == (await research.get(under(NEW_RING, f"{row.path}/metadata"))).body
        assert NEW_RING.uid(row.instance).encode() in answers[0].body
        assert not [name for name in old_names() for answer in answers if name in answer.body]


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "lost"])
@pytest.mark.parametrize(
    ("level", "key", "value"),
    [
        ("studies", "StudyInstanceUID", OLD_RING.uid(ANN.study)),
        ("studies", "PatientID", OLD_RING.patient("", "PAT-1", "")),
        ("studies", "PatientID", OLD_RING.patient("", "PAT-1", "").lower()),
        ("studies", "PatientName", OLD_RING.patient("", "PAT-1", "")),
        ("studies", "PatientName", OLD_RING.patient("", "PAT-1", "")[:9] + "*"),
        ("series", "StudyInstanceUID", OLD_RING.uid(ANN.study)),
        ("series", "SeriesInstanceUID", OLD_RING.uid(ANN.series)),
        ("series", "PatientID", OLD_RING.patient("", "PAT-1", "")),
        ("instances", "SOPInstanceUID", OLD_RING.uid(ANN.instance)),
        ("instances", "StudyInstanceUID", f"{OLD_RING.uid(ANN.study)},{OLD_RING.uid('1.2.3.9')}"),
    ],
)
async def test_a_search_by_an_old_name_finds_what_it_named_under_its_new_one(
    folder: Path, level: str, key: str, value: str, lost: bool
) -> None:
    await released_before(folder)
    if lost:
        forget(folder)
    async with over(Archive(ROWS), folder, **ROTATED) as gateway:
        found = await gateway["research"].results(f"/{level}?{key}={value}")
    assert [one["0020000D"]["Value"] for one in found] == [[NEW_RING.uid(ANN.study)]]
    assert not [name for name in old_names() if name in json.dumps(found).encode()]


async def test_a_search_may_mix_old_and_new_names(folder: Path) -> None:
    await released_before(folder)
    async with over(Archive(ROWS), folder, **ROTATED) as gateway:
        uids = f"{OLD_RING.uid(ANN.study)},{NEW_RING.uid(BOB.study)}"
        found = await gateway["research"].uids(f"/studies?StudyInstanceUID={uids}", "0020000D")
        assert set(found) == {NEW_RING.uid(ANN.study), NEW_RING.uid(BOB.study)}
        both = f"?PatientID={OLD_RING.patient('', 'PAT-1', '')}&StudyInstanceUID={NEW_RING.uid(ANN.study)}"
        assert await gateway["research"].uids(f"/studies{both}", "0020000D") == [NEW_RING.uid(ANN.study)]
        neither = f"?PatientID={OLD_RING.patient('', 'PAT-1', '')}&StudyInstanceUID={NEW_RING.uid(BOB.study)}"
        assert await gateway["research"].results(f"/studies{neither}") == []


async def test_only_identifiers_match_as_an_old_secret_made_them(folder: Path) -> None:
    row = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1", "PAT-1")
    dated = {"profile": "retain-longitudinal-modified-dates"}

    class Dated(Archive):
        def _described(self, row: Row, kind: str) -> dict[str, object]:
            return {**super()._described(row, kind), "00080020": {"vr": "DA", "Value": ["20200713"]}}

    days = {}
    nothing: dict[str, Any] = {}
    for more in (nothing, ROTATED):
        async with over(Dated([row]), folder, {"research": dated}, **more) as gateway:
            (study,) = await gateway["research"].results("/studies")
            days[bool(more)] = study["00080020"]["Value"][0]
    assert days[False] != days[True]
    async with over(Dated([row]), folder, {"research": dated}, **ROTATED) as gateway:
        assert await gateway["research"].results(f"/studies?StudyDate={days[False]}") == []
        assert len(await gateway["research"].results(f"/studies?StudyDate={days[True]}")) == 1


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "lost"])
async def test_nothing_leads_back_once_the_old_secret_is_dropped(folder: Path, lost: bool) -> None:
    await released_before(folder)
    if lost:
        forget(folder)
    async with over(Archive(ROWS), folder, **DROPPED) as gateway:
        assert (await gateway["research"].get(under(OLD_RING, f"{ANN.path}/metadata"))).status == 404
        for key, value in (
            ("PatientID", OLD_RING.patient("", "PAT-1", "")),
            ("StudyInstanceUID", OLD_RING.uid(ANN.study)),
        ):
            assert await gateway["research"].results(f"/studies?{key}={value}") == []


async def bulk_links(gateway: InProcess) -> list[str]:
    found = []
    for path in await gateway["research"].paths():
        found += links((await gateway["research"].get(f"{path}/metadata")).json)
    assert found
    return found


@pytest.mark.parametrize("entry", [{}, {"identified": True}], ids=["released", "identified"])
async def test_old_links_to_bulk_data_are_good_and_new_ones_are_new(folder: Path, entry: dict[str, object]) -> None:
    origins = {"samples": sample_folder(folder / "samples")}
    worklists = {"research": entry}
    async with in_process(folder / "gateway", origins, worklists) as gateway:
        old = await bulk_links(gateway)
        bodies = [(await gateway.ask(link, OCTETS)).parts() for link in old]
    async with in_process(folder / "gateway", origins, worklists, **ROTATED) as gateway:
        assert [(await gateway.ask(link, OCTETS)).parts() for link in old] == bodies
        assert not set(await bulk_links(gateway)) & set(old)
    async with in_process(folder / "gateway", origins, worklists, **DROPPED) as gateway:
        assert {(await gateway.ask(link, OCTETS)).status for link in old} == {404}


async def test_worklists_lead_back_in_their_own_domain_alone(tmp_path: Path) -> None:
    worklists: dict[str, dict[str, object]] = {
        "one": {}, "two": {}, "twin": {"domain": "one"}, "narrow": {"domain": "one", "studies": [BOB.study]}
    }  # fmt: skip
    ring = KeyRing(SECRET, "one")
    async with over(Archive(ROWS), tmp_path, worklists) as gateway:
        for name in worklists:
            await gateway[name].results("/studies")
        for name, status in {"one": 200, "two": 404, "twin": 200, "narrow": 404}.items():
            assert (await gateway[name].get(under(ring, f"{ANN.path}/metadata"))).status == status
            for key, value in (("PatientID", ring.patient("", "PAT-1", "")), ("StudyInstanceUID", ring.uid(ANN.study))):
                assert bool(await gateway[name].results(f"/studies?{key}={value}")) is (status == 200)
