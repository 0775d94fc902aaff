"""Requests that are sent twice: done once, in one transaction with the answer that is kept."""

import asyncio
from typing import Any

import httpx
import pytest

from ems_telemetry.api.idempotency import answer_once
from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.idempotency import MOST_BODY_BYTES, Once, forget_answers

from .conftest import Plant, client_of

EVENTS = "/api/v1/meters/EM-01/events"
WORD = {"Idempotency-Key": "work order 4711"}


async def declare(client: httpx.AsyncClient) -> str:
    body = {"type": "reset", "at": "2026-03-02T10:00:00Z", "reason": "power failure"}
    return str((await client.post(EVENTS, json=body)).json()["id"])


async def count(plant: Plant) -> int:
    async with plant.database.connection() as connection:
        (found,) = await (await connection.execute("SELECT count(*) FROM idempotency_keys")).fetchone() or (0,)
    return int(found)


class Change:
    """A change that counts how often it was made, in the database: one row of `sites` each time."""

    def __init__(self, *, size_bytes: int = 2) -> None:
        self.size_bytes = size_bytes
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def make(self, connection: Connection) -> tuple[int, bytes]:
        await connection.execute("INSERT INTO sites (id, name, timezone) VALUES (gen_random_uuid()::text, 'new', 'UTC')")
        self.begun.set()
        await self.go_on.wait()
        return 201, b"x" * self.size_bytes

    async def fail(self, connection: Connection) -> tuple[int, bytes]:
        await self.make(connection)
        raise ApiError(ProblemType.INVALID_PARAMETER, "no")

    async def made(self, plant: Plant) -> int:
        async with plant.database.connection() as connection:
            (found,) = await (await connection.execute("SELECT count(*) FROM sites WHERE name = 'new'")).fetchone() or (0,)
        return int(found)


def once(caller: str = "key:1", key: str = "k", request: bytes = b"r") -> Once:
    return Once(caller, key, request.ljust(32, b"."))


async def test_the_same_request_is_answered_alike_and_says_that_it_was_done_before(any_plant: Plant) -> None:
    async with client_of(any_plant.app(), await any_plant.key(["metrology", "read"])) as client:
        void = f"{EVENTS}/{await declare(client)}:void"
        first, again = [await client.post(void, json={"reason": "wrong meter"}, headers=WORD) for _ in range(2)]
        assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())
        assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
        other = await client.post(void, json={"reason": "another"}, headers=WORD)
        assert (other.status_code, other.json()["type"]) == (409, "urn:ems-telemetry:problem:conflict")
        assert "use a new one for each" in other.json()["detail"]
        assert (await client.post(void, json={"reason": "wrong meter"})).status_code == 409
    assert await count(any_plant) == 1


async def test_the_word_of_one_caller_is_not_that_of_another(plant: Plant) -> None:
    app = plant.app()
    answers = []
    for _ in range(2):
        async with client_of(app, await plant.key(["metrology", "read"])) as client:
            void = f"{EVENTS}/{await declare(client)}:void"
            answers.append(await client.post(void, json={"reason": "wrong meter"}, headers=WORD))
    assert [(answer.status_code, "idempotency-replayed" in answer.headers) for answer in answers] == [(200, False)] * 2


@pytest.mark.parametrize("word", ["", "x" * 201, "a\tb"])
async def test_a_word_that_is_none_is_refused(plant: Plant, word: str) -> None:
    async with client_of(plant.app(), await plant.key(["metrology", "read"])) as client:
        void = f"{EVENTS}/{await declare(client)}:void"
        answer = await client.post(void, json={"reason": "wrong meter"}, headers={"Idempotency-Key": word})
    assert answer.status_code == 422


async def test_what_was_refused_is_not_kept_and_may_be_sent_again(plant: Plant) -> None:
    change = Change()
    with pytest.raises(ApiError, match="no"):
        await answer_once(plant.database, once(), change.fail)
    assert (await change.made(plant), await count(plant)) == (0, 0)
    assert (await answer_once(plant.database, once(request=b"mended"), change.make)).status_code == 201


