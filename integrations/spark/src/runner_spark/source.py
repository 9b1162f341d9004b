"""The data source `runner`: `spark.read.format("runner")`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import replace
from typing import Any

from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

from runner_spark.columns import arrow_schema, ddl
from runner_spark.filters import plan_with
from runner_spark.handoff import HANDOFF
from runner_spark.options import Options
from runner_spark.part import read_part
from runner_spark.plan import PartText, Plan
from runner_spark.planner import make_plan
from runner_spark.reports import write_plan_report


class RunnerSource(DataSource):
    """A query of `runner`.

    Spark calls `schema` once for a DataFrame, pickles the object with what it holds then, and
    calls `reader` on a copy for every action. So the plan is made in `schema`, and every action
    reads the same items. Sail copies the object before it calls either.
    """

    def __init__(self, options: MutableMapping[str, str]) -> None:
        self.options = dict(options)
        self._plan: Plan | None = None

    @classmethod
    def name(cls) -> str:
        """Returns the name of the format."""
        return "runner"

    def schema(self) -> Any:
        """Makes the plan and returns its columns: as DDL, or as a `pyarrow.Schema` for Sail.

        Sail 0.7 fails on a `StructType` with times and reads TIMESTAMP as one without a zone, and
        Spark takes no `pyarrow.Schema`.
        """
        plan = self._plan = make_plan(Options.parse(self.options))
        if is_sail():
            HANDOFF.give(self.options, plan)
            return arrow_schema(plan.columns)
        return ddl(plan.columns)

    def reader(self, schema: Any) -> DataSourceReader:
        """Returns the reader of the plan.

        The argument is a `StructType` or a `pyarrow.Schema`, depending on the engine; the plan
        knows the columns.
        """
        options = Options.parse(self.options)
        plan = self._plan or HANDOFF.take(self.options) or make_plan(options)
        # Spark pickles this object into every task, which has its part from the reader.
        self._plan = None
        return (FilteringReader if options.push_filters else RunnerReader)(options, plan)


class Part(InputPartition):
    """One part of a plan, sent to the executor that runs it."""

    def __init__(self, part: PartText) -> None:
        super().__init__(part)


class RunnerReader(DataSourceReader):
    """Reads the parts of a plan, each by a process of its own."""

    def __init__(self, options: Options, plan: Plan) -> None:
        self._execution = options.execution
        self._plan = plan

    def partitions(self) -> Sequence[InputPartition]:
        """Returns the parts, once: the reader is pickled into every task without them."""
        if self._execution.reports:
            write_plan_report(self._execution.reports, self._plan.head)
        parts = self._plan.parts
        self._plan = replace(self._plan, parts=[])
        return [Part(part) for part in parts]

    def read(self, partition: InputPartition) -> Iterator[Any]:
        """Returns the records of a part as batches of Arrow."""
        # Spark asks for one partition of a plan without parts.
        if partition is None or partition.value is None:
            return iter(())
        return read_part(self._plan, partition.value, self._execution)


class FilteringReader(RunnerReader):
    """A reader that passes filters as vars.

    Spark refuses any reader with this method unless `spark.sql.python.filterPushdown.enabled` is
    set, which a data source cannot see; so there are two classes, and an option chooses.
    """

    def __init__(self, options: Options, plan: Plan) -> None:
        super().__init__(options, plan)
        self._planned: tuple[Options, Plan] | None = (options, plan)

    def pushFilters(self, filters: list[Any]) -> list[Any]:  # noqa: N802
        """Plans again if filters are vars. Returns all filters, for the engine to apply them."""
        if self._planned:
            options, plan = self._planned
            self._plan = plan_with(filters, plan, options)
        return filters

    def partitions(self) -> Sequence[InputPartition]:
        """Returns the parts, once."""
        # Neither vars nor items of other parts belong into a task.
        self._planned = None
        return super().partitions()


def is_sail() -> bool:
    """Returns true in the server of Sail."""
    return "pysail" in sys.modules
