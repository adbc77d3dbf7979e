"""What is put on record of a call, when, and what happens where it cannot be."""

import logging
from dataclasses import replace

import pytest

from gateway.access.model import ANONYMOUS, GATEWAY, Method, Principal, Role
from gateway.audit.events import BEGIN, Event, Kind, Outcome, kind_of
from gateway.audit.recorder import MAX_OWED, MAX_TURNED_AWAY, Recorder
from gateway.calls import Call
from gateway.core.errors import AuditFailed
from gateway.uplink.model import Job, State

PLACE = "worklist:research"
ALICE = Principal("alice", Method.TOKEN, {PLACE: frozenset({Role.VIEW})})
SOURCE = "1.2.826.0.1.55.1"
RELEASED = "2.25.5"


class Kept:
    """A sink that keeps events, or does not while it is ``broken``."""

    def __init__(self, name: str = "kept") -> None:
        self.name = name
        self.events: list[Event] = []
        self.broken = False
        self.life: list[str] = []

    async def open(self) -> None:
        self.life.append("open")

    async def aclose(self) -> None:
        self.life.append("closed")

    def write(self, event: Event) -> None:
        if self.broken:
            raise AuditFailed("broken")
        self.events.append(event)

    @property
    def told(self) -> list[tuple[str, str, str]]:
        return [(event.kind.value, event.stage, event.outcome.name.lower()) for event in self.events]


def recorder(*sinks: Kept, required: bool = True) -> Recorder:
    return Recorder(sinks, {PLACE: "digest"}, lambda: 1e9, required=required)


def a_call(transaction: str, principal: Principal = ALICE, path: tuple[str, ...] = (RELEASED,)) -> Call:
    call = Call("id", "10.0.0.1", "GET", 0.0, principal)
    call.transaction, call.place, call.profile, call.released = transaction, PLACE, "digest", path
    return call


def answered(record: Recorder, call: Call, status: int = 200, *, whole: bool = True, fault: str = "") -> None:
    """Do what the front does of a call that is let in."""
    record.entered(call)
    call.status, call.fault = status, fault
    if status < 400:
        record.answering(call)
    else:
        record.refusing(call)
    call.is_whole = whole
    record.ended(call)


@pytest.mark.parametrize(
    ("transaction", "kind"),
    [
        ("SearchForStudies", Kind.QUERY),
        ("SearchForStudySeriesInstances", Kind.QUERY),
        ("RetrieveStudy", Kind.TRANSFER),
        ("RetrieveInstance", Kind.TRANSFER),
        ("RetrieveSeriesPixelData", Kind.TRANSFER),
        ("RetrieveInstanceByURI", Kind.TRANSFER),
        ("RetrieveStudyMetadata", Kind.ACCESS),
        ("RetrieveFrames", Kind.ACCESS),
        ("RetrieveBulkdata", Kind.ACCESS),
        ("RetrieveRenderedStudy", Kind.ACCESS),
        ("RetrieveInstanceThumbnail", Kind.ACCESS),
        ("StoreInstances", Kind.STORE),
        ("StoreStudyInstances", Kind.STORE),
        ("BeginUplink", Kind.CONTROL),
        ("RevokeShare", Kind.CONTROL),
        ("ViewShare", Kind.EXPORT),
        ("OpenShare", Kind.LOGIN),
        ("RetrieveCapabilities", None),
        ("ShowUplink", None),
        ("Liveness", None),
        ("", None),
    ],
)
def test_a_transaction_is_on_record_as_what_it_is(transaction: str, kind: Kind | None) -> None:
    assert kind_of(transaction) is kind


def test_a_transfer_is_on_record_before_its_first_byte_and_after_its_last() -> None:
    sink = Kept()
    record, call = recorder(sink), a_call("RetrieveStudy")
    call.status = 200
    record.entered(call)
    assert not sink.events
    record.answering(call)
    assert sink.told == [("transfer", BEGIN, "success")]
    call.count, call.sent, call.is_whole = 3, 4096, True
    record.ended(call)
    assert sink.told[1:] == [("transfer", "", "success")]
    assert (sink.events[1].count, sink.events[1].sent, sink.events[1].released) == (3, 4096, (RELEASED,))
    assert (sink.events[0].user, sink.events[0].method, sink.events[0].client) == ("alice", "token", "10.0.0.1")


