"""The array reader finds the same objects as a JSON parser, however the document is laid out, cut and disguised."""

import json
import tracemalloc
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.wire import dicomjson, jsonobject
from gateway.core.wire.dicomjson import ArrayReader, DataSet, decode_object, encode_object
from tests.kit.splits import splits

Json = Any

COMPACT: dict[str, Any] = {"separators": (",", ":")}
LAYOUTS: list[dict[str, Any]] = [COMPACT, {}, {"indent": 2}, {"indent": "\t", "ensure_ascii": False}, {"indent": 0}]

STUDY = {
    "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
    "00081110": {"vr": "SQ", "Value": [{"00081150": {"vr": "UI"}}, {"00081150": {"vr": "UI", "Value": ["1.2"]}}, {}]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小東"}, None]},
    "00280030": {"vr": "DS", "Value": [0.5, 1e-07]},
}


def read(chunks: Iterable[bytes], **limits: int) -> list[DataSet]:
    reader = ArrayReader(**limits)
    found = [data_set for chunk in chunks for data_set in reader.feed(chunk)]
    reader.close()
    return found


def plain(data_sets: list[DataSet]) -> list[Json]:
    """Return the data sets as a JSON parser would have read them, with their members in order."""
    return [[(name, json.loads(bytes(value))) for name, value in data_set.items()] for data_set in data_sets]


def in_order(objects: Sequence[Mapping[str, Json]]) -> list[Json]:
    return [list(members.items()) for members in objects]


def assert_reads(document: bytes, expected: Sequence[Mapping[str, Json]]) -> None:
    for chunks in splits(document):
        assert plain(read(chunks)) == in_order(expected)


def assert_refuses(document: bytes, error: type[Exception] = MalformedInput, **limits: int) -> None:
    for chunks in splits(document):
        with pytest.raises(error):
            read(chunks, **limits)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_an_array_is_read_in_every_layout(layout: dict[str, Any], count: int) -> None:
    objects = [STUDY | {"00200013": {"vr": "IS", "Value": [number]}} for number in range(count)]
    assert_reads(json.dumps(objects, **layout).encode(), objects)


def test_the_members_keep_their_order_and_their_bytes() -> None:
    (data_set,) = read([b'[{"00280030":{"vr":"DS","Value":[1.50,1E5]},"00080005":{"vr" : "CS"}}]'])
    assert list(data_set) == ["00280030", "00080005"]
    assert bytes(data_set["00280030"]) == b'{"vr":"DS","Value":[1.50,1E5]}'


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (b"[]", []),
        (b" [ \n ] \r\n", []),
        (b"\xef\xbb\xbf[]", []),
        (b'\xef\xbb\xbf [{"a":1}]', [{"a": 1}]),
        (b"[{}]", [{}]),
        (b'[{"a":1},{"a":2},{"a":3}]\r\n ', [{"a": 1}, {"a": 2}, {"a": 3}]),
        (b"[{},{},{ }]", [{}, {}, {}]),
        (b"{}", [{}]),
        (b' {"a":{"b":[1]}}\n', [{"a": {"b": [1]}}]),
        (b'[{"a":1} ,\t{"a":2}\n,{"a":3},{"a":4},   {"a":5}]', [{"a": n} for n in (1, 2, 3, 4, 5)]),
        (b'[{"a":1},\n{"a":[{"b":1},{"b":2}]},\n{"a":3}\n]', [{"a": 1}, {"a": [{"b": 1}, {"b": 2}]}, {"a": 3}]),
        (b'[{"a":1},' + b" " * 400 + b'{"a":2},' + b" " * 400 + b'{"a":3}]', [{"a": 1}, {"a": 2}, {"a": 3}]),
    ],
)
def test_white_space_empty_objects_and_a_lone_object_are_read(
    document: bytes, expected: Sequence[Mapping[str, Json]]
) -> None:
    assert_reads(document, expected)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "text",
    [
        "}},{",
        '}},{"',
        "},{",
        "{",
        "}",
        "{{{",
        "}}}",
        "]",
        "}]",
        '"',
        '\\"',
        '"},{"',
        "\\",
        "\\\\",
        '\\"},{\\"',
        "\\},{",
        "}, {",
        "},\n  {",
        "\u2028",
        "é王",
        "\x00\x1f",
    ],
)
def test_a_string_never_splits_an_object(layout: dict[str, Any], text: str) -> None:
    objects: list[dict[str, Json]] = [
        {"a": {"b": "plain"}},
        {"a": {text: [text, {text: text}]}},
        {"a": [text]},
        {"a": {"b": "plain"}},
    ]
    assert_reads(json.dumps(objects, **layout).encode(), objects)
    assert_reads(json.dumps(objects[::-1], **layout).encode(), objects[::-1])


