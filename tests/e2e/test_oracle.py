"""A hostile client that knows the truth learns nothing: a true guess is answered as a wrong one, byte by byte."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from pydicom.tag import Tag

from tests.kit.twin import Reply, Twin, TwinStage, ask
from tests.kit.twin_reference import STUDY, Level, tag_of, texts, vr

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc]

HIDDEN = {
    "nominal": ("PatientName", "PatientID", "PatientBirthDate", "StudyDate", "StudyTime", "AccessionNumber", "StudyID",
                "ReferringPhysicianName", "StudyDescription", "InstitutionName", "SeriesDescription", "StationName",
                "DeviceSerialNumber", "PatientAge", "PatientSize", "ContentDate", "StudyInstanceUID",
                "SeriesInstanceUID", "SOPInstanceUID", "RequestAttributesSequence.ScheduledProcedureStepID"),
    "research-longitudinal": ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "StudyID",
                              "ReferringPhysicianName", "InstitutionName", "StudyInstanceUID"),
}  # fmt: skip
"""Attributes whose values the profile does not release. A shifted date may be another patient's true one."""
SERIES_OR_BELOW = {"SeriesDescription", "SeriesInstanceUID", "RequestAttributesSequence.ScheduledProcedureStepID"}
INSTANCE = {"SOPInstanceUID", "ContentDate"}
MORE = ("&fuzzymatching=true", "&limit=1", "&offset=1", "&includefield=all", "&emptyvaluematching=true")


@pytest.mark.parametrize(("name", "attribute"), [(name, one) for name, them in HIDDEN.items() for one in them])
def test_a_true_guess_is_answered_as_a_wrong_one(twin_stage: TwinStage, name: str, attribute: str) -> None:
    twin = twin_stage.twins[name]
    first, *others = levels(attribute)
    asked = list(guesses(attribute, known(twin_stage, attribute)))
    questions = [(first, pair, "") for pair in asked]
    questions += [(first, asked[-1], more) for more in MORE] + [(level, asked[0], "") for level in others]
    for level, pair, more in questions:
        ours, other = (said(twin, level, attribute, value, more) for value in pair)
        assert ours == other, (level, more)


def known(stage: TwinStage, attribute: str) -> str:
    """Give a value that the archive holds."""
    last = tag_of(attribute.rpartition(".")[2])
    one = stage.sources.instances[0]
    found = texts(one.RequestAttributesSequence[0], Tag(last)) if "." in attribute else texts(one, Tag(last))
    return found[0]


def guesses(attribute: str, truth: str) -> Iterator[tuple[str, str]]:
    """Pair what a client tries that knows the truth with the same about what is nowhere."""
    kind = vr(tag_of(attribute.rpartition(".")[2]))
    if kind in ("DA", "TM"):
        # No released date lies between the two: dummies are of 1900, shifted ones at most of today.
        wrong = "20771224" if kind == "DA" else "045612"
        yield truth, wrong
        yield f"{truth}-{truth}", f"{wrong}-{wrong}"
        return
    other = "".join("9" if c.isdigit() else "q" if c.isalpha() else c for c in truth)
    wrong = "1.2.3.4.5.6.7" if kind == "UI" else other
    yield truth, wrong
    if kind in ("LO", "SH", "PN"):
        yield f"{truth[:3]}*", f"{wrong[:3]}*"
        yield f"*{truth[-3:]}", f"*{wrong[-3:]}"
        yield f"{truth[:2]}?{truth[3:]}", f"{wrong[:2]}?{wrong[3:]}"


def levels(attribute: str) -> list[Level]:
    if attribute in INSTANCE:
        return [Level.INSTANCE]
    return [Level.SERIES, Level.INSTANCE] if attribute in SERIES_OR_BELOW else list(Level)


def said(twin: Twin, level: Level, attribute: str, value: str, more: str) -> tuple[int, dict[str, str], bytes]:
    reply = ask(f"{twin.ours}/{level.value}?{attribute}={quote(value, safe='*?')}{more}", "application/dicom+json")
    return without_its_own(reply)


def without_its_own(reply: Reply) -> tuple[int, dict[str, str], bytes]:
    """Leave out what every answer has of its own."""
    headers = {name: text for name, text in reply.headers.items() if name not in ("date", "x-request-id")}
    return reply.status, headers, reply.body


@pytest.mark.parametrize("below", ["", "/metadata", "/series", "/instances", "/bulkdata", "/pixeldata", "/rendered",
                                   "/thumbnail"])  # fmt: skip
def test_a_source_uid_is_answered_as_one_that_is_nowhere(twin_stage: TwinStage, below: str) -> None:
    twin = twin_stage.twins["nominal"]
    source = str(twin_stage.sources.instances[0][STUDY].value)
    accept = "*/*"
    ours, other = (ask(f"{twin.ours}/studies/{uid}{below}", accept) for uid in (source, "1.2.3.4.5.6.7"))
    assert without_its_own(ours) == without_its_own(other)
    assert ours.status == 404
    for query in (f"studyUID={source}", f"studyUID=1.2.3.4.5.6.7&objectUID={source}"):
        assert ask(f"{twin.wado}?requestType=WADO&seriesUID=1.2&objectUID=1.3&{query}").status in (400, 404)
