"""Settings: what a sound file becomes, and every fault of an unsound one with its line."""

import os
import pickle
import threading
from ipaddress import ip_network
from pathlib import Path

import pytest

from gateway.config import (
    BasicAuth,
    BearerAuth,
    DicomwebOrigin,
    FolderOrigin,
    Secret,
    Service,
    Settings,
    load_settings,
)
from gateway.core.errors import ConfigFaults

ENVIRONMENT = {
    "SECRET": "s" * 32,
    "OLD": "o" * 32,
    "OLDER": "p" * 32,
    "SHORT": "s" * 31,
    "PASSWORD": "hunter2",
    "TOKEN": "t0ken",
    "BAD": "a\nb",
    "STATE": "sqlite:///x.db",
}
ORIGINS = 'origins: {a: {dicomweb: "http://127.0.0.1:8042/dicom-web"}}\n'
SECRET = "secret: {env: SECRET}\n"
START = SECRET + ORIGINS  # two lines
ORIGIN = SECRET + "origins:\n  a: "  # line 4
WORKLIST = START + "worklists:\n  w: "  # line 5
WORKLISTS = "worklists: {w: {origin: a, profile: mine}}\n"

DATES = "should be a date or a range: 20200101, 20200101-, -20201231, 20200101-20201231"

MINE = "name: mine\ncomment: for tests\nattributes:\n  PatientID: {action: pseudonym}\n"
OFF = "name: 'off'\nenabled: false\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.yaml").write_text(MINE)
    (tmp_path / "profiles" / "off.yaml").write_text(OFF)
    (tmp_path / "studies").mkdir()
    return tmp_path


def load(folder: Path, text: str) -> Settings:
    (folder / "settings.yaml").write_text("profiles: ./profiles\n" + text)
    return load_settings(folder / "settings.yaml", ENVIRONMENT)


def faults(folder: Path, text: str) -> list[str]:
    """Return ``line: what`` of each fault; line 1 is the one with the profile folder."""
    with pytest.raises(ConfigFaults) as found:
        load(folder, text)
    return [str(fault).removeprefix(f"{folder}/").removeprefix("settings.yaml:") for fault in found.value.faults]


def test_the_smallest_file_gets_the_defaults(folder: Path) -> None:
    settings = load(folder, START + WORKLISTS)
    assert settings.state.database == str(folder / "state.db")
    assert settings.cors_origins == ("*",)
    assert settings.public_url is None
    assert settings.trusted_proxies == ()
    assert settings.origins["a"] == DicomwebOrigin("a", "http://127.0.0.1:8042/dicom-web", None, 5, 60, 32, 10)
    worklist = settings.worklists["w"]
    assert (worklist.path, worklist.wado_path, worklist.domain) == ("/worklists/w/dicom-web", "/worklists/w/wado", "w")
    assert worklist.services == {Service.SEARCH, Service.RETRIEVE}
    assert (worklist.match, worklist.studies) == ((), None)
    assert worklist.profile is settings.profiles["mine"]


