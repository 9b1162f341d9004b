"""The data source on Spark, on a cluster of processes on this machine, with kills.

`local-cluster[2,1,1024]` has a driver and two executors, each a JVM with Python workers.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from doubles import Double
from frames import TOKEN, lines, load, one_run
from program import Program
from pyspark.sql import SparkSession

from runner_spark import parts, register, save

MASTER = os.environ.get("SPARK_MASTER", "local-cluster[2,1,1024]")


@pytest.fixture(scope="module")
def spark(work: Path) -> Iterator[SparkSession]:
    # Workers would be started with the `python3` of PATH.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["CIRCLE_TOKEN"] = TOKEN
    builder = (
        SparkSession.builder.master(MASTER)
        .appName("runner-spark")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.memory", "1g")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.local.dir", str(work / "local"))
        .config("spark.sql.warehouse.dir", str(work / "warehouse"))
        .config("spark.executorEnv.CIRCLE_TOKEN", TOKEN)
        .config("spark.eventLog.enabled", "true")
        .config("spark.eventLog.compress", "false")
        .config("spark.eventLog.dir", f"file://{work}/events")
    )
    (work / "events").mkdir()
    # Spark 4.3 has found the format by the module `pyspark_runner`.
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()
    events = [file for file in (work / "events").rglob("*") if file.is_file()]
    assert events
    assert not [file for file in events if TOKEN.encode() in file.read_bytes()]


def check(jobs: Double, table: Path) -> None:
    """Compares a table with one run, byte for byte after sorting."""
    assert lines(table) == one_run(jobs)


def test_eight_parts_are_one_run(spark: SparkSession, jobs: Double, work: Path) -> None:
    df = load(spark, jobs.binary(), batchRows="7")
    assert save(df, work / "good table %20 é #1") == 200
    assert (jobs.requests(), jobs.repeated(), jobs.listings()) == (40, 0, 1)
    check(jobs, work / "good table %20 é #1")
    # Every action reads again, but lists nothing.
    jobs.reset()
    assert (df.count(), jobs.requests(), jobs.listings()) == (200, 40, 0)
    jobs.reset()
    assert (len(df.orderBy("number").collect()), jobs.requests()) == (200, 80)


@pytest.mark.parametrize("how", ["kill-runner", "kill-worker", "kill-executor"])
def test_what_is_killed_is_read_again(
    spark: SparkSession, jobs: Double, work: Path, how: str
) -> None:
    binary = jobs.binary(part=3, how=how, once=True)
    assert save(load(spark, binary), work / how) == 200
    check(jobs, work / how)
    # It did happen, and that part alone was asked again.
    assert (work / f"{how}.once").exists()
    assert 40 < jobs.requests() <= 45
    assert jobs.listings() == 1


def test_an_error_is_tried_again(spark: SparkSession, jobs: Double, work: Path) -> None:
    binary = jobs.binary(part=3, how="exit", code=5, once=True)
    assert save(load(spark, binary), work / "again") == 200
    check(jobs, work / "again")


def test_an_executor_is_killed_after_a_shuffle(
    spark: SparkSession, jobs: Double, work: Path
) -> None:
    # Part 7 is the last one: the killed executor takes the output of earlier parts along.
    binary = jobs.binary(part=7, how="kill-executor", once=True)
    df = load(spark, binary).repartition(3, "job")
    assert save(df, work / "shuffled") == 200
    check(jobs, work / "shuffled")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("exit", "exit code 3 (the API returned an error): error[http-500]"),
        ("partial", "exit code 6 (partial: some items failed)"),
        ("cut", "24 records arrived, but its summary counts 25"),
    ],
)
def test_a_part_that_fails_always(
    spark: SparkSession, jobs: Double, work: Path, how: str, message: str
) -> None:
    table = work / f"{how}.table"
    save(load(spark, jobs.binary()), table)
    with pytest.raises(Exception, match=re.escape(message)):
        save(load(spark, jobs.binary(part=3, how=how, code=3)), table)
    # The former table is still there, and nothing else.
    check(jobs, table)
    assert [path.name for path in work.glob(f"{how}.table*")] == [table.name]


def test_partial_parts_and_their_table(spark: SparkSession, jobs: Double, work: Path) -> None:
    reports = str(work / "reports")
    binary = jobs.binary(part=3, how="partial")
    df = load(spark, binary, allowPartial="true", reports=reports)
    assert save(df, work / "kept") == 200
    check(jobs, work / "kept")
    table = parts(spark, f"file://{reports}")
    assert table.where("NOT complete").select("part", "failures", "errors").collect() == [
        (3, 1, ["error[http-404]: 1 item failed"])
    ]
    assert table.selectExpr("count(*)", "count(part)", "sum(records)").first() == (9, 8, 200)


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
    # Already `load` fails.
    with pytest.raises(Exception, match=re.escape(message)):
        load(spark, **given)


def test_sql_types_and_vars(spark: SparkSession, jobs: Double) -> None:
    spark.sql(
        f"CREATE TEMPORARY VIEW jobs USING runner "
        f"OPTIONS (binary '{jobs.binary()}', query 'jobs', Team 'x', rows '2')"
    )
    assert spark.sql("SELECT count(*), max(number) FROM jobs WHERE ok").first() == (40, 39000118)
    assert "Team=x" in jobs.commands("plan")[0]
    first = (
        load(spark, jobs.binary())
        .where("number = 1")
        .selectExpr(
            "date_format(started_at, 'mm:ss.SSS')", "minutes", "labels", "typeof(started_at)"
        )
    )
    assert first.first() == ("01:32.123", 0.25, '["é",{"row":1}]', "timestamp")


def test_no_items(spark: SparkSession, jobs: Double, work: Path) -> None:
    df = load(spark, jobs.binary(), n="0")
    assert df.count() == 0
    assert save(df, work / "empty") == 0
    assert spark.read.parquet(f"file://{work}/empty").dtypes == df.dtypes


def test_filters_become_vars(spark: SparkSession, jobs: Double) -> None:
    # Without the option, the setting of Spark does not matter.
    for enabled in ("false", "true"):
        spark.conf.set("spark.sql.python.filterPushdown.enabled", enabled)
        jobs.reset()
        assert load(spark, jobs.binary()).where("branch = 'main'").count() == 100
        assert jobs.requests() == 40
    df = load(spark, jobs.binary(), pushFilters="true")
    jobs.reset()
    assert df.where("branch = 'main' AND number > 0").count() == 100 - 1
    assert (jobs.requests(), jobs.listings()) == (20, 1)
    assert df.where("branch = 'other'").count() == 0
    assert df.where("branch = 'dev' OR branch = 'main'").count() == 200
    assert df.count() == 200
    spark.conf.set("spark.sql.python.filterPushdown.enabled", "false")
    with pytest.raises(Exception, match=r"spark\.sql\.python\.filterPushdown\.enabled"):
        load(spark, jobs.binary(), pushFilters="true").count()


def test_only_the_first_part_is_read_for_a_few_rows(spark: SparkSession, jobs: Double) -> None:
    assert len(load(spark, jobs.binary()).take(3)) == 3
    assert jobs.requests() == 5


def test_the_code_travels_with_the_task(spark: SparkSession, jobs: Double, work: Path) -> None:
    register(spark)
    save(load(spark, jobs.binary(part=3, how="kill-worker", once=True)), work / "travels")
    check(jobs, work / "travels")


@pytest.mark.parametrize("how", ["nothing", "kill-runner", "kill-worker", "kill-executor"])
def test_the_program_in_eight_parts(
    spark: SparkSession, program: Program, work: Path, how: str
) -> None:
    binary = program.binary(part=3, how=how, once=True)
    table = work / f"program.{how}"
    rows = save(load(spark, binary, **program.options()), table)
    assert rows > 200
    assert lines(table) == one_run(program)
    assert (program.folder / f"{how}.once").exists()
