"""The API against its own description, and the description against the pages people read."""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from jsonschema_rs import Draft202012Validator
from limit_inputs import JANUARY, hours, judged, limit, quarters
from pydantic import BaseModel

from ems_telemetry.api import configuration_items, interval_items, items, record_items
from ems_telemetry.api.problem import ProblemType
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.model import Flag, Scope
from ems_telemetry.records.compliance.events import exceedance_id
from ems_telemetry.records.envelope import make_envelope
from ems_telemetry.records.keeping.making import Draft, draft, keep
from ems_telemetry.records.method import Asked, PlanItem
from ems_telemetry.records.methods import METHODS
from ems_telemetry.records.packing.asked import PackAsked
from ems_telemetry.records.registering.stating import content_of, state
from ems_telemetry.records.registers import REGISTERS
from ems_telemetry.records.viewing.views import VIEWS
from ems_telemetry.storage.audit import Actor
from ems_telemetry.storage.entries import NewEntry
from ems_telemetry.storage.packs import PackRow, add_pack

from .conftest import START, Plant, client_of
from .test_configuration import accept

REGISTER = re.compile("/api/v1/(" + "|".join(register.path for register in REGISTERS.values()) + ")(?=[/:]|$)")
DOCS = Path(__file__).parents[3] / "docs" / "api.md"
PATHS = {
    "/api/v1/sites": "/api/v1/sites",
    "/api/v1/meters": "/api/v1/meters",
    "/api/v1/meters/{id}": "/api/v1/meters/EM-01",
    "/api/v1/points": "/api/v1/points",
    "/api/v1/points/{key}": "/api/v1/points/EM-01.energy_import",
    "/api/v1/points/{key}/readings": "/api/v1/points/EM-01.energy_import/readings",
    "/api/v1/points/{key}/intervals": "/api/v1/points/EM-01.energy_import/intervals",
    "/api/v1/consumption": "/api/v1/consumption",
    "/api/v1/completeness": "/api/v1/completeness",
    "/api/v1/meters/{id}/balance": "/api/v1/meters/EM-01/balance",
    "/api/v1/meters/{id}/events": "/api/v1/meters/EM-01/events",
    "/api/v1/points/{key}/peaks": "/api/v1/points/EM-01.power/peaks",
    "/api/v1/points/{key}/revisions": "/api/v1/points/EM-01.energy_import/revisions",
    "/api/v1/config/revisions": "/api/v1/config/revisions",
    "/api/v1/config/revisions/{id}": "/api/v1/config/revisions/1",
    "/api/v1/status": "/api/v1/status",
    "/api/v1/readings/latest": "/api/v1/readings/latest",
    "/api/v1/connectors": "/api/v1/connectors",
    "/api/v1/dead-letters": "/api/v1/dead-letters",
    "/api/v1/dead-letters/summary": "/api/v1/dead-letters/summary",
    "/api/v1/gaps": "/api/v1/gaps",
    "/api/v1/records": "/api/v1/records",
    **{f"/api/v1/{path}": f"/api/v1/{path}" for path in (view.path for view in VIEWS.values())},
    "/api/v1/ghg/inventory": "/api/v1/ghg/inventory?site=BER1&year=2026",
    "/api/v1/methods": "/api/v1/methods",
    "/api/v1/plan": "/api/v1/plan",
    "/api/v1/plan/preliminary": "/api/v1/plan/preliminary?plan=total/EM-01.energy_import/1mo",
    "/api/v1/methods/{name}/versions/{version}": "/api/v1/methods/period_total/versions/1",
    "/api/v1/outbox": "/api/v1/outbox",
    "/api/v1/audit/events": "/api/v1/audit/events",
    "/api/v1/audit/checkpoints": "/api/v1/audit/checkpoints",
    "/api/v1/audit-packs": "/api/v1/audit-packs",
    "/api/v1/audit/verify": "/api/v1/audit/verify",
    "/api/v1/evaluations": "/api/v1/evaluations",
    "/api/v1/exceedances": "/api/v1/exceedances",
    "/healthz": "/healthz",
    "/readyz": "/readyz",
}


@pytest.fixture
async def document(api: httpx.AsyncClient) -> dict[str, Any]:
    answer: dict[str, Any] = (await api.get("/api/v1/openapi.json")).json()
    return answer


async def put_all_kinds(plant: Plant) -> None:
    """Stores intervals with every flag, and lets some time pass over them."""
    plant.clock.turn(3600)
    await plant.put_quarters("EM-01.energy_import", START, ["1.5", None], flags=sum(IntervalFlag))
    await plant.put_quarters("EM-01.power", START, ["100", "200"])
    await plant.put("EM-01.energy_import", "1mo", [(datetime(2026, 2, 28, 23, tzinfo=UTC), "1.5")])


