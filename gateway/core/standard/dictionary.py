"""The data dictionary (PS3.6): the only door to pydicom's tables, plus the attributes they lack."""

from functools import cache

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom._private_dict import private_dictionaries
from pydicom.datadict import keyword_dict, mask_match

from gateway.core.standard._ps315_table import EXACT, MISSING
from gateway.core.standard.private import SAFE_PRIVATE
from gateway.core.standard.tags import TagMask, is_group_length, is_private, parse_mask

# Tag -> VR, VM, name, keyword.
_Row = tuple[str, str, str, str]
_VM = dict(MISSING)
_MISSING: dict[int, _Row] = {tag: (vr, _VM[tag], name, keyword) for tag, name, keyword, vr, _, _ in EXACT if tag in _VM}
_MISSING_TAGS: dict[str, int] = {row[3]: tag for tag, row in _MISSING.items()}


def keyword_of(tag: int) -> str | None:
    """Give the keyword, ``OverlayData`` for every overlay; None for private and unknown tags."""
    row = _row(tag)
    return (row[3] or None) if row else None


def name_of(tag: int) -> str | None:
    """Give the name; None for private and unknown tags."""
    row = _row(tag)
    return (row[2] or None) if row else None


def vr_of(tag: int) -> str | None:
    """Give the VR, the first where the standard leaves a choice ("OB or OW"); None for private and unknown tags."""
    row = _row(tag)
    if row:
        vr = row[0].split(" or ")[0]
        return None if vr == "NONE" else vr  # item and delimiter tags have no VR
    return "UL" if is_group_length(tag) and not is_private(tag) else None


def vrs_of(tag: int) -> tuple[str, ...]:
    """Give every VR the standard allows for the attribute, in its order; empty for private and unknown tags."""
    row = _row(tag)
    if row:
        return () if row[0] == "NONE" else tuple(row[0].split(" or "))
    return ("UL",) if is_group_length(tag) and not is_private(tag) else ()


def vm_of(tag: int) -> str | None:
    """Give the Value Multiplicity as printed in PS3.6 (``1-n``); None for private and unknown tags."""
    row = _row(tag)
    return row[1] if row else None


def tag_of(keyword: str) -> int | None:
    """Find the tag of a keyword; None for unknown keywords and for those of repeating groups (see ``mask_of``)."""
    tag = keyword_dict.get(keyword) if keyword else None  # pydicom has rows without a keyword
    return _MISSING_TAGS.get(keyword) if tag is None else int(tag)


def keywords() -> list[str]:
    """List all keywords, those of repeating groups too."""
    return [keyword for keyword in (*keyword_dict, *_MISSING_TAGS, *_repeaters()) if keyword]


def mask_of(keyword: str) -> TagMask | None:
    """Find the tags of a repeating group's keyword, such as ``OverlayData``; None for unknown keywords."""
    return _repeaters().get(keyword)


def is_retired(tag: int) -> bool:
    """Say whether PS3.6 marks the attribute as retired; False where the tag is unknown."""
    known = DicomDictionary.get(tag)
    return known is not None and known[3] == "Retired"


@cache
def _repeaters() -> dict[str, TagMask]:
    return {row[4]: parse_mask(text) for text, row in RepeatersDictionary.items() if row[4]}


def _row(tag: int) -> _Row | None:
    if is_private(tag):
        return None
    known = DicomDictionary.get(tag)
    if known is None and tag not in _MISSING:
        pattern = mask_match(tag)
        known = RepeatersDictionary.get(pattern) if pattern else None
    return (known[0], known[1], known[2], known[4]) if known else _MISSING.get(tag)


def private_vr(tag: int, creator: str) -> str | None:
    """Give the VR of an element of a private block, ``tag`` being ``gggg00ee``; None where the block is not known."""
    safe = SAFE_PRIVATE.get((creator, tag))
    if safe is not None and safe.vr:
        return safe.vr
    group, element = f"{tag >> 16:04X}", f"{tag & 0xFF:02X}"
    known = private_dictionaries.get(creator, {}).get(f"{group}xx{element}")
    return None if known is None else known[0].split(" or ")[0]
