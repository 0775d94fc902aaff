"""The average of a concentration in stack gas over a day or month: raw, normalised and validated (R5)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.records.averages.blocks import block_profile, day_profile
from ems_telemetry.records.averages.days import counted, days_before, judged_days
from ems_telemetry.records.averages.emissions import AirEmissionParams
from ems_telemetry.records.averages.gathering import BLOCKS_BY, Place, blocks_of, gather_emission
from ems_telemetry.records.averages.normalising import EmissionBlock
from ems_telemetry.records.inputs.layers import CORRECTED
from ems_telemetry.records.inputs.measuring import OUTSIDE, Wanted, calibrated
from ems_telemetry.records.inputs.operation import Operation
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.kinds import RecordQuality, RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import params_of
from ems_telemetry.rules.arithmetic import mean, percent_of, settle
from ems_telemetry.rules.averages import INSUFFICIENT, long_mean
from ems_telemetry.rules.days import Day
from ems_telemetry.rules.profiles import LongMeanProfile, profile_of
from ems_telemetry.rules.validity import Standing

NOTIFY: Final = "notify_invalid_days"
NOT_OPERATING: Final = "not_operating"


class AirEmission:
    """Averages a concentration by the blocks of a permit."""

    name = "air_emission"
    version = 1
    record = RecordType.AIR_EMISSION
    formula = (
        "Each block is the mean over the time measured of its valid quarters (CR-12 to CR-14), brought to the basis of the "
        "limit by what was measured of the gas in the same block (CR-23, CR-24); validated is that less the confidence "
        "interval, no less than zero (CR-25). The value is the mean of the normalised blocks that are valid and not in an "
        "excluded state; null where the profile of the day or of the longer mean has too few (CR-15, CR-22)."
    )
    params: type[BaseModel] = AirEmissionParams

    wanted: Wanted = BLOCKS_BY["air_emission@1"]
    """What is known of instruments beside what they showed."""

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Reads the quarters of the concentration, of the gas and of the state."""
        params = params_of(AirEmissionParams, asked)
        if asked.item.period is Period.YEAR:
            raise CannotComputeError("a year of blocks is read from the records of its months; plan this item by day or month")
        _check_profiles(params)
        place = Place(asked.item.site, asked.zone, asked.start, asked.end)
        gathered = await gather_emission(sources, params, place, self.wanted)
        before = await days_before(sources, asked) if params.day_profile is not None else None
        return {**gathered, "before": before}

    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Makes the blocks, judges the days, and averages."""
        params, blocks = AirEmissionParams.model_validate(inputs["params"]), blocks_of(inputs)
        by_day = None if params.day_profile is None else day_profile(params.day_profile, params.block)
        of_days = [] if by_day is None else judged_days(blocks, by_day)
        value, flags, reason = _average(params, blocks, of_days)
        due = [block for block in blocks if block.day_standing() is not Standing.NOT_OPERATING]
        valid = [block for block in due if block.counts]
        count = {} if by_day is None else counted(of_days, inputs["before"], by_day)
        share = settle(percent_of(len(valid), len(due))) if due else None
        return Figure(
            value=value,
            unit=inputs["unit"],
            quality=_quality(value, valid),
            quantity=inputs["concentration"]["quantity"],
            coverage=share,
            measured=share,
            flags=tuple(sorted({*flags, *_flags(inputs, blocks), *([NOTIFY] if count.get("notify_on") else [])})),
            details={
                "substance": params.substance,
                "block": params.block,
                "block_profile": block_profile(params.block_profile, params.block).id,
                "basis": params.basis.model_dump(mode="json"),
                "normalised": value,
                "validated": None if value is None else _mean_of(block.validated for block in valid),
                "raw": _mean_of(block.raw for block in valid),
                "elv": params.elv,
                "ci_percent": params.ci_percent,
                "valid_blocks": len(valid),
                "due_blocks": len(due),
                "excluded_blocks": sum(block.standing is Standing.VALID and not block.counts for block in blocks),
                "reason": reason,
                **count,
                "blocks": [block.details(with_calibration=self.wanted.functions) for block in blocks],
                **self._more(inputs, valid),
            },
        )

    def _more(self, inputs: Mapping[str, Any], valid: Sequence[EmissionBlock]) -> dict[str, Any]:
        """Gives what later versions tell besides."""
        if not self.wanted.functions:
            return {}
        gauges = [inputs["concentration"], *inputs["auxiliaries"].values()]
        return {
            "calibrated": _mean_of(block.calibrated for block in valid),
            "functions": [{"point": each["point"], **told} for each in gauges for told in each.get("functions", ())],
            "maintained": [{"point": each["point"], **told} for each in gauges for told in each.get("maintained", ())],
        }


class AirEmission2(AirEmission):
    """The same of calibrated values; what instruments showed while they were tested or maintained does not count."""

    version = 2
    formula = (
        "Quarters of an hour are calibrated by the function in force, y = a + b x (CR-47, EN 14181). "
        f"{AirEmission.formula} An hour in which an instrument was tested or maintained is judged as one (CR-12)."
    )
    wanted = BLOCKS_BY["air_emission@2"]


def _check_profiles(params: AirEmissionParams) -> None:
    block_profile(params.block_profile, params.block)
    if params.day_profile is not None:
        day_profile(params.day_profile, params.block)
    if params.mean_profile is not None:
        profile_of(params.mean_profile, LongMeanProfile)


def _average(
    params: AirEmissionParams, blocks: Sequence[EmissionBlock], days: Sequence[Day]
) -> tuple[Decimal | None, Sequence[str], str]:
    """Gives the mean of the blocks that count, or None with a flag; and why."""
    values = [block.normalised for block in blocks if block.counts and block.normalised is not None]
    if days and all(day.standing is Standing.NOT_OPERATING for day in days):
        return None, (NOT_OPERATING,), "the unit did not run, or in excluded states alone"
    if days and not any(day.standing is Standing.VALID for day in days):
        return None, (INSUFFICIENT,), days[0].reason if len(days) == 1 else "no day is valid"
    if params.mean_profile is not None:
        long = long_mean(values, len(blocks), profile_of(params.mean_profile, LongMeanProfile))
        return long.value, long.flags, long.reason
    if not values:
        return None, (INSUFFICIENT,), "no block is valid"
    return settle(mean(values)), (), f"the mean of {len(values)} blocks"


def _mean_of(values: Iterable[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return settle(mean(known)) if known else None


def _quality(value: Decimal | None, used: Sequence[EmissionBlock]) -> RecordQuality:
    if value is None:
        return RecordQuality.MISSING
    return RecordQuality.UNCERTAIN if any(block.is_uncertain for block in used) else RecordQuality.GOOD


def _flags(inputs: Mapping[str, Any], blocks: Sequence[EmissionBlock]) -> set[str]:
    """Names what a reader has to know; `substituted:…` of the concentration lies beside the figure, never in it."""
    flags = {"uncertain"} if any(block.counts and block.is_uncertain for block in blocks) else set()
    flags |= {CORRECTED} if any(block.is_corrected for block in blocks) else set()
    flags |= {"state_unknown"} if any(block.state is Operation.UNKNOWN for block in blocks) else set()
    flags |= {"invalid_blocks"} if any(block.standing is Standing.INVALID for block in blocks) else set()
    start = datetime.fromisoformat(inputs["days"][0]["start"])
    for each in (inputs["concentration"], *inputs["auxiliaries"].values()):
        flags |= {OUTSIDE} if any(calibrated(each, start).is_outside) else set()
        flags |= {f"substituted:{method.partition('@')[0]}" for method in each["substituted_by"]}
    return flags
