"""The parameters of answers by period: spans that may be said in local days, zones, periods and groups."""

import re
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, WithJsonSchema

from ems_telemetry.api.buckets import Period, midnight
from ems_telemetry.api.parameters import Name, PageQuery, Query, WholeQuery
from ems_telemetry.api.problem import Suggestion, wrong_parameter
from ems_telemetry.api.times import parse_time
from ems_telemetry.model import Medium
from ems_telemetry.storage.reading import BEGINNING, END

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def parse_day_or_time(text: object) -> date | datetime:
    """Reads a local day, as 2026-03-01, or an RFC 3339 time with its zone.

    Raises:
        ValueError: in words for the client.
    """
    if isinstance(text, str) and _DAY.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise ValueError("names no day there is") from error
    return parse_time(text)


DayOrTime: TypeAlias = Annotated[
    date | datetime,
    BeforeValidator(parse_day_or_time),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}),
]


class Layout(StrEnum):
    """How JSON sets items out."""

    ROWS = "rows"
    COLUMNS = "columns"


class Group(StrEnum):
    """What totals are kept apart by."""

    SITE = "site"
    AREA = "area"
    MEDIUM = "medium"
    METER = "meter"
    POINT = "point"
    QUANTITY = "quantity"


class SpanOfDays(BaseModel):
    """A span that may be said in local days."""

    from_: DayOrTime | None = Field(
        default=None,
        alias="from",
        description="A local day, as 2026-03-01, or RFC 3339 with zone: periods that begin then or later.",
    )
    to: DayOrTime | None = Field(
        default=None, description="A local day, or RFC 3339 with zone: periods that begin before it. Now, if not said."
    )
    tz: Name | None = Field(
        default=None,
        description="IANA zone whose days, months and years are meant; if not said, that of the site.",
        examples=["Europe/Berlin"],
    )

    def zone(self, otherwise: str) -> ZoneInfo:
        """Gives the zone asked for, or another one.

        Raises:
            ApiError: 422, there is none of that name.
        """
        if self.tz is not None and self.tz not in _zones():
            raise wrong_parameter("tz", self.tz, f"is no IANA zone{Suggestion(self.tz, sorted(_zones()))}")
        return ZoneInfo(self.tz or otherwise)

    def span(self, zone: ZoneInfo, now: datetime) -> tuple[datetime | None, datetime]:
        """Gives the instants asked for; the beginning is None where it is not said.

        Raises:
            ApiError: 422, nothing lies between them.
        """
        since, until = instant_of(self.from_, zone), instant_of(self.to, zone) or now
        if since is not None and self.to is not None and since >= until:
            raise wrong_parameter("from", None, "is not before `to`; nothing lies between them")
        return since, until


class PeriodsQuery(SpanOfDays, PageQuery):
    """A span by periods, in pages."""


class IntervalsQuery(WholeQuery, PeriodsQuery):
    """The intervals of a point."""

    period: Period = Field(default=Period.QUARTER, description="How long each is: `15m`, `1h`, `1d`, `1mo` or `1y`.")
    partial: bool = Field(
        default=False, description="Also sum up where a part is missing: what is there, with its coverage and `incomplete`."
    )
    layout: Layout = Field(default=Layout.ROWS, description="`columns`: one list per field instead of items; JSON only.")


class ConsumptionQuery(PeriodsQuery):
    """What is added up, and by what it is kept apart."""

    period: Period = Field(default=Period.MONTH, description="How long each is: `15m`, `1h`, `1d`, `1mo` or `1y`.")
    site: Name | None = Field(default=None, description="Only what stands at this site.", examples=["BER1"])
    area: Name | None = Field(default=None, description="Only what stands in this area.", examples=["hall-1"])
    medium: Medium | None = Field(default=None, description="Only this medium.")
    quantity: Name | None = Field(default=None, description="Only this quantity.", examples=["active_energy_import"])
    meter: Name | None = Field(default=None, description="Only this meter.", examples=["EM-01"])
    group_by: Annotated[str, StringConstraints(max_length=100)] | None = Field(
        default=None,
        description="What is kept apart beside the quantity: `site`, `area`, `medium`, `meter`, `point`, `quantity`; or "
        "several of them, with commas.",
        examples=["site,medium"],
    )
    partial: bool = Field(
        default=False, description="Also add up where a part is missing: what is there, with its coverage and `incomplete`."
    )
    include_submeters: bool = Field(
        default=False, description="Also count meters behind others that are counted: what they measure is then counted twice."
    )

    @property
    def groups(self) -> tuple[Group, ...]:
        """What is kept apart.

        Raises:
            ApiError: 422, one of the words is not known.
        """
        words = [] if self.group_by is None else [word.strip() for word in self.group_by.split(",")]
        for word in words:
            if word not in set(Group):
                known = list(Group)
                raise wrong_parameter("group_by", word, f"is not one of {', '.join(known)}{Suggestion(word, known)}")
        return tuple(group for group in Group if group in words)


class CompletenessQuery(PeriodsQuery):
    """Whose completeness."""

    period: Period = Field(default=Period.MONTH, description="How long each is: `15m`, `1h`, `1d`, `1mo` or `1y`.")
    site: Name | None = Field(default=None, description="Only what stands at this site.", examples=["BER1"])
    meter: Name | None = Field(default=None, description="Only what belongs to this meter.", examples=["EM-01"])
    point: Name | None = Field(default=None, description="Only this point.", examples=["EM-01.energy_import"])


class BalanceQuery(PeriodsQuery):
    """What is balanced."""

    period: Period = Field(default=Period.MONTH, description="How long each is: `15m`, `1h`, `1d`, `1mo` or `1y`.")
    quantity: Name | None = Field(
        default=None,
        description="Which quantity; needed where the meter counts several.",
        examples=["active_energy_import"],
    )
    tolerance: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description="How much of the meter's total may be missing, in percent; if not said, twice the uncertainty.",
        examples=[3],
    )


class Block(StrEnum):
    """How long a block is."""

    QUARTER = "15m"
    HALF_HOUR = "30m"
    HOUR = "1h"


class PeaksQuery(SpanOfDays, Query):
    """Which peaks."""

    block: Block = Field(default=Block.QUARTER, description="How long a block is: `15m`, `30m` or `1h`.")
    n: int = Field(default=1, ge=1, le=1_000, description="How many of the highest blocks.")
    partial: bool = Field(default=False, description="Also count blocks that are not wholly measured.")


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def instant_of(said: date | datetime | None, zone: ZoneInfo) -> datetime | None:
    """Gives the instant that was said, of a local day its beginning."""
    if said is None or isinstance(said, datetime):
        return said
    try:
        return midnight(said, zone)
    except OverflowError:  # the first or last day of the calendar, which begins outside it in UTC
        return BEGINNING if said == date.min else END
