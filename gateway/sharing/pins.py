"""PINs: kept as a salted scrypt key that is sealed besides; wrong ones make everyone wait, longer each time.

Four digits are ten thousand tries. Five are free, then each takes twice the time of the one before, up to a day: in a
month that is less than fifty.
"""

import hashlib
import hmac
import os
from typing import Final

from gateway.core.errors import BadRequest

MIN_LENGTH: Final = 4
MAX_LENGTH: Final = 32
FREE_TRIES: Final = 5
FIRST_WAIT_S: Final = 60
LONGEST_WAIT_S: Final = 86_400
_SALT_BYTES: Final = 16


def checked_pin(pin: str) -> str:
    """Return a PIN without spaces around it. Raises BadRequest, without the PIN."""
    pin = pin.strip()
    if not (MIN_LENGTH <= len(pin) <= MAX_LENGTH and pin.isascii() and pin.isprintable()):
        raise BadRequest(f"pin: has {MIN_LENGTH} to {MAX_LENGTH} letters, digits and signs")
    return pin


def made_check(pin: str) -> bytes:
    """Return what tells whether a PIN is right. Takes a twentieth of a second on purpose."""
    salt = os.urandom(_SALT_BYTES)
    return salt + _key(pin, salt)


def is_right(pin: str, check: bytes) -> bool:
    """Say whether a PIN is the one that a check was made of; as slow as making it."""
    return hmac.compare_digest(_key(pin.strip(), check[:_SALT_BYTES]), check[_SALT_BYTES:])


def wait_s(failures: int) -> int:
    """Return for how many seconds nothing is tried after so many wrong PINs in a row."""
    doublings = failures - FREE_TRIES
    return 0 if doublings < 0 else min(LONGEST_WAIT_S, FIRST_WAIT_S << min(doublings, 16))


def _key(pin: str, salt: bytes) -> bytes:
    # 16 MiB and about 50 ms: what OWASP asks for would let a few requests fill the memory of a small machine.
    return hashlib.scrypt(pin.encode("utf-8", "surrogateescape"), salt=salt, n=1 << 14, r=8, p=1)
