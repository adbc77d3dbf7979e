"""What objects hold: compressed frames, and text that is cleaned."""

from collections.abc import Sequence
from random import Random
from typing import Final

from gateway.core.clean.subject import Kind, gather
from gateway.core.clean.text import TextCleaner
from gateway.core.rewrite.codestream import cleaner
from gateway.core.standard.vr import VRS as VRS_OF_STANDARD
from tests.fuzz.mutate import cut, damage
from tests.fuzz.target import REFUSALS, Broken
from tests.kit.codestreams import PLACES

FRAMES: Final = tuple(PLACES.values())
SYNTAXES: Final = sorted({planted.syntax for planted in FRAMES})
FRAME_TOKENS: Final = [
    b"\xff\xd8", b"\xff\xd9", b"\xff\xfe", b"\xff\xda", b"\xff\xe1", b"\xff\x64", b"\xff\x90", b"\xff\x93", b"\0\0\1",
    b"\0\0\0\1", b"\0\0\1\xb2", b"\0\0\1\x06", b"\0\0\3", b"moov", b"mdat", b"udta", b"trak", b"stsd", b"uuid", b"jp2c",
    b"jxlp", b"brob", b"xml ", b"Exif", b"\0\0\0\0", b"\0\0\0\1jp2c\0\0\0\0\0\0\1\0", b"\x47", b"\xff" * 12,
]  # fmt: skip


def make_frame(random: Random) -> bytes:
    return damage(random.choice(FRAMES).data * random.choice((1, 1, 2)), FRAME_TOKENS, random)


def run_frame(data: bytes, random: Random) -> bool:
    """What is cleaned is as long as before, however it comes, whatever the Transfer Syntax says it is."""

    def cleaned(syntax: str, chunks: Sequence[bytes]) -> bytes | None:
        machine = cleaner(syntax, keeps_icc=False)
        if machine is None:
            raise Broken("no cleaner")
        try:
            return b"".join((machine.fragment(), *(bytes(machine.feed(chunk)) for chunk in chunks), machine.end()))
        except REFUSALS:
            return None

    accepted = False
    for syntax in random.sample(SYNTAXES, 3):
        whole = cleaned(syntax, [data])
        if cleaned(syntax, cut(data, random)) != whole:
            raise Broken("the frame depends on the chunks")
        if whole is not None and len(whole) != len(data):
            raise Broken("the frame is longer or shorter")
        accepted |= whole is not None
    return accepted


TEXT_TOKENS: Final = [
    text.encode() for text in (
        "Østergård", "MRN-4711", "19611105", "1961-11-05", "Dr. ", "山田", "^", "=", "\\", " ", ",", "-", "\n", "***",
        "\u0301", "\u200b", "\u202e", "ß", "İ", "ﬁ", "0" * 30, "a@b.example", "http://x.example/", "1.2.840.3.4.5",
        "Tel. 030 1234567", "0000000002", "ﷺ", "\U0001f600", "nee", "Zoë",
    )
]  # fmt: skip
TEXT_SEEDS: Final = tuple(
    text.encode() for text in (
        "Østergård^Zoë\nMRN-4711\nKlinikum Süd\n19611105\n1.2.3.4\nCT Thorax Zoë Østergård (MRN 4711) born 5.11.1961",
        "山田^太郎=Yamada^Tarou\n0815\n聖路加病院\n19500101\n2.25.77\n山田太郎様 胸部CT 聖路加病院 1950年1月1日",
    )
)  # fmt: skip


def run_cleaner(data: bytes, random: Random) -> bool:
    """Any text can be cleaned, whoever it is about; it stays as long as its VR allows, and clean what is clean."""
    name, identifier, place, date, uid, text = (data.decode(errors="replace").split("\n", 5) + [""] * 6)[:6]
    found = [(Kind.NAME, name), (Kind.IDENTIFIER, identifier), (Kind.PLACE, place), (Kind.DATE, date), (Kind.UID, uid)]
    text_cleaner = TextCleaner(gather(found))
    vr = random.choice(("LO", "SH", "LT", "UT", "PN"))
    cleaned = text_cleaner.clean(text, vr)
    limit = VRS_OF_STANDARD[vr].max_length
    if limit is not None and len(cleaned) > limit:
        raise Broken("longer than its VR allows")
    if text_cleaner.clean(cleaned, vr) != cleaned:
        raise Broken("not clean yet")
    return cleaned != text
