"""`backfill` of the OPC UA connector: reads by hand what a server's history holds of some points over a stretch of time.

The stretch is a hole like those an outage leaves, and is filled the same way; nothing is remembered of it, and no gap is told.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.config.scalars import SECONDS
from ems_telemetry.connectors.contract import Refusal, Sink, Stretch, Surroundings
from ems_telemetry.connectors.opcua import history
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.connectors.opcua.history import Backfill
from ems_telemetry.connectors.opcua.marks import Marks, Standing
from ems_telemetry.connectors.opcua.plan import WantedItem, wanted_items
from ems_telemetry.connectors.opcua.refusals import Refusals
from ems_telemetry.connectors.opcua.resolving import Resolver, Target
from ems_telemetry.connectors.opcua.spans import Span, total
from ems_telemetry.connectors.opcua.visiting import visiting
from ems_telemetry.model import DeadLetter, Gap, Receipt, Sample

ROUNDS = 4
"""So often what has failed is asked for in all."""
_WORDS = {
    history.NOT_HISTORISED: "the server keeps no history of it",
    history.UNAVAILABLE: "the server's history has lost it, or does not let us read it",
}


async def backfill(
    file: OpcUaFile, surroundings: Surroundings, stretch: Stretch, show: Callable[[float], None]
) -> Sequence[Refusal]:
    """Opens a session, reads the stretch slice by slice, and closes it; see `contract.Backfill`.

    Raises:
        ConnectionLostError: nobody there, or nobody answers.
        EndpointRefusedError: the server refuses us.
    """
    items = [item for item in wanted_items(file) if item.point in stretch.points]
    hole = Span(stretch.start, stretch.end)
    marks = Marks(item.point for item in items)
    # Each mark lies behind the hole: what cannot be had is told, and does not pass for a value that has not changed.
    marks.restore(Standing(item.point, stretch.end, (hole,)) for item in items)
    whole = timedelta(seconds=max(1.0, len(items) * hole.length.total_seconds()))
    sink = _TellingSink(surroundings.sink, lambda: show(1 - sum(map(total, marks.holes().values()), timedelta()) / whole))
    given = replace(surroundings, sink=sink)
    refusals = Refusals(items, given)
    name = surroundings.report.status.name
    settings = file.history.model_copy(update={"max_age": 100 * SECONDS["y"]})
    async with visiting(file, surroundings.pki_directory, name) as session:
        resolver = Resolver(session, items, refusals)
        handles = {item.point: handle for handle, item in enumerate(items)}

        async def locate(wanted: Sequence[WantedItem]) -> list[Target | None]:
            asked = [handles[item.point] for item in wanted]
            found = await resolver.resolve(asked)
            return [found.get(handle) for handle in asked]

        await Backfill(session, items, marks, locate, settings, given).fill_once(ROUNDS)
    return [*sink.refused, *_left(items, marks, refusals, given)]


def _left(items: Sequence[WantedItem], marks: Marks, refusals: Refusals, given: Surroundings) -> list[Refusal]:
    """Tells of what is still missing after all rounds."""
    reasons = {item.point: refusals.reason(handle) for handle, item in enumerate(items)}
    otherwise = f"it could not be read to its end: {given.report.status.last_error or 'no answer'}"
    return [
        Refusal(point, f"missing from {spans[0].start.isoformat()} on: {reasons[point] or otherwise}")
        for point, spans in marks.holes().items()
    ]


class _TellingSink:
    """Hands samples on and tells how far it is; what would become a gap is kept as a refusal."""

    def __init__(self, sink: Sink, tell: Callable[[], None]) -> None:
        self._sink = sink
        self._tell = tell
        self.refused: list[Refusal] = []

    async def deliver(
        self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = (), receipts: Sequence[Receipt] = ()
    ) -> None:
        await self._sink.deliver(samples, dead_letters, receipts)
        self._tell()

    async def offer(self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = ()) -> bool:
        return await self._sink.offer(samples, dead_letters)

    async def record(self, gaps: Sequence[Gap]) -> None:
        for gap in gaps:
            if gap.point is not None:
                words = f"{_time(gap.start)} to {_time(gap.end)}: {_WORDS.get(gap.cause, gap.cause)}"
                self.refused.append(Refusal(gap.point, words))
        self._tell()

    def declare(self, points: Sequence[ConfiguredPoint]) -> None:
        self._sink.declare(points)

    async def is_durable(self, receipt: Receipt) -> bool:
        return await self._sink.is_durable(receipt)


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}Z"
