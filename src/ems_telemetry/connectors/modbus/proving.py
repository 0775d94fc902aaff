"""Asks a meter what proves it, and where it does not hold looks for what would: the next register, another order of bytes."""

from ems_telemetry.connectors.modbus.asking import Asker
from ems_telemetry.connectors.modbus.decode import BlockDecoder, Decoded
from ems_telemetry.connectors.modbus.errors import GATEWAY_CODES, ExceptionReplyError
from ems_telemetry.connectors.modbus.pdu import ReadRequest
from ems_telemetry.connectors.modbus.plan import Poll
from ems_telemetry.connectors.modbus.proof import Check, Proof, other_places
from ems_telemetry.connectors.modbus.registers import RegisterPoint


class Prover:
    """Proves meters over one line."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    async def prove(self, poll: Poll, proof: Proof) -> str | None:
        """Reads what proves a meter.

        Returns:
            None if it is what its profile says; else what speaks against it, in words, with the remedy where one is seen.

        Raises:
            ConnectionLostError, UnitFailedError: nothing can be said now.
            ExceptionReplyError: the gateway cannot reach it now.
        """
        for check in proof.identity:
            read = await self._read(poll, check.place)
            # Older devices do not have the registers that newer ones are known by: that speaks neither for nor against.
            if read is not None and not check.expects.fits(read):
                return f"{_meter(poll, proof)}: it says {check.expects.said(read)} where {proof.profile} says {check.expects}"
        if proof.first_read is None:
            return None
        read = await self._read(poll, proof.first_read.place)
        if read is not None and proof.first_read.expects.fits(read):
            return None
        return await self._explain(poll, proof, proof.first_read, read)

    async def _explain(self, poll: Poll, proof: Proof, check: Check, read: Decoded | None) -> str:
        advice = await self._find_elsewhere(poll, check)
        remedy = advice or "compare its profile, `addressing` and `order` with its manual"
        said = "is refused" if read is None else f"reads {check.expects.said(read)}"
        doubt = f"{check.what} {said} and must be {check.expects}, so its values are marked as uncertain"
        return f"{_meter(poll, proof)}: {doubt}; {remedy}"

    async def _find_elsewhere(self, poll: Poll, check: Check) -> str | None:
        seen: dict[int, bytes | None] = {}
        for other in other_places(check.place):
            if other.place.address not in seen:
                seen[other.place.address] = await self._data(poll, other.place)
            data = seen[other.place.address]
            if data is not None and check.expects.fits(_decoded(other.place, data)):
                return f"{other.advice(check.place)}, where it reads {check.expects.said(_decoded(other.place, data))}"
        return None

    async def _read(self, poll: Poll, place: RegisterPoint) -> Decoded | None:
        data = await self._data(poll, place)
        return None if data is None else _decoded(place, data)

    async def _data(self, poll: Poll, place: RegisterPoint) -> bytes | None:
        """Gives the registers of a place; None if the device has none there."""
        try:
            return (await self._asker.read(poll, ReadRequest(place.table, place.start, place.end - place.start))).data
        except ExceptionReplyError as error:
            if error.code in GATEWAY_CODES:
                raise
            return None


def _decoded(place: RegisterPoint, data: bytes) -> Decoded:
    (value,) = BlockDecoder(place.start, (place,)).decode(data)
    return value


def _meter(poll: Poll, proof: Proof) -> str:
    return f"unit {poll.unit_id}: meter {proof.meter} does not look like {proof.profile}"
