"""Contacts go through whole uplinks with shares, and whatever anyone could look at is searched for them.

Looked through are every file of the gateway and of the destination (free pages, logs of transactions and locks among
them), everything that the process and its libraries print at DEBUG, what the system shows of the process, all that the
destination was sent, and every answer: before the messages can be handed over, after a crash, and when it is done.
"""

import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest

from tests.kit.background import in_background
from tests.kit.contacts import EMAIL, PHONE, REFERENCE, Trace, traces
from tests.kit.hook import Hook, hook
from tests.kit.inprocess import CHEST, HEAD, sample_folder
from tests.kit.mail import MailServer, mail_server
from tests.kit.relay import Relay, relay
from tests.kit.servers import ROOT, Gateway, Orthanc, gateway, orthanc

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc, pytest.mark.slow, pytest.mark.timeout(600)]

PIN: Final = "Qzjxvk-7351"
CANCELLED: Final = "rosa.qzjxvk@cancelled-qzjxvk.example"
FAILED: Final = "otto.qzjxvk@failed-qzjxvk.example"
CONTACTS: Final = (EMAIL, PHONE, REFERENCE, CANCELLED, FAILED)
HIDDEN: Final = (*CONTACTS, PIN)
NOBODY: Final = "2.25.999999999999"
SOURCE: Final = (HEAD, CHEST, NOBODY, "JONES^MARY", "SMITH^JOHN")
WAIT_S: Final = 120


