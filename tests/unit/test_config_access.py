"""Settings of ``access``: what they become, and their faults and warnings."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from gateway.access.model import GATEWAY, Method, Principal, Role
from gateway.access.proxy import Proxy
from gateway.access.tokens import ALGORITHMS
from gateway.config import Settings, load_settings
from gateway.config.access import open_door
from gateway.core.errors import ConfigFaults
from tests.kit.certificates import certificate

START = """\
secret: {env: SECRET}
origins: {local: {folder: ./studies}, cloud: {dicomweb: "https://store.hospital.test/dicom-web"}}
worklists:
  research: {origin: local, profile: nominal}
  reading: {origin: local, identified: true}
uplinks: {clinic: {origin: local, destination: cloud}}
"""  # six lines
HASH, OTHER = "sha256:" + "0a" * 32, "sha256:" + "0b" * 32
EVERYWHERE = "0.0.0.0"  # noqa: S104 nothing listens there
ISSUER = "{issuer: 'https://id.hospital.test/realms/hospital', audience: dicomveil}"
KEY = f"{{ai: {{hash: '{HASH}'}}}}"
ALL = "{users: '*', worklists: '*', uplinks: '*', roles: [view, uplink, identified]}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "studies").mkdir()
    return tmp_path


def load(folder: Path, text: str, start: str = START) -> Settings:
    (folder / "settings.yaml").write_text(start + text)
    return load_settings(folder / "settings.yaml", {"SECRET": "s" * 32})


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigFaults) as found:
        load(folder, text)
    return [str(fault).removeprefix(f"{folder}/settings.yaml:") for fault in found.value.faults]


def warnings(folder: Path, text: str) -> list[str]:
    return [warning.removeprefix(f"{folder}/settings.yaml:") for warning in load(folder, text).warnings]


def access(*allow: str, oidc: str = ISSUER, keys: str = KEY, more: str = "") -> str:
    """Write the section: ``access`` is line 7, ``oidc`` 8, ``keys`` 9, ``allow`` 10, rules from 11."""
    lines = [f"  oidc: [{oidc}]", f"  keys: {keys}", "  allow:", *(f"    - {rule}" for rule in allow)]
    return "access:\n" + "\n".join(lines) + "\n" + more


def test_everything_that_can_be_said_is_understood(folder: Path) -> None:
    certificate(folder)
    settings = load(
        folder,
        """
trusted_proxies: [10.0.0.7]
access:
  oidc:
    - issuer: https://id.hospital.test/realms/hospital
      audience: [dicomveil, viewer]
      algorithms: [RS256]
      leeway_s: 5
      name_claim: preferred_username
      groups_claim: realm_access.roles
      ca: ./loopback.pem
    - {issuer: "http://127.0.0.1:8090", audience: x}
  keys:
    ai: {hash: "sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a", expires: 2030-01-31}
  proxy: {user: X-User, groups: X-Groups}
  allow:
    - {claims: {iss: x, dept: [a, b]}, users: [alice], groups: [g], worklists: [research], roles: [view, download]}
    - {keys: [ai], worklists: "*", uplinks: "*", roles: [view, uplink]}
    - {keys: [ai], roles: [metrics]}
    - {anyone: true, worklists: [research], roles: [view]}
