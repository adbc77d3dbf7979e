"""When the server's certificate expires, as the file says now."""

from pathlib import Path

from cryptography import x509

__all__ = ["expiry"]


def expiry(certificate: Path) -> float:
    """Return seconds since 1970, of the first of a chain that expires; 1 for a file that holds none (0: no TLS)."""
    try:
        chain = x509.load_pem_x509_certificates(certificate.read_bytes())
        return min(one.not_valid_after_utc.timestamp() for one in chain)
    except (OSError, ValueError):
        return 1.0
