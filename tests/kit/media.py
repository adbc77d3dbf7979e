"""File-sets on a medium, read as others read them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydicom.fileset import FileSet


@contextmanager
def file_set(folder: Path) -> Iterator[FileSet]:
    """Open the file-set whose DICOMDIR lies in a folder, as far as its records lead to one another.

    pydicom leaves a folder of its own behind, which goes.
    """
    found = FileSet()
    try:
        found.load(folder / "DICOMDIR", include_orphans=False)
        yield found
    finally:
        found._stage["t"].cleanup()
