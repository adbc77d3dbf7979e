"""What a server shows of itself to clients that come without an ingress."""

import logging
import ssl
from collections.abc import Callable

from gateway.config import Settings, Tls

__all__ = ["context", "following"]

log = logging.getLogger("dicomveil.tls")


def context(tls: Tls) -> ssl.SSLContext:
    """Make the context of a server: TLS 1.2 or newer, the ciphers with forward secrecy that Python chooses."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(made, tls)
    if tls.client_ca:
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def following(shown: ssl.SSLContext) -> Callable[[Settings, Settings | None], None]:
    """Return what shows, after each reload of settings, the certificate that they name then on connections to come.

    Whether clients need one of their own does not change before a restart.
    """

    def follow(_before: Settings, after: Settings | None) -> None:
        if after is None or after.tls is None:
            return
        try:
            _load(shown, after.tls)
        except (OSError, ValueError) as error:  # they were sound when they were checked, a moment ago
            log.error("the certificate stays as it was: %s", type(error).__name__)  # noqa: TRY400 says enough

    return follow


def _load(shown: ssl.SSLContext, tls: Tls) -> None:
    shown.load_cert_chain(tls.certificate, tls.key)
    if tls.client_ca:
        shown.load_verify_locations(tls.client_ca)