@dataclass(slots=True)
class Stage:
    """What ran, and what could be seen of it, by the name of the place."""

    gateway: Gateway
    destination: Orthanc
    passed: Relay
    mail: MailServer
    sms: Hook
    seen: dict[str, bytes] = field(default_factory=dict)
    sealed: dict[str, list[bytes]] = field(default_factory=dict)
    jobs: dict[str, Any] = field(default_factory=dict)

    def look(self, when: str) -> None:
        """Take down everything that can be looked at now."""
        self.sealed[when] = sealed_contacts(self.gateway.folder / "state-contacts.db")
        for place in (self.gateway.folder, self.destination.folder):
            for path in place.rglob("*"):
                if path.is_file() and path.name != "log":  # a log only grows
                    self.seen[f"{when}: {path.relative_to(place.parent)}"] = path.read_bytes()
            self.seen[f"the log of {place.name}"] = (place / "log").read_bytes()
        assert self.gateway.process is not None
        for process in (self.gateway.process.pid, *children(self.gateway.process.pid)):
            for what in ("cmdline", "environ"):
                with suppress(FileNotFoundError, ProcessLookupError):
                    self.seen[f"{when}: /proc/{process}/{what}"] = Path(f"/proc/{process}/{what}").read_bytes()
        for page in ("/metrics", "/healthz", "/readyz", "/openapi.json"):
            self.ask("GET", page)
        self.seen[f"{when}: the destination's requests"] = bytes(self.passed.asked)
        self.seen[f"{when}: the destination's answers"] = bytes(self.passed.answered)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask the gateway, and keep what it says."""
        answer = httpx.request(method, self.gateway.base + path, timeout=60, **more)
        said = f"{answer.status_code} {answer.reason_phrase} {answer.headers.multi_items()}".encode()
        self.seen[f"answer {len(self.seen)} to {method} {answer.request.url.path[:12]}"] = said + answer.content
        return answer

    def begin(self, name: str, body: Mapping[str, object], **headers: str) -> None:
        """Begin a job."""
        answer = self.ask("POST", "/uplinks/clinic", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        self.jobs[name] = answer.json()

    def wait(self, done: Callable[[Any], bool], *names: str) -> None:
        """Wait until each job is as it should be."""
        deadline = time.monotonic() + WAIT_S
        for name in names:
            while not done(self.jobs[name]):
                assert time.monotonic() < deadline, (name, self.jobs[name], self.gateway.log[-3000:])
                time.sleep(0.2)
                self.jobs[name] = self.ask("GET", f"/uplinks/clinic/jobs/{self.jobs[name]['id']}").json()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("contacts")
    samples = sample_folder(folder / "samples")
    (folder / "gateway" / "tmp").mkdir(parents=True)
    environment = {"PYTHONASYNCIODEBUG": "1", "TMPDIR": str(folder / "gateway" / "tmp")}
    with (
        orthanc(folder) as destination,
        in_background(relay(destination.port)) as passed,
        in_background(mail_server()) as mail,
        in_background(hook()) as sms,
        gateway(
            folder / "gateway",
            settings(samples, passed, mail, sms),
            module="tests.kit.loud",
            environment=environment,
        ) as server,
    ):
        told = Stage(server, destination, passed, mail, sms)
        tell_the_story(told)
        yield told


def settings(samples: Mapping[str, object], passed: Relay, mail: MailServer, sms: Hook) -> dict[str, object]:
    smtp = {"host": "127.0.0.1", "port": mail.port, "security": "none", "from": "Imaging <no-reply@hospital.example>"}
    (secret := Path(str(samples["folder"])).parent / "hook").write_bytes(b"made up secret of a webhook")
    return {
        "public_url": "https://images.hospital.example",
        "origins": {"local": samples, "cloud": {"dicomweb": f"http://127.0.0.1:{passed.port}/dicom-web"}},
        "uplinks": {"clinic": {"origin": "local", "destination": "cloud", "share": {"days": 3}}},
        "notify": {
            "smtp": smtp,
            "webhooks": {"sms": {"url": f"{sms.base}/hook", "secret": {"file": str(secret)}}},
        },
    }


def tell_the_story(stage: Stage) -> None:
    """Nobody takes a message at first, then the gateway is killed, then everybody does."""
    stage.mail.refuse = {"RCPT": "450 <%> later"}
    stage.sms.status = 503
    ask_wrongly(stage)
    stage.begin("failed", {"study": NOBODY, "share": {"email": FAILED}})
    stage.wait(lambda job: job["state"] == "failed", "failed")
    stage.begin("mail", {"study": HEAD, "share": {"email": EMAIL, "pin": PIN}}, **{"Idempotency-Key": "one"})
    stage.begin("phone", {"study": HEAD, "share": {"phone": PHONE}})
    run_the_command(stage)
    stage.begin("reference", {"study": CHEST, "share": {"reference": REFERENCE, "webhook": "sms"}})
    stage.begin("cancelled", {"study": CHEST, "share": {"email": CANCELLED}})
    pending = ("mail", "phone", "reference", "cancelled", "command")
    stage.wait(lambda job: "reason" in job and "share" in job, *pending)
    stage.ask("POST", f"/uplinks/clinic/jobs/{stage.jobs['cancelled']['id']}/cancel")
    stage.wait(lambda job: job["state"] == "cancelled", "cancelled")
    again = {"study": HEAD, "share": {"email": EMAIL, "pin": PIN}}
    stage.begin("mail", again, **{"Idempotency-Key": "one"})
    stage.ask("POST", "/uplinks/clinic", json=again | {"study": CHEST}, headers={"Idempotency-Key": "one"})
    follow(stage, "mail", events=1)
    stage.look("while they wait")
    assert stage.gateway.process is not None
    stage.gateway.process.kill()
    stage.gateway.process.wait()
    stage.seen["after a crash: core"] = b""
    stage.gateway.start()
    stage.look("after a crash")
    stage.mail.refuse = {}
    stage.sms.status = 204
    stage.wait(lambda job: job["state"] == "done", "mail", "phone", "reference", "command")
    follow(stage, "phone")
    look_at_pages(stage)
    stage.ask("DELETE", f"/uplinks/clinic/jobs/{stage.jobs['phone']['id']}/share")
    stage.look("when it is done")


def ask_wrongly(stage: Stage) -> None:
    study, hidden = {"study": HEAD}, ",".join(CONTACTS)
    for body in (
        study | {"share": {"email": f"{EMAIL} "}}, study | {"share": {"email": hidden}},
        study | {"share": {"phone": f"{PHONE}000000"}}, study | {"share": {EMAIL: PHONE}}, study | {EMAIL: 1},
        study | {"share": {"email": EMAIL, "phone": PHONE}}, study | {"share": {"email": EMAIL, "webhook": "sms"}},
        study | {"share": {"reference": REFERENCE, "webhook": "none"}}, study | {"share": EMAIL},
        study | {"share": {"email": EMAIL, "pin": "1"}}, {"share": {"email": EMAIL}}, {"study": EMAIL}, [EMAIL],
        {"study": {"share": {"email": EMAIL}}}, study | {"share": {"email": [EMAIL]}}, hidden,
        study | {"share": {"phone": PHONE, "webhook": EMAIL}}, study | {"share": {"phone": PHONE, "pin": PIN * 9}},
    ):  # fmt: skip
        assert stage.ask("POST", "/uplinks/clinic", json=body).status_code == 400, body
    share = {"email": EMAIL, "pin": PIN}
    stage.ask("POST", "/uplinks/none", json={"study": HEAD, "share": share})
    stage.ask("POST", "/uplinks/clinic", data={"email": EMAIL})
    stage.ask("POST", "/uplinks/clinic", content=EMAIL.encode() + b"{", headers={"content-type": "application/json"})
    stage.ask("POST", "/uplinks/clinic", content=EMAIL.encode() * 20_000, headers={"content-type": "application/json"})
    stage.ask("PUT", "/uplinks/clinic", json={"study": HEAD, "share": share})


def run_the_command(stage: Stage) -> None:
    """Ask for the same from a shell; what is told comes by standard input."""
    command = [sys.executable, "-m", "gateway", "uplink", "--config", str(stage.gateway.config), "clinic", "-"]
    with subprocess.Popen(
        [*command, "--email", "--pin", "--no-wait"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        for what in ("cmdline", "environ"):
            stage.seen[f"the command's /proc/{process.pid}/{what}"] = Path(f"/proc/{process.pid}/{what}").read_bytes()
        said, _ = process.communicate(f"{HEAD}\n{EMAIL}\n{PIN}\n".encode(), timeout=60)
    assert process.returncode == 0, said
    stage.seen["what the command said"] = said
    stage.jobs["command"] = {"id": said.decode().split()[-1], "state": ""}


def follow(stage: Stage, name: str, events: int = 1000) -> None:
    """Read the events of a job, all of them or the first ones."""
    path = f"{stage.gateway.base}/uplinks/clinic/jobs/{stage.jobs[name]['id']}/events"
    said = b""
    with httpx.stream("GET", path, timeout=60) as answer:
        for chunk in answer.iter_raw():
            said += chunk
            if said.count(b"data:") >= events:
                break
    assert b"data:" in said
    stage.seen[f"events of {name} {len(stage.seen)}"] = said


def look_at_pages(stage: Stage) -> None:
    """Open what was shared, and what was not."""
    for name in ("mail", "phone", "reference"):
        url = urlsplit(stage.jobs[name]["share"]["url"]).path
        page = stage.ask("GET", url)
        if name == "mail":
            page = stage.ask("POST", url, data={"pin": PIN})
            assert page.cookies
            page = stage.ask("GET", url, cookies=dict(page.cookies))
        assert b"i/1.jpg" in page.content
        for part in ("i/1.jpg", "t/1.jpg", "all.zip"):
            assert stage.ask("GET", url + part, cookies=dict(page.cookies)).status_code in (200, 404)
    stage.ask("GET", url[:-3] + "xyz/")


def sealed_contacts(file: Path) -> list[bytes]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return [bytes(row[0]) for row in connection.execute("SELECT sealed FROM contacts")]


def children(process: int) -> list[int]:
    found = [
        int(one) for task in Path(f"/proc/{process}/task").iterdir() for one in (task / "children").read_text().split()
    ]
    return found + [below for one in found for below in children(one)]


def test_every_message_reached_the_one_it_was_for(stage: Stage) -> None:
    assert [mail.recipients for mail in stage.mail.mails] == [(EMAIL,)] * 2  # one is the command's
    bodies = [mail.message.get_body(("plain",)) for mail in stage.mail.mails]
    said = "".join(body.get_content() for body in bodies if body is not None)
    assert all(stage.jobs[name]["share"]["url"] in said for name in ("mail", "command"))
    taken = [called.body for called in stage.sms.asked]
    assert {PHONE, REFERENCE} <= {contact for contact in CONTACTS for body in taken if traces(body, contact)}
    assert all(
        stage.jobs[name]["share"]["notified"] == "handed over" for name in ("mail", "phone", "reference", "command")
    )


def test_a_contact_is_kept_sealed_while_its_message_waits_and_no_longer(stage: Stage) -> None:
    waiting = stage.sealed["while they wait"]
    assert len(waiting) == 4  # not those of the jobs that failed and were cancelled
    assert stage.sealed["after a crash"] == waiting
    assert stage.sealed["when it is done"] == []
    at_the_end = {place: said for place, said in stage.seen.items() if place.startswith("when it is done")}
    assert at_the_end
    assert [place for place, said in at_the_end.items() for one in waiting if one[8:24] in said] == []


def test_no_contact_and_no_pin_is_anywhere_at_any_time(stage: Stage) -> None:
    assert found(stage.seen, *HIDDEN) == {}


def test_no_source_identifier_is_anywhere_either(stage: Stage) -> None:
    """Not looked at: what libraries print of the origin's files when they are made to, as no setting can."""
    own = b"".join(
        said for name, said in records(stage.seen["the log of gateway"]) if name in (b"dicomveil", b"uvicorn")
    )
    assert b"listening" in own or b"running" in own
    assert found(stage.seen | {"the log of gateway": own}, *SOURCE) == {}


