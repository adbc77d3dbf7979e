"""Shares on a real PostgreSQL, as several replicas serve them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.adapters.state_shares import SqlShareStore
from gateway.adapters.state_sql import state_url
from gateway.sharing.model import Standing, digest_of
from tests.kit.images import image, ramp
from tests.kit.postgresql import postgresql
from tests.kit.shared import Policy, share_site

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql() as address:
        yield address


async def test_a_share_lives_and_ends_as_on_sqlite(server: str, tmp_path: Path) -> None:
    url = state_url(server, Path("/"))
    async with share_site(tmp_path, [image(ramp())], url=url) as site:
        share = await site.share(Policy(views=1), pin="4711")
        door = await site.client.post(share.path, data={"pin": "0000"})
        assert door.status_code == 403
        assert (await site.client.post(share.path, data={"pin": "4711"})).status_code == 303
        assert "Image 1 of 1" in (await site.client.get(share.path)).text
        await site.sharing.revoke(share.id)
        assert (await site.client.get(share.path)).status_code == 404


async def test_replicas_that_start_together_count_views_and_wrong_pins_together(server: str) -> None:
    replicas = [SqlShareStore(state_url(server, Path("/"))) for _ in range(3)]
    await asyncio.gather(*(each.start() for each in replicas))
    one = Standing(digest_of("token"), "clinic", 2_000_000_000, 4, b"check")
    await replicas[0].put("shared-by-all", one, b"contents")
    views = await asyncio.gather(*(each.count_view(one.digest) for each in replicas for _ in range(5)))
    assert sum(views) == 4
    tries = await asyncio.gather(*(each.count_failure(one.digest, 0, 5) for each in replicas for _ in range(5)))
    assert sum(tries) == 1
    found = await replicas[2].find(one.digest, 0)
    assert found
    assert (found.views_left, found.failures) == (0, 1)
    await replicas[1].delete("shared-by-all")
    assert await replicas[2].find(one.digest, 0) is None
    for each in replicas:
        await each.aclose()
