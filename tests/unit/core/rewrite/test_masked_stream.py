"""Masks in stream: what is read of an object, what is decided before anything leaves, and what its pixels become."""

import zlib
from dataclasses import replace

import pytest

from gateway.core.errors import GatewayError, LimitExceeded, MalformedInput, RefusedByMasks
from gateway.core.mask.model import PASSES, FrameWork, Image, PixelDecision, Rectangle, Verdict
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.stream import Limits
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.kit.engine import KEYS, profile
from tests.unit.core.rewrite.objects import DEFLATED, EXPLICIT, JPEG, engine, part10, plain
from tests.unit.core.rewrite.pictures import (
    ULTRASOUND,
    blanked,
    encapsulated,
    finished,
    item,
    masking,
    native,
    picture,
    regions,
    us,
)

ENCODINGS = [(EXPLICIT_LE, EXPLICIT), (EXPLICIT_BE, b"1.2.840.10008.1.2.2"), (IMPLICIT_LE, b"1.2.840.10008.1.2")]
STEPS = (1, 7, 4096)
FRAME = bytes(range(1, 65))
OUTSIDE = (Rectangle(0, 0, 4, 8), Rectangle(4, 0, 4, 2))
NO = EXPLICIT_LE.make(0x00280301, "CS", b"NO")
RLE = b"1.2.840.10008.1.2.5"
CT = b"1.2.840.10008.5.1.4.1.1.2"
CLEAN = PixelDecision(Verdict.PASS, is_clean=True)
ALLOWS = "apply_masks: true\nburned_in_text: allow\n"


def released(data_set: bytes, under: Engine | None = None, syntax: bytes = EXPLICIT) -> bytes:
    """Rewrite in pieces of every size; all give the same."""
    by = under or masking()
    found = {finished(by.part10(), part10(data_set, syntax), step) for step in STEPS}
    assert len(found) == 1, "what is released depends on how the bytes arrive"
    return found.pop()


def refused(data_set: bytes, error: type[GatewayError], match: str = ".", syntax: bytes = EXPLICIT) -> None:
    """Rewrite in pieces of every size; none lets the pixels out."""
    by = masking()
    for step in STEPS:
        data = part10(data_set, syntax)
        rewriter = by.part10()
        out: list[bytes] = []
        with pytest.raises(error, match=match):  # noqa: PT012 - what left before the error counts too
            for at in range(0, len(data), step):
                out += [
                    one.data if isinstance(one, FrameWork) else bytes(one)
                    for one in rewriter.pieces(data[at : at + step])
                ]
            rewriter.last_pieces()
        assert FRAME[:32] not in b"".join(out)


@pytest.mark.parametrize(("encoding", "syntax"), ENCODINGS)
def test_native_pixels_are_masked_while_they_pass(encoding: Encoding, syntax: bytes) -> None:
    out = released(picture(native(3, encoding), encoding, frames=3), syntax=syntax)
    assert out.endswith(encoding.make(0x7FE00010, "OB", blanked(FRAME) * 3))
    assert encoding.make(0x00280301, "CS", b"NO") in out
    assert b"113101" in out


def test_a_deflated_data_set_is_masked_too() -> None:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(picture(native(2), frames=2)) + packer.flush()
    out = released(packed, syntax=DEFLATED)
    start = out.index(b"DICOMVEIL_1") + len(b"DICOMVEIL_1 ")
    plain = zlib.decompress(out[start:], wbits=-zlib.MAX_WBITS)
    assert plain.endswith(EXPLICIT_LE.make(0x7FE00010, "OB", blanked(FRAME) * 2))


def test_untouched_bytes_of_native_pixels_may_go_another_way() -> None:
    data = part10(picture(native(2), frames=2, where=regions(corners=(0, 4, 7, 7))))
    for is_skipped in (False, True):
        rewriter = masking().part10()
        out = list(map(bytes, plain(rewriter.pieces(data[:-120]))))
        assert rewriter.untouched == 0
        out += map(bytes, plain(rewriter.pieces(data[-120:-90])))
        assert rewriter.untouched == 26
        rewriter.skip(26)
        out.append(data[-90:-64])
        assert rewriter.untouched == 0
        out += map(bytes, plain(rewriter.pieces(data[-64:-32])))
        assert rewriter.untouched == 32
        if is_skipped:
            rewriter.skip(32)
            out.append(data[-32:])
        else:
            out += map(bytes, plain(rewriter.pieces(data[-32:])))
        out += map(bytes, plain(rewriter.last_pieces()))
        assert b"".join(out).endswith((bytes(32) + FRAME[32:]) * 2)


