"""An edge node as tests need it: it makes the messages that births, data and deaths consist of, and a host reads them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fakes import HandClock, RememberingSink, surroundings

from ems_telemetry.connectors.mqtt.decoding import Outcome
from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.sparkplug.host import SparkplugHost
from ems_telemetry.connectors.mqtt.sparkplug.sparkplug_b_pb2 import Metric, Payload
from ems_telemetry.connectors.mqtt.sparkplug.values import DataType
from ems_telemetry.model import Sample

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
START_MS = 1_772_445_600_000
NODE = "spBv1.0/Plant-1/{}/line-3"
METER = {"id": "EM-30", "device": "main", "medium": "electricity"}
ENERGY = {"id": "energy", "metric": "Energy/Import", "quantity": "active_energy_import", "unit": "kWh", "kind": "counter"}
POWER = {"id": "power", "metric": "Power", "quantity": "active_power", "unit": "kW"}

_FIELDS = {
    **dict.fromkeys((1, 2, 3, 5, 6, 7), "int_value"),
    **dict.fromkeys((4, 8, 13), "long_value"),
    9: "float_value",
    10: "double_value",
    11: "boolean_value",
    **dict.fromkeys((12, 14, 15), "string_value"),
    **dict.fromkeys((17, 18, *range(22, 35)), "bytes_value"),
    16: "dataset_value",
    19: "template_value",
}


def metric(
    name: str | None = None,
    value: Any = None,  # noqa: ANN401 - of any datatype
    *,
    alias: int | None = None,
    type: DataType | int = DataType.DOUBLE,  # noqa: A002 - as Sparkplug calls it
    at: float | None = None,
    **more: Any,  # noqa: ANN401 - fields of Metric
) -> Metric:
    """Makes a metric; `at` are seconds after `START`, negative integers are written as the specification says.

    Args:
        more: `tells_type=False` leaves the datatype out; `properties` are texts and whole numbers by their keys.
    """
    tells_type, properties = more.pop("tells_type", True), more.pop("properties", {})
    made = Metric(name=name, alias=alias, **more)
    if tells_type:
        made.datatype = int(type)
    if at is not None:
        made.timestamp = ms(at)
    if value is not None:
        field = _FIELDS[int(type)]
        widths = {"int_value": 2**32, "long_value": 2**64}
        setattr(made, field, value % widths[field] if field in widths else value)
    for key, told in properties.items():
        made.properties.keys.append(key)
        if isinstance(told, str):
            made.properties.values.add(type=DataType.STRING, string_value=told)
        else:
            made.properties.values.add(type=DataType.INT32, int_value=told)
    return made


def payload(*metrics: Metric, seq: int | None = None, at: float | None = 0.0) -> Payload:
    made = Payload(metrics=metrics)
    if seq is not None:
        made.seq = seq
    if at is not None:
        made.timestamp = ms(at)
    return made


def bd_seq(number: int, type_: DataType = DataType.INT64) -> Metric:
    return metric("bdSeq", number, type=type_)


def ms(at: float) -> int:
    return START_MS + round(at * 1000)


def time(at: float) -> datetime:
    return START + timedelta(seconds=at)


def message(verb: str, content: Payload | bytes, device: str | None = None, **settings: Any) -> Message:  # noqa: ANN401 - fields of Message
    """Makes a message at QoS 0 from `line-3`, or from one of its devices, received at `START` if not said otherwise."""
    topic = NODE.format(verb) + (f"/{device}" if device else "")
    raw = content if isinstance(content, bytes) else content.SerializeToString()
    return Message(topic, raw, 0, 0, redelivered=False, retained=False, received_at=START)._replace(**settings)


def sparkplug_file(*meters: dict[str, Any], points: Sequence[dict[str, Any]] = (ENERGY, POWER), **settings: Any) -> MqttFile:  # noqa: ANN401 - keys of the section
    """Makes a file with EM-30 at the device `main`, unless other meters are given."""
    section = {"group": "Plant-1", "edge_node": "line-3", **settings}
    chosen = list(meters) if meters else [{**METER, "points": list(points)}]
    content = {"type": "mqtt", "endpoint": "mqtt://broker", "site": "BER1", "payload": "sparkplug_b", "sparkplug": section}
    return MqttFile.model_validate({**content, "meters": chosen})


class Line:
    """A host that listens to `line-3`, on a clock turned by hand, and all that came out of it."""

    def __init__(self, folder: Path, file: MqttFile | None = None) -> None:
        self.file = file or sparkplug_file()
        self.clock = HandClock(START)
        self.sink = RememberingSink()
        self.given = surroundings(folder, sink=self.sink, clock=self.clock, name="line")
        self.sent: list[Message] = []
        self.decoded: list[Outcome] = []
        self.host = self.make_host()

    def make_host(self) -> SparkplugHost:
        assert self.file.sparkplug is not None
        return SparkplugHost(self.file, self.file.sparkplug, self.given)

    def send(self, verb: str, content: Payload | bytes, device: str | None = None, **settings: Any) -> list[Outcome]:  # noqa: ANN401 - fields of Message
        self.sent.append(message(verb, content, device, **{"received_at": self.clock.now(), **settings}))
        return self.keep(self.host.receive(self.sent[-1]))

    async def wait(self, seconds: float) -> list[Outcome]:
        """Turns the clock, and has the host give what has waited long enough."""
        await self.clock.advance(seconds)
        return self.keep(self.host.release())

    async def restart(self) -> None:
        """Keeps what was told to be kept, and begins anew with what is on disk, as after a restart."""
        await self.save()
        await self.host.close()
        self.host = self.make_host()
        await self.host.open()

    async def save(self) -> None:
        assert await self.host.keep([change for decoded in self.decoded for change in decoded.changes])

    def keep(self, decoded: Iterable[Outcome]) -> list[Outcome]:
        fresh = list(decoded)
        self.decoded.extend(fresh)
        return fresh

    @property
    def samples(self) -> list[Sample]:
        return [sample for decoded in self.decoded for sample in decoded.samples]

    @property
    def values(self) -> list[tuple[str, Any]]:
        return [(sample.point, sample.value) for sample in self.samples]

    @property
    def reasons(self) -> list[str]:
        return [refusal.reason for decoded in self.decoded for refusal in decoded.refusals]

    @property
    def counters(self) -> dict[str, int]:
        return dict(self.given.report.status.counters)

    # What an edge node with a device `main` says, in the shortest words.

    def nbirth(self, seq: int = 0, *metrics: Metric, bd: int | None = 1, at: float = 0.0, **settings: Any) -> list[Outcome]:  # noqa: ANN401 - fields of Message
        told = [] if bd is None else [bd_seq(bd)]
        return self.send("NBIRTH", payload(*told, *metrics, seq=seq, at=at), **settings)

    def dbirth(self, seq: int = 1, *metrics: Metric, at: float = 0.0, **settings: Any) -> list[Outcome]:  # noqa: ANN401 - fields of Message
        told = metrics or (metric("Energy/Import", 1, alias=10, type=DataType.INT32), metric("Power", 0.5, alias=11))
        return self.send("DBIRTH", payload(*told, seq=seq, at=at), "main", **settings)

    def ddata(self, seq: int, value: float, *, alias: int = 11, at: float = 1.0, **settings: Any) -> list[Outcome]:  # noqa: ANN401 - fields of Message
        """Sends a value by its alias alone: a power, or an energy if it is a whole number."""
        if isinstance(value, int):
            told = metric(value=value, alias=10, type=DataType.INT32, tells_type=False)
        else:
            told = metric(value=value, alias=alias, tells_type=False)
        return self.send("DDATA", payload(told, seq=seq, at=at), "main", **settings)

    def ddeath(self, seq: int, *, at: float = 2.0, **settings: Any) -> list[Outcome]:  # noqa: ANN401 - fields of Message
        return self.send("DDEATH", payload(seq=seq, at=at), "main", **settings)

    def ndeath(self, bd: int | None = 1, *, at: float | None = 0.0, **settings: Any) -> list[Outcome]:  # noqa: ANN401 - fields of Message
        return self.send("NDEATH", payload(*([] if bd is None else [bd_seq(bd)]), at=at), **settings)
