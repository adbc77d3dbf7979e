"""Shares: who may see what, until when; over the embedded origin and a real SQLite file."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from gateway.core.errors import BadRequest, NotAcceptable, NotReleased
from gateway.sharing.service import PASS_S
from tests.kit.images import coloured, image, ramp
from tests.kit.shared import UPLINK, Policy, Site, share_site

DAY_S = 86_400
CLIP = np.stack([coloured()] * 4)
OBJECTS = [
    image(ramp(), 2, series=2, StudyDate="20240517"),
    image(ramp(), 1, series=2, StudyDate="20240517"),
    image(CLIP, 1, series=1, frames=4, StudyDate="20240517", Modality="US"),
]


def every_byte(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("state.db*"))


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with share_site(tmp_path, OBJECTS) as site:
        yield site


async def test_a_share_shows_what_was_stored_in_order(site: Site) -> None:
    share = await site.share()
    standing = await site.sharing.find(share.token)
    assert standing
    contents = await site.sharing.contents(standing)
    assert contents.year == "2024"
    assert [(one.modality, one.columns, one.rows, one.frames) for one in contents.items] == [
        ("US", 64, 48, 4),
        ("CT", 64, 48, 1),
        ("CT", 64, 48, 1),
    ]
    expected = [site.copies[number].SOPInstanceUID for number in (2, 1, 0)]
    assert [one.source.instance for one in contents.items] == expected


async def test_only_listed_instances_are_shared(site: Site) -> None:
    one = site.copies[1]
    share = await site.sharing.create("job", UPLINK, one.StudyInstanceUID, [one.SOPInstanceUID], Policy())
    standing = await site.sharing.find(share.token)
    assert standing
    assert [each.source.instance for each in (await site.sharing.contents(standing)).items] == [one.SOPInstanceUID]


async def test_nothing_to_show_is_not_shared(site: Site) -> None:
    study = site.copies[0].StudyInstanceUID
    with pytest.raises(NotAcceptable):
        await site.sharing.create("job", UPLINK, study, ["2.25.1"], Policy())
    with pytest.raises(NotReleased):
        await site.sharing.create("job", UPLINK, "2.25.1", ["2.25.1"], Policy())


async def test_a_token_is_random_and_not_in_the_database(site: Site, tmp_path: Path) -> None:
    shares = [await site.share(pin="4711") for _ in range(3)]
    assert len({share.token for share in shares}) == 3
    assert all(len(share.token) == 43 and share.token not in repr(share) for share in shares)
    kept = every_byte(tmp_path)
    for secret in (*(share.token for share in shares), "4711", *(one.SOPInstanceUID for one in site.copies)):
        assert secret.encode() not in kept
    assert site.copies[0].StudyInstanceUID.encode() not in kept


async def test_a_share_ends_on_time_to_the_second(site: Site) -> None:
    share = await site.share(Policy(days=7))
    assert share.expires.timestamp() == site.clock.now + 7 * DAY_S
    site.clock.now += 7 * DAY_S - 1
    assert await site.sharing.find(share.token)
    site.clock.now += 1
    assert await site.sharing.find(share.token) is None


async def test_a_revoked_share_is_gone_for_good(site: Site, tmp_path: Path) -> None:
    share, other = await site.share(), await site.share()
    await site.sharing.revoke(share.id)
    await site.sharing.revoke(share.id)
    assert await site.sharing.find(share.token) is None
    assert await site.sharing.find(other.token)
    with sqlite3.connect(tmp_path / "state.db") as database:
        assert database.execute("SELECT count(*) FROM shares").fetchone() == (1,)


async def test_expired_shares_are_deleted_when_the_next_is_made(site: Site, tmp_path: Path) -> None:
    await site.share(Policy(days=1))
    site.clock.now += DAY_S
    await site.share()
    with sqlite3.connect(tmp_path / "state.db") as database:
        assert database.execute("SELECT id FROM shares").fetchall() == [("job-2",)]


async def test_a_job_that_shares_again_ends_its_former_link(site: Site) -> None:
    first = await site.share()
    site.jobs -= 1
    second = await site.share()
    assert (first.id, await site.sharing.find(first.token)) == (second.id, None)
    assert await site.sharing.find(second.token)


async def test_a_link_alone_opens_a_share_that_nothing_else_guards(site: Site) -> None:
    standing = await site.sharing.find((await site.share()).token)
    assert standing
    assert site.sharing.admits(standing, "")
    assert await site.sharing.opened(standing)


async def test_views_are_counted_once_each_even_at_the_same_time(site: Site) -> None:
    standing = await site.sharing.find((await site.share(Policy(views=3))).token)
    assert standing
    passes = await asyncio.gather(*(site.sharing.opened(standing) for _ in range(10)))
    assert len([one for one in passes if one]) == 3


async def test_a_pass_is_good_for_its_share_and_some_hours(site: Site) -> None:
    first, second = [await site.sharing.find((await site.share(Policy(views=9))).token) for _ in range(2)]
    assert first
    assert second
    given = await site.sharing.opened(first)
    assert given
    assert site.sharing.admits(first, given)
    assert not site.sharing.admits(second, given)
    for forged in ("", "x", "é", given[:-4], given[:-6] + "AAAA==", given.swapcase()):
        assert not site.sharing.admits(first, forged)
    site.clock.now += PASS_S
    assert not site.sharing.admits(first, given)


async def test_the_right_pin_is_accepted_and_forgives(site: Site) -> None:
    token = (await site.share(pin="4711")).token
    for pin in ("0000", "1111", "4711", "2222"):
        standing = await site.sharing.find(token)
        assert standing
        assert await site.sharing.accepts(standing, pin) == (pin == "4711")
    standing = await site.sharing.find(token)
    assert standing
    assert standing.failures == 1


async def test_wrong_pins_make_even_the_right_one_wait(site: Site) -> None:
    token = (await site.share(pin="4711")).token
    for _ in range(5):
        standing = await site.sharing.find(token)
        assert standing
        assert not await site.sharing.accepts(standing, "0000")
    standing = await site.sharing.find(token)
    assert standing
    assert site.sharing.wait_s(standing) == 60
    assert not await site.sharing.accepts(standing, "4711")
    site.clock.now += 60
    assert await site.sharing.accepts(standing, "4711")


async def test_of_many_pins_at_the_same_time_one_is_looked_at(site: Site) -> None:
    token = (await site.share(pin="4711")).token
    standing = await site.sharing.find(token)
    assert standing
    found = await asyncio.gather(*(site.sharing.accepts(standing, pin) for pin in ["0000"] * 7 + ["4711"] * 3))
    assert sum(found) <= 1
    after = await site.sharing.find(token)
    assert after
    assert after.failures <= 1


async def test_a_pin_that_is_none_makes_no_share(site: Site) -> None:
    with pytest.raises(BadRequest):
        await site.share(pin="12")
