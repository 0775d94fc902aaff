"""What the items of revisions look like; see `ems_telemetry.api.items`."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, Field

from ems_telemetry.api.format import Item
from ems_telemetry.model import Kind
from ems_telemetry.storage.revisions import ConfigFileRow, ConfigRevisionRow, PointRevisionRow

_TIME = "2026-03-02T10:00:00.125Z"


class PointRevision(BaseModel):
    """What a point meant over a stretch of time."""

    valid_from: AwareDatetime = Field(description="Compare with `received_at` of readings.", examples=[_TIME])
    valid_to: AwareDatetime | None = Field(description="When the next one began; null: it holds.", examples=[None])
    config_revision: int | None = Field(description="The configuration that said so.", examples=[12])
    active: bool = Field(description="False: it was not configured during this stretch.")
    quantity: str = Field(examples=["active_energy_import"])
    unit: str = Field(description="Unit of every value of the point.", examples=["kWh"])
    kind: Kind = Field(examples=["counter"])
    source: str = Field(description="Where the connector found it.", examples=["unit 1 input 72 float32 ABCD"])
    source_unit: str = Field(description="Unit the device spoke.", examples=["Wh"])
    scale: str = Field(description="The device's number times this, plus `offset`, is in `source_unit`.", examples=["0.1"])
    offset: str = Field(examples=["0"])
    expected_interval_s: float | None = Field(examples=[10])
    definition: dict[str, Any] = Field(
        description="Every key of the point that was not at its default.", examples=[{"id": "energy_import", "unit": "Wh"}]
    )


class ConfigRevision(BaseModel):
    """A configuration that the service ran."""

    id: int = Field(examples=[12])
    hash: str = Field(description="SHA-256 over its files; equal ones say the same.", examples=["9f86d081884c7d65…"])
    accepted_at: AwareDatetime = Field(description="When the service took it over.", examples=[_TIME])
    in_force_until: AwareDatetime | None = Field(
        description="When the next one was taken over; null: it runs.", examples=[None]
    )
    files: int = Field(description="How many files it has.", examples=[7])


class ConfigFile(BaseModel):
    """A file of a configuration."""

    name: str = Field(description="Its path below the plant's folder.", examples=["connectors/hall-1-switchboard.yaml"])
    sha256: str = Field(description="Of `text`.", examples=["9f86d081884c7d65…"])
    text: str = Field(description="What stands in it; `***` stands for a secret, `${NAME}` for what the environment holds.")


class ConfigRevisionWithFiles(BaseModel):
    """A configuration with what stood in its files."""

    id: int = Field(examples=[12])
    hash: str = Field(examples=["9f86d081884c7d65…"])
    accepted_at: AwareDatetime = Field(examples=[_TIME])
    in_force_until: AwareDatetime | None = Field(examples=[None])
    files: list[ConfigFile]


def point_revision_item(row: PointRevisionRow) -> Item:
    """A row as an item of `PointRevision`."""
    return {**row._asdict(), "scale": f"{row.scale:f}", "offset": f"{row.offset:f}"}


def config_revision_item(row: ConfigRevisionRow) -> Item:
    """A row as an item of `ConfigRevision`."""
    return row._asdict()


def config_item(row: ConfigRevisionRow, files: list[ConfigFileRow]) -> Item:
    """A row and its files as a `ConfigRevisionWithFiles`."""
    return {**row._asdict(), "files": [file._asdict() for file in files]}
