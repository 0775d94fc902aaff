"""Rows of the views of records as the API shows them: what all have, and the columns that each has besides."""

from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from pydantic import BaseModel, Field

from ems_telemetry.api.description import PREFIX
from ems_telemetry.api.format import Item
from ems_telemetry.api.items import columns_of
from ems_telemetry.records.kinds import RecordQuality, RecordStatus, RecordType
from ems_telemetry.records.viewing.figures import ViewFigure
from ems_telemetry.rules.arithmetic import digits


class ViewItem(BaseModel):
    """A figure of one record, or of several put together. Numbers are words of digits; what is not known is null."""

    site: str = Field(examples=["BER1"])
    type: RecordType
    scope: str | None = Field(description="What it is about; null where the records differ.", examples=["BER1"])
    plans: list[str] = Field(
        description="The items of the monitoring plan whose records are in it.", examples=[["energy-BER1"]]
    )
    period: str = Field(description="`1d`, `1mo`, `1y` of a record; else the bucket.", examples=["quarter"])
    start: datetime
    end: datetime = Field(description="No longer part of it.")
    tz: str = Field(description="Whose days, months and years are meant.", examples=["Europe/Berlin"])
    open: bool = Field(description="It lasts still: what is to come of it is missing.")
    quantity: str | None = Field(examples=["energy"])
    value: str | None = Field(description="Null where a part is missing, never zero in its place.", examples=["71500"])
    unit: str | None = Field(examples=["kWh"])
    quality: RecordQuality
    flags: list[str] = Field(description="Those of the records, and `missing`, `incomplete`, `not_additive`, `counted_twice`.")
    coverage_percent: str | None = Field(description="Share of the time that was measured; of several points the least.")
    measured_percent: str | None
    estimated_percent: str | None = Field(description="Share of the time that was spread over gaps.")
    status: RecordStatus = Field(description="`amended` where records in it stand differently.")
    record_id: UUID | None = Field(description="The record; null where there are several.")
    revision: int | None
    lineage: str | None = Field(description="The path that leads from the record down to the readings.")
    records: list[str] = Field(description="All records in it, each as `ID@REVISION`.")
    reason: str | None = Field(description="Why there is no value.")


class EnergyItem(ViewItem):
    """Energy, by carrier, use, area or cost centre. What has several of them has null there."""

    carrier: str | None = Field(examples=["electricity"])
    use: str | None = Field(description="The significant energy use.", examples=["presses"])
    area: str | None = Field(examples=["hall-1"])
    cost_centre: str | None = Field(examples=["4711"])
    renewable: bool | None
    measured_kwh: str | None
    corrected_kwh: str | None
    substituted_kwh: str | None
    renewable_kwh: str | None
    renewable_percent: str | None
    peak_demand: str | None = Field(description="The highest of the periods; null where the records do not tell it.")
    peak_demand_unit: str | None = Field(examples=["kW"])
    peak_demand_at: datetime | None = Field(description="When its block began.")
    unconfirmed_peak: str | None = Field(description="A higher one, of a block that was not wholly measured.")


class WaterItem(ViewItem):
    """A balance of water; by source the `value` is what was withdrawn, for consumption has no source."""

    source: str | None = Field(examples=["municipal"])
    withdrawal_m3: str | None
    discharge_m3: str | None
    consumption_m3: str | None = Field(description="Withdrawal less discharge.")
    reuse_m3: str | None
    reuse_percent: str | None
    stress_area: bool | None = Field(description="The site lies in an area of high water stress.")