async def declare_event(plant: Plant) -> str:
    """Declares that a meter was reset, and void that it was; gives its id."""
    body = {
        "type": "reset",
        "at": "2026-03-02T10:00:00Z",
        "reason": "power failure",
        "registers": [{"point": "EM-01.energy_import"}],
    }
    async with client_of(plant.app(), await plant.key(["metrology"])) as client:
        event: str = (await client.post("/api/v1/meters/EM-01/events", json=body)).json()["id"]
        await client.post(f"/api/v1/meters/EM-01/events/{event}:void", json={"reason": "it was another one"})
    return event


async def state_examples(plant: Plant) -> dict[str, str]:
    """States the example of every register; gives the paths at which it is read."""
    paths: dict[str, str] = {}
    for register in REGISTERS.values():
        at = None if register.untimed else START
        body = content_of(register.example)
        new = NewEntry(register.kind, "X-1", "BER1" if register.needs_site else None, at, None, body, "an example")
        async with plant.database.connection() as connection:
            await state(connection, Actor("key:test", "test"), register, new, plant.clock.now(), 0)
        path = f"/api/v1/{register.path}"
        paths |= {path: path, f"{path}/{{id}}": f"{path}/X-1", f"{path}/{{id}}/revisions": f"{path}/X-1/revisions"}
    return paths


async def keep_record(plant: Plant) -> UUID:
    """Keeps a record of a month long past; gives its id."""
    item = PlanItem("an-item", 1, "BER1", "EM-01", "period_total@1", Period.MONTH, {"point": "EM-01.energy_import"})
    start, end = datetime(2026, 1, 31, 23, tzinfo=UTC), datetime(2026, 2, 28, 23, tzinfo=UTC)
    asked = Asked(item, start, end, ZoneInfo("Europe/Berlin"))
    async with plant.database.connection() as connection:
        kept = await keep(connection, await draft(connection, asked, plant.clock.now()), None, "closed", plant.clock.now())
    assert kept is not None
    return kept.id


async def keep_exceedance(plant: Plant) -> UUID:
    """Keeps the evaluation of a day that exceeds its limit; gives the id of the exceedance."""
    body, end = limit(), JANUARY + timedelta(days=1)
    item = PlanItem("an-evaluation", 1, "BER1", "L-1", "compliance@1", Period.DAY, {"limit": "L-1"})
    asked, now = Asked(item, JANUARY, end, ZoneInfo("UTC")), plant.clock.now()
    figure, snapshot = judged(body, quarters(hours(*[210] * 24))), b"{}"
    envelope = make_envelope(METHODS["compliance@1"], asked, figure, (), hashlib.sha256(snapshot).hexdigest(), now)
    new = NewEntry("limit", "L-1", "BER1", JANUARY, None, body, "for a test")
    async with plant.database.connection() as connection:
        await state(connection, Actor("key:test", "test"), REGISTERS["limit"], new, now, 0)
        await keep(connection, Draft(envelope, snapshot, (), ()), None, "closed", now)
    return exceedance_id("L-1", JANUARY)


async def ask_for_pack(plant: Plant) -> UUID:
    """Asks for an evidence pack, which nobody makes; gives its id."""
    asked = PackAsked(site="BER1", since=START, until=START + timedelta(days=1), as_of=START, seed="any")
    id_ = UUID(int=1)
    row = PackRow(id_, "BER1", asked.scope(), "key:test", "test", None, "pending", START)
    async with plant.database.connection() as connection:
        await add_pack(connection, row)
    return id_


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]}, validate_formats=True)


