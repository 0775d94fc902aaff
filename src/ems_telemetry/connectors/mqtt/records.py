"""Documents that tell each point of a meter once, at a place of its own, all for one time. Pure, and compiled once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import NamedTuple, TypeAlias

from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.path import MISSING, Path
from ems_telemetry.connectors.mqtt.payload import Decoded, Refusal
from ems_telemetry.connectors.mqtt.telling import Dated, Rules, Told, date, tell
from ems_telemetry.connectors.mqtt.times import ReadTime
from ems_telemetry.model import Quality, Sample

WHOLE = Path("$", ())
"""The path of a value that is the whole payload."""

_VALUES = frozenset({bool, int, float, str, NoneType})


@dataclass(frozen=True, slots=True)
class Field:
    """Where the value of one point stands, and what is said of it. `point` is its key, as `WM-02.volume`."""

    point: str
    path: Path
    quality: Path | None = None
    error: Path | None = None


class Opened(NamedTuple):
    """A document as its sender means it: what paths point into, and what it says of time, quality and error of all of it."""

    document: object
    time: object = MISSING
    quality: object = MISSING
    error: object = MISSING


Open: TypeAlias = Callable[[object, str], Opened | None]
"""From a document and its topic; None for a message that tells nothing of meters. Raises ValueError in words."""


@dataclass(frozen=True, slots=True)
class Record:
    """A meter whose messages are such documents."""

    meter: str
    fields: tuple[Field, ...]
    open: Open
    read_time: ReadTime
    rules: Rules
    time_at: str | None
    """Where the time must stand, in words; None where a message may have none."""

    @property
    def points(self) -> Sequence[str]:
        """The keys of its points."""
        return [field.point for field in self.fields]

    def extract(self, document: object, message: Message, into: Decoded) -> None:
        """Adds the samples of this meter, and what of them could not be read."""
        try:
            opened = self.open(document, message.topic)
        except ValueError as error:
            into.refusals.append(Refusal(self._sole_point, "payload_unreadable", f"meter {self.meter}: {error}"))
            return
        if opened is None:
            return
        if self.time_at is not None and (opened.time is MISSING or opened.time is None):
            detail = f"meter {self.meter}: no time stands at {self.time_at}"
            into.refusals.append(Refusal(self._sole_point, "time_missing", detail))
            return
        try:
            dated = date(opened.time, self.read_time, message)
        except ValueError as error:
            into.refusals.append(Refusal(self._sole_point, "time_unreadable", f"meter {self.meter}: {error}"))
            return
        if dated is not None:
            self._extract_values(opened, dated, message, into)

    def _extract_values(self, opened: Opened, dated: Dated, message: Message, into: Decoded) -> None:
        samples, (time, flags), received_at = into.samples, dated, message.received_at
        simple = opened.quality is MISSING and opened.error is MISSING and not self.rules.quoted_numbers
        for field in self.fields:
            value = field.path.find(opened.document)
            if simple and field.quality is None and field.error is None and type(value) in _VALUES:
                samples.append(Sample(field.point, time, value, received_at, Quality.GOOD, 0, flags))
                continue
            quality = opened.quality if field.quality is None else field.quality.find(opened.document)
            error = opened.error if field.error is None else field.error.find(opened.document)
            told = tell(field.point, Told(value, quality, error, field.path.text), dated, message, self.rules)
            if isinstance(told, Sample):
                samples.append(told)
            elif told is not None:
                into.refusals.append(told)

    @property
    def _sole_point(self) -> str | None:
        return self.fields[0].point if len(self.fields) == 1 else None


def open_at(time: Path | None) -> Open:
    """Makes the opener of plain documents, whose time stands at a path."""
    if time is None:
        return lambda document, _topic: Opened(document)
    return lambda document, _topic: Opened(document, time.find(document))
