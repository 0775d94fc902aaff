"""What a message says of the quality of a value, in the codes that senders use, and what of an error. Pure functions."""

import math
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from ems_telemetry.connectors.mqtt.documents import number_in
from ems_telemetry.connectors.status_codes import judge
from ems_telemetry.model import Flag, Quality


class QualityCodes(StrEnum):
    """Whose codes stand at a quality path."""

    OPC = "opc"
    OPCUA_STATUS = "opcua_status"
    SIMATIC = "simatic"


class Verdict(NamedTuple):
    """What a quality means for a sample."""

    quality: Quality
    status: int
    flags: int


class Fault(NamedTuple):
    """Stands in a document in the place of a value that its sender calls wrong; `code` is the sender's own."""

    code: int


Judge: TypeAlias = Callable[[object], Verdict]
"""From what stands at a quality path; raises ValueError in words."""

GOOD = Verdict(Quality.GOOD, 0, 0)
UNNUMBERED = 1
"""The code of an error that has no number of its own."""

_BY_OPC_BITS = (Quality.BAD, Quality.UNCERTAIN, Quality.BAD, Quality.GOOD)
"""By the two highest bits of the lower byte; 2 is not in use."""
_OPC_WORDS: Mapping[str, int] = {"bad": 0, "uncertain": 64, "good": 192}
_BY_QC = (Quality.BAD, Quality.UNCERTAIN, Quality.GOOD, Quality.GOOD)
_FLAGS: Mapping[Quality, int] = {
    Quality.GOOD: 0,
    Quality.UNCERTAIN: Flag.UNCERTAIN_STATUS,
    Quality.BAD: Flag.BAD_STATUS,
}
_SEVERITIES: Mapping[str, int] = {"good": 0, "uncertain": 0x4000_0000, "bad": 0x8000_0000}
_MOST_STATUS = 2**32
_LARGEST_CODE = 2**63


def judge_opc(said: object) -> Verdict:
    """Reads an OPC DA quality: 192 to 255 good, 64 to 127 uncertain, below that bad; also true, false and the three words.

    Only the lower byte tells; the upper one is the vendor's.
    """
    if isinstance(said, str) and said.strip().lower() in _OPC_WORDS:
        code = _OPC_WORDS[said.strip().lower()]
    else:
        code = 192 * said if isinstance(said, bool) else _whole(said, "an OPC quality, as 192")
    quality = _BY_OPC_BITS[code >> 6 & 3]
    return Verdict(quality, 0 if quality is Quality.GOOD else code, _FLAGS[quality])


def judge_opcua_status(said: object) -> Verdict:
    """Reads an OPC UA StatusCode: its number, its name, or an object with `Code` or `Symbol`. Null stands for Good."""
    if isinstance(said, dict):
        said = said.get("Code", said.get("Symbol", said.get("code")))
    status = 0 if said is None else _status_of(said)
    quality, flags = judge(status)
    return Verdict(quality, status, flags)


def judge_simatic(said: object) -> Verdict:
    """Reads the `qc` of the Industrial Edge databus: 3 and 2 good, 1 uncertain, 0 bad."""
    code = _whole(said, "a qc from 0 to 3")
    if not 0 <= code < len(_BY_QC):
        raise ValueError(f"{said!r} is not a qc from 0 to 3")
    quality = _BY_QC[code]
    # 0 is both "all was well" and the code of a bad value: the flag tells them apart.
    return Verdict(quality, 0 if quality is Quality.GOOD else code, _FLAGS[quality])


JUDGES: Mapping[QualityCodes, Judge] = {
    QualityCodes.OPC: judge_opc,
    QualityCodes.OPCUA_STATUS: judge_opcua_status,
    QualityCodes.SIMATIC: judge_simatic,
}


def fault_in(said: object) -> Fault | None:
    """Reads what stands at an error path: nothing is wrong where it is null, 0, false or empty."""
    number = number_in(said) if isinstance(said, str) else said
    if isinstance(number, int) and not isinstance(number, bool):
        return None if number == 0 else Fault(number if abs(number) < _LARGEST_CODE else UNNUMBERED)
    return Fault(UNNUMBERED) if said and number != 0 else None


def _status_of(said: object) -> int:
    if isinstance(said, str):
        name = said.strip().lower()
        severity = next((code for word, code in _SEVERITIES.items() if name.startswith(word)), None)
        if severity is not None:
            return severity
        if name.startswith("0x"):
            said = int(name, 16)  # not a hexadecimal number: that is a ValueError, in Python's own words
    status = _whole(said, "an OPC UA StatusCode")
    if not 0 <= status < _MOST_STATUS:
        raise ValueError(f"{said!r} is not an OPC UA StatusCode")
    return status


def _whole(said: object, wanted: str) -> int:
    number = number_in(said) if isinstance(said, str) else said
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number) or number != int(number):
        raise ValueError(f"{said!r} is not {wanted}")
    return int(number)