def test_a_file_with_everything_is_understood(folder: Path) -> None:
    (folder / "token").write_text("t0ken\n")
    settings = load(
        folder,
        SECRET
        + """
state: postgresql://user:hunter2@db/gateway
origins:
  archive:
    dicomweb: https://pacs.example.org/dicom-web/
    auth: {basic: {username: u, password: {env: PASSWORD}}}
    connect_timeout_s: 2.5
    read_timeout_s: 30
    connections: 8
    queue_timeout_s: 0.5
  cloud: {dicomweb: "https://store.example.org/v1", auth: {bearer: {file: token}}}
  samples: {folder: ./studies}
worklists:
  research:
    origin: archive
    profile: mine
    match: {ModalitiesInStudy: CT, StudyDate: "20200101-", 00100020: "A,B"}
    studies: [1.2.3, 1.2.4]
    services: [retrieve]
    path: /research
    domain: trial-7
  reading: {origin: samples, identified: true}
public_url: https://gateway.example.org/x/
cors: {origins: ["https://viewer.example.org", "http://[::1]:3000"]}
trusted_proxies: [10.0.0.0/8, "::1"]
""",
    )
    archive, cloud = settings.origins["archive"], settings.origins["cloud"]
    assert archive == DicomwebOrigin(
        "archive", "https://pacs.example.org/dicom-web", BasicAuth("u", Secret(b"hunter2")), 2.5, 30, 8, 0.5
    )
    assert isinstance(cloud, DicomwebOrigin)
    assert cloud.auth == BearerAuth(Secret(b"t0ken"))
    assert settings.origins["samples"] == FolderOrigin("samples", folder / "studies")
    research = settings.worklists["research"]
    assert research.match == ((0x00080061, "CT"), (0x00080020, "20200101-"), (0x00100020, "A,B"))
    assert research.studies == frozenset({"1.2.3", "1.2.4"})
    assert (research.services, research.path, research.domain) == (
        frozenset({Service.RETRIEVE}),
        "/research",
        "trial-7",
    )
    assert settings.worklists["reading"].profile is None
    assert settings.public_url == "https://gateway.example.org/x"
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert settings.state.password == "hunter2"


def test_no_secret_is_printed_or_pickled(folder: Path) -> None:
    auth = "auth: {basic: {username: u, password: {env: PASSWORD}}}"
    text = f'{SECRET}state: postgresql://u:hunter2@db/g\norigins: {{a: {{dicomweb: "http://h", {auth}}}}}\n{WORKLISTS}'
    settings = load(folder, text)
    assert "hunter2" not in repr(settings)
    assert "ssss" not in repr(settings)
    assert settings.secret is not None
    assert settings.secret.reveal() == b"s" * 32
    with pytest.raises(TypeError):
        pickle.dumps(settings.secret)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_secret_file_is_bytes_without_the_newline_at_its_end(folder: Path, end: bytes) -> None:
    secret = bytes(range(128, 160))
    (folder / "secret").write_bytes(secret + end)
    settings = load(folder, "secret: {file: secret}\n" + ORIGINS + WORKLISTS)
    assert settings.secret == Secret(secret)


def test_previous_secrets_keep_their_order(folder: Path) -> None:
    settings = load(folder, START + WORKLISTS + "previous_secrets: [{env: OLD}, {env: OLDER}]\n")
    assert settings.previous_secrets == (Secret(b"o" * 32), Secret(b"p" * 32))
    assert load(folder, START + WORKLISTS).previous_secrets == ()


def test_a_secret_may_come_through_a_pipe_which_is_read_once(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=(folder / "pipe").write_bytes, args=(b"p" * 32,))
    writer.start()
    settings = load(folder, "secret: {file: pipe}\n" + ORIGINS + WORKLISTS)
    writer.join()
    assert settings.secret == Secret(b"p" * 32)


def test_the_state_url_may_be_a_secret_too(folder: Path) -> None:
    assert load(folder, START + "state: {env: STATE}\n" + WORKLISTS).state.database == str(folder / "x.db")


def test_no_secret_is_needed_where_no_worklist_has_a_profile(folder: Path) -> None:
    assert load(folder, ORIGINS + "worklists: {w: {origin: a, identified: true}}\n").secret is None


def test_the_profile_folder_comes_before_the_shipped_profiles(folder: Path) -> None:
    (folder / "profiles" / "nominal.yaml").write_text("name: nominal\ncomment: our own\n")
    settings = load(folder, START + "worklists: {w: {origin: a, profile: nominal}, x: {origin: a, profile: strict}}\n")
    assert settings.profiles["nominal"].comment == "our own"
    assert settings.profiles["strict"].comment != ""