def test_a_frame_goes_out_as_work_with_its_words_overwritten_and_without_an_offset_table() -> None:
    comment = b"\xff\xd8\xff\xfe\x00\x08SMITH!"
    pixels = encapsulated(comment, b"\xff\xd9", b"\xff\xd8\xff\xd9", table=bytes(8))
    for step in STEPS:
        works: list[FrameWork] = []
        out = finished(masking().part10(), part10(picture(pixels, frames=2), JPEG), step, works)
        clean = comment.replace(b"SMITH!", b"      ") + b"\xff\xd9"
        assert out.endswith(encapsulated(b"[" + clean + b"]", b"[\xff\xd8\xff\xd9]"))
        assert [work.data for work in works] == [clean, b"\xff\xd8\xff\xd9"]
        assert {work.transfer_syntax for work in works} == {JPEG.decode()}
        assert {(work.image.rows, work.image.frames, work.rectangles) for work in works} == {(8, 2, OUTSIDE)}


def test_each_fragment_of_rle_is_a_frame() -> None:
    header = (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56)
    out = released(picture(encapsulated(header + b"\0\1", header + b"\0\2"), frames=2), syntax=RLE)
    assert out.endswith(encapsulated(b"[" + header + b"\0\1]", b"[" + header + b"\0\2]"))


