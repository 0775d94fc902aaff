"""What happens to records and gaps reaches receivers: in order, at least once, signed, whatever ends in between."""

import asyncio
import json
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from authority import Authority
from record_api import Clients, open_clients
from record_plant import APRIL, BOB, ENERGY, MARCH, SUB, Plant, make_plant
from servers.receiver import Received, Receiver, running

from ems_telemetry.config.service import WebhookSettings
from ems_telemetry.model import Gap
from ems_telemetry.observe import Metrics
from ems_telemetry.records.keeping.making import void
from ems_telemetry.records.sending.delivering import GIVEN_UP_AFTER, REMEMBERED, Courier
from ems_telemetry.retry import Backoff
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.outbox import purge_deliveries
from ems_telemetry.storage.provision import READER
from ems_telemetry.storage.storing import store_gaps

API = "/api/v1"
GUIDE = Path(__file__).parents[3] / "docs" / "integration.md"
ALL = ["record.finalised", "record.amended", "record.voided", "gap.opened"]


class PlantClock:
    """The clock of the plant, which goes on as time passes."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._began = time.monotonic()

    def now(self) -> datetime:
        return self._plant.clock.now() + timedelta(seconds=time.monotonic() - self._began)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)


@pytest.fixture
async def plant(timescaledb_url: str) -> AsyncIterator[Plant]:
    async with Database(timescaledb_url) as database:
        plant = await make_plant(database)
        await plant.expect_nothing()
        yield plant


@pytest.fixture
async def clients(plant: Plant) -> AsyncIterator[Clients]:
    async with open_clients(plant) as opened:
        yield opened


def courier_of(plant: Plant, **settings: Any) -> Courier:  # noqa: ANN401  # of webhooks
    return Courier(
        plant.database, WebhookSettings(**settings), clock=PlantClock(plant), metrics=Metrics(),
        backoff=Backoff(initial_s=0.05, cap_s=0.1), every_s=0.02,
    )  # fmt: skip


@asynccontextmanager
async def delivering(courier: Courier) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(courier.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled() or task.exception() is None, task.exception()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def add_webhook(clients: Clients, receiver: Receiver, id_: str = "ems", **other: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    body = {"url": receiver.url, "events": ALL}
    asked = {"id": id_, "site": "BER1", "reason": "the EMS asked for it", "body": body, **other}
    answer = await clients.admin.post(f"{API}/webhooks", json=asked)
    assert answer.status_code == 201, answer.text
    stated: dict[str, Any] = answer.json()
    return stated


async def keep(plant: Plant, total: str) -> None:
    """Closes March, or amends it."""
    await plant.measure(ENERGY, MARCH, APRIL, total)
    plant.clock.turn(3600)
    if plant.clock.now() < APRIL + timedelta(days=12):
        plant.go_to(APRIL + timedelta(days=12))
    assert await plant.catch_up() == 1


async def outbox(clients: Clients, **asked: str) -> list[dict[str, Any]]:
    answer = await clients.auditor.get(f"{API}/outbox", params=asked)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def told(received: Sequence[Received]) -> list[tuple[str, int, str]]:
    """Gives the event, revision and figure of each request."""
    contents = [json.loads(each.body) for each in received]
    return [(each["event"], each["data"]["revision"], each["data"]["value"]) for each in contents]


def verifier() -> Callable[[str, dict[str, str], bytes, float], bool]:
    """Takes the receiver's code out of the guide, as its readers do."""
    (code,) = re.findall(r"```python\n(import hashlib.*?)```", GUIDE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  # of our own guide
    verify: Callable[[str, dict[str, str], bytes, float], bool] = names["is_genuine"]
    return verify


async def everything_but_the_secret(plant: Plant) -> str:
    """Dumps every table, without the one column that holds the secret."""
    dumped = []
    async with plant.database.connection() as connection:
        may_read = await connection.execute(f"SELECT has_table_privilege('{READER}', 'webhooks', 'SELECT')")  # ours
        assert await may_read.fetchone() == (False,)
        await connection.execute("UPDATE webhooks SET secret = ''")
        cursor = await connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'public'"
        )
        for (table,) in await cursor.fetchall():
            dumped += await (await connection.execute(f"SELECT t::text FROM {table} t")).fetchall()  # noqa: S608  # by format
        await connection.rollback()
    return str(dumped)


