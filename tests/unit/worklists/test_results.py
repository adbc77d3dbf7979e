"""Results as they are released: levels, counts, order, and pages of them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.core.errors import SearchTooBroad
from gateway.core.profile.parse import parse_profile
from gateway.core.rewrite.keys import Key
from gateway.core.rewrite.query import Search
from gateway.core.standard.levels import Level
from gateway.worklists import pages
from gateway.worklists.pages import Page, read_page
from gateway.worklists.source import Selection
from tests.kit.engine import profile
from tests.kit.listing_origin import Json, ListingOrigin
from tests.kit.searching import RINGS, results, searching, worklist_over

CT, REPORT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.88.33"


def instance(study: str, series: str, number: str, modality: str = "CT", **more: Any) -> Json:
    found: Json = {
        "00080016": {"vr": "UI", "Value": [CT if modality == "CT" else REPORT]},
        "00080018": {"vr": "UI", "Value": [f"1.2.{study}.{series}.{number}"]},
        "00080060": {"vr": "CS", "Value": [modality]},
        "00080061": {"vr": "CS", "Value": ["CT", "SR"] if study == "1" else [modality]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "SMITH"}]},
        "00100020": {"vr": "LO", "Value": [f"P{study}"]},
        "0020000D": {"vr": "UI", "Value": [f"1.2.{study}"]},
        "0020000E": {"vr": "UI", "Value": [f"1.2.{study}.{series}"]},
        "00201200": {"vr": "IS", "Value": [9]},
        "00201208": {"vr": "IS", "Value": [4]},
        "00201209": {"vr": "IS", "Value": [2]},
    }
    return found | {key.removeprefix("_"): element for key, element in more.items()}


ARCHIVE = [
    instance("1", "1", "1"), instance("1", "1", "2"), instance("1", "2", "1", "SR"), instance("2", "1", "1", "SR"),
    instance("3", "1", "1"),
]  # fmt: skip


async def ask(path: str, name: str | None = "nominal", archive: list[Json] = ARCHIVE, **more: Any) -> list[Json]:
    async with searching(worklist_over(ListingOrigin(archive), profile(name) if name else None, **more)) as client:
        return results(await client.get(path))


@pytest.mark.parametrize(
    ("path", "missing", "there"),
    [
        (
            "/studies?includefield=00080060,00080018,Rows",
            {"00080060", "00080018", "0020000E", "00201209"},
            {"00201208"},
        ),
        ("/series?includefield=00080018", {"00080018", "00080016"}, {"00080060", "00201209", "00100010"}),
        ("/instances", set(), {"00080016", "00080018", "00080060"}),
    ],
)
async def test_nothing_of_a_lower_level_comes_back(path: str, missing: set[str], there: set[str]) -> None:
    for one in await ask(path):
        assert not missing & one.keys()
        assert there <= one.keys()
        assert "00201200" not in one


async def test_what_a_profile_may_refuse_is_not_counted() -> None:
    for path in ("/studies", "/series"):
        for one in await ask(path, "strict"):
            assert not {"00201208", "00201209"} & one.keys()
    assert await ask("/studies?NumberOfStudyRelatedInstances=4", "strict") == []


async def test_images_only_means_that_nothing_else_is_there() -> None:
    assert len(await ask("/studies", "strict")) == 2
    assert {one["00080061"]["Value"][0] for one in await ask("/studies", "strict")} == {"CT"}
    assert [len(one["00080061"]["Value"]) for one in await ask("/studies", "strict")] == [1, 1]
    assert {one["00080060"]["Value"][0] for one in await ask("/series", "strict")} == {"CT"}
    assert await ask("/studies?ModalitiesInStudy=SR", "strict") == []
    assert len(await ask("/studies", "nominal")) == 3


async def test_the_order_is_that_of_released_uids() -> None:
    uids = [one["0020000D"]["Value"][0] for one in await ask("/studies")]
    assert uids == sorted(RINGS.current.uid(f"1.2.{number}") for number in (1, 2, 3))
    plain = [one["0020000D"]["Value"][0] for one in await ask("/studies", None)]
    assert plain == ["1.2.1", "1.2.2", "1.2.3"]


async def test_a_part_of_an_archive_is_searched_study_by_study() -> None:
    origin = ListingOrigin(ARCHIVE)
    part = Selection((Key(0x00080061, "CS", "SR"),), frozenset({"1.2.1", "1.2.3"}))
    async with searching(worklist_over(origin, profile("nominal"), part)) as client:
        found = results(await client.get("/series?includefield=ModalitiesInStudy"))
    assert {one["0020000D"]["Value"][0] for one in found} == {RINGS.current.uid("1.2.1")}
    assert len(found) == 2
    assert all("00100010" in one and "00080061" in one for one in found)
    assert "/series" not in [path for path, _ in origin.asked]


async def test_a_key_of_the_study_is_matched_below_it() -> None:
    study = RINGS.current.uid("1.2.1")
    bare = [{key: raw for key, raw in one.items() if key not in ("00080061", "00100020")} for one in ARCHIVE]

    class Frugal(ListingOrigin):
        """Gives attributes of the study only where studies are searched."""

        def _search(self, path: str, pairs: Any) -> list[Json]:
            self.instances = ARCHIVE if path == "/studies" else bare
            return super()._search(path, pairs)

    async with searching(worklist_over(Frugal(ARCHIVE), profile("nominal"))) as client:
        await client.get("/studies")
        assert len(results(await client.get(f"/studies/{study}/series?ModalitiesInStudy=SR"))) == 2
        assert results(await client.get(f"/studies/{study}/series?ModalitiesInStudy=MR")) == []
        (one, *_) = results(await client.get(f"/studies/{study}/series"))
    assert one["00100020"]["Value"] == [RINGS.current.patient("", "P1", "")]


SMITH = {"vr": "CS", "Value": ["SMITH ANN"]}
OF_THE_PATIENT = ("00100010", "00100020")


class Divided(ListingOrigin):
    """Gives attributes of the patient only where studies are searched, as archives may."""

    def _search(self, path: str, pairs: Any) -> list[Json]:
        found = super()._search(path, pairs)
        if path == "/studies":
            return found
        return [{key: raw for key, raw in one.items() if key not in OF_THE_PATIENT} for one in found]


@pytest.mark.parametrize("path", ["/series", "/instances", "/instances?BodyPartExamined=SMITH*", "/series?limit=9"])
async def test_a_result_that_names_its_patient_is_not_there_under_the_final_check(path: str) -> None:
    name = {"vr": "PN", "Value": [{"Alphabetic": "SMITH^ANN"}]}
    archive = [instance("1", "1", "1", _00180015=SMITH, _00100010=name), instance("3", "1", "1", _00180015=SMITH)]
    archive[1]["00100010"] = {"vr": "PN", "Value": [{"Alphabetic": "MILLER^BO"}]}
    for origin in (ListingOrigin(archive), Divided(archive)):
        async with searching(worklist_over(origin, profile("strict"))) as client:
            found = results(await client.get(path))
        assert [one["0020000D"]["Value"] for one in found] == [[RINGS.current.uid("1.2.3")]]
        assert found[0]["00180015"] == SMITH  # nobody's name here
    assert len(await ask(path, "nominal", archive)) == 2


NOBODY = {"00100010": {"Alphabetic": "ANONYMOUS"}, "00100020": "000000", "00100030": "19900101", "00100040": "O"}
NAMELESS = [{key: raw for key, raw in one.items() if key[:4] != "0010"} for one in ARCHIVE]
"""An archive of which no object says anything of a patient."""


def of_the_patient(one: Json) -> Json:
    return {key: raw["Value"][0] for key, raw in one.items() if key[:4] == "0010"}


async def strictly(path: str, archive: list[Json]) -> list[Json]:
    async with searching(worklist_over(ListingOrigin(archive), profile("strict"))) as client:
        await client.get("/studies")
        return [of_the_patient(one) for one in results(await client.get(path))]


@pytest.mark.parametrize("archive", [ARCHIVE, NAMELESS])
@pytest.mark.parametrize(
    "path",
    [
        "/studies", "/series", "/instances", "/studies?PatientSex=O", "/series?PatientBirthDate=19900101-",
        "/studies?PatientName=anon*", "/instances?PatientSex=O&PatientID=000000", "/studies?includefield=all",
        "/studies?PatientBirthDate=19890101-19910101&limit=1",
    ],
)  # fmt: skip
async def test_what_is_always_written_is_found_in_studies_that_lack_it(path: str, archive: list[Json]) -> None:
    found = await strictly(path, archive)
    assert found
    assert all(one == NOBODY for one in found)


@pytest.mark.parametrize("archive", [ARCHIVE, NAMELESS])
@pytest.mark.parametrize(
    "query", ["PatientSex=F", "PatientName=SMITH", "PatientID=P1", 'PatientSex=""&emptyvaluematching=true']
)
async def test_nothing_else_is_found_of_what_is_always_written(query: str, archive: list[Json]) -> None:
    assert await strictly(f"/studies?{query}", archive) == []


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("", ()),
        ("?includefield=PatientSex", ("00100040",)),
        ("?PatientName=ANONYMOUS", ("00100010",)),
        ("?PatientBirthDate=&includefield=PatientID,00080060", ("00100020", "00100030")),
        ("?includefield=all", tuple(NOBODY)),
    ],
)
async def test_below_a_study_it_comes_back_where_it_is_asked_for(query: str, keys: tuple[str, ...]) -> None:
    study = RINGS.current.uid("1.2.1")
    for one in await strictly(f"/studies/{study}/series{query}", NAMELESS):
        assert one == {key: NOBODY[key] for key in keys}


class Obedient(ListingOrigin):
    """Gives no more than it is asked for, beside UIDs."""

    def _search(self, path: str, pairs: Any) -> list[Json]:
        asked = {value for name, value in pairs if name == "includefield"}
        found = super()._search(path, pairs)
        return [{key: raw for key, raw in one.items() if key in asked or raw["vr"] == "UI"} for one in found]


@pytest.mark.parametrize("level", ["series", "instances"])
async def test_whether_a_result_passes_the_final_check_does_not_depend_on_what_the_client_includes(level: str) -> None:
    operator = {"vr": "PN", "Value": [{"Alphabetic": "KOWALSKI^ANN"}]}
    part = {"vr": "CS", "Value": ["KOWALSKI ANN"]}
    archive = [instance("1", "1", "1", _00081070=operator, _00180015=part)]
    creator = {"vr": "PN", "Value": [{"Alphabetic": "BAUER^EVA"}]}  # of an attribute that the gateway does not ask for
    archive.append(instance("2", "1", "1", _00142006=creator, _00180015={"vr": "CS", "Value": ["BAUER EVA"]}))
    for fields in ("", ",OperatorsName", ",EvaluatorName", ",OperatorsName,EvaluatorName,all"):
        async with searching(worklist_over(Obedient(archive), profile("strict"))) as client:
            found = results(await client.get(f"/{level}?includefield=BodyPartExamined{fields}"))
        assert [one["0020000D"]["Value"] for one in found] == [[RINGS.current.uid("1.2.2")]], fields


async def test_a_study_that_names_its_patient_is_not_there_under_the_final_check() -> None:
    text = "name: told\nbased_on: nominal\nfinal_check: true\nattributes:\n  StudyDescription: {action: keep}\n"
    told = parse_profile(text, "told.yaml", profile)
    archive = [instance(study, "1", "1", _00081030={"vr": "LO", "Value": ["CT of SMITH"]}) for study in "123"]
    archive[1]["00100010"] = {"vr": "PN", "Value": [{"Alphabetic": "MILLER"}]}
    async with searching(worklist_over(ListingOrigin(archive), told)) as client:
        (one,) = results(await client.get("/studies"))
    assert one["0020000D"]["Value"] == [RINGS.current.uid("1.2.2")]


async def test_what_cannot_be_checked_is_not_there() -> None:
    class Forgetful(ListingOrigin):
        """Says nothing of single studies."""

        def _search(self, path: str, pairs: Any) -> list[Json]:
            return [] if path == "/studies" and "0020000D" in dict(pairs) else super()._search(path, pairs)

    async with searching(worklist_over(Forgetful(ARCHIVE), profile("strict"))) as client:
        assert (await client.get("/instances")).status_code == 204


async def test_who_a_study_is_about_is_asked_once_for_all_of_its_results() -> None:
    origin = ListingOrigin([instance("1", "1", str(number)) for number in range(250)])
    async with searching(worklist_over(origin, profile("strict"))) as client:
        assert len(results(await client.get("/instances"))) == 250
    assert [path for path, _ in origin.asked].count("/studies") == 1


async def test_private_attributes_are_matched_with_their_creator_in_any_block() -> None:
    private: dict[str, Any] = {
        "_00190011": {"vr": "LO", "Value": ["GEMS_ACQU_01"]},
        "_00191124": {"vr": "DS", "Value": [5.5]},
    }
    archive = [instance("1", "1", "1", **private), instance("2", "1", "1")]
    for creator, value, count in (("GEMS_ACQU_01", "5.5", 1), ("GEMS_ACQU_01", "5.6", 0), ("OTHER", "5.5", 0)):
        query = f"/instances?00191024={value}&00190010={creator}"
        assert len(await ask(query, None, archive)) == count
        assert await ask(query, "nominal", archive) == []


async def numbered(count: int, fails: bool = False) -> AsyncIterator[dict[str, bytes]]:
    for number in range(count):
        yield {"00200013": str(number).encode()}
    if fails:
        raise SearchTooBroad(7)


async def page(count: int, *, limit: int | None, counts: bool = False, fails: bool = False) -> Page:
    search = Search(Level.STUDY, (Key(0x00100020, "LO", "x"),), limit=limit)
    return await read_page(numbered(count, fails), search, lambda one: one["00200013"], counts=counts)


async def test_a_page_knows_what_is_behind_it() -> None:
    assert await page(5, limit=2) == Page([b"0", b"1"], more=-1)
    assert await page(5, limit=2, counts=True) == Page([b"0", b"1"], more=3)
    assert await page(5, limit=5) == Page([b"0", b"1", b"2", b"3", b"4"])
    assert await page(0, limit=2) == Page([])
    assert await page(2, limit=2, fails=True) == Page([b"0", b"1"], more=-1)
    with pytest.raises(SearchTooBroad, match="more than 7"):
        await page(1, limit=2, fails=True)
    with pytest.raises(SearchTooBroad):
        await page(3, limit=None, fails=True)


async def test_a_page_holds_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_HELD_BYTES", 3)
    assert await page(9, limit=8) == Page([b"0", b"1", b"2", b"3"], more=-1)
    large = await page(9, limit=None)
    assert large.held == [b"0", b"1", b"2", b"3"]
    assert large.rest is not None
    assert [one async for one in large.rest] == [b"4", b"5", b"6", b"7", b"8"]
