"""What a stock of a substance cannot account for, and the most that was stored (R10; CR-49)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel, Field

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.details import settled
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.kinds import RecordQuality, RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import Params, params_of
from ems_telemetry.records.registers.by_hand import StockChange
from ems_telemetry.rules.arithmetic import ZERO, exactly
from ems_telemetry.rules.masses import Mass, kilograms
from ems_telemetry.rules.substances import Stock, stored_against, unaccounted_of
from ems_telemetry.storage.entries import EntryRow

KG: Final = "kg"
MAX_REACHED: Final = "max_quantity_reached"
BELOW_ZERO: Final = "stock_below_zero"


class SubstanceBalanceParams(Params):
    """What it needs to know."""

    substance: str = Field(description="An entry of the register.", examples=["acetone-hall-1"])
    opening_within_d: int = Field(
        default=400, ge=1, le=4_000, description="So many days before the period its opening stock may have been taken."
    )


class SubstanceBalance:
    """Balances a stock between two stock-takings."""

    name = "substance_balance"
    version = 1
    record = RecordType.SUBSTANCE_BALANCE
    formula = (
        "opening + in - used - out - closing = unaccounted, between the last stock-taking before the period, or at its "
        "beginning, and the last one in it, or at its end. The most that was stored is followed from movement to movement."
    )
    params: type[BaseModel] = SubstanceBalanceParams

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Reads the substance and its movements."""
        said = params_of(SubstanceBalanceParams, asked)
        substance = await sources.entry("substance", said.substance, asked.end - timedelta.resolution)
        since, until = asked.start - timedelta(days=said.opening_within_d), asked.end + timedelta.resolution
        known = await sources.happened("substance_movement", since, until, site=asked.item.site, use=False)
        rows = sorted((row for row in known if row.body["substance"] == said.substance), key=_order)
        stocks = [_time(row.body) for row in rows if row.body["change"] == StockChange.STOCK_TAKING]
        if len(set(stocks)) < len(stocks):
            raise CannotComputeError(f"two stock-takings of {said.substance} are stated for one time; void the wrong one")
        opening = max((time for time in stocks if time <= asked.start), default=None)
        closing = max((time for time in stocks if time > asked.start), default=None)
        if opening is None or closing is None:
            missing, remedy = ("before", "its opening") if opening is None else ("in", "its closing")
            raise CannotComputeError(
                f"no stock-taking of {said.substance} is stated {missing} the period; state {remedy} stock as a stock-taking"
            )
        rows = [row for row in rows if opening <= _time(row.body)]
        sources.use(rows)
        movements = [
            {"id": row.id, "at": row.body["at"], "change": row.body["change"], "quantity": row.body["quantity"]} for row in rows
        ]
        return {
            "substance": {"id": substance.id, **substance.body},
            "movements": movements,
            "opening_at": opening,
            "closing_at": closing,
            "start": asked.start,
        }

    @exactly
    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Balances."""
        substance, movements = inputs["substance"], inputs["movements"]
        opening_at, closing_at = _moment(inputs["opening_at"]), _moment(inputs["closing_at"])
        within = [each for each in movements if opening_at <= _time(each) < closing_at]
        stock = Stock(
            opening=_found(movements, opening_at),
            received=_sum(within, StockChange.IN),
            used=Mass(_sum(within, StockChange.USE).value + _sum(within, StockChange.OUT).value, KG),
            closing=_found(movements, closing_at),
        )
        unaccounted = unaccounted_of(stock)
        levels = _levels(movements, _moment(inputs["start"]))
        most = max(levels)
        flags = [BELOW_ZERO] if min(levels) < 0 else []
        limit = substance["max_quantity"]
        stored: dict[str, Any] = {"max_stored_kg": most, "max_quantity_kg": None, "max_stored_percent": None}
        if limit is not None:
            against = stored_against([Mass(most, KG)], Mass(Decimal(limit["value"]), limit["unit"]))
            stored |= {"max_quantity_kg": against.threshold_kg, "max_stored_percent": against.share_percent}
            flags += [MAX_REACHED] if against.reached else []
        details = {
            "substance": substance["id"], "name": substance["name"], "cas": substance["cas"],
            "sds_revision": substance["sds_revision"], "location": substance["location"], "opening_at": opening_at,
            "closing_at": closing_at, "opening_kg": kilograms(stock.opening), "in_kg": stock.received.value,
            "used_kg": _sum(within, StockChange.USE).value, "out_kg": _sum(within, StockChange.OUT).value,
            "closing_kg": kilograms(stock.closing), "unaccounted_kg": unaccounted.kg,
            "unaccounted_percent": unaccounted.percent, **stored,
        }  # fmt: skip
        return Figure(
            unaccounted.kg, KG, RecordQuality.GOOD, "unaccounted", flags=tuple(sorted(flags)), details=settled(details)
        )


def _levels(movements: Sequence[Mapping[str, Any]], start: datetime) -> list[Decimal]:
    """Gives what was in store at the beginning of the period and after each movement in it, kg."""
    level = ZERO
    levels: list[Decimal] = []
    for each in movements:
        kg = _kg(each)
        before, level = level, {StockChange.STOCK_TAKING: kg, StockChange.IN: level + kg}.get(each["change"], level - kg)
        if _time(each) > start and not levels:
            levels.append(before)
        if _time(each) >= start:
            levels.append(level)
    return levels or [level]


def _found(movements: Iterable[Mapping[str, Any]], at: datetime) -> Mass:
    """Gives what was found at the stock-taking of that time."""
    return _sum((each for each in movements if _time(each) == at), StockChange.STOCK_TAKING)


def _order(row: EntryRow) -> tuple[datetime, bool, str]:
    """Lets a stock-taking stand before what moved at the same time."""
    return _time(row.body), row.body["change"] != StockChange.STOCK_TAKING, row.id


def _sum(movements: Iterable[Mapping[str, Any]], change: StockChange) -> Mass:
    return Mass(sum((_kg(each) for each in movements if each["change"] == change), ZERO), KG)


def _kg(movement: Mapping[str, Any]) -> Decimal:
    quantity = movement["quantity"]
    return kilograms(Mass(Decimal(quantity["value"]), quantity["unit"]))


def _time(movement: Mapping[str, Any]) -> datetime:
    return _moment(movement["at"])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
