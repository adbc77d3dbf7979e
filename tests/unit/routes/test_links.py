"""Under which address clients find the gateway, and who may say so."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from gateway.routes.links import Links
from tests.kit.archive import Archive, Row
from tests.kit.inprocess import in_process, over

PATH = "/worklists/research/dicom-web"
PUBLIC = "https://images.hospital.example/share"
FORWARDED = {"x-forwarded-proto": "https", "x-forwarded-host": "images.hospital.example"}


def base(links: Links, server: tuple[str, int | None] | None = ("10.0.0.5", 8042), **more: Any) -> str:
    """Ask for the base of a request with these headers, from this client."""
    headers = [(name.encode(), value.encode("latin-1")) for name, value in more.get("headers", {}).items()]
    scope = {
        "type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "root_path": "",
        "scheme": more.get("scheme", "http"), "headers": headers, "server": server,
        "client": more.get("client", ("10.1.2.3", 5000)),
    }  # fmt: skip
    return links._base(Request(scope))


@pytest.mark.parametrize("public_url", [PUBLIC, PUBLIC + "/"])
def test_the_public_url_wins_over_all_that_a_request_says(public_url: str) -> None:
    links = Links(public_url, (ip_network("10.0.0.0/8"),))
    assert base(links, headers={"host": "evil.example", **FORWARDED}) == PUBLIC


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("gateway.example", "http://gateway.example"),
        ("gateway.example:8042", "http://gateway.example:8042"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("127.0.0.1", "http://127.0.0.1:8042"),
        ("localhost", "http://localhost:8042"),
        ("[::1]", "http://[::1]:8042"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("127.1.2.3", "http://127.1.2.3:8042"),
        ("10.0.0.5", "http://10.0.0.5"),
    ],
)
def test_without_one_the_host_header_decides_and_gets_its_port_back_on_loopback(host: str, expected: str) -> None:
    assert base(Links(None), headers={"host": host}) == expected


@pytest.mark.parametrize("port", [80, 443])
def test_a_default_port_is_not_added(port: int) -> None:
    assert base(Links(None), ("127.0.0.1", port), headers={"host": "localhost"}) == "http://localhost"


@pytest.mark.parametrize(
    "host",
    ["", "evil.example/path", "a b", "user@evil.example", "evil.example:port", "a\tb", "é.example", "[::1", "a,b",
    "a?b", "a#b"],
)  # fmt: skip
def test_a_host_that_is_none_is_not_repeated(host: str) -> None:
    assert base(Links(None), headers={"host": host}) == "http://10.0.0.5:8042"


@pytest.mark.parametrize(
    ("server", "expected"),
    [(("::1", 8042), "http://[::1]:8042"), (("/run/gateway.sock", None), "http://localhost")],
)
def test_the_servers_own_address_makes_a_url_too(server: tuple[str, int | None], expected: str) -> None:
    assert base(Links(None), server) == expected


def test_a_scope_without_a_server_still_gives_no_foreign_address() -> None:
    assert base(Links(None), None, headers={"host": "a b"}).startswith("http://localhost")


@pytest.mark.parametrize("client", [("10.1.2.3", 5000), ("10.255.255.255", 1), ("::ffff:10.1.2.3", 1)])
def test_forwarded_headers_of_a_trusted_proxy_count(client: tuple[str, int]) -> None:
    links = Links(None, (ip_network("10.0.0.0/8"),))
    assert base(links, headers={"host": "inside:8042", **FORWARDED}, client=client) == "https://images.hospital.example"


def test_of_several_forwarded_values_the_first_counts() -> None:
    headers = {"x-forwarded-proto": "https, http", "x-forwarded-host": "outer.example, inner.example"}
    assert base(Links(None, (ip_network("10.0.0.0/8"),)), headers=headers) == "https://outer.example"


@pytest.mark.parametrize("client", [("192.168.1.1", 1), ("::1", 1), ("testclient", 1), None])
def test_forwarded_headers_of_anyone_else_do_not(client: tuple[str, int] | None) -> None:
    links = Links(None, (ip_network("10.0.0.0/8"),))
    assert base(links, headers={"host": "inside:8042", **FORWARDED}, client=client) == "http://inside:8042"


def test_nobody_is_trusted_by_default() -> None:
    assert base(Links(None), headers={"host": "inside:8042", **FORWARDED}) == "http://inside:8042"


@pytest.mark.parametrize("proto", ["javascript", "ftp", "", "https://x"])
def test_a_forwarded_scheme_that_is_not_http_is_not_repeated(proto: str) -> None:
    headers = {"host": "inside:8042", "x-forwarded-proto": proto}
    assert base(Links(None, (ip_network("10.0.0.0/8"),)), headers=headers) == "http://10.0.0.5:8042"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("host=images.hospital.example;proto=https", "https://images.hospital.example"),
        ('for=192.0.2.1;HOST="images.hospital.example:8443";Proto=HTTPS', "https://images.hospital.example:8443"),
        ("proto=https", "https://inside:8042"),
        ("host=images.hospital.example", "http://images.hospital.example"),
        ("for=192.0.2.1;host=a;proto=https, for=10.0.0.7;host=b;proto=http", "https://a"),
        ("for=192.0.2.1;host=a;proto=https, for=10.0.0.7", "https://a"),
        ("for=192.0.2.1;proto=https, for=10.0.0.7;host=b", "https://b"),
        ("for=6.6.6.6;host=evil, for=192.0.2.1;host=b;proto=https", "https://b"),
        ("host=evil, for=_hidden;host=b", "http://b"),
        ("host=evil, host=b", "http://b"),
        ("host=evil;proto=ftp", "http://10.0.0.5:8042"),
        ('host="evil/path"', "http://10.0.0.5:8042"),
        ("host=evil;proto", "http://inside:8042"),
        ("", "http://inside:8042"),
    ],
)
def test_of_the_standards_header_the_outermost_counts_that_a_trusted_proxy_wrote(forwarded: str, expected: str) -> None:
    headers = {"host": "inside:8042", "forwarded": forwarded}
    assert base(Links(None, (ip_network("10.0.0.0/8"),)), headers=headers) == expected
    assert base(Links(None, (ip_network("10.0.0.0/8"),)), headers=headers, client=("192.0.2.9", 1)) == (
        "http://inside:8042"
    )
    assert base(Links(None), headers=headers) == "http://inside:8042"


@pytest.mark.parametrize(
    ("header", "value", "expected"),
    [
        ("x-forwarded-host", "images.hospital.example", "http://images.hospital.example"),
        ("x-forwarded-proto", "https", "https://inside:8042"),
        ("x-forwarded-for", "192.0.2.1", "http://inside:8042"),
    ],
)
def test_a_proxy_that_speaks_by_the_other_headers_passes_the_standards_on_unread(
    header: str, value: str, expected: str
) -> None:
    headers = {"host": "inside:8042", "forwarded": "host=evil.example;proto=https", header: value}
    assert base(Links(None, (ip_network("10.0.0.0/8"),)), headers=headers) == expected


async def links_of(tmp_path: Path, more: dict[str, object], **headers: str) -> set[str]:
    """Give the bases of all links in a search result and in metadata."""
    row = Row("1.2.3", "1.2.3.4", "1.2.3.4.5")
    archive = Archive([row])
    async with over(archive, tmp_path, None, **more) as gateway:
        found = (await gateway["research"].get("/series", **headers)).json
        url = found[0]["00081190"]["Value"][0]
        return {url[: url.index("/studies/")]}


async def test_retrieve_urls_carry_the_public_url(tmp_path: Path) -> None:
    assert await links_of(tmp_path, {"public_url": PUBLIC}, host="evil.example") == {PUBLIC + PATH}


async def test_retrieve_urls_carry_what_a_trusted_proxy_says(tmp_path: Path) -> None:
    more: dict[str, object] = {"trusted_proxies": ["10.1.2.3"]}
    found = await links_of(tmp_path, more, x_forwarded_proto="https", x_forwarded_host="images.hospital.example")
    assert found == {"https://images.hospital.example" + PATH}


async def test_retrieve_urls_follow_the_path_of_the_worklist(tmp_path: Path, samples: dict[str, object]) -> None:
    worklists: dict[str, dict[str, object]] = {"research": {"path": "/share/dicom"}}
    async with in_process(tmp_path, {"samples": samples}, worklists) as gateway:
        (first, *_) = (await gateway.ask("/share/dicom/studies")).json
    assert first["00081190"]["Value"][0].startswith("http://gateway.example:8042/share/dicom/studies/2.25.")


def client(links: Links, own: str, forwarded: str | None = None) -> str:
    """Ask for the client of a request that comes from an address."""
    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
    return links.client(Request({"type": "http", "headers": headers, "client": (own, 1)}))


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("6.6.6.6, 192.0.2.1", "192.0.2.1"),
        ("6.6.6.6, 192.0.2.1, 10.0.0.7", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("192.0.2.1:51234, [fd00::7]:443", "192.0.2.1"),
        ("[2001:db8::1]:51234", "2001:db8::1"),
        ("::ffff:192.0.2.1, ::ffff:10.0.0.7", "192.0.2.1"),
        ("10.0.0.7", "10.0.0.7"),
        ("", "10.0.0.5"),
        (None, "10.0.0.5"),
    ],
)
def test_the_client_behind_trusted_proxies_is_the_last_that_is_none(forwarded: str | None, expected: str) -> None:
    trusted = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert client(Links(None, trusted), "10.0.0.5", forwarded) == expected


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("1.2.840.113619.2.99", "10.0.0.5"),
        ("192.0.2.1, unknown", "10.0.0.5"),
        ("192.0.2.1, _hidden, 10.0.0.7", "10.0.0.7"),
        ("192.0.2.1%A-NAME", "10.0.0.5"),
    ],
)
def test_a_hop_that_is_no_address_and_those_before_it_are_not_believed(forwarded: str, expected: str) -> None:
    assert client(Links(None, (ip_network("10.0.0.0/8"),)), "10.0.0.5", forwarded) == expected


def test_a_client_cannot_give_itself_another_address() -> None:
    assert client(Links(None, (ip_network("10.0.0.0/8"),)), "192.0.2.9", "192.0.2.1") == "192.0.2.9"
    assert client(Links(None), "10.0.0.5", "192.0.2.1") == "10.0.0.5"
