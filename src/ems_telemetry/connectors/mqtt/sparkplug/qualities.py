"""The quality of a metric, from its property "Quality". Pure functions.

| code | quality | flag |
|---|---|---|
| none, 192 | good | |
| 193 to 255 | good | |
| 64 to 127 | uncertain | `uncertain_status` |
| 500 | bad | `stale` |
| any other number | bad | `bad_status` |
| no number | uncertain | `uncertain_status` |

0, 192 and 500 are those of Sparkplug; the ranges are those of OPC DA, which edge nodes pass on.
"""

from typing import NamedTuple

from ems_telemetry.connectors.mqtt.sparkplug.sparkplug_b_pb2 import PropertySet, PropertyValue
from ems_telemetry.connectors.mqtt.sparkplug.values import text_of
from ems_telemetry.model import Flag, Quality

STALE = 500
_GOOD = 192
_KEY = "quality"
_CODE_BITS = 0xFFFF_FFFF


class Judged(NamedTuple):
    """What a sample says of its value. `status` is the code as it came, 0 where all was well."""

    quality: int
    status: int
    flags: int


GOOD = Judged(int(Quality.GOOD), 0, 0)
DEAD = Judged(int(Quality.BAD), STALE, int(Flag.STALE))
"""Of a point whose edge node or device has died."""
_UNTOLD = Judged(int(Quality.UNCERTAIN), 0, int(Flag.UNCERTAIN_STATUS))


def quality_in(properties: PropertySet) -> Judged:
    """Reads the quality among the properties of a metric; good if they tell none."""
    for key, value in zip(properties.keys, properties.values, strict=False):
        if (text_of(key) or "").casefold() == _KEY:
            code = _number(value)
            return _UNTOLD if code is None else judge(code)
    return GOOD


def judge(code: int) -> Judged:
    """Reads a quality code."""
    if code == _GOOD:
        return GOOD
    if _GOOD < code < 256:  # noqa: PLR2004 - see the table above
        return Judged(int(Quality.GOOD), code, 0)
    if 64 <= code < 128:  # noqa: PLR2004 - see the table above
        return Judged(int(Quality.UNCERTAIN), code, int(Flag.UNCERTAIN_STATUS))
    return DEAD if code == STALE else Judged(int(Quality.BAD), code & _CODE_BITS, int(Flag.BAD_STATUS))


def _number(value: PropertyValue) -> int | None:
    field = value.WhichOneof("value")
    return getattr(value, field) if field in {"int_value", "long_value"} and not value.is_null else None
