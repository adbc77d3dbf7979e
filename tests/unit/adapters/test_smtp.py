"""Mail over a real mail server."""

import logging
import traceback
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.adapters.smtp import MailServer, Security, SmtpNotifier, sender_address
from gateway.core.errors import NotifyFailed
from gateway.notify.contact import Contact, Kind
from gateway.notify.notice import Notice
from tests.kit.certificates import certificate
from tests.kit.contacts import EMAIL, traces
from tests.kit.mail import Mail, mail_server
from tests.kit.scripted_server import Connection, ScriptedServer, scripted_server

TO = Contact(Kind.EMAIL, EMAIL)
TOKEN = "kd93ksUEl2-_8sKLei3kdmW0eUI4Gxx7"
NOTICE = Notice(f"https://images.example/shares/{TOKEN}/", datetime(2031, 5, 6, 12, 0, tzinfo=UTC))
SENDER = "Imaging ö <no-reply@hospital.example>"


def to(port: int, security: Security = Security.NONE, **more: str) -> MailServer:
    return MailServer("127.0.0.1", port, SENDER, security, **more)


async def sent(server: MailServer) -> None:
    await SmtpNotifier(server).send(TO, NOTICE)


async def one_mail() -> Mail:
    async with mail_server() as server:
        await sent(to(server.port))
    (mail,) = server.mails
    return mail


async def test_one_message_goes_to_one_address() -> None:
    mail = await one_mail()
    assert (mail.sender, mail.recipients) == ("no-reply@hospital.example", (EMAIL,))
    message = mail.message
    assert message["To"] == EMAIL
    assert message["From"] == SENDER
    assert message["Subject"] == "Images have been shared with you"
    assert not message.defects


async def test_the_message_says_where_and_until_when_as_text_and_as_a_page() -> None:
    message = (await one_mail()).message
    assert message.get_content_type() == "multipart/alternative"
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part is not None
        assert NOTICE.url in part.get_content()
        assert "2031-05-06 12:00 UTC" in part.get_content()


async def test_envelope_and_head_tell_nothing_of_this_machine_or_the_share() -> None:
    mail = await one_mail()
    message = mail.message
    assert set(message.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"
    }  # fmt: skip
    assert message["Message-ID"] == f"<{NOTICE.identity}@hospital.example>"
    assert mail.hello == "hospital.example"
    head = " ".join([mail.sender, *mail.options, *message.values()])
    assert TOKEN not in head
    assert "dicomveil" not in head.lower()


async def test_a_message_that_is_sent_again_has_the_same_message_id() -> None:
    async with mail_server() as server:
        for _ in range(2):
            await sent(to(server.port))
    first, again = server.mails
    assert first.message["Message-ID"] == again.message["Message-ID"]


async def test_a_subject_of_the_settings_is_used() -> None:
    async with mail_server() as server:
        await sent(to(server.port, subject="Ihre Bilder für Sie"))
    assert server.mails[0].message["Subject"] == "Ihre Bilder für Sie"


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
async def test_a_login_and_the_message_are_encrypted(tmp_path: Path, security: Security) -> None:
    shown = certificate(tmp_path)
    where = {"starttls" if security is Security.STARTTLS else "tls": shown.server()}
    async with mail_server(**where, users={"gate": "word"}) as server:
        notifier = SmtpNotifier(to(server.port, security, username="gate", password="word"), shown.client())
        await notifier.send(TO, NOTICE)
    assert [(mail.is_encrypted, mail.username) for mail in server.mails] == [(True, "gate")]


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
async def test_nothing_goes_to_a_server_that_is_not_trusted(tmp_path: Path, security: Security) -> None:
    shown = certificate(tmp_path)
    where = {"starttls" if security is Security.STARTTLS else "tls": shown.server()}
    async with mail_server(**where) as server:  # type: ignore[arg-type]
        with pytest.raises(NotifyFailed):
            await sent(to(server.port, security))
    assert not server.mails


async def test_nothing_goes_unencrypted_where_starttls_is_missing() -> None:
    async with mail_server() as server:
        with pytest.raises(NotifyFailed):
            await sent(to(server.port, Security.STARTTLS, username="gate", password="word"))
    assert not server.mails


@pytest.mark.parametrize(
    ("refuse", "is_final"),
    [
        ({"RCPT": "550 <%> has no mailbox"}, True),
        ({"RCPT": "450 <%> later"}, False),
        ({"DATA": "554 not from % to %"}, True),
        ({"DATA": "452 full of %"}, False),
    ],
)
async def test_a_refusal_names_no_contact_anywhere(
    refuse: dict[str, str], is_final: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("asyncio", "mail.log"):
        logging.getLogger(name).setLevel(logging.WARNING)  # the server's own log is not what is tested
    async with mail_server() as server:
        server.refuse = refuse
        with pytest.raises(NotifyFailed, match=r"status \d\d\d") as failed:
            await sent(to(server.port))
    assert failed.value.is_final is is_final
    said = "".join(traceback.format_exception(failed.value)) + repr(chained(failed.value)) + caplog.text
    assert not traces(said.encode(), EMAIL)


async def test_a_wrong_password_is_not_for_good(tmp_path: Path) -> None:
    shown = certificate(tmp_path)
    async with mail_server(tls=shown.server(), users={"gate": "word"}) as server:
        notifier = SmtpNotifier(to(server.port, Security.TLS, username="gate", password="wrong"), shown.client())
        with pytest.raises(NotifyFailed, match="it refuses the login, status") as failed:
            await notifier.send(TO, NOTICE)
    assert not failed.value.is_final
    assert "wrong" not in str(failed.value)
    assert not server.mails


async def test_a_server_that_is_not_there_is_a_failure_that_may_pass() -> None:
    async with mail_server() as server:
        pass
    with pytest.raises(NotifyFailed) as failed:
        await sent(to(server.port))
    assert not failed.value.is_final
    assert not chained(failed.value)


async def test_a_server_that_hangs_up_or_talks_nonsense_is_a_failure_that_may_pass() -> None:
    async def nonsense(connection: Connection) -> None:
        await connection.send(b"\xff\xfe\r\n" * 3)

    async with scripted_server(nonsense) as server:
        with pytest.raises(NotifyFailed) as failed:
            await sent(to(port_of(server)))
    assert not failed.value.is_final


async def test_a_server_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(connection: Connection) -> None:
        await connection.until_gone()

    monkeypatch.setattr("gateway.adapters.smtp.WHOLE_TIMEOUT_S", 0.2)
    async with scripted_server(silent) as server:
        with pytest.raises(NotifyFailed, match="no answer in time"):
            await sent(to(port_of(server)))


@pytest.mark.parametrize("sender", ["", "Imaging", "Imaging <>", "a@b.co\r\nBcc: c@d.co", "a@b@c.co", "@b.co"])
def test_a_sender_that_is_no_address_is_refused_at_the_start(sender: str) -> None:
    with pytest.raises(ValueError, match="should be an address") as refused:
        sender_address(sender)
    assert "Bcc" not in str(refused.value)


def test_a_password_is_not_printed() -> None:
    assert "word" not in repr(to(25, username="gate", password="word"))


def port_of(server: ScriptedServer) -> int:
    return urlsplit(server.base).port or 0


def chained(error: BaseException | None) -> list[BaseException]:
    """Give what travels along with an exception."""
    found = []
    while error is not None:
        error = error.__cause__ or error.__context__
        found += [error] if error else []
    return found
