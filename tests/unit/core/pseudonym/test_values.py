"""One date, time or date-time as text: moved back by days, or cut to its year; what is none becomes empty."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.pseudonym.values import shift, truncate


@pytest.mark.parametrize(
    ("vr", "value", "days", "moved"),
    [
        ("DA", "20200301", 1, "20200229"),
        ("DA", "20190301", 1, "20190228"),
        ("DA", "20200101", 365, "20190101"),
        ("DA", " 20200102 ", 1, "20200101"),
        ("DA", "20200102\0", 1, "20200101"),
        ("DA", "2020.01.02", 1, "20200101"),  # ACR-NEMA wrote points (PS3.5 Table 6.2-1)
        ("DA", "00010102", 1, "00010101"),
        ("DT", "20200301", 1, "20200229"),
        ("DT", "20200301120000", 1, "20200229120000"),
        ("DT", "202003011200", 1, "202002291200"),
        ("DT", "20200301235959.123456+0100", 1, "20200229235959.123456+0100"),
        ("DT", "20200301-0500", 1, "20200229-0500"),
        ("TM", "235959.999999", 100, "235959.999999"),
        ("TM", "23", 100, "23"),
        ("TM", "2359", 100, "2359"),
        ("TM", "23:59:59", 100, "23:59:59"),
        ("TM", " 2359 ", 100, "2359"),
    ],
)
def test_a_whole_date_moves_and_the_time_of_day_stays(vr: str, value: str, days: int, moved: str) -> None:
    assert shift(vr, value, days) == moved


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        ("DA", ""),
        ("DA", "2020"),
        ("DA", "202001"),
        ("DA", "20200230"),
        ("DA", "00000101"),
        ("DA", "00010101"),  # a day earlier there is no date
        ("DA", "20200101-20200102"),
        ("DA", "20200101SMITH"),
        ("DA", "SMITH"),
        ("DT", "2020"),
        ("DT", "202003"),
        ("DT", "20200301SMITH"),
        ("DT", "20200301120000+01"),
        ("DT", "202003011200001"),
        ("TM", ""),
        ("TM", "SMITH"),
        ("TM", "1200SMITH"),
        ("TM", "12:00-13:00"),
    ],
)
def test_what_is_not_a_whole_valid_date_or_time_becomes_empty(vr: str, value: str) -> None:
    assert shift(vr, value, 1) == ""


@pytest.mark.parametrize(
    ("vr", "value", "cut"),
    [
        ("DA", "20200713", "20200101"),
        ("DA", "2020.07.13", "20200101"),
        ("DA", " 20200713\0", "20200101"),
        ("DA", "2020", "20200101"),
        ("DT", "20200713115959.5+0100", "20200101"),
        ("DT", "2020+0100", "20200101"),
        ("DT", "202007", "20200101"),
        ("TM", "115959", "000000"),
        ("TM", "SMITH", "000000"),
        ("TM", "", ""),
        ("DA", "", ""),
        ("DA", "SMITH", ""),
        ("DA", "202", ""),
        ("DA", "20207", ""),
        ("DA", "2020SMITH", ""),
    ],
)
def test_a_date_is_cut_to_its_year_and_a_time_to_midnight(vr: str, value: str, cut: str) -> None:
    assert truncate(vr, value) == cut


@given(st.dates(min_value=dt.date(1800, 1, 1)), st.integers(1, 365))
def test_the_distance_between_two_dates_survives(day: dt.date, days: int) -> None:
    moved = dt.datetime.strptime(shift("DA", f"{day:%Y%m%d}", days), "%Y%m%d").replace(tzinfo=dt.UTC)
    assert (day - moved.date()).days == days


@given(st.sampled_from(["DA", "DT", "TM"]), st.text(), st.integers(1, 365))
def test_nothing_raises_and_no_letter_survives(vr: str, value: str, days: int) -> None:
    assert not any(character.isalpha() for character in shift(vr, value, days) + truncate(vr, value))
