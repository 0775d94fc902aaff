"""Which points a sum of energy is made of, chosen by where their meters stand and what they count; nothing counts twice.

Every point that could count is either chosen or left out, and each says why.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic import Field

from ems_telemetry.config.expressions import parse_expression, references
from ems_telemetry.model import Kind, Medium
from ems_telemetry.records.inputs.metering import above, is_part
from ems_telemetry.records.inputs.standings import Configured
from ems_telemetry.records.parameters import Params
from ems_telemetry.records.registers.register import Word
from ems_telemetry.storage.point_facts import PointFacts


class Carrier(StrEnum):
    """In what energy comes."""

    ELECTRICITY = "electricity"
    NATURAL_GAS = "natural_gas"
    FUEL = "fuel"
    STEAM = "steam"
    HEAT = "heat"
    COOLING = "cooling"
    COMPRESSED_AIR = "compressed_air"
    RENEWABLE_ONSITE = "renewable_onsite"
    OTHER = "other"


CARRIER_OF: Final[Mapping[str, Carrier]] = {
    "active_energy_import": Carrier.ELECTRICITY,
    "gas_energy": Carrier.NATURAL_GAS,
    "gas_energy_net": Carrier.NATURAL_GAS,
    "gas_volume": Carrier.NATURAL_GAS,
    "gas_volume_operating": Carrier.NATURAL_GAS,
    "fuel_energy": Carrier.FUEL,
    "fuel_mass": Carrier.FUEL,
    "fuel_volume_15c": Carrier.FUEL,
    "fuel_volume": Carrier.FUEL,
    "steam_energy": Carrier.STEAM,
    "steam_mass": Carrier.STEAM,
    "heat_energy": Carrier.HEAT,
    "cooling_energy": Carrier.COOLING,
    "compressed_air_volume": Carrier.COMPRESSED_AIR,
    "compressed_air_volume_anr": Carrier.COMPRESSED_AIR,
}
"""What quantities bring energy to a place. Of several that one meter counts of one carrier, the first here counts."""
_RANK: Final = {quantity: place for place, quantity in enumerate(CARRIER_OF)}
GIVEN: Final = frozenset({"active_energy_export"})
"""Energy that leaves by the same meter."""


class Why(StrEnum):
    """Why a point was left out."""

    OTHER_AREA = "other_area"
    OTHER_CARRIER = "other_carrier"
    OTHER_MEDIUM = "other_medium"
    OTHER_METER = "other_meter"
    EXCEPTED = "excepted"
    GIVEN = "given"
    """It counts what leaves, not what comes."""
    COUNTED_OTHERWISE = "counted_otherwise"
    """Another quantity of its meter counts the same energy."""
    PART = "part"
    """It is a part of another point of its meter."""
    COMPUTED = "computed"
    """It is computed from points that could be chosen themselves."""
    BEHIND = "behind"
    """Its meter stands behind another one that is chosen, which counts it too."""
    NO_VALUES = "no_values"
    """It had not begun to give values, or gave none any more."""


PLACED: Final = frozenset({Why.OTHER_AREA, Why.OTHER_MEDIUM, Why.BEHIND})
"""Why a point is left out because of where its meter stands."""


class Selection(Params):
    """Which points are added up, without naming them: those of the site that meet all that is said here."""

    areas: list[Word] = Field(default=[], max_length=200, description="Areas of the plant file; none: all.")
    carriers: list[Carrier] = Field(default=[], description="None: all.")
    media: list[Medium] = Field(default=[], description="Media of the meters, as their files say; none: all.")
    meters: list[Word] = Field(default=[], max_length=1_000, description="None: all.")
    without: list[Word] = Field(default=[], max_length=1_000, description="Meters and points that are not to count.")


class Chosen(NamedTuple):
    """A point that counts, by what it was chosen, and from when to when it gave values in the period."""

    point: PointFacts
    carrier: Carrier
    by: Sequence[str]
    since: datetime
    until: datetime


class LeftOut(NamedTuple):
    """A point that could count and does not; `of` names what counts in its place."""

    point: str
    why: Why
    of: str | None = None


class Choice(NamedTuple):
    """What came of a selection, by the key of the points."""

    chosen: Sequence[Chosen]
    left_out: Sequence[LeftOut]


def select(asked: Selection, configured: Configured, carriers: Mapping[str, Carrier], start: datetime, end: datetime) -> Choice:
    """Chooses the points of a site.

    Args:
        asked: what is wanted.
        configured: the points of the site, and where their meters stood.
        carriers: of points of which the plan item says another carrier than follows from their quantity.
        start: the beginning of the period.
        end: its end.
    """
    left_out: list[LeftOut] = []
    candidates: list[Chosen] = []
    for point in configured.points:
        if point.kind == Kind.EVENT or point.quantity not in CARRIER_OF.keys() | GIVEN:
            continue
        carrier = carriers.get(point.key) or CARRIER_OF.get(point.quantity, Carrier.OTHER)
        since, until = max(start, point.first or end), _ends(point, end)
        why = _unwanted(asked, point, carrier, configured) or (Why.NO_VALUES if since >= until else None)
        if why is None:
            candidates.append(Chosen(point, carrier, _by(asked, point, carrier), since, until))
        else:
            left_out.append(LeftOut(point.key, why))
    for rule in (_parts, _counted_otherwise, _computed, _behind):
        found = rule(candidates, configured)
        left_out.extend(found)
        gone = {each.point for each in found}
        candidates = [each for each in candidates if each.point.key not in gone]
    return Choice(candidates, sorted(left_out))


def _ends(point: PointFacts, end: datetime) -> datetime:
    """Tells up to where a point that is no longer configured gave values; others go on."""
    return end if point.active or point.computed_to is None else min(end, point.computed_to)


def _unwanted(asked: Selection, point: PointFacts, carrier: Carrier, configured: Configured) -> Why | None:
    said = configured.standings[point.meter].said
    tests = (
        (bool(asked.meters) and point.meter not in asked.meters, Why.OTHER_METER),
        (bool(asked.areas) and said.area not in asked.areas, Why.OTHER_AREA),
        (bool(asked.media) and (said.medium or point.medium) not in asked.media, Why.OTHER_MEDIUM),
        (point.quantity in GIVEN, Why.GIVEN),
        (bool(asked.carriers) and carrier not in asked.carriers, Why.OTHER_CARRIER),
        (bool({point.meter, point.key} & set(asked.without)), Why.EXCEPTED),
    )
    return next((why for is_out, why in tests if is_out), None)


def _by(asked: Selection, point: PointFacts, carrier: Carrier) -> list[str]:
    """Tells by what a point was chosen."""
    told = [
        *([f"meter {point.meter}"] if asked.meters else []),
        *(["area"] if asked.areas else []),
        *(["medium"] if asked.media else []),
        *([f"carrier {carrier}"] if asked.carriers else []),
    ]
    return told or ["site"]


def _parts(candidates: Sequence[Chosen], _configured: Configured) -> list[LeftOut]:
    """Leaves out points that are a part of another one of their meter, as `energy_import_l1` beside `energy_import`."""
    found = []
    for each in candidates:
        whole = next((other for other in candidates if is_part(each.point, other.point)), None)
        if whole is not None:
            found.append(LeftOut(each.point.key, Why.PART, whole.point.key))
    return found


def _counted_otherwise(candidates: Sequence[Chosen], _configured: Configured) -> list[LeftOut]:
    """Leaves out volumes where their meter tells the energy in them, and the like."""
    first: dict[tuple[str, Carrier], PointFacts] = {}
    for each in sorted(candidates, key=lambda each: (_RANK[each.point.quantity], each.point.key)):
        first.setdefault((each.point.meter, each.carrier), each.point)
    return [
        LeftOut(each.point.key, Why.COUNTED_OTHERWISE, counted.key)
        for each in candidates
        if (counted := first[each.point.meter, each.carrier]).quantity != each.point.quantity
    ]


def _computed(candidates: Sequence[Chosen], configured: Configured) -> list[LeftOut]:
    """Leaves out virtual points of which a part could be chosen: a difference must not take the place of what it is of."""
    keys = {each.point.key for each in candidates}
    found = []
    for each in candidates:
        inner = sorted((_computed_from(each.point, configured.points) - {each.point.key}) & keys)
        if inner:
            found.append(LeftOut(each.point.key, Why.COMPUTED, inner[0]))
    return found


def _behind(candidates: Sequence[Chosen], configured: Configured) -> list[LeftOut]:
    """Leaves out what stands behind another meter that is chosen for the same carrier, how far behind it may be."""
    parents, found = configured.parents(), []
    by_key = {point.key: point for point in configured.points}
    counting: dict[tuple[Carrier, str], str] = {}
    for each in candidates:
        counting.setdefault((each.carrier, each.point.meter), each.point.key)
    for each in candidates:
        meters = {by_key[key].meter for key in _computed_from(each.point, configured.points) if key in by_key}
        outer = [name for meter in sorted(meters | {each.point.meter}) for name in above(meter, parents)]
        before = [counting[each.carrier, name] for name in outer if (each.carrier, name) in counting]
        if before and before[-1] != each.point.key:
            found.append(LeftOut(each.point.key, Why.BEHIND, before[-1]))
    return found


def _computed_from(point: PointFacts, points: Iterable[PointFacts]) -> set[str]:
    """Names the points that a virtual one is computed from, however many virtual ones lie between; of others, itself."""
    if point.expression is None:
        return {point.key}
    virtual = {each.key: each.expression for each in points if each.expression is not None}
    waiting, seen = [point.key], set[str]()
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        expression = virtual.get(key)
        if expression is not None:
            waiting += [reference.key for reference in references(parse_expression(expression))]
    return seen
