"""MP4 files: what the index says, and samples with and without it."""

import pytest

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.rewrite.codestream import cleaner
from gateway.core.rewrite.codestream import mp4 as module
from gateway.core.rewrite.codestream.track import Track
from tests.kit.codestreams import AUDIO_ENTRY, AVC, H264, PLACES, TEXT, USER, box, full, mp4, sei, sized, video_entry
from tests.unit.core.rewrite.codestream.streams import cleaned, passes

GONE = bytes(len(TEXT))
WITH_SEI = sized(b"\x06" + sei(USER), *AVC)
WITHOUT = sized(b"\x06" + sei((0xFE, b"\xff" * len(USER[1]))), *AVC)


def clean(file: bytes) -> bytes:
    return cleaned(H264, file)


def test_video_loses_its_messages_wherever_the_index_is() -> None:
    assert clean(mp4(WITH_SEI, moov_last=True)) == mp4(WITHOUT, moov_last=True)
    assert clean(mp4(WITH_SEI, audio=b"")) == mp4(WITHOUT, audio=b"")


def test_sound_stays_and_other_tracks_and_unused_bytes_become_zeros() -> None:
    before, after = mp4(WITH_SEI, audio=TEXT, other=TEXT, gap=TEXT), mp4(WITHOUT, audio=TEXT, other=GONE, gap=GONE)
    assert clean(before) == clean(after)
    assert clean(before).endswith(WITHOUT + TEXT + GONE + GONE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (mp4(times=TEXT[:8], audio=b""), mp4(audio=b"")),
        (mp4(name=TEXT, audio=b""), mp4(name=GONE, audio=b"")),
        (mp4(url=TEXT, audio=b""), mp4(url=GONE, audio=b"")),
        (mp4(entry=video_entry(name=TEXT), audio=b""), mp4(audio=b"")),
        (mp4(own=box(b"udta", TEXT), audio=b""), mp4(own=box(b"free", GONE), audio=b"")),
        (mp4(sized(*AVC), box(b"uuid", TEXT), audio=b""), mp4(sized(*AVC), box(b"free", GONE), audio=b"")),
        (mp4(sized(*AVC), box(b"wide", b""), audio=b""), mp4(sized(*AVC), box(b"free", b""), audio=b"")),
        (
            mp4(sized(*AVC), box(b"mvhd", b"\1\0\0\0" + TEXT[:16] + TEXT), audio=b""),
            mp4(sized(*AVC), box(b"mvhd", b"\1\0\0\0" + bytes(16) + TEXT), audio=b""),
        ),
    ],
)
def test_names_times_and_metadata_go(before: bytes, after: bytes) -> None:
    assert clean(before) == after


@pytest.mark.parametrize("colour", [b"nclx\0\1\0\1\0\1\0", b"nclc\0\1\0\1\0\1"])
def test_what_says_how_to_decode_and_show_stays(colour: bytes) -> None:
    set_up = box(b"avcC", b"\1\x64\0\x28\xff\xe1\0\5\x67abcd\1\0\3\x68ab") + box(b"colr", colour) + box(b"pasp", TEXT)
    passes(H264, mp4(entry=video_entry(configuration=set_up), audio=b""))


