"""The twin: an archive, a gateway over it, and plain archives that hold the permanently de-identified copies.

The gateway must answer as the plain archive does, and as the standard says, which ``Reference`` knows. Where the two
may differ stands in ``twin_allowed``, and nowhere else.
"""

import http.client
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from pydicom import Dataset

from gateway.core.pseudonym.keys import KeyRing
from gateway.core.rewrite.engine import Engine
from gateway.files import deidentify_files, find_files
from tests.kit.engine import profile
from tests.kit.servers import Gateway, Orthanc, gateway, orthanc, worklists
from tests.kit.twin_reference import UID_OF, Level, Question, Reference, plain, same, tag_of, vr
from tests.kit.twin_studies import write_studies

SECRET: Final = bytes(range(32))  # that of tests.kit.servers.gateway
PROFILES: Final = ("nominal", "research-longitudinal")
JSON: Final = "application/dicom+json"
AS_THEY_ARE: Final = "!$'()*+,/:;=?@[]^_~-."
Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def results(self) -> list[Result]:
        """Give the results of a search or the data sets of metadata."""
        found: list[Result] = json.loads(self.body) if self.body else []
        return found

    def parts(self) -> list[tuple[str, bytes]]:
        """Give media type and content of each part, read by the standard library's mail parser."""
        return [(str(part["Content-Type"]), part.get_payload(decode=True)) for part in self._messages()]

    def located(self) -> list[tuple[str, bytes]]:
        """Give the path of each part's Content-Location below the service base, and its content."""
        return [
            ("/studies/" + str(part["Content-Location"]).partition("/studies/")[2], part.get_payload(decode=True))
            for part in self._messages()
        ]

    def _messages(self) -> list[Any]:
        assert self.status == 200, self
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = message_from_bytes(head + self.body)
        assert message.is_multipart(), (self.headers, message.defects)
        found: Any = message.get_payload()
        return list(found)


def ask(url: str, accept: str | None = None) -> Reply:
    """Ask with the URL as it is: some archives decode nothing."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    try:
        target = where.path + (f"?{where.query}" if where.query else "")
        connection.request("GET", target, headers={"Accept": accept} if accept else {})
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, headers, answer.read())
    finally:
        connection.close()


@dataclass(slots=True)
class Twin:
    """One profile: ``ours`` is the gateway's service base, ``plain`` the archive with the copies in ``reference``."""

    name: str
    ours: str
    plain: Orthanc
    folder: Path
    reference: Reference
    _whole: dict[Question, list[str]] = field(default_factory=dict)

    @property
    def wado(self) -> str:
        """Give the address of the gateway's URI Service."""
        return self.ours.removesuffix("dicom-web") + "wado"

    @property
    def plain_wado(self) -> str:
        """Give that of the plain archive."""
        return self.plain.dicomweb.removesuffix("dicom-web") + "wado"

    @property
    def copies(self) -> dict[str, Path]:
        """Give the files by the path of their instance."""
        return {
            f"/studies/{file.parts[-3]}/series/{file.parts[-2]}/instances/{file.stem}": file
            for file in sorted(self.folder.rglob("*.dcm"))
        }

    def search(self, question: Question) -> Reply:
        """Ask the gateway."""
        pairs = [f"{quote(name)}={quote(value, safe=',*-.')}" for name, value in question.parameters]
        return ask(self.ours + question.path + ("?" + "&".join(pairs) if pairs else ""), JSON)

    def search_plain(self, question: Question) -> Reply:
        """Ask the plain archive, which decodes nothing but the comma."""
        pairs = [f"{name}={quote(value, safe=AS_THEY_ARE)}" for name, value in question.parameters]
        return ask(self.plain.dicomweb + question.path + ("?" + "&".join(pairs) if pairs else ""), JSON)

    def differences(self, question: Question) -> list[str]:
        """Compare both answers to one search, and the gateway's with the standard's: what differs, a line each."""
        ours = self.search(question)
        if ours.status not in (200, 204) or (ours.status == 204) != (not ours.body):
            return [f"status: {ours.status} {ours.body[:200]!r}"]
        results = {uid_of(one, question.level): one for one in ours.results}
        theirs = self.search_plain(question)
        found = {uid_of(one, question.level): one for one in theirs.results} if theirs.status == 200 else {}
        return [
            *(["twice: a result"] if len(results) != len(ours.results) else []),
            *self._beside_the_standard(question, results),
            *_beside(question, results, found),
        ]

    def _beside_the_standard(self, question: Question, results: dict[str, Result]) -> Iterator[str]:
        is_whole = question.limit is None and question.offset is None
        whole, wanted = list(results) if is_whole else self._all(question), self.reference.find(question)
        if set(whole) != set(wanted):
            yield f"standard: finds {len(wanted)}, the gateway {len(whole)}"
        if list(results) != page(whole, question):
            yield f"page: {len(results)} results, not {question.offset} to {question.limit} of the whole"
        for uid in results.keys() & wanted.keys():
            yield from self._values(results[uid], wanted[uid], question)

    def _all(self, question: Question) -> list[str]:
        whole = replace(question, limit=None, offset=None, fields=())
        if whole not in self._whole:
            self._whole[whole] = [uid_of(one, question.level) for one in self.search(whole).results]
        return self._whole[whole]

    def _values(self, one: Result, members: list[Dataset], question: Question) -> Iterator[str]:
        for key, element in one.items():
            if int(key, 16) not in OF_THE_SERVICE and element["vr"] != "SQ":
                theirs = self.reference.values(members, int(key, 16))
                if not same(vr(int(key, 16)), plain(element), theirs):
                    yield f"copy: {key} is {theirs}, in the result {plain(element)}"
        for tag in asked_for(question):
            if f"{tag:08X}" not in one and self.reference.values(members, tag):
                yield f"missing: {tag:08X} was asked for"


