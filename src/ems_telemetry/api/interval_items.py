"""What items of interval data look like: described for OpenAPI, and made of plain values; see `items`."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from pydantic import AwareDatetime, BaseModel, Field, WithJsonSchema

from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.storage.interval_series import Series

FLAGS = tuple((int(flag), str(flag.name).lower()) for flag in IntervalFlag)
_START, _END = "2026-03-02T10:00:00Z", "2026-03-02T10:15:00Z"
IntervalFlagNames = Annotated[
    list[str], WithJsonSchema({"type": "array", "items": {"type": "string", "enum": [name for _, name in FLAGS]}})
]
_EXACT = "The value as a word of digits, where it is exact (what was counted); null for means."
_COVERAGE = "Share of the time that was measured, 0 to 1; what was distributed over a gap is not."


class Interval(BaseModel):
    """What the readings of a point come to between two instants."""

    start: AwareDatetime = Field(description="It is `[start, end)`.", examples=[_START])
    end: AwareDatetime = Field(examples=[_END])
    value: float | None = Field(
        description="Counters and totals: what was counted. Gauges: the mean over time. Null where not known, never zero.",
        examples=[15.4],
    )
    exact: str | None = Field(description=_EXACT, examples=["15.4"])
    min: float | None = Field(description="The least usable reading within; of counters, of the register.", examples=[1000.0])
    max: float | None = Field(examples=[1015.0])
    samples: int = Field(description="Usable readings within.", examples=[90])
    expected: int | None = Field(description="Readings that were due within; null where that is not known.", examples=[90])
    coverage: float = Field(description=_COVERAGE, examples=[1.0])
    quality: Literal[0, 64, 192] = Field(description="192 good, 64 uncertain, 0 bad.", examples=[192])
    flags: IntervalFlagNames = Field(description="Why the interval is as it is.", examples=[[]])
    revision: int = Field(description="0 as long as the interval lasts, then counted up with every change.", examples=[1])


class IntervalItem(msgspec.Struct, frozen=True, gc=False):
    """An item of `Interval`. It is made by the ten thousand and is part of no circle that would have to be looked for."""

    start: datetime
    end: datetime
    value: float | None
    exact: str | None
    min: float | None
    max: float | None
    samples: int
    expected: int | None
    coverage: float
    quality: int
    flags: list[str]
    revision: int


class IntervalColumns(BaseModel):
    """The same with one list per field, all of one length; with `layout=columns`."""

    columns: dict[str, list[str | float | list[str] | None]]
    next: str | None = Field(description="The cursor of the following page; null on the last one.")


class Consumption(BaseModel):
    """What was counted in a period, added up over meters. A field that is not grouped by is null."""

    start: AwareDatetime = Field(description="It is `[start, end)`.", examples=["2026-02-28T23:00:00Z"])
    end: AwareDatetime = Field(examples=["2026-03-31T22:00:00Z"])
    open: bool = Field(description="True while the period lasts: it is counted up to now.", examples=[False])
    site: str | None = Field(examples=["BER1"])
    area: str | None = Field(examples=[None])
    medium: str | None = Field(examples=["electricity"])
    meter: str | None = Field(examples=[None])
    point: str | None = Field(examples=[None])
    quantity: str = Field(
        description="Quantities are never added to one another; export never lessens import.", examples=["active_energy_import"]
    )
    unit: str = Field(examples=["kWh"])
    value: float | None = Field(
        description="Null where a part is not known, never zero; `partial=true` gives what is there.", examples=[71500.0]
    )
    exact: str | None = Field(description="The same as a word of digits, exactly.", examples=["71500"])
    coverage: float = Field(description="Share of the time of all its points that was measured, 0 to 1.", examples=[0.9722])
    measured_percent: float = Field(description="The same in percent.", examples=[97.22])
    estimated_percent: float = Field(
        description="How much of the time is in the value and was distributed over a gap, in percent.", examples=[2.78]
    )
    quality: Literal[0, 64, 192] = Field(description="The worst of what went in; 0 where the value is null.", examples=[192])
    flags: IntervalFlagNames = Field(examples=[["estimated"]])
    points: int = Field(description="How many points were added up.", examples=[3])
    points_missing: int = Field(description="How many of them lack something.", examples=[0])


class Completeness(BaseModel):
    """How much of a period was measured. `expected` = `measured` + `substituted` + `missing`, in quarters and in readings."""

    start: AwareDatetime = Field(description="It is `[start, end)`.", examples=["2026-02-28T23:00:00Z"])
    end: AwareDatetime = Field(examples=["2026-03-31T22:00:00Z"])
    open: bool = Field(description="True while the period lasts: it is counted up to now.", examples=[False])
    point: str = Field(examples=["EM-01.energy_import"])
    meter: str = Field(examples=["EM-01"])
    site: str = Field(examples=["BER1"])
    expected: int = Field(
        description="Quarters of an hour that were due, from the first reading of the point on.", examples=[2972]
    )
    measured: float = Field(description="How much of them was measured; a quarter may be so in part.", examples=[2900.5])
    substituted: float = Field(description="How much was substituted. Nothing is, so far.", examples=[0])
    missing: float = Field(description="What was neither; what was estimated is among it.", examples=[71.5])
    estimated: float = Field(description="How much of `missing` has a value that was distributed over a gap.", examples=[70.0])
    measured_percent: float | None = Field(examples=[97.59])
    substituted_percent: float | None = Field(examples=[0.0])
    missing_percent: float | None = Field(examples=[2.41])
    estimated_percent: float | None = Field(examples=[2.36])
    readings_expected: int | None = Field(
        description="Readings that were due; null where no interval is expected of the point.", examples=[267480]
    )
    readings: int = Field(description="Usable readings that are there.", examples=[261040])
    readings_missing: int | None = Field(description="Those due that are not there.", examples=[6440])


class Balance(BaseModel):
    """A meter against the meters behind it."""

    start: AwareDatetime = Field(description="It is `[start, end)`.", examples=["2026-02-28T23:00:00Z"])
    end: AwareDatetime = Field(examples=["2026-03-31T22:00:00Z"])
    open: bool = Field(description="True while the period lasts.", examples=[False])
    quantity: str = Field(examples=["active_energy_import"])
    unit: str = Field(examples=["kWh"])
    main: str | None = Field(description="What the meter counted; a word of digits.", examples=["1000"])
    sum: str | None = Field(description="What those behind it counted; null if one of them is not known.", examples=["950"])
    residual: str | None = Field(description="`main` less `sum`.", examples=["50"])
    residual_percent: float | None = Field(description="Of `main`.", examples=[5.0])
    u: float | None = Field(
        description="Standard uncertainty of the residual: the root of the squares' sum; null where a meter has none.",
        examples=[15.13],
    )
    verdict: Literal["ok", "unmetered", "negative"] | None = Field(
        description="`ok` within 2 u or the tolerance, `unmetered` above, `negative` below; null where it cannot be told.",
        examples=["unmetered"],
    )
    submeters: int = Field(examples=[3])
    missing: list[str] = Field(description="The points that are not known.", examples=[[]])


class Peak(BaseModel):
    """A block of time with a high mean."""

    start: AwareDatetime = Field(description="It is `[start, end)`.", examples=[_START])
    end: AwareDatetime = Field(examples=[_END])
    value: float = Field(description="The mean over the block; of an energy, the power that it comes to.", examples=[455.6])
    unit: str = Field(examples=["kW"])
    coverage: float = Field(description=_COVERAGE, examples=[1.0])
    flags: IntervalFlagNames = Field(examples=[[]])


class Peaks(BaseModel):
    """The highest blocks of a point."""

    point: str = Field(examples=["EM-01.active_power"])
    peaks: list[Peak] = Field(description="The highest first; of equal ones the earliest.")
    unconfirmed_peak: Peak | None = Field(
        description="The highest block that is not wholly measured, where it is higher than the first of `peaks`."
    )
    blocks: int = Field(description="How many blocks could have counted.", examples=[2972])
    skipped: int = Field(description="How many of them were not wholly measured.", examples=[3])


class Register(BaseModel):
    """What an event says of a register, in the unit of the point; words of digits."""

    point: str = Field(examples=["EM-01.energy_import"])
    final: str | None = Field(description="Where it stood last before.", examples=["12352.5"])
    initial: str | None = Field(description="Where it stood first after.", examples=["3.2"])
    multiplier: str | None = Field(
        description="From then on, increments count so many times; as before where null.", examples=["40"]
    )


class MeterEvent(BaseModel):
    """What happened to a meter, as somebody declared it."""

    id: UUID
    meter: str = Field(examples=["EM-01"])
    type: Literal["replacement", "reset", "rollover", "ratio_change"] = Field(examples=["replacement"])
    at: AwareDatetime = Field(examples=[_START])
    author: str = Field(examples=["J. Doe"])
    reason: str = Field(examples=["calibration period ended"])
    registers: list[Register]
    recorded_at: AwareDatetime = Field(examples=[_END])
    voided_at: AwareDatetime | None = Field(description="When it was declared void; null while it holds.", examples=[None])
    voided_by: str | None = Field(examples=[None])
    void_reason: str | None = Field(examples=[None])


@lru_cache(maxsize=4_096)
def interval_flag_names(mask: int) -> list[str]:
    """Spells out the bits of an interval's flags. The list is shared: it is for writing only."""
    return [name for bit, name in FLAGS if mask & bit]


def interval_items(edges: Sequence[datetime], series: Series) -> list[IntervalItem]:
    """Makes items of `Interval` of adjacent intervals, n of n + 1 edges."""
    return list(
        map(
            IntervalItem,
            edges[:-1],
            edges[1:],
            series.value,
            series.exact,
            series.min,
            series.max,
            series.samples,
            series.expected,
            series.coverage,
            series.quality,
            map(interval_flag_names, series.flags),
            series.revision,
        )
    )


def digits(exact: Decimal | None) -> str | None:
    """Writes an exact value without exponent and without zeros at its end."""
    if exact is None:
        return None
    text = f"{exact:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
