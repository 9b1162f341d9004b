"""The data source on Sail, with one server in local mode.

Sail reads without Java and within seconds. It says nothing about Spark where they differ: retries,
`cache`, cancellation, commits.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from doubles import Double
from frames import TOKEN, lines, load, one_run
from program import Program
from pyspark.sql import SparkSession

from runner_spark import parts, register, save


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def spark(work: Path) -> Iterator[SparkSession]:
    port = free_port()
    sail = str(Path(sys.executable).with_name("sail"))
    with (work / "sail.log").open("wb") as log:
        server = subprocess.Popen(
            [sail, "spark", "server", "--port", str(port)],
            cwd=work,
            env=os.environ | {"CIRCLE_TOKEN": TOKEN},
            stdout=log,
            stderr=log,
        )
    try:
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < end
                time.sleep(0.05)
        session = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").getOrCreate()
        # Sail has found the format by the entry point of the package.
        yield session
        session.stop()
    finally:
        server.terminate()
        server.wait(10)
    assert TOKEN not in (work / "sail.log").read_text(errors="replace")


def test_eight_parts_are_one_run(spark: SparkSession, jobs: Double, work: Path) -> None:
    load(spark, jobs.binary(), batchRows="7").write.parquet(str(work / "good"))
    assert lines(work / "good") == one_run(jobs)
    assert (jobs.requests(), jobs.repeated(), jobs.listings()) == (40, 0, 1)


def test_types_and_sql(spark: SparkSession, jobs: Double) -> None:
    df = load(spark, jobs.binary())
    assert dict(df.dtypes) == {
        "workflow": "string",
        "branch": "string",
        "job": "string",
        "number": "bigint",
        "minutes": "double",
        "ok": "boolean",
        "started_at": "timestamp",
        "labels": "string",
    }
    spark.sql(
        f"CREATE TEMPORARY VIEW jobs USING runner "
        f"OPTIONS (binary '{jobs.binary()}', path 'jobs', Team 'x', rows '2')"
    )
    assert spark.sql("SELECT count(*), max(number) FROM jobs WHERE ok").first() == (40, 39000118)


def test_one_listing_for_an_action(spark: SparkSession, jobs: Double) -> None:
    df = load(spark, jobs.binary())
    for action in (1, 2):
        assert df.count() == 200
        assert (jobs.listings(), jobs.requests()) == (action, 40 * action)


def test_no_items(spark: SparkSession, jobs: Double, work: Path) -> None:
    df = load(spark, jobs.binary(), n="0", reports=str(work / "none"))
    assert df.count() == 0
    assert save(df, work / "empty", reports=str(work / "none")) == 0
    assert spark.read.parquet(str(work / "empty")).dtypes == df.dtypes


def test_filters_become_vars(spark: SparkSession, jobs: Double) -> None:
    df = load(spark, jobs.binary(), pushFilters="true")
    jobs.reset()
    assert df.where("branch = 'main' AND number > 0").count() == 100 - 1
    assert jobs.requests() == 20
    jobs.reset()
    assert df.where("branch = 'other'").count() == 0
    assert df.where("branch = 'dev' OR branch = 'main'").count() == 200


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"binary": "/nowhere/runner"}, "`/nowhere/runner` is not an executable on host"),
        ({"query": "missing"}, "error[unknown-query]: there is no query `missing`"),
        ({"query": "untyped"}, "no type is known for columns `workflow`, `branch`"),
        ({"query": "writes"}, "exit code 7 (refused)"),
        ({"sinse": "7d"}, "`sinse` is neither an option nor a var"),
    ],
)
def test_a_plan_that_fails(
    spark: SparkSession, jobs: Double, options: dict[str, str], message: str
) -> None:
    given = {"binary": jobs.binary()} | options
    with pytest.raises(Exception, match=re.escape(message)):
        load(spark, **given).count()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("exit", "exit code 3 (the API returned an error): error[http-500]"),
        ("kill-runner", "was killed by SIGKILL"),
        ("partial", "exit code 6 (partial: some items failed)"),
        ("cut", "24 records arrived, but its summary counts 25"),
    ],
)
def test_a_part_that_fails(
    spark: SparkSession, jobs: Double, work: Path, how: str, message: str
) -> None:
    binary = jobs.binary(part=3, how=how, code=3)
    reports = str(work / how)
    with pytest.raises(Exception, match=re.escape(message)):
        save(load(spark, binary, reports=reports), work / f"{how}.table", reports=reports)
    # Sail leaves the files of a failed write behind, but not here.
    assert not list(work.glob(f"{how}.table*"))


def test_partial_parts_and_their_table(spark: SparkSession, jobs: Double, work: Path) -> None:
    reports = str(work / "reports")
    binary = jobs.binary(part=3, how="partial")
    df = load(spark, binary, allowPartial="true", reports=reports)
    assert save(df, work / "kept", reports=reports) == 200
    assert lines(work / "kept") == one_run(jobs)
    table = parts(spark, reports)
    assert table.where("NOT complete").select("part", "failures", "errors").collect() == [
        (3, 1, ["error[http-404]: 1 item failed"])
    ]
    assert table.selectExpr("count(*)", "count(part)", "sum(records)").first() == (9, 8, 200)


def test_a_table_is_replaced_as_a_whole(spark: SparkSession, jobs: Double, work: Path) -> None:
    reports = str(work / "first")
    df = load(spark, jobs.binary(), reports=reports)
    odd = work / "a table %20 é #1"
    assert save(df, odd, reports=reports) == 200
    assert lines(odd) == one_run(jobs)
    shutil.rmtree(reports)
    assert save(df, work / "table", reports=reports) == 200
    broken = load(spark, jobs.binary(part=3, how="exit", code=3), reports=reports)
    with pytest.raises(Exception, match="http-500"):
        save(broken, work / "table", reports=reports)
    assert lines(work / "table") == one_run(jobs)
    with pytest.raises(Exception, match="cannot count the rows that it writes"):
        save(df, work / "table")
    assert lines(work / "table") == one_run(jobs)


@pytest.mark.parametrize("form", ["iceberg", "delta"])
def test_a_commit_of_a_table_format_is_atomic(
    spark: SparkSession, jobs: Double, work: Path, form: str
) -> None:
    path = str(work / form)
    load(spark, jobs.binary()).write.format(form).mode("overwrite").save(path)
    broken = load(spark, jobs.binary(part=3, how="exit", code=3))
    with pytest.raises(Exception, match="http-500"):
        broken.write.format(form).mode("overwrite").save(path)
    assert spark.read.format(form).load(path).count() == 200


def test_the_program_in_eight_parts(spark: SparkSession, program: Program, work: Path) -> None:
    reports = str(work / "program.reports")
    df = load(spark, program.runner[0], reports=reports, **program.options())
    rows = save(df, work / "program.table", reports=reports)
    assert rows > 200
    assert lines(work / "program.table") == one_run(program)


def test_the_code_travels_with_the_session(spark: SparkSession, jobs: Double, work: Path) -> None:
    register(spark)
    load(spark, jobs.binary()).write.parquet(str(work / "travels"))
    assert lines(work / "travels") == one_run(jobs)
    assert jobs.listings() == 1
