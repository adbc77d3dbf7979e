"""Why a server cannot be asked, in plain words: those of an exception may hold a URL, its class says little."""

import errno
import os
import socket
import ssl
from typing import Final

import aiohttp

__all__ = ["reason"]

_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"})
"""What OpenSSL calls an answer that is no TLS."""


def reason(error: BaseException) -> str:
    """Say why there is no connection, or no answer."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        plain = cause.reason in _NO_TLS
        return "it answers without TLS; is it http, or another port?" if plain else f"TLS fails: {_spoken(cause)}"
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, socket.gaierror):
        return "no such host"
    if isinstance(cause, OSError):
        number = errno.ECONNRESET if isinstance(cause, ConnectionResetError) else cause.errno  # missing during TLS
        return os.strerror(number).lower() if number else "not reachable"
    return "the answer breaks off or is not HTTP" if isinstance(cause, aiohttp.ClientError) else "no answer to read"


def _spoken(error: ssl.SSLError) -> str:
    return (error.reason or "it breaks off").lower().replace("_", " ")
