"""What a target is."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from gateway.core.errors import LimitExceeded, MalformedInput, RefusedByProfile

REFUSALS: Final = (MalformedInput, LimitExceeded, RefusedByProfile)
MAX_HELD: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """``make`` draws one input; ``run`` feeds it and says whether it was accepted, or raises what may not escape."""

    make: Callable[[Random], bytes]
    run: Callable[[bytes, Random], bool]


class Broken(Exception):
    """What came out breaks a promise."""
