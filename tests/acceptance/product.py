"""The product as its users run it: a folder of files, the command, the process, its REST API and its database."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import dedent
from time import monotonic, sleep
from typing import Any

import psycopg
from servers.process import LOOPBACK, ServerProcess, free_port

COMMAND = (sys.executable, "-m", "ems_telemetry.cli.main")
PLANT = """
sites:
  - {id: BER1, name: Berlin works, timezone: Europe/Berlin, areas: [hall-1, utilities]}
"""


def command(
    *arguments: str, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Runs the command to its end."""
    return subprocess.run(  # noqa: S603 - ourselves
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        check=False,
    )


class Product:
    """A configuration in a folder, and the service that runs it."""

    def __init__(self, folder: Path, database: str, connectors: dict[str, str], settings: str = "") -> None:
        self.folder = folder
        self.database = database
        self.port = free_port()
        self.config = folder / "config" / "ems-telemetry.yaml"
        for sub in ("config", "connectors"):
            (folder / sub).mkdir(parents=True, exist_ok=True)
        self.config.write_text(
            f'database: {{url: "{database}", directory: ../var/database}}\n'
            f"api: {{host: {LOOPBACK}, port: {self.port}, allow_anonymous: true, rate_limit: off}}\n"
            "spool: {directory: ../var/spool}\n" + dedent(settings)
        )
        (folder / "config" / "plant.yaml").write_text(PLANT)
        for name, text in connectors.items():
            (folder / "connectors" / f"{name}.yaml").write_text(dedent(text))
        self.process = ServerProcess([*COMMAND, "run", "--config", str(self.config)], self.port, folder / "service.log")

    def start(self) -> None:
        self.process.start(timeout_s=60)

    def kill(self) -> None:
        self.process.kill()

    def stop(self) -> int:
        """Stops it as an operator would, and gives its exit code."""
        running = self.process.process
        assert running is not None
        running.send_signal(signal.SIGTERM)
        code = running.wait(30)
        self.process.process = None
        return code

    @property
    def log(self) -> str:
        return (self.folder / "service.log").read_text(errors="replace")

    def get(self, path: str, *, key: str | None = None) -> Any:  # noqa: ANN401 - JSON
        """Gives the JSON that a path answers with."""
        return self.ask(path, key=key)[1]

    def text(self, path: str) -> str:
        """Gives what a path answers with, as it is."""
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}{path}", timeout=20) as answer:
            return str(answer.read(), "utf-8")

    def post(self, path: str, *, key: str | None = None) -> tuple[int, Any]:
        """Asks for something to be done."""
        return self.ask(path, key=key, method="POST")

    def ask(self, path: str, *, key: str | None = None, method: str = "GET") -> tuple[int, Any]:
        """Gives status and JSON, also of a refusal."""
        request = urllib.request.Request(f"http://{LOOPBACK}:{self.port}{path}", method=method)
        if key is not None:
            request.add_header("Authorization", f"Bearer {key}")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - see above
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, json.load(refusal)

    def states(self) -> dict[str, str]:
        """Tells the state of each connector by its name."""
        return {item["name"]: item["state"] for item in self.get("/api/v1/connectors")["items"]}

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Asks the database itself."""
        with psycopg.connect(self.database) as connection:
            return connection.execute(query.encode(), parameters or None).fetchall()

    def values(self, point: str) -> Sequence[tuple[Any, ...]]:
        """All readings of a point, in order: time, value, quality, flags, source status."""
        query = "SELECT time, value, quality, flags, source_status FROM readings_by_point WHERE point = %s ORDER BY time"
        return self.rows(query, point)

    def wait_for(self, condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
        """Waits until something holds; on failure tells what, and the end of the log."""
        deadline = monotonic() + timeout_s
        while monotonic() < deadline:
            if condition():
                return
            sleep(0.1)
        message = f"after {timeout_s} s still not: {what}; the log ends:\n{self.log[-3000:]}"
        raise AssertionError(message)

    def wait_until_ready(self) -> None:
        self.wait_for(lambda: self.ask("/readyz")[0] == 200, "ready")
