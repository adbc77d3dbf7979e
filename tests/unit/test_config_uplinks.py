"""Settings of uplinks and of messages to patients: what they become, and their faults and warnings."""

from pathlib import Path

import pytest

from gateway.config import Secret, Settings, SharePolicy, Smtp, Webhook, load_settings
from gateway.core.errors import ConfigFaults

ENVIRONMENT = {"SECRET": "s" * 32, "PASSWORD": "hunter2", "HOOK": "h00k"}
START = """\
secret: {env: SECRET}
profiles: ./profiles
origins:
  local: {dicomweb: "http://127.0.0.1:8042/dicom-web"}
  cloud: {dicomweb: "https://store.hospital.test/dicom-web"}
  here: {folder: ./studies}
"""  # six lines
UPLINK = START + "uplinks:\n  clinic: "  # line 8
SOUND = "{origin: local, destination: cloud}\n"
NOTIFY = UPLINK + SOUND + "notify:\n"  # from line 10
SMTP = NOTIFY + "  smtp: "


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "studies").mkdir()
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "off.yaml").write_text("name: 'off'\nenabled: false\n")
    return tmp_path


def load(folder: Path, text: str) -> Settings:
    (folder / "settings.yaml").write_text(text)
    return load_settings(folder / "settings.yaml", ENVIRONMENT)


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigFaults) as found:
        load(folder, text)
    return [str(fault).removeprefix(f"{folder}/settings.yaml:") for fault in found.value.faults]


def warnings(folder: Path, text: str) -> list[str]:
    return [warning.removeprefix(f"{folder}/settings.yaml:") for warning in load(folder, text).warnings]


def test_the_smallest_uplink_is_strict_and_shares_nothing(folder: Path) -> None:
    settings = load(folder, UPLINK + SOUND)
    uplink = settings.uplinks["clinic"]
    assert (uplink.name, uplink.origin, uplink.destination) == ("clinic", "local", "cloud")
    assert uplink.profile is settings.profiles["strict"]
    assert (uplink.domain, uplink.share) == ("clinic", None)
    assert (settings.worklists, settings.notify.smtp, settings.notify.webhooks) == ({}, None, {})


def test_an_uplink_with_everything_is_understood(folder: Path) -> None:
    settings = load(
        folder,
        UPLINK
        + "{origin: here, destination: cloud, profile: nominal, domain: trial-7, share: {days: 7, views: 3}}\n"
        + """
notify:
  smtp:
    host: mail.hospital.test
    port: 465
    security: tls
    from: Imaging <no-reply@hospital.test>
    auth: {username: u, password: {env: PASSWORD}}
    subject: Your images
  webhooks:
    sms: {url: "https://messages.hospital.test/hook", secret: {env: HOOK}}
public_url: https://gateway.hospital.test
""",
    )
    uplink = settings.uplinks["clinic"]
    assert (uplink.profile.name, uplink.domain, uplink.share) == ("nominal", "trial-7", SharePolicy(7, 3))
    assert settings.notify.smtp == Smtp(
        "mail.hospital.test", 465, "tls", "Imaging <no-reply@hospital.test>", "u", Secret(b"hunter2"), "Your images"
    )
    assert settings.notify.webhooks == {"sms": Webhook("sms", "https://messages.hospital.test/hook", Secret(b"h00k"))}
    assert settings.secret_variables == {"SECRET", "PASSWORD", "HOOK"}
    assert settings.warnings == ()


def test_a_share_without_keys_has_the_defaults(folder: Path) -> None:
    uplink = load(folder, UPLINK + "{origin: local, destination: cloud, share: {}}\n").uplinks["clinic"]
    assert uplink.share == SharePolicy(30, None)


