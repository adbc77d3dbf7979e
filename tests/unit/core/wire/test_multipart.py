"""The multipart reader gives the same parts however its input is cut, and refuses what no reader should guess at."""

import tracemalloc
from collections.abc import Iterable, Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.wire.multipart import (
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    MAX_PADDING_BYTES,
    ContentType,
    MultipartReader,
    MultipartWriter,
    PartChunk,
    PartEnd,
    PartStart,
    content_type,
    parse_content_type,
    random_boundary,
)
from tests.kit.splits import splits

Part = tuple[dict[str, str], bytes]

DICOM = {"content-type": "application/dicom"}
HEAD = b"Content-Type: application/dicom\r\n\r\n"


def read(chunks: Iterable[bytes], boundary: bytes = b"b") -> list[Part]:
    """Run a reader over the chunks; check the order of its events on the way."""
    reader = MultipartReader(boundary)
    parts: list[Part] = []
    is_open = False
    for chunk in chunks:
        for event in reader.feed(chunk):
            match event:
                case PartStart(headers):
                    assert not is_open
                    is_open = True
                    parts.append((dict(headers), b""))
                case PartChunk(data):
                    assert is_open
                    assert data
                    parts[-1] = (parts[-1][0], parts[-1][1] + data)
                case PartEnd():
                    assert is_open
                    is_open = False
    reader.close()
    assert not is_open
    return parts


def assert_reads(payload: bytes, expected: list[Part], boundary: bytes = b"b") -> None:
    for chunks in splits(payload):
        assert read(chunks, boundary) == expected


def assert_refuses(payload: bytes, error: type[Exception] = MalformedInput, boundary: bytes = b"b") -> None:
    for chunks in splits(payload):
        with pytest.raises(error):
            read(chunks, boundary)


def bodies(payload: bytes, expected: list[bytes]) -> None:
    for chunks in splits(payload):
        assert [body for _, body in read(chunks)] == expected


# The reader


def test_two_parts_are_read() -> None:
    assert_reads(
        b"--b\r\n"
        b"Content-Type: application/dicom\r\n"
        b"Content-Length: 3\r\n"
        b"\r\n"
        b"one"
        b"\r\n--b\r\n"
        b"CONTENT-TYPE:application/octet-stream\r\n"
        b"\r\n"
        b"two\r\n"
        b"\r\n--b--\r\n",
        [
            ({"content-type": "application/dicom", "content-length": "3"}, b"one"),
            ({"content-type": "application/octet-stream"}, b"two\r\n"),
        ],
    )


def test_the_last_line_break_may_be_missing() -> None:
    assert_reads(b"--b\r\n" + HEAD + b"one\r\n--b--", [(DICOM, b"one")])


@pytest.mark.parametrize(
    "preamble", [b"\r\n", b"\n", b"to be dropped\r\n", b"--\r\n--c\r\n--bb\r\n--b x\r\n", b"\r\n\r\n"]
)
def test_a_preamble_is_dropped(preamble: bytes) -> None:
    assert_reads(preamble + b"--b\r\n" + HEAD + b"one\r\n--b--\r\n", [(DICOM, b"one")])


@pytest.mark.parametrize("epilogue", [b"\r\n", b"dropped", b"\r\n--b\r\n" + HEAD + b"two\r\n--b--", b"\r\n--b--\r\n"])
def test_an_epilogue_is_dropped(epilogue: bytes) -> None:
    assert_reads(b"--b\r\n" + HEAD + b"one\r\n--b--" + epilogue, [(DICOM, b"one")])


@pytest.mark.parametrize("payload", [b"--b--", b"--b--\r\n", b"\r\n--b--\r\n"])
def test_a_payload_may_have_no_part(payload: bytes) -> None:
    assert_reads(payload, [])


def test_a_part_may_be_empty() -> None:
    assert_reads(b"--b\r\n" + HEAD + b"\r\n--b\r\n" + HEAD + b"\r\n--b--", [(DICOM, b""), (DICOM, b"")])


def test_the_empty_line_may_serve_as_the_delimiters_line_break() -> None:
    assert_reads(
        b"--b\r\n" + HEAD + b"--b \r\n" + HEAD + b"two\r\n--b\r\n" + HEAD + b"--b--",
        [(DICOM, b""), (DICOM, b"two"), (DICOM, b"")],
    )


