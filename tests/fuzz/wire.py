"""Readers of what is around the objects, and of profiles."""

import itertools
import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Final

from gateway.core.errors import ConfigFault, ConfigFaults, MalformedInput
from gateway.core.profile.explain import explain_profile
from gateway.core.profile.parse import parse_profile
from gateway.core.profile.plan import Plan
from gateway.core.standard import ps315
from gateway.core.wire import charset
from gateway.core.wire.accept import parse_accept
from gateway.core.wire.dicomjson import ArrayReader
from gateway.core.wire.multipart import Event, MultipartReader, PartChunk, PartEnd, PartStart, parse_content_type
from tests.fuzz import seeds
from tests.fuzz.mutate import cut, damage
from tests.fuzz.objects import JSON_TOKENS
from tests.fuzz.target import MAX_HELD, REFUSALS, Broken
from tests.kit.encode import as_json
from tests.kit.engine import PROFILES, mask_rules, profile
from tests.kit.profiles import SHIPPED


def make_array(random: Random) -> bytes:
    one = [json.dumps(as_json(random.choice(seeds.objects())[:6])).encode() for _ in range(random.randrange(4))]
    data = b"[" + random.choice((b",", b" , ", b",\n")).join(one) + b"]"
    return damage(data, JSON_TOKENS, random)


def run_array(data: bytes, random: Random) -> bool:
    """Split whole and in chunks, and compare with what the parser of the standard library makes of the document."""

    def split(chunks: Sequence[bytes]) -> list[dict[str, Any]] | None:
        reader = ArrayReader(MAX_HELD)
        try:
            found = [one for chunk in chunks for one in reader.feed(chunk)]
            reader.close()
        except REFUSALS:
            return None
        return [{name: json.loads(bytes(raw)) for name, raw in one.items()} for one in found]

    whole = split([data])
    if split(cut(data, random)) != whole:
        raise Broken("the data sets depend on the chunks")
    if whole is not None:
        # After the end of the array nothing is read.
        text = data.decode("utf-8-sig")
        expected, _ = json.JSONDecoder().raw_decode(text.lstrip(" \t\r\n"))
        if whole != (expected if isinstance(expected, list) else [expected]):
            raise Broken("not what another parser reads")
    return whole is not None


BOUNDARY: Final = b"frontier-77"
MULTIPART_TOKENS: Final = [
    BOUNDARY, b"--", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"--" + BOUNDARY, b"\r\n--" + BOUNDARY + b"--",
    b"\r\n--" + BOUNDARY + b"\r\n", b"Content-Type: application/dicom\r\n", b"Content-Length: 9\r\n", b": ", b" ",
    b"\t" * 1100, b"a" * 9000, b"X: y\r\n" * 70, b"\0",
]  # fmt: skip


def make_multipart(random: Random) -> bytes:
    parts = [
        b"--%s\r\nContent-Type: application/dicom\r\nContent-Location: /x\r\n\r\n%s\r\n"
        % (BOUNDARY, random.randbytes(random.randrange(200)))
        for _ in range(random.randrange(4))
    ]
    return damage(
        b"preamble\r\n" * random.randrange(2) + b"".join(parts) + b"--" + BOUNDARY + b"--\r\n", MULTIPART_TOKENS, random
    )


def run_multipart(data: bytes, random: Random) -> bool:
    def parts(chunks: Sequence[bytes]) -> list[tuple[Mapping[str, str], bytes]] | None:
        reader, events = MultipartReader(BOUNDARY), list[Event]()
        try:
            for chunk in chunks:
                events += reader.feed(chunk)
                if len(reader._held) > MAX_HELD:
                    raise Broken("more is held than a header")
            reader.close()
        except REFUSALS:
            return None
        return collected(events)

    whole = parts([data])
    if parts(cut(data, random)) != whole:
        raise Broken("the parts depend on the chunks")
    return whole is not None


def collected(events: Sequence[Event]) -> list[tuple[Mapping[str, str], bytes]]:
    """Put parts together; they must come as start, chunks, end."""
    found: list[tuple[Mapping[str, str], bytes]] = []
    is_open = False
    for event in events:
        if isinstance(event, PartStart) != (not is_open):
            raise Broken("parts overlap")
        if isinstance(event, PartStart):
            found.append((event.headers, b""))
        elif isinstance(event, PartChunk):
            found[-1] = (found[-1][0], found[-1][1] + event.data)
        is_open = not isinstance(event, PartEnd)
    if is_open:
        raise Broken("a part without its end")
    return found


ACCEPT_SEEDS: Final = (
    b'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.50; q=0.9, text/html',
    b"application/dicom+json;q=0.2, */*;q=0.1, text/*",
    b"multipart/related;type=application/octet-stream;boundary=abc",
)
ACCEPT_TOKENS: Final = [
    b'"', b";", b",", b"=", b"q=", b"q=nan", b"q=inf", b"q=-1", b"q=1e9", b"\\", b"*/*", b"*", b"/", b"type=",
    b"transfer-syntax=", b" " * 500, b"; a=b" * 300, b",a/b" * 300, b'\\"' * 300, b"\xff", b"\0", b"\r\n",
]  # fmt: skip


