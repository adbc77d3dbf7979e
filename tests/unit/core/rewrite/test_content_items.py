"""Content items of structured reports: each one is decided by its concept and value type before it is walked."""

from collections.abc import Callable

import pytest

from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.unit.core.rewrite.objects import engine, part10, walk

SR = b"1.2.840.10008.5.1.4.1.1.88.33"
CLEANS = "options: [clean_structured_content, clean_descriptors]\n"
CONTENT, CONCEPT, VALUE_TYPE, TEXT = 0x0040A730, 0x0040A043, 0x0040A040, 0x0040A160
FINDING = (b"121071", b"DCM ")  # Finding: C
ACCESSION = (b"121022", b"DCM ")  # Accession Number: X
LESION = (b"T-D0050", b"SRT ")


def closed(encoding: Encoding, tag: int, *items: bytes) -> bytes:
    value = b"".join(encoding.tag(0xFFFEE000) + encoding.u32.pack(len(item)) + item for item in items)
    return encoding.make(tag, "SQ", value)


def opened(encoding: Encoding, tag: int, *items: bytes) -> bytes:
    begin, end = encoding.tag(0xFFFEE000) + b"\xff\xff\xff\xff", encoding.tag(0xFFFEE00D) + bytes(4)
    value = b"".join(begin + item + end for item in items)
    header = encoding.make(tag, "SQ", b"")
    return header[:-4] + b"\xff\xff\xff\xff" + value + encoding.tag(0xFFFEE0DD) + bytes(4)


Write = Callable[..., bytes]


def item(encoding: Encoding, concept: tuple[bytes, bytes], kind: bytes, *value: bytes) -> bytes:
    code, scheme = concept
    name = encoding.make(0x00080100, "SH", code) + encoding.make(0x00080102, "SH", scheme)
    return (
        encoding.make(0x0040A010, "CS", b"CONTAINS")
        + encoding.make(VALUE_TYPE, "CS", kind)
        + closed(encoding, CONCEPT, name)
        + b"".join(value)
    )


def report(encoding: Encoding, body: bytes) -> bytes:
    return (
        encoding.make(0x00080016, "UI", SR)
        + encoding.make(0x00080018, "UI", b"1.2.3")
        + encoding.make(0x00100010, "PN", b"Smith^Jane")
        + encoding.make(0x00100020, "LO", b"P1")
        + encoding.make(0x0020000D, "UI", b"1.2")
        + body
    )


ENCODINGS = [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("write", [closed, opened])
def test_an_item_of_the_table_goes_and_others_are_cleaned(encoding: Encoding, write: Write) -> None:
    text = encoding.make(TEXT, "UT", b"Lesion of Smith")
    cleaned = encoding.make(TEXT, "UT", b"Lesion of ***")
    name = item(encoding, ACCESSION, b"TEXT", encoding.make(TEXT, "UT", b"A-1234"))
    finding = item(encoding, FINDING, b"TEXT", text)
    number = item(encoding, LESION, b"NUM ", encoding.make(0x0040A30A, "DS", b"12"))
    before = write(encoding, CONTENT, name, finding, name, number)
    after = write(encoding, CONTENT, item(encoding, FINDING, b"TEXT", cleaned), number)
    whole = walk(report(encoding, before), engine(CLEANS), encoding)
    assert whole.endswith(after)
    assert b"Smith" not in whole


@pytest.mark.parametrize("write", [closed, opened])
def test_items_within_items_are_decided_by_themselves(write: Write) -> None:
    encoding = EXPLICIT_LE
    name = item(encoding, ACCESSION, b"TEXT", encoding.make(TEXT, "UT", b"A-1234"))
    outer = item(encoding, FINDING, b"CONTAINER ", write(encoding, CONTENT, name))
    empty = item(encoding, FINDING, b"CONTAINER ")  # Type 1C: a sequence that lost all its items goes
    whole = walk(report(encoding, write(encoding, CONTENT, outer)), engine(CLEANS))
    assert whole.endswith(write(encoding, CONTENT, empty))


@pytest.mark.parametrize("write", [closed, opened])
def test_a_whole_tree_goes_with_the_item_that_holds_it(write: Write) -> None:
    encoding = EXPLICIT_LE
    inside = item(encoding, FINDING, b"TEXT", encoding.make(TEXT, "UT", b"Smith"))
    gone = item(encoding, ACCESSION, b"TEXT", write(encoding, CONTENT, inside))
    whole = walk(report(encoding, write(encoding, CONTENT, gone)), engine(CLEANS))
    assert encoding.tag(CONTENT) not in whole


def test_the_report_counts_items_that_go() -> None:
    encoding = EXPLICIT_LE
    name = item(encoding, ACCESSION, b"TEXT", encoding.make(TEXT, "UT", b"A-1234"))
    counts = []
    for number in range(3):
        rewriter = engine(CLEANS).part10()
        rewriter.feed(part10(report(encoding, closed(encoding, CONTENT, *[name] * number))))
        rewriter.close()
        counts.append(rewriter.report.get("removed", 0))
    assert counts == [counts[0], counts[0] + 1, counts[0] + 2]


def test_without_the_option_no_item_is_looked_at() -> None:
    encoding = EXPLICIT_LE
    name = item(encoding, ACCESSION, b"TEXT", encoding.make(TEXT, "UT", b"A-1234"))
    whole = walk(report(encoding, closed(encoding, CONTENT, name)), engine())
    assert whole.endswith(
        closed(encoding, CONTENT, item(encoding, ACCESSION, b"TEXT", encoding.make(TEXT, "UT", b"ANONYMOUS ")))
    )
