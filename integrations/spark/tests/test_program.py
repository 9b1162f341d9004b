"""The data source without an engine, over the program itself: RUNNER is the path of a binary."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from program import Program
from rows import lines_of

pytest.importorskip("pyspark")

from runner_spark import RunnerError, RunnerSource

WORKER = """
import sys
from runner_spark import RunnerSource
source = RunnerSource({"binary": sys.argv[1], "plan": sys.argv[2]})
source.schema()
reader = source.reader(None)
for part in reader.partitions():
    print("begins", flush=True)
    list(reader.read(part))
"""


def read(program: Program, binary: str | None = None, **options: str) -> list[dict[str, Any]]:
    given = {"binary": binary or program.binary(), "query": "jobs"} | program.options() | options
    source = RunnerSource(given)
    source.schema()
    reader = source.reader(None)
    parts = reader.partitions()
    assert len(parts) == 8
    batches: list[Any] = [batch for part in parts for batch in reader.read(part)]
    return [record for batch in batches for record in batch.to_pylist()]


def test_eight_parts_are_one_run(program: Program) -> None:
    records = program.records()
    assert len(records) > 200
    assert lines_of(read(program, batchRows="7")) == lines_of(records)


def test_an_executor_needs_no_project(program: Program, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    program.plan("--parts", "8", "--out", str(plan))
    source = RunnerSource({"binary": program.binary(), "plan": str(plan)})
    source.schema()
    reader = source.reader(None)
    batches: list[Any] = [batch for part in reader.partitions() for batch in reader.read(part)]
    assert sum(batch.num_rows for batch in batches) == len(program.records())


def test_the_demo_needs_no_token(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CIRCLE_TOKEN")
    assert read(program, demo="true")


def test_a_shipped_query_has_types(program: Program, tmp_path: Path) -> None:
    source = RunnerSource(
        {"binary": program.runner[0], "project": str(tmp_path), "demo": "true"}
        | {"path": "project-jobs", "project_slug": "gh/acme/web"}
    )
    assert "`minutes` DOUBLE, `started_at` TIMESTAMP" in source.schema()
    reader = source.reader(None)
    batches: list[Any] = list(reader.read(reader.partitions()[0]))
    assert sum(batch.num_rows for batch in batches) > 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sinse": "7d"}, "`sinse` is neither an option nor a var of query `jobs`"),
        ({"since": "soon"}, r"exit code 2 .*error\[var\]: `since` takes"),
        ({"query": "jbos"}, r"exit code 2 .*no query `jbos`.*did you mean `jobs`"),
        ({"query": "workflows"}, "no type is known for columns `id`, `name`, `branch`"),
        ({"env": "nowhere"}, "exit code 2 .*has no environment `nowhere`"),
    ],
)
def test_a_plan_that_fails(program: Program, options: dict[str, str], message: str) -> None:
    with pytest.raises(RunnerError, match=message):
        read(program, **options)


def test_a_query_that_writes_is_refused(program: Program) -> None:
    with pytest.raises(RunnerError, match=r"exit code 7 \(refused\).*writes"):
        RunnerSource(
            {"binary": program.runner[0], "query": "cancel-workflow", "demo": "true"}
            | {"vars": '{"workflow_id": "x"}'}
        ).schema()


def test_a_query_that_changed_is_refused(program: Program) -> None:
    source = RunnerSource({"binary": program.binary(), "query": "jobs"} | program.options())
    source.schema()
    reader = source.reader(None)
    part = reader.partitions()[0]
    file = program.folder / "queries/jobs.yaml"
    text = file.read_text()
    try:
        file.write_text(text + "limit: 3\n")
        with pytest.raises(RunnerError, match=r"exit code 2 .*jobs\.yaml"):
            list(reader.read(part))
    finally:
        file.write_text(text)


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_a_killed_worker_takes_its_process_along(program: Program, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    program.plan("--parts", "1", "--out", str(plan))
    # Half a request a second: the part would take minutes.
    command = [sys.executable, "-c", WORKER, program.runner[0], str(plan)]
    program.demo.send_signal(signal.SIGSTOP)
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE) as worker:
            assert worker.stdout and worker.stdout.readline()
            (child,) = wait_for_child(worker.pid)
            worker.kill()
        end = time.monotonic() + 10
        while Path(f"/proc/{child}").exists() and not is_zombie(child):
            assert time.monotonic() < end, "the process goes on without its worker"
            time.sleep(0.02)
    finally:
        program.demo.send_signal(signal.SIGCONT)


def wait_for_child(pid: int) -> list[str]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    end = time.monotonic() + 10
    while not path.read_text().split():
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(0.3)
    return path.read_text().split()


def is_zombie(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
