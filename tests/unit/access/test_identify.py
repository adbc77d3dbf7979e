"""Who sends a request: keys, proxies, tokens, nothing, and what must not pass for any of them."""

import logging
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import pytest
from starlette.datastructures import Headers

from gateway.access.identify import REMEMBERED_S, Identifier
from gateway.access.keys import PREFIX, ApiKey, hash_of, new_key, read_hash
from gateway.access.model import Method, Principal, Role
from gateway.access.policy import Policy, Rule
from gateway.access.proxy import Proxy
from gateway.access.tokens import ALGORITHMS, PublicKey, Token, TokenRules
from gateway.core.errors import IssuerFailed, Unauthenticated
from tests.kit.issuer import AUDIENCE, Issuer, Signer

KEY, OLD, UNKNOWN = (PREFIX + letter * len(new_key().removeprefix(PREFIX)) for letter in "KOU")
NOW = 1_900_000_000.0
BASE = "https://id.example.org"
SIGNER = Signer.new("ES256")
TRUSTED, STRANGER = "10.0.0.7", "192.0.2.9"
VIEW = frozenset({Role.VIEW})
POLICY = Policy(
    (
        Rule(frozenset({"worklist:people"}), VIEW, users=frozenset({"*"})),
        Rule(frozenset({"worklist:programs"}), VIEW, keys=frozenset({"ai"})),
        Rule(frozenset({"worklist:all"}), VIEW, anyone=True),
    )
)


@dataclass
class Known:
    """An issuer whose keys are there, or that does not answer."""

    rules: TokenRules
    signer: Signer
    fails: bool = False
    asked: int = 0
    closed: bool = False
    clock: list[float] = field(default_factory=list)

    async def key(self, token: Token) -> PublicKey:
        self.asked += 1
        if self.fails:
            raise IssuerFailed("no answer", 5)
        key: PublicKey = self.signer.key.public_key()
        return key

    async def is_ready(self) -> bool:
        return not self.fails

    async def aclose(self) -> None:
        self.closed = True


def issuer(base: str = BASE, signer: Signer = SIGNER) -> Known:
    return Known(TokenRules(base, (AUDIENCE,), frozenset(ALGORITHMS)), signer)


class Clock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def identifier(*issuers: Known, clock: Clock | None = None, proxy: bool = True) -> Identifier:
    keys = (ApiKey("ai", read_hash(hash_of(KEY))), ApiKey("old", read_hash(hash_of(OLD)), NOW), ApiKey("x", bytes(32)))
    trusted = (ip_network("10.0.0.0/24"), ip_network("fd00::/64"))
    return Identifier(POLICY, keys, issuers, Proxy("X-User", "X-Groups", trusted) if proxy else None, clock or Clock())


def sent(*pairs: tuple[str, str]) -> Headers:
    return Headers(raw=[(name.lower().encode(), value.encode()) for name, value in pairs])


def bearer(text: str) -> Headers:
    return sent(("Authorization", f"Bearer {text}"))


@pytest.mark.parametrize("headers", [bearer(KEY), sent(("X-Api-Key", KEY)), sent(("authorization", f"bEARER {KEY}"))])
async def test_a_key_is_taken_in_either_header(headers: Headers) -> None:
    who = await identifier()(headers, STRANGER)
    assert (who.name, who.user, who.method, who.expires) == ("ai", "ai", Method.KEY, None)
    assert set(who.rights) == {"worklist:programs", "worklist:all"}


async def test_who_shows_nothing_has_what_anyone_has() -> None:
    who = await identifier()(sent(("Accept", "*/*"), ("Cookie", "a=b")), STRANGER)
    assert who.method is Method.NONE
    assert set(who.rights) == {"worklist:all"}


@pytest.mark.parametrize("shown", [OLD, UNKNOWN, PREFIX, KEY[:-1], KEY + "x", KEY.upper(), "ünïcode", ""])
@pytest.mark.parametrize("form", ["bearer", "header"])
async def test_a_key_that_does_not_hold_makes_nobody_anonymous(shown: str, form: str) -> None:
    headers = bearer(shown) if form == "bearer" else sent(("X-Api-Key", shown))
    with pytest.raises(Unauthenticated):
        await identifier()(headers, STRANGER)


async def test_a_key_ends_at_its_time() -> None:
    clock = Clock(NOW - 1)
    one = identifier(clock=clock)
    assert (await one(bearer(OLD), STRANGER)).expires == NOW
    clock.now = NOW
    with pytest.raises(Unauthenticated, match="expired"):
        await one(bearer(OLD), STRANGER)


def test_keys_are_long_random_and_known_by_their_hash() -> None:
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    assert all(key.startswith(PREFIX) and len(key) == len(PREFIX) + 43 for key in keys)
    assert KEY not in hash_of(KEY)
    for text in ("", "sha256:", "sha256:" + "g" * 64, "md5:" + "0" * 32, hash_of(KEY).upper(), hash_of(KEY) + "\n"):
        with pytest.raises(ValueError, match="sha256"):
            read_hash(text)


async def test_a_trusted_proxy_names_users_and_groups() -> None:
    headers = sent(("X-User", "Jörg"), ("X-Groups", "a, b,,c "))
    who = await identifier()(headers, TRUSTED)
    assert (who.user, who.method, who.groups) == ("Jörg", Method.PROXY, frozenset({"a", "b", "c"}))
    assert set(who.rights) == {"worklist:people", "worklist:all"}


@pytest.mark.parametrize("address", ["fd00::7", "::ffff:10.0.0.7"])
async def test_a_proxy_is_known_by_any_form_of_its_address(address: str) -> None:
    assert (await identifier()(sent(("X-User", "bob")), address)).user == "bob"


