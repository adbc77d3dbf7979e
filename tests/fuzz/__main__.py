"""``python -m tests.fuzz``: a long run; prints what each target saw. Ends with 1 if anything escaped.

An input is named by its target and a number: ``--only "metadata" --number 4711`` runs that one again and lets its error
out. ``python -m tests.fuzz.guided`` lets libFuzzer look for new ways through one target instead.
"""

import argparse
import hashlib
import re
import resource
import sys
import warnings
from collections import Counter
from random import Random

from tests.fuzz.targets import TARGETS

MORE_MEMORY = 1 << 30  # bytes that a run may take; an input of some kilobytes needs next to nothing


def main() -> int:
    """Run every target until it was fed its share; return 1 if anything escaped."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--megabytes", type=float, default=5, help="of input for each target (default: 5)")
    parser.add_argument("--seed", default="0", help="another seed, other damage")
    parser.add_argument("--only", choices=TARGETS, help="one target")
    parser.add_argument("--number", type=int, help="run one input of that target again")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen = [options.only] if options.only else list(TARGETS)
    if options.number is not None:
        run_one(options.only, options.seed, options.number)
        return 0
    resource.setrlimit(resource.RLIMIT_DATA, (MORE_MEMORY, MORE_MEMORY))
    print(f"{'target':22} {'inputs':>9} {'bytes':>12} {'accepted':>9} {'refused':>9} {'escaped':>8}")
    escaped = sum(run(name, options.seed, int(options.megabytes * 1e6)) for name in chosen)
    return 1 if escaped else 0


def run(name: str, seed: str, share: int) -> int:
    """Feed one target; print each kind of error that escaped once, with the number of its input."""
    target, seen, fed, number = TARGETS[name], Counter[str](), 0, 0
    while fed < share:
        random = draw(name, seed, number)
        data = target.make(random)
        fed += len(data)
        try:
            seen["accepted" if target.run(data, random) else "refused"] += 1
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            seen["escaped"] += 1
            kind = re.sub(r"\d+", "#", f"{type(error).__name__}: {error}")[:200]
            seen[kind] += 1
            if seen[kind] == 1:
                print(f"{name}: input {number} (seed {seed}): {kind}", file=sys.stderr)
        number += 1
    print(f"{name:22} {number:9} {fed:12} {seen['accepted']:9} {seen['refused']:9} {seen['escaped']:8}", flush=True)
    return seen["escaped"]


def run_one(name: str, seed: str, number: int) -> None:
    """Make one input again, write it down, and let what it does come out."""
    random = draw(name, seed, number)
    target = TARGETS[name]
    data = target.make(random)
    print(f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()[:16]}")
    print("accepted" if target.run(data, random) else "refused")


def draw(name: str, seed: str, number: int) -> Random:
    """Give the source of all choices for one input."""
    return Random(f"{seed}/{name}/{number}")


if __name__ == "__main__":
    sys.exit(main())
