"""A client that knows the truth and searches for it: by wildcard, range, nothing, order, count, page and field.

It guesses right where a source value is concerned, and wrong with a value of the same form that nobody has. Every
answer is the same: nothing that it sees depends on whether it was right.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import cycle
from typing import Any, Final
from urllib.parse import quote

import pytest

from gateway.core.pseudonym.keys import MAX_SHIFT_DAYS
from gateway.core.standard.dictionary import tag_of
from gateway.core.standard.tags import json_key
from tests.kit.engine import profile
from tests.kit.listing_origin import Json, ListingOrigin
from tests.kit.searching import RINGS, searching, worklist_over

CT: Final = "1.2.840.10008.5.1.4.1.1.2"
STUDY: Final = "1.2.752.77.8.1.1"
STEP_DATE: Final = "PerformedProcedureStepStartDate"
PATIENTS: Final = ("MRN-0", "MRN-1")
SECRETS: Final = {
    # attribute: VR, truth, a lie of the same form
    "PatientName": ("PN", "KOWALSKA^ANNA", "LEWANDOW^EWAA"),
    "PatientBirthDate": ("DA", "19610511", "19580702"),
    "PatientAddress": ("LO", "12 Mill Lane", "77 High Road"),
    "PatientTelephoneNumbers": ("SH", "555-0199", "555-0342"),
    "OtherPatientIDs": ("LO", "NHS-9434765919", "NHS-4010232137"),
    "PatientAge": ("AS", "058Y", "061Y"),
    "PatientWeight": ("DS", "83.5", "61.5"),
    "PatientComments": ("LT", "fell from a ladder", "bit by a large dog"),
    "StudyDate": ("DA", "20190411", "20190729"),
    "StudyTime": ("TM", "081512", "171338"),
    "AccessionNumber": ("SH", "ACC-20194711", "ACC-20198322"),
    "StudyID": ("SH", "S-4711", "S-8322"),
    "StudyDescription": ("LO", "abdomen, oncology", "forearm, outpatient"),
    "ReferringPhysicianName": ("PN", "HOUSE^GREGORY", "GREY^MEREDITHE"),
    "InstitutionName": ("LO", "St. Elsewhere", "County General"),
    "StudyInstanceUID": ("UI", "1.2.752.77.8.1.1", "1.2.752.77.8.1.2"),
    "NumberOfPatientRelatedStudies": ("IS", "1701", "1864"),
    "SeriesInstanceUID": ("UI", "1.2.752.77.8.1.1.1", "1.2.752.77.8.1.2.1"),
    "SeriesDescription": ("LO", "thin slices", "bone kernel"),
    "OperatorsName": ("PN", "NURSE^NANCY", "CLERK^CLAUS"),
    "StationName": ("SH", "CT-ROOM-3", "CT-ROOM-8"),
    "SeriesDate": ("DA", "20190412", "20190730"),
    "PerformedProcedureStepStartDate": ("DA", "20190412", "20190730"),
    "SOPInstanceUID": ("UI", "1.2.752.77.8.1.1.1.1", "1.2.752.77.8.1.2.1.1"),
    "ContentDate": ("DA", "20190412", "20190730"),
    "ImageComments": ("LT", "motion, sedated", "arms at the side"),
}
OF_SERIES: Final = tuple(SECRETS)[17:23]
OF_INSTANCE: Final = tuple(SECRETS)[23:]
PROFILES: Final = ("nominal", "strict", "clean-descriptors")
MORE: Final = ("&limit=1", "&limit=1&offset=1", "&includefield={0}", "&fuzzymatching=true", "&emptyvaluematching=true",
               "&PatientName=*", "&multiplevaluematching=true")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attack:
    """A question about a value, once with the truth and once with the lie."""

    right: str
    wrong: str


def archive(name: str = "", value: str = "") -> list[Json]:
    """Make up twelve studies: the first is the target, and has another value of one attribute if asked for."""
    found = []
    for number in range(12):
        values = {secret: truth if not number else _other(truth, number) for secret, (_, truth, _) in SECRETS.items()}
        if name and not number:
            values[name] = value
        kept = {
            "SOPClassUID": ("UI", CT), "Modality": ("CS", "CT"), "ModalitiesInStudy": ("CS", "CT"),
            "SeriesNumber": ("IS", "1"), "InstanceNumber": ("IS", "1"), "PatientID": ("LO", f"MRN-{number}"),
        }  # fmt: skip
        everything = {secret: (SECRETS[secret][0], value) for secret, value in values.items()} | kept
        found.append(dict(_element(secret, *given) for secret, given in everything.items()))
    return found


def _other(truth: str, number: int) -> str:
    """Give another study a value that sorts and ranges differently."""
    if truth.startswith("1.2.752"):
        return truth.replace("752.77", f"752.{100 + number}")
    return truth[:3] + f"{number:02}" + truth[5:] if truth[:4].isdigit() else truth[::-1] + chr(65 + number)


def _element(name: str, vr: str, value: str) -> tuple[str, Json]:
    return json_key(tag_of(name) or 0), {"vr": vr, "Value": [{"Alphabetic": value} if vr == "PN" else value]}


def paths(name: str) -> tuple[str, ...]:
    if name in OF_INSTANCE:
        return ("/instances",)
    return ("/series", "/instances") if name in OF_SERIES else ("/studies", "/series", "/instances")


def attacks(name: str) -> Iterator[Attack]:
    vr, truth, lie = SECRETS[name]
    turn = cycle(MORE)
    for path in paths(name):
        for form in forms(vr, len(truth)):
            right, wrong = (f"{path}?{name}={quote(form.format(*pieces(value)))}" for value in (truth, lie))
            more = next(turn).format(name)
            yield from (Attack(right, wrong), Attack(right + more, wrong + more))


def pieces(value: str) -> tuple[str, str, str, str]:
    return value, value[: len(value) // 2], value[len(value) // 2 :], value[:1]


def forms(vr: str, length: int) -> tuple[str, ...]:
    if vr in ("DA", "TM"):
        return ("{0}", "{0}-{0}", "{0}-", "-{0}", "{1}*", "{1}")
    return (
        "{0}",
        "{1}*",
        "*{2}",
        "*{1}*",
        "{3}*",
        "?" * length,
        "{1}" + "?" * (length - length // 2),
        "x\\{0}",
        "{0},x",
    )


async def ask(found: list[Json], name: str, questions: list[str], order: str = "00100010") -> list[Any]:
    """Ask an archive that lists by patients' names; everything that a client sees."""
    origin = ListingOrigin(found, order=lambda one: json.dumps(one.get(order)))
    async with searching(worklist_over(origin, profile(name))) as client:
        return [seen(await client.get(question)) for question in questions]


