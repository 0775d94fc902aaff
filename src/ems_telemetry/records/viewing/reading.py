"""Reads the records of a view a page at a time: as many as make whole periods."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from ems_telemetry.errors import PermanentError
from ems_telemetry.records.viewing.figures import ViewFigure
from ems_telemetry.records.viewing.making import Asked, view_of
from ems_telemetry.records.viewing.stretches import stretch_of
from ems_telemetry.records.viewing.views import View
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.record_views import ViewFilter, ViewRow, list_view_rows

READ_AT_ONCE = 2_000
MOST_RECORDS = 20_000


class TooMuchError(PermanentError):
    """One period alone has more records than are read at once; the message says what to do."""


class Page(NamedTuple):
    """Where a page begins: after which figure, by the start of its period and its word; and how many figures it holds."""

    most: int
    after: tuple[datetime, str] | None = None


async def read_view(
    connection: Connection, view: View, wanted: ViewFilter, asked: Asked, page: Page, *, begins: Callable[[ViewFigure], bool]
) -> tuple[list[ViewFigure], bool]:
    """Gives figures in order, and whether more follow beyond what was read.

    Args:
        connection: what is read through.
        view: which.
        wanted: the records; of periods that begin no later than the last period asked for ends.
        asked: what is made of them.
        page: the part asked for.
        begins: whether the period of a figure is among those asked for.

    Raises:
        TooMuchError: one period has more records than are read at once.
    """
    if page.after is not None:
        wanted = wanted._replace(since=max(page.after[0], wanted.since or page.after[0]))
    for at_once in (READ_AT_ONCE, MOST_RECORDS):
        rows = await list_view_rows(connection, wanted, at_once + 1)
        has_more = len(rows) > at_once
        figures = await asyncio.to_thread(view_of, view, _of_whole_periods(rows, asked) if has_more else rows, asked)
        found = [
            figure
            for figure in figures
            if begins(figure) and (page.after is None or (figure.stretch.start, figure.word) > page.after)
        ]
        if found or not has_more:
            return found[: page.most], has_more
    raise TooMuchError(
        f"one period of it has more than {MOST_RECORDS:,} records; ask for shorter ones, for one site, or for one scope or plan"
    )


def _of_whole_periods(rows: Sequence[ViewRow], asked: Asked) -> list[ViewRow]:
    """Leaves out the records of periods of which some may not have been read: they are read by the beginning of theirs."""
    reached = rows[-1].start
    whole = []
    for row in rows:
        stretch = stretch_of(row, asked.bucket)
        if stretch is not None and (stretch.end <= reached if asked.bucket else stretch.start < reached):
            whole.append(row)
    return whole
