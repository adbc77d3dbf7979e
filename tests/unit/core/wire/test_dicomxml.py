"""The Native DICOM Model: each form of a value both ways, and nothing that it does not have."""

import json
from typing import Any

import pytest

from gateway.core.errors import GatewayError, LimitExceeded, MalformedInput
from gateway.core.wire import dicomxml
from gateway.core.wire.dicomjson import encode_object
from gateway.core.wire.dicomxml import NAMESPACE, from_xml, to_xml

Json = Any


def document(inner: str, head: str = '<?xml version="1.0" encoding="UTF-8"?>\n') -> bytes:
    return f'{head}<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">{inner}</NativeDicomModel>\n'.encode()


def read(data: bytes) -> dict[str, Json]:
    return dict(json.loads(encode_object(from_xml(data))))


def write(data_set: dict[str, Json]) -> str:
    """Write a data set; what the root holds is returned."""
    written = to_xml({key: json.dumps(element).encode() for key, element in data_set.items()}).decode()
    head, tail = document("").decode().split("</")
    assert written.startswith(head)
    assert written.endswith("</" + tail)
    return written.removeprefix(head).removesuffix("</" + tail)


def attribute(key: str, vr: str, inner: str, keyword: str) -> str:
    return f'<DicomAttribute tag="{key}" keyword="{keyword}" vr="{vr}">{inner}</DicomAttribute>'


