"""The keys of a connector file that say how a meter's messages are built, and what of them contradicts itself."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Protocol

from pydantic import AfterValidator, Field

from ems_telemetry.config.base import Model
from ems_telemetry.connectors.mqtt.documents import Compression, DuplicateKeys
from ems_telemetry.connectors.mqtt.path import compile_path
from ems_telemetry.connectors.mqtt.presets.preset import Preset
from ems_telemetry.connectors.mqtt.quality import QualityCodes
from ems_telemetry.connectors.mqtt.telling import WhenMissing
from ems_telemetry.connectors.mqtt.times import TimeFormat
from ems_telemetry.model import Kind

JSON, SCALAR = "json", "scalar"

PathText = Annotated[str, AfterValidator(lambda text: compile_path(text).text)]


class ItemPaths(Model):
    """Where the parts of an item stand, from the item on."""

    name: PathText
    """Its name, by which points choose it."""
    value: PathText
    """Its value."""
    time: PathText | None = None
    """Its own time; where it has none, that of the meter's `time` counts."""
    quality: PathText | None = None
    """Its quality, in the meter's `quality_codes`."""
    error: PathText | None = None
    """Its error."""


class PointShape(Model):
    """The keys of a point that say where its value stands."""

    item: Annotated[str, Field(min_length=1)] | None = None
    """Which item it is, by its name, where messages hold an array of items."""
    quality: PathText | None = None
    """Where the quality of this value stands, if not at the meter's place."""
    error: PathText | None = None
    """Where an error of this value stands, if not at the meter's place."""


class MeterShape(Model):
    """The keys of a meter that say how its messages are built."""

    items: PathText | None = None
    """Where an array of items stands, each with its own name and value; `$` for a document that is one."""
    item: ItemPaths | None = None
    """Where the parts of an item stand, from the item on."""
    quality: PathText | None = None
    """Where the quality of the values stands."""
    quality_codes: QualityCodes | None = None
    """Whose codes these are: of OPC, of OPC UA, or of the Industrial Edge databus."""
    error: PathText | None = None
    """Where an error stands; if one does, the values are null."""
    missing: WhenMissing | None = None
    """What becomes of a point of which a message says nothing."""
    quoted_numbers: bool | None = None
    """True: a text that is a number is read as that number."""
    duplicate_keys: DuplicateKeys = DuplicateKeys.LAST
    """What becomes of an object that has a key twice: the last one counts, or the message is refused."""
    compression: Compression = Compression.NONE
    """How payloads are packed; `auto` recognises gzip."""


class ShapedPoint(Protocol):
    """A point as it is checked here."""

    @property
    def id(self) -> str: ...  # noqa: D102 - as in the file
    @property
    def kind(self) -> Kind: ...  # noqa: D102
    @property
    def value(self) -> str | None: ...  # noqa: D102
    @property
    def item(self) -> str | None: ...  # noqa: D102
    @property
    def quality(self) -> str | None: ...  # noqa: D102
    @property
    def error(self) -> str | None: ...  # noqa: D102


class TimeKeys(Protocol):
    """The keys of a meter that say where its time stands."""

    @property
    def time(self) -> str | None: ...  # noqa: D102 - as in the file
    @property
    def time_format(self) -> TimeFormat: ...  # noqa: D102
    @property
    def time_zone(self) -> str | None: ...  # noqa: D102


def check_shape(shape: MeterShape, times: TimeKeys, points: Sequence[ShapedPoint], payload: str, preset: Preset | None) -> None:
    """Checks that the keys of one meter go together.

    Raises:
        ValueError: the first contradiction, in words for the person who wrote the file.
    """
    checks = (
        _of_scalar(shape, payload),
        _of_preset(shape, times, payload, preset),
        _of_items(shape, points, preset),
        _of_quality(shape, points),
        _of_missing(shape, points),
    )
    contradiction = next((words for check in checks for words in check), None)
    if contradiction is not None:
        raise ValueError(contradiction)


def has_items(shape: MeterShape, preset: Preset | None) -> bool:
    """Tells whether points choose items by name, rather than places."""
    return shape.items is not None or (preset is not None and preset.find is not None)


def _of_scalar(shape: MeterShape, payload: str) -> Iterator[str]:
    given = shape.model_fields_set & (MeterShape.model_fields.keys() - {"compression"})
    if payload == SCALAR and given:
        yield f'a scalar payload is the value; leave "{min(given)}" out'


def _of_preset(shape: MeterShape, times: TimeKeys, payload: str, preset: Preset | None) -> Iterator[str]:
    if preset is None:
        return
    settled = {"items": shape.items, "item": shape.item, "quality": shape.quality, "error": shape.error, "time": times.time}
    settled |= {"quality_codes": shape.quality_codes}
    for key, given in settled.items():
        if given is not None:
            yield f'payload: {payload} knows what stands where; leave "{key}" out'
    if times.time_format is not TimeFormat.AUTO:
        yield f'payload: {payload} knows how times are written; leave "time_format" out'
    if preset.needs_zone and times.time_zone is None:
        yield (
            f"payload: {payload} needs time_zone: the device sends its local time and does not say where; "
            "write the zone the device is set to, as Europe/Berlin or UTC"
        )


def _of_items(shape: MeterShape, points: Sequence[ShapedPoint], preset: Preset | None) -> Iterator[str]:
    if (shape.items is None) != (shape.item is None):
        yield '"items" and "item" go together: where the array stands, and what stands where in an item'
    if not has_items(shape, preset):
        for point in points:
            if point.item is not None:
                yield f'point {point.id}: "item" needs "items" at the meter, the place of an array'
        return
    for point in points:
        if point.quality is not None or point.error is not None:
            yield f'point {point.id}: quality and error of an item are written under "item" at the meter'
        if preset is None and point.value is not None:
            yield f'point {point.id}: the value of an item is written under "item" at the meter; leave "value" out'
        if point.item is None and point.value is None:
            yield f'point {point.id} needs "item", the name of its item'


def _of_quality(shape: MeterShape, points: Sequence[ShapedPoint]) -> Iterator[str]:
    told = [shape.quality, *(point.quality for point in points), shape.item and shape.item.quality]
    codes = ", ".join(QualityCodes)
    if any(told) and shape.quality_codes is None:
        yield f'"quality" needs "quality_codes", which say how it is written: {codes}'
    if shape.quality_codes is not None and not any(told):
        yield '"quality_codes" needs "quality", the place where the quality stands'


def _of_missing(shape: MeterShape, points: Sequence[ShapedPoint]) -> Iterator[str]:
    if shape.missing is not WhenMissing.ZERO:
        return
    if shape.items is not None:
        yield "missing: zero is not for items; an item that is not there says nothing of its value"
    for point in points:
        if point.kind is Kind.COUNTER:
            yield (
                f"missing: zero: point {point.id} is a counter, and 0 would look like a new meter; "
                "write missing: ignore, or make the counter a meter entry of its own"
            )
