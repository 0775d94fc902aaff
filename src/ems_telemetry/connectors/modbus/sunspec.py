"""SunSpec devices tell where their values lie: a marker, then one model after another, each with its id and length.

Offsets within a model count from its id, as in the model definitions; see `sunspec_models.py`.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeAlias

from ems_telemetry.config.problems import not_known
from ems_telemetry.connectors.modbus.asking import Asker
from ems_telemetry.connectors.modbus.errors import GATEWAY_CODES, ExceptionReplyError, UnitFailedError
from ems_telemetry.connectors.modbus.pdu import ReadRequest
from ems_telemetry.connectors.modbus.plan import FieldPoint, Poll
from ems_telemetry.connectors.modbus.registers import ADDRESSES, RegisterPoint, Spelling, Table
from ems_telemetry.connectors.modbus.sunspec_models import MODELS, Field

ReadHolding: TypeAlias = Callable[[int, int], Awaitable[bytes]]
"""Reads holding registers of the device, given the first wire address and how many."""

MARKER = b"SunS"
BASES = (40_000, 50_000, 0)
"""Where the marker may stand, the likeliest first."""
HEADER_REGISTERS = 2
END_MODEL = 0xFFFF
MOST_MODELS = 64
"""More models than any device has: whoever names more does not end."""


class NoSunSpecError(UnitFailedError):
    """The device replies, and is no SunSpec device or has not what is asked for."""


class FoundModel(NamedTuple):
    """A model of a device: its id, the wire address of that id, and how many registers follow its header."""

    id: int
    address: int
    length: int


async def find_fields(asker: Asker, poll: Poll) -> tuple[RegisterPoint, ...]:
    """Walks the models of a device and places the fields asked for.

    Raises:
        NoSunSpecError: it has no such model or field.
        ConnectionLostError, UnitFailedError, ExceptionReplyError: it cannot be asked now.
    """
    wanted = poll.sunspec
    if wanted is None:
        return ()

    async def read(address: int, count: int) -> bytes:
        return (await asker.read(poll, ReadRequest(Table.HOLDING, address, count))).data

    models = await walk(read)
    fitting = [model for model in models if model.id in wanted.models]
    if len(fitting) < wanted.instance:
        asked, there = ", ".join(map(str, wanted.models)), ", ".join(str(model.id) for model in models) or "none"
        raise NoSunSpecError(f"has {len(fitting)} and not {wanted.instance} of the models {asked}; its models are {there}")
    return tuple(_placed(field, fitting[wanted.instance - 1]) for field in wanted.fields)


async def walk(read: ReadHolding) -> Sequence[FoundModel]:
    """Lists the models of a device, in their order.

    Raises:
        NoSunSpecError: there is no marker, or the list does not end.
    """
    address = await find_marker(read) + len(MARKER) // 2
    models: list[FoundModel] = []
    while len(models) < MOST_MODELS and address + HEADER_REGISTERS <= ADDRESSES:
        header = await read(address, HEADER_REGISTERS)
        id_, length = int.from_bytes(header[:2]), int.from_bytes(header[2:])
        if id_ == END_MODEL:
            return models
        models.append(FoundModel(id_, address, length))
        address += HEADER_REGISTERS + length
    raise NoSunSpecError(f"names {len(models)} SunSpec models and does not end")


async def find_marker(read: ReadHolding) -> int:
    """Tells the wire address of the marker.

    Raises:
        NoSunSpecError: there is none.
    """
    for base in BASES:
        try:
            if await read(base, len(MARKER) // 2) == MARKER:
                return base
        except ExceptionReplyError as error:
            if error.code in GATEWAY_CODES:
                raise
    raise NoSunSpecError(f"is no SunSpec device: no marker at {', '.join(map(str, BASES))}")


def _placed(point: FieldPoint, model: FoundModel) -> RegisterPoint:
    fields = MODELS[model.id]
    field: Field | None = fields.get(point.field)
    if field is None:
        raise NoSunSpecError(f"model {model.id}: {not_known('field', point.field, fields)}")
    exponent = None if field.exponent is None else model.address + field.exponent
    spelling = Spelling(field.type)
    return RegisterPoint(point.key, Table.HOLDING, model.address + field.offset, spelling, exponent, field.sentinels)
