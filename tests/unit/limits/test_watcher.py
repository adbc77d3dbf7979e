"""Requests that are refused before anything is asked of an origin, and those that never are."""

from contextlib import nullcontext
from dataclasses import replace

import pytest

from gateway.access.model import ANONYMOUS, Method, Principal
from gateway.calls import Call
from gateway.config import DEFAULT_LIMITS, Limits
from gateway.core.errors import Overloaded, TooManyRequests
from gateway.limits import Clients, Limiter, Load

ALICE, BOB = (Principal(name, Method.TOKEN) for name in ("alice", "bob"))
ROOMY = Load(memory_mb=1 << 20)


def limiter(
    limits: Limits = DEFAULT_LIMITS, clients: Clients | None = None, load: Load = ROOMY, **more: int
) -> Limiter:
    return Limiter(replace(limits, **more), clients, load)


def begin(one: Limiter, who: Principal = ANONYMOUS, address: str = "192.0.2.1", now: float = 0) -> Call:
    call = Call("id", address, "GET", now)
    try:
        one.opened(call, {})
        call.principal = who
        one.known(call)
        call.is_let_in = True
    except (Overloaded, TooManyRequests):
        one.ended(call)
        raise
    return call


def test_an_address_is_a_client() -> None:
    one = limiter(requests_at_once=1)
    first = begin(one)
    with pytest.raises(TooManyRequests):
        begin(one)
    begin(one, address="192.0.2.2")
    one.ended(first)
    begin(one)


def test_a_customers_ipv6_network_is_one_client() -> None:
    one = limiter(requests_at_once=1)
    begin(one, address="2001:db8::1")
    with pytest.raises(TooManyRequests):
        begin(one, address="2001:db8::2")
    begin(one, address="2001:db8:0:1::1")


def test_who_is_logged_in_is_a_client_wherever_they_are() -> None:
    one = limiter(requests_at_once=1)
    begin(one, ALICE)
    with pytest.raises(TooManyRequests):
        begin(one, ALICE, address="192.0.2.2")
    begin(one, BOB)
    begin(one)


def test_many_behind_one_address_are_counted_apart() -> None:
    one = limiter(requests_per_minute=10)
    for _ in range(10):
        one.ended(begin(one, ALICE))
        one.ended(begin(one, BOB))
    for who in (ALICE, BOB):
        with pytest.raises(TooManyRequests):
            begin(one, who)
    one.ended(begin(one))


def test_credentials_that_do_not_hold_are_their_addresss() -> None:
    one = limiter(requests_per_minute=3)
    for _ in range(3):
        call = Call("id", "192.0.2.1", "GET", 0)
        one.opened(call, {})
        one.ended(call)  # nobody became known
    with pytest.raises(TooManyRequests):
        begin(one)


def test_a_process_has_so_many_requests_at_once_of_all_clients() -> None:
    clients = Clients()  # what a reload of settings leaves as it is
    before, after = (limiter(clients=clients, all_requests_at_once=2) for _ in range(2))
    calls = [begin(before, address="192.0.2.1"), begin(after, address="192.0.2.2")]
    for one in (before, after):
        with pytest.raises(Overloaded):
            begin(one, address="192.0.2.3")
    before.ended(calls[0])
    begin(after, address="192.0.2.3")


def test_probes_are_never_refused() -> None:
    one = limiter(requests_per_minute=1, all_requests_at_once=1, load=Load(memory_mb=1))
    begin(one)
    for _ in range(5):
        probe = Call("id", "192.0.2.1", "GET", 0, is_probe=True, is_public=True)
        one.opened(probe, {})
        one.known(probe)
        one.ended(probe)


def test_metrics_come_however_much_is_under_way_and_are_not_counted_for_who_may_see_them() -> None:
    clients = Clients()
    one = limiter(clients=clients, requests_per_minute=2, all_requests_at_once=1, load=Load(memory_mb=1))
    busy = begin(one, address="192.0.2.2")
    for _ in range(5):
        metrics = Call("id", "192.0.2.1", "GET", 0, is_probe=True)
        one.opened(metrics, {})
        metrics.principal = ALICE
        one.known(metrics)
        one.entered(metrics)
        assert list(clients.running) == [id(busy)]
        one.ended(metrics)


@pytest.mark.parametrize("who", [ANONYMOUS, ALICE])
def test_metrics_are_counted_for_who_may_not_see_them(who: Principal) -> None:
    one = limiter(requests_per_minute=2)
    for left in (2, 1, 0):
        metrics = Call("id", "192.0.2.1", "GET", 0, is_probe=True)
        with nullcontext() if left else pytest.raises(TooManyRequests):
            one.opened(metrics, {})
            metrics.principal = who
            one.known(metrics)  # and no guard lets them in
        one.ended(metrics)


def test_a_process_without_memory_takes_one_request_at_a_time() -> None:
    one = limiter(load=Load(memory_mb=1))
    first = begin(one, address="192.0.2.1")
    with pytest.raises(Overloaded, match="memory nearly used up"):
        begin(one, address="192.0.2.2")
    one.ended(first)
    begin(one, address="192.0.2.2")


def miss(one: Limiter, who: Principal, *released: str, fault: str = "NotReleased", place: str = "worklist:a") -> None:
    call = begin(one, who)
    call.released, call.place, call.fault = released, place, fault
    one.ended(call)


def test_who_guesses_studies_has_to_pause_and_nobody_else() -> None:
    one = limiter(misses_per_minute=3)
    for guess in range(4):
        miss(one, ALICE, f"2.25.{guess}")
    with pytest.raises(TooManyRequests) as found:
        begin(one, ALICE)
    assert found.value.retry_after_s == 60
    begin(one, BOB)
    begin(one)
    begin(one, ALICE, now=60)


def test_guesses_in_a_query_or_of_a_worklist_count_too() -> None:
    one = limiter(misses_per_minute=3)
    for guess in range(4):
        call = begin(one, ALICE)
        call.id, call.fault = f"call {guess}", "NotReleased"
        one.ended(call)
    with pytest.raises(TooManyRequests):
        begin(one, ALICE)


def test_where_nothing_is_theirs_there_is_no_guess_to_count() -> None:
    one = limiter(misses_per_minute=3)
    for guess in range(10):
        call = begin(one, ALICE)
        call.id, call.fault, call.is_let_in = f"call {guess}", "NotReleased", False
        one.ended(call)
    begin(one, ALICE)


def test_an_open_viewer_whose_study_is_gone_is_no_guesser() -> None:
    one = limiter(misses_per_minute=3)
    for image in range(50):
        miss(one, ALICE, "2.25.1", "2.25.2", f"2.25.{image}")
        miss(one, ALICE, f"2.25.{image}", fault="RefusedByProfile")
        miss(one, ALICE, f"2.25.{image}", fault="")
    begin(one, ALICE)


def test_what_was_refused_is_not_counted_as_under_way() -> None:
    clients = Clients()
    one = limiter(clients=clients, requests_at_once=1)
    first = begin(one, ALICE)
    for _ in range(5):
        with pytest.raises(TooManyRequests):
            begin(one, ALICE)
    one.ended(first)
    assert clients.running == {}
    assert clients.find((Method.TOKEN, "alice"), DEFAULT_LIMITS, 0).running == 0
