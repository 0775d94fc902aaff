"""What a running service has ingested, as its API and its metrics tell."""

import asyncio
import http.client
import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

PROTOCOLS = ("opcua", "modbus", "mqtt")


@dataclass(frozen=True, slots=True)
class Counts:
    """Readings made durable per protocol, rows inserted, dead letters, batches waiting, and the kind of database."""

    stored: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    dead_letters: int = 0
    spooled: int = 0
    database: str = "none"

    def line(self) -> str:
        """The counts as a line for people."""
        protocols = "  ".join(f"{protocol} {self.stored[protocol]}" for protocol in PROTOCOLS)
        return f"{protocols}  rows {self.rows}  dead letters {self.dead_letters}  waiting {self.spooled}  in {self.database}"

    def summary(self) -> str:
        """The counts as a line for scripts."""
        protocols = " ".join(f"{protocol}={self.stored[protocol]}" for protocol in PROTOCOLS)
        return f"ingested {protocols} rows={self.rows} dead_letters={self.dead_letters} database={self.database}"


async def read_counts(address: str) -> Counts | None:
    """Asks a service on this machine that answers without a key; None if it does not answer (yet)."""
    try:
        connectors = await asyncio.to_thread(_fetch, f"{address}/api/v1/connectors")
        metrics = await asyncio.to_thread(_fetch, f"{address}/metrics")
    except (urllib.error.URLError, http.client.HTTPException, OSError):
        return None
    return count(json.loads(connectors)["items"], metrics)


def count(connectors: Sequence[Mapping[str, Any]], metrics: str) -> Counts:
    """Adds up what connectors (as `GET /connectors` gives them) and metrics (in Prometheus' text form) say."""
    stored: Counter[str] = Counter()
    for connector in connectors:
        stored[connector["type"]] += connector["counters"].get("samples_stored", 0)
    rows = dead_letters = spooled = 0
    database = "none"
    for sample in (sample for family in text_string_to_metric_families(metrics) for sample in family.samples):
        match sample.name.removeprefix("ems_telemetry_"), sample.labels:
            case "writer_rows_total", {"outcome": "inserted"}:
                rows = int(sample.value)
            case "dead_letters_total", _:
                dead_letters += int(sample.value)
            case "spool_batches", _:
                spooled = int(sample.value)
            case "database_info", {"capability": capability}:
                database = capability
    return Counts(stored, rows, dead_letters, spooled, database)


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - an http address this process made
        text: str = answer.read().decode()
        return text
