"""The files of the corpus, and which of them are refused and why."""

import os
from pathlib import Path
from typing import Final

CORPUS: Final = Path(os.environ.get("DICOMVEIL_CORPUS") or Path(__file__).parents[2] / ".cache" / "corpus")

NAMES: Final = sorted(
    str(path.relative_to(CORPUS)) for path in CORPUS.rglob("*") if path.is_file() and path.suffix != ".tsv"
)

REFUSED: Final[dict[str, tuple[str, str]]] = {
}
"""Name of the file, kind of the error, and a part of its message."""

NO_JSON: Final = ("pydicom/pydicom/data/test_files/badVR.dcm",)
"""Files whose values pydicom cannot turn into DICOM JSON."""
