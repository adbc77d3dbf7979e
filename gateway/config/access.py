"""Who may do what: rules over the file as written, and the settings made of them.

A rule that does nothing is a fault: whoever wrote it meant something. No message holds a URL or a hash.
"""

import re
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

from gateway.access.keys import ApiKey, read_hash
from gateway.access.model import GATEWAY, Role, uplink_place, worklist_place
from gateway.access.policy import LOGGED_IN, Policy, Rule
from gateway.access.proxy import Proxy
from gateway.access.tokens import TokenRules
from gateway.adapters.oidc import is_safe_url
from gateway.config import schema
from gateway.config.draft import Draft, Place, is_true, mapping, name_problem, sequence, text, url_problem
from gateway.config.draft import Rule as Check
from gateway.config.model import Access, Issuer, Settings
from gateway.core.errors import ConfigFault
from gateway.core.marked_yaml import nearest

__all__ = ["ROLES_AT", "RULES", "make_access", "open_door", "plain_door", "warnings"]

ROLES_AT: Final[Mapping[str, frozenset[Role]]] = {
    "worklists": frozenset({Role.VIEW, Role.DOWNLOAD, Role.STORE, Role.IDENTIFIED}),
    "uplinks": frozenset({Role.UPLINK, Role.SHARE, Role.MANAGE}),
    "gateway": frozenset({Role.METRICS, Role.MANAGE}),
}
"""The roles that something asks for, by kind of place."""

ALL: Final = "*"
MANY_ADDRESSES: Final = 256

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]+")
_TAKEN: Final = frozenset({"authorization", "x-api-key", "host", "forwarded", "cookie", "accept", "content-type"})
_KINDS: Final = ("oidc", "keys", "proxy")
_PERSONAL: Final = ("users", "groups", "claims")


def _access(draft: Draft) -> Mapping[str, Any]:
    return mapping(draft.data, "access")


def _allowed(draft: Draft) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    for index, rule in enumerate(sequence(_access(draft), "allow")):
        if isinstance(rule, Mapping):
            yield ("access", "allow", index), rule


def _whole(draft: Draft) -> Iterator[ConfigFault]:
    access = _access(draft)
    if is_true(access, "without_authentication"):
        for key in (*_KINDS, "allow"):
            if key in access:
                what = "everybody may do everything, says without_authentication; leave out one of the two"
                yield draft.document.fault(("access", key), what)
    elif isinstance(draft.data.get("access"), Mapping) and not access.get("allow"):
        yield draft.document.fault(("access",), "allow is missing: nobody may do anything")


def _issuers(draft: Draft) -> Iterator[ConfigFault]:
    seen: set[str] = set()
    for index, entry in enumerate(sequence(_access(draft), "oidc")):
        place: Place = ("access", "oidc", index)
        if not isinstance(entry, Mapping):
            continue
        issuer = text(entry, "issuer")
        if issuer is not None:
            if problem := _issuer_problem(issuer):
                yield draft.document.fault((*place, "issuer"), problem)
            if issuer in seen:
                yield draft.document.fault((*place, "issuer"), "given twice")
            seen.add(issuer)
        if entry.get("audience") in ("", []):
            yield draft.document.fault((*place, "audience"), "names nobody")
        if entry.get("algorithms") == []:
            yield draft.document.fault((*place, "algorithms"), "allows none")
        ca = text(entry, "ca")
        if ca is not None and (problem := _ca_problem(draft.folder / ca)):
            yield draft.document.fault((*place, "ca"), f"{ca} {problem}")


def _issuer_problem(issuer: str) -> str | None:
    if problem := url_problem(issuer):
        return problem
    return None if is_safe_url(issuer) else "should be an https URL: over http anybody on the way could make keys"


def _ca_problem(path: Path) -> str | None:
    try:
        path.read_bytes()
        ssl.create_default_context(cafile=path)
    except (ssl.SSLError, ValueError):
        return "holds no certificate (PEM)"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None


def _keys(draft: Draft) -> Iterator[ConfigFault]:
    seen: dict[str, str] = {}
    for name, key in mapping(_access(draft), "keys").items():
        place = ("access", "keys", name)
        if problem := name_problem(name):
            yield draft.document.fault(place, problem)
        if not isinstance(key, Mapping):
            continue
        if not _DATE.fullmatch(text(key, "expires") or "2000-01-01"):
            yield draft.document.fault((*place, "expires"), "should be a date, such as 2030-01-31")
        written = text(key, "hash")
        if written is None:
            continue
        try:
            read_hash(written)
        except ValueError as fault:
            yield draft.document.fault((*place, "hash"), str(fault))
        if written in seen:
            yield draft.document.fault((*place, "hash"), f"is that of {seen[written]}")
        seen[written] = name


