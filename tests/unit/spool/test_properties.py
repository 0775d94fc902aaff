"""The invariants of `SqliteSpool`, each held over generated programs, and over a crash at every write of them.

A crash is played from what SQLite really wrote and synced (`recorded_disk.py`); what it leaves is opened as any spool is.
"""

import asyncio
import contextlib
import os
import random
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_disk import Change, Disk, every_change
from spool_model import NOON, RECEIPTS, Append, Content, Remove, Step, programs, size

from ems_telemetry.config.service import WhenFull
from ems_telemetry.errors import SpoolFullError
from ems_telemetry.model import Batch, Reading, Receipt
from ems_telemetry.spool.lost import DROPPED
from ems_telemetry.spool.port import Entry
from ems_telemetry.spool.sqlite import SqliteSpool

FEW = settings(max_examples=max(4, (settings.default or settings()).max_examples // 20))
"""Of those that open hundreds of spools each."""
ALL = 10**9
SMALL_BYTES = 12_000
"""A few batches fill it."""
MEMORY = Path("/dev/shm")


@dataclass(slots=True)
class Doing:
    """One step while it is done: what may be found if it is broken off, in order, and how far it has told that it got."""

    possible: list[Content]
    told: int = 0
    last_sequence: int = 0
    """The highest that was ever given out before it."""


Event: TypeAlias = Change | Doing | int
"""What SQLite did; that a step began; that it has told so many of its changes as done."""


LayOut: TypeAlias = Callable[[Disk, Path], None]


@contextmanager
def folder() -> Iterator[Path]:
    """Gives a folder in memory if there is such, since what is synced to it survives a crash that is only played."""
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as name:
        (Path(name) / "ballast").touch()  # no megabyte for each of hundreds of openings
        yield Path(name)


@asynccontextmanager
async def opened(where: Path, max_size_bytes: int, when_full: WhenFull = WhenFull.REFUSE) -> AsyncIterator[SqliteSpool]:
    spool = SqliteSpool(where, max_size_bytes=max_size_bytes, when_full=when_full)
    await spool.open()
    try:
        yield spool
    finally:
        await spool.close()


async def content(spool: SqliteSpool) -> Content:
    held = [receipt for receipt in RECEIPTS if await spool.is_durable(receipt)]
    return Content(tuple(entry.batch for entry in await spool.read(ALL)), frozenset(held))


class Run:
    """A program on a real spool and on the model, side by side."""

    def __init__(self, where: Path, max_size_bytes: int, when_full: WhenFull, tell: Callable[[Event], None]) -> None:
        self._spool = SqliteSpool(where, max_size_bytes=max_size_bytes, when_full=when_full)
        self._where, self._max_size_bytes, self._when_full = where, max_size_bytes, when_full
        self._tell = tell
        self.model = Content()
        self.sequences: list[int] = []
        """Of all entries that were ever read, in the order of appending."""

    async def __call__(self, program: Sequence[Step]) -> None:
        doing = Doing([self.model])
        self._tell(doing)
        await self._spool.open()
        for step in program:
            doing = Doing([self.model], last_sequence=self._spool.state().last_sequence)
            self._tell(doing)
            await self._do(step, doing)
            await self._compare()
        self._tell(Doing([self.model], last_sequence=self._spool.state().last_sequence))
        await self._spool.close()

    async def _do(self, step: Step, doing: Doing) -> None:
        if isinstance(step, Append):
            await self._append(step, doing)
        elif isinstance(step, Remove):
            await self._remove(step, doing)
        else:
            await self._spool.close()
            self._spool = SqliteSpool(self._where, max_size_bytes=self._max_size_bytes, when_full=self._when_full)
            await self._spool.open()
        self.model = doing.possible[-1]

    async def _append(self, step: Append, doing: Doing) -> None:
        async def one(batch: Batch, receipts: Sequence[Receipt]) -> bool:
            try:
                await self._spool.append(batch, receipts)
            except SpoolFullError:
                return False
            doing.told += 1
            self._tell(doing.told)
            return True

        went = await asyncio.gather(*(one(*each) for each in step.together))
        for (batch, receipts), is_there in zip(step.together, went, strict=True):
            now = doing.possible[-1]
            if self._when_full is WhenFull.DROP_OLDEST:
                doing.possible.append(await content(self._spool))
                continue
            after = now.with_batch(batch, receipts)
            assert is_there == (not len(batch) or after.size_bytes <= self._max_size_bytes)
            if is_there:
                doing.possible.append(after)

    async def _remove(self, step: Remove, doing: Doing) -> None:
        entries = await self._spool.read(step.items)
        counts = [len(entry.batch) for entry in entries]
        assert sum(counts[:-1]) < step.items, "it stops after the entry that reaches the number asked for"
        assert tuple(entry.batch for entry in entries) == self.model.batches[: len(entries)]
        assert sum(counts) >= step.items or len(entries) == len(self.model.batches)
        gone = range(0, len(entries), step.every)
        doing.possible.append(self.model.without(gone))
        for _ in range(2):
            await self._spool.remove([entries[number].sequence for number in gone])

    async def _compare(self) -> None:
        entries, state = await self._spool.read(ALL), self._spool.state()
        assert await content(self._spool) == self.model
        assert (state.batches, state.size_bytes, state.damaged) == (len(self.model.batches), self.model.size_bytes, 0)
        assert (state.oldest_at is None) == (not entries)
        self.sequences += sorted({entry.sequence for entry in entries} - set(self.sequences))
        assert self.sequences == sorted(set(self.sequences))
        assert state.last_sequence >= max(self.sequences, default=0)


def run(program: Sequence[Step], max_size_bytes: int = SMALL_BYTES, when_full: WhenFull = WhenFull.REFUSE) -> list[Event]:
    """Runs a program, compared with the model after each step, and gives all that happened."""
    events: list[Event] = []
    with folder() as where, every_change(events.append):
        asyncio.run(Run(where, max_size_bytes, when_full, events.append)(program))
    return events


@dataclass(slots=True)
class Survivor:
    """What a crash left, opened again."""

    found: Content
    entries: Sequence[Entry]
    damaged: int
    set_aside: Sequence[str]
    next_sequence: int
    """That of what was appended to it."""


async def open_again(where: Path, when_full: WhenFull) -> Survivor:
    after = Batch("after", (Reading("A.p", NOON, 1.5, None, None, 192, 0, 0, NOON),))
    async with opened(where, 10**9, when_full) as spool:
        found, entries, state = await content(spool), await spool.read(ALL), spool.state()
        assert (state.batches, state.size_bytes) == (len(entries), found.size_bytes)
        await spool.append(after)
        later = await spool.read(ALL)
    assert [*entries, Entry(later[-1].sequence, after)] == later
    aside = [file.name for file in where.iterdir() if ".damaged-" in file.name]
    return Survivor(found, entries, state.damaged, aside, later[-1].sequence)


def crashes(
    events: Sequence[Event], lay_out: LayOut, when_full: WhenFull = WhenFull.REFUSE
) -> Iterator[tuple[Doing, int, Survivor]]:
    """Crashes after each change; gives the step it broke off, how much of that was told as done, and what is left."""
    disk, doing, told = Disk(), Doing([Content()]), 0
    for event in events:
        if isinstance(event, Doing):
            doing, told = event, 0
        elif isinstance(event, int):
            told = event
        else:
            disk.add(event)
            with folder() as where:
                lay_out(disk, where)
                yield doing, told, asyncio.run(open_again(where, when_full))


def killed(disk: Disk, where: Path) -> None:
    disk.killed(where)


def power_cut(chance: random.Random) -> LayOut:
    return lambda disk, where: disk.cut(where, chance)


@given(programs())
def test_batches_come_out_whole_in_order_and_once_and_a_refused_one_leaves_no_trace(program: Sequence[Step]) -> None:
    run(program)


@given(programs(most_together=1))
def test_what_had_to_go_is_counted_in_a_gap_and_the_size_is_kept(program: Sequence[Step]) -> None:
    given_ = [batch for step in program if isinstance(step, Append) for batch, _ in step.together]
    with folder() as where:
        taken, left, size_bytes = asyncio.run(append_all(where, given_))
    kept = sum(len(batch.readings) + len(batch.dead_letters) for batch in left)
    counted = sum(gap.refused for batch in left for gap in batch.gaps if gap.cause == DROPPED)
    assert kept + counted == sum(len(batch.readings) + len(batch.dead_letters) for batch in taken)
    assert size_bytes <= SMALL_BYTES + sum(size(batch) for batch in left if is_account(batch))


async def append_all(where: Path, given_: Sequence[Batch]) -> tuple[Sequence[Batch], Sequence[Batch], int]:
    """Appends to a spool that drops; gives what it took, what it holds then, and how much that is."""
    taken: list[Batch] = []
    async with opened(where, SMALL_BYTES, WhenFull.DROP_OLDEST) as spool:
        for batch in given_:
            with contextlib.suppress(SpoolFullError):  # larger than half of it
                await spool.append(batch)
                taken.append(batch)
        return taken, [entry.batch for entry in await spool.read(ALL)], spool.state().size_bytes


def is_account(batch: Batch) -> bool:
    return not batch.readings and not batch.dead_letters


@FEW
@given(programs())
def test_what_is_acknowledged_is_kept_when_the_process_is_killed_at_any_write(program: Sequence[Step]) -> None:
    for doing, told, left in crashes(run(program), killed):
        assert left.found in doing.possible[told:]


@FEW
@given(programs(), st.randoms(use_true_random=False))
def test_what_is_acknowledged_is_kept_when_the_power_is_cut_at_any_write(
    program: Sequence[Step], chance: random.Random
) -> None:
    for doing, told, left in crashes(run(program), power_cut(chance)):
        assert left.found in doing.possible[told:]


@FEW
@given(programs(most_together=1), st.randoms(use_true_random=False))
def test_dropping_is_done_as_a_whole_or_not_at_all(program: Sequence[Step], chance: random.Random) -> None:
    events = run(program, when_full=WhenFull.DROP_OLDEST)
    for doing, told, left in crashes(events, power_cut(chance), WhenFull.DROP_OLDEST):
        assert left.found in doing.possible[told:]


@FEW
@given(programs(), st.sampled_from((killed, None)), st.randoms(use_true_random=False))
def test_no_sequence_is_given_twice_whatever_breaks_off(
    program: Sequence[Step], lay_out: LayOut | None, chance: random.Random
) -> None:
    for doing, _, left in crashes(run(program), lay_out or power_cut(chance)):
        sequences = [entry.sequence for entry in left.entries]
        assert sequences == sorted(set(sequences))
        assert left.next_sequence > max(sequences, default=0)
        assert left.next_sequence > doing.last_sequence


@FEW
@given(programs(), st.sampled_from((killed, None)), st.randoms(use_true_random=False))
def test_a_crash_is_no_damage(program: Sequence[Step], lay_out: LayOut | None, chance: random.Random) -> None:
    for _, _, left in crashes(run(program), lay_out or power_cut(chance)):
        assert (left.damaged, left.set_aside) == (0, [])
