"""What is wrong with virtual meters, and what each of their points is: quantity, kind, and the tree it is computed by."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.config.document import Document, Location
from ems_telemetry.config.expressions import Expression, ExpressionError, parse_expression, references
from ems_telemetry.config.measuring import Operand, measure
from ems_telemetry.config.meter_tree import PlacedMeter
from ems_telemetry.config.own_quantities import quantities_of
from ems_telemetry.config.plant import Plant, VirtualMeter, VirtualPoint
from ems_telemetry.config.problems import nearest, not_known, subject
from ems_telemetry.config.quantities import Quantity
from ems_telemetry.errors import Problem
from ems_telemetry.model import Kind, Medium

CONNECTOR = "plant"
"""What virtual meters have in the place of a connector's name."""


@dataclass(frozen=True, slots=True)
class ConfiguredVirtualPoint:
    """A point of a virtual meter with everything that follows from its expression."""

    key: str
    meter: VirtualMeter
    point: VirtualPoint
    quantity: Quantity
    kind: Kind
    expression: Expression

    @property
    def site(self) -> str:
        """The site it belongs to."""
        return self.meter.site

    @property
    def medium(self) -> Medium | None:
        """What flows through its meter."""
        return self.meter.medium


def check_virtual(
    document: Document,
    plant: Plant,
    points: Sequence[ConfiguredPoint],
    meters: Iterable[PlacedMeter],
    problems: list[Problem],
) -> tuple[ConfiguredVirtualPoint, ...]:
    """Checks all virtual meters; adds what is wrong to `problems`.

    Args:
        document: the plant file.
        plant: what it says.
        points: the points of all connectors that are right.
        meters: all meters of the plant.
        problems: is added to.

    Returns:
        The points of all virtual meters, in their order; incomplete if there were problems.
    """
    problems.extend(_misplaced(document, plant))
    known = {point.key: Operand(point.quantity, point.point.kind) for point in points}
    named = frozenset(f"{placed.meter.id}.{point.id}" for placed in meters for point in placed.meter.points)
    return tuple(_Resolving(document, plant, known, named, problems).points())


def _misplaced(document: Document, plant: Plant) -> Iterator[Problem]:
    sites = {site.id: site for site in plant.sites}
    for index, meter in enumerate(plant.virtual_meters):
        location: Location = ("virtual_meters", index)
        site = sites.get(meter.site)
        if site is None:
            yield _problem(document, (*location, "site"), not_known("site", meter.site, sites))
        elif meter.area is not None and meter.area not in site.areas:
            yield _problem(document, (*location, "area"), not_known(f"area of site {site.id}", meter.area, site.areas))


@dataclass(frozen=True, slots=True)
class _Written:
    """A virtual point as it stands in the file."""

    meter: VirtualMeter
    point: VirtualPoint
    location: Location

    @property
    def key(self) -> str:
        return f"{self.meter.id}.{self.point.id}"


class _Resolving:
    """Finds out what each virtual point is, those first that others are computed from."""

    def __init__(
        self,
        document: Document,
        plant: Plant,
        known: Mapping[str, Operand],
        named: Collection[str],
        problems: list[Problem],
    ) -> None:
        self._document = document
        self._known = known
        self._named = named
        self._quantities = quantities_of(plant)
        self._problems = problems
        self._written: dict[str, _Written] = {}
        for index, meter in enumerate(plant.virtual_meters):
            for position, point in enumerate(meter.points):
                written = _Written(meter, point, ("virtual_meters", index, "points", position))
                self._written.setdefault(written.key, written)
        self._parsed: dict[str, Expression] = {}
        self._found: dict[str, ConfiguredVirtualPoint | None] = {}

    def points(self) -> Iterator[ConfiguredVirtualPoint]:
        """Gives all that are right, in the order of the file."""
        for written in self._written.values():
            self._parse(written)
        for key in self._in_order():
            self._found[key] = self._configured(self._written[key])
        return (found for key in self._written if (found := self._found.get(key)) is not None)

    def _parse(self, written: _Written) -> None:
        try:
            expression = parse_expression(written.point.expression)
            self._require_known_points(expression)
        except ExpressionError as error:
            self._tell(written, "expression", f"expression, {error}")
        else:
            self._parsed[written.key] = expression

    def _require_known_points(self, expression: Expression) -> None:
        named = list(references(expression))
        for reference in named:
            if reference.key not in self._named:
                raise ExpressionError(self._unknown(reference.key), reference.column)
        if not named:
            raise ExpressionError("it names no point; a number alone is not measured", 1)

    def _unknown(self, key: str) -> str:
        meant = nearest(key, self._named)
        remedy = f"did you mean {meant}?" if meant else "no file has it; `ems-telemetry check` lists those there are"
        return f'point "{key}" is not known; {remedy}'

    def _in_order(self) -> list[str]:
        """Sorts the points so that each comes behind those it is computed from, and tells circles."""
        order: list[str] = []
        needed = {key: [one.key for one in references(tree) if one.key in self._written] for key, tree in self._parsed.items()}
        waiting = dict(needed)
        while ready := [key for key, keys in waiting.items() if not any(one in waiting for one in keys)]:
            order.extend(ready)
            for key in ready:
                del waiting[key]
        for key in waiting:
            if (way := _circle(key, waiting)) is not None:
                words = f"expression: it is computed from itself: {' from '.join(way)}; name other points in one of them"
                self._tell(self._written[key], "expression", words)
        return order

    def _configured(self, written: _Written) -> ConfiguredVirtualPoint | None:
        spec = written.point
        quantity = self._quantities.get(spec.quantity)
        if quantity is None:
            self._tell(written, "quantity", not_known("quantity", spec.quantity, self._quantities))
            return None
        tree = self._parsed[written.key]
        operands = {reference.key: self._operand(reference.key) for reference in references(tree)}
        right = {key: operand for key, operand in operands.items() if operand is not None}
        if len(right) < len(operands):
            return None  # what it is computed from is wrong, and told there
        try:
            kind = measure(tree, right, quantity)
        except ExpressionError as error:
            self._tell(written, "expression", f"expression, {error}")
            return None
        return ConfiguredVirtualPoint(written.key, written.meter, spec, quantity, kind, tree)

    def _operand(self, key: str) -> Operand | None:
        if key in self._known:
            return self._known[key]
        found = self._found.get(key)
        return None if found is None else Operand(found.quantity, found.kind)

    def _tell(self, written: _Written, key: str, words: str) -> None:
        self._problems.append(_problem(self._document, (*written.location, key), words))


def _circle(key: str, needed: Mapping[str, Sequence[str]]) -> list[str] | None:
    """Finds a shortest way from a point back to itself."""
    ways = [[key]]
    seen: set[str] = set()
    for way in ways:
        for one in needed.get(way[-1], ()):
            if one == key:
                return [*way, one]
            if one not in seen:
                seen.add(one)
                ways.append([*way, one])
    return None


def _problem(document: Document, location: Location, words: str) -> Problem:
    return document.problem(location, subject(document, location) + words)
