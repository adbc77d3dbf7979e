"""What patients are told."""

from datetime import UTC, datetime, timedelta, timezone

from gateway.notify.notice import Notice
from tests.kit.contacts import traces

URL = "https://images.example/shares/AAAABBBBCCCC_-zz/"
EXPIRES = datetime(2031, 5, 6, 23, 30, tzinfo=timezone(timedelta(hours=-2)))


def test_text_and_page_say_where_and_until_when() -> None:
    notice = Notice(URL, EXPIRES)
    for said in (notice.text(), notice.html()):
        assert URL in said
        assert "2031-05-07 01:30 UTC" in said


def test_a_url_cannot_end_the_attribute_that_it_stands_in() -> None:
    page = Notice('https://images.example/"><script>&', EXPIRES).html()
    assert "<script>" not in page
    assert 'href="https://images.example/&quot;&gt;&lt;script&gt;&amp;"' in page


def test_the_page_loads_nothing() -> None:
    page = Notice(URL, EXPIRES).html()
    assert not any(part in page for part in ("src=", "<link", "<style", "<script", "<img", "url("))


def test_a_message_that_is_sent_again_is_known_by_an_identity_that_does_not_tell_the_url() -> None:
    first, again = Notice(URL, EXPIRES), Notice(URL, datetime.now(UTC))
    assert first.identity == again.identity != Notice(URL + "x", EXPIRES).identity
    assert not traces(first.identity.encode(), URL, URL.split("/")[-2])


def test_the_url_is_not_printed() -> None:
    assert "AAAABBBB" not in repr(Notice(URL, EXPIRES))
