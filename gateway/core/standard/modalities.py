"""Modalities (PS3.3 Section C.7.3.1.1.1) whose objects are never pictures or clips: reports, plans, waveforms ..."""

from typing import Final

WITHOUT_PICTURE: Final = frozenset(
    {
        "ANN", "ASMT", "AU", "CFM", "DOC", "ECG", "EEG", "EMG", "EOG", "EPS", "FID", "HD", "IOL", "KER", "KO", "LEN",
        "LP", "LS", "OAM", "OPV", "PLAN", "POS", "PR", "REG", "RESP", "RTINTENT", "RTPLAN", "RTRAD", "RTRECORD",
        "RTSTRUCT", "RWV", "SMR", "SR", "SRF", "STAIN", "TEXTUREMAP", "VA",
    }
)  # fmt: skip
