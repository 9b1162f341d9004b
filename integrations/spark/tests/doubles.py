"""Binaries for tests: the double of `runner`, alone or with a part that fails."""

import collections
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "double"


class Double:
    """A `runner` in a folder of its own, which counts its requests."""

    def __init__(self, folder: Path, runner: list[str] | None = None) -> None:
        self.folder = folder
        self.runner = runner or [sys.executable, "-S", str(HERE / "fake_runner.py")]
        self.log = folder / "log"

    def binary(self, **orders: Any) -> str:
        """Returns the path of a binary. The orders are those of `chaos.py`."""
        orders = {"runner": self.runner, "env": {"FAKE_LOG": str(self.log)}} | orders
        if orders.get("once") is True:
            orders["once"] = str(self.folder / f"{orders['how']}.once")
        name = f"runner-{orders.get('how', 'good')}-{orders.get('part', '')}"
        path = self.folder / name
        command = [sys.executable, "-S", str(HERE / "chaos.py"), json.dumps(orders)]
        path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        path.chmod(0o755)
        return str(path)

    def records(self) -> list[dict[str, object]]:
        """Returns the records of one run."""
        done = subprocess.run([*self.runner, "run", "jobs"], stdout=subprocess.PIPE, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def requests(self) -> int:
        """Returns how many items were requested, again or for the first time."""
        return sum(line.startswith("item ") for line in self.lines())

    def listings(self) -> int:
        return self.lines().count("list")

    def commands(self, command: str) -> list[str]:
        return [line for line in self.lines() if line.startswith(f"{command} ")]

    def repeated(self) -> int:
        """Returns how many items were requested more than once."""
        counts = collections.Counter(line for line in self.lines() if line.startswith("item "))
        return sum(count > 1 for count in counts.values())

    def reset(self) -> None:
        self.log.unlink(missing_ok=True)
