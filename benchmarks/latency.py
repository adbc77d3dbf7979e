"""What a proxy adds to the time of one request: each stack's latency less the origin's own, one request at a time.

Blocks of requests are taken in turns, so that a noisy neighbour meets all stacks.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

from benchmarks.report import Samples, table, verdict
from benchmarks.stacks import DIRECT, GATEWAY, PLAIN, Stack

BLOCK = 20
BLOCKS = 30
ADDED_P50_TARGET = 0.5
P99_TARGET = 1.0

Latencies = dict[str, Samples]


def measure(stacks: Sequence[Stack], path: Callable[[Stack], str], accept: str) -> Latencies:
    """Return the seconds of each request by stack."""
    clients = {stack.name: stack.client() for stack in stacks}
    seconds: dict[str, list[float]] = defaultdict(list)
    for _ in range(BLOCKS):
        for stack in stacks:
            client = clients[stack.name]
            client.fetch(path(stack), accept=accept)  # the connections to the origin may have been closed meanwhile
            seconds[stack.name] += [client.fetch(path(stack), accept=accept).seconds for _ in range(BLOCK)]
    for client in clients.values():
        client.close()
    return {name: Samples(tuple(values)) for name, values in seconds.items()}


def report(name: str, latencies: Latencies) -> str:
    """Lay out the latencies of one workload, and how they meet the targets."""
    direct = latencies[DIRECT]
    rows = [
        [stack, *(_ms(value) for value in (mine.middle, mine.percentile(99)))]
        + ["-"] * 2 * (mine is direct)
        + [_ms(added) for added in _added(mine, direct)] * (mine is not direct)
        for stack, mine in latencies.items()
    ]
    ours, theirs = (_added(latencies[stack], direct)[0] for stack in (GATEWAY, PLAIN))
    p99 = latencies[GATEWAY].percentile(99) / latencies[PLAIN].percentile(99)
    return "\n".join(
        [
            table(f"latency of a {name}, ms", ["stack", "p50", "p99", "added p50", "added p99"], rows),
            "",
            verdict(f"added p50 over the plain proxy's, {name}", ours / theirs, ADDED_P50_TARGET),
            verdict(f"p99 over the plain proxy's, {name}", p99, P99_TARGET),
        ]
    )


def _added(mine: Samples, direct: Samples) -> tuple[float, float]:
    return mine.middle - direct.middle, mine.percentile(99) - direct.percentile(99)


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.2f}"
