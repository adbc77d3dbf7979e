"""``dicomveil profiles`` and ``explain``: which profiles there are, and what they do."""

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from gateway.adapters.profile_files import ProfileFiles, shipped_profiles
from gateway.core.errors import ConfigFaults
from gateway.core.marked_yaml import nearest
from gateway.core.profile.explain import explain_attribute, explain_profile, parse_attribute, warnings
from gateway.core.profile.model import Profile, Selector
from gateway.core.profile.selectors import format_selector
from gateway.core.standard.iods import sop_class_of
from gateway.core.standard.uids import valid_uid

__all__ = ["explain", "find_profile", "list_profiles", "print_warnings"]


def list_profiles(folder: Path | None) -> None:
    """Print all profiles; exits with their faults."""
    files = _profile_files(folder)
    found = [(name, files.get(name)) for name in files.names]
    for name, profile in found:
        if profile is not None:
            _print_profile(name, profile)
    print_warnings([profile for _, profile in found if profile is not None])
    _exit_on_faults(files)


def explain(profile: str, attribute: str | None, sop_class: str | None, folder: Path | None) -> None:
    """Print what a profile does to an attribute, or to all."""
    found = find_profile(profile, folder)
    uid = _sop_class(sop_class) if sop_class else None
    if attribute is not None:
        click.echo(explain_attribute(found, _selector(attribute), uid))
        return
    _print_profile(found.name, found)
    click.echo(explain_profile(found, uid))


def find_profile(name: str, folder: Path | None) -> Profile:
    """Find a profile by name, or read the YAML file it names; exits with its faults."""
    path = Path(name)
    if path.suffix == ".yaml" and path.is_file():
        name, folder = path.stem, path.parent
    files = _profile_files(folder)
    profile = files.get(name)
    _exit_on_faults(files)
    if profile is None:
        where = f" --profiles {folder} lists them" if folder else " lists them; --profiles FOLDER adds your own"
        raise click.ClickException(f'no profile named "{name}"{nearest(name, files.names)}; dicomveil profiles{where}')
    return profile


def print_warnings(profiles: list[Profile], others: Iterable[str] = ()) -> None:
    """Print what profiles keep that they might not, and what else is odd."""
    for warning in dict.fromkeys([*others, *(warning for profile in profiles for warning in warnings(profile))]):
        click.echo(f"warning: {warning}", err=True)


def _print_profile(name: str, profile: Profile) -> None:
    click.echo(click.style(name, bold=True) + ("" if profile.enabled else " (not enabled)"))
    if profile.comment:
        click.echo(click.wrap_text(profile.comment.strip(), initial_indent="  ", subsequent_indent="  "))
    options = ", ".join(sorted(option.value for option in profile.options)) or "none"
    click.echo(f"  options: {options}")
    if profile.rules:
        details = sorted({format_selector(rule.selector) for rule in profile.rules})
        click.echo(click.wrap_text(f"details: {', '.join(details)}", initial_indent="  ", subsequent_indent="    "))
    also = [("sop_classes: images", profile.images_only), ("final_check: true", profile.final_check)]
    if any(on for _, on in also):
        click.echo(f"  also: {', '.join(what for what, on in also if on)}")


def _profile_files(folder: Path | None) -> ProfileFiles:
    return ProfileFiles([*([folder] if folder else []), shipped_profiles()])


def _selector(attribute: str) -> Selector:
    try:
        return parse_attribute(attribute)
    except ValueError as error:
        raise click.ClickException(f'"{attribute}": {error}') from None


def _sop_class(name: str) -> str:
    uid = sop_class_of(name) or (name if valid_uid(name) else None)
    if uid is None:
        raise click.ClickException(f'"{name}" is neither a UID nor the keyword of a storage SOP Class')
    return uid


def _exit_on_faults(files: ProfileFiles) -> None:
    if files.faults:
        click.echo(str(ConfigFaults(files.faults)), err=True)
        sys.exit(1)