def test_a_transfer_that_broke_off_failed() -> None:
    sink = Kept()
    answered(recorder(sink), a_call("RetrieveStudy"), whole=False, fault="OriginFailed")
    assert sink.told[1:] == [("transfer", "", "failed")]


def test_what_is_looked_at_is_on_record_once_before_it_leaves() -> None:
    sink = Kept()
    answered(recorder(sink), a_call("RetrieveFrames"))
    assert sink.told == [("access", "", "success")]


@pytest.mark.parametrize(("count", "status", "records"), [(7, 200, 1), (0, 204, 1), (0, 200, 2)])
def test_a_search_is_on_record_twice_where_its_results_are_not_counted_yet(
    count: int, status: int, records: int
) -> None:
    sink = Kept()
    call = a_call("SearchForStudies", path=())
    call.count = count
    answered(recorder(sink), call, status)
    assert len(sink.events) == records


@pytest.mark.parametrize("transaction", ["StoreInstances", "BeginUplink", "RevokeShare"])
def test_what_has_an_effect_is_on_record_before_it_has(transaction: str) -> None:
    sink = Kept()
    record, call = recorder(sink), a_call(transaction)
    record.entered(call)
    assert [event.stage for event in sink.events] == [BEGIN]
    answered(record, call, 500, fault="OriginFailed")
    assert sink.told[-1][2] == "failed"


def test_what_is_stored_is_on_record_by_study_as_it_lies_at_the_origin() -> None:
    sink = Kept()
    record, call = recorder(sink), a_call("StoreStudyInstances", path=(SOURCE,))
    record.entered(call)
    call.released = ()  # the door's doing
    call.studies.update({"2.25.1": 2, "2.25.2": 1})
    call.left_out.update({"refused": 1})
    call.status, call.is_whole = 202, True
    record.answering(call)
    record.ended(call)
    assert [(event.released, event.count, dict(event.left_out)) for event in sink.events[1:]] == [
        (("2.25.1",), 2, {"refused": 1}),
        (("2.25.2",), 1, {}),
    ]
    assert SOURCE not in str(sink.events)


@pytest.mark.parametrize(
    ("status", "transaction", "principal", "kind"),
    [
        (401, "", Principal("", Method.NONE), Kind.LOGIN),
        (401, "SearchForStudies", Principal("", Method.NONE), Kind.LOGIN),
        (403, "StoreInstances", ALICE, Kind.STORE),  # begun already: let in, and refused behind the guard
        (404, "RetrieveStudy", ALICE, Kind.TRANSFER),
        (404, "RetrieveStudy", Principal("bob", Method.KEY), Kind.DENIED),
        (403, "RetrieveStudy", ALICE, Kind.DENIED),
        (403, "ShowUplink", ALICE, Kind.DENIED),
        (403, "OpenShare", ALICE, Kind.LOGIN),
        (500, "RetrieveFrames", ALICE, Kind.ACCESS),
    ],
)
def test_what_is_refused_is_on_record_without_a_uid(
    status: int, transaction: str, principal: Principal, kind: Kind
) -> None:
    sink = Kept()
    answered(recorder(sink), a_call(transaction, principal, path=(SOURCE,)), status, fault="NotReleased")
    assert sink.events[-1].kind is kind
    assert sink.events[-1].outcome is (Outcome.FAILED if status == 500 else Outcome.REFUSED)
    assert SOURCE not in str(sink.events)


@pytest.mark.parametrize(("status", "transaction"), [(404, ""), (503, "Readiness"), (200, "ShowUplink"), (200, "")])
def test_what_shows_nothing_is_not_on_record(status: int, transaction: str) -> None:
    sink = Kept()
    call = a_call(transaction)
    call.place = "" if not transaction else call.place
    answered(recorder(sink), call, status)
    assert not sink.events


@pytest.mark.parametrize("transaction", ["SearchForStudies", "RetrieveStudy", "RetrieveFrames"])
def test_what_cannot_be_on_record_is_not_released(transaction: str) -> None:
    sink = Kept()
    sink.broken = True
    record, call = recorder(sink), a_call(transaction)
    record.entered(call)
    call.status = 200
    with pytest.raises(AuditFailed):
        record.answering(call)


