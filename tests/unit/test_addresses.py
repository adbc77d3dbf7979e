"""Addresses of clients."""

from ipaddress import ip_network

import pytest

from gateway.addresses import hop_of, network_of, trusts


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not:an:address", "not:an:address"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_a_client_is_an_address_or_a_customers_network(address: str, client: str) -> None:
    assert network_of(address) == client


@pytest.mark.parametrize(
    ("hop", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1:51234 ", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:443", "192.0.2.1"),
        ("fe80::1%a-name", "fe80::1"),
        ("1.2.840.113619.2.99", None),
        ("192.0.2.1:port", None),
        ("192.0.2.1%a-name", None),
        ("[192.0.2.1", None),
        ("unknown", None),
        ("_hidden", None),
        ("", None),
    ],
)
def test_a_hop_is_an_address_and_nothing_else(hop: str, expected: str | None) -> None:
    assert hop_of(hop) == expected


NETWORKS = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"), ip_network("::ffff:198.51.100.0/120"))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("fd00::7", True),
        ("::ffff:198.51.100.9", True),
        ("198.51.100.9", False),
        ("::ffff:192.0.2.1", False),
        ("192.0.2.1", False),
        ("::1", False),
        ("testclient", False),
        ("", False),
    ],
)
def test_an_address_is_trusted_in_any_form(address: str, expected: bool) -> None:
    assert trusts(NETWORKS, address) is expected
    assert not trusts((), address)
