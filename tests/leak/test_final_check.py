"""The final check fires where a profile lets an identifier through, and nowhere else; without it each leak is seen."""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from urllib.parse import quote

import pytest

from gateway.core.errors import GatewayError, RefusedByProfile
from gateway.core.profile.parse import parse_profile
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.part10 import Part10Rewriter
from tests.differential.corpus_files import CORPUS, NAMES
from tests.kit.canary import plant
from tests.kit.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, JPEG, Element, as_json, part10
from tests.kit.engine import KEYS, profile, random_cuts, rewrite

CT = b"1.2.840.10008.5.1.4.1.1.2"
STUDY_UID = b"1.2.826.0.1.3680043.10.1341.70001.1.1"
FAMILY, GIVEN, PATIENT_ID, ACCESSION = "Żółkowska", "Magdalena", "PX-4711-0815", "ACC99120034"
INSTITUTION, PHYSICIAN = "Klinikum am Weiher", "Holzapfel^Otto"
SYNTAXES = (EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED, JPEG)
DESCRIPTION = 0x00081030

LEAKS = {
    "name": FAMILY.encode(),
    "name in capitals": b"CT MAGDALENA",
    "name in Latin-2": b"see " + FAMILY.encode("iso8859-2") + b", Magdalena",
    "name in UTF-16": GIVEN.encode("utf-16-be"),
    "name in base64": base64.b64encode(b"." + GIVEN.encode() + b" " + FAMILY.encode()),
    "name percent-encoded": quote(FAMILY).encode(),
    "Patient ID": b"of px-4711-0815",
    "accession number": b"ACC99120034.",
    "birth date": b"born 1950-11-27",
    "study date": b"as on 20200311",
    "study": b"cf. " + STUDY_UID,
    "institution": b"KLINIKUM AM WEIHER",
    "physician": b"for Dr. Holzapfel",
}


def source(description: bytes = b"Thorax", syntax: str = EXPLICIT) -> list[Element]:
    request = [Element(0x00080050, "SH", ACCESSION.encode()), Element(0x00321032, "PN", PHYSICIAN.encode())]
    return [
        Element(0x00080005, "CS", b"ISO_IR 192"),
        Element(0x00080016, "UI", CT),
        Element(0x00080018, "UI", STUDY_UID + b".5"),
        Element(0x00080020, "DA", b"20200311"),
        Element(0x00080060, "CS", b"CT"),
        Element(0x00080080, "LO", INSTITUTION.encode()),
        Element(DESCRIPTION, "LO", description),
        Element(0x00100010, "PN", f"{FAMILY}^{GIVEN}".encode()),
        Element(0x00100020, "LO", PATIENT_ID.encode()),
        Element(0x00100030, "DA", b"19501127"),
        Element(0x0020000D, "UI", STUDY_UID),
        Element(0x00400275, "SQ", [request]),
        Element(0x7FE00010, "OB", [b"", b"\xff\xd8\xff\xd9"], undefined=True)
        if syntax == JPEG
        else Element(0x7FE00010, "OW", bytes(64)),
    ]


@cache
def leaky(*, check: bool) -> Engine:
    text = f"name: leaky\nbased_on: nominal\nfinal_check: {json.dumps(check)}\n"
    return Engine(
        parse_profile(text + "attributes:\n  StudyDescription: {disabled: true}\n", "leaky.yaml", profile), KEYS
    )


@cache
def shipped(name: str, *, check: bool) -> Engine:
    return Engine(replace(profile(name), final_check=check), KEYS)


def release(rewriter: Part10Rewriter, chunks: Iterable[bytes], left: list[bytes]) -> None:
    for chunk in chunks:
        left.append(rewriter.feed(chunk))  # noqa: PERF401 - what came before an error counts
    left.append(rewriter.close())


def refused(engine: Engine) -> int:
    assert engine.final_check is not None
    return engine.final_check.refused


def metadata(engine: Engine, elements: list[Element]) -> bytes | None:
    return engine.metadata(json.dumps(as_json(elements)).encode(), lambda _: "/bulk/token")


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("leak", LEAKS)
def test_what_leaks_without_the_check_is_refused_with_it(leak: str, syntax: str) -> None:
    data = part10(source(LEAKS[leak], syntax), syntax)
    assert syntax == DEFLATED or LEAKS[leak] in rewrite(leaky(check=False), [data])
    checking = leaky(check=True)
    before = refused(checking)
    rewriter = checking.part10()
    left: list[bytes] = []
    with pytest.raises(RefusedByProfile) as fault:
        release(rewriter, random_cuts(data, seed=len(leak)), left)
    assert b"".join(left) == b""
    assert str(fault.value) == "the final check found an identifier of the subject at (0008,1030)"
    assert rewriter.report["refused"] == 1
    assert refused(checking) == before + 1


