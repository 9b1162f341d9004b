"""Lists and calls tools with the command line of the official inspector.

    python inspector.py RUNNER NODE_MODULES
"""

import json
import os
import re
import subprocess
import sys
import tempfile

from checks import Checks

RUNNER, NODE_MODULES = sys.argv[1:]
PROGRAM = f"{NODE_MODULES}/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
# The rule against `{}` as a schema: cells can be of any type.
ACCEPTED = {"outputSchema.properties.records.items.items"}
TOOL_ERROR = 5


def inspect(folder, era, *arguments, server=("--demo",)):
    return subprocess.run(
        ["node", PROGRAM, "--cli", "--protocol-era", era, RUNNER, "mcp", *server, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        # It keeps files in the home folder.
        env={**os.environ, "HOME": folder},
    )


def check_era(folder, era):
    checks = Checks(f"inspector {era}")
    for server in (("--demo",), ("--demo", "--allow-write", "trigger-pipeline")):
        run = inspect(folder, era, "--method", "tools/list", "--strict", server=server)
        tools = json.loads(run.stdout)["tools"] if run.returncode == 0 else []
        name = f"tools/list --strict, {len(tools)} tools{', with a writer' if len(server) > 1 else ''}"
        errors = re.findall(r"^Error: .*(?:\n .*)*", run.stderr, re.MULTILINE)
        checks.check(name, run.returncode == 0 and tools and not errors, f"exit code {run.returncode}: {run.stderr[-300:]}")
        places = re.findall(r"^Warning: tool .*\n\s*Path: (\S+)", run.stderr, re.MULTILINE)
        others = sorted({place for place in places if place not in ACCEPTED})
        checks.check("no other warning than that cells can have any type", not others, others)
        checks.note("warnings", len(places))

    def call(tool, arguments, *more):
        return inspect(
            folder, era, "--method", "tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments), *more
        )

    slug = {"project_slug": "gh/acme/web"}
    for tool, arguments in (
        ("failed_jobs", slug),
        ("weekly_report", slug),
        ("list_queries", {"words": "jobs"}),
        ("sql", {"from": {"runs": "project-pipelines"}, "select": "select count(*) n from runs", "vars": slug}),
    ):
        run = call(tool, arguments)
        answer = json.loads(run.stdout) if run.returncode == 0 else {}
        checks.check(f"tools/call {tool}", answer.get("content"), f"exit code {run.returncode}: {run.stderr[-300:]}")
    run = call("failed_jobs", {**slug, "brnch": "main"})
    checks.check("tools/call with a wrong argument: exit code 5", run.returncode == TOOL_ERROR, run.returncode)
    checks.check("its error is that of the tool", '"tool_is_error"' in run.stderr, run.stderr[-300:])
    run = call("nope", {})
    checks.check("tools/call of an unknown tool", '"tool_not_found"' in run.stderr, run.stderr[-300:])
    run = call("insights_workflows", slug, "--load", "--load-requests", "50", "--format", "json")
    checks.check("tools/call --load: 50 calls, ten at once", run.returncode == 0, f"{run.stdout[-300:]} {run.stderr[-300:]}")
    checks.note("tools/call --load", run.stdout)
    return checks


with tempfile.TemporaryDirectory() as home:
    groups = [check_era(home, era) for era in ("legacy", "modern")]
sys.exit(1 if any(group.failed for group in groups) else 0)
