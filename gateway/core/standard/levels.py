"""At which level of the Study Root model an Attribute stands (PS3.4 Section C.6.2, PS3.3 Sections C.7.1 to C.7.5).

A search returns and matches Attributes of its own level and of those above, never of those below (PS3.18 Section
10.6.3.3). What is in no list here belongs to the Instance; a private element is wherever the origin has it.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from gateway.core.standard.tags import is_private


class Level(IntEnum):
    """What a search returns."""

    STUDY = 1
    SERIES = 2
    INSTANCE = 3


def _tags(table: str) -> tuple[int, ...]:
    return tuple(int(tag, 16) for tag in table.split())


_ANY: Final = frozenset(_tags("00080005 00080054 00080056 00080201 00081190"))
"""Character set, where and whether it can be retrieved, timezone: each level has them."""

STUDY_ATTRIBUTES: Final = _tags(
    "00080020 00080030 00080050 00080051 00080061 00080062 00080080 00080090 0008009C 00081030 00081032 00081048 "
    "00081049 00081060 00081062 00081080 00081084 00081110 00081120 00100010 00100020 00100021 00100022 00100024 "
    "00100026 00100027 00100028 00100030 00100032 00100040 00100042 00101000 00101001 00101002 00101005 00101010 "
    "00101020 00101030 00101040 00101060 00101080 00101081 00102000 00102110 00102150 00102154 00102155 00102160 "
    "00102180 001021A0 001021B0 001021C0 001021D0 001021F0 00102201 00102202 00102203 00102292 00102297 00104000 "
    "00120010 00120020 00120021 00120030 00120031 00120040 00120042 00120050 00120051 00120062 00120063 00120064 "
    "0020000D 00200010 00201200 00201202 00201204 00201206 00201208 00280303 00321032 00321033 00321060 00321064 "
    "00324000 00380010 00380014 00380060 00380500 00400012 00401012"
)
"""Of the Patient and the Study. Institution Name is of the equipment, but archives hold it with the Study."""
SERIES_ATTRIBUTES: Final = _tags(
    "00080021 00080031 00080060 00080070 00080081 00081010 0008103E 0008103F 00081040 00081050 00081052 00081070 "
    "00081072 00081090 00081111 00081250 00120060 00120071 00120072 00180015 00181000 00181008 00181018 00181020 "
    "00181030 00181050 00181200 00181201 00185100 0020000E 00200011 00200052 00200060 00201040 00201209 00400244 "
    "00400245 00400250 00400251 00400253 00400254 00400260 00400275 00400280"
)
"""Of the Series, its equipment and its Frame of Reference."""

_STUDY: Final = frozenset(STUDY_ATTRIBUTES)
_SERIES: Final = frozenset(SERIES_ATTRIBUTES)
_PATIENT_GROUP: Final = 0x0010
_COUNTS: Final = frozenset({0x00201200, 0x00201202, 0x00201204, 0x00201206, 0x00201208, 0x00201209})


def level_of(tag: int) -> Level:
    """Return the highest level at which an Attribute may be matched and returned."""
    if tag in _ANY or tag in _STUDY or tag >> 16 == _PATIENT_GROUP or is_private(tag):
        return Level.STUDY
    return Level.SERIES if tag in _SERIES else Level.INSTANCE


def attributes_above(level: Level) -> Sequence[int]:
    """List what ``includefield=all`` means at a level; of the Instance's own Attributes there is no list."""
    tags = STUDY_ATTRIBUTES if level is Level.STUDY else (*STUDY_ATTRIBUTES, *SERIES_ATTRIBUTES)
    return [tag for tag in tags if tag not in _COUNTS]
