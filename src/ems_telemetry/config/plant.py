"""The plant file: sites and their areas, as the EMS calls them."""

from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field

from ems_telemetry.config.base import Identifier, Model
from ems_telemetry.config.problems import nearest


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


class Plant(Model):
    """Everything in `plant.yaml`."""

    sites: tuple[Site, ...] = Field(min_length=1)
    """The sites that meters can stand at."""