def test_braces_in_strings_that_balance_across_objects_split_nothing() -> None:
    objects: list[dict[str, Json]] = [{"a": 0}, {"a": "{"}, {"b": "}"}, {"c": [{"d": "{"}, {"d": "}}"}]}, {"e": "{"}]
    assert_reads(json.dumps(objects, **COMPACT).encode(), objects)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b" ",
        b"\xef\xbb\xbf",
        b"\xef\xbb[]",
        b"null",
        b"1",
        b'"a"',
        b"[",
        b"[1]",
        b"[[]]",
        b"[null]",
        b"[,]",
        b"[{},]",
        b"[{},1]",
        b"[{} {}]",
        b"[{},,{}]",
        b"[{}",
        b"[{}}",
        b"[{}]]",
        b"[{}] x",
        b"[{}][{}]",
        b"{},{}",
        b"{}]",
        b"{} {}",
        b'[{"a":1]',
        b'[{"a":1}',
        b'[{"a":}]',
        b'[{"a":1,}]',
        b"[{a:1}]",
        b"[{'a':1}]",
        b'[{"a":NaN}]',
        b'[{"a":01}]',
        b'[{"a":tru}]',
        b'[{"a":"\n"}]',
        b'[{"a":"\\x"}]',
        b'[{"a":[}]}]',
        b'[{"a":[1}}]',
        b'[{"\xff":1}]',
        b'[{"a":"}]',
        b'[{"a":1},{"a":1},{"a":}]',
        b'[{"a":1},{"a":1},{"a":1},',
        b'[{"a":1},{"a":1}} ,{"a":1}]',
        '[{"a":1}]'.encode("utf-16"),
    ],
)
def test_what_is_no_array_of_objects_is_refused(document: bytes) -> None:
    assert_refuses(document)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_repeated_member_is_refused(layout: dict[str, Any], place: int) -> None:
    document = json.dumps([{"a": {"x": 1}, "b": place == n, "c": {}} for n in range(3)], **layout)
    assert_refuses(document.replace("true", 'true, "a" : {"x":2}').encode())
    assert_refuses(document.replace("true", 'true,"a":{"x":1}').encode())
    assert_refuses(document.replace("true", 'true,"\\u0061":{"x":1}').encode())


def test_a_fault_names_the_offset_of_its_object_and_no_value() -> None:
    for chunks in splits(b' [{"a":1}, {"a":2} ,{"a":3}, {"b":1,"b":"SMITH"}]'):
        with pytest.raises(MalformedInput) as caught:
            read(chunks)
        assert caught.value.offset == 29
        assert "SMITH" not in str(caught.value)
        assert caught.value.__suppress_context__


@pytest.mark.parametrize("limit", [20, 64])
@pytest.mark.parametrize("before", [0, 1, 3])
def test_an_object_up_to_the_limit_is_read_and_beyond_it_refused(limit: int, before: int) -> None:
    small = [b'{"a":1}'] * before
    for text, is_readable in ((b"x", True), (b"xx", False), (b"}{", False), (b"{}" * limit, False)):
        large = b'{"a":"' + text.rjust(limit - 9 + len(text), b".") + b'"}'
        document = b"[" + b",".join([*small, large, *small]) + b"]"
        if is_readable:
            for chunks in splits(document):
                assert len(read(chunks, max_object_bytes=limit)) == 2 * before + 1
        else:
            assert_refuses(document, LimitExceeded, max_object_bytes=limit)


def test_an_object_without_end_is_refused_before_it_ends() -> None:
    for opening in (b'[{"a":"', b'[{"a":1},{"a":1},{"a":"', b'[{"a":1},{"a":1},{"a":"{'):
        reader = ArrayReader(max_object_bytes=10_000)
        reader.feed(opening + b"x" * 9_000)
        with pytest.raises(LimitExceeded):
            reader.feed(b"x" * 2_000)


