"""What plan items tell their methods: read with the same strictness as registers."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.method import Asked


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