JIS, KOREAN = "ISO 2022 IR 87", "ISO 2022 IR 149"
BETWEEN_ESCAPES = {
    "name": (JIS, "山田^太郎", b"\x1b$B;3ED\x1b(B"),
    "both names": (JIS, "山田^太郎", b"\x1b$B;3EDB@O:\x1b(B"),
    "name at the end": (JIS, "山田^太郎", b"CT \x1b$B650t;3ED\x1b(B"),
    "name at the start": (JIS, "山田^太郎", b"\x1b$B;3ED$5$s\x1b(B CT"),
    "Korean": (KOREAN, "홍^길동", b"\x1b$)C\xc8\xaf\xc0\xda\xc8\xab\xb1\xe6\xb5\xbf"),
    "in another declared set": (f"{JIS}\\{KOREAN}", "山田^太郎", b"\x1b$)C\xdf\xa3\xef\xa3"),
}


@pytest.mark.parametrize("leak", BETWEEN_ESCAPES)
def test_a_name_is_found_wherever_the_escapes_beside_it_stand(leak: str) -> None:
    terms, name, text = BETWEEN_ESCAPES[leak]
    codec = "euc_kr" if terms == KOREAN else "iso2022_jp"
    parts = [b"\x1b$)C" * (terms == KOREAN) + part.encode(codec) for part in name.split("^")]
    body = {element.tag: element for element in source(text)}
    body[0x00080005] = Element(0x00080005, "CS", b"\\" + terms.encode())
    body[0x00080080] = Element(0x00080080, "LO", b"")
    body[0x00100010] = Element(0x00100010, "PN", b"=" + b"^".join(parts))
    data = part10([body[tag] for tag in sorted(body)], EXPLICIT)
    assert text in rewrite(leaky(check=False), [data])
    with pytest.raises(RefusedByProfile, match=r"\(0008,1030\)"):
        rewrite(leaky(check=True), [data])


@pytest.mark.parametrize("leak", [leak for leak in LEAKS if "Latin-2" not in leak])
def test_metadata_that_leak_without_the_check_are_refused_with_it(leak: str) -> None:
    elements = source(LEAKS[leak])
    leaked = metadata(leaky(check=False), elements)
    assert leaked is not None
    checking = leaky(check=True)
    before = refused(checking)
    assert metadata(checking, elements) is None
    assert refused(checking) == before + 1
    released = metadata(checking, source())
    assert released == metadata(leaky(check=False), source())


def test_strict_has_the_check_on() -> None:
    assert profile("strict").final_check
    assert not profile("nominal").final_check
    text = "name: leaky\nbased_on: strict\nattributes:\n  StudyDescription: {disabled: true}\n"
    engine = Engine(parse_profile(text, "leaky.yaml", profile), KEYS)
    with pytest.raises(RefusedByProfile, match=r"\(0008,1030\)"):
        rewrite(engine, [part10(source(GIVEN.encode()), EXPLICIT)])


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_an_object_that_names_nobody_leaves_as_without_the_check(syntax: str) -> None:
    data = part10(source(syntax=syntax), syntax)
    engine = leaky(check=True)
    for seed in range(3):
        assert rewrite(engine, random_cuts(data, seed)) == rewrite(leaky(check=False), [data])


@pytest.mark.parametrize("name", ["CT", "SR"])
def test_objects_full_of_canaries_pass_unchanged(name: str) -> None:
    data = plant(name, EXPLICIT).part10
    checked = rewrite(shipped("nominal", check=True), random_cuts(data, seed=1))
    assert checked == rewrite(shipped("nominal", check=False), [data])


@pytest.mark.parametrize("name", ["nominal", "strict"])
def test_no_real_file_is_refused_for_what_it_only_seems_to_say(name: str) -> None:
    assert list(refusals(shipped(name, check=True))) == []


def refusals(engine: Engine) -> Iterator[str]:
    for name in NAMES:
        try:
            rewrite(engine, [(CORPUS / name).read_bytes()])
        except RefusedByProfile as fault:
            if "final check" in str(fault):
                yield f"{name}: {fault}"
        except GatewayError:
            continue
