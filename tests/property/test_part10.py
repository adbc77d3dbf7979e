"""What holds for every object: of every shape, in every encoding, however it is cut, and however it is damaged."""

import zlib
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import LimitExceeded, MalformedInput, RefusedByProfile
from gateway.core.profile.model import Action, Profile, Rule, Selector
from gateway.core.rewrite.engine import Engine
from gateway.core.standard.ps315 import Option
from tests.kit import reference
from tests.kit.encode import DEFLATED, PIXEL_DATA, Element
from tests.kit.engine import KEYS, nominal, outcome, rewrite, single_bytes
from tests.kit.raw import Tree, differences, elements, read, tree
from tests.kit.reference import goes_everywhere
from tests.property.strategies import FOREIGN, KEPT, OWN, SENSITIVE, SEQUENCES, Object, cut, cuts, objects

DRAWN = {tag for tag, _ in (*KEPT, *SENSITIVE, *FOREIGN)} | {*SEQUENCES} | OWN | {PIXEL_DATA}
OVERLAYS = {tag for tag in DRAWN if tag >> 24 in (0x50, 0x60)}
KEEPABLE = {tag for tag in DRAWN if not goes_everywhere(tag)} | OVERLAYS
MARKS = {0x00120062, 0x00120063, 0x00120064, 0x00280303}


@given(objects(), cuts)
def test_any_chunking_gives_the_same_output(found: Object, sizes: list[int]) -> None:
    data = found.part10
    whole = rewrite(nominal(), [data])
    assert rewrite(nominal(), cut(data, sizes)) == whole
    assert rewrite(nominal(), single_bytes(data)) == whole


@given(objects(), st.integers(1, 400), st.integers(1, 400))
def test_untouched_bytes_may_go_another_way(found: Object, chunk: int, most: int) -> None:
    data = found.part10
    rewriter, out, at = nominal().part10(), b"", 0
    while at < len(data):
        out += rewriter.feed(data[at : at + chunk])
        at += chunk
        moved = min(rewriter.untouched, most, max(0, len(data) - at))
        out += data[at : at + moved]
        if moved:
            rewriter.skip(moved)
        at += moved
    assert out + rewriter.close() == rewrite(nominal(), [data])


@given(objects(unknown_sequences=False))
def test_every_object_comes_out_as_the_reference_makes_it(found: Object) -> None:
    data = found.part10
    expected = reference.deidentify(read(data), KEYS)
    assert list(differences(tree(read(rewrite(nominal(), [data]))), tree(expected))) == []


@given(objects(unknown_sequences=False))
def test_a_released_object_is_released_again_without_a_change_but_of_pseudonyms(found: Object) -> None:
    once = rewrite(nominal(), [found.part10])
    twice = rewrite(nominal(), [once])
    assert shape(tree(read(once))) == shape(tree(read(twice)))


@given(objects(unknown_sequences=False))
def test_a_plan_that_keeps_all_gives_the_data_set_back(found: Object) -> None:
    data = found.part10
    assert list(differences(without_marks(rewrite(keep_all(), [data])), without_marks(data))) == []


@given(objects(), st.data())
def test_only_expected_errors_escape_on_damaged_bytes(found: Object, data: st.DataObject) -> None:
    damaged = bytearray(found.part10)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        how = data.draw(st.sampled_from(("change", "remove", "insert", "cut")))
        if how == "change":
            damaged[at] = data.draw(st.integers(0, 255))
        elif how == "remove":
            del damaged[at : at + data.draw(st.integers(1, 9))]
        elif how == "insert":
            damaged[at:at] = data.draw(st.binary(min_size=1, max_size=9))
        else:
            del damaged[at:]
        if not damaged:
            break
    whole = escaping(bytes(damaged), [len(damaged)])
    assert escaping(bytes(damaged), data.draw(cuts)) == whole


@given(objects(unknown_sequences=False), st.data())
def test_a_truncated_object_is_never_taken_for_a_whole_one(found: Object, data: st.DataObject) -> None:
    whole = found.part10
    at = data.draw(st.integers(0, len(whole) - 1))
    released = outcome(nominal(), [whole[:at]])
    if isinstance(released, bytes) and found.syntax != DEFLATED:
        # Cut between two elements it is an object, too: a shorter one.
        assert {tag for tag, _, _ in elements(read(released))} - MARKS < {element.tag for element in found.elements}


@given(st.binary(max_size=300), cuts)
def test_only_expected_errors_escape_on_noise(noise: bytes, sizes: list[int]) -> None:
    preamble = bytes(128) + b"DICM"
    for data in (noise, preamble + noise):
        assert escaping(data, sizes) == escaping(data, [len(data) or 1])


@given(st.binary(max_size=200), st.sampled_from([-15, 15]))
def test_only_expected_errors_escape_on_deflated_noise(noise: bytes, wbits: int) -> None:
    head = Object((Element(0x00080016, "UI", b"1.2"), Element(0x00080018, "UI", b"1.3")), DEFLATED).part10
    packer = zlib.compressobj(wbits=wbits)
    body = packer.compress(noise) + packer.flush()
    start = 144 + int.from_bytes(head[140:144], "little")
    escaping(head[:start] + body, [7])
    escaping(head[:start] + noise, [7])


def escaping(data: bytes, sizes: list[int]) -> bytes | str:
    """Rewrite, or say that the object is refused; an error of another kind escapes and fails the test.

    Which of the kinds it is may depend on the chunks: a length beyond the limit is beyond the end, too.
    """
    try:
        return rewrite(nominal(), cut(data, sizes))
    except (MalformedInput, LimitExceeded, RefusedByProfile):
        return "refused"


def shape(found: Tree) -> list[object]:
    """Give tags, VRs and the lengths of leaves, but for those of UIDs."""
    return [
        (tag, vr, [shape(item) for item in value] if isinstance(value, list) else vr == "UI" or len(value))
        for tag, vr, value in found
    ]


def without_marks(part10: bytes) -> Tree:
    """Leave out, at any depth, what no plan can keep and what every plan inserts."""
    return known(tree(read(part10)))


def known(found: Tree) -> Tree:
    return [
        (tag, vr, [known(item) for item in value] if isinstance(value, list) else value)
        for tag, vr, value in found
        if tag in KEEPABLE and tag not in MARKS
    ]


@cache
def keep_all() -> Engine:
    """Make an engine whose profile leaves every attribute alone that these tests draw."""
    rules = tuple(Rule(Selector(tag), Action.KEEP, disabled=True) for tag in sorted(KEEPABLE))
    # The UIDs that the gateway resolves are kept by their option only.
    return Engine(Profile(name="keep-all", options=frozenset({Option.RETAIN_UIDS}), rules=rules), KEYS)
