"""Events as lines of JSON."""

import json

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.audit.events import BEGIN, Event, Kind, Outcome, clean
from gateway.audit.lines import encode, stamp
from tests.unit.audit.test_dicom import FULL, INSTANCE, SERIES, STUDY


def test_an_event_is_one_flat_object_without_what_is_empty() -> None:
    (line,) = encode(replace(FULL, released=(STUDY, SERIES, INSTANCE), left_out={"refused": 1}))
    assert json.loads(line) == {
        "time": "2001-09-09T01:46:40.000Z", "event": "transfer", "outcome": "success", "id": "abc", "user": "alice",
        "method": "token", "client": "10.0.0.1", "transaction": "RetrieveStudy", "place": "worklist:research",
        "profile": "0123456789abcdef", "status": 200, "count": 3, "study": STUDY, "series": SERIES,
        "instance": INSTANCE, "bytes": 4096, "refused": 1, "actions": {"removed": 7},
    }  # fmt: skip


def test_the_beginning_of_something_says_so() -> None:
    (line,) = encode(Event(Kind.STORE, 0.5, Outcome.FAILED, BEGIN))
    told = {"time": "1970-01-01T00:00:00.500Z", "event": "store", "outcome": "failed", "stage": "begin"}
    assert json.loads(line) == told


def test_a_time_is_in_utc_and_of_milliseconds() -> None:
    assert stamp(1e9 + 0.9999) == "2001-09-09T01:46:40.999Z"


@given(st.text(max_size=300))
def test_any_name_makes_one_line(user: str) -> None:
    (line,) = encode(replace(FULL, user=clean(user)))
    assert len(line.decode().splitlines()) == 1
    assert json.loads(line).get("user", "") == clean(user)