@pytest.mark.parametrize("body", [b"--bX", b"--b X\r\n", b"-", b"--", b"--b-\r\n", b"--b\rX", b"--c"])
def test_a_body_may_begin_like_a_boundary(body: bytes) -> None:
    assert_reads(b"--b\r\n" + HEAD + body + b"\r\n--b--", [(DICOM, body)])


def test_a_part_may_have_no_header() -> None:
    assert_reads(b"--b\r\n\r\none\r\n--b--", [({}, b"one")])
    assert_reads(b"--b\r\n\r\n\r\n--b--", [({}, b"")])
    assert_reads(b"--b\r\n\r\n--b--", [({}, b"")])


@pytest.mark.parametrize("padding", [b" ", b"\t", b" \t ", b" " * 100])
def test_a_delimiter_line_may_be_padded(padding: bytes) -> None:
    payload = b"--b" + padding + b"\r\n" + HEAD + b"one\r\n--b" + padding + b"\r\n" + HEAD + b"two\r\n--b--" + padding
    assert_reads(payload, [(DICOM, b"one"), (DICOM, b"two")])


@pytest.mark.parametrize(
    "body",
    [
        b"\r\n--bX",
        b"\r\n--bb\r\n",
        b"\r\n--b-X",
        b"\r\n--b -",
        b"\r\n--b --",
        b"\r\n--b\t-\r\n",
        b"\r\n--b\r\r\n",
        b"\r\n--b\rX",
        b"\r\n--b \rX",
        b"\r\n--b\x00",
        b"\r\n--\r\n--bX\r\n--bX",
        b"\r\n--c\r\n",
        b"\n--b\r\n",
        b"\r--b\r\n",
        b"--b\r\nX--b--",
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n-",
        b"\r\n--",
        b"\r\r\n",
        b"\r\n\r\n\r\n",
    ],
)
def test_what_only_resembles_a_delimiter_is_data(body: bytes) -> None:
    for around in (body, b"x" + body, body + b"x", body * 3):
        if around.endswith(b"\r\n--b"):
            continue
        assert_reads(b"--b\r\n\r\n." + around + b"\r\n--b--", [({}, b"." + around)])


def test_a_long_boundary_is_found_wherever_it_is_cut() -> None:
    boundary = b"0123456789'()+_,-./:=? ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstu"
    assert len(boundary) == 70
    payload = b"--%b\r\n\r\none\r\n--%b\r\n\r\ntwo\r\n--%bX\r\n--%b--" % ((boundary,) * 4)
    assert_reads(payload, [({}, b"one"), ({}, b"two\r\n--" + boundary + b"X")], boundary)


def test_a_payload_with_bare_line_feeds_is_read_with_them() -> None:
    assert_reads(
        b"--b\nContent-Type: application/dicom\n\none\r\n--b\nContent-Type: application/dicom\n\n\n--b--\n",
        [(DICOM, b"one\r"), (DICOM, b"")],
    )
    assert_reads(b"drop\n--b \nA: b\n\n\n--bX\n\n--b--", [({"a": "b"}, b"\n--bX\n")])


def test_a_payload_with_crlf_is_not_cut_at_a_line_feed() -> None:
    bodies(b"--b\r\n\r\n.\n--b\r\n--b--\n--b--\r\n--b--", [b".\n--b"])
    bodies(b"drop\n--b\r\n\r\n.\n--b\n.\r\n--b--", [b".\n--b\n."])


def test_header_lines_may_be_folded_and_bare() -> None:
    assert_reads(
        b"--b\r\nA: one;\r\n\ttwo\r\n  three\r\nB : \t x \r\nC:\nD: \xe9\r\n\none\r\n--b--",
        [({"a": "one; two three", "b": "x", "c": "", "d": "\xe9"}, b"one")],
    )


def test_a_header_may_be_repeated_as_it_is() -> None:
    assert_reads(b"--b\r\nA: x\r\na: x\r\n\r\none\r\n--b--", [({"a": "x"}, b"one")])


@pytest.mark.parametrize(
    "head",
    [
        b"no colon",
        b": no name",
        b"na me: x",
        b" folded: onto nothing",
        b"A: b\x00",
        b"A: b\rC: d",
        b"A: \x7f",
        b"A: 1\r\nA: 2",
        b"--b--",
        b"\xe9: x",
    ],
)
def test_an_unreadable_header_is_refused(head: bytes) -> None:
    assert_refuses(b"--b\r\n" + head + b"\r\n\r\none\r\n--b--")


