"""Writes lines of a connector file: scalars, mappings, comments, points, and nothing that `check` refuses."""

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from ems_telemetry.connectors.guessing.quantities import Guess, NoGuess
from ems_telemetry.model import Kind, Medium

Texts: TypeAlias = Mapping[str, str]

_COMMENT_CHARACTERS = 160
_VARIABLE = re.compile(r"\$\{[A-Za-z_]")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_/-]*")
_MEANT_OTHERWISE = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_ELECTRIC = (
    *("active_energy_import", "active_energy_export", "reactive_energy_import", "reactive_energy_export", "apparent_energy"),
    *("active_power", "reactive_power", "apparent_power", "power_demand", "power_factor", "voltage", "current", "frequency"),
)
_MEDIUM_OF: Mapping[str, Medium] = {
    **dict.fromkeys(_ELECTRIC, Medium.ELECTRICITY),
    **dict.fromkeys(("heat_energy", "cooling_energy", "heat_power"), Medium.HEAT),
    **dict.fromkeys(("gas_energy", "gas_volume", "gas_flow"), Medium.GAS),
    **dict.fromkeys(("compressed_air_volume", "compressed_air_flow"), Medium.COMPRESSED_AIR),
    **dict.fromkeys(("water_volume", "water_flow"), Medium.WATER),
    **dict.fromkeys(("effluent_volume", "effluent_flow"), Medium.EFFLUENT),
    **dict.fromkeys(("steam_mass", "steam_flow", "steam_energy"), Medium.STEAM),
    **dict.fromkeys(("fuel_volume", "fuel_mass"), Medium.FUEL),
    **dict.fromkeys(("stack_gas_volume", "stack_gas_flow", "nox_concentration", "so2_concentration"), Medium.STACK_GAS),
}


def scalar(text: str) -> str:
    """Writes a printable text as YAML, in quotes where it might be taken for something else."""
    if _PLAIN.fullmatch(text) and text.casefold() not in _MEANT_OTHERWISE:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def mapping(keys: Texts) -> str:
    """Writes a mapping on one line."""
    return "{" + ", ".join(f"{key}: {scalar(text)}" for key, text in keys.items()) + "}"


def one_line(text: str) -> str:
    """Makes a text fit for a comment."""
    line = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(line.split())
    return line if len(line) <= _COMMENT_CHARACTERS else f"{line[: _COMMENT_CHARACTERS - 1]}…"


def number(value: float) -> str:
    """Writes a number without needless digits."""
    return f"{value:.12g}"


def has_variable(text: str) -> bool:
    """Tells whether a part of a text would be taken from the environment."""
    return _VARIABLE.search(text) is not None


def can_be_written(text: str) -> bool:
    """Tells whether a text can stand in a file as it is: it can be printed, and stands for no variable of the environment."""
    return text.isprintable() and not has_variable(text)


def medium_of(guesses: Iterable[Guess | NoGuess]) -> Medium | None:
    """What flows through a meter, where its points leave no doubt about it."""
    media = {
        _MEDIUM_OF[guess.quantity]
        for guess in guesses
        if isinstance(guess, Guess) and guess.quantity in _MEDIUM_OF and guess.check is None
    }
    return media.pop() if len(media) == 1 else None


def site_line(site: str | None) -> str:
    """Writes the site, or asks for it."""
    return "site: SITE    # check: the site's id, as in plant.yaml" if site is None else f"site: {scalar(site)}"


def point_line(keys: Texts, guess: Guess | NoGuess, further: str = "") -> str:
    """Writes a point: ready, with its question if it has one, or as a comment to be completed, with its reason.

    Args:
        keys: its id, and where it is found.
        guess: what it may measure.
        further: more keys, written already, as `, range: [0, 10]`.
    """
    if isinstance(guess, NoGuess):
        open_keys = {**keys, "quantity": "QUANTITY", "unit": guess.unit or "UNIT"}
        return f"      # - {mapping(open_keys)}    # {one_line(guess.reason)}"
    known = mapping({**keys, "quantity": guess.quantity, "unit": guess.unit})[:-1]
    kind = "" if guess.kind is Kind.GAUGE else f", kind: {guess.kind}"
    question = "" if guess.check is None else f"    # check: {one_line(guess.check)}"
    return f"      - {known}{kind}{further}}}{question}"
