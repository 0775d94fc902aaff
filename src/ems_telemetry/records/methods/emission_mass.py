"""What was emitted in a day, month or year: concentration times volume, block by block (R6)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.averages.blocks import BlockLength, block_profile, days_as_inputs
from ems_telemetry.records.averages.emitted import EmissionMassParams, EmittedBlock, Flow, emitted_blocks
from ems_telemetry.records.averages.told import block_records
from ems_telemetry.records.inputs.layers import CORRECTED, SUBSTITUTED
from ems_telemetry.records.inputs.measuring import OUTSIDE, Wanted, calibrated, gather_measured
from ems_telemetry.records.inputs.operation import ROUTINE
from ems_telemetry.records.inputs.quarters import is_any_corrected
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.totals import ADDITIVE
from ems_telemetry.records.kinds import RecordQuality, RecordType
from ems_telemetry.records.method import Asked, Figure, Json
from ems_telemetry.records.parameters import params_of
from ems_telemetry.rules.arithmetic import ZERO, exactly, settle
from ems_telemetry.rules.mass import KG_PER_G, KG_PER_MG, KG_PER_UG, Mass, mass_of
from ems_telemetry.rules.validity import Standing
from ems_telemetry.storage.point_facts import PointFacts

_LITRES: Final = Decimal(1000)
KG_PER: Final[Mapping[tuple[str, str], Decimal]] = {
    ("mg/Nm3", "Nm3"): KG_PER_MG,
    ("ug/Nm3", "Nm3"): KG_PER_UG,
    ("g/Nm3", "Nm3"): KG_PER_G,
    ("mg/m3", "m3"): KG_PER_MG,
    ("ug/m3", "m3"): KG_PER_UG,
    ("g/m3", "m3"): KG_PER_G,
    ("mg/L", "m3"): KG_PER_G,
    ("ug/L", "m3"): KG_PER_MG,
    ("g/L", "m3"): KG_PER_G * _LITRES,
}
"""What a concentration times a volume is in kg, by their units."""
AIR_EMISSION: Final = "air_emission@1"
AIR_EMISSION_2: Final = "air_emission@2"
_QUARTER: Final = timedelta(minutes=15)


class EmissionMass:
    """Adds up concentration times volume."""

    name = "emission_mass"
    version = 1
    record = RecordType.EMISSION_MASS
    formula = (
        "The sum of concentration times volume of all blocks (CR-31), of normalised concentrations, never of validated ones "
        "(CR-25). Where nothing flowed or the unit was off, nothing was emitted. With a block missing there is no mass, unless "
        "the part that is known is asked for."
    )
    params: type[BaseModel] = EmissionMassParams
    emissions: tuple[str, ...] = (AIR_EMISSION,)
    """Methods whose blocks it takes."""
    wanted = Wanted()

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Reads the blocks of the concentration, or its quarters, and the quarters of the flow."""
        params = params_of(EmissionMassParams, asked)
        flow = await sources.point(params.flow.point)
        gathered: dict[str, Any] = {"params": params.model_dump(mode="json")}
        if params.emission is not None:
            gathered |= await _gather_blocks(sources, asked, params.emission, self.emissions)
        else:
            point = await sources.point(params.point or "")
            gathered |= {"block": params.block, "unit": point.unit, "oxygen_corrected": False}
            gathered["concentration"] = await self._quarters(sources, point, asked)
        gathered["volume_unit"] = _volume_unit(params.flow, flow)
        _check(params, gathered)
        gathered["days"] = days_as_inputs(asked.start, asked.end, BlockLength(gathered["block"]), asked.zone)
        gathered["flow"] = await self._quarters(sources, flow, asked)
        return gathered

    def _more(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Gives what later versions tell besides."""
        if not self.wanted.functions:
            return {}
        gauges = [inputs[name] for name in ("concentration", "flow") if name in inputs]
        return {"functions": [{"point": each["point"], **told} for each in gauges for told in each.get("functions", ())]}

    async def _quarters(self, sources: Sources, point: PointFacts, asked: Asked) -> dict[str, Any]:
        states = [ROUTINE] * ((asked.end - asked.start) // _QUARTER)
        return await gather_measured(sources, point, asked.start, states, self.wanted, counts_off=True)

    @exactly
    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Multiplies and adds up."""
        params = EmissionMassParams.model_validate(inputs["params"])
        blocks = list(emitted_blocks(inputs, params))
        factor = KG_PER[inputs["unit"], inputs["volume_unit"]]
        known = mass_of((block.emitted for block in blocks), factor, partial=True)
        is_told = params.partial or known.used == known.expected
        instead = [block for block in blocks if block.is_substituted]
        due = [block for block in blocks if block.state != Standing.NOT_OPERATING]
        return Figure(
            value=known.kg if is_told else None,
            unit="kg",
            quality=_quality(known.kg if is_told else None, instead, blocks),
            quantity="pollutant_mass",
            coverage=settle(known.coverage_percent),
            measured=_percent(sum(block.is_known and not block.is_substituted for block in blocks), len(blocks)),
            estimated=_percent(sum(block.is_known for block in instead), len(blocks)),
            flags=_flags(known, instead, inputs),
            details={
                "emission": params.emission,
                "concentration_unit": inputs["unit"],
                "volume_unit": inputs["volume_unit"],
                "kg_known": known.kg,
                "kg_substituted": _kg(instead, factor),
                "flow_weighted": None if known.flow_weighted is None or not is_told else settle(known.flow_weighted),
                "volume": known.volume,
                "block": inputs["block"],
                "blocks": known.expected,
                "used": known.used,
                "not_operating": len(blocks) - len(due),
                "substituted": len(instead),
                "without_concentration": known.without_concentration,
                "without_volume": known.without_volume,
                "without_both": known.without_both,
                **self._more(inputs),
            },
        )


class EmissionMass2(EmissionMass):
    """The same of calibrated values."""

    version = 2
    formula = (
        "Quarters of an hour of gauges are calibrated by the function in force, y = a + b x (CR-47), those of the blocks of "
        f"`{AIR_EMISSION_2}` in there. {EmissionMass.formula}"
    )
    emissions = (AIR_EMISSION, AIR_EMISSION_2)
    wanted = Wanted(functions=True)


async def _gather_blocks(sources: Sources, asked: Asked, plan: str, methods: Sequence[str]) -> dict[str, Any]:
    """Reads what the records of an item say of their blocks; waits until those of the period are kept."""
    entry, rows, told = await block_records(sources, plan, asked.item.site, asked.start, asked.end, methods)
    is_to_come = asked.end > (entry.valid_from or entry.recorded_at)
    if is_to_come and max((row.period_end for row in rows), default=asked.start) < asked.end:
        sources.waits_for.append(plan)
    if not told:
        raise CannotComputeError(f'no record of the plan item "{plan}" has blocks within this period; look at what it says')
    lengths, units = {row.envelope["details"]["block"] for row in told}, {row.unit for row in told}
    if len(lengths) > 1 or len(units) > 1:
        raise CannotComputeError(f'the blocks of the plan item "{plan}" changed within this period; plan shorter periods')
    return {
        "block": lengths.pop(),
        "unit": units.pop(),
        "oxygen_corrected": any(row.envelope["details"]["basis"]["o2_ref"] is not None for row in told),
        "blocks": [
            _short(block)
            for row in told
            for block in row.envelope["details"]["blocks"]
            if asked.start <= datetime.fromisoformat(block["start"]) < asked.end
        ],
    }


def _short(block: Json) -> list[Any]:
    return [block["start"], block["standing"], block["normalised"], block["substitute"], block["oxygen_factor"]]


def _volume_unit(flow: Flow, point: PointFacts) -> str:
    unit = point.unit if point.kind in ADDITIVE else point.unit.removesuffix("/h")
    if point.kind not in ADDITIVE and unit == point.unit:
        raise CannotComputeError(f"{point.key} is a {point.kind} in {point.unit}; a flow per hour or a counter is needed")
    return f"N{unit}" if flow.is_normal and unit == "m3" else unit


def _check(params: EmissionMassParams, gathered: Mapping[str, Any]) -> None:
    pair = gathered["unit"], gathered["volume_unit"]
    if pair not in KG_PER:
        raise CannotComputeError(
            f"{pair[0]} times {pair[1]} is no mass; the flow must be at the state of the concentration, which "
            "flow.is_normal may say"
        )
    if gathered["oxygen_corrected"] and params.flow.at_reference_oxygen is None:
        raise CannotComputeError(
            "the concentration is at reference oxygen; say in flow.at_reference_oxygen whether the volume is too"
        )
    length = BlockLength(gathered["block"])
    for chosen in (params.block_profile, params.flow.profile):
        if chosen is not None:
            block_profile(chosen, length)


def _quality(value: Decimal | None, instead: Sequence[EmittedBlock], blocks: Sequence[EmittedBlock]) -> RecordQuality:
    if value is None:
        return RecordQuality.MISSING
    if instead:
        return RecordQuality.ESTIMATED
    return RecordQuality.UNCERTAIN if any(block.is_uncertain for block in blocks) else RecordQuality.GOOD


def _flags(known: Mass, instead: Sequence[EmittedBlock], inputs: Mapping[str, Any]) -> tuple[str, ...]:
    flags = {SUBSTITUTED} if instead else set()
    flags |= {"missing"} if known.used < known.expected else set()
    flags |= {CORRECTED} if is_any_corrected(inputs["flow"]) else set()
    start = datetime.fromisoformat(inputs["days"][0]["start"])
    gauges = [inputs[name] for name in ("flow", "concentration") if name in inputs]
    flags |= {OUTSIDE} if any(any(calibrated(each, start).is_outside) for each in gauges) else set()
    return tuple(sorted(flags))


def _kg(blocks: Iterable[EmittedBlock], factor: Decimal) -> Decimal:
    products = ((block.emitted.concentration or ZERO) * (block.emitted.volume or ZERO) for block in blocks)
    return sum(products, ZERO) * factor


def _percent(part: int, whole: int) -> Decimal:
    return settle(Decimal(100 * part) / whole)