def test_a_fault_names_its_offset_and_no_value() -> None:
    for chunks in splits(b"drop\r\n--b\r\nA: x\r\nSMITH\r\n\r\n"):
        with pytest.raises(MalformedInput) as caught:
            read(chunks)
        assert caught.value.offset == 17
        assert "SMITH" not in str(caught.value)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\r\n",
        b"no multipart at all",
        b"--b",
        b"--b\r\n",
        b"--b\r\n" + HEAD,
        b"--b\r\n" + HEAD + b"one",
        b"--b\r\n" + HEAD + b"one\r\n--b",
        b"--b\r\n" + HEAD + b"one\r\n--b-",
        b"--b\r\n" + HEAD + b"one\r\n--b\r\n",
        b"--b\r\n" + HEAD + b"one\n--b--",
        b"--c\r\n" + HEAD + b"one\r\n--c--",
    ],
)
def test_a_payload_that_breaks_off_is_refused(payload: bytes) -> None:
    assert_refuses(payload)


def test_a_break_names_the_length_that_was_read() -> None:
    for chunks in splits(b"--b\r\n" + HEAD + b"one\r\n--b"):
        with pytest.raises(MalformedInput, match=r"\(offset 48\)"):
            read(chunks)


def test_a_header_up_to_the_limit_is_read_and_beyond_it_refused() -> None:
    fits = b"A: " + b"x" * (MAX_HEADER_BYTES - 7) + b"\r\n\r\n"
    assert len(fits) == MAX_HEADER_BYTES
    for chunk_bytes in (1, 7, 1000, 100_000):
        for head, is_readable in ((fits, True), (b"A" + fits, False), (b"A: x\r\n" * 1366, False)):
            payload = b"--b\r\n" + head + b"one\r\n--b--"
            chunks = [payload[i : i + chunk_bytes] for i in range(0, len(payload), chunk_bytes)]
            if is_readable:
                assert len(read(chunks)) == 1
            else:
                with pytest.raises(LimitExceeded, match="part header"):
                    read(chunks)