NAME = {"Alphabetic": "Yamada^Tarou^^Dr.", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう^^^Jr."}
BOTH_WAYS: list[tuple[str, str, Json, str]] = [
    ("Modality", "00080060", {"vr": "CS", "Value": ["CT"]}, '<Value number="1">CT</Value>'),
    ("Modality", "00080060", {"vr": "CS"}, ""),
    (
        "ImageType",
        "00080008",
        {"vr": "CS", "Value": ["ORIGINAL", None, "AXIAL", None]},
        (
            '<Value number="1">ORIGINAL</Value><Value number="2"></Value>'
            '<Value number="3">AXIAL</Value><Value number="4"></Value>'
        ),
    ),
    (
        "PixelSpacing",
        "00280030",
        {"vr": "DS", "Value": ["0.50", "1e-07"]},
        '<Value number="1">0.50</Value><Value number="2">1e-07</Value>',
    ),
    ("Rows", "00280010", {"vr": "US", "Value": [512]}, '<Value number="1">512</Value>'),
    ("ReferencePixelX0", "00186020", {"vr": "SL", "Value": [-3]}, '<Value number="1">-3</Value>'),
    (
        "DiffusionBValue",
        "00189087",
        {"vr": "FD", "Value": [1.5e-7, "NaN"]},
        '<Value number="1">1.5e-07</Value><Value number="2">NaN</Value>',
    ),
    ("FrameIncrementPointer", "00280009", {"vr": "AT", "Value": ["00181063"]}, '<Value number="1">00181063</Value>'),
    (
        "ExtendedOffsetTable",
        "7FE00001",
        {"vr": "OV", "InlineBinary": "AAAAAAAAAAA="},
        "<InlineBinary>AAAAAAAAAAA=</InlineBinary>",
    ),
    (
        "PixelData",
        "7FE00010",
        {"vr": "OW", "BulkDataURI": "https://g/b?a=1&c=2"},
        '<BulkData uri="https://g/b?a=1&#38;c=2"/>',
    ),
    (
        "ImageComments",
        "00204000",
        {"vr": "LT", "Value": [' <b> & "c"\r\n\tnext ]]> \u00e9 \U0001f600']},
        '<Value number="1"> &#60;b&#62; &#38; &#34;c&#34;&#13;&#10;&#9;next ]]&#62; \u00e9 \U0001f600</Value>',
    ),
    (
        "PatientName",
        "00100010",
        {"vr": "PN", "Value": [NAME]},
        (
            '<PersonName number="1"><Alphabetic><FamilyName>Yamada</FamilyName><GivenName>Tarou</GivenName>'
            "<NamePrefix>Dr.</NamePrefix></Alphabetic><Ideographic><FamilyName>山田</FamilyName><GivenName>太郎</GivenName></Ideographic>"
            "<Phonetic><FamilyName>やまだ</FamilyName><GivenName>たろう</GivenName><NameSuffix>Jr.</NameSuffix></Phonetic>"
            "</PersonName>"
        ),
    ),
    (
        "PatientName",
        "00100010",
        {"vr": "PN", "Value": [{"Phonetic": "^Tarou"}, None, {"Alphabetic": "A^B^C^D^E^F"}]},
        (
            '<PersonName number="1"><Phonetic><GivenName>Tarou</GivenName></Phonetic></PersonName>'
            '<PersonName number="2"></PersonName><PersonName number="3"><Alphabetic><FamilyName>A</FamilyName>'
            "<GivenName>B</GivenName><MiddleName>C</MiddleName><NamePrefix>D</NamePrefix><NameSuffix>E^F</NameSuffix></Alphabetic>"
            "</PersonName>"
        ),
    ),
    ("ConceptNameCodeSequence", "0040A043", {"vr": "SQ"}, ""),
    (
        "ConceptNameCodeSequence",
        "0040A043",
        {"vr": "SQ", "Value": [{}, {"00080104": {"vr": "LO", "Value": ["x"]}}]},
        (
            '<Item number="1"></Item><Item number="2"><DicomAttribute tag="00080104" keyword="CodeMeaning" vr="LO">'
            '<Value number="1">x</Value></DicomAttribute></Item>'
        ),
    ),
]


@pytest.mark.parametrize(("keyword", "key", "element", "inner"), BOTH_WAYS)
def test_each_form_of_an_element_both_ways(keyword: str, key: str, element: Json, inner: str) -> None:
    xml = attribute(key, element["vr"], inner, keyword)
    assert write({key: element}) == xml
    assert read(document(xml)) == {key: element}


def test_a_number_keeps_its_digits() -> None:
    element = b'{"vr":"DS","Value":[1.50,1E5,-0]}'
    written = to_xml({"00280030": element})
    assert b">1.50<" in written
    assert b">1E5<" in written
    assert b">-0<" in written
    fd = document(attribute("00189087", "FD", '<Value number="1"> 1.50 </Value>', "x"))
    assert bytes(from_xml(fd)["00189087"]) == b'{"vr":"FD","Value":[1.50]}'


def test_values_stand_by_their_number_in_any_order() -> None:
    values = '<Value number="3">C</Value>\n <Value number="1">A</Value>'
    xml = document(attribute("00080008", "CS", values, "ImageType"))
    assert read(xml)["00080008"]["Value"] == ["A", None, "C"]
    items = '<Item number="2"/><Item number="1"><DicomAttribute tag="00080104" vr="LO"/></Item>'
    xml = document(attribute("0040A043", "SQ", items, "x"))
    assert read(xml)["0040A043"]["Value"] == [{"00080104": {"vr": "LO"}}, {}]


@pytest.mark.parametrize("text", ["page one\fpage two", "a\x00b", "a\x1bb", "a\ufffeb", "a\uffffb", "\x0b"])
def test_what_xml_cannot_hold_becomes_a_space(text: str) -> None:
    xml = document(write({"00204000": {"vr": "LT", "Value": [text]}}))
    shown = "".join(" " if char < " " or char in "\ufffe\uffff" else char for char in text)
    assert read(xml)["00204000"]["Value"] == [shown]


def test_padding_of_a_uid_is_not_a_character_of_it() -> None:
    assert ">1.2.3</Value>" in write({"00080018": {"vr": "UI", "Value": ["1.2.3\0"]}})


@pytest.mark.parametrize("value", ["A^B=C", {"Alphabetic": "A^B", "Ideographic": "C", "Other": "D"}])
def test_names_that_stand_as_text_or_with_a_group_of_their_own(value: Json) -> None:
    xml = document(write({"00100010": {"vr": "PN", "Value": [value]}}))
    assert read(xml)["00100010"]["Value"] == [{"Alphabetic": "A^B", "Ideographic": "C"}]


def test_bulk_data_by_uuid_becomes_a_urn() -> None:
    xml = attribute("7FE00010", "OW", '<BulkData uuid="e7f9bf8a-e627-01f1-cea1-daafe931866e"/>', "PixelData")
    assert read(document(xml))["7FE00010"]["BulkDataURI"] == "urn:uuid:e7f9bf8a-e627-01f1-cea1-daafe931866e"


def test_base64_may_be_broken_into_lines() -> None:
    xml = attribute("7FE00010", "OB", "<InlineBinary>\nAAAA\r\n BBBB\n</InlineBinary>", "PixelData")
    assert read(document(xml))["7FE00010"]["InlineBinary"] == "AAAABBBB"


CREATOR, OTHER = {"vr": "LO", "Value": ["ACME 1"]}, {"vr": "LO", "Value": ["ELSE"]}
LO = {"vr": "LO", "Value": ["x"]}
PRIVATE = '<DicomAttribute tag="00290002" privateCreator="ACME 1" vr="LO"><Value number="1">x</Value></DicomAttribute>'


def test_a_private_element_stands_by_its_creator_both_ways() -> None:
    data_set = {"00290010": OTHER, "00290011": CREATOR, "00291102": LO}
    xml = write(data_set)
    assert xml.endswith(PRIVATE)
    assert read(document(xml)) == data_set


def test_a_creator_with_two_blocks_keeps_both() -> None:
    data_set = {"00290010": CREATOR, "00290011": CREATOR, "00291002": LO, "00291102": {"vr": "LO", "Value": ["y"]}}
    assert read(document(write(data_set))) == data_set


def test_a_creator_that_is_only_named_gets_the_next_free_block() -> None:
    creator = attribute("00290010", "LO", '<Value number="1">ELSE</Value>', "x")
    expected = {"00290010": OTHER, "00290011": CREATOR, "00291102": LO}
    assert read(document(PRIVATE + creator)) == expected


def test_a_private_element_without_a_creator_keeps_its_tag() -> None:
    for key in ("00291102", "00290002"):
        xml = write({key: LO})
        assert f'tag="{key}" vr="LO"' in xml
        assert read(document(xml)) == {key: LO}


def test_elements_below_the_blocks_have_no_creator() -> None:
    data_set = {"00290000": CREATOR, "00290002": LO, "00290010": OTHER, "00290F02": LO}
    xml = write(data_set)
    assert "privateCreator" not in xml
    assert read(document(xml)) == data_set


def test_an_even_group_has_no_private_creator() -> None:
    xml = '<DicomAttribute tag="00281102" privateCreator="ACME 1" vr="LO"/>'
    assert read(document(xml)) == {"00281102": {"vr": "LO"}}


def test_more_blocks_than_a_group_has_are_refused() -> None:
    with pytest.raises(MalformedInput, match="more private creators"):
        from_xml(document(PRIVATE * 241))
    assert len(from_xml(document(PRIVATE * 240))) == 480


def test_comments_instructions_and_unknown_attributes_do_not_come_through() -> None:
    xml = '<?pi SMITH?><!-- SMITH --><DicomAttribute tag="00080060" vr="CS" keyword="SMITH" other="SMITH"/>'
    assert "SMITH" not in write(read(document(xml)))


@pytest.mark.parametrize(
    "head", ['<?xml version="1.0" encoding="ISO-8859-1"?>', '<?xml version="1.0" encoding="windows-1252"?>']
)
def test_other_encodings_and_no_namespace(head: str) -> None:
    inner = attribute("00081030", "LO", '<Value number="1">\u00e9</Value>', "StudyDescription")
    xml = f"{head}<NativeDicomModel>{inner}</NativeDicomModel>".encode("latin-1")
    assert read(xml)["00081030"]["Value"] == ["\u00e9"]
    assert read(document(inner, "").decode().encode("utf-16"))["00081030"]["Value"] == ["\u00e9"]


VALUE = '<DicomAttribute tag="00080060" vr="CS"><Value number="1">SMITH</Value></DicomAttribute>'


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"SMITH",
        b"<SMITH/>",
        b"<NativeDicomModel>",
        document(VALUE)[:-30],
        document(VALUE) + b"<SMITH/>",
        document("SMITH"),
        document("<SMITH/>"),
        document("&SMITH;"),
        document("&#0;"),
        document(VALUE.replace("SMITH", "\x0c")),
        document(VALUE).replace(b"SMITH", b"\xff"),
        document(VALUE + VALUE),
        document("<Value number='1'>SMITH</Value>"),
        document(VALUE.replace('tag="00080060"', "")),
        document(VALUE.replace("00080060", "0008006")),
        document(VALUE.replace("00080060", "0008006a")),
        document(VALUE.replace(' number="1"', "")),
        document(VALUE.replace('"1"', '"0"')),
        document(VALUE.replace('"1"', '"SMITH"')),
        document(VALUE.replace('"1"', '"99999999"')),
        document(VALUE.replace("</D", '<Value number="1">SMITH</Value></D')),
        document(VALUE.replace("</D", "<InlineBinary>AAAA</InlineBinary></D")),
        document(VALUE.replace("</D", "SMITH</D")),
        document(VALUE.replace("</D", "<PersonName number='2'/></D")),
        document(VALUE.replace("</D", "<Item number='2'/></D")),
        document(VALUE.replace("SMITH", "<b>SMITH</b>")),
        document(VALUE.replace("CS", "SQ")),
        document(VALUE.replace("CS", "PN")),
        document(VALUE.replace("<Value", '<x:Value xmlns:x="SMITH"').replace("</Value", "</x:Value")),
        document("", '<?xml version="1.0" encoding="SMITH"?>'),
        document("", '<?xml version="1.0" encoding="Shift_JIS"?>'),
    ],
)
def test_what_is_not_the_model_is_malformed_and_no_value_is_named(xml: bytes) -> None:
    with pytest.raises(MalformedInput) as caught:
        from_xml(xml)
    assert "SMITH" not in str(caught.value)


