"""Every way to cut an input: a reader must not care how its bytes arrive."""

import random
from collections.abc import Iterator

EVERY_CUT_UP_TO = 600  # bytes; beyond that, cutting in two at every place takes too long


def splits(data: bytes, *, seed: int = 0) -> Iterator[list[bytes]]:
    """Yield the data whole, byte by byte, cut in two at every place, and at random, empty chunks included."""
    yield [data]
    yield [data[i : i + 1] for i in range(len(data))]
    if len(data) <= EVERY_CUT_UP_TO:
        yield from ([data[:i], data[i:]] for i in range(len(data) + 1))
    pick = random.Random(seed)
    for pieces in (2, 5, 20, 100):
        cuts = sorted(pick.randint(0, len(data)) for _ in range(pieces))
        yield [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
