"""`profiles`: the meters that are known by their model, those shipped and those of the plant."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ems_telemetry.cli.found import Found, quantities_of
from ems_telemetry.cli.output import (
    EXIT_CONFIGURATION,
    ConfigOption,
    JsonOption,
    complain,
    print_json,
    print_table,
    say,
)
from ems_telemetry.cli.profiles_shown import profile_as_json, show_profile
from ems_telemetry.config.load import DEFAULT_PATH, load_settings
from ems_telemetry.connectors.modbus.library import KnownProfile, Library
from ems_telemetry.connectors.modbus.profile import Profile
from ems_telemetry.errors import ConfigurationError, Problem
from ems_telemetry.model import Medium

COLUMNS = ("name", "title", "medium", "points", "proved", "sources")

profiles = typer.Typer(help="The meters known by their model: whose registers need not be typed in.", no_args_is_help=True)

MediumOption = Annotated[Medium | None, typer.Option("--medium", help="Only those of this medium.")]


def add_to(app: typer.Typer) -> None:
    """Adds the group of verbs."""
    app.add_typer(profiles, name="profiles")


@profiles.command("list")
def list_(
    words: Annotated[list[str] | None, typer.Argument(metavar="[FILTER]...", help="Words of the name or title.")] = None,
    medium: MediumOption = None,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """List the meters that are known; those of the plant's own `profiles` folder too."""
    read = [(known, _read(known)) for known in _library(config).all()]
    found = [(known, profile) for known, profile in read if profile is not None and _wanted(known, profile, words, medium)]
    if as_json:
        print_json({"profiles": [profile_as_json(known, profile) for known, profile in found]})
    else:
        print_table(COLUMNS, [_row(known, profile) for known, profile in found])
        say(f"{len(found)} profile(s); `ems-telemetry profiles show NAME` tells more")
    if any(profile is None for _, profile in read):
        raise typer.Exit(EXIT_CONFIGURATION)


@profiles.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in the list: eastron/sdm630.")],
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Show what a profile knows of its meter, and the lines that use it in a connector file."""
    try:
        known = _library(config).find(name)
    except ValueError as error:
        raise ConfigurationError([Problem(None, None, str(error))]) from error
    if as_json:
        print_json(profile_as_json(known, known.read()))
    else:
        show_profile(known, known.read())


def _library(config: Path) -> Library:
    """Gives the profiles of a plant, or the shipped ones alone where there is no plant."""
    if not config.exists():
        return Library()
    settings = load_settings(config)
    return Library(config.parent / Path(settings.connectors).parent, quantities_of(Found(config, settings)))


def _read(known: KnownProfile) -> Profile | None:
    """Reads a profile; one with mistakes is told of, and does not hide the others."""
    try:
        return known.read()
    except ConfigurationError as error:
        for problem in error.problems:
            complain(str(problem))
        return None


def _wanted(known: KnownProfile, profile: Profile, words: Sequence[str] | None, medium: Medium | None) -> bool:
    text = f"{known.name} {profile.title}".lower()
    return medium in (None, profile.medium) and all(word.lower() in text for word in words or ())


def _row(known: KnownProfile, profile: Profile) -> tuple[object, ...]:
    ids = {point.id for point in profile.points}
    return (known.name, profile.title, profile.medium, len(ids), profile.proved.value, len(profile.sources))
