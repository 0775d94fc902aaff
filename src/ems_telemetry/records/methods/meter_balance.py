"""A main meter against the meters behind it over a period (R23)."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Self

from pydantic import BaseModel, Field, model_validator

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.balance import Metered, balance_of
from ems_telemetry.records.inputs.children import decimal_of
from ems_telemetry.records.inputs.joining import join, sum_of
from ems_telemetry.records.inputs.metering import refuse_doubles, whole_points
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.totals import ADDITIVE, CHILD_OF, gather_point, require_totals, total_of
from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import Params, params_of
from ems_telemetry.records.registers.register import Number, Word
from ems_telemetry.rules.arithmetic import HUNDRED, ZERO, exactly, settle
from ems_telemetry.storage.point_facts import PointFacts

NOT_JUDGED = "no_uncertainty"


class Metering(Params):
    """A point of the balance."""

    point: Word
    uncertainty_percent: Number | None = Field(
        default=None, ge=0, description="Standard uncertainty (k = 1) in percent; without it, that of its meter."
    )


class MeterBalanceParams(Params):
    """What it needs to know: a meter of the meter tree, or the points themselves."""

    meter: Word | None = Field(default=None, description="The main meter; those that name it as their parent are behind it.")
    quantity: Word | None = Field(default=None, description="Which, where the meter counts several.")
    main: list[Metering] = Field(default=[], max_length=50)
    submeters: list[Metering] = Field(default=[], max_length=500)
    tolerance_percent: Number | None = Field(
        default=None, ge=0, description="How large the residual may be, in percent of the main meter; in place of twice u."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.meter is None) == (not self.main) or bool(self.main) != bool(self.submeters):
            raise ValueError("name a `meter`, or `main` and `submeters`")
        return self


class MeterBalance:
    """Balances a main meter against its sub-meters."""

    name = "meter_balance"
    version = 1
    record = RecordType.METER_BALANCE
    formula = (
        "Residual = main - sum of sub-meters; u = root of the sum of the squares of their standard uncertainties. The verdict "
        "is ok where |residual| <= 2 u (or the tolerance), unmetered above, negative below; null with a part missing (CR-41)."
    )
    params: type[BaseModel] = MeterBalanceParams

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Reads each point as a total of its own, with its uncertainty."""
        params = params_of(MeterBalanceParams, asked)
        if params.meter is None:
            parents = await sources.parents()
            main, submeters = [await _named(sources, each, parents) for each in (params.main, params.submeters)]
        else:
            main, submeters = _of_tree(await sources.points_of(asked.item.site), params.meter, params.quantity)
        _require_one_unit([point for point, _ in (*main, *submeters)])
        told = {"main": main, "submeters": submeters}
        return {
            "tolerance_percent": params.tolerance_percent,
            **{part: [await _gather(sources, asked, *each) for each in points] for part, points in told.items()},
        }

    @exactly
    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Balances what they counted."""
        main, subs = ([(each, total_of(each)) for each in inputs[part]] for part in ("main", "submeters"))
        measured = [_metered(each, total) for each, total in subs]
        whole = _joined(main)
        percent = decimal_of(inputs["tolerance_percent"])
        tolerance = None if percent is None or whole.amount is None else abs(whole.amount) * percent / HUNDRED
        balance = balance_of(whole, measured, tolerance)
        is_sure = all(each["uncertainty_percent"] is not None for each, _ in (*main, *subs))
        limit = tolerance if percent is not None else _twice(balance.uncertainty) if is_sure else None
        is_judged = is_sure or percent is not None
        joined = join([total for _, total in (*main, *subs)])
        return Figure(
            value=balance.residual,
            unit=inputs["main"][0]["unit"],
            quality=joined.quality,
            quantity=inputs["main"][0]["quantity"],
            coverage=joined.coverage,
            measured=joined.measured,
            estimated=joined.estimated,
            flags=(*joined.flags, *(() if is_judged else (NOT_JUDGED,))),
            details={
                "main": whole.amount,
                "submeters": sum_of(each.amount for each in measured),
                "residual_percent": _settled(balance.residual_percent),
                "u": _settled(balance.uncertainty) if is_sure else None,
                "limit": _settled(limit),
                "verdict": balance.verdict if is_judged else None,
                "points": [_told("main", *each) for each in main] + [_told("submeter", *each) for each in subs],
            },
        )


Pairs = Sequence[tuple[PointFacts, Decimal | None]]


async def _named(sources: Sources, wanted: Sequence[Metering], parents: Mapping[str, str]) -> Pairs:
    points = await sources.points(each.point for each in wanted)
    require_totals(points)
    refuse_doubles(points, parents, can_be_allowed=False)
    uncertainties = (
        point.uncertainty if each.uncertainty_percent is None else each.uncertainty_percent
        for each, point in zip(wanted, points, strict=True)
    )  # fmt: skip
    return list(zip(points, uncertainties, strict=True))


def _of_tree(points: Iterable[PointFacts], meter: str, quantity: str | None) -> tuple[Pairs, Pairs]:
    counted = whole_points(point for point in points if point.kind in ADDITIVE and point.expression is None)
    own = sorted({point.quantity for point in counted if point.meter == meter})
    wanted = quantity or (own[0] if len(own) == 1 else None)
    if wanted not in own:
        counts = f"{meter} counts {', '.join(own) or 'nothing at this site'}"
        raise CannotComputeError(
            f"{counts}; name one of them as `quantity` in the plan item" if own else f"{counts}; correct it"
        )
    main = [(point, point.uncertainty) for point in counted if point.meter == meter and point.quantity == wanted]
    behind = [(point, point.uncertainty) for point in counted if point.parent == meter and point.quantity == wanted]
    if not behind:
        raise CannotComputeError(f"no meter that counts {wanted} names {meter} as its `parent`; say so in the connector files")
    return main, behind


def _require_one_unit(points: Sequence[PointFacts]) -> None:
    for point in points:
        if point.unit != points[0].unit:
            raise CannotComputeError(
                f"{points[0].key} counts {points[0].unit} and {point.key} {point.unit}; balance points of one unit"
            )


async def _gather(sources: Sources, asked: Asked, point: PointFacts, uncertainty: Decimal | None) -> dict[str, Any]:
    gathered = await gather_point(sources, point, asked.start, asked.end, CHILD_OF[asked.item.period])
    return {**gathered, "uncertainty_percent": uncertainty}


def _metered(given: Mapping[str, Any], total: Figure) -> Metered:
    return Metered(total.value, decimal_of(given["uncertainty_percent"]) or ZERO)


def _joined(main: Sequence[tuple[Mapping[str, Any], Figure]]) -> Metered:
    """Gives several registers of a main meter as one: what they are unsure of adds up by squares."""
    parts = [_metered(*each) for each in main]
    amount = sum_of(part.amount for part in parts)
    if len(parts) == 1 or not amount:
        return Metered(amount, parts[0].uncertainty_percent)
    squares = (((part.amount or ZERO) * part.uncertainty_percent) ** 2 for part in parts)
    return Metered(amount, sum(squares, ZERO).sqrt() / abs(amount))


def _told(role: str, given: Mapping[str, Any], total: Figure) -> dict[str, Any]:
    return {
        "point": given["point"],
        "role": role,
        "amount": total.value,
        "uncertainty_percent": decimal_of(given["uncertainty_percent"]),
        "quality": total.quality,
    }


def _twice(uncertainty: Decimal | None) -> Decimal | None:
    return None if uncertainty is None else 2 * uncertainty


def _settled(value: Decimal | None) -> Decimal | None:
    return None if value is None else settle(value)
