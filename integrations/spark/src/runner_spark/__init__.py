"""Queries of `runner` as DataFrames of Spark and Sail: one part of the walk a task.

    from runner_spark import register

    register(spark)
    df = spark.read.format("runner").option("query", "project-jobs").option("since", "90d").load()

`runner plan` lists the items once, on the driver. Each task runs `runner run --part -` on its
executor, which needs the binary and the token, but no shared disk.
"""

from runner_spark.errors import RunnerError
from runner_spark.registration import register
from runner_spark.reports import parts
from runner_spark.saving import save
from runner_spark.source import RunnerSource

__all__ = ["RunnerError", "RunnerSource", "parts", "register", "save"]