@pytest.mark.parametrize(
    "declaration",
    [
        "<!DOCTYPE NativeDicomModel>",
        '<!DOCTYPE NativeDicomModel SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE NativeDicomModel [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE NativeDicomModel [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE NativeDicomModel [<!ENTITY % p SYSTEM "http://127.0.0.1/p"> %p;]>',
        '<!DOCTYPE NativeDicomModel [<!ATTLIST DicomAttribute vr CDATA "UT">]>',
    ],
)
def test_a_document_type_declaration_is_refused_before_it_means_anything(declaration: str) -> None:
    with pytest.raises(MalformedInput, match="document type declaration"):
        from_xml(document(VALUE.replace("SMITH", "&b;"), declaration))


def nested(depth: int) -> str:
    level = '<DicomAttribute tag="0040A043" vr="SQ"><Item number="1">'
    name = attribute("00100010", "PN", BOTH_WAYS[11][3], "PatientName")
    return level * depth + name + "</Item></DicomAttribute>" * depth


def test_nesting_beyond_the_limit_is_refused() -> None:
    assert read(document(nested(64)))
    for depth in (65, 5_000):
        with pytest.raises(LimitExceeded, match="nesting"):
            from_xml(document(nested(depth)))
    inner: Json = {}
    for _ in range(66):
        inner = {"0040A043": {"vr": "SQ", "Value": [inner]}}
    with pytest.raises(LimitExceeded, match="nesting"):
        write(inner)


