"""What was drawn is kept, up to a bound, and drawn once for all who ask at the same time."""

import asyncio

import pytest

from gateway.core.errors import OriginFailed
from gateway.sharing.kept import Kept


class Maker:
    """Makes a body when it is let."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.made = 0
        self.may = asyncio.Event()
        self.may.set()

    async def __call__(self) -> bytes:
        self.made += 1
        await self.may.wait()
        return bytes(self.size)


async def test_a_body_is_made_once() -> None:
    kept, make = Kept(100), Maker(40)
    assert await kept.get("a", make) == await kept.get("a", make)
    assert make.made == 1


async def test_those_who_ask_meanwhile_wait_for_the_first() -> None:
    kept, make = Kept(100), Maker(40)
    make.may.clear()
    asking = [asyncio.create_task(kept.get("a", make)) for _ in range(5)]
    await asyncio.sleep(0)
    make.may.set()
    assert {len(body) for body in await asyncio.gather(*asking)} == {40}
    assert make.made == 1


async def test_when_the_first_leaves_the_next_makes_it() -> None:
    kept, make = Kept(100), Maker(40)
    make.may.clear()
    first, second = (asyncio.create_task(kept.get("a", make)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    make.may.set()
    assert len(await second) == 40
    assert make.made == 2


async def test_a_failure_is_not_kept() -> None:
    kept = Kept(100)

    async def fail() -> bytes:
        raise OriginFailed("down")

    with pytest.raises(OriginFailed):
        await kept.get("a", fail)
    assert await kept.get("a", Maker(1)) == b"\0"


async def test_what_is_larger_than_the_bound_is_made_again() -> None:
    kept, make = Kept(100), Maker(101)
    assert len(await kept.get("a", make)) == len(await kept.get("a", make)) == 101
    assert make.made == 2


async def test_the_bound_holds_for_all_together() -> None:
    kept = Kept(100)
    for key in range(20):
        await kept.get(key, Maker(40))
    assert kept._bodies.currsize <= 100
    assert not kept._making
