"""A real OpenID Connect issuer on loopback: discovery, keys, a login with PKCE, tokens, and hostile tokens."""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.kit.certificates import Certificate

AUDIENCE: Final = "dicomveil"
LASTS_S: Final = 300
_ANY_PAGE: Final = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}
_MAKERS: Final[Mapping[str, Callable[[], Any]]] = {
    "RS": lambda: rsa.generate_private_key(65537, 2048),
    "PS": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and the algorithm that it signs with."""

    algorithm: str
    key: Any
    kid: str

    @classmethod
    def new(cls, algorithm: str = "ES256", kid: str = "") -> "Signer":
        """Make a key."""
        make = _MAKERS.get(algorithm) or _MAKERS[algorithm[:2]]
        return cls(algorithm, make(), kid or secrets.token_hex(4))

    @property
    def jwk(self) -> dict[str, Any]:
        """Give the public key as an entry of a JWK Set."""
        kind = jwt.get_algorithm_by_name(self.algorithm)
        written: dict[str, Any] = json.loads(kind.to_jwk(self.key.public_key()))
        return written | {"kid": self.kid, "use": "sig", "alg": self.algorithm}

    @property
    def pem(self) -> bytes:
        """Give the public key as PEM."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        written: bytes = self.key.public_key().public_bytes(serialization.Encoding.PEM, form)
        return written

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """Make a token."""
        return jwt.encode(dict(claims), self.key, self.algorithm, {"kid": self.kid, **header})


@dataclass(slots=True)
class Issuer:
    """A running issuer. It answers with ``status`` once that is not 200, and waits for ``pause`` before it does.

    ``asked`` are the paths it was asked for, and ``came`` says that there is one. ``says`` is merged into its discovery
    document, and ``jwks``, if set, is what it gives out instead of its keys.
    """

    base: str = ""
    signer: Signer = field(default_factory=Signer.new)
    published: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    says: dict[str, Any] = field(default_factory=dict)
    jwks: Any = None
    status: int = 200
    pause: asyncio.Event | None = None
    groups: dict[str, list[str]] = field(default_factory=dict)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Publish the key."""
        self.published.append(self.signer.jwk)

    def settings(self, **more: object) -> dict[str, object]:
        """Give the entry of ``access.oidc``."""
        return {"issuer": self.base, "audience": AUDIENCE, **more}

    def rotate(self, algorithm: str = "ES256", *, keep: bool = False) -> None:
        """Sign with a new key from now on; the old ones are published no more, unless they are to be kept."""
        self.signer = Signer.new(algorithm)
        self.published = [*(self.published if keep else ()), self.signer.jwk]

    def claims(self, user: str = "alice", **more: Any) -> dict[str, Any]:
        """Give what an access token says; None takes a claim out."""
        now = int(time.time())
        usual = {"iss": self.base, "aud": AUDIENCE, "sub": user, "iat": now, "exp": now + LASTS_S}
        if user in self.groups:
            usual["groups"] = self.groups[user]
        return {name: value for name, value in (usual | more).items() if value is not None}

    def token(self, user: str = "alice", **more: Any) -> str:
        """Make an access token."""
        return self.signer.sign(self.claims(user, **more))

    def hostile(self, user: str = "alice") -> dict[str, str]:
        """Make tokens by what is wrong with them: none may ever let anybody in."""
        now, right = int(time.time()), self.claims(user)
        stranger = Signer.new(self.signer.algorithm, self.signer.kid)
        head, body, signature = self.token(user).split(".")
        own = {"alg": self.signer.algorithm, "kid": self.signer.kid}
        signed = self.signer.sign
        return {
            "expired": self.token(user, exp=now - 3600),
            "without end": self.token(user, exp=None),
            "endless": self.token(user, exp=1e999),
            "end past all calendars": self.token(user, exp=10**400),
            "end that is no number": signed({**right, "exp": str(now + LASTS_S)}),
            "not valid yet": self.token(user, nbf=now + 3600),
            "issued in the future": self.token(user, iat=now + 3600),
            "for somebody else": self.token(user, aud="elsewhere"),
            "for nobody": self.token(user, aud=None),
            "for a part of the name": self.token(user, aud=AUDIENCE[:-1]),
            "of another issuer": self.token(user, iss="https://id.example.net"),
            "of no issuer": self.token(user, iss=None),
            "of an issuer with a slash": self.token(user, iss=self.base + "/"),
            "of nobody": self.token(user, sub=None),
            "of an empty name": self.token(""),
            "of a name with a line break": self.token("alice\nmallory"),
            "alg none": f"{_part({'alg': 'none'})}.{body}.",
            "alg None with a signature": f"{_part({**own, 'alg': 'None'})}.{body}.{signature}",
            "no signature": f"{head}.{body}.",
            "no signature at all": f"{head}.{body}",
            "changed signature": f"{head}.{body}.{signature[:-8]}{'A' * 8}",
            "changed claims": f"{head}.{_part({**right, 'groups': ['everything']})}.{signature}",
            "changed header": f"{_part({**own, 'x': 1})}.{body}.{signature}",
            "forged under the same key id": stranger.sign(right),
            "forged under another key id": Signer.new(self.signer.algorithm).sign(right),
            "forged without a key id": jwt.encode(right, stranger.key, stranger.algorithm),
            "forged with its key inside": stranger.sign(right, jwk=stranger.jwk),
            "forged with a link to its key": stranger.sign(right, jku="http://127.0.0.1:9/jwks"),
            "HMAC by the public key as PEM": _hmac(own, right, self.signer.pem),
            "HMAC by the public key as JWK": _hmac(own, right, json.dumps(self.published[-1]).encode()),
            "HMAC by nothing": _hmac(own, right, b""),
            "algorithm that is no text": f"{_part({**own, 'alg': ['ES256']})}.{body}.{signature}",
            "critical extension": signed(right, crit=["exp"]),
            "detached": signed(right, b64=True, crit=["b64"]),
            "logout token": signed(right, typ="logout+jwt"),
            "proof of possession": signed(right, typ="dpop+jwt"),
            "type that is no text": f"{_part({**own, 'typ': {}})}.{body}.{signature}",
            "ID token": self.token(user, at_hash="x", nonce="y"),
            "refresh token": self.token(user, typ="Refresh"),
            "bound to a key": self.token(user, cnf={"jkt": "x"}),
            "encrypted": f"{head}.{body}.{signature}.{body}.{signature}",
            "too long": self.token(user, more="x" * (20 << 10)),
            "nested deeply": f"{_encoded(b'[' * 9000)}.{_encoded(b'[' * 2000)}.{signature}",
            "claims that are a list": f"{head}.{_part([])}.{signature}",
            "opaque": secrets.token_urlsafe(32),
            "empty": "",
        }

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.asked.append(request.path)
        self.came.set()
        if self.pause is not None:
            await self.pause.wait()
        if self.status != 200:
            return web.Response(status=self.status, headers={"Location": f"{self.base}/elsewhere"})
        if request.method == "OPTIONS":
            return web.Response(headers=_ANY_PAGE)
        doors = {
            "/.well-known/openid-configuration": self._discovery,
            "/jwks": self._keys,
            "/authorize": self._authorize,
            "/token": self._token,
            "/userinfo": self._userinfo,
        }
        if request.path not in doors:
            return web.Response(status=404)
        return await doors[request.path](request)

    async def _discovery(self, _request: web.Request) -> web.Response:
        ends = {
            "jwks_uri": "jwks",
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "userinfo_endpoint": "userinfo",
        }
        said = {name: f"{self.base}/{path}" for name, path in ends.items()} | {
            "issuer": self.base,
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.signer.algorithm],
            "code_challenge_methods_supported": ["S256"],
        }
        return web.json_response(said | self.says, headers=_ANY_PAGE)

    async def _keys(self, _request: web.Request) -> web.Response:
        return web.json_response(self.jwks if self.jwks is not None else {"keys": self.published}, headers=_ANY_PAGE)

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        if request.method != "POST":
            page = '<form method="post"><input name="user"><button>Log in</button></form>'
            return web.Response(text=page, content_type="text/html")
        code = secrets.token_urlsafe()
        self._codes[code] = asked | {"user": str((await request.post())["user"])}
        back = {"code": code} | ({"state": asked["state"]} if "state" in asked else {})
        return web.Response(status=303, headers={"Location": f"{asked['redirect_uri']}?{urlencode(back)}"})

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self._codes.pop(str(form.get("code")), None)  # a code is good for once
        if asked is None or not _proves(str(form.get("code_verifier", "")), asked.get("code_challenge", "")):
            return web.json_response({"error": "invalid_grant"}, status=400, headers=_ANY_PAGE)
        user = asked["user"]
        identity = self.claims(user, aud=asked["client_id"], at_hash="x", nonce=asked.get("nonce"), groups=None)
        given = {"token_type": "Bearer", "expires_in": LASTS_S, "scope": asked.get("scope", "openid")}
        tokens = {"access_token": self.token(user), "id_token": self.signer.sign(identity)}
        return web.json_response(given | tokens, headers=_ANY_PAGE)

    async def _userinfo(self, request: web.Request) -> web.Response:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        user = jwt.decode(shown, options={"verify_signature": False})["sub"]
        return web.json_response({"sub": user, "name": user}, headers=_ANY_PAGE)


@asynccontextmanager
async def issuer(tls: Certificate | None = None, algorithm: str = "ES256") -> AsyncIterator[Issuer]:
    """Run an issuer in this event loop."""
    running = Issuer(signer=Signer.new(algorithm))
    application = web.Application()
    application.router.add_route("*", "/{any:.*}", running.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls.server() if tls else None).start()
    running.base = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield running
    finally:
        if running.pause is not None:
            running.pause.set()
        await runner.cleanup()


def _proves(verifier: str, challenge: str) -> bool:
    """Say whether who has the code is who asked for it (RFC 7636)."""
    return bool(challenge) and _encoded(hashlib.sha256(verifier.encode()).digest()) == challenge


def _hmac(header: Mapping[str, Any], claims: Mapping[str, Any], key: bytes) -> str:
    signed = f"{_part({**header, 'alg': 'HS256'})}.{_part(claims)}"
    return f"{signed}.{_encoded(hmac.digest(key, signed.encode(), 'sha256'))}"


def _part(content: Any) -> str:
    return _encoded(json.dumps(content).encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
