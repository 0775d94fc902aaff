"""Pages of lists: one item more than asked for tells whether there is a following page, and where it begins."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlencode

import msgspec
from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from ems_telemetry.api.cursor import decode_cursor, encode_cursor, fingerprint
from ems_telemetry.api.format import CONTENT_TYPES, Format, Item, choose_format, column_of, write_csv, write_json, write_ndjson
from ems_telemetry.api.items import columns_of
from ems_telemetry.api.parameters import ListQuery, PageQuery
from ems_telemetry.api.parquet import write_parquet

RowT = TypeVar("RowT")
KeyT = TypeVar("KeyT")


class Listing:
    """One request for a page of a list.

    Args:
        request: as it came in.
        query: its parameters.
    """

    def __init__(self, request: Request, query: PageQuery) -> None:
        self._request = request
        self._query = query
        self._fingerprint = fingerprint(request.url.path, query.filters)
        self._format = choose_format(query.format, request.headers.get("accept"))

    @property
    def limit(self) -> int:
        """How many rows to fetch: one more than the page holds."""
        return self._query.limit + 1

    @property
    def format(self) -> Format:
        """What it is to be written as."""
        return self._format

    @property
    def is_first(self) -> bool:
        """Whether the list is asked for from its beginning."""
        return self._query.cursor is None

    def after(self, key_type: type[KeyT]) -> KeyT | None:
        """Tells the key of the last item of the page before; None for the first page.

        Raises:
            ApiError: 422, the cursor is none of ours or continues another request.
        """
        return decode_cursor(self._query.cursor, self._fingerprint, key_type) if self._query.cursor else None

    async def answer(
        self,
        rows: Sequence[RowT],
        model: type[BaseModel],
        to_item: Callable[[RowT], Item],
        key: Callable[[RowT], object],
        *,
        as_columns: bool = False,
        has_more: bool = False,
    ) -> Response:
        """Writes the page.

        Args:
            rows: what was fetched, up to `limit`.
            model: describes the items.
            to_item: makes an item of a row.
            key: what the list is ordered by, of a row.
            as_columns: one list per field, in JSON.
            has_more: that there are following pages although no more rows were fetched.
        """
        page = rows[: self._query.limit]
        cursor = encode_cursor(self._fingerprint, key(page[-1])) if page and (has_more or len(rows) > len(page)) else None

        def write() -> Response:
            items = [to_item(row) for row in page]
            if as_columns:
                return write_columns(items, model, cursor, self._link(cursor))
            return write_list(items, model, self._format, cursor, self._link(cursor))

        # Writing ten thousand rows takes tens of milliseconds, in which the loop must go on collecting.
        return await asyncio.to_thread(write)

    def _link(self, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        asked = {**dict(self._request.query_params), "cursor": cursor}
        return f'<{self._request.url.path}?{urlencode(asked)}>; rel="next"'


def write_list(
    items: Sequence[Item], model: type[BaseModel], format_: Format, cursor: str | None = None, link: str | None = None
) -> Response:
    """Writes items in a format, the following page named in the header Link too."""
    writers = {
        Format.JSON: lambda: write_json(items, cursor),
        Format.NDJSON: lambda: write_ndjson(items),
        Format.CSV: lambda: write_csv(items, columns_of(model)),
        Format.PARQUET: lambda: write_parquet(items, model),
    }
    return Response(writers[format_](), headers=_headers(link), media_type=CONTENT_TYPES[format_])


def write_columns(items: Sequence[Item], model: type[BaseModel], cursor: str | None, link: str | None) -> Response:
    """Writes one list per field, as JSON."""
    columns = {name: column_of(items, name) for name in columns_of(model)}
    body = msgspec.json.encode({"columns": columns, "next": cursor})
    return Response(body, headers=_headers(link), media_type=CONTENT_TYPES[Format.JSON])


def _headers(link: str | None) -> dict[str, str]:
    return {"Vary": "Accept, Authorization"} | ({"Link": link} if link else {})


def format_of(request: Request, query: ListQuery) -> Format:
    """Tells what a list that comes whole is to be written as."""
    return choose_format(query.format, request.headers.get("accept"))
