"""Clients that ask for links which lead nowhere."""

import pytest

from gateway.sharing.misses import MAX_CLIENTS, MAX_MISSES, MAX_SEEN, Misses


def missed(addresses: list[str]) -> Misses:
    misses = Misses()
    for number, address in enumerate(addresses):
        misses.count(address, number.to_bytes(4))
    return misses


def test_some_misses_are_fine_and_one_more_is_not() -> None:
    assert not missed(["10.0.0.1"] * (MAX_MISSES - 1)).is_out("10.0.0.1")
    out = missed(["10.0.0.1"] * MAX_MISSES)
    assert out.is_out("10.0.0.1")
    assert not out.is_out("10.0.0.2")


def test_a_network_of_ipv6_counts_as_one() -> None:
    out = missed([f"2001:db8:0:1::{n:x}" for n in range(MAX_MISSES)])
    assert out.is_out("2001:db8:0:1:ffff::1")
    assert not out.is_out("2001:db8:0:2::1")


def test_an_ipv4_address_in_the_form_of_ipv6_counts_by_itself() -> None:
    out = missed(["::ffff:10.0.0.1"] * MAX_MISSES)
    assert out.is_out("::ffff:10.0.0.1")
    assert not out.is_out("::ffff:10.0.0.2")


@pytest.mark.parametrize("address", ["", "testclient", "unix:"])
def test_what_is_no_address_counts_as_it_is(address: str) -> None:
    assert missed([address] * MAX_MISSES).is_out(address)


def test_however_many_clients_there_are_memory_is_bounded() -> None:
    misses = missed([f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(MAX_CLIENTS + 500)])
    assert len(misses._counts) == MAX_CLIENTS


def test_the_same_link_again_is_no_other_link() -> None:
    misses = Misses()
    for _ in range(10 * MAX_MISSES):
        misses.count("10.0.0.1", b"an old page")
    assert not misses.is_out("10.0.0.1")


def test_however_many_links_there_are_memory_is_bounded() -> None:
    misses = missed(["10.0.0.1"] * (MAX_SEEN + 500))
    assert len(misses._seen) == MAX_SEEN
