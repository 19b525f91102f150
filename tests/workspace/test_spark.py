"""Spark from the command line: the report of the evaluator, in local mode."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("pyspark", reason='Spark is not installed: pip install "guiju[spark]"')

from tests.support.spark import session
from tests.workspace.shop import Project
from tests.workspace.test_engines import CROSSING, report, with_terms


def test_check_by_spark(shop: Project) -> None:
    """Rules with deadlines and states over two versions, and one that the evaluator judges: the same counts, the same
    findings with their evidence, and the moments found in a folder."""
    session()  # a loud skip where Java is missing; the command takes the one that runs
    with_terms(shop)
    told = json.dumps(report(shop, "spark", "--findings", "found.ndjson"))
    # Spark is given the whole path of a file, as it began in another folder.
    same = json.loads(told.replace(str(shop.folder / shop.events_file), shop.events_file))
    same["notes"] = [note for note in same["notes"] if "judged it row by row" not in note]
    assert same == report(shop, "evaluator")
    assert (shop.folder / "found.ndjson" / "_SUCCESS").exists()
    rows = [json.loads(line) for file in sorted((shop.folder / "found.ndjson").glob("part-*"))
            for line in file.read_text("utf-8").splitlines()]
    wanted = [(one["rule"], one["verdict"]) for one in same["results"] if one["moment"] is not None]
    assert sorted((one["rule"], one["verdict"]) for one in rows) == sorted(wanted)
    again = shop.refused(shop.good, "--events", shop.events_file, "--engine", "spark", "--findings", "found.ndjson")
    assert "is there already" in again


def test_findings_in_a_folder_go_with_spark(shop: Project) -> None:
    shop.trace(*CROSSING)
    assert "goes with `--engine spark`" in shop.refused(shop.good, "--events", shop.events_file, "--findings", "found")
