"""Objects full of canaries in a real Orthanc, a gateway in front, every route asked: no canary gets out, in no form.

Looked through are status lines, headers, bodies, what the process printed at DEBUG, and its state file.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.kit.canary import CHARSETS, SOP_CLASSES, Planted, plant, sensitive, source_uids
from tests.kit.canary_search import TOKEN, Canaries, Hit, search
from tests.kit.crawl import ACCEPTS, METHODS, Crawler, Exchange
from tests.kit.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, JPEG
from tests.kit.servers import Gateway, Orthanc, gateway, orthanc, worklists

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc, pytest.mark.slow, pytest.mark.timeout(900)]

OWN = (b"date:", b"x-request-id:")
SYNTAXES = {"MR": IMPLICIT, "US": JPEG, "RTSTRUCT": DEFLATED, "PET": BIG_ENDIAN}
LEAKY = "name: leaky\nbased_on: nominal\nattributes:\n  InstitutionName: {disabled: true}\n"
# Study and patient level keys that clients send, each with a value that only the origin knows.
KEYS = ("PatientName", "PatientID", "00100020", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName",
        "StudyID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "PatientBirthDate", "InstitutionName",
        "StudyDescription", "RequestAttributesSequence.RequestedProcedureID", "00091010", "NoSuchKeyword")  # fmt: skip
LEVELS = ("/studies", "/series", "/instances")


@dataclass(frozen=True, slots=True)
class Stage:
    """What was planted, where, and everything that was heard."""

    planted: tuple[Planted, ...]
    origin: Orthanc
    gateway: Gateway
    exchanges: list[Exchange]
    released: list[tuple[str, str, str]]

    @property
    def canaries(self) -> Canaries:
        """Give all that may not get out: every canary, and where the origin is."""
        everything = Canaries({}, {}, frozenset({self.origin.authority.encode()}))
        for one in self.planted:
            everything |= one.canaries
        return everything


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("leaks")
    planted = tuple(objects())
    (folder / "objects").mkdir()
    for one in planted:
        (folder / "objects" / f"{one.name}{source_uids(one)[0][-5:]}.dcm").write_bytes(one.part10)
    with orthanc(folder) as origin:
        origin.load(folder / "objects")
        empty = {"profile": "nominal", "studies": ["1.2.3.4"]}
        settings = worklists(["research"], origin.dicomweb, leaky={"profile": "leaky"}, empty=empty)
        with gateway(folder / "gateway", settings, {"leaky": LEAKY}) as server:
            with Crawler(server.worklist("research")) as crawler:
                released = crawler.crawl()
                ask_for_what_is_hidden(crawler, planted)
                ask_wrongly(crawler, planted[0], released[0], server)
            yield Stage(planted, origin, server, crawler.exchanges, released)


def objects() -> Iterator[Planted]:
    for number, name in enumerate(SOP_CLASSES):
        yield plant(name, SYNTAXES.get(name, EXPLICIT), seed=number * 5000, hostile=False, small=True)
    for number, charset in enumerate(CHARSETS, len(SOP_CLASSES)):
        yield plant("CT", EXPLICIT, charset, seed=number * 5000, hostile=False, small=True)


def ask_for_what_is_hidden(crawler: Crawler, planted: tuple[Planted, ...]) -> None:
    fields = [f"{tag:08X}" for tag, _ in sensitive(hostile=False)]
    study, series, instance = source_uids(planted[0])
    always = (f"{TOKEN}*", "17*", "")
    values = (f"{TOKEN}00042", "1700-1800", study, series, instance, "*", "żółw", "%00", "A^B", "1.2,1.3")
    keys = [(key, value) for number, key in enumerate(KEYS) for value in (*always, values[number % len(values)])]
    crawler.search(fields, keys, ["/studies"])
    crawler.search(fields, keys[::7], LEVELS[1:])
    crawler.ask("/studies?fuzzymatching=true&PatientName=" + TOKEN)
    for query in (
        "limit=abc",
        "limit=-1",
        "offset=x",
        "%zz=1",
        "a=b=c",
        "PatientName=a&PatientName=b",
        "&&&",
        "x" * 9000,
    ):
        crawler.ask(f"/studies?{query}")


def ask_wrongly(crawler: Crawler, planted: Planted, released: tuple[str, str, str], server: Gateway) -> None:
    study, series, instance = source_uids(planted)
    good_study, good_series, good_instance = released
    for path in (
        f"/studies/{study}", f"/studies/{study}/series", f"/studies/{study}/instances", f"/studies/{study}/metadata",
        f"/studies/{good_study}/series/{series}", f"/studies/{good_study}/series/{series}/instances",
        f"/studies/{good_study}/series/{series}/metadata",
        f"/studies/{good_study}/series/{good_series}/instances/{instance}",
        f"/studies/{good_study}/series/{good_series}/instances/{instance}/metadata",
        f"/studies/{good_study}/series/{good_series}/instances/{instance}/frames/1",
        f"/studies/{good_study}/series/{good_series}/instances/{good_instance}/bulkdata/{study}",
        f"/studies/{study}/series/{series}/instances/{instance}/bulk/00100010",
        "/patients", "/nothing", "/studies/", "//studies", "/studies/..%2f..%2finstances", f"/studies/{TOKEN}00001",
        f"/../../other/dicom-web/studies/{study}", "/studies/%ff%fe", "/studies/1.2.3%00",
    ):  # fmt: skip
        for accept in (None, "*/*", ACCEPTS[2]):
            crawler.ask(path, accept)
        for method in METHODS:
            crawler.ask(path, method=method)
    for root in ("", "/", "/healthz", "/readyz", "/metrics", "/worklists", "/worklists/empty/dicom-web/studies",
                 f"/worklists/empty/dicom-web/studies/{good_study}", "/worklists/none/dicom-web/studies", f"/{study}",
                 "/worklists/research/wado"):  # fmt: skip
        crawler.ask(server.base + root)
    for uids in ((study, series, instance), (good_study, good_series, good_instance)):
        wado = "requestType=WADO&studyUID={}&seriesUID={}&objectUID={}&anonymize=no&annotation=patient".format(*uids)
        crawler.ask(f"{server.base}/worklists/research/wado?{wado}")


def test_the_whole_worklist_was_crawled(stage: Stage) -> None:
    assert len(stage.released) == len(stage.planted)
    paths = [exchange.url for exchange in stage.exchanges if exchange.status == 200]
    for part in (
        "/metadata",
        "/frames/1",
        "/bulkdata/",
        "/series?",
        "/instances?",
        "/studies?",
        "/rendered",
        "/thumbnail",
        "/wado?",
    ):
        assert any(part in path for path in paths), part


def test_no_canary_is_in_any_answer(stage: Stage) -> None:
    canaries = stage.canaries
    found = [(exchange.question, hit) for exchange in stage.exchanges for hit in search(exchange.said, canaries)]
    assert found == []


def test_no_canary_is_in_anything_that_the_process_printed(stage: Stage) -> None:
    log = stage.gateway.log
    assert log
    assert search(log.encode(), stage.canaries) == []


def test_no_canary_is_in_the_state_file(stage: Stage) -> None:
    files = list(stage.gateway.folder.glob("state.db*"))
    assert files
    assert [hit for file in files for hit in search(file.read_bytes(), stage.canaries)] == []


def test_nothing_went_wrong_inside_the_gateway(stage: Stage) -> None:
    assert [exchange.question for exchange in stage.exchanges if exchange.status >= 500 or exchange.broken] == []
    assert "Traceback" not in stage.gateway.log


def test_source_uids_are_answered_like_random_ones(stage: Stage) -> None:
    study, series, _ = stage.released[0]
    for source in {*source_uids(stage.planted[0])}:
        for path in (
            "/studies/{}", "/studies/{}/metadata", "/studies/{}/series", "/studies/{}/series/1.2.3",
            f"/studies/{study}/series/{{}}", f"/studies/{study}/series/{{}}/metadata",
            f"/studies/{study}/series/{series}/instances/{{}}",
            f"/studies/{study}/series/{series}/instances/{{}}/metadata",
            f"/studies/{study}/series/{series}/instances/{{}}/frames/1",
            "/studies?StudyInstanceUID={}", "/series?SeriesInstanceUID={}", "/instances?SOPInstanceUID={}",
        ):  # fmt: skip
            with Crawler(stage.gateway.worklist("research")) as crawler:
                ours, random = (crawler.ask(path.format(uid)) for uid in (source, "2.25.123456789"))
            assert (without_its_own(ours), ours.status) == (without_its_own(random), random.status), path


def test_released_uids_of_different_studies_do_not_mix(stage: Stage) -> None:
    (study, series, _), (other_study, _, other_instance) = stage.released[:2]
    with Crawler(stage.gateway.worklist("research")) as crawler:
        assert crawler.ask(f"/studies/{other_study}/series/{series}/metadata").status == 404
        assert crawler.ask(f"/studies/{study}/series/{series}/instances/{other_instance}").status == 404


def test_the_search_would_see_a_leak_through_the_gateway(stage: Stage) -> None:
    with Crawler(stage.gateway.worklist("leaky")) as crawler:
        study = crawler.json("/studies?limit=1")[0]["0020000D"]["Value"][0]
        answers = [
            crawler.ask(f"/studies/{study}/metadata", "application/dicom+json"),
            crawler.ask(f"/studies/{study}", ACCEPTS[2]),
        ]
    for answer in answers:
        hits = search(answer.said, stage.canaries)
        assert hits
        assert all(is_institution(hit) for hit in hits)


def is_institution(hit: Hit) -> bool:
    return hit.name.endswith("(0008,0080)") or hit.name.startswith("word")


def without_its_own(exchange: Exchange) -> bytes:
    """Leave out what every answer has of its own."""
    return b"\n".join(line for line in exchange.said.split(b"\n") if not line.lower().startswith(OWN))
