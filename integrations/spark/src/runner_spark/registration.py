"""Registers the data source with a session."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from runner_spark.source import RunnerSource

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def register(spark: SparkSession) -> None:
    """Registers the format `runner`, so that executors need only pyarrow and the binary.

    The code of this package is pickled by value. Without it, every executor would have to have
    the package installed.
    """
    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules["runner_spark"])  # type: ignore[no-untyped-call]
    spark.dataSource.register(RunnerSource)
