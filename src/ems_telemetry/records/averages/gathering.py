"""Reads what the blocks of a concentration in stack gas are made of, and makes them: the one way for all that needs them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, Final, NamedTuple

from ems_telemetry.records.averages.blocks import (
    QUARTER,
    BlockProfile,
    block_profile,
    counts_off,
    days_as_inputs,
    days_of,
)
from ems_telemetry.records.averages.emissions import (
    AirEmissionParams,
    Auxiliary,
    check_auxiliaries,
    check_unit,
    needed,
    unit_told,
)
from ems_telemetry.records.averages.normalising import EmissionBlock, Measured, Normaliser, Series, auxiliary_quarters
from ems_telemetry.records.inputs.measuring import Wanted, calibrated, gather_measured, maintained_too
from ems_telemetry.records.inputs.operation import QuarterState, gather_state, states_of
from ems_telemetry.records.inputs.sources import Sources

BLOCKS_BY: Final[Mapping[str, Wanted]] = {
    "air_emission@1": Wanted(),
    "air_emission@2": Wanted(maintenance=True, functions=True),
}
"""The methods that make blocks, each with what it is to know of instruments."""


class Place(NamedTuple):
    """Where and when: whole local days `[start, end)` of a site."""

    site: str
    zone: tzinfo
    start: datetime
    end: datetime


async def gather_emission(sources: Sources, params: AirEmissionParams, place: Place, wanted: Wanted) -> dict[str, Any]:
    """Reads the quarters of a concentration, of the gas and of the state, as inputs of `blocks_of`.

    Raises:
        CannotComputeError: something that is needed is not there, or is in another unit.
    """
    point = await sources.point(params.point)
    told, state = unit_told(point), params.measured_state.to_state(point.unit)
    needs = needed(params.basis.to_basis(), state)
    check_auxiliaries(params, needs)
    profile = block_profile(params.block_profile, params.block)
    numbered, told_of_state = await gather_state(sources, params.state, place.site, place.start, place.end)
    params = params.model_copy(update={"state": numbered})
    states = states_of(told_of_state, numbered, place.start, (place.end - place.start) // QUARTER)
    gathered: dict[str, Any] = {
        "params": params.model_dump(mode="json"),
        "unit": told,
        "days": days_as_inputs(place.start, place.end, params.block, place.zone),
        "concentration": await _quarters(sources, params.point, place, states, wanted, profile),
        "auxiliaries": {},
        **told_of_state,
    }
    for auxiliary, key in params.auxiliaries.named().items():
        if auxiliary in needs:
            check_unit(auxiliary, await sources.point(key))
            gathered["auxiliaries"][auxiliary.value] = await _quarters(sources, key, place, states, wanted, profile)
    return gathered


async def _quarters(
    sources: Sources, key: str, place: Place, states: Sequence[QuarterState], wanted: Wanted, profile: BlockProfile
) -> dict[str, Any]:
    point = await sources.point(key)
    return await gather_measured(sources, point, place.start, states, wanted, counts_off=counts_off(profile))


def blocks_of(inputs: Mapping[str, Any]) -> list[EmissionBlock]:
    """Makes the blocks of what was gathered, in the order of time."""
    params = AirEmissionParams.model_validate(inputs["params"])
    measured = measured_of(inputs, params)
    return list(Normaliser(params, measured.unit).blocks_of(measured, days_of(inputs["days"])))


def measured_of(inputs: Mapping[str, Any], params: AirEmissionParams) -> Measured:
    """Reads what was measured back from inputs."""
    start, concentration = datetime.fromisoformat(inputs["days"][0]["start"]), inputs["concentration"]
    states = states_of(inputs, params.state, start, len(concentration["quarters"]))
    main = calibrated(concentration, start)
    auxiliaries = {
        Auxiliary(name): Series(
            auxiliary_quarters(Auxiliary(name), each["unit"], calibrated(each, start).quarters),
            maintained_too(states, each, start),
        )
        for name, each in inputs["auxiliaries"].items()
    }
    series = Series(main.quarters, maintained_too(states, concentration, start))
    return Measured(concentration["unit"], series, auxiliaries, main if "functions" in concentration else None)
