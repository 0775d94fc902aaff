"""What a method is: it gathers inputs once, and makes the same figure of the same inputs for ever.

A released version never changes its outcome: what has to be computed otherwise is a new version beside it, and records keep the
one they were made with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from ems_telemetry.intervals.calendar import Period
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.kinds import RecordQuality, RecordType

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One thing the monitoring plan asks for: which record, of what, by which method, how often."""

    id: str
    revision: int
    """0 of what is planned without anybody asking."""
    site: str
    scope: str
    method: str
    """Name and version, as `water_balance@1`."""
    period: Period
    params: Json
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    retention_class: str = "ems_record"


@dataclass(frozen=True, slots=True)
class Asked:
    """A period `[start, end)` of a plan item, by the clock of the site."""

    item: PlanItem
    start: datetime
    end: datetime
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Figure:
    """What a method makes of its inputs. Shares are in percent; `value` is null where it cannot be told, never zero then.

    `details` hold what the type of record has besides; decimals and times in it are as they are, no floats.
    """

    value: Decimal | None
    unit: str | None
    quality: RecordQuality
    quantity: str | None = None
    coverage: Decimal | None = None
    measured: Decimal | None = None
    estimated: Decimal | None = None
    flags: Sequence[str] = ()
    details: Json = field(default_factory=dict)


class Method(Protocol):
    """A version of a method.

    `gather` is asked as often as a record is looked at and reads through `sources` alone, which notes what was read; what it
    gives is JSON whose numbers are words of digits, and is kept with the record. `compute` is pure, and must never change.
    """

    name: str
    version: int
    record: RecordType
    formula: str
    """What it computes, for people, with its source."""
    params: type[BaseModel]
    """What a plan item may say."""

    async def gather(self, sources: Sources, asked: Asked) -> Json:
        """Reads what the figure is made of.

        Raises:
            CannotComputeError: something without which no figure can be made is not there.
        """

    def compute(self, inputs: Json) -> Figure:
        """Makes the figure.

        Raises:
            CannotComputeError: the inputs do not allow one.
        """


def method_id(method: Method) -> str:
    """Names a version of a method, as records do: `period_total@1`."""
    return f"{method.name}@{method.version}"
