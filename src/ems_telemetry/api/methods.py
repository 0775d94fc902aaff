"""The methods that records are made by: what each computes, and what an item of the monitoring plan tells it."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, Field

from ems_telemetry.api.access import Reader
from ems_telemetry.api.description import make_router, problems
from ems_telemetry.api.problem import ApiError, ProblemType, Suggestion
from ems_telemetry.records.kinds import CLAUSES, RecordType
from ems_telemetry.records.method import Method, method_id
from ems_telemetry.records.methods import METHODS

router = make_router("Records")


class MethodItem(BaseModel):
    """A released version of a method. It never changes."""

    id: str = Field(examples=["period_total@1"])
    name: str
    version: int
    record: RecordType = Field(description="The type of record it makes.")
    formula: str = Field(description="What it computes, in words.")
    clauses: list[str] = Field(description="What such records support.", examples=[["ISO 14001:2026 9.1.1"]])
    params: dict[str, Any] = Field(description="What `params` of a plan item may say, as JSON Schema.")


class MethodList(BaseModel):
    """All of them."""

    items: list[MethodItem]
    next: None = None


@router.get("/methods")
async def list_methods(_caller: Reader) -> MethodList:
    """Lists every version of every method."""
    return MethodList(items=[method_item(method) for _, method in sorted(METHODS.items())])


@router.get("/methods/{name}/versions/{version}", responses=problems(ProblemType.NOT_FOUND))
async def get_method(
    _caller: Reader,
    name: Annotated[str, Path(description="The method.", max_length=100)],
    version: Annotated[int, Path(description="Its version.", ge=1, le=10_000)],
) -> MethodItem:
    """Gives one version of a method."""
    id_ = f"{name}@{version}"
    if id_ not in METHODS:
        raise ApiError(ProblemType.NOT_FOUND, f'there is no method "{id_}"{Suggestion(id_, list(METHODS))}')
    return method_item(METHODS[id_])


def method_item(method: Method) -> MethodItem:
    """A method as an item."""
    return MethodItem(
        id=method_id(method),
        name=method.name,
        version=method.version,
        record=method.record,
        formula=method.formula,
        clauses=[f"{clause.standard}:{clause.edition} {clause.clause}" for clause in CLAUSES[method.record]],
        params=method.params.model_json_schema(),
    )
