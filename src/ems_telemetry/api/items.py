"""What the items of each list look like: described for OpenAPI, and made of the rows of storage.

The models describe; the functions make plain dictionaries with exactly their fields, because thousands of rows go through
here and checking each would cost more than fetching it. The tests hold the two together.
"""

from base64 import b64encode
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, WithJsonSchema

from ems_telemetry.api.format import Item
from ems_telemetry.model import Flag, Kind, Medium
from ems_telemetry.observe import ConnectorStatus, LinkState
from ems_telemetry.storage.catalogue import KnownMeter, KnownPoint, KnownSite
from ems_telemetry.storage.gaps import GapRow
from ems_telemetry.storage.losses import DeadLetterRow, LetterKindRow
from ems_telemetry.storage.reading import LatestRow, ReadingRow

ItemT = TypeVar("ItemT", bound=BaseModel)

FLAG_NAMES = tuple((int(flag), str(flag.name).lower()) for flag in Flag)
_TIME = "2026-03-02T10:00:00.125Z"
FlagNames = Annotated[
    list[str], WithJsonSchema({"type": "array", "items": {"type": "string", "enum": [name for _, name in FLAG_NAMES]}})
]


class Page(BaseModel, Generic[ItemT]):
    """One page of a list."""

    items: list[ItemT]
    next: str | None = Field(description="The cursor of the following page; null on the last one.")


class Site(BaseModel):
    """A plant or works."""

    id: str = Field(examples=["BER1"])
    name: str = Field(examples=["Berlin works"])
    timezone: str = Field(description="IANA name; local days and months follow it.", examples=["Europe/Berlin"])
    areas: list[str] = Field(examples=[["hall-1", "utilities"]])
    active: bool = Field(description="False once it is no longer configured.")


class Meter(BaseModel):
    """An instrument."""

    id: str = Field(examples=["EM-01"])
    name: str = Field(examples=["Main meter hall 1"])
    site: str = Field(examples=["BER1"])
    area: str | None = Field(examples=["hall-1"])
    medium: Medium | None = Field(description="What flows through it.", examples=["electricity"])
    connector: str = Field(description="The connector file that names it.", examples=["hall-1-switchboard"])
    active: bool = Field(description="False once it is no longer configured.")


class Point(BaseModel):
    """One quantity of a meter."""

    key: str = Field(description="Meter and point; stable.", examples=["EM-01.energy_import"])
    name: str = Field(examples=["Energy import"])
    meter: str = Field(examples=["EM-01"])
    site: str = Field(examples=["BER1"])
    quantity: str = Field(examples=["active_energy_import"])
    medium: Medium | None = Field(examples=["electricity"])
    unit: str = Field(description="Unit of every value of the point.", examples=["kWh"])
    kind: Kind = Field(description="What the values mean over time.", examples=["counter"])
    connector: str = Field(examples=["hall-1-switchboard"])
    source: str = Field(description="Where the connector finds it: node, register or topic.", examples=["1/input/72"])
    source_unit: str = Field(description="Unit the device speaks.", examples=["kWh"])
    expected_interval_s: float | None = Field(description="How often a value is due, in seconds.", examples=[10])
    active: bool = Field(description="False once it is no longer configured.")


class Reading(BaseModel):
    """What was measured at one time."""

    time: AwareDatetime = Field(description="The source's time; where it gave none, the flags say so.", examples=[_TIME])
    value: float | None = Field(
        description="In the unit of the point. Null where no usable value was obtained, never zero in its place.",
        examples=[18211.4],
    )
    exact: str | None = Field(description="The value in full, where a double cannot hold it; null elsewhere.", examples=[None])
    raw: float | None = Field(
        description="The number the device sent, where `value` is null although it sent one.", examples=[None]
    )
    quality: Literal[0, 64, 192] = Field(description="192 good, 64 uncertain, 0 bad.", examples=[192])
    flags: FlagNames = Field(description="Why the reading is as it is.", examples=[["no_source_time"]])
    source_status: int = Field(
        description="The protocol's own code, as the 32-bit OPC UA StatusCode; 0 where all was well.", examples=[0]
    )
    received_at: AwareDatetime = Field(description="When the service received it.", examples=["2026-03-02T10:00:00.131Z"])


