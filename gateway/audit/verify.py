"""Find what was done to a log: records changed, removed, added or put elsewhere, and chains that do not end."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hmac import compare_digest

from gateway.audit.chain import RECORD, mac_at_end, mac_of

__all__ = ["Fault", "Verifier", "began"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong; ``where`` is ``file:line``."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(slots=True)
class _Record:
    chain: str
    seq: int
    after: bytes | None
    ends: bool
    signed: bytes
    mac: bytes


@dataclass(slots=True)
class _State:
    """How far a chain was followed. ``key`` is None while no record of it could be checked.

    ``is_linked``: it is of a file that several write; None where its beginning is missing and nothing says so yet.
    """

    key: bytes | None
    mac: bytes
    due: int
    is_linked: bool | None
    where: str
    has_ended: bool = False


class Verifier:
    """Follows all chains through the lines of logs, oldest file first.

    ``records`` counts what it has seen, ``fitting`` those that a key fits.

    ``keys`` are those of all secrets that the records may have been made under.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = keys
        self._chains: dict[str, _State] = {}
        self.records = 0
        self.fitting = 0

    @property
    def chains(self) -> int:
        """Say how many chains there are."""
        return len(self._chains)

    def read(self, source: str, lines: Iterable[bytes]) -> Iterator[Fault]:
        """Yield what is wrong with a file. A record that is wrong is taken as what the next one goes on from."""
        above, above_chain = b"", ""
        for number, line in enumerate(lines, 1):
            where, text = f"{source}:{number}", line.removesuffix(b"\n")
            record = _parse(text) if line.endswith(b"\n") else None
            if record is None:
                yield Fault(where, "not a record: it was added, or changed, or cut off")
                above, above_chain = mac_at_end(text), ""
                continue
            self.records += 1
            neighbours: set[bytes | None] = {above, None} if above_chain == record.chain else {above}
            what = self._follow(record, neighbours, where)
            if what:
                yield Fault(where, what)
            above, above_chain = record.mac, record.chain

    def open_chains(self) -> Iterator[Fault]:
        """Yield where chains stop that do not end: a process still runs, was killed, or its last records are gone."""
        for chain, state in self._chains.items():
            if not state.has_ended:
                yield Fault(state.where, f"chain {chain} has no end: its last records may be missing")

    def _follow(self, record: _Record, neighbours: set[bytes | None], where: str) -> str:
        state = self._chains.get(record.chain)
        if state is None:
            state = self._chains[record.chain] = _State(None, b"", 0, None, where)
        what = self._wrong(record, state, neighbours)
        if record.after is not None or (record.seq == 0 and state.is_linked is None):
            state.is_linked = record.after is not None
        if state.has_ended and not what:
            what = f"chain {record.chain} goes on behind its end"
        state.mac, state.due, state.where = record.mac, record.seq + 1, where
        state.has_ended = state.has_ended or record.ends
        return what

    def _wrong(self, record: _Record, state: _State, neighbours: set[bytes | None]) -> str:
        if record.seq != state.due:
            return f"record {record.seq} of chain {record.chain} where {state.due} is due: missing or reordered records"
        keys = self._keys if state.key is None else [state.key]
        fitting = [key for key in keys if compare_digest(mac_of(key, state.mac, record.signed), record.mac)]
        if not fitting:
            hint = ", or it was made under another secret" if state.key is None else ""
            return f"record {record.seq} of chain {record.chain} was changed, or the one before it{hint}"
        state.key = fitting[0]
        self.fitting += 1
        unlinked: set[bytes | None] = {None}
        may_be = neighbours | unlinked if state.is_linked is None else neighbours if state.is_linked else unlinked
        if record.after not in may_be:
            return f"the line above record {record.seq} of chain {record.chain} is not the one it was written below"
        return ""


def began(line: bytes) -> bytes:
    """Return when the first record of a file was made, by which files are put in order."""
    for mark in (b'"time":"', b'EventDateTime="'):
        _, found, rest = line.partition(mark)
        if found:
            return rest.partition(b'"')[0]
    return b"~"  # behind all times


def _parse(text: bytes) -> _Record | None:
    found = RECORD.fullmatch(text)
    if found is None:
        return None
    x = "" if found["chain"] is not None else "_x"
    return _Record(
        found["chain" + x].decode(),
        int(found["seq" + x]),
        found["after" + x],
        found["end" + x] is not None,
        found["signed" + x],
        found["mac" + x],
    )
