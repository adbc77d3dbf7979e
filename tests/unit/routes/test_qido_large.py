"""Search over an archive of a hundred thousand studies: how far it is read, what is held, where it ends."""

import json
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from gateway.core.rewrite.keys import Key
from gateway.core.rewrite.query import Search, parse_search
from gateway.core.standard.levels import Level
from gateway.core.wire.dicomjson import decode_object
from gateway.ports import OriginAnswer
from gateway.worklists.candidates import Scope, candidates
from gateway.worklists.describing import Described
from gateway.worklists.pages import read_page
from gateway.worklists.places import Reader
from gateway.worklists.reidentify import NothingStored
from gateway.worklists.results import released
from gateway.worklists.source import Selection
from tests.kit.engine import profile
from tests.kit.listing_origin import NeverStoredTo
from tests.kit.searching import RINGS, results, searching, worklist_over

STUDIES = 100_000
UID, PATIENT = "1.2.840.99.1.", "MRN-"


class Huge(NeverStoredTo):
    """An archive that makes its results up as it is asked, and reads a patient's or a study's key."""

    def __init__(self) -> None:
        self.pages: list[tuple[int, int]] = []

    @asynccontextmanager
    async def get(self, path: str, query: str = "", accept: str = "*/*") -> AsyncIterator[OriginAnswer]:
        """Answer one page."""
        asked = dict(parse_qsl(query))
        offset, limit = int(asked.get("offset", 0)), int(asked.get("limit", 0)) or STUDIES
        self.pages.append((offset, limit))
        numbers: Any = range(STUDIES)
        if "00100020" in asked:
            numbers = [int(asked["00100020"].removeprefix(PATIENT))]
        elif "StudyInstanceUID" in asked or "0020000D" in asked:
            uid = asked.get("StudyInstanceUID") or asked["0020000D"]
            numbers = [int(uid.removeprefix(UID))]
        found = [study(number) for number in numbers[offset : offset + limit]]
        yield OriginAnswer(200, {"content-type": "application/dicom+json"}, body(json.dumps(found).encode()))

    async def aclose(self) -> None:
        """Do nothing."""


async def body(data: bytes) -> AsyncIterator[bytes]:
    yield data


