"""What a server counted while nobody listened, and what of it arrived."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from fakes import RememberingSink, until
from integration.opcua.air_plant import of_point
from servers.node_opcua import NodeOpcuaServer

from ems_telemetry.model import Flag, Sample


class Counted(NamedTuple):
    """One value of a counter and the source's time of it."""

    time: datetime
    value: int


def counted_by(server: NodeOpcuaServer, node: str = "Kept.0") -> list[Counted]:
    """The server's own list, which has nothing to do with its history."""
    return [Counted(datetime.fromisoformat(row["time"]), row["value"]) for row in server._ask("counted", node)]


def history_questions(server: NodeOpcuaServer) -> list[dict[str, Any]]:
    """What was asked of the history so far: `node`, `start`, `end`, `continued`, `released`."""
    asked: list[dict[str, Any]] = server._ask("history_questions")
    return asked


def refuse_history(server: NodeOpcuaServer, status: str, times: int = 1) -> None:
    """Lets the server answer the next questions about history with a status."""
    server._ask("refuse_history", {"status": status, "times": times})


def times_of(samples: Sequence[Sample]) -> list[datetime]:
    return sorted(sample.time for sample in samples if sample.time is not None)


def missing_and_doubled(
    server: NodeOpcuaServer, samples: Sequence[Sample], node: str = "Kept.0"
) -> tuple[list[Counted], list[Sample]]:
    """Compares what arrived with the server's own list, from the first sample to the last."""
    times = times_of(samples)
    expected = [count for count in counted_by(server, node) if times[0] <= count.time <= times[-1]]
    arrived = Counter((sample.time, sample.value) for sample in samples)
    doubled = [sample for sample in samples if arrived[sample.time, sample.value] > 1]
    return [count for count in expected if tuple(count) not in arrived], doubled


async def until_complete(server: NodeOpcuaServer, sink: RememberingSink, name: str = "total", timeout_s: float = 20.0) -> None:
    """Waits until nothing is missing between the first sample and the last."""
    await until(lambda: not missing_and_doubled(server, of_point(sink, name))[0], timeout_s)


def backfilled(samples: Sequence[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.flags & Flag.BACKFILLED]
