"""A profile: the register map of a meter's model, with its source and what proves that a meter is one of these.

Its points are written as in a connector file. What differs from meter to meter of one model, a transformer's ratio or how many
tariffs are counted, is a parameter; `scale_by`, `when` and braces in `unit` say where it counts.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from itertools import chain, product
from string import Formatter
from typing import Any, Self, TypeAlias

from pydantic import Field, ModelWrapValidatorHandler, PrivateAttr, ValidationError, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails

from ems_telemetry.config.base import Identifier, Model, known_quantities
from ems_telemetry.config.problems import not_known
from ems_telemetry.config.quantities import Quantities
from ems_telemetry.config.units import UnitError, convert_to_canonical
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
    """What it may be; any number above 0 if there are none."""

    @model_validator(mode="after")
    def _default_is_allowed(self) -> Self:
        if self.default is not None:
            _settle("default", self, self.default)
        return self


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

    @model_validator(mode="after")
    def _tells_right_from_wrong(self) -> Self:
        low, high = self.range
        if not (0 < low < high or low < high < 0):
            raise ValueError(f"range {[low, high]} must go from low to high and not hold 0, which any empty register is")
        return self


class ProfilePoint(ModbusPoint):
    """A point as in a connector file, with what depends on parameters."""

    scale_by: tuple[str, ...] = ()
    """Parameters that its scale is multiplied by."""
    when: Mapping[str, Any] = {}
    """Only there if each of these parameters has this value, or one of these."""
    _written: Written = PrivateAttr(default_factory=dict)

    @property
    def written(self) -> Written:
        """The point as it stands in the profile's file."""
        return self._written

    @property
    def parameters(self) -> Mapping[str, str]:
        """The parameters it depends on, each with the key that names it."""
        in_unit = (name for _, name, _, _ in Formatter().parse(self.unit) if name)
        named = {"scale_by": self.scale_by, "when": self.when, "unit": in_unit}
        return {name: key for key, names in named.items() for name in names}

    @model_validator(mode="wrap")
    @classmethod
    def _keeping_what_is_written(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401 - pydantic's own
        point = handler(data)
        point._written = dict(data) if isinstance(data, dict) else {}  # noqa: SLF001 - its own
        return point


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
    points: tuple[ProfilePoint, ...] = Field(min_length=1)
    """As in a connector file, and with `scale_by` and `when`. One id may be there several times, for different parameters."""

    @model_validator(mode="after")
    def _fits_together(self, info: ValidationInfo) -> Self:
        problems = list(chain(self._first_read_of_no_point(), self._unknown_parameters(), self._there_twice()))
        problems = problems or list(self._of_no_unit(known_quantities(info)))
        if problems:
            raise ValidationError.from_exception_data(type(self).__name__, problems)
        return self

    def _first_read_of_no_point(self) -> Iterator[InitErrorDetails]:
        ids = [point.id for point in self.points]
        if self.first_read is not None and self.first_read.point not in ids:
            yield _problem(("first_read", "point"), not_known("point", self.first_read.point, ids))

    def _unknown_parameters(self) -> Iterator[InitErrorDetails]:
        for index, point in enumerate(self.points):
            for name, key in point.parameters.items():
                if name not in self.parameters:
                    yield _problem(("points", index, key), not_known("parameter", name, self.parameters))
            for name in point.scale_by:
                parameter = self.parameters.get(name)
                if parameter is not None and any(isinstance(choice, str) for choice in parameter.choices):
                    yield _problem(("points", index, "scale_by"), f"parameter {name} is no number and cannot scale")

    def _there_twice(self) -> Iterator[InitErrorDetails]:
        for index, point in enumerate(self.points):
            if any(other.id == point.id and not _exclude(other.when, point.when) for other in self.points[:index]):
                yield _problem(("points", index, "id"), f'point "{point.id}" is there twice')

    def _of_no_unit(self, quantities: Quantities) -> Iterator[InitErrorDetails]:
        for index, point in enumerate(self.points):
            quantity = quantities.get(point.quantity)
            if quantity is None:
                yield _problem(("points", index, "quantity"), not_known("quantity", point.quantity, quantities))
                continue
            for unit in self._units(point):
                try:
                    convert_to_canonical(unit, quantity)
                except UnitError as error:
                    yield _problem(("points", index, "unit"), str(error))
                    break

    def _units(self, point: ProfilePoint) -> Iterator[str]:
        """Gives each unit a point may have, by the choices of its parameters."""
        names = [name for name, key in point.parameters.items() if key == "unit"]
        for chosen in product(*(self.parameters[name].choices for name in names)):
            yield point.unit.format_map(dict(zip(names, map(str, chosen), strict=True)))

    def points_for(self, settings: Mapping[str, Setting]) -> Iterator[Written]:
        """Gives its points as a connector file would have them.

        Args:
            settings: all parameters, as `settings_from` gives them.
        """
        for point in self.points:
            if _applies(point.when, settings):
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
    among = ", ".join(map(str, parameter.choices))
    if given is None:
        if parameter.default is None:
            raise ValueError(f"parameter {name} is missing{among and f', one of {among}'}: {parameter.meaning}")
        return parameter.default
    if parameter.choices:
        chosen = next((choice for choice in parameter.choices if _is_same(choice, given)), None)
        if chosen is None:
            raise ValueError(f'parameter {name} "{given}" is none of {among}')
        return chosen
    if isinstance(given, bool) or not isinstance(given, int | float | Decimal) or not (given > 0 and math.isfinite(given)):
        raise ValueError(f'parameter {name} "{given}" is not a number above 0: {parameter.meaning}')
    return Decimal(str(given))


def _is_same(choice: Setting, given: object) -> bool:
    """Compares numbers as numbers, also one that stands in quotes."""
    if isinstance(choice, str):
        return choice == str(given)
    try:
        return choice == Decimal(str(given))
    except InvalidOperation:
        return False


def _applies(when: Mapping[str, object], settings: Mapping[str, Setting]) -> bool:
    return all(any(_is_same(settings[name], one) for one in _texts(allowed)) for name, allowed in when.items())


def _exclude(when: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Tells whether two conditions never hold both: some parameter would need two values."""
    return any(not set(_texts(when[name])) & set(_texts(other[name])) for name in when.keys() & other.keys())


def _texts(allowed: object) -> Sequence[str]:
    return [str(one) for one in allowed] if isinstance(allowed, list | tuple) else [str(allowed)]


def _for_one_meter(point: ProfilePoint, settings: Mapping[str, Setting]) -> Written:
    made = {key: value for key, value in point.written.items() if key not in OF_PROFILES_ALONE}
    if point.scale_by:
        made["scale"] = math.prod((Decimal(settings[name]) for name in point.scale_by), start=point.scale)
    made["unit"] = point.unit.format_map({name: str(value) for name, value in settings.items()})
    return made


def _problem(place: tuple[str | int, ...], message: str) -> InitErrorDetails:
    return InitErrorDetails(type="value_error", loc=place, input=None, ctx={"error": ValueError(message)})
