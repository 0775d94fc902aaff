"""The methods there are, every released version of each: one table from `name@version` to it."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.method import Method, method_id
from ems_telemetry.records.methods.air_emission import AirEmission, AirEmission2
from ems_telemetry.records.methods.aspect_by_day import AspectMagnitudeByDay
from ems_telemetry.records.methods.aspect_magnitude import AspectMagnitude
from ems_telemetry.records.methods.availability import Availability
from ems_telemetry.records.methods.completeness import Completeness
from ems_telemetry.records.methods.compliance import Compliance
from ems_telemetry.records.methods.data_gaps import DataGaps
from ems_telemetry.records.methods.discharge import DischargeMonitoring
from ems_telemetry.records.methods.emission_mass import EmissionMass, EmissionMass2
from ems_telemetry.records.methods.energy import Energy
from ems_telemetry.records.methods.energy_selected import EnergySelected
from ems_telemetry.records.methods.ghg_scope1 import GhgScope1
from ems_telemetry.records.methods.ghg_scope2 import GhgScope2
from ems_telemetry.records.methods.meter_balance import MeterBalance
from ems_telemetry.records.methods.operational_control import OperationalControl
from ems_telemetry.records.methods.period_total import PeriodTotal
from ems_telemetry.records.methods.period_total_compared import PeriodTotalCompared
from ems_telemetry.records.methods.ph_control import PhControl
from ems_telemetry.records.methods.substance_balance import SubstanceBalance
from ems_telemetry.records.methods.waste_summary import WasteSummary
from ems_telemetry.records.methods.water_balance import WaterBalanced

__all__ = ["METHODS", "find_method"]

_ALL: Final[tuple[Method, ...]] = (
    PeriodTotal(),
    PeriodTotalCompared(),
    GhgScope1(),
    GhgScope2(),
    WasteSummary(),
    SubstanceBalance(),
    Energy(),
    EnergySelected(),
    WaterBalanced(),
    MeterBalance(),
    Completeness(),
    DataGaps(),
    OperationalControl(),
    AspectMagnitude(),
    AspectMagnitudeByDay(),
    Compliance(),
    AirEmission(),
    AirEmission2(),
    EmissionMass(),
    EmissionMass2(),
    Availability(),
    DischargeMonitoring(),
    PhControl(),
)
METHODS: Final[Mapping[str, Method]] = {method_id(method): method for method in _ALL}
"""Every version by its id. One that was released stays, for the records that were made with it."""


def find_method(id_: str, methods: Mapping[str, Method] = METHODS) -> Method:
    """Finds a version of a method.

    Raises:
        CannotComputeError: there is none.
    """
    found = methods.get(id_)
    if found is None:
        near = get_close_matches(id_, list(methods), n=1)
        raise CannotComputeError(f'there is no method "{id_}"' + (f"; did you mean {near[0]}?" if near else ""))
    return found
