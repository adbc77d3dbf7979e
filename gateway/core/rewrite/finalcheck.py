"""The final check: an object's own identifiers are searched in what is about to be released of it.

It knows the facts that the head told, not what the rewriting did with them, so it also finds what slipped through a
wrong rule or a mistake of ours. Names, identifiers, places, dates and UIDs are searched as text in the object's
character set, UTF-8, Latin-1 and UTF-16, percent-encoded and in base64. Left out: Pixel Data and values too large to be
held; what the profile keeps at its own attribute on purpose, which is then searched nowhere; what our own insertions
say; what is too short (see ``needles``). Dates other than the birth date count in free text only, and a date that the
plan wrote itself never counts: one that moved may meet another by chance.

Two steps: bytes are searched for bytes, which passes nearly everything at the speed of ``in``; what looks suspicious is
read value by value. Bytes that were searched before for the same person are known.
"""

import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from gateway.core.errors import GatewayError, RefusedByProfile, format_path
from gateway.core.profile.model import Action, Profile
from gateway.core.profile.plan import Plan
from gateway.core.rewrite.dataset import Step
from gateway.core.rewrite.factwalk import BULK_BYTES
from gateway.core.rewrite.forms import decoded, folded, unescaped
from gateway.core.rewrite.jsonreleased import ReleasedDataSet, pieces
from gateway.core.rewrite.needles import Needles
from gateway.core.rewrite.search import UidSearch, like_uids
from gateway.core.rewrite.told import Facts, Told
from gateway.core.rewrite.verdict import Path, Verdict, is_bulk
from gateway.core.standard.tags import is_private
from gateway.core.standard.vr import VRS
from gateway.core.wire.elements import ITEM, Encoding, elements

MAX_SUBJECTS, MAX_KNOWN_BYTES, MAX_PIECE_BYTES, MAX_DECIDED = 64, 1 << 19, 1 << 16, 2_048
"""How many subjects are remembered, how much of what was searched for one, and how many decisions."""
LONG_PIECE_BYTES = 4_096
MIN_UID, MAX_UID = 12, 256
"""A shorter UID is no more than a version number; some are longer than PS3.5 Section 9.1 allows, up to a bound."""
_WIDE_UIDS = (b"0\0.", b"1\0.", b"2\0.")
"""How UIDs begin in UTF-16, in both orders of bytes."""
MAX_NAMED_PATHS = 8

Plain = Callable[[bytes], bytes]
"""Takes the escapes of a format out of bytes."""
_Uids = dict[Told, tuple[bytes, ...]]
"""The UIDs that attributes tell of."""


class _Known:
    """How to find one subject under one plan, and the pieces that do not name it.

    With each piece stands what of it, in any form, may be a UID: the next object has other UIDs, and they may be there.
    """

    __slots__ = ("_bytes", "clean", "needles")

    def __init__(self, found: Needles) -> None:
        self.needles = found
        self.clean: dict[bytes, bytes] = {}
        self._bytes = 0

    def remember(self, pieces: Iterable[bytes], plain: Plain, *, has_forms: bool = True) -> None:
        """Remember pieces in which the subject was not found; ``has_forms``: some may hold text in other forms."""
        if self._bytes > MAX_KNOWN_BYTES:
            self._bytes = 0
            self.clean.clear()
        for piece in pieces:
            if len(piece) <= MAX_PIECE_BYTES:
                forms = decoded(plain(piece)) if has_forms else [piece]
                if len(forms) > 1 or any(begin in piece for begin in _WIDE_UIDS):
                    forms.append(folded(b"\n".join(forms)))
                self.clean[piece] = like_uids(b"\n".join(forms), MIN_UID)
                self._bytes += len(piece) + len(self.clean[piece])


class FinalCheck:
    """Makes the checks of one profile's objects; ``refused`` counts those that did not pass."""

    def __init__(self, profile: Profile) -> None:
        self.refused = 0
        self._kept_tags = frozenset(rule.selector.tag for rule in profile.rules if rule.action is Action.KEEP)
        dummies = (vr.dummy for vr in VRS.values())
        values = (rule.value for rule in profile.rules)
        self._own = tuple(text for text in (*dummies, *values) if text)
        self._kept: dict[tuple[Plan, int, str], bool] = {}
        self._uids: dict[Plan, tuple[_Uids, _Uids]] = {}
        self._known: dict[tuple[frozenset[Told], Plan, tuple[str, ...]], _Known] = {}

    def of(self, facts: Facts, plan: Plan, terms: Sequence[str]) -> "ObjectCheck":
        """Return the check of one object; ``terms`` are its Specific Character Set."""
        subject = facts.said, plan, tuple(terms)
        known = self._known.get(subject)
        if known is None:
            if len(self._known) >= MAX_SUBJECTS:
                self._known.clear()
            known = self._known[subject] = self._new(facts, plan, terms)
        return ObjectCheck(self, known, self.uids(facts.uids, plan), plan, terms)

    def passes(self, facts: Facts, terms: Sequence[str], plan: Plan, released: Mapping[str, bytes]) -> bool:
        """Say whether what is released of an object in the JSON Model passes. Raises LimitExceeded."""
        try:
            self.of(facts, plan, terms).elements(released)
        except RefusedByProfile:
            return False
        return True

    def uids(self, told: Iterable[Told], plan: Plan) -> frozenset[bytes]:
        """Return the UIDs to search for."""
        wanted, kept = self._uids.setdefault(plan, ({}, {}))
        found: set[bytes] = set()
        released: set[bytes] = set()
        for one in told:
            values = wanted.get(one)
            if values is not None:
                found.update(values)
            elif one in kept:
                released.update(kept[one])
            else:
                is_kept = self._is_kept(one, plan)
                values = tuple(uid.encode() for uid in one.values if MIN_UID <= len(uid) <= MAX_UID)
                remembered = kept if is_kept else wanted
                if len(remembered) >= MAX_DECIDED:
                    remembered.clear()
                remembered[one] = values
                (released if is_kept else found).update(values)
        return frozenset(found - released)

    def _is_kept(self, told: Told, plan: Plan) -> bool:
        """Say whether the profile releases an attribute as it is: then its value is no secret of this object."""
        asked = plan, told.tag, told.vr
        known = self._kept.get(asked)
        if known is None:
            if len(self._kept) >= MAX_DECIDED:
                self._kept.clear()
            tag = told.tag & 0xFFFF00FF if is_private(told.tag) else told.tag
            known = tag in self._kept_tags or plan.decide(told.tag, told.vr).action is Action.KEEP
            self._kept[asked] = known
        return known

    def _new(self, facts: Facts, plan: Plan, terms: Sequence[str]) -> _Known:
        kept = {told for told in facts.said if self._is_kept(told, plan)}
        released = (value for told in kept for value in told.values)
        return _Known(Needles(facts.said - kept, (*released, plan.method, *self._own), terms))


