"""What a line of a profile is for, from text and back: tag, keyword, mask, private element or block, VR, path."""

import re

from gateway.core.marked_yaml import nearest
from gateway.core.profile.model import Selector
from gateway.core.standard import dictionary, vr
from gateway.core.standard.tags import TagMask, format_tag, is_private, parse_mask, parse_tag

_PRIVATE = re.compile(
    r"""\(\s*["'](?P<creator>[^"'\\>]{1,64})["']\s*,\s*(?P<group>[0-9A-Fa-f]{4})\s*,\s*(?P<element>[0-9A-Fa-f]{2}|[xX]{2})\s*\)"""
)
_MASK = re.compile(r"\(?(50|60)[xX]{2},[0-9A-Fa-fxX]{4}\)?")
_VR = re.compile(r"vr +([A-Z]{2})")


def parse_selector(text: str) -> Selector:
    """Parse what a detail line is for.

    A tag, a keyword, ``(60xx,3000)``, ``("CREATOR",gggg,ee)``, the whole block ``("CREATOR",gggg,xx)``, ``vr PN``; or
    one of them at the end of a path ``A > B``. Raises ValueError when it names nothing.
    """
    *sequences, last = (part.strip() for part in text.split(">"))
    path = tuple(parse_attribute(part) for part in sequences)
    for tag in path:
        if dictionary.vr_of(tag) != "SQ":
            raise ValueError("only a sequence can stand before >")
    private, of_vr = _PRIVATE.fullmatch(last), _VR.fullmatch(last)
    if private:
        return _private(private["creator"].strip(), int(private["group"], 16), private["element"], path)
    if of_vr:
        return Selector(0, path, vr=_vr(of_vr[1]))
    if _MASK.fullmatch(last):
        mask = parse_mask(last)
        return Selector(mask.value, path, mask=mask)
    return Selector(parse_attribute(last), path)


def _private(creator: str, group: int, element: str, path: tuple[int, ...]) -> Selector:
    if group % 2 == 0:
        raise ValueError("a private block has an odd group")
    if element.lower() == "xx":
        return Selector(group << 16, path, TagMask(0xFFFF0000, group << 16), creator)
    return Selector(group << 16 | int(element, 16), path, creator=creator)


def _vr(code: str) -> str:
    if code not in vr.VRS or code == "UN":
        raise ValueError("not a VR of the standard's attributes")
    if code == "UI":
        raise ValueError("UIDs as a whole follow the option retain_uids, so that references stay whole")
    return code


def parse_attribute(text: str) -> int:
    """Parse the tag or keyword of one attribute of the standard; raises ValueError."""
    tag = dictionary.tag_of(text)
    if tag is None:
        try:
            tag = parse_tag(text)
        except ValueError:
            what = 'not a keyword or tag, nor a mask (50xx,eeee) or (60xx,eeee), nor "vr PN"'
            raise ValueError(what + nearest(text, dictionary.keywords())) from None
    if is_private(tag):
        raise ValueError('name a private attribute with its creator: ("CREATOR",gggg,ee)')
    if dictionary.vr_of(tag) is None:
        raise ValueError("not a tag of the standard")
    return tag


def overlap(one: Selector, other: Selector) -> bool:
    """Say whether two selectors of the same form may be for the same attribute at the same place."""
    if (one.path, one.creator, one.vr) != (other.path, other.creator, other.vr):
        return False
    if one.mask is None or other.mask is None:
        return one.tag == other.tag
    return (one.mask.value ^ other.mask.value) & one.mask.mask & other.mask.mask == 0


def format_selector(selector: Selector) -> str:
    """Print a selector as a profile would say it."""
    return " > ".join([*(_name(tag) for tag in selector.path), _last(selector)])


def _last(selector: Selector) -> str:
    if selector.vr is not None:
        return f"vr {selector.vr}"
    if selector.creator is not None:
        element = "xx" if selector.mask else f"{selector.tag & 0xFF:02X}"
        return f'("{selector.creator}",{selector.tag >> 16:04X},{element})'
    return str(selector.mask) if selector.mask else _name(selector.tag)


def _name(tag: int) -> str:
    return dictionary.keyword_of(tag) or format_tag(tag)