def _beside(question: Question, ours: dict[str, Result], theirs: dict[str, Result]) -> Iterator[str]:
    """Compare the results of the gateway with those of the plain archive."""
    if question.limit is not None or question.offset is not None:
        if len(ours) != len(theirs):
            yield f"found: {len(ours)} here, {len(theirs)} there"
    elif set(ours) != set(theirs):
        yield f"found: {len(ours)} here, {len(theirs)} there"
    if list(ours) != list(theirs):
        yield "order: another one"
    for uid in ours.keys() & theirs.keys():
        here, there = ours[uid], theirs[uid]
        for tag in sorted(here.keys() | there.keys()):
            if tag in here and tag in there:
                if _told(here[tag]) != _told(there[tag]):
                    yield f"value: {tag} is {here[tag]} here, {there[tag]} there"
            else:
                empty = "empty" if "Value" not in (here.get(tag) or there[tag]) else "only"
                yield f"{empty} {'here' if tag in here else 'there'}: {tag}"


def _told(element: Result) -> Result:
    """Leave out of a URL where its service is."""
    if element["vr"] != "UR":
        return element
    return element | {"Value": [str(url).partition("/studies/")[2] for url in element["Value"]]}


def asked_for(question: Question) -> set[int]:
    """List the attributes that a search asks for by keys and fields, sequences and those inside them apart."""
    written = ",".join([*question.fields, *(name for name, _ in question.keys)]).split(",")
    tags = {tag_of(name) for name in written if name not in ("", "all") and "." not in name}
    return {tag for tag in tags if vr(tag) != "SQ"}


OF_THE_SERVICE: Final = frozenset({0x00080005, 0x00080054, 0x00080056, 0x00081190})
"""Attributes that the service makes: Specific Character Set of the answer, where and how to retrieve."""


def uid_of(result: Result, level: Level) -> str:
    """Give the UID of a result."""
    return str(result[f"{UID_OF[level.value]:08X}"]["Value"][0])


def page(whole: list[str], question: Question) -> list[str]:
    """Cut the page out of all results."""
    start = question.offset or 0
    return whole[start : start + question.limit if question.limit else None]


@dataclass(frozen=True, slots=True)
class TwinStage:
    """All servers: the archive with the sources, the gateway over it, and a twin for each profile."""

    origin: Orthanc
    gateway: Gateway
    sources: Reference
    twins: dict[str, Twin]


@contextmanager
def twins(folder: Path) -> Iterator[TwinStage]:
    """Start the archive, one plain archive for each profile, and the gateway; stop them when the block ends."""
    write_studies(folder / "studies")
    with ExitStack() as running:
        for name in ("origin", *(f"plain-{name}" for name in PROFILES)):
            (folder / name).mkdir()
        origin = running.enter_context(orthanc(folder / "origin"))
        origin.load(folder / "studies")
        more = {name: {"profile": name} for name in PROFILES}
        settings = worklists([], origin.dicomweb, **more) | {"cors": {"origins": ["*"]}}
        server = running.enter_context(gateway(folder / "gateway", settings))
        found = {}
        for name in PROFILES:
            copies = folder / name
            engine = Engine(profile(name), KeyRing(SECRET, name))
            report = deidentify_files(find_files([folder / "studies"], copies), copies, engine)
            assert report.failures == []
            archive = running.enter_context(orthanc(folder / f"plain-{name}"))
            archive.load(copies)
            found[name] = Twin(name, server.worklist(name), archive, copies, Reference.read(copies))
        yield TwinStage(origin, server, Reference.read(folder / "studies"), found)
