"""The next portion of the spool, read and planned while the database is busy with the one before."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from ems_telemetry.spool.port import Entry
from ems_telemetry.storage.capability import Capability
from ems_telemetry.storage.lanes import Lanes, Portion
from ems_telemetry.storage.load import Plan, plan


@dataclass(frozen=True, slots=True)
class Target:
    """What the writer must know of the database: what it can do, and the id of each point by its key."""

    capability: Capability
    point_ids: Mapping[str, int]
    named: frozenset[str] = frozenset()
    """The points that files name: what a device says of itself never shuts them out."""

    def renewed(self, fresh: "Target", known: Mapping[str, int]) -> "Target":
        """Gives a fresh target, without the points that a device had given another meaning since all were known."""
        shut_out = known.keys() - self.point_ids.keys() - fresh.named
        return replace(fresh, point_ids={key: id_ for key, id_ in fresh.point_ids.items() if key not in shut_out})


class Planned(NamedTuple):
    """A portion, and what to write of it by what a target knows, if it was planned ahead."""

    portion: Portion
    plan: Plan | None
    target: Target

    def plan_for(self, target: Target) -> Plan:
        """Gives what to write by what this target knows, but for the batches of runs."""
        return _plan(self.portion.entries, target) if self.plan is None or self.target is not target else self.plan


class Ahead:
    """Reads and plans the next portion while the database is busy with the one before. Open for the length of a session."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._task: asyncio.Task[Planned] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def begin(self, target: Target) -> None:
        """Begins with the next portion; it is given by the next `take`."""
        self._task = asyncio.create_task(self._plan_next(target), name="writer-ahead")

    async def take(self, target: Target) -> Planned:
        """Gives the next portion; planned only if it was begun with."""
        task, self._task = self._task, None
        if task is None:
            return Planned(await self._lanes.next(), None, target)
        try:
            return await task
        finally:
            task.cancel()

    async def _plan_next(self, target: Target) -> Planned:
        portion = await self._lanes.next()
        return Planned(portion, await asyncio.to_thread(_plan, portion.entries, target), target)


def _plan(entries: Sequence[Entry], target: Target) -> Plan:
    return plan((entry.batch for entry in entries if entry.batch.run is None), target.point_ids)
