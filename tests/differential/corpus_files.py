"""The files of the corpus, and which of them are refused and why."""

import os
from pathlib import Path
from typing import Final

CORPUS: Final = Path(os.environ.get("DICOMVEIL_CORPUS") or Path(__file__).parents[2] / ".cache" / "corpus")

NAMES: Final = sorted(
    str(path.relative_to(CORPUS)) for path in CORPUS.rglob("*") if path.is_file() and path.suffix != ".tsv"
)

_REFUSALS: Final = {
    ("RefusedByProfile", "a media directory (DICOMDIR)"): (
        "pydicom/pydicom/data/test_files/dicomdirtests/DICOMDIR",
        "pydicom/pydicom/data/test_files/dicomdirtests/DICOMDIR-bigEnd",
        "pydicom/pydicom/data/test_files/dicomdirtests/DICOMDIR-empty.dcm",
        "pydicom/pydicom/data/test_files/dicomdirtests/DICOMDIR-implicit",
        "pydicom/pydicom/data/test_files/dicomdirtests/DICOMDIR-nooffset",
        "pydicom/pydicom/data/test_files/dicomdirtests/DICOMDIR-nopatient",
        "pydicom/pydicom/data/test_files/dicomdirtests/DICOMDIR-reordered",
        "pydicom/pydicom/data/test_files/dicomdirtests/TINY_ALPHA/DICOMDIR",
    ),
    ("MalformedInput", "no UID at (0008,0016)"): (
        "dicognito/tests/orig_data/test_conversion_error_logs_filename_and_error_type/bad.dcm",
        "nibabel/nibabel/nicom/tests/data/decimal_rescale.dcm",
        "pydicom/pydicom/data/charset_files/chrSQEncoding.dcm",
        "pydicom/pydicom/data/charset_files/chrSQEncoding1.dcm",
        "pydicom/pydicom/data/test_files/UN_sequence.dcm",
        "pydicom/pydicom/data/test_files/empty_charset_LEI.dcm",
        "pydicom/pydicom/data/test_files/nested_priv_SQ.dcm",
        "pydicom/pydicom/data/test_files/no_meta_group_length.dcm",
        "pydicom/pydicom/data/test_files/priv_SQ.dcm",
    ),
    ("MalformedInput", "not a DICOM Part 10 object: no DICM prefix"): (
        "pydicom-data/data_store/data/OT-PAL-8-face.dcm",
        "pydicom/pydicom/data/test_files/ExplVR_BigEndNoMeta.dcm",
        "pydicom/pydicom/data/test_files/ExplVR_LitEndNoMeta.dcm",
        "pydicom/pydicom/data/test_files/no_meta.dcm",
        "pydicom/pydicom/data/test_files/rtstruct.dcm",
    ),
    ("MalformedInput", "the data ends inside an element"): (
        "pydicom-data/data_store/data/emri_small_jpeg_2k_lossless_too_short.dcm",
        "pydicom/pydicom/data/test_files/MR_truncated.dcm",
    ),
    ("MalformedInput", "encapsulated pixel data must be OB at (7FE0,0010)"): (
        "pydicom/pydicom/data/test_files/SC_rgb_jpeg.dcm",
    ),
    ("MalformedInput", "no value at (0002,0010)"): ("pydicom/pydicom/data/test_files/meta_missing_tsyntax.dcm",),
    ("MalformedInput", "an element ends past the end of the data"): (
        "pydicom/pydicom/data/test_files/rtplan_truncated.dcm",
    ),
}

REFUSED: Final = {name: reason for reason, names in _REFUSALS.items() for name in names}
"""Name of the file, kind of the error, and a part of its message."""

NO_JSON: Final = ("pydicom/pydicom/data/test_files/badVR.dcm",)
"""Files whose values pydicom cannot turn into DICOM JSON."""
