"""Inputs of evaluations as they are kept, for tests of what is computed from them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain, repeat
from typing import Any

from ems_telemetry.evidence.canonical import canonical
from ems_telemetry.records.keeping.making import as_inputs
from ems_telemetry.records.method import Figure
from ems_telemetry.records.methods.compliance import Compliance
from ems_telemetry.records.registers.obligations import LimitBody

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
QUARTERS_A_DAY = 96
Values = Sequence[Decimal | str | None]


def limit(**said: Any) -> dict[str, Any]:  # noqa: ANN401  # whatever a limit may say
    """Words a limit on the hours of a point; what is said wins."""
    body = {
        "obligation": "O-1", "parameter": "NOx", "point": "ST-01.nox", "unit": "mg/Nm3", "statistic": "hourly_mean",
        "value": "200", "block_validity": "eu_ets_hour@1", "required_percent": "75",
    }  # fmt: skip
    merged = {name: value for name, value in (body | said).items() if value is not None}
    return LimitBody.model_validate(merged).model_dump(mode="json", by_alias=True)


def hours(*values: str | int | None) -> list[str | None]:
    """Gives the quarters of hours that are even."""
    return list(chain.from_iterable(repeat(None if each is None else str(each), 4) for each in values))


def quarters(values: Values, *, start: datetime = JANUARY, **other: Any) -> dict[str, Any]:  # noqa: ANN401  # of any column
    """Gives quarters of a point as inputs have them; all of one that has a value was measured, if not said otherwise."""
    series = {
        "point": "ST-01.nox", "quantity": "concentration", "additive": False, "start": start, "values": list(values),
        "covered_s": ["0" if each is None else "900" for each in values], "range": None, "codes": None, "substituted": [],
        "uncertain": False, "flags": [],
    }  # fmt: skip
    return series | {name: list(each) if isinstance(each, range) else each for name, each in other.items()}


def daily_records(*results: str | None) -> dict[str, Any]:
    """Gives a record a day; `<2` is below the detection limit 2."""
    rows = []
    for place, told in enumerate(results):
        below = told is not None and told.startswith("<")
        rows.append(
            {
                "id": f"R-{place}", "revision": 1, "start": JANUARY + timedelta(days=place),
                "end": JANUARY + timedelta(days=place + 1), "value": None if below else told,
                "qualifier": "<" if below else None, "lod": told[1:] if below and told is not None else None,
            }
        )  # fmt: skip
    return {"plan": "samples", "rows": rows}


def part(
    body: Mapping[str, Any], series: Mapping[str, Any], start: datetime, end: datetime, revision: int = 1
) -> dict[str, Any]:
    """Gives the part of a period in which a revision is in force."""
    obligation = {"id": "O-1", "revision": 1, "reference": "Permit 12/2024"}
    return {
        "start": start, "end": end, "revision": revision, "limit": dict(body), "obligation": obligation, "series": dict(series),
    }  # fmt: skip


def judged(body: Mapping[str, Any], series: Mapping[str, Any], days: int = 1, start: datetime = JANUARY) -> Figure:
    """Evaluates days from a midnight on by one revision."""
    end = start + timedelta(days=days)
    return computed([part(body, series, start, end)], start, end)


def computed(
    parts: Sequence[Mapping[str, Any]],
    start: datetime,
    end: datetime,
    zone: str = "UTC",
    former: Sequence[Mapping[str, Any]] | None = None,
) -> Figure:
    """Evaluates parts; without `former`, as inputs were kept that do not tell of the period before."""
    inputs: dict[str, Any] = {"limit": "L-1", "zone": zone, "start": start, "end": end, "parts": list(parts)}
    inputs |= {} if former is None else {"former": list(former)}
    return Compliance().compute(as_inputs(canonical(inputs)))
