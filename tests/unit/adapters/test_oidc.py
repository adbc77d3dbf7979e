"""Issuers over a real server: discovery, rotation, floods and outages."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from gateway.access.tokens import ALGORITHMS, TokenRules, read_token
from gateway.adapters.oidc import DISCOVERY, MAX_DOCUMENT_BYTES, HttpIssuer, KeyPolicy, is_safe_url
from gateway.core.errors import IssuerFailed, Unauthenticated
from tests.kit.certificates import certificate
from tests.kit.issuer import AUDIENCE, Issuer, Signer, issuer
from tests.kit.scripted_server import Connection, scripted_server

POLICY = KeyPolicy(timeout_s=5)
READING = [DISCOVERY, "/jwks"]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def client(base: str, clock: Clock | None = None, policy: KeyPolicy = POLICY) -> HttpIssuer:
    rules = TokenRules(base, (AUDIENCE,), frozenset(ALGORITHMS))
    return HttpIssuer(rules, policy=policy, clock=clock or Clock())


async def user_of(one: HttpIssuer, token: str) -> str:
    read, rules = read_token(token, [one.rules])
    return read.verify(await one.key(read), rules).user


async def settled(one: HttpIssuer) -> None:
    """Wait until nothing is read in the background."""
    if one._reading is not None:
        await asyncio.wait([one._reading])


async def test_keys_are_discovered_when_the_first_token_comes_and_then_known() -> None:
    async with issuer() as running:
        one = client(running.base)
        assert running.asked == []
        assert await user_of(one, running.token("alice")) == "alice"
        assert await user_of(one, running.token("bob")) == "bob"
        assert running.asked == READING


async def test_many_at_once_make_one_reading() -> None:
    async with issuer() as running:
        one = client(running.base)
        names = [f"user{number}" for number in range(50)]
        assert await asyncio.gather(*(user_of(one, running.token(name)) for name in names)) == names
        assert running.asked == READING


async def test_a_new_key_is_asked_for_at_once() -> None:
    clock = Clock()
    async with issuer() as running:
        one = client(running.base, clock)
        old = running.token("alice")
        await user_of(one, old)
        clock.now += POLICY.pause_s
        running.rotate("RS256")
        assert await user_of(one, running.token("bob")) == "bob"
        assert running.asked == READING * 2
        with pytest.raises(Unauthenticated):  # its key is published no more
            await user_of(one, old)


async def test_a_key_that_is_kept_beside_the_new_one_goes_on() -> None:
    clock = Clock()
    async with issuer() as running:
        one, old = client(running.base, clock), running.token("alice")
        await user_of(one, old)
        clock.now += POLICY.pause_s
        running.rotate("EdDSA", keep=True)
        assert await user_of(one, running.token("bob")) == "bob"
        assert await user_of(one, old) == "alice"


async def test_a_flood_of_unknown_keys_does_not_reach_the_issuer() -> None:
    clock = Clock()
    async with issuer() as running:
        one = client(running.base, clock)
        await user_of(one, running.token())
        for _ in range(100):
            with pytest.raises(Unauthenticated):
                await user_of(one, Signer.new().sign(running.claims()))
        assert running.asked == READING
        clock.now += POLICY.pause_s
        for _ in range(100):
            with pytest.raises(Unauthenticated):
                await user_of(one, Signer.new().sign(running.claims()))
        assert running.asked == READING * 2
        assert await user_of(one, running.token("bob")) == "bob"


async def test_old_keys_are_read_again_behind_the_answer() -> None:
    clock = Clock()
    async with issuer() as running:
        one, token = client(running.base, clock), running.token()
        await user_of(one, token)
        clock.now += POLICY.fresh_s + 1
        running.pause = asyncio.Event()
        running.rotate()
        assert await user_of(one, token) == "alice"  # though the issuer has not answered
        running.pause.set()
        await settled(one)
        with pytest.raises(Unauthenticated):
            await user_of(one, token)


async def test_an_outage_lets_known_keys_work_for_an_hour_and_then_nobody_in() -> None:
    clock = Clock()
    async with issuer() as running:
        one, token = client(running.base, clock), running.token()
        await user_of(one, token)
        running.status = 500
        for _ in range(6):
            clock.now += POLICY.kept_s / 6
            assert await user_of(one, token) == "alice"
            await settled(one)
        with pytest.raises(IssuerFailed):  # it may have a new key: nobody can say
            await user_of(one, Signer.new().sign(running.claims()))
        clock.now += 1
        with pytest.raises(IssuerFailed) as failed:
            await user_of(one, token)
        assert failed.value.retry_after_s == POLICY.pause_s
        assert running.base not in str(failed.value)
        assert not await one.is_ready()
        running.status = 200
        clock.now += POLICY.pause_s
        assert await one.is_ready()
        assert await user_of(one, token) == "alice"


async def test_an_issuer_that_is_down_is_asked_once_in_a_while() -> None:
    clock = Clock()
    async with issuer() as running:
        one = client(running.base, clock)
        running.status = 503
        for _ in range(20):
            with pytest.raises(IssuerFailed):
                await user_of(one, running.token())
        assert running.asked == READING[:1]


async def test_an_issuer_that_is_not_there_lets_nobody_in() -> None:
    with pytest.raises(IssuerFailed):
        await user_of(client("http://127.0.0.1:1"), Issuer("http://127.0.0.1:1").token())


async def test_an_issuer_that_never_answers_does_not_hold_for_ever() -> None:
    async with issuer() as running:
        running.pause = asyncio.Event()
        with pytest.raises(IssuerFailed):
            await user_of(client(running.base, policy=KeyPolicy(timeout_s=0.1)), running.token())


async def test_who_leaves_while_keys_are_read_does_not_stop_the_others() -> None:
    async with issuer() as running:
        running.pause = asyncio.Event()
        one = client(running.base)
        first, second = (asyncio.create_task(user_of(one, running.token(name))) for name in ("alice", "bob"))
        await running.came.wait()
        first.cancel()
        running.pause.set()
        assert await second == "bob"
        assert running.asked == READING


async def test_closing_breaks_off_what_is_read() -> None:
    async with issuer() as running:
        running.pause = asyncio.Event()
        one = client(running.base)
        waiting = asyncio.create_task(user_of(one, running.token()))
        await running.came.wait()
        await one.aclose()
        with pytest.raises(asyncio.CancelledError):
            await waiting


LYING: dict[str, dict[str, Any]] = {
    "another issuer": {"issuer": "https://id.example.net"},
    "the issuer with a slash": {},
    "keys elsewhere over http": {"jwks_uri": "http://id.example.net/jwks"},
    "keys in a file": {"jwks_uri": "file:///etc/passwd"},
    "keys at no place": {"jwks_uri": ["x"]},
    "keys at a broken place": {"jwks_uri": "https://[::1/jwks"},
}


@pytest.mark.parametrize("lie", LYING)
async def test_a_discovery_document_that_lies_is_not_believed(lie: str, caplog: pytest.LogCaptureFixture) -> None:
    async with issuer() as running:
        running.says = LYING[lie] or {"issuer": running.base + "/"}
        with pytest.raises(IssuerFailed):
            await user_of(client(running.base), running.token())
        assert running.asked == READING[:1]
    assert "example.net" not in caplog.text
    assert ("no safe jwks_uri" if lie.startswith("keys") else "of another issuer") in caplog.text


@pytest.mark.parametrize("jwks", [[], {"keys": []}, {"keys": [{"kty": "oct", "k": "AA"}]}, {"keys": None}, "x"])
async def test_a_set_without_a_key_that_can_be_used_is_a_fault(jwks: object) -> None:
    async with issuer() as running:
        running.jwks = jwks
        with pytest.raises(IssuerFailed):
            await user_of(client(running.base), running.token())


@pytest.mark.parametrize("status", [204, 301, 307, 401, 404, 500])
async def test_only_an_answer_of_200_counts_and_no_redirect_is_followed(status: int) -> None:
    async with issuer() as running:
        running.status = status
        with pytest.raises(IssuerFailed):
            await user_of(client(running.base), running.token())
        assert running.asked == READING[:1]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[" * 100_000, b"null", b" " * (MAX_DOCUMENT_BYTES + 1)],
    ids=["nothing", "half", "binary", "deep", "null", "endless"],
)  # fmt: skip
async def test_answers_that_are_no_document_are_a_fault(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.answer(body)

    async with scripted_server(script) as server:
        base = server.base.removesuffix("/dicom-web")
        one = client(base)
        with pytest.raises(IssuerFailed):
            await user_of(one, Issuer(base).token())
        await settled(one)
    assert ("its answer is too long" if len(body) > MAX_DOCUMENT_BYTES else "cannot be read") in caplog.text


async def test_nothing_of_a_token_or_a_client_reaches_the_issuer() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.answer(b"{}")

    async with scripted_server(script) as server:
        base = server.base.removesuffix("/dicom-web")
        token = Issuer(base).token()
        with pytest.raises(IssuerFailed):
            await user_of(client(base), token)
        (head,) = server.heads
    assert token.split(".")[1].encode() not in head
    assert b"authorization" not in head.lower()
    assert b"cookie" not in head.lower()


async def test_tls_is_checked_against_the_authority_of_the_settings(tmp_path: Path) -> None:
    made = certificate(tmp_path)
    async with issuer(made) as running:
        rules = TokenRules(running.base, (AUDIENCE,), frozenset(ALGORITHMS))
        assert await user_of(HttpIssuer(rules, made.client()), running.token()) == "alice"
        with pytest.raises(IssuerFailed):
            await user_of(HttpIssuer(rules), running.token())


@pytest.mark.parametrize(
    ("url", "is_safe"),
    [
        ("https://id.example.org/x", True), ("http://127.0.0.1:8080", True), ("http://localhost/x", True),
        ("http://[::1]:80", True), ("http://id.example.org", False), ("http://127.0.0.1.example.org", False),
        ("http://localhost@example.org", False), ("ftp://localhost", False), ("https://", False), ("", False),
    ],
)  # fmt: skip
def test_a_url_is_safe_where_nobody_is_on_the_way(url: str, is_safe: bool) -> None:
    assert is_safe_url(url) is is_safe


async def test_what_is_logged_of_an_outage_names_the_issuer_and_no_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with issuer() as running:
        running.status, token = 500, running.token("alice")
        with pytest.raises(IssuerFailed):
            await user_of(client(running.base), token)
        (line,) = [record.getMessage() for record in caplog.records if record.name == "dicomveil.access"]
    assert line == f"keys of the issuer {running.base} cannot be read: status 500"
    assert json.dumps("alice") not in caplog.text
