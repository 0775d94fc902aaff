"""Energy over a period by carrier, use, area and cost centre, of points named or chosen, with its peak demand (R3)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple, Self

from pydantic import BaseModel, Field, model_validator

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.records.averages.demand import UNCONFIRMED, Drawn, PeakDemand, demand_of, gather_demand
from ems_telemetry.records.inputs.energy_parts import BURNT, added_up, by_group
from ems_telemetry.records.inputs.energy_units import Conversion, conversion_inputs
from ems_telemetry.records.inputs.selecting import PLACED, Carrier, Selection, Why, select
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.standings import Configured, changed_within, configured_then, standing_ref
from ems_telemetry.records.inputs.totals import CHILD_OF, gather_point, require_totals
from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.methods.energy import EnergyPoint, refuse_doubles_of
from ems_telemetry.records.parameters import Params, params_of
from ems_telemetry.records.registers.register import Word
from ems_telemetry.storage.point_facts import PointFacts
from ems_telemetry.storage.records import Source

SELECTION_CHANGED: Final = "selection_changed"
"""Within the period something else was said of a meter: where it stood, what it stood behind, or what paid for it."""
PART_OF_PERIOD: Final = "part_of_period"
"""A point that was chosen gave values in a part of the period only: it was new, or was taken out."""
MIXED: Final = "mixed"
_TOLD: Final = ("carrier", "use", "renewable", "cost_centre", "conversion")


class BookedPoint(EnergyPoint):
    """A point that is added up."""

    cost_centre: Word | None = Field(default=None, description="Where it is booked; that of its meter if not said.")


class About(Params):
    """What holds of chosen points; of each word the first entry that says it counts."""

    meters: list[Word] = Field(default=[], max_length=1_000, description="Of which meters; none: of all.")
    quantities: list[Word] = Field(default=[], description="Of which quantities; none: of all.", examples=[["gas_volume"]])
    carrier: Carrier | None = None
    use: Word | None = Field(default=None, description="The significant energy use they belong to.")
    renewable: bool | None = None
    cost_centre: Word | None = Field(default=None, description="Where they are booked; that of the meter if not said.")
    conversion: Conversion | None = Field(default=None, description="Needed where they count no energy.")


class EnergySelectedParams(Params):
    """What it needs to know."""

    points: list[BookedPoint] = Field(default=[], max_length=500)
    selection: Selection | None = Field(default=None, description="In the place of `points`; `{}` is all of the site.")
    about: list[About] = Field(default=[], max_length=500)
    peak: PeakDemand | None = Field(default=PeakDemand(), description="Null: no peak demand is found.")
    allow_submeters: bool = Field(default=False, description="Add up named meters although one stands behind the other.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.points) == (self.selection is not None):
            raise ValueError("name `points` or say a `selection`; `{}` selects all of the site")
        if self.points and self.about:
            raise ValueError("`about` is of a `selection`; say it at each of the `points`")
        return self


class EnergySelected:
    """Adds up what points counted, chosen by what the configuration said in the period, and finds their peak demand."""

    name = "energy"
    version = 2
    record = RecordType.ENERGY
    formula = (
        "E = sum of sign x amount x conversion, in kWh, as `energy@1`. Points are named, or chosen by area, carrier, medium or "
        "meter, by what the configuration said last before the end of the period; what stands behind a chosen one is left out. "
        "Peak demand = the greatest mean power of the blocks of the local day, of the electricity that is added up; of equal "
        "ones the earliest; a block that was not measured as a whole does not count unless `partial` (CR-54)."
    )
    params: type[BaseModel] = EnergySelectedParams

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Chooses the points, and reads each as a total of its own, and the electricity once more by quarters of an hour."""
        params = params_of(EnergySelectedParams, asked)
        configured = await configured_then(sources, asked.item.site, asked.start, asked.end)
        if params.selection is None:
            told, left_out = await _named(sources, asked, params, configured), None
        else:
            told, left_out = _selected(sources, asked, params.selection, params.about, configured)
        for meter in dict.fromkeys(each.point.meter for each in told):
            if meter in configured.standings:
                sources.refs.append(standing_ref(configured.standings[meter]))
        drawn = [each.drawn for each in told if each.words["carrier"] == Carrier.ELECTRICITY]
        return {
            "points": [await _gather(sources, asked, each) for each in told],
            "left_out": left_out,
            "changed": _changed(configured, told, left_out or []),
            "demand": None if params.peak is None or not drawn else await gather_demand(sources, asked, params.peak, drawn),
        }

    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Adds up, by every word, and finds the peak."""
        given = inputs["points"]
        figure = added_up(given)
        parts = [
            {**part, **{name: each[name] for name in ("area", "cost_centre", "chosen_by", "since", "until")}}
            for part, each in zip(figure.details["points"], given, strict=True)
        ]
        demand = None if inputs["demand"] is None else demand_of(inputs["demand"])
        flags = (
            *((SELECTION_CHANGED,) if inputs["changed"] else ()),
            *((PART_OF_PERIOD,) if any(each["since"] is not None for each in given) else ()),
            *((UNCONFIRMED,) if demand is not None and demand[UNCONFIRMED] is not None else ()),
        )
        bases = {group["carrier"]: _basis(parts, group["carrier"]) for group in figure.details["by_carrier"]}
        return replace(
            figure,
            flags=(*figure.flags, *flags),
            details={
                **figure.details,
                "by_carrier": [{**group, "basis": bases[group["carrier"]]} for group in figure.details["by_carrier"]],
                "by_area": by_group(parts, "area"),
                "by_cost_centre": by_group(parts, "cost_centre"),
                "demand": demand,
                "points": parts,
                "left_out": inputs["left_out"],
                "changed_meters": inputs["changed"],
            },
        )


class _Told(NamedTuple):
    """A point that counts, what is known of it beside its amounts, and its part of the period where that is not all of it."""

    point: PointFacts
    sign: int
    words: Mapping[str, Any]
    start: datetime
    end: datetime
    is_part: bool

    @property
    def drawn(self) -> Drawn:
        """Gives it as it takes part in a peak."""
        return Drawn(self.point, self.sign, self.start, self.end, self.words["conversion"])


async def _named(sources: Sources, asked: Asked, params: EnergySelectedParams, configured: Configured) -> list[_Told]:
    points = await sources.points(each.point for each in params.points)
    require_totals(points)
    if not params.allow_submeters:
        refuse_doubles_of(params.points, points, configured.parents())
    return [
        _Told(
            point,
            wanted.sign,
            {
                "carrier": wanted.carrier, "use": wanted.use, "renewable": wanted.renewable, "chosen_by": ["named"],
                "conversion": conversion_inputs(point.key, point.unit, wanted.conversion),
                **_place(configured, point, wanted.cost_centre),
            },
            asked.start, asked.end, is_part=False,
        )
        for wanted, point in zip(params.points, points, strict=True)
    ]  # fmt: skip


def _selected(
    sources: Sources, asked: Asked, selection: Selection, about: Sequence[About], configured: Configured
) -> tuple[list[_Told], list[dict[str, Any]]]:
    said = {point.key: _about(about, point) for point in configured.points}
    carriers = {key: words["carrier"] for key, words in said.items() if words["carrier"] is not None}
    choice = select(selection, configured, carriers, asked.start, asked.end)
    for each in choice.left_out:
        if each.why is Why.NO_VALUES:
            sources.note(Source("point", each.point, asked.start, asked.end))
    if not choice.chosen:
        raise CannotComputeError(
            "no point that counts energy is selected; see GET /points, and correct the `selection` of the plan item"
        )
    told = [
        _Told(
            each.point, 1, _words(said[each.point.key], each.carrier, each.by, each.point, configured), each.since, each.until,
            is_part=(each.since, each.until) != (asked.start, asked.end),
        )
        for each in choice.chosen
    ]  # fmt: skip
    return told, [left._asdict() for left in choice.left_out]


def _about(about: Iterable[About], point: PointFacts) -> dict[str, Any]:
    """Gives what a plan item says of a point: of each word what its first entry says."""
    mine = [
        each for each in about
        if (not each.meters or point.meter in each.meters) and (not each.quantities or point.quantity in each.quantities)
    ]  # fmt: skip
    return {name: next((value for each in mine if (value := getattr(each, name)) is not None), None) for name in _TOLD}


def _words(
    said: Mapping[str, Any], carrier: Carrier, by: Sequence[str], point: PointFacts, configured: Configured
) -> dict[str, Any]:
    conversion: Conversion | None = said["conversion"]
    if conversion is not None and carrier in BURNT and conversion.basis is None:
        raise CannotComputeError(f"the conversion of {point.key} needs its `basis`: Hs (gross) or Hi (net)")
    return {
        "carrier": carrier,
        "use": said["use"],
        "renewable": bool(said["renewable"]),
        "chosen_by": by,
        "conversion": conversion_inputs(point.key, point.unit, conversion),
        **_place(configured, point, said["cost_centre"]),
    }


def _place(configured: Configured, point: PointFacts, cost_centre: str | None) -> dict[str, str | None]:
    standing = configured.standings.get(point.meter)
    area, centre = (point.area, point.cost_centre) if standing is None else (standing.said.area, standing.said.cost_centre)
    return {"area": area, "cost_centre": cost_centre or centre}


def _changed(configured: Configured, told: Sequence[_Told], left_out: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names the meters that something else was said of within the period, of those it could make a difference of."""
    meter_of = {point.key: point.meter for point in configured.points}
    meters = {each.point.meter for each in told} | {meter_of[each["point"]] for each in left_out if each["why"] in PLACED}
    return changed_within(standing for meter, standing in configured.standings.items() if meter in meters)


