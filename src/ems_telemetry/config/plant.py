"""The plant file: sites and their areas, as the EMS calls them; what the plant measures beside what all do; virtual meters."""

from collections.abc import Mapping
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, StringConstraints

from ems_telemetry.config.base import Identifier, Model
from ems_telemetry.config.problems import nearest
from ems_telemetry.config.quantities import Law
from ems_telemetry.config.scalars import CostCentre, Percent
from ems_telemetry.model import Medium

QuantityName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
"""Letters in lower case, digits and `_`, beginning with a letter."""


def _known_zone(name: str) -> str:
    if name in available_timezones():
        return name
    meant = nearest(name, available_timezones())
    remedy = f"did you mean {meant}?" if meant else "write an IANA name, as Europe/Berlin"
    message = f'timezone "{name}" is not known; {remedy}'
    raise ValueError(message)


class Site(Model):
    """A works at one place."""

    id: Identifier
    """Unique; stands in every answer and table."""
    name: str
    """What people call it."""
    timezone: Annotated[str, AfterValidator(_known_zone)]
    """IANA name, as Europe/Berlin; local days and months follow it."""
    areas: tuple[Identifier, ...] = ()
    """Parts of the site a meter can stand in."""

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.timezone)


class OwnQuantity(Model):
    """Something measurable that only this plant has, as pressed parts."""

    unit: str
    """The unit it is stored in; a word that is no unit yet becomes one, as `pcs`."""
    title: str
    """What people call it."""
    law: Law
    """How its values are brought together over time."""


class VirtualPoint(Model):
    """One quantity of a virtual meter."""

    id: Identifier
    """The point's name within its meter."""
    name: str | None = None
    """What people call it; shown on pages and dashboards."""
    quantity: str
    """What it comes to, as `active_energy_import`; decides the canonical unit."""
    expression: str
    """What it is computed from: keys of points and numbers with + - * / and parentheses."""


class VirtualMeter(Model):
    """A meter that is computed from others."""

    id: Identifier
    """Unique in the whole plant, among the meters of connectors too."""
    name: str | None = None
    """What people call it."""
    site: Identifier
    """The site it belongs to; its local days are that site's."""
    area: Identifier | None = None
    """The area of the site."""
    medium: Medium | None = None
    """What flows through it."""
    parent: Identifier | None = None
    """The meter behind which it stands: what this one counts, that one counts too."""
    uncertainty: Percent | None = None
    """The standard uncertainty (k = 1) of its totals, relative, as `1%`; twice that is what a balance allows for."""
    cost_centre: CostCentre | None = None
    """Where its amounts are booked, as the accounts call it, in quotes if it is a number."""
    points: tuple[VirtualPoint, ...] = Field(min_length=1)
    """Its quantities."""


class Plant(Model):
    """Everything in `plant.yaml`."""

    sites: tuple[Site, ...] = Field(min_length=1)
    """The sites that meters can stand at."""
    quantities: Mapping[QuantityName, OwnQuantity] = {}
    """What this plant measures beside what every plant does, by name."""
    virtual_meters: tuple[VirtualMeter, ...] = ()
    """Meters that are computed from others."""
