"""Interval data is written column by column; to the last byte it is what is written of one row after the other."""

import csv
import io
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import httpx
import msgspec
import pytest

from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.storage.intervals import IntervalRow, put_intervals

from .conftest import START, Plant

KEY = "EM-01.energy_import"
INTERVALS = f"/api/v1/points/{KEY}/intervals"
QUARTER = timedelta(minutes=15)
QUARTERS = 600
EXACT = ["0", "0.00000", "1.50", "-0.10", "100", "1E+3", "1e-12", "12345678901234567890.1234567890", "-7.000", None]
FLOATS = [0.0, -0.0, 15.0, 0.1, -84.2, 1 / 3, 1e-5, 1.25e-7, 9.9999e-5, 1e15, 1e16, 1e22, 1.7976931348623157e308, 5e-324, None]


@pytest.fixture
async def series(plant: Plant) -> list[dict[str, Any]]:
    """Stores quarters of every kind, with holes between, and gives them as they would be written one by one."""
    random, rows = Random(7), []  # noqa: S311 - a seed, so that it is the same each time
    plant.clock.turn((QUARTERS - 0.5) * 900)
    for n in range(QUARTERS - 1):
        exact = random.choice(EXACT)
        row = IntervalRow(
            *(plant.ids[KEY], "15m", START + n * QUARTER, random.choice(FLOATS), None if exact is None else Decimal(exact)),
            *(random.choice(FLOATS), random.choice(FLOATS), random.randrange(1000), random.choice([90, None])),
            *(random.random(), random.choice([0, 64, 192]), random.randrange(2 << 13), True),
        )
        rows += [row] if n == 0 or random.random() < 0.9 else []
    async with plant.database.connection() as connection:
        await put_intervals(connection, rows)
        for revision, divisor in ((2, 3), (17, 11)):
            await connection.execute(
                "UPDATE intervals SET revision = %s WHERE (extract(epoch FROM start) / 900)::int %% %s = 0", (revision, divisor)
            )
        select = (
            "SELECT start, value, exact, min, max, samples, expected, coverage, quality, flags, revision FROM intervals"
            " WHERE point_id = %s AND period = '15m'"
        )
        stored = {row[0]: row for row in await (await connection.execute(select, (plant.ids[KEY],))).fetchall()}
    assert len(stored) < QUARTERS - 20
    return [item(START + n * QUARTER, stored.get(START + n * QUARTER), plant.clock.now()) for n in range(QUARTERS)]


def item(start: datetime, row: tuple[Any, ...] | None, now: datetime) -> dict[str, Any]:
    if row is None:
        flags = 1 if start + QUARTER <= now else 0
        row = (start, None, None, None, None, 0, None, 0.0, 0, flags, 0)
    _, value, exact, least, most, samples, expected, coverage, quality, flags, revision = row
    return {
        "start": start,
        "end": start + QUARTER,
        "value": value,
        "exact": None if exact is None else plain(exact),
        "min": least,
        "max": most,
        "samples": samples,
        "expected": expected,
        "coverage": coverage,
        "quality": quality,
        "flags": [str(flag.name).lower() for flag in IntervalFlag if flags & flag],
        "revision": revision,
    }


def plain(exact: Decimal) -> str:
    text = f"{exact:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def as_csv(items: list[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(items[0])
    writer.writerows([cell(value) for value in listed.values()] for listed in items)
    return text.getvalue().encode()


def cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return " ".join(value) if isinstance(value, list) else value


async def content(api: httpx.AsyncClient, **asked: str | int) -> bytes:
    parameters: Mapping[str, str | int] = {"period": "15m", "limit": 10_000, **asked}
    answer = await api.get(INTERVALS, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.content


async def test_every_format_has_to_the_byte_what_is_written_row_by_row(
    api: httpx.AsyncClient, series: list[dict[str, Any]]
) -> None:
    whole = msgspec.json.Encoder().encode_lines(series)
    assert await content(api, format="ndjson") == whole
    assert await content(api, format="ndjson", all="true") == whole
    assert await content(api) == msgspec.json.encode({"items": series, "next": None})
    columns = {name: [listed[name] for listed in series] for name in series[0]}
    assert await content(api, layout="columns") == msgspec.json.encode({"columns": columns, "next": None})
    assert await content(api, format="csv") == as_csv(series)
    assert await content(api, format="csv", all="true") == as_csv(series)


async def test_a_span_without_holes_has_it_too(api: httpx.AsyncClient, series: list[dict[str, Any]]) -> None:
    stored = [listed for listed in series if listed["revision"] > 0]
    run = next(first for first, listed in enumerate(stored) if stored[first + 3]["start"] - listed["start"] == 3 * QUARTER)
    some = stored[run : run + 4]
    span = {"from": some[0]["start"].isoformat(), "to": some[-1]["end"].isoformat()}
    assert await content(api, format="ndjson", **span) == msgspec.json.Encoder().encode_lines(some)


async def test_an_interval_that_is_stored_off_the_clock_of_today_is_passed_over(plant: Plant, api: httpx.AsyncClient) -> None:
    """The hours of a site whose zone was once another one."""
    plant.clock.turn(4 * 3600)
    await plant.put_quarters(KEY, START, ["1"] * 16)
    await plant.put(KEY, "1h", [(START, "1"), (START + timedelta(minutes=30), "2"), (START + timedelta(hours=1), "3")])
    answer = await api.get(f"{INTERVALS}?period=1h")
    found = [(listed["start"], listed["value"]) for listed in answer.json()["items"]]
    assert found == [
        ("2026-03-02T10:00:00Z", 1.0),
        ("2026-03-02T11:00:00Z", 3.0),
        ("2026-03-02T12:00:00Z", None),
        ("2026-03-02T13:00:00Z", None),
    ]