def test_numbers_that_skip_many_values_are_refused() -> None:
    assert len(read(document(VALUE.replace('"1"', '"65"')))["00080060"]["Value"]) == 65
    with pytest.raises(LimitExceeded, match="numbers without a value"):
        from_xml(document(VALUE.replace('"1"', '"66"')))


def test_a_document_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicomxml, "MAX_OBJECT_BYTES", 1000)
    assert from_xml(document(VALUE)) is not None
    with pytest.raises(LimitExceeded, match="XML document"):
        from_xml(document(VALUE + " " * 1000))


@pytest.mark.parametrize(
    ("key", "element"),
    [
        ("0x100010", {"vr": "LO"}),
        ("0010", {"vr": "LO"}),
        ("00080060", {"vr": 5}),
        ("00080060", {"vr": "CS", "Value": [["SMITH"]]}),
        ("0040A043", {"vr": "SQ", "Value": ["SMITH"]}),
    ],
)
def test_what_is_not_the_json_model_is_not_written(key: str, element: Json) -> None:
    with pytest.raises(GatewayError) as caught:
        write({key: element})
    assert "SMITH" not in str(caught.value)


def test_a_value_cannot_become_markup() -> None:
    breakout = '"/><Value number="1">x</Value>'
    xml = document(
        write(
            {
                "00080060": {"vr": "CS", "Value": [breakout]},
                "00100010": {"vr": "PN", "Value": [{"Alphabetic": breakout.replace("=", "-")}]},
                "00281201": {"vr": "OW", "BulkDataURI": breakout},
                "00281202": {"vr": "OW", "InlineBinary": breakout},
                "00290010": {"vr": "LO", "Value": [breakout]},
                "00291001": {"vr": breakout},
            }
        )
    )
    found = read(xml)
    assert found["00080060"]["Value"] == found["00290010"]["Value"] == [breakout]
    assert found["00100010"]["Value"] == [{"Alphabetic": breakout.replace("=", "-")}]
    assert found["00281201"]["BulkDataURI"] == found["00291001"]["vr"] == breakout
