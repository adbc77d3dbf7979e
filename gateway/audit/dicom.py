"""Events as DICOM Audit Messages (PS3.15 Section A.5), each in one line of XML.

What a message has to hold and the gateway must not know or tell is said to be withheld: the patient, the study of an
attempt that was refused, the keys of a search. The rest of an event stands in details of the place where it happened.
"""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import Final
from xml.sax.saxutils import quoteattr

from msgspec.structs import replace

from gateway.audit.events import BEGIN, Event, Kind, Outcome
from gateway.audit.lines import stamp

__all__ = ["WITHHELD", "Encoder"]

WITHHELD: Final = "withheld"
DCM, RFC, OURS = "DCM", "RFC-3881", "99DICOMVEIL"


@cache  # there are as many as transactions and kinds of events
def _code(element: str, code: str, scheme: str, meaning: str) -> str:
    texts = f"csd-code={quoteattr(code)} codeSystemName={quoteattr(scheme)} originalText={quoteattr(meaning)}"
    return f"<{element} {texts}/>"


@dataclass(frozen=True, slots=True)
class _Form:
    """One message of Section A.5.3: its EventID and EventTypeCode of CID 400 and 401, its action."""

    id: tuple[str, str]
    action: str = "E"
    type: tuple[str, str] | None = None


_ALERT: Final = ("110113", "Security Alert")
_ACTIVITY: Final = ("110100", "Application Activity")
_BEGIN: Final = _Form(("110102", "Begin Transferring DICOM Instances"))
_TRANSFERRED: Final = _Form(("110104", "DICOM Instances Transferred"), "R")
_FORMS: Final = {
    Kind.START: _Form(_ACTIVITY, type=("110120", "Application Start")),
    Kind.STOP: _Form(_ACTIVITY, type=("110121", "Application Stop")),
    Kind.CONFIGURED: _Form(_ALERT, type=("110129", "Security Configuration")),
    Kind.RESUMED: _Form(_ALERT, type=("110134", "Audit Recording Started")),
    Kind.LOG_READ: _Form(("110101", "Audit Log Used"), "R"),
    Kind.LOGIN: _Form(("110114", "User Authentication"), type=("110122", "Login")),
    Kind.DENIED: _Form(_ALERT, type=("110132", "Use of Restricted Function")),
    Kind.CONTROL: _Form(_ALERT, type=("110132", "Use of Restricted Function")),
    Kind.QUERY: _Form(("110112", "Query")),
    Kind.ACCESS: _Form(("110103", "DICOM Instances Accessed"), "R"),
    Kind.TRANSFER: _TRANSFERRED,
    Kind.STORE: _TRANSFERRED,
    Kind.EXPORT: _Form(("110106", "Export"), "R"),
}
_SOURCE: Final = _code("RoleIDCode", "110153", DCM, "Source Role ID")
_DESTINATION: Final = _code("RoleIDCode", "110152", DCM, "Destination Role ID")
_MEDIA: Final = _code("RoleIDCode", "110154", DCM, "Destination Media")
_URI_MEDIUM: Final = f"<MediaIdentifier>{_code('MediaType', '110038', DCM, 'URI')}</MediaIdentifier>"
_APPLICATION: Final = _code("RoleIDCode", "110150", DCM, "Application")
_ROLES: Final = {
    # the gateway, whoever asks
    Kind.START: (_APPLICATION, ""),
    Kind.STOP: (_APPLICATION, ""),
    Kind.QUERY: (_DESTINATION, _SOURCE),
    Kind.TRANSFER: (_SOURCE, _DESTINATION),
    Kind.ACCESS: (_SOURCE, _DESTINATION),
    Kind.STORE: (_DESTINATION, _SOURCE),
    Kind.EXPORT: (_SOURCE, _DESTINATION),
}
_ALONE: Final = (Kind.START, Kind.STOP, Kind.CONFIGURED, Kind.RESUMED)
_WITHOUT_OBJECTS: Final = (Kind.START, Kind.STOP, Kind.LOGIN)
_STUDY: Final = _code("ParticipantObjectIDTypeCode", "110180", DCM, "Study Instance UID")
_URI: Final = _code("ParticipantObjectIDTypeCode", "12", RFC, "URI")
_SEARCH: Final = _code("ParticipantObjectIDTypeCode", "10", RFC, "Search Criteria")
_PATIENT: Final = (
    f'<ParticipantObjectIdentification ParticipantObjectID="{WITHHELD}" ParticipantObjectTypeCode="1"'
    f' ParticipantObjectTypeCodeRole="1">{_code("ParticipantObjectIDTypeCode", "2", RFC, "Patient Number")}'
    f"<ParticipantObjectName>{WITHHELD}</ParticipantObjectName></ParticipantObjectIdentification>"
)
_DETAILS: Final = ("id", "method", "transaction", "profile", "count", "sent", "status", "fault", "subject")


