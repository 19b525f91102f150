"""Findings as a table, NDJSON and CSV: a row a finding, of all there are, whichever engine judged."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pytest

from policyengine.core.case import Event
from policyengine.core.verdict import VERDICTS, Judgement, Moment
from policyengine.trace.engines.findings import COLUMNS, Heading, Table, cells, row_of
from policyengine.workspace.config import FORMATS, TABLES
from tests.workspace.shop import Project, event, service
from tests.workspace.test_engines import CROSSING, EXAMPLE, report, with_terms

ENGINES = ["evaluator", "duckdb"]


def listed(shop: Project, engine: str, *args: str) -> list[dict[str, Any]]:
    """The rows of a run that prints something else."""
    ran = shop.check(shop.good, "--events", shop.events_file, "--engine", engine, "--output", "ndjson=found.ndjson",
                     *args)
    assert ran.exit_code in (0, 1), ran.told
    return in_order((shop.folder / "found.ndjson").read_text("utf-8"))


def in_order(text: str) -> list[dict[str, Any]]:
    return sorted(map(json.loads, text.splitlines()), key=named)


def told(result: dict[str, Any]) -> dict[str, Any]:
    """The row of a result of the JSON report, but for the service."""
    moment, due = result["moment"], result["due"]
    pending = due is not None and result["verdict"] == "pending"
    row = {**{name: result[name] for name in ("regulation", "version", "rule", "articles", "verdict", "tie")},
           "time": moment and micro(moment["instant"]), "due": micro(due["instant"]) if pending else None,
           "keys": (moment and moment["keys"]) or None, "file": result["place"]["file"], "row": result["place"]["row"]}
    return {name: value for name, value in row.items() if value is not None}


def without(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without a column, in order."""
    return sorted(({column: value for column, value in row.items() if column != name} for row in rows), key=named)


def named(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True)


def micro(instant: str) -> str:
    whole, _, fraction = instant.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<6}Z"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("args", [(), ("--all",), ("--due-within", "2d"), ("--rule", "bill_sent"),
                                  ("--as-of", "2026-07-20")])
def test_the_rows_are_the_findings_of_the_report(shop: Project, engine: str, args: tuple[str, ...]) -> None:
    """Of two versions, of which the older judges what was before the newer one came."""
    shop.trace(*CROSSING, event("bought", "07-10 10:00", "y", gift=False),
               event("bought", "07-31 10:00", "z", gift=False))
    rows = listed(shop, engine, *args)
    assert {row["version"] for row in rows} == {"2-old", "3-new"}
    assert {row["regulation"] for row in rows} == {"xx/shop"}
    wanted = [told(one) for one in report(shop, engine, *args)["results"]]
    assert len(wanted) > 4
    assert without("service", rows) == without("service", wanted)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_row_says_which_version_judged(shop: Project, engine: str) -> None:
    """A purchase an hour before the new version and one at its first instant, neither billed; a house policy too."""
    shop.house("rule bought_once\n  cites Art. 2(2)\n  family bills\n  on first bought\n  must billed before\n")
    shop.trace(event("bought", "07-14 23:00", gift=False), event("bought", "07-15 00:00", "v", gift=False),
               event("billed", "07-20 00:00", "z"))
    rows = listed(shop, engine, "--rule", "bill_sent", "--rule", "bought_once")
    assert [(row["regulation"], row["version"], row["rule"], row["articles"], row.get("keys"), row["row"])
            for row in sorted(rows, key=lambda row: (row["regulation"], row["row"]))] == [
        ("my/house", "1", "bought_once", ["Art. 2(2)"], None, 1),
        ("xx/shop", "2-old", "bill_sent", ["Art. 2(2)"], {"user": "u"}, 1),
        ("xx/shop", "3-new", "bill_sent", ["Art. 2(2)"], {"user": "v"}, 2)]


