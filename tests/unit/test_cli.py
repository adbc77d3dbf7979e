"""The command line: what it prints, where, and with which exit code."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from click.testing import CliRunner, Result
from pydicom.data import get_testdata_file

from gateway import __version__, cli

CT = Path(str(get_testdata_file("CT_small.dcm", download=False)))
SETTINGS = """\
secret: {env: SECRET}
origins: {a: {folder: studies}}
worklists:
  w: {origin: a, profile: nominal}
  x: {origin: a, identified: true}
"""
SECRET = "s" * 32


def run(*arguments: object, **environment: str | None) -> Result:
    return CliRunner(env=environment).invoke(cli._commands, [str(argument) for argument in arguments])


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    (tmp_path / "studies").mkdir()
    shutil.copy(CT, tmp_path / "studies")
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    return tmp_path / "settings.yaml"


def test_check_says_what_a_sound_file_holds(settings: Path) -> None:
    result = run("check", "--config", settings, SECRET=SECRET)
    assert (result.exit_code, result.output) == (0, "ok: 2 worklists, 1 profile\n")


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True), (0o602, True)])
def test_check_warns_of_a_secret_that_everyone_can_read(settings: Path, mode: int, *, warned: bool) -> None:
    for name in ("new", "old"):
        (settings.parent / name).write_text(name + SECRET)
    (settings.parent / "old").chmod(mode)
    (settings.parent / "new").chmod(0o600)
    settings.write_text("previous_secrets: [{file: old}]\n" + SETTINGS.replace("{env: SECRET}", "{file: new}"))
    result = run("check", "--config", settings)
    assert result.exit_code == 0
    what = "other users of this machine can read or change old; chmod 600 it"
    assert result.stderr == (f"warning: {settings}:1: previous_secrets[0]: {what}\n" if warned else "")


def test_check_lists_every_fault_with_file_and_line(settings: Path) -> None:
    settings.write_text(SETTINGS + "  y: {origin: b, profil: nominal}\ncolour: red\n")
    result = run("check", "--config", settings)
    assert result.exit_code == 1
    places = [line.split(": ")[0] for line in result.stdout.splitlines()]
    assert places == [f"{settings}:{line}" for line in (1, 6, 6, 6, 7)]


def test_several_workers_need_a_secret_that_they_share(settings: Path) -> None:
    settings.write_text("origins:\n  a: {folder: studies}\nworklists:\n  x: {origin: a, identified: true}\n")
    result = run("serve", "--config", settings, "--workers", 2)
    assert result.exit_code == 2
    assert "several workers need a secret" in result.stderr


def test_serve_refuses_a_faulty_file_without_a_traceback(settings: Path) -> None:
    result = run("serve", "--config", settings)
    assert result.exit_code == 1
    assert result.stderr == f"{settings}:1: secret: environment variable SECRET is not set\n"
    assert "Traceback" not in result.output


def test_serve_refuses_a_log_level_that_prints_requests(settings: Path) -> None:
    result = run("serve", "--config", settings, DICOMVEIL_LOG_LEVEL="trace")
    assert result.exit_code == 2
    assert "DICOMVEIL_LOG_LEVEL" in result.stderr


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_settings_file_that_is_not_there_is_a_misuse(tmp_path: Path, command: str) -> None:
    assert run(command, "--config", tmp_path / "none.yaml").exit_code == 2


def test_profiles_are_listed_with_comment_and_options() -> None:
    result = run("profiles")
    assert result.exit_code == 0
    assert re.search(r"^nominal\n  The Basic Application Level", result.stdout, re.MULTILINE)
    assert "  options: retain_device_identity" in result.stdout
    strict = result.stdout.split("\nstrict\n")[1].split("\n\n")[0]
    assert "  details: PatientBirthDate, PatientID, PatientName, PatientSex, StudyDate\n" in strict
    assert "  also: sop_classes: images, final_check: true\n" in strict


def test_profiles_of_a_folder_come_first_and_their_faults_are_told(tmp_path: Path) -> None:
    (tmp_path / "nominal.yaml").write_text("name: nominal\ncomment: our own\nenabled: false\n")
    assert "nominal (not enabled)\n  our own\n" in run("profiles", "--profiles", tmp_path).stdout
    (tmp_path / "nominal.yaml").write_text("nam: nominal\n")
    result = run("profiles", "--profiles", tmp_path)
    assert result.exit_code == 1
    assert f'{tmp_path}/nominal.yaml:1: nam: unknown key (did you mean "name"?)' in result.stderr


@pytest.mark.parametrize("attribute", ["PatientID", "0010,0020", "(0010,0020)", "00100020"])
def test_explain_says_what_happens_to_an_attribute_and_which_rule_decides(attribute: str) -> None:
    result = run("explain", "nominal", attribute)
    assert result.exit_code == 0
    assert re.fullmatch(r"\(0010,0020\) PatientID: pseudonym; .*nominal\.yaml:\d+\n", result.stdout)


def test_explain_knows_repeating_groups_by_keyword() -> None:
    assert run("explain", "nominal", "OverlayData").stdout.startswith("(6000,3000) OverlayData: remove;")


def test_explain_takes_a_sop_class_by_uid_or_keyword() -> None:
    for sop_class, done in (("EnhancedCTImageStorage", "replace"), ("1.2.840.10008.5.1.4.1.1.2", "remove")):
        result = run("explain", "nominal", "DeviceSerialNumber", "--sop-class", sop_class)
        assert result.stdout.startswith(f"(0018,1000) DeviceSerialNumber: {done};")
    result = run("explain", "nominal", "DeviceSerialNumber", "--sop-class", "CT")
    assert result.exit_code == 1
    assert '"CT" is neither a UID nor the keyword of a storage SOP Class' in result.stderr


def test_explain_takes_a_path() -> None:
    result = run("explain", "nominal", "ContentSequence > PersonName")
    assert result.stdout == "ContentSequence > PersonName: replace; E.1-1 D\n"


def test_explain_without_an_attribute_prints_the_profile_as_a_table(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ncomment: our own\noptions: [retain_uids]\nattributes:\n"
        "  StudyDescription: {disabled: true}\n"
        "  60xx,3000: {action: keep}\n"
    )
    result = run("explain", tmp_path / "mine.yaml")
    assert result.exit_code == 0
    printed = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert printed[:3] == ["mine", "our own", "options: retain_uids"]
    assert f"(0008,1030) StudyDescription keep {tmp_path}/mine.yaml:5 (disabled: not anonymized)" in printed
    assert "(0010,0010) PatientName empty E.1-1 Z" in printed
    assert f"(60xx,3000): keep; {tmp_path}/mine.yaml:6" in printed


def test_profiles_and_check_warn_of_what_is_kept_although_the_table_names_it(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\nattributes:\n  StudyDescription: {disabled: true}\n")
    warning = f"warning: {tmp_path}/mine.yaml:3: keeps what Table E.1-1 names: StudyDescription (X)\n"
    result = run("profiles", "--profiles", tmp_path)
    assert (result.exit_code, result.stderr) == (0, warning)
    settings = tmp_path / "settings" / "dicomveil.yaml"
    settings.parent.mkdir()
    settings.write_text(
        f"secret: {{env: DICOMVEIL_TEST_SECRET}}\nprofiles: {tmp_path}\norigins: {{here: {{folder: {tmp_path}}}}}\n"
        "worklists: {all: {origin: here, profile: mine}}\n"
    )
    result = run("check", "--config", settings, DICOMVEIL_TEST_SECRET=SECRET)
    assert (result.exit_code, result.stderr) == (0, warning)


def test_explain_suggests_the_profile_that_was_meant() -> None:
    result = run("explain", "nominl", "PatientID")
    said = 'Error: no profile named "nominl" (did you mean "nominal"?); dicomveil profiles lists them; '
    assert (result.exit_code, result.stderr) == (1, said + "--profiles FOLDER adds your own\n")


def test_explain_says_where_it_looked_for_a_profile_of_ones_own(tmp_path: Path) -> None:
    result = run("explain", "mine", "PatientID", "--profiles", tmp_path)
    said = f'Error: no profile named "mine"; dicomveil profiles --profiles {tmp_path} lists them\n'
    assert (result.exit_code, result.stderr) == (1, said)


def test_explain_refuses_what_is_no_attribute() -> None:
    for asked, meant in (("PatientIdd", "PatientID"), ("studydate", "StudyDate"), ("OverlayDatta", "OverlayData")):
        result = run("explain", "nominal", asked)
        assert result.exit_code == 1
        assert result.stderr.endswith(f'(did you mean "{meant}"?)\n')


def deidentify(tmp_path: Path, *arguments: object, **environment: str | None) -> Result:
    given = {"DICOMVEIL_SECRET": SECRET} | environment
    return run("deidentify", "--out", tmp_path / "out", "--profile", "nominal", *arguments, **given)


def names(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "out").rglob("*.dcm")}


def test_deidentify_reports_on_stdout_and_draws_nothing_without_a_terminal(tmp_path: Path) -> None:
    result = deidentify(tmp_path, CT)
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.fullmatch(r"1 file de-identified\nvalues changed: (\w+ \d+(, )?)+\n", result.stdout)


def test_deidentify_gives_the_same_pseudonyms_for_the_same_secret_and_domain(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    deidentify(tmp_path, CT)
    assert deidentify(tmp_path, CT).stdout == "0 files de-identified\n1 file already there\n"
    deidentify(tmp_path, CT, "--secret-file", tmp_path / "secret", DICOMVEIL_SECRET="another" * 10)
    assert len(names(tmp_path)) == 1
    deidentify(tmp_path, CT, "--domain", "trial-7")
    assert len(names(tmp_path)) == 2


def test_deidentify_of_nothing_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = deidentify(tmp_path, tmp_path / "empty")
    assert (result.exit_code, result.stderr) == (1, "no DICOM file found\n")
    (tmp_path / "empty" / "notes.txt").write_text("none")
    assert deidentify(tmp_path, tmp_path / "empty").exit_code == 1


def test_deidentify_without_a_secret_says_so_and_takes_one_for_this_run(tmp_path: Path) -> None:
    results = [deidentify(tmp_path, CT, DICOMVEIL_SECRET=None) for _ in range(2)]
    assert [result.exit_code for result in results] == [0, 0]
    assert "for this run only" in results[0].stderr
    assert len(names(tmp_path)) == 2


@pytest.mark.parametrize("content", ["", "short\n"])
def test_deidentify_refuses_a_weak_secret(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret").write_text(content)
    assert deidentify(tmp_path, CT, "--secret-file", tmp_path / "secret").exit_code == 1
    assert names(tmp_path) == set()


def test_deidentify_reports_a_bad_file_goes_on_and_exits_with_1(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(CT, tmp_path / "in")
    (tmp_path / "in" / "cut.dcm").write_bytes(CT.read_bytes()[:20_000])
    result = deidentify(tmp_path, tmp_path / "in", "--report", tmp_path / "report.json")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{tmp_path}/in/cut.dcm: MalformedInput: ")
    assert result.stdout.splitlines()[:2] == ["1 file de-identified", "1 file failed"]
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["released"], report["failures"][0]["kind"]) == (1, "MalformedInput")
    assert "CompressedSamples" not in json.dumps(report) + result.output


def test_deidentify_does_not_write_into_the_folder_it_reads(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    result = deidentify(tmp_path, tmp_path / "out")
    assert result.exit_code == 2
    assert "must not mix" in result.stderr


def test_deidentify_refuses_a_profile_that_is_not_enabled(tmp_path: Path) -> None:
    (tmp_path / "off.yaml").write_text("name: 'off'\nenabled: false\n")
    result = deidentify(tmp_path, CT, "--profile", tmp_path / "off.yaml")
    assert (result.exit_code, names(tmp_path)) == (1, set())


def test_deidentify_says_where_it_cannot_write(tmp_path: Path) -> None:
    result = deidentify(tmp_path, CT, "--report", tmp_path / "none" / "report.json")
    assert (result.exit_code, result.stderr) == (1, f"Error: {tmp_path}/none/report.json: No such file or directory\n")


@pytest.mark.parametrize("command", ["demo", "serve", "check", "key", "profiles", "explain", "deidentify"])
def test_every_command_explains_itself(command: str) -> None:
    result = run(command, "--help")
    assert (result.exit_code, result.stdout.startswith(f"Usage: dicomveil {command}")) == (0, True)


def test_a_bug_tells_its_place_and_not_its_message() -> None:
    value = str(bytes.fromhex("45 72 69 6b 61"), "ascii")  # not in the source line, which is printed
    source = f"""