def _proxy(draft: Draft) -> Iterator[ConfigFault]:
    proxy = mapping(_access(draft), "proxy")
    if not proxy:
        return
    trusted = sequence(draft.data, "trusted_proxies")
    if not trusted:
        yield draft.document.fault(("access", "proxy"), "needs trusted_proxies: whom to believe")
    for index, one in enumerate(trusted):
        if _size(one) is None:
            yield draft.document.fault(("trusted_proxies", index), "with access.proxy, not every address there is")
    for key in ("user", "groups"):
        name = text(proxy, key)
        if name is not None and (not _HEADER.fullmatch(name) or name.lower() in _TAKEN):
            yield draft.document.fault(("access", "proxy", key), "not the name of a header that proxies name users in")
    if (text(proxy, "user") or "").lower() == (text(proxy, "groups") or " ").lower():
        yield draft.document.fault(("access", "proxy", "groups"), "is the header of the user")


def _who(draft: Draft) -> Iterator[ConfigFault]:
    access = _access(draft)
    for place, rule in _allowed(draft):
        asked = [
            key for key in ("anyone", "keys", *_PERSONAL) if is_true(rule, key) or (key != "anyone" and key in rule)
        ]
        if not asked:
            yield draft.document.fault(place, "fits nobody; give users, groups, claims, keys, or anyone: true")
        if len(asked) > 1 and asked[0] in ("anyone", "keys"):
            what = "needs no more conditions" if asked[0] == "anyone" else "are nobody's who logs in; make two rules"
            yield draft.document.fault((*place, asked[1]), f"beside {asked[0]}, which {what}")
        for key in asked:
            if rule.get(key) in ([], {}, ""):
                yield draft.document.fault((*place, key), "is empty and fits nobody")
        for key in asked:
            needed = ("oidc",) if key == "claims" else ("oidc", "proxy")
            if key in _PERSONAL and not any(access.get(kind) for kind in needed):
                yield draft.document.fault((*place, key), f"fits nobody without {' or '.join(needed)}")


def _where(draft: Draft) -> Iterator[ConfigFault]:
    for place, rule in _allowed(draft):
        for kind in ("worklists", "uplinks"):
            there = mapping(draft.data, kind)
            if rule.get(kind) == [] or (rule.get(kind) == ALL and not there):
                yield draft.document.fault((*place, kind), "there is none")
            for index, name in enumerate(sequence(rule, kind)):
                if isinstance(name, str) and name not in there:
                    what = f'no {kind[:-1]} named "{name}"' + nearest(name, list(there))
                    yield draft.document.fault((*place, kind, index), what)


def _roles(draft: Draft) -> Iterator[ConfigFault]:
    for place, rule in _allowed(draft):
        kinds = [kind for kind in ("worklists", "uplinks") if kind in rule] or [GATEWAY]
        useful = frozenset[Role]().union(*(ROLES_AT[kind] for kind in kinds))
        if rule.get("roles") == []:
            yield draft.document.fault((*place, "roles"), "allows nothing")
        for index, role in enumerate(sequence(rule, "roles")):
            if role in tuple(Role) and role not in useful:
                what = f"nothing asks for it at {' or '.join(_spoken(kind) for kind in kinds)}"
                yield draft.document.fault((*place, "roles", index), what)
        if is_true(rule, "anyone") and Role.IDENTIFIED in sequence(rule, "roles"):
            for name in _identified(draft, rule):
                what = f"anyone could read identified data of {name}"
                yield draft.document.fault((*place, "anyone"), what)


def _spoken(kind: str) -> str:
    return "the gateway itself; name worklists or uplinks" if kind == GATEWAY else kind


def _identified(draft: Draft, rule: Mapping[str, Any]) -> list[str]:
    named = rule.get("worklists")
    return [
        name
        for _, name, entry in draft.entries("worklists")
        if is_true(entry, "identified") and (named == ALL or name in sequence(rule, "worklists"))
    ]


RULES: tuple[Check, ...] = (_whole, _issuers, _keys, _proxy, _who, _where, _roles)


def warnings(draft: Draft) -> Iterator[ConfigFault]:
    """Say what works but may not be meant so."""
    access = _access(draft)
    today = datetime.now(UTC).date()
    for name, key in mapping(access, "keys").items():
        expires = text(key, "expires")
        if expires is not None and date.fromisoformat(expires) <= today:
            yield draft.document.fault(("access", "keys", name, "expires"), "the key has expired")
        if not any(name in sequence(rule, "keys") for _, rule in _allowed(draft)):
            yield draft.document.fault(("access", "keys", name), "no rule names it")
    yield from _gone_keys(draft)
    if "proxy" in access:
        for index, one in enumerate(sequence(draft.data, "trusted_proxies")):
            if (_size(one) or 0) > MANY_ADDRESSES:
                what = "who calls from any of these addresses is believed to be whoever they say"
                yield draft.document.fault(("trusted_proxies", index), what)
    yield from _unclear_issuers(draft)
    yield from _unreachable(draft)


