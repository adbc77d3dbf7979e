"""What the end-to-end tests share: which studies stand in the archive, and which words give them away."""

from dataclasses import dataclass
from typing import Final

from tests.kit.servers import Gateway, Orthanc

_HIGHDICOM: Final = "highdicom/data/test_files"
STUDIES: Final = ("derived", "dicompyler-core", "heudiconv/heudiconv/tests/data/Phoenix", "dicomweb-client-js",
                  f"{_HIGHDICOM}/ct_image.dcm", f"{_HIGHDICOM}/seg_image_ct_binary_single_frame.dcm",
                  f"{_HIGHDICOM}/sr_document.dcm")  # fmt: skip
"""Of the corpus: an MR of a made-up patient, a PDF about her, CT with RT objects, SR, ultrasound, PET, CT with SEG."""

IDENTIFIERS: Final = ("Beispiel", "Erika", "MRN-0815", "19611105", "ACC-4711", "Example General", "Muster")


@dataclass(frozen=True, slots=True)
class Stack:
    """The servers, the source UID of the MR study, and the words that may not be seen."""

    origin: Orthanc
    gateway: Gateway
    mr_study: str
    identifiers: tuple[str, ...]

    @property
    def research(self) -> str:
        """Give the service base of the worklist with profile ``nominal`` on everything."""
        return self.gateway.worklist("research")