@pytest.mark.parametrize(
    ("pixels", "frames", "what"),
    [
        (encapsulated(b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xd9"), 1, "more frames"),
        (encapsulated(b"\xff\xd8\xff\xd9"), 2, "fewer frames"),
        (encapsulated(), 1, "fewer frames"),
        (encapsulated(b"\xff\xd9"), 1, "does not begin"),
        (encapsulated(b"\xff\xd8\xff\xd9")[:-8], 1, "ends inside"),
        (encapsulated(b"\xff\xd8\xff\xd9")[:-8] + b"\xe0\x7f\x10\0OB\0\0", 1, "a fragment was expected"),
    ],
)
def test_fragments_that_are_not_the_frames_the_object_says_are_malformed(pixels: bytes, frames: int, what: str) -> None:
    refused(picture(pixels, frames=frames), MalformedInput, what, JPEG)


def test_a_frame_that_is_too_large_is_not_gathered() -> None:
    rewriter = masking().part10(limits=Limits(max_element_bytes=1000))
    pixels = encapsulated(b"\xff\xd8" + bytes(600), bytes(600))
    with pytest.raises(LimitExceeded, match="bytes of a frame"):
        finished(rewriter, part10(picture(pixels), JPEG), 100)


def test_offset_tables_and_icons_go_with_a_mask_and_stay_without_and_no_other_picture_does() -> None:
    icon = EXPLICIT_LE.make(0x7FE00010, "OB", b"ICON")
    sequence = EXPLICIT_LE.make(0x00880200, "SQ", item(icon))
    other = EXPLICIT_LE.make(0x00540220, "SQ", item(icon))
    overlay = EXPLICIT_LE.make(0x60000010, "US", b"\x08\0") + EXPLICIT_LE.make(0x60003000, "OW", b"OVER")
    variable = EXPLICIT_LE.make(0x7F020010, "OB", b"VARY")
    table = EXPLICIT_LE.make(0x7FE00001, "OV", bytes(8)) + EXPLICIT_LE.make(0x7FE00002, "OV", bytes(8))
    others = other + overlay + sequence + variable + table
    keeps = "  IconImageSequence: {disabled: true}\n  (60xx,3000): {disabled: true}\n"
    by = engine(keeps + "apply_masks: true\n")
    out = released(picture(others + encapsulated(b"\xff\xd8\xff\xd9")), by, JPEG)
    for gone in (b"ICON", b"OVER", b"VARY", table[:8], overlay[:8]):
        assert gone not in out
    passed = released(picture(others + encapsulated(b"\xff\xd8\xff\xd9"), sop_class=CT), by, JPEG)
    for kept in (sequence, b"OVER", table):
        assert kept in passed
    assert passed.count(b"ICON") == 1
    assert b"VARY" not in passed
    assert b"113101" not in passed
    assert NO not in passed


def test_what_is_decided_is_done_to_what_the_object_says_of_itself() -> None:
    said = {0x00280301: ("CS", b"YES")}
    out = released(picture(native(), changes=said))
    assert NO in out
    assert b"YES " not in out[out.index(NO) :]
    passed = released(picture(native(), changes={0x00280301: ("CS", b"NO")}, sop_class=CT))
    assert passed.endswith(native())
    assert NO in passed
    assert b"113101" not in passed
    ict = picture(
        encapsulated(b"\xff\x4f\xff\x51"),
        changes={0x00280002: ("US", us(3)), 0x00280004: ("CS", b"YBR_ICT"), 0x00280006: ("US", us(0))},
    )
    assert b"YBR_RCT " in released(ict, syntax=b"1.2.840.10008.1.2.4.91")


@pytest.mark.parametrize(
    ("where", "is_masked"),
    [
        (regions(undefined=True), True),
        (regions(vr="UN"), True),
        (regions(vr="UN", undefined=True), True),
        (regions(corners=(2, 4, 7)), False),
        (regions(corners=(2, 4, 7, 8)), False),
        (regions(corners=(7, 4, 2, 7)), False),
        (EXPLICIT_LE.make(0x00186011, "SQ", b""), False),
        (EXPLICIT_LE.make(0x00186011, "OB", regions()[12:]), False),
        (EXPLICIT_LE.make(0x00186011, "SQ", regions()[12:-2]), False),
        (EXPLICIT_LE.make(0x00186011, "SQ", regions()[12:].replace(b"UL\4\0", b"US\4\0", 1)), False),
        (EXPLICIT_LE.make(0x00186011, "SQ", regions()[12:].replace(b"\x1a\x60", b"\x18\x60", 1)), False),
    ],
)
def test_regions_count_only_where_they_are_whole(where: bytes, is_masked: bool) -> None:
    data_set = picture(native(), where=where)
    if is_masked:
        assert released(data_set).endswith(blanked(FRAME))
    else:
        refused(data_set, GatewayError)


def test_regions_in_disguise_are_seen_again_in_the_next_object() -> None:
    twice = picture(native(), where=EXPLICIT_LE.make(0x00186011, "UI", b"1.2 ") + regions())
    by = masking()
    for _ in range(3):
        with pytest.raises(MalformedInput, match="regions twice"):
            finished(by.part10(), part10(twice), 4096)


@pytest.mark.parametrize(("encoding", "syntax"), ENCODINGS)
def test_regions_are_read_in_every_encoding(encoding: Encoding, syntax: bytes) -> None:
    for undefined in (False, True):
        where = regions(encoding, undefined=undefined)
        out = released(picture(native(1, encoding), encoding, where=where), syntax=syntax)
        assert out.endswith(blanked(FRAME))


ROWS = EXPLICIT_LE.make(0x00280010, "US", us(8))
LESS = EXPLICIT_LE.make(0x00280010, "US", us(4))


@pytest.mark.parametrize(
    "data_set",
    [
        picture(native() + native()),
        picture(native() + EXPLICIT_LE.make(0x7FE00008, "OF", bytes(256))),
        picture(EXPLICIT_LE.make(0x7FE00008, "OF", bytes(256)) + native()),
        picture(native() + LESS),
        picture(LESS + native()),
        picture(EXPLICIT_LE.make(0x00280010, "US", us(0x2000)) + native(), without=[0x00280010]),
        picture(EXPLICIT_LE.make(0x00280010, "US", b"\x20\0") + native(), without=[0x00280010]),
        picture(native() + ROWS, without=[0x00280010]),
        native() + picture(b""),
        picture(native(), without=[0x00280010]) + ROWS,
        picture(native(), changes={0x00280010: ("US", b"\x08\0\x04\0")}),
        picture(native(), changes={0x00280010: ("US", b"\x08\0\x04")}),
        picture(native(), changes={0x00280010: ("US", b"")}),
        picture(native(), changes={0x00280010: ("SS", us(8))}),
        picture(native(), changes={0x00280010: ("IS", b"8 ")}),
        picture(native(), changes={0x00280010: ("UN", item(ROWS))}),
        picture(native(), changes={0x00280008: ("IS", b"2 ")}),
        picture(native(), changes={0x00280100: ("US", us(16))}),
        picture(native(), changes={0x00280004: ("CS", b"RGB ")}),
        picture(native()[:-2]),
        picture(EXPLICIT_LE.make(0x7FE00010, "OB", FRAME + FRAME)),
        picture(EXPLICIT_LE.make(0x7FE00010, "OB", b"")),
        picture(EXPLICIT_LE.make(0x7FE00009, "OD", FRAME)),
        picture(native(), where=regions() + regions()),
        picture(native(), changes={0x00186011: ("SQ", b"")}, where=regions() + regions(corners=(0, 0, 7, 6))),
        picture(native(), changes={0x00081090: ("LO", b"A ")}) + EXPLICIT_LE.make(0x00081090, "LO", b"B "),
    ],
)
def test_what_contradicts_what_was_decided_by_is_not_masked_by_guess(data_set: bytes) -> None:
    refused(data_set, GatewayError)


@pytest.mark.parametrize("sop_class", [ULTRASOUND, CT])
def test_an_overlay_inside_the_pixels_does_not_leave_whatever_is_decided_about_them(sop_class: bytes) -> None:
    for group, bit in ((0x6000, 8), (0x601E, 15)):
        overlay = EXPLICIT_LE.make(group << 16 | 0x0102, "US", us(bit))
        data_set = picture(overlay + native(), sop_class=sop_class)
        refused(data_set, RefusedByMasks, "an overlay lies in bits of the pixels")
        with pytest.raises(RefusedByMasks, match="an overlay lies"):
            answered(part10(picture(overlay + native(), without=[0x00186011])), 4096, CLEAN)
    apart = EXPLICIT_LE.make(0x60000102, "US", us(0))
    assert released(picture(apart + native(), sop_class=sop_class)).endswith(
        native() if sop_class == CT else blanked(FRAME)
    )


def test_an_overlay_inside_the_pixels_leaves_where_all_may() -> None:
    overlay = EXPLICIT_LE.make(0x60000102, "US", us(8))
    assert released(picture(overlay + native(), sop_class=CT), engine(ALLOWS)).endswith(native())
    with pytest.raises(RefusedByMasks, match="an overlay lies"):
        released(picture(overlay + native()), engine(ALLOWS))


def test_what_other_objects_said_is_not_believed_of_this_one() -> None:
    by = masking()
    other = picture(native(), changes={0x00280101: ("US", us(7))})
    for _ in range(3):
        assert finished(by.part10(), part10(other), 4096)
    known = other[other.index(b"\x28\0\x02\0") : -len(native())]
    series, group = EXPLICIT_LE.make(0x0020000E, "UI", b"1.4"), {0x00280000: ("UL", bytes(4))}
    with pytest.raises(MalformedInput, match="twice or out of order"):
        finished(by.part10(), part10(picture(series + known + native(), changes=group)), 4096)


def test_numbers_in_un_are_little_endian() -> None:
    assert released(picture(native(), changes={0x00280010: ("UN", us(8))})).endswith(blanked(FRAME))
    big = picture(native(1, EXPLICIT_BE), EXPLICIT_BE, changes={0x00280010: ("UN", us(8))})
    refused(big, MalformedInput, "VR that it cannot have", b"1.2.840.10008.1.2.2")


def test_pixels_that_the_head_does_not_speak_of_do_not_pass_even_where_all_pass() -> None:
    by = engine(ALLOWS)
    for data_set in (picture(native(), without=[0x00280010]), picture(native() + native())):
        with pytest.raises(MalformedInput):
            released(data_set, by)
    report = b"1.2.840.10008.5.1.4.1.1.88.11"
    document = EXPLICIT_LE.make(0x00420011, "OB", FRAME)
    assert FRAME not in released(picture(document, sop_class=report, without=[0x00280010, 0x00280011]), by)
    by = engine("  EncapsulatedDocument: {disabled: true}\n" + ALLOWS)
    assert FRAME not in released(picture(document, sop_class=report, without=[0x00280010, 0x00280011]), by)
    pdf = b"1.2.840.10008.5.1.4.1.1.104.1"
    assert FRAME in released(picture(document, sop_class=pdf, without=[0x00280010, 0x00280011]), by)


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        (b"1.2.840.10008.1.2.4.102", "H.264"),
        (b"1.2.840.10008.1.2.4.93", "Part 2"),
        (b"1.2.840.10008.1.2.4.53", "Spectral Selection"),
        (b"1.2.840.10008.1.2.4.94", "JPIP"),
    ],
)
def test_what_cannot_be_encoded_again_is_refused_by_name_before_anything_leaves(syntax: bytes, name: str) -> None:
    rewriter = masking().part10()
    with pytest.raises(RefusedByMasks, match=name):
        rewriter.pieces(part10(picture(encapsulated(b"\0\0\1\xb3")), syntax))
    passes = picture(encapsulated(b"\xff\xd8\xff\xd9"), sop_class=CT)
    assert released(passes, syntax=b"1.2.840.10008.1.2.4.53").endswith(encapsulated(b"\xff\xd8\xff\xd9"))