class LatestReading(BaseModel):
    """A point with its newest reading; from `time` on everything is null for a point that has none yet."""

    point: str = Field(examples=["EM-01.energy_import"])
    point_name: str = Field(examples=["Energy import"])
    meter: str = Field(examples=["EM-01"])
    meter_name: str = Field(examples=["Main meter hall 1"])
    site: str = Field(examples=["BER1"])
    area: str | None = Field(examples=["hall-1"])
    medium: Medium | None = Field(examples=["electricity"])
    quantity: str = Field(examples=["active_energy_import"])
    unit: str = Field(examples=["kWh"])
    kind: Kind = Field(examples=["counter"])
    expected_interval_s: float | None = Field(description="How often a value is due, in seconds.", examples=[10])
    time: AwareDatetime | None = Field(examples=[_TIME])
    value: float | None = Field(description="Null is no value, never zero.", examples=[18211.4])
    exact: str | None = Field(examples=[None])
    raw: float | None = Field(examples=[None])
    quality: Literal[0, 64, 192] | None = Field(examples=[192])
    flags: FlagNames | None = Field(examples=[[]])
    source_status: int | None = Field(examples=[0])
    received_at: AwareDatetime | None = Field(examples=["2026-03-02T10:00:00.131Z"])


class Connector(BaseModel):
    """A connector as it stands now."""

    name: str = Field(description="The name of its file.", examples=["hall-1-switchboard"])
    type: str = Field(examples=["modbus"])
    endpoint: str = Field(examples=["tcp://10.20.0.31:502"])
    state: LinkState = Field(description="How it stands to its endpoint.", examples=["up"])
    since: AwareDatetime = Field(description="When the state began.", examples=[_TIME])
    last_error: str | None = Field(description="What last went wrong, in words.", examples=["unit 3 does not answer"])
    last_error_at: AwareDatetime | None = Field(examples=[_TIME])
    last_sample_at: AwareDatetime | None = Field(examples=[_TIME])
    clock_ahead_s: float | None = Field(
        description="How far the endpoint's clock is ahead of ours, in seconds; null where it tells no time.", examples=[0.4]
    )
    counters: dict[str, int] = Field(description="Since the start of the service.", examples=[{"samples_stored": 5210}])


class DeadLetter(BaseModel):
    """Something received that could not become a reading."""

    id: UUID
    connector: str = Field(examples=["water-broker"])
    point: str | None = Field(description="The point it was meant for, where that is known.", examples=["WM-02.volume"])
    reason: str = Field(description="A stable word.", examples=["unreadable_payload"])
    detail: str = Field(description="The reason in words.", examples=["not JSON: line 1 column 1"])
    source: str = Field(description="Where it came from.", examples=["plant/utilities/wm02/telemetry"])
    size_bytes: int = Field(description="Length of the payload that was kept.", examples=[118])
    received_at: AwareDatetime = Field(examples=[_TIME])
    stored_at: AwareDatetime = Field(examples=[_TIME])
    retried_at: AwareDatetime | None = Field(description="When it became readings after all.", examples=[None])
    retry_note: str | None = Field(description="What became of the last attempt to retry it.", examples=[None])


class LetterKind(BaseModel):
    """Dead letters that are alike and have not become readings since."""

    connector: str = Field(examples=["water-broker"])
    point: str | None = Field(examples=["WM-02.volume"])
    reason: str = Field(examples=["value_missing"])
    count: int = Field(examples=[4312])
    first: AwareDatetime = Field(description="When the first of them was received.", examples=[_TIME])
    last: AwareDatetime = Field(description="When the last of them was received.", examples=[_TIME])


class RetriedLetter(BaseModel):
    """What became of a dead letter that was retried."""

    id: UUID
    retried: bool = Field(description="True if it became readings; they are in the spool, and stored in a moment.")
    readings: int = Field(description="How many.", examples=[1])
    note: str = Field(description="The same in words, or why nothing became of it.", examples=["1 reading"])


