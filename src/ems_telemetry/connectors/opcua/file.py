"""The OPC UA connector file: one server, its meters, and for each point the node it is read from."""

import re
from enum import StrEnum
from typing import Annotated, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from ems_telemetry.config.base import Model
from ems_telemetry.config.connector import ConnectorFile, Meter, Point
from ems_telemetry.config.scalars import SECONDS, Duration
from ems_telemetry.connectors.opcua.access import OpcUaUser, Security
from ems_telemetry.connectors.opcua.nodes import parse_node, parse_path


def _check_endpoint(text: str) -> str:
    try:
        url = urlsplit(text)
        complete = url.scheme == "opc.tcp" and bool(url.hostname) and url.port is not None
    except ValueError:
        complete = False
    if not complete:
        raise ValueError(f'"{_without_password(text)}" is not an OPC UA endpoint; write opc.tcp://host:4840 or …/path')
    if "@" in urlsplit(text).netloc:
        raise ValueError(f'"{_without_password(text)}" holds a user; say it with user: {{name: …, password_file: …}}')
    return text


def _without_password(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _check_node(text: str) -> str:
    parse_node(text)
    return text


def _check_path(text: str) -> str:
    parse_path(text)
    return text


Endpoint: TypeAlias = Annotated[str, AfterValidator(_check_endpoint), Field(examples=["opc.tcp://10.20.0.40:4840"])]
NodeText: TypeAlias = Annotated[str, AfterValidator(_check_node), Field(examples=["nsu=urn:plc:air;s=Air.Total"])]

PathText: TypeAlias = Annotated[str, AfterValidator(_check_path), Field(examples=["/2:Plant/nsu=urn:plc:air;Flow"])]


class Deadband(Model):
    """Changes up to this much are not sent."""

    value: float = Field(gt=0, allow_inf_nan=False)
    """In the server's own number (before `scale`), or in percent of the node's EURange."""
    percent: bool = False


_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")


def _parse_deadband(written: object) -> object:
    if isinstance(written, str) and (match := _PERCENT.fullmatch(written)):
        share = float(match[1])
        if not 0 < share <= 100:  # noqa: PLR2004  percent
            raise ValueError(f'"{written}": a share of the range lies above 0% and up to 100%')
        return {"value": share, "percent": True}
    if isinstance(written, int | float) and not isinstance(written, bool):
        return {"value": written}
    raise ValueError(f'"{written}" is not a deadband; write a number, as 0.5, or a share of the node\'s range, as 2%')


DeadbandText: TypeAlias = Annotated[
    Deadband,
    BeforeValidator(_parse_deadband),
    PlainSerializer(lambda band: f"{band.value:g}%" if band.percent else band.value),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"}]}),
]


class Discard(StrEnum):
    """Which change the server throws away when its queue of a node is full."""

    OLDEST = "oldest"
    NEWEST = "newest"


class OpcUaPoint(Point):
    """One quantity of a meter, read from one node, or from one element or field of its value."""

    node: NodeText | None = None
    """The node's id: `ns=2;s=…`, or better `nsu=urn:…;s=…`, which survives a restart of the server."""
    path: PathText | None = None
    """In the place of `node`: the way to it from the Objects folder, as `/2:Plant/2:Air/2:Flow`."""
    element: int | None = Field(default=None, ge=0)
    """For an array: which element, from 0."""
    field: str | None = None
    """For a structure: which field; `Flow.Value` for a field of a field."""
    deadband: DeadbandText | None = None
    """Changes up to this much are not sent: in the server's own number (before `scale`), or `2%` of the node's range."""
    sampling_interval: Duration | None = None
    """How often the server looks at the node, where that is not the connector's."""
    publishing_interval: Duration | None = None
    """How often the server sends what it saw, where that is not the connector's."""
    queue_size: int = Field(default=10, ge=1, le=100_000)
    """How many changes the server keeps between two publishings."""
    discard: Discard = Discard.OLDEST
    """Which change goes when there are more."""

    @model_validator(mode="after")
    def _one_way_to_the_node(self) -> Self:
        if (self.node is None) == (self.path is None):
            raise ValueError("a point is found either by node: or by path:")
        return self

    @property
    def source(self) -> str:
        """Where the point is found: its node id or path, with element and field behind it."""
        element = "" if self.element is None else f"[{self.element}]"
        field = "" if self.field is None else f".{self.field}"
        return f"{self.node or self.path}{element}{field}"


class OpcUaMeter(Meter[OpcUaPoint]):
    """An instrument whose values stand in nodes of the server."""


class Order(StrEnum):
    """From which end a gap is filled."""

    OLDEST_FIRST = "oldest_first"
    NEWEST_FIRST = "newest_first"


class History(Model):
    """How what was missed is read from the server's own history."""

    read: Literal["auto", "never"] = "auto"
    """`auto`: after each outage, for every node whose history the server lets us read."""
    order: Order = Order.OLDEST_FIRST
    """From which end a gap is filled."""
    slice: Duration = SECONDS["h"]
    """How much time is asked for in one go."""
    max_age: Duration = 30 * SECONDS["d"]
    """What is older is not asked for and stays a gap."""
    delay: Duration = 2.0
    """How long after the link is back reading begins: a historian writes a little late."""
    values_per_read: int = Field(default=1000, ge=1, le=100_000)
    """How many values of one node are asked for in one answer."""


class OpcUaFile(ConnectorFile[OpcUaMeter]):
    """One OPC UA server."""

    type: Literal["opcua"]
    endpoint: Endpoint
    """The server's address."""
    security: Security = Security()
    user: OpcUaUser | None = None
    """Who we are to the server; anonymous if not said."""
    sampling_interval: Duration | None = None
    """How often the server looks at the nodes; as they change, if not said."""
    publishing_interval: Duration = 1.0
    """How often the server sends what it saw."""
    session_timeout: Duration = Field(default=30.0, ge=1.0)
    """After half of it without a sign of life the server counts as lost; after all of it the server forgets us."""
    proof_interval: Duration = Field(default=30.0, ge=1.0)
    """How often nodes that are silent are read, to prove that the server still sends what changes."""
    polling: Literal["fallback", "always", "never"] = "fallback"
    """Whether nodes are read again and again: only if the server knows no subscriptions, always, or not even then."""
    history: History = History()
