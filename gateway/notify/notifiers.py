"""Which way a message goes: e-mail by the mail server, everything else by a webhook of the settings."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from gateway.core.errors import BadRequest, NotifyFailed
from gateway.notify.contact import Contact, Kind
from gateway.notify.notice import Notice

__all__ = ["Notifier", "Notifiers"]


class Notifier(Protocol):
    """One way to hand a message over."""

    async def send(self, contact: Contact, notice: Notice) -> None:
        """Return when it has been handed over. Raises NotifyFailed, which does not name the contact."""


class Notifiers:
    """The ways that the settings give."""

    def __init__(self, mail: Notifier | None = None, webhooks: Mapping[str, Notifier] | None = None) -> None:
        self._mail = mail
        self._webhooks = dict(webhooks or {})

    def check(self, contact: Contact) -> None:
        """Raise BadRequest when there is no way to a contact."""
        if self._way(contact) is None:
            raise BadRequest(
                "share.email: the settings name no mail server"
                if contact.kind is Kind.EMAIL
                else "share.webhook: should name one of the webhooks of the settings"
            )

    async def send(self, contact: Contact, url: str, expires: datetime) -> None:
        """Tell where images are and until when. Raises NotifyFailed."""
        way = self._way(contact)
        if way is None:
            raise NotifyFailed("the settings no longer name a way to a contact of this kind", is_final=True)
        await way.send(contact, Notice(url, expires))

    def _way(self, contact: Contact) -> Notifier | None:
        if contact.kind is Kind.EMAIL:
            return self._mail
        if contact.webhook:
            return self._webhooks.get(contact.webhook)
        return next(iter(self._webhooks.values())) if len(self._webhooks) == 1 else None
