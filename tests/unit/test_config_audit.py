"""Where records go: what is read, and what is wrong."""

import os
import subprocess
from pathlib import Path

import pytest

from gateway.config import load_settings
from gateway.config.model import Audit, AuditSink
from gateway.core.errors import ConfigFaults
from tests.kit.certificates import certificate

TEXT = """
secret: {{env: SECRET}}
origins: {{o: {{dicomweb: "http://127.0.0.1:1"}}}}
worklists: {{w: {{origin: o, profile: nominal}}}}
audit:
{audit}
"""


def load(folder: Path, audit: str, text: str = TEXT) -> Audit | None:
    path = folder / "settings.yaml"
    path.write_text(text.format(audit="\n".join(f"  {line}" for line in audit.splitlines())))
    return load_settings(path, {"SECRET": "s" * 32}).audit


def faults(folder: Path, audit: str, text: str = TEXT) -> list[str]:
    with pytest.raises(ConfigFaults) as found:
        load(folder, audit, text)
    return [str(fault).removeprefix(f"{folder}/settings.yaml:") for fault in found.value.faults]


def test_a_file_and_a_server_are_read_with_their_defaults(tmp_path: Path) -> None:
    pem = certificate(tmp_path).path
    found = load(
        tmp_path,
        "to:\n"
        "  - {file: audit.jsonl}\n"
        "  - {syslog: 'log.example.org:6514', form: dicom, tls: {ca: loopback.pem, certificate: loopback.pem}}\n"
        "  - {syslog: '[2001:db8::1]:6514'}",
    )
    assert found == Audit(
        sinks=(
            AuditSink(tmp_path / "audit.jsonl", "", 0, None, None, None, "json"),
            AuditSink(None, "log.example.org", 6514, str(pem), str(pem), None, "dicom"),
            AuditSink(None, "2001:db8::1", 6514, None, None, None, "json"),
        ),
        required=True,
        source="dicomveil",
    )


def test_without_the_section_nothing_is_on_record(tmp_path: Path) -> None:
    assert load(tmp_path, "", TEXT.replace("audit:", "")) is None


@pytest.mark.parametrize(
    ("audit", "fault"),
    [
        ("to: []", "6: audit.to: list a file or a syslog server"),
        ("required: false", "5: audit.to: missing"),
        ("to: [{form: json}]", "6: audit.to[0]: give file or syslog"),
        ("to: [{file: a, syslog: 'h:1'}]", "6: audit.to[0]: give file or syslog, not both"),
        ("to: [{file: a, tls: {}}]", "6: audit.to[0].tls: only for syslog"),
        ("to: [{file: a, form: xml}]", "6: audit.to[0].form: should be json or dicom"),
        ("to: [{fiel: a}]", '6: audit.to[0].fiel: unknown key (did you mean "file"?)'),
        ("to: [{file: a}, {file: ./a}]", "6: audit.to[1].file: the same file as one above"),
        ("to: [{file: .}]", "6: audit.to[0].file: cannot write ."),
        ("to: [{syslog: host}]", "6: audit.to[0].syslog: should be HOST:PORT, such as log.example.org:6514"),
        ("to: [{syslog: 'host:0'}]", "6: audit.to[0].syslog: should be HOST:PORT, such as log.example.org:6514"),
        ("to: [{syslog: 'h:1', tls: {key: k}}]", "6: audit.to[0].tls.key: of no certificate"),
        ("to: [{syslog: 'h:1', tls: {ca: k}}]", "6: audit.to[0].tls: cannot be used: no file k"),
        ("to: [{syslog: 'h:1', tls: {ca: settings.yaml}}]", "6: audit.to[0].tls: cannot be used: "),
        ("to: [{file: a}]\nsource: ''", "7: audit.source: should be one line of text"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, audit: str, fault: str) -> None:
    assert any(found.startswith(fault) for found in faults(tmp_path, audit)), faults(tmp_path, audit)


def test_a_folder_that_there_is_not_is_named(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "to: [{file: log/audit}]")
    assert fault == f"6: audit.to[0].file: no folder {tmp_path}/log"


def test_a_key_that_asks_for_a_password_is_a_fault_and_nobody_is_asked(tmp_path: Path) -> None:
    pem = certificate(tmp_path).path
    command = [
        "openssl",
        "pkey",
        "-in",
        str(pem),
        "-aes128",
        "-passout",
        "pass:secret",
        "-out",
        str(tmp_path / "key.pem"),
    ]
    subprocess.run(command, check=True)
    (fault,) = faults(tmp_path, "to: [{syslog: 'h:1', tls: {certificate: loopback.pem, key: key.pem}}]")
    assert fault.startswith("6: audit.to[0].tls: cannot be used")


def test_records_need_a_secret(tmp_path: Path) -> None:
    text = TEXT.replace("secret: {{env: SECRET}}", "").replace("profile: nominal", "identified: true")
    assert "5: audit: needs a secret: records are chained by a key that is made of it" in faults(
        tmp_path, "to: [{file: a}]", text
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "audit").touch(mode=0o400)
    assert faults(tmp_path, "to: [{file: audit}]") == ["6: audit.to[0].file: cannot write audit"]
