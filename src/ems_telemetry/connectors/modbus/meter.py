"""A Modbus meter as it stands in a file: its unit id, and its points or the profile they come from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import ConfigDict, Field, ModelWrapValidatorHandler, PrivateAttr, ValidationError, ValidationInfo, model_validator
from pydantic.config import JsonDict
from pydantic_core import InitErrorDetails

from ems_telemetry.config.base import files_read, known_quantities
from ems_telemetry.config.connector import Meter
from ems_telemetry.config.problems import not_known
from ems_telemetry.config.scalars import Duration
from ems_telemetry.connectors.modbus.library import Library
from ems_telemetry.connectors.modbus.point import ModbusPoint
from ems_telemetry.connectors.modbus.profile import HANDED_ON, Hole, Profile, Setting, Written
from ems_telemetry.connectors.modbus.registers import MAX_REGISTERS, Addressing, Order
from ems_telemetry.errors import ConfigurationError

MOST_RETRIES = 5


class WrongKeyError(ValueError):
    """What a meter says of its profile is wrong; `key` is where."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


_WITHOUT_PROFILE: JsonDict = {
    "if": {"not": {"required": ["profile"]}},
    "then": {"required": ["points"], "properties": {"points": {"items": {"required": ["id", "quantity", "unit"]}}}},
}
"""What the schema of the file asks for: a profile brings what its points need."""


class ModbusMeter(Meter[ModbusPoint]):
    """A meter behind one unit id."""

    model_config = ConfigDict(json_schema_extra=_WITHOUT_PROFILE)

    unit_id: int = Field(ge=0, le=255)
    """Its address on the line, 1 to 247; behind a TCP endpoint also 0 or 255, for the endpoint itself."""
    profile: str | None = None
    """The model it is, as `eastron/sdm630`: brings its points. `ems-telemetry profiles list` shows all."""
    parameters: Mapping[str, int | float | str] = {}
    """What its profile must know of it, as `{ct_ratio: 40}`."""
    include: tuple[str, ...] | None = None
    """The points of the profile that are read; all if not said."""
    exclude: tuple[str, ...] = ()
    """Points of the profile that are not read."""
    points: tuple[ModbusPoint, ...] = ()
    """Its points; with a profile, those that it does not have or that are to be otherwise."""
    interval: Duration | None = None
    """How often it is read; the connector's if not said."""
    timeout: Duration | None = None
    """How long a reply may take; the connector's if not said."""
    retries: int | None = Field(default=None, ge=0, le=MOST_RETRIES)
    """How often it is asked again at once if it is silent and answered the time before; the connector's if not said."""
    addressing: Addressing | None = None
    """How its manual counts addresses; the profile's or the connector's if not said."""
    order: Order | None = None
    """How the bytes of its values lie; the profile's or the connector's if not said."""
    order_64: Order | None = None
    """The same for its 64-bit values, where these differ."""
    max_register_gap: int | None = Field(default=None, ge=0, le=MAX_REGISTERS)
    """How many unused registers to read across; the connector's if not said."""
    max_registers: int | None = Field(default=None, ge=1, le=MAX_REGISTERS)
    """Most registers it serves at once; the connector's if not said."""
    holes: tuple[Hole, ...] = ()
    """Addresses that must not be read."""
    sunspec: tuple[int, ...] = ()
    """The SunSpec models its points are fields of, any one of them."""
    sunspec_instance: int = Field(default=1, ge=1)
    """Which of several models of one kind it is, in the order the device has them."""
    _profile: Profile | None = PrivateAttr(default=None)

    @property
    def known(self) -> Profile | None:
        """Its profile, read; None for a meter whose points all stand in the file."""
        return self._profile

    @model_validator(mode="wrap")
    @classmethod
    def _with_its_profile(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:  # noqa: ANN401 - pydantic's own
        name = data.get("profile") if isinstance(data, dict) else None
        if not isinstance(name, str):
            return handler(data)
        try:
            profile = _read(name, info)
            whole = completed(data, profile)
        except WrongKeyError as error:
            detail = InitErrorDetails(type="value_error", loc=(error.key,), input=None, ctx={"error": ValueError(str(error))})
            raise ValidationError.from_exception_data(cls.__name__, [detail]) from error
        meter = handler(whole)
        meter._profile = profile  # noqa: SLF001 - its own
        return meter

    @model_validator(mode="after")
    def _has_points(self) -> Self:
        if not self.points:
            raise ValueError("a meter needs points, or a profile that brings them")
        if self.profile is None and (self.parameters or self.include is not None or self.exclude):
            raise ValueError("parameters, include and exclude are about a profile; say which, as profile: eastron/sdm630")
        if any(point.field is not None for point in self.points) and not self.sunspec:
            raise ValueError("field needs to know of which SunSpec models, as sunspec: [201, 202, 203]")
        return self


def completed(data: Written, profile: Profile) -> Written:
    """Fills in what a profile knows of a meter.

    Args:
        data: the meter as it stands in its file; what it says itself holds.
        profile: its model.

    Returns:
        The meter with all its points. Those of the file come first, so that their places stay those they have there.

    Raises:
        WrongKeyError: a parameter or a point is not known or missing, in words for the person who wrote the file.
    """
    known = {str(point["id"]): point for point in profile.points_for(_settings(data, profile))}
    include, exclude = (_named(data, key, known) for key in ("include", "exclude"))
    own = data.get("points") or []
    if not isinstance(own, list | tuple):
        return data  # and what is wrong with it is said where it is checked
    overridden = {str(point.get("id")) for point in own if isinstance(point, dict)}
    others = [known[id_] for id_ in include or known if id_ not in overridden and id_ not in exclude]
    handed = {key: value for key in HANDED_ON if (value := getattr(profile, key)) not in (None, ())}
    points = [_overriding(known, point) for point in own]
    return {**handed, **data, "points": [*points, *others]}


def _overriding(known: Mapping[str, Written], point: object) -> object:
    """Lays what the file says of a point over what its profile says; what is no point stays, to be refused."""
    return {**known.get(str(point.get("id")), {}), **point} if isinstance(point, dict) else point


def _settings(data: Written, profile: Profile) -> Mapping[str, Setting]:
    given = data.get("parameters")
    try:
        return profile.settings_from(given if isinstance(given, Mapping) else {})
    except ValueError as error:
        raise WrongKeyError("parameters", str(error)) from error


def _named(data: Written, key: str, known: Mapping[str, Written]) -> Sequence[str]:
    named = data.get(key)
    if not isinstance(named, list | tuple):
        return ()
    ids = [str(id_) for id_ in named]
    for id_ in ids:
        if id_ not in known:
            raise WrongKeyError(key, not_known("point of the profile", id_, known))
    return ids


def _read(name: str, info: ValidationInfo) -> Profile:
    folder: Path | None = (info.context or {}).get("folder")
    try:
        found = Library(folder, known_quantities(info)).find(name)
        files_read(info).note_plain(found.path)
        return found.read()
    except ValueError as error:
        raise WrongKeyError("profile", str(error)) from error
    except ConfigurationError as error:
        raise WrongKeyError("profile", f"its file has mistakes: {error.problems[0]}") from error
