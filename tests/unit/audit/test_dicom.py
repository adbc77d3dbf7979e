"""Audit messages against the schema of PS3.15 Section A.5.1.1 and the tables of Section A.5.3."""

from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from gateway.audit.chain import Chain
from gateway.audit.dicom import WITHHELD, Encoder
from gateway.audit.events import BEGIN, Event, Kind, Outcome, clean

SCHEMA = etree.RelaxNG(etree.parse(Path(__file__).parent / "data" / "audit-message.rng"))
ENCODE = Encoder("dicomveil", "4711")
STUDY, SERIES, INSTANCE = "2.25.1", "2.25.2", "2.25.3"
FULL = Event(
    Kind.TRANSFER, 1e9, id="abc", user="alice", method="token", client="10.0.0.1", transaction="RetrieveStudy",
    place="worklist:research", profile="0123456789abcdef", released=(STUDY,), count=3, actions={"removed": 7},
    sent=4096, status=200,
)  # fmt: skip
CODES = {
    # EventID, EventTypeCode, EventActionCode
    Kind.START: ("110100", "110120", "E"),
    Kind.STOP: ("110100", "110121", "E"),
    Kind.CONFIGURED: ("110113", "110129", "E"),
    Kind.RESUMED: ("110113", "110134", "E"),
    Kind.LOG_READ: ("110101", None, "R"),
    Kind.LOGIN: ("110114", "110122", "E"),
    Kind.DENIED: ("110113", "110132", "E"),
    Kind.CONTROL: ("110113", "110132", "E"),
    Kind.QUERY: ("110112", None, "E"),
    Kind.ACCESS: ("110103", None, "R"),
    Kind.TRANSFER: ("110104", None, "R"),
    Kind.STORE: ("110104", None, "R"),
    Kind.EXPORT: ("110106", None, "R"),
}


def messages(event: Event) -> list[etree._Element]:
    found = [etree.fromstring(one) for one in ENCODE(event)]
    for one in found:
        assert SCHEMA.validate(one), SCHEMA.error_log
    return found


def message(event: Event) -> etree._Element:
    (one,) = messages(event)
    return one


def roles(found: etree._Element) -> list[tuple[str, str, str | None]]:
    return [
        (one.get("UserID", ""), one.get("UserIsRequestor", ""), code.get("csd-code") if code is not None else None)
        for one in found.iter("ActiveParticipant")
        for code in [one.find("RoleIDCode")]
    ]


def details(found: etree._Element) -> dict[str, str]:
    return {
        one.get("type", ""): b64decode(one.get("value", "")).decode() for one in found.iter("ParticipantObjectDetail")
    }


def objects(found: etree._Element) -> dict[str, str]:
    """Give the identifiers of participant objects by the meaning of their type."""
    return {
        one.find("ParticipantObjectIDTypeCode").get("originalText", ""): one.get("ParticipantObjectID", "")
        for one in found.iter("ParticipantObjectIdentification")
    }


@pytest.mark.parametrize("released", [(), (STUDY,), (STUDY, SERIES), (STUDY, SERIES, INSTANCE)])
@pytest.mark.parametrize("stage", ["", BEGIN])
@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("kind", Kind)
def test_every_message_is_of_the_schema_also_with_its_seal(
    kind: Kind, outcome: Outcome, stage: str, released: tuple[str, ...]
) -> None:
    event = replace(FULL, kind=kind, outcome=outcome, stage=stage, released=released, left_out={"refused": 2})
    for one in ENCODE(event):
        (sealed,) = Chain(b"k" * 32, "ab" * 8).seal([one])
        assert SCHEMA.validate(etree.fromstring(sealed)), SCHEMA.error_log
        assert b"\n" not in sealed
    assert messages(Event(kind, 0.0))


def test_the_schema_check_finds_a_message_that_is_not() -> None:
    for old, new in ((b' EventOutcomeIndicator="0"', b""), (b'"true"', b'"maybe"'), (b"EventID", b"EventId")):
        broken = etree.fromstring(ENCODE(FULL)[0].replace(old, new))
        assert not SCHEMA.validate(broken)


@pytest.mark.parametrize("kind", Kind)
def test_an_event_has_the_codes_and_the_action_of_its_message(kind: Kind) -> None:
    found = message(replace(FULL, kind=kind))
    event = found.find("EventIdentification")
    assert event is not None
    types = [one.get("csd-code") for one in event.findall("EventTypeCode") if one.get("codeSystemName") == "DCM"]
    (event_id,) = event.findall("EventID")
    assert (event_id.get("csd-code"), (types or [None])[0], event.get("EventActionCode")) == CODES[kind]
    assert event.get("EventDateTime") == "2001-09-09T01:46:40.000Z"


