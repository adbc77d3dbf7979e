"""Records that hold together: each carries a MAC over itself and the one before it.

Whoever has no key cannot change, remove, add or reorder a record unseen. A chain belongs to one process and one sink.
In a file that several processes write, a record whose neighbour above is not of its chain also names that one's MAC
(``after``, empty where there is none): so lines hold together too, whoever wrote them.
"""

import hmac
import re
from collections.abc import Sequence
from typing import Final

__all__ = ["RECORD", "Chain", "audit_key", "mac_at_end", "mac_of"]

RECORD: Final = re.compile(
    rb'(?P<signed>\{.*,"chain":"(?P<chain>[0-9a-f]{16})","seq":(?P<seq>0|[1-9][0-9]{0,17})'
    rb'(?:,"after":"(?P<after>[0-9a-f]{64}|)")?(?P<end>,"end":true)?,"mac":")(?P<mac>[0-9a-f]{64})"\}'
    rb'|(?P<signed_x><.*><!--chain="(?P<chain_x>[0-9a-f]{16})" seq="(?P<seq_x>0|[1-9][0-9]{0,17})"'
    rb'(?: after="(?P<after_x>[0-9a-f]{64}|)")?(?P<end_x> end="true")? mac=")(?P<mac_x>[0-9a-f]{64})"-->',
)
"""A line as ``seal`` makes it, of a JSON object or (``_x``) of an XML document."""
_MAC_DIGITS: Final = 64


def audit_key(secret: bytes) -> bytes:
    """Return the key of all chains under a secret; nothing else is made with it."""
    return hmac.digest(secret, b"dicomveil audit chain 1", "sha256")


class Chain:
    """The records of one process in one sink. ``seal`` them, write that, and only then ``keep`` it."""

    def __init__(self, key: bytes, chain_id: str) -> None:
        self._signer = hmac.new(key, digestmod="sha256")
        self._id = chain_id.encode()
        self._mac = b""
        self._count = 0

    @property
    def has_begun(self) -> bool:
        """Say whether a record was kept."""
        return bool(self._count)

    def seal(self, records: Sequence[bytes], after: bytes | None = None, *, ends: bool = False) -> list[bytes]:
        """Return JSON objects or XML documents as lines to be written, without the ends of lines.

        What is sealed again before it was kept takes the same place in the chain.
        """
        sealed, mac = [], self._mac
        for number, record in enumerate(records):
            is_last = ends and number == len(records) - 1
            signed, close = self._place(record, self._count + number, None if number else after, is_last)
            signer = self._signer.copy()  # half of what it costs to begin with the key
            signer.update(_linked(mac, signed))
            mac = signer.hexdigest().encode()
            sealed.append(signed + mac + close)
        return sealed

    def keep(self, sealed: Sequence[bytes]) -> None:
        """Go on from records that were written."""
        self._mac = mac_at_end(sealed[-1])
        self._count += len(sealed)

    def _place(self, record: bytes, seq: int, after: bytes | None, is_last: bool) -> tuple[bytes, bytes]:  # noqa: FBT001
        if record.endswith(b"}"):
            link = b"" if after is None else b',"after":"%b"' % after
            end = b',"end":true' if is_last else b""
            return b'%b,"chain":"%b","seq":%d%b%b,"mac":"' % (record[:-1], self._id, seq, link, end), b'"}'
        link = b"" if after is None else b' after="%b"' % after
        end = b' end="true"' if is_last else b""
        return b'%b<!--chain="%b" seq="%d"%b%b mac="' % (record, self._id, seq, link, end), b'"-->'


def mac_of(key: bytes, previous: bytes, signed: bytes) -> bytes:
    """Return the MAC of what stands before it in a record, in hexadecimal digits."""
    return hmac.digest(key, _linked(previous, signed), "sha256").hex().encode()


def _linked(previous: bytes, signed: bytes) -> bytes:
    return b"%b\n%b" % (previous, signed)


def mac_at_end(line: bytes) -> bytes:
    """Return the MAC that ends a record, or empty of what is none."""
    end = len(line) - (4 if line.endswith(b"-->") else 2)
    mac = line[max(0, end - _MAC_DIGITS) : end]
    return mac if len(mac) == _MAC_DIGITS and not mac.translate(None, b"0123456789abcdef") else b""