def test_the_limit_is_for_the_header_of_one_part() -> None:
    part = b"A: " + b"x" * (MAX_HEADER_BYTES // 2) + b"\r\n\r\n\r\n--b"
    assert len(read([b"--b\r\n" + part + b"\r\n" + part + b"\r\n" + part + b"--"])) == 3


def test_a_header_without_end_is_refused_before_it_ends() -> None:
    reader = MultipartReader(b"b")
    reader.feed(b"--b\r\nA: ")
    for _ in range(MAX_HEADER_BYTES // 64 - 1):
        reader.feed(b"x" * 64)
    with pytest.raises(LimitExceeded):
        reader.feed(b"x" * 64)


def test_too_many_headers_are_refused() -> None:
    lines = [b"H%d: x\r\n" % i for i in range(MAX_HEADERS + 1)]
    assert_reads(
        b"--b\r\n" + b"".join(lines[:-1]) + b"\r\n\r\n--b--", [({f"h{i}": "x" for i in range(MAX_HEADERS)}, b"")]
    )
    assert_refuses(b"--b\r\n" + b"".join(lines) + b"\r\n\r\n--b--", LimitExceeded)


def test_padding_without_end_is_refused() -> None:
    bodies(b"--b\r\n\r\none\r\n--b" + b" " * MAX_PADDING_BYTES + b"\r\n\r\ntwo\r\n--b--", [b"one", b"two"])
    assert_refuses(b"--b\r\n\r\none\r\n--b" + b" " * (MAX_PADDING_BYTES + 1) + b"\r\n", LimitExceeded)


@pytest.mark.parametrize(
    "boundary",
    [
        b"",
        b" ",
        b"ends with a space ",
        b"x" * 71,
        b'quo"te',
        b"semi;colon",
        b"a\r\nb",
        b"a\nb",
        b"b\n",
        b"\xe9",
        b"a\\b",
    ],
)
def test_a_boundary_outside_rfc_2046_is_refused(boundary: bytes) -> None:
    for use in (MultipartReader, MultipartWriter):
        with pytest.raises(MalformedInput):
            use(boundary)
    with pytest.raises(MalformedInput):
        content_type("application/dicom", boundary)


def test_a_chunk_inside_a_body_comes_back_as_the_same_object() -> None:
    reader = MultipartReader(b"b")
    reader.feed(b"--b\r\n\r\n.")
    chunk = bytes(100_000)
    (event,) = reader.feed(chunk)
    assert isinstance(event, PartChunk)
    assert event.data is chunk


@pytest.mark.parametrize(
    "tail", [b"\r", b"\r\n", b"\r\n-", b"\r\n--", b"\r\n--b", b"\r\n--b ", b"\r\n--b\r", b"\r\n--b-"]
)
def test_only_a_possible_delimiter_is_held_back(tail: bytes) -> None:
    reader = MultipartReader(b"b")
    reader.feed(b"--b\r\n\r\n.")
    assert reader.feed(b"x" * 1000 + tail) == [PartChunk(b"x" * 1000)]
    assert reader.feed(b"y") == [PartChunk(tail + b"y")]


@pytest.mark.parametrize("chunk", [b"\r\n--", b"\r\n--b", b"\r\n--bX", b"\r", b"\n", b"x", b"\r\n--boundary -"])
def test_memory_stays_bounded_whatever_the_body(chunk: bytes) -> None:
    reader = MultipartReader(b"boundary")
    reader.feed(b"--boundary\r\n\r\n.")
    tracemalloc.start()
    try:
        for _ in range(20_000):
            reader.feed(chunk)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000


@pytest.mark.parametrize("unit", [b"\r\n--bX", b"\r\n--b \r", b"\r\n-", b"\r"])
def test_a_hostile_body_makes_no_more_events_than_chunks(unit: bytes) -> None:
    reader = MultipartReader(b"b")
    reader.feed(b"--b\r\n\r\n.")
    events = reader.feed(unit * 50_000 + b".")
    assert events == [PartChunk(unit * 50_000 + b".")]


def test_ten_thousand_parts_are_read() -> None:
    writer = MultipartWriter(b"b")
    payload = b"".join(writer.part({}) + b"%d" % i for i in range(10_000)) + writer.end()
    assert [body for _, body in read([payload])] == [b"%d" % i for i in range(10_000)]


SOUP = st.lists(
    st.sampled_from(
        [b"\r", b"\n", b"\r\n", b"-", b"--", b"--b", b"\r\n--b", b"\r\n--b--", b"b", b" ", b"\t", b":", b"A: b"]
    )
    | st.binary(max_size=4),
    max_size=30,
).map(b"".join)


@given(SOUP, st.lists(st.integers(0, 200), max_size=6))
def test_any_bytes_give_the_same_outcome_however_they_are_cut(soup: bytes, cuts: list[int]) -> None:
    def outcome(chunks: list[bytes]) -> object:
        try:
            return read(chunks)
        except (MalformedInput, LimitExceeded) as error:
            return str(error)

    payload = b"--b\r\n" + soup
    places = sorted({min(cut, len(payload)) for cut in cuts} | {0, len(payload)})
    whole = outcome([payload])
    assert outcome([payload[a:b] for a, b in pairwise(places)]) == whole
    assert outcome([payload[i : i + 1] for i in range(len(payload))]) == whole


BOUNDARIES = st.from_regex(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]", fullmatch=True).map(str.encode)
HEADERS = st.dictionaries(
    st.from_regex(r"[a-z][a-z-]{0,10}", fullmatch=True),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20),
    max_size=4,
)


@given(BOUNDARIES, st.lists(st.tuples(HEADERS, st.binary(max_size=50) | SOUP), max_size=5), st.integers(1, 40))
def test_what_is_written_is_read_back(boundary: bytes, parts: list[tuple[dict[str, str], bytes]], size: int) -> None:
    parts = [(headers, body) for headers, body in parts if b"--" + boundary not in body]
    writer = MultipartWriter(boundary)
    payload = b"".join(writer.part(headers) + body for headers, body in parts) + writer.end()
    assert read([payload[i : i + size] for i in range(0, len(payload), size)], boundary) == parts


# The writer


def test_parts_are_written_with_crlf() -> None:
    writer = MultipartWriter(b"b")
    assert writer.part({"Content-Type": "application/dicom"}) == b"--b\r\nContent-Type: application/dicom\r\n\r\n"
    assert writer.part({}) == b"\r\n--b\r\n\r\n"
    assert writer.end() == b"\r\n--b--\r\n"
    assert MultipartWriter(b"b").end() == b"--b--\r\n"


@pytest.mark.parametrize("headers", [{"A": "x\r\nB:"}, {"A": "x\n"}, {"A": "\0"}, {"A": "é"}, {"A\n": "x"}, {"": "x"}])
def test_no_header_can_be_smuggled_out(headers: Mapping[str, str]) -> None:
    with pytest.raises(MalformedInput):
        MultipartWriter(b"b").part(headers)


def test_a_boundary_is_made_of_entropy() -> None:
    assert random_boundary(bytes(range(16))) == b"000102030405060708090a0b0c0d0e0f"
    assert len(random_boundary(bytes(100))) == 48
    MultipartReader(random_boundary(bytes(32)))
    with pytest.raises(ValueError, match="16"):
        random_boundary(bytes(15))


def test_a_content_type_is_written_as_clients_expect_it() -> None:
    assert content_type("application/dicom", b"b") == 'multipart/related; type="application/dicom"; boundary=b'
    assert (
        content_type("application/octet-stream", b"a b", "1.2.840.10008.1.2.1")
        == 'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1; boundary="a b"'
    )


@given(BOUNDARIES)
def test_a_written_content_type_is_read_back(boundary: bytes) -> None:
    read_back = parse_content_type(content_type("application/dicom", boundary, "*"))
    parameters = {"type": "application/dicom", "transfer-syntax": "*", "boundary": boundary.decode()}
    assert read_back == ContentType("multipart/related", parameters)


# Content-Type


@pytest.mark.parametrize(
    ("value", "media_type", "parameters"),
    [
        ("application/dicom", "application/dicom", {}),
        ("Application/DICOM+json ; Charset=UTF-8", "application/dicom+json", {"charset": "UTF-8"}),
        (
            'multipart/related; type="application/dicom"; boundary=abc',
            "multipart/related",
            {"type": "application/dicom", "boundary": "abc"},
        ),
        (
            "multipart/related;boundary=a'b;type=application/octet-stream;transfer-syntax=*",
            "multipart/related",
            {"boundary": "a'b", "type": "application/octet-stream", "transfer-syntax": "*"},
        ),
        (
            'multipart/related; boundary=x; type="application/dicom; transfer-syntax=1.2.840.10008.1.2.1"',
            "multipart/related",
            {"boundary": "x", "type": "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"},
        ),
        ('a/b; x="q\\"u\\\\o;te"; y = z ;;', "a/b", {"x": 'q"u\\o;te', "y": "z"}),
        ('a/b; x=""', "a/b", {"x": ""}),
        ("a/b; x=1; X=1", "a/b", {"x": "1"}),
        ("a/b;", "a/b", {}),
        ("*/*", "*/*", {}),
    ],
)
def test_a_content_type_is_read(value: str, media_type: str, parameters: dict[str, str]) -> None:
    assert parse_content_type(value) == ContentType(media_type, parameters)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "nonsense",
        "a/b/c",
        "a b/c",
        "/b",
        "a/",
        "a/b x=1",
        "a/b; x",
        "a/b; x=",
        "a/b; x=1 2",
        'a/b; x="open',
        'a/b; x="a"b',
        'a/b; x=a"b"',
        "a/b; x=1; x=2",
        "a/b; x=\r\n",
        'a/b; x="\r\n"',
        "a/b, c/d",
    ],
)
def test_nonsense_for_a_content_type_is_refused(value: str) -> None:
    with pytest.raises(MalformedInput):
        parse_content_type(value)


def test_what_stands_before_a_fault_is_kept() -> None:
    reader = MultipartReader(b"x")
    with pytest.raises(MalformedInput):
        reader.feed(b"--x\r\n\r\nbody\r\n--x\r\nbroken\r\n\r\n")
    assert reader.found == [PartStart({}), PartChunk(b"body"), PartEnd()]


def test_nothing_is_found_twice_behind_the_end() -> None:
    reader = MultipartReader(b"x")
    reader.feed(b"--x\r\n\r\nbody\r\n--x--")
    assert reader.feed(b"epilogue") == reader.found == []