def with_keys(shop: Project) -> None:
    """Purchases at a desk, a number, and of a kind, true or false; a rule by all of them, and an episode."""
    vocabulary = shop.folder / "regulations/vocabulary/shop.yaml"
    text = vocabulary.read_text("utf-8")
    for name in ("bought", "billed"):
        before, after = text.split(f"    {name}:\n", 1)
        after = after.replace("required: [user]", "required: [user, desk, retail]", 1).replace(
            "      properties:\n", '      properties:\n        desk: {type: number, description: "Where.", '
            'x-description-zh: "柜台。"}\n        retail: {type: boolean, description: "How.", x-description-zh: '
            '"方式。"}\n', 1)
        text = f"{before}    {name}:\n{after}"
    vocabulary.write_text(text, "utf-8")
    shop.house("episode spree per retail, user, desk of bought gap 20 minutes\n\n"
               "rule billed_at_the_desk\n  cites Art. 2(2), Art. 1(1)\n  family bills\n  per desk, user, retail\n"
               "  on bought\n  must billed before\n"
               "rule breaks\n  cites Art. 1(1)\n  family bills\n  per desk, user\n  on every 5 minutes of spree\n"
               "  must billed before\n")
    desks = ["1", "2.50", "-0.0", "100", "0.000000001"]
    shop.trace(*[json.dumps(event("bought", time, "中 \"u\"", retail=desk == "1", desk="?")).replace('"?"', desk)
                 for n, desk in enumerate(desks) for time in (f"07-20 10:0{n}", f"07-20 10:1{n}")],
               event("billed", "07-21 10:00", desk=7, retail=True))


@pytest.mark.parametrize("engine", ENGINES)
def test_several_keys(shop: Project, engine: str) -> None:
    """Texts, numbers and truth values, of events and of runs, in the words of the report and the order of the rule."""
    with_keys(shop)
    rows = listed(shop, engine, "--rule", "billed_at_the_desk", "--rule", "breaks")
    # A mark's row is that of the first event of its run; the report names the one that passed it.
    assert without("row", rows) == without("row", [told(one) for one in report(shop, engine)["results"]
                                                   if one["regulation"] == "my/house"])
    one = next(row for row in rows if row["rule"] == "billed_at_the_desk")
    assert [*one["keys"]] == ["desk", "user", "retail"] and len(one["articles"]) == 2
    told_of = {rule: sorted(row["keys"]["desk"] for row in rows if row["rule"] == rule)
               for rule in ("billed_at_the_desk", "breaks")}
    desks = ["0", "0.000000001", "1", "100", "2.5"]
    assert told_of == {"billed_at_the_desk": sorted(desks * 2), "breaks": desks}
    assert {row["keys"]["retail"] for row in rows if "retail" in row["keys"]} == {"true", "false"}


@pytest.mark.parametrize("args", [(), ("--all",)])
def test_engines_list_the_same(shop: Project, args: tuple[str, ...]) -> None:
    """Also of a rule that no column can answer, and of moments that the evaluator judges."""
    with_terms(shop)
    rows = listed(shop, "evaluator", *args)
    assert {row["rule"] for row in rows} >= {"billed_in_time", "bill_sent"}
    assert listed(shop, "duckdb", *args) == rows


@pytest.mark.parametrize("version", ["final", "draft"])
def test_engines_list_the_same_of_the_example(shop: Project, version: str) -> None:
    """Marks, silences, states and legal periods: two versions' rules over a trace with all verdicts. What is not
    applicable columns count, and need not list."""
    found = []
    for engine in ENGINES:
        ran = shop.run(["check", str(EXAMPLE / "service.yaml"), "--events", str(EXAMPLE / "events.ndjson"), "--engine",
                        engine, "--version", version, "--as-of", "2026-09-01", "--all", "--regulation",
                        "cn/human-like-ai", "--format", "ndjson"], shop.folder.parent)
        assert ran.exit_code == 1, ran.told
        found.append([row for row in in_order(ran.stdout) if row["verdict"] != "not_applicable"])
    assert found[0] == found[1]
    assert len(found[0]) > 1_000 and {row["verdict"] for row in found[0]} == set(VERDICTS) - {"not_applicable"}


@pytest.mark.parametrize("engine", ENGINES)
def test_every_finding_is_listed(shop: Project, engine: str) -> None:
    """However many a report lists, and whatever `--max-findings` says."""
    shop.trace(*[event("bought", f"07-16 {n // 60:02}:{n % 60:02}", f"u{n}", gift=False) for n in range(250)],
               event("billed", "07-30 10:00", "z"))
    rows = listed(shop, engine, "--rule", "bill_sent", "--max-findings", "1")
    assert [row["row"] for row in sorted(rows, key=lambda row: row["time"])] == list(range(1, 251))
    assert rows[0] == {"regulation": "xx/shop", "version": "3-new", "rule": "bill_sent", "articles": ["Art. 2(2)"],
                       "verdict": "violated", "time": "2026-07-15T16:00:00.000000Z", "tie": False,
                       "keys": {"user": "u0"}, "file": "events.ndjson", "row": 1}


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_of_several_services(shop: Project, engine: str) -> None:
    """A finding about a service as a whole has no time and no row, and stands at the service's file."""
    shop.write("services/good.yaml", service("one"))
    shop.write("services/two.yaml", service("two", lit=False))
    shop.trace(*[{**row, "service": name} for row, name in zip(CROSSING, ["one", "two"] * 9, strict=False)])
    shop.good = "services"
    rows = listed(shop, engine)
    assert {row["service"] for row in rows} == {"one", "two"}
    [whole] = [row for row in rows if "time" not in row]
    assert whole == {"regulation": "xx/shop", "version": "3-new", "rule": "lit", "articles": ["Art. 1(1)"],
                     "verdict": "violated", "tie": False, "service": "two", "file": "services/two.yaml"}


