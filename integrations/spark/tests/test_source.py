"""The data source without an engine, called as Spark calls it."""

import collections
import os
import pickle
import re
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from doubles import Double
from rows import lines_of

pytest.importorskip("pyspark")

from pyspark.sql.datasource import DataSourceReader, InputPartition

from runner_spark import RunnerError, RunnerSource
from runner_spark.reports import read_reports


def source(double: Double, orders: Mapping[str, Any] | None = None, **options: str) -> RunnerSource:
    given = {"binary": double.binary(**(orders or {})), "query": "jobs"} | options
    return RunnerSource({key.lower(): value for key, value in given.items()})


def batches(reader: DataSourceReader, part: InputPartition) -> Generator[Any, None, None]:
    return cast("Generator[Any, None, None]", reader.read(part))


def read(source: RunnerSource) -> list[dict[str, Any]]:
    source.schema()
    reader = pickle.loads(pickle.dumps(source)).reader(None)
    parts = reader.partitions()
    reader = pickle.loads(pickle.dumps(reader))
    records: list[dict[str, Any]] = []
    for part in parts:
        for batch in reader.read(pickle.loads(pickle.dumps(part))):
            records += batch.to_pylist()
    return records


def check(records: list[dict[str, Any]], count: int) -> None:
    distinct = collections.Counter((record["workflow"], record["job"]) for record in records)
    assert len(records) == len(distinct) == count


def test_all_parts_are_all_records_with_one_listing(double: Double) -> None:
    jobs = source(double)
    ddl = jobs.schema()
    assert ddl.startswith("`workflow` STRING, `branch` STRING, `job` STRING, `number` BIGINT")
    jobs = pickle.loads(pickle.dumps(jobs))
    for _ in range(2):
        reader = pickle.loads(pickle.dumps(jobs)).reader(None)
        parts = reader.partitions()
        assert len(parts) == 8
        records = [r for part in parts for b in reader.read(part) for r in b.to_pylist()]
        check(records, 200)
    assert double.listings() == 1
    assert double.requests() == 80


def test_records_are_those_of_one_run(double: Double) -> None:
    records = read(source(double, batchRows="7"))
    assert lines_of(records) == lines_of(double.records())
    # Parts read in their order are in the order of the query.
    assert [record["workflow"] for record in records] == sorted(r["workflow"] for r in records)


def test_options_and_vars_reach_the_plan(double: Double) -> None:
    jobs = source(
        double,
        parts="3",
        atOnce="2",
        env="staging",
        team="Blue",
        demo="true",
        vars='{"n": 4, "since": "@x"}',
    )
    check(read(jobs), 20)
    assert double.commands("plan") == [
        'plan jobs Team=Blue n:=4 since:="@x" --parts 3 --at-once 2 --demo --env staging '
        "--error-format json"
    ]
    assert len(double.commands("run")) == 3


def test_a_task_has_neither_vars_nor_other_parts(double: Double) -> None:
    jobs = source(double, team="Blue")
    jobs.schema()
    reader = jobs.reader(None)
    parts = reader.partitions()
    assert b"wf-00000" in pickle.dumps(parts[0])
    # Spark pickles both into the command of every task.
    assert b"wf-" not in pickle.dumps(reader) + pickle.dumps(jobs)


def test_a_plan_without_parts_has_no_records(double: Double) -> None:
    jobs = source(double, n="0")
    jobs.schema()
    reader = jobs.reader(None)
    assert list(reader.partitions()) == []
    assert list(reader.read(InputPartition(None))) == []


def test_a_ready_plan_lists_nothing(double: Double, tmp_path: Path) -> None:
    binary = double.binary()
    plan = str(tmp_path / "plan.json")
    subprocess.run([binary, "plan", "jobs", "n=6", "--parts", "2", "--out", plan], check=True)
    double.reset()
    check(read(RunnerSource({"binary": binary, "plan": plan})), 30)
    assert double.listings() == 0


def test_a_ready_plan_may_be_incomplete(double: Double, tmp_path: Path) -> None:
    binary, plan = double.binary(), str(tmp_path / "plan.json")
    cut = ["--env", "cut", "--allow-partial"]
    subprocess.run([binary, "plan", "jobs", "--parts", "2", "--out", plan, *cut], check=True)
    with pytest.raises(RunnerError, match=r"is incomplete: pipeline 7: 404; .*`allowPartial`"):
        RunnerSource({"binary": binary, "plan": plan}).schema()
    kept = {"allowpartial": "true", "reports": str(tmp_path / "reports")}
    check(read(RunnerSource({"binary": binary, "plan": plan} | kept)), 200)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"binary": "/nowhere/runner"}, "`/nowhere/runner` is not an executable on host"),
        ({"query": "missing"}, "exit code 2 (invalid usage or files): error[unknown-query]"),
        ({"query": "missing"}, "did you mean `jobs`?"),
        ({"query": "untyped"}, "no type is known for columns `workflow`, `branch`; add `type`"),
        ({"query": "raw"}, "query `raw` has no `extract`"),
        ({"query": "writes"}, "exit code 7 (refused): error[refused]: query `writes` sends POST"),
        ({"n": "many"}, "error[var]: `n` takes int, got `many`"),
        ({"sinse": "7d"}, "`sinse` is neither an option nor a var"),
        ({"password": "x"}, "var `password` is secret"),
        ({"env": "cut"}, "exit code 6 (partial: some items failed)"),
        ({"plan": "/nowhere.json", "query": ""}, "`/nowhere.json` cannot be read"),
    ],
)
def test_a_plan_that_fails_says_why(double: Double, options: dict[str, str], message: str) -> None:
    with pytest.raises(RunnerError, match=re.escape(message)) as caught:
        source(double, None, **options).schema()
    assert "\n" not in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args