from gateway import cli

def broken(**_):
    raise KeyError(bytes.fromhex({value.encode().hex()!r}).decode())

cli._commands = broken
cli.main()
"""
    # A process of its own: the command sets up logging for all that runs in its process.
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert done.returncode == cli.INTERNAL_ERROR
    assert "KeyError" in done.stderr
    assert value not in done.stderr + done.stdout


def program(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "gateway", *(str(argument) for argument in arguments)]


def test_the_program_runs_as_a_process(tmp_path: Path) -> None:
    done = subprocess.run(program("--version"), capture_output=True, text=True, check=True)
    assert done.stdout == f"dicomveil, version {__version__}\n"
    done = subprocess.run(program("check", "--config", tmp_path), capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


def test_serve_lists_worklists_entrances_and_uplinks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.server.serve", lambda *_arguments: None)
    port = free_port()
    (tmp_path / "near").mkdir()
    (tmp_path / "far").mkdir()
    (tmp_path / "settings.yaml").write_text(
        "secret: {env: SECRET}\norigins: {near: {folder: near}, far: {folder: far, writable: true}}\n"
        "worklists: {w: {origin: near, profile: nominal}, x: {origin: near, identified: true}}\n"
        "entrances: {door: {choose: [{worklist: x, host: a}, {worklist: w}]}}\n"
        "uplinks: {clinic: {origin: near, destination: far}}\n"
    )
    result = run("serve", "--config", tmp_path / "settings.yaml", "--port", port, SECRET=SECRET)
    base = f"http://127.0.0.1:{port}"
    assert (result.exit_code, result.stderr.splitlines()) == (
        0,
        [
            f"w (nominal): {base}/worklists/w/dicom-web",
            f"x (identified): {base}/worklists/x/dicom-web",
            f"door (entrance to x, w): {base}/entrances/door/dicom-web",
            f"clinic (uplink, strict): {base}/uplinks/clinic",
        ],
    )


@pytest.mark.parametrize(
    ("more", "host", "where"),
    [
        ("", "0.0.0.0", "0.0.0.0"),  # noqa: S104 nothing listens
        ("", "127.0.0.1", None),
        ("trusted_proxies: [10.0.0.7]\n", "0.0.0.0", None),  # noqa: S104 nothing listens
        ("", None, "any address but this machine's own"),
    ],
)
def test_keys_over_plain_http_are_a_warning_of_serve_and_check(
    settings: Path, monkeypatch: pytest.MonkeyPatch, more: str, host: str | None, where: str | None
) -> None:
    monkeypatch.setattr("gateway.server.serve", lambda *_arguments: None)
    rules = "allow: [{keys: [k], worklists: '*', roles: [view]}]"
    access = f"access: {{keys: {{k: {{hash: 'sha256:{'1' * 64}'}}}}, {rules}}}\n"
    settings.write_text(settings.read_text() + access + more)
    command = ["serve", "--port", free_port(), "--host", host] if host else ["check"]
    result = run(*command, "--config", settings, SECRET=SECRET)
    told = [line for line in result.stderr.splitlines() if "plain HTTP" in line]
    said = f"warning: over plain HTTP, keys and tokens can be read on their way to {where}: give tls, "
    assert (result.exit_code, told) == (
        0,
        [said + "or in trusted_proxies the proxy at which TLS ends"] if where else [],
    )


@pytest.mark.e2e
@pytest.mark.parametrize("workers", [1, 2])
def test_serve_answers_logs_no_request_and_ends_when_told(settings: Path, workers: int) -> None:
    port = free_port()
    environment = os.environ | {"SECRET": SECRET, "DICOMVEIL_LOG_LEVEL": "debug"}
    command = program("serve", "--config", settings, "--port", port, "--workers", workers)
    log = settings.with_name("log")
    with log.open("wb") as stream:
        server = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
    try:
        answer = wait_for(f"http://127.0.0.1:{port}/worklists/x/dicom-web/studies", server, log)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    logged = log.read_text()
    assert answer.startswith("[")
    assert f"x (identified): http://127.0.0.1:{port}/worklists/x/dicom-web\n" in logged
    assert "/studies" not in logged
    assert "Traceback" not in logged
    assert server.returncode in (0, -signal.SIGTERM)


def test_a_port_that_is_taken_is_said_in_a_line(settings: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            program("serve", "--config", settings, "--port", port),
            env=os.environ | {"SECRET": SECRET},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == f"Error: port {port} of 127.0.0.1 is in use; choose another, such as --port 8081\n"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(300):
        assert server.poll() is None, log.read_text()
        try:
            with urlopen(url) as response:
                return str(response.read().decode())
        except URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
        time.sleep(0.1)
    raise AssertionError(log.read_text())
