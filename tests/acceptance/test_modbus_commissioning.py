"""From a line nobody configured by hand to rows in the database: scan and write, check, look, run."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance.conftest import MakeProduct
from acceptance.product import Product, command
from servers.meter_model import model
from servers.modbus import LOOPBACK, ModbusTkServer, modbus_tk
from servers.node_modbus import node_modbus_server
from servers.process import serving

from ems_telemetry.connectors.modbus.library import Library

MODELS = {3: "eastron/sdm630", 7: "sunspec/meter"}
UNKNOWN = 9
SERVED = {unit: model(Library().find(name).read()) for unit, name in MODELS.items()}


@pytest.fixture
def line() -> Iterator[ModbusTkServer]:
    with modbus_tk({(UNKNOWN, "holding", 0): [0x4366, 0x0000, 1, 2]}) as server:
        for unit, modelled in SERVED.items():
            modelled.serve(server, unit)
        yield server


def test_an_unknown_line_becomes_a_running_connector(line: ModbusTkServer, plain_url: str, make_product: MakeProduct) -> None:
    product = make_product(plain_url, {})
    file = product.folder / "connectors" / "line.yaml"
    endpoint = f"tcp://{LOOPBACK}:{line.port}"
    options = ("--units", "3-9", "--timeout", "0.1", "--json", "--write", str(file))
    found = verb(product, "modbus", "scan", endpoint, *options)
    assert {unit["unit"]: unit["sunspec_models"] for unit in json.loads(found)} == {3: [], 7: [1, 201], UNKNOWN: []}

    # What the scan cannot know it asks: which of the models that look alike it is.
    file.write_text(file.read_text().replace(profile_of(file, 3), MODELS[3]))
    keys = {point["point"] for point in json.loads(verb(product, "check", "--json"))["points"]}
    seen = json.loads(verb(product, "check", "--live", "--json"))["points"]
    assert {point["point"] for point in seen} == keys
    assert {point["quality"] for point in seen} == {"good"}

    product.start()
    product.wait_until_ready()
    product.wait_for(lambda: all(product.values(key) for key in keys), "a row for every point")
    assert product.stop() == 0
    for unit, modelled in SERVED.items():
        [key] = [key for key in keys if key.endswith(f"-{unit:02d}.frequency")]
        assert product.values(key)[0][1] == modelled.expected["frequency"]


def test_a_device_says_what_it_is_and_its_registers_are_read_by_hand(tmp_path: Path) -> None:
    with serving(node_modbus_server(tmp_path)) as server:
        endpoint = f"tcp://{LOOPBACK}:{server.port}"
        scanned = command("modbus", "scan", endpoint, "--units", "1,2", "--json", cwd=tmp_path)
        assert scanned.returncode == 0, scanned.stderr
        assert {unit["says"]["vendor"] for unit in json.loads(scanned.stdout)} == {"ACME"}
        read = command("modbus", "read", endpoint, "holding:40-41", "holding:900", "--unit", "2", "--json", cwd=tmp_path)
        assert read.returncode == 1
        right, busy = json.loads(read.stdout)
        assert right["registers"] == [2040, 2041]
        assert busy["problem"] == "exception 6, device busy"


@pytest.mark.endurance
def test_an_endpoint_that_is_not_there_and_a_line_nobody_answers_on_are_told(tmp_path: Path, line: ModbusTkServer) -> None:
    absent = command("modbus", "scan", "tcp://127.0.0.1:1", "--units", "1", cwd=tmp_path)
    assert absent.returncode == 1
    assert "nobody listens there" in absent.stderr
    endpoint = f"tcp://{LOOPBACK}:{line.port}"
    silent = command("modbus", "scan", endpoint, "--units", "20-22", "--timeout", "0.1", cwd=tmp_path)
    assert silent.returncode == 1
    assert "none of 3 unit(s) answers" in silent.stderr


def verb(product: Product, *arguments: str) -> str:
    done = command(*arguments, "--config", str(product.config))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def profile_of(file: Path, unit: int) -> str:
    after = file.read_text().partition(f"unit_id: {unit}\n")[2]
    return after.partition("profile: ")[2].split()[0]