class DeadLetterWithPayload(DeadLetter):
    """A dead letter with what was received."""

    payload_base64: str = Field(description="The payload, at most 16 KiB of it.", examples=["b2hubw=="])
    payload_text: str | None = Field(description="The payload as text, where it is UTF-8.", examples=["ohno"])


class Gap(BaseModel):
    """A stretch `[start, end)` in which readings were refused or missed; while it lasts, its end is now."""

    id: UUID
    connector: str = Field(examples=["hall-1-switchboard"])
    point: str | None = Field(description="The point; null for all of the connector's.", examples=[None])
    start: AwareDatetime = Field(examples=[_TIME])
    end: AwareDatetime = Field(examples=["2026-03-02T10:05:00Z"])
    cause: str = Field(description="A stable word.", examples=["link_down"])
    open: bool = Field(description="True while it lasts.", examples=[False])
    refused: int = Field(description="How many samples were received and could not be kept.", examples=[0])
    expected: int | None = Field(description="How many readings were due; null where that is not known.", examples=[29])
    found: int | None = Field(
        description="How many usable readings are there by now; null for a gap of a whole connector.",
        examples=[29],
    )
    filled: bool | None = Field(
        description="True if at least nine in ten of those due are there, or any where it is not known how many were; null as "
        "`found` is.",
        examples=[True],
    )
    recorded_at: AwareDatetime = Field(examples=[_TIME])


class HealthCheck(BaseModel):
    """One thing the service needs."""

    name: str = Field(examples=["database"])
    ok: bool
    detail: str = Field(examples=["answers"])


class Ready(BaseModel):
    """Whether the service can do its work."""

    ready: bool
    checks: list[HealthCheck]


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"]
    version: str = Field(examples=["0.1.0"])


def flag_names(mask: int) -> list[str]:
    """Spells out the bits of a reading's flags."""
    return [name for bit, name in FLAG_NAMES if mask & bit]


def site_item(row: KnownSite) -> Item:
    """A row as an item of `Site`."""
    return row._asdict()


def meter_item(row: KnownMeter) -> Item:
    """A row as an item of `Meter`."""
    return row._asdict()


def point_item(row: KnownPoint) -> Item:
    """A row as an item of `Point`."""
    return row._asdict()


def reading_item(row: ReadingRow) -> Item:
    """A row as an item of `Reading`."""
    return {**row._asdict(), "exact": None if row.exact is None else f"{row.exact:f}", "flags": flag_names(row.flags)}


def latest_item(row: LatestRow) -> Item:
    """A row as an item of `LatestReading`."""
    return {
        **row._asdict(),
        "exact": None if row.exact is None else f"{row.exact:f}",
        "flags": None if row.flags is None else flag_names(row.flags),
    }


def connector_item(status: ConnectorStatus) -> Item:
    """A status as an item of `Connector`."""
    return {name: getattr(status, name) for name in Connector.model_fields}


def dead_letter_item(row: DeadLetterRow) -> Item:
    """A row as an item of `DeadLetter`."""
    return row._asdict()


def letter_kind_item(row: LetterKindRow) -> Item:
    """A row as an item of `LetterKind`."""
    connector, point, reason, letters, first, last = row
    return {"connector": connector, "point": point, "reason": reason, "count": letters, "first": first, "last": last}


def payload_item(row: DeadLetterRow, payload: bytes) -> Item:
    """A row and its payload as a `DeadLetterWithPayload`."""
    return {**row._asdict(), "payload_base64": b64encode(payload).decode(), "payload_text": _text(payload)}


def gap_item(row: GapRow) -> Item:
    """A row as an item of `Gap`."""
    return row._asdict()


def _text(payload: bytes) -> str | None:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return None


def columns_of(model: type[BaseModel]) -> list[str]:
    """The fields of an item in the order they are described: the columns of its CSV."""
    return list(model.model_fields)
