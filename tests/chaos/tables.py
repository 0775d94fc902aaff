"""What stands in the database after all of it, by source."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from chaos.account import Account, Found, Given, Rows, Span, account_of_numbers, account_of_polls
from chaos.broker_log import sent_after_release
from chaos.plant import COUNTER, METER, MODBUS_INTERVAL_S, Plant
from chaos.publisher import CHANNELS, Channel, Message

TABLES = ("readings", "dead_letters", "gaps")
EXCUSING = frozenset({"history_unavailable", "history_too_old", "not_historised"})
"""Causes of gaps that say that the source itself had it no more."""
NO_VALUE = -1
"""Stands for a reading that is null, as that of a server which says it is shutting down."""
_NUMBER = re.compile(rb'"n": ?(\d+)')


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything that was stored."""

    readings: Mapping[str, Sequence[Found]]
    letters: Mapping[str, Sequence[Found]]
    """By point, or by topic where no point is known."""
    gaps: Sequence[tuple[str, str | None, Span]]
    """With connector and point."""
    rows: Mapping[str, int]


def read_tables(dsn: str) -> Tables:
    """Reads all of it."""
    with psycopg.connect(dsn) as connection:
        readings: dict[str, list[Found]] = {}
        for point, time, value in connection.execute("SELECT point, time, coalesce(value, raw) FROM readings_by_point"):
            readings.setdefault(point, []).append(Found(NO_VALUE if value is None else int(value), time))
        letters: dict[str, list[Found]] = {}
        for point, source, payload, time in connection.execute("SELECT point, source, payload, received_at FROM dead_letters"):
            letters.setdefault(point or source, []).append(Found(_number_in(bytes(payload)), time))
        gaps = [
            (connector, point, Span(start, end, cause))
            for connector, point, start, end, cause in connection.execute(
                "SELECT connector, point, started_at, ended_at, cause FROM gaps"
            )
        ]
        rows = {table: _count(connection, table) for table in TABLES}
    return Tables(readings, letters, gaps, rows)


def accounts(plant: Plant, tables: Tables, begin: datetime, end: datetime) -> Sequence[Account]:
    """Holds all sources against the tables; of those that never stop, what they gave out until `end`.

    From `begin` on everything was connected.
    """
    return [
        *(_of_channel(plant, tables, channel) for channel in CHANNELS),
        _of_counter(tables, _given(plant.opcua_file), end),
        account_of_polls(
            METER,
            _given(plant.modbus_file),
            Rows(tables.readings.get(METER, ()), tables.letters.get(METER, ()), _gaps_of(tables, "gateway", METER)),
            interval=timedelta(seconds=MODBUS_INTERVAL_S),
            begin=begin,
            end=end,
        ),
    ]


def _of_channel(plant: Plant, tables: Tables, channel: Channel) -> Account:
    messages = list(plant.publisher.messages[channel])
    letters = [*tables.letters.get(channel.topic, ()), *tables.letters.get(channel.point, ())]
    rows = Rows(tables.readings.get(channel.point, ()), letters)
    return account_of_numbers(
        channel.point,
        [Given(message.number, message.at) for message in messages],
        [Given(message.number, message.at) for message in messages if message.is_taken],
        rows,
        may_repeat=_repeated(plant, channel, messages, [*rows.readings, *rows.letters]),
    )


def _repeated(plant: Plant, channel: Channel, messages: Sequence[Message], found: Sequence[Found]) -> Collection[int]:
    """Tells which numbers the service was given twice: by the publisher at QoS 1, by the broker at QoS 2.

    The broker's log has no numbers. So no more are excused than it sent again.
    """
    if channel.qos == 1:
        return frozenset(message.number for message in messages if message.is_repeated)
    several = {number for number, count in Counter(each.number for each in found).items() if count > 1}
    with plant.broker.log.open(errors="replace") as log:
        again = sent_after_release(log)[channel.topic] if several else 0
    return several if len(several) <= again else ()


def _of_counter(tables: Tables, given: Sequence[Given], end: datetime) -> Account:
    """Of a counter all that its history holds is due, from the first reading on."""
    readings = [found for found in tables.readings.get(COUNTER, ()) if found.number != NO_VALUE]
    first = min((found.number for found in readings), default=0)
    due = [each for each in given if each.number >= first and each.time <= end]
    excusing = [gap for gap in _gaps_of(tables, "plc", COUNTER) if gap.cause in EXCUSING]
    return account_of_numbers(COUNTER, given, due, Rows(readings, tables.letters.get(COUNTER, ()), excusing))


def _gaps_of(tables: Tables, connector: str, point: str) -> Sequence[Span]:
    return [span for at, of, span in tables.gaps if of == point or (of is None and at == connector)]


def _given(file: Path) -> Sequence[Given]:
    """Reads the numbers of a source; its last line may be half written."""
    return list(_parsed(file.read_text().split("\n")[:-1]))


def _parsed(lines: Iterable[str]) -> Iterable[Given]:
    for line in lines:
        number, milliseconds = line.split()
        yield Given(int(number), datetime.fromtimestamp(int(milliseconds) / 1000, UTC))


def _number_in(payload: bytes) -> int:
    """Finds the number in what a dead letter kept: a message, or a reading whose moment another one had taken."""
    found = _NUMBER.search(payload)
    if found is not None:
        return int(found[1])
    try:
        kept = json.loads(payload)
        return int(kept if isinstance(kept, int | float) else kept["value"])
    except (ValueError, TypeError, KeyError):
        return -1


def _count(connection: "psycopg.Connection[tuple[object, ...]]", table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()  # noqa: S608 - one of three names
    assert row is not None
    return int(str(row[0]))
