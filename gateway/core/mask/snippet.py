"""The mask rule that is missing for an object, as YAML to paste into a rule set: what a rule looks at, nothing else."""

from collections.abc import Mapping
from itertools import takewhile

from gateway.core.conditions import SOP_CLASS
from gateway.core.mask import policy
from gateway.core.standard import iods

MAX_VALUE = 64
"""LO holds as many; a sender may write more."""


def missing_rule(values: Mapping[int, str]) -> str:
    """Return one line of YAML that blanks the whole frame of objects like this one, for somebody to narrow down.

    Values are bounded, quoted and printable; it names manufacturer, model, modality, SOP Class and size.
    """
    tests = [
        _test("Manufacturer", values.get(policy.MANUFACTURER, "")),
        _test("ManufacturerModelName", values.get(policy.MODEL, "")),
        _test("Modality", values.get(policy.MODALITY, "")),
        _test("SOPClassUID", iods.keyword_of(values.get(SOP_CLASS, "").strip(" \0")) or ""),
        *(f"{name}: {{equals: {side}}}" for name, side in _sides(values)),
    ]
    when = ", ".join(test for test in tests if test)
    return f"Missing rule: {{name: my-device, when: {{{when}}}, blank: [{{x: 0, y: 0}}]}}"


def _sides(values: Mapping[int, str]) -> tuple[tuple[str, int], ...]:
    size = policy.size(values)
    return () if size is None else (("Rows", size[0]), ("Columns", size[1]))


def _test(name: str, value: str) -> str:
    """Write one condition: the value, or, where not all of it can be written, the part that can."""
    whole = value.strip(" \0")
    safe = "".join(takewhile(str.isprintable, whole))[:MAX_VALUE].strip()
    quoted = safe.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}: {{{"equals" if safe == whole else "contains"}: "{quoted}"}}' if safe else ""