def test_a_suspect_without_a_rule_is_refused_before_anything_leaves() -> None:
    data = part10(picture(native(), without=[0x00186011]))
    with pytest.raises(RefusedByMasks, match="no mask rule matches"):
        masking().part10().pieces(data)


def screening() -> Engine:
    return engine("apply_masks: true\nburned_in_text: mask_or_screen\n")


def test_nobody_to_screen_means_refused() -> None:
    for step in STEPS:
        with pytest.raises(RefusedByMasks, match="nothing screens here"):
            finished(screening().part10(), part10(picture(native(), without=[0x00186011])), step)


def answered(data: bytes, step: int, answer: PixelDecision) -> bytes:
    """Rewrite an object that asks, and answer as soon as it does."""
    rewriter = screening().part10(asks=True)
    out: list[bytes] = []
    for at in (*range(0, len(data), step), None):
        steps = rewriter.last_pieces() if at is None else rewriter.pieces(data[at : at + step])
        if rewriter.question:
            assert not out + steps
            assert rewriter.head is not None
            assert (rewriter.head.sop_instance, rewriter.series) == ("1.2.3", "1.4")
            steps = rewriter.answer(answer)
        out += map(bytes, plain(steps))
    return b"".join(out)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_deflated", [False, True])
def test_what_must_be_screened_waits_for_the_answer(step: int, is_deflated: bool) -> None:
    data_set = picture(native(), without=[0x00186011])
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(data_set) + packer.flush()
    data = part10(packed, DEFLATED) if is_deflated else part10(data_set)

    def end(answer: PixelDecision) -> bytes:
        out = answered(data, step, answer)
        start = out.index(b"DICOMVEIL_1") + len(b"DICOMVEIL_1 ")
        return (zlib.decompress(out[start:], wbits=-zlib.MAX_WBITS) if is_deflated else out)[-len(FRAME) :]

    assert end(PixelDecision(Verdict.PASS, is_clean=True)) == FRAME
    assert end(PixelDecision(Verdict.MASK, OUTSIDE, is_clean=True)) == blanked(FRAME)
    with pytest.raises(RefusedByMasks, match="a name was found"):
        end(PixelDecision(Verdict.REFUSE, reason="a name was found"))
    with pytest.raises(RefusedByMasks, match="nothing screens here"):
        end(PixelDecision(Verdict.SCREEN, reason="again"))