@pytest.mark.parametrize("engine", ENGINES)
def test_csv_says_what_ndjson_says(shop: Project, engine: str) -> None:
    """What is no text is written as JSON."""
    with_keys(shop)
    rows = listed(shop, engine)
    ran = shop.check(shop.good, "--events", shop.events_file, "--engine", engine, "--format", "csv")
    head, *lines = csv.reader(StringIO(ran.stdout))
    assert head == list(COLUMNS)
    texts = [["" if name not in row else row[name] if isinstance(row[name], str) else
              json.dumps(row[name], ensure_ascii=False) for name in COLUMNS] for row in rows]
    assert sorted(lines) == sorted(texts)


def test_the_format_of_ndjson_on_standard_output(shop: Project) -> None:
    shop.trace(*CROSSING)
    rows = listed(shop, "evaluator")
    ran = shop.check(shop.good, "--events", shop.events_file, "--format", "ndjson")
    assert in_order(ran.stdout) == rows and ran.exit_code == 1


def test_a_table_without_findings(shop: Project) -> None:
    ran = shop.check(shop.good, "--rule", "lit", "--format", "csv", "--output", "ndjson=found.ndjson")
    assert ran.stdout == ",".join(COLUMNS) + "\n"
    assert (shop.folder / "found.ndjson").read_bytes() == b""


def test_tables_do_not_go_with_spark(shop: Project) -> None:
    """There the cluster writes them."""
    shop.trace(*CROSSING)
    for args in (("--format", "csv"), ("--output", "ndjson=found.ndjson")):
        said = shop.refused(shop.good, "--events", shop.events_file, "--engine", "spark", *args)
        assert "does not go with `--engine spark`" in said and "--findings FOLDER" in said


def test_duckdb_reads_the_columns_as_their_types(tmp_path: Path) -> None:
    """What COLUMNS says of the types holds for whoever reads the files."""
    table = Table()
    keys = {"user": '中 "u", {a=b}', "session": ""}
    of = Heading("xx/shop", "final", "rule", ("Art. 2(2)", "xx/other Art. 1"), tuple(keys))
    table.found([(of, "pending", 1_000_000, 2_000_001, True, tuple(keys.values()), "one", "trace.ndjson", 7)])
    for name, lines in (("ndjson", table.ndjson()), ("csv", table.csv())):
        file = tmp_path / f"found.{name}"
        file.write_bytes(b"".join(lines))
        read = "read_csv" if name == "csv" else "read_json"
        with duckdb.connect() as con:
            columns = "{" + ", ".join(f"'{column}': '{type}'" for column, type in COLUMNS.items()) + "}"
            if name == "csv":  # in which keys are a text, of JSON
                columns = columns.replace(COLUMNS["keys"], "JSON")
            [row] = con.execute("SELECT * REPLACE (epoch_us(time) AS time, epoch_us(due) AS due) FROM "
                                f"{read}('{file}', columns = {columns})").fetchall()
            said = dict(zip(COLUMNS, row, strict=True))
            assert (json.loads(said.pop("keys")) if name == "csv" else said.pop("keys")) == keys
        assert [*said.values()] == ["xx/shop", "final", "rule", ["Art. 2(2)", "xx/other Art. 1"], "pending", 1_000_000,
                                    2_000_001, True, "one", "trace.ndjson", 7]


