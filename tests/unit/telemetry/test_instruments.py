"""What an application shows of itself, from its settings to /metrics and /readyz."""

from pathlib import Path
from time import time

import pytest

from gateway.telemetry import readiness
from gateway.telemetry.certificate import expiry
from tests.kit.archive import Archive, Row
from tests.kit.certificates import certificate
from tests.kit.inprocess import over
from tests.unit.telemetry.test_metrics import BASE, scraped, values

ROWS = [Row("1.2.3", "1.2.3.4", "1.2.3.4.5")]


async def test_an_audit_that_fails_is_counted_and_shown_and_the_replica_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(readiness, "KEPT_S", 0)
    (tmp_path / "audit").mkdir()
    audit = {"to": [{"file": str(tmp_path / "audit" / "log.jsonl")}]}
    async with over(Archive(ROWS), tmp_path, audit=audit) as gateway:
        assert (await gateway.ask(f"{BASE}/studies")).status == 200
        assert (await gateway.ask("/readyz")).status == 200
        before = await scraped(gateway)
        for file in (tmp_path / "audit").iterdir():
            file.unlink()
        (tmp_path / "audit").rmdir()
        refused = [await gateway.ask(f"{BASE}/studies") for _ in range(3)][-1]
        ready = await gateway.ask("/readyz")
        text = await scraped(gateway)
        (tmp_path / "audit").mkdir()
    assert values(before, "dicomveil_ready")[("audit",)] == 1
    assert values(before, "dicomveil_audit_failures_total")[()] == 0
    assert refused.status == 503
    assert ready.status == 200
    assert values(text, "dicomveil_ready")[("audit",)] == 0
    assert values(text, "dicomveil_audit_failures_total")[()] >= 1
    assert values(text, "dicomveil_refusals_total")[("AuditFailed",)] >= 1
    assert "not ready: audit (without which it stays ready)" in caplog.messages


@pytest.mark.parametrize("others", [False, True])
async def test_an_issuer_counts_where_nobody_gets_in_without(tmp_path: Path, others: bool) -> None:
    allow: list[dict[str, object]] = [{"groups": ["all"], "worklists": "*", "roles": ["view"]}]
    if others:
        allow.append({"anyone": True, "worklists": "*", "roles": ["view"]})
    issuer = {"issuer": "http://127.0.0.1:1/realm", "audience": "dicomveil"}
    async with over(Archive(ROWS), tmp_path, access={"oidc": [issuer], "allow": allow}) as gateway:
        assert (await gateway.ask("/readyz")).status == (200 if others else 503)


async def test_the_settings_are_shown(tmp_path: Path) -> None:
    tls = certificate(tmp_path, days=30).path
    tls.chmod(0o600)
    async with over(Archive(ROWS), tmp_path, tls={"certificate": str(tls), "key": str(tls)}) as gateway:
        await gateway.ask(f"{BASE}/studies")
        text = await scraped(gateway)
    assert values(text, "dicomveil_certificate_expiry_timestamp_seconds")[()] == expiry(tls)
    (profile,) = values(text, "dicomveil_profile_info")
    assert profile[1:] == ("worklist:research", "nominal")
    assert set(values(text, "dicomveil_pool_size")) == {("rendering",), ("masking",), ("screening",)}
    assert values(text, "dicomveil_cache_entries") == {("releases",): 2}  # a study and its patient


def test_a_certificate_says_when_it_expires(tmp_path: Path) -> None:
    begin, end = time(), expiry(certificate(tmp_path, days=30).path)
    assert begin + 29 * 86_400 < end < begin + 31 * 86_400


@pytest.mark.parametrize("text", [None, "", "no certificate"])
def test_a_file_without_a_certificate_has_long_expired(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "tls.pem").write_text(text)
    assert expiry(tmp_path / "tls.pem") == 1
