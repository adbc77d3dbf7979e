"""From released identifiers to their sources: out of the store, or by reading the archive and hashing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.app import open_worklist
from gateway.config import load_settings
from gateway.core.errors import OriginFailed
from gateway.core.pseudonym.keys import KeyRing
from gateway.worklists.reidentify import Source, is_released, reidentify
from gateway.worklists.worklist import Worklist
from tests.kit.archive import Archive, Row, reply, serving
from tests.kit.inprocess import SECRET, built, over

ANN = Row("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1", "PAT-1", "SMITH^ANN", "CT")
ANN_MR = Row("1.2.3.1", "1.2.3.1.2", "1.2.3.1.2.1", "PAT-1", "SMITH^ANN", "MR")
BOB = Row("1.2.3.2", "1.2.3.2.1", "1.2.3.2.1.1", "PAT-2", "SMITH^BOB", "MR")
CAT = Row("1.2.3.3", "1.2.3.3.1", "1.2.3.3.1.1", "", "JONES^CAT", "CT")
ROWS = [ANN, ANN_MR, BOB, CAT]
OLD, RING = KeyRing(b"o" * 32, "research"), KeyRing(SECRET, "research")
UNKNOWN = RING.uid("9.9.9")


@asynccontextmanager
async def opened(
    archive: Archive, folder: Path, entry: dict[str, object] | None = None, name: str = "research"
) -> AsyncIterator[Worklist]:
    """Open a worklist as the command does, over a scripted archive and whatever state there is."""
    (folder / "gateway").mkdir(exist_ok=True)
    (folder / "gateway" / "old").write_bytes(b"o" * 32)
    async with serving(archive):
        origins = {"archive": {"dicomweb": archive.base}}
        built(folder / "gateway", origins, {name: entry or {}}, previous_secrets=[{"file": "old"}])
        async with open_worklist(load_settings(folder / "gateway" / "dicomveil.yaml"), name) as worklist:
            yield worklist


@pytest.mark.parametrize("ring", [RING, OLD], ids=["today's", "earlier"])
async def test_every_kind_of_identifier_is_found_in_the_archive_without_a_store(tmp_path: Path, ring: KeyRing) -> None:
    study, series = ("study", ANN.study), ("series", ANN_MR.series)
    expected = {
        ring.uid(ANN.study): Source("study", ANN.study),
        ring.uid(ANN_MR.series): Source("series", ANN_MR.series, (study,)),
        ring.uid(ANN_MR.instance): Source("instance", ANN_MR.instance, (study, series)),
        ring.patient("", "PAT-1", ""): Source("patient", "PAT-1"),
        ring.patient("", "", CAT.study): Source("patient", "", (("study", CAT.study),)),
    }
    async with opened(Archive(ROWS), tmp_path) as worklist:
        assert await reidentify(worklist, [*expected, UNKNOWN]) == expected


async def test_a_patients_issuer_is_told(tmp_path: Path) -> None:
    class Issued(Archive):
        def _described(self, row: Row, kind: str) -> dict[str, object]:
            return {**super()._described(row, kind), "00100021": {"vr": "LO", "Value": ["HOSPITAL"]}}

    pseudonym = RING.patient("HOSPITAL", "PAT-2", "")
    async with opened(Issued(ROWS), tmp_path) as worklist:
        for _ in ("read from the archive", "from the store"):
            found = await reidentify(worklist, [pseudonym])
            assert found == {pseudonym: Source("patient", "PAT-2", (("issuer", "HOSPITAL"),))}
            await worklist.remember([one async for one in worklist.studies([], 100)])


async def test_what_the_store_knows_costs_the_archive_nothing(tmp_path: Path) -> None:
    async with over(Archive(ROWS), tmp_path) as gateway:
        await gateway["research"].results("/studies")
    archive = Archive(ROWS)
    async with opened(archive, tmp_path) as worklist:
        found = await reidentify(worklist, [RING.uid(BOB.study), RING.patient("", "PAT-2", "")])
    assert [source.value for source in found.values()] == [BOB.study, "PAT-2"]
    assert archive.asked == []


async def test_a_patient_without_an_id_is_told_by_the_study_though_the_store_knows_none(tmp_path: Path) -> None:
    async with over(Archive(ROWS), tmp_path) as gateway:
        await gateway["research"].results("/studies")
    pseudonym = RING.patient("", "", CAT.study)
    async with opened(Archive(ROWS), tmp_path) as worklist:
        assert await worklist.patient(pseudonym) == ""
        assert await reidentify(worklist, [pseudonym]) == {pseudonym: Source("patient", "", (("study", CAT.study),))}


async def test_what_left_the_archive_is_still_found_in_the_store(tmp_path: Path) -> None:
    async with over(Archive(ROWS), tmp_path) as gateway:
        await gateway["research"].results("/studies")
    async with opened(Archive([]), tmp_path) as worklist:
        assert await reidentify(worklist, [RING.uid(BOB.study)]) == {RING.uid(BOB.study): Source("study", BOB.study)}


async def test_a_known_study_is_the_only_one_that_is_read(tmp_path: Path) -> None:
    archive = Archive(ROWS)
    async with opened(archive, tmp_path) as worklist:
        values = [RING.uid(ANN_MR.instance), RING.uid(BOB.instance)]
        found = await reidentify(worklist, values, RING.uid(ANN.study))
    assert list(found) == [RING.uid(ANN_MR.instance)]
    assert not [asked.path for asked in archive.asked if asked.path.startswith(f"/studies/{BOB.study}/")]


async def test_in_an_unknown_study_nothing_is_found(tmp_path: Path) -> None:
    archive = Archive(ROWS)
    async with opened(archive, tmp_path) as worklist:
        assert await reidentify(worklist, [RING.uid(ANN.instance)], UNKNOWN) == {}
    assert {asked.path for asked in archive.asked} == {"/studies"}


async def test_nothing_is_read_on_once_all_is_found(tmp_path: Path) -> None:
    archive = Archive(ROWS)
    async with opened(archive, tmp_path) as worklist:
        await reidentify(worklist, [RING.uid(ANN.series)])
    assert not [asked.path for asked in archive.asked if asked.path.endswith("/instances")]


async def test_studies_outside_the_worklist_and_other_domains_are_unknown(tmp_path: Path) -> None:
    other = KeyRing(SECRET, "other")
    async with opened(Archive(ROWS), tmp_path, {"match": {"PatientID": "PAT-2"}}) as worklist:
        values = [RING.uid(ANN.study), RING.patient("", "PAT-1", ""), other.uid(BOB.study), RING.uid(BOB.instance)]
        assert list(await reidentify(worklist, values)) == [RING.uid(BOB.instance)]


async def test_an_archive_that_fails_is_no_unknown_value(tmp_path: Path) -> None:
    archive = Archive(ROWS, {f"/studies/{BOB.study}/series": reply(b"", "500 Internal Server Error")})
    async with opened(archive, tmp_path) as worklist:
        with pytest.raises(OriginFailed):
            await reidentify(worklist, [UNKNOWN])


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (RING.uid("1.2"), True), (RING.patient("", "P", ""), True),
        ("", False), ("1.2.3.1", False), ("2.25.", False), ("2.25.01", False), ("2.25.1.2", False), ("PAT-1", False),
        ("2.25." + "1" * 40, False), ("DV" + "A" * 12, False), ("DV" + "a" * 13, False),
        ("DV" + "A" * 13 + "\n", False),
    ],
)  # fmt: skip
def test_only_what_looks_released_is_looked_up(value: str, form: bool) -> None:
    assert is_released(value) is form
