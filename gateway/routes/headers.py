"""The headers of every answer: an allow-list by construction, since an origin's headers never get here."""

from typing import Final

OURS: Final = {
    "cache-control": "private, no-store",
    "vary": "Accept",
    "accept-ranges": "none",
    "x-content-type-options": "nosniff",
}
"""No cache keeps what is released, so one worklist's answers never reach another's reader; CORS adds Origin to Vary.

Ranges are ignored, which is a server's right (RFC 9110 Section 14.2): the length of a rewritten body is not known."""
