"""Makes a connector file from what a walk found: meters from objects, points from variables, and a reason for what is left out.

The same nodes give the same text, byte for byte. No secret is ever written, and no line that `check` would refuse.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ems_telemetry.connectors.guessing.ids import distinct_ids, meter_id, point_id
from ems_telemetry.connectors.guessing.quantities import Guess, NoGuess
from ems_telemetry.connectors.opcua.address_space import FoundNode, Selection, ValueKind, VariableFacts, write_path
from ems_telemetry.connectors.opcua.guess import guess_point
from ems_telemetry.connectors.opcua.nodes import parse_node
from ems_telemetry.model import Kind, Medium

MOST_LEFT_OUT = 500
"""So many nodes left out are listed, so that the file of a large server can still be read."""
_VARIABLE = re.compile(r"\$\{[A-Za-z_]")
_COMMENT_CHARACTERS = 160

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

Texts: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above the meters."""

    endpoint: str
    site: str | None
    """None: a person must fill it in."""
    meter: str
    """The id for variables that lie in no object of their own."""
    security: Texts = field(default_factory=dict)
    user: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """A connector file not yet written."""

    text: str
    points: int
    questions: int
    """Points that a person should look at."""
    left_out: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A variable with what became of it."""

    variable: FoundNode
    facts: VariableFacts
    names: tuple[str, ...]
    """From its meter's object, its own last."""
    guess: Guess | NoGuess


@dataclass(frozen=True, slots=True)
class _Owner:
    """An object and the variables that become points of its meter."""

    node: FoundNode
    entries: list[_Entry] = field(default_factory=list)


def draft(top: FoundNode, selection: Selection, heading: Heading, taken: Collection[str] = ()) -> Draft:
    """Drafts a connector file.

    Args:
        top: what was found, with values where types do not tell what they are.
        selection: which nodes are wanted.
        heading: what is known of the connection.
        taken: ids of meters in other files, which must not be used again.
    """
    owners = [owner for owner in _owners(top, selection) if owner.entries]
    ids = distinct_ids([owner.node.names or (heading.meter,) for owner in owners], taken)
    entries = [entry for owner in owners for entry in owner.entries]
    guesses = [entry.guess for entry in entries if isinstance(entry.guess, Guess)]
    written = [line for owner, id_ in zip(owners, ids, strict=True) for line in _meter_lines(owner, id_)]
    lines = [*_heading_lines(heading), *_meters(written), *_useless_lines(entries)]
    questions = sum(guess.check is not None for guess in guesses)
    return Draft("\n".join(lines) + "\n", len(guesses), questions, len(entries) - len(guesses))


def _owners(top: FoundNode, selection: Selection) -> Iterator[_Owner]:
    """Finds each object's own variables; those below a variable belong to the object above both."""

    def visit(node: FoundNode, owner: _Owner, inside: tuple[str, ...]) -> Iterator[_Owner]:
        for child in node.children:
            if child.facts is None:
                below = _Owner(child)
                yield below
                yield from visit(child, below, ())
                continue
            names = (*inside, child.name)
            if selection.wants(child):
                owner.entries.append(_entry(child, child.facts, names))
            yield from visit(child, owner, names)

    first = _Owner(top)
    if top.facts is not None and selection.wants(top):
        first.entries.append(_entry(top, top.facts, (top.name,)))
    below = list(visit(top, first, ()))
    yield first
    yield from below


def _entry(variable: FoundNode, facts: VariableFacts, names: tuple[str, ...]) -> _Entry:
    guess = guess_point(variable.names, facts, (variable.display_name, variable.description))
    reason = _unwritable(variable.node)
    return _Entry(variable, facts, names, guess if reason is None else NoGuess(reason))


def _unwritable(node: str) -> str | None:
    try:
        parse_node(node)
    except ValueError:
        return "its node id cannot be written down"
    if not node.isprintable():
        return "its node id holds characters that cannot be printed"
    return "its node id holds ${…}, which stands for the environment here" if _VARIABLE.search(node) else None


def _heading_lines(heading: Heading) -> Iterator[str]:
    yield "# Made by `ems-telemetry opcua browse --write`. Quantity, kind and unit follow from the server's names and units;"
    yield '# look at each line that asks something behind "check:".'
    yield "type: opcua"
    yield f"endpoint: {scalar(heading.endpoint)}"
    if heading.security:
        yield f"security: {_mapping(heading.security)}"
    if heading.user:
        yield f"user: {_mapping(heading.user)}"
    yield "site: SITE    # check: the site's id, as in plant.yaml" if heading.site is None else f"site: {scalar(heading.site)}"


def _meters(lines: Sequence[str]) -> Iterator[str]:
    yield "meters:" if any(line.startswith("  - ") for line in lines) else "meters: []"
    yield from lines


