"""What is released of a data set in the DICOM JSON Model that shares runs of elements with others (see ``jsonruns``).

What runs became stays together, so that the final check meets it again as a whole.
"""

from collections.abc import Mapping, Sequence


def pieces(elements: Mapping[str, bytes]) -> list[bytes]:
    """Write each element with its key, as the final check searches it."""
    return [b"%b:%b" % (key.encode(), raw) for key, raw in elements.items()]


class ReleasedRun:
    """What elements that follow each other became; ``text`` is searched for them, and remembered."""

    __slots__ = ("members", "text")

    def __init__(self, members: dict[str, bytes]) -> None:
        self.members = members
        self.text = b"\n".join(pieces(members))


class ReleasedDataSet(dict[str, bytes]):
    """A data set as it is released: what ``runs`` became, and ``rest``, which stands outside of them."""

    __slots__ = ("rest", "runs")

    def __init__(self, runs: Sequence[ReleasedRun], rest: Mapping[str, bytes]) -> None:
        super().__init__(rest)
        for run in runs:
            self.update(run.members)
        self.runs = runs
        self.rest = rest
