"""What is hidden makes no difference to a search: two archives that differ in nothing else give the same answers."""

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from hypothesis import given, note
from hypothesis import strategies as st

from tests.kit.engine import profile
from tests.kit.listing_origin import Json, ListingOrigin
from tests.kit.searching import RINGS, searching, worklist_over

CT, REPORT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.88.33"
# Hidden by ``nominal`` and by ``strict``; of the study, of the series, of the instance.
HIDDEN = {
    "00080020": "DA", "00080030": "TM", "00080050": "SH", "00080080": "LO", "00080090": "PN", "00081030": "LO",
    "00100010": "PN", "00100030": "DA", "00101000": "LO", "00101010": "AS", "00104000": "LT", "00200010": "SH",
    "00201200": "IS", "00201204": "IS", "00080021": "DA", "0008103E": "LO", "00081070": "PN", "00081010": "SH",
    "00400244": "DA", "00080023": "DA", "00204000": "LT", "00091010": "LO",
}  # fmt: skip
STUDY_LEVEL = ("00080020", "00080030", "00080050", "00080080", "00080090", "00081030", "00100010", "00100030",
               "00101000", "00101010", "00104000", "00200010", "00201200", "00201204")  # fmt: skip
SERIES_LEVEL = ("00080021", "0008103E", "00081070", "00081010", "00400244")
KEPT = ("00080061", "00080060", "00200011", "00200013", "00100020", "00100021", "0020000D", "0020000E", "00080018",
        "00080016", "00280010", "00081190", "00201206", "00201209", "00080201")  # fmt: skip
NAMES = ("ADAMS^ANN", "BELL^BO", "ZIMMER^ZOE", "ANONYMOUS", "DVAAAAAAAAAAAAA", "")
YEAR = "2019"

_hidden = {
    "DA": st.sampled_from(["20190101", "20190615", "20191231", "19900101"]),
    "TM": st.sampled_from(["070809", "235959.5", "12", ""]),
    "PN": st.sampled_from(NAMES),
    "AS": st.sampled_from(["031Y", "099Y", ""]),
    "IS": st.integers(0, 300).map(str),
    "SH": st.sampled_from(["A1", "B2", ""]),
    "LO": st.sampled_from(["head", "CHEST 1", "O", ""]),
    "LT": st.sampled_from(["text, more", ""]),
}


@dataclass(frozen=True)
class Twins:
    """Two archives and what may be asked of both."""

    first: list[Json]
    second: list[Json]
    uids: list[str]


def element(vr: str, value: str) -> Json:
    if not value:
        return {"vr": vr}
    return {"vr": vr, "Value": [{"Alphabetic": value} if vr == "PN" else int(value) if vr == "IS" else value]}


@st.composite
def twins(draw: st.DrawFn) -> Twins:
    """Draw studies with series and instances; what is hidden is drawn twice."""
    archives: tuple[list[Json], list[Json]] = ([], [])
    uids: list[str] = []
    for number in range(draw(st.integers(1, 6))):
        study = f"1.2.{number}"
        patient = draw(st.sampled_from(["P1", "P2", "", "P 3"]))
        of_study = [hidden(draw, STUDY_LEVEL) for _ in archives]
        for series in range(draw(st.integers(1, 2))):
            modality, sop_class = draw(st.sampled_from([("CT", CT), ("SR", REPORT)]))
            of_series = [hidden(draw, SERIES_LEVEL) for _ in archives]
            for instance in range(draw(st.integers(1, 2))):
                path = [study, f"{study}.{series}", f"{study}.{series}.{instance}"]
                uids += path
                kept = {
                    "00080016": element("UI", sop_class),
                    "00080018": element("UI", path[2]),
                    "00080060": element("CS", modality),
                    "00080061": element("CS", modality),
                    "00100020": element("LO", patient),
                    "0020000D": element("UI", path[0]),
                    "0020000E": element("UI", path[1]),
                    "00200011": element("IS", str(series + 1)),
                    "00200013": element("IS", str(instance + 1)),
                }
                own = tuple(tag for tag in HIDDEN if tag not in STUDY_LEVEL + SERIES_LEVEL)
                for archive, above, beside in zip(archives, of_study, of_series, strict=True):
                    archive.append(kept | above | beside | hidden(draw, own) | {"00090010": element("LO", "ACME")})
    return Twins(*archives, uids)