def _gone_keys(draft: Draft) -> Iterator[ConfigFault]:
    """Name keys that only rules know. No fault: to take a stolen key out is to work, whatever still names it."""
    keys = mapping(_access(draft), "keys")
    for place, rule in _allowed(draft):
        for index, name in enumerate(sequence(rule, "keys")):
            if name not in keys:
                what = f'no key named "{name}"' + nearest(name, list(keys))
                yield draft.document.fault((*place, "keys", index), what)


def _unclear_issuers(draft: Draft) -> Iterator[ConfigFault]:
    access = _access(draft)
    if len(sequence(access, "oidc")) + ("proxy" in access) < 2:
        return
    for place, rule in _allowed(draft):
        if any(key in rule for key in _PERSONAL) and "iss" not in mapping(rule, "claims"):
            what = "whoever vouches for them; claims: {iss: ISSUER} says which issuer is meant"
            yield draft.document.fault(place, what)


def _unreachable(draft: Draft) -> Iterator[ConfigFault]:
    if not sequence(_access(draft), "allow"):
        return
    for kind in ("worklists", "uplinks"):
        named = [rule.get(kind, ()) for _, rule in _allowed(draft)]
        for place, name, _ in draft.entries(kind):
            if not any(one == ALL or name in one for one in named):
                yield draft.document.fault(place, "no rule of access allows anything here")


def make_access(file: schema.File, folder: Path) -> Access | None:
    """Make the settings of ``access`` that the rules found sound; None where everybody may do everything."""
    access = file.access
    if access is None or access.without_authentication:
        return None
    trusted = tuple(ip_network(proxy) for proxy in file.trusted_proxies)
    return Access(
        issuers=tuple(_issuer(one, folder) for one in access.oidc),
        keys=tuple(ApiKey(name, read_hash(key.hash), _end(key.expires)) for name, key in access.keys.items()),
        proxy=Proxy(access.proxy.user, access.proxy.groups, trusted) if access.proxy else None,
        policy=Policy(tuple(_rule(rule, file) for rule in access.allow)),
    )


def open_door(settings: Settings, host: str) -> str | None:
    """Say why these settings must not be served at an address: everybody may do everything, and not only here."""
    if settings.access is not None or settings.without_authentication or _is_here(host):
        return None
    return (
        f"without access, everybody who reaches {host} may do everything; say in the settings who may do what, "
        "or access: {without_authentication: true}"
    )


def plain_door(settings: Settings, host: str | None = None) -> str | None:
    """Say that keys and tokens can be read on their way to an address, or to any but this machine's (None)."""
    access = settings.access
    if access is None or not (access.keys or access.issuers) or settings.tls or settings.trusted_proxies:
        return None
    if host is not None and _is_here(host):
        return None
    where = host or "any address but this machine's own"
    return (
        f"over plain HTTP, keys and tokens can be read on their way to {where}: give tls, "
        "or in trusted_proxies the proxy at which TLS ends"
    )


def _issuer(oidc: schema.Oidc, folder: Path) -> Issuer:
    audiences = (oidc.audience,) if isinstance(oidc.audience, str) else tuple(oidc.audience)
    rules = TokenRules(
        issuer=oidc.issuer,
        audiences=audiences,
        algorithms=frozenset(oidc.algorithms),
        leeway_s=oidc.leeway_s,
        name_claim=oidc.name_claim,
        groups_claim=oidc.groups_claim,
    )
    return Issuer(rules, folder / oidc.ca if oidc.ca else None)


def _rule(rule: schema.AccessRule, file: schema.File) -> Rule:
    worklists = file.worklists if rule.worklists == ALL else rule.worklists
    uplinks = file.uplinks if rule.uplinks == ALL else rule.uplinks
    places = [*map(worklist_place, worklists), *map(uplink_place, uplinks)]
    claims = {path: frozenset([value] if isinstance(value, str) else value) for path, value in rule.claims.items()}
    return Rule(
        places=frozenset(places or [GATEWAY]),
        roles=frozenset(rule.roles),
        anyone=rule.anyone,
        users=frozenset([LOGGED_IN] if rule.users == ALL else rule.users),
        groups=frozenset(rule.groups),
        keys=frozenset(rule.keys),
        claims=claims,
    )


def _end(expires: date | None) -> float | None:
    """Return when the day begins from which on a key no longer holds."""
    return datetime.combine(expires, time(), UTC).timestamp() if expires else None


def _size(network: Any) -> int | None:
    """Return how many addresses a network has; None when that is all of them, 0 when it is none."""
    try:
        found = ip_network(str(network))
    except ValueError:
        return 0
    return found.num_addresses if found.prefixlen else None


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
