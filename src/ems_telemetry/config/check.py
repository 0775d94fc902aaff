"""What no single file can know to be wrong: sites and areas that do not exist, ids used twice, units that do not fit."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ems_telemetry.config.connector import ConnectorFile, Interpolation, Meter, Point, point_key
from ems_telemetry.config.document import Document, Location
from ems_telemetry.config.meter_tree import connector_meters, used_twice
from ems_telemetry.config.own_quantities import quantities_of
from ems_telemetry.config.plant import Plant
from ems_telemetry.config.problems import not_known, subject
from ems_telemetry.config.quantities import QUANTITIES, Quantities, Quantity
from ems_telemetry.config.units import Conversion, UnitError, convert_to_canonical
from ems_telemetry.errors import Problem
from ems_telemetry.model import Kind, Medium

ConnectorDocument = tuple[Document, ConnectorFile[Any]]


@dataclass(frozen=True, slots=True)
class ConfiguredPoint:
    """A point with everything that follows from where it stands."""

    key: str
    connector: str
    site: str
    meter: Meter[Any]
    point: Point
    quantity: Quantity
    conversion: Conversion
    expected_interval_s: float | None

    @property
    def medium(self) -> Medium | None:
        """What flows through its meter."""
        return self.meter.medium


def check_connectors(plant: Plant, documents: Sequence[ConnectorDocument], problems: list[Problem]) -> list[ConfiguredPoint]:
    """Checks all connector files against the plant and each other; adds what is wrong to `problems`.

    Returns:
        The points of all files, in their order; incomplete if there were problems.
    """
    quantities = quantities_of(plant)
    problems.extend(_named_alike(documents))
    problems.extend(used_twice(connector_meters(documents)))
    problems.extend(_spoken_to_in_two_manners(documents))
    points: list[ConfiguredPoint] = []
    for document, file in documents:
        problems.extend(_misplaced(plant, document, file))
        for index, meter in enumerate(file.meters):
            for position, point in enumerate(meter.points):
                location: Location = ("meters", file.entry_of(index), "points", position)
                found = _configured(document, file, meter, point, location, quantities)
                if isinstance(found, Problem):
                    problems.append(found)
                else:
                    points.append(found)
                problems.extend(_contradictions(document, point, location))
    problems[:] = dict.fromkeys(problems)  # what is wrong with one entry is so for each of its meters
    return points


def configure(
    connector: str, file: ConnectorFile[Any], meter: Meter[Any], point: Point, quantities: Quantities = QUANTITIES
) -> ConfiguredPoint:
    """Gives a point with everything that follows from where it stands; it need not be one of the file's.

    Raises:
        KeyError: its quantity is not known.
        UnitError: its unit is none, or does not fit the quantity.
    """
    quantity = quantities[point.quantity]
    return ConfiguredPoint(
        key=point_key(meter, point),
        connector=connector,
        site=meter.site or file.site,
        meter=meter,
        point=point,
        quantity=quantity,
        conversion=convert_to_canonical(point.unit, quantity),
        expected_interval_s=point.expected_interval or getattr(meter, "interval", None) or getattr(file, "interval", None),
    )


def _configured(
    document: Document, file: ConnectorFile[Any], meter: Meter[Any], point: Point, location: Location, quantities: Quantities
) -> ConfiguredPoint | Problem:
    if point.quantity not in quantities:
        words = not_known("quantity", point.quantity, quantities)
        return _problem(document, (*location, "quantity"), words)
    try:
        return configure(document.path.stem, file, meter, point, quantities)
    except UnitError as error:
        return _problem(document, (*location, "unit"), str(error))


def _misplaced(plant: Plant, document: Document, file: ConnectorFile[Any]) -> Iterator[Problem]:
    sites = {site.id: site for site in plant.sites}
    if file.site not in sites:
        yield document.problem(("site",), not_known("site", file.site, sites))
    for index, meter in enumerate(file.meters):
        entry = file.entry_of(index)
        if meter.site is not None and meter.site not in sites:
            yield _problem(document, ("meters", entry, "site"), not_known("site", meter.site, sites))
        site = sites.get(meter.site or file.site)
        if meter.area is not None and site is not None and meter.area not in site.areas:
            yield _problem(document, ("meters", entry, "area"), not_known(f"area of site {site.id}", meter.area, site.areas))


def _named_alike(documents: Iterable[ConnectorDocument]) -> Iterator[Problem]:
    names: dict[str, Document] = {}
    for document, _ in documents:
        if (other := names.setdefault(document.path.stem, document)) is not document:
            yield Problem(document.path, None, f"has the same name as {other.path}; a connector is called after its file")


def _spoken_to_in_two_manners(documents: Iterable[ConnectorDocument]) -> Iterator[Problem]:
    spoken: dict[str, tuple[str, str]] = {}
    for document, file in documents:
        if file.line is None or not file.enabled:
            continue
        place, manner = file.line
        here = f"{document.path}:{document.line(('endpoint',))}"
        first, first_manner = spoken.setdefault(place, (here, manner))
        if manner != first_manner:
            words = f"{first} speaks {first_manner} to {place}; one endpoint is spoken to in one manner"
            yield document.problem(("endpoint",), f"endpoint {file.endpoint_text}: {words}")


def _contradictions(document: Document, point: Point, location: Location) -> Iterator[Problem]:
    if point.range is not None and point.range[0] >= point.range[1]:
        yield _problem(document, (*location, "range"), f"range {list(point.range)} must go from low to high")
    if point.scale == 0:
        yield _problem(document, (*location, "scale"), "scale 0 would make every value zero")
    for key in ("rollover_at", "max_rate"):
        if getattr(point, key) is not None and point.kind is not Kind.COUNTER:
            yield _problem(
                document, (*location, key), f"{key} is for counters; this point is a {point.kind}; say kind: counter"
            )
    if point.interpolation is Interpolation.SLOPED and point.kind is not Kind.GAUGE:
        words = f"interpolation is for gauges; this point is a {point.kind}; leave it out"
        yield _problem(document, (*location, "interpolation"), words)


def _problem(document: Document, location: Location, words: str) -> Problem:
    return document.problem(location, subject(document, location) + words)
