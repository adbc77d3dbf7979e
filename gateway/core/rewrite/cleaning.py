"""Cleaners of text, one for all objects that say the same about their subject, and what they made of which bytes."""

from dataclasses import replace

from gateway.core.clean.subject import Subject
from gateway.core.clean.text import TextCleaner
from gateway.core.standard.vr import SINGLE_VALUE_VRS
from gateway.core.wire import charset

MAX_CLEANERS = 64
MAX_MEMO, MEMO_BYTES = 4_096, 1_024
_PLAIN_COMPONENTS = 5
"""A UID of so many components is taken out whoever's it is; shorter ones are looked for one by one."""

Terms = tuple[str, ...]
"""What a Specific Character Set (0008,0005) holds."""


class Cleaner:
    """Cleans the values of all objects that are about one Subject."""

    __slots__ = ("_memo", "_text")

    def __init__(self, subject: Subject) -> None:
        self._text = TextCleaner(subject)
        self._memo: dict[tuple[bytes, str, Terms, Terms], bytes] = {}

    def text(self, value: str, vr: str) -> str:
        """Clean one value."""
        return self._text.clean(value, vr)

    def value(self, raw: bytes, vr: str, terms: Terms, written: Terms) -> bytes:
        """Clean an encoded value of any multiplicity and encode it under the terms ``written``.

        Empty where ``terms`` do not explain every byte: what cannot be read cannot be cleaned. The same bytes come back
        when there is nothing to change.
        """
        asked = (raw, vr, terms, written)
        found = self._memo.get(asked)
        if found is None:
            found = self._value(raw, vr, terms, written)
            if len(raw) <= MEMO_BYTES:
                if len(self._memo) >= MAX_MEMO:
                    self._memo.clear()
                self._memo[asked] = found
        return found

    def _value(self, raw: bytes, vr: str, terms: Terms, written: Terms) -> bytes:
        text = charset.read(raw.rstrip(b"\0"), terms, is_person_name=vr == "PN")
        if text is None:
            return b""
        values = [text] if vr in SINGLE_VALUE_VRS else text.split("\\")
        cleaned = [self._text.clean(value, vr) for value in values]
        if cleaned == values and (written == terms or (raw.isascii() and b"\x1b" not in raw)):
            return raw
        new = charset.encode("\\".join(cleaned).rstrip(" "), written, is_person_name=vr == "PN") or b""
        return new + b" " if len(new) % 2 else new


class Cleaners:
    """The cleaners of one engine, the newest few."""

    def __init__(self) -> None:
        self._known: dict[tuple[frozenset[str], ...], Cleaner] = {}

    def of(self, subject: Subject) -> Cleaner:
        """Return the cleaner for a Subject; the instances of a series, whose long UIDs differ, share one."""
        uids = frozenset(uid for uid in subject.uids if uid.count(".") < _PLAIN_COMPONENTS - 1)
        shared = (subject.names, subject.identifiers, subject.places, subject.dates, uids)
        found = self._known.get(shared)
        if found is None:
            if len(self._known) >= MAX_CLEANERS:
                self._known.clear()
            found = self._known[shared] = Cleaner(replace(subject, uids=uids))
        return found
