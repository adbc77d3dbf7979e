"""Records sent to a real syslog server over TLS: their frames, who is trusted, and a server that is not there."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from lxml import etree

from gateway.adapters import syslog
from gateway.adapters.syslog import Syslog, SyslogServer, tls_context
from gateway.audit.chain import audit_key
from gateway.audit.dicom import Encoder
from gateway.audit.events import Event, Kind, Outcome
from gateway.audit.lines import encode
from gateway.audit.verify import Verifier
from gateway.core.errors import AuditFailed
from tests.kit.certificates import Certificate, certificate
from tests.kit.syslogd import HEADER, Receiver, receiving

KEY = audit_key(b"s" * 32)


@pytest.fixture
def shown(tmp_path: Path) -> Certificate:
    return certificate(tmp_path)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syslog, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(syslog, "CLOSE_TIMEOUT_S", 1.0)


def event(kind: Kind = Kind.ACCESS, outcome: Outcome = Outcome.SUCCESS) -> Event:
    return Event(kind, 1e9, outcome, user="Jörg", place="worklist:research", transaction="RetrieveFrames")


@asynccontextmanager
async def sending(port: int, tls: ssl.SSLContext, *, dicom: bool = False) -> AsyncIterator[Syslog]:
    server = SyslogServer("127.0.0.1", port, tls, "DICOM+RFC3881" if dicom else "audit")
    sink = Syslog(server, Encoder("dicomveil", "7") if dicom else encode, KEY)
    await sink.open()
    try:
        yield sink
    finally:
        await sink.aclose()


async def written(sink: Syslog, one: Event) -> None:
    """Write as soon as there is a connection."""
    async with asyncio.timeout(20):
        while True:
            try:
                sink.write(one)
            except AuditFailed:
                await asyncio.sleep(0.01)
            else:
                return


async def until_it_fails(sink: Syslog, pause_s: float = 0) -> None:
    """Write and write. Raises what that raises."""
    async with asyncio.timeout(60):
        while True:
            sink.write(event())
            await asyncio.sleep(pause_s)


def faults(receiver: Receiver) -> list[str]:
    verifier = Verifier([KEY])
    found = [*verifier.read("syslog", [one + b"\n" for one in receiver.records]), *verifier.open_chains()]
    return [str(fault) for fault in found]


@pytest.mark.parametrize("dicom", [False, True])
async def test_records_come_whole_in_order_and_chained(shown: Certificate, dicom: bool) -> None:
    async with receiving(shown.server()) as receiver:
        async with sending(receiver.port, shown.client(), dicom=dicom) as sink:
            for kind in (Kind.START, *[Kind.ACCESS] * 50, Kind.STOP):
                sink.write(event(kind))
        await receiver.until(52)
        assert receiver.faults == []
        assert len(receiver.records) == 52
        assert faults(receiver) == []


async def test_a_message_is_of_rfc_5424_and_of_the_standards_priority(shown: Certificate) -> None:
    async with receiving(shown.server()) as receiver:
        async with sending(receiver.port, shown.client(), dicom=True) as sink:
            sink.write(event())
            sink.write(event(outcome=Outcome.REFUSED))
        await receiver.until(2)
    found = [HEADER.fullmatch(one) for one in receiver.messages]
    assert [(one[1], one[2], one[4], one[6], one[7]) for one in found if one] == [
        (priority, b"2001-09-09T01:46:40.000Z", b"dicomveil", b"DICOM+RFC3881", b"-") for priority in (b"85", b"84")
    ]
    assert all(etree.fromstring(one).tag == "AuditMessage" for one in receiver.records)
    assert max(map(len, receiver.messages)) < 32768  # what every receiver takes (PS3.15 Section A.6)


async def test_a_server_is_shown_who_sends_where_it_asks(shown: Certificate) -> None:
    asking = shown.server()
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_verify_locations(shown.path)
    path = str(shown.path)
    async with receiving(asking) as receiver:
        async with sending(receiver.port, tls_context(path, path, None)) as sink:
            await written(sink, event())
            await receiver.until(1)
        before = len(receiver.messages)
        async with sending(receiver.port, tls_context(path, None, None)) as stranger:
            with pytest.raises(AuditFailed):
                await until_it_fails(stranger, 0.01)  # TLS 1.3 tells a client late that it was not let in
        assert len(receiver.messages) == before


async def test_a_server_that_nobody_vouches_for_gets_nothing(shown: Certificate, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = certificate(tmp_path / "other")
    async with receiving(shown.server()) as receiver, sending(receiver.port, other.client()) as sink:
        with pytest.raises(AuditFailed, match="not connected"):
            sink.write(event())
    assert receiver.messages == []


async def test_an_old_protocol_is_not_spoken(shown: Certificate) -> None:
    assert tls_context(str(shown.path), None, None).minimum_version is ssl.TLSVersion.TLSv1_2


async def test_a_server_that_is_down_is_a_failure_until_it_is_up(shown: Certificate) -> None:
    async with receiving(shown.server()) as receiver:
        port = receiver.port
    async with sending(port, shown.client()) as sink:
        with pytest.raises(AuditFailed, match="not connected"):
            sink.write(event())
        async with receiving(shown.server(), port) as later:
            await written(sink, event())
            await later.until(1)
            assert b'"seq":0' in later.messages[0]  # what was not sent is not missing


async def test_a_connection_that_breaks_is_made_anew_and_the_chain_goes_on(shown: Certificate) -> None:
    async with receiving(shown.server()) as receiver:
        async with sending(receiver.port, shown.client()) as sink:
            await written(sink, event(Kind.START))
            await receiver.until(1)
            receiver.drop()
            async with asyncio.timeout(20):
                with pytest.raises(AuditFailed):
                    await until_it_fails(sink, 0.01)
            await written(sink, event(Kind.STOP))
        await receiver.until(2)
        assert receiver.records[-1].count(b'"end":true') == 1
        assert receiver.faults == []


async def test_a_server_that_takes_nothing_is_a_failure_before_memory_grows(shown: Certificate) -> None:
    async with receiving(shown.server()) as receiver, sending(receiver.port, shown.client()) as sink:
        receiver.awake.clear()
        await written(sink, event(Kind.START))
        with pytest.raises(AuditFailed, match="takes nothing"):
            await until_it_fails(sink)
        assert sink._writer is not None
        assert sink._writer.transport.get_write_buffer_size() < 2 * syslog.MAX_WAITING_BYTES
        receiver.awake.set()
        receiver.drop()


async def test_it_ends_also_where_it_never_connected(shown: Certificate) -> None:
    sink = Syslog(SyslogServer("127.0.0.1", 9, shown.client(), "audit"), encode, KEY)
    await sink.aclose()
    await sink.open()
    await sink.aclose()