def test_an_answer_about_another_image_is_none() -> None:
    data = part10(picture(native(2), frames=2, without=[0x00186011]))
    looked_at = Image(8, 8, 1, 8, 8, is_signed=False, photometric="MONOCHROME2", frames=2)
    for image, is_same in (
        (looked_at, True),
        (replace(looked_at, frames=1), False),
        (replace(looked_at, rows=4), False),
    ):
        rewriter = screening().part10(asks=True)
        assert not rewriter.pieces(data)
        if is_same:
            assert b"".join(map(bytes, plain(rewriter.answer(CLEAN, image)))).endswith(native(2))
        else:
            with pytest.raises(MalformedInput, match="another image"):
                rewriter.answer(CLEAN, image)


ALONE = [0x00186011]
"""What is left out of a picture, so that no rule is for it and it must be screened."""


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("pixels", "frames", "what", "syntax"),
    [
        (native(2), 1, "longer than their frames", EXPLICIT),
        (native(1), 2, "shorter than their frames", EXPLICIT),
        (encapsulated(b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xd9"), 1, "more frames", JPEG),
        (encapsulated(b"\xff\xd8\xff\xd9"), 2, "fewer frames", JPEG),
        (encapsulated(), 1, "fewer frames", JPEG),
        (encapsulated(bytes(64), bytes(64)), 1, "more frames", b"1.2.840.10008.1.2.1.98"),
        (encapsulated(bytes(64)), 2, "fewer frames", b"1.2.840.10008.1.2.1.98"),
    ],
)
def test_what_was_found_clean_has_the_frames_that_were_looked_at(
    pixels: bytes, frames: int, what: str, syntax: bytes, step: int
) -> None:
    with pytest.raises(MalformedInput, match=what):
        answered(part10(picture(pixels, frames=frames, without=ALONE), syntax), step, CLEAN)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("pixels", "frames", "syntax"),
    [
        (native(2), 2, EXPLICIT),
        (encapsulated(b"\xff\xd8\xff\xd9", b"\xff\xd8", b"\xff\xd9", table=us(0) * 4), 2, JPEG),
        (encapsulated(b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xd9"), 2, b"1.2.840.10008.1.2.4.53"),
        (encapsulated(bytes(64), bytes(64)), 2, b"1.2.840.10008.1.2.1.98"),
    ],
)
def test_what_was_found_clean_leaves_as_it_is(pixels: bytes, frames: int, syntax: bytes, step: int) -> None:
    out = answered(part10(picture(pixels, frames=frames, without=ALONE), syntax), step, CLEAN)
    assert out.endswith(pixels)
    assert NO in out


def test_nobody_can_have_looked_at_every_frame_of_a_video() -> None:
    data = part10(picture(encapsulated(b"\0\0\1\xb3"), without=ALONE), b"1.2.840.10008.1.2.4.102")
    with pytest.raises(RefusedByMasks, match=r"H\.264"):
        answered(data, 4096, CLEAN)


def test_an_answer_to_another_question_is_none() -> None:
    data = part10(picture(native(), without=ALONE))
    with pytest.raises(RefusedByMasks, match="say otherwise"):
        answered(data, 4096, PASSES)
    by = engine("apply_masks: true\nburned_in_text: screen\n").part10(asks=True)
    assert not by.pieces(part10(picture(native())))
    assert by.question is not None
    assert by.question.rectangles == OUTSIDE
    with pytest.raises(RefusedByMasks, match="say otherwise"):
        by.answer(CLEAN)


def test_a_question_that_nobody_answers_lets_nothing_out() -> None:
    rewriter = screening().part10(asks=True)
    assert not rewriter.pieces(part10(picture(native(), without=[0x00186011])))
    assert rewriter.question is not None
    with pytest.raises(RefusedByMasks):
        rewriter.last_pieces()
    rewriter = screening().part10(asks=True, limits=Limits(max_head_bytes=1000))
    rewriter.pieces(part10(picture(native(), without=[0x00186011])))
    with pytest.raises(LimitExceeded):
        rewriter.pieces(bytes(1000))


def test_a_profile_without_masks_reads_no_further_than_before() -> None:
    plain = Engine(profile("nominal"), KEYS).part10()
    assert plain.pieces(part10(picture(native())[:230]))
    assert not masking().part10().pieces(part10(picture(native())[:230]))
    assert Engine(profile("nominal"), KEYS).part10().feed(part10(picture(native() + native()))).count(FRAME) == 2
    assert ULTRASOUND in picture(native())