def test_everything_was_looked_at(stage: Stage) -> None:
    places = "\n".join(stage.seen)
    for place in (
        "the log of gateway", "the log of orthanc", "gateway/state.db", "gateway/state-contacts.db",
        "gateway/state-jobs.db", "-wal", "orthanc/db", "/cmdline", "/environ", "the destination's requests",
        "events of mail", "what the command said",
    ):  # fmt: skip
        assert place in places, place
    log = stage.gateway.log
    for library in ("aiosqlite", "dbos", "uvicorn", "dicomveil"):
        assert f" {library}" in log, library
    assert b"POST /dicom-web/studies" in stage.passed.asked


def test_the_token_of_a_page_is_in_no_file_but_the_log(stage: Stage) -> None:
    """Not looked at is the log: no setting can make it as loud as here, where it holds what followers of a job get.

    A hash of 32 random bytes tells nothing, and is what a token is known by.
    """
    tokens = [job["share"]["url"].split("/")[-2] for job in stage.jobs.values() if job.get("share", {}).get("url")]
    assert tokens
    files = {place: said for place, said in stage.seen.items() if ": " in place}
    hits = [(place, hit) for place, all_hits in found(files, *tokens).items() for hit in all_hits]
    assert [(place, hit) for place, hit in hits if not hit.form.startswith("sha256")] == []


