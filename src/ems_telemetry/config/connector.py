"""What all connector files have in common: meters and their points. Each protocol adds its own keys by subclassing.

A subclass of `ConnectorFile` narrows `type` to its own name and `meters` to its own meters, and so on down to the points:

    class ModbusPoint(Point): register: Register; address: int; …
    class ModbusMeter(Meter[ModbusPoint]): unit_id: int
    class ModbusFile(ConnectorFile[ModbusMeter]): type: Literal["modbus"]; endpoint: str; …
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, Self, TypeVar

from pydantic import Field, SecretStr, model_validator

from ems_telemetry.config.base import Identifier, Model, SecretFile, read_secret
from ems_telemetry.config.scalars import CostCentre, Duration, Percent
from ems_telemetry.model import Kind, Medium


class Interpolation(StrEnum):
    """What a gauge does between two values."""

    STEPPED = "stepped"
    """It keeps the first until the second: what is sent on change, and states."""
    SLOPED = "sloped"
    """It goes straight from the first to the second: what is polled and changes steadily."""


class Point(Model):
    """One quantity of a meter."""

    id: Identifier
    """The point's name within its meter; `EM-01.energy_import` is its key."""
    name: str | None = None
    """What people call it; shown on pages and dashboards."""
    quantity: str
    """What is measured, as `active_energy_import`; decides the canonical unit."""
    unit: str
    """The unit the device speaks, as `Wh`; values are stored in the quantity's canonical unit."""
    kind: Kind = Kind.GAUGE
    """What the values mean over time."""
    scale: Decimal = Field(default=Decimal(1), allow_inf_nan=False)
    """The device's number times this is in `unit`."""
    offset: Decimal = Field(default=Decimal(0), allow_inf_nan=False)
    """Added after scaling, in `unit`."""
    range: tuple[float, float] | None = None
    """Lowest and highest possible value, in `unit`; outside it the value becomes null with a flag."""
    max_rate: float | None = Field(default=None, gt=0)
    """The fastest a counter can rise, in `unit` per hour."""
    max_gap: Duration | None = None
    """The longest silence across which values are interpolated."""
    interpolation: Interpolation = Interpolation.STEPPED
    """What a gauge does between two values: `stepped` keeps the first, `sloped` goes straight to the second."""
    invalid: tuple[int | float, ...] = ()
    """Raw values that mean "no value", before scaling, as `[0xFFFF]`."""
    expected_interval: Duration | None = None
    """How often a value is due; the connector's interval if not said."""
    rollover_at: Decimal | None = Field(default=None, gt=0, allow_inf_nan=False)
    """The counter begins again from 0 after this value, in `unit`."""
    states: Mapping[str, float] | None = None
    """Numbers for a device's words, as `{running: 1, stopped: 0}`."""

    @property
    def source(self) -> str:
        """Where the connector finds it, in the protocol's words: node, register or topic."""
        return ""


PointT = TypeVar("PointT", bound=Point)


class Meter(Model, Generic[PointT]):
    """An instrument with one or more points."""

    id: Identifier
    """Unique in the whole plant."""
    name: str | None = None
    """What people call it."""
    site: Identifier | None = None
    """The site it stands at, where that is not the connector's."""
    area: Identifier | None = None
    """The area of the site, as listed in the plant file."""
    medium: Medium | None = None
    """What flows through it."""
    parent: Identifier | None = None
    """The meter behind which it stands: what this one counts, that one counts too."""
    uncertainty: Percent | None = None
    """The standard uncertainty (k = 1) of its totals, relative, as `1%`; twice that is what a balance allows for."""
    cost_centre: CostCentre | None = None
    """Where its amounts are booked, as the accounts call it, in quotes if it is a number."""
    points: tuple[PointT, ...] = Field(min_length=1)


MeterT = TypeVar("MeterT", bound="Meter[Any]")


class ConnectorFile(Model, Generic[MeterT]):
    """One endpoint and the meters behind it. The file's name is the connector's name."""

    type: str
    """The protocol."""
    site: Identifier
    """The site its meters stand at."""
    enabled: bool = True
    """False: checked, listed, and not run."""
    meters: tuple[MeterT, ...] = ()

    def entry_of(self, index: int) -> int:
        """Tells which entry under `meters` in the file a meter stands in: its own, unless one entry stands for many."""
        return index

    @property
    def endpoint_text(self) -> str:
        """The endpoint as shown to people; never with a password in it."""
        return str(getattr(self, "endpoint", ""))

    @property
    def line(self) -> tuple[str, str] | None:
        """The place that all files which name it share one link to, and in which manner this file speaks there, in words.

        `("10.20.0.31:502", "RTU over TCP")`, for example; None where each file has a link of its own.
        """
        return None


class UserCredentials(Model):
    """A name and a password, the password from the environment or from a file."""

    name: str
    password: SecretStr | None = None
    """Best given as "${NAME}", from the environment."""
    password_file: SecretFile | None = None
    """A file that holds the password alone; a relative path starts from the folder of the file that names it."""

    def read_password(self) -> SecretStr | None:
        """Gives the password, from wherever it stands."""
        return read_secret(self.password, self.password_file)


def point_key(meter: Meter[Any], point: Point) -> str:
    """Tells the public key of a point, as `EM-01.energy_import`."""
    return f"{meter.id}.{point.id}"


class Tls(Model):
    """Certificates, as PEM files; relative paths start from the folder of the file that names them."""

    ca: SecretFile | None = None
    """Who vouches for the other side; the system's authorities if not said."""
    certificate: SecretFile | None = None
    """Who we are, where the other side asks for it."""
    key: SecretFile | None = None
    """The private key of `certificate`."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError('"certificate" and "key" go together')
        return self
