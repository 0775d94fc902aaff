"""Virtual meters: an expression over the intervals of real ones, as good as the worst of them.

Whether its units fit together was checked with the configuration; here the numbers are reckoned with as they are.
"""

from collections.abc import Mapping
from decimal import Decimal, DivisionByZero, InvalidOperation, localcontext
from typing import Final

from ems_telemetry.config.expressions import Expression, Negative, Number, Operator, Reference, references
from ems_telemetry.intervals.counter import EXACTLY
from ems_telemetry.intervals.interval import Interval, IntervalFlag
from ems_telemetry.model import Quality

_MANUAL: Final = int(IntervalFlag.MANUAL)
_DIGITS: Final = 34
"""A quotient that does not end is rounded to so many digits, once, at the end."""


def evaluate(expression: Expression, intervals: Mapping[str, Interval]) -> Interval:
    """Computes one interval of a virtual meter.

    Null where an input is, or where a divisor is zero; the quality is the worst of the inputs, the coverage the least.

    Args:
        expression: as configured, naming at least one point.
        intervals: of each point named, by its key, all of one time.

    Raises:
        ValueError: the intervals are not all of one time, or one is not there.
    """
    keys = sorted({reference.key for reference in references(expression)})
    inputs = [intervals[key] for key in keys if key in intervals]
    if len(inputs) < len(keys) or len({each.start_us for each in inputs}) != 1:
        raise ValueError("a virtual meter needs the intervals of all its points, of one and the same time")
    exact = _exact(expression, intervals)
    return Interval(
        inputs[0].start_us,
        None if exact is None else float(exact),
        exact,
        None,
        None,
        min(each.samples for each in inputs),
        None,
        min(each.coverage for each in inputs),
        int(Quality.BAD) if exact is None else min(each.quality for each in inputs),
        _flags(inputs, is_known=exact is not None),
    )


def _flags(inputs: list[Interval], *, is_known: bool) -> int:
    flags = 0 if is_known else int(IntervalFlag.MISSING)
    for each in inputs:
        flags |= each.flags & ~_MANUAL
    return flags | (_MANUAL if all(each.flags & _MANUAL for each in inputs) else 0)


def _exact(expression: Expression, intervals: Mapping[str, Interval]) -> Decimal | None:
    with localcontext(EXACTLY) as context:
        try:
            value = _value(expression, intervals)
        except (DivisionByZero, InvalidOperation):
            return None
        context.prec = _DIGITS
        return None if value is None else +value


def _value(expression: Expression, intervals: Mapping[str, Interval]) -> Decimal | None:
    match expression:
        case Number():
            return expression.value
        case Reference():
            return _told(intervals[expression.key])
        case Negative():
            operand = _value(expression.operand, intervals)
            return None if operand is None else -operand
        case _:
            left, right = _value(expression.left, intervals), _value(expression.right, intervals)
            return None if left is None or right is None else _operate(expression.operator, left, right)


def _told(interval: Interval) -> Decimal | None:
    if interval.exact is not None or interval.value is None:
        return interval.exact
    return Decimal(repr(interval.value))


def _operate(operator: Operator, left: Decimal, right: Decimal) -> Decimal:
    match operator:
        case Operator.PLUS:
            return left + right
        case Operator.MINUS:
            return left - right
        case Operator.TIMES:
            return left * right
        case Operator.DIVIDED_BY:
            return left / right
