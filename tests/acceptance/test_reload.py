"""Files changed under a running service: only what changed is restarted, a mistake changes nothing, and nothing is lost."""

import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import psutil
import pytest
from acceptance.conftest import MakeProduct
from acceptance.product import Product, command
from acceptance.three_protocols import TIMED, modbus_file, mqtt_file, opcua_file
from servers.modbus import program
from servers.mosquitto import Mosquitto, Publisher, publishing
from servers.node_opcua import NodeOpcuaServer
from servers.process import ServerProcess, free_port, serving

FIRST = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
MANUAL = """
type: manual
site: BER1
meters:
  - {id: GM-01, medium: gas, points: [{id: volume, quantity: gas_volume, unit: Nm3, kind: counter}]}
"""


class Publishing(Thread):
    """Publishes one message after the other until it is told to end."""

    def __init__(self, publisher: Publisher) -> None:
        super().__init__(name="publishing")
        self.sent = 0
        self._publisher = publisher
        self._ending = Event()

    def run(self) -> None:
        while not self._ending.wait(0.005):
            time = FIRST + timedelta(seconds=self.sent)
            self._publisher.send(TIMED, f'{{"ts": "{time.isoformat()}", "kwh": {self.sent}}}')
            self.sent += 1

    def end(self) -> int:
        self._ending.set()
        self.join()
        return self.sent


class Plant:
    """A service with three protocols and a sheet, and what shows whether a link is still the same one."""

    def __init__(self, product: Product, opcua: NodeOpcuaServer, ports: dict[str, int]) -> None:
        self.product = product
        self.opcua = opcua
        self.ports = ports

    def edit(self, name: str, old: str, new: str) -> None:
        file = self.product.folder / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def links(self) -> dict[str, int]:
        """Tells our own port of the connection to each server: another one after each reconnecting."""
        running = self.product.process.process
        assert running is not None
        found = psutil.Process(running.pid).net_connections("tcp")
        by_server = {one.raddr.port: one.laddr.port for one in found if one.status == psutil.CONN_ESTABLISHED and one.raddr}
        return {name: by_server[port] for name, port in self.ports.items()}

    def reload(self, *, by: str) -> dict[str, object]:
        """Reloads and gives the outcome."""
        if by == "signal":
            before = self.last()
            running = self.product.process.process
            assert running is not None
            running.send_signal(signal.SIGHUP)
            self.product.wait_for(lambda: self.last() not in (None, before), "reloaded")
        else:
            done = command("reload", "--json", "--config", str(self.product.config))
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout) == self.last()
        self.product.wait_for(lambda: set(self.product.states().values()) <= {"up", "stopped"}, "all up again")
        reload = self.last()
        assert reload is not None
        return {what: reload[what] for what in ("started", "restarted", "stopped", "kept")}

    def last(self) -> "dict[str, object] | None":
        found: dict[str, object] | None = self.product.get("/api/v1/status")["configuration"]["last_reload"]
        return found


@pytest.fixture
def plant(tmp_path: Path, plain_url: str, own_opcua_server: NodeOpcuaServer, make_product: MakeProduct) -> Iterator[Plant]:
    broker, port = Mosquitto(tmp_path / "broker"), free_port()
    files = {
        "broker": mqtt_file(broker.endpoint),
        "plc": opcua_file(own_opcua_server.endpoint),
        "gateway": modbus_file(port),
        "hand": MANUAL,
    }
    product = make_product(plain_url, files)
    modbus = ServerProcess(program(port), port, tmp_path / "modbus.log")
    with serving(broker), serving(modbus):
        product.start()
        product.wait_until_ready()
        product.wait_for(lambda: set(product.states().values()) == {"up"}, "all connectors up")
        ports = {"broker": broker.port, "plc": own_opcua_server.port, "gateway": port}
        yield Plant(product, own_opcua_server, ports)


