"""Readings from a sheet, and what the API makes of them: the examples of the calculation rules, to the last digit."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from acceptance.conftest import MakeProduct
from acceptance.product import Product, command

HAND = """
    type: manual
    site: BER1
    meters:
      - id: EM-01
        medium: electricity
        points:
          - {id: energy, quantity: active_energy_import, unit: kWh, kind: counter, expected_interval: 10m}
          - {id: total, quantity: active_energy_import, unit: kWh, kind: counter, expected_interval: 1m}
          - {id: power, quantity: active_power, unit: kW, max_gap: 15m}
    """
SHEET = """\
point,time,value
EM-01.energy,2026-03-02T09:58:00Z,1000.0
EM-01.energy,2026-03-02T10:13:00Z,1015.0
EM-01.energy,2026-03-02T10:28:00Z,1033.0
EM-01.total,2026-03-02T23:59:48Z,38312088
EM-01.total,2026-03-03T06:14:49Z,38315900
EM-01.power,2026-03-02T10:00:00Z,100
EM-01.power,2026-03-02T10:05:00Z,130
EM-01.power,2026-03-02T10:12:00Z,70
"""


def intervals(product: Product, point: str, period: str, since: str, until: str, partial: str = "") -> list[dict[str, Any]]:
    found = product.get(f"/api/v1/points/{point}/intervals?period={period}&from={since}&to={until}{partial}")["items"]
    return list(found)


@pytest.mark.parametrize("database", ["timescaledb_url", "plain_url"])
def test_a_sheet_becomes_increments_means_and_estimates(
    request: pytest.FixtureRequest, database: str, make_product: MakeProduct, tmp_path: Path
) -> None:
    product = make_product(request.getfixturevalue(database), {"hand": HAND})
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(SHEET)
    product.start()
    product.wait_until_ready()
    done = command("import", str(sheet), "--config", str(product.config))
    assert done.returncode == 0, done.stderr
    night = ("EM-01.total", "1h", "2026-03-02T23:00:00Z", "2026-03-03T07:00:00Z")
    product.wait_for(lambda: any(item["exact"] for item in intervals(product, *night)), "intervals")

    # CR-2: the register at the edges, not the first and last reading within.
    (quarter,) = intervals(product, "EM-01.energy", "15m", "2026-03-02T10:00:00Z", "2026-03-02T10:15:00Z")
    assert (quarter["exact"], quarter["value"], quarter["coverage"]) == ("15.4", 15.4, 1.0)

    # CR-6: what was counted over a silence is distributed, told as estimated, and its sum is exact.
    assert intervals(product, *night)[0]["exact"] is None, "of most of the hour nothing is known"
    hours = intervals(product, *night, "&partial=true")
    amounts = [Decimal(hour["exact"]) for hour in hours]
    assert [round(amount, 6) for amount in amounts] == [
        Decimal("2.032976"),
        *[Decimal("609.892894")] * 6,
        Decimal("150.609662"),
    ]
    assert sum(amounts) == 3812
    assert all("estimated" in hour["flags"] and hour["coverage"] == 0 for hour in hours[1:7])

    # CR-9: a mean over time; the mean of the three readings would be 100.
    (mean,) = intervals(product, "EM-01.power", "15m", "2026-03-02T10:00:00Z", "2026-03-02T10:15:00Z")
    assert (mean["value"], mean["min"], mean["max"], mean["samples"]) == (108.0, 70.0, 130.0, 3)

    # CR-7: nothing is known of the quarter before the first reading, and that is not zero.
    (before,) = intervals(product, "EM-01.power", "15m", "2026-03-02T10:45:00Z", "2026-03-02T11:00:00Z")
    assert (before["value"], before["coverage"], before["flags"]) == (None, 0.0, ["missing"])
    assert product.stop() == 0
