"""Objects full of canaries are stored, as metadata with bulk data: none is at the destination, nor in an answer."""

import itertools
import json
import logging
import re
from pathlib import Path
from typing import Any

import pydicom
import pytest

from gateway.storing.metadata import JSON, XML
from tests.kit.canary import IMAGES, SOP_CLASSES, Planted, plant
from tests.kit.canary_search import Hit, search
from tests.kit.described import BOUNDARY, OCTETS, Part, metadata, move_out, payload
from tests.kit.encode import EXPLICIT, JPEG, as_json
from tests.kit.inprocess import InProcess, in_process

FIRST = re.compile(rb"17[0-9]{2}0101")


def parts_of(planted: Planted, form: str, uri: str) -> list[Part]:
    """Describe an object, its binary values in parts and inline in turn."""
    elements = [element for element in planted.elements if element.tag != 0x7FE00010 or planted.syntax != JPEG]
    told, parts = as_json(elements), list[Part]()
    move_out(told, parts, itertools.cycle([True, False, True]))
    if planted.syntax == JPEG:
        (pixels,) = [element for element in planted.elements if element.tag == 0x7FE00010]
        told["7FE00010"] = {"vr": "OB", "BulkDataURI": "pixels"}
        parts += [Part(frame, f"{OCTETS}; transfer-syntax={JPEG}", "pixels") for frame in pixels.value]
    written = json.dumps(told).replace('"bulk/', f'"{uri}/')
    moved = [Part(one.body, one.content_type, one.location.replace("bulk/", f"{uri}/")) for one in parts]
    return metadata([json.loads(written)], form) + moved


async def store(running: InProcess, parts: list[Part], form: str) -> tuple[int, bytes]:
    headers = {"content-type": f'multipart/related; type="{form}"; boundary={BOUNDARY.decode()}'}
    answer = await running.client.post("/worklists/uplink/dicom-web/studies", content=payload(parts), headers=headers)
    return answer.status_code, answer.content


def hits(blob: bytes, planted: Planted) -> list[Hit]:
    """Find canaries; the first day of a year is what the profile cuts dates to."""
    return search(FIRST.sub(b"00000000", blob), planted.canaries)


def written(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("profile", ["nominal", "strict"])
@pytest.mark.parametrize("form", [JSON, XML])
@pytest.mark.parametrize("syntax", [EXPLICIT, JPEG])
async def test_no_canary_is_stored_of_metadata_and_bulk_data(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, form: str, syntax: str, profile: str
) -> None:
    (tmp_path / "cloud").mkdir()
    caplog.set_level(logging.DEBUG, "dicomveil")
    origins = {"cloud": {"folder": str(tmp_path / "cloud"), "writable": True}}
    worklists = {"uplink": {"profile": profile, "services": ["store"]}}
    sent: list[Planted] = []
    async with in_process(tmp_path / "gateway", origins, worklists) as running:
        for number, name in enumerate(IMAGES if syntax == JPEG else SOP_CLASSES):
            planted = plant(name, syntax, seed=number * 10_000, hostile=False, small=True)
            status, said = await store(running, parts_of(planted, form, f"http://origin.invalid/{number}"), form)
            assert status == (200 if profile == "nominal" or name in IMAGES else 409), (name, said)
            assert {hit.name for hit in search(said, planted.canaries)} <= {"(0008,0018)"}
            sent.append(planted)
    stored = written(tmp_path / "cloud")
    assert len(stored) == len(sent if profile == "nominal" or syntax == JPEG else IMAGES)
    everything = b"".join(
        [str(path).encode() + path.read_bytes() for path in (*stored, *written(tmp_path / "gateway"))]
    )
    for planted in sent:
        assert hits(everything + caplog.text.encode(), planted) == []


async def test_both_forms_are_stored_as_the_part_10_object_is(tmp_path: Path) -> None:
    """But for how sequences are written, which says nothing."""
    planted = plant("CT", hostile=False, small=True)
    found: list[Any] = []
    for form in ("", JSON, XML):
        folder = tmp_path / f"cloud{len(found)}"
        folder.mkdir()
        origins = {"cloud": {"folder": str(folder), "writable": True}}
        worklists = {"uplink": {"profile": "strict", "services": ["store"], "domain": "one"}}
        async with in_process(tmp_path / f"gateway{len(found)}", origins, worklists) as running:
            sent = parts_of(planted, form, "bulk") if form else [Part(planted.part10, "application/dicom")]
            status, said = await store(running, sent, form or "application/dicom")
        assert status == 200, said
        (path,) = written(folder)
        found.append(pydicom.dcmread(path).to_json_dict())
    assert found[1] == found[2]
    assert {tag: found[0].get(tag) for tag in found[1]} == found[1]
    assert found[0].keys() == found[1].keys()
