"""Which way a message goes."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from gateway.core.errors import BadRequest, NotifyFailed
from gateway.notify.contact import Contact, Kind
from gateway.notify.notice import Notice
from gateway.notify.notifiers import Notifiers
from tests.kit.contacts import EMAIL, PHONE, REFERENCE, traces

MAIL, NUMBER, OTHER = Contact(Kind.EMAIL, EMAIL), Contact(Kind.PHONE, PHONE), Contact(Kind.REFERENCE, REFERENCE, "two")
URL, EXPIRES = "https://images.example/shares/x/", datetime(2031, 1, 1, tzinfo=UTC)


@dataclass
class Way:
    sent: list[tuple[Contact, Notice]] = field(default_factory=list)

    async def send(self, contact: Contact, notice: Notice) -> None:
        self.sent.append((contact, notice))


async def test_mail_goes_to_the_mail_server_and_the_rest_to_the_webhook_that_is_named() -> None:
    mail, one, two = Way(), Way(), Way()
    notifiers = Notifiers(mail, {"one": one, "two": two})
    for contact in (MAIL, OTHER, Contact(Kind.PHONE, PHONE, "one")):
        notifiers.check(contact)
        await notifiers.send(contact, URL, EXPIRES)
    assert mail.sent == [(MAIL, Notice(URL, EXPIRES))]
    assert [contact.kind for contact, _ in one.sent + two.sent] == [Kind.PHONE, Kind.REFERENCE]


async def test_a_webhook_need_not_be_named_where_there_is_only_one() -> None:
    only = Way()
    await Notifiers(None, {"sms": only}).send(NUMBER, URL, EXPIRES)
    assert only.sent
    with pytest.raises(BadRequest, match=r"share\.webhook"):
        Notifiers(None, {"one": Way(), "two": Way()}).check(NUMBER)


@pytest.mark.parametrize(("contact", "member"), [(MAIL, "email"), (NUMBER, "webhook"), (OTHER, "webhook")])
async def test_a_contact_to_whom_there_is_no_way_is_refused(contact: Contact, member: str) -> None:
    with pytest.raises(BadRequest, match=rf"share\.{member}") as refused:
        Notifiers().check(contact)
    with pytest.raises(NotifyFailed) as failed:
        await Notifiers().send(contact, URL, EXPIRES)
    assert failed.value.is_final
    assert not traces(f"{refused.value} {failed.value}".encode(), EMAIL, PHONE, REFERENCE)
