"""The engine as tests use it: shipped profiles, one made-up secret, and input cut into chunks in every way."""

import random
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

from gateway.core.errors import GatewayError
from gateway.core.mask.model import FrameWork
from gateway.core.mask.parse import parse_rules
from gateway.core.mask.rules import MaskRule
from gateway.core.profile.model import Profile
from gateway.core.profile.parse import parse_profile
from gateway.core.pseudonym.keys import KeyRing
from gateway.core.rewrite.engine import Engine
from gateway.masking.codecs import masked

PROFILES: Final = Path(__file__).parents[2] / "profiles"
KEYS: Final = KeyRing(bytes(range(32)), "tests")
REFUSALS: Final = ("MalformedInput", "LimitExceeded", "RefusedByProfile")


@cache
def profile(name: str) -> Profile:
    """Load a shipped profile."""
    source = PROFILES / f"{name}.yaml"
    return parse_profile(source.read_text(encoding="utf-8"), str(source), profile, mask_rules)


@cache
def mask_rules(name: str) -> tuple[MaskRule, ...] | None:
    """Load a shipped set of mask rules; None when there is no such set."""
    source = PROFILES / "masks" / f"{name}.yaml"
    return parse_rules(source.read_text(encoding="utf-8"), str(source))[1] if source.is_file() else None


@cache
def nominal() -> Engine:
    """Give the one engine that all tests of profile ``nominal`` share: it is meant to live long."""
    return Engine(profile("nominal"), KEYS)


@cache
def strict() -> Engine:
    """Give the one engine that all tests of profile ``strict`` share."""
    return Engine(profile("strict"), KEYS)


def rewrite(engine: Engine, chunks: Iterable[bytes]) -> bytes:
    """Feed the chunks of one object and collect what comes out, its frames masked in this process."""
    rewriter = engine.part10()
    steps = [step for chunk in chunks for step in rewriter.pieces(chunk)] + rewriter.last_pieces()
    return b"".join(step.finish(masked(step)) if isinstance(step, FrameWork) else step for step in steps)


def outcome(engine: Engine, chunks: Iterable[bytes]) -> bytes | str:
    """Do the same, but give the kind of error where the object is refused."""
    try:
        return rewrite(engine, chunks)
    except GatewayError as error:
        return type(error).__name__


def single_bytes(data: bytes) -> Iterator[bytes]:
    """Cut into single bytes, the worst there is."""
    return (data[at : at + 1] for at in range(len(data)))


def random_cuts(data: bytes, seed: int, longest: int = 40_000) -> Iterator[bytes]:
    """Cut at random places, the same ones for the same seed; many pieces are tiny."""
    source = random.Random(seed)
    at = 0
    while at < len(data):
        size = source.choice((1, 2, 3, 7, 8, 11, 12, 13, 64, 500, 4096, longest))
        yield data[at : at + size]
        at += size
