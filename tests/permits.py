"""A permit with a limit on the half-hours of a stack, as tests state it."""

from datetime import datetime, timedelta
from typing import Any

from record_plant import MARCH, NOX, Plant

PERMIT = {"reference": "Permit 12/2024", "issuer": "Regional authority", "title": "Operation of boiler 2"}
HALF_HOURS = {
    "obligation": "O-1", "parameter": "NOx", "point": NOX, "unit": "mg/Nm3", "statistic": "half_hour_mean", "value": "200",
    "block_validity": "eu_cems_half_hour@1", "required_percent": "75",
}  # fmt: skip


async def permit(plant: Plant, *, since: datetime = MARCH, every: str = "1d", **said: Any) -> None:  # noqa: ANN401  # any field
    """States a permit with the limit L-1 and lets the plan evaluate it."""
    await plant.state("obligation", "O-1", PERMIT, since=since)
    await plant.state("limit", "L-1", HALF_HOURS | said, since=since)
    item = {"method": "compliance@1", "scope": "L-1", "period": every, "params": {"limit": "L-1"}}
    await plant.state("plan", "P-1", item, since=since)


def day(*half_hours: str | None, fill: str | None = "150") -> list[str | None]:
    """Gives the quarters of a day that begins with these half-hours; the others are as `fill` says."""
    known = [each for each in half_hours for _ in range(2)]
    return known + [fill] * (96 - len(known))


async def close_day(plant: Plant, start: datetime = MARCH) -> None:
    """Closes the day that begins then."""
    plant.go_to(start + timedelta(days=3, hours=1))
    await plant.catch_up()
