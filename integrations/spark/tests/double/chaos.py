#!/usr/bin/env python3
"""Runs a `runner` and makes one part fail.

usage: chaos.py ORDERS ARGUMENT…

ORDERS is a JSON object: `runner` (a command), `part` (the part that fails), `how`, `once` (a file
that is made when the part fails, and keeps it from failing again) and `env`. The failure comes
after the first line of the part, or at its end. `how` is one of:

- `kill-runner`, `kill-worker`, `kill-executor`: SIGKILL for the process, its parent (the Python
  worker), or the parent of that one's parent (the JVM of the executor)
- `exit`: the error and the exit code `code` in the middle of the part
- `partial`: all records, a summary with one failure, exit code 6
- `cut`: one record is lost, but exit code and summary are those of a success
- `nothing`
- `silent`: no summary
- `chatter`: much text on standard error
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def is_due(orders: dict[str, Any], part: int) -> bool:
    if orders.get("part") != part:
        return False
    once = orders.get("once")
    if once is None:
        return True
    try:
        os.close(os.open(once, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def strike(how: str, child: subprocess.Popen[bytes], orders: dict[str, Any]) -> None:
    worker = os.getppid()
    if how == "kill-runner":
        child.kill()
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "kill-worker":
        os.kill(worker, signal.SIGKILL)
        time.sleep(5)
    elif how == "kill-executor":
        # A worker is forked by the daemon, whose parent is the executor.
        os.kill(parent(parent(worker)), signal.SIGKILL)
        time.sleep(5)
    elif how == "exit":
        child.kill()
        tell({"level": "error", "code": "http-500", "message": "the API returned 500", "help": []})
        tell({"level": "summary", "exit_code": orders["code"], "retry": True})
        sys.exit(orders["code"])


def tell(document: dict[str, Any]) -> None:
    print(json.dumps(document), file=sys.stderr, flush=True)


def run_part(orders: dict[str, Any], command: list[str]) -> int:
    document = sys.stdin.buffer.read()
    number = json.loads(document)["part"]["part"]
    how = orders["how"] if is_due(orders, number) else "nothing"
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdin and child.stdout and child.stderr
    with child.stdin:
        child.stdin.write(document)
    first = child.stdout.readline()
    sys.stdout.buffer.write(first)
    sys.stdout.flush()
    strike(how, child, orders)
    if how == "cut":
        child.stdout.readline()
    for line in child.stdout:
        sys.stdout.buffer.write(line)
    sys.stdout.flush()
    *messages, last = child.stderr.read().decode().splitlines()
    code = child.wait()
    if how == "chatter":
        for _ in range(20_000):
            print("x" * 100, file=sys.stderr)
    for message in messages:
        print(message, file=sys.stderr)
    summary = json.loads(last)
    if how == "partial":
        tell({"level": "error", "code": "http-404", "message": "1 item failed", "help": []})
        code, summary["failures"] = 6, 1
        summary["complete"], summary["exit_code"] = False, 6
    if how != "silent":
        tell(summary)
    return code


def main() -> int:
    # It ends with its parent, as the program does.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    orders = json.loads(sys.argv[1])
    os.environ.update(orders.get("env", {}))
    command = [*orders["runner"], *sys.argv[2:]]
    if sys.argv[2:4] == ["run", "--part"] and "how" in orders:
        return run_part(orders, command)
    os.execvp(command[0], command)


if __name__ == "__main__":
    sys.exit(main())
