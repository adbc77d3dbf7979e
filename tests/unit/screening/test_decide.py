import numpy as np

from gateway.core.clean.subject import Subject
from gateway.core.mask.model import PixelDecision, Rectangle, Verdict
from gateway.screening.decide import MAX_TEXTS, decided
from gateway.screening.identifying import Identifying
from gateway.screening.text import Text
from tests.kit.screened import image_of, question

OWN = Identifying(Subject(names=frozenset({"BEISPIEL^ERIKA"})))
IMAGE = image_of(np.zeros((480, 640), np.uint8), 1)
BANNER = Rectangle(0, 0, 40, 640)


def answered(*texts: Text, asked: PixelDecision | None = None) -> PixelDecision:
    return decided(asked or question(), IMAGE, texts, OWN)


def covers(answer: PixelDecision, place: Rectangle) -> bool:
    hidden = np.zeros((IMAGE.rows, IMAGE.columns), np.bool_)
    for each in answer.rectangles:
        hidden[each.y : each.y + each.height, each.x : each.x + each.width] = True
    return bool(hidden[place.y : place.y + place.height, place.x : place.x + place.width].all())


def test_without_text_an_object_passes_and_is_clean() -> None:
    answer = answered()
    assert (answer.verdict, answer.rectangles, answer.is_clean) == (Verdict.PASS, (), True)


def test_every_text_is_masked_with_a_margin_whatever_it_says() -> None:
    answer = answered(Text(Rectangle(100, 50, 20, 200), "LIVER", 1.0))
    assert answer.verdict is Verdict.MASK
    assert answer.is_clean
    assert covers(answer, Rectangle(96, 40, 28, 220))
    assert not covers(answer, Rectangle(90, 40, 40, 220))


def test_a_margin_ends_with_the_frame() -> None:
    answer = answered(Text(Rectangle(470, 630, 10, 10)), Text(Rectangle(0, 0, 10, 10)))
    assert all(each.y + each.height <= 480 and each.x + each.width <= 640 for each in answer.rectangles)
    assert covers(answer, Rectangle(470, 630, 10, 10))
    assert covers(answer, Rectangle(0, 0, 10, 10))


def test_what_rules_mask_is_masked_also_when_no_text_was_found() -> None:
    answer = answered(asked=question(BANNER))
    assert answer == PixelDecision(Verdict.MASK, (BANNER,), ("a rule", "text detection"), is_clean=True)


def test_beside_the_areas_of_a_rule_harmless_text_stays() -> None:
    harmless = Rectangle(200, 200, 20, 60)
    answer = answered(Text(harmless, "5 cm", 0.99), asked=question(BANNER))
    assert answer.rectangles == (BANNER,)


def test_beside_the_areas_of_a_rule_text_goes_that_identifies_or_was_not_read() -> None:
    named, unread, unsure = (Rectangle(y, 200, 20, 60) for y in (200, 300, 400))
    texts = (Text(named, "BE1SPIEL", 0.99), Text(unread), Text(unsure, "5 cm", 0.6))
    answer = answered(*texts, asked=question(BANNER))
    assert all(covers(answer, place) for place in (BANNER, named, unread, unsure))


def test_boxes_that_touch_become_one() -> None:
    answer = answered(Text(Rectangle(100, 50, 20, 200)), Text(Rectangle(102, 48, 21, 199)))
    assert len(answer.rectangles) == 1


def test_more_texts_than_can_be_masked_are_refused() -> None:
    texts = [Text(Rectangle(number // 30 * 9, number % 30 * 9, 2, 2)) for number in range(MAX_TEXTS + 1)]
    answer = answered(*texts)
    assert answer.verdict is Verdict.REFUSE
    assert not answer.is_clean


def test_more_readings_than_can_be_judged_are_refused_before_they_are() -> None:
    class Unasked(Identifying):
        def is_in(self, read: str) -> bool:
            raise AssertionError(read)

    texts = [Text(Rectangle(0, 0, 2, 2), f"{number} cm", 0.99) for number in range(MAX_TEXTS + 1)]
    answer = decided(question(BANNER), IMAGE, texts, Unasked(Subject()))
    assert answer.verdict is Verdict.REFUSE