async def test_a_correction_reaches_the_receiver_over_tls_signed_and_in_order_and_the_secret_appears_nowhere(
    plant: Plant, clients: Clients, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    authority = Authority(tmp_path, "authority")
    with running(Receiver(), authority.issue("receiver")) as receiver:
        stated = await add_webhook(clients, receiver)
        secret = stated.pop("secret")
        assert re.fullmatch(r"whsec_[0-9a-f]{64}", secret)
        async with delivering(courier_of(plant, ca_file=authority.certificate)):
            await keep(plant, "74300")
            await keep(plant, "75043")
            (record,) = await plant.records("period_total")
            async with plant.database.connection() as connection:
                await void(connection, record, "another meter", plant.clock.now(), BOB)
            await until(lambda: len(receiver.received) == 3)
            await until(lambda: not serving())
    assert told(receiver.received) == [
        ("record.finalised", 1, "74300"), ("record.amended", 2, "75043"), ("record.voided", 3, "75043")
    ]  # fmt: skip
    is_genuine = verifier()
    for request in receiver.received:
        sent_at = float(request.headers["X-EMS-Timestamp"])
        assert is_genuine(secret, request.headers, request.body, sent_at + 10)
        assert not is_genuine(secret, request.headers, request.body + b" ", sent_at)
        assert not is_genuine(secret, request.headers, request.body, sent_at + 3600)
        assert not is_genuine("whsec_other", request.headers, request.body, sent_at)
        assert json.loads(request.body)["delivery"] == request.delivery
    data = json.loads(receiver.received[1].body)["data"]
    shown = (await clients.alice.get(data["path"])).json()
    assert {name: shown[name] for name in data if name != "path"} == {name: data[name] for name in data if name != "path"}
    again = await clients.admin.post(
        f"{API}/webhooks", json={"id": "ems", "site": "BER1", "reason": "the EMS asked for it", "body": stated["body"]}
    )
    assert (again.status_code, "secret" in again.json()) == (200, False)
    shown_to_others = [again.text, json.dumps(await outbox(clients))]
    for path in ("webhooks", "webhooks/ems", "webhooks/ems/revisions", "audit/events"):
        answer = await clients.auditor.get(f"{API}/{path}")
        assert answer.status_code == 200, answer.text
        shown_to_others.append(answer.text)
    written = capfd.readouterr()
    for place in (*shown_to_others, await everything_but_the_secret(plant), written.out, written.err):
        assert secret not in place
        assert secret.removeprefix("whsec_") not in place


def serving() -> list[asyncio.Task[Any]]:
    """Gives the tasks that deliver at this moment."""
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("webhook ")]


async def test_what_the_receiver_does_not_accept_is_sent_again_with_its_id_before_anything_that_follows(
    plant: Plant, clients: Clients
) -> None:
    statuses = {1: 500, 2: 503, 3: 302, 4: 400}
    with running(Receiver(lambda number: statuses.get(number, 200))) as receiver:
        await add_webhook(clients, receiver)
        await keep(plant, "74300")
        await keep(plant, "75043")
        async with delivering(courier_of(plant)):
            await until(lambda: len(receiver.received) == 6)
            await until(lambda: not serving())
    revisions = [revision for _, revision, _ in told(receiver.received)]
    assert revisions == [1, 1, 1, 1, 1, 2]
    assert len({request.delivery for request in receiver.received}) == 2
    assert {request.path for request in receiver.received} == {"/hooks"}
    deliveries = await outbox(clients, status="delivered")
    assert [(each["attempts"], each["last_error"]) for each in deliveries] == [(5, None), (1, None)]