def test_profiles_of_the_folder_count_even_where_no_worklist_names_them(folder: Path) -> None:
    assert set(load(folder, START + WORKLISTS).profiles) == {"mine", "off"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1: origins: missing", "1: worklists: missing"]),
        ("origins: {}\nworklists: {}\n", ["2: origins: there is none", "3: worklists: there is none"]),
        (START + WORKLISTS + "worklist: x\n", ['5: worklist: unknown key (did you mean "worklists"?)']),
        # The secret and the state
        (ORIGINS + WORKLISTS, ["1: secret: missing; worklists with a profile need it"]),
        ("secret: " + "x" * 40 + "\n" + ORIGINS + WORKLISTS,
         ["2: secret: give {file: PATH} or {env: NAME}; a secret is not written into this file"]),
        ("secret: {env: SHORT}\n" + ORIGINS + WORKLISTS, ["2: secret: too short: it needs 32 random bytes or more"]),
        ("secret: {env: NONE}\n" + ORIGINS + WORKLISTS, ["2: secret: environment variable NONE is not set"]),
        ("secret: {file: none}\n" + ORIGINS + WORKLISTS,
         [("2: secret: cannot read none: No such file or directory; "
          "make one with (umask 077; openssl rand -hex 32 > none)")]),
        ("secret: {file: /dev/zero}\n" + ORIGINS + WORKLISTS, ["2: secret: /dev/zero is larger than 65536 bytes"]),
        ("secret: {file: /dev/null}\n" + ORIGINS + WORKLISTS, ["2: secret: /dev/null is empty"]),
        ("secret: {env: SECRET, file: x}\n" + ORIGINS + WORKLISTS, ["2: secret: give either file or env"]),
        ("secret: {}\n" + ORIGINS + WORKLISTS, ["2: secret: give either file or env"]),
        (START + WORKLISTS + "previous_secrets: [{env: OLD}, {env: SECRET}, {env: OLD}]\n",
         [f"5: previous_secrets[{index}]: a secret that is given twice" for index in (1, 2)]),
        (START + WORKLISTS + "previous_secrets: [{env: SHORT}, {env: NONE}, old]\n",
         ["5: previous_secrets[2]: give {file: PATH} or {env: NAME}; a secret is not written into this file",
          "5: previous_secrets[0]: too short: it needs 32 random bytes or more",
          "5: previous_secrets[1]: environment variable NONE is not set"]),
        (ORIGINS + "worklists: {w: {origin: a, identified: true}}\nprevious_secrets: [{env: OLD}]\n",
         ["4: previous_secrets: needs a secret that follows them"]),
        ("secret: {env: NONE}\n" + ORIGINS + WORKLISTS + "previous_secrets: [{env: OLD}]\n",
         ["2: secret: environment variable NONE is not set"]),
        ("secret: {evn: SECRET}\n" + ORIGINS + WORKLISTS,
         ['2: secret.evn: unknown key (did you mean "env"?)', "2: secret: give either file or env"]),
        (START + WORKLISTS + "state: mysql://u:hunter2@h/d\n",
         ["5: state: should be sqlite:////path/to/file or postgresql://user@host/database"]),
        (START + WORKLISTS + "state: sqlite:////no/such/state.db\n", ["5: state: no folder /no/such"]),
        (START + WORKLISTS + "state: {env: NONE}\n", ["5: state: environment variable NONE is not set"]),
        # Origins
        (ORIGIN + "{}\n" + WORKLISTS, ["4: origins.a: give dicomweb or folder"]),
        (ORIGIN + "{dicomweb: http://h, folder: studies}\n" + WORKLISTS,
         ["4: origins.a: give dicomweb or folder, not both"]),
        (ORIGIN + "{folder: none}\n" + WORKLISTS, ["4: origins.a.folder: no folder none"]),
        (ORIGIN + "{folder: studies, connections: 3}\n" + WORKLISTS,
         ["4: origins.a.connections: only for an origin with dicomweb"]),
        (ORIGIN + "{dicomweb: ftp://h}\n" + WORKLISTS, ["4: origins.a.dicomweb: should be an http or https URL"]),
        (ORIGIN + "{dicomweb: http://h:99999}\n" + WORKLISTS,
         ["4: origins.a.dicomweb: should be an http or https URL"]),
        (ORIGIN + "{dicomweb: 'http://u:hunter2@h'}\n" + WORKLISTS,
         ["4: origins.a.dicomweb: cannot hold a user name or password"]),
        (ORIGIN + "{dicomweb: 'http://h/x?key=hunter2'}\n" + WORKLISTS,
         ["4: origins.a.dicomweb: cannot hold a query or fragment"]),
        (ORIGIN + "{dicomweb: http://h, auth: {}}\n" + WORKLISTS, ["4: origins.a.auth: give basic or bearer"]),
        (ORIGIN + "{dicomweb: http://h, auth: {bearer: hunter2}}\n" + WORKLISTS,
         ["4: origins.a.auth.bearer: give {file: PATH} or {env: NAME}; a secret is not written into this file"]),
        (ORIGIN + "{dicomweb: http://h, auth: {basic: {username: 'a:b', password: {env: NONE}}}}\n"
         + WORKLISTS,
         ["4: origins.a.auth.basic.username: cannot hold a colon (RFC 7617)",
          "4: origins.a.auth.basic.password: environment variable NONE is not set"]),
        (ORIGIN + "{dicomweb: http://h, auth: {bearer: {env: BAD}}}\n" + WORKLISTS,
         ["4: origins.a.auth.bearer: holds a character that no header can"]),
        (ORIGIN + "{dicomweb: http://h, connections: many}\n" + WORKLISTS,
         ["4: origins.a.connections: should be a whole number"]),
        (ORIGIN + "{dicomweb: http://h, read_timeout_s: 0}\n" + WORKLISTS,
         ["4: origins.a.read_timeout_s: should be greater than 0"]),
        # Worklists
        (START + "worklists:\n  Big One: {origin: a, profile: mine}\n",
         ["5: worklists.Big One: a name holds a-z, 0-9 and - only"]),
        (WORKLIST + "{profile: mine}\n", ["5: worklists.w.origin: missing"]),
        (WORKLIST + "{origin: aa, profile: mine}\n",
         ['5: worklists.w.origin: no origin named "aa" (did you mean "a"?)']),
        (WORKLIST + "{origin: a, profile: mien}\n",
         ['5: worklists.w.profile: no profile named "mien" (did you mean "mine"?)']),
        (WORKLIST + "{origin: a, profile: ../profiles/mine}\n",
         ['5: worklists.w.profile: no profile named "../profiles/mine"']),
        (WORKLIST + "{origin: a, profile: off}\n", ['5: worklists.w.profile: profile "off" says enabled: false']),
        (WORKLIST + "{origin: a}\n",
         ["5: worklists.w: give a profile, or identified: true to pass identified data"]),
        (WORKLIST + "{origin: a, identified: false}\n",
         ["5: worklists.w: give a profile, or identified: true to pass identified data"]),
        (WORKLIST + "{origin: a, profile: mine, identified: true}\n",
         ["5: worklists.w: give a profile or identified: true, not both"]),
        (WORKLIST.replace(ORIGINS, "origins: {a: {folder: profiles}}\n")
         + "{origin: a, profile: mine, services: [search, store]}\n",
         ["5: worklists.w.services[1]: its origin is a folder that stores nothing; writable: true there lets it"]),
        (WORKLIST + "{origin: a, profile: mine, services: [find]}\n",
         ["5: worklists.w.services[0]: should be search, retrieve or store"]),
        (WORKLIST + "{origin: a, profile: mine, services: []}\n",
         ["5: worklists.w.services: list search, retrieve or store"]),
        (WORKLIST + "{origin: a, profile: mine, domain: a b}\n",
         ["5: worklists.w.domain: a domain holds A-Z, a-z, 0-9, dot, - and _ only"]),
        (WORKLIST + "{origin: a, profile: mine, studies: []}\n",
         ["5: worklists.w.studies: the list is empty; leave it out to select every study"]),
        (START + "worklists:\n  w:\n    origin: a\n    profile: mine\n    studies:\n      - 1.2\n      - 1.2*\n",
         ["10: worklists.w.studies[1]: not a Study Instance UID"]),
        (WORKLIST + "{origin: a, profile: mine, match: {PatientNam: x}}\n",
         ['5: worklists.w.match.PatientNam: unknown attribute (did you mean "PatientName"?)']),
        (WORKLIST + "{origin: a, profile: mine, match: {SeriesDescription: x}}\n",
         ['5: worklists.w.match.SeriesDescription: not a key that selects studies (did you mean "StudyDescription"?)']),
        (WORKLIST + "{origin: a, profile: mine, match: {Modality: CT}}\n",
         ['5: worklists.w.match.Modality: not a key that selects studies (did you mean "ModalitiesInStudy"?)']),
        (WORKLIST + "{origin: a, profile: mine, match: {00091001: x}}\n",
         ["5: worklists.w.match.00091001: not a key that selects studies"]),
        (WORKLIST + "{origin: a, profile: mine, match: {PatientID: x, 00100020: y}}\n",
         ["5: worklists.w.match.00100020: the same attribute as PatientID"]),
        (WORKLIST + "{origin: a, profile: mine, match: {PatientID: '*'}}\n",
         ["5: worklists.w.match.PatientID: selects every study; leave it out or give a value"]),
        (WORKLIST + "{origin: a, profile: mine, match: {StudyDate: 2020-01-01}}\n",
         [f"5: worklists.w.match.StudyDate: {DATES}"]),
        # Paths
        (WORKLIST + "{origin: a, profile: mine, path: x/}\n",
         ["5: worklists.w.path: should start with / and not end with it, of letters, digits and -._~"]),
        (WORKLIST + "{origin: a, profile: mine, path: /metrics/x}\n",
         ["5: worklists.w.path: its path /metrics/x collides with /metrics of the gateway's own pages"]),
        (START + "worklists:\n  v: {origin: a, profile: mine, path: /x}\n  w: {origin: a, profile: mine, path: /x/y}\n",
         ["6: worklists.w.path: its path /x/y collides with /x of v"]),
        (START + "worklists:\n  v: {origin: a, profile: mine}\n  w: {origin: a, profile: mine, path: /worklists}\n",
         ["6: worklists.w.path: its path /worklists collides with /worklists/v/dicom-web of v"]),
        # The rest
        (START + WORKLISTS + "public_url: gateway\n", ["5: public_url: should be an http or https URL"]),
        (START + WORKLISTS + "cors: {origins: ['https://x/y', '*']}\n",
         ["5: cors.origins[0]: should be * or scheme://host, with a port if needed"]),
        (START + WORKLISTS + "cors: {origins: '*'}\n", ["5: cors.origins: should be a list"]),
        (START + WORKLISTS + "trusted_proxies: [10.0.0.1/8]\n",
         ["5: trusted_proxies[0]: not an IP address or network, such as 10.0.0.0/8"]),
    ],
)  # fmt: skip
def test_a_fault_names_its_line_and_what_is_wrong(folder: Path, text: str, expected: list[str]) -> None:
    found = faults(folder, text)
    assert found == expected
    assert "hunter2" not in str(found)


