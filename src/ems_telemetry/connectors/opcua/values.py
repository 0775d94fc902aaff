"""From an OPC UA DataValue to a sample, or to a dead letter where no sample can hold the value. Pure functions."""

from datetime import UTC, datetime
from enum import Enum
from uuid import uuid4

from asyncua import ua

from ems_telemetry.connectors.opcua.picking import Unreadable
from ems_telemetry.connectors.opcua.plan import WantedItem
from ems_telemetry.connectors.status_codes import judge
from ems_telemetry.model import DEAD_LETTER_PAYLOAD_BYTES, DeadLetter, Flag, Quality, RawValue, Sample

UNSUPPORTED_VALUE = "unsupported_value"

_INFO_TYPE = 0x0000_0C00
_INFO_OF_DATA_VALUE = 0x0000_0400
_OVERFLOW = 0x0000_0080
_NO_TIME = datetime(1601, 1, 1, tzinfo=UTC)


class UnsupportedValueError(ValueError):
    """The value is no number, switch or text."""


def read_data_value(connector: str, item: WantedItem, data: ua.DataValue, received_at: datetime) -> Sample | DeadLetter:
    """Reads one notification.

    Args:
        connector: the connector's name, for a dead letter.
        item: the point it belongs to.
        data: as decoded by asyncua.
        received_at: when it came in, aware UTC.

    Returns:
        The sample, with the 32-bit StatusCode as its status. A bad status takes the value away. Arrays and structures are
        dead letters.
    """
    status = 0 if data.StatusCode is None else int(data.StatusCode.value)
    quality, flags = judge(status)
    time, time_flags = choose_time(data)
    value: RawValue = None
    if quality != Quality.BAD:
        try:
            value = plain_value(data.Value)
        except UnsupportedValueError as error:
            return _dead_letter(connector, item, data, str(error), received_at)
        if value is None:
            quality, flags = Quality.BAD, flags | Flag.INVALID_VALUE
    return Sample(item.point, time, value, received_at, quality, status, flags | time_flags)


def choose_time(data: ua.DataValue) -> tuple[datetime | None, int]:
    """Chooses the source's time, else the server's with a flag, else none. 1601-01-01 is how servers say "none"."""
    source = _aware(data.SourceTimestamp)
    if source is not None:
        return source, 0
    server = _aware(data.ServerTimestamp)
    return (None, 0) if server is None else (server, Flag.SERVER_TIME)


def plain_value(variant: ua.Variant | None) -> RawValue:
    """Takes the value out of its Variant; numbers of every width stay exact.

    Returns:
        None for a null.

    Raises:
        UnsupportedValueError: an array or a structure.
    """
    value = None if variant is None else variant.Value
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, ua.LocalizedText):
        return value.Text
    if isinstance(value, Unreadable):
        raise UnsupportedValueError(value.detail)
    raise UnsupportedValueError(f"{_type_of(variant)} is not a number, a Boolean or a text")


def has_overflowed(data: ua.DataValue) -> bool:
    """Tells whether the server's queue of this item was full, so that older values are lost."""
    status = 0 if data.StatusCode is None else int(data.StatusCode.value)
    return status & _INFO_TYPE == _INFO_OF_DATA_VALUE and bool(status & _OVERFLOW)


def _aware(time: datetime | None) -> datetime | None:
    if time is None:
        return None
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return None if aware <= _NO_TIME else aware


def _type_of(variant: ua.Variant | None) -> str:
    if variant is None:
        return "nothing"
    return f"an array of {variant.VariantType.name}" if variant.is_array else variant.VariantType.name


def _dead_letter(connector: str, item: WantedItem, data: ua.DataValue, detail: str, received_at: datetime) -> DeadLetter:
    payload = repr(data).encode()
    cut = f" (cut from {len(payload)} bytes)" if len(payload) > DEAD_LETTER_PAYLOAD_BYTES else ""
    return DeadLetter(
        id=uuid4(),
        connector=connector,
        point=item.point,
        reason=UNSUPPORTED_VALUE,
        detail=detail + cut,
        source=item.source,
        payload=payload[:DEAD_LETTER_PAYLOAD_BYTES],
        received_at=received_at,
    )
