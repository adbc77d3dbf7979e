"""The website of a share: who gets in, what is sent, and that all links that do not work look the same."""

import io
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import FileDataset

from gateway.routes import drawing
from gateway.sharing.misses import MAX_MISSES
from tests.kit.images import CANARY, coloured, image
from tests.kit.shared import PUBLIC, Policy, Site, share_site

REPORT = "1.2.840.10008.5.1.4.1.1.88.33"
DAY_S = 86_400
GREY = np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (48, 1))
FRAMES = np.stack([np.roll(coloured(120, 160), 8 * shift, axis=1) // 2 + 40 for shift in range(12)])
JPEG_BOUND, CLIP_BOUND = 2.0, 6.0
"""Mean difference of samples: quality 90 of a smooth picture; H.264 with a quarter of the colours."""


def objects() -> list[FileDataset]:
    full: dict[str, Any] = {"WindowCenter": 127.5, "WindowWidth": 256}
    return [
        image(coloured(), 1, series=1, PhotometricInterpretation="RGB"),
        image(GREY, 2, series=1, **full),
        image(FRAMES, 1, series=2, frames=len(FRAMES), Modality="US"),
        image(GREY, 9, series=9, SOPClassUID=REPORT),
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with share_site(tmp_path_factory.mktemp("shared"), objects()) as site:
        yield site


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def asked(site: Site, path: str, **options: object) -> httpx.Response:
    """Ask as a client of its own, which nobody has seen before."""
    site.jobs += 1
    async with site.asks(f"10.2.{site.jobs >> 8 & 255}.{site.jobs & 255}") as client:
        return await client.request(str(options.pop("method", "GET")), path, **options)  # type: ignore[arg-type]


def said(answer: httpx.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    """Give all that an answer tells."""
    named = [header for header in answer.headers.multi_items() if header[0] != "x-request-id"]
    return answer.status_code, sorted(named), answer.content


def frames_of(clip: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """Decode a clip with ffmpeg."""
    command = ["ffmpeg", "-v", "error", "-i", "pipe:0", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
    raw = subprocess.run(command, input=clip, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def probed(clip: bytes) -> str:
    """Say how a clip is encoded, and how many frames it has."""
    command = [
        "ffprobe",
        "-v",
        "error",
        "-show_entries",
        "stream=codec_name,profile,pix_fmt,nb_frames",
        "-of",
        "csv=p=0",
    ]
    return subprocess.run([*command, "-"], input=clip, capture_output=True, check=True).stdout.decode().strip()


def difference(found: NDArray[np.uint8], expected: NDArray[np.uint8]) -> float:
    """Give the mean difference of samples."""
    return float(np.abs(found.astype(int) - expected.astype(int)).mean())


def is_bare(jpeg: bytes) -> bool:
    """Say whether a JPEG has no segment but those it is drawn from, and JFIF."""
    at, codes = 2, set()
    while jpeg[at + 1] != 0xDA:
        codes.add(jpeg[at + 1])
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return not codes - {0xE0, 0xDB, 0xC0, 0xC4, 0xDD}


async def test_the_page_says_what_it_is_and_names_nobody(site: Site) -> None:
    share = await site.share()
    page = await asked(site, share.path)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for text in (
        "2 images and 1 clip",
        f"{share.expires:%-d %B %Y}",
        "Ultrasound",
        "Image 2 of 2",
        "image-01.jpg",
        "clip-01.mp4",
    ):
        assert text in page.text
    assert '<html lang="en">' in page.text
    assert CANARY not in page.text
    assert not re.search(r"2\.25\.|https?:|\son\w+=|style=|<style|javascript:", page.text)


async def test_every_answer_is_private_and_says_so(site: Site) -> None:
    share = await site.share()
    for path in ("", "i/1.jpg", "t/1.jpg", "c/1.jpg", "c/1.mp4", "all.zip", "none"):
        answer = await asked(site, share.path + path)
        headers = answer.headers
        assert headers["x-robots-tag"] == "noindex, nofollow, noarchive"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "private, no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == headers["cross-origin-opener-policy"] == "same-origin"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "set-cookie" not in headers


async def test_images_show_the_pixels_of_the_destination_and_nothing_else(site: Site) -> None:
    share = await site.share()
    for number, expected in ((1, site.copies[0].pixel_array), (2, site.copies[1].pixel_array)):
        answer = await asked(site, f"{share.path}i/{number}.jpg")
        assert answer.headers["content-type"] == "image/jpeg"
        assert difference(np.asarray(Image.open(io.BytesIO(answer.content))), expected) < JPEG_BOUND
        assert is_bare(answer.content)
        thumbnail = await asked(site, f"{share.path}t/{number}.jpg")
        assert Image.open(io.BytesIO(thumbnail.content)).size == (480, 360)
        assert is_bare(thumbnail.content)


async def test_a_clip_shows_the_frames_of_the_destination_and_plays_on_phones(site: Site) -> None:
    share = await site.share()
    clip = await asked(site, f"{share.path}c/1.mp4")
    assert clip.headers["content-type"] == "video/mp4"
    assert difference(frames_of(clip.content, 160, 120), site.copies[2].pixel_array) < CLIP_BOUND
    boxes, at = [], 0
    while at < len(clip.content):
        boxes.append(clip.content[at + 4 : at + 8])
        at += int.from_bytes(clip.content[at : at + 4], "big")
    assert boxes.index(b"moov") < boxes.index(b"mdat")
    assert not [name for name in (b"udta", b"x264", b"Lav", CANARY.encode()) if name in clip.content]
    assert probed(clip.content) == "h264,Main,yuv420p,12"


async def test_a_poster_is_the_frame_in_the_middle(site: Site) -> None:
    poster = await asked(site, f"{(await site.share()).path}c/1.jpg")
    middle = site.copies[2].pixel_array[(len(FRAMES) + 1) // 2 - 1]
    assert difference(np.asarray(Image.open(io.BytesIO(poster.content))), middle) < JPEG_BOUND
    assert is_bare(poster.content)


async def test_all_of_it_is_one_zip_with_neutral_names(site: Site) -> None:
    share = await site.share()
    answer = await asked(site, f"{share.path}all.zip")
    assert answer.headers["content-disposition"] == 'attachment; filename="images.zip"'
    with ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["clip-01.mp4", "image-01.jpg", "image-02.jpg"]
        for name, path in (("clip-01.mp4", "c/1.mp4"), ("image-02.jpg", "i/2.jpg")):
            assert archive.read(name) == (await asked(site, share.path + path)).content


async def test_what_strict_refuses_is_not_there(site: Site) -> None:
    assert len(site.copies) == len(objects()) - 1
    assert "of 3" not in (await asked(site, (await site.share()).path)).text


@pytest.mark.parametrize(
    ("asked_range", "status", "content_range"),
    [
        ("bytes=0-1", 206, "bytes 0-1/{}"),
        ("bytes=100-", 206, "bytes 100-{last}/{}"),
        ("bytes=-5", 206, "bytes {-5}-{last}/{}"),
        ("bytes=999999999-", 416, "bytes */{}"),
        ("bytes=5-2", 200, ""),
        ("items=0-1", 200, ""),
    ],
)
async def test_players_get_ranges(site: Site, asked_range: str, status: int, content_range: str) -> None:
    path = f"{(await site.share()).path}c/1.mp4"
    whole = (await asked(site, path)).content
    size, last = str(len(whole)), str(len(whole) - 1)
    answer = await asked(site, path, headers={"range": asked_range})
    assert answer.status_code == status
    expected = content_range.replace("{}", size).replace("{last}", last).replace("{-5}", str(len(whole) - 5))
    assert answer.headers.get("content-range", "") == expected
    if status == 206:
        first, _, until = expected.removeprefix("bytes ").partition("/")[0].partition("-")
        assert answer.content == whole[int(first) : int(until) + 1]
        assert answer.headers["content-length"] == str(len(answer.content))


async def test_a_range_of_another_clip_is_the_whole(site: Site) -> None:
    path = f"{(await site.share()).path}c/1.mp4"
    first = await asked(site, path, headers={"range": "bytes=0-99"})
    same = {"range": "bytes=100-199", "if-range": first.headers["etag"]}
    assert (await asked(site, path, headers=same)).status_code == 206
    assert (await asked(site, path, headers=same | {"if-range": '"another"'})).status_code == 200


async def test_head_tells_what_get_would(site: Site) -> None:
    share = await site.share()
    for path in ("", "i/1.jpg", "c/1.mp4"):
        head, get = [said(await asked(site, share.path + path, method=method)) for method in ("HEAD", "GET")]
        assert head[:2] == get[:2]


async def test_links_that_do_not_work_cannot_be_told_apart(site: Site) -> None:
    expired, revoked, used = await site.share(Policy(days=1)), await site.share(), await site.share(Policy(views=1))
    locked = await site.share(Policy(views=1), pin="4711")
    await site.sharing.revoke(revoked.id)
    assert (await asked(site, used.path)).status_code == 200
    assert (await asked(site, locked.path, method="POST", data={"pin": "4711"})).status_code == 303
    site.clock.now += DAY_S
    tokens = [
        expired.token,
        revoked.token,
        used.token,
        locked.token,
        "x" * 43,
        "-",
        "%00",
        "a%2Fb",
        "é" * 9,
        "y" * 9000,
    ]
    for method in ("GET", "HEAD", "POST", "PUT"):
        answers = {repr(said(await asked(site, f"/shares/{token}/", method=method))) for token in tokens}
        assert len(answers) == 1
    for inside in ("i/1", "i/1.jpg", "t/1.jpg", "c/1.mp4", "c/1.jpg", "all.zip", "i/99.jpg", "nothing", "i/x.jpg"):
        answers = {repr(said(await asked(site, f"/shares/{token}/{inside}"))) for token in tokens}
        assert len(answers) == 1
    assert said(await asked(site, f"/shares/{expired.token}/")) == said(await asked(site, "/shares/x/i/1.jpg"))


async def test_a_picture_that_is_not_there_looks_like_a_link_that_does_not_work(site: Site) -> None:
    share = await site.share()
    gone = said(await asked(site, "/shares/x/"))
    for inside in ("i/0", "i/3", "i/0.jpg", "i/3.jpg", "c/2.mp4", "i/1.png", "../x/", "page.css"):
        assert said(await asked(site, share.path + inside)) == gone


async def test_without_its_last_slash_a_link_leads_on_whatever_it_is(site: Site) -> None:
    share = await site.share()
    for token in (share.token, "x" * 43):
        answer = await asked(site, f"/shares/{token}")
        assert (answer.status_code, answer.headers["location"]) == (308, f"{token}/")


async def test_a_pin_opens_the_door_and_every_picture(site: Site) -> None:
    share = await site.share(pin="4711")
    async with site.asks("10.3.0.1") as client:
        door = await client.get(share.path)
        assert (door.status_code, 'name="pin"' in door.text) == (200, True)
        assert "image-01" not in door.text
        assert (await client.get(f"{share.path}i/1.jpg")).status_code == 404
        wrong = await client.post(share.path, data={"pin": "0000"})
        assert (wrong.status_code, "That is not the PIN." in wrong.text) == (403, True)
        assert "set-cookie" not in wrong.headers
        right = await client.post(share.path, data={"pin": " 4711 "})
        assert (right.status_code, right.headers["location"]) == (303, share.path)
        cookie = right.headers["set-cookie"]
        assert f"Path={share.path}" in cookie
        assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Secure"))
        assert "4711" not in cookie
        assert "Image 1 of 2" in (await client.get(share.path)).text
        for inside in ("i/1.jpg", "t/2.jpg", "c/1.mp4", "c/1.jpg", "all.zip"):
            assert (await client.get(share.path + inside)).status_code == 200


async def test_guessing_a_pin_is_stopped_even_from_many_addresses(site: Site) -> None:
    share = await site.share(pin="0007")
    statuses = []
    for guess in range(20):
        answer = await asked(site, share.path, method="POST", data={"pin": f"{guess:04}"} if guess != 7 else {})
        statuses.append(answer.status_code)
    assert statuses == [403] * 5 + [429] * 15
    late = await asked(site, share.path, method="POST", data={"pin": "0007"})
    assert (late.status_code, late.headers["retry-after"]) == (429, "60")
    assert "1 minute" in late.text
    site.clock.now += 60
    assert (await asked(site, share.path, method="POST", data={"pin": "0007"})).status_code == 303


async def test_a_form_that_is_too_long_is_not_read(site: Site) -> None:
    share = await site.share(pin="4711")
    answer = await asked(site, share.path, method="POST", data={"pin": "4" * 5000})
    assert answer.status_code == 400
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert (await asked(site, share.path, method="POST", data={"pin": "4711"})).status_code == 303


async def test_a_view_is_one_opening_of_the_page_not_a_picture(site: Site) -> None:
    share = await site.share(Policy(views=2))
    async with site.asks("10.3.0.2") as first, site.asks("10.3.0.3") as second, site.asks("10.3.0.4") as third:
        assert (await first.head(share.path)).status_code == 200  # a program that looks whether the link works
        for _ in range(3):
            assert (await first.get(share.path)).status_code == 200
        for inside in ("i/1.jpg", "i/2.jpg", "c/1.mp4", "all.zip"):
            assert (await first.get(share.path + inside)).status_code == 200
        assert (await second.get(f"{share.path}i/1.jpg")).status_code == 404
        assert (await second.get(share.path)).status_code == 200
        assert (await third.get(share.path)).status_code == 404
        assert (await first.get(f"{share.path}i/1.jpg")).status_code == 200


async def test_a_pass_ends_with_the_share(site: Site) -> None:
    share = await site.share(Policy(views=2))
    async with site.asks("10.3.0.5") as client:
        assert (await client.get(share.path)).status_code == 200
        await site.sharing.revoke(share.id)
        assert (await client.get(f"{share.path}i/1.jpg")).status_code == 404


async def test_what_is_revoked_while_it_is_downloaded_still_arrives(site: Site) -> None:
    share = await site.share()
    async with site.asks("10.3.0.6") as client, client.stream("GET", f"{share.path}all.zip") as answer:
        await site.sharing.revoke(share.id)
        body = await answer.aread()
    with ZipFile(io.BytesIO(body)) as archive:
        assert len(archive.namelist()) == 3
    assert (await asked(site, f"{share.path}all.zip")).status_code == 404


async def test_a_client_that_guesses_links_has_to_pause(site: Site) -> None:
    share = await site.share()
    async with site.asks("10.4.0.1") as guesser:
        statuses = [(await guesser.get(f"/shares/{n}/")).status_code for n in range(MAX_MISSES + 3)]
        assert statuses == [404] * MAX_MISSES + [429] * 3
        paused = await guesser.get("/shares/0/")
        assert (paused.status_code, paused.headers["retry-after"]) == (429, "60")
        assert (await guesser.get(share.path)).status_code == 200  # behind one proxy, guessers and patients are one


async def test_behind_a_trusted_proxy_clients_are_told_apart_by_what_it_says(site: Site) -> None:
    async with site.asks("10.9.0.1") as proxy:
        for n in range(MAX_MISSES):
            await proxy.get(f"/shares/{n}/", headers={"x-forwarded-for": f"6.6.6.{n}, 192.0.2.1, 10.9.0.2"})
        guesser = await proxy.get("/shares/x/", headers={"x-forwarded-for": "192.0.2.1"})
        other = await proxy.get("/shares/x/", headers={"x-forwarded-for": "192.0.2.2"})
    assert (guesser.status_code, other.status_code) == (429, 404)


async def test_what_the_page_loads_is_there_and_named_by_its_content(site: Site) -> None:
    page = (await asked(site, (await site.share()).path)).text
    found = re.findall(r'(?:href|src)="(/shares/-/[^"]+)"', page)
    assert len(found) == 3
    for address in found:
        answer = await asked(site, address)
        assert (answer.status_code, answer.headers["x-content-type-options"]) == (200, "nosniff")
        assert re.search(r"\?v=[0-9a-f]{12}$", address)


async def test_under_a_public_url_paths_and_cookies_are_below_its_path(tmp_path: Path) -> None:
    async with share_site(tmp_path, objects(), public_url=PUBLIC) as site:
        share = await site.share(pin="4711")
        assert 'href="/gateway/shares/-/share.css' in (await asked(site, share.path)).text
        answer = await asked(site, share.path, method="POST", data={"pin": "4711"})
    assert answer.headers["location"] == f"/gateway{share.path}"
    assert f"Path=/gateway{share.path}" in answer.headers["set-cookie"]


async def test_when_the_destination_loses_a_picture_the_page_still_opens(tmp_path: Path) -> None:
    async with share_site(tmp_path, objects()) as site:
        share = await site.share()
        (tmp_path / "cloud" / "0.dcm").unlink()
        assert (await asked(site, share.path)).status_code == 200
        lost = await asked(site, f"{share.path}i/1.jpg")
        assert lost.status_code in (404, 502)
        assert lost.headers["referrer-policy"] == "no-referrer"
        assert (await asked(site, f"{share.path}i/2.jpg")).status_code == 200


async def test_a_clip_that_does_not_fit_is_made_in_parts_and_looks_the_same(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "PART_BYTES", 5 * 160 * 120 * 3)
    async with share_site(tmp_path, objects()) as parted:
        clip = (await asked(parted, f"{(await parted.share()).path}c/1.mp4")).content
    assert probed(clip) == "h264,Main,yuv420p,12"
    assert difference(frames_of(clip, 160, 120), site.copies[2].pixel_array) < CLIP_BOUND


async def test_a_grey_clip_without_a_window_has_one_brightness_in_all_its_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "PART_BYTES", 2 * GREY.size)
    fading = np.stack([GREY // 4 + 32 * number for number in range(6)])
    async with share_site(tmp_path, [image(fading, frames=6)]) as parted:
        clip = (await asked(parted, f"{(await parted.share()).path}c/1.mp4")).content
    levels = frames_of(clip, 64, 48).mean(axis=(1, 2, 3))
    steps = np.diff(levels[1:4])  # of those that the window of the middle frame does not cut off
    assert (steps > 0).all()
    assert len(levels) == 6
