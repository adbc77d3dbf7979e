"""One byte range, as phones ask for it."""

import pytest

from gateway.sharing.ranges import byte_range


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-1", range(2)),
        ("bytes=0-", range(10)),
        ("bytes=4-6", range(4, 7)),
        ("bytes=9-400", range(9, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-30", range(10)),
        (" bytes=1-2 ", range(1, 3)),
    ],
)
def test_a_range_is_cut_to_what_there_is(asked: str, expected: range) -> None:
    assert byte_range(asked, 10) == expected


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_range_of_nothing_is_empty(asked: str) -> None:
    found = byte_range(asked, 10)
    assert found is not None
    assert not found


@pytest.mark.parametrize(
    "asked",
    ["", "bytes", "bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,3-4", "items=0-1", "bytes=a-b", "bytes=1 -2",
     "bytes=0-1000000000000000000000000"],
)  # fmt: skip
def test_what_is_no_single_range_is_ignored(asked: str) -> None:
    assert byte_range(asked, 10) is None
