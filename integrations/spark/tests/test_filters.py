import logging
from typing import Any

import pytest
from doubles import Double

from runner_spark.filters import vars_of
from runner_spark.options import Options
from runner_spark.plan import Plan
from runner_spark.planner import declared_vars, make_plan

pytest.importorskip("pyspark")
datasource = pytest.importorskip("pyspark.sql.datasource")
if not hasattr(datasource, "EqualTo"):
    pytest.skip("PySpark 4.0 has no filters", allow_module_level=True)

from pyspark.sql.datasource import EqualTo, Filter, GreaterThan, IsNotNull

from runner_spark import RunnerSource


def equal(name: str, value: Any) -> Filter:
    return EqualTo((name,), value)


def planned(double: Double, **given: str) -> tuple[Options, Plan]:
    options = Options.parse({"binary": double.binary(), "query": "jobs"} | given)
    return options, make_plan(options)


def test_only_equal_columns_become_vars(double: Double) -> None:
    options, plan = planned(double)
    declared = declared_vars(options)

    def pushed(*filters: Filter) -> dict[str, Any]:
        return vars_of(filters, plan, declared)

    assert pushed(equal("branch", "main"), IsNotNull(("branch",))) == {"branch": "main"}
    # A column without a var, a var without a column, other conditions, other types, nothing.
    assert pushed(equal("job", "job-1")) == {}
    assert pushed(equal("Team", "x"), equal("n", 1)) == {}
    assert pushed(GreaterThan(("branch",), "main"), EqualTo(("labels", "branch"), "main")) == {}
    assert pushed(equal("branch", 1), equal("branch", "")) == {}
    # Both are true for no row; one of them is enough.
    assert pushed(equal("branch", "main"), equal("branch", "dev")) == {"branch": "main"}


def test_a_var_with_a_value_is_not_replaced(double: Double) -> None:
    options, plan = planned(double, branch="dev")
    assert vars_of([equal("branch", "main")], plan, declared_vars(options)) == {}


def rows(source: RunnerSource, filters: list[Filter]) -> int:
    source.schema()
    reader = source.reader(None)
    # All of them are applied by the engine, too.
    assert list(reader.pushFilters(filters)) == filters
    batches: list[Any] = [b for part in reader.partitions() for b in reader.read(part)]
    return sum(batch.num_rows for batch in batches)


def test_fewer_items_are_requested(double: Double, caplog: pytest.LogCaptureFixture) -> None:
    source = RunnerSource({"binary": double.binary(), "query": "jobs", "pushfilters": "true"})
    with caplog.at_level(logging.WARNING):
        assert rows(source, [equal("branch", "main")]) == 100
    assert (double.requests(), double.listings()) == (20, 2)
    assert "query `jobs`: filters are passed as vars: branch=main" in caplog.text


def test_a_value_that_the_var_does_not_take_is_left_to_the_engine(
    double: Double, caplog: pytest.LogCaptureFixture
) -> None:
    source = RunnerSource({"binary": double.binary(), "query": "jobs", "pushfilters": "true"})
    assert rows(source, [equal("branch", "other")]) == 200
    assert "`branch` takes `main` or `dev`, got `other`" in caplog.text


def test_without_the_option_there_is_nothing_to_push_to(double: Double) -> None:
    from pyspark.sql.datasource import DataSourceReader

    source = RunnerSource({"binary": double.binary(), "query": "jobs"})
    source.schema()
    # Spark refuses a reader with this method unless its own option is set.
    assert type(source.reader(None)).pushFilters is DataSourceReader.pushFilters
