"""Objects: Part 10 in every encoding, metadata as JSON and as XML; what is accepted is audited."""

import json
import struct
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final
from xml.etree import ElementTree as ET

from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.stream import Limits
from gateway.core.wire.dicomjson import decode_object
from gateway.core.wire.dicomxml import from_xml, to_xml
from tests.fuzz import audit, seeds
from tests.fuzz.mutate import NO_VRS, TAGS, VRS, cut, damage, damage_lengths, reshape
from tests.fuzz.target import REFUSALS, Broken
from tests.kit.encode import DEFLATED, EXPLICIT, JPEG, as_json, encoding_of, part10
from tests.kit.engine import KEYS, nominal, profile, rewrite
from tests.kit.profiles import SHIPPED, engine

SMALL: Final = Limits(
    max_head_bytes=1 << 16, max_element_bytes=1 << 14, max_meta_bytes=1 << 12, max_inflated_bytes=1 << 17
)


def object_tokens(syntax: str) -> list[bytes]:
    encoding = encoding_of(syntax)
    return [
        *(encoding.tag(tag) for tag in TAGS),
        *(vr.encode()[:2] for vr in VRS),
        b"\xff" * 4,
        b"\0" * 4,
        b"\\",
        b"DICM",
    ]


def make_object(syntax: str) -> Callable[[Random], bytes]:
    tokens = object_tokens(syntax)

    def make(random: Random) -> bytes:
        ways = random.randrange(1, 8)
        try:
            found = seeds.encapsulated() if syntax == JPEG else seeds.objects()
            chosen = random.choice(found)
            data = part10(reshape(chosen, random) if ways & 1 else chosen, syntax)
        except (struct.error, KeyError, TypeError):  # a value that its length or its new place has no form for
            return make(random)
        if ways & 2:
            data = damage_lengths(data, tokens[: len(TAGS)], random)
        return damage(data, tokens, random) if ways & 4 else data

    return make


def make_deflated(random: Random) -> bytes:
    """Damage before the data set is deflated, too: after that little gets past the checks of zlib."""
    plain = make_object(EXPLICIT)(random)
    start = 144 + int.from_bytes(part10(random.choice(seeds.objects()), EXPLICIT)[140:144], "little")
    packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    head = part10(random.choice(seeds.objects()), DEFLATED)
    start_of_body = 144 + int.from_bytes(head[140:144], "little")
    body = packer.compress(plain[start:]) + packer.flush()
    return head[:start_of_body] + (damage(body, [b"\0"], random) if random.randrange(4) == 0 else body)


def run_object(data: bytes, random: Random) -> bool:
    """Rewrite whole and in chunks, then let pydicom and the audit look at it; then under any profile and limit."""
    released = attempt(nominal(), [data])
    if random.randrange(4) == 0 and attempt(nominal(), cut(data, random)) != released:
        raise Broken("the output depends on the chunks")
    if released is not None:
        audit.part10(released, seeds.canaries())
    attempt(engine(random.choice(SHIPPED)), cut(data, random))
    if random.randrange(8) == 0:
        attempt(Engine(profile("nominal"), KEYS, SMALL), cut(data, random))
    return released is not None


def attempt(with_engine: Engine, chunks: Sequence[bytes]) -> bytes | None:
    try:
        return rewrite(with_engine, chunks)
    except REFUSALS:
        return None


JSON_TOKENS: Final = [
    *(f'"{tag:08X}"'.encode() for tag in TAGS), *(f'"vr":"{vr}"'.encode() for vr in VRS if vr not in NO_VRS),
    b"null", b"true", b"[]", b"{}", b"[", b"]", b"{", b"}", b'"', b"\\", b"\\u0000", b"\\ud800", b"1e999", b"-0",
    b"NaN", b'"Value":', b'"InlineBinary":', b'"BulkDataURI":', b'"Alphabetic":', b",", b":", b"\xff", b"\xc3",
    b"[[[[[[[[", b"99999999999999999999999",
]  # fmt: skip


def make_json(random: Random) -> bytes:
    elements = [element for element in reshape(random.choice(seeds.objects()), random) if element.vr not in NO_VRS]
    try:
        found = as_json(elements, random.choice(("", "http://origin.invalid/bulk")))
    except (ValueError, KeyError, TypeError, AttributeError):  # a value that its new VR has no JSON for
        found = as_json(random.choice(seeds.objects()))
    for _ in range(random.randrange(3)):
        twist(found, random)
    data = json.dumps(found, separators=random.choice(((",", ":"), (", ", ": ")))).encode()
    return damage(data, JSON_TOKENS, random) if random.randrange(2) else data


def twist(found: Any, random: Random) -> None:
    """Replace something in a JSON tree by something of another type."""
    while isinstance(found, (dict, list)) and found:
        key = random.choice(list(found)) if isinstance(found, dict) else random.randrange(len(found))
        if not isinstance(found[key], (dict, list)) or not found[key] or random.randrange(5) == 0:
            found[key] = random.choice(
                (None, True, 1.5, 10**30, "", "text", [], {}, [None], [[]], {"vr": "SQ"}, found[key], ["A"])
            )
            return
        found = found[key]


def run_json(data: bytes, random: Random) -> bool:
    try:
        released = nominal().metadata(data, lambda _: "/bulk/token")
        engine(random.choice(SHIPPED)).metadata(data, lambda _: "/bulk/token")
    except REFUSALS:
        return False
    if released is not None:
        audit.metadata(released, seeds.canaries())
    return released is not None


XML_TOKENS: Final = [
    b"<DicomAttribute", b"</DicomAttribute>", b"<Item number=", b"<Value number=", b"</Value>", b"<PersonName",
    b"<FamilyName>", b"<Alphabetic>", b"<InlineBinary>", b"<BulkData uri=", b' vr="', b' tag="', b' keyword="',
    b' privateCreator="', b'"', b">", b"<", b"/>", b"&amp;", b"&#0;", b"&#xD800;", b"&x;", b"<![CDATA[", b"]]>",
    b"<!--", b"-->", b"<!DOCTYPE a [<!ENTITY x 'y'>]>", b"<?xml version='1.1'?>", b"\xff", b"\0", b"<a>" * 200,
    b"\xef\xbb\xbf",
]  # fmt: skip


def make_xml(random: Random) -> bytes:
    document = to_xml(decode_object(json.dumps(as_json(random.choice(seeds.objects()))).encode()))
    return damage(document, XML_TOKENS, random)


def run_xml(data: bytes, _: Random) -> bool:
    """What is read is de-identified as any metadata is, and can be written as XML again, which others can read."""
    try:
        released = nominal().metadata_elements(from_xml(data), lambda _: "/bulk/token")
        if released is None:
            return False
        document = to_xml(decode_object(released))
    except REFUSALS:
        return False
    audit.metadata(released, seeds.canaries())
    ET.fromstring(document)  # noqa: S314 - it is ours
    return True
