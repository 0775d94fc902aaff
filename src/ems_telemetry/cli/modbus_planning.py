"""`modbus plan`: the requests a file makes, and what they cost its line, before anything is connected."""

from collections.abc import Sequence

import typer

from ems_telemetry.cli.modbus_target import EndpointArgument, find_target
from ems_telemetry.cli.output import ConfigOption, JsonOption, as_objects, print_json, print_table, say
from ems_telemetry.config.load import DEFAULT_PATH
from ems_telemetry.config.scalars import format_duration
from ems_telemetry.connectors.modbus.endpoint import Endpoint
from ems_telemetry.connectors.modbus.load import Load, load_of, reply_bytes, request_bytes
from ems_telemetry.connectors.modbus.plan import Poll, plan_polls

COLUMNS = ("unit", "every", "register", "first", "last", "used", "read", "points", "bytes", "names")
NAMED = 3
BUSY = 0.7
"""A serial line with less free time than this leaves loses ticks when a unit is slow."""


def add_to(group: typer.Typer) -> None:
    """Adds the verb."""
    group.command("plan")(plan)


def plan(connector: EndpointArgument, config: ConfigOption = DEFAULT_PATH, as_json: JsonOption = False) -> None:
    """Show the requests that a connector file makes, by wire address, and how many bytes a second they are."""
    file = find_target(connector, config).file
    polls = plan_polls(file)
    load = load_of(file.where, polls)
    rows = [row for poll in polls for row in _rows(poll, file.where)]
    if as_json:
        told = {"requests": as_objects(COLUMNS, rows), "requests_per_s": load.requests_per_s, "bytes_per_s": load.bytes_per_s}
        print_json({**told, "line_busy": load.busy, "fields": [_fields(poll) for poll in polls if poll.sunspec is not None]})
        return
    if rows:
        print_table(COLUMNS, rows)
    for poll in polls:
        if poll.sunspec is not None:
            say(f"unit {poll.unit_id}: {len(poll.sunspec.fields)} SunSpec field(s), whose places the device tells")
    say(_summary(len(rows), load))


def _rows(poll: Poll, endpoint: Endpoint) -> list[tuple[object, ...]]:
    return [
        (
            poll.unit_id,
            format_duration(poll.interval_s),
            str(block.table),
            block.address,
            block.address + block.count - 1,
            len({address for point in block.points for address in range(point.start, point.end)}),
            block.count,
            len(block.points),
            request_bytes(endpoint) + reply_bytes(endpoint, block),
            _names([point.key for point in block.points]),
        )
        for block in poll.blocks
    ]


def _names(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return ", ".join(keys[:NAMED]) + more


def _fields(poll: Poll) -> dict[str, object]:
    fields = () if poll.sunspec is None else poll.sunspec.fields
    return {"unit": poll.unit_id, "fields": [field.field for field in fields]}


def _summary(requests: int, load: Load) -> str:
    busy = "" if load.busy is None else f", {load.busy:.0%} of the line's time"
    warning = "; that is too much: read less often, or fewer points" if load.busy is not None and load.busy > BUSY else ""
    return f"{requests} request(s), {load.requests_per_s:.3g} a second, {load.bytes_per_s:,.0f} bytes a second{busy}{warning}"
