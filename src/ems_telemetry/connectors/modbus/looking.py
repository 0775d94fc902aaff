"""`look` of the Modbus connector: reads each point of a file once, and tells what it found or why it found nothing."""

from collections.abc import Iterator, Sequence

from ems_telemetry.connectors.contract import Refusal, Surroundings
from ems_telemetry.connectors.modbus.asking import Asker
from ems_telemetry.connectors.modbus.cadence import Cadence
from ems_telemetry.connectors.modbus.errors import ExceptionReplyError
from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.connectors.modbus.lines import line_of
from ems_telemetry.connectors.modbus.plan import Poll, plan_polls
from ems_telemetry.connectors.modbus.polling import Poller, Tick
from ems_telemetry.connectors.modbus.unit import Unit
from ems_telemetry.model import Flag, Sample


async def look(file: ModbusFile, surroundings: Surroundings) -> Sequence[Sample | Refusal]:
    """Reads every unit once, the way it is read while the service runs, and closes the link.

    Raises:
        ConnectionLostError: the endpoint is out of reach.
    """
    line = line_of(file, surroundings)
    poller = Poller(Asker(line, surroundings.report, surroundings.clock), surroundings)
    found: list[Sample | Refusal] = []
    async with line.in_use(file.pauses):
        await line.open()
        for poll in plan_polls(file):
            unit = Unit(poll, Cadence(poll.interval_s), surroundings.clock)
            found += _answers(poll, await poller.read(unit))
    return found


def _answers(poll: Poll, tick: Tick) -> Iterator[Sample | Refusal]:
    sampled = {sample.point: sample for sample in tick.samples}
    fields = () if poll.sunspec is None else poll.sunspec.fields
    for key in [*(point.key for point in poll.points), *(field.key for field in fields)]:
        sample = sampled.get(key)
        if sample is None:
            yield Refusal(key, tick.problem or f"unit {poll.unit_id} was not asked for it")
        elif sample.flags & Flag.BAD_STATUS:
            yield Refusal(key, str(ExceptionReplyError(sample.status)))
        else:
            yield sample
