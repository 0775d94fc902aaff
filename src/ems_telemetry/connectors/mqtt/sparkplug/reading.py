"""From the metrics of a payload to samples: the hot path, pure. What cannot be read never costs the other metrics."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.payload import Refusal
from ems_telemetry.connectors.mqtt.sparkplug.qualities import GOOD, quality_in
from ems_telemetry.connectors.mqtt.sparkplug.sparkplug_b_pb2 import Metric, Payload
from ems_telemetry.connectors.mqtt.sparkplug.tables import Slot, Table
from ems_telemetry.connectors.mqtt.sparkplug.values import (
    UnsupportedError,
    UntypedError,
    name_of,
    read_value,
    readers_of,
    text_of,
)
from ems_telemetry.model import Flag, Sample

UNSUPPORTED_METRIC = "unsupported_metric"
VALUE_UNREADABLE = "value_unreadable"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_BEYOND = datetime(9999, 12, 31, tzinfo=UTC)
_BEYOND_MS = (_BEYOND - _EPOCH) // _MILLISECOND
_EARLIEST_MS = 946_684_800_000
"""The year 2000: what a clock says that was never set is before it."""
_MOST_AHEAD_MS = 300_000
_BACKFILLED = int(Flag.BACKFILLED)


@dataclass(slots=True)
class Read:
    """What a payload held."""

    samples: list[Sample] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """In words: metrics that only a birth would make readable."""
    unwanted: int = 0
    newest_ms: int = 0
    lacks_time: bool = False
    """True if a sample has no time of its own that can be believed, so that its redelivery would make a new reading."""


def read_metrics(payload: Payload, table: Table, message: Message) -> Read:
    """Reads all metrics of a payload that somebody wants.

    A sample's time is the metric's, else the payload's, else none.

    Args:
        payload: of a birth or of data.
        table: what is known of the metrics.
        message: the one that brought the payload.
    """
    read = Read()
    add = read.samples.append
    by_name, by_alias = table.by_name, table.by_alias
    received_at, sent_ms, last_ms = message.received_at, payload.timestamp, -1
    message_flags = int(Flag.RETAINED) if message.retained else 0
    time: datetime | None = None
    for metric in payload.metrics:
        name = metric.name
        slot = by_name.get(name) if name else by_alias.get(metric.alias)
        if slot is None or (not name and not metric.alias and not metric.HasField("alias")):
            _pass_over(metric, table, read)
            continue
        if slot.point is None:
            read.unwanted += 1
            continue
        try:
            value = read_value(metric, slot.readers if metric.datatype in {0, slot.datatype} else readers_of(metric.datatype))
        except ValueError as error:
            _refuse(metric, slot, error, read)
            continue
        if (at_ms := metric.timestamp or sent_ms) != last_ms:
            last_ms, time = at_ms, _time_of(at_ms)
            _note_time(at_ms, received_at, read)
        quality, status, flags = quality_in(metric.properties) if metric.HasField("properties") else GOOD
        if metric.is_historical:
            flags |= _BACKFILLED
        add(Sample(slot.point, time, value, received_at, quality, status, flags | message_flags))
    return read


def ms_of(time: datetime) -> int:
    """Gives a time in whole milliseconds since 1970."""
    return (time - _EPOCH) // _MILLISECOND


def _time_of(at_ms: int) -> datetime | None:
    if not at_ms:
        return None
    return _EPOCH + at_ms * _MILLISECOND if at_ms < _BEYOND_MS else _BEYOND


def _note_time(at_ms: int, received_at: datetime, read: Read) -> None:
    read.newest_ms = max(read.newest_ms, at_ms)
    if not _EARLIEST_MS <= at_ms <= ms_of(received_at) + _MOST_AHEAD_MS:
        read.lacks_time = True


def _pass_over(metric: Metric, table: Table, read: Read) -> None:
    """Accounts for a metric that nothing is known of."""
    name = text_of(metric.name)
    if name == "":
        read.unread.append(f"alias {metric.alias}" if metric.HasField("alias") else "a metric without name and alias")
    elif name is None:
        read.refusals.append(Refusal(None, VALUE_UNREADABLE, "the name of a metric is not UTF-8"))
    elif table.may_be_wanted(name):
        read.unread.append(f'"{name}"')
    else:
        read.unwanted += 1


def _refuse(metric: Metric, slot: Slot, error: ValueError, read: Read) -> None:
    if isinstance(error, UntypedError):
        read.unread.append(f'"{slot.name}"')
        return
    datatype = name_of(metric.datatype or slot.datatype)
    if isinstance(error, UnsupportedError):
        read.refusals.append(
            Refusal(slot.point, UNSUPPORTED_METRIC, f'"{slot.name}" is of the type {datatype}, no number, switch or text')
        )
    else:
        read.refusals.append(Refusal(slot.point, VALUE_UNREADABLE, f'"{slot.name}" of the type {datatype}: {error}'))
