"""What a connector file says about Sparkplug: whom to listen to, what to take, and whether to ask for anything."""

from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, Field

from ems_telemetry.config.base import Model
from ems_telemetry.config.scalars import Duration
from ems_telemetry.connectors.mqtt.sparkplug.topic import ANY


def _checked_name(text: str) -> str:
    if not text or any(sign in text for sign in "/+#\0"):
        raise ValueError(f'"{text}" is not a name of Sparkplug: it must not be empty, nor hold "/", "+" or "#"')
    return text


def _checked_name_or_any(text: str) -> str:
    if text == ANY:
        return text
    if "+" in text or "#" in text:
        raise ValueError(f'"{text}": a wildcard stands alone, as "+"; write one name, or "+" for all')
    return _checked_name(text)


LevelName = Annotated[str, AfterValidator(_checked_name)]
"""The name of a group, an edge node or a device."""
LevelNameOrAny = Annotated[str, AfterValidator(_checked_name_or_any)]


class SparkplugSettings(Model):
    """Which edge nodes are listened to, and how."""

    group: LevelNameOrAny
    """Their group; "+" for all groups at the broker."""
    edge_node: LevelNameOrAny = ANY
    """The edge node; "+" for all of the group."""
    discover: bool = False
    """Whether births make meters and points of what no file lists."""
    metrics: tuple[Annotated[str, Field(min_length=1)], ...] = ("*",)
    """Which metrics are discovered, as `["Energy/*"]`; `*` stands for anything, also across slashes."""
    request_rebirth: bool = False
    """Whether an edge node may be asked to be born again where its data cannot be read. It is all that is ever published."""
    rebirth_interval: Annotated[Duration, Field(ge=1)] = 60.0
    """The shortest time between two such requests to the same edge node."""
    reorder_timeout: Annotated[Duration, Field(le=60)] = 2.0
    """How long a message that came too early waits for those before it."""
    birth_timeout: Annotated[Duration, Field(le=300)] = 10.0
    """How long data that cannot be read waits for a birth that was asked for."""

    def takes(self, metric: str) -> bool:
        """Tells whether a metric that no file lists is one to discover."""
        return self.discover and any(fnmatchcase(metric, pattern) for pattern in self.metrics)


def names_for_meters(section: object) -> dict[str, str]:
    """Gives the names that a meter need not say, from what stands in the file; what is wrong there is told there alone."""
    told = section if isinstance(section, dict) else {"edge_node": None}
    names = {"group": told.get("group"), "edge_node": told.get("edge_node", ANY)}
    return {key: str(name) if _is_name(name) else "wrong" for key, name in names.items() if name != ANY}


def _is_name(told: object) -> bool:
    try:
        return isinstance(told, str) and bool(_checked_name(told))
    except ValueError:
        return False
