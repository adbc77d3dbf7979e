"""Whether the libraries of the extra are installed."""

from importlib.util import find_spec
from typing import Final

MODULES: Final = ("onnxruntime", "rapidocr")


def missing() -> str:
    """Say what is missing here, and how to get it; empty when nothing is."""
    lacking = [name for name in MODULES if find_spec(name) is None]
    if not lacking:
        return ""
    return f"{' and '.join(lacking)} missing: pip install 'dicomveil[screen]'"
