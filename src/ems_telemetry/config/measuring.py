"""What an expression comes to: whether its units fit together, and whether it is an amount or a momentary value. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from ems_telemetry.config.expressions import (
    Expression,
    ExpressionError,
    Negative,
    Number,
    Operation,
    Operator,
    Reference,
    references,
)
from ems_telemetry.config.quantities import Quantity
from ems_telemetry.config.units import UnitError, parse_unit, scale_between
from ems_telemetry.model import Kind

if TYPE_CHECKING:
    import pint

TOTALS = frozenset({Kind.COUNTER, Kind.INTERVAL_TOTAL})
_ROUNDING = Decimal("1e-15")
_SUMS = frozenset({Operator.PLUS, Operator.MINUS})


@dataclass(frozen=True, slots=True)
class Operand:
    """A point that an expression names; its values come in the canonical unit of its quantity."""

    quantity: Quantity
    kind: Kind


class _Measured(NamedTuple):
    """`degree` counts the amounts that are multiplied: 1 for an amount, 0 for a ratio or a number."""

    unit: "pint.Unit"
    degree: int
    said: str


def measure(expression: Expression, operands: Mapping[str, Operand], quantity: Quantity) -> Kind:
    """Checks that an expression comes out in the canonical unit of a quantity, value for value.

    Args:
        expression: as parsed.
        operands: every point it names, by key.
        quantity: what it is to be.

    Returns:
        `interval_total` for what is computed from amounts, which adds up over time; `gauge` for what is computed from gauges.

    Raises:
        ExpressionError: units do not fit, or amounts and momentary values are mixed; in words, with the remedy.
    """
    is_total = _is_of_totals(expression, operands)
    measured = _Measuring(operands, quantity.own_units).measure(expression)
    if is_total and measured.degree != 1:
        words = "the outcome is no amount: amounts are multiplied or divided by each other, and that does not add up over time"
        raise ExpressionError(f"{words}; use sums of amounts, amounts times numbers, or an amount times a share of amounts", 1)
    _require_canonical(measured.unit, quantity)
    return Kind.INTERVAL_TOTAL if is_total else Kind.GAUGE


def _is_of_totals(expression: Expression, operands: Mapping[str, Operand]) -> bool:
    first: Reference | None = None
    for reference in references(expression):
        kind = operands[reference.key].kind
        if kind not in TOTALS and kind is not Kind.GAUGE:
            words = f"{reference.key} is a point of kind {kind}; expressions are of counters and interval totals, or of gauges"
            raise ExpressionError(words, reference.column)
        first = first or reference
        if (kind in TOTALS) != (operands[first.key].kind in TOTALS):
            words = f"{first.key} is a {operands[first.key].kind} and {reference.key} a {kind}"
            remedy = "an expression is of counters and interval totals alone, or of gauges alone"
            raise ExpressionError(f"{words.replace('_', ' ')}; {remedy}", reference.column)
    return first is not None and operands[first.key].kind in TOTALS


class _Measuring:
    def __init__(self, operands: Mapping[str, Operand], own_units: tuple[str, ...]) -> None:
        self._operands = operands
        self._own = own_units

    def measure(self, expression: Expression) -> _Measured:
        match expression:
            case Number():
                return _Measured(self._unit(expression), 0, f"{expression.value} {expression.unit or '1'}")
            case Reference():
                operand = self._operands[expression.key]
                degree = 1 if operand.kind in TOTALS else 0
                return _Measured(parse_unit(operand.quantity.unit, self._own), degree, expression.key)
            case Negative():
                return self.measure(expression.operand)
            case Operation():
                return self._operated(expression)

    def _unit(self, number: Number) -> "pint.Unit":
        try:
            return parse_unit(number.unit or "1", self._own)
        except UnitError as error:
            raise ExpressionError(str(error), number.column) from error

    def _operated(self, operation: Operation) -> _Measured:
        left, right = self.measure(operation.left), self.measure(operation.right)
        if operation.operator in _SUMS:
            _require_addable(left, right, operation)
            return _Measured(left.unit, left.degree, "what stands before it")
        if operation.operator is Operator.TIMES:
            return _Measured(left.unit * right.unit, left.degree + right.degree, "the product")
        return _Measured(left.unit / right.unit, left.degree - right.degree, "the quotient")


def _require_addable(left: _Measured, right: _Measured, operation: Operation) -> None:
    scale = scale_between(right.unit, left.unit)
    units = f"{left.said} is in {_said(left.unit)} and {right.said} in {_said(right.unit)}"
    if scale is None:
        remedy = (
            "only values of one unit are added or subtracted; bring one to the other by a factor with a unit, as 11.3 kWh/Nm3"
        )
        raise ExpressionError(f"{units}; {remedy}", operation.column)
    if not _is_one(scale):
        same = f"1 {_said(right.unit)} is {_number(scale)} {_said(left.unit)}"
        raise ExpressionError(f"{units}; write both in one unit: {same}", operation.column)
    if left.degree != right.degree:
        words = f"{left.said} and {right.said} cannot be added: one is an amount of the interval, the other is fixed"
        raise ExpressionError(f"{words}, and how much that is would depend on how long the interval is", operation.column)


def _require_canonical(unit: "pint.Unit", quantity: Quantity) -> None:
    canonical = parse_unit(quantity.unit, quantity.own_units)
    scale = scale_between(unit, canonical)
    outcome = f"it comes out in {_said(unit)}, and {quantity.name} is stored in {quantity.unit}"
    if scale is None:
        raise ExpressionError(f"{outcome}; name another quantity, or a factor with a unit, as 11.3 kWh/Nm3", 1)
    if not _is_one(scale):
        raise ExpressionError(f"{outcome}; write it in parentheses, and behind them {_factor(unit, canonical, scale)}", 1)


def _factor(unit: "pint.Unit", canonical: "pint.Unit", scale: Decimal) -> str:
    ratio = _said(unit / canonical)
    if ratio.startswith("1"):
        return f"* {_number(scale)} {_said(canonical / unit)}"
    return f"/ {_number(1 / scale)} {ratio}"


def _said(unit: "pint.Unit") -> str:
    return f"{unit:~C}" or "1"


def _is_one(scale: Decimal) -> bool:
    """Units are reckoned to 28 digits: what differs behind them is the same."""
    return abs(scale - 1) < _ROUNDING


def _number(number: Decimal) -> str:
    return f"{number.quantize(_ROUNDING).normalize():f}" if number > 1 else f"{number.normalize():f}"
