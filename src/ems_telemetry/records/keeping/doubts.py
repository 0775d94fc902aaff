"""What instruments make of a figure: it says which measured it, and what is in doubt because of their checks (CR-47)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ems_telemetry.records.kinds import RecordQuality
from ems_telemetry.records.method import Figure
from ems_telemetry.rules.calibration import SUSPECT_CALIBRATION


def with_instruments(figure: Figure, measured_by: Sequence[Mapping[str, Any]]) -> Figure:
    """Lets a figure say which instruments it was measured by, and what is in doubt because of them.

    A figure that is in doubt is `uncertain` at best; its value stays.
    """
    if not measured_by:
        return figure
    told = {flag for each in measured_by for flag in each["flags"]}
    doubtful = SUSPECT_CALIBRATION in told and figure.quality is RecordQuality.GOOD
    return replace(
        figure,
        flags=tuple(sorted({*figure.flags, *told})),
        quality=RecordQuality.UNCERTAIN if doubtful else figure.quality,
        details={**figure.details, "instruments": list(measured_by)},
    )
