"""Settings of limits and of TLS: what they become, their faults and warnings."""

from pathlib import Path

import pytest

from gateway.config import DEFAULT_LIMITS, Settings, Tls, load_settings
from gateway.core.errors import ConfigFaults
from tests.kit.certificates import certificate

START = """\
origins:
  here: {folder: ./studies}
worklists:
  reading: {origin: here, identified: true}
"""  # four lines
TLS = START + "tls: {certificate: ./good.pem, key: ./good.pem}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "studies").mkdir()
    for name, days in (("good", 300), ("other", 300), ("late", -1), ("soon", 13)):
        certificate(tmp_path, name, days).path.chmod(0o600)
    (tmp_path / "text.pem").write_text("no certificate")
    return tmp_path


def load(folder: Path, text: str) -> Settings:
    (folder / "settings.yaml").write_text(text)
    return load_settings(folder / "settings.yaml", {})


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigFaults) as found:
        load(folder, text)
    return [str(fault).removeprefix(f"{folder}/settings.yaml:") for fault in found.value.faults]


def warnings(folder: Path, text: str) -> list[str]:
    return [warning.removeprefix(f"{folder}/settings.yaml:") for warning in load(folder, text).warnings]


def test_there_are_limits_and_no_tls_unless_settings_say_otherwise(folder: Path) -> None:
    settings = load(folder, START)
    assert (settings.limits, settings.tls) == (DEFAULT_LIMITS, None)


def test_a_limit_is_set_by_itself(folder: Path) -> None:
    limits = load(folder, START + "limits: {requests_at_once: 7, head_timeout_s: 2.5, memory_mb: 512}\n").limits
    assert (limits.requests_at_once, limits.head_timeout_s, limits.memory_mb) == (7, 2.5, 512)
    assert limits.requests_per_minute == DEFAULT_LIMITS.requests_per_minute


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("requests_per_minute: 0", "5: limits.requests_per_minute"),
        ("keep_alive_s: 1e9", "5: limits.keep_alive_s"),
        ("requests_per_second: 1", "5: limits.requests_per_second"),
        ("requests_at_once: 9, all_requests_at_once: 8", "5: limits.requests_at_once: more than all_requests_at_once"),
    ],
)
def test_limits_that_make_no_sense_are_faults(folder: Path, written: str, what: str) -> None:
    (fault,) = faults(folder, START + f"limits: {{{written}}}\n")
    assert fault.startswith(what)


def test_a_certificate_and_its_key_are_taken(folder: Path) -> None:
    settings = load(folder, START + "tls: {certificate: ./good.pem, key: ./good.pem, client_ca: ./other.pem}\n")
    assert settings.tls == Tls(folder / "good.pem", folder / "good.pem", folder / "other.pem")
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("certificate: ./good.pem", ["5: tls.key: missing"]),
        ("certificate: ./gone.pem, key: ./good.pem", ["5: tls.certificate: ./gone.pem cannot be read"]),
        ("certificate: ./good.pem, key: ./studies", ["5: tls.key: ./studies cannot be read: Is a directory"]),
        ("certificate: ./text.pem, key: ./good.pem", ["5: tls.certificate: text.pem holds no certificate (PEM)"]),
        ("certificate: ./good.pem, key: ./text.pem", ["5: tls.key: text.pem is no private key (PEM)"]),
        ("certificate: ./good.pem, key: ./sealed.pem", ["5: tls.key: sealed.pem is no private key (PEM)"]),
        ("certificate: ./good.pem, key: ./other.pem", ["5: tls.key: other.pem is not the certificate's"]),
        ("certificate: ./late.pem, key: ./late.pem", ["5: tls.certificate: late.pem expired on 20"]),
        (
            "certificate: ./late.pem, key: ./other.pem",
            ["5: tls.key: other.pem is not the certificate's", "5: tls.certificate: late.pem expired on 20"],
        ),
        (
            "certificate: ./good.pem, key: ./good.pem, client_ca: ./text.pem",
            ["5: tls.client_ca: ./text.pem holds no certificate (PEM)"],
        ),
    ],
)
def test_certificates_that_cannot_be_used_are_faults(folder: Path, written: str, what: list[str]) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase"))
    (folder / "sealed.pem").write_bytes(sealed)
    found = faults(folder, START + f"tls: {{{written}}}\n")
    assert len(found) == len(what), found
    assert all(one.startswith(begin) for one, begin in zip(found, what, strict=True)), found


def test_a_certificate_that_ends_soon_is_a_warning(folder: Path) -> None:
    (warning,) = warnings(folder, START + "tls: {certificate: ./soon.pem, key: ./soon.pem}\n")
    assert warning.startswith("5: tls.certificate: ./soon.pem expires on 20")


def test_a_key_that_everyone_can_read_is_a_warning(folder: Path) -> None:
    (folder / "good.pem").chmod(0o644)
    assert warnings(folder, TLS) == [
        "5: tls.key: other users of this machine can read or change ./good.pem; chmod 600 it"
    ]
