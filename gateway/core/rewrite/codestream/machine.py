"""Codestreams in pieces of any size: what only carries text is overwritten in place, everything else passes.

No byte is added or taken away, so offset tables, fragment lengths and content lengths stay right, and nothing is held
but a header that has to be seen whole. A parser is a generator: it yields what shall happen to the next bytes and is
sent what it asked for; chunk boundaries are none of its business. Cost: one search or less over what passes.
"""

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream.ops import PIXEL_DATA, Edits, Format, Op, Parser, Piece, Put, Take, edit, zeros


class CodestreamCleaner:
    """Overwrites the metadata of one frame, or of all the fragments of one Pixel Data (PS3.5 Section A.4).

    The first ``probe`` bytes choose the parser; a later fragment that begins with one of ``restarts`` begins another
    codestream (b"": each does), any other goes on with the last one; ``begun`` counts them. All methods raise
    MalformedInput.
    """

    def __init__(self, choose: Format, probe: int = 0, restarts: tuple[bytes, ...] = ()) -> None:
        self._choose = choose
        self._probe = probe
        self._restarts = restarts
        self._parser: Parser | None = None
        self._op: Op | None = None
        self._start: bytes | None = b""
        self._base = self._held = self.begun = 0
        self._taking: Take | None = None
        self._breaks: list[tuple[int, bytes]] = []
        self._lead: list[bytes] = []

    def feed(self, data: Piece) -> Piece:
        """Take the next bytes and return what may leave now: the same object when all of it leaves unchanged."""
        if self._start is None:
            return self._through(data)
        if self._start:
            data = self._start + data
        if len(data) < self._probe:
            self._start = bytes(data)
            return b""
        return self._open(data)

    def fragment(self, header: bytes = b"") -> bytes:
        """Say that a fragment begins; ``header``, the bytes before it, leaves between what is before and after."""
        out = bytes(self._open(self._start)) if self._start else b""
        if self._restarts and self._parser:
            self._start = b""
        if not self._held:
            return out + header
        self._breaks.append((self._held, header))
        return out

    def end(self) -> bytes:
        """Say that no more will come and return the rest: a header that was cut means nothing and leaves as zeros."""
        out = bytes(self._open(self._start)) if self._start else b""
        return out + self._dropped()

    def _open(self, data: Piece) -> Piece:
        """Look at the first bytes of a fragment, then let it through."""
        start, self._start = bytes(data[: self._probe]), None
        if self._parser is None or start.startswith(self._restarts):
            dropped = self._dropped()
            self._parser = self._choose(start)
            self.begun += 1
            self._advance(None, [], 0)
            return dropped + self._through(data) if dropped else self._through(data)
        if self._op is None:
            raise MalformedInput("a fragment that does not begin as its Transfer Syntax says", (PIXEL_DATA,))
        return self._through(data)

    def _dropped(self) -> bytes:
        held, self._held, self._taking = self._held, 0, None
        return self._joined(bytes(held))

    def _through(self, data: Piece) -> Piece:
        edits: Edits = []
        pos, size = 0, len(data)
        while pos < size:
            op = self._op
            if op is None:
                edit(edits, pos, bytes(data[pos:]), zeros)  # after the codestream
                break
            pos = op.run(data, pos, edits)
            if op.done:
                self._advance(op.result, edits, pos)
        leaves = size
        if self._taking is not None:
            leaves = max(0, self._taking.begin - self._base)
            self._held = self._base + size - self._taking.begin
        self._base += size
        if edits:
            data = _edited(data, edits)
        if leaves < size:
            data = data[:leaves]
        if not self._lead:
            return data
        lead, self._lead = b"".join(self._lead), []
        return lead + data

    def _advance(self, result: bytes | None, edits: Edits, pos: int) -> None:
        """Ask the parser on, up to an operation that needs bytes."""
        if self._parser is None:
            return
        try:
            op = next(self._parser) if result is None else self._parser.send(result)
            while True:
                if isinstance(op, Put):
                    self._put(op.value, edits)
                    op = self._parser.send(b"")
                    continue
                if isinstance(op, Take):
                    self._take(op, pos)
                if not op.done:
                    break
                op = self._parser.send(op.result)
        except StopIteration:
            self._op = None
        else:
            self._op = op

    def _take(self, op: Take, pos: int) -> None:
        if self._taking is None:
            op.begin = self._base + pos
        else:
            op.begin, op.result = self._taking.begin, self._taking.result
        self._taking = op

    def _put(self, value: bytes, edits: Edits) -> None:
        """Write over the bytes taken; those of earlier chunks have waited and leave first."""
        if self._taking is None:
            return
        taken, begin = self._taking.result, self._taking.begin
        self._taking = None
        self._held = 0
        waited = max(0, self._base - begin)
        if waited:
            self._lead.append(self._joined(value[:waited]))
        if value != taken:
            edits.append((max(0, begin - self._base), value[waited:]))

    def _joined(self, held: bytes) -> bytes:
        """Put the headers of fragments back between bytes that waited."""
        out, at = b"", 0
        for position, header in self._breaks:
            out += held[at:position] + header
            at = position
        self._breaks = []
        return out + held[at:]


def _edited(data: Piece, edits: Edits) -> bytes:
    out = bytearray(data)
    for pos, value in edits:
        out[pos : pos + len(value)] = value
    return bytes(out)
