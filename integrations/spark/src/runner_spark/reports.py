"""Reports: what every part delivered, as a table.

How complete a part is, is known only when its last record is delivered, and a column could not
tell of a part without records. So each part writes a file of one line into a folder that the
executors share: on a file system, or where pyarrow can write (`s3://`, `gs://`, `hdfs://`).
"""

from __future__ import annotations

import json
import os
import platform
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner_spark.errors import RunnerError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DDL = (
    "plan STRING, part BIGINT, items BIGINT, records BIGINT, failures BIGINT, requests BIGINT, "
    "complete BOOLEAN, errors ARRAY<STRING>, host STRING"
)


def write_report(folder: str, summary: dict[str, Any], part: int | None, errors: list[str]) -> None:
    """Writes the report of a part, instead of that of an earlier attempt.

    The report without a part is that of the plan.
    """
    report = {
        "plan": summary["plan"],
        "part": part,
        "items": summary.get("items"),
        "records": summary.get("records"),
        "failures": summary.get("failures"),
        "requests": summary.get("requests"),
        "complete": summary.get("complete"),
        "errors": errors,
        "host": platform.node(),
    }
    name = f"{summary['plan']}-{'plan' if part is None else f'part-{part:05d}'}.json"
    text = json.dumps(report, ensure_ascii=False) + "\n"
    try:
        if "://" in folder and not folder.startswith("file://"):
            _write_remote(folder, name, text)
        else:
            _write_local(Path(local_path(folder)), name, text)
    except OSError as error:
        raise RunnerError(
            f"option `reports`: `{folder}/{name}` cannot be written: {error}"
        ) from None


def write_plan_report(folder: str, head: dict[str, Any]) -> None:
    """Writes the report of a plan: whether all items could be listed."""
    missing = [entry if isinstance(entry, str) else json.dumps(entry) for entry in head["missing"]]
    summary = {
        "plan": head["id"],
        "items": head.get("items"),
        "failures": len(missing),
        "complete": head["complete"],
    }
    write_report(folder, summary, None, missing)


def parts(spark: SparkSession, folder: str) -> DataFrame:
    """Returns the reports in a folder as a table: a row a part, and one with a null part a plan."""
    return spark.read.schema(DDL).json(folder)


def read_reports(folder: str) -> list[dict[str, Any]]:
    """Returns the reports in a local folder."""
    files = sorted(Path(local_path(folder)).glob("*.json"))
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def local_path(path: str) -> str:
    """Returns a path without the scheme `file`."""
    return path.removeprefix("file://").removeprefix("file:")


def _write_local(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # Hidden from engines, and not shared with another attempt of the same part.
    aside = folder / f".{name}.{uuid.uuid4().hex}"
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, folder / name)


def _write_remote(folder: str, name: str, text: str) -> None:
    from pyarrow import fs

    system, path = fs.FileSystem.from_uri(folder)
    with system.open_output_stream(f"{path.rstrip('/')}/{name}") as stream:
        stream.write(text.encode())
