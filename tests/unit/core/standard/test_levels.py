"""Which attributes a search of a level may match and return."""

import pytest

from gateway.core.standard import dictionary
from gateway.core.standard.levels import SERIES_ATTRIBUTES, STUDY_ATTRIBUTES, Level, attributes_above, level_of


@pytest.mark.parametrize(
    ("keyword", "level"),
    [
        ("PatientName", Level.STUDY), ("PatientComments", Level.STUDY), ("StudyDate", Level.STUDY),
        ("ModalitiesInStudy", Level.STUDY), ("NumberOfStudyRelatedSeries", Level.STUDY), ("RetrieveURL", Level.STUDY),
        ("InstitutionName", Level.STUDY), ("Modality", Level.SERIES), ("SeriesDescription", Level.SERIES),
        ("Manufacturer", Level.SERIES), ("RequestAttributesSequence", Level.SERIES), ("SOPInstanceUID", Level.INSTANCE),
        ("SOPClassUID", Level.INSTANCE), ("Rows", Level.INSTANCE), ("ContentDate", Level.INSTANCE),
    ],
)  # fmt: skip
def test_an_attribute_stands_at_its_level(keyword: str, level: Level) -> None:
    assert level_of(dictionary.tag_of(keyword) or 0) is level


def test_a_private_attribute_stands_wherever_the_origin_has_it() -> None:
    assert level_of(0x00091010) is Level.STUDY


def test_the_lists_hold_attributes_of_the_standard_once() -> None:
    both = (*STUDY_ATTRIBUTES, *SERIES_ATTRIBUTES)
    assert len(both) == len(set(both))
    assert [f"{tag:08X}" for tag in both if dictionary.vr_of(tag) is None] == []


@pytest.mark.parametrize("level", Level)
def test_everything_of_a_level_includes_what_is_above_and_no_counts(level: Level) -> None:
    tags = set(attributes_above(level))
    assert {0x00100010, 0x00080020} <= tags
    assert (0x00080060 in tags) is (level is not Level.STUDY)
    assert not {0x00201206, 0x00201208, 0x00201209} & tags