def test_deep_nesting_is_refused() -> None:
    for before in (b"[", b'[{"a":1},{"a":1},'):
        deep = b'{"a":[' * 100_000 + b"]}" * 100_000
        with pytest.raises(LimitExceeded, match="nesting"):
            read([before + deep + b"]"])


def test_an_object_comes_out_with_the_chunk_that_ends_it() -> None:
    reader = ArrayReader()
    assert reader.feed(b'[{"a":1') == []
    assert plain(reader.feed(b'},{"a":2},{"a":3},{')) == in_order([{"a": 1}, {"a": 2}, {"a": 3}])
    assert reader.feed(b'"a":[{}]') == []
    assert plain(reader.feed(b"}]")) == in_order([{"a": [{}]}])
    reader.close()


def test_hidden_seams_only_delay() -> None:
    reader = ArrayReader(max_object_bytes=1_000)  # patience ends there, too
    hidden = [{"a": "{"}] * 1_000
    objects: list[dict[str, Json]] = [{"a": 1}, {"a": 2}, *hidden]
    document = json.dumps(objects, **COMPACT).encode()
    found = reader.feed(document[:3_000])
    assert len(found) > 200
    found += reader.feed(document[3_000:])
    assert plain(found) == in_order(objects)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_is_that_of_one_object(layout: dict[str, Any]) -> None:
    piece = json.dumps([STUDY], **layout).encode()[1:-1]
    document = b"[" + b",".join([piece] * 5_000) + b"]"
    reader = ArrayReader()
    tracemalloc.start()
    try:
        count = sum(len(reader.feed(document[i : i + 4_096])) for i in range(0, len(document), 4_096))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 5_000
    assert peak < 150_000


