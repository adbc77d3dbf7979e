"""The process that looks: frames in on its standard input, texts out on its standard output, nothing anywhere else.

It runs with little priority, so that whatever else the machine does goes first. A request is a pickle: it comes from
the gateway alone. An answer is plain MessagePack, since what broke a decoder may have written it.
"""

import os
import pickle
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import msgspec

from gateway.ports import Frame
from gateway.processes import limit_memory
from gateway.screening.looking import Looker
from gateway.screening.text import Looked, TextDetector

LENGTH: Final = 8
"""Bytes of the length that goes before a request and an answer."""
LEAST_MEMORY: Final = 1 << 30
"""What the models need for a tile, and room for a frame."""
NICE: Final = 15
"""A thirtieth of a processor that others want as well."""


@dataclass(frozen=True, slots=True)
class Request:
    """One frame to look at; the first of an object says whether its texts are read."""

    frame: Frame
    is_first: bool
    reads: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What was seen; None where the pixels cannot be decoded or looked at."""

    looked: Looked | None


def serve(requests: BinaryIO, answers: BinaryIO, detector: TextDetector) -> None:
    """Answer requests until there are no more."""
    looker = Looker(detector, reads=False)
    for request in _received(requests):
        if request.is_first:
            looker = Looker(detector, reads=request.reads)
        data = msgspec.msgpack.encode(Answer(_looked(looker, request.frame)))
        answers.write(len(data).to_bytes(LENGTH, "big") + data)
        answers.flush()


def _received(requests: BinaryIO) -> Iterator[Request]:
    while len(head := requests.read(LENGTH)) == LENGTH:
        yield pickle.loads(requests.read(int.from_bytes(head, "big")))  # noqa: S301 - of the gateway, see above


def _looked(looker: Looker, frame: Frame) -> Looked | None:
    try:
        return looker.look(frame)
    except Exception:  # noqa: BLE001 - decoders and networks raise what they like; their messages may hold values
        return None


def main() -> None:
    """Serve the process that started this one."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # libraries write there what they read
        os.dup2(nothing, stream)
    warnings.simplefilter("ignore")
    os.nice(NICE)
    limit_memory(LEAST_MEMORY)
    from gateway.screening.rapid import RapidText  # noqa: PLC0415 - of the extra, and it takes a second

    serve(requests, answers, RapidText())


if __name__ == "__main__":
    main()
