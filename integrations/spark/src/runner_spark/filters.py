"""Filters of an engine as vars of the query.

`branch = 'main'` becomes the var `branch` if the query has a column and a var of that name, and
the var has no value yet. The engine applies the filter all the same, so a var that lets more
through does no harm. One that means something other than the column would lose rows, which
nothing here can know: it is done only where the option `pushFilters` says so.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from runner_spark.options import Options
from runner_spark.plan import Plan
from runner_spark.planner import UsageError, declared_vars, make_plan

LOG = logging.getLogger("runner_spark")

# Types of vars, by the type of the column whose values they take.
ALIKE = {"text": {"string"}, "int": {"int", "number"}, "bool": {"bool"}}
VALUES: dict[str, type] = {"text": str, "int": int, "bool": bool}


def vars_of(filters: Sequence[Any], plan: Plan, declared: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the vars that some filters become. They are joined by AND, so each one may."""
    columns = {column.name: column.type for column in plan.columns}
    types = {str(var["name"]): var["type"] for var in declared if not var.get("secret")}
    values = plan.head.get("vars") or {}
    pushed: dict[str, Any] = {}
    for entry in filters:
        attribute: tuple[str, ...] = getattr(entry, "attribute", ())
        if type(entry).__name__ != "EqualTo" or len(attribute) != 1:
            continue
        name, value = attribute[0], entry.value
        kind = columns.get(name, "")
        if types.get(name) not in ALIKE.get(kind, set()) or type(value) is not VALUES[kind]:
            continue
        # A var with a value has chosen the rows of this DataFrame. An empty text may mean none.
        if values.get(name) is None and value != "":
            pushed.setdefault(name, value)
    return pushed


def plan_with(filters: Sequence[Any], plan: Plan, options: Options) -> Plan:
    """Returns a plan for fewer items, or the same plan if no filter is a var."""
    if options.plan or not filters:
        return plan
    pushed = vars_of(filters, plan, declared_vars(options))
    if not pushed:
        return plan
    said = ", ".join(f"{name}={value}" for name, value in pushed.items())
    try:
        fewer = make_plan(options, pushed)
    except UsageError as error:
        # Such as a value that the declaration of the var does not list.
        LOG.warning("query `%s`: filters are not passed as vars: %s", plan.query, error)
        return plan
    LOG.warning("query `%s`: filters are passed as vars: %s", plan.query, said)
    return fewer
