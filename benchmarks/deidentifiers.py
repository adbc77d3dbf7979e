"""The de-identifiers to compare, each as one function from file to file, and a loop that measures one of them.

Runs as a script in the tool's own virtual environment, so it imports nothing of the project but in ``gateway``:

    python deidentifiers.py TOOL --out FILE [--budget SECONDS] IN...

prints the CPU seconds per instance (user and system, threads included) as JSON. The first file is not measured; the
rest are, in turn, until the budget is spent. Without a budget it does each file once, for another tool to count.
"""

import argparse
import csv
import importlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

Deidentify = Callable[[str, str], None]

REPOSITORY: Final = Path(__file__).resolve().parents[1]
TABLE: Final = REPOSITORY / "scripts" / "standard" / "confidentiality_profile_attributes.csv"
DUMMY: Final = {"DA": "19000101", "DT": "19000101000000", "TM": "000000", "AS": "000Y", "IS": "0", "DS": "0"}
NOT_TEXT: Final = {"SQ", "OB", "OW", "UN", "FD", "FL", "US", "UL", "SS", "SL", "OB or OW"}


def gateway(*, final_check: bool = False, everything: bool = False) -> Deidentify:
    """Make this project's engine under profile nominal; it lives as long as a worklist does.

    ``everything``: with all options that can stand together and do not act on pixels.
    """
    from gateway.copying import read_chunks, rewrite_file
    from gateway.core.profile.model import Profile
    from gateway.core.profile.parse import AVAILABLE, parse_profile
    from gateway.core.pseudonym.keys import KeyRing
    from gateway.core.rewrite.engine import Engine
    from gateway.core.standard.ps315 import Option
    from gateway.masking.driving import finishing

    def load(name: str) -> Profile:
        path = REPOSITORY / "profiles" / f"{name}.yaml"
        return parse_profile(path.read_text(encoding="utf-8"), str(path), load)

    without = {Option.RETAIN_LONGITUDINAL_FULL_DATES, Option.RETAIN_UIDS, Option.CLEAN_PIXEL_DATA}
    options = AVAILABLE - without if everything else frozenset()
    profile = replace(load("nominal"), options=options, final_check=final_check)
    engine = Engine(profile, KeyRing(bytes(range(32)), "benchmark"))

    def deidentify(source: str, target: str) -> None:
        read = os.open(source, os.O_RDONLY)
        written = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        with finishing() as finish:
            rewrite_file(read_chunks(read), read, written, engine.part10(), finish)
        os.close(written)
        os.close(read)

    return deidentify


def copy() -> Deidentify:
    """Copy as the standard library does it, by the system's own means: what no tool can go far below."""

    def deidentify(source: str, target: str) -> None:
        shutil.copyfile(source, target)

    return deidentify


def pydicom() -> Deidentify:
    """Read and write with pydicom, nothing changed: what every tool on top of it pays at least."""
    dcmread = importlib.import_module("pydicom").dcmread

    def deidentify(source: str, target: str) -> None:
        dcmread(source).save_as(target)

    return deidentify


def naive() -> Deidentify:
    """Apply Table E.1-1 in a callback of pydicom's walk, as one does who needs it this afternoon."""
    module = importlib.import_module("pydicom")
    actions = {int(tag, 16): code[0] for tag, _, _, code in _table()}
    released: dict[str, str] = {}

    def change(data_set: Any, element: Any) -> None:
        action = "X" if element.tag.is_private else actions.get(int(element.tag))
        if action == "X":
            del data_set[element.tag]
        elif action == "Z":
            element.value = None
        elif action == "U":
            element.value = _each(element.value, lambda value: _uid(value, released))
        elif action == "D" and element.VR not in NOT_TEXT:
            element.value = DUMMY.get(element.VR, "ANONYMOUS")

    def deidentify(source: str, target: str) -> None:
        data_set = module.dcmread(source)
        data_set.walk(change)
        data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
        data_set.PatientIdentityRemoved = "YES"
        data_set.DeidentificationMethod = "Basic Profile"
        data_set.save_as(target)

    return deidentify


def dicom_anonymizer() -> Deidentify:
    """Use its documented call with its default rules."""
    deidentify: Deidentify = importlib.import_module("dicomanonymizer").anonymize_dicom_file
    return deidentify