@pytest.mark.parametrize(
    "document",
    [
        b"[" + b'{"a":{}},' * 20_000 + b'{"a":{}}]',
        b"[" + b'{"a":{}}, {"a":{}} ,' * 10_000 + b'{"a":{}}]',  # no two seams alike
        b'[{"a":1},' + b'{"a":"{"},' * 20_000 + b'{"a":1}]',  # every seam hidden
        b'[{"a":1},{"a":[' + b'{"b":"]"},' * 20_000 + b'{"b":"}]"}]}]',  # every chunk may end the array
        b'[{"a":"' + b"\\\\" * 40_000 + b'"}]',
        b'[{"a":"' + b'\\"},{' * 40_000 + b'"}]',
        b'[{"a":1},' + b" " * 200_000 + b'{"a":1}]',
    ],
)
def test_hostile_documents_are_scanned_once(document: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(monkeypatch)
    reader = ArrayReader()
    found = [data_set for i in range(0, len(document), 10) for data_set in reader.feed(document[i : i + 10])]
    reader.close()
    assert plain(found) == in_order(json.loads(document))
    assert work.scanned <= len(document)
    assert work.parsed <= 2 * len(document)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("chunk_bytes", [1, 100, 100_000])
def test_only_the_first_and_the_last_object_are_scanned(
    layout: dict[str, Any], chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(monkeypatch)
    document = json.dumps([STUDY] * 50, **layout).encode()
    cuts = [cut for cut in range(chunk_bytes, len(document), chunk_bytes) if not may_end_there(document[:cut])]
    reader = ArrayReader()
    for start, end in pairwise([0, *cuts, len(document) - 1]):
        reader.feed(document[start:end])
    first, one = work.scanned, len(document) // 50 + 2
    assert first <= max(one, chunk_bytes)
    assert reader.feed(document[-1:])
    assert work.scanned <= first + one
    assert work.parsed <= 3 * len(document)  # what is not compact is made so, and parsed again


def may_end_there(document: bytes) -> bool:
    return document.rstrip().endswith(b"]")


class Work:
    """Counts the bytes that readers scan and parse."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.scanned = self.parsed = 0
        find_end, decode, decode_row = dicomjson._Scan.find_end, jsonobject._decode, jsonobject._decode_row

        def count_scanned(scan: dicomjson._Scan, buffer: bytearray) -> int:
            before = scan._scanned
            end = find_end(scan, buffer)
            self.scanned += scan._scanned - before
            return end

        def count_parsed(piece: bytes | msgspec.Raw) -> DataSet:
            self.parsed += len(piece)
            return decode(piece)

        def count_row(row: bytes) -> list[DataSet]:
            self.parsed += len(row)
            return decode_row(row)

        monkeypatch.setattr(dicomjson._Scan, "find_end", count_scanned)
        monkeypatch.setattr(jsonobject, "_decode", count_parsed)
        monkeypatch.setattr(jsonobject, "_decode_row", count_row)


TEXT = st.text(st.sampled_from('{}[]",:\\ \n\tab é王\x00') | st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.lists(st.dictionaries(st.from_regex(r"[0-9A-F]{8}", fullmatch=True), VALUES, max_size=4), max_size=6)


@given(OBJECTS, st.sampled_from(LAYOUTS), st.lists(st.integers(0, 2_000), max_size=8))
def test_any_document_is_read_as_a_json_parser_reads_it(
    objects: list[dict[str, Json]], layout: dict[str, Any], cuts: list[int]
) -> None:
    document = json.dumps(objects, **layout).encode()
    places = sorted({min(cut, len(document)) for cut in cuts} | {0, len(document)})
    expected = in_order(objects)
    assert plain(read([document[a:b] for a, b in pairwise(places)])) == expected
    assert plain(read([document[i : i + 1] for i in range(len(document))])) == expected


SOUP = st.lists(
    st.sampled_from([b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b" ", b"1", b'"a":1', b'{"a":1},', b"},{"]),
    max_size=20,
).map(b"".join)


@settings(max_examples=200)
@given(SOUP, st.integers(1, 5))
def test_any_bytes_give_the_same_outcome_however_they_are_cut(soup: bytes, size: int) -> None:
    def outcome(chunks: list[bytes]) -> object:
        try:
            return plain(read(chunks))
        except MalformedInput:
            return MalformedInput

    document = b'[{"a":1},' + soup
    try:
        parsed = json.loads(document)
        is_valid = all(isinstance(item, dict) for item in parsed)
    except ValueError:
        is_valid = False
    whole = outcome([document])
    assert outcome([document[i : i + size] for i in range(0, len(document), size)]) == whole
    if whole is not MalformedInput:
        assert is_valid


# Objects


def test_an_object_is_decoded_from_bytes_and_from_a_value() -> None:
    outer = decode_object(b'{"a": {"b" : [1 ,2]}}')
    assert bytes(decode_object(outer["a"])["b"]) == b"[1,2]"


@pytest.mark.parametrize(
    "piece",
    [b"", b"1", b"[]", b'{"a":1}{}', b'{"a":1,"a":1}', b'{"a":1,"\\u0061":2}', b'{"\\u0062":1}', '{"é":1}'.encode()],
)
def test_what_is_no_unambiguous_object_is_refused(piece: bytes) -> None:
    with pytest.raises(MalformedInput):
        decode_object(piece)


@pytest.mark.parametrize("value", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf"])
def test_values_that_are_not_utf_8_are_refused_though_nobody_reads_them(value: bytes) -> None:
    with pytest.raises(MalformedInput, match="UTF-8"):
        decode_object(b'{"a":{"b":["' + value + b'"]}}')
    assert_refuses(b'[{"a":1},{"a":2},{"a":"' + value + b'"},{"a":3}]')
    assert_reads('[{"a":"\u00e9\u738b\U0001f600"}]'.encode(), [{"a": "\u00e9\u738b\U0001f600"}])


def test_an_object_is_encoded_from_values_old_and_new() -> None:
    members = decode_object(b'{"00080005":{"vr":"CS"},"00100010":{"vr":"PN"}}')
    assert encode_object(members) == b'{"00080005":{"vr":"CS"},"00100010":{"vr":"PN"}}'
    assert encode_object({**members, "00100010": b'{"vr":"PN","Value":[]}', 'q"': msgspec.Raw(b"1")}) == (
        b'{"00080005":{"vr":"CS"},"00100010":{"vr":"PN","Value":[]},"q\\"":1}'
    )
    assert encode_object({}) == b"{}"


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_what_is_encoded_is_read_back(members: dict[str, Json]) -> None:
    encoded = encode_object({name: json.dumps(value).encode() for name, value in members.items()})
    assert json.loads(encoded) == members
