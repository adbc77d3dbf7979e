"""What replaces an identifier: keyed derivation, one key per purpose and domain.

Everything comes from one secret by HMAC-SHA256 (PS3.15 Annex E warns of plain hashes: a dictionary breaks them). Keys
never leave this object. Two domains share nothing, so that two recipients cannot join their copies. Where a secret has
followed another, the rings of both stand side by side: the newest makes what is released, all of them lead back.
"""

import hmac
from base64 import b32encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

MIN_SECRET_BYTES = 32
MAX_SHIFT_DAYS = 365
"""Dates move back by 1 to this many days; a search widens a date range by as much."""


class KeyRing:
    """Pseudonyms, date offsets and sealing for one domain.

    Raises ValueError when ``secret`` is shorter than 32 bytes.
    """

    def __init__(self, secret: bytes, domain: str) -> None:
        if len(secret) < MIN_SECRET_BYTES:
            raise ValueError(f"the secret must have at least {MIN_SECRET_BYTES} bytes")
        self.domain = domain
        self._root = _mac(secret, b"dicomveil/1", domain.encode())
        self._uid_key = _mac(self._root, b"uid")
        self._patient_key = _mac(self._root, b"patient")
        self._shift_key = _mac(self._root, b"shift")
        self._value_key = _mac(self._root, b"value")
        self._ciphers: dict[str, AESSIV] = {}

    def __repr__(self) -> str:
        return f"KeyRing({self.domain!r})"

    def uid(self, source: str) -> str:
        """Return the released UID: ``2.25.`` and a UUIDv8 (PS3.5 Section B.2), at most 44 characters."""
        bits = int.from_bytes(hmac.digest(self._uid_key, source.encode(), "sha256")[:16])
        bits = bits & ~(0xF << 76) | 8 << 76
        bits = bits & ~(0b11 << 62) | 0b10 << 62
        return f"2.25.{bits}"

    def patient(self, issuer: str, patient_id: str, study_uid: str) -> str:
        """Return the pseudonym of a patient, at most 16 characters of ``A-Z2-7``.

        Without a Patient ID each study is a patient of its own: one pseudonym for all would merge strangers.
        """
        return "DV" + _text(_mac(self._patient_key, *_patient(issuer, patient_id, study_uid)))

    def shift_days(self, issuer: str, patient_id: str, study_uid: str) -> int:
        """Return by how many days the dates of a patient move back, 1 to MAX_SHIFT_DAYS."""
        digest = _mac(self._shift_key, *_patient(issuer, patient_id, study_uid))
        return 1 + int.from_bytes(digest[:8]) % MAX_SHIFT_DAYS

    def value(self, tag: int, value: str) -> str:
        """Return the pseudonym of one value of an attribute that does not name the patient, at most 16 characters."""
        return "DV" + _text(_mac(self._value_key, tag.to_bytes(4), value.encode()))

    def seal(self, purpose: str, plain: bytes, bound_to: bytes = b"") -> bytes:
        """Encrypt and authenticate (AES-SIV, RFC 5297): deterministic, so that equal answers stay equal."""
        return self._cipher(purpose).encrypt(plain, [bound_to])

    def open(self, purpose: str, sealed: bytes, bound_to: bytes = b"") -> bytes | None:
        """Return what was sealed, or None when it was not sealed by this ring for this purpose and binding."""
        try:
            return self._cipher(purpose).decrypt(sealed, [bound_to])
        except (InvalidTag, ValueError):
            return None

    def _cipher(self, purpose: str) -> AESSIV:
        found = self._ciphers.get(purpose)
        if found is None:
            key = _mac(self._root, b"seal", purpose.encode()) + _mac(self._root, b"seal2", purpose.encode())
            found = self._ciphers[purpose] = AESSIV(key)
        return found


@dataclass(frozen=True, slots=True)
class KeyRings:
    """One domain under today's secret and under those before it; only ``current`` makes what is released."""

    current: KeyRing
    previous: tuple[KeyRing, ...] = ()

    @classmethod
    def derive(cls, secrets: Sequence[bytes], domain: str) -> "KeyRings":
        """Make the rings of one domain, today's secret first. Raises ValueError when a secret is too short."""
        current, *previous = [KeyRing(secret, domain) for secret in secrets]
        return cls(current, tuple(previous))

    def __iter__(self) -> Iterator[KeyRing]:
        return iter((self.current, *self.previous))


def _mac(key: bytes, *parts: bytes) -> bytes:
    """HMAC over parts, each with its length before it, so that no two lists of parts collide."""
    return hmac.digest(key, b"".join([len(part).to_bytes(4) + part for part in parts]), "sha256")


def _patient(issuer: str, patient_id: str, study_uid: str) -> tuple[bytes, ...]:
    return (b"id", issuer.encode(), patient_id.encode()) if patient_id else (b"study", study_uid.encode())


def _text(digest: bytes) -> str:
    return b32encode(digest[:8]).decode().rstrip("=")
