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
        self._root = _Mac(_Mac(secret).of(b"dicomveil/1", domain.encode()))
        self._uid, self._patient, self._shift, self._value = (
            _Mac(self._root.of(purpose)) for purpose in (b"uid", b"patient", b"shift", b"value")
        )
        self._ciphers: dict[str, AESSIV] = {}

    def __repr__(self) -> str:
        return f"KeyRing({self.domain!r})"

    def uid(self, source: str) -> str:
        """Return the released UID: ``2.25.`` and a UUIDv8 (PS3.5 Section B.2), at most 44 characters."""
        bits = int.from_bytes(self._uid.digest(source.encode())[:16])
        bits = bits & ~(0xF << 76) | 8 << 76
        bits = bits & ~(0b11 << 62) | 0b10 << 62
        return f"2.25.{bits}"

    def patient(self, issuer: str, patient_id: str, study_uid: str) -> str:
        """Return the pseudonym of a patient, at most 16 characters of ``A-Z2-7``.

        Without a Patient ID each study is a patient of its own: one pseudonym for all would merge strangers.
        """
        return "DV" + _text(self._patient.of(*_patient(issuer, patient_id, study_uid)))

    def shift_days(self, issuer: str, patient_id: str, study_uid: str) -> int:
        """Return by how many days the dates of a patient move back, 1 to MAX_SHIFT_DAYS."""
        digest = self._shift.of(*_patient(issuer, patient_id, study_uid))
        return 1 + int.from_bytes(digest[:8]) % MAX_SHIFT_DAYS

    def value(self, tag: int, value: str) -> str:
        """Return the pseudonym of one value of an attribute that does not name the patient, at most 16 characters."""
        return "DV" + _text(self._value.of(tag.to_bytes(4), value.encode()))

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
            key = self._root.of(b"seal", purpose.encode()) + self._root.of(b"seal2", purpose.encode())
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


class _Mac:
    """HMAC-SHA256 under one key, which is taken in once: half of what each code would cost anew."""

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes) -> None:
        self._keyed = hmac.new(key, digestmod="sha256")

    def digest(self, data: bytes) -> bytes:
        """Return the code of some bytes."""
        code = self._keyed.copy()
        code.update(data)
        return code.digest()

    def of(self, *parts: bytes) -> bytes:
        """Return the code of parts, each with its length before it, so that no two lists of parts collide."""
        return self.digest(b"".join([len(part).to_bytes(4) + part for part in parts]))


def _patient(issuer: str, patient_id: str, study_uid: str) -> tuple[bytes, ...]:
    return (b"id", issuer.encode(), patient_id.encode()) if patient_id else (b"study", study_uid.encode())


def _text(digest: bytes) -> str:
    return b32encode(digest[:8]).decode().rstrip("=")