async def test_a_receiver_that_was_away_gets_everything_in_order_when_it_is_back(plant: Plant, clients: Clients) -> None:
    receiver = Receiver()
    with running(receiver):
        await add_webhook(clients, receiver)
    courier = courier_of(plant)
    async with delivering(courier):
        await keep(plant, "74300")
        async with asyncio.timeout(30):
            while not (waiting := await outbox(clients, status="pending")) or waiting[0]["attempts"] < 2:
                await asyncio.sleep(0.05)
        assert waiting[0]["last_error"] == "it cannot be connected to"
        assert courier.state.failing == {"ems": "it cannot be connected to"}
        await keep(plant, "75043")
        with running(receiver):
            await until(lambda: len(receiver.received) == 2)
            await until(lambda: not serving())
    assert [revision for _, revision, _ in told(receiver.received)] == [1, 2]
    assert await outbox(clients, status="pending") == []
    assert courier.state.failing == {}


async def test_a_receiver_that_does_not_answer_holds_up_no_other(plant: Plant, clients: Clients) -> None:
    released = threading.Event()

    def waits(_number: int) -> int:
        released.wait(60)
        return 200

    with running(Receiver(waits)) as slow, running(Receiver()) as quick:
        await add_webhook(clients, slow, "a-slow-one")
        await add_webhook(clients, quick, "quick")
        async with delivering(courier_of(plant)):
            for total in ("74300", "75043", "75044"):
                await keep(plant, total)
            await until(lambda: len(quick.received) == 3)
            assert len(slow.received) == 1
            released.set()
            await until(lambda: len(slow.received) == 3)
    assert told(slow.received) == told(quick.received)
    assert not {request.delivery for request in slow.received} & {request.delivery for request in quick.received}


async def test_a_courier_that_is_killed_between_sending_and_noting_sends_again_with_the_same_id(
    plant: Plant, clients: Clients
) -> None:
    with running(Receiver()) as receiver:
        await add_webhook(clients, receiver)
        await keep(plant, "74300")
        async with plant.database.connection() as connection:
            await connection.execute("SELECT id FROM outbox FOR UPDATE")  # lets nobody note anything
            async with delivering(courier_of(plant)):
                await until(lambda: len(receiver.received) == 1)
                await asyncio.sleep(0.2)
            await connection.rollback()
        (waiting,) = await outbox(clients)
        assert (waiting["status"], waiting["attempts"]) == ("pending", 0)
        async with delivering(courier_of(plant)):
            await until(lambda: len(receiver.received) == 2)
            await until(lambda: not serving())
    first, second = receiver.received
    assert (first.delivery, first.body) == (second.delivery, second.body) == (waiting["id"], first.body)
    (delivered,) = await outbox(clients)
    assert delivered["status"] == "delivered"


async def test_a_receiver_that_is_gone_is_told_no_more_and_the_audit_trail_says_why(plant: Plant, clients: Clients) -> None:
    with running(Receiver(lambda _number: 410)) as receiver:
        await add_webhook(clients, receiver)
        await keep(plant, "74300")
        await keep(plant, "75043")
        async with delivering(courier_of(plant)):
            await until(lambda: len(receiver.received) == 1)
            await until(lambda: not serving())
            await keep(plant, "75044")
    assert len(receiver.received) == 1
    webhook = (await clients.auditor.get(f"{API}/webhooks/ems")).json()
    assert (webhook["revision"], webhook["body"]["active"], webhook["author"]) == (2, False, "service:records")
    assert webhook["reason"] == "the receiver answered 410: gone"
    given_up = [(each["status"], each["attempts"], each["last_error"]) for each in await outbox(clients)]
    assert given_up == [
        ("failed", 1, "the receiver answered 410: gone"), ("failed", 0, "the webhook was made inactive or void")
    ]  # fmt: skip