def test_faults_in_one_entry_hide_no_others(folder: Path) -> None:
    found = faults(
        folder,
        "secret: {env: SHORT}\n"
        "stat: x\n"
        "origins:\n"
        "  a: {dicomweb: ftp://h, retries: 3, auth: {bearer: {env: NONE}}}\n"
        "worklists:\n"
        "  w: {origin: b, profil: mine, services: [store], match: {X: 1}, path: /readyz}\n"
        "  v: {origin: a, profile: off, studies: [x]}\n",
    )
    assert [line.split(":")[0] for line in found] == ["2", "3", "5", "5", "5", "7", "7", "7", "7", "7", "8", "8"]


def test_faults_of_profiles_are_told_together_with_those_of_the_settings(folder: Path) -> None:
    (folder / "profiles" / "mine.yaml").write_text(
        "name: mine\noptions: [nonsense]\nattributes:\n  Nonsense: {action: keep}\n"
    )
    (folder / "profiles" / "unused.yaml").write_text("name: other\n")
    found = faults(folder, START + "worklists: {w: {origin: b, profile: mine}}\n")
    assert [line.rsplit(": ", 1)[0].split(" ")[0] for line in found] == [
        "4:",
        "profiles/mine.yaml:2:",
        "profiles/mine.yaml:4:",
        "profiles/unused.yaml:1:",
    ]


