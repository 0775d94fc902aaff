"""History from files of any size: streamed through spool and writer, gone on with after a kill, harmless when done again."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from acceptance.conftest import MakeProduct
from acceptance.product import COMMAND, Product, command

from ems_telemetry.model import Flag

METERS = """
    type: modbus
    endpoint: tcp://127.0.0.1:1
    enabled: false
    site: BER1
    meters:
      - id: EM-01
        unit_id: 1
        points:
          - {id: energy, register: holding, address: 1, type: uint16, scale: 0.1, quantity: active_energy_import, unit: Wh}
          - {id: power, register: holding, address: 3, type: uint16, quantity: active_power, unit: kW, range: [0, 100]}
    """
START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def row(second: int, point: str = "EM-01.energy", value: object = None) -> str:
    return f"{point},{START + timedelta(seconds=second):%Y-%m-%dT%H:%M:%SZ},{second if value is None else value}\n"


def run(product: Product, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return command("backfill", *arguments, "--config", str(product.config))


def test_right_rows_are_stored_in_the_units_of_their_points_and_wrong_ones_told(
    plain_url: str, make_product: MakeProduct, tmp_path: Path
) -> None:
    product = make_product(plain_url, {"hall": METERS})
    file = tmp_path / "history.csv"
    wrong = "".join(row(second, value="n/a") for second in range(100, 125))
    file.write_text("point,time,value\n" + "".join(map(row, range(100))) + wrong + row(0, "EM-01.power", 101))
    first = run(product, str(file))
    assert first.returncode == 1
    said = [line for line in first.stderr.splitlines() if line.startswith(str(file))]
    assert [line.split(":")[1] for line in said] == [str(line) for line in range(102, 122)]
    assert "and 5 more rows are wrong" in first.stderr
    assert first.stdout == "126 rows read, 25 of them wrong and left out\n101 readings: 101 new, 0 known already\n"
    assert "101 readings: 0 new, 101 known already" in run(product, str(file)).stdout
    values = product.values("EM-01.energy")
    assert [(time, value) for time, value, *_ in values] == [
        (START + timedelta(seconds=second), second / 1000) for second in range(100)
    ]
    assert all(flags == Flag.BACKFILLED for *_, flags, _ in values)
    assert [(value, flags) for _, value, _, flags, _ in product.values("EM-01.power")] == [
        (None, Flag.BACKFILLED | Flag.OUT_OF_RANGE)
    ]


def test_a_run_that_was_killed_goes_on_where_it_stopped_beside_a_running_service(
    timescaledb_url: str, make_product: MakeProduct, tmp_path: Path
) -> None:
    product = make_product(timescaledb_url, {"hall": METERS})
    count = 40_000
    file = tmp_path / "history.ndjson"
    lines = (row(second).strip().split(",") for second in range(count))
    file.write_text("".join(f'{{"point": "{point}", "time": "{time}", "value": {value}}}\n' for point, time, value in lines))
    product.start()
    product.wait_until_ready()
    with subprocess.Popen([*COMMAND, "backfill", str(file), "--config", str(product.config)]) as running:  # noqa: S603 - ourselves
        product.wait_for(lambda: any((product.folder / "var" / "spool").glob("backfill/*.json")), "the first portion")
        running.kill()
    second = run(product, str(file), "--json")
    assert second.returncode == 0, second.stderr
    told = json.loads(second.stdout)
    assert (told["rows"], told["wrong"], told["stored"]) == (count, 0, False)
    assert told["resumed_at"] > 1
    assert told["taken"] < count
    product.wait_for(lambda: product.rows("SELECT count(*) FROM readings") == [(count,)], "all rows")
    assert not any((product.folder / "var" / "spool").glob("backfill/*.json"))
    assert product.stop() == 0
    assert product.rows("SELECT count(*) FROM dead_letters") == [(0,)]
