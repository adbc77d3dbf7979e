"""Value Representations and their dummies."""

import base64
import re

import pytest
from pydicom.config import RAISE
from pydicom.valuerep import VR as PYDICOM_VR
from pydicom.valuerep import validate_value

from gateway.core.standard import vr

WITHOUT_DUMMY = {"SQ", "UI"}


def test_every_vr_of_the_standard_is_in_the_table() -> None:
    assert len(vr.VRS) == 34
    assert set(vr.VRS) == {code.value for code in PYDICOM_VR if " or " not in code.value}
    assert all(code == properties.code for code, properties in vr.VRS.items())


def test_the_long_form_is_that_of_table_7_1_1() -> None:
    assert sorted(vr.LONG_VRS) == ["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]


def test_text_binary_and_sequence_share_the_table_out() -> None:
    assert vr.TEXT_VRS | vr.BINARY_VRS | {"SQ"} == set(vr.VRS)
    assert not vr.TEXT_VRS & vr.BINARY_VRS
    assert sorted(vr.CHARSET_VRS) == ["LO", "LT", "PN", "SH", "ST", "UC", "UT"]


def test_padding_is_nul_for_uids_and_bytes_and_space_for_text() -> None:
    assert {code for code, properties in vr.VRS.items() if properties.padding == b" "} == vr.TEXT_VRS - {"UI"}
    assert {vr.VRS[code].padding for code in ("UI", "OB", "UN", "OW")} == {b"\0"}


def test_the_width_of_binary_values_is_that_of_table_6_2_1() -> None:
    widths = {code: vr.VRS[code].unit for code in vr.BINARY_VRS}
    assert widths == {
        **dict.fromkeys(("OB", "UN"), 1),
        **dict.fromkeys(("OW", "SS", "US"), 2),
        **dict.fromkeys(("AT", "FL", "OF", "OL", "SL", "UL"), 4),
        **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8),
    }


@pytest.mark.parametrize("code", sorted(vr.TEXT_VRS - WITHOUT_DUMMY))
def test_a_dummy_text_is_valid_for_its_vr(code: str) -> None:
    text = vr.dummy(code)
    validate_value(code, text, RAISE)
    maximum = vr.VRS[code].max_length
    assert maximum is None or 0 < len(text) <= maximum
    assert "\\" not in text


def test_dates_have_one_dummy_everywhere() -> None:
    assert vr.dummy("DT").startswith(vr.dummy("DA"))
    assert vr.dummy("DT").endswith(vr.dummy("TM"))
    assert re.fullmatch(r"[0-9]{3}[DWMY]", vr.dummy("AS"))


@pytest.mark.parametrize("code", sorted(set(vr.VRS) - WITHOUT_DUMMY))
def test_a_dummy_is_encoded_in_whole_values_of_even_length(code: str) -> None:
    encoded = vr.dummy_bytes(code)
    assert encoded
    assert len(encoded) % 2 == 0
    assert len(encoded) % vr.VRS[code].unit == 0
    if code in vr.BINARY_VRS:
        assert not any(encoded)
    else:
        assert encoded.decode("ascii").rstrip(" ") == vr.dummy(code)


def test_a_json_dummy_has_the_form_of_the_json_model() -> None:
    assert vr.dummy_json("PN") == {"Value": [{"Alphabetic": "ANONYMOUS"}]}
    assert vr.dummy_json("AT") == {"Value": ["00000000"]}
    assert vr.dummy_json("UR") == {"Value": ["urn:anonymous"]}
    for code in ("DS", "IS", "US", "FD", "SV", "UV"):
        assert vr.dummy_json(code) == {"Value": [0]}


@pytest.mark.parametrize("code", ["OB", "OD", "OF", "OL", "OV", "OW", "UN"])
def test_a_json_dummy_of_raw_bytes_is_the_encoded_dummy(code: str) -> None:
    value = vr.dummy_json(code)["InlineBinary"]
    assert isinstance(value, str)
    assert base64.b64decode(value) == vr.dummy_bytes(code)


@pytest.mark.parametrize("code", sorted(WITHOUT_DUMMY))
def test_uids_and_sequences_have_no_ready_dummy(code: str) -> None:
    with pytest.raises(ValueError, match=f"no dummy text for VR {code}"):
        vr.dummy(code)
    if code == "UI":
        with pytest.raises(ValueError, match="no dummy text"):
            vr.dummy_bytes(code)
        with pytest.raises(ValueError, match="no dummy text"):
            vr.dummy_json(code)
