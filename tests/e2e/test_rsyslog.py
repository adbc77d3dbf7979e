"""Audit records in a real rsyslog over TLS, both sides certified: what it files is a chain without a gap."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.adapters.syslog import Syslog, SyslogServer, tls_context
from gateway.audit.chain import audit_key
from gateway.audit.dicom import Encoder
from gateway.audit.events import Event, Kind
from gateway.audit.lines import encode
from gateway.audit.verify import Verifier
from gateway.core.errors import AuditFailed
from tests.kit.certificates import certificate
from tests.kit.servers import free_port

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not shutil.which("rsyslogd", path=f"{os.environ['PATH']}:/usr/sbin"), reason="needs rsyslog"),
]

SETTINGS = """
global(
  DefaultNetstreamDriver="ossl"
  DefaultNetstreamDriverCAFile="{pem}" DefaultNetstreamDriverCertFile="{pem}" DefaultNetstreamDriverKeyFile="{pem}"
  maxMessageSize="64k" workDirectory="{folder}"
)
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid")
template(name="record" type="string" string="%msg%\\n")
input(type="imtcp" address="127.0.0.1" port="{port}")
action(type="omfile" file="{folder}/filed" template="record")
"""


@pytest.fixture
def rsyslog(tmp_path: Path) -> Iterator[int]:
    port, pem = free_port(), certificate(tmp_path).path
    (tmp_path / "rsyslog.conf").write_text(SETTINGS.format(pem=pem, folder=tmp_path, port=port))
    command = ["/usr/sbin/rsyslogd", "-n", "-f", str(tmp_path / "rsyslog.conf"), "-i", str(tmp_path / "pid")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield port
        process.terminate()


def _wait_for_lines(file: Path, count: int) -> None:
    while not file.exists() or file.read_bytes().count(b"\n") < count:
        time.sleep(0.05)


@pytest.mark.parametrize("dicom", [False, True])
async def test_rsyslog_files_every_record(rsyslog: int, tmp_path: Path, dicom: bool) -> None:
    pem, key = str(tmp_path / "loopback.pem"), audit_key(b"s" * 32)
    server = SyslogServer("127.0.0.1", rsyslog, tls_context(pem, pem, None), "DICOM+RFC3881" if dicom else "audit")
    sink = Syslog(server, Encoder("dicomveil", "7") if dicom else encode, key)
    await sink.open()
    kinds = [Kind.START, *[Kind.TRANSFER] * 300, Kind.STOP]
    async with asyncio.timeout(60):
        while kinds:
            try:
                sink.write(Event(kinds[0], 1e9, user="Jörg", place="worklist:research", transaction="RetrieveStudy"))
            except AuditFailed:
                await asyncio.sleep(0.05)
            else:
                kinds.pop(0)
        await sink.aclose()
        filed = tmp_path / "filed"
        await asyncio.to_thread(_wait_for_lines, filed, 302)
    verifier = Verifier([key])
    with filed.open("rb") as lines:
        assert [str(fault) for fault in verifier.read("filed", lines)] == []
    assert list(verifier.open_chains()) == []
    assert verifier.records == 302
