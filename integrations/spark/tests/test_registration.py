"""`register` pickles the code of the package, for executors that do not have it."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from doubles import Double

cloudpickle: Any = pytest.importorskip("pyspark.cloudpickle")

import runner_spark
from runner_spark import RunnerSource, register

EXECUTOR = """
import pickle, sys
sys.modules["runner_spark"] = None  # it cannot be imported
reader, part = pickle.load(sys.stdin.buffer)
print(sum(batch.num_rows for batch in reader.read(part)))
"""


def test_an_executor_needs_no_package(double: Double) -> None:
    registered: list[type] = []
    session: Any = SimpleNamespace(dataSource=SimpleNamespace(register=registered.append))
    register(session)
    try:
        assert registered == [RunnerSource]
        # As the driver does: the class comes by value, too.
        copy = cloudpickle.loads(cloudpickle.dumps(RunnerSource))
        source = copy({"binary": double.binary(), "query": "jobs"})
        source.schema()
        reader = cloudpickle.loads(cloudpickle.dumps(source)).reader(None)
        task = cloudpickle.dumps((reader, reader.partitions()[3]))
    finally:
        cloudpickle.unregister_pickle_by_value(runner_spark)
    command = [sys.executable, "-c", EXECUTOR]
    done = subprocess.run(command, input=task, stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"25\n"
