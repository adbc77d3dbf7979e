"""The whole gateway under ``access``: who gets in, and what the others are told."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.access.keys import hash_of, new_key
from tests.kit.inprocess import InProcess, in_process, on_a_port, sample_folder
from tests.kit.issuer import Issuer, issuer

KEY = new_key()
STUDIES = "/worklists/research/dicom-web/studies"
RULES: list[dict[str, object]] = [
    {"groups": ["staff"], "worklists": ["research"], "roles": ["view"]},
    {"keys": ["ai"], "worklists": ["research"], "roles": ["view"]},
    {"users": ["guest"], "worklists": ["teaching"], "roles": ["view"]},
]


@asynccontextmanager
async def guarded(folder: Path, **more: Any) -> AsyncIterator[tuple[InProcess, Issuer]]:
    async with issuer() as running:
        running.groups = {"alice": ["staff"]}
        access = {"oidc": [running.settings()], "keys": {"ai": {"hash": hash_of(KEY)}}, "allow": RULES} | more
        origins = {"local": sample_folder(folder / "studies")}
        worklists: dict[str, dict[str, object]] = {"research": {}, "teaching": {}}
        async with in_process(
            folder / "gateway", origins, worklists, access=access, trusted_proxies=["10.1.2.3"]
        ) as gateway:
            yield gateway, running


async def test_who_is_recognized_has_what_the_rules_give(tmp_path: Path) -> None:
    async with guarded(tmp_path) as (gateway, running):
        alice, guest = f"Bearer {running.token('alice')}", f"Bearer {running.token('guest')}"
        assert (await gateway.ask(STUDIES, Authorization=alice)).status == 200
        assert (await gateway.ask(STUDIES, Authorization=f"Bearer {KEY}")).status == 200
        assert (await gateway.ask(STUDIES, X_Api_Key=KEY)).status == 200
        theirs = await gateway.ask(STUDIES, Authorization=guest)
        nowhere = await gateway.ask("/worklists/none/dicom-web/studies", Authorization=guest)
        assert theirs.status == 404
        assert theirs.said == nowhere.said


async def test_who_is_not_is_asked_for_credentials(tmp_path: Path) -> None:
    async with guarded(tmp_path) as (gateway, running):
        nothing = await gateway.ask(STUDIES)
        assert nothing.status == 401
        assert nothing.headers["www-authenticate"] == 'Bearer realm="dicomveil"'
        wrong = await gateway.ask(STUDIES, Authorization=f"Bearer {running.token(aud='elsewhere')}")
        assert wrong.status == 401
        assert wrong.headers["www-authenticate"] == 'Bearer realm="dicomveil", error="invalid_token"'
        assert wrong.json["type"] == "urn:dicomveil:problem:unauthenticated"
        assert (await gateway.ask("/healthz")).status == 200


async def test_no_hostile_token_gets_in(tmp_path: Path) -> None:
    async with guarded(tmp_path) as (gateway, running):
        for fault, token in running.hostile("alice").items():
            answer = await gateway.ask(STUDIES, Authorization=f"Bearer {token}")
            assert (fault, answer.status) == (fault, 401)


async def test_an_issuer_that_does_not_answer_is_said_to_be_the_trouble(tmp_path: Path) -> None:
    async with guarded(tmp_path) as (gateway, running):
        running.status = 500
        answer = await gateway.ask(STUDIES, Authorization=f"Bearer {running.token('alice')}")
        assert (answer.status, answer.json["type"]) == (503, "urn:dicomveil:problem:issuer-failed")
        assert answer.headers["retry-after"] == "5"
        assert (await gateway.ask(STUDIES, X_Api_Key=KEY)).status == 200  # keys need no issuer


async def test_a_proxy_is_believed_by_the_address_of_its_connection(tmp_path: Path) -> None:
    proxy = {"user": "X-User", "groups": "X-Groups"}
    async with guarded(tmp_path, proxy=proxy) as (gateway, _):  # whose client is 10.1.2.3
        for forwarded in ("192.0.2.1", "10.1.2.3"):
            answer = await gateway.ask(STUDIES, X_User="bob", X_Groups="staff", X_Forwarded_For=forwarded)
            assert answer.status == 200
    async with issuer():
        settings: dict[str, Any] = {"access": {"proxy": proxy, "allow": RULES[::2]}, "trusted_proxies": ["10.0.0.1"]}
        origins = {"local": {"folder": str(tmp_path / "studies")}}
        worklists: dict[str, dict[str, object]] = {"research": {}, "teaching": {}}
        async with on_a_port(tmp_path / "second", origins, worklists, **settings) as (host, port):
            forged = {"X-User": "bob", "X-Groups": "staff", "X-Forwarded-For": "10.0.0.1", "Forwarded": "for=10.0.0.1"}
            async with httpx.AsyncClient(base_url=f"http://{host}:{port}", headers=forged) as client:
                assert (await client.get(STUDIES)).status_code == 401


async def test_nothing_that_was_shown_is_logged_or_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with guarded(tmp_path) as (gateway, running):
        tokens = [running.token("alice"), *filter(None, running.hostile("mallory").values())]
        answers = [await gateway.ask(STUDIES, Authorization=f"Bearer {token}") for token in tokens]
        answers.append(await gateway.ask(STUDIES, X_Api_Key=KEY))
    caplog.handler.flush()
    said = caplog.text + "".join(answer.said.decode() for answer in answers[1:])
    for value in (
        "mallory",
        KEY,
        hash_of(KEY),
        *(part for token in tokens for part in token.split(".") if len(part) > 9),
    ):
        assert value not in said


async def test_a_login_as_a_viewer_does_it_gives_a_token_that_holds(tmp_path: Path) -> None:
    async with guarded(tmp_path) as (gateway, running):
        verifier, challenge = "v" * 43, "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"
        asked = {"client_id": "ohif", "redirect_uri": "http://viewer.example/callback", "state": "s", "nonce": "n"}
        asked |= {"response_type": "code", "code_challenge": challenge, "code_challenge_method": "S256"}
        async with httpx.AsyncClient(base_url=running.base) as browser:
            back = await browser.post("/authorize", params=asked, data={"user": "alice"})
            code = httpx.URL(back.headers["location"]).params["code"]
            form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
            refused = await browser.post("/token", data=form | {"code_verifier": "x"})
            assert refused.status_code == 400
            back = await browser.post("/authorize", params=asked, data={"user": "alice"})
            form["code"] = httpx.URL(back.headers["location"]).params["code"]
            tokens = json.loads((await browser.post("/token", data=form)).content)
            assert (await browser.post("/token", data=form)).status_code == 400
        assert (await gateway.ask(STUDIES, Authorization=f"Bearer {tokens['access_token']}")).status == 200
        assert (await gateway.ask(STUDIES, Authorization=f"Bearer {tokens['id_token']}")).status == 401


async def test_the_gateway_ends_while_an_issuer_is_silent(tmp_path: Path) -> None:
    async with guarded(tmp_path) as (gateway, running):
        running.pause = asyncio.Event()
        waiting = asyncio.create_task(gateway.ask(STUDIES, Authorization=f"Bearer {running.token('alice')}"))
        await running.came.wait()
        waiting.cancel()