async def test_of_two_at_the_same_moment_one_is_done_and_the_other_told_to_ask_again(any_plant: Plant) -> None:
    change = Change()
    change.go_on.clear()
    first = asyncio.create_task(answer_once(any_plant.database, once(), change.make))
    await change.begun.wait()
    with pytest.raises(ApiError) as refused:
        await answer_once(any_plant.database, once(), change.make)
    assert (refused.value.type, refused.value.headers["Retry-After"]) == (ProblemType.IN_PROGRESS, "1")
    other = await answer_once(any_plant.database, once(key="other"), Change().make)
    change.go_on.set()
    assert ((await first).status_code, other.status_code) == (201, 201)
    again = await answer_once(any_plant.database, once(), change.make)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert await change.made(any_plant) == 2


async def test_many_at_once_make_one_change(plant: Plant) -> None:
    change = Change()
    outcomes: list[Any] = await asyncio.gather(
        *(answer_once(plant.database, once(), change.make) for _ in range(20)), return_exceptions=True
    )
    assert {one.type if isinstance(one, ApiError) else one.status_code for one in outcomes} <= {201, ProblemType.IN_PROGRESS}
    assert await change.made(plant) == 1


async def test_one_that_was_broken_off_leaves_nothing_and_holds_up_nobody(plant: Plant) -> None:
    change = Change()
    change.go_on.clear()
    broken = asyncio.create_task(answer_once(plant.database, once(), change.make))
    await change.begun.wait()
    broken.cancel()
    await asyncio.wait({broken})
    change.go_on.set()
    assert (await answer_once(plant.database, once(), change.make)).status_code == 201
    assert await change.made(plant) == 1


@pytest.mark.parametrize(("size_bytes", "status"), [(MOST_BODY_BYTES, 201), (MOST_BODY_BYTES + 1, None)])
async def test_an_answer_too_large_to_be_kept_is_given_once_and_the_change_made_once(
    plant: Plant, size_bytes: int, status: int | None
) -> None:
    change = Change(size_bytes=size_bytes)
    assert len((await answer_once(plant.database, once(), change.make)).body) == size_bytes
    if status is None:
        with pytest.raises(ApiError, match="answered with 201; the answer was too large to be kept"):
            await answer_once(plant.database, once(), change.make)
    else:
        assert (await answer_once(plant.database, once(), change.make)).status_code == status
    assert await change.made(plant) == 1


async def test_answers_are_kept_for_seven_days(any_plant: Plant) -> None:
    change = Change()
    for key, age in (("young", "6 days 23 hours"), ("old", "7 days 1 hour")):
        await answer_once(any_plant.database, once(key=key), change.make)
        async with any_plant.database.connection() as connection:
            await connection.execute("UPDATE idempotency_keys SET created_at = now() - %s::interval WHERE key = %s", (age, key))
    anew = await answer_once(any_plant.database, once(key="old", request=b"other"), change.make)
    assert "idempotency-replayed" not in anew.headers
    async with any_plant.database.connection() as connection:
        await connection.execute("UPDATE idempotency_keys SET created_at = now() - interval '8 days' WHERE key = 'old'")
        assert await forget_answers(connection) == 1
    assert await count(any_plant) == 1


async def test_an_event_is_sent_again_only_if_it_changed(plant: Plant) -> None:
    async with client_of(plant.app(), await plant.key(["metrology", "read"])) as client:
        path = f"{EVENTS}/{await declare(client)}"
        first = await client.get(path)
        held = {"If-None-Match": first.headers["etag"]}
        same = await client.get(path, headers=held)
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
        await client.post(f"{path}:void", json={"reason": "wrong meter"})
        changed = await client.get(path, headers=held)
        assert (changed.status_code, changed.json()["void_reason"]) == (200, "wrong meter")
        assert changed.headers["etag"] != first.headers["etag"]
