"""A real mail server on loopback (aiosmtpd), which keeps what it is handed and can be told to refuse."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True, slots=True)
class Mail:
    """What was handed over: who said hello, the envelope, whether it was encrypted, and every byte of the message."""

    hello: str
    sender: str
    recipients: tuple[str, ...]
    options: tuple[str, ...]
    is_encrypted: bool
    username: str | None
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """Parse it."""
        parsed = message_from_bytes(self.content, policy=default)
        assert isinstance(parsed, EmailMessage)
        return parsed


@dataclass(slots=True)
class MailServer:
    """A running server; ``refuse`` maps a command (``RCPT``, ``DATA``) to its reply, ``%`` being the recipient."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or not."""
        if "RCPT" in self.refuse:
            return self.refuse["RCPT"].replace("%", address)
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a message, or not."""
        if "DATA" in self.refuse:
            return self.refuse["DATA"].replace("%", envelope.rcpt_tos[0])
        assert isinstance(envelope.content, bytes)
        login = session.auth_data if isinstance(session.auth_data, LoginPassword) else None
        self.mails.append(
            Mail(
                hello=str(session.host_name),
                sender=str(envelope.mail_from),
                recipients=tuple(envelope.rcpt_tos),
                options=(*envelope.mail_options, *envelope.rcpt_options),
                is_encrypted=server.transport.get_extra_info("sslcontext") is not None,
                username=login.login.decode() if login else None,
                content=envelope.content,
            )
        )
        return "250 OK"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, login: Any) -> AuthResult:
        """Let the users in that there are."""
        known = self.users.get(login.login.decode()) == login.password.decode()
        return AuthResult(success=known, handled=False, auth_data=login)


@asynccontextmanager
async def mail_server(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, users: dict[str, str] | None = None
) -> AsyncIterator[MailServer]:
    """Run a server in this event loop; with users it takes nothing from strangers."""
    state = MailServer(users=users or {})
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        with warnings.catch_warnings(action="ignore"):  # a login without STARTTLS: the connection is encrypted already
            return SMTP(
                state,
                hostname="mail.example",
                tls_context=starttls,
                require_starttls=starttls is not None,
                authenticator=state.authenticate,
                auth_required=bool(users),
                auth_require_tls=tls is None,
                loop=loop,
            )

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        await server.wait_closed()
