"""Samples of repeated runs, and the tables they are printed as."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Samples:
    """What the rounds of one measurement gave; it is known by its median."""

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        return median(self.values)

    def text(self, digits: int = 2, scale: float = 1.0) -> str:
        """Print median, least and most."""
        middle, least, most = (f"{value * scale:.{digits}f}" for value in (self.middle, *self._ends()))
        return f"{middle} [{least}-{most}]" if len(self.values) > 1 else middle

    def percentile(self, percent: float) -> float:
        ordered = sorted(self.values)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    def _ends(self) -> tuple[float, float]:
        return min(self.values), max(self.values)


def ratios(mine: Samples, peer: Samples) -> Samples:
    """Compare round by round: what the machine did in a round, it did to both."""
    return Samples(tuple(a / b for a, b in zip(mine.values, peer.values, strict=True)))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a Markdown table whose columns are also aligned in a terminal."""
    lines = [list(columns), *map(list, rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join([f"\n{title}\n", *text])


def verdict(what: str, value: float, target: float, unit: str = "x") -> str:
    """Print a figure beside its target; never fails: what is measured here depends on the machine."""
    return f"{'met   ' if value <= target else 'MISSED'} {what}: {value:.2f}{unit}, target {target:g}{unit}"
