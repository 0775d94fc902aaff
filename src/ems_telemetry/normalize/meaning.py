"""Gives samples their meaning: compiled once per configuration into one plain function per point.

A missing or unusable value becomes null with a flag that tells why; it never becomes a zero. A time that cannot be right is
replaced by the time of receipt, with a flag.
"""

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID, uuid4, uuid5

from ems_telemetry.clock import EARLIEST, is_plausible
from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.model import DEAD_LETTER_PAYLOAD_BYTES, DeadLetter, Flag, Quality, Reading, Sample
from ems_telemetry.normalize.letters import NOT_A_NUMBER, UNKNOWN_POINT, pack_sample

EXACT_INTEGERS = 2**53
"""Whole numbers up to here fit a double without loss."""

_TICK = timedelta(microseconds=1)
_LONGEST_DETAIL = 200
_ONE_GO = timedelta(seconds=1)
_LETTERS = UUID("9d1c0c7e-52a4-4f0a-9f3b-6d1f3f1e7a10")

Normalize = Callable[[Sample], "Reading | None"]


class Normalized(NamedTuple):
    """What became of some samples: each is in exactly one of the two."""

    readings: list[Reading]
    dead_letters: list[DeadLetter]


class Normalizer:
    """Turns the samples of one connector into readings of its points. Belongs to one task: it remembers replaced times."""

    def __init__(self, connector: str, points: Iterable[ConfiguredPoint]) -> None:
        self._connector = connector
        self._by_point: dict[str, Normalize] = {point.key: compile_point(point) for point in points}

    def add(self, points: Iterable[ConfiguredPoint]) -> None:
        """Gives further points their meaning, or known ones another."""
        self._by_point.update((point.key, compile_point(point)) for point in points)

    def normalize(self, samples: Sequence[Sample]) -> Normalized:
        """Gives each sample its meaning, or a dead letter where it has none."""
        readings: list[Reading] = []
        letters: list[DeadLetter] = []
        by_point = self._by_point
        for sample in samples:
            normalize = by_point.get(sample.point)
            if normalize is None:
                letters.append(self._letter(sample, UNKNOWN_POINT, f'no point "{sample.point}" is configured'))
            elif (reading := normalize(sample)) is None:
                letters.append(self._letter(sample, NOT_A_NUMBER, f'"{sample.value}" is no number and none of the states'))
            else:
                readings.append(reading)
        return Normalized(readings, letters)

    def _letter(self, sample: Sample, reason: str, detail: str) -> DeadLetter:
        payload = pack_sample(sample)
        if len(payload) > DEAD_LETTER_PAYLOAD_BYTES:
            detail = f"{detail[:_LONGEST_DETAIL]}… (cut from {len(payload)} bytes)"
        # A sample with a time of its own is the same however often it is delivered, and so is its letter.
        same = f"{self._connector} {sample.point} {sample.time} {sample.value!r}"
        id_ = uuid4() if sample.time is None else uuid5(_LETTERS, same)
        return DeadLetter(
            id_,
            self._connector,
            sample.point,
            reason,
            detail,
            sample.point,
            payload[:DEAD_LETTER_PAYLOAD_BYTES],
            sample.received_at,
        )


def compile_point(point: ConfiguredPoint) -> Normalize:
    """Makes the function that turns a sample of this point into a reading, or into None where its text is no number."""
    scale = _compile_scale(point)
    exact_factor, exact_offset = _factor_and_offset(point)
    low, high = _canonical_range(point, scale)
    invalid = frozenset(point.point.invalid)
    states = point.point.states
    date = _compile_time()

    def normalize(sample: Sample) -> Reading | None:
        said = sample.value
        time, flags = date(sample)
        quality = sample.quality
        value: float | None = None
        exact: Decimal | None = None
        raw: float | None = None
        if isinstance(said, str):
            if states is None or said not in states:
                return None
            said = states[said]
        if said is None or quality == Quality.BAD:
            flags |= 0 if quality == Quality.BAD else Flag.INVALID_VALUE
            raw = _finite(said)
        elif not _is_finite(said) or said in invalid:
            flags |= Flag.INVALID_VALUE
            raw = _finite(said)
        else:
            value = scale(said)
            if not low <= value <= high:
                flags |= Flag.OUT_OF_RANGE
                raw, value = float(said), None
            elif isinstance(said, int) and not -EXACT_INTEGERS <= said <= EXACT_INTEGERS:
                exact = said * exact_factor + exact_offset
        stored_quality = Quality.BAD if value is None else quality
        return Reading(
            sample.point, time, value, exact, raw, int(stored_quality), int(flags), sample.status, sample.received_at
        )

    return normalize


def _is_finite(said: float) -> bool:
    # By comparison, since a whole number of four hundred digits cannot even be asked whether it is finite.
    return -sys.float_info.max <= said <= sys.float_info.max


def _finite(said: float | None) -> float | None:
    return float(said) if said is not None and _is_finite(said) else None


def _factor_and_offset(point: ConfiguredPoint) -> tuple[Decimal, Decimal]:
    """Device number to canonical value: (said * scale + offset) * factor + conversion offset, in one step."""
    factor = point.point.scale * point.conversion.factor
    return factor, point.point.offset * point.conversion.factor + point.conversion.offset


def _compile_scale(point: ConfiguredPoint) -> Callable[[float], float]:
    factor, offset = _factor_and_offset(point)
    ratio = Fraction(factor)
    numerator, denominator = ratio.numerator, ratio.denominator
    if max(abs(numerator), denominator) > EXACT_INTEGERS:
        multiplier, shift = float(factor), float(offset)
        return lambda said: said * multiplier + shift
    # Multiplying and dividing by whole numbers rounds once: 3 at scale 0.1 is 0.3 and not 0.30000000000000004.
    if not offset:
        return float if numerator == denominator else lambda said: said * numerator / denominator
    total = Fraction(offset)
    if total.denominator <= EXACT_INTEGERS // denominator:
        common = denominator * total.denominator
        multiplied, added = numerator * total.denominator, total.numerator * denominator
        return lambda said: (said * multiplied + added) / common
    shift = float(offset)
    return lambda said: said * numerator / denominator + shift


def _canonical_range(point: ConfiguredPoint, scale: Callable[[float], float]) -> tuple[float, float]:
    if point.point.range is None:
        return -math.inf, math.inf
    # The range is written in the device's unit, after its scale: undo scale and offset to come in where `scale` does.
    written = (Fraction(Decimal(str(bound))) for bound in point.point.range)
    bounds = [scale(float((bound - Fraction(point.point.offset)) / Fraction(point.point.scale))) for bound in written]
    return min(bounds), max(bounds)


def _compile_time() -> Callable[[Sample], tuple[datetime, int]]:
    last_replaced = EARLIEST

    def replaced(sample: Sample) -> datetime:
        # Several samples of a point may be received in one go; as the time is part of the key, each needs its own. A clock
        # that was put back by more than that is followed: a moment in the future must not hold the point fast for years.
        nonlocal last_replaced
        in_one_go = timedelta() <= last_replaced - sample.received_at < _ONE_GO
        last_replaced = last_replaced + _TICK if in_one_go else sample.received_at
        return last_replaced

    def date(sample: Sample) -> tuple[datetime, int]:
        time = sample.time
        if time is None:
            return replaced(sample), sample.flags | Flag.NO_SOURCE_TIME
        if not is_plausible(time, sample.received_at):
            return replaced(sample), sample.flags | Flag.CLOCK_REPLACED
        return time, sample.flags

    return date