def hidden(draw: st.DrawFn, tags: tuple[str, ...]) -> Json:
    # Under ``strict`` the year of the study's date is released.
    return {
        tag: element(vr, YEAR + draw(_hidden[vr])[4:] if tag == "00080020" else draw(_hidden[vr]))
        for tag, vr in HIDDEN.items()
        if tag in tags
    }


_words = st.sampled_from(
    [*NAMES[:5], "20190615", "head", "CHEST 1", "A1", "070809", "CT", "SR", "1", "P1", "O", "57", CT]
)
_patient = st.sampled_from(["P1", "P2", "P 3", "P4"]).map(lambda one: RINGS.current.patient("", one, ""))


@st.composite
def values(draw: st.DrawFn, uids: list[str]) -> str:
    word = draw(st.one_of(_words, _patient, st.sampled_from(uids), st.sampled_from(uids).map(RINGS.current.uid)))
    cut = draw(st.integers(0, len(word)))
    forms = [word, word[:cut] + "*", "*" + word[cut:], f"*{word}*", "?" * len(word), f"{word}-", f"-{word}",
             word.lower(), f"{word}-{word}", f"{word},x", f"x\\{word}", "", "*", '""', f"{word[:4]}*"]  # fmt: skip
    return draw(st.sampled_from(forms))


@st.composite
def questions(draw: st.DrawFn, asked: Twins) -> str:
    study, series = (RINGS.current.uid(asked.uids[at]) for at in (0, 1))
    path = draw(
        st.sampled_from(
            ["/studies", "/series", "/instances", f"/studies/{study}/series", f"/studies/{study}/instances",
             f"/studies/{study}/series/{series}/instances", f"/studies/{asked.uids[0]}/series"]
        )
    )  # fmt: skip
    tags = st.sampled_from([*HIDDEN, *KEPT])
    pairs = [(tag, draw(values(asked.uids))) for tag in draw(st.lists(tags, max_size=3, unique=True))]
    if any(tag == "00091010" for tag, _ in pairs):
        pairs.append(("00090010", "ACME"))
    pairs += [("includefield", tag) for tag in draw(st.lists(st.one_of(tags, st.just("all")), max_size=2))]
    for name, drawn in (
        ("limit", st.integers(0, 5).map(str)),
        ("offset", st.integers(0, 4).map(str)),
        ("fuzzymatching", st.sampled_from(["true", "false"])),
        ("emptyvaluematching", st.just("true")),
        ("multiplevaluematching", st.just("true")),
        ("orderby", st.just("00100010")),
    ):
        if draw(st.booleans()):
            pairs.append((name, draw(drawn)))
    return f"{path}?{urlencode(pairs)}"


@st.composite
def cases(draw: st.DrawFn) -> tuple[Twins, list[str], str, int, bool]:
    asked = draw(twins())
    name = draw(st.sampled_from(["nominal", "strict"]))
    return (
        asked,
        draw(st.lists(questions(asked), min_size=1, max_size=4)),
        name,
        draw(st.sampled_from([1, 3, 20_000])),
        draw(st.booleans()),
    )


async def ask(archive: list[Json], questions: list[str], name: str, budget: int, order: str | None) -> list[Any]:
    """Ask an archive that lists by what is hidden; everything that a client sees."""
    origin = ListingOrigin(archive, order=(lambda one: str(one.get(order))) if order else None)
    async with searching(worklist_over(origin, profile(name), budget=budget)) as client:
        await client.get("/studies")
        answers = [await client.get(question) for question in questions]
    for answer in answers:
        del answer.headers["x-request-id"]  # which is drawn by lot
    return [(answer.status_code, sorted(answer.headers.items()), answer.content) for answer in answers]


@given(cases())
def test_what_is_hidden_changes_no_answer(case: tuple[Twins, list[str], str, int, bool]) -> None:
    asked, questions, name, budget, ordered = case
    note(f"{name}, budget {budget}: {questions}")
    order = "00100010" if ordered else None
    first, second = (asyncio.run(ask(one, questions, name, budget, order)) for one in (asked.first, asked.second))
    assert first == second
    assert not [answer for answer in first if answer[0] >= 500]
