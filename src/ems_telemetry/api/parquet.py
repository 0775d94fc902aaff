"""Lists as Parquet, with the types of their fields. Needs pyarrow, the extra `parquet`: it is larger than all the rest."""

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel

from ems_telemetry.api.format import Item, column_of
from ems_telemetry.api.problem import ApiError, ProblemType

_TYPES: Final[Mapping[type, str]] = {bool: "bool_", int: "int64", float: "float64", str: "string"}


def write_parquet(items: Sequence[Item], model: type[BaseModel]) -> bytes:
    """Writes items as one Parquet file: times as timestamps in UTC, words of a list as a list, what has fields as JSON.

    Raises:
        ApiError: 406, pyarrow is not installed.
    """
    arrow = _import_arrow()
    fields, columns = [], []
    for name, field in model.model_fields.items():
        type_ = _arrow_type(arrow, field.annotation)
        values = column_of(items, name)
        if type_ == arrow.string():
            values = [_as_text(value) for value in values]
        fields.append(arrow.field(name, type_))
        columns.append(arrow.array(values, type_))
    file = io.BytesIO()
    arrow.parquet.write_table(arrow.Table.from_arrays(columns, schema=arrow.schema(fields)), file)
    return file.getvalue()


def _arrow_type(arrow: Any, annotation: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    (plain,) = [part for part in _parts(annotation) if part is not NoneType] or [str]
    if get_origin(plain) is list:
        return arrow.list_(arrow.string()) if get_args(plain) == (str,) else arrow.string()
    if plain is datetime:
        return arrow.timestamp("us", "UTC")
    return getattr(arrow, _TYPES.get(plain, "string"))()


def _parts(annotation: Any) -> list[Any]:  # noqa: ANN401 - a type
    """Takes an annotation apart: `Literal[0, 64] | None` is an int or nothing."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _parts(get_args(annotation)[0])
    if origin in {Union, UnionType}:
        return list(dict.fromkeys(part for each in get_args(annotation) for part in _parts(each)))
    if origin is Literal:
        return list(dict.fromkeys(type(each) for each in get_args(annotation)))
    return [datetime if getattr(annotation, "__name__", "") == "AwareDatetime" else annotation]


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    return msgspec.json.encode(value).decode() if isinstance(value, (list, dict)) else str(value)


def _import_arrow() -> Any:  # noqa: ANN401 - pyarrow has no types
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet  # noqa: PLC0415 - see above
    except ImportError as error:
        words = 'Parquet needs the extra: pip install "ems-telemetry[parquet]" where the service runs; or ask for CSV or NDJSON'
        raise ApiError(ProblemType.NOT_ACCEPTABLE, words) from error
    return pa
