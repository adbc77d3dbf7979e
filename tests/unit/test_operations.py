"""What docs/operations.md, docs/threats.md and SECURITY.md point at and type is there."""

import re
import shlex
from pathlib import Path

import click
import pytest

from gateway.cli import _commands

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs/operations.md", ROOT / "docs/threats.md", ROOT / "SECURITY.md"]
LINKS = [(page, link) for page in PAGES for link in re.findall(r"\]\(([^)]+)\)", page.read_text())]
COMMANDS = sorted({
    command.strip()
    for page in PAGES
    for block in re.findall(r"```(?:sh|ini)\n(.*?)```", page.read_text(), re.DOTALL)
    for command in re.findall(r"(?:^|[=/ ])dicomveil ((?:[a-z]+ )[^#|>\n]*)", block, re.MULTILINE)
    if command.split()[0] in _commands.commands
})  # fmt: skip


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as they are shown on the web."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(("page", "link"), LINKS, ids=[f"{page.stem}-{link}" for page, link in LINKS])
def test_a_link_leads_somewhere(page: Path, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    assert target.exists()
    assert not anchor or anchor in anchors(target)


@pytest.mark.parametrize("typed", COMMANDS)
def test_a_command_has_the_options_that_are_typed(typed: str) -> None:
    name, *words = shlex.split(typed)
    command: click.Command = _commands.commands[name]
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_targets_of_make_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = {target for page in PAGES for target in re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(), re.MULTILINE)}
    assert {"audit", "sbom"} <= named
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in named)


def test_what_the_manifests_take_is_made_in_the_steps() -> None:
    text = PAGES[0].read_text()
    for name in (
        "generic dicomveil ",
        "generic dicomveil-metrics",
        "configmap hospital-ca",
        "generic dicomveil-database-app",
    ):
        assert name in text
