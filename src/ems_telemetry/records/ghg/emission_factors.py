"""Emission factors and sets of potentials from the registers, as inputs of methods: which was in force when, in which unit."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from ems_telemetry.config.units import UnitError, parse_unit, scale_between
from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.facts.entries import segments
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.registers import REGISTERS
from ems_telemetry.records.registers.factors import source_of
from ems_telemetry.rules.arithmetic import digits, exactly
from ems_telemetry.rules.factors import Factor, FactorKey, factors_in_force
from ems_telemetry.rules.ghg import GwpSet
from ems_telemetry.rules.masses import Mass, kilograms
from ems_telemetry.storage.entries import EntryRow

CO2E = "CO2e"
"""All gases together, as factors of electricity have it."""
_KG_PER_T = 1000


class Stretch(NamedTuple):
    """A part `[since, until)` of a period with the factor in force in it: `t_per_unit` t of a gas by the factor's own unit.

    `scale` tells how many of that unit one of the activity's is.
    """

    gas: str
    factor: str
    value: Decimal
    unit: str
    since: datetime
    until: datetime
    scale: Decimal

    @property
    @exactly
    def t_per_unit(self) -> Decimal:
        """The factor in tonnes."""
        return self.value * kilograms(Mass(Decimal(1), self.unit.partition("/")[0])) / _KG_PER_T


class Calorific(NamedTuple):
    """Energy by a unit of the activity, where factors are by energy and the activity is not: `value` in `unit`, as MJ/Nm3."""

    value: Decimal
    unit: str


async def gather_factors(
    sources: Sources, key: FactorKey, within: tuple[datetime, datetime], site: str, *, gwp_set: str, optional: bool = False
) -> list[dict[str, Any]]:
    """Reads which factors are in force within a span, and notes them as inputs.

    Args:
        sources: what is read through.
        key: what is looked for.
        within: the span `[start, end)`.
        site: whose factors count beside those of all sites.
        gwp_set: the one that factors of CO2e must have been computed by, where they say one.
        optional: whether there may be none at all.

    Raises:
        CannotComputeError: for a part of the span none is in force, or two are.
    """
    pieces = list(_pieces(await sources.revisions("factor", *within, site=site), within))
    factors = {factor: row for factor, row in pieces if factor.key == key}
    if optional and not factors:
        return []
    found = factors_in_force(factors, key, *within)
    by_id = {factor.id: row for factor, row in factors.items()}
    rows = [by_id[stretch.factor.id] for stretch in found]
    for row in rows:
        told = row.body.get("gwp_set")
        if told not in {None, gwp_set}:
            raise CannotComputeError(f"factor {row.id} is of CO2e by {told}, and the item asks for {gwp_set}; use one set")
    sources.use({row.id: row for row in rows}.values())
    return [
        {
            "gas": key.gas, "factor": row.id, "value": row.body["value"], "unit": row.body["unit"], "since": stretch.start,
            "until": stretch.end, "source": row.body["source"],
        }
        for stretch, row in zip(found, rows, strict=True)
    ]  # fmt: skip


def scale_to(unit: str, factor_unit: str, calorific: Calorific | None) -> Decimal:
    """Tells how many of the unit a factor is by one unit of an activity is.

    Args:
        unit: of the activity.
        factor_unit: as `kg/MMBtu`.
        calorific: leads from the activity to energy; None where they are of one kind.

    Raises:
        CannotComputeError: there is no way from one to the other.
    """
    wanted = factor_unit.partition("/")[2]
    if calorific is None:
        return _scale(unit, wanted, "give the item a calorific_value, as 36 MJ/Nm3, with the basis of the factor")
    energy, _, by = calorific.unit.partition("/")
    to_volume = _scale(unit, by, "the calorific_value is by another kind of unit than the activity")
    to_energy = _scale(energy, wanted, "the calorific_value is of another kind than what the factor is by")
    return multiply(to_volume, calorific.value, to_energy)


def stretches_of(inputs: Sequence[Mapping[str, Any]]) -> list[Stretch]:
    """Reads stretches back from inputs."""
    return [
        Stretch(
            each["gas"], each["factor"], Decimal(each["value"]), each["unit"], datetime.fromisoformat(each["since"]),
            datetime.fromisoformat(each["until"]), Decimal(each["scale"]),
        )
        for each in inputs
    ]  # fmt: skip


async def gather_gwp_set(sources: Sources, id_: str, at: datetime) -> dict[str, Any]:
    """Reads a set of potentials, as it is in force then.

    Raises:
        CannotComputeError: there is none of this name.
    """
    row = await sources.entry("gwp_set", id_, at)
    return {"id": row.id, **row.body}


def gwp_set_of(inputs: Mapping[str, Any]) -> GwpSet:
    """Reads a set back from inputs; what is told as CO2e counts as that."""
    values = {gas: Decimal(value) for gas, value in inputs["values"].items()}
    return GwpSet(inputs["id"], {CO2E: Decimal(1), **values}, source_of(inputs))


@exactly
def multiply(*values: Decimal) -> Decimal:
    """Multiplies with all digits."""
    product = Decimal(1)
    for value in values:
        product *= value
    return product


def _pieces(rows: Sequence[EntryRow], within: tuple[datetime, datetime]) -> Iterator[tuple[Factor, EntryRow]]:
    needs_approval = REGISTERS["factor"].needs_approval
    for _, revisions in groupby(rows, key=lambda row: row.id):
        held = [piece for piece in segments(list(revisions), *within, needs_approval=needs_approval) if piece[2] is not None]
        for since, until, row in held:
            if row is not None:
                name = row.id if len(held) == 1 else f"{row.id} from {since:%Y-%m-%d %H:%M}Z"
                yield _factor(name, row, since, until), row


def _factor(name: str, row: EntryRow, since: datetime, until: datetime) -> Factor:
    body = row.body
    return Factor(
        name, row.revision, body["activity"], body["region"], body["gas"], Decimal(body["value"]), body["unit"], since, until,
        source_of(body),
    )  # fmt: skip


def _scale(unit: str, wanted: str, remedy: str) -> Decimal:
    if unit == wanted:
        return Decimal(1)
    try:
        scale = scale_between(parse_unit(unit), parse_unit(wanted))
    except UnitError as error:
        raise CannotComputeError(str(error)) from error
    if scale is None:
        raise CannotComputeError(f"{unit} does not convert to {wanted}: {remedy}")
    return Decimal(digits(scale))
