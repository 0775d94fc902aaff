"""Finds out which units answer on a line and what they are: by what they say of themselves, and by profiles that fit.

Only reads: registers, the server's own identification (function 17), and the device identification (43/14).
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from ems_telemetry.connectors.modbus.decode import BlockDecoder, Decoded
from ems_telemetry.connectors.modbus.errors import GATEWAY_CODES, ExceptionReplyError, UnitFailedError
from ems_telemetry.connectors.modbus.identification import read_identification, read_server_id
from ems_telemetry.connectors.modbus.line import Line
from ems_telemetry.connectors.modbus.pdu import ReadRequest, Request
from ems_telemetry.connectors.modbus.proof import Check, Proof
from ems_telemetry.connectors.modbus.registers import Order, RegisterPoint, Spelling, Table, ValueType
from ems_telemetry.connectors.modbus.sunspec import walk
from ems_telemetry.connectors.modbus.units import FoundUnit

PRESENT = ReadRequest(Table.HOLDING, 0, 1)
"""What every unit answers that is there, if only with an exception."""
COMMON_MODEL = 1
_COMMON_WORDS = (("vendor", 2, 16), ("model name", 18, 16), ("revision", 42, 8), ("serial number", 50, 16))
"""Texts of SunSpec's common model: their name, their offset from the model's id, their registers."""


async def scan(
    line: Line, units: Iterable[int], proofs: Mapping[str, Proof], timeout_s: float
) -> AsyncIterator[tuple[int, FoundUnit | None]]:
    """Asks one unit id after another.

    Args:
        line: in use.
        units: their ids.
        proofs: what tells each profile from others, by its name.
        timeout_s: how long a unit may take to answer.

    Yields:
        Each unit id, and what answered there.

    Raises:
        ConnectionLostError: the endpoint is out of reach.
    """
    for unit_id in units:
        asked = _Asked(line, unit_id, timeout_s)
        yield unit_id, await _look_at(asked, proofs) if await asked.is_there() else None


async def _look_at(asked: "_Asked", proofs: Mapping[str, Proof]) -> FoundUnit:
    found = FoundUnit(asked.unit_id)
    found.says |= await asked.identification()
    found.models, texts = await asked.sunspec()
    found.says |= texts
    shown = [name for name, proof in proofs.items() if proof.identity and await asked.holds(proof)]
    if shown or found.models:
        found.profiles, found.proved = shown, bool(shown)
        return found
    found.profiles = [name for name, proof in proofs.items() if not proof.identity and await asked.holds(proof)]
    return found


class _Asked:
    """One unit, asked for each thing once."""

    def __init__(self, line: Line, unit_id: int, timeout_s: float) -> None:
        self.unit_id = unit_id
        self._line = line
        self._timeout_s = timeout_s
        self._data: dict[tuple[Table, int, int], bytes | None] = {}

    async def is_there(self) -> bool:
        """Tells whether anything answers under this id."""
        try:
            await self._line.ask(self.unit_id, PRESENT, self._timeout_s)
        except ExceptionReplyError as error:
            return error.code not in GATEWAY_CODES
        except UnitFailedError:
            return False
        return True

    async def identification(self) -> Mapping[str, str]:
        """Gives what the unit says of itself in the ways the protocol has for it."""
        said = await read_identification(self._ask)
        return said or await read_server_id(self._ask)

    async def sunspec(self) -> tuple[Sequence[int], Mapping[str, str]]:
        """Gives the models of a SunSpec device and what its common model says; nothing for other devices."""
        try:
            models = await walk(self._read_holding)
        except (ExceptionReplyError, UnitFailedError):
            return (), {}
        common = next((model.address for model in models if model.id == COMMON_MODEL), None)
        if common is None:
            return tuple(model.id for model in models), {}
        texts = {name: await self._text(common + offset, length) for name, offset, length in _COMMON_WORDS}
        return tuple(model.id for model in models), {name: text for name, text in texts.items() if text}

    async def _read_holding(self, address: int, count: int) -> bytes:
        return await self._line.ask(self.unit_id, ReadRequest(Table.HOLDING, address, count), self._timeout_s)

    async def holds(self, proof: Proof) -> bool:
        """Tells whether the unit shows all that proves a profile."""
        checks = [*proof.identity, *([proof.first_read] if proof.first_read is not None else ())]
        return all([await self._fits(check) for check in checks]) and bool(checks)

    async def _fits(self, check: Check) -> bool:
        data = await self._registers(check.place.table, check.place.start, check.place.end - check.place.start)
        return data is not None and check.expects.fits(_decoded(check.place, data))

    async def _text(self, address: int, length: int) -> str:
        data = await self._registers(Table.HOLDING, address, length)
        place = RegisterPoint("", Table.HOLDING, address, Spelling(ValueType.STRING, Order.ABCD, length))
        return "" if data is None else str(_decoded(place, data))

    async def _registers(self, table: Table, address: int, count: int) -> bytes | None:
        """Reads registers, each only once; None if the unit does not give them."""
        place = table, address, count
        if place not in self._data:
            self._data[place] = await self._ask(ReadRequest(table, address, count))
        return self._data[place]

    async def _ask(self, request: Request) -> bytes | None:
        try:
            return await self._line.ask(self.unit_id, request, self._timeout_s)
        except (ExceptionReplyError, UnitFailedError):
            return None


def _decoded(place: RegisterPoint, data: bytes) -> Decoded:
    (value,) = BlockDecoder(place.start, (place,)).decode(data)
    return value