async def test_every_answer_is_as_its_schema_says_and_holds_nothing_else(
    plant: Plant, api: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    await plant.store("EM-01.energy_import", 1.0, flags=sum(Flag))
    await put_all_kinds(plant)
    await plant.store("EM-01.energy_import", None, at_s=1)
    letter = await plant.lose("shared")
    await plant.miss("shared", from_s=0, to_s=1)
    event = await declare_event(plant)
    record = await keep_record(plant)
    paths = {
        **PATHS,
        **await state_examples(plant),
        **{f"/api/v1/records/{{id}}{part}": f"/api/v1/records/{record}{part}" for part in ("", "/revisions", "/proof")},
        "/api/v1/records/{id}/lineage": f"/api/v1/records/{record}/lineage?depth=raw",
        "/api/v1/records/dependents": "/api/v1/records/dependents?point=EM-01.energy_import",
        "/api/v1/retention": "/api/v1/retention?point=EM-01.energy_import&day=2026-02-10",
        "/api/v1/instruments/{id}/status": "/api/v1/instruments/X-1/status",
        "/api/v1/calibrations/{id}/impact": "/api/v1/calibrations/X-1/impact",
        "/api/v1/meters/{id}/events/{event}": f"/api/v1/meters/EM-01/events/{event}",
        "/api/v1/dead-letters/{id}": f"/api/v1/dead-letters/{letter}",
        "/api/v1/exceedances/{id}": f"/api/v1/exceedances/{await keep_exceedance(plant)}",
        "/api/v1/audit-packs/{id}": f"/api/v1/audit-packs/{await ask_for_pack(plant)}",
    }
    await accept(plant, 0, "type: modbus", "0.1")
    beside = {"/metrics", "/api/v1/audit-packs/{id}/file", "/api/v1/exports/{profile}"}  # no JSON
    assert set(paths) | beside == {path for method, path, _ in operations_of(document) if method == "GET"}
    headers = {"Authorization": f"Bearer {await plant.key(list(Scope))}"}
    for template, path in paths.items():
        answer = await api.get(path, headers=headers)
        content = document["paths"][template]["get"]["responses"]["200"]["content"]["application/json"]
        errors = list(validator(document, content["schema"]).iter_errors(answer.json()))
        assert not errors, f"{path}: {errors[0]}"


async def test_the_answer_to_a_retry_is_as_its_schema_says(plant: Plant, document: dict[str, Any]) -> None:
    letter = await plant.lose("shared")
    async with client_of(plant.app(), await plant.key(["admin"])) as admin:
        answer = await admin.post(f"/api/v1/dead-letters/{letter}/retry")
    content = document["paths"]["/api/v1/dead-letters/{id}/retry"]["post"]["responses"]["200"]["content"]
    assert not list(validator(document, content["application/json"]["schema"]).iter_errors(answer.json()))


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("sites", items.Site),
        ("meters", items.Meter),
        ("points", items.Point),
        ("points/EM-01.power/readings", items.Reading),
        ("points/EM-01.energy_import/intervals", interval_items.Interval),
        ("consumption", interval_items.Consumption),
        ("completeness", interval_items.Completeness),
        ("meters/EM-01/balance", interval_items.Balance),
        ("meters/EM-01/events", interval_items.MeterEvent),
        ("readings/latest", items.LatestReading),
        ("connectors", items.Connector),
        ("dead-letters", items.DeadLetter),
        ("dead-letters/summary", items.LetterKind),
        ("gaps", items.Gap),
        ("points/EM-01.energy_import/revisions", configuration_items.PointRevision),
        ("config/revisions", configuration_items.ConfigRevision),
        ("records", record_items.Record),
    ],
)
async def test_an_item_has_the_fields_of_its_model_in_their_order(
    plant: Plant, api: httpx.AsyncClient, path: str, model: type[BaseModel]
) -> None:
    await plant.store("EM-01.power", 1.0)
    await put_all_kinds(plant)
    await plant.lose("shared")
    await plant.miss("shared", from_s=0, to_s=1)
    await accept(plant, 0, "type: modbus", "0.1")
    await declare_event(plant)
    await keep_record(plant)
    first = (await api.get(f"/api/v1/{path}")).json()["items"][0]
    assert list(first) == items.columns_of(model)


async def test_every_problem_is_as_its_schema_says(api: httpx.AsyncClient, document: dict[str, Any]) -> None:
    problem = validator(document, {"$ref": "#/components/schemas/Problem"})
    for path in ("/api/v1/none", "/api/v1/points/none", "/api/v1/points?limit=0&x=1"):
        assert not list(problem.iter_errors((await api.get(path)).json()))


def operations_of(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Gives each operation with its method and path."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


async def test_every_guarded_operation_says_so_and_names_its_problems(document: dict[str, Any]) -> None:
    for _, path, operation in operations_of(document):
        assert operation["description"], path
        if not path.startswith("/api/"):
            assert "security" not in operation
            continue
        assert operation["security"] == [{"HTTPBearer": []}], path
        for status in ("401", "403", "422", "503"):
            assert set(operation["responses"][status]["content"]) == {"application/problem+json"}, (path, status)


async def test_operations_have_short_names_for_generated_clients(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations_of(document)]
    assert len(set(names)) == len(names)
    assert {"list_points", "get_point", "list_readings", "list_latest_readings"} <= set(names)


async def test_every_route_parameter_and_problem_is_in_the_docs(document: dict[str, Any]) -> None:
    text = DOCS.read_text()
    written = set(re.findall(r"`([^`\n]+)`", text))
    for method, path, operation in operations_of(document):
        shown = path
        if operation["tags"] == ["Registers"] and (of := REGISTER.match(path)):
            assert f"/api/v1/{of[1]}" in written, path
            shown = path.replace(of[1], "{register}", 1)
        assert f"{method} {shown}" in written, path
        for parameter in operation.get("parameters", []):
            assert parameter["name"] in written, (path, parameter["name"])
    for type_ in ProblemType:
        assert type_.word in written, type_
    for path in ("/api/docs", "/api/v1/openapi.json"):
        assert path in written