@pytest.mark.parametrize("kind", [Kind.TRANSFER, Kind.STORE])
def test_what_begins_has_a_message_of_its_own(kind: Kind) -> None:
    (event_id,) = message(replace(FULL, kind=kind, stage=BEGIN)).iter("EventID")
    assert event_id.get("originalText") == "Begin Transferring DICOM Instances"


def test_who_asks_is_the_requestor_and_the_destination_of_what_leaves() -> None:
    assert roles(message(FULL)) == [("4711", "false", "110153"), ("alice", "true", "110152")]
    assert roles(message(replace(FULL, kind=Kind.STORE))) == [("4711", "false", "110152"), ("alice", "true", "110153")]
    assert roles(message(replace(FULL, kind=Kind.QUERY))) == [("4711", "false", "110152"), ("alice", "true", "110153")]


def test_nobody_is_the_requestor_of_an_alert() -> None:
    assert roles(message(replace(FULL, kind=Kind.DENIED))) == [("4711", "false", None), ("alice", "false", None)]


def test_an_export_names_the_medium_that_it_goes_to() -> None:
    found = message(replace(FULL, kind=Kind.EXPORT, place="uplink:clinic", user="", client=""))
    assert roles(found) == [("4711", "false", "110153"), ("uplink:clinic", "false", "110154")]


def test_an_address_is_told_from_a_name() -> None:
    def kinds(client: str) -> list[str | None]:
        found = message(replace(FULL, client=client))
        return [one.get("NetworkAccessPointTypeCode") for one in found.iter("ActiveParticipant")]

    assert kinds("10.0.0.1") == [None, "2"]
    assert kinds("2001:db8::1") == [None, "2"]
    assert kinds("testclient") == [None, "1"]


def test_a_study_is_named_with_what_is_known_of_it_and_the_patient_never_is() -> None:
    found = message(replace(FULL, released=(STUDY, SERIES, INSTANCE)))
    assert objects(found) == {"Study Instance UID": STUDY, "Patient Number": WITHHELD, "URI": "worklist:research"}
    assert details(found)["series"] == SERIES
    assert [one.get("UID") for one in found.iter("Instance")] == [INSTANCE]
    assert [one.get("NumberOfInstances") for one in found.iter("SOPClass")] == ["3"]
    assert [one.text for one in found.iter("Anonymized")] == ["true"]
    identified = message(replace(FULL, profile="identified"))
    assert [one.text for one in identified.iter("Anonymized")] == ["false"]


def test_what_was_refused_names_no_study() -> None:
    found = message(replace(FULL, released=(), outcome=Outcome.REFUSED, status=404, fault="NotReleased", count=0))
    assert objects(found)["Study Instance UID"] == WITHHELD
    (said,) = found.iter("EventOutcomeDescription")
    assert said.text == "404 NotReleased"


def test_a_search_says_which_one_and_not_what_for() -> None:
    found = message(replace(FULL, kind=Kind.QUERY, transaction="SearchForStudies", released=()))
    assert objects(found) == {"Search Criteria": "SearchForStudies", "URI": "worklist:research"}
    (query,) = found.iter("ParticipantObjectQuery")
    assert b64decode(query.text or "") == b"SearchForStudies"


def test_what_was_done_in_part_is_two_messages() -> None:
    done, rest = messages(replace(FULL, kind=Kind.STORE, left_out={"refused": 1, "discarded": 2}))
    assert [one.get("EventOutcomeIndicator") for one in done.iter("EventIdentification")] == ["0"]
    assert [one.get("EventOutcomeIndicator") for one in rest.iter("EventIdentification")] == ["4"]
    assert (details(done)["count"], "refused" in details(done)) == ("3", False)
    assert (details(rest)["refused"], details(rest)["discarded"], "count" in details(rest)) == ("1", "2", False)


def test_an_event_is_told_whole() -> None:
    assert details(message(FULL)) == {
        "request": "abc", "method": "token", "transaction": "RetrieveStudy", "profile": "0123456789abcdef",
        "count": "3", "bytes": "4096", "status": "200", "removed": "7",
    }  # fmt: skip


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_name_makes_a_message(user: str, client: str) -> None:
    event = replace(FULL, user=clean(user), client=clean(client))
    found = message(event)
    if event.user:
        assert roles(found)[1][0] == event.user
    assert len(ENCODE(event)[0].splitlines()) == 1
