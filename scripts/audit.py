"""Look up what requirements.lock pins in a list of known vulnerabilities: python scripts/audit.py [pypi|osv].

Ends with 0 when nothing is known of any of them, 1 when something is, and 3 when not all of them could be looked up:
pip-audit itself says "no known vulnerabilities" also of what it has not found anywhere.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOUND, NOT_ASKED = 1, 3


def main(service: str) -> int:
    """Ask; return what the process ends with."""
    tool = Path(sys.executable).with_name("pip-audit")
    options = ["--require-hashes", "--disable-pip", "--requirement", "requirements.lock", "--progress-spinner", "off"]
    asked = subprocess.run(
        [tool, *options, "--vulnerability-service", service, "--format", "json"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        report = json.loads(asked.stdout)
    except ValueError:
        reason = asked.stderr.strip().splitlines()[-1:] or ["no answer"]
        print(f"audit: {service} could not be asked, nothing was looked up: {reason[0]}", file=sys.stderr)
        return NOT_ASKED
    code, said = judge(report)
    print(said, file=sys.stderr if code else sys.stdout)
    return code


def judge(report: Mapping[str, Any]) -> tuple[int, str]:
    """Say what a report of pip-audit means."""
    packages = report["dependencies"]
    found = [f"{one['name']} {one['version']}: {bad['id']}" for one in packages for bad in one.get("vulns", ())]
    passed_over = [one["name"] for one in packages if "skip_reason" in one]
    if found:
        return FOUND, "audit: known vulnerabilities\n" + "\n".join(found)
    if passed_over or not packages:
        what = f"{len(passed_over)} of {len(packages)} packages could not be looked up, so this says nothing of them"
        return NOT_ASKED, f"audit: {what}: {', '.join(passed_over)}"
    return 0, f"audit: nothing is known of {len(packages)} packages"


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:] or ["pypi"])))
