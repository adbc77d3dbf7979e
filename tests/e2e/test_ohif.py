"""The real viewer OHIF in a real browser lists a worklist, opens a study and paints it, and sees nobody's name."""

from pathlib import Path

import httpx
import pytest

from tests.e2e.ohif_check import Check, run_check
from tests.e2e.ohif_server import Service, serve_ohif
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc, pytest.mark.corpus, pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("cross_origin", [False, True], ids=["behind one host", "on another host"])
def test_ohif_lists_opens_and_paints_a_worklist(stack: Stack, artifacts: Path, cross_origin: bool) -> None:
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
            )
        )
    assert outcome.problems == []
    assert outcome.rows >= 5


def test_ohif_finds_a_patient_by_pseudonym(stack: Stack, artifacts: Path) -> None:
    study, pseudonym = released_mr(stack)
    with serve_ohif(Service(stack.research)) as base:
        outcome = run_check(
            Check(base=base, out=artifacts / "ohif-search", study=study, search=pseudonym, forbid=stack.identifiers)
        )
    assert outcome.problems == []
    assert outcome.rows == 2


def test_the_check_sees_names_where_there_are_some(stack: Stack, artifacts: Path) -> None:
    with serve_ohif(Service(stack.gateway.worklist("reading"))) as base:
        outcome = run_check(
            Check(base=base, out=artifacts / "ohif-identified", study=stack.mr_study, forbid=("Beispiel",))
        )
    assert any("forbidden text" in problem for problem in outcome.problems)


def released_mr(stack: Stack) -> tuple[str, str]:
    found = httpx.get(f"{stack.gateway.worklist('teaching')}/studies", timeout=60).json()
    assert len(found) == 1
    return found[0]["0020000D"]["Value"][0], found[0]["00100020"]["Value"][0]
