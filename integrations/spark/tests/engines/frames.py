"""What the tests of both engines share."""

from pathlib import Path

import pyarrow.parquet as pq
from doubles import Double
from pyspark.sql import DataFrame, SparkSession
from rows import lines_of

TOKEN = "a-token-that-no-log-may-have"


def load(spark: SparkSession, binary: str, query: str = "jobs", **options: str) -> DataFrame:
    """Returns a DataFrame of 200 rows in 8 parts."""
    reader = spark.read.format("runner").option("binary", binary).option("query", query)
    for name, value in options.items():
        reader = reader.option(name, value)
    return reader.load()


def one_run(double: Double) -> list[str]:
    """Returns the lines of the same query in one process, sorted."""
    return lines_of(double.records())


def lines(folder: Path) -> list[str]:
    """Returns the rows of a Parquet table as `runner` writes them, sorted."""
    files = sorted(folder.rglob("*.parquet"))
    return lines_of(record for file in files for record in pq.read_table(file).to_pylist())