""",
    )
    found = settings.access
    assert found is not None
    first, second = found.issuers
    assert (first.rules.audiences, first.rules.algorithms) == (("dicomveil", "viewer"), frozenset({"RS256"}))
    assert (first.rules.leeway_s, first.rules.name_claim) == (5, "preferred_username")
    assert (first.rules.groups_claim, first.ca) == ("realm_access.roles", folder / "loopback.pem")
    assert second.rules.algorithms == {"RS256", "PS256", "ES256", "EdDSA"}
    assert (second.rules.leeway_s, second.rules.name_claim, second.rules.groups_claim) == (30, "sub", "groups")
    (key,) = found.keys
    assert (key.name, key.digest, key.expires) == ("ai", b"\x0a" * 32, 1896048000.0)
    assert found.proxy == Proxy("X-User", "X-Groups", (ip_network("10.0.0.7"),))
    program = found.policy.admit(Principal("ai", Method.KEY, user="ai"))
    both = frozenset({Role.VIEW, Role.UPLINK})
    assert program.rights == {
        "worklist:research": both, "worklist:reading": both, "uplink:clinic": both, GATEWAY: {Role.METRICS},
    }  # fmt: skip
    alice = Principal("x", Method.TOKEN, user="alice", groups=frozenset({"g"}), claims={"iss": "x", "dept": "b"})
    assert found.policy.admit(alice).roles("worklist:research") == {Role.VIEW, Role.DOWNLOAD}


def test_without_access_everybody_may_do_everything_on_this_machine_only(folder: Path) -> None:
    settings = load(folder, "")
    assert settings.access is None
    for host in ("127.0.0.1", "::1", "localhost", "127.9.9.9"):
        assert open_door(settings, host) is None
    for host in (EVERYWHERE, "::", "10.0.0.1", "gateway.hospital.test", ""):
        assert "without_authentication: true" in str(open_door(settings, host))


@pytest.mark.parametrize("text", ["access: {without_authentication: true}\n", access(ALL)])
def test_elsewhere_it_has_to_be_said(folder: Path, text: str) -> None:
    assert open_door(load(folder, text), EVERYWHERE) is None


FAULTY: dict[str, tuple[str, list[str]]] = {
    "nothing is allowed": ("access: {}\n", ["7: access: allow is missing: nobody may do anything"]),
    "nothing is allowed, said": (
        "access: {without_authentication: false}\n", ["7: access: allow is missing: nobody may do anything"]),
    "all and some": (
        access(ALL, more="  without_authentication: true\n"),
        ["8: access.oidc: everybody may do everything, says without_authentication; leave out one of the two",
         "9: access.keys: everybody may do everything, says without_authentication; leave out one of the two",
         "10: access.allow: everybody may do everything, says without_authentication; leave out one of the two"]),
    "http": (
        access(ALL, oidc="{issuer: 'http://id.hospital.test', audience: x}"),
        ["8: access.oidc[0].issuer: should be an https URL: over http anybody on the way could make keys"]),
    "password": (
        access(ALL, oidc="{issuer: 'https://u:p@id.hospital.test', audience: x}"),
        ["8: access.oidc[0].issuer: cannot hold a user name or password"]),
    "twice": (access(ALL, oidc=f"{ISSUER}, {ISSUER}"), ["8: access.oidc[1].issuer: given twice"]),
    "no audience": (
        access(ALL, oidc="{issuer: 'https://id.hospital.test'}"), ["8: access.oidc[0].audience: missing"]),
    "empty audience": (
        access(ALL, oidc="{issuer: 'https://id.hospital.test', audience: []}"),
        ["8: access.oidc[0].audience: names nobody"]),
    "weak algorithm": (
        access(ALL, oidc="{issuer: 'https://id.hospital.test', audience: x, algorithms: [HS256]}"),
        [f"8: access.oidc[0].algorithms[0]: should be {', '.join(ALGORITHMS[:-1])} or EdDSA"]),
    "no algorithm": (
        access(ALL, oidc="{issuer: 'https://id.hospital.test', audience: x, algorithms: []}"),
        ["8: access.oidc[0].algorithms: allows none"]),
    "no authority": (
        access(ALL, oidc="{issuer: 'https://id.hospital.test', audience: x, ca: ./none.pem}"),
        ["8: access.oidc[0].ca: ./none.pem cannot be read: No such file or directory"]),
    "broken authority": (
        access(ALL, oidc="{issuer: 'https://id.hospital.test', audience: x, ca: ./settings.yaml}"),
        ["8: access.oidc[0].ca: ./settings.yaml holds no certificate (PEM)"]),
    "key itself": (
        access(ALL, keys="{ai: {hash: dv_abc}}"),
        ["9: access.keys.ai.hash: should be sha256: and 64 digits a-f, 0-9, as dicomveil key prints it"]),
    "key twice": (
        access(ALL, keys=f"{{ai: {{hash: '{HASH}'}}, b: {{hash: '{HASH}'}}}}"),
        ["9: access.keys.b.hash: is that of ai"]),
    "key's name": (
        access(ALL, keys=f"{{A I: {{hash: '{HASH}'}}}}"), ["9: access.keys.A I: a name holds a-z, 0-9 and - only"]),
    "key's end": (
        access(ALL, keys=f"{{ai: {{hash: '{HASH}', expires: '1896048000'}}}}"),
        ["9: access.keys.ai.expires: should be a date, such as 2030-01-31"]),
    "proxy without trust": (
        access(ALL, more="  proxy: {user: X-User}\n"),
        ["12: access.proxy: needs trusted_proxies: whom to believe"]),
    "trust in all": (
        access(ALL, more="  proxy: {user: X-User}\ntrusted_proxies: [10.0.0.1, 0.0.0.0/0]\n"),
        ["13: trusted_proxies[1]: with access.proxy, not every address there is"]),
    "headers of others": (
        access(ALL, more="  proxy: {user: Authorization, groups: 'X: Y'}\ntrusted_proxies: [10.0.0.1]\n"),
        ["12: access.proxy.user: not the name of a header that proxies name users in",
         "12: access.proxy.groups: not the name of a header that proxies name users in"]),
    "one header for two": (
        access(ALL, more="  proxy: {user: X-User, groups: x-user}\ntrusted_proxies: [10.0.0.1]\n"),
        ["12: access.proxy.groups: is the header of the user"]),
    "nobody": (
        access("{worklists: [research], roles: [view]}"),
        ["11: access.allow[0]: fits nobody; give users, groups, claims, keys, or anyone: true"]),
    "nobody, said": (
        access("{anyone: false, worklists: [research], roles: [view]}"),
        ["11: access.allow[0]: fits nobody; give users, groups, claims, keys, or anyone: true"]),
    "empty list": (
        access("{groups: [], worklists: [research], roles: [view]}"),
        ["11: access.allow[0].groups: is empty and fits nobody"]),
    "anyone and some": (
        access("{anyone: true, groups: [a], worklists: [research], roles: [view]}"),
        ["11: access.allow[0].groups: beside anyone, which needs no more conditions"]),
    "keys and people": (
        access("{keys: [ai], users: [alice], worklists: [research], roles: [view]}"),
        ["11: access.allow[0].users: beside keys, which are nobody's who logs in; make two rules"]),
    "unknown places": (
        access("{users: [a], worklists: [research, reserch], uplinks: [klinic], roles: [view, uplink]}"),
        ['11: access.allow[0].worklists[1]: no worklist named "reserch" (did you mean "research"?)',
         '11: access.allow[0].uplinks[0]: no uplink named "klinic" (did you mean "clinic"?)']),
    "no place": (
        access("{users: [a], worklists: [], roles: [view]}"), ["11: access.allow[0].worklists: there is none"]),
    "no role": (
        access("{users: [a], worklists: [research], roles: []}"), ["11: access.allow[0].roles: allows nothing"]),
    "roles missing": (access("{users: [a], worklists: [research]}"), ["11: access.allow[0].roles: missing"]),
    "unknown role": (
        access("{users: [a], worklists: [research], roles: [read]}"),
        [f"11: access.allow[0].roles[0]: should be {', '.join(list(Role)[:-1])} or metrics"]),
    "role of another place": (
        access("{users: [a], worklists: [research], roles: [view, uplink]}", "{users: [a], roles: [view]}"),
        ["11: access.allow[0].roles[1]: nothing asks for it at worklists",
         "12: access.allow[1].roles[0]: nothing asks for it at the gateway itself; name worklists or uplinks"]),
    "identified to anyone": (
        access("{anyone: true, worklists: '*', roles: [view, identified]}"),
        ["11: access.allow[0].anyone: anyone could read identified data of reading"]),
    "unknown keys": (
        access("{user: [a], worklists: [research], roles: [view]}"),
        ["11: access.allow[0]: fits nobody; give users, groups, claims, keys, or anyone: true",
         '11: access.allow[0].user: unknown key (did you mean "users"?)']),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTY)
def test_a_fault_is_told_with_its_line(folder: Path, case: str) -> None:
    text, expected = FAULTY[case]
    assert sorted(faults(folder, text)) == sorted(expected)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("groups: [a]", ["9: access.allow[0].groups: fits nobody without oidc or proxy"]),
        ("claims: {a: b}", ["9: access.allow[0].claims: fits nobody without oidc"]),
        ("keys: [ai]", []),
        ("anyone: true", []),
    ],
)  # fmt: skip
def test_a_rule_needs_someone_who_vouches(folder: Path, rule: str, expected: list[str]) -> None:
    text = f"access:\n  keys: {KEY}\n  allow: [{{{rule}, worklists: [research], roles: [view]}}]\n"
    if expected:
        assert faults(folder, text) == expected
    else:
        load(folder, text)


def test_a_proxy_vouches_for_users_and_not_for_claims(folder: Path) -> None:
    text = "trusted_proxies: [10.0.0.1]\naccess:\n  proxy: {user: X-User}\n  allow:\n"
    load(folder, text + "    - {users: [a], worklists: [research], roles: [view]}\n")
    rule = "    - {claims: {a: b}, worklists: [research], roles: [view]}\n"
    assert faults(folder, text + rule) == ["11: access.allow[0].claims: fits nobody without oidc"]


QUIET: dict[str, tuple[str, list[str]]] = {
    "all is well": (access(ALL, "{keys: [ai], roles: [metrics]}"), []),
    "expired": (
        access(ALL, "{keys: [ai], roles: [metrics]}", keys=f"{{ai: {{hash: '{HASH}', expires: 2020-01-31}}}}"),
        ["9: access.keys.ai.expires: the key has expired"]),
    "unused": (access(ALL), ["9: access.keys.ai: no rule names it"]),
    "a key that is gone": (
        access(ALL, "{keys: [ai], roles: [metrics]}", "{keys: [a-i], worklists: [research], roles: [view]}"),
        ['13: access.allow[2].keys[0]: no key named "a-i" (did you mean "ai"?)']),
    "closed": (
        access("{keys: [ai], worklists: [research], roles: [view]}"),
        ["5: worklists.reading: no rule of access allows anything here",
         "6: uplinks.clinic: no rule of access allows anything here"]),
    "two issuers": (
        access(ALL.replace("'*',", "[a], claims: {iss: x},", 1), ALL, "{keys: [ai], roles: [metrics]}",
               oidc=ISSUER + ", {issuer: 'https://id.elsewhere.test', audience: x}"),
        ["12: access.allow[1]: whoever vouches for them; claims: {iss: ISSUER} says which issuer is meant"]),
    "many proxies": (
        access(ALL, "{keys: [ai], roles: [metrics]}",
               more="  proxy: {user: X-User}\ntrusted_proxies: [10.0.0.0/24, 10.0.0.0/23]\n").replace(
                   f"  oidc: [{ISSUER}]", "  # no issuer"),
        ["14: trusted_proxies[1]: who calls from any of these addresses is believed to be whoever they say"]),
}  # fmt: skip


@pytest.mark.parametrize("case", QUIET)
def test_what_may_not_be_meant_is_a_warning(folder: Path, case: str) -> None:
    text, expected = QUIET[case]
    assert warnings(folder, text) == expected


def test_no_fault_tells_a_hash_or_a_url(folder: Path) -> None:
    text = access(
        ALL,
        oidc="{issuer: 'http://secret.hospital.test/s3cret', audience: x}",
        keys=f"{{ai: {{hash: '{HASH}s3cret'}}, b: {{hash: '{OTHER}'}}}}",
    )
    said = "\n".join(faults(folder, text))
    assert "s3cret" not in said
    assert "0b0b" not in said
