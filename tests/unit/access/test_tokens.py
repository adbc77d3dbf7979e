"""Bearer tokens: what holds, and everything that must not."""

import json
import time

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.model import Method, Principal
from gateway.access.tokens import ALGORITHMS, SigningKey, TokenRules, fitting, read_keys, read_token
from gateway.core.errors import Unauthenticated
from tests.kit.issuer import AUDIENCE, Issuer, Signer

BASE = "https://id.example.org/realms/hospital"
SIGNERS = {algorithm: Signer.new(algorithm) for algorithm in ALGORITHMS}
HOSTILE = {name: Issuer(BASE, SIGNERS[name]).hostile() for name in ("ES256", "RS256", "EdDSA")}


def rules(**more: object) -> TokenRules:
    usual = {"issuer": BASE, "audiences": (AUDIENCE,), "algorithms": frozenset(ALGORITHMS)}
    return TokenRules(**usual | more)  # type: ignore[arg-type]


def verified(token: str, issuer: Issuer, own: TokenRules | None = None) -> Principal:
    """Check a token by the keys that the issuer publishes."""
    own = own or rules()
    read, found = read_token(token, [own])
    key = fitting(read_keys({"keys": issuer.published}), read)
    if key is None:
        raise Unauthenticated("no key")
    return read.verify(key, found)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_of_every_algorithm_that_can_be_allowed_holds(algorithm: str) -> None:
    issuer = Issuer(BASE, SIGNERS[algorithm])
    who = verified(issuer.token("alice", groups=["radiology", "staff"]), issuer)
    assert (who.user, who.method, who.groups) == ("alice", Method.TOKEN, frozenset({"radiology", "staff"}))
    assert who.name == "alice@id.example.org/realms/hospital"
    assert who.expires is not None
    assert who.expires > time.time()
    assert not who.rights
    assert not who.everywhere


@pytest.mark.parametrize("fault", HOSTILE["ES256"])
@pytest.mark.parametrize("algorithm", HOSTILE)
def test_a_hostile_token_does_not(algorithm: str, fault: str) -> None:
    issuer = Issuer(BASE, SIGNERS[algorithm])
    with pytest.raises(Unauthenticated) as refused:
        verified(HOSTILE[algorithm][fault], issuer)
    for value in ("alice", "mallory", AUDIENCE, "example", "everything"):
        assert value not in str(refused.value)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_algorithm_that_the_settings_do_not_allow_does_not_hold(algorithm: str) -> None:
    issuer = Issuer(BASE, SIGNERS[algorithm])
    with pytest.raises(Unauthenticated, match="algorithm"):
        verified(issuer.token(), issuer, rules(algorithms=frozenset(ALGORITHMS) - {algorithm}))


@pytest.mark.parametrize("signing", ALGORITHMS)
def test_a_key_fits_the_algorithms_of_its_type_and_curve(signing: str) -> None:
    (key,) = read_keys({"keys": [SIGNERS[signing].jwk | {"alg": signing}]})
    assert [algorithm for algorithm in ALGORITHMS if key.fits(algorithm)] == [signing]
    unsaid = SigningKey(None, None, key.key)
    others = [algorithm for algorithm in ALGORITHMS if unsaid.fits(algorithm)]
    assert others == ([name for name in ALGORITHMS if name[:2] in ("RS", "PS")] if signing[0] in "RP" else [signing])


@pytest.mark.parametrize("said", [None, "RS256"])
def test_a_key_is_for_its_own_algorithm(said: str | None) -> None:
    signer = SIGNERS["RS256"]
    jwk = signer.jwk | {"alg": said}
    issuer = Issuer(BASE, signer, [{name: value for name, value in jwk.items() if value is not None}])
    issuer.published.pop()  # what the issuer adds itself
    token = jwt.encode(issuer.claims(), signer.key, "PS256", {"kid": signer.kid})
    if said is None:
        assert verified(token, issuer).user == "alice"
    else:
        with pytest.raises(Unauthenticated):
            verified(token, issuer)


@pytest.mark.parametrize(("late_s", "holds"), [(20, True), (40, False)])
def test_clocks_may_differ_by_the_leeway(late_s: int, holds: bool) -> None:
    issuer, now = Issuer(BASE, SIGNERS["ES256"]), int(time.time())
    for token in (issuer.token(exp=now - late_s), issuer.token(nbf=now + late_s), issuer.token(iat=now + late_s)):
        if holds:
            assert verified(token, issuer).user == "alice"
        else:
            with pytest.raises(Unauthenticated):
                verified(token, issuer)


