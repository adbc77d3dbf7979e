"""What an object says about its subject is in every text that an option cleans; none of it leaves, in any encoding."""

import json
from dataclasses import replace

import pytest

from tests.kit.canary_search import Canaries, search
from tests.kit.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, Element, as_json, part10
from tests.kit.engine import random_cuts, rewrite
from tests.kit.options import engine_with
from tests.kit.reference_letters import TEXTS
from tests.kit.tables import LISTED
from tests.leak.test_engine_leaks import inflated

OPTIONS = ("clean_descriptors", "clean_graphics", "clean_structured_content", "retain_device_identity",
           "retain_patient_characteristics", "retain_safe_private")  # fmt: skip
CLEANED = {
    tag: row["vr"].split(" ")[0]
    for tag, row in LISTED.items()
    if row["vr"].split(" ")[0] in TEXTS - {"AE", "PN"} and any(row[option] == "C" for option in OPTIONS)
}
WORDS = {  # family name, given name and institution in what only this character set writes so
    "ISO_IR 192": ("utf-8", "Żółwińska", "鳳凰", "Szpital Łódzki"),
    "ISO_IR 100": ("latin-1", "Østergård", "Zoë", "Krankenhaus Süßen"),
    "ISO_IR 144": ("iso8859_5", "Щербакова", "Людмила", "Больница Заречная"),
    "GB18030": ("gb18030", "欧阳", "慧娴", "协和医院"),
    "\\ISO 2022 IR 87": ("iso2022_jp", "山田", "太郎", "聖路加病院"),
}
OWN = {"MRN-4711-0815", "ACC24X779", "1.2.826.0.1.3680043.9.77.1", "Celestine", "19611105", "1961-11-05", "05.11.1961"}


@pytest.mark.parametrize("charset", WORDS)
def test_nothing_an_object_says_about_its_subject_leaves_in_cleaned_text(charset: str) -> None:
    released = rewrite(engine_with(OPTIONS), random_cuts(part10(telling(charset), EXPLICIT), seed=1))
    assert search(released, own(charset)) == []
    assert released.count(b"***") > len(CLEANED)


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG_ENDIAN, DEFLATED])
def test_nor_in_another_encoding(syntax: str) -> None:
    released = rewrite(engine_with(OPTIONS), random_cuts(part10(telling("ISO_IR 100"), syntax), seed=2))
    assert search(inflated(released, syntax), own("ISO_IR 100")) == []


def test_nor_in_metadata() -> None:
    elements = telling("ISO_IR 192")
    released = engine_with(OPTIONS).metadata(json.dumps(as_json(elements)).encode(), lambda _: "/bulk")
    assert released is not None
    assert search(released, own("ISO_IR 192")) == []
    assert released.count(b"***") > len(CLEANED)


@pytest.mark.parametrize("charset", WORDS)
def test_all_of_it_is_in_the_object_itself(charset: str) -> None:
    source = part10(telling(charset), EXPLICIT)
    found = {hit.name for hit in search(source, own(charset))}
    assert len(found) >= 2
    for identifier in OWN:
        assert source.count(identifier.encode()) > 10


def test_the_rest_of_a_text_stays() -> None:
    released = rewrite(engine_with(OPTIONS), [part10(telling("ISO_IR 100"), EXPLICIT)])
    assert released.count(b"Thorax") > len(CLEANED) // 2
    assert released.count(b"contrast") > len(CLEANED) // 2


def own(charset: str) -> Canaries:
    codec, family, given, institution = WORDS[charset]
    return Canaries({}, {family: codec, given: codec, institution: codec} | dict.fromkeys(OWN, "ascii"))


def telling(charset: str) -> list[Element]:
    """Make an object whose every cleaned attribute tells who it is about, at the top level and below."""
    codec, family, given, institution = WORDS[charset]
    texts = [
        Element(tag, vr, sentence(number, vr, family, given).encode(codec))
        for number, (tag, vr) in enumerate(CLEANED.items())
    ]
    note = [
        Element(0x0040A040, "CS", b"TEXT"),
        Element(0x0040A160, "UT", sentence(0, "UT", family, institution).encode(codec)),
    ]
    head = {
        0x00080005: ("CS", charset),
        0x00080016: ("UI", "1.2.840.10008.5.1.4.1.1.88.33"),
        0x00080018: ("UI", "1.2.826.0.1.3680043.9.77.3"),
        0x00080050: ("SH", "ACC24X779"),
        0x00080080: ("LO", institution),
        0x00080090: ("PN", "Dubois^Celestine"),
        0x00100010: ("PN", f"{family}^{given}"),
        0x00100020: ("LO", "MRN-4711-0815"),
        0x00100030: ("DA", "19611105"),
        0x0020000D: ("UI", "1.2.826.0.1.3680043.9.77.1"),
    }
    known = [Element(tag, vr, value.encode(codec)) for tag, (vr, value) in head.items()]
    nested = Element(0x00081115, "SQ", [[Element(0x0008114A, "SQ", [[replace(one) for one in texts]])]], undefined=True)
    return sorted(
        {one.tag: one for one in (*texts, *known, nested, Element(0x0040A730, "SQ", [note]))}.values(),
        key=lambda one: one.tag,
    )


def sentence(number: int, vr: str, family: str, given: str) -> str:
    """Say who the object is about, in words as long as the VR allows."""
    identifier = sorted(OWN)[number % len(OWN)]
    if vr == "SH":
        return family
    if vr == "LO":
        return f"Thorax contrast {identifier}, {family}"[:64]
    everything = ", ".join(sorted(OWN))
    return f"Thorax of {family} {given.upper()}, {given} {family}; {everything}; no contrast"
