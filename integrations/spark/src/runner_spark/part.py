"""Reads one part: `runner run --part -`, checked against its own summary."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from typing import Any

from runner_spark.child import Child
from runner_spark.columns import Column, batch
from runner_spark.errors import RunnerError
from runner_spark.options import Execution
from runner_spark.plan import PartText, Plan
from runner_spark.reports import write_report

PARTIAL = 6
CREDENTIALS = 4


def read_part(plan: Plan, part: PartText, execution: Execution) -> Iterator[Any]:
    """Returns the records of a part as batches of Arrow.

    The last batch is held back until the exit code and the summary are known, so the reader of a
    failed part never sees its end. Batches before it may be seen; an engine drops them with the
    failed task.
    """
    number, columns = part.number, plan.columns
    what = f"part {number} of query `{plan.query}` (plan {plan.id}) on host `{platform.node()}`"
    document = plan.document(part).encode()
    child = Child(execution.binary, document, folder=execution.folder(), timeout=execution.timeout)
    try:
        records = 0
        lines: list[bytes] = []
        for line in child.lines():
            if len(lines) >= execution.batch_rows:
                yield _batch(what, lines, columns, records)
                records += len(lines)
                lines = []
            lines.append(line)
        code = child.wait()
        _check(what, child, code, execution.allow_partial)
        summary = _summary(what, child, plan.id, number, records + len(lines), code)
        if execution.reports:
            write_report(execution.reports, summary, number, child.said.errors)
        if lines:
            yield _batch(what, lines, columns, records)
    finally:
        # Also if the engine needs no more rows, or the task is cancelled.
        child.end()


def _batch(what: str, lines: list[bytes], columns: list[Column], before: int) -> Any:
    try:
        return batch(lines, columns, before + 1)
    except (RunnerError, ValueError) as error:
        raise RunnerError(f"{what}: {error}") from None


def _check(what: str, child: Child, code: int, allow_partial: bool) -> None:
    if code == 0 or (code == PARTIAL and allow_partial):
        return
    hint = ""
    if code == PARTIAL:
        hint = "; to keep what was delivered, give the options `allowPartial` and `reports`"
    elif code == CREDENTIALS:
        hint = (
            "; the token comes from the environment of the executors "
            "(spark.executorEnv.CIRCLE_TOKEN; with Sail, that of its server)"
        )
    raise RunnerError(f"{what} {child.ending(code)}: {child.said.reason()}{hint}")


def _summary(
    what: str, child: Child, plan: str, number: int, records: int, code: int
) -> dict[str, Any]:
    """Returns the summary, if it is that of this part and counts the records that arrived."""
    summary = child.said.summary
    if summary is None:
        raise RunnerError(f"{what} ended without a summary; is `runner` wrapped by a script?")
    if summary.get("plan") != plan or summary.get("part") != number:
        raise RunnerError(
            f"{what}: its summary is that of part {summary.get('part')} "
            f"of plan {summary.get('plan')}"
        )
    if summary.get("records") != records:
        raise RunnerError(
            f"{what}: {records} records arrived, but its summary counts {summary.get('records')}"
        )
    if code == 0 and summary.get("complete") is not True:
        raise RunnerError(f"{what} ended with exit code 0, but its summary is not complete")
    return summary
