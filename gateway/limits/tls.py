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
    made.load_cert_chain(tls.certificate, tls.key)
    if tls.client_ca:
        made.load_verify_locations(tls.client_ca)
        made.verify_mode = ssl.CERT_REQUIRED
        made.options |= ssl.OP_NO_TICKET  # who resumes a session shows no certificate
        made.num_tickets = 0
    return made


def following(shown: ssl.SSLContext) -> Callable[[Settings, Settings | None], None]:
    """Return what shows, after each reload of settings, the files that they name then on connections to come.

    Whether clients need a certificate of their own does not change before a restart.
    """

    def follow(_before: Settings, after: Settings | None) -> None:
        if after is None or after.tls is None:
            return
        try:
            fresh = context(after.tls)
        except (OSError, ValueError) as error:  # they were sound when they were checked, a moment ago
            log.error("the certificate stays as it was: %s", type(error).__name__)  # noqa: TRY400 says enough
            return
        # A context forgets no authority. This is asked at each handshake, also of clients that name no server.
        shown.sni_callback = lambda connection, _name, _context: setattr(connection, "context", fresh)

    return follow
