"""The order of a run."""

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long: workers that share the files then end at about the same time."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)
