"""The meters of the whole plant, wherever they stand in its files: each id once, and which stands behind which."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ems_telemetry.config.connector import ConnectorFile, Meter
from ems_telemetry.config.document import Document, Location
from ems_telemetry.config.plant import Plant, VirtualMeter
from ems_telemetry.config.problems import nearest, subject
from ems_telemetry.errors import Problem


@dataclass(frozen=True, slots=True)
class PlacedMeter:
    """A meter and the entry of a file that it stands in."""

    meter: Meter[Any] | VirtualMeter
    site: str
    document: Document
    location: Location

    @property
    def place(self) -> str:
        """File and line, for people."""
        return f"{self.document.path}:{self.document.line(self.location)}"

    @property
    def quantities(self) -> frozenset[str]:
        """What it measures."""
        return frozenset(point.quantity for point in self.meter.points)

    def problem(self, key: str, words: str) -> Problem:
        """Makes a problem at one of its keys."""
        location = (*self.location, key)
        return self.document.problem(location, subject(self.document, location) + words)


def connector_meters(documents: Iterable[tuple[Document, ConnectorFile[Any]]]) -> Iterator[PlacedMeter]:
    """Gives the meters of all connector files."""
    for document, file in documents:
        for index, meter in enumerate(file.meters):
            yield PlacedMeter(meter, meter.site or file.site, document, ("meters", file.entry_of(index)))


def virtual_meters(document: Document, plant: Plant) -> Iterator[PlacedMeter]:
    """Gives the virtual meters of the plant file."""
    for index, meter in enumerate(plant.virtual_meters):
        yield PlacedMeter(meter, meter.site, document, ("virtual_meters", index))


def used_twice(meters: Iterable[PlacedMeter]) -> Iterator[Problem]:
    """Finds ids that several meters have, and those of points that one meter has twice."""
    places: dict[str, PlacedMeter] = {}
    for placed in meters:
        first = places.setdefault(placed.meter.id, placed)
        if first.place != placed.place:
            location = (*placed.location, "id")
            words = f'meter id "{placed.meter.id}" is used already at {first.place}'
            yield placed.document.problem(location, words)
        seen: set[str] = set()
        for position, point in enumerate(placed.meter.points):
            if point.id in seen:
                location = (*placed.location, "points", position, "id")
                yield placed.document.problem(location, f'meter {placed.meter.id}: point id "{point.id}" is used twice')
            seen.add(point.id)


def wrong_parents(meters: Sequence[PlacedMeter]) -> Iterator[Problem]:
    """Finds meters that cannot stand behind the one they name."""
    by_id = {placed.meter.id: placed for placed in meters}
    for placed in meters:
        wanted = placed.meter.parent
        if wanted is None:
            continue
        if wanted not in by_id:
            meant = nearest(wanted, by_id)
            remedy = f"did you mean {meant}?" if meant else "no file has a meter of this id"
            yield placed.problem("parent", f'parent "{wanted}" is not known; {remedy}')
        elif (circle := _circle(placed, by_id)) is not None:
            yield placed.problem("parent", f"it would stand behind itself: {circle}; take one of these parents away")
        elif (words := _contradiction(placed, by_id[wanted])) is not None:
            yield placed.problem("parent", words)


def _circle(placed: PlacedMeter, by_id: Mapping[str, PlacedMeter]) -> str | None:
    way = [placed.meter.id]
    while (above := by_id[way[-1]].meter.parent) in by_id and above is not None:
        way.append(above)
        if above == placed.meter.id:
            return " behind ".join(way)
        if above in way[:-1]:
            return None  # a circle further up, told there
    return None


def _contradiction(placed: PlacedMeter, parent: PlacedMeter) -> str | None:
    mine, its = placed.meter.medium, parent.meter.medium
    name = parent.meter.id
    if placed.site != parent.site:
        return f"parent {name} stands at site {parent.site} and this meter at {placed.site}; name one of its own site"
    if mine is not None and its is not None and mine != its:
        return f"parent {name} measures {its} and this meter {mine}; name one of the same medium"
    if not placed.quantities & parent.quantities:
        measured = ", ".join(sorted(parent.quantities))
        return f"parent {name} measures nothing that this meter measures (it has {measured}); name one that counts the same"
    return None
