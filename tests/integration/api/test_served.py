"""The API as a real server serves it, tried with made-up requests."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
import schemathesis
from fakes import apart
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from ems_telemetry.model import Scope
from ems_telemetry.records.registers import REGISTERS

from .conftest import Plant, served

FEW = 10
PATIENCE_S = 60.0
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
async def address(plant: Plant) -> AsyncIterator[str]:
    await plant.store("EM-01.energy_import", 1.0)
    await plant.store("EM-01.energy_import", None, at_s=1)
    await plant.lose("shared")
    async with served(plant.app(allow_anonymous=True)) as address:
        yield address


async def test_readings_come_through_a_real_server(address: str) -> None:
    async with httpx.AsyncClient(base_url=address) as client:
        answer = await client.get("/api/v1/points/EM-01.energy_import/readings?format=csv")
    assert [line.split(",")[1] for line in answer.text.splitlines()] == ["value", "1.0", ""]


@pytest.mark.parametrize("examples", [2, apart(60)])
async def test_no_made_up_request_makes_it_fail_or_answer_otherwise_than_described(
    plant: Plant, address: str, examples: int
) -> None:
    """The same operations for every register need not be tried for every register each time."""
    key = await plant.key(list(Scope))
    left_out = [] if examples > FEW else list(REGISTERS.values())[1:]
    await asyncio.to_thread(try_everything, address, key, examples, [f"/api/v1/{register.path}" for register in left_out])


def try_everything(address: str, key: str, examples: int, left_out: Sequence[str]) -> None:
    httpx.get(f"{address}/api/v1/openapi.json", timeout=PATIENCE_S)  # made when it is first asked for, which takes a while
    schema = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json")
    headers = {"Authorization": f"Bearer {key}"}
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if any(operation.path == path or operation.path.startswith((f"{path}/", f"{path}:")) for path in left_out):
            continue
        try_operation(operation.as_strategy(), examples, headers)
        if any(operation.iter_parameters()):
            try_operation(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE), examples, headers)


def try_operation(cases: SearchStrategy[Any], examples: int, headers: dict[str, str]) -> None:
    @settings(max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def attempt(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS, headers=headers, timeout=PATIENCE_S)

    attempt()
