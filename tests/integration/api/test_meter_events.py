"""Events of meters over REST: added, listed and declared void, and what is computed anew for them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from ems_telemetry.storage.interval_marks import advance, settle, take_marks

from .conftest import START, Plant, client_of

EVENTS = "/api/v1/meters/EM-01/events"
KEY = "EM-01.energy_import"
AT = "2026-03-02T10:30:00Z"


@pytest.fixture
async def metrologist(plant: Plant) -> AsyncIterator[httpx.AsyncClient]:
    plant.clock.turn(7200)
    async with client_of(plant.app(), await plant.key(["read", "metrology"])) as client:
        yield client


def replacement(**other: object) -> dict[str, object]:
    register = {"point": KEY, "final": "12352.5", "initial": 3.2, "multiplier": 40}
    return {"type": "replacement", "at": AT, "reason": "calibration ended", "registers": [register], **other}


async def computed(plant: Plant, *seconds: float) -> None:
    """Stores readings at these times and has all of them computed."""
    for second in seconds:
        await plant.store(KEY, 1.0, at_s=second)
    async with plant.database.connection() as connection:
        await advance(connection, plant.clock.now())
        await settle(connection, [mark.id for mark in await take_marks(connection, 100)])


async def marked(plant: Plant) -> list[tuple[float, float]]:
    """What is to be computed anew, in seconds after the start."""
    async with plant.database.connection() as connection:
        marks = await take_marks(connection, 100)
        await settle(connection, [mark.id for mark in marks])
    return [((mark.since - START).total_seconds(), (mark.until - START).total_seconds()) for mark in marks]


async def test_a_replacement_is_kept_as_it_was_declared(metrologist: httpx.AsyncClient) -> None:
    answer = await metrologist.post(EVENTS, json=replacement())
    assert answer.status_code == 201, answer.text
    event = answer.json()
    assert event == {
        "id": event["id"],
        "meter": "EM-01",
        "type": "replacement",
        "at": AT,
        "author": "test",
        "reason": "calibration ended",
        "registers": [{"point": KEY, "final": "12352.5", "initial": "3.2", "multiplier": "40"}],
        "recorded_at": event["recorded_at"],
        "voided_at": None,
        "voided_by": None,
        "void_reason": None,
    }
    assert (await metrologist.get(EVENTS)).json() == {"items": [event], "next": None}
    assert (await metrologist.get(f"{EVENTS}/{event['id']}")).json() == event


async def test_an_event_marks_from_the_reading_before_to_the_one_after(plant: Plant, metrologist: httpx.AsyncClient) -> None:
    await computed(plant, 0, 600, 1700, 1900, 7000)
    reset = replacement(type="reset", registers=[{"point": KEY}])
    event = (await metrologist.post(EVENTS, json=reset)).json()
    assert await marked(plant) == [(1700, 1900)]
    await metrologist.post(f"{EVENTS}/{event['id']}:void", json={"reason": "wrong meter"})
    assert await marked(plant) == [(1700, 1900)]


async def test_a_multiplier_marks_up_to_the_next_event_that_sets_one(plant: Plant, metrologist: httpx.AsyncClient) -> None:
    await computed(plant, 0, 1700, 1900, 3500, 3700, 7100)
    later = replacement(at="2026-03-02T11:00:00Z")
    await metrologist.post(EVENTS, json=later)
    ((since, until),) = await marked(plant)
    assert (since, round(until)) == (3500, 6300), "to the end of what is computed"
    await metrologist.post(EVENTS, json=replacement())
    assert await marked(plant) == [(1700, 3700)]


async def test_what_is_not_computed_yet_needs_no_mark(plant: Plant, metrologist: httpx.AsyncClient) -> None:
    assert (await metrologist.post(EVENTS, json=replacement())).status_code == 201
    assert await marked(plant) == []


async def test_an_event_without_registers_is_of_all_counters(metrologist: httpx.AsyncClient) -> None:
    event = (await metrologist.post(EVENTS, json=replacement(registers=[]))).json()
    assert event["registers"] == [{"point": KEY, "final": None, "initial": None, "multiplier": None}]


async def test_a_request_with_the_same_word_is_done_once(metrologist: httpx.AsyncClient) -> None:
    word = {"Idempotency-Key": "ticket 4711"}
    first = await metrologist.post(EVENTS, json=replacement(), headers=word)
    again = await metrologist.post(EVENTS, json=replacement(), headers=word)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    other = await metrologist.post(EVENTS, json=replacement(reason="another one"), headers=word)
    assert other.status_code == 409
    assert len((await metrologist.get(EVENTS)).json()["items"]) == 1


async def test_a_void_event_stays_and_says_who_and_why(metrologist: httpx.AsyncClient) -> None:
    event = (await metrologist.post(EVENTS, json=replacement())).json()
    void = f"{EVENTS}/{event['id']}:void"
    voided = (await metrologist.post(void, json={"reason": "wrong meter", "author": "J. Doe"})).json()
    assert voided == {**event, "voided_at": voided["voided_at"], "voided_by": "J. Doe", "void_reason": "wrong meter"}
    assert voided["voided_at"] is not None
    assert (await metrologist.post(void, json={"reason": "again"})).status_code == 409
    assert (await metrologist.get(EVENTS)).json()["items"] == [voided]


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH"])
@pytest.mark.parametrize("path", [EVENTS, f"{EVENTS}/8b9c3c0e-4a3e-4d0e-9a6a-0c6a7d1b2f10"])
async def test_evidence_is_not_edited_and_the_answer_says_what_to_do(
    metrologist: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await metrologist.request(method, path)
    assert answer.status_code == 405
    assert ":void" in answer.json()["detail"]
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"at": "2026-03-02T13:00:00Z"}, "is in the future"),
        ({"at": "2026-03-02T10:00:00"}, "does not say its zone"),
        ({"type": "swap"}, "ratio_change"),
        ({"reason": " "}, "reason"),
        ({"registers": [{"point": "EM-01.power"}]}, "is no counter of EM-01"),
        ({"registers": [{"point": "EM-01.energy_imprt"}]}, f'did you mean "{KEY}"?'),
        ({"registers": [{"point": "EM-90.energy_import"}]}, "is no counter of EM-01"),
        ({"registers": [{"point": KEY}, {"point": KEY}]}, "name a point twice"),
        ({"registers": [{"point": KEY, "final": "a lot"}]}, "final"),
        ({"registers": [{"point": KEY, "final": "NaN"}]}, "final"),
        ({"registers": [{"point": KEY, "multiplier": 0}]}, "greater than 0"),
        ({"type": "ratio_change", "registers": [{"point": KEY}]}, "need a multiplier"),
        ({"when": AT}, "is not a parameter here"),
    ],
)
async def test_what_cannot_be_so_is_refused_in_words(
    metrologist: httpx.AsyncClient, change: dict[str, object], words: str
) -> None:
    answer = await metrologist.post(EVENTS, json=replacement(**change))
    assert answer.status_code == 422
    assert words in answer.json()["detail"]
    assert (await metrologist.get(EVENTS)).json()["items"] == []


async def test_numbers_in_words_keep_every_digit(plant: Plant, metrologist: httpx.AsyncClient) -> None:
    register = {"point": KEY, "final": "9007199254740993.123456789", "initial": "0.1"}
    (kept,) = (await metrologist.post(EVENTS, json=replacement(registers=[register]))).json()["registers"]
    assert (kept["final"], kept["initial"]) == ("9007199254740993.123456789", "0.1")
    async with plant.database.connection() as connection:
        rows = await (await connection.execute("SELECT final, initial FROM meter_event_registers")).fetchall()
    assert rows == [(Decimal("9007199254740993.123456789"), Decimal("0.1"))]


async def test_who_may_declare_events(plant: Plant) -> None:
    plant.clock.turn(7200)
    for scopes, sites, status in (
        (["read"], None, 403),
        (["admin"], None, 201),
        (["metrology"], ["BER1"], 201),
        (["metrology"], ["MUC1"], 404),
    ):
        async with client_of(plant.app(), await plant.key(scopes, sites)) as client:
            assert (await client.post(EVENTS, json=replacement())).status_code == status, scopes


async def test_events_come_in_pages_newest_first(metrologist: httpx.AsyncClient) -> None:
    times = [START + timedelta(minutes=minute) for minute in (5, 1, 3, 3, 2)]
    for time in times:
        await metrologist.post(EVENTS, json=replacement(at=time.isoformat()))
    seen: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(6):
        page = (await metrologist.get(EVENTS, params={"limit": "2", **({"cursor": cursor} if cursor else {})})).json()
        seen += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert [datetime.fromisoformat(event["at"]).astimezone(UTC) for event in seen] == sorted(times, reverse=True)
    assert len({event["id"] for event in seen}) == 5
