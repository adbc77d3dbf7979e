"""Messages by webhook: a JSON document to the URL of the settings, signed as Standard Webhooks say.

The system behind it sends text messages, or knows whom a reference means. Its answer is not read, a redirect is not
followed, and the contact goes nowhere but into the body.
"""

import base64
import binascii
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import aiohttp
import yarl

from gateway.adapters.reason import reason
from gateway.core.errors import NotifyFailed
from gateway.notify.contact import Contact
from gateway.notify.notice import Notice

__all__ = ["WebhookNotifier", "sign", "webhook_key"]

CONNECT_TIMEOUT_S: Final = 10.0
WHOLE_TIMEOUT_S: Final = 30.0
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - a form, not a secret
EVENT: Final = "share.created"

_LATER: Final = frozenset({408, 425, 429})
"""Statuses of 4xx that are not for good."""


class WebhookNotifier:
    """Posts messages to one URL, called ``name`` in messages of errors."""

    def __init__(
        self,
        name: str,
        url: str,
        secret: bytes,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._url = yarl.URL(url)
        self._key = webhook_key(secret)
        self._tls = tls
        self._clock = clock

    async def send(self, contact: Contact, notice: Notice) -> None:
        """Post one message; a status of 2xx takes it. Raises NotifyFailed with the status, never with the URL."""
        body = _body(contact, notice, now := int(self._clock()))
        identity = f"msg_{notice.identity}"
        headers = {
            "content-type": "application/json",
            "user-agent": "dicomveil",
            "webhook-id": identity,
            "webhook-timestamp": str(now),
            "webhook-signature": sign(self._key, identity, now, body),
        }
        failure: NotifyFailed
        try:
            status = await self._post(body, headers)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
            failure = self._failed(reason(error))
        else:
            if 200 <= status < 300:
                return
            failure = self._failed(f"status {status}", is_final=300 <= status < 500 and status not in _LATER)
        raise failure  # outside of the handler: aiohttp's own exception names the URL

    async def _post(self, body: bytes, headers: dict[str, str]) -> int:
        async with (
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=WHOLE_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            ) as session,
            session.post(
                self._url,
                data=body,
                headers=headers,
                allow_redirects=False,
                ssl=self._tls if self._tls is not None else True,
            ) as answer,
        ):
            answer.close()  # what it says is nothing to us
            return answer.status

    def _failed(self, what: str, *, is_final: bool = False) -> NotifyFailed:
        return NotifyFailed(f"the webhook {self._name} took no message ({what})", is_final=is_final)


def webhook_key(secret: bytes) -> bytes:
    """Return the key of a secret: what follows ``whsec_`` in base64, or the bytes as they are.

    Raises ValueError when what follows is not base64.
    """
    text = secret.decode("utf-8", "replace")
    if not text.startswith(SECRET_PREFIX):
        return secret
    try:
        return base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"what follows {SECRET_PREFIX} should be base64") from None


def sign(key: bytes, identity: str, timestamp: int, body: bytes) -> str:
    """Return the header ``webhook-signature`` (Standard Webhooks 1.0.0, "Signature scheme")."""
    signed = f"{identity}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256().name)).decode()


def _body(contact: Contact, notice: Notice, now: int) -> bytes:
    said = {
        contact.kind.value: contact.value,
        "url": notice.url,
        "expires": _iso(notice.expires.timestamp()),
    }
    return json.dumps({"type": EVENT, "timestamp": _iso(now), "data": said}).encode()


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
