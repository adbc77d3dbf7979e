"""Dates and times: values, ranges, and both together."""

import pytest

from gateway.core.errors import BadRequest
from gateway.core.rewrite.moments import combined, parse_range, require_moment


@pytest.mark.parametrize(
    ("vr", "wanted", "value", "holds"),
    [
        ("DA", "20200713", "20200713", True),
        ("DA", "20200713", "20200714", False),
        ("DA", "202007", "20200731", True),
        ("DA", "2020-2021", "20211231", True),
        ("DA", "2020-2021", "20220101", False),
        ("DA", "-20200713", "19000101", True),
        ("DA", "20200713-", "2020.07.13", True),
        ("DA", "20200713-", "July", False),
        ("DA", "20200713-", "\u0662\u0660\u0662\u0661\u0660\u0661\u0660\u0661", False),
        ("TM", "11", "115959.5", True),
        ("TM", "1100-1159", "115959.999999", True),
        ("TM", "115959.5-", "115959.4", False),
        ("TM", "11:00-12:00", "1130", True),
        ("TM", "1130-", "11", False),  # 11 o'clock
        ("DT", "202007-202008", "20200713115959", True),
        ("DT", "20200713", "20200713115959.123", True),
        ("DT", "2019-2020", "20200101", True),
        ("DT", "2020-1000", "20200101", True),  # an offset: ten hours west of Greenwich
        ("DT", "202007131200+0000", "202007131400+0200", True),
        ("DT", "202007131200+0000-", "202007131400+0300", False),
        ("DT", "202007131200-0500-202007131300-0500", "202007131730+0000", True),
        ("DT", "-202007131200+0000", "202007131300+0200", True),
        ("DT", "2020+0000", "2020+0200", True),
        ("DT", "209999999999+0000", "202007131300+0200", False),
        ("DT", "202007131200", "202007131200+0200", True),  # a local time
    ],
)
def test_values_lie_in_ranges(vr: str, wanted: str, value: str, holds: bool) -> None:
    found = parse_range(vr, wanted)
    assert found is not None
    assert found.holds(value) is holds


@pytest.mark.parametrize(
    ("vr", "text"),
    [("DA", ""), ("DA", "-"), ("DA", "a"), ("TM", "1"), ("DT", "20"), ("TM", "1-"), ("DA", "\u0662\u0660\u0662\u0660")],
)
def test_what_is_no_range_is_none(vr: str, text: str) -> None:
    assert parse_range(vr, text) is None


@pytest.mark.parametrize(
    ("dates", "times", "on", "at", "holds"),
    [
        ("20060705-20060707", "1000-1800", "20060705", "0959", False),
        ("20060705-20060707", "1000-1800", "20060705", "1000", True),
        ("20060705-20060707", "1000-1800", "20060706", "0300", True),
        ("20060705-20060707", "1000-1800", "20060707", "180059", True),
        ("20060705-20060707", "1000-1800", "20060707", "1801", False),
        ("20060705-", "1000-", "20060706", "09", True),
        ("-20060705", "-1000", "20060705", "1001", False),
        ("20060705-20060707", "1000-1800", "20060706", "noon", False),
        ("20060705-20060707", "1000-1800", "", "1200", False),
    ],
)
def test_a_date_and_its_time_are_one_range(dates: str, times: str, on: str, at: str, holds: bool) -> None:
    date, time = parse_range("DA", dates), parse_range("TM", times)
    assert date
    assert time
    test = combined(date, time)
    assert test is not None
    assert test(on, at) is holds


@pytest.mark.parametrize(("dates", "times"), [("20060705", "10-18"), ("20060705-20060706", "10-"), ("2006-2007", "10")])
def test_ranges_of_another_form_stay_apart(dates: str, times: str) -> None:
    date, time = parse_range("DA", dates), parse_range("TM", times)
    assert date
    assert time
    assert combined(date, time) is None


@pytest.mark.parametrize("value", ["", "-", "2020*", "*", "2020????", "20200101-"])
def test_a_moment_a_range_and_a_pattern_are_taken(value: str) -> None:
    require_moment("DA", "StudyDate", value)


@pytest.mark.parametrize("value", ["x", "x*", "2020010", "2020-2021-", '""', "20200101,20200102"])
def test_anything_else_is_refused_by_name(value: str) -> None:
    with pytest.raises(BadRequest, match="StudyDate is not a date or time, or a range of them"):
        require_moment("DA", "StudyDate", value)