def test_a_profile_based_on_itself_through_another_is_a_fault(folder: Path) -> None:
    (folder / "profiles" / "one.yaml").write_text("name: one\nbased_on: two\n")
    (folder / "profiles" / "two.yaml").write_text("name: two\n\nbased_on: one\n")
    found = faults(folder, START + WORKLISTS)
    assert found == ["profiles/two.yaml:3: based_on: goes round in a circle: one > two > one"]


def test_a_fault_below_does_not_hide_a_fault_above(folder: Path) -> None:
    (folder / "profiles" / "below.yaml").write_text("name: below\noptions: [nonsense]\n")
    (folder / "profiles" / "mine.yaml").write_text("name: mine\nbased_on: below\noptions: [nonsense]\n")
    assert [line.split(": ")[0] for line in faults(folder, START + WORKLISTS)] == [
        "profiles/below.yaml:2",
        "profiles/mine.yaml:3",
    ]


def test_a_profile_of_another_form_and_name_shows_its_other_faults_too(folder: Path) -> None:
    (folder / "profiles" / "mine.yaml").write_text("name: other\nprivat: keep\noptions: [nonsense]\n")
    (folder / "profiles" / "yours.yaml").write_text("name: Yours\noptions: [nonsense]\n")
    assert [line.split(": ")[:2] for line in faults(folder, START + WORKLISTS)] == [
        ["profiles/mine.yaml:1", "name"],
        ["profiles/mine.yaml:2", "privat"],
        ["profiles/mine.yaml:3", "options"],
        ["profiles/yours.yaml:1", "name"],
        ["profiles/yours.yaml:2", "options"],
    ]


