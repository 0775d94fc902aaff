"""Quarters of an hour of a stack, written by hand as `gather` of the methods of emissions gives them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from record_inputs import snapshot_of

from ems_telemetry.records.averages.blocks import BlockLength, days_as_inputs
from ems_telemetry.records.method import Figure
from ems_telemetry.records.methods.air_emission import AirEmission, AirEmission2

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
Row = Sequence[Any]
"""A value and its coverage, and after them a substitute, whether it is uncertain, and whether it was corrected."""
NONE: Row = (None, "0")
NEEDS_NOTHING = {"normal": True, "dry": True, "o2_corrected": True}


def rows(*values: str | int | None, times: int = 1) -> list[Row]:
    """Gives quarters that were measured in full, each value so many times."""
    return [NONE if value is None else (str(value), "1") for value in values for _ in range(times)]


def covered(minutes: int, value: str | int = 100) -> list[Row]:
    """Gives the quarters of an hour of which so many minutes from its beginning were measured."""
    shares = [min(15, max(0, minutes - 15 * place)) for place in range(4)]
    return [(str(value), str(Decimal(repr(share / 15)))) if share else NONE for share in shares]


def gauge(quarters: Sequence[Row], unit: str = "mg/Nm3", quantity: str = "nox_concentration", by: Sequence[str] = ()) -> Any:  # noqa: ANN401
    """Gives a point as inputs have it."""
    return {
        "point": f"CEMS-01.{quantity}", "quantity": quantity, "unit": unit, "additive": False,
        "quarters": [list(row) for row in quarters], "substituted_by": list(by),
    }  # fmt: skip


def air_inputs(  # noqa: PLR0913  # so much a stack has
    quarters: Sequence[Row],
    *,
    unit: str = "mg/Nm3",
    gas: Mapping[str, tuple[str, Sequence[Row]]] | None = None,
    states: Sequence[Sequence[str | None]] | None = None,
    before: Sequence[Sequence[str]] = (),
    by: Sequence[str] = (),
    days: int = 1,
    told: str = "mg/Nm3",
    stated: Sequence[Mapping[str, Any]] | None = None,
    maintained: Sequence[Mapping[str, Any]] = (),
    functions: Sequence[Mapping[str, Any]] | None = None,
    **params: Any,  # noqa: ANN401  # whatever the method takes
) -> dict[str, Any]:
    """Gives inputs of `air_emission@1`, and with `functions` of `air_emission@2`; what is not said of a day is missing."""
    params = {
        "point": "CEMS-01.nox", "substance": "NOx", "block_profile": "eu_ets_hour@1", "measured_state": NEEDS_NOTHING,
        **params,
    }  # fmt: skip
    block = BlockLength(params.get("block", "1h"))
    length = 96 * days

    def padded(some: Sequence[Row]) -> list[Row]:
        return [*some, *([NONE] * (length - len(some)))]

    by_instrument: dict[str, Any] = {}
    if functions is not None:
        by_instrument = {"functions": list(functions), "maintained": list(maintained)}
    return {
        "params": params,
        "unit": told,
        "days": days_as_inputs(START, START + days * DAY, block, UTC),
        "concentration": {**gauge(padded(quarters), unit, by=by), **by_instrument},
        "auxiliaries": {
            name: {**gauge(padded(some), of, name), **({"functions": [], "maintained": []} if by_instrument else {})}
            for name, (of, some) in (gas or {}).items()
        },
        "state": None if states is None else [list(each) for each in states],
        "before": [list(each) for each in before],
        **({} if stated is None else {"stated": [dict(each) for each in stated]}),
    }


def average(quarters: Sequence[Row], **told: Any) -> Figure:  # noqa: ANN401  # as `air_inputs`
    """Computes them, from the snapshot as it is kept."""
    method = AirEmission() if told.get("functions") is None else AirEmission2()
    return method.compute(snapshot_of(air_inputs(quarters, **told)))


def first(figure: Figure, name: str) -> Any:  # noqa: ANN401  # whatever it is
    """Gives what a record tells of its first block."""
    return figure.details["blocks"][0][name]


def places(value: Decimal | None, decimals: int) -> Decimal:
    """Rounds as worked examples are written."""
    assert value is not None
    return round(value, decimals)
