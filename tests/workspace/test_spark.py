"""Spark from the command line: the report of the evaluator, in local mode."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

pytest.importorskip("pyspark", reason='Spark is not installed: pip install "guiju[spark]"')

from policyengine.core.case import Event
from policyengine.core.verdict import Judgement, Moment
from policyengine.trace.engines.findings import COLUMNS, Heading, row_of
from policyengine.trace.engines.spark import found_here, whole, write
from tests.support.spark import session
from tests.workspace.shop import Project, event
from tests.workspace.test_engines import CROSSING, report, with_terms
from tests.workspace.test_findings import with_keys


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


def test_findings_of_several_versions_and_keys(shop: Project) -> None:
    """Texts, numbers and truth values as keys, in Parquet: what DuckDB lists, in columns of the types that are said."""
    session()
    with_keys(shop)
    with (shop.folder / shop.events_file).open("a", encoding="utf-8") as more:
        for time in ("07-14 23:00", "07-15 00:00"):
            more.write(json.dumps(event("bought", time, desk=1, retail=True)) + "\n")
    told = report(shop, "spark", "--findings", "found")
    names = ("regulation", "version", "rule", "articles", "verdict", "keys", "row")
    with duckdb.connect() as con:
        table = con.read_parquet(str(shop.folder / "found" / "part-*"))
        assert dict(zip(table.columns, map(str, table.types), strict=True)) == {
            **COLUMNS, "time": "TIMESTAMP WITH TIME ZONE", "due": "TIMESTAMP WITH TIME ZONE"}
        rows = [dict(zip(names, row, strict=True)) for row in table.project(", ".join(names)).fetchall()]
    assert {row["version"] for row in rows} == {"2-old", "3-new", "1"}
    shop.check(shop.good, "--events", shop.events_file, "--engine", "duckdb", "--output", "ndjson=here.ndjson")
    here = [json.loads(line) for line in (shop.folder / "here.ndjson").read_text("utf-8").splitlines()]
    assert sorted(map(str, rows)) == sorted(str({name: row[name] for name in names}) for row in here if "time" in row)
    assert len(rows) == len([one for one in told["results"] if one["moment"]]) > 20


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
    moment = Moment(0, 0, (("user", "u"),), Event("use", 0, {"service": "one"}, None, None, "trace", 7, 0))
    of = Heading("xx/shop", "final", "rule", ("Art. 1",), ("user",))
    rows = [row_of(of, Judgement("rule", "violated", moment))]
    for problem in (KeyboardInterrupt, ValueError):
        with pytest.raises(problem), whole(spark, str(folder)):
            write(found_here(spark, rows), str(folder), "json")
            assert any(folder.glob("part-*")) and not (folder / "_SUCCESS").exists()
            raise problem
        assert not folder.exists()
    with whole(spark, str(folder)):
        write(found_here(spark, rows), str(folder), "json")
    assert (folder / "_SUCCESS").exists()
    [line] = "".join(part.read_text("utf-8") for part in folder.glob("part-*")).splitlines()
    assert json.loads(line) == {"regulation": "xx/shop", "version": "final", "rule": "rule", "articles": ["Art. 1"],
                                "verdict": "violated", "time": "1970-01-01T00:00:00.000000Z", "tie": False,
                                "keys": {"user": "u"}, "service": "one", "file": "trace", "row": 7}
