"""Registers the data source without a line of code.

Spark 4.3 imports every top-level module named `pyspark_*` and registers its `DefaultSource`.
"""

from runner_spark.source import RunnerSource as DefaultSource

__all__ = ["DefaultSource"]
