"""How to reach the one whom images are shared with: the only personal data that the gateway is ever given.

A contact is never printed, logged, counted or written out: not by ``repr``, not by pickle, not in an exception. It is
kept sealed (``Contacts``) until the message has been handed over or the job has ended.
"""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from gateway.core.errors import BadRequest

__all__ = [
    "EMAIL_PATTERN",
    "MAX_ADDRESS_LENGTH",
    "PHONE_PATTERN",
    "REFERENCE_PATTERN",
    "WEBHOOK_PATTERN",
    "Contact",
    "Contacts",
    "Kind",
    "is_email",
    "read_contact",
]

MAX_ADDRESS_LENGTH: Final = 254
MAX_LOCAL_LENGTH: Final = 64

# A dot-string at a host name of two labels or more (RFC 5321 Section 4.1.2), in ASCII: no quoted string, address
# literal, comment or list, and nothing that could end a header or a command.
_LABEL: Final = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LAST_LABEL: Final = "[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM: Final = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
EMAIL_PATTERN: Final = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LAST_LABEL}$"
PHONE_PATTERN: Final = r"^\+[1-9][0-9]{6,14}$"
REFERENCE_PATTERN: Final = "^[ -~]{1,256}$"
WEBHOOK_PATTERN: Final = "^[a-z0-9-]{1,64}$"

_EMAIL: Final = re.compile(EMAIL_PATTERN)
_PHONE: Final = re.compile(PHONE_PATTERN)
_REFERENCE: Final = re.compile(REFERENCE_PATTERN)
_WEBHOOK: Final = re.compile(WEBHOOK_PATTERN)


class Kind(StrEnum):
    """What a contact is, in the words of the request."""

    EMAIL = "email"
    PHONE = "phone"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """An e-mail address, a phone number, or what the system behind a webhook calls the patient.

    ``webhook`` names an entry of the settings; empty, it is the only one there is.
    """

    kind: Kind
    value: str
    webhook: str = ""

    def __repr__(self) -> str:
        return f"Contact({self.kind})"

    def __reduce__(self) -> str:
        raise TypeError("a contact is not written out")

    def to_bytes(self) -> bytes:
        """Return what ``from_bytes`` reads: to be sealed, and nothing else."""
        return json.dumps([self.kind, self.value, self.webhook]).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Contact":
        """Return what ``to_bytes`` wrote."""
        kind, value, webhook = json.loads(data)
        return cls(Kind(kind), value, webhook)


class Contacts(Protocol):
    """The contacts of pending jobs, sealed. Every method raises StateFailed when the store does."""

    async def put(self, domain: str, job: str, contact: Contact) -> None:
        """Keep the contact of a job, in place of the one it may have had."""

    async def get(self, domain: str, job: str) -> Contact | None:
        """Return the contact of a job, or None; it stays, since a message may have to be sent again."""

    async def wipe(self, job: str) -> None:
        """Forget the contact of a job, if there is one, so that no file holds it."""

    async def wipe_expired(self) -> None:
        """Forget what is older than any job may last: the contacts of jobs that never came to be."""


def read_contact(
    *, email: str | None = None, phone: str | None = None, webhook: str | None = None, reference: str | None = None
) -> Contact | None:
    """Make a contact of the members of a request; None when they name none.

    Raises BadRequest, which names the member and never its value.
    """
    given = [
        Contact(kind, value, webhook or "")
        for kind, value in ((Kind.EMAIL, email), (Kind.PHONE, phone), (Kind.REFERENCE, reference))
        if value is not None
    ]
    if len(given) > 1:
        raise BadRequest("share: email, phone and reference exclude each other")
    if webhook is not None:
        _check_webhook(webhook, given)
    if not given:
        return None
    contact = given[0]
    _CHECKS[contact.kind](contact.value)
    return contact


def is_email(address: str) -> bool:
    """Say whether mail can be addressed so, in ASCII; whether it arrives is for mail servers to find out."""
    if len(address) > MAX_ADDRESS_LENGTH or _EMAIL.fullmatch(address) is None:
        return False
    return address.index("@") <= MAX_LOCAL_LENGTH


def _check_webhook(webhook: str, given: list[Contact]) -> None:
    if not _WEBHOOK.fullmatch(webhook):
        raise BadRequest("share.webhook: not the name of a webhook")
    if not given or given[0].kind is Kind.EMAIL:
        raise BadRequest("share.webhook: belongs to a phone or a reference")


def _check_email(address: str) -> None:
    if not is_email(address):
        raise BadRequest("share.email: not an e-mail address in ASCII (a domain in other letters has an xn-- form)")


def _check_phone(number: str) -> None:
    if not _PHONE.fullmatch(number):
        raise BadRequest("share.phone: not a number in the form of E.164: + and 7 to 15 digits")


def _check_reference(reference: str) -> None:
    if not _REFERENCE.fullmatch(reference):
        raise BadRequest("share.reference: not 1 to 256 printable characters of ASCII")


_CHECKS: Final = {Kind.EMAIL: _check_email, Kind.PHONE: _check_phone, Kind.REFERENCE: _check_reference}