async def test_a_delivery_is_given_up_after_three_days_and_tried_again_when_somebody_asks(
    plant: Plant, clients: Clients
) -> None:
    status = 500
    with running(Receiver(lambda _number: status)) as receiver:
        await add_webhook(clients, receiver)
        await keep(plant, "74300")
        courier = courier_of(plant)
        async with delivering(courier):
            await until(lambda: len(receiver.received) >= 2)
            assert await outbox(clients, status="failed") == []
            plant.clock.turn(GIVEN_UP_AFTER.total_seconds())
            async with asyncio.timeout(30):
                while not (failed := await outbox(clients, webhook="ems", status="failed")):
                    await asyncio.sleep(0.05)
            assert (failed[0]["last_error"], failed[0]["next_at"]) == ("answered 500", None)
            await keep(plant, "75043")
            status = 200
            await until(lambda: told(receiver.received)[-1][1] == 2)
            path = f"{API}/outbox/{failed[0]['id']}:retry"
            assert (await clients.auditor.post(path)).status_code == 403
            assert (await clients.munich.post(path)).status_code == 404
            assert (await clients.admin.post(path)).json()["status"] == "pending"
            await until(lambda: told(receiver.received)[-1][1] == 1)
            await until(lambda: not serving())
        assert (await clients.admin.post(path)).status_code == 409
        assert (await clients.admin.post(f"{API}/outbox/{uuid4()}:retry")).status_code == 404
    async with plant.database.connection() as connection:
        assert await purge_deliveries(connection, plant.clock.now() + timedelta(days=29), REMEMBERED) == 0
        assert await purge_deliveries(connection, plant.clock.now() + timedelta(days=31), REMEMBERED) == 2


async def test_a_gap_is_told_once_to_the_webhooks_of_its_site(plant: Plant, clients: Clients) -> None:
    with running(Receiver()) as berlin, running(Receiver()) as munich, running(Receiver()) as records_alone:
        await add_webhook(clients, berlin, "berlin")
        await add_webhook(clients, munich, "munich", site="MUC1")
        only = {"url": records_alone.url, "events": ["record.finalised"]}
        await add_webhook(clients, records_alone, "records", body=only)
        points = [ENERGY, SUB]
        opened = [Gap(uuid4(), "hand", point, MARCH, MARCH, "silent", 0, is_open=True) for point in points]
        ended = [gap._replace(end=MARCH + timedelta(hours=1), is_open=False) for gap in opened]
        async with delivering(courier_of(plant)):
            for telling in (opened, opened, ended):
                async with plant.database.connection() as connection:
                    await store_gaps(connection, telling)
            await until(lambda: len(berlin.received) == 1)
            await until(lambda: not serving())
    assert munich.received == records_alone.received == []
    content = json.loads(berlin.received[0].body)
    assert (content["event"], content["site"], content["seq"]) == ("gap.opened", "BER1", None)
    assert [(gap["point"], gap["ended_at"]) for gap in content["data"]["gaps"]] == [(point, None) for point in points]
    assert (content["data"]["connector"], content["data"]["cause"]) == ("hand", "silent")


async def test_a_receiver_without_a_certificate_that_is_trusted_gets_nothing(
    plant: Plant, clients: Clients, tmp_path: Path
) -> None:
    with running(Receiver(), Authority(tmp_path, "unknown").issue("receiver")) as receiver:
        await add_webhook(clients, receiver)
        await keep(plant, "74300")
        async with delivering(courier_of(plant)), asyncio.timeout(30):
            while not (waiting := await outbox(clients))[0]["attempts"]:
                await asyncio.sleep(0.05)
    assert waiting[0]["last_error"].startswith("its certificate is not trusted")
    assert receiver.received == []


async def test_only_administrators_state_webhooks_and_only_they_and_auditors_see_them(plant: Plant, clients: Clients) -> None:
    with running(Receiver()) as receiver:
        stated = await add_webhook(clients, receiver)
        stated.pop("secret")
        assert (await clients.alice.post(f"{API}/webhooks", json={})).status_code == 403
        assert (await clients.alice.get(f"{API}/webhooks")).status_code == 403
        assert (await clients.bob.get(f"{API}/webhooks/ems")).status_code == 403
        assert (await clients.alice.get(f"{API}/outbox")).status_code == 403
        plain = {"id": "no", "site": "BER1", "reason": "x", "body": {"url": "http://10.0.0.9/x", "events": ALL}}
        refused = await clients.admin.post(f"{API}/webhooks", json=plain)
        assert refused.status_code == 422
        assert "must be https" in refused.json()["detail"]
        await keep(plant, "74300")
        void_it = f"{API}/webhooks/ems/revisions/1:void"
        assert (await clients.admin.post(void_it, json={"reason": "another EMS"})).status_code == 200
    (given_up,) = await outbox(clients)
    assert (given_up["status"], given_up["last_error"]) == ("failed", "the webhook was made inactive or void")
    assert (await clients.auditor.get(f"{API}/audit/verify")).json()["ok"]
