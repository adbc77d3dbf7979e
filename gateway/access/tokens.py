"""Bearer tokens: JWTs that an issuer has signed (RFC 7519, RFC 8725), checked by PyJWT.

Nothing of a token is believed before its signature holds, but for which issuer and key to ask. No message holds a
value of it. Which algorithms may be used the settings say, never the token; a key is used for the algorithms of its
own type alone.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateway.access.model import Method, Principal
from gateway.access.policy import claim_at, claim_texts
from gateway.access.proxy import is_name
from gateway.core.errors import Unauthenticated

__all__ = ["ALGORITHMS", "MAX_TOKEN_BYTES", "SigningKey", "Token", "TokenRules", "fitting", "read_keys", "read_token"]

MAX_TOKEN_BYTES: Final = 16 << 10
MIN_RSA_BITS: Final = 2048
MAX_KEYS: Final = 100
LAST_S: Final = 1 << 38
"""In the year 10680: what ends later has no end."""

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES: Final = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
ALGORITHMS: Final = (*_RSA, *_CURVES, "EdDSA")
"""All that can be allowed: with them, who can check a token cannot make one."""

_COMPACT: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_TYPES: Final = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
"""What ``typ`` may say (RFC 9068 Section 4); other kinds of JWT are made for something else."""
_ID_TOKEN_ONLY: Final = frozenset({"at_hash", "c_hash", "s_hash"})
_OTHER_KINDS: Final = frozenset({"ID", "Refresh", "Offline", "Logout"})
"""What Keycloak writes into the claim ``typ`` of tokens that are no access tokens."""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What the tokens of one issuer must say, and which claims name the user and the user's groups."""

    issuer: str
    audiences: tuple[str, ...]
    algorithms: frozenset[str]
    leeway_s: int = 30
    name_claim: str = "sub"
    groups_claim: str = "groups"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of an issuer; ``algorithm`` where it is for one only."""

    kid: str | None
    algorithm: str | None
    key: PublicKey

    def fits(self, algorithm: str) -> bool:
        """Say whether tokens of this algorithm may be signed by it."""
        if self.algorithm not in (None, algorithm):
            return False
        if isinstance(self.key, RSAPublicKey):
            return algorithm in _RSA
        if isinstance(self.key, EllipticCurvePublicKey):
            return _CURVES.get(algorithm) == self.key.curve.name
        return algorithm == "EdDSA"


@dataclass(frozen=True, slots=True)
class Token:
    """A token of which nothing has been checked but its form."""

    text: str
    issuer: str
    algorithm: str
    kid: str | None

    def verify(self, key: PublicKey, rules: TokenRules) -> Principal:
        """Return whose token it is, as far as its issuer says so; raises Unauthenticated."""
        try:
            claims = jwt.decode(
                self.text,
                key,
                algorithms=[self.algorithm],
                audience=rules.audiences,
                issuer=rules.issuer,
                leeway=rules.leeway_s,
                options={"require": ["exp", "iss", "aud"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise _refused(error) from None
        return _principal(claims, rules)


def read_token(text: str, allowed: Iterable[TokenRules]) -> tuple[Token, TokenRules]:
    """Read a token's form and find whose rules hold for it; raises Unauthenticated."""
    if len(text) > MAX_TOKEN_BYTES or not _COMPACT.fullmatch(text):
        raise refused("The token is malformed or too long.")
    try:
        parts = jwt.decode_complete(text, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError):
        raise refused("The token is malformed or too long.") from None
    header, issuer = parts["header"], parts["payload"].get("iss")
    rules = next((each for each in allowed if each.issuer == issuer), None)
    if rules is None:
        raise refused("The token's issuer is not one of those that count here.")
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "")
    if not isinstance(algorithm, str) or algorithm not in rules.algorithms:
        raise refused("The token's algorithm is not allowed.")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise refused("The token is of a kind that does not count here.")
    return Token(text, rules.issuer, algorithm, kid), rules


def read_keys(document: Any) -> tuple[SigningKey, ...]:
    """Read a JWK Set (RFC 7517); keys that are not for signatures, secret or weak are passed over.

    Raises ValueError when it is none.
    """
    listed = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, list):
        raise ValueError("not a JWK Set")  # noqa: TRY004 what came is wrong, not who called
    return tuple(key for entry in listed[:MAX_KEYS] if isinstance(entry, Mapping) and (key := _key(entry)))


def fitting(keys: Iterable[SigningKey], token: Token) -> PublicKey | None:
    """Return the one key that can have signed a token, or None; of several that could, none."""
    found = [key.key for key in keys if key.fits(token.algorithm) and token.kid in (None, key.kid)]
    return found[0] if len(found) == 1 else None


def refused(what: str) -> Unauthenticated:
    """Return the error for a token that does not hold (RFC 6750 Section 3.1)."""
    return Unauthenticated(what, "invalid_token")


def _key(entry: Mapping[str, Any]) -> SigningKey | None:
    use, operations = entry.get("use", "sig"), entry.get("key_ops", ["verify"])
    if use != "sig" or not isinstance(operations, list) or "verify" not in operations or "d" in entry:
        return None
    try:
        key = jwt.PyJWK(dict(entry)).key
    except (jwt.PyJWTError, ValueError, TypeError, NotImplementedError):
        return None
    is_weak = isinstance(key, RSAPublicKey) and key.key_size < MIN_RSA_BITS
    if is_weak or not isinstance(key, RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey):
        return None
    return SigningKey(entry.get("kid"), entry.get("alg"), key)


def _principal(claims: Mapping[str, Any], rules: TokenRules) -> Principal:
    if _ID_TOKEN_ONLY & claims.keys() or str(claims.get("typ")) in _OTHER_KINDS:
        raise refused("The token is no access token.")
    if "cnf" in claims:
        raise refused("The token is bound to a key that is not shown.")  # RFC 7800: as good as somebody else's
    expires, user = claims["exp"], claim_at(claims, rules.name_claim)
    if isinstance(expires, bool) or not isinstance(expires, int | float) or expires > LAST_S:
        raise refused("The token does not say when it ends.")
    if not isinstance(user, str) or not is_name(user):
        raise refused("The token does not name its user.")
    return Principal(
        name=f"{user}@{rules.issuer.partition('://')[2]}",
        method=Method.TOKEN,
        expires=float(expires),
        user=user,
        groups=claim_texts(claims, rules.groups_claim),
        claims=claims,
    )


_WORDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (jwt.ExpiredSignatureError, "The token has expired."),
    (jwt.ImmatureSignatureError, "The token is not valid yet."),
    (jwt.InvalidAudienceError, "The token is meant for somebody else."),
    (jwt.InvalidIssuerError, "The token's issuer is not one of those that count here."),
    (jwt.MissingRequiredClaimError, "The token lacks a claim that it needs."),
    (jwt.InvalidSignatureError, "The token's signature does not hold."),
)


def _refused(error: Exception) -> Unauthenticated:
    found = next((words for kind, words in _WORDS if isinstance(error, kind)), "The token is malformed.")
    return refused(found)
