"""Runs scenarios of the official conformance runner, which speaks only HTTP, through `bridge.py`.

    python conformance.py RUNNER PROJECT NODE_MODULES

PROJECT is the folder that `local_api.py` wrote: its query `test_error_handling` is the tool that a scenario calls. NODE_MODULES has
the runner twice, as `conformance-1` (0.1) and `conformance-2` (0.2). Each scenario runs against a process of its own, and then all of
them against a shared one. Scenarios about prompts, resources and the like are left out: there are none.
"""

import glob
import json
import os
import subprocess
import sys
import tempfile

from checks import Checks

RUNNER, PROJECT, NODE_MODULES = sys.argv[1:]
HERE = os.path.dirname(os.path.abspath(__file__))
HANDSHAKE = ("2025-06-18", "2025-11-25")
STATELESS = "2026-07-28"
SCENARIOS = [
    *(
        (release, scenario, revision)
        for scenario in ("server-initialize", "ping", "tools-list", "tools-call-error")
        for revision in HANDSHAKE
        for release in (1, 2)
    ),
    *((2, scenario, STATELESS) for scenario in ("tools-list", "tools-call-error", "server-stateless", "caching")),
]

NO_TOOL = "it calls a diagnostic tool of the reference server"
NO_LIST = "there are no prompts and no resources"
KNOWN = {
    # check: why a correct server for tools fails it over this bridge
    "sep-2575-http-server-header-mismatch-400": "a server over HTTP compares the headers; the bridge does not",
    "sep-2575-server-rejects-undeclared-capability": NO_TOOL,
    "sep-2575-missing-capability-http-400": NO_TOOL,
    "sep-2575-http-server-no-independent-requests-on-stream": NO_TOOL,
    "sep-2575-server-no-log-without-loglevel": NO_TOOL,
    "sep-2549-prompts-list-caching-hints": NO_LIST,
    "sep-2549-resources-list-caching-hints": NO_LIST,
    "sep-2549-resources-templates-list-caching-hints": NO_LIST,
}


class BridgedServer:
    """A server behind a bridge."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, f"{HERE}/bridge.py", RUNNER, "mcp", "--project", PROJECT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self.process.stdout.readline().strip()

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(20)


def results(url, release, scenario, revision):
    """Returns the checks of a scenario, without those that only inform or were skipped."""
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            ["node", f"{NODE_MODULES}/conformance-{release}/dist/index.js", "server", "--url", url]
            + ["--scenario", scenario, "--spec-version", revision, "-o", folder],
            capture_output=True,
            text=True,
            timeout=120,
        )
        files = glob.glob(f"{folder}/**/checks.json", recursive=True)
        if not files:
            raise RuntimeError(f"no results: {run.stdout[-200:]} {run.stderr[-200:]}")
        with open(files[0], encoding="utf-8") as file:
            found = json.load(file)
    return [check for check in found if check["status"] not in ("INFO", "SKIPPED")]


def report(checks, url, release, scenario, revision):
    name = f"{release} {scenario} {revision}"
    try:
        found = results(url, release, scenario, revision)
    except Exception as error:  # a runner that fails is a failed check
        checks.check(name, False, repr(error))
        return
    failed = [check for check in found if check["status"] != "SUCCESS"]
    for check in failed:
        message = f"{check.get('errorMessage') or check.get('description')}"
        if check["id"] in KNOWN:
            checks.known(f"{name}: {check['id']}", False, KNOWN[check["id"]])
        else:
            checks.check(f"{name}: {check['id']}", False, message)
    passed = len(found) - len(failed)
    checks.check(f"{name}: {passed} of {len(found)}", passed > 0, "no check passed")


def main():
    own = Checks("conformance")
    for scenario in SCENARIOS:
        with BridgedServer() as url:
            report(own, url, *scenario)
    shared = Checks("conformance, one process")
    with BridgedServer() as url:
        for scenario in SCENARIOS:
            report(shared, url, *scenario)
    sys.exit(1 if own.failed or shared.failed else 0)


main()