async def _gather(sources: Sources, asked: Asked, told: _Told) -> dict[str, Any]:
    """Reads one point; of one that was there for a part of the period the quarters from its first value on."""
    child = Period.QUARTER if told.is_part else CHILD_OF[asked.item.period]
    gathered = await gather_point(sources, told.point, told.start, told.end, child)
    since, until = (told.start, told.end) if told.is_part else (None, None)
    if told.is_part:
        gathered["children"] = trimmed(gathered["children"], head=told.start > asked.start, tail=told.end < asked.end)
    return {**gathered, **told.words, "sign": told.sign, "since": since, "until": until}


def trimmed(children: Sequence[Mapping[str, Any]], *, head: bool, tail: bool) -> Sequence[Mapping[str, Any]]:
    """Leaves out the quarters before the first value of a new meter, or after the last of one that was taken out.

    A counter has no increment in the quarter of its first reading. Where there is no value at all, all are missing.
    """
    known = [place for place, child in enumerate(children) if child["value"] is not None]
    if not known:
        return children
    return children[known[0] if head else 0 : known[-1] + 1 if tail else None]


def _basis(parts: Iterable[Mapping[str, Any]], carrier: str) -> str | None:
    """Tells whether a carrier is told gross or net; `mixed` where its points differ."""
    bases = {part["basis"] for part in parts if part["carrier"] == carrier} - {None}
    return (bases.pop() if len(bases) == 1 else MIXED) if bases else None
