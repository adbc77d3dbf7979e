"""Webhooks over a real server."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.adapters.webhook import WebhookNotifier, sign, webhook_key
from gateway.core.errors import NotifyFailed
from gateway.notify.contact import Contact, Kind
from gateway.notify.notice import Notice
from tests.kit.certificates import certificate
from tests.kit.contacts import EMAIL, PHONE, REFERENCE, traces
from tests.kit.hook import Hook, hook
from tests.kit.scripted_server import Connection, scripted_server

SECRET = b"whsec_" + base64.b64encode(bytes(range(32)))
NOW = 1_924_000_000.75
NOTICE = Notice("https://images.example/shares/kd93ksUEl2/", datetime(2031, 5, 6, 12, 0, tzinfo=UTC))
NUMBER = Contact(Kind.PHONE, PHONE)
PATH = "/hook-kd93k?key=sesame"


def notifier(taken: Hook, **more: Any) -> WebhookNotifier:
    return WebhookNotifier("sms", taken.base + PATH, SECRET, clock=lambda: NOW, **more)


def test_a_signature_is_the_one_that_standard_webhooks_publish() -> None:
    key = webhook_key(b"whsec_plJ3nmyCDGBKInavdOK15jsl")
    body = b'{"event_type":"ping","data":{"success":true}}'
    published = "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="
    assert sign(key, "msg_loFOjxBNrRLzqYUf", 1731705121, body) == published


def test_a_secret_is_base64_behind_its_prefix_or_the_bytes_themselves() -> None:
    assert webhook_key(SECRET) == bytes(range(32))
    assert webhook_key(b"any bytes \xff") == b"any bytes \xff"
    with pytest.raises(ValueError, match="base64") as refused:
        webhook_key(b"whsec_not base64!")
    assert "not base64" not in str(refused.value)


@pytest.mark.parametrize(
    ("contact", "told"),
    [(NUMBER, {"phone": PHONE}), (Contact(Kind.REFERENCE, REFERENCE, "sms"), {"reference": REFERENCE})],
)
async def test_a_message_is_posted_once_and_signed(contact: Contact, told: dict[str, str]) -> None:
    async with hook() as taken:
        await notifier(taken).send(contact, NOTICE)
    (asked,) = taken.asked
    assert (asked.method, asked.target) == ("POST", PATH)
    assert asked.headers["content-type"] == "application/json"
    assert json.loads(asked.body) == {
        "type": "share.created",
        "timestamp": "2030-12-20T12:26:40Z",
        "data": {**told, "url": NOTICE.url, "expires": "2031-05-06T12:00:00Z"},
    }
    identity, timestamp = asked.headers["webhook-id"], asked.headers["webhook-timestamp"]
    assert timestamp == str(int(NOW))
    signed = f"{identity}.{timestamp}.".encode() + asked.body
    expected = base64.b64encode(hmac.digest(bytes(range(32)), signed, hashlib.sha256)).decode()
    assert asked.headers["webhook-signature"] == f"v1,{expected}"


async def test_the_contact_and_the_url_are_in_the_body_alone() -> None:
    async with hook() as taken:
        await notifier(taken).send(NUMBER, NOTICE)
    (asked,) = taken.asked
    head = f"{asked.target}{asked.headers}".encode()
    assert not traces(head, PHONE, NOTICE.url, "kd93ksUEl2")
    assert traces(asked.body, PHONE)


async def test_a_message_that_is_sent_again_has_the_same_id() -> None:
    async with hook(500) as taken:
        with pytest.raises(NotifyFailed):
            await notifier(taken).send(NUMBER, NOTICE)
        await notifier(taken).send(NUMBER, NOTICE)
    first, again = (asked.headers["webhook-id"] for asked in taken.asked)
    assert first == again


@pytest.mark.parametrize(
    ("status", "is_final"),
    [(301, True), (302, True), (307, True), (308, True), (400, True), (401, True), (410, True), (408, False),
     (429, False), (500, False), (503, False)],
)  # fmt: skip
async def test_what_is_not_taken_fails_and_a_redirect_is_not_followed(status: int, is_final: bool) -> None:
    async with hook(status) as taken:
        with pytest.raises(NotifyFailed, match=f"the webhook sms took no message .status {status}.") as failed:
            await notifier(taken).send(NUMBER, NOTICE)
    assert failed.value.is_final is is_final
    assert len(taken.asked) == 1


async def test_a_server_that_is_trusted_is_told_over_tls_and_another_is_not(tmp_path: Path) -> None:
    shown = certificate(tmp_path)
    async with hook(tls=shown) as taken:
        with pytest.raises(NotifyFailed):
            await notifier(taken).send(NUMBER, NOTICE)
        assert not taken.asked
        await notifier(taken, tls=shown.client()).send(NUMBER, NOTICE)
    assert len(taken.asked) == 1


async def test_a_failure_tells_neither_contact_nor_url(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def break_off(connection: Connection) -> None:
        await connection.request()
        connection.reset()

    async with hook() as taken:
        pass
    said = ""
    async with scripted_server(break_off) as broken:
        for base in (taken.base, broken.base, "http://nowhere.invalid"):
            with pytest.raises(NotifyFailed) as failed:
                await WebhookNotifier("sms", base + PATH, SECRET).send(NUMBER, NOTICE)
            assert not failed.value.is_final
            assert (failed.value.__cause__, failed.value.__context__) == (None, None)
            said += "".join(traceback.format_exception(failed.value))
    assert not traces(f"{said}{caplog.text}".encode(), PHONE, NOTICE.url, "sesame")


async def test_an_answer_without_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def endless(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        await connection.until_gone()

    async def silent(connection: Connection) -> None:
        await connection.request()
        await connection.until_gone()

    async with asyncio.timeout(20), scripted_server(endless) as server:
        await WebhookNotifier("sms", server.base, SECRET).send(NUMBER, NOTICE)
    monkeypatch.setattr("gateway.adapters.webhook.WHOLE_TIMEOUT_S", 0.2)
    async with scripted_server(silent) as server:
        with pytest.raises(NotifyFailed, match="no answer in time"):
            await WebhookNotifier("sms", server.base, SECRET).send(NUMBER, NOTICE)


def test_a_notifier_prints_neither_its_secret_nor_its_url() -> None:
    notifier = WebhookNotifier("sms", "https://sms.example" + PATH, SECRET)
    assert not traces(repr(notifier).encode(), "sesame", EMAIL)
