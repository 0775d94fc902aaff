"""The views: which records each is of, which columns they have, and what they may be kept apart by. A new one is a row here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.viewing import told, told_controls, told_releases
from ems_telemetry.records.viewing.columns import (
    ALONE,
    AMOUNT,
    CLOSING,
    HIGHEST,
    HIGHEST_THERE,
    LABEL,
    LOWEST,
    OPENING,
    Column,
    How,
)
from ems_telemetry.records.viewing.told import Told
from ems_telemetry.storage.record_views import ViewRow

SCOPE: Final = "scope"
PLAN: Final = "plan"


@dataclass(frozen=True, slots=True)
class Kind:
    """How records of one kind are told.

    `value` is how their figure is put together, `called` the column that names it; `parts` splits a record where it is to be
    kept apart by one of `split`.
    Figures that differ in a column of `apart` are never put together.
    """

    name: str
    whole: Callable[[ViewRow], Told]
    columns: Mapping[str, Column]
    value: Column = AMOUNT
    called: str | None = None
    parts: Callable[[ViewRow], Sequence[Told]] | None = None
    split: frozenset[str] = frozenset()
    apart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """Records of some types as one table; `kind_of` gives None for a record that belongs elsewhere."""

    name: str
    path: str
    types: tuple[RecordType, ...]
    kind_of: Callable[[ViewRow], Kind | None]
    groups: tuple[str, ...]
    """The columns that it may be kept apart by, beside what holds of all: `scope` and `plan`."""

    @property
    def words(self) -> tuple[str, ...]:
        """All that `group_by` may say."""
        return (*self.groups, SCOPE, PLAN)


def _columns(**groups: str) -> dict[str, Column]:
    """Gives columns by how they are put together, each group as names with blanks between them."""
    hows = {
        "amounts": AMOUNT,
        "labels": LABEL,
        "alone": ALONE,
        "highest": HIGHEST,
        "highest_there": HIGHEST_THERE,
        "lowest": LOWEST,
    }
    return {name: hows[how] for how, names in groups.items() for name in names.split()}


_BESIDE_PEAK: Final = Column(How.BESIDE, How.ALONE, by="peak_demand")
ENERGY: Final = Kind(
    "energy",
    told.energy,
    {
        **_columns(
            labels="carrier use area cost_centre renewable",
            amounts="measured_kwh corrected_kwh substituted_kwh renewable_kwh",
            highest="peak_demand",
            highest_there="unconfirmed_peak",
        ),
        "renewable_percent": Column(How.SHARE, How.SHARE, by="renewable_kwh", within=("value",)),
        "peak_demand_unit": _BESIDE_PEAK,
        "peak_demand_at": _BESIDE_PEAK,
    },
    parts=told.energy_by_point,
    split=frozenset({"carrier", "use", "area", "cost_centre", "renewable"}),
)
WATER: Final = Kind(
    "water",
    told.water,
    {
        **_columns(labels="source stress_area", amounts="withdrawal_m3 discharge_m3 consumption_m3 reuse_m3"),
        "reuse_percent": Column(How.SHARE, How.SHARE, by="reuse_m3", within=("withdrawal_m3", "reuse_m3")),
    },
    parts=told.water_by_source,
    split=frozenset({"source"}),
)
AIR_AVERAGE: Final = Kind(
    "air_average",
    told_releases.air_average,
    _columns(
        labels="pollutant stack elv ci_percent reference_oxygen_percent dry block",
        amounts="valid_blocks due_blocks excluded_blocks invalid_days",
        alone="raw normalised validated",
    ),
    value=ALONE,
    apart=("pollutant",),
)
_MASS_COLUMNS: Final = {
    **_columns(
        labels="pollutant stack outfall parameter block concentration_unit volume_unit",
        amounts="volume substituted_kg blocks used_blocks not_operating_blocks substituted_blocks "
        "without_concentration_blocks without_volume_blocks without_both_blocks",
    ),
    "flow_weighted": Column(How.MEAN, How.MEAN, by="volume"),
}
AIR_MASS: Final = Kind(
    "air_mass", told_releases.mass, _MASS_COLUMNS, called="mass_kg", apart=("pollutant", "concentration_unit")
)
WATER_MASS: Final = Kind(
    "water_mass", told_releases.mass, _MASS_COLUMNS, called="load_kg", apart=("parameter", "concentration_unit")
)
DISCHARGE: Final = Kind(
    "discharge",
    told_releases.discharge,
    {
        **_columns(
            labels="outfall parameter averaging non_detects daily_limit no_data no_data_code",
            amounts="n samples missing exceedances load_days",
            alone="arithmetic_mean geometric_mean average_text minimum_text maximum_text",
            highest="maximum load_maximum_kg_per_day",
            lowest="minimum",
        ),
        "load_average_kg_per_day": Column(How.MEAN, How.ALONE, by="load_days"),
    },
    value=ALONE,
    apart=("parameter", "averaging"),
)
PH: Final = Kind(
    "ph",
    told_releases.ph,
    {
        **_columns(
            labels="outfall parameter", amounts="minutes_outside measured_minutes", alone="verdict", highest="maximum",
            lowest="minimum",
        ),
        "percent_in_range": Column(How.MEAN, How.ALONE, by="measured_minutes"),
    },
    apart=("parameter",),
)  # fmt: skip
WASTE: Final = Kind(
    "waste",
    told.waste,
    {
        **_columns(
            labels="code hazardous operation treatment",
            amounts="hazardous_kg non_hazardous_kg recovered_kg disposed_kg movements",
        ),
        "lots_in_store": CLOSING,
        "lots_too_long": Column(How.MOST, How.ADD),
        "longest_storage_days": Column(How.MOST, How.MOST, may_lack=True),
        "next_due": Column(How.LAST, How.LEAST, may_lack=True),
    },
    parts=told.waste_by_code,
    split=frozenset({"code", "hazardous", "operation", "treatment"}),
)
SUBSTANCE: Final = Kind(
    "substance",
    told.substance,
    {
        **_columns(
            labels="substance name cas sds_revision location",
            amounts="in_kg used_kg out_kg",
            alone="unaccounted_percent",
            highest="max_stored_kg max_stored_percent",
        ),
        "max_quantity_kg": Column(How.SAME, How.ALONE),
        "opening_kg": OPENING,
        "closing_kg": CLOSING,
        "opening_at": Column(How.FIRST, How.SAME),
        "closing_at": Column(How.LAST, How.SAME),
    },
    called="unaccounted_kg",
)

ASPECT: Final = Kind(
    "aspect",
    told_controls.aspect,
    {
        **_columns(
            labels="aspect",
            amounts="normal abnormal emergency normal_hours abnormal_hours emergency_hours total",
            alone="before change change_percent",
        ),
        "unknown": Column(How.ADD, How.ADD, may_lack=True),
        "unknown_hours": Column(How.ADD, How.ADD, may_lack=True),
        "share_percent": Column(How.SHARE, How.SHARE, by="value", within=("total",)),
    },
    apart=("aspect",),
)
CONTROL: Final = Kind(
    "control",
    told_controls.control,
    {
        **_columns(
            labels="point criteria required_percent",
            amounts="excursions in_range_minutes out_of_range_minutes not_measured_minutes measured_minutes",
            alone="verdict",
        ),
        "bypass_minutes": Column(How.ADD, How.ADD, may_lack=True),
        "bypass_unknown_minutes": Column(How.ADD, How.ADD, may_lack=True),
    },
    value=Column(How.MEAN, How.ALONE, by="measured_minutes"),
    called="in_range_percent",
    apart=("point", "criteria"),
)


def _air(row: ViewRow) -> Kind | None:
    if row.type == RecordType.AIR_EMISSION:
        return AIR_AVERAGE
    return None if told_releases.is_to_water(row) else AIR_MASS


def _to_water(row: ViewRow) -> Kind | None:
    if row.type == RecordType.EMISSION_MASS:
        return WATER_MASS if told_releases.is_to_water(row) else None
    return PH if row.method.partition("@")[0] == "ph_control" else DISCHARGE


VIEWS: Final[Mapping[str, View]] = {
    view.name: view
    for view in (
        View(
            "energy", "energy", (RecordType.ENERGY,), lambda _: ENERGY, ("carrier", "use", "area", "cost_centre", "renewable")
        ),
        View("water", "water", (RecordType.WATER_BALANCE,), lambda _: WATER, ("source",)),
        View("air", "emissions/air", (RecordType.AIR_EMISSION, RecordType.EMISSION_MASS), _air, ("pollutant", "stack")),
        View("discharges", "discharges", (RecordType.DISCHARGE, RecordType.EMISSION_MASS), _to_water, ("outfall", "parameter")),
        View("waste", "waste", (RecordType.WASTE_SUMMARY,), lambda _: WASTE, ("code", "hazardous", "operation", "treatment")),
        View(
            "substances",
            "substance-balances",
            (RecordType.SUBSTANCE_BALANCE,),
            lambda _: SUBSTANCE,
            ("substance", "cas", "location"),
        ),
        View("aspects", "aspects", (RecordType.ASPECT_MAGNITUDE,), lambda _: ASPECT, ("aspect",)),
        View("controls", "controls", (RecordType.OPERATIONAL_CONTROL,), lambda _: CONTROL, ("point",)),
    )
}