def test_texts_cannot_end_a_row_or_begin_a_formula() -> None:
    """Of CSV, which spreadsheets open; NDJSON has them as they are."""
    nasty = '=HYPERLINK("x")\n\r"a,b\ud800'
    event = Event("use", 0, {"service": nasty}, None, None, "-trace", 7, 0)
    table = Table()
    of = Heading("xx/shop", "final", "rule", (), ("user",))
    table.judged([row_of(of, Judgement("rule", "violated", Moment(0, 0, (("user", nasty),), event)))])
    [line] = table.ndjson()
    assert json.loads(line)["service"] == json.loads(line)["keys"]["user"] == nasty.replace("\ud800", "?")
    _, row = csv.reader(StringIO(b"".join(table.csv()).decode()))
    cells = dict(zip(COLUMNS, row, strict=True))
    assert cells["service"].startswith("'=HYPERLINK") and "\n" not in cells["service"]
    assert cells["file"] == "'-trace"
    assert json.loads(cells["keys"]) == {"user": nasty.replace("\ud800", "?")} and "\n" not in cells["keys"]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@"])
def test_no_text_of_csv_begins_as_a_formula_does(sign: str) -> None:
    table = Table()
    table.found([(Heading("xx/shop", "final", "rule", (), ()), "violated", 0, None, False, (), f"{sign}1", "a" * 300,
                  1)])
    _, row = csv.reader(StringIO(b"".join(table.csv()).decode()))
    said = dict(zip(COLUMNS, row, strict=True))
    assert (said["service"], said["file"]) == (f"'{sign}1", "a" * 300)


@pytest.mark.parametrize("odd", ["\x7f", "\x00", "\xa0", "\u2028", "\u3000", "\U000e0001", '"\\', "\n"])
def test_keys_in_csv_are_json_whatever_they_hold(odd: str) -> None:
    """A space that does not break was written as no JSON has it."""
    table = Table()
    keys = {"user": f"a{odd}b"}
    of = Heading("xx/shop", "final", "rule", (f"Art. {odd}",), tuple(keys))
    table.found([(of, "violated", 0, None, False, tuple(keys.values()), None, None, 1)])
    _, row = csv.reader(StringIO(b"".join(table.csv()).decode()))
    said = dict(zip(COLUMNS, row, strict=True))
    assert json.loads(said["keys"]) == keys and json.loads(said["articles"]) == [f"Art. {odd}"]
    assert said["keys"].isprintable() and said["articles"].isprintable()


def test_a_row_of_what_is_still_open() -> None:
    """The last instant in time, of a moment and of a service as a whole; at a mark it is the row its run began with."""
    of, first, past = Heading("xx/shop", "final", "rule", ("Art. 1",), ("user",)), *(
        Event("use", row, {"service": "one"}, None, None, "trace", row, 0) for row in (7, 9))
    mark = Moment(8, 9, (("user", "u"),), None, first, past)
    assert row_of(of, Judgement("rule", "pending", mark, 2_000_001, tie=True)) == (
        of, "pending", 8, 2_000_000, True, ("u",), "one", "trace", 7)
    whole = row_of(of, Judgement("rule", "pending", None, 2_000_001, tie=True), "one", "one.yaml")
    assert whole == (of, "pending", None, 2_000_000, True, (), "one", "one.yaml", None)
    assert cells(whole) == ("xx/shop", "final", "rule", ["Art. 1"], "pending", None, 2_000_000, True, None, "one",
                            "one.yaml", None)
    assert cells((Heading("xx/shop", "final", "rule", (), ()), *whole[1:]))[3] is None


def test_what_is_due_later_is_passed_over() -> None:
    """What is open and due by then stays, and all that is not open."""
    of, table = Heading("xx/shop", "final", "rule", (), ()), Table()
    table.until = 1_000_000
    for row, (verdict, due) in enumerate((("pending", 1_000_000), ("pending", 1_000_001), ("pending", None),
                                          ("violated", None), ("undecided", None)), 1):
        table.found([(of, verdict, 0, due, False, (), None, None, row)])
        table.judged([(of, verdict, 0, due, False, (), None, None, row + 10)])
    assert [json.loads(line)["row"] for line in table.ndjson()] == [1, 4, 5, 11, 14, 15]


def test_many_rows_are_not_held_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """They go to a temporary file, and come back the same, a part of CSV at a time."""
    monkeypatch.setattr("policyengine.trace.engines.findings.IN_MEMORY", 1_000)
    table = Table()
    of = Heading("xx/shop", "final", "rule", (), ())
    table.found((of, "violated", n, None, False, (), None, "trace", n) for n in range(300))
    assert [json.loads(line)["row"] for line in table.ndjson()] == list(range(300))
    parts = list(table.csv())
    assert len(parts) > 5 and b"".join(parts).count(b"\n") == 301
    table.close()


def test_tables_are_formats() -> None:
    assert set(TABLES) < set(FORMATS)