def test_a_missing_profile_folder_is_a_fault(tmp_path: Path) -> None:
    assert "1: profiles: no folder ./profiles" in faults(tmp_path, START + WORKLISTS)


def test_a_profile_that_is_no_text_is_a_fault(folder: Path) -> None:
    (folder / "profiles" / "mine.yaml").write_bytes(b"name: \xff\n")
    assert faults(folder, START + WORKLISTS) == ["profiles/mine.yaml:1: cannot be read: not UTF-8 text"]


@pytest.mark.parametrize("content", [None, b"\xff", b"a: [", b""])
def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "settings.yaml").write_bytes(content)
    with pytest.raises(ConfigFaults, match=r"settings\.yaml:1: "):
        load_settings(tmp_path / "settings.yaml", {})


OURS = "name: ours\nrules:\n  - {name: r, when: {Modality: {equals: US}}, clean: true}\n"


@pytest.fixture
def masks(folder: Path) -> Path:
    """Make the folder of own mask rule sets; the profile of the worklists applies the set ``ours``."""
    made = folder / "profiles" / "masks"
    made.mkdir()
    (made / "ours.yaml").write_text(OURS)
    (folder / "profiles" / "mine.yaml").write_text("name: mine\napply_masks: true\nmasks: [ours, devices]\n")
    return made


