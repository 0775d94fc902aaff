"""From a server nobody configured by hand to rows in the database: browse and write, check, look, run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from acceptance.conftest import MakeProduct
from acceptance.product import COMMAND, Product, command
from ruamel.yaml import YAML
from servers.node_opcua import NodeOpcuaServer
from servers.process import ServerProcess, free_port, serving

QUANTITIES = {
    "Feeder_A_Meter.active_energy_import": "active_energy_import",
    "Feeder_B_Meter.u_l1_n": "voltage",
    "Halle_2_Sued_West.wasser_zaehler": "water_volume",
    "Halle_2_Sued_West.abwasser_durchfluss": "effluent_flow",
    "Boiler.gas_volume": "gas_volume",
    "Boiler.pressure": "gauge_pressure",
    "Press.running": "operating_state",
    "Feeder_ECM.ac_active_power_total_import15min_completed": "power_demand",
}
LEFT_OUT = ("Press.name", "Press.denied", "Press.profile", "Press.limits", "Boiler.co", "Boiler.pressure_setpoint")


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeOpcuaServer]:
    """A server with machines and meters, which the tests leave as it is."""
    server = NodeOpcuaServer(tmp_path_factory.mktemp("works"), furniture="works")
    with serving(server):
        yield server


def test_an_unknown_server_becomes_a_running_connector(
    works: NodeOpcuaServer, plain_url: str, make_product: MakeProduct
) -> None:
    product = make_product(plain_url, {})
    file = product.folder / "connectors" / "works.yaml"
    written = opcua(product, "browse", works.endpoint, "--write", str(file))
    assert written.returncode == 0, written.stderr

    points = {point["point"]: point for point in json.loads(verb(product, "check", "--json").stdout)["points"]}
    assert {key: points[key]["quantity"] for key in QUANTITIES} == QUANTITIES
    assert not points.keys() & set(LEFT_OUT)
    assert points["Feeder_A_Meter.active_energy_import"]["kind"] == "counter"
    assert points["Boiler.gas_volume"]["source"] == "nsu=urn:plc:air;s=Works.Boiler.GasVolume"

    live = verb(product, "check", "--live", "--json")
    assert live.returncode == 0, live.stdout
    seen = {point["point"]: point for point in json.loads(live.stdout)["points"]}
    assert seen.keys() == points.keys()
    assert seen["Boiler.pressure"]["value"] == 975.0
    assert seen["Boiler.gas_volume"]["device_value"] == 2**53 + 1
    assert not (product.folder / "var" / "spool").exists()

    product.start()
    product.wait_until_ready()
    product.wait_for(lambda: set(stored(product)) == set(points), "a row for every point")
    product.wait_for(lambda: stored(product)["Feeder_A_Meter.active_energy_import"] > 5, "a counter that moves on")
    assert product.stop() == 0
    values = [value for _, value, *_ in product.values("Feeder_A_Meter.active_energy_import")]
    assert values == sorted(values)
    assert product.values("Press.running")[0][1] == 1.0


@pytest.mark.endurance
def test_the_same_server_gives_the_same_file_and_no_file_is_overwritten_unasked(tmp_path: Path) -> None:
    plant = example_plant(tmp_path)
    with serving(NodeOpcuaServer(tmp_path, furniture="air,works")) as server:
        endpoint = f"opc.tcp://127.0.0.1:{server.port}"
        first = command("opcua", "browse", endpoint, "--write", "connectors/first.yaml", cwd=plant)
        assert first.returncode == 0, first.stderr
        text = (plant / "connectors/first.yaml").read_text()
        again = command("opcua", "browse", endpoint, "--write", "connectors/first.yaml", cwd=plant)
        assert again.returncode == 1
        assert "would be overwritten" in again.stderr
        forced = command("opcua", "browse", endpoint, "--write", "connectors/first.yaml", "--force", cwd=plant)
        assert forced.returncode == 0, forced.stderr
    assert (plant / "connectors/first.yaml").read_text() == text
    assert command("check", cwd=plant).returncode == 0


@pytest.mark.endurance
def test_only_the_chosen_nodes_are_written_and_ids_of_other_files_stay_theirs(works: NodeOpcuaServer, tmp_path: Path) -> None:
    plant = example_plant(tmp_path)
    chosen = ("--select", "/Works/Boiler", "--select", "**/Feeder B/**", "--exclude", "*Flow*")
    for name in ("one", "two"):
        done = command("opcua", "browse", works.endpoint, "--write", f"connectors/{name}.yaml", *chosen, cwd=plant)
        assert done.returncode == 0, done.stderr
    one, two = (YAML(typ="safe").load(plant / f"connectors/{name}.yaml") for name in ("one", "two"))
    assert {meter["id"] for meter in one["meters"]} == {"Meter", "Boiler"}
    assert "steam_flow" not in [point["id"] for meter in one["meters"] for point in meter["points"]]
    assert not {meter["id"] for meter in one["meters"]} & {meter["id"] for meter in two["meters"]}
    assert command("check", cwd=plant).returncode == 0


def test_a_node_that_went_bad_is_told_in_words_and_fails_the_look(own_opcua_server: NodeOpcuaServer, tmp_path: Path) -> None:
    plant = example_plant(tmp_path)
    file = plant / "connectors/air.yaml"
    file.write_text(
        f"{{type: opcua, endpoint: '{own_opcua_server.endpoint}', enabled: false, site: BER1, meters: [{{id: CA-91, points: ["
        "{id: pressure, node: 'nsu=urn:plc:air;s=Air.Pressure', quantity: gauge_pressure, unit: bar},"
        "{id: gone, node: 'nsu=urn:plc:air;s=Air.Gone', quantity: gauge_pressure, unit: bar},"
        "{id: by_path, path: '/2:Plant/2:Air.Flow', quantity: gas_flow, unit: Nm3/h}]}]}"
    )
    own_opcua_server.set("Air.Pressure", "Double", 7.5, status="BadSensorFailure")
    done = command("check", "--live", "--connector", "air", "--json", cwd=plant)
    assert done.returncode == 1
    points = {point["point"]: point for point in json.loads(done.stdout)["points"]}
    assert "BadSensorFailure" in points["CA-91.pressure"]["problem"]
    assert "BadNodeIdUnknown" in points["CA-91.gone"]["problem"]
    assert points["CA-91.by_path"]["problem"] is None
    own_opcua_server.kill()
    absent = command("check", "--live", "--connector", "air", cwd=plant)
    assert absent.returncode == 1
    assert "nobody listens there" in absent.stdout
    assert "1 of them out of reach" in absent.stdout


@pytest.mark.endurance
def test_connectors_that_are_not_enabled_or_cannot_be_asked_are_not_looked_at_unless_named(tmp_path: Path) -> None:
    plant = example_plant(tmp_path)
    done = command("check", "--live", cwd=plant)
    assert done.returncode == 0
    assert "cannot be asked: hand-read" in done.stdout
    unknown = command("check", "--live", "--connector", "compresor-plc", cwd=plant)
    assert unknown.returncode == 2
    assert "did you mean compressor-plc?" in unknown.stderr


def test_reading_nodes_tells_each_and_fails_for_the_one_that_is_not_there(works: NodeOpcuaServer, tmp_path: Path) -> None:
    good = command("opcua", "read", works.endpoint, "/Works/Boiler/Pressure", "--json", cwd=tmp_path)
    assert good.returncode == 0, good.stderr
    (told,) = json.loads(good.stdout)["nodes"]
    assert (told["value"], told["unit"], told["quality"], told["status"]) == (9.75, "bar", 192, "Good")
    bad = command("opcua", "read", works.endpoint, "nsu=urn:plc:air;s=Works.Boiler.Pressure", "ns=2;s=Gone", cwd=tmp_path)
    assert bad.returncode == 1
    assert "BadNodeIdUnknown" in bad.stdout
    assert "9.75" in bad.stdout
    assert command("opcua", "read", works.endpoint, "Pressure", cwd=tmp_path).returncode == 2


@pytest.mark.endurance
def test_the_endpoints_of_a_server_are_told_without_a_configuration(tmp_path: Path) -> None:
    with serving(NodeOpcuaServer(tmp_path, secure=1)) as server:
        done = command("opcua", "endpoints", f"opc.tcp://127.0.0.1:{server.port}", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    offers = json.loads(done.stdout)["endpoints"]
    offered = {(offer["policy"], offer["mode"]) for offer in offers}
    assert ("Basic256Sha256", "SignAndEncrypt") in offered
    assert all(offer["usable"] and len(offer["fingerprint"]) == 64 for offer in offers)


def test_a_password_is_never_written_and_never_an_argument(tmp_path: Path) -> None:
    plant = example_plant(tmp_path)
    with serving(simulated_plant(tmp_path)) as server:
        endpoint = f"opc.tcp://127.0.0.1:{server.port}"
        told = ("opcua", "browse", endpoint, "--user", "ems", "--allow-clear-text", "--write", "connectors/plc.yaml")
        without = command(*told, cwd=plant)
        assert without.returncode == 2
        assert "OPCUA_PASSWORD" in without.stderr
        done = command(*told, cwd=plant, environment={"OPCUA_PASSWORD": "secret of the plant"})
        assert done.returncode == 0, done.stderr
        live = command("check", "--live", cwd=plant, environment={"OPCUA_PASSWORD": "secret of the plant"})
        assert live.returncode == 0, live.stdout
    text = (plant / "connectors/plc.yaml").read_text()
    assert "secret of the plant" not in text + done.stdout + done.stderr
    assert 'password: "${OPCUA_PASSWORD}"' in text


@pytest.mark.endurance
def test_the_simulated_plant_is_written_with_its_units_at_the_normal_state(tmp_path: Path) -> None:
    plant = example_plant(tmp_path)
    with serving(simulated_plant(tmp_path)) as server:
        endpoint = f"opc.tcp://127.0.0.1:{server.port}"
        assert command("opcua", "browse", endpoint, "--write", "connectors/plc.yaml", cwd=plant).returncode == 0
        live = command("check", "--live", "--json", cwd=plant)
        from_file = command("opcua", "browse", "plc", "--values", "--path", "/Stack", cwd=plant)
    assert live.returncode == 0, live.stdout
    units = {point["point"]: point["device_unit"] for point in json.loads(live.stdout)["points"]}
    assert units["Compressor.air_volume"] == "Nm3"
    assert units["Stack.nox"] == "mg/Nm3"
    assert "Stack.Oxygen" in from_file.stdout
    assert "Compressor" not in from_file.stdout


def opcua(product: Product, *arguments: str) -> Any:  # noqa: ANN401 - as command
    return command("opcua", *arguments, "--config", str(product.config))


def verb(product: Product, *arguments: str) -> Any:  # noqa: ANN401 - as command
    return command(*arguments, "--config", str(product.config))


def stored(product: Product) -> dict[str, int]:
    """Counts the readings of each point."""
    return dict(product.rows("SELECT point, count(*)::int FROM readings_by_point GROUP BY point"))


def simulated_plant(folder: Path) -> ServerProcess:
    port = free_port()
    ports = ("--opcua-port", str(port), "--modbus-port", "0", "--mqtt-port", "0", "--no-faults")
    return ServerProcess([*COMMAND, "simulate", *ports], port, folder / "simulate.log")


def example_plant(folder: Path) -> Path:
    """The example files, as `init` writes them."""
    assert command("init", str(folder / "plant")).returncode == 0
    return folder / "plant"