def run_accept(data: bytes, _: Random) -> bool:
    """What cannot be understood is ignored; the answer is in order of quality."""
    text = data.decode("latin-1")
    found = parse_accept(text)
    if any(one.quality < other.quality for one, other in itertools.pairwise(found)):
        raise Broken("not in order of quality")
    if not all(one.quality > 0 for one in found):
        raise Broken("a quality that is no number above 0")
    try:
        parse_content_type(text)
    except MalformedInput:
        return False
    return bool(found)


TERMS: Final = (
    b"", b"ISO_IR 100", b"ISO_IR 192", b"GB18030", b"GBK", b"ISO_IR 13", b"\\ISO 2022 IR 87", b"\\ISO 2022 IR 149",
    b"ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 159", b"\\ISO 2022 IR 58", b"ISO 2022 IR 6\\ISO 2022 IR 126",
    b"ISO_IR 166", b"ISO_IR 9999", b"nonsense", b"ISO_IR 100\\ISO_IR 192",
)  # fmt: skip
CHARSET_TOKENS: Final = [
    b"\x1b$B", b"\x1b(B", b"\x1b(J", b"\x1b$)C", b"\x1b$)A", b"\x1b-F", b"\x1b$(D", b"\x1b)I", b"\x1b", b"\\", b"^",
    b"=", b"\xc3", b"\xff", b"\x81", b"\x7e", b"\x5c", b"\n", b"\0",
]  # fmt: skip
CHARSET_SEEDS: Final = (
    "Yamada^Tarou=山田^太郎=やまだ^たろう".encode("iso2022_jp"), "Ελλάδα".encode("iso8859_7"),
    "Buc^Jérôme".encode("latin-1"), "Wang^XiaoDong=王^小东".encode("gb18030"), "Wang^XiaoDong=王^小東".encode(),
    b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce",
)  # fmt: skip


def make_text(random: Random) -> bytes:
    terms = damage(random.choice(TERMS), TERMS, random) if random.randrange(4) == 0 else random.choice(TERMS)
    return terms + b"\n" + damage(random.choice(CHARSET_SEEDS), CHARSET_TOKENS, random)


def run_text(data: bytes, _: Random) -> bool:
    """Under terms that can be read anything can be decoded; what is written back reads as the same text."""
    head, _separator, value = data.partition(b"\n")
    try:
        terms = charset.split_terms(head)
    except MalformedInput:
        return False
    accepted = False
    for is_person_name in (False, True):
        charset.decode(value, terms, is_person_name=is_person_name)
        text = charset.read(value, terms, is_person_name=is_person_name)
        written = None if text is None else charset.encode(text, terms, is_person_name=is_person_name)
        if written is not None:
            accepted = True
            if charset.read(written, terms, is_person_name=is_person_name) != text:
                raise Broken("text that is written is not read back")
    return accepted


PROFILE_TOKENS: Final = [
    b"name:", b"options:", b"attributes:", b"based_on: nominal", b"enabled:", b"action:", b"value:", b"disabled: true",
    b"keep", b"remove", b"clean", b"pseudonym", b"X/Z/U*", b"PatientID", b"(60xx,3000)", b"(0010,0010)", b" > ",
    b'("ACME",0029,10)', b"retain_safe_private", b"clean_descriptors", b"condition:", b"when:", b"{", b"}", b"[", b"]",
    b": ", b"- ", b"\n", b"  ", b"&a ", b"*a", b"!!python/object:os.system", b"'", b'"', b"|", b">", b"#", b"\t",
    b"[" * 40, b"{a: " * 40, b"\xff", b"\0", b"\xc2\x85", b"9" * 50, b"? ",
]  # fmt: skip
OWN_PROFILE: Final = b"""name: own
based_on: nominal
options: [retain_longitudinal_modified_dates, retain_device_identity]
attributes:
  InstitutionName: {action: replace, value: SITE-1}
  StudyDescription: {disabled: true}
  ("ACME 1.1",0029,10): {action: keep}
  (60xx,3000): {action: remove}
  RequestAttributesSequence > RequestedProcedureID: {action: X/Z}
  StudyDate: {action: truncate_date}
unlisted: {private: remove, unknown: remove, standard: keep}
"""


def make_profile(random: Random) -> bytes:
    written = [path.read_bytes() for path in sorted(PROFILES.glob("*.yaml"))]
    return damage(random.choice([OWN_PROFILE, OWN_PROFILE, *written]), PROFILE_TOKENS, random)


def run_profile(data: bytes, random: Random) -> bool:
    """A profile that is accepted can be compiled and explained."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    try:
        parsed = parse_profile(text, "fuzz.yaml", lambda name: profile(name) if name in SHIPPED else None, mask_rules)
    except (ConfigFault, ConfigFaults):
        return False
    if random.randrange(10) == 0:
        explain_profile(parsed)
    plan = Plan(parsed, "ct-image")
    for tag, entry in random.sample(list(ps315.ENTRIES.items()), 50):
        plan.decide(tag, entry.vr or "UN")
    return True
