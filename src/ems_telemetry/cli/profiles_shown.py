"""A profile on the screen and as JSON, and the lines of a connector file that use it."""

from collections.abc import Iterator, Mapping
from textwrap import indent

from ems_telemetry.cli.output import as_objects, print_table, say
from ems_telemetry.connectors.modbus.library import KnownProfile
from ems_telemetry.connectors.modbus.profile import Identity, Parameter, Profile, ProfilePoint
from ems_telemetry.connectors.modbus.registers import WIDE_REGISTERS, Table, wire_address
from ems_telemetry.model import Medium

COLUMNS = ("point", "register", "address", "type", "order", "scale", "unit", "quantity", "kind", "when")
_LETTERS: Mapping[Medium | None, str] = {
    Medium.ELECTRICITY: "EM",
    Medium.HEAT: "HM",
    Medium.WATER: "WM",
    Medium.GAS: "GM",
    Medium.STEAM: "SM",
    Medium.COMPRESSED_AIR: "AM",
    Medium.STACK_GAS: "CEMS",
}
"""What the ids of meters of a medium often begin with."""


def show_profile(known: KnownProfile, profile: Profile) -> None:
    """Prints a profile for people."""
    say(f"{profile.title} ({known.name})")
    say(f"file:     {known.path}")
    say(f"proved:   {profile.proved.value}")
    for source in profile.sources:
        say(f"source:   {source}")
    if profile.remarks:
        say(f"remarks:  {profile.remarks.strip()}")
    for name, parameter in profile.parameters.items():
        say(f"parameter {name}: {_parameter_in_words(parameter)}")
    for identity in profile.identity:
        say(f"identity: {_identity_in_words(profile, identity)}")
    if profile.first_read is not None:
        low, high = profile.first_read.range
        unit = next(point.unit for point in profile.points if point.id == profile.first_read.point)
        say(f"proof:    {profile.first_read.point} is read first and must be {low:g} to {high:g} {unit}")
    say("")
    print_table(COLUMNS, [_row(profile, point) for point in profile.points])
    say("\nIn a connector file, below `meters:`, with its own id and unit:\n")
    say(snippet(known, profile))


def profile_as_json(known: KnownProfile, profile: Profile) -> Mapping[str, object]:
    """Gives a profile as JSON has it."""
    return {
        "name": known.name,
        "title": profile.title,
        "medium": profile.medium,
        "proved": profile.proved.value,
        "sources": list(profile.sources),
        "remarks": None if profile.remarks is None else profile.remarks.strip(),
        "path": known.path,
        "sunspec": list(profile.sunspec),
        "parameters": [_parameter_as_json(name, parameter) for name, parameter in profile.parameters.items()],
        "identity": [_identity_as_json(profile, identity) for identity in profile.identity],
        "first_read": None
        if profile.first_read is None
        else {"point": profile.first_read.point, "range": list(profile.first_read.range)},
        "points": [_point_as_json(profile, point) for point in profile.points],
        "snippet": snippet(known, profile),
    }


def _point_as_json(profile: Profile, point: ProfilePoint) -> Mapping[str, object]:
    (row,) = as_objects(COLUMNS, [_row(profile, point)])
    return {**row, "when": point.when, "invalid": point.written.get("invalid", []), "rollover_at": point.rollover_at}


def snippet(known: KnownProfile, profile: Profile) -> str:
    """Writes a meter of the model as it stands in a connector file, below `meters:`.

    Parameters that must be said have their first choice, or 1, and a comment that tells what they are.
    """
    lines = [f"- id: {_LETTERS.get(profile.medium, 'M')}-01", "  unit_id: 1", f"  profile: {known.name}"]
    if profile.parameters:
        lines.append("  parameters:")
        lines += [_parameter_as_yaml(name, parameter) for name, parameter in profile.parameters.items()]
    return indent("\n".join(lines), "  ")


def _parameter_as_yaml(name: str, parameter: Parameter) -> str:
    value = parameter.default if parameter.default is not None else next(iter(parameter.choices), 1)
    among = f"{' or '.join(map(str, parameter.choices))}: " if parameter.choices else ""
    return f"    {name}: {value}  # {among}{parameter.meaning}"


def _parameter_as_json(name: str, parameter: Parameter) -> Mapping[str, object]:
    return {
        "name": name,
        "meaning": parameter.meaning,
        "default": None if parameter.default is None else str(parameter.default),
        "choices": [str(choice) for choice in parameter.choices],
    }


def _parameter_in_words(parameter: Parameter) -> str:
    among = ", ".join(map(str, parameter.choices)) or "a number above 0"
    otherwise = "must be said" if parameter.default is None else f"{parameter.default} if not said"
    return f"{parameter.meaning} ({among}; {otherwise})"


def _identity_as_json(profile: Profile, identity: Identity) -> Mapping[str, object]:
    return {
        "register": identity.table.value,
        "address": wire_address(identity.address, identity.table, profile.addressing),
        "type": identity.type.value,
        "expect": list(identity.expect),
    }


def _identity_in_words(profile: Profile, identity: Identity) -> str:
    address = wire_address(identity.address, identity.table, profile.addressing)
    expected = " or ".join(map(str, identity.expect))
    return f"{identity.table} {address} {identity.type} must be {expected}"


def _row(profile: Profile, point: ProfilePoint) -> tuple[object, ...]:
    when = ", ".join(f"{name}: {allowed}" for name, allowed in point.when.items())
    scale = " * ".join((f"{point.scale}", *point.scale_by))
    meaning = point.unit, point.quantity, point.kind.value, when
    if point.field is not None:
        return (point.id, "SunSpec", point.field, "", "", scale, *meaning)
    return (point.id, *_place(profile, point), scale, *meaning)


def _place(profile: Profile, point: ProfilePoint) -> Iterator[object]:
    """Gives kind of register, wire address, type and order."""
    table = point.table or Table.HOLDING
    yield table.value
    yield wire_address(point.address or 0, table, profile.addressing)
    yield _spelling(profile, point, table)
    is_wide = point.type is not None and point.type.registers == WIDE_REGISTERS
    yield "" if table.holds_bits else point.order or (is_wide and profile.order_64) or profile.order


def _spelling(profile: Profile, point: ProfilePoint, table: Table) -> str:
    base = "" if point.base is None else f" to base {point.base}"
    if point.exponent_address is None:
        return f"{point.takes}{base}"
    return f"{point.takes}{base}, exponent at {wire_address(point.exponent_address, table, profile.addressing)}"
