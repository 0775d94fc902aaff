"""Registers, records and the audit trail over REST."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, NamedTuple

import httpx
import pytest
from record_api import Clients, open_clients
from record_plant import APRIL, ENERGY, MARCH, Plant

API = "/api/v1"
HOLE = {"from": "2026-03-11T00:00:00Z", "to": "2026-03-12T00:00:00Z"}


@pytest.fixture
async def clients(plant: Plant) -> AsyncIterator[Clients]:
    async with open_clients(plant) as opened:
        yield opened


def correction(**other: object) -> dict[str, Any]:
    body = {"point": ENERGY, **HOLE, "value": 2500, "class": "typing_error"}
    return {"id": "C-1", "site": "BER1", "reason": "read 8 for 3", "body": body, **other}


async def closed(plant: Plant) -> None:
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()


async def one_record(client: httpx.AsyncClient, **asked: str) -> dict[str, Any]:
    answer = await client.get(f"{API}/records", params={"type": "period_total", **asked})
    assert answer.status_code == 200, answer.text
    (record,) = answer.json()["items"]
    return dict(record)


async def test_a_correction_counts_once_somebody_else_approved_it(plant: Plant, clients: Clients) -> None:
    await closed(plant)
    stated = await clients.alice.post(f"{API}/corrections", json=correction())
    assert stated.status_code == 201, stated.text
    assert stated.json()["status"] == "proposed"
    assert await plant.catch_up() == 0
    approve = f"{API}/corrections/C-1/revisions/1:approve"
    refused = await clients.alice.post(approve, json={"reason": "mine"})
    assert refused.status_code == 403
    assert "let somebody else" in refused.json()["detail"]
    approved = await clients.bob.post(approve, json={"reason": "looked at the photo"})
    assert approved.status_code == 200, approved.text
    assert approved.json()["status"] == "in_force"
    assert await plant.catch_up() == 2  # the total, and how complete it is
    record = await one_record(clients.alice)
    assert (record["value"], record["revision"], record["reason"]) == ("74400", 2, "correction_changed")
    assert "corrected" in record["flags"]
    assert any(ref["kind"] == "correction" and ref["id"] == "C-1" for ref in record["inputs"])
    first = (await clients.alice.get(f"{API}/records/{record['record_id']}", params={"revision": 1})).json()
    assert (first["value"], first["status"]) == ("74300", "final")


async def test_the_same_fact_stated_twice_is_one_and_another_of_its_name_is_refused(clients: Clients) -> None:
    assert (await clients.alice.post(f"{API}/corrections", json=correction())).status_code == 201
    assert (await clients.alice.post(f"{API}/corrections", json=correction())).status_code == 200
    other = correction()
    other["body"]["value"] = 2600
    refused = await clients.alice.post(f"{API}/corrections", json=other)
    assert refused.status_code == 409
    assert "PUT" in refused.json()["detail"]


async def test_a_revision_needs_the_state_it_follows(clients: Clients) -> None:
    stated = await clients.alice.post(f"{API}/corrections", json=correction())
    changed = correction()
    del changed["id"]
    url = f"{API}/corrections/C-1"
    assert (await clients.alice.put(url, json=changed)).status_code == 428
    tag = {"If-Match": stated.headers["ETag"]}
    revised = await clients.alice.put(url, json=changed, headers=tag)
    assert (revised.status_code, revised.json()["revision"]) == (200, 2)
    assert (await clients.alice.put(url, json=changed, headers=tag)).status_code == 412
    revisions = (await clients.alice.get(f"{url}/revisions")).json()["items"]
    assert [each["revision"] for each in revisions] == [1, 2]


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "PUT", "POST"])
async def test_evidence_is_not_edited_or_deleted(plant: Plant, clients: Clients, method: str) -> None:
    await closed(plant)
    record = await one_record(clients.alice)
    refused = await clients.alice.request(method, f"{API}/records/{record['record_id']}", json={})
    assert refused.status_code == 405
    assert "POST /corrections" in refused.json()["detail"]
    if method in {"DELETE", "PATCH"}:
        await clients.alice.post(f"{API}/corrections", json=correction())
        refused = await clients.alice.request(method, f"{API}/corrections/C-1")
        assert refused.status_code == 405
        assert "void" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"from": "2026-03-11T00:07:00Z"}, "full quarters"),
        ({"from": "2026-03-13T00:00:00Z"}, "nothing lies between"),
        ({"point": "EM-90.energy_import"}, "no such point at BER1"),
        ({"point": "EM-99.energy_import"}, "no such point at BER1"),
        ({"value": "much"}, "value"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_wrong_fact_is_refused_in_words(clients: Clients, change: dict[str, str], words: str) -> None:
    wrong = correction()
    wrong["body"] |= change
    refused = await clients.alice.post(f"{API}/corrections", json=wrong)
    assert refused.status_code == 422, refused.text
    assert words in refused.json()["detail"]


def planned(id_: str, of: str = "P-0", **other: object) -> dict[str, Any]:
    params = {"aspect": "energy", "points": [ENERGY], "total": {"plan": of}}
    body = {"method": "aspect_magnitude@1", "scope": "BER1", "params": params, **other}
    return {"id": id_, "site": "BER1", "reason": "as agreed", "valid_from": "2026-03-01T00:00:00Z", "body": body}


async def test_a_plan_item_names_a_retention_class_that_there_is(clients: Clients) -> None:
    wrong = await clients.alice.post(f"{API}/monitoring-plan", json=planned("P-1", retention_class="eu_ets_2"))
    assert wrong.status_code == 422
    (error,) = wrong.json()["errors"]
    assert (error["parameter"], error["value"]) == ("body.retention_class", "eu_ets_2")
    assert error["detail"].startswith("is no retention class; there are ems_record, eu_ets, ghg_part_98")
    right = await clients.alice.post(f"{API}/monitoring-plan", json=planned("P-1", retention_class="eu_ets"))
    assert right.status_code == 201, right.text
    again = {name: said for name, said in planned("P-1", retention_class="x").items() if name != "id"}
    headers = {"If-Match": right.headers["ETag"]}
    answer = await clients.alice.put(f"{API}/monitoring-plan/P-1", json=again, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["value"]) == (422, "x")


async def test_a_plan_item_that_would_be_made_of_itself_is_refused(clients: Clients) -> None:
    for id_, other in (("P-1", "P-2"), ("P-2", "P-3")):
        assert (await clients.alice.post(f"{API}/monitoring-plan", json=planned(id_, other))).status_code == 201
    answer = await clients.alice.post(f"{API}/monitoring-plan", json=planned("P-3", "P-1"))
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "parameter": "body.params",
            "value": None,
            "detail": 'no record can be made of itself: plan item "P-3" is made of plan item "P-1", that of plan item "P-2", '
            'that of plan item "P-3"; let one of them be made of something else',
        }
    ]


async def test_a_key_of_one_site_neither_sees_nor_changes_another(plant: Plant, clients: Clients) -> None:
    await closed(plant)
    record = await one_record(clients.alice)
    munich = clients.munich
    assert (await munich.get(f"{API}/records", params={"site": "BER1"})).status_code == 403
    assert (await munich.get(f"{API}/records")).json()["items"] == []
    assert (await munich.get(f"{API}/records/{record['record_id']}")).status_code == 404
    assert (await munich.post(f"{API}/corrections", json=correction())).status_code == 403
    await clients.alice.post(f"{API}/corrections", json=correction())
    assert (await munich.get(f"{API}/corrections/C-1")).status_code == 404
    assert (await munich.get(f"{API}/audit/verify")).status_code == 403


async def test_what_changed_is_followed_without_missing_or_repeating(plant: Plant, clients: Clients) -> None:
    await closed(plant)
    cursor, seen = 0, []
    for _ in range(2):
        changes = (await clients.alice.get(f"{API}/records", params={"changed_since": cursor, "type": "period_total"})).json()
        seen += [(each["revision"], each["value"]) for each in changes["items"]]
        cursor = max([cursor, *(each["seq"] for each in changes["items"])])
        plant.go_to(plant.clock.now() + timedelta(days=1))
        await plant.measure(ENERGY, MARCH, APRIL, "75043")
        await plant.catch_up()
    assert seen == [(1, "74300"), (2, "75043")]


async def test_a_record_of_another_site_cannot_be_voided(plant: Plant, clients: Clients) -> None:
    await closed(plant)
    record = await one_record(clients.alice)
    voiding = {"id": "V-1", "site": "MUC1", "reason": "not mine", "body": {"record_id": record["record_id"]}}
    assert (await clients.munich.post(f"{API}/voidings", json=voiding)).status_code == 201
    refused = await clients.bob.post(f"{API}/voidings/V-1/revisions/1:approve", json={"reason": "agreed"})
    assert refused.status_code == 409
    assert "at MUC1" in refused.json()["detail"]
    assert (await one_record(clients.alice))["status"] == "final"


async def test_a_record_is_voided_by_two_persons_and_stays_readable(plant: Plant, clients: Clients) -> None:
    await closed(plant)
    record = await one_record(clients.alice)
    voiding = {"id": "V-1", "site": "BER1", "reason": "wrong meter", "body": {"record_id": record["record_id"]}}
    stated = await clients.alice.post(f"{API}/voidings", json=voiding)
    assert stated.status_code == 201, stated.text
    approved = await clients.bob.post(f"{API}/voidings/V-1/revisions/1:approve", json={"reason": "agreed"})
    assert approved.status_code == 200, approved.text
    now = await one_record(clients.alice)
    assert (now["status"], now["revision"], now["reason"]) == ("voided", 2, "wrong meter")
    await plant.measure(ENERGY, MARCH, APRIL, "75043")
    await plant.catch_up()
    assert (await one_record(clients.alice))["revision"] == 2


async def test_a_period_that_lasts_is_told_preliminarily_and_kept_nowhere(plant: Plant, clients: Clients) -> None:
    await plant.measure(ENERGY, MARCH, MARCH + timedelta(days=10), "24000")
    plant.go_to(MARCH + timedelta(days=10))
    (planned,) = (await clients.alice.get(f"{API}/plan", params={"method": "period_total@1", "limit": 1})).json()["items"]
    assert (planned["id"], planned["closes_at"]) == (f"total/{ENERGY}/1mo", "2026-04-07T22:00:00Z")
    told = await clients.alice.get(f"{API}/plan/preliminary", params={"plan": planned["id"]})
    assert told.status_code == 200, told.text
    record = told.json()
    assert (record["status"], record["revision"], record["hash"]) == ("preliminary", 0, None)
    assert (record["value"], record["details"]["known"]) == (None, "24000")
    assert (await clients.alice.get(f"{API}/records")).json()["items"] == []
    unknown = await clients.alice.get(f"{API}/plan/preliminary", params={"plan": planned["id"] + "x"})
    assert unknown.status_code == 404
    assert planned["id"] in unknown.json()["detail"]


async def test_a_record_is_recomputed_and_proved(plant: Plant, clients: Clients) -> None:
    await closed(plant)
    record = await one_record(clients.alice)
    again = (await clients.alice.post(f"{API}/records/{record['record_id']}:recompute")).json()
    assert again["equal"] is True
    assert again["stored"]["value"] == again["recomputed"]["value"] == "74300"
    proof = (await clients.alice.get(f"{API}/records/{record['record_id']}/proof")).json()
    assert proof["holds"] is True
    assert proof["hash"] == proof["computed_hash"] == record["hash"]


class Tampering(NamedTuple):
    """What somebody does who may do everything in the database, and what is told of it at which event."""

    statement: str
    words: str
    seq: str


RECORD, FACT = "SELECT min(seq) FROM records", "SELECT min(seq) FROM register_entries"
TABLES = ("records", "register_entries", "register_decisions", "audit_events")
TAMPERINGS = [
    Tampering("UPDATE records SET value = 70000 WHERE revision = 1", "the column of value says 70000", RECORD),
    Tampering("UPDATE records SET period_end = period_end + interval '1 day'", "the column of period_end", RECORD),
    Tampering(
        """UPDATE records SET envelope = jsonb_set(envelope, '{value}', '"70000"'), value = 70000 WHERE revision = 1""",
        "its content is not what its hash was taken of",
        RECORD,
    ),
    Tampering("DELETE FROM records", "is missing", RECORD),
    Tampering("""UPDATE register_entries SET body = body || '{"value": "1"}'""", "correction C-1, revision 1", FACT),
    Tampering(
        "UPDATE register_decisions SET actor = 'key:mallory'",
        "correction C-1, revision 1",
        "SELECT min(seq) FROM register_decisions",
    ),
    Tampering("UPDATE audit_events SET actor_name = 'Mallory' WHERE seq = 6", "its content", "SELECT 6"),
    Tampering("DELETE FROM audit_events WHERE seq = 3", "event 3 is missing", "SELECT 3"),
    Tampering(
        "DELETE FROM audit_events WHERE seq = (SELECT max(seq) FROM records)",
        "the trail ends before it",
        "SELECT max(seq) FROM records",
    ),
    Tampering(
        """INSERT INTO records SELECT (r).* FROM (SELECT jsonb_populate_record(k, jsonb_build_object('revision', 9, 'seq',
           (SELECT min(seq) FROM register_entries))) AS r FROM kept_records k LIMIT 1) forged""",
        "both have a row of event",
        FACT,
    ),
]


async def test_tampering_in_the_database_is_found_with_its_place(plant: Plant, clients: Clients) -> None:
    await clients.alice.post(f"{API}/corrections", json=correction())
    await clients.bob.post(f"{API}/corrections/C-1/revisions/1:approve", json={"reason": "ok"})
    await closed(plant)
    await as_superuser(plant, *(f"CREATE TABLE kept_{table} AS TABLE {table}" for table in TABLES))
    for tampering in TAMPERINGS:
        (seq,) = await as_superuser(plant, tampering.seq)
        await as_superuser(plant, tampering.statement)
        verdict = (await clients.auditor.get(f"{API}/audit/verify")).json()
        assert (verdict["ok"], verdict["first_bad_seq"]) == (False, seq), (tampering, verdict)
        assert tampering.words in verdict["reason"], (tampering, verdict)
        for table in TABLES:
            await as_superuser(plant, f"DELETE FROM {table}", f"INSERT INTO {table} SELECT * FROM kept_{table}")  # noqa: S608
        assert (await clients.auditor.get(f"{API}/audit/verify")).json()["ok"] is True


async def as_superuser(plant: Plant, *statements: str) -> tuple[Any, ...]:
    """Does what no trigger sees; gives the first row of the last statement."""
    async with plant.database.connection() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        cursors = [await connection.execute(statement.encode()) for statement in statements]
        return await cursors[-1].fetchone() or () if cursors[-1].description else ()


async def test_the_database_itself_refuses_changes(plant: Plant) -> None:
    await closed(plant)
    for statement in ("UPDATE records SET value = 1", "DELETE FROM audit_events", "TRUNCATE audit_events"):
        with pytest.raises(Exception, match="evidence is never edited or deleted"):  # the block is the transaction
            async with plant.database.connection() as connection:
                await connection.execute(statement.encode())


async def test_the_audit_trail_tells_who_did_what_and_why(clients: Clients) -> None:
    await clients.alice.post(f"{API}/corrections", json=correction())
    await clients.bob.post(f"{API}/corrections/C-1/revisions/1:reject", json={"reason": "no photo"})
    events = (await clients.auditor.get(f"{API}/audit/events", params={"object_id": "C-1"})).json()["items"]
    assert [(each["action"], each["actor_name"], each["reason"]) for each in events] == [
        ("correction.added", "alice", "read 8 for 3"),
        ("correction.rejected", "bob", "no photo"),
    ]
    assert (await clients.munich.get(f"{API}/audit/events")).json()["items"] == []
    assert (await clients.alice.get(f"{API}/audit/events")).status_code == 403
