"""What all tests share: they ask nobody but servers on loopback, which no public authority vouches for."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _no_authorities() -> Iterator[None]:
    """Trust none: httpx would read the certificates of all for each single request, which takes it 40 ms."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("SSL_CERT_FILE", raising=False)
        environment.setenv("SSL_CERT_DIR", str(Path(__file__).parent))  # where none lies
        yield
