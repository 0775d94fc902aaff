"""Where the fields of SunSpec's inverter and meter models lie, from its model definitions (github.com/sunspec/models, 2026).

A model with whole numbers is a row of groups: some values of one type, and behind them the scale factor they share. A model
with floats has no scale factors. Offsets count from the model's id.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ems_telemetry.connectors.modbus.registers import ValueType

_NOT_IMPLEMENTED: Mapping[ValueType, frozenset[float | str]] = {
    ValueType.INT16: frozenset({-(2**15)}),
    ValueType.UINT16: frozenset({2**16 - 1}),
    ValueType.UINT32: frozenset(),
    ValueType.FLOAT32: frozenset(),
}
"""What stands for "not implemented", by SunSpec's types. An accumulator then says 0, as one does that has counted nothing yet:
it is taken as it is."""


class Field(NamedTuple):
    """One value of a model. `exponent` is where its scale factor stands; both offsets count from the model's id."""

    type: ValueType
    offset: int
    exponent: int | None

    @property
    def sentinels(self) -> frozenset[float | str]:
        """What stands for "not implemented"."""
        return _NOT_IMPLEMENTED[self.type]


class _Group(NamedTuple):
    type: ValueType
    names: str
    is_scaled: bool = True


def _fields(*groups: _Group) -> Mapping[str, Field]:
    return dict(_placed(groups))


def _placed(groups: tuple[_Group, ...]) -> Iterator[tuple[str, Field]]:
    offset = 2
    for group in groups:
        names = group.names.split()
        exponent = offset + len(names) * group.type.registers if group.is_scaled else None
        for name in names:
            yield name, Field(group.type, offset, exponent)
            offset += group.type.registers
        offset += group.is_scaled


def _phases(name: str, phase: str = "Ph") -> str:
    return f"{name} {name}{phase}A {name}{phase}B {name}{phase}C"


_CURRENTS, _POWERS = "A AphA AphB AphC", "W WphA WphB WphC"
_APPARENT, _REACTIVE, _FACTORS = "VA VAphA VAphB VAphC", "VAR VARphA VARphB VARphC", "PF PFphA PFphB PFphC"
_STAR = "PhV PhVphA PhVphB PhVphC"
_ENERGIES = f"{_phases('TotWhExp')} {_phases('TotWhImp')}"
_APPARENT_ENERGIES = f"{_phases('TotVAhExp')} {_phases('TotVAhImp')}"
_QUADRANTS = ("TotVArhImpQ1", "TotVArhImpQ2", "TotVArhExpQ3", "TotVArhExpQ4")


def _whole_meter(delta: str) -> Mapping[str, Field]:
    accumulated = ValueType.UINT32
    return _fields(
        _Group(ValueType.INT16, _CURRENTS),
        _Group(ValueType.INT16, f"{_STAR} {delta}"),
        _Group(ValueType.INT16, "Hz"),
        *(_Group(ValueType.INT16, names) for names in (_POWERS, _APPARENT, _REACTIVE, _FACTORS)),
        _Group(accumulated, _ENERGIES),
        _Group(accumulated, _APPARENT_ENERGIES),
        _Group(accumulated, " ".join(_phases(name) for name in _QUADRANTS)),
    )


_FLOAT_METER = _fields(
    _Group(
        ValueType.FLOAT32,
        f"{_CURRENTS} {_STAR} PPV PPVphAB PPVphBC PPVphCA Hz {_POWERS} {_APPARENT} {_REACTIVE} {_FACTORS} "
        f"{_ENERGIES} {_APPARENT_ENERGIES} {' '.join(_phases(name, 'ph') for name in _QUADRANTS)}",
        is_scaled=False,
    )
)
_INVERTER_VOLTAGES = "PPVphAB PPVphBC PPVphCA PhVphA PhVphB PhVphC"
_TEMPERATURES = "TmpCab TmpSnk TmpTrns TmpOt"
_WHOLE_INVERTER = _fields(
    _Group(ValueType.UINT16, _CURRENTS),
    _Group(ValueType.UINT16, _INVERTER_VOLTAGES),
    _Group(ValueType.INT16, "W"),
    _Group(ValueType.UINT16, "Hz"),
    _Group(ValueType.INT16, "VA"),
    _Group(ValueType.INT16, "VAr"),
    _Group(ValueType.INT16, "PF"),
    _Group(ValueType.UINT32, "WH"),
    _Group(ValueType.UINT16, "DCA"),
    _Group(ValueType.UINT16, "DCV"),
    _Group(ValueType.INT16, "DCW"),
    _Group(ValueType.INT16, _TEMPERATURES),
    _Group(ValueType.UINT16, "St StVnd", is_scaled=False),
)
_FLOAT_INVERTER = _fields(
    _Group(
        ValueType.FLOAT32, f"{_CURRENTS} {_INVERTER_VOLTAGES} W Hz VA VAr PF WH DCA DCV DCW {_TEMPERATURES}", is_scaled=False
    ),
    _Group(ValueType.UINT16, "St StVnd", is_scaled=False),
)

MODELS: Mapping[int, Mapping[str, Field]] = {
    **dict.fromkeys((101, 102, 103), _WHOLE_INVERTER),
    **dict.fromkeys((111, 112, 113), _FLOAT_INVERTER),
    201: _whole_meter("PPV PPVphAB PPVphBC PPVphCA"),
    **dict.fromkeys((202, 203, 204), _whole_meter("PPV PhVphAB PhVphBC PhVphCA")),
    **dict.fromkeys((211, 212, 213, 214), _FLOAT_METER),
}
"""The fields of each model, by their names."""
