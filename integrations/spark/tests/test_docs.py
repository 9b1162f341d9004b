"""The pages: the configurations can be parsed and run, and the tables agree with the code."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from program import JOBS, VARS, Program

from runner_spark.columns import TYPES
from runner_spark.reports import DDL

PACKAGE = Path(__file__).parent.parent
DOCS = Path(os.environ.get("RUNNER_DOCS", PACKAGE.parent.parent / "docs"))
PAGE = DOCS / "how-to/scale-out.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def circleci() -> dict[str, Any]:
    (config,) = (block for block in map(yaml.safe_load, blocks("yaml")) if "workflows" in block)
    return dict(config)


def job() -> dict[str, Any]:
    (found,) = (block for block in map(yaml.safe_load, blocks("yaml")) if "kind" in block)
    return dict(found)


def test_the_circleci_config_is_one() -> None:
    config = circleci()
    assert set(config) == {"version", "jobs", "workflows"}
    steps = {"checkout", "run", "persist_to_workspace", "attach_workspace", "store_artifacts"}
    for name, body in config["jobs"].items():
        assert set(body) <= {"docker", "parallelism", "steps"}, name
        for step in body["steps"]:
            assert {step} <= steps if isinstance(step, str) else set(step) <= steps, step
    entries = config["workflows"]["walk"]["jobs"]
    names = [next(iter(entry)) for entry in entries]
    assert names == list(config["jobs"])
    for entry in entries:
        for body in entry.values():
            assert set(body.get("requires", [])) <= set(names)


def commands(name: str) -> list[str]:
    runs = [step["run"] for step in circleci()["jobs"][name]["steps"] if "run" in step]
    texts = [run if isinstance(run, str) else run["command"] for run in runs]
    return [text for text in texts if "cargo" not in text]


def sh(folder: Path, command: str, **env: str) -> None:
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=os.environ | {"PATH": path, "RUNNER_VAR_PROJECT_SLUG": "gh/acme/web"} | env,
        check=True,
        timeout=60,
    )


def project(program: Program) -> Path:
    folder = program.folder
    bin = folder / "bin"
    if not bin.exists():
        bin.mkdir()
        (bin / "runner").symlink_to(program.runner[0])
        (folder / "queries/project-jobs.yaml").write_text(JOBS)
    return folder


def one_run(program: Program, folder: Path) -> str:
    since = f"since={VARS['since']}"
    command = [
        *program.runner,
        "run",
        "project-jobs",
        "project_slug=gh/acme/web",
        since,
        "-o",
        "csv",
    ]
    done = subprocess.run(command, cwd=folder, check=True, text=True, capture_output=True)
    return done.stdout


def dated(command: str) -> str:
    """Replaces an age: the demo has the records of one week."""
    return command.replace("since=90d", f"since={VARS['since']}")


def test_the_circleci_config_does_what_it_says(program: Program) -> None:
    folder = project(program)
    for command in commands("plan"):
        sh(folder, dated(command))
    nodes = circleci()["jobs"]["parts"]["parallelism"]
    for node in range(nodes):
        for command in commands("parts"):
            sh(folder, command, CIRCLE_NODE_INDEX=str(node), CIRCLE_NODE_TOTAL=str(nodes))
    for command in commands("merge"):
        sh(folder, command)
    assert (folder / "walk/jobs.csv").read_text() == one_run(program, folder)


def test_the_kubernetes_job_is_one() -> None:
    spec = job()["spec"]
    assert spec["completionMode"] == "Indexed"
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    (container,) = spec["template"]["spec"]["containers"]
    # `--shard auto` needs the number, which Kubernetes does not give.
    (given,) = (entry for entry in container["env"] if entry["name"] == "JOB_COMPLETIONS")
    assert given["value"] == str(spec["completions"])
    names = {volume["name"] for volume in spec["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == names
    rules = spec["podFailurePolicy"]["rules"]
    assert rules[0]["onExitCodes"]["containerName"] == container["name"]
    assert 0 not in rules[0]["onExitCodes"]["values"]
    assert spec["backoffLimitPerIndex"] > 0


def test_the_kubernetes_job_does_what_it_says(program: Program, tmp_path: Path) -> None:
    folder = project(program)
    spec = job()["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    plan = (
        f"bin/runner plan project-jobs since={VARS['since']} --parts 8 --out {tmp_path}/plan.json"
    )
    sh(folder, plan)
    (tmp_path / "walk").mkdir()
    for index in range(spec["completions"]):
        command = container["args"][0].replace("/plan/", f"{tmp_path}/")
        command = command.replace('"/walk/', f'"{tmp_path}/walk/')
        env = {"JOB_COMPLETION_INDEX": str(index), "JOB_COMPLETIONS": str(spec["completions"])}
        sh(folder, command, **env)
    sh(folder, f"runner merge {tmp_path}/plan.json {tmp_path}/walk/*.ndjson --out {tmp_path}/x.csv")
    assert (tmp_path / "x.csv").read_text() == one_run(program, folder)


@pytest.mark.parametrize("tool", ["xargs", "parallel"])
def test_the_shell_lines_do_what_they_say(program: Program, tool: str) -> None:
    for needed in (tool, "jq"):
        if not shutil.which(needed):
            pytest.skip(f"`{needed}` is not installed")
    folder = project(program)
    (block,) = (block for block in blocks("sh") if "xargs" in block)
    first, second, third = block.splitlines()
    if tool == "parallel":
        (second,) = (block for block in blocks("sh") if "parallel -j" in block)
    for file in folder.glob("part-*.ndjson"):
        file.unlink()
    sh(folder, "\n".join([dated(first), second, third]))
    assert (folder / "jobs.csv").read_text() == one_run(program, folder)


def table(heading: str) -> list[list[str]]:
    _, _, text = (PACKAGE / "README.md").read_text().partition(f"\n## {heading}\n")
    rows = [line for line in text.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def names(cells: list[str]) -> list[str]:
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def test_the_readme_lists_the_options() -> None:
    text = (PACKAGE / "src/runner_spark/options.py").read_text()
    known = set(re.findall(r'rest\.pop\("(\w+)"', text)) - {"path"}
    assert {name.lower() for name in names([row[0] for row in table("Options")])} == known


def test_the_readme_lists_the_types() -> None:
    _, *types = table("Types")
    rows = [(row[0].strip("`"), row[1].strip("`"), row[2].strip("`")) for row in types]
    assert rows == [(name, kind.ddl, str(kind.arrow)) for name, kind in TYPES.items()]


def test_the_readme_lists_the_columns_of_reports() -> None:
    columns = {entry.split()[0] for entry in DDL.split(", ")}
    assert set(names([row[0] for row in table("Partial results")])) == columns
