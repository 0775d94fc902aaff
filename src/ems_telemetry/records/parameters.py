"""What plan items tell their methods: read with the same strictness as registers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.method import Asked
from ems_telemetry.records.registers.register import Word


@dataclass(frozen=True, slots=True)
class Names:
    """Marks a parameter as the id of an entry of this kind, of which the figure is made."""

    kind: str


PlanName: TypeAlias = Annotated[Word, Names("plan")]
"""An item of the monitoring plan whose records are read."""
LimitName: TypeAlias = Annotated[Word, Names("limit")]


class Params(BaseModel):
    """What a method needs to know. Unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def unsaid(value: object) -> bool:
    """Tells whether to leave a parameter out of inputs: one that came to a released version later, where nobody says it.

    Inputs of what was planned before then stay what they were, and their hash with them.
    """
    return value is None or value is False or value == []


P = TypeVar("P", bound=BaseModel)


def params_of(model: type[P], asked: Asked) -> P:
    """Reads the parameters of a plan item.

    Raises:
        CannotComputeError: they are not what the method takes; names the first that is wrong.
    """
    try:
        return model.model_validate(dict(asked.item.params))
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in wrong["loc"]) or "params"
        raise CannotComputeError(
            f'{asked.item.method}: "{place}" of the plan item {asked.item.id}: {wrong["msg"]}; correct the item'
        ) from error


def named_in(model: type[BaseModel], params: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Gives the kind and id of the entries that parameters name; none where they are not what the method takes."""
    try:
        return set(_named(model.model_validate(dict(params))))
    except ValidationError:
        return set()


def _named(params: BaseModel) -> Iterator[tuple[str, str]]:
    for name, field in type(params).model_fields.items():
        said = getattr(params, name)
        marks = [*field.metadata, *(mark for each in get_args(field.annotation) for mark in getattr(each, "__metadata__", ()))]
        yield from ((mark.kind, said) for mark in marks if isinstance(mark, Names) and said is not None)
        for each in said if isinstance(said, list | tuple) else [said]:
            if isinstance(each, BaseModel):
                yield from _named(each)