@pytest.mark.parametrize(
    "address", [STRANGER, "10.0.1.7", "::1", "", "unix:", "10.0.0.7, 10.0.0.8", "::ffff:192.0.2.9"]
)
async def test_nobody_else_does(address: str) -> None:
    with pytest.raises(Unauthenticated, match="trusted proxy"):
        await identifier()(sent(("X-User", "bob"), ("X-Forwarded-For", TRUSTED)), address)


@pytest.mark.parametrize(
    "headers",
    [
        sent(("X-User", "bob"), ("X-User", "alice")),
        sent(("X-User", "bob"), ("X-Groups", "a"), ("X-Groups", "b")),
        sent(("X-User", "")),
        sent(("X-User", "bob\x00")),
        sent(("X-User", "b" * 257)),
        Headers(raw=[(b"x-user", b"\xff\xfe")]),
    ],
)
async def test_a_proxy_that_cannot_be_understood_names_nobody(headers: Headers) -> None:
    with pytest.raises(Unauthenticated):
        await identifier()(headers, TRUSTED)


async def test_headers_of_a_proxy_that_is_not_set_are_nothing() -> None:
    assert (await identifier(proxy=False)(sent(("X-User", "bob")), TRUSTED)).method is Method.NONE


async def test_a_proxy_that_names_nobody_leaves_it_to_other_credentials() -> None:
    assert (await identifier()(bearer(KEY), TRUSTED)).user == "ai"
    assert (await identifier()(sent(("X-Groups", "admins")), TRUSTED)).groups == frozenset()


@pytest.mark.parametrize(
    "pairs",
    [
        [("Authorization", f"Bearer {KEY}"), ("X-Api-Key", KEY)],
        [("Authorization", f"Bearer {KEY}"), ("Authorization", f"Bearer {KEY}")],
        [("X-Api-Key", KEY), ("X-Api-Key", KEY)],
        [("X-User", "bob"), ("X-Api-Key", KEY)],
        [("X-User", "bob"), ("Authorization", "Bearer x")],
        [("X-User", ""), ("Authorization", f"Bearer {KEY}")],
    ],
)
async def test_two_credentials_are_none(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(Unauthenticated, match="twice") as refused:
        await identifier()(sent(*pairs), TRUSTED)
    assert refused.value.error == "invalid_request"


@pytest.mark.parametrize("value", ["Basic YTpi", "Digest x", "Bearer", "", "Bearerx", f"Token {KEY}", KEY])
async def test_other_ways_to_log_in_are_refused(value: str) -> None:
    with pytest.raises(Unauthenticated):
        await identifier(issuer())(sent(("Authorization", value)), STRANGER)


def token(user: str = "alice", base: str = BASE, signer: Signer = SIGNER, **more: Any) -> str:
    return Issuer(base, signer).token(user, **more)


async def test_a_token_is_checked_by_its_own_issuer() -> None:
    other = Signer.new("ES256")
    known, second = issuer(), issuer("https://id.example.net", other)
    one = identifier(known, second)
    assert (await one(bearer(token()), STRANGER)).name == "alice@id.example.org"
    theirs = await one(bearer(token(base="https://id.example.net", signer=other)), STRANGER)
    assert theirs.name == "alice@id.example.net"
    with pytest.raises(Unauthenticated):  # as the first would have it, but signed by the second
        await one(bearer(token(signer=other)), STRANGER)
    assert (known.asked, second.asked) == (2, 1)


async def test_a_token_is_checked_once_for_some_minutes() -> None:
    clock, known = Clock(), issuer()
    one, text = identifier(known, clock=clock), token(exp=NOW + 10 * REMEMBERED_S)
    for _ in range(3):
        who = await one(bearer(text), STRANGER)
    assert set(who.rights) == {"worklist:people", "worklist:all"}
    assert known.asked == 1
    clock.now += REMEMBERED_S
    await one(bearer(text), STRANGER)
    assert known.asked == 2


async def test_a_token_is_never_remembered_beyond_its_end() -> None:
    clock, known = Clock(), issuer()
    one, text = identifier(known, clock=clock), token(exp=NOW + 20)
    await one(bearer(text), STRANGER)
    clock.now += 20
    known.fails = True
    with pytest.raises(IssuerFailed):
        await one(bearer(text), STRANGER)


async def test_one_token_does_not_pass_for_another() -> None:
    one = identifier(issuer())
    names = [(await one(bearer(token(user)), STRANGER)).user for user in ("alice", "bob", "alice")]
    assert names == ["alice", "bob", "alice"]


async def test_what_does_not_hold_is_not_remembered() -> None:
    known = issuer()
    one, text = identifier(known), token(aud="elsewhere")
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await one(bearer(text), STRANGER)
    assert known.asked == 2


async def test_without_an_answer_of_the_issuer_nobody_is_let_in() -> None:
    known = issuer()
    known.fails = True
    one = identifier(known)
    with pytest.raises(IssuerFailed):
        await one(bearer(token()), STRANGER)
    assert not await one.are_ready()
    await one.aclose()
    assert known.closed


async def test_a_refusal_is_logged_in_fixed_words(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    one = identifier(issuer())
    for headers in [*map(bearer, Issuer(BASE, SIGNER).hostile().values()), bearer(OLD), sent(("X-User", "mallory"))]:
        with pytest.raises((Unauthenticated, IssuerFailed)):
            await one(headers, STRANGER)
    said = [record.getMessage() for record in caplog.records if record.name == "dicomveil.access"]
    assert len(said) > 40
    for value in ("alice", "mallory", AUDIENCE, "example", "eyJ", OLD, STRANGER):
        assert not any(value in line for line in said)


def test_a_principal_prints_no_claims() -> None:
    assert "s3cret" not in repr(Principal("a", Method.TOKEN, claims={"x": "s3cret"}))
