"""What uplinks and messages to patients need: rules over the file as written, and the settings made of them.

No message holds a secret, a URL or an address.
"""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from gateway.adapters.smtp import sender_address
from gateway.adapters.webhook import webhook_key
from gateway.config import schema
from gateway.config.draft import (
    Draft,
    Place,
    Rule,
    domain_problem,
    mapping,
    name_problem,
    origin_problem,
    profile_problem,
    stores_nothing,
    text,
    url_problem,
)
from gateway.config.model import Notify, SharePolicy, Smtp, Uplink, Webhook
from gateway.core.errors import ConfigFault

__all__ = ["RULES", "make_notify", "make_uplink", "secret_sources", "warnings"]

DEFAULT_PROFILE = schema.Uplink.model_fields["profile"].default


def _names(draft: Draft) -> Iterator[ConfigFault]:
    webhooks = mapping(mapping(draft.data, "notify"), "webhooks")
    places: list[Place] = [place for place, _, _ in draft.entries("uplinks")]
    for place in [*places, *(("notify", "webhooks", name) for name in webhooks)]:
        if problem := name_problem(str(place[-1])):
            yield draft.document.fault(place, problem)


def _ends(draft: Draft) -> Iterator[ConfigFault]:
    for uplink, _, entry in draft.entries("uplinks"):
        origin, destination = text(entry, "origin"), text(entry, "destination")
        for key, name in (("origin", origin), ("destination", destination)):
            if name is not None and (problem := origin_problem(draft, name)):
                yield draft.document.fault((*uplink, key), problem)
        if destination is None:
            continue
        place = (*uplink, "destination")
        if destination == origin:
            yield draft.document.fault(place, "is the same as origin; name another one")
        elif stores_nothing(draft, destination):
            what = f'"{destination}" is a folder that stores nothing; writable: true there lets it'
            yield draft.document.fault(place, what)


def _profile(draft: Draft) -> Iterator[ConfigFault]:
    for uplink, _, entry in draft.entries("uplinks"):
        name = entry.get("profile", DEFAULT_PROFILE)
        if isinstance(name, str) and (problem := profile_problem(draft, name)):
            yield draft.document.fault((*uplink, "profile") if "profile" in entry else uplink, problem)


def _domain(draft: Draft) -> Iterator[ConfigFault]:
    for uplink, _, entry in draft.entries("uplinks"):
        domain = text(entry, "domain")
        if domain is not None and (problem := domain_problem(domain)):
            yield draft.document.fault((*uplink, "domain"), problem)


def _smtp(draft: Draft) -> Iterator[ConfigFault]:
    place = ("notify", "smtp")
    smtp = mapping(mapping(draft.data, "notify"), "smtp")
    subject, sender = text(smtp, "subject"), text(smtp, "from")
    if subject is not None and not (subject and subject.isprintable()):
        yield draft.document.fault((*place, "subject"), "should be one line of text")
    if sender is not None:
        try:
            sender_address(sender)
        except ValueError as fault:
            yield draft.document.fault((*place, "from"), str(fault))


def _webhooks(draft: Draft) -> Iterator[ConfigFault]:
    for name, webhook in mapping(mapping(draft.data, "notify"), "webhooks").items():
        url = text(webhook, "url") if isinstance(webhook, Mapping) else None
        if url is not None and (problem := url_problem(url)):
            yield draft.document.fault(("notify", "webhooks", name, "url"), problem)


def _secrets(draft: Draft) -> Iterator[ConfigFault]:
    for place, source in secret_sources(draft):
        try:
            secret = draft.secrets.get(source)
            if place[-1] == "password":
                secret.text()
            else:
                webhook_key(secret.reveal())
        except UnicodeDecodeError:
            yield draft.document.fault(place, "is not UTF-8 text")
        except ValueError as fault:
            yield draft.document.fault(place, str(fault))


RULES: tuple[Rule, ...] = (_names, _ends, _profile, _domain, _smtp, _webhooks, _secrets)


def secret_sources(draft: Draft) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Yield where each secret of a notifier is said to be kept."""
    notify = mapping(draft.data, "notify")
    found: list[tuple[Place, Any]] = [
        (("notify", "webhooks", name, "secret"), webhook.get("secret"))
        for name, webhook in mapping(notify, "webhooks").items()
        if isinstance(webhook, Mapping)
    ]
    found.append((("notify", "smtp", "auth", "password"), mapping(mapping(notify, "smtp"), "auth").get("password")))
    for place, source in found:
        if isinstance(source, Mapping):
            yield place, source


def warnings(draft: Draft) -> Iterator[ConfigFault]:
    """Say what works but may not be meant so."""
    if "public_url" not in draft.data:
        for uplink, _, entry in draft.entries("uplinks"):
            if "share" in entry:
                what = "without public_url, links to what is shared follow the address that the gateway is called by"
                yield draft.document.fault((*uplink, "share"), what)
    notify = mapping(draft.data, "notify")
    smtp = mapping(notify, "smtp")
    if text(smtp, "security") == "none" and not _is_here(text(smtp, "host") or ""):
        yield draft.document.fault(("notify", "smtp", "security"), "addresses of patients travel unencrypted")
    for name, webhook in mapping(notify, "webhooks").items():
        url = urlsplit(text(webhook, "url") or "")
        if url.scheme == "http" and not _is_here(url.hostname or ""):
            what = "contacts of patients travel unencrypted; use https"
            yield draft.document.fault(("notify", "webhooks", name, "url"), what)


def make_uplink(name: str, uplink: schema.Uplink, draft: Draft) -> Uplink:
    """Make the settings of an uplink that the rules found sound."""
    return Uplink(
        name=name,
        origin=uplink.origin,
        destination=uplink.destination,
        profile=draft.profiles.require(uplink.profile),
        domain=uplink.domain or name,
        share=SharePolicy(uplink.share.days, uplink.share.views) if uplink.share else None,
    )


def make_notify(notify: schema.Notify, draft: Draft) -> Notify:
    """Make the settings of the notifiers."""
    webhooks = {
        name: Webhook(name, webhook.url, draft.secrets.get(webhook.secret.model_dump()))
        for name, webhook in notify.webhooks.items()
    }
    return Notify(_make_smtp(notify.smtp, draft) if notify.smtp else None, webhooks)


def _make_smtp(smtp: schema.Smtp, draft: Draft) -> Smtp:
    return Smtp(
        host=smtp.host,
        port=smtp.port,
        security=smtp.security,
        sender=smtp.sender,
        username=smtp.auth.username if smtp.auth else None,
        password=draft.secrets.get(smtp.auth.password.model_dump()) if smtp.auth else None,
        subject=smtp.subject,
    )


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