def test_mail_has_the_port_and_protection_of_submission(folder: Path) -> None:
    smtp = load(folder, SMTP + "{host: h, from: a@b.c}\n").notify.smtp
    assert smtp == Smtp("h", 587, "starttls", "a@b.c", None, None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (UPLINK.removeprefix("secret: {env: SECRET}\n") + SOUND, ["1: secret: missing; uplinks need it"]),
        (UPLINK + "{origin: local}\n", ["8: uplinks.clinic.destination: missing"]),
        (UPLINK + "{origin: locl, destination: clud}\n",
         ['8: uplinks.clinic.origin: no origin named "locl" (did you mean "local"?)',
          '8: uplinks.clinic.destination: no origin named "clud" (did you mean "cloud"?)']),
        (UPLINK + "{origin: local, destination: local}\n",
         ["8: uplinks.clinic.destination: is the same as origin; name another one"]),
        (UPLINK + "{origin: local, destination: here}\n",
         ['8: uplinks.clinic.destination: "here" is a folder that stores nothing; writable: true there lets it']),
        (UPLINK + "{origin: local, destination: cloud, profile: strickt}\n",
         ['8: uplinks.clinic.profile: no profile named "strickt" (did you mean "strict"?)']),
        (UPLINK + "{origin: local, destination: cloud, profile: off}\n",
         ['8: uplinks.clinic.profile: profile "off" says enabled: false']),
        (UPLINK + "{origin: local, destination: cloud, identified: true}\n",
         ["8: uplinks.clinic.identified: unknown key"]),
        (UPLINK + "{origin: local, destination: cloud, domain: a b}\n",
         ["8: uplinks.clinic.domain: a domain holds A-Z, a-z, 0-9, dot, - and _ only"]),
        (UPLINK + "{origin: local, destination: cloud, share: {days: 0}}\n",
         ["8: uplinks.clinic.share.days: should be greater than or equal to 1"]),
        (START + "uplinks:\n  Clinic: " + SOUND, ["8: uplinks.Clinic: a name holds a-z, 0-9 and - only"]),
        (SMTP + "{host: h, from: nobody}\n",
         ["10: notify.smtp.from: should be an address, such as Imaging <no-reply@example.org>"]),
        (SMTP + '{host: h, from: "a@b.c\\nBcc: d@e.f"}\n',
         ["10: notify.smtp.from: should be an address, such as Imaging <no-reply@example.org>"]),
        (SMTP + "{host: h, from: a@b.c, security: ssl}\n",
         ["10: notify.smtp.security: should be starttls, tls or none"]),
        (SMTP + "{host: h, from: a@b.c, auth: {username: u, password: hunter2}}\n",
         [("10: notify.smtp.auth.password: "
          "give {file: PATH} or {env: NAME}; a secret is not written into this file")]),
        (SMTP + "{host: h, from: a@b.c, auth: {username: u, password: {env: NONE}}}\n",
         ["10: notify.smtp.auth.password: environment variable NONE is not set"]),
        (NOTIFY + "  webhooks:\n    sms: {url: 'https://u:hunter2@h', secret: {env: NONE}}\n",
         ["11: notify.webhooks.sms.url: cannot hold a user name or password",
          "11: notify.webhooks.sms.secret: environment variable NONE is not set"]),
        (NOTIFY + "  webhooks:\n    S M S: {url: 'https://h', secret: {env: HOOK}}\n",
         ["11: notify.webhooks.S M S: a name holds a-z, 0-9 and - only"]),
        (UPLINK + SOUND + "worklists: {w: {origin: local, profile: strict, path: /uplinks/x}}\n",
         [("9: worklists.w.path: its path /uplinks/x collides with /uplinks of the gateway's own pages")]),
    ],
)  # fmt: skip
def test_a_fault_names_its_line_and_what_is_wrong(folder: Path, text: str, expected: list[str]) -> None:
    found = faults(folder, text)
    assert found == expected
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (UPLINK + SOUND, []),
        (UPLINK + "{origin: local, destination: cloud, share: {}}\n",
         [("8: uplinks.clinic.share: without public_url, links to what is shared follow the address that the gateway "
          "is called by")]),
        (SMTP + "{host: mail.hospital.test, security: none, from: a@b.c}\n",
         ["10: notify.smtp.security: addresses of patients travel unencrypted"]),
        (SMTP + "{host: localhost, security: none, from: a@b.c}\n", []),
        (NOTIFY + "  webhooks: {sms: {url: 'http://10.0.0.1/x', secret: {env: HOOK}}}\n",
         ["10: notify.webhooks.sms.url: contacts of patients travel unencrypted; use https"]),
        (NOTIFY + "  webhooks: {sms: {url: 'http://[::1]/x', secret: {env: HOOK}}}\n", []),
    ],
)  # fmt: skip
def test_what_may_not_be_meant_so_is_a_warning(folder: Path, text: str, expected: list[str]) -> None:
    assert warnings(folder, text) == expected


def test_a_secret_of_a_notifier_that_everybody_can_read_is_a_warning(folder: Path) -> None:
    (folder / "hook").write_text("h00k")
    (folder / "hook").chmod(0o644)
    text = NOTIFY + "  webhooks: {sms: {url: 'https://h', secret: {file: hook}}}\n"
    [warning] = warnings(folder, text)
    assert warning.startswith("10: notify.webhooks.sms.secret: other users of this machine can read or change hook")
