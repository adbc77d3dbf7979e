"""Requests of metadata and bulk data: what is accepted is an object like any other, and is audited as one."""

import itertools
import json
from collections.abc import Coroutine, Sequence
from random import Random
from typing import Any, Final, TypeVar

from gateway.core.errors import BadRequest, GatewayError
from gateway.storing.bulkparts import HeldBytes
from gateway.storing.metadata import JSON, XML
from tests.fuzz import audit, objects, seeds
from tests.fuzz.mutate import NO_VRS, cut, damage, reshape
from tests.fuzz.target import MAX_HELD, REFUSALS, Broken
from tests.kit.described import BOUNDARY, OCTETS, Part, collected, metadata, move_out, payload
from tests.kit.encode import JPEG, as_json
from tests.kit.engine import nominal

T = TypeVar("T")
FORM: Final = {JSON: b"J", XML: b"X"}
TYPES: Final = (OCTETS, "image/jpeg", f"{OCTETS}; transfer-syntax={JPEG}", "video/mp4", "text/plain")
IMAGE: Final = {
    "00280002": {"vr": "US", "Value": [1]}, "00280008": {"vr": "IS", "Value": [1]},
    "00280010": {"vr": "US", "Value": [8]}, "00280011": {"vr": "US", "Value": [8]},
    "00280100": {"vr": "US", "Value": [8]},
}  # fmt: skip
"""What the seeds' 64 bytes of Pixel Data are."""
TOKENS: Final = [
    *objects.JSON_TOKENS, *objects.XML_TOKENS, b"--" + BOUNDARY, b"\r\n--" + BOUNDARY + b"\r\n", b"\r\n\r\n",
    b"Content-Location: bulk/0\r\n", b"Content-Length: 32\r\n", b"Content-Length: 0\r\n", b"Content-Encoding: gzip\r\n",
    b"Content-Type: application/dicom+json\r\n", b"Content-Type: image/jpeg\r\n",
    b"; transfer-syntax=1.2.840.10008.1.2.2",
    b'"BulkDataURI":"bulk/0"', b'"BulkDataURI":"file:///etc/passwd"', b"bulk/0", b"bulk/1",
]  # fmt: skip


def make_request(random: Random) -> bytes:
    """Describe objects of canaries; the first byte says in which form."""
    form = random.choice((JSON, XML))
    told, parts = [], list[Part]()
    for number in range(random.choice((1, 1, 2))):
        chosen = random.choice(seeds.objects())
        try:
            one = as_json([element for element in reshape(chosen, random) if element.vr not in NO_VRS])
        except (ValueError, KeyError, TypeError, AttributeError):  # a value that its new VR has no JSON for
            one = as_json(chosen)
        one |= IMAGE | {"00080018": {"vr": "UI", "Value": [f"1.2.{number}"]}}
        choices = [random.randrange(3) > 0 for _ in range(7)]
        move_out(one, parts, itertools.cycle(choices))
        told.append(one)
    if random.randrange(3) == 0:
        random.shuffle(parts)
    if random.randrange(3) == 0:
        parts = [Part(one.body, random.choice(TYPES), one.location) for one in parts]
    try:
        first = metadata(json.loads(json.dumps(told)), form)
    except REFUSALS:
        return make_request(random)
    data = payload([*first, *parts])
    return FORM[form] + (damage(data, TOKENS, random) if random.randrange(3) else data)


def run_request(data: bytes, random: Random) -> bool:
    """Read whole and in pieces; what comes out does not depend on them, passes the engine, and is audited."""
    form = XML if data[:1] == FORM[XML] else JSON
    whole = attempt([data[1:]], form)
    if random.randrange(4) == 0 and attempt(cut(data[1:], random), form) != whole:
        raise Broken("the objects depend on the pieces")
    accepted = False
    for found in whole or ():
        if isinstance(found, bytes) and found:
            released = objects.attempt(nominal(), [found])
            if released is not None:
                accepted = True
                audit.part10(released, seeds.canaries())
    return accepted


def attempt(chunks: Sequence[bytes], form: str) -> list[bytes | str] | None:
    held = HeldBytes(MAX_HELD * 16)
    try:
        found = done(collected(chunks, form, held))
    except (*REFUSALS, BadRequest):
        found = None
    held.take(MAX_HELD * 16)  # all was given back
    return None if found is None else [type(one).__name__ if isinstance(one, GatewayError) else one for one in found]


def done(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run what never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise Broken("waits for something")
