"""Presets, as cases: a connector file, messages as the sender documents them, and what is to come of them.

A case is a folder `cases/PRESET/NAME` with `connector.yaml`, `message.json` (one message or several: topic, payload as JSON, or
as text where it is none, and whether it is retained) and `expected.json` (samples and refusals). A sample without `quality` is
good.
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from unit.mqtt.meters import message

from ems_telemetry.connectors.mqtt.documents import read_json
from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.connectors.mqtt.meter import Payload
from ems_telemetry.connectors.mqtt.payload import Decoded, decode
from ems_telemetry.connectors.mqtt.presets.table import PRESETS
from ems_telemetry.connectors.mqtt.router import Router, compile_routes
from ems_telemetry.model import Flag, Quality, Sample

CASES = Path(__file__).parent / "cases"
ALL = sorted(path.parent for path in CASES.glob("*/*/connector.yaml"))
RAW = {Payload.JSON.value, Payload.SCALAR.value, Payload.SPARKPLUG_B.value}


def messages(case: Path) -> Iterator[dict[str, Any]]:
    said = json.loads((case / "message.json").read_text())
    yield from said if isinstance(said, list) else [said]


def payload_of(said: dict[str, Any]) -> str:
    return said["payload"] if isinstance(said["payload"], str) else json.dumps(said["payload"])


def told(sample: Sample) -> dict[str, Any]:
    shown: dict[str, Any] = {"point": sample.point, "value": sample.value}
    if sample.time is not None:
        shown["time"] = sample.time.isoformat().replace("+00:00", "Z")
    if sample.quality != Quality.GOOD or sample.status:
        shown |= {"quality": int(sample.quality), "status": sample.status}
    if sample.flags:
        shown["flags"] = [str(flag.name).lower() for flag in Flag if sample.flags & flag]
    return shown


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_what_senders_document_is_read(case: Path) -> None:
    file = MqttFile.model_validate(YAML(typ="safe").load(case / "connector.yaml"))
    router = Router(compile_routes(file))
    found = Decoded([], [])
    for said in messages(case):
        arrived = message(payload_of(said), said["topic"], retained=said.get("retained", False))
        decoded = decode(arrived, router.find(said["topic"]))
        found.samples.extend(decoded.samples)
        found.refusals.extend(decoded.refusals)
    expected = json.loads((case / "expected.json").read_text())
    assert [told(sample) for sample in found.samples] == expected["samples"]
    shown = [{"point": refusal.point, "reason": refusal.reason} for refusal in found.refusals]
    assert shown == expected.get("refusals", [])


def test_every_preset_has_its_cases_and_its_word_in_files() -> None:
    assert {case.parent.name for case in ALL} >= PRESETS.keys()
    assert {payload.value for payload in Payload} - RAW == PRESETS.keys()


@pytest.mark.parametrize("case", [case for case in ALL if "recognised" in (case / "expected.json").read_text()], ids=str)
def test_senders_are_recognised_by_what_they_send_and_taken_for_no_other(case: Path) -> None:
    recognised = json.loads((case / "expected.json").read_text())["recognised"]
    said = next(messages(case))
    document = read_json(payload_of(said).encode())
    assert [name for name, preset in PRESETS.items() if preset.recognise(said["topic"], document)] == [recognised]


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
@pytest.mark.parametrize(
    "document", [None, 5, "text", [], {}, [5], {"a": 1}, {"vals": 5}, {"params": []}, [[]], {"Messages": 5}]
)
def test_no_document_is_beyond_a_preset(preset: Any, document: object) -> None:  # noqa: ANN401 - a preset
    preset.recognise("a/b", document)
    with contextlib.suppress(ValueError):
        if preset.open is not None:
            preset.open(document, "a/b")
        else:
            list(preset.find(document, "a/b"))
