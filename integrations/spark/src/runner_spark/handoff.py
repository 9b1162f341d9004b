"""Passes a plan from `schema` to `reader` within a process.

Sail makes both calls for every action, on separate copies of the data source. Without this, each
action would list the items twice.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping

from runner_spark.plan import Plan

# An action calls `reader` right after `schema`. A plan that is older is listed anew.
SECONDS = 30.0
ROOM = 16
ATTRIBUTE = "_runner_spark_handoff"


class Handoff:
    """Plans by their options. Each is taken once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._plans: list[tuple[str, float, Plan]] = []

    def give(self, options: Mapping[str, str], plan: Plan) -> None:
        """Keeps a plan for a short time."""
        with self._lock:
            self._drop_old()
            self._plans = [*self._plans[-ROOM + 1 :], (_key(options), self._clock(), plan)]

    def take(self, options: Mapping[str, str]) -> Plan | None:
        """Returns the newest plan with these options, if there is one, and forgets it."""
        with self._lock:
            self._drop_old()
            for index in reversed(range(len(self._plans))):
                if self._plans[index][0] == _key(options):
                    return self._plans.pop(index)[2]
        return None

    def _drop_old(self) -> None:
        now = self._clock()
        self._plans = [entry for entry in self._plans if now - entry[1] <= SECONDS]

    def __reduce__(self) -> tuple[Callable[[], Handoff], tuple[()]]:
        # A class that is pickled by value takes its globals along.
        return (process_wide, ())


def _key(options: Mapping[str, str]) -> str:
    return json.dumps(dict(options), sort_keys=True)


def process_wide() -> Handoff:
    """Returns the one of this process.

    Code that is pickled by value arrives as a new copy each time, so a global of this module
    would be another one in `schema` than in `reader`.
    """
    found: Handoff | None = getattr(sys, ATTRIBUTE, None)
    if found is None:
        found = Handoff()
        setattr(sys, ATTRIBUTE, found)
    return found


HANDOFF = process_wide()
