"""Keys on dates that move: what of a search depends on the true ones, and so may not be counted.

The origin is asked for the range in which a date can have lain before it moved. Which results it gives beyond those
that match depends on how far each of them moved; if they counted, a search that ends where another does not would
tell the true date.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta

from gateway.core.profile.decisions import Decision
from gateway.core.profile.model import Action
from gateway.core.pseudonym.keys import MAX_SHIFT_DAYS
from gateway.core.rewrite.keys import Key
from gateway.core.rewrite.matching import matches
from gateway.core.rewrite.metadata import text
from gateway.core.rewrite.moments import Range, parse_range
from gateway.core.standard.tags import json_key


def moved_range(wanted: Range) -> str | None:
    """Write the range in which dates lay before they moved back, by the largest shift at most; None: there is none."""
    first, last = _later(wanted.low, 1), _later(wanted.high, MAX_SHIFT_DAYS)
    return None if first is None or last is None else f"{first}-{last}"


class Moved:
    """Those keys of a search that ask for dates which move."""

    def __init__(self, keys: Iterable[Key], decide: Callable[[Key], Decision]) -> None:
        ranges = {key: parse_range("DA", key.value) for key in keys if key.is_plain and key.vr == "DA"}
        self._ranges = {
            key: wanted
            for key, wanted in ranges.items()
            if wanted and moved_range(wanted) and decide(key).action is Action.SHIFT_DATE
        }
        self.tags = tuple(key.tag for key in self._ranges)

    def __bool__(self) -> bool:
        """Say whether there are any."""
        return bool(self._ranges)

    def match(self, released: Mapping[str, bytes]) -> bool:
        """Say whether a result matches all of them."""
        return all(matches(released.get(json_key(key.tag)), key.vr, key.value) for key in self._ranges)

    def may_count(self, released: Mapping[str, bytes]) -> bool:
        """Say whether it is certain from what is released that the origin gave this result, or ignores such keys."""
        return not any(
            _is_near(wanted, text(released, json_key(key.tag)))
            for key, wanted in self._ranges.items()
            if not matches(released.get(json_key(key.tag)), key.vr, key.value)
        )


def _is_near(wanted: Range, released: str) -> bool:
    """Say whether a date may lie in the range that the origin is asked for, though it does not match."""
    low, high = _later(wanted.low, -MAX_SHIFT_DAYS), _later(wanted.high, MAX_SHIFT_DAYS)
    near = Range("DA", low or "", high or "", is_range=True)
    return any(map(near.holds, released.split("\\")))


def _later(day: str, days: int) -> str | None:
    """Return another day; no bound stays none. None where there is no such day."""
    if not day:
        return ""
    try:
        moved = date(int(day[:4]), int(day[4:6]), int(day[6:])) + timedelta(days)
    except (ValueError, OverflowError):
        return None
    return f"{moved.year:04}{moved.month:02}{moved.day:02}"