def test_what_cannot_be_on_record_has_no_effect() -> None:
    sink = Kept()
    sink.broken = True
    with pytest.raises(AuditFailed):
        recorder(sink).entered(a_call("StoreInstances"))


def test_not_even_a_refusal_goes_unrecorded_and_the_one_for_that_reason_is_said_once() -> None:
    sink = Kept()
    sink.broken = True
    record, call = recorder(sink), a_call("RetrieveStudy")
    call.status = 403
    with pytest.raises(AuditFailed):
        record.refusing(call)
    call.status, call.fault = 503, "AuditFailed"
    record.refusing(call)
    record.ended(call)


def test_one_of_several_sinks_that_fails_is_enough_to_refuse() -> None:
    good, bad = Kept("good"), Kept("bad")
    bad.broken = True
    call = a_call("RetrieveFrames")
    call.status = 200
    with pytest.raises(AuditFailed):
        recorder(good, bad).answering(call)


def test_an_end_that_cannot_be_on_record_is_owed_and_stops_what_comes_next() -> None:
    sink = Kept()
    record, call = recorder(sink), a_call("RetrieveStudy")
    call.status = 200
    record.answering(call)
    sink.broken = True
    call.is_whole = True
    record.ended(call)
    later = a_call("RetrieveFrames")
    later.status = 200
    with pytest.raises(AuditFailed):
        record.answering(later)
    sink.broken = False
    record.answering(later)
    assert sink.told == [
        ("transfer", BEGIN, "success"),
        ("resumed", "", "success"),
        ("transfer", "", "success"),
        ("access", "", "success"),
    ]
    assert sink.events[1].count == 2


async def test_a_sink_that_works_again_is_found_to_without_a_request() -> None:
    sink = Kept()
    record, call = recorder(sink), a_call("RetrieveStudy")
    call.status, call.is_whole = 200, True
    record.answering(call)
    assert await record.is_working()
    sink.broken = True
    record.ended(call)
    assert not await record.is_working()
    sink.broken = False
    assert await record.is_working()
    assert [event.kind for event in sink.events] == [Kind.TRANSFER, Kind.RESUMED, Kind.TRANSFER]
    assert await record.is_working()
    assert len(sink.events) == 3


def test_where_records_are_not_required_nothing_is_refused_and_they_come_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = Kept()
    sink.broken = True
    record = recorder(sink, required=False)
    for _ in range(3):
        answered(record, a_call("RetrieveStudy"))
    assert [one.levelno for one in caplog.records] == [logging.ERROR]  # said once, not for each
    sink.broken = False
    answered(record, a_call("RetrieveFrames"))
    assert len(sink.events) == 8
    assert [one.levelno for one in caplog.records] == [logging.ERROR, logging.WARNING]


def test_what_is_owed_says_what_was_so_when_it_came_to_be() -> None:
    sink = Kept()
    sink.broken = True
    record, call = recorder(sink, required=False), a_call("RetrieveStudy")
    call.status, call.is_whole = 200, True
    record.answering(call)
    call.actions["removed"] = call.left_out["refused"] = 7
    sink.broken = False
    record.ended(call)
    _, begun, ended = sink.events
    assert (begun.actions, begun.left_out) == ({}, {})
    assert (ended.actions, ended.left_out) == ({"removed": 7}, {"refused": 7})


def test_what_is_owed_is_bounded_and_a_loss_is_said(caplog: pytest.LogCaptureFixture) -> None:
    sink = Kept()
    sink.broken = True
    record = recorder(sink, required=False)
    for _ in range(MAX_OWED + 2):
        answered(record, a_call("RetrieveFrames"))
    assert sum("a record is lost" in one.getMessage() for one in caplog.records) == 2
    sink.broken = False
    answered(record, a_call("RetrieveFrames"))
    assert len(sink.events) == MAX_OWED + 2


