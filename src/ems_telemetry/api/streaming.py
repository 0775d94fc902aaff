"""Whole lists in one answer, page after page as they are read: as much as is asked for, never all of it in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from pydantic import BaseModel
from starlette.responses import StreamingResponse

from ems_telemetry.api.format import CONTENT_TYPES, Format, Item, write_csv, write_ndjson
from ems_telemetry.api.items import columns_of
from ems_telemetry.api.problem import wrong_parameter

STREAMED = (Format.CSV, Format.NDJSON)
MOST_PAGES = 100_000
"""So many pages of an answer, and no more, whatever is read."""

Pages = Callable[[], Awaitable[Sequence[Item]]]
"""Gives the following items; none at the end."""


def stream(pages: Pages, model: type[BaseModel], format_: Format) -> StreamingResponse:
    """Writes items as they come. An answer that breaks off in the middle breaks the connection.

    Raises:
        ApiError: 422, the format cannot be written bit by bit.
    """
    if format_ not in STREAMED:
        raise wrong_parameter("all", "true", "is for CSV and NDJSON; take JSON and Parquet page by page")
    headers = {"Vary": "Accept, Authorization"}
    return StreamingResponse(_written(pages, model, format_), headers=headers, media_type=CONTENT_TYPES[format_])


async def _written(pages: Pages, model: type[BaseModel], format_: Format) -> AsyncIterator[bytes]:
    columns = columns_of(model)
    if format_ is Format.CSV:
        yield write_csv([], columns)
    for _ in range(MOST_PAGES):
        items = await pages()
        if not items:
            return
        yield await asyncio.to_thread(_lines, items, columns, format_)


def _lines(items: Sequence[Item], columns: Sequence[str], format_: Format) -> bytes:
    return write_ndjson(items) if format_ is Format.NDJSON else write_csv(items, columns).partition(b"\r\n")[2]
