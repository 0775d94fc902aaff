"""A profile: the register map of a meter's model, with its source and what proves that a meter is one of these.

Its points are written as in a connector file. What differs from meter to meter of one model, a transformer's ratio or how many
tariffs are counted, is a parameter; `scale_by`, `when` and braces in `unit` say where it counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self, TypeAlias

from pydantic import Field, model_validator

from ems_telemetry.config.base import Identifier, Model
from ems_telemetry.config.problems import not_known
from ems_telemetry.connectors.modbus.point import ModbusPoint
from ems_telemetry.connectors.modbus.registers import MAX_REGISTERS, Addressing, Order, Table, ValueType
from ems_telemetry.model import Medium

Written: TypeAlias = dict[str, Any]
"""A piece of a file as it stands there."""
Setting: TypeAlias = Decimal | str

HANDED_ON = ("medium", "addressing", "order", "order_64", "max_register_gap", "max_registers", "holes", "sunspec")
"""Keys of a profile that a meter has too, and takes over where it does not say its own."""
OF_PROFILES_ALONE = ("scale_by", "when")


class Proved(StrEnum):
    """How far a profile is known to be right."""

    HARDWARE = "hardware"
    """Read from a real meter of this model, by us or by the source named."""
    DOCUMENTS = "documents"
    """Taken from documents, and never read from a meter that we know of."""


class Hole(Model):
    """Addresses that must not be read: some meters refuse the whole request, some hang."""

    table: Table = Field(alias="register")
    """Of which kind: coil, discrete, input or holding."""
    first: int = Field(ge=0)
    """The first of them, counted as `addressing` says."""
    last: int = Field(ge=0)
    """The last of them."""

    @model_validator(mode="after")
    def _from_first_to_last(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"first {self.first} lies behind last {self.last}")
        return self


class Parameter(Model):
    """What differs between meters of one model."""

    meaning: str
    """What it is, and where on the meter it is found."""
    default: Setting | None = None
    """What it is if the file does not say; without one the file must say it."""
    choices: tuple[Setting, ...] = ()
    """What it may be; any number if there are none."""


class Identity(Model):
    """Registers by which a meter says what it is."""

    table: Table = Field(alias="register")
    address: int = Field(ge=0)
    type: ValueType = ValueType.UINT16
    length: int | None = Field(default=None, ge=1, le=MAX_REGISTERS)
    order: Order | None = None
    expect: tuple[int | str, ...] = Field(min_length=1)
    """What stands there in meters of this model: one of these numbers, or a text that begins with one of these."""


class FirstRead(Model):
    """A value that is known beforehand, as 45 to 65 Hz: it tells a right address and order from a wrong one."""

    point: Identifier
    """One of the points."""
    range: tuple[float, float]
    """Where its value lies, in its `unit`."""


class Profile(Model):
    """The register map of one model."""

    title: str
    """Maker and model, as people call it."""
    medium: Medium | None = None
    """What flows through it."""
    sources: tuple[str, ...] = Field(min_length=1)
    """Where the map comes from: the maker's document, other people's software."""
    proved: Proved = Proved.DOCUMENTS
    """Whether it was read from a real meter."""
    remarks: str | None = None
    """What to know before using it."""
    addressing: Addressing
    """How its addresses are counted."""
    order: Order = Order.ABCD
    """How the bytes of its values lie."""
    order_64: Order | None = None
    """The same for 64-bit values, where these differ."""
    max_register_gap: int | None = Field(default=None, ge=0, le=MAX_REGISTERS)
    """How many unused registers may be read across."""
    max_registers: int | None = Field(default=None, ge=1, le=MAX_REGISTERS)
    """Most registers it serves at once."""
    holes: tuple[Hole, ...] = ()
    """Addresses that must not be read."""
    sunspec: tuple[int, ...] = ()
    """The SunSpec models its points are fields of, any one of them."""
    parameters: Mapping[str, Parameter] = {}
    """What differs between meters of this model."""
    identity: tuple[Identity, ...] = ()
    """Registers by which a meter says what it is."""
    first_read: FirstRead | None = None
    """A value that proves the map when it is first read."""
    points: tuple[Written, ...] = Field(min_length=1)
    """As in a connector file, and with `scale_by` and `when`."""

    @model_validator(mode="after")
    def _points_are_points(self) -> Self:
        ids = [point.get("id") for point in self.points]
        for point in self.points:
            ModbusPoint.model_validate(_without_own_keys(point) | _example(point))
            if ids.count(point["id"]) > 1:
                raise ValueError(f'point "{point["id"]}" is there twice')
        if self.first_read is not None and self.first_read.point not in ids:
            raise ValueError(f"first_read: {not_known('point', self.first_read.point, map(str, ids))}")
        unknown = {name for point in self.points for name in _parameters_of(point)} - set(self.parameters)
        if unknown:
            raise ValueError(not_known("parameter", min(unknown), self.parameters))
        return self

    def points_for(self, settings: Mapping[str, Setting]) -> Iterator[Written]:
        """Gives its points as a connector file would have them.

        Args:
            settings: all parameters, as `settings_from` gives them.
        """
        for point in self.points:
            if _applies(point.get("when", {}), settings):
                yield _for_one_meter(point, settings)

    def settings_from(self, given: Mapping[str, object]) -> dict[str, Setting]:
        """Settles the parameters.

        Args:
            given: those the connector file says.

        Raises:
            ValueError: one is not known, is missing or is none of its choices; in words for the person who wrote the file.
        """
        for name in given:
            if name not in self.parameters:
                raise ValueError(not_known("parameter", name, self.parameters))
        return {name: _settle(name, parameter, given.get(name)) for name, parameter in self.parameters.items()}


def _settle(name: str, parameter: Parameter, given: object) -> Setting:
    if given is None:
        if parameter.default is None:
            among = f", one of {', '.join(map(str, parameter.choices))}" if parameter.choices else ""
            raise ValueError(f"parameter {name} is missing{among}: {parameter.meaning}")
        return parameter.default
    setting = Decimal(str(given)) if isinstance(given, int | float) else str(given)
    if parameter.choices and setting not in parameter.choices:
        raise ValueError(f'parameter {name} "{given}" is none of {", ".join(map(str, parameter.choices))}')
    if not parameter.choices and (isinstance(setting, str) or setting <= 0):
        raise ValueError(f'parameter {name} "{given}" is not a number above 0: {parameter.meaning}')
    return setting


def _applies(when: Mapping[str, object], settings: Mapping[str, Setting]) -> bool:
    return all(str(settings[name]) in _texts(allowed) for name, allowed in when.items())


def _texts(allowed: object) -> Sequence[str]:
    return [str(one) for one in allowed] if isinstance(allowed, list | tuple) else [str(allowed)]


def _for_one_meter(point: Written, settings: Mapping[str, Setting]) -> Written:
    made = _without_own_keys(point)
    for name in point.get("scale_by", ()):
        made["scale"] = Decimal(str(made.get("scale", 1))) * Decimal(settings[name])
    if "unit" in made:
        made["unit"] = str(made["unit"]).format_map({name: str(value) for name, value in settings.items()})
    return made


def _without_own_keys(point: Written) -> Written:
    return {key: value for key, value in point.items() if key not in OF_PROFILES_ALONE}


def _example(point: Written) -> Written:
    """A unit that is a parameter cannot be checked before the parameter is known."""
    return {"unit": "1"} if "{" in str(point.get("unit", "")) else {}


def _parameters_of(point: Written) -> Iterator[str]:
    yield from point.get("scale_by", ())
    yield from point.get("when", {})
    unit = str(point.get("unit", ""))
    if "{" in unit:
        yield unit.partition("{")[2].partition("}")[0]