class ObjectCheck:
    """Searches what is released of one object. Raises RefusedByProfile, which names tag paths only."""

    def __init__(
        self, owner: FinalCheck, known: _Known, uids: frozenset[bytes], plan: Plan, terms: Sequence[str]
    ) -> None:
        self.is_refused = False
        self._owner = owner
        self._known = known
        self._uids = uids
        self._search = UidSearch(uids)
        self._plan = plan
        self._terms = terms

    def pieces(self, pieces: Iterable[Step], encoding: Encoding) -> None:
        """Search whole elements that follow each other; views and frames are of Pixel Data and pass."""
        searched = found = [piece for piece in pieces if type(piece) is bytes and piece]
        if max(map(len, found), default=0) > BULK_BYTES:
            searched = [part for piece in found for part in _without_bulk(piece, encoding)]
        cleared = self._known.clean
        parts = [part for piece in searched for part in ([piece] if piece in cleared else _cut(piece, encoding))]
        if found and self._is_suspicious(parts, _as_it_is, tag=encoding.tag(ITEM)):
            is_told = self._search.finds(b"\n".join(cleared[piece] for piece in searched if piece in cleared))
            dubious = found if is_told else [piece for piece in found if piece not in cleared]
            self._judge(self._verdict().data_set(b"".join(dubious), encoding), searched, _as_it_is)

    def elements(self, elements: Mapping[str, bytes]) -> None:
        """Search a data set of the JSON Model."""
        shared: list[bytes] | None = None
        if isinstance(elements, ReleasedDataSet):
            shared = [run.text for run in elements.runs]
            found = shared + pieces(elements.rest)
        else:
            found = pieces(elements)
        if self._is_suspicious(found, unescaped, shared=shared):
            self._judge(self._verdict().json(elements), found, unescaped)

    def _is_suspicious(
        self, parts: Iterable[bytes], plain: Plain, *, tag: bytes = b"", shared: Collection[bytes] | None = None
    ) -> bool:
        """Search bytes for bytes; False means that nothing is there.

        ``tag``: what may have stood between two parts. It is searched with them: UTF-16 text with its mark may begin
        or end with these bytes. ``shared``: those that other objects have, too, where that is known; only they are
        remembered.
        """
        known = self._known
        fresh: dict[bytes, None] = {}
        others: list[bytes] = []
        for part in parts:
            uids = known.clean.get(part)
            if uids is None:
                fresh[part] = None
            elif uids:
                others.append(uids)
        if self._search.finds(b"\n".join(others)):
            return True
        if not fresh:
            return False
        whole = b"\n".join(fresh)
        forms = decoded(plain((tag[:2] + b"\n" + tag[2:]).join([b"", *fresh, b""])))
        found = folded(b"\n".join(forms))
        if self._search.finds(whole) or known.needles.may_be_in(found) or self._search.finds(found):
            return True
        lasting = fresh if shared is None else [part for part in fresh if part in shared]
        known.remember(lasting, plain, has_forms=len(forms) > 1)
        return False

    def _verdict(self) -> Verdict:
        uids = frozenset(uid.decode("utf-8") for uid in self._uids)
        return Verdict(self._known.needles, uids, self._plan, self._terms)

    def _judge(self, paths: Iterator[Path], pieces: Iterable[bytes], plain: Plain) -> None:
        try:
            found = list(dict.fromkeys(paths))
        except (GatewayError, IndexError, struct.error):
            found = [()]  # what cannot be read cannot be cleared
        if not found:  # in whole elements: what was cleared at one attribute was not cleared at another
            self._known.remember(pieces, plain)
            return
        self._owner.refused += 1
        self.is_refused = True
        where = ", ".join(format_path(path) for path in found[:MAX_NAMED_PATHS] if path)
        raise RefusedByProfile(f"the final check found an identifier of the subject at {where or 'an unknown place'}")


def _cut(piece: bytes, encoding: Encoding) -> list[bytes]:
    """Cut what is long at its items: most of them are met again, in this object or the next."""
    return piece.split(encoding.tag(ITEM)) if len(piece) > LONG_PIECE_BYTES else [piece]


def _as_it_is(raw: bytes) -> bytes:
    return raw


def _without_bulk(piece: bytes, encoding: Encoding) -> Iterator[bytes]:
    run = 0
    for header, after in elements(piece, 0, len(piece), encoding):
        if is_bulk(header):
            yield piece[run : header.start]
            run = after
    yield piece[run:]