def test_one_of_several_audiences_is_enough() -> None:
    issuer = Issuer(BASE, SIGNERS["ES256"])
    own = rules(audiences=("a", "b"))
    assert verified(issuer.token(aud=["x", "b"]), issuer, own).user == "alice"
    with pytest.raises(Unauthenticated):
        verified(issuer.token(aud=["x"]), issuer, own)


def test_claims_of_other_names_tell_user_and_groups() -> None:
    issuer = Issuer(BASE, SIGNERS["ES256"])
    own = rules(name_claim="preferred_username", groups_claim="realm_access.roles")
    token = issuer.token("4711", preferred_username="bob", realm_access={"roles": ["readers"]}, groups=["no"])
    who = verified(token, issuer, own)
    assert (who.user, who.groups) == ("bob", frozenset({"readers"}))
    assert "4711" not in repr(who)  # claims are printed nowhere


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "application/at+jwt", "AT+JWT"])
def test_access_tokens_say_what_they_are(typ: str) -> None:
    issuer = Issuer(BASE, SIGNERS["ES256"])
    assert verified(issuer.signer.sign(issuer.claims(), typ=typ), issuer).user == "alice"


def test_without_a_key_id_the_only_key_that_fits_is_taken() -> None:
    issuer = Issuer(BASE, SIGNERS["ES256"])
    token = jwt.encode(issuer.claims(), issuer.signer.key, "ES256")
    issuer.published.append(SIGNERS["RS256"].jwk)
    assert verified(token, issuer).user == "alice"
    issuer.published.append(Signer.new("ES256").jwk)
    with pytest.raises(Unauthenticated):
        verified(token, issuer)


WEAK = {
    "secret": {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
    "short": Signer.new("RS256").jwk | {"n": "AQAB" * 40},
    "private": json.loads(jwt.get_algorithm_by_name("ES256").to_jwk(SIGNERS["ES256"].key)),
    "for encryption": SIGNERS["RS256"].jwk | {"use": "enc"},
    "to encrypt": SIGNERS["RS256"].jwk | {"key_ops": ["encrypt"]},
    "of no known kind": SIGNERS["RS256"].jwk | {"kty": "XYZ"},
    "of no known algorithm": SIGNERS["RS256"].jwk | {"alg": "RSA-OAEP"},
    "for none": SIGNERS["RS256"].jwk | {"alg": "none"},
    "for HMAC": SIGNERS["RS256"].jwk | {"alg": "HS256"},
    "without a kind": {"kid": "x"},
    "no object": "x",
    "broken": SIGNERS["ES256"].jwk | {"x": "!"},
    "operations that are no list": SIGNERS["ES256"].jwk | {"key_ops": "verify"},
    "algorithm that is no text": SIGNERS["ES256"].jwk | {"alg": ["ES256"]},
}


@pytest.mark.parametrize("kind", WEAK)
def test_keys_that_must_not_be_used_are_passed_over(kind: str) -> None:
    sound = SIGNERS["EdDSA"].jwk
    assert [key.kid for key in read_keys({"keys": [WEAK[kind], sound]})] == [sound["kid"]]


@pytest.mark.parametrize("document", [None, [], {}, {"keys": {}}, {"keys": "x"}, 7])
def test_what_is_no_set_of_keys_is_a_fault(document: object) -> None:
    with pytest.raises(ValueError, match="JWK Set"):
        read_keys(document)


@settings(max_examples=300)
@given(st.one_of(st.text(), st.from_regex(r"[\w-]+\.[\w-]+\.[\w-]+", fullmatch=True)))
def test_nothing_but_a_refusal_comes_of_noise(text: str) -> None:
    with pytest.raises(Unauthenticated):
        read_token(text, [rules()])


@settings(max_examples=200)
@given(st.integers(0, 400), st.characters(min_codepoint=45, max_codepoint=122))
def test_a_token_changed_anywhere_does_not_hold(at: int, other: str) -> None:
    issuer = Issuer(BASE, SIGNERS["EdDSA"])
    token = jwt.encode(issuer.claims(exp=4_000_000_000, iat=1), issuer.signer.key, "EdDSA", {"kid": issuer.signer.kid})
    at %= len(token)
    changed = token[:at] + other + token[at + 1 :]
    if changed == token or (
        at == len(token) - 1 and other.isalnum()
    ):  # the last character carries bits that count nothing
        return
    with pytest.raises(Unauthenticated):
        verified(changed, issuer)
