"""Write docs/mask-matrix.csv and the tables of docs/masks.md: what becomes of pixels, found by feeding the engine.

``python -m scripts.mask_matrix`` takes some tens of seconds; with ``--check`` nothing is written and the exit status is
1 when one of the two is not what the engine does.
"""

import csv
import io
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gateway.core.mask.model import Policy
from gateway.core.standard.uids import TRANSFER_SYNTAXES
from tests.kit.matrix import KINDS, OUTCOMES, Cell, cells

DOCS = Path(__file__).resolve().parent.parent / "docs"
MATRIX, PAGE = "mask-matrix.csv", "masks.md"
BEGIN, END = "<!-- matrix: written by scripts/mask_matrix.py -->\n", "<!-- end of matrix -->\n"
POLICIES = [policy.value for policy in Policy]
PREFIX = "1.2.840.10008.1.2"

Row = tuple[str, bool]


def main(arguments: list[str]) -> int:
    """Write both files, or with ``--check`` say which are stale; return the exit status."""
    found = list(cells())
    page = (DOCS / PAGE).read_text(encoding="utf-8")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    wanted = {MATRIX: _csv(found), PAGE: before + BEGIN + "\n".join(["", *tables(found), ""]) + "\n" + END + after}
    stale = [name for name, text in wanted.items() if not _is(DOCS / name, text)]
    for name in stale:
        print(f"stale: {name}" if "--check" in arguments else f"written: {name}")
        if "--check" not in arguments:
            (DOCS / name).write_text(wanted[name], encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


def _is(file: Path, text: str) -> bool:
    return file.exists() and file.read_text(encoding="utf-8") == text


def _csv(found: Iterable[Cell]) -> str:
    """Write one line per kind of object, rule and policy, and one column per Transfer Syntax."""
    lines: dict[tuple[str, str, str], dict[str, str]] = defaultdict(dict)
    for cell in found:
        lines[cell.kind, "yes" if cell.ruled else "no", cell.policy][cell.syntax] = cell.outcome
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["object", "rule", "burned_in_text", *TRANSFER_SYNTAXES])
    for line, outcomes in lines.items():
        writer.writerow([*line, *(outcomes[syntax] for syntax in TRANSFER_SYNTAXES)])
    return out.getvalue()


def tables(found: Sequence[Cell]) -> Iterator[str]:
    """Compose the tables: one for each set of Transfer Syntaxes that fare alike, with lines for objects that do."""
    by_syntax: dict[str, dict[tuple[Row, str], str]] = defaultdict(dict)
    for cell in found:
        by_syntax[cell.syntax][(cell.kind, cell.ruled), cell.policy] = cell.outcome
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for syntax, outcomes in by_syntax.items():
        alike[tuple(outcomes.values())].append(syntax)
    counts = {word: sum(cell.outcome == word for cell in found) for word in OUTCOMES}
    yield f"{len(found)} cells, each found by feeding an object to the engine and decoding what left:"
    yield ""
    for word, meaning in OUTCOMES.items():
        yield f"- **{word}** ({counts[word]}): {meaning}"
    for syntaxes in alike.values():
        yield ""
        yield f"**In {_named(syntaxes)}**"
        yield ""
        yield "| object | mask rule | " + " | ".join(f"`{policy}`" for policy in POLICIES) + " |"
        yield "| --- | --- |" + " --- |" * len(POLICIES)
        yield from _lines(by_syntax[syntaxes[0]])


def _lines(outcomes: dict[tuple[Row, str], str]) -> Iterator[str]:
    alike: dict[tuple[bool, tuple[str, ...]], list[str]] = defaultdict(list)
    for ruled in (True, False):
        for kind in KINDS:
            fate = tuple(outcomes[(kind.name, ruled), policy] for policy in POLICIES)
            alike[ruled, fate].append(kind.name)
    for (ruled, fate), kinds in alike.items():
        yield f"| {'; '.join(kinds)} | {'yes' if ruled else 'none'} | {' | '.join(fate)} |"


def _named(syntaxes: Sequence[str]) -> str:
    names = [TRANSFER_SYNTAXES[syntax].name for syntax in syntaxes]
    short = [f"`{syntax.removeprefix(PREFIX) or PREFIX}`" for syntax in syntaxes]
    if len(syntaxes) <= 8:
        return "; ".join(f"{name} ({uid})" for name, uid in zip(names, short, strict=True))
    return f"{len(syntaxes)} Transfer Syntaxes: {', '.join(short)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
