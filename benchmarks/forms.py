"""The forms in which archives write DICOM JSON: compact, and as Orthanc does it, indented with tabs and sorted."""

import json
from collections.abc import Callable
from typing import Any, Final


def compact(data_sets: list[dict[str, Any]]) -> str:
    """Write without white space."""
    return json.dumps(data_sets, separators=(",", ":"))


def as_orthanc(data_sets: list[dict[str, Any]]) -> str:
    """Write as Orthanc's DICOMweb plugin 1.7 does, to the byte."""
    return "[" + "\n,".join(_indented(one, "") for one in data_sets) + "\n]"


def _indented(value: Any, indent: str) -> str:
    inner = f"{indent}\t"
    if isinstance(value, dict) and value:
        members = (f"{inner}{json.dumps(key)} : {_below(value[key], inner)}" for key in sorted(value))
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(inner + _indented(one, inner) for one in value) + f"\n{indent}]"
    return json.dumps(value)


def _below(value: Any, indent: str) -> str:
    """Write the value of a member: one that holds others begins on a line of its own."""
    begin = f"\n{indent}" if isinstance(value, dict | list) and value else ""
    return begin + _indented(value, indent)


FORMS: Final[dict[str, Callable[[list[dict[str, Any]]], str]]] = {"compact": compact, "as Orthanc": as_orthanc}
