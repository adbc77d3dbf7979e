"""The real viewer OHIF logs in at an issuer, and its token decides what it shows."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from tests.e2e.ohif_check import Check, Outcome, chromium, run_check
from tests.e2e.ohif_server import Service, serve_ohif
from tests.kit.background import in_background
from tests.kit.inprocess import sample_folder
from tests.kit.issuer import Issuer, issuer
from tests.kit.servers import Gateway, gateway

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def running() -> Iterator[Issuer]:
    with in_background(issuer()) as server:
        server.groups = {"alice": ["staff"], "mallory": ["visitors"]}
        yield server


@pytest.fixture(scope="module")
def guarded(running: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("guarded")
    rule = {"groups": ["staff"], "worklists": ["research"], "roles": ["view"]}
    settings = {
        "origins": {"local": sample_folder(folder / "studies")},
        "worklists": {"research": {"origin": "local", "profile": "nominal"}},
        "access": {"oidc": [running.settings()], "allow": [rule]},
    }
    with gateway(folder / "gateway", settings) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def visit(
    browser: Browser, guarded: Gateway, running: Issuer, out: Path, user: str, *, refused: bool = False
) -> Outcome:
    login = {
        "authority": running.base,
        "client_id": "ohif",
        "redirect_uri": "/callback",
        "response_type": "code",
        "scope": "openid profile",
    }
    service = Service(guarded.worklist("research"), cross_origin=True, config={"oidc": [login]})
    with serve_ohif(service) as base:
        check = Check(base, out / f"ohif-login-{user}", user=user, forbid=("smith",), refused=refused)
        return run_check(check, browser)


def test_ohif_shows_what_its_user_may_see(browser: Browser, guarded: Gateway, running: Issuer, artifacts: Path) -> None:
    assert httpx.get(f"{guarded.worklist('research')}/studies").status_code == 401
    outcome = visit(browser, guarded, running, artifacts, "alice")
    assert outcome.problems == []
    assert outcome.rows == 4
    assert set(outcome.statuses) <= {200, 204}
    assert "/token" in running.asked  # a code and its verifier, not a token in an address
    assert "alice" not in guarded.log


def test_ohif_shows_nothing_to_who_may_see_nothing(
    browser: Browser, guarded: Gateway, running: Issuer, artifacts: Path
) -> None:
    outcome = visit(browser, guarded, running, artifacts, "mallory", refused=True)
    assert outcome.rows == 0
    assert set(outcome.statuses) == {404}
