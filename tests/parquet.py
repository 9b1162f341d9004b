"""Reads an export in Parquet with pyarrow and DuckDB, and compares it with the same export in NDJSON.

usage: python3 tests/parquet.py PARQUET_DIR NDJSON_DIR
"""

import datetime
import json
import pathlib
import sys

import duckdb
import pyarrow
import pyarrow.dataset

TYPES = {
    "text": (pyarrow.string(), "VARCHAR"),
    "json": (pyarrow.string(), "VARCHAR"),
    None: (pyarrow.string(), "VARCHAR"),
    "int": (pyarrow.int64(), "BIGINT"),
    "number": (pyarrow.float64(), "DOUBLE"),
    "bool": (pyarrow.bool_(), "BOOLEAN"),
    "time": (pyarrow.timestamp("us", tz="UTC"), "TIMESTAMP WITH TIME ZONE"),
}


def expected(value, kind):
    """Returns the value in Parquet for one in NDJSON."""
    if value is None:
        return None
    if kind == "time":
        return datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    if kind == "json":
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return float(value) if kind == "number" else value


def compare(table, parquet, ndjson):
    """Compares a table and returns the number of its rows."""
    name, partition = table["name"], table["partition"]
    kinds = {column["name"]: column["type"] for column in table["columns"]}
    rows = []
    for path in sorted((ndjson / name).glob("*/part.ndjson")):
        month = path.parent.name.partition("=")[2]
        month = None if month == "__HIVE_DEFAULT_PARTITION__" else month
        for line in path.read_text().splitlines():
            record = json.loads(line)
            row = {key: expected(record[key], kind) for key, kind in kinds.items()}
            rows.append({**row, partition: month})
    assert len(rows) == table["rows"] > 0, (name, len(rows), table["rows"])

    read = pyarrow.dataset.dataset(parquet / name, partitioning="hive").to_table()
    for key, kind in kinds.items():
        assert read.schema.field(key).type == TYPES[kind][0], (name, key, read.schema.field(key))
    order = lambda row: json.dumps(row, default=str, sort_keys=True)
    assert sorted(read.to_pylist(), key=order) == sorted(rows, key=order), name

    database = duckdb.connect()
    database.sql("set timezone = 'UTC'")
    source = f"read_parquet('{parquet}/{name}/**/*.parquet', hive_partitioning = true)"
    described = database.sql(f"describe select * from {source}").fetchall()
    found = {row[0]: row[1] for row in described}
    for key, kind in kinds.items():
        assert found[key] == TYPES[kind][1], (name, key, found[key])
    counts = dict(database.sql(f"select {partition}, count(*) from {source} group by 1").fetchall())
    months = [row[partition] for row in rows]
    assert counts == {month: months.count(month) for month in months}, (name, counts)
    for key, kind in kinds.items():
        column = f"epoch_us({key})" if kind == "time" else f'"{key}"'
        values = database.sql(f"select {column} from {source}").fetchall()
        epoch = datetime.datetime.fromtimestamp(0, datetime.timezone.utc)
        micros = lambda time: time and (time - epoch) // datetime.timedelta(microseconds=1)
        wanted = [micros(row[key]) if kind == "time" else row[key] for row in rows]
        order = lambda value: (value is None, str(value))
        assert sorted((row[0] for row in values), key=order) == sorted(wanted, key=order), (name, key)
    return len(rows)


def main():
    parquet, ndjson = map(pathlib.Path, sys.argv[1:])
    manifest = json.loads((parquet / "manifest.json").read_text())
    assert manifest["tables"], "no tables"
    for table in manifest["tables"]:
        count = compare(table, parquet, ndjson)
        print(f"{table['name']}: {count} rows are the same in pyarrow {pyarrow.__version__} and DuckDB {duckdb.__version__}")


if __name__ == "__main__":
    main()