@dataclass(frozen=True, slots=True)
class Encoder:
    """Makes messages. ``source`` is the AuditSourceID of the gateway, ``process`` the UserID of this process of it."""

    source: str
    process: str

    def __call__(self, event: Event) -> list[bytes]:
        """Return the messages of an event: two of what was done in part (PS3.15 Table A.5.2-1)."""
        if event.left_out and event.count and event.outcome is Outcome.SUCCESS:
            rest = replace(event, outcome=Outcome.REFUSED, count=0, actions={})
            return [self._message(replace(event, left_out={})), self._message(rest)]
        return [self._message(event)]

    def _message(self, event: Event) -> bytes:
        texts = (
            "<AuditMessage>",
            _identification(event),
            *self._participants(event),
            f"<AuditSourceIdentification AuditSourceID={quoteattr(self.source)}>",
            '<AuditSourceTypeCode csd-code="4"/></AuditSourceIdentification>',
            *_objects(event),
            "</AuditMessage>",
        )
        return "".join(texts).encode()

    def _participants(self, event: Event) -> Iterator[str]:
        gateway_role, user_role = _ROLES.get(event.kind, ("", ""))
        yield _participant(self.process, "false", gateway_role, name="Dicomveil")
        if event.kind in _ALONE:
            return
        if event.kind is Kind.EXPORT:
            # What leaves the domain goes to an address or, from an uplink, to the place behind it.
            yield _participant(event.place or WITHHELD, "false", _MEDIA + _URI_MEDIUM, uri=event.place)
        # In an alert nobody who performs is the requestor (Table A.5.3.11-1).
        asks = "false" if _FORMS[event.kind].id is _ALERT else "true"
        if event.user or event.client:
            yield _participant(event.user or event.client, asks, user_role, name=event.user, address=event.client)


def _identification(event: Event) -> str:
    form = _BEGIN if event.stage == BEGIN and event.kind in (Kind.TRANSFER, Kind.STORE) else _FORMS[event.kind]
    types = _code("EventTypeCode", form.type[0], DCM, form.type[1]) if form.type else ""
    if event.transaction:
        types += _code("EventTypeCode", event.transaction, OURS, event.transaction)
    said = f"{event.status or ''} {event.fault}".strip()
    described = f"<EventOutcomeDescription>{said}</EventOutcomeDescription>" if said and event.outcome else ""
    return (
        f'<EventIdentification EventActionCode="{form.action}" EventDateTime="{stamp(event.time)}"'
        f' EventOutcomeIndicator="{event.outcome.value}">{_code("EventID", form.id[0], DCM, form.id[1])}{types}'
        f"{described}</EventIdentification>"
    )


def _participant(user: str, asks: str, inside: str, *, name: str = "", address: str = "", uri: str = "") -> str:
    texts = f"UserID={quoteattr(user)}"
    if name:
        texts += f" UserName={quoteattr(name)}"
    texts += f' UserIsRequestor="{asks}"'
    if address:
        kind = "2" if _is_ip(address) else "1"
        texts += f' NetworkAccessPointID={quoteattr(address)} NetworkAccessPointTypeCode="{kind}"'
    elif uri:
        texts += f' NetworkAccessPointID={quoteattr(uri)} NetworkAccessPointTypeCode="5"'
    return f"<ActiveParticipant {texts}>{inside}</ActiveParticipant>"


def _objects(event: Event) -> Iterator[str]:
    if event.kind in _WITHOUT_OBJECTS:
        return
    if event.kind is Kind.QUERY:
        yield _object(event.transaction, 3, _SEARCH + _query(event.transaction))
    elif event.kind in (Kind.ACCESS, Kind.TRANSFER, Kind.STORE) or event.released:
        yield _object(event.released[0] if event.released else WITHHELD, 3, _STUDY + _study(event))
        yield _PATIENT
    if event.kind is Kind.LOG_READ:
        yield _object(event.subject, 13, _URI + "<ParticipantObjectName>Security Audit Log</ParticipantObjectName>")
    elif event.place:
        name = f"<ParticipantObjectName>{event.place}</ParticipantObjectName>"
        yield _object(event.place, 13, _URI + name + "".join(_details(event)))


def _object(identifier: str, role: int, inside: str) -> str:
    return (
        f'<ParticipantObjectIdentification ParticipantObjectID={quoteattr(identifier)} ParticipantObjectTypeCode="2"'
        f' ParticipantObjectTypeCodeRole="{role}">{inside}</ParticipantObjectIdentification>'
    )


def _query(transaction: str) -> str:
    return f"<ParticipantObjectQuery>{_base64(transaction)}</ParticipantObjectQuery>"


def _study(event: Event) -> str:
    """Describe what was handed out or taken: how much, of which series and instance, and whether it is identified."""
    number = event.count or (1 if len(event.released) == 3 else 0)
    instance = f'<Instance UID="{event.released[2]}"/>' if len(event.released) == 3 else ""
    series = _detail("series", event.released[1]) if len(event.released) > 1 else ""
    is_anonymized = "false" if event.profile == "identified" else "true"
    return (
        f"<ParticipantObjectName>{WITHHELD}</ParticipantObjectName>{series}<ParticipantObjectDescription>"
        f'<SOPClass NumberOfInstances="{number}">{instance}</SOPClass><Anonymized>{is_anonymized}</Anonymized>'
        "</ParticipantObjectDescription>"
    )


def _details(event: Event) -> Iterator[str]:
    if _FORMS[event.kind].id is _ALERT:
        yield _detail("Alert Description", f"{event.kind.value}: {event.transaction or event.subject or event.place}")
    if event.stage:
        yield _detail("stage", event.stage)
    for name in _DETAILS:
        if value := getattr(event, name):
            yield _detail("request" if name == "id" else "bytes" if name == "sent" else name, str(value))
    for counts in (event.left_out, event.actions):
        for what, count in counts.items():
            yield _detail(what, str(count))


def _detail(name: str, value: str) -> str:
    return f'<ParticipantObjectDetail type="{name}" value="{_base64(value)}"/>'


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def _is_ip(address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    return True