def _meter_lines(owner: _Owner, id_: str) -> Iterator[str]:
    kept = [entry for entry in owner.entries if isinstance(entry.guess, Guess)]
    asked = [entry for entry in owner.entries if isinstance(entry.guess, NoGuess) and _could_be_a_point(entry)]
    if not kept and not asked:
        return
    remark = "" if kept else "# "
    yield f"  # {_one_line(write_path(owner.node.names))}{_described(owner.node)}"
    yield f"  {remark}- id: {scalar(id_)}"
    name = _meter_name(owner.node.names, id_)
    if name not in {"", id_} and name.isprintable() and not _VARIABLE.search(name):
        yield f"  {remark}  name: {scalar(name)}"
    medium = _medium(kept)
    if medium is not None:
        yield f"    medium: {medium}"
    yield f"  {remark}  points:"
    ids = distinct_ids([entry.names for entry in (*kept, *asked)], spell=point_id)
    for entry, name in zip((*kept, *asked), ids, strict=True):
        yield from _point_lines(entry, name)


def _meter_name(names: Sequence[str], id_: str) -> str:
    """Gives the names that a meter's id was made from, as the server writes them."""
    lengths = (length for length in range(1, len(names) + 1) if meter_id(names[-length:]) == id_)
    return " / ".join(names[-next(lengths, 1) :])


def _point_lines(entry: _Entry, id_: str) -> Iterator[str]:
    about = [text for text in (_described(entry.variable).removeprefix(": "), _range_words(entry.facts)) if text]
    if about:
        yield f"      # {_one_line('; '.join(about))}"
    keys = {"id": id_, "node": entry.variable.node}
    if isinstance(entry.guess, NoGuess):
        keys |= {"quantity": "QUANTITY", "unit": entry.guess.unit or "UNIT"}
        yield f"      # - {_mapping(keys)}    # {_one_line(entry.guess.reason)}"
        return
    keys |= {"quantity": entry.guess.quantity, "unit": entry.guess.unit}
    written = _mapping(keys)[:-1] + _further_keys(entry.guess, entry.facts) + "}"
    question = "" if entry.guess.check is None else f"    # check: {_one_line(entry.guess.check)}"
    yield f"      - {written}{question}"


def _further_keys(guess: Guess, facts: VariableFacts) -> str:
    text = "" if guess.kind is Kind.GAUGE else f", kind: {guess.kind}"
    instrument = facts.instrument_range
    if guess.kind is Kind.GAUGE and instrument is not None and _is_sane(instrument, facts):
        text += f", range: [{_number(instrument[0])}, {_number(instrument[1])}]"
    if guess.kind is Kind.STATE and facts.states and not any(_VARIABLE.search(name) for name in facts.states):
        states = ", ".join(f"{scalar(name)}: {number}" for name, number in facts.states.items() if name.isprintable())
        text += f", states: {{{states}}}"
    return text


def _is_sane(limits: tuple[float, float], facts: VariableFacts) -> bool:
    low, high = limits
    value = None if facts.answer is None else facts.answer.value
    now = value if isinstance(value, int | float) else None
    return -1e15 < low < high < 1e15 and (now is None or low <= now <= high)  # noqa: PLR2004 - beyond it is how servers say "none"


def _range_words(facts: VariableFacts) -> str:
    if facts.normal_range is None or facts.normal_range[0] >= facts.normal_range[1]:
        return ""
    low, high = facts.normal_range
    return f"normally {_number(low)} to {_number(high)}"


def _useless_lines(entries: Sequence[_Entry]) -> Iterator[str]:
    useless = [entry for entry in entries if isinstance(entry.guess, NoGuess) and not _could_be_a_point(entry)]
    if not useless:
        return
    yield "# Left out:"
    for entry in useless[:MOST_LEFT_OUT]:
        reason = entry.guess.reason if isinstance(entry.guess, NoGuess) else ""
        yield f"#   {_one_line(write_path(entry.variable.names))} ({_one_line(entry.facts.type_name)}): {_one_line(reason)}"
    if len(useless) > MOST_LEFT_OUT:
        yield f"#   and {len(useless) - MOST_LEFT_OUT} more"


def _could_be_a_point(entry: _Entry) -> bool:
    numeric = entry.facts.kind in {ValueKind.NUMBER, ValueKind.BOOLEAN, ValueKind.ENUMERATION}
    return numeric and entry.facts.is_scalar and entry.facts.is_readable and _unwritable(entry.variable.node) is None


def _medium(entries: Sequence[_Entry]) -> Medium | None:
    """What flows through a meter, where its points leave no doubt about it."""
    media = {
        _MEDIUM_OF[entry.guess.quantity]
        for entry in entries
        if isinstance(entry.guess, Guess) and entry.guess.quantity in _MEDIUM_OF and entry.guess.check is None
    }
    return media.pop() if len(media) == 1 else None


def _described(node: FoundNode) -> str:
    text = node.description or node.display_name
    return f": {_one_line(text)}" if text != node.name and text else ""


def _one_line(text: str) -> str:
    line = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(line.split())
    return line if len(line) <= _COMMENT_CHARACTERS else f"{line[: _COMMENT_CHARACTERS - 1]}…"


def _mapping(keys: Texts) -> str:
    return "{" + ", ".join(f"{key}: {scalar(text)}" for key, text in keys.items()) + "}"


def _number(value: float) -> str:
    return f"{value:.12g}"


_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_/-]*")
_MEANT_OTHERWISE = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def scalar(text: str) -> str:
    """Writes a printable text as YAML, in quotes where it might be taken for something else."""
    if _PLAIN.fullmatch(text) and text.casefold() not in _MEANT_OTHERWISE:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
