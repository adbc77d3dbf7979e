"""One date, time or date-time as text: moved back by days, or cut to its year; what is none becomes empty."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.pseudonym.keys import MAX_SHIFT_DAYS, KeyRing
from gateway.core.pseudonym.values import cap_age, cap_measured_age, shift, truncate


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
        ("TM", "235960", 100, "235960"),  # a leap second
        ("DA", "20000301", 1, "20000229"),
        ("DA", "19000301", 1, "19000228"),  # no leap year
        ("DA", "20210228", 365, "20200229"),
        ("DA", "20200229", 365, "20190301"),
        ("DA", "99991231", 1, "99991230"),
        ("DT", "20200301000000.000001-1130", 1, "20200229000000.000001-1130"),
        ("DT", "2020030112+1400", 1, "2020022912+1400"),
        ("SH", "+0100", 100, "+0100"),  # Timezone Offset From UTC (0008,0201)
        ("SH", "-0330 ", 100, "-0330"),
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
        ("TM", "240000"),
        ("TM", "1260"),
        ("TM", "12:3045"),
        ("TM", "123"),
        ("TM", "123045."),
        ("TM", "\u0661\u0662"),  # digits, yet not ASCII
        ("DA", "\u0662\u0660\u0662\u06600101"),
        ("DA", "19000229"),
        ("DA", "20201301"),
        ("DA", "2020.0102"),
        ("DA", "2020-01-02"),
        ("DA", "100000101"),
        ("DT", "2020+0100"),
        ("DT", "202003-0500"),
        ("DT", "2020030"),
        ("DT", "202003011"),
        ("DT", "20200301.5"),
        ("DT", "202003012460"),
        ("DT", "20200301120000.1234567"),
        ("DT", "20200301+2500"),
        ("DT", "20200101-20200102"),
        ("SH", ""),
        ("SH", "0100"),
        ("SH", "+0160"),
        ("SH", "SMITH"),
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
        ("DA", "00000101", ""),
    ],
)
def test_a_date_is_cut_to_its_year_and_a_time_to_midnight(vr: str, value: str, cut: str) -> None:
    assert truncate(vr, value) == cut


@pytest.mark.parametrize(
    ("vr", "value", "cut"),
    [
        ("DA", "20200713", "20200701"),
        ("DA", "2020.07.13", "20200701"),
        ("DA", " 20201213\0", "20201201"),
        ("DT", "20200713115959.5+0100", "20200701"),
        ("DT", "202007", "20200701"),
        ("TM", "115959", "000000"),
        ("DA", "2020", ""),
        ("DT", "2020+0100", ""),
        ("DA", "20200013", ""),
        ("DA", "20201313", ""),
        ("DA", "SMITH", ""),
        ("DA", "", ""),
    ],
)
def test_a_date_is_cut_to_its_month(vr: str, value: str, cut: str) -> None:
    assert truncate(vr, value, "month") == cut


@pytest.mark.parametrize(
    ("value", "capped"),
    [
        ("045Y", "045Y"), ("089Y", "089Y"), ("090Y", "090Y"), ("091Y", "090Y"), ("104Y", "090Y"), ("999Y", "090Y"),
        ("018M", "018M"), ("999M", "999M"), ("999W", "999W"), ("000D", "000D"), (" 092Y\0", "090Y"),
        ("", ""), ("92Y", ""), ("1092M", ""), ("092y", ""), ("092", ""), ("SMITH", ""), ("\u0660\u0669\u0662Y", ""),
    ],
)  # fmt: skip
def test_an_age_above_89_becomes_90_and_what_is_no_age_becomes_empty(value: str, capped: str) -> None:
    assert cap_age(value) == capped


MOMENTS = st.datetimes(min_value=dt.datetime(1800, 1, 1), max_value=dt.datetime(9999, 12, 31))  # noqa: DTZ001 no zone
ZONE = st.builds("{}{:02}{}".format, st.sampled_from("+-"), st.integers(0, 14), st.sampled_from(["00", "30"]))
DAYS = st.integers(1, MAX_SHIFT_DAYS)


def read(text: str) -> dt.datetime:
    """Read a date and time, as PS3.5 writes them one after the other, with an offset from UTC or none."""
    return dt.datetime.strptime(text, "%Y%m%d%H%M%S.%f" + ("%z" if text[-5] in "+-" else ""))  # noqa: DTZ007 see above


@given(MOMENTS, MOMENTS, DAYS)
def test_the_interval_between_two_pairs_of_date_and_time_survives_midnight_too(
    one: dt.datetime, other: dt.datetime, days: int
) -> None:
    moved = [read(shift("DA", f"{at:%Y%m%d}", days) + shift("TM", f"{at:%H%M%S.%f}", days)) for at in (one, other)]
    assert moved[0] - moved[1] == one - other


@given(MOMENTS, MOMENTS, st.tuples(ZONE, ZONE) | st.just(("", "")), DAYS)
def test_the_interval_between_two_dts_survives_whatever_their_zones(
    one: dt.datetime, other: dt.datetime, zones: tuple[str, str], days: int
) -> None:
    texts = [f"{at:%Y%m%d%H%M%S.%f}{zone}" for at, zone in zip((one, other), zones, strict=True)]
    moved = [shift("DT", text, days) for text in texts]
    assert read(moved[0]) - read(moved[1]) == read(texts[0]) - read(texts[1])
    assert [text[8:] for text in moved] == [text[8:] for text in texts]


@given(MOMENTS, DAYS)
def test_a_dt_and_the_pair_that_says_the_same_go_on_saying_the_same(at: dt.datetime, days: int) -> None:
    pair = shift("DA", f"{at:%Y%m%d}", days) + shift("TM", f"{at:%H%M%S.%f}", days)
    assert shift("DT", f"{at:%Y%m%d%H%M%S.%f}", days) == pair


@given(st.text(), st.text(min_size=1), st.lists(st.text(), min_size=2), st.dates(dt.date(1800, 1, 1)))
def test_all_studies_of_a_patient_move_alike(issuer: str, patient_id: str, studies: list[str], day: dt.date) -> None:
    ring = KeyRing(bytes(32), "research")
    moved = {shift("DA", f"{day:%Y%m%d}", ring.shift_days(issuer, patient_id, study)) for study in studies}
    assert len(moved) == 1


@given(st.from_regex(r"\A[0-9]{0,16}\Z"), st.sampled_from(["DA", "DT"]), DAYS)
def test_what_is_moved_is_a_valid_date(value: str, vr: str, days: int) -> None:
    moved = shift(vr, value, days)
    assert not moved or dt.date.fromisoformat(moved[:8]) + dt.timedelta(days) == dt.date.fromisoformat(value[:8])


@given(st.dates(min_value=dt.date(1800, 1, 1)), st.integers(1, 365))
def test_the_distance_between_two_dates_survives(day: dt.date, days: int) -> None:
    moved = dt.datetime.strptime(shift("DA", f"{day:%Y%m%d}", days), "%Y%m%d").replace(tzinfo=dt.UTC)
    assert (day - moved.date()).days == days


@given(st.sampled_from(["DA", "DT", "TM", "SH"]), st.text(), DAYS)
def test_nothing_raises_and_nothing_but_ascii_digits_and_marks_survives(vr: str, value: str, days: int) -> None:
    released = shift(vr, value, days) + truncate(vr, value) + truncate(vr, value, "month")
    assert set(released) <= set("0123456789.:+-")
    assert set(cap_age(value)) <= set("0123456789YMWD")


@pytest.mark.parametrize(
    ("value", "unit", "capped"),
    [
        ("90", "a", "90"),
        ("104", "a", "90"),
        ("89", "a", "89"),
        (" 089.0 ", "a", "089.0"),
        ("89.1", "a", "90"),
        ("-1", "a", "-1"),
        ("1.1E2", "a", "90"),
        ("1069", "mo", "1080"),
        ("1068", "mo", "1068"),
        ("90", "yr", ""),
        ("90", "", ""),
        ("", "a", ""),
        ("old", "a", ""),
        ("nan", "a", ""),
    ],
)
def test_a_measured_age_is_capped_in_its_unit(value: str, unit: str, capped: str) -> None:
    assert cap_measured_age(value, unit) == capped
