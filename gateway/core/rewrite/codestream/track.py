"""What the index of an MP4 file says of a track: how it is encoded and where its samples are."""

from dataclasses import dataclass

from gateway.core.rewrite.codestream.boxes import Rule, Rules, boxes, kept, needs
from gateway.core.rewrite.codestream.ops import Filter, Keep, Parser, Read, zeros
from gateway.core.rewrite.codestream.units import H264, H265, Codec, unit

_AUDIO_ENTRIES = (b"mp4a", b"ac-3", b".mp3")
_VIDEO_ENTRIES = (b"avc1", b"avc3", b"hvc1", b"hev1")
_PARTS = (b"esds", b"dac3", b"pasp", b"clap", b"btrt", b"fiel", b"st3d")
_BEFORE_NAME, _NAME_BYTES, _AFTER_NAME = 42, 32, 4
_SOUND_EXTENSION = (28, 44, 64)
"""Bytes before the boxes of an audio entry, by its version (QuickTime has three)."""


@dataclass(slots=True)
class Track:
    """A track of video has a ``codec``."""

    codec: Codec | None = None
    is_audio: bool = False
    length_bytes: int = 4
    sample_bytes: int = 0
    sizes: tuple[int, ...] = ()
    runs: tuple[int, ...] = ()
    offsets: tuple[int, ...] = ()

    def chunks(self) -> list[tuple[int, int]]:
        """Return where the chunks of samples are, and how long (ISO/IEC 14496-12 Section 8.7)."""
        out: list[tuple[int, int]] = []
        sample = run = 0
        for number, offset in enumerate(self.offsets, 1):
            if run + 3 < len(self.runs) and self.runs[run + 3] <= number:
                run += 3
            samples = self.runs[run + 1] if run + 1 < len(self.runs) else 0
            out.append((offset, self.sample_bytes * samples or sum(self.sizes[sample : sample + samples])))
            sample += samples
        return out


def sample_description(track: Track) -> Rules:
    """Return the rules of a sample description (stsd), which fill in the track."""
    rules: Rules = dict.fromkeys(_VIDEO_ENTRIES, _video(track))
    return {**rules, **dict.fromkeys(_AUDIO_ENTRIES, _audio(track))}


def _video(track: Track) -> Rule:
    def avc(size: int, _: int) -> Parser:
        needs(size, 5)
        track.codec, track.length_bytes = H264, ((yield Read(5))[4] & 3) + 1
        yield Keep(size - 5)

    def hevc(size: int, _: int) -> Parser:
        needs(size, 23)
        head = yield Read(23)
        track.codec, track.length_bytes = H265, (head[21] & 3) + 1
        for _array in range(head[22]):
            size -= 3
            for _unit in range(int.from_bytes((yield Read(3))[1:], "big")):
                count = int.from_bytes((yield Read(2)), "big")
                size -= 2 + count
                needs(size, 23)
                yield from unit(H265, count)
        yield Filter(size - 23, zeros)

    rules: Rules = {**dict.fromkeys(_PARTS, kept), b"avcC": avc, b"hvcC": hevc, b"colr": _colour}

    def entry(size: int, at: int) -> Parser:
        used = _BEFORE_NAME + _NAME_BYTES + _AFTER_NAME
        needs(size, used)
        yield Keep(_BEFORE_NAME)
        yield Filter(_NAME_BYTES, zeros)
        yield Keep(_AFTER_NAME)
        yield from boxes(rules, size - used, at + used)

    return entry


def _audio(track: Track) -> Rule:
    rules: Rules = dict.fromkeys(_PARTS, kept)

    def entry(size: int, at: int) -> Parser:
        track.is_audio = True
        needs(size, _SOUND_EXTENSION[0])
        head = yield Read(10)
        used = _SOUND_EXTENSION[min(head[9], 2)]
        needs(size, used)
        yield Keep(used - 10)
        yield from boxes(rules, size - used, at + used)

    return entry


def _colour(size: int, _: int) -> Parser:
    """Keep numbers for a colour space (nclx), not an ICC profile."""
    needs(size, 4)
    kind = yield Read(4)
    yield Keep(size - 4) if kind in (b"nclx", b"nclc") and size <= 11 else Filter(size - 4, zeros)