def test_a_plan_of_another_user_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    plan = tmp_path / "plan.json"
    plan.write_text('{"plan": 1}')
    os.chown(plan, 12345, 12345)
    with pytest.raises(RunnerError, match="owned by another user"):
        RunnerSource({"plan": str(plan)}).schema()


def test_a_plan_of_another_version_is_refused(double: Double, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text('{"plan": 2}')
    with pytest.raises(RunnerError, match="version 2 of the format"):
        RunnerSource({"plan": str(plan)}).schema()


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        ({"how": "kill-runner"}, "was killed by SIGKILL"),
        ({"how": "exit", "code": 3}, "exit code 3 (the API returned an error): error[http-500]"),
        ({"how": "exit", "code": 4}, "the environment of the executors"),
        ({"how": "partial"}, "exit code 6 (partial: some items failed): error[http-404]"),
        ({"how": "cut"}, "24 records arrived, but its summary counts 25"),
        ({"how": "silent"}, "ended without a summary"),
    ],
)
def test_a_part_that_fails_says_why(double: Double, orders: dict[str, Any], message: str) -> None:
    seen = 0
    with pytest.raises(RunnerError, match=re.escape(message)) as caught:
        jobs = source(double, {"part": 3, **orders}, batchRows="5")
        jobs.schema()
        reader = jobs.reader(None)
        for batch in batches(reader, reader.partitions()[3]):
            seen += batch.num_rows
    assert str(caught.value).startswith("part 3 of query `jobs` (plan ")
    assert "\n" not in str(caught.value)
    # The end of a failed part is never seen.
    assert seen <= 20


def test_a_part_can_be_read_again(double: Double) -> None:
    jobs = source(double, {"part": 3, "how": "kill-runner", "once": True})
    jobs.schema()
    reader = jobs.reader(None)
    part = reader.partitions()[3]
    with pytest.raises(RunnerError):
        list(reader.read(part))
    assert sum(batch.num_rows for batch in batches(reader, part)) == 25


def test_a_partial_part_is_kept_and_reported(double: Double, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    options: dict[str, str] = {"allowPartial": "true", "reports": str(reports), "env": "cut"}
    check(read(source(double, {"part": 3, "how": "partial"}, **options)), 200)
    parts = read_reports(str(reports))
    assert [part["part"] for part in parts] == [*range(8), None]
    assert [part["complete"] for part in parts] == [True] * 3 + [False] + [True] * 4 + [False]
    assert parts[3]["failures"] == 1
    assert parts[3]["errors"] == ["error[http-404]: 1 item failed"]
    assert parts[8]["errors"] == ["pipeline 7: 404"]
    assert sum(part["records"] or 0 for part in parts) == 200
    # Nothing else is left in the folder.
    assert len(list(reports.iterdir())) == 9


def test_much_text_on_standard_error_is_not_kept(double: Double) -> None:
    check(read(source(double, {"part": 3, "how": "chatter"})), 200)


def test_a_slow_part_is_stopped(double: Double) -> None:
    jobs = source(double, vars='{"n": 1, "wait": 30}', timeout="1.5")
    with pytest.raises(RunnerError, match=r"was stopped after 1\.5 s"):
        read(jobs)


def children() -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        try:
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if folder.name.isdigit() and int(stat[1]) == os.getpid() and stat[0] != "Z":
            found.append(int(folder.name))
    return found


def until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_a_reader_that_stops_early_ends_the_process(double: Double) -> None:
    jobs = source(double, vars='{"n": 40, "wait": 0.05}', parts="1", batchRows="5")
    jobs.schema()
    reader = jobs.reader(None)
    before = set(children())
    running = batches(reader, reader.partitions()[0])
    next(running)
    assert set(children()) - before
    running.close()
    assert not set(children()) - before
    assert double.requests() < 40


def test_a_worker_that_is_killed_leaves_no_thread_behind(double: Double) -> None:
    before = threading.active_count()
    read(source(double, timeout="1h"))
    assert until(lambda: threading.active_count() == before)


def test_an_empty_environment_has_no_token(double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = source(double)
    jobs.schema()
    reader = jobs.reader(None)
    parts = reader.partitions()
    monkeypatch.delenv("CIRCLE_TOKEN")
    with pytest.raises(RunnerError, match=r"exit code 4 .*executorEnv.CIRCLE_TOKEN"):
        list(reader.read(parts[0]))
