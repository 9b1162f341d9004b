"""Writes a DataFrame as Parquet so that a reader sees the old table or the new one.

Spark deletes a folder before it overwrites it, moves new files into it one by one, and Sail
leaves the files of a failed write behind. So the table is written aside, counted, and switched.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from runner_spark.errors import RunnerError
from runner_spark.reports import local_path
from runner_spark.switch import switch

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ARROW = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def save(df: DataFrame, path: str | os.PathLike[str], *, reports: str | None = None) -> int:
    """Writes `df` to the folder `path`, which it replaces as a whole, and returns its rows.

    The rows in the files are counted and compared with those that the engine has written. Sail
    cannot count while it writes; there, `reports` is the folder of the option `reports`, and `df`
    must be as it was loaded, without filters.

    The folder must be on a file system that the executors and this process share.
    """
    target = _target(path)
    aside = target.with_name(f"{target.name}.new-{uuid.uuid4().hex}")
    try:
        expected = _write(df, str(aside), reports)
        written = count(aside)
        if written != expected:
            hint = "" if aside.exists() else "; do the executors and this process share the folder?"
            raise RunnerError(
                f"`{target}` is unchanged: {expected} rows were read, "
                f"but {written} are in the files{hint}"
            )
        if not aside.exists():
            _write_empty(df, aside)
        switch(aside, target)
        return written
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def count(folder: Path) -> int:
    """Returns the rows of the Parquet files below a folder, as their footers count them."""
    return sum(pq.read_metadata(file).num_rows for file in sorted(folder.rglob("*.parquet")))


def _target(path: str | os.PathLike[str]) -> Path:
    text = os.fspath(path)
    if "://" in text and not text.startswith("file://"):
        raise RunnerError(
            f"`save` takes a folder of a file system, got `{text}`: an object store cannot switch "
            "a folder as a whole; write to a new folder for each run, or to an Iceberg or Delta "
            "table, whose commit is atomic"
        )
    # A link would be replaced instead of its folder.
    target = Path(os.path.realpath(local_path(text)))
    if target.exists() and not target.is_dir():
        raise RunnerError(f"`{target}` is a file; `save` takes a folder")
    for file in target.rglob("*"):
        # Engines add files such as `_SUCCESS` and `.part-0.parquet.crc`.
        if file.is_file() and file.suffix != ".parquet" and file.name[0] not in "._":
            raise RunnerError(
                f"`{target}` is not replaced: it has `{file.relative_to(target)}`, which is no "
                "part of a table"
            )
    return target


def _write(df: DataFrame, aside: str, reports: str | None) -> int:
    if reports is not None:
        started = time.time()
        df.write.parquet(_uri(df, aside))
        return _reported(reports, started)
    from pyspark.sql import Observation
    from pyspark.sql.functions import count as count_rows
    from pyspark.sql.functions import lit

    observation = Observation()
    try:
        observed = df.observe(observation, count_rows(lit(1)).alias("rows"))
        observed.write.parquet(_uri(df, aside))
        return int(observation.get["rows"])
    except Exception as error:
        if "collect metrics" not in str(error):
            raise
        raise RunnerError(
            "this engine cannot count the rows that it writes: load the DataFrame with "
            '.option("reports", FOLDER), and give `save` the same folder as `reports`'
        ) from None


def _uri(df: DataFrame, path: str) -> str:
    # The default file system of a cluster may be another one. Sail would decode the path.
    return path if _is_connect(df) else f"file://{path}"


def _is_connect(df: DataFrame) -> bool:
    return ".connect." in type(df).__module__


def _reported(folder: str, started: float) -> int:
    """Returns the records of the parts that were written since a time."""
    recent: dict[str, int] = {}
    for file in Path(local_path(folder)).glob("*-part-*.json"):
        # Times of files may be coarse.
        if file.stat().st_mtime >= started - 1:
            plan, _, _ = file.name.partition("-part-")
            recent[plan] = recent.get(plan, 0) + _records(file)
    if len(recent) > 1:
        raise RunnerError(
            f"`{folder}` has reports of {len(recent)} plans of this minute; give each DataFrame "
            "a folder of its own"
        )
    return next(iter(recent.values()), 0)


def _records(file: Path) -> int:
    return int(json.loads(file.read_text(encoding="utf-8"))["records"])


def _write_empty(df: DataFrame, folder: Path) -> None:
    """Writes a file without rows: Sail writes none, and a folder without files has no schema."""
    fields: list[Any] = []
    for name, kind in df.dtypes:
        if kind not in ARROW:
            raise RunnerError(
                f"there are no rows, and column `{name}` has type `{kind}`, which `save` cannot "
                "write without the engine"
            )
        fields.append(pa.field(name, ARROW[kind]))
    folder.mkdir()
    pq.write_table(pa.schema(fields).empty_table(), folder / "part-0.parquet")
