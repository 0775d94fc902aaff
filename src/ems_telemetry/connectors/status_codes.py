"""What a 32-bit OPC UA StatusCode tells of a value, wherever it comes from: a server, or a message that repeats it."""

from ems_telemetry.model import Flag, Quality

_SEVERITY = 0xC000_0000
_UNCERTAIN = 0x4000_0000


def judge(status: int) -> tuple[Quality, int]:
    """Reads the severity of a StatusCode: the quality, and the flag that says why it is not good."""
    severity = status & _SEVERITY
    if severity == 0:
        return Quality.GOOD, 0
    if severity == _UNCERTAIN:
        return Quality.UNCERTAIN, Flag.UNCERTAIN_STATUS
    return Quality.BAD, Flag.BAD_STATUS
