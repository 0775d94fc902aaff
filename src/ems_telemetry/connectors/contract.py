"""What a connector is to the service, and what the service gives it. `tests/contract` proves every connector against it.

A connector speaks one protocol to one endpoint and hands over samples. It knows nothing of units, spools or databases. Third
parties add one by an entry point in the group `ems_telemetry.connectors` that names a `ConnectorType`.
"""

from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar, cast

from ems_telemetry.clock import Clock
from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.config.connector import ConnectorFile
from ems_telemetry.model import DeadLetter, Gap, Receipt, Sample
from ems_telemetry.observe import ConnectorReport
from ems_telemetry.retry import Backoff

ENTRY_POINT_GROUP = "ems_telemetry.connectors"

SharedT = TypeVar("SharedT")


class Sink(Protocol):
    """Where a connector puts what it read. Both verbs return only when everything given is on disk, or accounted for."""

    async def deliver(
        self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = (), receipts: Sequence[Receipt] = ()
    ) -> None:
        """Makes all of it durable, waiting as long as the spool is full. For sources that hold on until acknowledged.

        The caller acknowledges its source after this returns, never before. May be cancelled while it waits: then it is
        unknown whether the samples are durable, and the source must deliver them again.
        """
        ...

    async def offer(self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = ()) -> bool:
        """Makes all of it durable, or refuses at once. For sources that cannot wait, such as a poll.

        Returns:
            True if it is on disk; False if the spool refused it, and then the refusal is counted and becomes a gap.
        """
        ...

    async def record(self, gaps: Sequence[Gap]) -> None:
        """Writes down stretches in which readings are missing; the same gap again, with a later end, makes it longer.

        While the spool has no room they are remembered, and written with what it takes next.
        """
        ...

    def declare(self, points: Sequence[ConfiguredPoint]) -> None:
        """Makes points known that no file names, as a device told them. Never blocks; the same points again do no harm.

        Called before samples of theirs are handed over, and again after each start. They become durable together with those
        samples, at the latest.
        """
        ...

    async def is_durable(self, receipt: Receipt) -> bool:
        """Tells whether a message with this receipt was delivered before: a redelivery to acknowledge and not to store."""
        ...


class Connector(Protocol):
    """One connection to one endpoint.

    Building one does no I/O and starts nothing. It is run once.
    """

    async def run(self) -> None:
        """Serves the endpoint until `stop`, reconnecting by itself for as long as it takes; then returns.

        An absent or failing endpoint never makes it raise. Cancelling it closes the connection too, and `CancelledError`
        travels on. What it had received and not yet made durable is not acknowledged.
        """
        ...

    def stop(self) -> None:
        """Asks `run` to end soon. Never blocks; does no harm before `run`, twice, or after the end.

        After a stop before `run`, `run` returns without having touched the endpoint.
        """
        ...


class Shared:
    """What the connectors of one service have in common, as a link that only one of them may hold. One for each service.

    Making one, and asking it, does no I/O.
    """

    def __init__(self) -> None:
        self._made: dict[Hashable, object] = {}

    def once(self, key: Hashable, make: Callable[[], SharedT]) -> SharedT:
        """Gives the thing of that key: made by the first who asks, and the same for all who ask later.

        Args:
            key: tells the things apart, and whose they are: best a tuple that begins with the type of the thing.
            make: makes it; does no I/O.
        """
        if key not in self._made:
            self._made[key] = make()
        # Whoever chose the key gets back what he made under it.
        return cast("SharedT", self._made[key])


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the service gives a connector to work with."""

    sink: Sink
    report: ConnectorReport
    clock: Clock
    backoff: Backoff
    state_directory: Path
    """The connector's own folder for what must outlive the process; made by whoever first writes to it."""
    pki_directory: Path
    """The folder of certificates, one for all connectors; made by whoever first writes to it."""
    shared: Shared
    """What it has in common with the other connectors of the service."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a point could not be read, in words an OT engineer understands."""

    point: str
    reason: str


Look: TypeAlias = Callable[[Any, Surroundings], Awaitable[Sequence[Sample | Refusal]]]
"""Reads each point of a checked file once and tells what it found, one answer per point; leaves nothing behind at the endpoint.

Raises an `EmsTelemetryError` if the endpoint is out of reach or refuses us. Nothing goes to the sink.
"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is to be read of the past: some points, over the times `[start, end)`."""

    points: Collection[str]
    start: datetime
    end: datetime


Backfill: TypeAlias = Callable[[Any, Surroundings, Stretch, Callable[[float], None]], Awaitable[Sequence[Refusal]]]
"""Reads what an endpoint itself keeps of a stretch, by a checked file, and hands it to the sink, flagged `BACKFILLED`.

The last argument is told the share done so far, from 0 to 1. Gives the points of which not all could be had, with the reason.
Raises an `EmsTelemetryError` if the endpoint is out of reach or refuses us. Comes to an end whatever the endpoint does.
"""

Reread: TypeAlias = Callable[[Any, DeadLetter], Sequence[Sample]]
"""Reads the payload of a dead letter again, by a checked file as it is now; all that was in it, in the words of the device.

Raises `ValueError`, in words for an OT engineer, if it still cannot be read.
"""


@dataclass(frozen=True, slots=True)
class ConnectorType:
    """A protocol: how its file is checked, and how a connector is built from a checked file."""

    name: str
    file: type[ConnectorFile[Any]]
    build: Callable[[Any, Surroundings], Connector]
    """Called with an instance of `file`. Imports its protocol library only here, so that `check` stays light."""
    look: Look | None = None
    """For `check --live`; None for a protocol whose devices cannot be asked."""
    backfill: Backfill | None = None
    """For `backfill --connector`; None for a protocol whose devices keep nothing that could be read later."""
    reread: Reread | None = None
    """For `dead-letters retry`; None for a protocol whose dead letters hold samples, or no payload that could be read again."""
    is_fed_by_hand: bool = False
    """True where readings come through other processes: that none come through the connector is no silence."""


class ConnectorTypes(Mapping[str, ConnectorType]):
    """Connectors by the names of their entry points, which stand as `type:` in connector files.

    Each is loaded when it is first looked up, since a plant without Modbus need not load its profiles.
    """

    def __init__(self, found: Iterable[EntryPoint]) -> None:
        self._found = {point.name: point for point in found}
        self._loaded: dict[str, ConnectorType] = {}

    def __getitem__(self, name: str) -> ConnectorType:
        if name not in self._loaded:
            self._loaded[name] = self._found[name].load()
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class FileModels(Mapping[str, type[ConnectorFile[Any]]]):
    """What the files of connectors look like, by their `type:`; each loaded when it is first looked up."""

    def __init__(self, types: ConnectorTypes) -> None:
        self._types = types

    def __getitem__(self, name: str) -> type[ConnectorFile[Any]]:
        return self._types[name].file

    def __contains__(self, name: object) -> bool:
        return name in self._types

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)


def find_connector_types() -> ConnectorTypes:
    """Finds the connectors installed, ours and other people's, by their entry points."""
    return ConnectorTypes(entry_points(group=ENTRY_POINT_GROUP))


def find_file_models() -> FileModels:
    """Finds what the files of the connectors installed look like."""
    return FileModels(find_connector_types())
