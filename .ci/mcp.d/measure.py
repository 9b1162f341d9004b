"""Measures the time to the first answer, and the memory after many calls.

    python measure.py RUNNER

The times must be under half a second: some clients fall back to another protocol, or give up, soon after.
"""

import statistics
import sys
import time

from checks import Checks
from stdio import STATELESS, Server

RUNNER = sys.argv[1]
DEMO = [RUNNER, "mcp", "--demo"]
STARTS = 20
CALLS = 200
PROJECT_SLUG = {"project_slug": "gh/acme/web"}


def starts(checks, name, command, revision):
    times = []
    for _ in range(STARTS):
        began = time.monotonic()
        server = Server(command, revision)
        server.open()
        times.append((time.monotonic() - began) * 1000)
        server.close()
    median, most = statistics.median(times), max(times)
    checks.note(name, f"median {median:.0f} ms, maximum {most:.0f} ms of {STARTS} starts")
    checks.check(f"{name} within half a second", most < 500, f"{most:.0f} ms")


def resident(process):
    """Returns the memory of a process in MB, where there is a `/proc`."""
    try:
        with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
    except OSError:
        return None
    return int(fields["VmRSS"].split()[0]) / 1024


def memory(checks, tool, arguments):
    server = Server(DEMO, STATELESS)
    server.open()
    at_start = resident(server.process)
    times, after = [], {}
    for count in range(1, CALLS + 1):
        began = time.monotonic()
        answer = server.call(tool, arguments)
        times.append((time.monotonic() - began) * 1000)
        server.received.clear()
        if answer.get("result", {}).get("isError", True):
            checks.check(f"{tool}, call {count}", False, answer)
            return
        if count in (1, 20, CALLS):
            after[count] = resident(server.process)
    server.close()
    checks.note(f"{tool}, a call", f"median {statistics.median(times):.0f} ms, maximum {max(times):.0f} ms")
    if at_start is None:
        return
    sizes = ", ".join(f"{size:.0f} MB after {count}" for count, size in after.items())
    checks.note(f"{tool}, memory", f"{at_start:.0f} MB at the start, {sizes}")
    grown = after[CALLS] - after[20]
    checks.check(f"{tool}: memory does not grow with calls", grown < 20, f"{grown:.0f} MB from call 20 to {CALLS}")


checks = Checks("measure")
starts(checks, "initialize", DEMO, "2025-11-25")
starts(checks, "server/discover", DEMO, STATELESS)
starts(checks, "initialize with a writer", DEMO + ["--allow-write", "trigger-pipeline"], "2025-11-25")
memory(checks, "insights_workflows", PROJECT_SLUG)
checks.finish()