@pytest.mark.parametrize("chunks", [(1,), (3,), (1, 1, 2, 1), (2, 2, 1)])
@pytest.mark.parametrize(("wide", "same"), [(False, False), (True, False), (False, True)])
def test_samples_are_found_in_their_chunks(chunks: tuple[int, ...], wide: bool, same: bool) -> None:
    assert len(WITH_SEI) == len(WITHOUT)
    before = mp4(WITH_SEI, audio=TEXT, chunks=chunks, wide=wide, same=same)
    after = mp4(WITHOUT, audio=TEXT, chunks=chunks, wide=wide, same=same)
    assert clean(before) == clean(after)
    assert clean(before).endswith(WITHOUT * sum(chunks) + TEXT)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_sound_of_quicktime_is_understood(version: int) -> None:
    extension = bytes((0, 16, 36)[version])
    entry = box(b"mp4a", bytes(8) + bytes([0, version]) + bytes(18) + extension + full(b"esds", b"config"))
    file = mp4()
    assert len(AUDIO_ENTRY) <= len(entry)
    loud = mp4(own=box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", full(b"stsd", b"\0\0\0\1" + entry))))))
    assert entry in clean(loud)
    assert AUDIO_ENTRY in clean(file)


def test_a_file_of_fragments_is_media_without_an_index() -> None:
    moof = box(b"moof", full(b"mfhd", bytes(4)) + box(b"traf", full(b"tfhd", bytes(4)) + full(b"trun", bytes(12))))
    empty = mp4(b"", audio=b"")[: -len(box(b"mdat", b""))]
    before, after = moof + box(b"mdat", WITH_SEI), moof + box(b"mdat", WITHOUT)
    assert clean(empty + before * 2) == empty + after * 2


@pytest.mark.parametrize(
    "wrong",
    [
        mp4(sized(*AVC) + b"audio SMITH", moov_last=True),  # sound among video, before the index
        mp4(sized(*AVC)[:-1]),
        mp4(b"SMITH"),
        mp4(own=box(b"stsd", b"SMITH")),
        mp4(own=box(b"mvhd", b"\1\0\0\0SMITH")),
        mp4(own=box(b"hdlr", b"SMITH")),
        mp4(entry=video_entry(configuration=box(b"avcC", b"\1"))),
        mp4(entry=box(b"avc1", b"SMITH")),
        mp4(entry=video_entry(b"hvc1", configuration=box(b"hvcC", bytes(22) + b"\1\xa7\0\1\0\x50SMITH"))),
    ],
)
def test_what_is_no_file_of_video_is_malformed(wrong: bytes) -> None:
    one = cleaner(H264, keeps_icc=False)
    assert one
    with pytest.raises(MalformedInput) as caught:
        one.feed(wrong)
    assert "SMITH" not in str(caught.value)


def test_boxes_of_a_track_belong_to_one() -> None:
    one = cleaner(H264, keeps_icc=False)
    assert one
    with pytest.raises(MalformedInput, match="outside any"):
        one.feed(box(b"ftyp", b"isom") + full(b"stco", bytes(8)))


def test_samples_that_overlap_are_malformed() -> None:
    file = mp4(sized(*AVC), audio=TEXT)
    at = (file.index(TEXT, file.index(b"mdat"))).to_bytes(4, "big")
    place = file.index(full(b"stco", b"\0\0\0\1" + at))
    twice = file[: place + 16] + (int.from_bytes(at, "big") - 2).to_bytes(4, "big") + file[place + 20 :]
    one = cleaner(H264, keeps_icc=False)
    assert one
    with pytest.raises(MalformedInput, match="overlap"):
        one.feed(twice)


def test_a_table_of_samples_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TABLE_BYTES", 3)
    one = cleaner(H264, keeps_icc=False)
    assert one
    with pytest.raises(LimitExceeded):
        one.feed(PLACES["MP4 SEI"].data)


def test_where_chunks_are_is_put_together_once_and_anew_for_a_new_index(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    chunks = Track.chunks

    def counted(track: Track) -> list[tuple[int, int]]:
        nonlocal asked
        asked += 1
        return chunks(track)

    monkeypatch.setattr(Track, "chunks", counted)
    clean(mp4(sized(*AVC), audio=b""))
    once, asked = asked, 0
    clean(mp4(sized(*AVC), box(b"mdat", b"") * 100, audio=b""))
    assert asked == once
    index = box(b"moov", box(b"trak", full(b"stco", bytes(4))))
    with pytest.raises(LimitExceeded, match="indexes of a clip"):
        clean(mp4(sized(*AVC), (index + box(b"mdat", b"")) * module.MAX_INDEXES, audio=b""))
