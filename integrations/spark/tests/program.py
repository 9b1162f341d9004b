"""The program itself, against the CircleCI of `runner demo` on loopback."""

import json
import os
import subprocess
from pathlib import Path

from doubles import Double

RUNNER = os.environ.get("RUNNER")
VARS = {"project_slug": "gh/acme/web", "since": "2026-01-01"}

RESOURCE = """\
type: circleci
base_url: {url}
auth: {{ token: "{{{{ env.CIRCLE_TOKEN }}}}" }}
"""
PIPELINES = """\
resource: circleci
vars:
  project_slug: {}
  branch: { default: null }
  since: { type: time, default: 7d }
endpoint: /project/{{ project_slug }}/pipeline
params: { branch: "{{ branch }}" }
rows: $.items[*]
stop_when: (row.created_at | time) < (since | time)
extract: { id: $.id, number: $.number, branch: $.vcs.branch }
"""
WORKFLOWS = """\
resource: circleci
vars:
  project_slug: {}
  branch: { default: null }
  since: { type: time, default: 7d }
for_each:
  pipeline: { query: pipelines }
endpoint: /pipeline/{{ pipeline.id }}/workflow
rows: $.items[*]
# The clock of the demo goes on, and later ones are still running.
where: (row.stopped_at | default("2026-09-17", true) | time) < ("2026-09-16T06:00:00Z" | time)
extract: { id: $.id, name: $.name, branch: "{{ pipeline.branch }}" }
"""
JOBS = """\
resource: circleci
vars:
  project_slug: {}
  branch: { default: null }
  since: { type: time, default: 7d }
for_each:
  workflow: { query: workflows }
endpoint: /workflow/{{ workflow.id }}/job
rows: $.items[*]
extract:
  workflow: { path: "{{ workflow.name }}", type: text }
  branch: { path: "{{ workflow.branch }}", type: text }
  job: { path: $.name, type: text }
  number: { path: $.job_number, type: int, default: null }
  minutes:
    path: "{{ ((row.stopped_at | time) - (row.started_at | time)) | minutes }}"
    type: number
  ok: { path: "{{ row.status == 'success' }}", type: bool }
  started_at: { path: $.started_at, type: time, default: null }
  labels: { path: $.dependencies, type: json }
"""


class Program(Double):
    """The binary `RUNNER` in a project whose API is a demo. Used as a context."""

    def __init__(self, folder: Path, pipelines: int = 60) -> None:
        assert RUNNER
        super().__init__(folder, [str(Path(RUNNER).resolve())])
        demo = [*self.runner, "demo", "--port", "0", "--pipelines", str(pipelines)]
        self.demo = subprocess.Popen(demo, stdout=subprocess.PIPE, text=True)
        assert self.demo.stdout
        url = self.demo.stdout.readline().strip()
        (folder / "resources").mkdir()
        (folder / "queries").mkdir()
        (folder / "resources/circleci.yaml").write_text(RESOURCE.format(url=url))
        for name, text in (("pipelines", PIPELINES), ("workflows", WORKFLOWS), ("jobs", JOBS)):
            (folder / f"queries/{name}.yaml").write_text(text)

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.demo.terminate()
        self.demo.wait(10)

    def options(self) -> dict[str, str]:
        return VARS | {"project": str(self.folder)}

    def plan(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        given = [f"{name}={value}" for name, value in VARS.items()]
        command = [*self.runner, "plan", "jobs", *given, *arguments]
        return subprocess.run(command, cwd=self.folder, check=True, text=True, capture_output=True)

    def records(self) -> list[dict[str, object]]:
        """Returns the records of one run."""
        given = [f"{name}={value}" for name, value in VARS.items()]
        command = [*self.runner, "run", "jobs", *given, "-o", "ndjson"]
        done = subprocess.run(command, cwd=self.folder, check=True, text=True, capture_output=True)
        return [json.loads(line) for line in done.stdout.splitlines()]