async def test_a_log_begins_with_what_is_set_and_ends_with_its_end() -> None:
    sink = Kept()
    record = recorder(sink)
    await record.open()
    record.begin()
    await record.aclose()
    assert [event.kind for event in sink.events] == [Kind.START, Kind.CONFIGURED, Kind.STOP]
    assert (sink.events[1].place, sink.events[1].profile) == (PLACE, "digest")
    assert sink.life == ["open", "closed"]


@pytest.mark.parametrize(
    ("state", "outcome"),
    [(State.DONE, Outcome.SUCCESS), (State.CANCELLED, Outcome.REFUSED), (State.FAILED, Outcome.FAILED)],
)
def test_what_an_uplink_has_sent_is_on_record_when_its_job_ends(state: State, outcome: Outcome) -> None:
    sink = Kept()
    recorder(sink).exported(Job("j1", "clinic", state, total=5, stored=3, refused=1, failed=1), RELEASED)
    (event,) = sink.events
    assert (event.kind, event.outcome, event.place, event.subject) == (Kind.EXPORT, outcome, "uplink:clinic", "j1")
    assert (event.released, event.count, dict(event.left_out)) == ((RELEASED,), 3, {"refused": 1, "failed": 1})


def test_a_job_that_stored_nothing_names_no_study() -> None:
    sink = Kept()
    recorder(sink).exported(Job("j1", "clinic", State.FAILED), RELEASED)
    assert sink.events[0].released == ()


def test_a_request_id_that_comes_twice_is_two_calls() -> None:
    sink = Kept()
    record, one, other = recorder(sink), a_call("RetrieveStudy"), a_call("RetrieveStudy")
    for call in (one, other):
        call.status = 200
        record.answering(call)
    record.ended(one)
    record.ended(other)
    assert [event.stage for event in sink.events] == [BEGIN, BEGIN, "", ""]


def test_everyone_at_the_gateway_is_nobody_denied() -> None:
    sink = Kept()
    call = a_call("ViewShare", replace(ALICE, everywhere=frozenset(Role)), path=())
    call.place = GATEWAY
    answered(recorder(sink), call, 404)
    assert [event.kind for event in sink.events] == [Kind.EXPORT]


def test_a_client_that_is_refused_by_limits_is_on_record_once_a_minute() -> None:
    sink, now = Kept(), 1e9
    record = Recorder([sink], {}, lambda: now, required=True)

    def refused(address: str, who: Principal = ANONYMOUS) -> None:
        call = Call("id", address, "GET", 0.0, who)
        call.status, call.fault = 429, "TooManyRequests"
        record.refusing(call)
        record.ended(call)

    for _ in range(5):
        for address in ("192.0.2.1", "2001:db8::1", "2001:db8::2"):
            refused(address)
            refused(address, ALICE)
    assert [(one.user, one.client) for one in sink.events] == [
        ("", "192.0.2.1"),
        ("alice", "192.0.2.1"),
        ("", "2001:db8::1"),
    ]
    assert {(one.kind, one.outcome, one.place, one.fault) for one in sink.events} == {
        (Kind.DENIED, Outcome.REFUSED, GATEWAY, "TooManyRequests")
    }
    now += 61
    refused("192.0.2.1")
    assert len(sink.events) == 4
    for number in range(2 * MAX_TURNED_AWAY):
        refused(f"client {number}")
    assert len(record._turned_away) == MAX_TURNED_AWAY


def test_a_pin_that_is_tried_too_often_is_on_record_once_a_minute() -> None:
    sink = Kept()
    record = recorder(sink)
    for status in (401, 429, 429, 401):
        answered(record, a_call("OpenShare"), status)
    assert [(one.kind, one.status) for one in sink.events] == [(Kind.LOGIN, 401), (Kind.LOGIN, 429), (Kind.LOGIN, 401)]


def test_a_refusal_by_limits_that_could_not_be_recorded_is_recorded_next() -> None:
    sink, call = Kept(), Call("id", "192.0.2.1", "GET", 0.0)
    record = recorder(sink)
    call.status, call.fault, sink.broken = 429, "TooManyRequests", True
    with pytest.raises(AuditFailed):
        record.refusing(call)
    sink.broken = False
    record.refusing(call)
    assert [one.kind for one in sink.events] == [Kind.RESUMED, Kind.DENIED]
