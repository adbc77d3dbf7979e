"""What is not the DICOM JSON Model is refused, and no value is named."""

import json

import pytest

from gateway.core.errors import GatewayError, LimitExceeded, MalformedInput
from tests.unit.core.rewrite.objects import CT, engine

CLASS, INSTANCE = "00080016", "00080018"
HEAD: dict[str, object] = {
    CLASS: {"vr": "UI", "Value": [CT.decode()]},
    INSTANCE: {"vr": "UI", "Value": ["1.2.3"]},
    "00100020": {"vr": "LO", "Value": ["P1"]},
}
DETAILS = "  OperatorsName: {action: pseudonym}\noptions: [retain_longitudinal_modified_dates]\n"


def refuses(data_set: bytes, error: type[GatewayError] = MalformedInput) -> str:
    with pytest.raises(error) as caught:
        engine(DETAILS).metadata(data_set, str)
    return str(caught.value)


@pytest.mark.parametrize("missing", [CLASS, INSTANCE])
def test_metadata_without_class_or_instance_uid_is_malformed(missing: str) -> None:
    for value in (None, {"vr": "UI"}, {"vr": "UI", "Value": [""]}):
        data_set = {key: value if key == missing else kept for key, kept in HEAD.items()}
        if value is None:
            del data_set[missing]
        assert "no SOP Class or SOP Instance UID" in refuses(json.dumps(data_set).encode())


@pytest.mark.parametrize(
    "member",
    [
        '"0010": {"vr":"LO"}',
        '"0x100020": {"vr":"LO"}',
        '" 0100020": {"vr":"LO"}',
        '"0020000d": {"vr":"UI"}',
        '"PatientID": {"vr":"LO"}',
        '"00281050": {"vr":"XX"}',
        '"00281050": {"vr":"lo"}',
        '"00281050": {"vr":""}',
        '"00281050": {"vr":"\\u00e9\\u738b"}',
        '"00281050": {}',
        '"00281050": []',
        '"00281050": null',
        '"00281050": "SMITH"',
        '"00281050": {"vr":5}',
        '"00080050": {"vr":"SH","Value":"SMITH"}',
        '"0040A171": {"vr":"UI","Value":[["SMITH"]]}',
        '"0040A171": {"vr":"UN","InlineBinary":"QUI"}',
        '"0040A171": {"vr":"UN","InlineBinary":"\\u00e9"}',
        '"0040A171": {"vr":"UN","InlineBinary":5}',
        '"00100021": {"vr":"UN","InlineBinary":"QUI"}',
        '"00100021": {"vr":"UN","InlineBinary":"\\u00e9"}',
        '"00100021": {"vr":"LO","Value":[["SMITH"]]}',
        '"0040A043": {"vr":"SQ","Value":["SMITH"]}',
        '"0040A043": {"vr":"SQ","Value":[{"SMITH":{"vr":"LO"}}]}',
        '"0040A043": {"vr":"SQ","Value":[{"00281050":"SMITH"}]}',
        '"00120064": {"vr":"SQ","Value":["SMITH"]}',
        '"00120064": {"vr":"SQ","Value":[{"00080100":"SMITH","00080102":{"vr":"SH","Value":["DCM"]}}]}',
        '"00281050": {"vr":"DS"}, "00281050": {"vr":"DS"}',  # which of the two would a client take?
        '"0028105\\u0030": {"vr":"DS"}',
        '"00281050": {"vr":"DS"',
    ],
)
def test_what_is_not_the_json_model_is_malformed_and_no_value_is_named(member: str) -> None:
    data_set = json.dumps(HEAD)[:-1] + "," + member + "}"
    assert "SMITH" not in refuses(data_set.encode())


@pytest.mark.parametrize("data_set", [b"", b"[]", b"null", b"{", b'{"00080016":', b"\xff{}", b"{}"])
def test_what_is_no_data_set_is_malformed(data_set: bytes) -> None:
    refuses(data_set)


@pytest.mark.parametrize("depth", [66, 10_000])
def test_nesting_beyond_the_limit_is_refused(depth: int) -> None:
    nested = '{"vr":"SQ","Value":[{"0040A043":' * depth + '{"vr":"SQ"}' + "}]}" * depth
    data_set = json.dumps(HEAD)[:-1] + ',"0040A043":' + nested + "}"
    with pytest.raises(GatewayError) as caught:
        engine().metadata(data_set.encode(), str)
    assert isinstance(caught.value, LimitExceeded | MalformedInput)
