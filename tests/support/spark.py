"""One Spark in local mode for a whole test run, and generated cases as its table of events."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest

from policyengine.core.case import Event
from policyengine.trace.columns import each_once, needs
from policyengine.trace.engines import spark as engine
from policyengine.trace.engines.spark_master import NoSpark
from policyengine.trace.engines.spark_sql import spark_type
from policyengine.trace.plan.plan import Known
from tests.support.tables import held

SMALL = {"spark.sql.shuffle.partitions": "2", "spark.default.parallelism": "2", "spark.driver.memory": "2g",
         "spark.sql.ui.retainedExecutions": "2", "spark.ui.retainedJobs": "2", "spark.ui.retainedStages": "2",
         "spark.sql.adaptive.enabled": "false", "spark.sql.codegen.wholeStage": "false",
         "spark.sql.codegen.factoryMode": "NO_CODEGEN",
         "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
"""Compiling a query costs more than running it on a few rows, and making Java fast more than Java costs. Of a thousand
queries, as Spark does of itself, no more is kept than what they gave: their plans fill its memory."""


@cache
def session() -> Any:
    """The session, in which a task that would start Python fails; a loud skip where Java is missing."""
    stack = ExitStack()
    os.environ["PYSPARK_PYTHON"] = "no-python-on-the-cluster"
    try:
        spark = stack.enter_context(engine.open_session("local[2]", SMALL))
    except NoSpark as reason:
        pytest.skip(f"{reason}: {engine.INSTALL}")
    atexit.register(stack.close)
    return spark


def load(spark: Any, traces: Sequence[tuple[Known, Iterable[Event]]]) -> None:
    """The view `events` of several traces, each with its own service."""
    columns = each_once(wanted for known, _ in traces for wanted in needs(known.policy, known.policy.rules).values())
    said = [one for one in columns if one.said]
    declared = {"type": "SMALLINT", "t": "BIGINT", "pos": "BIGINT", "instant": "BIGINT", "file": "INT", "row": "BIGINT",
                "service": "STRING", **{one.name: spark_type(one.type) for one in columns},
                **{one.said_name: "BOOLEAN" for one in said}}
    rows = []
    for known, events in traces:
        instants: dict[Any, int] = {}
        for pos, event in enumerate(events):
            instant = instants.setdefault((event.time, event.sequence), pos)
            service = known.service or event.fields.get("service")
            rows.append((event.place, event.time, pos, instant, 0, event.row, service,
                         *(held(event, one) for one in columns),
                         *(one.path[-1] in event.fields for one in said)))
    table = engine.local_table(spark, declared, rows)
    table.createOrReplaceTempView("events")
    table.where("pos <> instant").select("instant").createOrReplaceTempView("events_shared")