def test_only_what_changed_is_restarted_while_everything_flows_on(plant: Plant) -> None:
    product = plant.product
    with publishing(plant.ports["broker"]) as publisher:
        flowing = Publishing(publisher)
        flowing.start()
        before, sessions = plant.links(), plant.opcua.sessions().opened

        plant.edit("connectors/plc.yaml", "unit: bar}", "unit: bar, range: [0, 20]}")
        assert plant.reload(by="signal") == {"started": [], "restarted": ["plc"], "stopped": [], "kept": 3}
        after = plant.links()
        assert {name for name in before if after[name] != before[name]} == {"plc"}
        assert plant.opcua.sessions().opened == sessions + 1
        assert plant.opcua.sessions().current == 1

        plant.edit("connectors/broker.yaml", "site: BER1", "site: BER1\nkeepalive: 20s")
        assert plant.reload(by="command") == {"started": [], "restarted": ["broker"], "stopped": [], "kept": 3}
        assert {name for name, port in plant.links().items() if port != after[name]} == {"broker"}

        (product.folder / "connectors/hand.yaml").unlink()
        (product.folder / "connectors/second.yaml").write_text(MANUAL.replace("GM-01", "GM-02"))
        assert plant.reload(by="command") == {"started": ["second"], "restarted": [], "stopped": ["hand"], "kept": 3}
        assert plant.opcua.sessions().opened == sessions + 1
        sent = flowing.end()
        product.wait_for(lambda: len(product.values("EM-01.energy")) >= sent, "all messages")
    assert [value for _, value, *_ in product.values("EM-01.energy")] == list(range(sent))
    assert product.rows("SELECT count(*) FROM dead_letters") == [(0,)]
    points = {item["key"]: item["active"] for item in product.get("/api/v1/points")["items"]}
    assert (points["GM-01.volume"], points["GM-02.volume"]) == (False, True)
    revisions = product.get("/api/v1/points/CA-01.pressure/revisions")["items"]
    assert [item["definition"].get("range") for item in revisions] == [[0, 20], None]
    listed = command("config", "history", "--json", "--config", str(product.config))
    assert len(json.loads(listed.stdout)) == 4
    assert product.stop() == 0


def test_a_mistake_is_told_everywhere_and_changes_nothing(plain_url: str, make_product: MakeProduct) -> None:
    product = make_product(plain_url, {"first": MANUAL, "second": MANUAL.replace("GM-01", "GM-02")})
    config = ("--config", str(product.config))
    product.start()
    product.wait_until_ready()
    before = product.get("/api/v1/connectors")["items"]
    second = product.folder / "connectors/second.yaml"
    second.write_text(second.read_text().replace("unit: Nm3", "unit: Nm33"))
    (product.folder / "connectors/third.yaml").write_text(MANUAL.replace("GM-01", "GM-03"))
    refused = command("reload", *config)
    mistake = 'connectors/second.yaml:5: point GM-02.volume: unit "Nm33" is not a unit; did you mean Nm3?'
    assert (refused.returncode, refused.stdout) == (1, "")
    assert mistake in refused.stderr
    assert product.get("/api/v1/connectors")["items"] == before
    check = next(check for check in product.get("/readyz")["checks"] if check["name"] == "configuration")
    assert (check["ok"], mistake in check["detail"]) == (False, True)
    status = command("status", *config)
    assert status.returncode == 1
    told = " ".join(status.stdout.split())
    assert "the files were changed and are not taken over" in told
    assert 'unit "Nm33" is not a unit; did you mean Nm3?' in told
    assert mistake in product.log
    assert len(product.get("/api/v1/config/revisions")["items"]) == 1

    second.write_text(second.read_text().replace("unit: Nm33", "unit: Nm3"))
    assert command("reload", *config).stdout == "started third; 2 kept\n"
    assert command("status", *config).returncode == 0
    assert product.stop() == 0


def test_a_service_that_watches_its_files_follows_them_and_keeps_no_secret(plain_url: str, make_product: MakeProduct) -> None:
    secret = "user: {name: ems, password: hunter2}"
    absent = f"type: mqtt\nendpoint: mqtt://127.0.0.1:{free_port()}\n{secret}\nsite: BER1\n"
    product = make_product(plain_url, {"hand": MANUAL, "broker": absent}, "watch_files: true\n")
    config = ("--config", str(product.config))
    product.start()
    product.wait_until_ready()
    (product.folder / "connectors/second.yaml").write_text(MANUAL.replace("GM-01", "GM-02"))
    product.wait_for(lambda: product.states().get("second") == "up", "the new one")
    (product.folder / "connectors/second.yaml").write_text("type: manul\n")
    product.wait_for(lambda: "did you mean manual?" in product.log, "the mistake told")
    assert product.states()["second"] == "up"
    shown = command("config", "show", "1", *config)
    assert 'user: {name: ems, password: "***"}' in shown.stdout
    assert "connectors/hand.yaml" in shown.stdout
    kept = product.rows("SELECT text FROM config_texts")
    assert "hunter2" not in str(kept) + product.log
    assert product.stop() == 0
