"""Balances: what a meter counted against what the meters behind it did."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, NamedTuple

from fastapi import Path, Query, Request
from starlette.responses import Response

from ems_telemetry.api import interval_items as items
from ems_telemetry.api.access import Caller, Reader
from ems_telemetry.api.adding import calendar_of
from ems_telemetry.api.catalogue import MeterId, find_meter
from ems_telemetry.api.consumption import COUNTED
from ems_telemetry.api.description import listed, make_router, problems
from ems_telemetry.api.interval_parameters import BalanceQuery
from ems_telemetry.api.items import Page
from ems_telemetry.api.page import Listing
from ems_telemetry.api.problem import ProblemType, Suggestion, wrong_parameter
from ems_telemetry.api.readings import TimeKey
from ems_telemetry.api.services import Services
from ems_telemetry.api.totals import Share, choose_counted, total_of
from ems_telemetry.intervals.balance import Balance, Metered, balance_of
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.interval_series import SeriesPoint, read_parents, select_points

router = make_router("Intervals")

_CSV = (
    "start,end,open,quantity,unit,main,sum,residual,residual_percent,u,verdict,submeters,missing\r\n"
    "2026-02-28T23:00:00Z,2026-03-31T22:00:00Z,false,active_energy_import,kWh,1000,950,50,5.0,15.132746,unmetered,3,\r\n"
)
_DIGITS = 6


class Tree(NamedTuple):
    """The points of one quantity of a meter, and those of each meter directly behind it."""

    main: Sequence[SeriesPoint]
    subs: Mapping[str, Sequence[SeriesPoint]]


class Balanced(NamedTuple):
    """A balance of one period."""

    start: datetime
    end: datetime
    is_open: bool
    main: Decimal | None
    sum: Decimal | None
    balance: Balance
    has_uncertainty: bool
    is_judged: bool
    """Without uncertainties only a tolerance can tell what is too much."""
    submeters: int
    missing: list[str]


@router.get(
    "/meters/{id}/balance",
    response_model=Page[items.Balance],
    responses=listed(_CSV) | problems(ProblemType.NOT_FOUND),
)
async def list_balances(
    request: Request,
    services: Services,
    caller: Reader,
    id_: Annotated[MeterId, Path(alias="id")],
    query: Annotated[BalanceQuery, Query()],
) -> Response:
    """Balances a meter against those that name it as their parent, period by period."""
    await find_meter(services.database, caller, id_)
    listing = Listing(request, query)
    tree = await _tree(services.database, caller, id_, query.quantity)
    points = [*tree.main, *(point for each in tree.subs.values() for point in each)]
    calendar = await calendar_of(services.database, points, query, query.period, services.clock.now())
    after = listing.after(TimeKey)
    rows: list[Balanced] = []
    has_more = False
    if calendar is not None:
        calendar = calendar if after is None else calendar.beginning(after + datetime.resolution)
        edges, has_more = calendar.edges(listing.limit)
        shares = await calendar.shares(services.database, edges, partial=False) if edges else {}
        for number, (start, end) in enumerate(pairwise(edges)):
            within = {point.id: shares[point.id, number] for point in points if (point.id, number) in shares}
            rows.append(_balanced((start, end), calendar.now, tree, within, query.tolerance))
    main = tree.main[0]
    return await listing.answer(rows, items.Balance, lambda row: _item(row, main), key=lambda row: row.start, has_more=has_more)


async def _tree(database: Database, caller: Caller, meter: str, quantity: str | None) -> Tree:
    """Finds what is balanced.

    Raises:
        ApiError: 422, the meter counts no such quantity, or several.
    """
    parents = await read_parents(database)
    own = choose_counted(
        await select_points(database, caller.sites, COUNTED, meter=meter), {}, include_submeters=True, include_virtual=True
    )
    counted = sorted({point.quantity for point in own})
    wanted = quantity or (counted[0] if len(counted) == 1 else None)
    if wanted is None or wanted not in counted:
        known = f"{meter} counts {', '.join(counted) or 'nothing'}"
        words = f"is needed: {known}" if wanted is None else f"is not counted here: {known}{Suggestion(wanted, counted)}"
        raise wrong_parameter("quantity", wanted, words)
    subs = {}
    for sub in sorted(child for child, parent in parents.items() if parent == meter):
        points = await select_points(database, caller.sites, COUNTED, meter=sub, quantity=wanted)
        if points:
            subs[sub] = choose_counted(points, {}, include_submeters=True, include_virtual=True)
    return Tree([point for point in own if point.quantity == wanted], subs)


def _balanced(
    within: tuple[datetime, datetime], now: datetime, tree: Tree, shares: Mapping[int, Share], tolerance: float | None
) -> Balanced:
    main = _metered(tree.main, shares)
    subs = {meter: _metered(points, shares) for meter, points in tree.subs.items() if any(each.id in shares for each in points)}
    amounts = [sub.amount for sub in subs.values()]
    limit = None if tolerance is None or main.amount is None else abs(main.amount) * Decimal(repr(tolerance)) / 100
    points = [*tree.main, *(point for each in tree.subs.values() for point in each)]
    has_uncertainty = all(point.uncertainty is not None for point in points)
    return Balanced(
        *within,
        within[1] > now,
        main.amount,
        None if None in amounts else sum((amount for amount in amounts if amount is not None), Decimal()),
        balance_of(main, list(subs.values()), limit),
        has_uncertainty,
        has_uncertainty or tolerance is not None,
        len(subs),
        [point.key for point in points if point.id in shares and shares[point.id].lacks],
    )


def _metered(points: Sequence[SeriesPoint], shares: Mapping[int, Share]) -> Metered:
    total = total_of([shares[point.id] for point in points if point.id in shares], partial=False)
    return Metered(total.exact, points[0].uncertainty or Decimal())


def _item(row: Balanced, main: SeriesPoint) -> dict[str, object]:
    balance = row.balance
    percent = balance.residual_percent
    return {
        "start": row.start,
        "end": row.end,
        "open": row.is_open,
        "quantity": main.quantity,
        "unit": main.unit,
        "main": items.digits(row.main),
        "sum": items.digits(row.sum),
        "residual": items.digits(balance.residual),
        "residual_percent": None if percent is None else round(float(percent), _DIGITS),
        "u": None if balance.uncertainty is None or not row.has_uncertainty else round(float(balance.uncertainty), _DIGITS),
        "verdict": balance.verdict if row.is_judged else None,
        "submeters": row.submeters,
        "missing": row.missing,
    }