class AirItem(ViewItem):
    """An average of a concentration in stack gas (`air_emission`), or a mass (`emission_mass`).

    An average is of one record alone: averages are not averaged.
    """

    pollutant: str | None = Field(description="Of a mass without one, the quantity of its point.", examples=["NOx"])
    stack: str | None = Field(examples=["stack-1"])
    raw: str | None = Field(description="As the instrument told it.")
    normalised: str | None = Field(description="At the basis of the limit.")
    validated: str | None = Field(description="Less the confidence interval, no less than zero.")
    elv: str | None = Field(description="The daily emission limit value.")
    ci_percent: str | None = Field(description="The confidence interval, in percent of it.")
    reference_oxygen_percent: str | None
    dry: bool | None
    block: str | None = Field(examples=["30min"])
    valid_blocks: int | None
    due_blocks: int | None
    excluded_blocks: int | None = Field(description="In states that go into no mean.")
    invalid_days: int | None
    mass_kg: str | None
    flow_weighted: str | None = Field(description="The mean concentration by volume.")
    concentration_unit: str | None = Field(examples=["mg/Nm3"])
    volume: str | None
    volume_unit: str | None
    substituted_kg: str | None
    blocks: int | None
    used_blocks: int | None
    not_operating_blocks: int | None
    substituted_blocks: int | None
    without_concentration_blocks: int | None
    without_volume_blocks: int | None
    without_both_blocks: int | None


class DischargeItem(ViewItem):
    """A parameter of an outfall over a period, the excursions of its pH, or a load made of a gauge (`emission_mass`)."""

    outfall: str | None = Field(examples=["outfall-1"])
    parameter: str | None = Field(examples=["COD"])
    averaging: str | None = Field(description="`arithmetic` or `geometric`.")
    arithmetic_mean: str | None = Field(description="Of the daily values of one record.")
    geometric_mean: str | None = Field(description="The same, where the permit asks for it.")
    average_text: str | None = Field(description="The mean in words, where it is below detection.", examples=["<2"])
    maximum: str | None = Field(description="The highest daily value; of pH, the highest.")
    maximum_text: str | None
    minimum: str | None
    minimum_text: str | None
    daily_limit: str | None
    exceedances: int | None = Field(description="Days beyond it.")
    non_detects: str | None = Field(description="What stands for a result below detection.", examples=["half"])
    n: int | None = Field(description="Daily values that are there.")
    samples: int | None
    missing: int | None = Field(description="Daily values that were due and are not there.")
    no_data: str | None = Field(description="Why there is no number.", examples=["no_discharge"])
    no_data_code: str | None = Field(description="The same as NetDMR has it (NODI).", examples=["C"])
    load_average_kg_per_day: str | None
    load_maximum_kg_per_day: str | None
    load_days: int | None = Field(description="Days that have a load.")
    load_kg: str | None = Field(description="The load of the period, of `emission_mass`.")
    flow_weighted: str | None
    concentration_unit: str | None = Field(examples=["mg/L"])
    volume: str | None
    volume_unit: str | None
    minutes_outside: str | None = Field(description="Of pH: outside its range.")
    measured_minutes: str | None
    percent_in_range: str | None
    verdict: str | None = Field(description="Of pH: whether its profile holds.", examples=["compliant"])


class WasteItem(ViewItem):
    """Waste that left the site, by code, hazard, operation or treatment, and what is in store."""

    code: str | None = Field(description="Of the List of Waste; an asterisk tells hazardous waste.", examples=["15 02 02*"])
    hazardous: bool | None
    operation: str | None = Field(description="R1 to R13, D1 to D15.", examples=["R1"])
    treatment: str | None = Field(description="R: recovery; D: disposal.", examples=["R"])
    movements: int | None
    hazardous_kg: str | None
    non_hazardous_kg: str | None
    recovered_kg: str | None
    disposed_kg: str | None
    lots_in_store: int | None = Field(description="At the end of the period.")
    lots_too_long: int | None = Field(description="Stored longer than allowed; of several periods the most.")
    longest_storage_days: int | None = Field(description="Age of the oldest lot in store.")
    next_due: date | None = Field(description="When the next lot in store must have left.")


