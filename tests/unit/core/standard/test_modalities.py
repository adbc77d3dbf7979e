"""Modalities without pictures."""

from gateway.core.standard.modalities import WITHOUT_PICTURE


def test_pictures_and_clips_are_not_among_them() -> None:
    assert not WITHOUT_PICTURE & {
        "CT",
        "MR",
        "US",
        "XA",
        "CR",
        "DX",
        "MG",
        "PT",
        "NM",
        "SM",
        "XC",
        "ES",
        "OT",
        "SC",
        "SEG",
    }
    assert {"SR", "PR", "KO", "DOC", "RTSTRUCT", "RTPLAN", "ECG"} <= WITHOUT_PICTURE