def dicognito() -> Deidentify:
    """Use its documented loop: one Anonymizer for all instances."""
    dcmread = importlib.import_module("pydicom").dcmread
    anonymizer = importlib.import_module("dicognito.anonymizer").Anonymizer(seed="benchmark")

    def deidentify(source: str, target: str) -> None:
        data_set = dcmread(source)
        anonymizer.anonymize(data_set)
        data_set.save_as(target)

    return deidentify


def dcmanon() -> Deidentify:
    """Use its documented call with its default actions; it is written in Rust."""
    anonymizer = importlib.import_module("dcmanon").Anonymizer()

    def deidentify(source: str, target: str) -> None:
        Path(target).write_bytes(anonymizer.anonymize(source))

    return deidentify


def deid() -> Deidentify:
    """Give it Table E.1-1 as a recipe; its own recipe only removes some thirty attributes."""
    config = importlib.import_module("deid.config")
    parser = importlib.import_module("deid.dicom.parser").DicomParser
    dcmread = importlib.import_module("pydicom").dcmread
    recipe_file = Path(sys.prefix) / "benchmark.recipe"
    recipe_file.write_text("\n".join(["FORMAT dicom", "%header", *_recipe()]) + "\n", encoding="utf-8")
    recipe = config.DeidRecipe(deid=str(recipe_file))
    released: dict[str, str] = {}

    def new_uid(dicom: object, value: object, field: Any, item: object) -> object:  # noqa: ARG001
        return _each(field.element.value, lambda value: _uid(value, released))

    def deidentify(source: str, target: str) -> None:
        parsed = parser(dcmread(source), recipe=recipe)
        parsed.define("new_uid", new_uid)
        parsed.parse(strip_sequences=False, remove_private=True)
        parsed.save(target, overwrite=True)

    return deidentify


TOOLS: Final[dict[str, Callable[[], Deidentify]]] = {
    "gateway": gateway,
    "gateway, final check": lambda: gateway(final_check=True),
    "gateway, everything on": lambda: gateway(final_check=True, everything=True),
    "copy": copy,
    "pydicom": pydicom,
    "naive": naive,
    "dicom-anonymizer": dicom_anonymizer,
    "dicognito": dicognito,
    "dcmanon": dcmanon,
    "deid": deid,
}


def _table() -> list[tuple[str, str, str, str]]:
    """Return tag in hexadecimal, keyword, VR and code of the rows for single attributes."""
    with TABLE.open(encoding="utf-8", newline="") as lines:
        return [
            (row["tag"].strip("()").replace(",", ""), row["keyword"], row["vr"], row["basic_profile"])
            for row in csv.DictReader(lines)
            if row["match"] == "exact"
        ]


def _recipe() -> list[str]:
    verbs = {"X": "REMOVE {}", "Z": "BLANK {}", "U": "REPLACE {} func:new_uid"}
    return [
        verbs.get(code[0], f"REPLACE {{}} {DUMMY.get(vr, 'ANONYMOUS')}").format(keyword)
        for _, keyword, vr, code in _table()
        if keyword and not (code[0] == "D" and vr in NOT_TEXT)
    ]


def _each(value: Any, change: Callable[[str], str]) -> object:
    return change(str(value)) if isinstance(value, str) else [change(str(one)) for one in value]


def _uid(value: str, released: dict[str, str]) -> str:
    if value.startswith("1.2.840.10008."):
        return value
    if value not in released:
        digest = blake2b(value.encode(), digest_size=16, key=b"benchmark").digest()
        released[value] = f"2.25.{int.from_bytes(digest, 'big')}"
    return released[value]


def measure(deidentify: Deidentify, sources: list[str], target: str, budget: float) -> float:
    """Return CPU seconds per instance."""
    deidentify(sources[0], target)
    spent = 0.0
    count = 0
    for source in sources[1:]:
        before = time.process_time()
        deidentify(source, target)
        spent += time.process_time() - before
        count += 1
        if spent > budget:
            break
    return spent / count


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("tool", choices=TOOLS)
    arguments.add_argument("--budget", type=float)
    arguments.add_argument("--out", required=True)
    arguments.add_argument("sources", nargs="+")
    given = arguments.parse_args()
    deidentify = TOOLS[given.tool]()
    if given.budget is not None:
        print(json.dumps({"seconds": measure(deidentify, given.sources, given.out, given.budget)}))
        return
    for source in given.sources:
        deidentify(source, given.out)


if __name__ == "__main__":
    main()
