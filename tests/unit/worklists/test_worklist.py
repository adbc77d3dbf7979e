"""A worklist over a scripted archive: which studies belong, and how released UIDs find their way back."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.adapters.origin_client import ConnectionPolicy
from gateway.adapters.origin_http import HttpOrigin
from gateway.core.pseudonym.keys import KeyRing
from tests.kit.archive import Archive, Row, json_reply, reply, serving
from tests.kit.engine import profile
from tests.kit.inprocess import DICOM, SECRET, Service, over, released
from tests.kit.searching import Remembered, worklist_over

ANN = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1", "PAT-1", "SMITH^ANN", "CT")
ANN_MR = Row("1.2.3.1", "1.2.3.1.2", "1.2.3.1.2.1", "PAT-1", "SMITH^ANN", "MR")
BOB = Row("1.2.3.2", "1.2.3.2.1", "1.2.3.2.1.1", "PAT-2", "SMITH^BOB", "MR")
CAT = Row("1.2.3.3", "1.2.3.3.1", "1.2.3.3.1.1", "PAT-3", "JONES^CAT", "CT")
ROWS = [ANN, ANN_MR, BOB, CAT]
MATCHED: dict[str, dict[str, object]] = {
    "ct": {"domain": "research", "match": {"ModalitiesInStudy": "CT"}},
    "smiths": {"domain": "research", "match": {"PatientName": "SMITH^*"}},
    "some": {"domain": "research", "studies": [ANN.study, BOB.study]},
    "all-of-it": {
        "domain": "research",
        "match": {"PatientName": "SMITH^*", "ModalitiesInStudy": "CT"},
        "studies": [ANN.study, CAT.study],
    },
    "nobody": {"domain": "research", "match": {"PatientID": "PAT-9"}, "studies": [ANN.study]},
}
EXPECTED = {
    "ct": {ANN.study, CAT.study},
    "smiths": {ANN.study, BOB.study},
    "some": {ANN.study, BOB.study},
    "all-of-it": {ANN.study},
    "nobody": set[str](),
}


async def studies(service: Service, query: str = "") -> set[str]:
    """Search; the source UIDs of what is found."""
    sources = {released(row.study): row.study for row in ROWS}
    return {sources[uid] for uid in await service.uids(f"/studies{query}", "0020000D")}


@pytest.mark.parametrize("reads_keys", [True, False])
@pytest.mark.parametrize("name", MATCHED)
async def test_only_studies_that_satisfy_match_and_list_are_there(tmp_path: Path, name: str, reads_keys: bool) -> None:
    async with over(Archive(ROWS, reads_keys=reads_keys), tmp_path, MATCHED) as gateway:
        service = gateway[name]
        assert await studies(service) == EXPECTED[name]
        for row in ROWS:
            inside = row.study in EXPECTED[name]
            study = released(f"/studies/{row.study}")
            for path in (f"{study}/metadata", study, f"{study}/series", released(row.path)):
                assert (await service.get(path)).status == (200 if inside else 404), path
            assert bool(await service.results(f"/series?StudyInstanceUID={released(row.study)}")) is inside
        for level in ("series", "instances"):
            found = await service.uids(f"/{level}", "0020000D")
            assert set(found) == {released(study) for study in EXPECTED[name]}


@pytest.mark.parametrize(
    "query",
    [
        "?ModalitiesInStudy=MR", "?ModalitiesInStudy=*", "?ModalitiesInStudy=", "?00080061=MR",
        "?ModalitiesInStudy=CT,MR",
        f"?StudyInstanceUID={released(BOB.study)}", f"?StudyInstanceUID={released(BOB.study)},{released(ANN.study)}",
        "?StudyInstanceUID=*", f"?0020000D={BOB.study}", "?PatientName=*", "?includefield=all", "?limit=100&offset=0",
    ],
)  # fmt: skip
@pytest.mark.parametrize("reads_keys", [True, False])
@pytest.mark.parametrize("name", ["ct", "all-of-it"])
async def test_no_key_of_a_client_widens_a_worklist(tmp_path: Path, name: str, query: str, reads_keys: bool) -> None:
    async with over(Archive(ROWS, reads_keys=reads_keys), tmp_path, MATCHED) as gateway:
        for level in ("studies", "series", "instances"):
            for uid in await gateway[name].uids(f"/{level}{query}", "0020000D"):
                assert uid in {released(study) for study in EXPECTED[name]}


async def test_a_key_on_a_matched_attribute_narrows(tmp_path: Path) -> None:
    async with over(Archive(ROWS), tmp_path, MATCHED) as gateway:
        assert await studies(gateway["ct"], "?ModalitiesInStudy=MR") == {ANN.study}
        assert await studies(gateway["ct"], "?ModalitiesInStudy=US") == set()
        assert await studies(gateway["some"], f"?StudyInstanceUID={released(BOB.study)}") == {BOB.study}
        assert await studies(gateway["some"], f"?StudyInstanceUID={released(CAT.study)}") == set()


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"ModalitiesInStudy": "CT,MR"}, {ANN.study, BOB.study, CAT.study}),
        ({"ModalitiesInStudy": "US,MR"}, {ANN.study, BOB.study}),
        ({"ModalitiesInStudy": "ct"}, {ANN.study, CAT.study}),
        ({"PatientID": "PAT-1,PAT-3"}, {ANN.study, CAT.study}),
        ({"PatientName": "smith^*"}, {ANN.study, BOB.study}),
        ({"StudyDate": "20200101-"}, set()),
    ],
)
@pytest.mark.parametrize("reads_keys", [True, False])
async def test_a_match_means_the_same_whatever_the_archive_makes_of_it(
    tmp_path: Path, match: dict[str, str], expected: set[str], reads_keys: bool
) -> None:
    async with over(Archive(ROWS, reads_keys=reads_keys), tmp_path, {"research": {"match": match}}) as gateway:
        assert await studies(gateway["research"]) == expected


async def test_a_long_list_of_studies_is_asked_for_in_batches(tmp_path: Path) -> None:
    rows = [Row(f"1.2.9.{n}", f"1.2.9.{n}.1", f"1.2.9.{n}.1.1") for n in range(1, 121)]
    archive = Archive(rows)
    worklists: dict[str, dict[str, object]] = {"research": {"studies": [row.study for row in rows[:110]]}}
    async with over(archive, tmp_path, worklists) as gateway:
        assert len(await gateway["research"].results("/studies")) == 110
    assert max(len(asked.raw_query) for asked in archive.asked) < 4000


async def test_a_lost_state_is_read_again_from_the_archive(tmp_path: Path) -> None:
    async with over(Archive(ROWS), tmp_path) as gateway:
        paths = await gateway["research"].paths()
        pseudonym = (await gateway["research"].results("/studies"))[0]["00100020"]["Value"][0]
    (tmp_path / "gateway" / "state.db").unlink()
    async with over(Archive(ROWS), tmp_path) as gateway:
        for path in paths:
            assert (await gateway["research"].get(path, DICOM)).status == 200
    (tmp_path / "gateway" / "state.db").unlink()
    async with over(Archive(ROWS), tmp_path) as gateway:
        assert len(await gateway["research"].results(f"/studies?PatientID={pseudonym}")) == 1


async def test_what_was_released_is_resolved_without_reading_the_worklist(tmp_path: Path) -> None:
    async with over(Archive(ROWS), tmp_path) as gateway:
        await gateway["research"].results("/studies")
    archive = Archive(ROWS)
    async with over(archive, tmp_path) as gateway:
        assert (await gateway["research"].get(released(f"/studies/{ANN.study}/metadata"))).status == 200
    assert all(asked.values("StudyInstanceUID") for asked in archive.asked if asked.path == "/studies")


async def test_a_guesser_makes_the_archive_work_once(tmp_path: Path) -> None:
    archive = Archive(ROWS)
    async with over(archive, tmp_path) as gateway:
        keys = KeyRing(SECRET, "guesses")
        for n in range(30):
            assert (await gateway["research"].get(f"/studies/{keys.uid(str(n))}/metadata")).status == 404
    assert len(archive.asked) <= 2  # one reading of two pages, the last one empty


async def test_a_filtered_search_with_a_small_limit_reads_the_archive_in_large_pages(tmp_path: Path) -> None:
    rows = [Row(f"1.2.9.{n}", f"1.2.9.{n}.1", f"1.2.9.{n}.1.1") for n in range(1, 41)]
    archive = Archive(rows)
    async with over(archive, tmp_path) as gateway:
        assert await gateway["research"].results("/studies?PatientName=NOBODY&limit=1") == []
    assert len(archive.asked) <= 3


async def test_guesses_at_the_same_time_share_one_reading(tmp_path: Path) -> None:
    archive = Archive(ROWS)
    async with over(archive, tmp_path) as gateway:
        guesses = [gateway["research"].get(f"/studies/2.25.{n}/series") for n in range(10**37, 10**37 + 20)]
        assert {answer.status for answer in await asyncio.gather(*guesses)} == {404}
    assert len(archive.asked) <= 2


async def test_a_guesser_does_not_hammer_an_archive_that_fails(tmp_path: Path) -> None:
    archive = Archive(ROWS, {"/studies": reply(b"", "500 Internal Server Error")})
    async with over(archive, tmp_path) as gateway:
        for n in range(10**37, 10**37 + 10):
            await gateway["research"].get(f"/studies/2.25.{n}/metadata")
    assert len(archive.asked) <= 2


@pytest.mark.parametrize("uid", [ANN.study, "x", "1.2.840.10008.1.1", "2.25", "3.25.1", "2.25.0001"])
async def test_what_cannot_be_a_released_uid_is_never_looked_for(tmp_path: Path, uid: str) -> None:
    archive = Archive(ROWS)
    async with over(archive, tmp_path) as gateway:
        assert (await gateway["research"].get(f"/studies/{uid}/metadata")).status == 404
    assert archive.asked == []


async def test_a_study_that_leaves_the_archive_is_missing(tmp_path: Path) -> None:
    async with over(Archive(ROWS), tmp_path) as gateway:
        await gateway["research"].results("/studies")
    async with over(Archive([BOB]), tmp_path) as gateway:
        assert (await gateway["research"].get(released(f"/studies/{ANN.study}/metadata"))).status == 404
        assert (await gateway["research"].get(released(f"/studies/{BOB.study}/metadata"))).status == 200


async def test_membership_is_asked_once_for_many_requests(tmp_path: Path) -> None:
    archive = Archive(ROWS)
    async with over(archive, tmp_path) as gateway:
        await gateway["research"].results("/studies")
        before = archive.count("/studies")
        for _ in range(5):
            assert (await gateway["research"].get(released(f"{ANN.path}/metadata"))).status in (200, 404)
        assert archive.count("/studies") - before <= 1
        assert archive.count(f"/studies/{ANN.study}/series") <= 1


async def test_an_instance_that_arrives_later_is_found(tmp_path: Path) -> None:
    archive = Archive([ANN])
    async with over(archive, tmp_path) as gateway:
        assert (await gateway["research"].get(released(ANN.path))).status == 200
        archive.rows = [ANN, Row(ANN.study, ANN.series, f"{ANN.series}.2"), ANN_MR]
        assert (
            await gateway["research"].get(
                released(f"/studies/{ANN.study}/series/{ANN.series}/instances/{ANN.series}.2")
            )
        ).status == 200
        assert (await gateway["research"].get(released(ANN_MR.path))).status == 200


async def test_patients_without_an_id_are_not_merged(tmp_path: Path) -> None:
    rows = [Row("1.2.1", "1.2.1.1", "1.2.1.1.1", ""), Row("1.2.2", "1.2.2.1", "1.2.2.1.1", "")]
    async with over(Archive(rows), tmp_path) as gateway:
        found = await gateway["research"].results("/studies")
        names = [one["00100020"]["Value"][0] for one in found]
        assert len(set(names)) == 2
        for one, name in zip(found, names, strict=True):
            assert await gateway["research"].results(f"/studies?PatientID={name}") == [one]


async def test_no_source_stands_in_the_state(tmp_path: Path) -> None:
    async with over(Archive(ROWS), tmp_path) as gateway:
        await gateway["research"].results("/studies")
    for file in (tmp_path / "gateway").glob("state.db*"):
        held = file.read_bytes()
        for word in (ANN.study, ANN.patient, "SMITH"):
            assert word.encode() not in held
    assert released(ANN.study).encode() in (tmp_path / "gateway" / "state.db").read_bytes()


async def test_a_study_that_keeps_its_uid_is_found_by_it_and_not_remembered(tmp_path: Path) -> None:
    async with over(Archive(ROWS), tmp_path, {"research": {"profile": "retain-uids"}}) as gateway:
        assert ANN.study in await gateway["research"].uids("/studies", "0020000D")
        assert (await gateway["research"].get(ANN.path)).status == 200
    for file in (tmp_path / "gateway").glob("state.db*"):
        assert ANN.study.encode() not in file.read_bytes()


@pytest.mark.parametrize("level", ["series", "instances"])
async def test_an_archive_that_caps_its_answers_hides_nothing_below_a_study(
    tmp_path: Path, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.worklists.origin_json.LEAST_CAP", 1)
    many = {
        "series": [Row("1.2.7", f"1.2.7.{n}", f"1.2.7.{n}.1") for n in range(5)],
        "instances": [Row("1.2.7", "1.2.7.1", f"1.2.7.1.{n}") for n in range(5)],
    }
    async with over(Archive(many[level], cap=2), tmp_path) as gateway:
        path = released("/studies/1.2.7")
        assert len(await gateway["research"].results(f"{path}/{level}")) == 5
        for row in many[level]:
            assert (await gateway["research"].get(f"{released(row.path)}/metadata")).status == 200


@pytest.mark.parametrize("uid", ["1.2.007.1", "1.2.840.ABC"])
async def test_an_identified_study_with_a_faulty_uid_can_be_retrieved_if_it_is_listed(tmp_path: Path, uid: str) -> None:
    row = Row(uid, f"{uid}.1", f"{uid}.1.1")
    async with over(Archive([row]), tmp_path, {"research": {"identified": True}}) as gateway:
        assert await gateway["research"].uids("/studies", "0020000D") == [uid]
        assert (await gateway["research"].get(f"/studies/{uid}/metadata")).status == 200


async def test_a_deidentified_study_with_a_faulty_uid_can_be_retrieved(tmp_path: Path) -> None:
    row = Row("1.2.007.ABC", "1.2.007.ABC.1", "1.2.007.ABC.1.1")
    async with over(Archive([row]), tmp_path) as gateway:
        (path,) = await gateway["research"].paths()
        assert (await gateway["research"].get(path)).status == 200
        assert (await gateway["research"].get(f"{path}/metadata")).status == 200


@pytest.mark.parametrize("uid", ["", "1.2/../3", "1.2?x", "1.2%2f", "é", "1" * 65, "1.2 3", "-"])
async def test_results_whose_uid_cannot_stand_in_a_path_do_not_exist(tmp_path: Path, uid: str) -> None:
    odd = Row("1.2.8", "1.2.8.1", "1.2.8.1.1").json(_0020000D={"vr": "UI", "Value": [uid]})
    async with over(Archive(ROWS, {"/studies": json_reply([odd, ANN.json()])}), tmp_path) as gateway:
        assert await studies(gateway["research"]) == {ANN.study}


@dataclass(slots=True)
class Slow(Remembered):
    """A store whose first answer is late."""

    late: asyncio.Event = field(default_factory=asyncio.Event)
    is_first: bool = True

    async def get(self, domain: str, kind: str, released: str) -> str | None:
        found = await super(Slow, self).get(domain, kind, released)
        if self.is_first:
            self.is_first = False
            await self.late.wait()
        return found


async def test_who_asked_before_the_worklist_was_read_finds_what_was_read() -> None:
    async with serving(Archive(ROWS)) as archive:
        origin = HttpOrigin("archive", archive.base, policy=ConnectionPolicy())
        worklist = worklist_over(origin, profile("nominal"))
        worklist.store = store = Slow()
        uid = next(worklist.released_uids(ANN.study))
        early = asyncio.create_task(worklist.study(uid))
        await asyncio.sleep(0)
        assert await worklist.study(uid) == ANN.study
        store.late.set()
        assert await early == ANN.study
        await origin.aclose()