def test_a_message_names_nothing_of_the_exam(stage: Stage) -> None:
    said = b"".join(mail.content for mail in stage.mail.mails) + b"".join(called.body for called in stage.sms.asked)
    assert not traces(said, HEAD, CHEST, "JONES", "SMITH", "H-200", "C-100", "clinic", stage.jobs["mail"]["id"])
    released = [study["0020000D"]["Value"][0] for study in stage.destination.search("/studies")]
    assert len(released) == 2
    assert not traces(said, *released)


def test_the_search_would_see_a_contact(stage: Stage) -> None:
    assert traces(stage.mail.mails[0].content, EMAIL)
    assert traces(stage.sms.asked[-1].body, PHONE, REFERENCE)


def records(log: bytes) -> list[tuple[bytes, bytes]]:
    """Split a log into records, each with the first word of its logger's name."""
    starts = [*re.finditer(rb"^\d{4}-\d\d-\d\d [\d:,]+ \d+ [A-Z]+ (\w+)", log, re.MULTILINE)]
    ends = [start.start() for start in starts[1:]] + [len(log)]
    return [(start[1], log[start.start() : end]) for start, end in zip(starts, ends, strict=True)]


def found(seen: Mapping[str, bytes], *hidden: str) -> dict[str, list[Trace]]:
    return {place: hits for place, said in seen.items() if (hits := traces(said, *hidden))}
