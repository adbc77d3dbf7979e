"""Messages by e-mail: one message to one address, over SMTP."""

import asyncio
import secrets
import ssl
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from enum import StrEnum
from typing import Final

import aiosmtplib

from gateway.adapters.reason import reason
from gateway.core.errors import NotifyFailed
from gateway.notify.contact import Contact, is_email
from gateway.notify.notice import DEFAULT_SUBJECT, Notice

__all__ = ["MailServer", "Security", "SmtpNotifier", "sender_address"]

STEP_TIMEOUT_S: Final = 30.0
WHOLE_TIMEOUT_S: Final = 120.0
"""However slowly a server drips its replies."""


_WORDS: Final = {
    aiosmtplib.SMTPAuthenticationError: "it refuses the login",
    aiosmtplib.SMTPNotSupported: "it lacks STARTTLS, or a way to log in",
    aiosmtplib.SMTPTimeoutError: "no answer in time",
    aiosmtplib.SMTPConnectError: "no connection",
    aiosmtplib.SMTPServerDisconnected: "the connection broke",
}


class Security(StrEnum):
    """How a connection is protected: by upgrade (RFC 3207), from the start (RFC 8314), or not at all."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over, and what it says of its sender."""

    host: str
    port: int
    sender: str
    security: Security = Security.STARTTLS
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    subject: str | None = None


class SmtpNotifier:
    """Hands messages to a mail server.

    ``tls`` replaces the certificates that the system trusts. Raises ValueError when the sender is no address.
    """

    def __init__(self, server: MailServer, tls: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._tls = tls
        self._sender = sender_address(server.sender)

    async def send(self, contact: Contact, notice: Notice) -> None:
        """Hand one message over. Raises NotifyFailed with the server's status, never with its words."""
        await self._guarded(self._hand_over(contact.value, self._message(contact.value, notice)))

    async def log_in(self) -> None:
        """Do all that a message needs, but send none. Raises NotifyFailed."""
        await self._guarded(self._log_in())

    async def _guarded(self, work: Awaitable[None]) -> None:
        failure: NotifyFailed
        try:
            async with asyncio.timeout(WHOLE_TIMEOUT_S):
                await work
            return
        except aiosmtplib.SMTPException as error:
            failure = _failure(error)
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            failure = NotifyFailed(f"no message could be handed to the mail server ({reason(error)})")
        raise failure  # outside of the handler: a server's replies repeat the address, and must not travel along

    async def _hand_over(self, recipient: str, message: EmailMessage) -> None:
        async with self._connection() as connection:
            await connection.send_message(message, sender=self._sender.addr_spec, recipients=[recipient])

    async def _log_in(self) -> None:
        async with self._connection():
            pass

    def _connection(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            local_hostname=self._sender.domain,  # not the name of this machine
            timeout=STEP_TIMEOUT_S,
            use_tls=server.security is Security.TLS,
            start_tls=server.security is Security.STARTTLS,
            tls_context=self._tls,
        )

    def _message(self, recipient: str, notice: Notice) -> EmailMessage:
        message = EmailMessage(SMTP)
        message["From"] = self._sender
        message["To"] = recipient
        message["Subject"] = self._server.subject or DEFAULT_SUBJECT
        message["Date"] = datetime.now(UTC)
        message["Message-ID"] = f"<{notice.identity}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no replies of machines
        message.set_content(notice.text())
        message.add_alternative(notice.html(), subtype="html")
        message.set_boundary(secrets.token_hex(16))
        return message


def sender_address(sender: str) -> Address:
    """Read ``address`` or ``Name <address>``; raises ValueError, without it, when it is neither."""
    name, address = parseaddr(sender)
    if not sender.isprintable() or not is_email(address):
        raise ValueError("should be an address, such as Imaging <no-reply@example.org>")
    return Address(name, addr_spec=address)


def _failure(error: aiosmtplib.SMTPException) -> NotifyFailed:
    """Say what went wrong, not in its words; 5yz is for good (RFC 5321 Section 4.2.1), but for a refused login."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        codes = [one.code for one in error.recipients]
        said, is_final = f"status {codes[0]}" if codes else "", bool(codes) and min(codes) >= 500
    elif isinstance(error, aiosmtplib.SMTPResponseException):
        is_login = isinstance(error, aiosmtplib.SMTPAuthenticationError)
        said, is_final = f"status {error.code}", error.code >= 500 and not is_login
    else:
        said, is_final = "", False
    words = next((words for kind, words in _WORDS.items() if isinstance(error, kind)), "")
    if isinstance(error.__cause__, OSError):
        words = reason(error.__cause__)
    kind = ", ".join(filter(None, (words, said))) or type(error).__name__
    return NotifyFailed(f"the mail server took no message ({kind})", is_final=is_final)
