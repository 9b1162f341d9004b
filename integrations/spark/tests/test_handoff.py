import pickle
import sys
import types

import pyarrow as pa
import pytest
from doubles import Double

from runner_spark.handoff import ROOM, SECONDS, Handoff
from runner_spark.plan import Plan

pytest.importorskip("pyspark")

from runner_spark import RunnerSource


def plan(number: int) -> Plan:
    return Plan(head={"id": number}, parts=[], columns=[])


def test_a_plan_is_taken_once_and_soon() -> None:
    now = [0.0]
    handoff = Handoff(lambda: now[0])
    handoff.give({"a": "1"}, plan(1))
    assert handoff.take({"a": "2"}) is None
    assert handoff.take({"a": "1"}) == plan(1)
    assert handoff.take({"a": "1"}) is None
    handoff.give({}, plan(2))
    now[0] = SECONDS + 1
    assert handoff.take({}) is None


def test_plans_that_nobody_takes_are_dropped() -> None:
    handoff = Handoff()
    for number in range(ROOM + 5):
        handoff.give({"n": str(number)}, plan(number))
    assert handoff.take({"n": "0"}) is None
    assert handoff.take({"n": str(ROOM + 4)}) == plan(ROOM + 4)
    assert len(handoff._plans) == ROOM - 1


def test_sail_lists_once_for_an_action(double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pysail", types.ModuleType("pysail"))
    pickled = pickle.dumps(RunnerSource({"binary": double.binary(), "query": "jobs"}))
    for action in (1, 2):
        assert isinstance(pickle.loads(pickled).schema(), pa.Schema)
        assert len(pickle.loads(pickled).reader(None).partitions()) == 8
        assert double.listings() == action
