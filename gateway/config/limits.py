"""Limits on clients, and TLS: rules over the settings file, and what the settings become."""

import datetime as dt
import ssl
from collections.abc import Iterator
from pathlib import Path
from stat import S_IRWXO

from cryptography import x509

from gateway.config import schema
from gateway.config.draft import Draft, Rule, mapping, text
from gateway.config.model import Limits, Tls
from gateway.core.errors import ConfigFault

__all__ = ["DEFAULT_LIMITS", "RULES", "make_limits", "make_tls", "warnings"]

EXPIRES_SOON = dt.timedelta(days=14)
_FILES = ("certificate", "key", "client_ca")


def make_limits(limits: schema.Limits) -> Limits:
    """Make the limits of a file that the rules found sound."""
    return Limits(**limits.model_dump())


DEFAULT_LIMITS = make_limits(schema.Limits())


def make_tls(tls: schema.Tls | None, folder: Path) -> Tls | None:
    """Make the TLS settings of a file that the rules found sound."""
    if tls is None:
        return None
    return Tls(folder / tls.certificate, folder / tls.key, folder / tls.client_ca if tls.client_ca else None)


def _at_once(draft: Draft) -> Iterator[ConfigFault]:
    limits = mapping(draft.data, "limits")
    one, all_of_them = (text(limits, key) or "" for key in ("requests_at_once", "all_requests_at_once"))
    if one.isdecimal() and all_of_them.isdecimal() and int(one) > int(all_of_them):
        yield draft.document.fault(("limits", "requests_at_once"), "more than all_requests_at_once")


def _tls(draft: Draft) -> Iterator[ConfigFault]:
    tls = mapping(draft.data, "tls")
    sound = True
    for entry in _FILES:
        name = text(tls, entry)
        if name is not None and (problem := _unreadable(draft.folder / name)):
            sound = False
            yield draft.document.fault(("tls", entry), f"{name} {problem}")
    certificate, key, authority = text(tls, "certificate"), text(tls, "key"), text(tls, "client_ca")
    if certificate is None or key is None or not sound:
        return
    yield from _certificate(draft, draft.folder / certificate, draft.folder / key)
    if authority is not None:
        try:
            ssl.create_default_context(cafile=draft.folder / authority)
        except (ssl.SSLError, ValueError):
            yield draft.document.fault(("tls", "client_ca"), f"{authority} holds no certificate (PEM)")


def _certificate(draft: Draft, certificate: Path, key: Path) -> Iterator[ConfigFault]:
    expires = _expires(certificate)
    if expires is None:
        yield draft.document.fault(("tls", "certificate"), f"{certificate.name} holds no certificate (PEM)")
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, _no_passphrase)
    except (ssl.SSLError, ValueError) as error:
        mismatch = getattr(error, "reason", "") == "KEY_VALUES_MISMATCH"
        what = "is not the certificate's" if mismatch else "is no private key (PEM) that can be used"
        yield draft.document.fault(("tls", "key"), f"{key.name} {what}")
    if expires <= dt.datetime.now(dt.UTC):
        yield draft.document.fault(("tls", "certificate"), f"{certificate.name} expired on {expires:%Y-%m-%d}")


RULES: tuple[Rule, ...] = (_at_once, _tls)


def warnings(draft: Draft) -> Iterator[ConfigFault]:
    """Say what works but may not for long, or not for oneself alone."""
    tls = mapping(draft.data, "tls")
    certificate, key = text(tls, "certificate"), text(tls, "key")
    if certificate is None or key is None:
        return
    expires = _expires(draft.folder / certificate)
    if expires is not None and expires <= dt.datetime.now(dt.UTC) + EXPIRES_SOON:
        yield draft.document.fault(("tls", "certificate"), f"{certificate} expires on {expires:%Y-%m-%d}")
    if (draft.folder / key).stat().st_mode & S_IRWXO:
        what = f"other users of this machine can read or change {key}; chmod 600 it"
        yield draft.document.fault(("tls", "key"), what)


def _expires(path: Path) -> dt.datetime | None:
    """Return when the first certificate of a chain that expires does; None without any."""
    try:
        return min(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(path.read_bytes()))
    except ValueError:
        return None


def _unreadable(path: Path) -> str:
    try:
        path.read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return ""


def _no_passphrase() -> str:
    """Refuse a key that is sealed, for OpenSSL would ask whoever sits at the terminal."""
    raise ValueError("the key is sealed with a passphrase")