def seen(answer: Any) -> tuple[int, list[tuple[str, str]], bytes]:
    headers = sorted((name, value) for name, value in answer.headers.items() if name != "x-request-id")
    return answer.status_code, headers, answer.content


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("name", PROFILES)
def test_a_right_guess_is_answered_like_a_wrong_one(name: str, secret: str) -> None:
    asked = list(attacks(secret))
    right = asyncio.run(ask(archive(), name, [one.right for one in asked]))
    wrong = asyncio.run(ask(archive(), name, [one.wrong for one in asked]))
    assert right == wrong
    assert {status for status, _, _ in right} <= {200, 204, 400}


@pytest.mark.parametrize("secret", [secret for secret in SECRETS if not secret.endswith("UID")])
@pytest.mark.parametrize("name", PROFILES)
def test_an_archive_with_another_value_gives_the_same_answers(name: str, secret: str) -> None:
    questions = [one.right for one in attacks(secret)] + [
        f"{path}?limit={limit}&offset={offset}&includefield={field}&orderby={secret}"
        for path in paths(secret)
        for limit, offset, field in (
            (0, 0, "all"),
            (1, 0, secret),
            (5, 3, secret),
            (1, 11, "PatientID"),
            (1, 12, "all"),
        )
    ]
    one, other = (
        asyncio.run(ask(found, name, questions)) for found in (archive(), archive(secret, SECRETS[secret][2]))
    )
    assert one == other


@pytest.mark.parametrize("name", PROFILES)
def test_no_secret_is_in_any_result(name: str) -> None:
    fields = "&".join(f"includefield={secret}" for secret in SECRETS)
    said = asyncio.run(ask(archive(), name, [f"{path}?{fields}" for path in ("/studies", "/series", "/instances")]))
    text = b"".join(body for _, _, body in said)
    assert b"CT" in text
    assert [secret for secret, (_, truth, _) in SECRETS.items() if truth.encode() in text] == []


def test_the_attacks_find_what_is_not_hidden() -> None:
    """The same questions at an identified worklist: had the gateway a leak, they would show it."""
    for secret in SECRETS:
        if secret == "NumberOfPatientRelatedStudies":
            continue  # counts what lies outside a worklist, even an identified one
        asked = list(attacks(secret))[:8]

        async def both(asked: list[Attack] = asked) -> tuple[list[Any], list[Any]]:
            async with searching(worklist_over(ListingOrigin(archive()), None)) as client:
                right = [seen(await client.get(one.right)) for one in asked]
                return right, [seen(await client.get(one.wrong)) for one in asked]

        right, wrong = asyncio.run(both())
        assert right != wrong, secret


