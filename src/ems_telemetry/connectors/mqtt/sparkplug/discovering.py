"""Guesses from a birth what its metrics measure, by what all connectors share (`connectors/guessing`). Pure functions."""

from collections.abc import Sequence
from enum import Enum, auto

from ems_telemetry.connectors.guessing.quantities import SET_POINT, Guess, NoGuess, guess_by_words
from ems_telemetry.connectors.guessing.unit_texts import DeviceUnit, unit_of_name, unit_of_text
from ems_telemetry.connectors.guessing.words import Word, words_of
from ems_telemetry.connectors.mqtt.sparkplug.births import BD_SEQ, Definition
from ems_telemetry.connectors.mqtt.sparkplug.topic import PartName
from ems_telemetry.connectors.mqtt.sparkplug.values import DataType, name_of
from ems_telemetry.model import Kind

_LONGEST_NAME = 500
_FOR_SPARKPLUG_ITSELF = ("Node Control/", "Device Control/", "Properties/")


class _Sort(Enum):
    NUMBER = auto()
    SWITCH = auto()
    OTHER = auto()


_SORTS = {
    **dict.fromkeys((*range(DataType.INT8, DataType.DOUBLE + 1),), _Sort.NUMBER),
    DataType.BOOLEAN: _Sort.SWITCH,
}


def is_measured(metric: str) -> bool:
    """Tells metrics from what births hold for Sparkplug itself: the session's number, commands, properties of the hardware."""
    return metric != BD_SEQ and not metric.startswith(_FOR_SPARKPLUG_ITSELF)


def names_of(part: PartName, metric: str) -> Sequence[str]:
    """Gives the names on the way to a metric: edge node, device, its folders, its own."""
    above = [part.edge_node] if part.device is None else [part.edge_node, part.device]
    return [*above, *(name for name in metric.split("/") if name)]


def guess_metric(part: PartName, metric: str, definition: Definition) -> Guess | NoGuess:
    """Guesses how a metric would be configured as a point."""
    if not metric.isprintable() or len(metric) > _LONGEST_NAME:
        return NoGuess("its name cannot be shown")
    sort = _SORTS.get(definition.datatype, _Sort.OTHER)
    if sort is _Sort.OTHER:
        return NoGuess(f"of the type {name_of(definition.datatype)}, no number or switch")
    names = names_of(part, metric)
    unit = DeviceUnit(definition.unit, unit_of_text(definition.unit)) if definition.unit else None
    words = words_of(names, [definition.about], definition.unit)
    if words.own(Word.SETTING):
        return NoGuess(SET_POINT)
    if sort is _Sort.NUMBER:
        guess = guess_by_words(words, names, unit)
        is_told = unit is not None or unit_of_name(names[-1]) is not None
        return guess if is_told or isinstance(guess, NoGuess) or guess.check is None else NoGuess("no unit is told")
    if not words.own(Word.RUNNING):
        return NoGuess("its name does not tell that something runs, and a switch measures nothing else here")
    return Guess("operating_state", "1", Kind.STATE)
