"""What one client may do: as often as time brings, so many at once, and not without end for what is not there."""

from dataclasses import replace

import pytest

from gateway.config import DEFAULT_LIMITS, Limits
from gateway.core.errors import TooManyRequests
from gateway.limits import Client, Clients
from gateway.limits.clients import MAX_CLIENTS

LIMITS = replace(DEFAULT_LIMITS, requests_per_minute=6, requests_at_once=3, misses_per_minute=2)


def ask(client: Client, now: float, times: int = 1, limits: Limits = LIMITS) -> None:
    """Ask and be answered."""
    for _ in range(times):
        client.begin(limits, now)
        client.end()


def refused(client: Client, now: float) -> int:
    """Give for how long a client is told to wait."""
    with pytest.raises(TooManyRequests) as found:
        client.begin(LIMITS, now)
    return found.value.retry_after_s


def test_a_minutes_requests_may_come_at_once_and_then_as_time_brings_them() -> None:
    client = Client(LIMITS, 0)
    ask(client, 0, times=6)
    assert refused(client, 0) == 10
    assert refused(client, 4) == 6
    ask(client, 10)
    assert refused(client, 10) == 10
    ask(client, 1000, times=6)  # no more than a minute's worth is saved up
    assert refused(client, 1000) == 10


def test_only_so_many_are_under_way() -> None:
    client = Client(LIMITS, 0)
    for _ in range(3):
        client.begin(LIMITS, 0)
    assert refused(client, 0) == 1
    client.end()
    client.begin(LIMITS, 0)
    assert client.running == 3


def test_a_request_that_is_anothers_costs_nothing() -> None:
    client = Client(LIMITS, 0)
    for _ in range(20):
        client.begin(LIMITS, 0)
        client.pass_on()
    assert client.running == 0
    ask(client, 0, times=6)


def test_who_asks_for_too_much_that_is_not_there_pauses() -> None:
    client = Client(LIMITS, 0)
    for what in "ab":
        client.miss(what, LIMITS, 0)
    ask(client, 0)
    client.miss("c", LIMITS, 5)
    assert refused(client, 5) == 60
    assert refused(client, 64.5) == 1
    ask(client, 65)


def test_the_same_thing_counts_once_and_only_in_its_minute() -> None:
    client = Client(LIMITS, 0)
    for what in "aaaaabbbb":
        client.miss(what, LIMITS, 30)
    for what in "cdcdcd":
        client.miss(what, LIMITS, 61)
    ask(client, 61)


def test_clients_are_few_however_many_there_are() -> None:
    clients = Clients()
    first = clients.find(0, LIMITS, 0)
    assert clients.find(0, LIMITS, 0) is first
    for key in range(1, MAX_CLIENTS + 1):
        clients.find(key, LIMITS, 0)
    assert clients.find(0, LIMITS, 0) is not first
    assert len(clients._known) == MAX_CLIENTS