def test_mask_rule_sets_lie_beside_the_profiles_and_add_to_the_shipped_ones(folder: Path, masks: Path) -> None:
    applied = load(folder, START + WORKLISTS).profiles["mine"].masks
    assert applied
    assert [rule.name.split("/")[0] for rule in applied.rules] == ["ours", *["devices"] * (len(applied.rules) - 1)]
    assert len(applied.rules) > 100
    assert applied.rules[0].where == f"{masks / 'ours.yaml'}:3"


def test_a_rule_set_of_the_folder_comes_before_the_shipped_one_of_its_name(folder: Path, masks: Path) -> None:
    (masks / "devices.yaml").write_text(OURS.replace("ours", "devices"))
    applied = load(folder, START + WORKLISTS).profiles["mine"].masks
    assert applied
    assert [rule.name for rule in applied.rules] == ["ours/r", "devices/r"]


def test_faults_of_rule_sets_are_told_with_their_lines_also_where_no_profile_names_them(
    folder: Path, masks: Path
) -> None:
    (masks / "ours.yaml").write_text(OURS.replace("clean: true", "blank: [{width: 0}]"))
    (masks / "unused.yaml").write_text("name: other\n" + OURS.partition("\n")[2])
    (masks / "bytes.yaml").write_bytes(b"name: \xff\n")
    assert faults(folder, START + WORKLISTS) == [
        "profiles/masks/bytes.yaml:1: cannot be read: not UTF-8 text",
        "profiles/masks/ours.yaml:3: rules[0].blank[0].width: should be more than nothing",
        "profiles/masks/unused.yaml:1: name: should be unused, as the file is called",
        'profiles/mine.yaml:3: masks[0]: the mask rule set "ours" has faults',
    ]


def test_a_rule_set_that_is_not_there_is_a_fault(folder: Path, masks: Path) -> None:
    (masks / "ours.yaml").rename(masks / "our.yaml")
    (masks / "our.yaml").write_text(OURS.replace("ours", "our"))
    missing = 'profiles/mine.yaml:3: masks[0]: no mask rule set named "ours" (did you mean "our"?)'
    assert faults(folder, START + WORKLISTS) == [missing]


def test_a_home_folder_is_not_written_short(folder: Path) -> None:
    found = faults(folder, SECRET + "origins: {a: {folder: ~/samples}}\n" + WORKLISTS)
    assert "no folder ~/samples (~ stands for nothing here: write the whole path)" in found[0]


@pytest.mark.parametrize("way", ["basic: {username: u, password: {file: ./pw}}", "bearer: {file: ./pw}"])
def test_credentials_of_an_archive_that_everyone_can_read_are_a_warning(folder: Path, way: str) -> None:
    (folder / "pw").write_text("p")
    (folder / "pw").chmod(0o644)
    origins = f'origins: {{a: {{dicomweb: "http://127.0.0.1:9/x", auth: {{{way}}}}}}}\n'
    (warning,) = load(folder, SECRET + origins + WORKLISTS).warnings
    assert warning.endswith("other users of this machine can read or change ./pw; chmod 600 it")


def test_what_an_example_left_is_a_warning_that_repeats_no_value(folder: Path) -> None:
    auth = "auth: {basic: {username: change-me, password: {env: SECRET}}}"
    text = f"""{SECRET}origins:
  a: {{dicomweb: "https://pacs.example.org/hidden", {auth}}}
  b: {{dicomweb: "https://myexample.org/d"}}
public_url: https://Example.com
access: {{keys: {{k: {{hash: "sha256:{"0" * 64}"}}}}, allow: [{{keys: [k], worklists: "*", roles: [view]}}]}}
{WORKLISTS}"""
    told = [warning.partition(": ")[2] for warning in load(folder, text).warnings]
    yours = "a name of example.org, .com or .net stands for one of yours; put it here"
    assert told == [
        f"origins.a.dicomweb: {yours}",
        "origins.a.auth.basic.username: a placeholder; put a value of yours here",
        f"public_url: {yours}",
        "access.keys.k.hash: the hash of no key; `dicomveil key NAME` makes one, and its line",
    ]
