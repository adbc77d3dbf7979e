"""Run every benchmark, one after the other: ``python -m benchmarks [NAME...]``; exit 1 when one of them breaks."""

import subprocess
import sys

NAMES = (
    "kernel",
    "retrieval",
    "metadata",
    "searching",
    "download",
    "storing",
    "orthanc_study",
    "uplink",
    "clip",
    "masks",
    "screening",
    "guarding",
    "state",
)


def main() -> int:
    names = sys.argv[1:] or NAMES
    unknown = set(names) - set(NAMES)
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    broken = 0
    for name in names:
        print(f"\n== {name}", flush=True)
        broken += subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode != 0
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
