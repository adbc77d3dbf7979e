"""Rules: rights come from those that fit, and from nothing else."""

from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.model import ANONYMOUS, EVERYONE, GATEWAY, Method, Principal, Role
from gateway.access.policy import LOGGED_IN, Policy, Rule, claim_texts

NAMES = st.sampled_from(["a", "b", "c"])
SETS = st.frozensets(NAMES, max_size=2)
PLACES = st.frozensets(st.sampled_from(["worklist:a", "worklist:b", "uplink:a", GATEWAY]), max_size=3)
ROLES = st.frozensets(st.sampled_from(list(Role)), max_size=3)
RULES = st.builds(
    Rule,
    places=PLACES,
    roles=ROLES,
    anyone=st.booleans(),
    users=st.one_of(SETS, st.just(frozenset({LOGGED_IN}))),
    groups=SETS,
    keys=SETS,
    claims=st.dictionaries(NAMES, SETS, max_size=2),
)
PRINCIPALS = st.builds(
    Principal,
    name=NAMES,
    method=st.sampled_from(list(Method)),
    user=NAMES,
    groups=SETS,
    claims=st.dictionaries(NAMES, st.one_of(NAMES, st.lists(NAMES)), max_size=2),
)


def person(user: str = "alice", *groups: str, method: Method = Method.TOKEN, **claims: Any) -> Principal:
    return Principal(user, method, user=user, groups=frozenset(groups), claims=claims)


def rule(**more: Any) -> Rule:
    return Rule(frozenset({"worklist:a"}), frozenset({Role.VIEW}), **more)


@given(st.lists(RULES, max_size=5), PRINCIPALS)
def test_every_right_is_that_of_a_rule_that_fits_and_each_of_these_counts(rules: list[Rule], who: Principal) -> None:
    found = Policy(tuple(rules)).admit(who)
    given_by = {(place, role) for one in rules if one.fits(who) for place in one.places for role in one.roles}
    assert {(place, role) for place, roles in found.rights.items() for role in roles} == given_by
    assert not found.everywhere


@given(st.lists(RULES, max_size=4), RULES, PRINCIPALS)
def test_one_more_rule_takes_nothing_away_and_order_does_not_matter(
    rules: list[Rule], more: Rule, who: Principal
) -> None:
    before, after = Policy(tuple(rules)).admit(who), Policy((more, *rules)).admit(who)
    assert after == Policy((*rules, more)).admit(who)
    assert all(before.roles(place) <= after.roles(place) for place in before.rights)


@given(RULES, PRINCIPALS)
def test_a_rule_that_asks_more_fits_no_one_else(one: Rule, who: Principal) -> None:
    narrow = Rule(one.places, one.roles, False, one.users | {"a"}, one.groups | {"a"}, one.keys, one.claims)
    wide = Rule(one.places, one.roles, False, frozenset(), narrow.groups, one.keys, one.claims)
    assert wide.fits(who) or not narrow.fits(who)


@given(PRINCIPALS)
def test_without_a_condition_a_rule_fits_nobody(who: Principal) -> None:
    assert not rule().fits(who)
    assert Policy().admit(who).rights == {}


@given(RULES)
def test_only_a_rule_for_anyone_fits_who_shows_nothing(one: Rule) -> None:
    assert one.fits(ANONYMOUS) is one.anyone


@pytest.mark.parametrize(
    ("one", "fitting", "others"),
    [
        (rule(users=frozenset({"alice"})), [person(), person(method=Method.PROXY)],
         [person("bob"), person(method=Method.KEY), person(method=Method.NONE)]),
        (rule(users=frozenset({LOGGED_IN})), [person("bob"), person(method=Method.PROXY)],
         [person(method=Method.KEY), ANONYMOUS]),
        (rule(groups=frozenset({"x", "y"})), [person("bob", "y")], [person("x"), person("bob", "X"), ANONYMOUS]),
        (rule(keys=frozenset({"ai"})), [person("ai", method=Method.KEY)],
         [person("ai"), person("ai", method=Method.PROXY), person("bob", method=Method.KEY)]),
        (rule(claims={"dept": frozenset({"x"})}), [person(dept="x"), person(dept=["y", "x"])],
         [person(), person(dept="xy"), person(dept={"x": 1}), person(dept=None), person(dept=[["x"]])]),
        (rule(users=frozenset({"alice"}), groups=frozenset({"x"})), [person("alice", "x")],
         [person("alice"), person("bob", "x")]),
        (rule(anyone=True), [ANONYMOUS, person(), person(method=Method.KEY)], []),
    ],
)  # fmt: skip
def test_a_rule_fits_whom_it_names(one: Rule, fitting: list[Principal], others: list[Principal]) -> None:
    assert [who for who in chain(fitting, others) if one.fits(who)] == fitting


@pytest.mark.parametrize(
    ("claims", "path", "expected"),
    [
        ({"a": {"b": {"c": ["x", "y"]}}}, "a.b.c", {"x", "y"}),
        ({"https://example.org/roles": ["x"]}, "https://example.org/roles", {"x"}),
        ({"a.b": "x", "a": {"b": "y"}}, "a.b", {"x"}),
        ({"verified": True}, "verified", {"true"}),
        ({"level": 3}, "level", {"3"}),
        ({"level": 3.5}, "level", set()),
        ({"a": "x"}, "a.b", set()),
        ({"a": ["x"]}, "a.0", set()),
        ({}, "a", set()),
        ({}, "", set()),
    ],
)
def test_a_claim_is_found_by_its_name_or_by_steps(claims: dict[str, Any], path: str, expected: set[str]) -> None:
    assert claim_texts(claims, path) == expected


def test_rights_of_elsewhere_are_not_kept() -> None:
    assert Policy().admit(EVERYONE).roles("worklist:a") == frozenset()


def test_rights_cannot_be_changed() -> None:
    found = Policy((rule(anyone=True),)).admit(ANONYMOUS)
    with pytest.raises(TypeError):
        found.rights["worklist:b"] = frozenset(Role)  # type: ignore[index]
