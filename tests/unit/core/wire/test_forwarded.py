"""Forwarded headers as proxies write them, and as clients make them up."""

import pytest

from gateway.core.wire.forwarded import MAX_CHARACTERS, parse_forwarded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("host=a.example", ({"host": "a.example"},)),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", ({"for": "192.0.2.60", "proto": "http", "by": "203.0.113.43"},)),
        ('For="[2001:db8:cafe::17]:4711"', ({"for": "[2001:db8:cafe::17]:4711"},)),
        ('host="a.example:8443" ; proto=https', ({"host": "a.example:8443", "proto": "https"},)),
        ("host=a.example:8443", ({"host": "a.example:8443"},)),  # not RFC 7239, and yet written
        ("for=_hidden, for=192.0.2.1;host=b", ({"for": "_hidden"}, {"for": "192.0.2.1", "host": "b"})),
        (' ,for=a,, for="b,;c" ;', ({"for": "a"}, {"for": "b,;c"})),
        ('host="a\\"b\\\\c"', ({"host": 'a"b\\c'},)),
    ],
)
def test_what_each_proxy_says_is_read(text: str, expected: tuple[dict[str, str], ...]) -> None:
    assert parse_forwarded(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "host", "=a", "host=", 'host="a', "host=a b", "host=a;;proto=b c", "ho st=a", 'host=a"b"', "host=a;host=b",
        "host=a;HOST=a", "for=a, host", "host=a\x00", 'host="a\nb"', "x" * (MAX_CHARACTERS + 1),
    ],
)  # fmt: skip
def test_of_one_that_is_malformed_nothing_counts(text: str) -> None:
    assert parse_forwarded(text) == ()
