"""What rules can allow, what doors ask for, and what the docs say are the same."""

import re
from itertools import chain
from pathlib import Path

from gateway import app
from gateway.access.model import GATEWAY, Role
from gateway.config import load_settings
from gateway.config.access import ROLES_AT
from gateway.routes.doors import Doors
from gateway.routes.guard import Door

DOCS = Path(__file__).parents[3] / "docs" / "access.md"
SETTINGS = """\
secret: {env: SECRET}
origins: {a: {folder: a, writable: true}, b: {folder: b, writable: true}}
worklists:
  w: {origin: a, profile: nominal, services: [search, retrieve, store]}
  x: {origin: a, identified: true, services: [search, retrieve, store]}
uplinks: {u: {origin: a, destination: b, share: {}}}
"""


def test_every_role_that_rules_can_give_is_asked_for_there_and_no_other(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    routes = app.build(load_settings(tmp_path / "settings.yaml", {"SECRET": "s" * 32})).router.routes
    asked: dict[str, set[Role]] = {kind: set() for kind in ROLES_AT}
    for route in chain.from_iterable(one._routes.values() if isinstance(one, Doors) else [one] for one in routes):
        assert isinstance(route, Door), route
        for guard in route.guards.values():
            kind = GATEWAY if guard.place == GATEWAY else guard.place.partition(":")[0] + "s"
            asked[kind] |= guard.roles | guard.besides
    assert asked == ROLES_AT


def test_the_docs_say_where_each_role_counts() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
    said = {kind: {Role(role) for role, places in rows.items() if kind in places} for kind in ROLES_AT}
    assert said == ROLES_AT
