import datetime
import json
from typing import Any

import pyarrow as pa
import pytest

from runner_spark.columns import Column, arrow_schema, batch, ddl
from runner_spark.errors import RunnerError

COLUMNS = [Column(kind, kind) for kind in ("text", "int", "number", "bool", "time", "json")]


def read(column: str, *values: Any) -> list[Any]:
    lines = [json.dumps({column: value}).encode() for value in values]
    values_read: list[Any] = batch(lines, [Column(column, column)], 1)[0].to_pylist()
    return values_read


def test_the_schema_is_what_engines_expect() -> None:
    assert ddl([Column("a`b", "text"), Column("t", "time")]) == "`a``b` STRING, `t` TIMESTAMP"
    assert arrow_schema(COLUMNS) == pa.schema(
        [
            ("text", pa.string()),
            ("int", pa.int64()),
            ("number", pa.float64()),
            ("bool", pa.bool_()),
            ("time", pa.timestamp("us", tz="UTC")),
            ("json", pa.string()),
        ]
    )


def test_every_type_and_null() -> None:
    assert read("text", "é", None) == ["é", None]
    assert read("int", 2**63 - 1, -(2**63), None) == [2**63 - 1, -(2**63), None]
    assert read("bool", True, False, None) == [True, False, None]
    assert read("json", {"a": [1, "é"]}, "x", 1, None) == ['{"a":[1,"é"]}', '"x"', "1", None]


def test_numbers_beyond_a_double_are_rounded() -> None:
    assert read("number", 1, 2.5, 2**60 + 1, None) == [1.0, 2.5, float(2**60), None]
    line = b'{"number": 0.12345678901234567890123}'
    assert batch([line], [Column("number", "number")], 1)[0].to_pylist() == [0.12345678901234568]


def test_times_are_utc_in_microseconds() -> None:
    def at(micros: int) -> datetime.datetime:
        return datetime.datetime(2026, 9, 16, 10, 0, 32, micros, datetime.timezone.utc)

    texts = ["2026-09-16T10:00:32Z", "2026-09-16T10:00:32.5Z", "2026-09-16T10:00:32.123456789Z"]
    assert read("time", *texts, None) == [at(0), at(500_000), at(123_456), None]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("text", 1),
        ("int", 1.5),
        ("int", True),
        ("int", "1"),
        ("int", 2**63),
        ("number", "1"),
        ("number", True),
        ("bool", 1),
        ("time", "yesterday"),
        ("time", 1),
    ],
)
def test_a_value_of_another_type_is_an_error(column: str, value: Any) -> None:
    with pytest.raises(RunnerError, match=f"column `{column}` has type `{column}`, but a value"):
        read(column, value)


def test_a_record_without_a_column_is_an_error() -> None:
    with pytest.raises(RunnerError, match="no column `text`"):
        batch([b"{}"], [Column("text", "text")], 1)
