"""``dicomveil masks``: what the masks of a profile do, seen before anybody else sees it."""

from pathlib import Path

import click
from rich.console import Console

from gateway.core.conditions import Condition
from gateway.core.errors import GatewayError
from gateway.core.mask.areas import Area, Length
from gateway.core.mask.model import Verdict
from gateway.core.mask.rules import MaskRule, What
from gateway.core.profile.model import Profile
from gateway.core.standard import iods
from gateway.core.standard.dictionary import keyword_of
from gateway.previewing import Looked, drawn, look_at

__all__ = ["list_rules", "preview"]

_COLOURS = {Verdict.PASS: "green", Verdict.MASK: "cyan", Verdict.SCREEN: "yellow", Verdict.REFUSE: "red"}
_SNIPPET = "Missing rule: "


def preview(file: Path, profile: Profile, out: Path | None, number: int) -> bool:
    """Print what is decided about a file, draw it if wanted, and say whether its pixels may leave."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        looked = look_at(file, profile, number)
        _tell(console, looked)
        if out is not None:
            _draw(looked, out, console)
    except GatewayError as fault:
        raise click.ClickException(f"{file}: {fault}") from None
    except OSError as fault:
        raise click.ClickException(f"{out}: {fault.strerror}") from None
    return looked.decision.verdict is not Verdict.REFUSE


def _draw(looked: Looked, out: Path, console: Console) -> None:
    if looked.frame is None:
        said = "there is no picture in it: nothing is drawn"
    else:
        drawn(looked).save(out, "PNG")
        said = f"{out} holds the original beside what leaves: treat it like the file"
    console.print(said, style="dim", markup=False)


def _tell(console: Console, looked: Looked) -> None:
    verdict = looked.decision.verdict
    said, _, snippet = looked.told.partition(_SNIPPET)
    console.print(looked.about, style="dim", markup=False)
    console.print(f"[bold {_COLOURS[verdict]}]{verdict.value}[/]", end=": ")
    console.print(said.strip(), markup=False)
    for one in looked.decision.rectangles:
        console.print(f"  x {one.x}, y {one.y}, {one.width} x {one.height}", markup=False)
    if snippet:
        said = "The rule that is missing, for a rule set in masks/ of your profiles, which the profile has to name:"
        console.print(said, style="dim")
        console.print(f"rules:\n  - {snippet}", markup=False)


def list_rules(profile: Profile) -> None:
    """Print the policy and the rules of a profile, one a line."""
    if profile.masks is None:
        raise click.ClickException(f"profile {profile.name} has no masks: pixels pass as they are")
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{profile.name}: burned_in_text: {profile.masks.policy.value}", markup=False)
    for rule in profile.masks.rules:
        console.print(f"{rule.name}: {', '.join(map(_written, rule.when))}: {_done(rule)}", markup=False)


def _written(condition: Condition) -> str:
    name = keyword_of(condition.tag) or f"({condition.tag:08X})"
    negation = "not " if condition.negated else ""
    values = (iods.keyword_of(value) or value for value in condition.values)
    return f"{name} {negation}{condition.operator.value} {' or '.join(values)}"


def _done(rule: MaskRule) -> str:
    if rule.what in (What.CLEAN, What.KEEP_REGIONS):
        return str(rule.what.value)
    return f"{rule.what.value} {' '.join(map(_area, rule.areas))}"


def _area(area: Area) -> str:
    sides = (("x", area.x), ("y", area.y), ("width", area.width), ("height", area.height))
    return "{" + ", ".join(f"{name}: {_length(side)}" for name, side in sides if side is not None) + "}"


def _length(length: Length) -> str:
    return f"{float(length.value):g}" + "%" * length.is_percent
