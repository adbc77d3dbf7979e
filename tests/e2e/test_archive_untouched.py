"""Whatever is asked of the gateway, the archive behind it stays as it was."""

from typing import Any

import pytest

from tests.e2e.stack import Stack
from tests.kit.crawl import Crawler

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc, pytest.mark.corpus, pytest.mark.slow]


def test_the_archive_is_the_same_after_everything_was_asked_for(stack: Stack) -> None:
    before = inventory(stack)
    assert len(before["files"]) > 20
    with Crawler(stack.gateway.worklist("teaching")) as crawler:
        assert len(crawler.crawl()) == 20
        assert any(exchange.method == "DELETE" for exchange in crawler.exchanges)
    assert inventory(stack) == before


def inventory(stack: Stack) -> dict[str, Any]:
    """Take stock: counts, all changes but that nothing has come for a minute, and the digest of every stored file."""
    changes = stack.origin.get("/changes?limit=10000")
    assert changes["Done"]
    return {
        "statistics": stack.origin.get("/statistics"),
        "changes": [one for one in changes["Changes"] if not one["ChangeType"].startswith("Stable")],
        "files": {
            one: stack.origin.text(f"/instances/{one}/attachments/dicom/md5") for one in stack.origin.get("/instances")
        },
    }
