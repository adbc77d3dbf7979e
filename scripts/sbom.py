"""Write what the gateway consists of as a CycloneDX 1.6 document: python scripts/sbom.py dist/sbom.cdx.json.

Of the packages that are installed, with their licences, those stay that requirements.lock pins: what the image holds.
Ends with 1 when the two differ, when a package does not say its licence, or when the schema refuses the document.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


def main(target: Path) -> int:
    """Write the document; return what the process ends with."""
    document = installed()
    faults = reduce_to(document, locked((ROOT / "requirements.lock").read_text()))
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    if refused := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        faults.append(f"no valid CycloneDX: {refused}")
    for fault in faults:
        print(f"sbom: {fault}", file=sys.stderr)
    if not faults:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        print(f"{target}: {len(document['components'])} packages")
    return 1 if faults else 0


def installed() -> dict[str, Any]:
    """Describe this Python environment."""
    tool = Path(sys.executable).with_name("cyclonedx-py")
    options = [
        "--pyproject",
        "pyproject.toml",
        "--mc-type",
        "application",
        "--output-reproducible",
        "--spec-version",
        "1.6",
    ]
    done = subprocess.run(
        [tool, "environment", *options, "--output-file", "-", sys.executable],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    described: dict[str, Any] = json.loads(done.stdout)
    return described


def locked(lock: str) -> dict[str, str]:
    """Return the versions that a lock pins for this machine, by name."""
    pinned: dict[str, str] = {}
    for line in re.findall(r"^([A-Za-z0-9].*?)(?: \\)?$", lock, re.MULTILINE):
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate():
            (version,) = wanted.specifier
            pinned[canonicalize_name(wanted.name)] = version.version
    return pinned


def reduce_to(document: dict[str, Any], pinned: dict[str, str]) -> list[str]:
    """Leave the pinned packages in a document; return what is wrong with them."""
    found = {canonicalize_name(one["name"]): one for one in document["components"]}
    faults = [f"{name} is not installed" for name in pinned if name not in found]
    kept = {name: one for name, one in found.items() if name in pinned}
    for name, one in kept.items():
        if one["version"] != pinned[name]:
            faults.append(f"{name} is {one['version']} here, {pinned[name]} in requirements.lock")
        if not one.get("licenses"):
            faults.append(f"{name} does not say its licence")
    document["components"] = list(kept.values())
    known = {one["bom-ref"] for one in kept.values()} | {document["metadata"]["component"]["bom-ref"]}
    document["dependencies"] = [
        {**one, "dependsOn": sorted(known.intersection(one.get("dependsOn", ())))}
        for one in document["dependencies"]
        if one["ref"] in known
    ]
    return faults


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
