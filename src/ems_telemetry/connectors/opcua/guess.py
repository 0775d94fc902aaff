"""Guesses what a variable measures: from its MeasurementID, else from its unit and its names (`connectors/guessing`). Pure."""

from collections.abc import Sequence

from ems_telemetry.config.quantities import QUANTITIES
from ems_telemetry.config.units import measures
from ems_telemetry.connectors.guessing.quantities import SET_POINT, Guess, NoGuess, guess_by_words, kind_of
from ems_telemetry.connectors.guessing.unit_texts import DeviceUnit
from ems_telemetry.connectors.guessing.words import Word, Words, words_of
from ems_telemetry.connectors.opcua.address_space import ValueKind, VariableFacts
from ems_telemetry.connectors.opcua.measurement_ids import Measurement, measurement_of
from ems_telemetry.model import Kind

_STATES = "operating_state"


def guess_point(names: Sequence[str], facts: VariableFacts, also: Sequence[str] = ()) -> Guess | NoGuess:
    """Guesses how a variable is configured.

    Args:
        names: the browse names on the way to it, its own last.
        facts: what the server says of it.
        also: more names of the variable itself, as its display name and description.
    """
    left_out = _unusable(facts)
    if left_out is not None:
        return NoGuess(left_out)
    words = words_of(names, also, "" if facts.unit is None else facts.unit.said)
    if words.own(Word.SETTING):
        return NoGuess(SET_POINT, facts.unit.unit if facts.unit else None)
    if facts.kind is not ValueKind.NUMBER:
        return _guess_state(words, facts)
    measurement = measurement_of(facts.measurement_id)
    if measurement is not None:
        return _guess_standard(measurement, facts.unit)
    return guess_by_words(words, names, facts.unit)


def _unusable(facts: VariableFacts) -> str | None:
    if not facts.is_readable:
        return "we may not read it"
    if not facts.is_scalar:
        return "an array; give the element: that is wanted"
    return {
        ValueKind.TEXT: "a text; it needs states: that give its words numbers",
        ValueKind.TIME: "a point in time",
        ValueKind.STRUCTURE: "a structure; give the field: that is wanted",
        ValueKind.OTHER: "no number",
    }.get(facts.kind)


def _guess_state(words: Words, facts: VariableFacts) -> Guess | NoGuess:
    if not words.own(Word.RUNNING, Word.STATE):
        return NoGuess(f"no quantity fits it; {_STATES} if it tells whether something runs", "1")
    certain = facts.kind is ValueKind.BOOLEAN and words.own(Word.RUNNING)
    return Guess(_STATES, "1", Kind.STATE, None if certain else f"{_STATES} is for whether something runs")


def _guess_standard(measurement: Measurement, told: DeviceUnit | None) -> Guess | NoGuess:
    unit = measurement.unit if told is None or told.unit is None else told.unit
    if measurement.quantity is None:
        return NoGuess(measurement.reason, unit)
    if not measures(unit, QUANTITIES[measurement.quantity]):
        return NoGuess(f"its MeasurementID says {measurement.quantity}, its unit {unit}", unit)
    return Guess(measurement.quantity, unit, kind_of(measurement.quantity))
