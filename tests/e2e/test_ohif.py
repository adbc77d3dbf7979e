"""The real viewer OHIF in a real browser lists a worklist, opens a study and paints it, and sees nobody's name."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.e2e.ohif_check import Check, chromium, run_check
from tests.e2e.ohif_server import Service, serve_ohif
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc, pytest.mark.corpus, pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.mark.parametrize("cross_origin", [False, True], ids=["behind one host", "on another host"])
def test_ohif_lists_opens_and_paints_a_worklist(
    stack: Stack, browser: Browser, artifacts: Path, cross_origin: bool
) -> None:
    study, pseudonym = released_mr(stack)
    forbidden = (*stack.identifiers, stack.mr_study, stack.origin.authority)
    with serve_ohif(Service(stack.research, cross_origin=cross_origin)) as base:
        outcome = run_check(
            Check(
                base=base,
                out=artifacts / ("ohif-cross-origin" if cross_origin else "ohif"),
                study=study,
                forbid=forbidden,
                expect=(pseudonym,),
                scroll=5,
            ),
            browser,
        )
    assert outcome.problems == []
    assert outcome.rows >= 5


def test_ohif_finds_a_patient_by_pseudonym(stack: Stack, browser: Browser, artifacts: Path) -> None:
    study, pseudonym = released_mr(stack)
    with serve_ohif(Service(stack.research)) as base:
        outcome = run_check(
            Check(base=base, out=artifacts / "ohif-search", study=study, search=pseudonym, forbid=stack.identifiers),
            browser,
        )
    assert outcome.problems == []
    assert outcome.rows == 2


def test_ohif_finds_studies_by_name_id_date_and_modality(stack: Stack, browser: Browser, artifacts: Path) -> None:
    service = stack.gateway.worklist("longitudinal")
    found = httpx.get(f"{service}/studies", timeout=60).json()
    one = next(study for study in found if value(study, "00201208") == 20)
    patient, day = value(one, "00100020"), value(one, "00080020")
    wanted = {
        f"?patientName={patient[:9]}": sum(value(study, "00100020") == patient for study in found),
        f"?mrn={patient}": sum(value(study, "00100020") == patient for study in found),
        f"?startDate={day}&endDate={day}": sum(value(study, "00080020") == day for study in found),
        "?modalities=MR": sum("MR" in study.get("00080061", {}).get("Value", ()) for study in found),
    }
    with serve_ohif(Service(service)) as base:
        outcomes = [
            run_check(
                Check(base, artifacts / f"ohif-list-{number}", query=query, lists_only=True, forbid=stack.identifiers),
                browser,
            )
            for number, query in enumerate(wanted)
        ]
    assert [outcome.problems for outcome in outcomes] == [[]] * 4
    assert [outcome.rows for outcome in outcomes] == list(wanted.values())
    assert len(found) > max(wanted.values()) >= min(wanted.values()) > 0


# What is in the study, what is opened on top of its picture, and how OHIF reads pictures.
OPENED = (("CT", "", "wadors"), ("US", "", "wadors"), ("SR", "SR", "wadors"), ("SEG", "SEG", "wadors"),
          ("MR", "", "wadouri"))  # fmt: skip


@pytest.mark.parametrize(
    ("modality", "activate", "rendering"), OPENED, ids=[" ".join(filter(None, row)) for row in OPENED]
)
def test_ohif_opens_and_paints(
    stack: Stack, browser: Browser, artifacts: Path, modality: str, activate: str, rendering: str
) -> None:
    found = httpx.get(f"{stack.research}/studies", timeout=60).json()
    study = next(one for one in found if modality in one.get("00080061", {}).get("Value", ()))
    check = Check(
        base="",
        out=artifacts / f"ohif-{modality}-{rendering}",
        study=value(study, "0020000D"),
        activate=activate,
        forbid=(*stack.identifiers, stack.origin.authority),
        expect=(modality,),
        fetches=r"/instances/[0-9.]+$" if activate == "SEG" else "",  # a report is read from its metadata
    )
    with serve_ohif(Service(stack.research, rendering)) as base:
        outcome = run_check(replace(check, base=base), browser)
    assert outcome.problems == []
    asked = (check.out / "requests.tsv").read_text()
    assert ("/wado?" if rendering == "wadouri" else "/frames/") in asked


def test_the_check_sees_names_where_there_are_some(stack: Stack, browser: Browser, artifacts: Path) -> None:
    with serve_ohif(Service(stack.gateway.worklist("reading"))) as base:
        outcome = run_check(
            Check(base=base, out=artifacts / "ohif-identified", study=stack.mr_study, forbid=("Beispiel",)),
            browser,
        )
    assert any("forbidden text" in problem for problem in outcome.problems)


def value(result: dict[str, Any], tag: str) -> Any:
    values = result.get(tag, {}).get("Value", [None])
    return values[0]


def released_mr(stack: Stack) -> tuple[str, str]:
    found = httpx.get(f"{stack.gateway.worklist('teaching')}/studies", timeout=60).json()
    assert len(found) == 1
    return found[0]["0020000D"]["Value"][0], found[0]["00100020"]["Value"][0]
