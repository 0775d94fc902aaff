"""The greenhouse gases of a year, put together from its records: lines and totals, under one set of potentials.

A line without a figure leaves the totals it belongs to without one, and says why.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, NamedTuple
from uuid import UUID

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.ghg.emission_factors import CO2E, gwp_set_of
from ems_telemetry.records.inputs.children import decimal_of
from ems_telemetry.records.kinds import RecordStatus
from ems_telemetry.rules.arithmetic import ZERO, exactly
from ems_telemetry.rules.ghg import BIOGENIC_CO2, GasLine, inventory_of
from ems_telemetry.storage.records import RecordRow

SCOPES: Final = {"ghg_scope1": 1, "ghg_scope2": 2}
"""Which scope the records of a method belong to."""
SCOPE_2: Final = 2


class Basis(StrEnum):
    """How purchased electricity is told."""

    LOCATION = "location"
    MARKET = "market"


@dataclass(frozen=True, slots=True)
class InventoryLine:
    """What one record tells of one gas; of purchased electricity once by location, and by market once for each part.

    `co2e_t` is None where there is no figure, and `reason` says why. Biogenic CO2 has a mass, and is in no sum.
    """

    record_id: UUID
    revision: int
    plan: str
    about: str
    ghg_scope: int
    category: str | None
    activity: str | None
    start: datetime
    end: datetime
    basis: Basis | None
    gas: str | None
    mass_t: Decimal | None
    gwp: Decimal | None
    co2e_t: Decimal | None
    factors: Sequence[str]
    instrument: str | None
    quality: str
    flags: Sequence[str]
    reason: str | None


class CategoryTotal(NamedTuple):
    """The sum of a category; None where a line of it has no figure."""

    ghg_scope: int
    category: str | None
    basis: Basis | None
    co2e_t: Decimal | None


class NotCovered(NamedTuple):
    """A part of the year for which an item of the plan has no record."""

    plan: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class YearInventory:
    """The whole. Sums are tonnes of CO2 equivalent; None where a line of them has no figure."""

    gwp_set: str | None
    lines: Sequence[InventoryLine]
    scope_1_t: Decimal | None
    scope_2_location_t: Decimal | None
    scope_2_market_t: Decimal | None
    location_based_t: Decimal | None
    """All scopes, with scope 2 by location."""
    market_based_t: Decimal | None
    biogenic_co2_t: Decimal | None
    by_gas_t: Mapping[str, Decimal]
    """Masses of scope 1, gas by gas; empty where a line of it has no figure."""
    by_category: Sequence[CategoryTotal]
    reasons: Sequence[str]
    not_covered: Sequence[NotCovered] = field(default=())


def year_inventory(rows: Sequence[RecordRow], start: datetime, end: datetime, gwp_set: str | None = None) -> YearInventory:
    """Puts an inventory together.

    Args:
        rows: records of greenhouse gases of one site, each in one revision.
        start: of the year.
        end: of it; records that reach beyond it are left out.
        gwp_set: the set they must have been computed by; None where any one will do.

    Raises:
        CannotComputeError: not all are by one set, or something counts twice.
    """
    held = [
        row
        for row in rows
        if row.status != RecordStatus.VOIDED and row.period_start >= start and row.period_end <= end and _scope_of(row)
    ]
    _refuse_twice(held)
    name = _one_set(held, gwp_set)
    lines = [line for row in held for line in _lines_of(row)]
    first = [line for line in lines if line.ghg_scope != SCOPE_2]
    known = all(line.reason is None for line in first)
    masses: dict[str, Decimal] = {}
    for line in first:
        if known and line.gas is not None and line.mass_t is not None:
            masses[line.gas] = masses.get(line.gas, ZERO) + line.mass_t
    biogenic = masses.pop(BIOGENIC_CO2, ZERO)
    return YearInventory(
        gwp_set=name,
        lines=lines,
        scope_1_t=_sum(first),
        scope_2_location_t=_sum(line for line in lines if line.basis is Basis.LOCATION),
        scope_2_market_t=_sum(line for line in lines if line.basis is Basis.MARKET),
        location_based_t=_sum(line for line in lines if line.basis is not Basis.MARKET),
        market_based_t=_sum(line for line in lines if line.basis is not Basis.LOCATION),
        biogenic_co2_t=biogenic if first and known else None,
        by_gas_t=masses,
        by_category=_by_category(lines),
        reasons=list(dict.fromkeys(f"{line.plan}: {line.reason}" for line in lines if line.reason is not None)),
        not_covered=list(_not_covered(held, start, end)),
    )


def _lines_of(row: RecordRow) -> Iterator[InventoryLine]:
    details = row.envelope["details"]
    if row.value is None:
        reason = details.get("refused") or details.get("reason") or "there is no figure"
        for basis in (Basis.LOCATION, Basis.MARKET) if _scope_of(row) == SCOPE_2 else (None,):
            yield _line(row, basis, reason=reason)
    elif _scope_of(row) == SCOPE_2:
        mass_t = decimal_of(details["location_based_t"])
        yield _line(row, Basis.LOCATION, gas=CO2E, mass_t=mass_t, gwp=Decimal(1), co2e_t=mass_t)
        for part in details["parts"]:
            mass_t = decimal_of(part["co2e_t"])
            told = {"instrument": part["instrument"], "category": part["origin"]}
            yield _line(row, Basis.MARKET, gas=CO2E, mass_t=mass_t, gwp=Decimal(1), co2e_t=mass_t, **told)
    else:
        for each in details["gases"]:
            numbers = {name: decimal_of(each[name]) for name in ("mass_t", "gwp", "co2e_t")}
            yield _line(row, None, gas=each["gas"], **numbers)
        if Decimal(details["biogenic_co2_t"]):
            yield _line(row, None, gas=BIOGENIC_CO2, mass_t=decimal_of(details["biogenic_co2_t"]))


def _line(row: RecordRow, basis: Basis | None, **told: Any) -> InventoryLine:  # noqa: ANN401  # fields of the line
    details = row.envelope["details"]
    origin = told.pop("category", None)
    gas = told.get("gas")
    used = [line["factor"] for line in details.get("lines", ()) if origin is None and line["gas"] == gas]
    fields: dict[str, Any] = {"gas": None, "mass_t": None, "gwp": None, "co2e_t": None, "instrument": None, "reason": None}
    return InventoryLine(
        record_id=row.id, revision=row.revision, plan=row.plan, about=row.scope, ghg_scope=_scope_of(row) or 0,
        category=details.get("category"), activity=origin or details.get("activity"), start=row.period_start,
        end=row.period_end, basis=basis, factors=list(dict.fromkeys(used)), quality=row.quality, flags=row.flags,
        **{**fields, **told},
    )  # fmt: skip


def _scope_of(row: RecordRow) -> int | None:
    return SCOPES.get(row.method.partition("@")[0])


def _one_set(rows: Iterable[RecordRow], asked: str | None) -> str | None:
    """Lets the rule of CR-44 refuse lines of several sets, whether or not they have a figure."""
    told = [(row.plan, gwp_set_of(row.envelope["details"]["gwp_set"])) for row in rows if "gwp_set" in row.envelope["details"]]
    if not told:
        return None
    name = inventory_of(GasLine(plan, CO2E, ZERO, gwp_set) for plan, gwp_set in told).gwp_set
    if asked not in {None, name}:
        raise CannotComputeError(f"the lines are told by GWP set {name}, and {asked} is asked for; plan them with {asked}")
    return name


def _refuse_twice(rows: Sequence[RecordRow]) -> None:
    instruments: dict[str, str] = {}
    spans: dict[object, list[RecordRow]] = {}
    for row in rows:
        details = row.envelope["details"]
        for part in details.get("parts", ()):
            other = instruments.setdefault(part["instrument"], row.plan) if part["instrument"] else row.plan
            if other != row.plan:
                raise CannotComputeError(
                    f"contract {part['instrument']} counts for {other} and for {row.plan}; name the one it is for as its `plan`"
                )
        measured = tuple(sorted({ref["id"] for ref in row.envelope["inputs"] if ref["kind"] in {"interval", "record"}}))
        for gas in {line["gas"] for line in details.get("lines", ())}:
            spans.setdefault((_scope_of(row), details.get("activity"), gas, measured), []).append(row)
    for same in spans.values():
        for before, after in pairwise(sorted(same, key=lambda row: row.period_start)):
            if before.period_end > after.period_start:
                raise CannotComputeError(
                    f"{before.plan} and {after.plan} tell the same activity twice; end or void one of them"
                )


def _not_covered(rows: Sequence[RecordRow], start: datetime, end: datetime) -> Iterator[NotCovered]:
    for plan in sorted({row.plan for row in rows}):
        reached = start
        for row in sorted((row for row in rows if row.plan == plan), key=lambda row: row.period_start):
            if row.period_start > reached:
                yield NotCovered(plan, reached, row.period_start)
            reached = row.period_end
        if reached < end:
            yield NotCovered(plan, reached, end)


def _by_category(lines: Sequence[InventoryLine]) -> list[CategoryTotal]:
    keys = sorted({(line.ghg_scope, line.category or "", line.basis or "") for line in lines})
    totals = []
    for scope, category, basis in keys:
        own = [line for line in lines if (line.ghg_scope, line.category or "", line.basis or "") == (scope, category, basis)]
        totals.append(CategoryTotal(scope, category or None, Basis(basis) if basis else None, _sum(own)))
    return totals


@exactly
def _sum(lines: Iterable[InventoryLine]) -> Decimal | None:
    rows = [line for line in lines if line.gas != BIOGENIC_CO2]
    known = [line.co2e_t for line in rows if line.co2e_t is not None]
    return sum(known, ZERO) if rows and len(known) == len(rows) else None
