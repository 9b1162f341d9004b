"""Types of columns, and records of NDJSON as batches of Arrow.

Spark compares the schema of the first batch with its own, so each type has exactly one
counterpart. All columns are nullable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pyarrow as pa

from runner_spark.errors import RunnerError


class Column(NamedTuple):
    """A column of a plan."""

    name: str
    type: str


class Type(NamedTuple):
    """The counterparts of a type of `runner`."""

    ddl: str
    arrow: Any
    array: Callable[[list[Any]], Any]


def _text(values: list[Any]) -> Any:
    return pa.array(values, pa.string())


def _int(values: list[Any]) -> Any:
    # pyarrow truncates 1.5 without an error.
    wrong = [value for value in values if type(value) not in (int, type(None))]
    if wrong:
        raise ValueError(f"{json.dumps(wrong[0])} is not an integer")
    return pa.array(values, pa.int64())


def _number(values: list[Any]) -> Any:
    wrong = [value for value in values if type(value) not in (int, float, type(None))]
    if wrong:
        raise ValueError(f"{json.dumps(wrong[0])} is not a number")
    # Digits beyond a double are rounded, as SQL's DOUBLE does. pyarrow refuses such integers.
    return pa.array([None if value is None else float(value) for value in values], pa.float64())


def _bool(values: list[Any]) -> Any:
    return pa.array(values, pa.bool_())


def _time(values: list[Any]) -> Any:
    # pyarrow reads RFC 3339 with at most as many digits as the unit has.
    cut = [
        re.sub(r"(\.\d{6})\d+", r"\1", value) if isinstance(value, str) else value
        for value in values
    ]
    return pa.array(cut, pa.string()).cast(pa.timestamp("us", tz="UTC"))


def _json(values: list[Any]) -> Any:
    texts = [None if value is None else _compact(value) for value in values]
    return pa.array(texts, pa.string())


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


TYPES = {
    "text": Type("STRING", pa.string(), _text),
    "int": Type("BIGINT", pa.int64(), _int),
    "number": Type("DOUBLE", pa.float64(), _number),
    "bool": Type("BOOLEAN", pa.bool_(), _bool),
    "time": Type("TIMESTAMP", pa.timestamp("us", tz="UTC"), _time),
    "json": Type("STRING", pa.string(), _json),
}


def ddl(columns: list[Column]) -> str:
    """Returns the schema as Spark's DDL."""
    return ", ".join(
        f"`{column.name.replace('`', '``')}` {TYPES[column.type].ddl}" for column in columns
    )


def arrow_schema(columns: list[Column]) -> Any:
    """Returns the schema as a `pyarrow.Schema`."""
    return pa.schema([pa.field(column.name, TYPES[column.type].arrow) for column in columns])


def batch(lines: list[bytes], columns: list[Column], first: int) -> Any:
    """Converts lines of NDJSON to a `pyarrow.RecordBatch`. `first` is the number of the first."""
    records = [json.loads(line) for line in lines]
    arrays = []
    for column in columns:
        try:
            values = [record[column.name] for record in records]
        except (KeyError, TypeError):
            raise RunnerError(f"a record has no column `{column.name}`") from None
        try:
            arrays.append(TYPES[column.type].array(values))
        except (pa.ArrowException, ValueError, OverflowError, TypeError) as error:
            raise RunnerError(
                f"column `{column.name}` has type `{column.type}`, but a value among records "
                f"{first} to {first + len(records) - 1} does not: {error}"
            ) from None
    return pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(columns))
