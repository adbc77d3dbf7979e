"""Every profile that is shipped, and one engine for each."""

from functools import cache
from typing import Final

from gateway.core.rewrite.engine import Engine
from tests.kit.engine import KEYS, PROFILES, profile

SHIPPED: Final = sorted(path.stem for path in PROFILES.glob("*.yaml"))
"""Names; a profile that is added to the folder is tested from then on."""


@cache
def engine(name: str) -> Engine:
    """Give the one engine of a shipped profile that all tests share."""
    return Engine(profile(name), KEYS)
