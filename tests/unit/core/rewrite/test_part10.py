"""Part 10 objects: preamble, File Meta Information, Transfer Syntaxes, deflate."""

import random
import zlib
from collections.abc import Iterable

import pytest

from gateway.core.errors import GatewayError, LimitExceeded, MalformedInput, RefusedByProfile
from gateway.core.rewrite import part10 as module
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from gateway.core.rewrite.stream import Limits
from gateway.core.standard.uids import valid_uid
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.kit.engine import rewrite
from tests.kit.splits import splits
from tests.unit.core.rewrite.objects import (
    CT,
    DEFLATED,
    EXPLICIT,
    JPEG,
    engine,
    head,
    part10,
    released_head,
    released_meta,
)

IMPLICIT = b"1.2.840.10008.1.2"
BIG_ENDIAN = b"1.2.840.10008.1.2.2"


def deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def inflate(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    plain = unpacker.decompress(data)
    assert unpacker.eof
    assert unpacker.unused_data in (b"", b"\0")
    return plain


def all_ways(under: Engine, whole: bytes) -> bytes:
    released = {rewrite(under, chunks) for chunks in splits(whole)}
    assert len(released) == 1, "what is released depends on how the bytes arrive"
    return released.pop()


def collect(under: Engine, chunks: Iterable[bytes], left: list[bytes], study: str = "") -> None:
    rewriter = under.part10(study)
    left += map(rewriter.feed, chunks)
    left.append(rewriter.close())


def refused(whole: bytes, error: type[GatewayError] = MalformedInput, under: Engine | None = None) -> str:
    by = under or engine()
    messages = set()
    for chunks in splits(whole):
        left: list[bytes] = []
        with pytest.raises(error) as caught:
            collect(by, chunks, left)
        assert not b"".join(left)
        messages.add(str(caught.value))
    return messages.pop()


@pytest.mark.parametrize(
    ("syntax", "encoding"),
    [(EXPLICIT, EXPLICIT_LE), (IMPLICIT, IMPLICIT_LE), (BIG_ENDIAN, EXPLICIT_BE), (JPEG, EXPLICIT_LE)],
)
def test_an_object_leaves_in_its_own_transfer_syntax(syntax: bytes, encoding: Encoding) -> None:
    under = engine()
    assert all_ways(under, part10(head(encoding), syntax)) == released_meta(syntax) + released_head(under, encoding)


def test_a_deflated_object_is_inflated_rewritten_and_deflated_again() -> None:
    under = engine()
    for tail in (b"", b"\0", b"anything after the stream"):
        for chunks in splits(part10(deflate(head()) + tail, DEFLATED)):
            released = rewrite(under, chunks)
            assert released.startswith(released_meta(DEFLATED))
            body = released.removeprefix(released_meta(DEFLATED))
            assert inflate(body) == released_head(under)
            assert len(body) % 2 == 0


def test_a_deflated_object_is_padded_to_even_length_whatever_came_out_before() -> None:
    under = engine()
    for seed in range(8):
        noise = random.Random(seed).randbytes(100_000 + 2 * seed)
        body = head() + EXPLICIT_LE.make(0x00281201, "OW", noise)
        released = rewrite(under, [part10(deflate(body), DEFLATED)]).removeprefix(released_meta(DEFLATED))
        assert len(released) % 2 == 0
        assert inflate(released).endswith(noise)


def test_group_length_or_not_the_same_leaves() -> None:
    under = engine()
    length = len(EXPLICIT_LE.make(0x00020010, "UI", EXPLICIT))
    assert all_ways(under, part10(head(), group_length=length)) == all_ways(under, part10(head()))


def test_nothing_of_the_preamble_and_the_rest_of_group_2_leaves() -> None:
    meta = (
        EXPLICIT_LE.make(0x00020002, "UI", b"1.2.840.10008.5.1.4.1.1.7")
        + EXPLICIT_LE.make(0x00020003, "UI", b"1.2.999")
        + EXPLICIT_LE.make(0x00020010, "UI", EXPLICIT)
        + EXPLICIT_LE.make(0x00020016, "AE", b"HOSPITAL")
        + EXPLICIT_LE.make(0x00020100, "UI", b"1.2.9")
        + EXPLICIT_LE.make(0x00020102, "OB", b"SMITH")
    )
    whole = b"SMITH^JOHN".ljust(128, b"!") + b"DICM" + meta + head()
    under = engine()
    assert all_ways(under, whole) == released_meta() + released_head(under)


def test_group_2_that_its_length_leaves_out_goes_with_the_data_set() -> None:
    extra = EXPLICIT_LE.make(0x00020016, "AE", b"HOSPITAL")
    length = len(EXPLICIT_LE.make(0x00020010, "UI", EXPLICIT))
    under = engine()
    assert all_ways(under, part10(extra + head(), group_length=length)) == released_meta() + released_head(under)


def test_what_identifies_this_program_is_valid() -> None:
    assert valid_uid(IMPLEMENTATION_CLASS_UID)
    assert len(IMPLEMENTATION_VERSION_NAME) <= 16


META = [
    (b"", "not a DICOM Part 10 object, or cut before its data set (offset 0)"),
    (bytes(131), "not a DICOM Part 10 object, or cut before its data set (offset 131)"),
    (bytes(128) + b"DICM", "not a DICOM Part 10 object, or cut before its data set (offset 132)"),
    (part10(b""), "not a DICOM Part 10 object, or cut before its data set (offset 160)"),
    (bytes(200), "not a DICOM Part 10 object: no DICM prefix (offset 128)"),
    (b"\x89PNG" + bytes(200), "not a DICOM Part 10 object: no DICM prefix (offset 128)"),
    (bytes(128) + b"DICM" + head(), "no value at (0002,0010)"),
    (part10(head(), b""), "no value at (0002,0010)"),
    (part10(head(), b"1.2.3"), "a Transfer Syntax that the standard does not define at (0002,0010)"),
    (part10(head(), b"1.2.840.113619.5.2"), "a Transfer Syntax that the standard does not define at (0002,0010)"),
    (
        part10(head(), group_length=60),
        "an element of another group in the File Meta Information at (0008,0016) (offset 180)",
    ),
    (
        bytes(128) + b"DICM" + b"\x02\0\x10\0XX\0\0" + head(),
        "a VR that PS3.5 does not define at (0002,0010) (offset 132)",
    ),
]


@pytest.mark.parametrize(("whole", "message"), META)
def test_a_broken_beginning_is_malformed(whole: bytes, message: str) -> None:
    assert refused(whole) == message


def test_an_object_without_data_set_is_malformed_also_when_its_group_length_says_where_it_ends() -> None:
    length = len(EXPLICIT_LE.make(0x00020010, "UI", EXPLICIT))
    assert "(0008,0016)" in refused(part10(b"", group_length=length))


def test_a_media_directory_is_refused() -> None:
    meta = EXPLICIT_LE.make(0x00020002, "UI", b"1.2.840.10008.1.3.10") + EXPLICIT_LE.make(0x00020010, "UI", EXPLICIT)
    assert "DICOMDIR" in refused(bytes(128) + b"DICM" + meta + head(), RefusedByProfile)


def test_file_meta_information_without_end_is_refused() -> None:
    start = bytes(128) + b"DICM" + b"\x02\0\x02\x01OB\0\0\xff\xff\xff\xff"
    left: list[bytes] = []
    with pytest.raises(LimitExceeded, match="File Meta Information exceeds the limit of 1000"):
        collect(engine(limits=Limits(max_meta_bytes=1000)), [start, *[bytes(64)] * 1000], left)
    assert not b"".join(left)


def test_a_fault_names_the_offset_in_the_whole_object() -> None:
    whole = part10(head() + b"\x28\0\x50\x10XX\2\0" + b"40")
    with pytest.raises(MalformedInput) as caught:
        rewrite(engine(), [whole])
    assert caught.value.offset == whole.index(b"\x28\0\x50\x10XX")


def test_a_fault_in_the_head_names_the_offset_in_the_whole_object() -> None:
    whole = part10(b"\x08\0\x16\0XX\2\0" + b"40")
    with pytest.raises(MalformedInput) as caught:
        rewrite(engine(), [whole])
    assert caught.value.offset == whole.index(b"\x08\0\x16\0XX")


@pytest.mark.parametrize("body", [b"\xff\xff\xff\xff", b"SMITH^JOHN", deflate(head())[1:]])
def test_a_stream_that_does_not_inflate_is_malformed(body: bytes) -> None:
    assert "SMITH" not in refused(part10(body, DEFLATED))


def test_a_deflated_stream_cut_short_is_malformed() -> None:
    for end in range(1, len(deflate(head()))):
        with pytest.raises(MalformedInput):
            rewrite(engine(), [part10(deflate(head())[:-end], DEFLATED)])


@pytest.mark.parametrize("tag", [0x00291010, 0x7FE00010])
def test_a_deflate_bomb_is_refused(tag: int) -> None:
    bomb = deflate(head() + EXPLICIT_LE.make(tag, "OB", bytes(64 << 20)))
    assert len(bomb) < 100_000
    rewriter = engine(limits=Limits(max_inflated_bytes=4 << 20)).part10()
    with pytest.raises(LimitExceeded, match="inflated data set exceeds the limit"):
        rewriter.feed(part10(bomb, DEFLATED))


def test_a_deflated_stream_of_any_length_near_one_step_is_whole() -> None:
    under = engine()
    start = len(head()) + 12
    for length in range((1 << 20) - start - 16, (1 << 20) - start + 16, 2):
        body = head() + EXPLICIT_LE.make(0x00281201, "OW", bytes(length))
        released = rewrite(under, [part10(deflate(body), DEFLATED)]).removeprefix(released_meta(DEFLATED))
        assert inflate(released).endswith(bytes(length))


def test_head_and_transfer_syntax_are_known_as_the_object_arrives() -> None:
    rewriter = engine().part10()
    whole = part10(head() + EXPLICIT_LE.make(0x00281050, "DS", b"40"))
    assert (rewriter.head, rewriter.transfer_syntax_uid, rewriter.report) == (None, None, {})
    rewriter.feed(whole[:170])
    assert (rewriter.head, rewriter.transfer_syntax_uid) == (None, EXPLICIT.decode())
    rewriter.feed(whole[170:])
    rewriter.close()
    assert rewriter.head is not None
    assert rewriter.head.sop_instance == "1.2.3"


def test_the_report_counts_changes_and_names_no_value() -> None:
    body = (
        EXPLICIT_LE.make(0x00281050, "DS", b"40")
        + EXPLICIT_LE.make(0x00324000, "LT", b"x")
        + EXPLICIT_LE.make(0x0040A121, "DA", b"20200713")
        + EXPLICIT_LE.make(0x0040A122, "TM", b"12")
        + EXPLICIT_LE.make(0x0040A123, "PN", b"x")
    )
    under = engine("  (0040,A122): {action: truncate_date}\noptions: [retain_longitudinal_modified_dates]\n")
    rewriter = under.part10()
    rewriter.feed(part10(head() + body))
    rewriter.close()
    assert rewriter.report == {"removed": 1, "replaced": 1, "uid": 2, "pseudonym": 1, "shifted": 1, "truncated": 1}


def test_many_values_in_the_instance_uid_are_refused() -> None:
    data_set = EXPLICIT_LE.make(0x00080016, "UI", CT) + EXPLICIT_LE.make(0x00080018, "UI", b"\\".join([b"1"] * 3001))
    assert refused(part10(data_set + head()[-10:]))


@pytest.mark.parametrize("options", ["", "options: [retain_uids]\n"])
@pytest.mark.parametrize("encoding", [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE])
def test_an_object_of_another_study_than_asked_for_is_refused(options: str, encoding: Encoding) -> None:
    under = engine(options)
    syntax = {EXPLICIT_LE: EXPLICIT, EXPLICIT_BE: BIG_ENDIAN, IMPLICIT_LE: IMPLICIT}[encoding]
    whole = part10(head(encoding), syntax)
    asked = under.part10(study="1.2")
    assert asked.feed(whole) + asked.close() == rewrite(under, [whole])
    for chunks in splits(whole):
        with pytest.raises(MalformedInput, match="another study"):
            collect(under, chunks, [], study="1.9")


@pytest.mark.parametrize("study", [b"", None])
def test_an_object_without_a_study_is_refused_when_one_is_asked_for(study: bytes | None) -> None:
    named = EXPLICIT_LE.make(0x0020000D, "UI", b"1.2")
    data_set = head().removesuffix(named) + (b"" if study is None else EXPLICIT_LE.make(0x0020000D, "UI", study))
    with pytest.raises(MalformedInput):
        collect(engine(), [part10(data_set)], [], study="1.2")


def test_what_the_inflater_holds_back_when_a_step_is_full_comes_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    under = engine()
    for more in range(0, 600, 2):
        body = head() + EXPLICIT_LE.make(0x00281201, "OW", bytes(4096 + more))
        monkeypatch.setattr(module, "INFLATE_STEP_BYTES", 512)
        released = rewrite(under, [part10(deflate(body), DEFLATED)])
        assert inflate(released.removeprefix(released_meta(DEFLATED))).endswith(bytes(4096 + more))


def test_deflated_bytes_come_out_in_steps() -> None:
    body = head() + EXPLICIT_LE.make(0x00281201, "OW", b"ab" * module.INFLATE_STEP_BYTES)
    rewriter = engine().part10()
    assert rewriter.is_deflated is None
    steps = list(rewriter.steps(part10(deflate(body), DEFLATED)))
    assert rewriter.is_deflated
    assert len(steps) >= 3
    rewriter.last_pieces()
