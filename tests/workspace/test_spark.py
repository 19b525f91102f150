"""Spark from the command line: the report of the evaluator, in local mode."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("pyspark", reason='Spark is not installed: pip install "guiju[spark]"')

from policyengine.core.case import Event
from policyengine.core.verdict import Judgement, Moment
from policyengine.trace.spark import found_here, whole, write
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
    shop.check(shop.good, "--events", shop.events_file, "--engine", "duckdb", "--output", "ndjson=here.ndjson")
    here = [json.loads(line) for line in (shop.folder / "here.ndjson").read_text("utf-8").splitlines()]
    for row in rows:
        row["file"] = row["file"].replace(str(shop.folder / shop.events_file), shop.events_file)
    assert sorted(rows, key=str) == sorted((row for row in here if "time" in row), key=str)
    again = shop.refused(shop.good, "--events", shop.events_file, "--engine", "spark", "--findings", "found.ndjson")
    assert "is there already" in again


def test_duties_due_within_a_period_by_spark(shop: Project) -> None:
    session()
    shop.trace(*CROSSING)
    told = report(shop, "spark", "--due-within", "14d")
    assert told["due_within"]["later"]
    assert json.loads(json.dumps(told).replace(str(shop.folder / shop.events_file), shop.events_file)) == report(
        shop, "evaluator", "--due-within", "14d")


def test_findings_in_a_folder_go_with_spark(shop: Project) -> None:
    shop.trace(*CROSSING)
    assert "goes with `--engine spark`" in shop.refused(shop.good, "--events", shop.events_file, "--findings", "found")


def test_findings_are_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """Also where what ends the run is Ctrl-C, and where it is an error."""
    spark, folder = session(), tmp_path / "found.ndjson"
    moment = Moment(0, 0, (), Event("use", 0, {"service": "one"}, None, None, "trace", 7, 0))
    judged = [Judgement("rule", "violated", moment)]
    for problem in (KeyboardInterrupt, ValueError):
        with pytest.raises(problem), whole(spark, str(folder)):
            write(found_here(spark, judged), str(folder), "json")
            assert any(folder.glob("part-*")) and not (folder / "_SUCCESS").exists()
            raise problem
        assert not folder.exists()
    with whole(spark, str(folder)):
        write(found_here(spark, judged), str(folder), "json")
    assert (folder / "_SUCCESS").exists()
    [line] = "".join(part.read_text("utf-8") for part in folder.glob("part-*")).splitlines()
    assert json.loads(line) == {"rule": "rule", "verdict": "violated", "time": "1970-01-01T00:00:00.000000Z",
                                "tie": False, "service": "one", "file": "trace", "row": 7}
