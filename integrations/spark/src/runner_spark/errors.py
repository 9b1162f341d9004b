"""The error of this package, and what the exit codes of `runner` mean."""

from __future__ import annotations

import signal

EXIT_CODES = {
    1: "an expectation of the query failed",
    2: "invalid usage or files",
    3: "the API returned an error",
    4: "missing or invalid credentials",
    5: "network error or timeout",
    6: "partial: some items failed",
    7: "refused",
    130: "interrupted",
}


class RunnerError(Exception):
    """A failure to plan, to read a part, or to save.

    The engines pickle it and show its text below a traceback of their own: it has one line and no
    argument other than that text.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def describe_exit(code: int) -> str:
    """Returns how a process ended: `ended with exit code 3 (the API returned an error)`."""
    if code >= 0:
        return f"ended with exit code {code} ({EXIT_CODES.get(code, 'unknown')})"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    return f"was killed by {name}"
