"""``python -m tests.fuzz.guided TARGET [libFuzzer options]``: inputs are kept that reach new lines of the gateway.

Needs ``pip install atheris``; begins with inputs of the ordinary fuzzer.
"""

import importlib
import sys
import tempfile
from pathlib import Path
from random import Random

SEEDS = 200


def main() -> None:
    """Hand one target over to libFuzzer, which ends the process."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["gateway"]):
        targets = importlib.import_module("tests.fuzz.targets").TARGETS
    if len(sys.argv) < 2 or sys.argv[1] not in targets:
        sys.exit(f"{__doc__}\nTargets: {', '.join(targets)}")
    target = targets[sys.argv.pop(1)]
    corpus = Path(tempfile.mkdtemp(prefix="fuzz-"))
    for number in range(SEEDS):
        (corpus / str(number)).write_bytes(target.make(Random(number)))
    atheris.Setup([*sys.argv, str(corpus), "-max_len=20000"], lambda data: target.run(data, Random(len(data))) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
