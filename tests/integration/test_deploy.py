"""What `deploy/` and the Dockerfile promise, checked without a container engine: parsed, and run in parts by real programs."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, get_args, get_origin

import paho.mqtt.client as mqtt
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from postgresql_server import programs_in
from pydantic import BaseModel
from ruamel.yaml import YAML
from servers.process import LOOPBACK, ServerProcess, free_port, serving
from timescaledb import Server

from ems_telemetry.config.service import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = YAML(typ="safe").load(DEPLOY / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SHIPPED = ("migrations", "connectors", "config")
PINNED = re.compile(r"[\w./-]+:\d+\.\d+\.\d+[\w.-]*")


def run(*command: str | Path, timeout_s: float = 100) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=ROOT)  # noqa: S603 (programs named here)
    assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
    return ended.stdout


def shipped_files() -> set[str]:
    found = (file for folder in SHIPPED for file in (ROOT / folder).rglob("*"))
    return {str(file.relative_to(ROOT)) for file in found if file.is_file()}


def dockerfile_stages() -> list[list[str]]:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip()]
    starts = [index for index, line in enumerate(lines) if line.startswith("FROM ")]
    return [lines[start:end] for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]


def environment_names(model: type[BaseModel], prefix: str) -> set[str]:
    names = set()
    for name, field in model.model_fields.items():
        kinds = get_args(field.annotation) if get_origin(field.annotation) else (field.annotation,)
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        path = f"{prefix}__{name.upper()}"
        names |= environment_names(inner[0], path) if inner else {path}
    return names


def test_every_secret_volume_and_network_a_service_names_exists() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys(), name
        assert set(service["networks"]) <= COMPOSE["networks"].keys(), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).exists(), f"{name}: {volume}"


def test_every_secret_a_service_reads_is_given_to_it() -> None:
    for name, service in SERVICES.items():
        mounted = [DEPLOY / volume.split(":")[0] for volume in service.get("volumes", []) if volume.startswith("./")]
        files = [file for path in mounted for file in ([path] if path.is_file() else path.rglob("*.yaml"))]
        text = "\n".join([str(service.get("environment", "")), *(file.read_text() for file in files)])
        assert set(re.findall(r"/run/secrets/(\w+)", text)) <= set(service["secrets"]), name


def test_every_declared_secret_and_volume_is_used_and_none_is_in_the_repository() -> None:
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == COMPOSE["secrets"].keys()
    assert all(entry["file"].startswith("secrets/") for entry in COMPOSE["secrets"].values())
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_nothing_listens_beyond_loopback_on_the_host() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith(f"{LOOPBACK}:") for port in ports)
    assert not any("network_mode" in service or service.get("privileged") for service in SERVICES.values())


def test_every_image_has_an_exact_version() -> None:
    images = [service["image"] for service in SERVICES.values()] + [stage[0].split()[1] for stage in dockerfile_stages()]
    assert [image for image in images if not PINNED.fullmatch(image)] == []


def test_the_guide_names_the_same_images() -> None:
    named = set(
        re.findall(r"\b(?:eclipse-mosquitto|timescale/timescaledb|grafana/grafana):\S+", (ROOT / "docs/deploy.md").read_text())
    )
    assert named <= {service["image"] for service in SERVICES.values()}


def test_every_service_restarts_and_tells_whether_it_is_well() -> None:
    for name, service in SERVICES.items():
        assert service["restart"] == "unless-stopped", name
        assert "healthcheck" in service or "build" in service, name
    assert any(line.startswith("HEALTHCHECK ") and "/healthz" in line for line in dockerfile_stages()[-1])


def test_settings_given_by_environment_are_settings_that_exist() -> None:
    given = set(
        re.findall(r"EMS_TELEMETRY__\w+", (ROOT / "Dockerfile").read_text() + (DEPLOY / "ems-telemetry.service").read_text())
    )
    given |= {name for name in SERVICES["ems-telemetry"]["environment"] if name.startswith("EMS_TELEMETRY__")}
    assert given <= environment_names(Settings, "EMS_TELEMETRY")


def test_the_image_runs_without_root_and_without_build_tools() -> None:
    build, final = dockerfile_stages()
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", "\n".join(final), re.MULTILINE)
    assert not any(line.startswith("ADD ") for line in [*build, *final])
    assert not any("pip" in line or "apt" in line for line in final)
    assert all("--require-hashes" in line for line in build if "--requirement" in line)
    assert final[-2:] == ['ENTRYPOINT ["ems-telemetry"]', 'CMD ["run"]']


def test_everything_the_image_copies_is_let_through_and_nothing_else() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {source for line in dockerfile_stages()[0] if line.startswith("COPY ") for source in line.split()[1:-1]}
    assert copied == allowed
    assert "*" in (ROOT / ".dockerignore").read_text().splitlines()


@pytest.mark.timeout(300)
def test_the_steps_of_the_image_give_a_working_installation(tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path)
    [wheel] = tmp_path.glob("*.whl")
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    environment = tmp_path / "environment"
    python = environment / "bin/python"
    run(uv, "venv", "--quiet", "--python", sys.executable, environment)
    run(uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", "requirements/run.txt", timeout_s=250)
    run(uv, "pip", "install", "--quiet", "--python", python, "--no-deps", "--no-index", wheel)
    run(uv, "pip", "check", "--quiet", "--python", python)
    names = sorted({file.split("/")[0] for file in shipped_files()})
    folders = run(python, "-I", "-c", f"from ems_telemetry.shipped import shipped; print(*map(shipped, {names}))").split()
    assert all(Path(folder).is_relative_to(environment) for folder in folders)
    assert (environment / "bin/ems-telemetry").exists()


def test_the_wheel_holds_every_file_an_engineer_edits_and_every_migration(tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path)
    [wheel] = tmp_path.glob("*.whl")
    held = {name.partition("shipped/")[2] for name in zipfile.ZipFile(wheel).namelist() if "/shipped/" in name}
    assert "migrations/0001_core.sql" in held
    assert shipped_files() <= held


def test_the_locked_build_tools_are_those_of_development() -> None:
    def pins(file: str) -> set[str]:
        return set(re.findall(r"^[\w.-]+==[^\s;]+", (ROOT / "requirements" / file).read_text(), re.MULTILINE))

    assert pins("build.txt") <= pins("dev.txt")


def test_the_database_lets_in_the_service_as_owner_and_grafana_as_reader(killable_database: Server, tmp_path: Path) -> None:
    for name in ("database_password", "grafana_reader_password"):
        (tmp_path / name).write_text(f"it's {name}\n")
    script = (DEPLOY / "timescaledb/roles.sql").read_text().replace("/run/secrets", str(tmp_path))
    # The server for tests has a superuser and a database of these names already.
    script = script.replace("CREATE ROLE ems ", "CREATE ROLE service ").replace("OWNER ems", "OWNER service")
    script = script.replace("DATABASE ems", "DATABASE plant")
    (tmp_path / "roles.sql").write_text(script)
    run(programs_in(killable_database.root) / "psql", "-X", "-q", "-f", tmp_path / "roles.sql", killable_database.dsn)
    address = f"{killable_database.dsn.rpartition('@')[2].rpartition('/')[0]}/plant"
    with psycopg.connect(f"postgresql://service@{address}", password="it's database_password") as connection:
        connection.execute("CREATE TABLE seen (value integer)")
        connection.execute("GRANT SELECT ON seen TO grafana_reader")
    with psycopg.connect(f"postgresql://grafana_reader@{address}", password="it's grafana_reader_password") as connection:
        assert connection.execute("SELECT count(*) FROM seen").fetchone() == (0,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("CREATE TABLE mine ()")


def test_the_broker_lets_nobody_in_without_a_password(tmp_path: Path) -> None:
    port = free_port()
    passwords = tmp_path / "passwords"
    run("mosquitto_passwd", "-b", "-c", passwords, "ems", "right")
    text = (DEPLOY / "mosquitto/mosquitto.conf").read_text()
    text = text.replace("/mosquitto/data/", f"{tmp_path}/").replace("/run/secrets/mosquitto_passwords", str(passwords))
    (tmp_path / "mosquitto.conf").write_text(text.replace("listener 1883", f"listener {port} {LOOPBACK}\nuser root"))
    answers = []
    with serving(ServerProcess(["mosquitto", "-c", str(tmp_path / "mosquitto.conf")], port, tmp_path / "log")):
        for password in (None, "wrong", "right"):
            client = mqtt.Client(CallbackAPIVersion.VERSION2)
            client.on_connect = lambda _client, _data, _flags, reason, _properties: answers.append(str(reason))
            if password is not None:
                client.username_pw_set("ems", password)
            client.connect(LOOPBACK, port)
            while len(answers) <= (None, "wrong", "right").index(password):
                client.loop(timeout=1)
            client.disconnect()
    assert answers == ["Not authorized", "Not authorized", "Success"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd to check its unit with")
def test_the_unit_is_valid_and_hardened(tmp_path: Path) -> None:
    text = (DEPLOY / "ems-telemetry.service").read_text()
    unit = tmp_path / "ems-telemetry.service"
    unit.write_text(text.replace("/opt/ems-telemetry/bin/ems-telemetry", sys.executable))
    run("systemd-analyze", "verify", unit)
    run("systemd-analyze", "security", "--offline=true", "--threshold=20", unit)