def study(number: int) -> dict[str, Any]:
    """One in a thousand is an MR."""
    return {
        "00080020": {"vr": "DA", "Value": ["20200101"]},
        "00080061": {"vr": "CS", "Value": ["MR" if number % 1000 == 7 else "CT"]},
        "00081030": {"vr": "LO", "Value": ["text that fills " * 8]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": f"NAME^{number}"}]},
        "00100020": {"vr": "LO", "Value": [f"{PATIENT}{number}"]},
        "0020000D": {"vr": "UI", "Value": [f"{UID}{number}"]},
    }


@pytest.mark.parametrize(
    ("query", "found", "read"),
    [
        ("limit=101", 101, 200),
        ("limit=50&offset=120", 50, 200),
        ("limit=100&PatientName=DV*", 100, 200),
        ("limit=3&ModalitiesInStudy=MR", 3, 3100),  # ignored by this archive; a fourth is sought for the Warning
    ],
)
async def test_a_first_page_is_answered_from_the_first_pages(query: str, found: int, read: int) -> None:
    origin = Huge()
    async with searching(worklist_over(origin, profile("nominal"))) as client:
        answer = await client.get(f"/studies?{query}")
    assert len(results(answer)) == found
    assert answer.headers["warning"].endswith("There are additional results that can be requested")
    assert sum(limit for _, limit in origin.pages) <= read
    assert [offset for offset, _ in origin.pages] == sorted(offset for offset, _ in origin.pages)


@pytest.mark.parametrize("query", ["limit=250", "limit=101", "limit=3&PatientName=*AA*", "limit=300&includefield=all"])
async def test_pages_that_follow_each_other_are_read_once(query: str) -> None:
    origin, pages = Huge(), 30
    search = parse_search(parse_qsl(query), Level.STUDY)
    assert search.limit is not None
    whole = query.replace(f"limit={search.limit}", f"limit={search.limit * pages}")
    async with searching(worklist_over(Huge(), profile("nominal"))) as client:
        expected = results(await client.get(f"/studies?{whole}"))
    async with searching(worklist_over(origin, profile("nominal"))) as client:
        found = [results(await client.get(f"/studies?{query}&offset={n * search.limit}")) for n in range(pages)]
        last = origin.pages[-1][0]
        again = results(await client.get(f"/studies?{query}&offset={(pages - 1) * search.limit}"))
    assert [one for page in found for one in page] == expected
    assert again == found[-1]
    read = sum(limit for _, limit in origin.pages)
    assert read < 4 * last + 4_000  # once from place to place, and some thousand before the first place is known


async def test_no_place_is_known_of_an_origin_that_ignores_the_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.STUDIES", 3_000)

    class Deaf(Huge):
        @asynccontextmanager
        async def get(self, path: str, query: str = "", accept: str = "*/*") -> AsyncIterator[OriginAnswer]:
            pairs = [pair for pair in parse_qsl(query) if pair[0] not in ("limit", "offset")]
            async with super().get(path, urlencode(pairs), accept) as answer:
                yield answer

    async with searching(worklist_over(Deaf(), profile("nominal"))) as client:
        found = [results(await client.get(f"/studies?limit=200&offset={n * 200}")) for n in range(16)]
    assert len({one["0020000D"]["Value"][0] for page in found for one in page}) == 3_000


async def test_places_are_those_of_one_search() -> None:
    worklist = worklist_over(Huge(), profile("nominal"))
    async with searching(worklist) as client:
        for offset in range(0, 3000, 200):
            await client.get(f"/studies?limit=200&offset={offset}")
        for query in ("PatientName=D*&", "", "PatientName=D*&multiplevaluematching=true&"):
            known = results(await client.get(f"/studies?{query}limit=20&offset=200"))
            async with searching(worklist_over(Huge(), profile("nominal"))) as other:
                assert known == results(await other.get(f"/studies?{query}limit=20&offset=200"))


async def test_a_search_for_a_patient_asks_for_that_patient() -> None:
    origin = Huge()
    name = RINGS.current.patient("", f"{PATIENT}99999", "")
    worklist = worklist_over(origin, profile("nominal"))
    async with searching(worklist) as client:
        await worklist.remember([decode_object(json.dumps(study(99_999)).encode())])
        for key in ("PatientID", "PatientName"):
            assert len(results(await client.get(f"/studies?{key}=*{name}*&limit=101"))) == 1
    assert len(origin.pages) == 2


async def test_a_search_in_vain_ends_at_the_budget_and_says_so() -> None:
    origin = Huge()
    async with searching(worklist_over(origin, profile("nominal"), budget=1000)) as client:
        answer = await client.get("/studies?ModalitiesInStudy=XX")
        read = sum(limit for _, limit in origin.pages)
        filled = await client.get("/studies?ModalitiesInStudy=MR&limit=1")
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:dicomveil:problem:search-too-broad")
    assert "1000" in answer.json()["detail"]
    assert read <= 1600
    assert filled.status_code == 200  # what was found is not lost because no more was
    assert "additional" in filled.headers["warning"]


async def test_a_search_that_is_not_filtered_knows_no_budget() -> None:
    async with searching(worklist_over(Huge(), profile("nominal"), budget=1)) as client:
        assert len(results(await client.get("/studies?limit=3&offset=4000"))) == 3


async def test_what_is_outside_the_worklist_is_read_in_vain_too() -> None:
    selection = Selection((Key(0x00080061, "CS", "MR"),))
    async with searching(worklist_over(Huge(), profile("nominal"), selection)) as client:
        assert len(results(await client.get("/studies?limit=2"))) == 2


@pytest.mark.slow
@pytest.mark.parametrize("keys", [(Key(0x00080061, "CS", "MR"),), ()], ids=["filtered", "all"])
async def test_what_is_held_does_not_grow_with_the_archive(
    keys: tuple[Key, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.STUDIES", 20_000)  # each of which costs time under tracemalloc
    worklist = worklist_over(Huge(), profile("nominal"), budget=STUDIES)
    worklist.store = NothingStored()
    search = Search(Level.STUDY, keys)
    tracemalloc.start()
    try:
        reader = Reader()
        found = released(worklist, search, candidates(worklist, search, Scope(), reader), reader, lambda _: b"{}")
        page = await read_page(found, search, Described.in_json, counts=False)
        count = len(page.held) + (len([None async for _ in page.rest]) if page.rest else 0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == (20 if keys else 20_000)
    assert peak < 24 << 20
