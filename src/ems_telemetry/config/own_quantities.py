"""The quantities of one plant: those that every plant knows, and its own."""

from collections.abc import Iterator

from ems_telemetry.config.document import Document
from ems_telemetry.config.plant import OwnQuantity, Plant
from ems_telemetry.config.quantities import QUANTITIES, Quantities, Quantity
from ems_telemetry.config.units import UnitError, is_free_word, parse_unit
from ems_telemetry.errors import Problem


def quantities_of(plant: Plant) -> Quantities:
    """Gives everything the plant can measure, by name."""
    own = own_units(plant)
    named = {name: Quantity(name, one.unit, one.title, one.law, own) for name, one in plant.quantities.items()}
    shared = {name: quantity._replace(own_units=own) for name, quantity in QUANTITIES.items()} if own else QUANTITIES
    return {**named, **shared}


def own_units(plant: Plant) -> tuple[str, ...]:
    """Gives the units that only this plant knows: words that stand alone as the unit of one of its quantities."""
    return tuple(sorted({quantity.unit for quantity in plant.quantities.values() if is_free_word(quantity.unit)}))


def check_quantities(document: Document, plant: Plant) -> Iterator[Problem]:
    """Finds what is wrong with a plant's own quantities: names that are taken, units that are none."""
    own = own_units(plant)
    for name, quantity in plant.quantities.items():
        if name in QUANTITIES:
            taken = f"every plant knows it already, in {QUANTITIES[name].unit}; use that, or give yours another name"
            yield document.problem(("quantities", name), f'quantity "{name}": {taken}')
        if (wrong := _wrong_unit(quantity, own)) is not None:
            yield document.problem(("quantities", name, "unit"), f"quantity {name}: {wrong}")


def _wrong_unit(quantity: OwnQuantity, own: tuple[str, ...]) -> str | None:
    try:
        parse_unit(quantity.unit, own)
    except UnitError as error:
        return f"{error}; a unit of your own is one word that looks like no other unit"
    return None
