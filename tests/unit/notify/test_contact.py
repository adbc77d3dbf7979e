"""What a contact is, and that nothing tells it by accident."""

import copy
import json
import logging
import pickle

import pytest

from gateway.core.errors import BadRequest
from gateway.notify.contact import Contact, Kind, is_email, read_contact
from tests.kit.contacts import EMAIL, PHONE, REFERENCE, traces

LONG = "x" * 60

ADDRESSES = ["a@b.co", "first.last+tag@sub.example.org", "o'brien=x@xn--mnchen-3ya.example", f"{'x' * 64}@example.org"]
NO_ADDRESSES = [
    "", "@", "a@", "@b.co", "a@b", "a@b.", "a@.b.co", ".a@b.co", "a.@b.co", "a..b@b.co", "a@b@c.co", "a b@c.co",
    "a@b.co\r\nBcc: x@y.co", "a@b.co\n", "\na@b.co", "a@b.co, c@d.co", "a@b.co;c@d.co", "<a@b.co>", "Name <a@b.co>",
    '"a b"@c.co', "a@[127.0.0.1]", "a@127.0.0.1", "a@-b.co", "a@b-.co", "ä@b.co", "a@ä.co", "a@b.co\0", "a\u2028@b.co",
    f"{'x' * 65}@example.org", f"a@{LONG}.{LONG}.{LONG}.{LONG}.{LONG}", f"a@{'x' * 64}.org", "a(comment)@b.co",
    "a@b.co>\r\nDATA", "a,b@c.co", "a:b@c.co", "a\\@b@c.co",
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_taken(address: str) -> None:
    assert read_contact(email=address) == Contact(Kind.EMAIL, address)


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_no_address_is_refused_without_being_repeated(address: str) -> None:
    with pytest.raises(BadRequest, match=r"^share\.email: not an e-mail address") as refused:
        read_contact(email=address)
    assert len(address) < 4 or address not in str(refused.value)


def test_the_longest_address_is_told_in_no_time() -> None:
    assert not is_email("a" * 10_000_000 + "@b.co")
    assert not is_email("a." * 100 + "@" + "a-" * 20 + ".")


@pytest.mark.parametrize("number", ["+1234567", "+4915112345678", "+123456789012345"])
def test_a_number_of_e164_is_taken(number: str) -> None:
    assert read_contact(phone=number) == Contact(Kind.PHONE, number)


@pytest.mark.parametrize(
    "number",
    ["", "+", "4915112345678", "+0123456789", "+123456", "+1234567890123456", "+49 151", "+49151-234", "+1234567\n",
     "\uff0b4915112345678", "+\u0664\u0669\u0661\u0665\u0661\u0661\u0662\u0663", "tel:+1234567", "+1234567;ext=1"],
)  # fmt: skip
def test_what_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(BadRequest, match=r"^share\.phone: not a number"):
        read_contact(phone=number)


def test_a_reference_belongs_to_a_webhook() -> None:
    assert read_contact(reference=REFERENCE, webhook="sms") == Contact(Kind.REFERENCE, REFERENCE, "sms")
    assert read_contact(phone=PHONE, webhook="sms") == Contact(Kind.PHONE, PHONE, "sms")


@pytest.mark.parametrize("reference", ["", "x" * 257, "a\nb", "a\0", "\u200e", "ü", "a\x7f"])
def test_what_cannot_be_a_reference_is_refused(reference: str) -> None:
    with pytest.raises(BadRequest, match=r"^share\.reference: "):
        read_contact(reference=reference)


@pytest.mark.parametrize(
    ("given", "member"),
    [
        ({"email": EMAIL, "phone": PHONE}, "email, phone and reference"),
        ({"phone": PHONE, "reference": REFERENCE}, "email, phone and reference"),
        ({"email": EMAIL, "webhook": "sms"}, "share.webhook"),
        ({"webhook": "sms"}, "share.webhook"),
        ({"phone": PHONE, "webhook": EMAIL}, "share.webhook"),
    ],
)
def test_members_that_do_not_fit_are_named_without_their_values(given: dict[str, str], member: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_contact(**given)
    assert member in str(refused.value)
    assert not traces(str(refused.value).encode(), EMAIL, PHONE, REFERENCE)


def test_no_member_is_no_contact() -> None:
    assert read_contact() is None


@pytest.mark.parametrize(
    "contact", [Contact(Kind.EMAIL, EMAIL), Contact(Kind.PHONE, PHONE, "sms"), Contact(Kind.REFERENCE, REFERENCE, "x")]
)
def test_a_contact_is_not_told_by_accident(contact: Contact, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("any").debug("%s %r %s", contact, contact, {"a": [contact]})
    assert not traces(caplog.text.encode() + f"{contact} {contact!r}".encode(), EMAIL, PHONE, REFERENCE)
    for write in (pickle.dumps, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError) as refused:
            write(contact)
        assert not traces(str(refused.value).encode(), EMAIL, PHONE, REFERENCE)
    assert Contact.from_bytes(contact.to_bytes()) == contact
