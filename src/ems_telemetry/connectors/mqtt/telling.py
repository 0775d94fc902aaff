"""What a message tells of one point becomes a sample: its value, its quality and its error, by the rules of its meter. Pure."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from ems_telemetry.clock import is_plausible
from ems_telemetry.connectors.mqtt.documents import number_in
from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.path import MISSING
from ems_telemetry.connectors.mqtt.payload import Refusal
from ems_telemetry.connectors.mqtt.quality import GOOD, Fault, Judge, fault_in
from ems_telemetry.connectors.mqtt.times import ReadTime
from ems_telemetry.model import Flag, Quality, Sample


class WhenMissing(StrEnum):
    """What becomes of a point of which a message says nothing."""

    DEAD_LETTER = "dead_letter"
    IGNORE = "ignore"
    ZERO = "zero"


class Rules(NamedTuple):
    """How a meter's values are read."""

    when_missing: WhenMissing
    quoted_numbers: bool
    judge: Judge | None
    """None where nothing is said of quality."""


class Told(NamedTuple):
    """What a message tells of one point; `MISSING` where it tells nothing. `place` is where, in words."""

    value: object
    quality: object
    error: object
    place: str


class Dated(NamedTuple):
    """When a message's values were true, and how they are marked. `time` is None where that is the reception."""

    time: datetime | None
    flags: int


def date(said: object, read_time: ReadTime, message: Message) -> Dated | None:
    """Dates what a message tells.

    Returns:
        None for what is not to be stored: a retained message counts only if it tells its age, as it is shown again at each
        start.

    Raises:
        ValueError: what is said is no time.
    """
    time = None if said is MISSING or said is None else read_time(said, message.received_at)
    if not message.retained:
        return Dated(time, 0)
    if time is None or not is_plausible(time, message.received_at):
        return None
    return Dated(time, Flag.RETAINED)


def tell(point: str, told: Told, dated: Dated, message: Message, rules: Rules) -> Sample | Refusal | None:
    """Makes the sample of a point; None where the message says nothing of it and that is as it should be."""
    value = told.value
    fault = value if isinstance(value, Fault) else None if told.error is MISSING else fault_in(told.error)
    if fault is not None:
        flags = dated.flags | Flag.BAD_STATUS
        return Sample(point, dated.time, None, message.received_at, Quality.BAD, fault.code, flags)
    if value is MISSING:
        if rules.when_missing is WhenMissing.DEAD_LETTER:
            return Refusal(point, "value_missing", f"nothing stands at {told.place}")
        if rules.when_missing is WhenMissing.IGNORE:
            return None
        value = 0
    try:
        verdict = GOOD if told.quality is MISSING or rules.judge is None else rules.judge(told.quality)
    except ValueError as error:
        return Refusal(point, "quality_unreadable", f"{told.place}: {error}")
    if verdict.quality == Quality.BAD:
        value = None
    elif rules.quoted_numbers and isinstance(value, str):
        number = number_in(value)
        value = value if number is None else number
    if value is not None and not isinstance(value, bool | int | float | str):
        kind = "an array" if isinstance(value, list) else "an object"
        return Refusal(point, "value_unreadable", f"{told.place} is {kind}, not a value")
    marks = dated.flags | verdict.flags
    return Sample(point, dated.time, value, message.received_at, verdict.quality, verdict.status, marks)
