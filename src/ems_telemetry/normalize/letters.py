"""Samples without a meaning as they lie in dead letters, from which they can be given one later."""

from datetime import datetime

import msgspec

from ems_telemetry.model import DEAD_LETTER_PAYLOAD_BYTES, DeadLetter, Quality, RawValue, Sample

NOT_A_NUMBER = "not_a_number"
UNKNOWN_POINT = "unknown_point"


class _Packed(msgspec.Struct, forbid_unknown_fields=True):
    """What of a sample does not stand in its letter anyway. NaN is written as null, which means the same: no value."""

    value: RawValue
    time: datetime | None = None
    quality: int = int(Quality.GOOD)
    status: int = 0
    flags: int = 0


def pack_sample(sample: Sample) -> bytes:
    """Writes a sample as the payload of its letter: JSON, so that people can read it; not cut yet."""
    value = sample.value
    if isinstance(value, str):
        value = value.encode("utf-8", "replace").decode("utf-8")
    return msgspec.json.encode(_Packed(value, sample.time, int(sample.quality), sample.status, int(sample.flags)))


def unpack_sample(letter: DeadLetter) -> Sample | None:
    """Gives the sample that lies in a letter; None if the letter holds something else."""
    if letter.point is None or len(letter.payload) >= DEAD_LETTER_PAYLOAD_BYTES:
        return None
    try:
        packed = msgspec.json.decode(letter.payload, type=_Packed)
    except msgspec.MsgspecError:
        return None
    return Sample(letter.point, packed.time, packed.value, letter.received_at, packed.quality, packed.status, packed.flags)