def test_a_pseudonym_says_nothing_of_the_name_behind_it() -> None:
    """Binary search: the names of two patients change places, and a walk through the alphabet notices nothing."""
    swapped = archive("PatientName", "AAAA^AAA")
    letters = [f"/studies?PatientName={letter}*&limit=3" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    assert asyncio.run(ask(archive(), "nominal", letters)) == asyncio.run(ask(swapped, "nominal", letters))
    mine = RINGS.current.patient("", "MRN-0", "")
    found = asyncio.run(
        ask(archive(), "nominal", [f"/studies?PatientName={mine}", f"/studies?PatientName={mine[:9]}*"])
    )
    assert [status for status, _, _ in found] == [200, 200]


@pytest.mark.parametrize("question", [
    "/studies?StudyInstanceUID={study}&StudyDate={day}",
    "/series?StudyInstanceUID={study}&StudyDate={day}",
    "/instances?StudyInstanceUID={study}&StudyDate={day}",
    "/instances?PatientID={patient}&StudyDate={day}&StudyTime=0800-0900",
    "/instances?ModalitiesInStudy=CT&StudyTime=081512&StudyDate={day}-{day}",
    "/studies/{study}/series?PerformedProcedureStepStartDate={day}",
    "/studies/{study}/instances?PerformedProcedureStepStartDate={day}",
    "/instances?PerformedProcedureStepStartDate={day}&StudyTime=081512",
])  # fmt: skip
@pytest.mark.parametrize("name", ["research-longitudinal", "retain-longitudinal-modified-dates"])
def test_what_is_read_in_vain_does_not_tell_how_far_a_date_moved(name: str, question: str) -> None:
    """Two patients, two true dates, one released: where 413 begins would tell them apart, and so would long waits."""
    one, other = (told(patient, name, question, "SOPInstanceUID") for patient in PATIENTS)
    assert [status for status, _ in one] == [status for status, _ in other]
    assert max(abs(count - of_other) for (_, count), (_, of_other) in zip(one, other, strict=True)) <= 1


@pytest.mark.parametrize("question", ["/studies?StudyDate={day}", "/studies?PatientID={patient}&StudyDate=-{day}"])
def test_nor_does_it_when_there_are_many_studies_of_a_day(question: str) -> None:
    one, other = (told(patient, "research-longitudinal", question, "StudyInstanceUID") for patient in PATIENTS)
    assert [status for status, _ in one] == [status for status, _ in other]


def test_nor_does_the_order_of_many_results() -> None:
    """Results are put in order a hundred at a time: which are together does not depend on what true dates let in."""
    few, many = sorted(RINGS.current.shift_days("", patient, STUDY) for patient in PATIENTS)
    beside = MAX_SHIFT_DAYS - few  # days after the one asked for: the one true date is in the widened range
    assert beside + many > MAX_SHIFT_DAYS  # and the other is not
    orders = []
    for patient in PATIENTS:
        found = []
        for number in range(300):
            who, shown = ("MRN-7", date(2018, 8, 4)) if number % 2 else (patient, date(2018, 8, 4) + timedelta(beside))
            moved = RINGS.current.shift_days("", who, STUDY)
            found += of_many(who, shown + timedelta(moved), "StudyInstanceUID", numbers=[number])
        (seen,) = asyncio.run(ask(found, "research-longitudinal", ["/studies?StudyDate=20180804"]))
        orders.append(seen)
    assert orders[0][0] == 200
    assert orders[0] == orders[1]


def test_a_search_for_a_date_still_ends_at_its_budget() -> None:
    """An archive that ignores the key gives everything: what is more than a shift away counts."""
    found = of_many("MRN-0", date(2020, 1, 1), "StudyInstanceUID")
    assert [status for status, _ in asyncio.run(cost(found, "research-longitudinal", ["/studies?StudyDate=20100101"],
                                                     reads_keys=False))] == [413]  # fmt: skip


def told(patient: str, name: str, question: str, many: str) -> list[tuple[int, int]]:
    """Ask about days near those that a search may tell apart; there are 60 of one released date."""
    shown = date(2018, 8, 4)
    shifts = [RINGS.current.shift_days("", patient, STUDY) for patient in PATIENTS]
    assert shifts[0] != shifts[1]
    far = [days + more for days in (-MAX_SHIFT_DAYS, 0, *shifts) for more in (-MAX_SHIFT_DAYS, -2, -1, 0, 1, 2)]
    days = [shown + timedelta(days) for days in sorted(set(far))]
    names = {"study": RINGS.current.uid(STUDY), "patient": RINGS.current.patient("", patient, STUDY)}
    asked = [question.format(day=f"{day:%Y%m%d}", **names) for day in days]
    moved = RINGS.current.shift_days("", patient, STUDY)
    return asyncio.run(cost(of_many(patient, shown + timedelta(moved), many), name, asked))


def of_many(patient: str, day: date, many: str, numbers: Sequence[int] = range(60)) -> list[Json]:
    """Make up so many instances, of one study or each of its own, that it is noticed when they are read."""
    one = archive()[0] | dict(_element(name, "DA", f"{day:%Y%m%d}") for name in ("StudyDate", STEP_DATE))
    one |= dict([_element("PatientID", "LO", patient), _element("StudyTime", "TM", "081512")])
    return [one | dict([_element(many, "UI", f"{STUDY}.1.{number}")]) for number in numbers]


async def cost(found: list[Json], name: str, questions: list[str], *, reads_keys: bool = True) -> list[tuple[int, int]]:
    """Ask questions; the status of each, and how many results the archive gave."""
    origin, seen = ListingOrigin(found, reads_keys=reads_keys), []
    async with searching(worklist_over(origin, profile(name), budget=40)) as client:
        await client.get("/studies")
        for question in questions:
            before = origin.sent
            seen.append(((await client.get(question)).status_code, origin.sent - before))
    return seen