class SubstanceItem(ViewItem):
    """The balance of a stock between two stock-takings."""

    substance: str | None = Field(description="The entry of the register.", examples=["acetone-hall-1"])
    name: str | None
    cas: str | None = Field(examples=["67-64-1"])
    sds_revision: str | None = Field(description="Of the safety data sheet.")
    location: str | None
    opening_at: datetime | None
    closing_at: datetime | None
    opening_kg: str | None
    in_kg: str | None
    used_kg: str | None
    out_kg: str | None
    closing_kg: str | None
    unaccounted_kg: str | None
    unaccounted_percent: str | None
    max_stored_kg: str | None
    max_quantity_kg: str | None = Field(description="How much may be stored.")
    max_stored_percent: str | None


class AspectItem(ViewItem):
    """How large an environmental aspect was, and in which condition of operation."""

    aspect: str | None = Field(examples=["energy use of the boiler house"])
    normal: str | None = Field(description="Of the value, in normal operation; null where that is not told or not known.")
    abnormal: str | None = Field(description="In start-up, shut-down, maintenance, malfunction and the like.")
    emergency: str | None
    unknown: str | None = Field(description="While nobody knows the condition.")
    normal_hours: str | None
    abnormal_hours: str | None
    emergency_hours: str | None
    unknown_hours: str | None
    total: str | None = Field(description="What it is a share of.")
    share_percent: str | None
    before: str | None = Field(description="The period before, of one record.")
    change: str | None
    change_percent: str | None


class ControlItem(ViewItem):
    """Whether a control parameter stayed within its criteria; the share is of the time that was measured."""

    point: str | None = Field(examples=["SC-01.ph"])
    criteria: str | None = Field(description="By name.", examples=["permit, warning"])
    verdict: str | None = Field(description="Of one record.", examples=["in_control"])
    in_range_percent: str | None
    required_percent: str | None
    excursions: int | None
    in_range_minutes: str | None
    out_of_range_minutes: str | None
    not_measured_minutes: str | None
    measured_minutes: str | None
    bypass_minutes: str | None = Field(description="While the control was passed by.")
    bypass_unknown_minutes: str | None


ITEMS: Final[dict[str, type[ViewItem]]] = {
    "energy": EnergyItem,
    "water": WaterItem,
    "air": AirItem,
    "discharges": DischargeItem,
    "waste": WasteItem,
    "substances": SubstanceItem,
    "aspects": AspectItem,
    "controls": ControlItem,
}
"""How the rows of each view are described."""
_OWN: Final = {name: tuple(columns_of(item)[len(ViewItem.model_fields) :]) for name, item in ITEMS.items()}


def view_item(view: str, figure: ViewFigure, now: datetime) -> Item:
    """A figure as an item of its view."""
    told, alone = figure.told, figure.records[0] if len(figure.records) == 1 else None
    columns = dict(told.columns)
    if figure.kind.called is not None:
        columns[figure.kind.called] = told.value
    return {
        "site": figure.site,
        "type": figure.type,
        "scope": figure.scope,
        "plans": list(figure.plans),
        "period": str(figure.stretch.period),
        "start": figure.stretch.start,
        "end": figure.stretch.end,
        "tz": figure.tz,
        "open": figure.stretch.end > now,
        "quantity": told.quantity,
        "value": _shown(told.value),
        "unit": told.unit,
        "quality": str(told.quality),
        "flags": list(figure.flags),
        "coverage_percent": _shown(told.coverage),
        "measured_percent": _shown(told.measured),
        "estimated_percent": _shown(told.estimated),
        "status": str(figure.status),
        "record_id": alone and alone[0],
        "revision": alone and alone[1],
        "lineage": alone and f"{PREFIX}/records/{alone[0]}/lineage?revision={alone[1]}",
        "records": [f"{id_}@{revision}" for id_, revision in figure.records],
        "reason": figure.reason,
        **{name: _shown(columns.get(name)) for name in _OWN[view]},
    }


def _shown(value: object) -> object:
    return digits(value) if isinstance(value, Decimal) else value
