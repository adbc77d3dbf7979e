"""Tags and masks."""

import pytest

from gateway.core.standard.tags import (
    TagMask,
    format_tag,
    is_group_length,
    is_private,
    is_private_creator,
    json_key,
    parse_mask,
    parse_tag,
)


@pytest.mark.parametrize("text", ["(7fe0,0010)", "7FE0,0010", "7fe00010", "(7FE0,0010)"])
def test_every_usual_spelling_of_a_tag_is_read(text: str) -> None:
    assert parse_tag(text) == 0x7FE00010


@pytest.mark.parametrize(
    "text", ["", "10,20", "(0010,0020", "0010,0020)", "0010 0020", "0010,002g", "00100020\n", "60xx,3000", "PatientID"]
)
def test_anything_else_is_no_tag(text: str) -> None:
    with pytest.raises(ValueError, match="not a tag"):
        parse_tag(text)


def test_a_tag_is_printed_for_people_and_for_json() -> None:
    assert format_tag(0x0008103E) == "(0008,103E)"
    assert json_key(0x0008103E) == "0008103E"
    assert parse_tag(format_tag(0xFFFCFFFC)) == parse_tag(json_key(0xFFFCFFFC)) == 0xFFFCFFFC


@pytest.mark.parametrize("text", ["60xx,3000", "(60xx,3000)", "60XX3000"])
def test_a_mask_matches_every_repeat_of_its_group_and_nothing_else(text: str) -> None:
    mask = parse_mask(text)
    assert mask.matches(0x60003000)
    assert mask.matches(0x601E3000)
    assert not mask.matches(0x60003001)
    assert not mask.matches(0x50003000)
    assert str(mask) == "(60xx,3000)"


def test_a_mask_of_a_repeating_group_leaves_private_groups_out() -> None:
    assert not parse_mask("60xx,3000").matches(0x60013000)
    assert not parse_mask("(50xx,xxxx)").matches(0x50010010)
    assert parse_mask("(50xx,xxxx)").matches(0x50FEFFFF)


def test_a_mask_may_be_free_in_the_element_alone() -> None:
    mask = parse_mask("(0028,04x2)")
    assert mask.matches(0x00280432)
    assert not mask.matches(0x00280433)
    assert parse_mask("(0029,10xx)").matches(0x00291055)


@pytest.mark.parametrize("text", ["", "60xx", "(60xx,3000", "6zxx,3000"])
def test_anything_else_is_no_mask(text: str) -> None:
    with pytest.raises(ValueError, match="not a tag mask"):
        parse_mask(text)


def test_a_plain_tag_is_no_mask() -> None:
    with pytest.raises(ValueError, match="no digit is free"):
        parse_mask("6000,3000")


def test_a_mask_is_a_plain_value() -> None:
    assert TagMask(0xFF000000, 0x50000000).matches(0x50123456)


def test_private_tags_creators_and_group_lengths_are_told_apart() -> None:
    assert is_private(0x00090010)
    assert not is_private(0x00080010)
    assert [tag for tag in (0x0009000F, 0x00090010, 0x000900FF, 0x00090100, 0x00080010) if is_private_creator(tag)] == [
        0x00090010,
        0x000900FF,
    ]
    assert is_group_length(0x00080000)
    assert not is_group_length(0x00080001)
