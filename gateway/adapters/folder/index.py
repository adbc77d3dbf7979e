"""What a folder of DICOM files holds: Studies, Series and Instances, with the Attributes that searches use most.

Held in memory per Instance: its path, its UIDs and some ten Attributes as DICOM JSON; everything else is read again
from the file when it is asked for.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from pydicom.dataset import FileDataset

from gateway.adapters.folder.attributes import Json, to_json
from gateway.adapters.folder.files import UNREADABLE, read_header, transfer_syntax_of

STUDY_UID, SERIES_UID, INSTANCE_UID = "0020000D", "0020000E", "00080018"
MODALITY = "00080060"
_SERIES_NUMBER, _INSTANCE_NUMBER = "00200011", "00200013"

# Attributes of the Patient and Study modules, and of the Series and Equipment modules (PS3.3 Section C.7.1 to C.7.5);
# whatever is in neither list belongs to the Instance. The first of each are those that a search must return.
STUDY_LEVEL = (  # noqa: SIM905 - reads as a table
    "00080020 00080030 00080050 00080090 00080201 00100010 00100020 00100030 00100040 0020000D 00200010 "
    "00080051 0008009C 00081030 00081032 00081048 00081060 00081080 00081110 00081120 00100021 00100024 "
    "00100032 00101000 00101001 00101002 00101005 00101010 00101020 00101030 00101040 00101060 00102110 "
    "00102150 00102154 00102160 00102180 001021B0 001021C0 00102203 001021F0 00102297 00104000 00120010 "
    "00120020 00120040 00120062 00120063 00120064 00321032 00321033 00321060 00321064 00380010 00380014 "
    "00400012 00401012"
).split()
SERIES_LEVEL = (  # noqa: SIM905 - as above
    "00080060 0008103E 0020000E 00200011 00400244 00400245 00400275 00080021 00080031 00080070 00080080 "
    "00080081 00081010 0008103F 00081040 00081050 00081052 00081070 00081072 00081090 00081111 00180015 "
    "00181000 00181008 00181018 00181020 00181030 00181050 00181200 00181201 00185100 00200052 00200060 "
    "00201040 00400250 00400251 00400253 00400254 00400260 00400280"
).split()
STUDY_RETURN = STUDY_LEVEL[:11]
SERIES_RETURN = SERIES_LEVEL[:7]
INSTANCE_RETURN = ["00080016", INSTANCE_UID, "00200013", "00280008", "00280010", "00280011", "00280100"]

# Viewers ask for these beside what they must get.
_OFTEN_ASKED = ["00080021", "00080031", "00081030", "00100021"]
INDEXED = frozenset([*STUDY_RETURN, *SERIES_RETURN, *INSTANCE_RETURN, *_OFTEN_ASKED])
_READ = [0x00080005, *(int(tag, 16) for tag in sorted(INDEXED))]


@dataclass(frozen=True, slots=True)
class Instance:
    """One file; ``attributes`` are those of its own level."""

    path: Path
    transfer_syntax: str
    study_uid: str
    series_uid: str
    uid: str
    attributes: Json


@dataclass(slots=True)
class Series:
    """Instances by SOP Instance UID."""

    uid: str
    attributes: Json
    instances: dict[str, Instance] = field(default_factory=dict)


@dataclass(slots=True)
class Study:
    """Series by Series Instance UID."""

    uid: str
    attributes: Json
    series: dict[str, Series] = field(default_factory=dict)

    @property
    def modalities(self) -> list[str]:
        """Every Modality in it, each once."""
        found = {str(value) for one in self.series.values() for value in one.attributes[MODALITY].get("Value", [])}
        return sorted(found)


_Numbered = TypeVar("_Numbered", Series, Instance)


@dataclass(slots=True)
class Index:
    """Studies by Study Instance UID, in the order of their first files; ``skipped`` counts what is not usable DICOM."""

    studies: dict[str, Study] = field(default_factory=dict)
    skipped: int = 0

    def add(self, path: Path) -> bool:
        """Take in one file; False if it is no DICOM Instance, or one whose UID is already here: the first stays."""
        try:
            instance, study, one = _records(path, read_header(path, _READ))
        except UNREADABLE:
            return False
        known = self.studies.setdefault(instance.study_uid, study).series.setdefault(instance.series_uid, one)
        return known.instances.setdefault(instance.uid, instance) is instance

    def insert(self, path: Path) -> None:
        """Take in one file while others read the index: what they walk through is replaced, never changed.

        An Instance whose UID is already in its Series stays as it is. Raises one of UNREADABLE.
        """
        instance, study, one = _records(path, read_header(path, _READ))
        one.instances[instance.uid] = instance
        study.series[one.uid] = one
        known = self.studies.get(study.uid)
        series = known.series.get(one.uid) if known else None
        if known is None:
            self.studies = self.studies | {study.uid: study}
        elif series is None:
            known.series = _sorted(known.series | study.series, _SERIES_NUMBER)
        else:
            series.instances = _sorted(one.instances | series.instances, _INSTANCE_NUMBER)

    def instances(self, study_uid: str, series_uid: str | None = None, uid: str | None = None) -> Iterator[Instance]:
        """Walk the Instances of a Study or Series, or find the one; nothing where any of the UIDs is not there."""
        study = self.studies.get(study_uid)
        for one in study.series.values() if study else ():
            if series_uid in (None, one.uid):
                yield from (instance for instance in one.instances.values() if uid in (None, instance.uid))

    def sort(self) -> None:
        """Put Series and Instances in the order of their numbers."""
        for study in self.studies.values():
            study.series = _sorted(study.series, _SERIES_NUMBER)
            for one in study.series.values():
                one.instances = _sorted(one.instances, _INSTANCE_NUMBER)


def build_index(folder: Path, progress: Callable[[int, int], None] | None = None) -> Index:
    """Read the header of every file below ``folder``; what is no DICOM Instance is counted and passed over.

    ``progress`` is called with files done and files found, in this thread.
    """
    index, paths = Index(), sorted(find_files(folder))
    for done, path in enumerate(paths, 1):
        if not index.add(path):
            index.skipped += 1
        if progress is not None:
            progress(done, len(paths))
    index.sort()
    return index


def find_files(folder: Path) -> Iterator[Path]:
    """Walk the regular files below a folder; a link is followed only to a file inside it, and hidden ones are left."""
    root = folder.resolve()
    for parent, directories, names in os.walk(root):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name).resolve()
            if not name.startswith(".") and path.is_relative_to(root) and path.is_file():
                yield path


def resource(*uids: str) -> str:
    """Return the path of a Study, Series or Instance below the service base, for one to three UIDs."""
    return "/".join(f"{name}/{quote(uid, safe='')}" for name, uid in zip(_RESOURCES, uids, strict=False))


def _records(path: Path, header: FileDataset) -> tuple[Instance, Study, Series]:
    values = to_json(header, None)
    study_uid, series_uid, uid = (_uid(values, tag) for tag in (STUDY_UID, SERIES_UID, INSTANCE_UID))
    empty = {tag: {"vr": vr} for tag, vr in _REQUIRED_VRS.items()} | values
    study = Study(study_uid, {tag: empty[tag] for tag in sorted(empty) if tag in STUDY_TAGS})
    one = Series(series_uid, {tag: empty[tag] for tag in sorted(empty) if tag in SERIES_TAGS})
    own = {tag: value for tag, value in values.items() if tag in _INSTANCE_TAGS}
    return Instance(path, transfer_syntax_of(header), study_uid, series_uid, uid, own), study, one


def _uid(values: Json, tag: str) -> str:
    found = values[tag]["Value"][0]
    if not isinstance(found, str):
        raise ValueError("UID is not text")  # noqa: TRY004
    return found


def _sorted(found: dict[str, _Numbered], number: str) -> dict[str, _Numbered]:
    return dict(sorted(found.items(), key=lambda item: _order(item[1], number)))


def _order(of: Series | Instance, number: str) -> tuple[int, str]:
    found = of.attributes.get(number, {}).get("Value", [None])[0]
    return (found if isinstance(found, int) else 0, of.uid)


STUDY_TAGS, SERIES_TAGS, _INSTANCE_TAGS = frozenset(STUDY_LEVEL), frozenset(SERIES_LEVEL), frozenset(INSTANCE_RETURN)
_RESOURCES = ("studies", "series", "instances")
_REQUIRED_VRS = {
    "00080020": "DA",
    "00080030": "TM",
    "00080050": "SH",
    "00080090": "PN",
    "00100010": "PN",
    "00100020": "LO",
    "00100030": "DA",
    "00100040": "CS",
    "00200010": "SH",
    MODALITY: "CS",
    "00200011": "IS",
}
