"""Details of a figure as they are kept: with as many digits as the figure itself."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ems_telemetry.rules.arithmetic import settle


def settled(details: Mapping[str, Any]) -> dict[str, Any]:
    """Rounds what has no end, as a third, to the digits that are kept; also within lists and objects."""
    return {name: _settled(value) for name, value in details.items()}


def _settled(value: Any) -> Any:  # noqa: ANN401  # whatever stands in details
    if isinstance(value, Decimal):
        return settle(value)
    if isinstance(value, Mapping):
        return settled(value)
    return [_settled(each) for each in value] if isinstance(value, list | tuple) else value
