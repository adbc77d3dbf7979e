"""The parameters of a rendering: what is understood, and that what is not is refused by its name."""

import pytest

from gateway.core.errors import BadRequest
from gateway.rendering.look import (
    MAX_SIDE,
    Look,
    Profile,
    Region,
    Shape,
    Window,
    frame_number,
    rendered_look,
    thumbnail_look,
    uri_look,
)


def given(text: str) -> dict[str, list[str]]:
    """Split parameters, undecoded."""
    found: dict[str, list[str]] = {}
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        found.setdefault(name, []).append(value)
    return found


def test_without_parameters_the_object_decides() -> None:
    assert rendered_look({}) == Look()
    assert uri_look({}) == Look()


@pytest.mark.parametrize(
    ("text", "look"),
    [
        ("window=40,400,linear", Look(window=Window(40, 400))),
        ("window=-600.5,1.5e3,linear-exact", Look(window=Window(-600.5, 1500, Shape.LINEAR_EXACT))),
        ("window=0,0.5,sigmoid", Look(window=Window(0, 0.5, Shape.SIGMOID))),
        ("quality=1", Look(quality=1)),
        ("viewport=200,100", Look(200, 100)),
        ("viewport=200,100,,,,", Look(200, 100, Region(0, 0, None, None))),
        ("viewport=9,8,1,2,30,40", Look(9, 8, Region(1, 2, 30, 40))),
        ("viewport=9,8,1,2,-30,40", Look(9, 8, Region(1, 2, 30, 40, flip_x=True))),
        ("viewport=9,8,1,2,30,-40", Look(9, 8, Region(1, 2, 30, 40, flip_y=True))),
        ("iccprofile=no", Look()),
        ("iccprofile=yes", Look(profile=Profile.YES)),
        ("iccprofile=srgb", Look(profile=Profile.SRGB)),
        ("annotation=patient,technique&charset=utf-8&unknown=1", Look()),
    ],
)
def test_parameters_of_rendered_resources(text: str, look: Look) -> None:
    assert rendered_look(given(text)) == look


@pytest.mark.parametrize(
    "text",
    [
        "window=40,400", "window=40,400,cubic", "window=a,400,linear", "window=40,0,linear", "window=40,0.5,linear",
        "window=40,0,sigmoid", "window=nan,1,linear", "window=1e999,2,linear", "window=inf,2,linear", "window=",
        "window=1,2,linear&window=1,2,linear", "quality=0", "quality=101", "quality=-5", "quality=9.5", "quality=",
        "quality=٣", "viewport=0,9", "viewport=9", "viewport=9,9,1,1", "viewport=9,9,-1,0,3,3", "viewport=9,9,0,0,0,3",
        f"viewport={MAX_SIDE + 1},9", "viewport=9,9,0,0,65535,65535", "viewport=9,9,0,0,x,3", "viewport=1 0,9",
        "iccprofile=", "iccprofile=adobergb", "iccprofile=SRGB", "annotation=name", "annotation=",
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_by_the_name_of_its_parameter(text: str) -> None:
    with pytest.raises(BadRequest, match=f"^{text.partition('=')[0]}"):
        rendered_look(given(text))


def test_a_thumbnail_has_a_viewport_only() -> None:
    assert thumbnail_look({}, 128) == Look(128, 128)
    assert thumbnail_look(given("viewport=30,20&window=1,2,linear"), 128) == Look(30, 20)
    with pytest.raises(BadRequest, match="viewport"):
        thumbnail_look(given("viewport=30,20,1,1,1,1"), 128)


@pytest.mark.parametrize(
    ("text", "look"),
    [
        ("rows=10&columns=20", Look(20, 10)),
        ("rows=10", Look(0, 10)),
        ("columns=20", Look(20, 0)),
        ("region=0.25,0.5,0.75,1.0", Look(region=Region(0.25, 0.5, 0.5, 0.5, fractional=True))),
        ("windowCenter=-40.5&windowWidth=80", Look(window=Window(-40.5, 80))),
        ("imageQuality=7", Look(quality=7)),
        ("annotation=patient&imageAnnotation=technique", Look()),
    ],
)
def test_parameters_of_the_uri_service(text: str, look: Look) -> None:
    assert uri_look(given(text)) == look


@pytest.mark.parametrize(
    "text",
    [
        "rows=0", "columns=x", "rows=1&rows=2", "region=0,0,1", "region=0,0,0,1", "region=0.5,0,0.2,1",
        "region=0,0,1.1,1", "region=a,0,1,1", "windowCenter=1", "windowWidth=1", "windowWidth=0&windowCenter=1",
        "imageQuality=101", "imageAnnotation=all",
    ],
)  # fmt: skip
def test_a_bad_value_of_the_uri_service_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadRequest, match=text.partition("=")[0]):
        uri_look(given(text))


def test_a_frame_number_counts_from_one() -> None:
    assert frame_number({}) is None
    assert frame_number(given("frameNumber=3")) == 3
    for bad in ("0", "-1", "x", "", "1,2", "1.0"):
        with pytest.raises(BadRequest, match="frameNumber"):
            frame_number(given(f"frameNumber={bad}"))
