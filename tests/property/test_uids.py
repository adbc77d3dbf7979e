"""Equal source UIDs give equal released UIDs, and only those; what the standard registers stays."""

import re

from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.core.pseudonym.keys import KeyRing
from gateway.core.rewrite.engine import Engine
from tests.kit.encode import Element, part10
from tests.kit.engine import KEYS, nominal, profile, rewrite
from tests.kit.raw import Value, elements, read
from tests.property.strategies import SYNTAXES

UID = re.compile(rb"2\.25\.[1-9][0-9]{0,38}")
REGISTERED = "1.2.840.10008."
# Instance, study, series, frame of reference, and one inside a sequence.
STUDY, SERIES, INSTANCE, FRAME, REFERENCED = 0x0020000D, 0x0020000E, 0x00080018, 0x00200052, 0x00081155

sources = st.from_regex(r"[0-2](\.(0|[1-9][0-9]{0,8})){1,6}", fullmatch=True).filter(
    lambda uid: not uid.startswith(REGISTERED)
)
syntaxes = st.sampled_from(SYNTAXES)


def written(study: str, series: str, instance: str, syntax: str, padding: str = "") -> bytes:
    item = [Element(REFERENCED, "UI", (instance + padding).encode())]
    found = [
        Element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2"),
        Element(INSTANCE, "UI", (instance + padding).encode()),
        Element(0x00081115, "SQ", [item]),
        Element(STUDY, "UI", (study + padding).encode()),
        Element(SERIES, "UI", series.encode()),
        Element(FRAME, "UI", f"{study}\\{series}\\{REGISTERED}1.4.1.1".encode()),
    ]
    return part10(found, syntax)


def values(released: bytes) -> dict[int, Value]:
    return {tag: value for tag, _, value in elements(read(released))}


def uids(value: Value) -> list[bytes]:
    assert isinstance(value, bytes)
    return [one.strip(b"\0 ") for one in value.split(b"\\")]


@given(sources, sources, sources, syntaxes)
def test_released_uids_are_equal_exactly_where_source_uids_are(
    study: str, series: str, instance: str, syntax: str
) -> None:
    found = values(rewrite(nominal(), [written(study, series, instance, syntax)]))
    released = [uids(found[tag])[0] for tag in (STUDY, SERIES, INSTANCE)]
    assert all(UID.fullmatch(uid) for uid in released)
    assert len(set(released)) == len({study, series, instance})
    assert uids(found[FRAME]) == [released[0], released[1], f"{REGISTERED}1.4.1.1".encode()]
    inner = found[0x00081115]
    assert isinstance(inner, list)
    assert uids({tag: value for tag, _, value in elements(inner[0])}[REFERENCED]) == [released[2]]


@given(sources, sources, syntaxes, syntaxes, st.sampled_from(["", " ", "\0", "  "]))
def test_the_same_source_uid_is_the_same_in_every_object_and_encoding(
    study: str, other: str, syntax: str, other_syntax: str, padding: str
) -> None:
    one = values(rewrite(nominal(), [written(study, "1.2", "1.3", syntax)]))
    two = values(rewrite(Engine(profile("nominal"), KEYS), [written(study, other, "1.4", other_syntax, padding)]))
    assert uids(one[STUDY]) == uids(two[STUDY]) == [KEYS.uid(study).encode()]


@given(sources, st.binary(min_size=32, max_size=32), st.text(min_size=1, max_size=9))
def test_another_secret_or_domain_releases_other_uids(study: str, secret: bytes, domain: str) -> None:
    assume((secret, domain) != (bytes(range(32)), "tests"))
    assert KeyRing(secret, domain).uid(study) != KEYS.uid(study)


@given(st.lists(sources, unique=True, min_size=2, max_size=50))
def test_no_released_uid_is_a_source_uid(found: list[str]) -> None:
    released = {KEYS.uid(uid) for uid in found}
    assert len(released) == len(found)
    assert not released & set(found)
    assert not any(uid.startswith(REGISTERED) for uid in released)
