"""Records as tables of their own columns: energy, water, emissions, discharges, waste and stocks of substances.

One mechanism serves all; which there are, and what each has, stands in `records/viewing/views.py`.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import Query as QueryParameter
from fastapi import Request
from pydantic import Field, StringConstraints, create_model
from starlette.responses import Response

from ems_telemetry.api.access import Reader
from ems_telemetry.api.catalogue import check_filters
from ems_telemetry.api.description import UNCHANGED, listed, make_router
from ems_telemetry.api.etag import IfNoneMatch, etag_of, not_modified, tagged
from ems_telemetry.api.interval_parameters import DayOrTime, instant_of
from ems_telemetry.api.items import Page
from ems_telemetry.api.page import Listing
from ems_telemetry.api.parameters import Name, PageQuery, Time
from ems_telemetry.api.problem import Suggestion, wrong_parameter
from ems_telemetry.api.readings import TimeKey
from ems_telemetry.api.record_parameters import AS_OF
from ems_telemetry.api.services import Services
from ems_telemetry.api.view_items import ITEMS, view_item
from ems_telemetry.records.kinds import RecordStatus
from ems_telemetry.records.viewing import reading
from ems_telemetry.records.viewing.figures import ViewFigure
from ems_telemetry.records.viewing.making import Asked
from ems_telemetry.records.viewing.stretches import AT_MOST, Bucket
from ems_telemetry.records.viewing.views import VIEWS, View
from ems_telemetry.storage.reading import BEGINNING, END
from ems_telemetry.storage.record_views import ViewFilter, read_meter_parents

router = make_router("Records")

_FARTHEST: Final = timedelta(hours=15)
"""No zone is farther from UTC."""
_SUMMARIES: Final = {
    "energy": "Lists records of energy with their columns, by period, carrier, use, area or cost centre.",
    "water": "Lists balances of water with their columns, by period or source.",
    "air": "Lists averages and masses of what was emitted to air with their columns, by period, pollutant or stack.",
    "discharges": "Lists what was discharged to water with its columns, by period, outfall or parameter.",
    "waste": "Lists what waste left the sites and is in store, with its columns, by period, code, operation or treatment.",
    "substances": "Lists balances of hazardous substances with their columns, by period, substance, CAS number or location.",
    "aspects": "Lists how large environmental aspects were by operating condition, with their share and their trend.",
    "controls": "Lists whether control parameters stayed within their criteria, with excursions and time passed by.",
}
_PROMISE: Final = (
    "Without `group_by` each item of the monitoring plan stands by itself; with it, what is not named is added up. A figure of "
    "which a part is missing is null unless `partial=true`, and units are never mixed."
)


GroupBy = Annotated[str, StringConstraints(max_length=200)] | None


class ViewQuery(PageQuery):
    """What is asked of a view."""

    site: Name | None = Field(default=None, description="Only what is of this site.", examples=["BER1"])
    scope: Name | None = Field(default=None, description="Only what is about this.", examples=["stack-1"])
    plan: Name | None = Field(default=None, description="Only records of this item of the plan.", examples=["energy-BER1"])
    from_: DayOrTime | None = Field(
        default=None,
        alias="from",
        description="A local day, as 2026-03-01, or RFC 3339 with zone: periods that begin then or later.",
    )
    to: DayOrTime | None = Field(default=None, description="A local day, or RFC 3339 with zone: periods that begin before it.")
    bucket: Bucket | None = Field(
        default=None,
        description="`day`, `month`, `quarter` or `year` by the clock of the site: put together of the records that lie within "
        "it. If not said, each record by its own period.",
    )
    group_by: GroupBy = None
    partial: bool = Field(
        default=False, description="Also add up where a part is missing: what is there, with its coverage and `incomplete`."
    )
    status: RecordStatus | None = Field(
        default=None, description="Only records that stand so; if not said, all but those that were voided."
    )
    as_of: Time | None = AS_OF

    def instants(self, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
        """Gives the span by the clock of a site; with a local day and a time, it depends on that clock whether it is one."""
        return instant_of(self.from_, zone), instant_of(self.to, zone)

    def groups(self, view: View) -> tuple[str, ...]:
        """Gives what is kept apart.

        Raises:
            ApiError: 422, one of the words is not known.
        """
        words = [] if self.group_by is None else [word.strip() for word in self.group_by.split(",")]
        for word in words:
            if word not in view.words:
                known = list(view.words)
                raise wrong_parameter("group_by", word, f"is not one of {', '.join(known)}{Suggestion(word, known)}")
        return tuple(word for word in view.words if word in words)

    def records(self, view: View, sites: Any) -> ViewFilter:  # noqa: ANN401  # as the caller has them
        """Gives the records it takes, whatever the zones of the sites are, to the end of the last period.

        Raises:
            ApiError: 422, nothing lies within the span.
        """
        since, until = self.instants(ZoneInfo("UTC"))
        if since is not None and until is not None and since >= until and type(self.from_) is type(self.to):
            raise wrong_parameter("from", None, "is not before `to`; nothing lies between them")
        longest = _FARTHEST + (AT_MOST[self.bucket] if self.bucket else timedelta())
        return ViewFilter(
            types=[str(type_) for type_ in view.types], sites=sites, site=self.site, scope=self.scope, plan=self.plan,
            status=self.status, since=since and max(since, BEGINNING + _FARTHEST) - _FARTHEST,
            until=until and min(until, END - longest) + longest, as_of=self.as_of,
        )  # fmt: skip


def _begins_within(query: ViewQuery) -> Callable[[ViewFigure], bool]:
    """Tells of a figure whether its period begins in the span, by the clock of its site."""
    spans: dict[str, tuple[datetime | None, datetime | None]] = {}

    def begins(figure: ViewFigure) -> bool:
        if figure.tz not in spans:
            spans[figure.tz] = query.instants(ZoneInfo(figure.tz))
        since, until = spans[figure.tz]
        return (since is None or figure.stretch.start >= since) and (until is None or figure.stretch.start < until)

    return begins


async def _answer(
    view: View, request: Request, services: Services, caller: Reader, query: ViewQuery, if_none_match: str | None
) -> Response:
    caller.check_site(query.site)
    listing, groups, now = Listing(request, query), query.groups(view), services.clock.now()
    page = reading.Page(listing.limit, listing.after(tuple[TimeKey, str]))
    wanted = query.records(view, caller.sites)._replace(with_sources=bool(groups))
    async with services.database.connection() as connection:
        parents = await read_meter_parents(connection) if groups else {}
        asked = Asked(query.bucket, groups, query.partial, parents)
        try:
            figures, has_more = await reading.read_view(connection, view, wanted, asked, page, begins=_begins_within(query))
        except reading.TooMuchError as error:
            raise wrong_parameter("bucket", query.bucket, str(error)) from error
    if not figures:
        await check_filters(services.database, caller, site=query.site)
    answer = await listing.answer(
        figures, ITEMS[view.name], partial(view_item, view.name, now=now), key=lambda each: (each.stretch.start, each.word),
        has_more=has_more,
    )  # fmt: skip
    # The words of an answer are its state: whatever changes in the records, or in what of them is asked for, changes them.
    tag = etag_of(f"{request.url.path}?{request.url.query}\x00{listing.format}", hashlib.sha256(bytes(answer.body)).hexdigest())
    answer.headers.update(tagged(tag))
    return not_modified(if_none_match, tag) or answer


def _add(view: View) -> None:
    """Adds the operation of a view."""
    words = ", ".join(f"`{word}`" for word in view.words)
    described = Field(default=None, description=f"What is kept apart: {words}; or several of them, with commas.")
    model: Any = create_model(f"{view.name.title()}Query", __base__=ViewQuery, group_by=(GroupBy, described))

    async def list_view(
        request: Request,
        services: Services,
        caller: Reader,
        query: ViewQuery,  # the model of the view, told below
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        return await _answer(view, request, services, caller, query, if_none_match)

    list_view.__annotations__["query"] = Annotated[model, QueryParameter()]
    item = ITEMS[view.name]
    router.add_api_route(
        f"/{view.path}", list_view, methods=["GET"], name=f"list_{view.path.replace('/', '_').replace('-', '_')}",
        summary=_SUMMARIES[view.name], description=f"{_SUMMARIES[view.name]} {_PROMISE}",
        response_model=Page[item], responses=listed(",".join(item.model_fields) + "\r\n") | UNCHANGED,  # type: ignore[valid-type]  # made at run time
    )  # fmt: skip


for _view in VIEWS.values():
    _add(_view)
