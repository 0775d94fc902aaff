"""Looks once at what the connectors' endpoints say right now, for `check --live`; stores nothing anywhere."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ems_telemetry.clock import Clock
from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.config.load import Configuration, LoadedConnector
from ems_telemetry.connectors.contract import ConnectorType, Look, Refusal, Shared, Surroundings
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.model import Flag, Quality, RawValue, Reading, Sample
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.observe import ConnectorReport, Metrics
from ems_telemetry.retry import Backoff
from ems_telemetry.service.assembly import state_directory

_PROBLEMS: Mapping[Flag, str] = {
    Flag.OUT_OF_RANGE: "outside the point's range",
    Flag.INVALID_VALUE: "the device sends no value",
    Flag.CLOCK_REPLACED: "the device's clock is wrong",
}


@dataclass(frozen=True, slots=True)
class SeenPoint:
    """What one point says now. `value` is in the canonical unit, exact where a float is not; None where `problem` says why."""

    point: ConfiguredPoint
    value: float | Decimal | None = None
    said: RawValue = None
    """In the device's own words."""
    quality: Quality = Quality.BAD
    time: datetime | None = None
    """The device's own time."""
    age_s: float | None = None
    problem: str | None = None

    @property
    def is_good_enough(self) -> bool:
        """True where a value was read that would be stored."""
        return self.problem is None and self.quality != Quality.BAD


@dataclass(frozen=True, slots=True)
class SeenConnector:
    """What one connector's endpoint says now."""

    name: str
    endpoint: str
    points: Sequence[SeenPoint]
    problem: str | None = None
    """Why none of its points could be read."""


async def look_at(
    configuration: Configuration,
    connectors: Iterable[tuple[LoadedConnector, ConnectorType]],
    clock: Clock,
    timeout_s: float,
) -> list[SeenConnector]:
    """Looks at several endpoints side by side; one that is out of reach holds up no other.

    Args:
        configuration: where they come from.
        connectors: those to look at, each with its type, which must have a `look`.
        clock: tells how old values are.
        timeout_s: how long each may take.
    """
    shared = Shared()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                _look_at_one(configuration, loaded, type_.look, clock, timeout_s, shared), name=f"look {loaded.name}"
            )
            for loaded, type_ in connectors
            if type_.look is not None
        ]
    return [task.result() for task in tasks]


async def _look_at_one(
    configuration: Configuration, loaded: LoadedConnector, look: Look, clock: Clock, timeout_s: float, shared: Shared
) -> SeenConnector:
    points = [point for point in configuration.points if point.connector == loaded.name]
    endpoint = loaded.file.endpoint_text
    report = ConnectorReport(loaded.name, loaded.file.type, endpoint, clock=clock, metrics=Metrics())
    surroundings = Surroundings(
        sink=_NoSink(),
        report=report,
        clock=clock,
        backoff=Backoff(),
        state_directory=state_directory(configuration, loaded.name),
        pki_directory=configuration.settings.pki.directory,
        shared=shared,
    )
    try:
        async with asyncio.timeout(timeout_s):
            answers = await look(loaded.file, surroundings)
    except TimeoutError:
        return SeenConnector(loaded.name, endpoint, (), f"no answer within {timeout_s:g} s")
    except EmsTelemetryError as error:
        return SeenConnector(loaded.name, endpoint, (), str(error))
    normalizer = Normalizer(loaded.name, points)
    answered = {answer.point: answer for answer in answers}
    return SeenConnector(loaded.name, endpoint, [_see(point, answered.get(point.key), normalizer) for point in points])


def _see(point: ConfiguredPoint, answer: Sample | Refusal | None, normalizer: Normalizer) -> SeenPoint:
    if answer is None:
        return SeenPoint(point, problem="no answer")
    if isinstance(answer, Refusal):
        return SeenPoint(point, problem=answer.reason)
    readings, letters = normalizer.normalize([answer])
    age_s = None if answer.time is None else (answer.received_at - answer.time).total_seconds()
    if letters:
        return SeenPoint(point, None, answer.value, Quality.BAD, answer.time, age_s, letters[0].detail)
    (reading,) = readings
    value = reading.value if reading.exact is None else reading.exact
    return SeenPoint(point, value, answer.value, Quality(reading.quality), answer.time, age_s, _problem(reading, answer))


def _problem(reading: Reading, answer: Sample) -> str | None:
    words = [words for flag, words in _PROBLEMS.items() if reading.flags & flag]
    if reading.flags & Flag.BAD_STATUS:
        words.append(f"the device marks it as bad (status 0x{answer.status:X})")
    return "; ".join(words) or None


class _NoSink:
    """A look hands nothing over; what tries to is a mistake in its connector."""

    async def deliver(self, *_: object) -> None:
        raise RuntimeError("a look stores nothing")

    async def offer(self, *_: object) -> bool:
        raise RuntimeError("a look stores nothing")

    async def record(self, *_: object) -> None:
        raise RuntimeError("a look stores nothing")

    def declare(self, *_: object) -> None:
        raise RuntimeError("a look stores nothing")

    async def is_durable(self, *_: object) -> bool:
        raise RuntimeError("a look stores nothing")
