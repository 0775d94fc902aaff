"""What a spool must do, without a file: the plain model its properties are held against, and the values they are made of."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, TypeAlias
from uuid import UUID

from hypothesis import strategies as st

from ems_telemetry.model import Batch, DeadLetter, Declaration, Gap, Reading, Receipt
from ems_telemetry.spool.codec import encode

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
POINTS = ("A.p", "A.q", "Zähler.Ü")
RARELY = 0.2
ROW_BYTES = 32
"""What a spool counts for an entry beside its bytes."""
RECEIPTS = tuple(Receipt("broker", packet_id, digest) for packet_id in (1, 2) for digest in (b"one", b"two"))


class Append(NamedTuple):
    """Batches with their receipts, handed over at the same moment."""

    recipes: tuple[tuple["Recipe", tuple[Receipt, ...]], ...]

    @property
    def together(self) -> list[tuple[Batch, tuple[Receipt, ...]]]:
        """The batches."""
        return [(recipe.batch(), receipts) for recipe, receipts in self.recipes]


class Remove(NamedTuple):
    """Reads up to so many items and removes every nth entry of them, twice over."""

    items: int
    every: int


class Reopen(NamedTuple):
    """Closes and opens again."""


Step: TypeAlias = Append | Remove | Reopen


@dataclass(frozen=True, slots=True)
class Content:
    """What a spool holds: batches in order, and the digest that stands behind each packet id."""

    batches: tuple[Batch, ...] = ()
    receipts: frozenset[Receipt] = field(default_factory=frozenset)

    @property
    def size_bytes(self) -> int:
        return sum(size(batch) for batch in self.batches)

    def with_batch(self, batch: Batch, receipts: Sequence[Receipt]) -> "Content":
        """Gives what is held after an append."""
        digests = {(one.source, one.packet_id): one for one in (*self.receipts, *receipts)}
        return Content(self.batches + ((batch,) if len(batch) else ()), frozenset(digests.values()))

    def without(self, gone: Sequence[int]) -> "Content":
        """Gives what is held after a removal, by position."""
        return replace(self, batches=tuple(batch for number, batch in enumerate(self.batches) if number not in gone))


def size(batch: Batch) -> int:
    """Tells what a batch takes in a spool."""
    return len(encode(batch)) + ROW_BYTES


class Recipe(NamedTuple):
    """How a batch is made; short to read where a property fails."""

    number: int
    connector: str
    readings: int
    letters: int
    payload_bytes: int
    gaps: int
    declarations: int

    def batch(self) -> Batch:
        """Makes it, always the same."""
        chance = random.Random(self.number)  # noqa: S311 - test data
        return Batch(
            self.connector,
            tuple(_reading(chance) for _ in range(self.readings)),
            tuple(_letter(self, chance) for _ in range(self.letters)),
            tuple(_gap(self.connector, chance) for _ in range(self.gaps)),
            tuple(_declaration(chance) for _ in range(self.declarations)),
        )


def _moment(chance: random.Random) -> datetime:
    return NOON + timedelta(microseconds=chance.randrange(10**9))


def _reading(chance: random.Random) -> Reading:
    value = chance.choice((None, 0.0, -1.5, 1e300, float("inf")))
    exact = Decimal(chance.randrange(2**53, 2**64)) if chance.random() < RARELY else None
    raw = 65535.0 if chance.random() < RARELY else None
    return Reading(chance.choice(POINTS), _moment(chance), value, exact, raw, 192, 0, chance.randrange(2**32), _moment(chance))


def _letter(recipe: Recipe, chance: random.Random) -> DeadLetter:
    payload, point = chance.randbytes(recipe.payload_bytes), chance.choice((None, *POINTS))
    return DeadLetter(_id(chance), recipe.connector, point, "unreadable", "it is Ü", "topic", payload, _moment(chance))


def _gap(connector: str, chance: random.Random) -> Gap:
    is_open, expected = chance.choice((True, False)), chance.choice((None, 7))
    start, end = sorted((_moment(chance), _moment(chance)))
    return Gap(_id(chance), connector, chance.choice(POINTS), start, end, "link_down", chance.randrange(9), is_open, expected)


def _declaration(chance: random.Random) -> Declaration:
    return Declaration(chance.choice(POINTS), "A", "A", "S", None, None, "P", "voltage", "V", "gauge", "x", "V", None)


def _id(chance: random.Random) -> UUID:
    return UUID(int=chance.randrange(2**128))


_recipes = st.builds(
    Recipe,
    st.integers(0, 2**16),
    st.sampled_from(("hall-1", "broker")),
    st.integers(0, 30),
    st.integers(0, 2),
    st.sampled_from((0, 40, 5_000)),  # the last takes pages of its own in the file
    st.integers(0, 2),
    st.integers(0, 1),
)
_receipts = st.lists(st.sampled_from(RECEIPTS), max_size=2, unique_by=lambda one: one.packet_id).map(tuple)


def programs(most_together: int = 4) -> st.SearchStrategy[list[Step]]:
    """Makes what is done to a spool, step by step."""
    appends = st.lists(st.tuples(_recipes, _receipts), min_size=1, max_size=most_together).map(tuple).map(Append)
    removals = st.builds(Remove, st.integers(1, 60), st.integers(1, 2))
    return st.lists(appends | appends | removals | st.just(Reopen()), min_size=1, max_size=10)
