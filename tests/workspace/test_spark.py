"""Spark from the command line: the report of the evaluator, in local mode."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

pytest.importorskip("pyspark", reason='Spark is not installed: pip install "guiju[spark]"')

from tests.support.spark import session
from tests.workspace.shop import Project
from tests.workspace.test_engines import CROSSING, report


def test_check_by_spark(shop: Project) -> None:
    """Rules with deadlines and states over two versions: the same counts, and the same findings with their evidence."""
    session()  # a loud skip where Java is missing; the command takes the one that runs
    shop.trace(*CROSSING)
    file = shop.folder / shop.events_file
    told = json.dumps(report(replace(shop, events_file=file.as_uri()), "spark"))
    # Spark has the whole path of a file, as it began in another folder.
    assert json.loads(told.replace(str(file), shop.events_file)) == report(shop, "evaluator")
