"""The same run by the evaluator and in columns: the same report, to the letter, from files of every form."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from policyengine.core import ir
from policyengine.core.verdict import Judgement
from policyengine.trace.engines.explain import About, Found, Rows
from policyengine.workspace import tracing
from tests.workspace.shop import Project, event, service

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "companion"
CROSSING = [
    event("agreed", "01-10 10:00"), event("bought", "01-11 10:00", gift=False),
    event("bought", "07-14 22:59", gift=False), event("billed", "07-15 00:30"),
    event("bought", "07-15 00:00", "v", gift=False), event("billed", "07-15 01:30", "v"),
    event("bought", "07-20 10:00", "w", gift=None), event("withdrew", "07-20 10:00", "w"),
    event("bought", "07-20 10:00", "w", gift=True), event("bought", "07-31 09:30", "x", gift=False),
    event("billed", "07-31 10:00", "y"),
]


def report(shop: Project, engine: str, *args: str) -> dict[str, Any]:
    ran = shop.check(shop.good, "--events", shop.events_file, "--engine", engine, "--format", "json", *args)
    assert ran.exit_code in (0, 1), ran.told
    told: dict[str, Any] = ran.json()
    told["notes"] = [note for note in told["notes"] if "the facts as of" not in note]
    return told


@pytest.mark.parametrize("args", [(), ("--all",), ("--as-of", "2026-07-20"), ("--version", "final"),
                                  ("--as-of", "2026-07-20T10:00:00+08:00", "--version", "draft")])
def test_columns_and_evaluator_tell_the_same(shop: Project, args: tuple[str, ...]) -> None:
    """Counts, evidence, places, due times, missing fields, ties and notes."""
    rows = list(CROSSING)
    Random(1).shuffle(rows)
    shop.trace(*rows)
    expected = report(shop, "evaluator", *args)
    assert expected["results"]
    assert [note for note in expected["notes"] if "after the instant" in note] == {
        "--as-of": ["2 events lie after the instant of judgement, not read"]}.get(args[0] if args else "", [])
    assert report(shop, "duckdb", *args) == expected


@pytest.mark.parametrize("engine", ["evaluator", "duckdb"])
def test_an_event_after_the_instant_of_judgement_is_not_looked_at(shop: Project, engine: str) -> None:
    """Be it of a service that has no file, or of a day that no calendar goes past."""
    shop.trace(event("bought", "07-20 10:00"), event("bought", "07-21 10:00", service="nobody"),
               event("bought", "9999-12-31T10:00:00Z"))
    told = report(shop, engine, "--as-of", "2026-07-20T10:00:00+08:00")
    assert told["summary"]["events"] == 1
    assert "2 events lie after the instant of judgement, not read" in told["notes"]


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T10:00:00Z"])
def test_a_day_that_no_calendar_goes_past(shop: Project, time: str) -> None:
    """By the clocks of the rules; once an internal error where columns judged."""
    shop.write("regulations/xx/shop/regulation.yaml", (shop.folder / "regulations/xx/shop/regulation.yaml").read_text(
        "utf-8").replace("Asia/Shanghai", "America/New_York"))
    shop.trace(event("bought", time), *CROSSING)
    for engine, place in (("evaluator", " events.ndjson:1:1"), ("duckdb", "")):
        told = shop.refused(shop.good, "--events", shop.events_file, "--engine", engine)
        assert told.startswith(f"error[date-out-of-range]: the time of an event, `{time}`, is not between 0001-01-01 "
                               "and 9999-12-30 in America/New_York\n")
        assert place in told


def test_findings_explained_while_the_next_rules_are_run(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few at once: the same, in the same order."""
    shop.trace(*CROSSING)
    expected = report(shop, "duckdb", "--all")
    monkeypatch.setattr("policyengine.workspace.tracing.MEANWHILE", 0)
    assert report(shop, "duckdb", "--all") == expected
    monkeypatch.setattr("policyengine.workspace.tracing.TOGETHER", 0)  # each waits for the one before
    assert report(shop, "duckdb", "--all") == expected


def test_what_the_sources_cannot_show(shop: Project) -> None:
    """Nobody emits bills, purchases are complete from a day in July: undecided alike. Of a trigger that nobody emits
    columns listed also what is not applicable, which `--all` asks for."""
    shop.house("rule dark\n  cites Art. 2(2)\n  family bills\n  applies when not service.lit\n  per user\n  on billed\n"
               "  must not happen\n")
    shop.settings('[[sources]]\nname = "till"\nemits = ["bought", "agreed"]\ncomplete = "2026-07-10"')
    shop.trace(*CROSSING)
    assert report(shop, "duckdb") == report(shop, "evaluator")


FAR = """rule soon
  cites Art. 2(2)
  family bills
  per user
  on bought where (gift = false)
  must billed within 1 month

rule lately
  cites Art. 2(2)
  family bills
  per user
  on billed
  must bought within the last 1 month
"""


@pytest.mark.parametrize("time", ["0001-03-01T00:00:00Z", "1026-07-15T00:00:00Z", "1970-01-01T00:00:00Z",
                                  "2936-07-15T00:00:00Z", "9999-11-01T00:00:00Z"])
def test_an_event_whose_clock_is_far_off(shop: Project, time: str) -> None:
    """The same report, be it of a day whose month no calendar has."""
    shop.house(FAR)
    shop.trace(*[row for row in CROSSING if row.get("gift", False) is not None], event("bought", time, gift=True))
    expected = report(shop, "evaluator", "--version", "final")
    found = report(shop, "duckdb", "--version", "final")
    assert {**found, "notes": []} == {**expected, "notes": []}


@pytest.mark.parametrize("row", [event("bought", "9999-12-20T00:00:00Z", gift=False),
                                 event("billed", "0001-01-01T00:00:00Z", "v")])
def test_a_period_that_no_calendar_has(shop: Project, row: dict[str, Any]) -> None:
    """Where a moment asks for it the run ends, by either engine; where none does, it goes on."""
    shop.house(FAR)
    shop.trace(row, *CROSSING[:4])
    args = (shop.good, "--events", shop.events_file, "--version", "final")
    told = [shop.refused(*args, "--engine", engine) for engine in ("evaluator", "duckdb")]
    assert told[0] == told[1] and "date-out-of-range" in told[0]
    shop.trace({**row, "type": "bought", "gift": True}, *CROSSING[:4])
    judged = [shop.judge(*args, "--rule", "soon", "--engine", engine) for engine in ("evaluator", "duckdb")]
    assert judged[0] == judged[1]


def test_parquet_gives_what_ndjson_gives(shop: Project) -> None:
    """But for the file's name: the rows are the same. Parquet has no null that is other than absent."""
    shop.trace(*[row for row in CROSSING if row.get("gift", False) is not None])
    expected = report(shop, "evaluator")
    text = json.dumps(expected).replace(shop.events_file, "trace.parquet")
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT type, CAST(time AS TIMESTAMPTZ) AS time, \"user\", gift FROM read_json("
                    f"'{shop.folder / shop.events_file}', format='newline_delimited', columns={{type: 'VARCHAR', "
                    f"time: 'VARCHAR', user: 'VARCHAR', gift: 'BOOLEAN'}})) TO '{shop.folder / 'trace.parquet'}'")
    shop.events_file = "trace.parquet"
    assert report(shop, "auto") == json.loads(text)


def test_several_services(shop: Project) -> None:
    """Events go to the service they name; one that names a stranger ends the run in both engines."""
    shop.write("services/good.yaml", service("one"))
    shop.write("services/two.yaml", service("two", lit=False))
    rows = [{**row, "service": name} for row, name in zip(CROSSING, ["one", "two"] * 9, strict=False)]
    shop.trace(*rows)
    shop.good = "services"
    assert report(shop, "duckdb") == report(shop, "evaluator")
    shop.trace(*rows, event("bought", "07-31 11:00", service="three"))
    for engine in ("evaluator", "duckdb"):
        told = shop.refused("services", "--events", shop.events_file, "--engine", engine)
        assert "unknown-service" in told and f"{shop.events_file}:{len(rows) + 1}" in told, told


def test_many_findings_are_counted_and_some_told(shop: Project) -> None:
    """A hundred and more violations: all counted, the earliest hundred explained, and a note says so."""
    rows = [event("bought", f"07-16 {n // 60 % 24:02}:{n % 60:02}", f"u{n}", gift=False) for n in range(110)]
    shop.trace(*rows, event("billed", "07-30 10:00", "z"))
    told = report(shop, "duckdb", "--rule", "bill_sent")
    assert told["summary"]["results_by_verdict"]["violated"] == 110
    assert len(told["results"]) == 100
    assert any("100 of 110 results are listed" in note for note in told["notes"])
    everything = report(shop, "duckdb", "--all")
    listed, counted = len(everything["results"]), sum(everything["summary"]["results_by_verdict"].values())
    assert any(f"{listed:,} of {counted:,} results are listed" in note for note in everything["notes"])
    text = shop.check(shop.good, "--events", shop.events_file, "--engine", "duckdb", "--rule", "bill_sent").stdout
    assert "110 of 110" in text and "and 105 more" in text, text
    for format, beside in (("concise", 1), ("gitlab", 1), ("text", 0), ("json", 0)):
        said = shop.check(shop.good, "--events", shop.events_file, "--engine", "duckdb", "--rule", "bill_sent",
                          "--format", format).stderr
        assert said.count("note: 100 of 110 results are listed") == beside, "where the format has no room for it"


LISTED = re.compile(r"(note: |注：).*(results are listed|项结果中列出).*")


@pytest.mark.parametrize("args", [(), ("--all",), ("--pending",), ("--max-findings", "1"), ("--max-findings", "6"),
                                  ("--lang", "zh"), ("--due-within", "20 days"), ("--as-of", "2026-07-20")])
def test_text_reads_the_same_whatever_else_is_asked(shop: Project, args: tuple[str, ...],
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone it asks why of fewer, and lists fewer of a rule with many; also of many at one instant, which are told in
    the order of the trace."""
    for name, number in (("cli.check.TOLD", 12), ("cli.check.NAMED", 2), ("report.to_text.NAMED", 2)):
        monkeypatch.setattr(f"policyengine.{name}", number)
    whys: list[int] = []
    explain = tracing.explain

    def counted(about: About, found: Sequence[tuple[ir.Rule, Found]], rows: Rows) -> Iterator[tuple[Found, Judgement]]:
        whys.append(sum(one.why for _, one in found))
        return explain(about, found, rows)

    monkeypatch.setattr(tracing, "explain", counted)
    rows = [event("bought", f"07-{day} 10:00", f"u{n % 7}", gift=gift) for n, (day, gift) in enumerate(
        [(16, False)] * 30 + [(17, None)] * 9 + [(30, False)] * 20)]
    Random(2).shuffle(rows)
    shop.trace(*CROSSING, *rows)
    check = ("--events", shop.events_file, "--engine", "duckdb", *args)
    alone, fewer = shop.check(shop.good, *check).stdout, sum(whys)
    beside = shop.check(shop.good, *check, "--output", "json=report.json").stdout
    assert fewer < sum(whys) - fewer

    def told(text: str) -> list[str]:
        return [line for line in text.split("\n")[1:] if not LISTED.match(line) and "facts as of" not in line
                and "事实截至" not in line]
    assert told(alone) == told(beside)
    assert alone != beside or args[:1] == ("--as-of",), "it lists fewer, and says so"


def test_open_duties_are_all_told_and_others_are_not(shop: Project) -> None:
    """`--pending` asks for the open ones: of what is violated a hundred are explained, as without it."""
    late = [event("bought", f"07-16 {n // 60:02}:{n % 60:02}", f"u{n}", gift=False) for n in range(110)]
    shop.trace(*late, *[event("bought", "07-30 10:00", f"v{n}", gift=False) for n in range(105)])
    for args, told in ((("--pending",), {"violated": 100, "pending": 105}), ((), {"violated": 100, "pending": 100})):
        results = report(shop, "duckdb", "--rule", "bill_sent", *args)["results"]
        assert Counter(one["verdict"] for one in results) == told


def test_open_duties_by_due_date(shop: Project) -> None:
    """`--pending` lists them, the first due first, from either engine."""
    shop.trace(*CROSSING, event("bought", "07-31 10:00", "z", gift=False))
    told = [shop.check(shop.good, "--events", shop.events_file, "--engine", engine, "--pending").stdout
            for engine in ("evaluator", "duckdb")]
    # The second line, and a note, tell the time.
    one, other = ([line for line in text.split("\n")[2:] if "the facts as of" not in line] for text in told)
    assert one == other
    at = next(place for place, line in enumerate(one) if "open duties, by due date" in line)
    duties = one[at + 1:one.index("", at)]
    assert len(duties) > 2 and duties == sorted(duties)
    assert len({re.split("  +", line)[3] for line in duties}) > 1, "of several rules"


@pytest.mark.parametrize("engine", ["evaluator", "duckdb"])
@pytest.mark.parametrize("period", ["0d", "1h", "2d", "3 days", "14 days", "1 year"])
def test_duties_due_within_a_period(shop: Project, engine: str, period: str) -> None:
    """`--due-within` lists those of `--pending` that are due by then, counts the others, and changes nothing else."""
    shop.trace(*CROSSING, event("bought", "07-31 10:00", "z", gift=False))
    every, some = report(shop, engine, "--pending"), report(shop, engine, "--due-within", period)
    until = some["due_within"]
    days = {"0d": "31", "2d": "08-02", "3 days": "08-03", "14 days": "08-14"}.get(period, "")
    assert until["text"].endswith(days) and every["due_within"] is None
    open_ = [one for one in every["results"] if one["verdict"] == "pending"]
    later = [one for one in open_ if one["due"]["instant"] > until["instant"]]
    assert some["results"] == [one for one in every["results"] if one not in later]
    assert until["later"] == len(later) and len(open_) > 2
    assert some["rules"] == every["rules"]
    assert {**some["summary"], "results_listed": 0} == {**every["summary"], "results_listed": 0}


@pytest.mark.parametrize(("period", "lang", "told"), [
    ("0h", "en", ["pending    no open duty is due by 2026-07-31 10:00:00 +08:00; 5 later"]),
    ("1h", "en", ["pending    2 open duties due by 2026-07-31 11:00:00 +08:00, by due date; 3 later",
                  "           2026-07-31 10:30:00 +08:00  x  bill_sent  Art. 2(2)",
                  "           2026-07-31 11:00:00 +08:00  z  bill_sent  Art. 2(2)"]),
    ("30m", "en", ["pending    1 open duty due by 2026-07-31 10:30:00 +08:00; 4 later",
                   "           2026-07-31 10:30:00 +08:00  x  bill_sent  Art. 2(2)"]),
    ("0h", "zh", ["待履行     期限不晚于 2026-07-31 10:00:00 +08:00：无待履行事项；另有 5 项期限更晚"]),
    ("30m", "zh", ["待履行     期限不晚于 2026-07-31 10:30:00 +08:00：1 项待履行；另有 4 项期限更晚",
                   "           2026-07-31 10:30:00 +08:00  x  bill_sent  第2条第2款"]),
    ("14 days", "zh", ["待履行     期限不晚于 2026-08-14 日终：3 项待履行，按期限排列；另有 2 项期限更晚",
                       "           2026-07-31 10:30:00 +08:00  x  bill_sent  第2条第2款",
                       "           2026-07-31 11:00:00 +08:00  z  bill_sent  第2条第2款",
                       "           2026-08-10 日终             w  notified   第2条第2款"]),
])
def test_the_list_of_duties_due_within_a_period(shop: Project, period: str, lang: str, told: list[str]) -> None:
    """In either language: what is due, until when, how many are due later; also where none is due."""
    shop.trace(*CROSSING, event("bought", "07-31 10:00", "z", gift=False))
    ran = shop.check(shop.good, "--events", shop.events_file, "--due-within", period, "--lang", lang)
    lines = ran.stdout.split("\n")
    at = max(place for place, line in enumerate(lines) if line.startswith(told[0][:4]))
    assert lines[at:at + len(told) + 1] == [*told, ""]


def test_more_duties_than_are_looked_at_one_by_one(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are not told are due later where the last that is told is; else a note says that this is not known."""
    monkeypatch.setattr("policyengine.cli.check.OPEN", 3)
    shop.trace(*[event("bought", f"07-31 10:0{n}", f"u{n}", gift=False) for n in range(6)])
    told = report(shop, "duckdb", "--rule", "bill_sent", "--due-within", "61m")  # by 11:06 all six are due
    assert (told["due_within"]["later"], len(told["results"])) == (0, 3)
    assert sum("some may be due" in note and "`bill_sent`" in note for note in told["notes"]) == 1
    told = report(shop, "duckdb", "--rule", "bill_sent", "--due-within", "56m")  # by 11:01, from 10:05 on
    assert (told["due_within"]["later"], len(told["results"])) == (4, 2)
    assert not any("some may be due" in note or "are listed" in note for note in told["notes"])


@pytest.mark.parametrize("engine", ["evaluator", "duckdb"])
@pytest.mark.parametrize(("period", "told"), [
    ("soon", "`soon` is not a period"), ("7", "`7` is not a period"), ("-3d", "`-3d` is not a period"),
    ("3y", "`y` is not a unit of time"), ("1.5d", "is not a whole number"),
    ("9000 years", "ends outside the years 1 to 9999"), ("", "is not a period"),
])
def test_a_period_that_is_none(shop: Project, engine: str, period: str, told: str) -> None:
    shop.trace(*CROSSING)
    said = shop.refused(shop.good, "--events", shop.events_file, "--engine", engine, f"--due-within={period}")
    assert "error[usage]: `--due-within`: " in said and told in said


def with_terms(shop: Project) -> None:
    """Purchases that say themselves when the bill is due, which no column can answer; and the rule."""
    vocabulary = shop.folder / "regulations/vocabulary/shop.yaml"
    text = vocabulary.read_text("utf-8")
    amount = "        amount: {type: integer"
    assert amount in text
    term = '        term: {type: string, format: period, description: "When.", x-description-zh: "期限。"}\n'
    vocabulary.write_text(text.replace(amount, term + amount, 1), "utf-8")
    shop.house("rule billed_in_time\n  cites Art. 2(2)\n  family bills\n  per user\n  on bought as sale\n"
               "  must billed within sale.term\n")
    shop.trace(*[{**row, "term": "3 days"} if row["type"] == "bought" else row for row in CROSSING])


@pytest.mark.parametrize(("args", "number"), [
    (("--engine", "evaluator"), 6), (("--engine", "duckdb"), 8),
    (("--engine", "duckdb", "--as-of", "2026-07-30", "--due-within", "1 year"), 9),
])
def test_notes_are_in_the_language_of_the_report(shop: Project, args: tuple[str, ...], number: int,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """Every note there is, in Chinese too; it used to be the English one where the words had changed."""
    monkeypatch.setattr("policyengine.cli.check.OPEN", 1)
    monkeypatch.setattr("policyengine.cli.check.TOLD", 3)
    with_terms(shop)
    rows = [event("bought", f"07-30 10:0{n}", f"u{n}", gift=False, id=f"i{n % 4}", term="3 days") for n in range(4)]
    shop.trace(event("bought", "01-11 10:00", gift=False), *rows, *rows[:2], *[event("billed", "07-30 10:05")] * 3,
               event("billed", "2999-01-01T00:00:00Z", "y"))
    text = shop.check(shop.good, "--events", shop.events_file, "--lang", "zh", *args).stdout
    notes = [line for line in text.split("\n") if line.startswith("注：")]
    assert len(notes) == number, notes
    english = re.compile(r"[a-z]{3,} [a-z]+")
    assert [note for note in notes if english.search(re.sub("`[^`]*`|（[^）]*）", "", note))] == []


def test_a_rule_that_no_column_can_answer(shop: Project) -> None:
    """A legal period that an event names: the evaluator judges the rule, and the report says so."""
    with_terms(shop)
    found = report(shop, "duckdb")
    notes = [note for note in found["notes"] if "`billed_in_time` asks for" in note]
    assert len(notes) == 1 and "the evaluator judged it row by row" in notes[0]
    found["notes"].remove(notes[0])
    assert found == report(shop, "evaluator")


@pytest.mark.parametrize("billed", ["integer", "number"])
def test_a_key_that_other_events_have_as_text(shop: Project, billed: str) -> None:
    """What an event that no rule asks by it says under the name of a key, and whether its numbers are all whole."""
    vocabulary = shop.folder / "regulations/vocabulary/shop.yaml"
    said = '{type: %s, description: "Where.", x-description-zh: "柜台。"}'
    text = vocabulary.read_text("utf-8")
    for name, kind in (("bought", "integer"), ("billed", billed), ("withdrew", "string")):
        before, after = text.split(f"    {name}:\n", 1)
        after = after.replace("required: [user]", "required: [user, desk]", 1).replace(
            "      properties:\n", f"      properties:\n        desk: {said % kind}\n", 1)
        text = f"{before}    {name}:\n{after}"
    vocabulary.write_text(text, "utf-8")
    shop.house("rule billed_at_the_desk\n  cites Art. 2(2)\n  family bills\n  per desk\n  on bought\n"
               "  must billed before\n"
               "rule first_at_the_desk\n  cites Art. 2(2)\n  family bills\n  per desk\n  on first bought\n"
               "  must billed before\n")
    shop.trace(event("billed", "07-20 10:00", desk=1), event("bought", "07-20 10:01", desk=1),
               event("bought", "07-20 10:02", desk=2), event("bought", "07-20 10:03", desk=1),
               event("withdrew", "07-20 10:04", desk="two"))
    found = report(shop, "duckdb", "--all")
    assert found == report(shop, "evaluator", "--all")
    verdicts = [one["verdict"] for one in found["results"] if one["rule"].endswith("at_the_desk")]
    assert sorted(verdicts) == ["satisfied"] * 3 + ["violated"] * 2


def test_a_key_of_two_types_in_rules_that_never_meet(shop: Project) -> None:
    """A table has room for one of them; the evaluator reads rows as they are."""
    vocabulary = shop.folder / "regulations/vocabulary/shop.yaml"
    text = vocabulary.read_text("utf-8")
    for name, kind in (("bought", "integer"), ("withdrew", "string")):
        before, after = text.split(f"    {name}:\n", 1)
        after = after.replace("required: [user]", "required: [user, desk]", 1).replace(
            "      properties:\n", f'      properties:\n        desk: {{type: {kind}, description: "Where.", '
            'x-description-zh: "柜台。"}\n', 1)
        text = f"{before}    {name}:\n{after}"
    vocabulary.write_text(text, "utf-8")
    shop.house("".join(f"rule {name}_once\n  cites Art. 2(2)\n  family bills\n  per desk\n  on {name}\n"
                       f"  must not {name} before\n" for name in ("bought", "withdrew")))
    shop.trace(event("bought", "07-20 10:00", desk=1), event("bought", "07-20 10:01", desk=1),
               event("withdrew", "07-20 10:02", desk="two"))
    with pytest.raises(AssertionError, match="the key `desk` is integer in `bought` and string in `withdrew`"):
        report(shop, "duckdb")
    results = report(shop, "evaluator", "--all")["results"]
    verdicts = [one["verdict"] for one in results if one["rule"].endswith("_once")]
    assert sorted(verdicts) == ["satisfied"] * 2 + ["violated"]


def test_too_many_pairs_are_refused_with_their_number(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A join above the limit is not run."""
    shop.house("rule dearer\n  cites Art. 2(2)\n  family bills\n  per user\n  on bought as sale\n"
               "  must no bought where (amount > sale.amount) within the last 1 hour\n")
    shop.trace(*[event("bought", f"07-16 10:{n:02}", amount=n) for n in range(20)])
    assert report(shop, "duckdb") == report(shop, "evaluator")
    monkeypatch.setattr("policyengine.trace.engines.engine.PAIRS", 300)
    told = shop.refused(shop.good, "--events", shop.events_file, "--engine", "duckdb")
    assert "too-many-pairs" in told and "400 pairs" in told and "house.policy:10" in told, told


def test_a_rule_for_the_evaluator_alone_over_too_many_rows(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused by name, never run for hours."""
    with_terms(shop)
    monkeypatch.setattr("policyengine.workspace.tracing.MOST_ROWS", 5)
    told = shop.refused(shop.good, "--events", shop.events_file, "--engine", "duckdb", "--rule", "billed_in_time")
    assert "no-plan" in told and "`billed_in_time`" in told, told


def test_memory_that_is_none(shop: Project) -> None:
    """A limit that DuckDB does not take is the user's mistake."""
    shop.trace(*CROSSING)
    told = shop.refused(shop.good, "--events", shop.events_file, "--engine", "duckdb", "--memory", "plenty")
    assert "`--memory`" in told and "--memory 500MB" in told, told


@pytest.mark.parametrize("version", ["draft", "final"])
def test_the_example_service(version: str, shop: Project) -> None:
    """4,759 events by all rules of a version of the human-like AI measures."""
    told = []
    for engine in ("evaluator", "duckdb"):
        ran = shop.run(["check", "service.yaml", "--events", "events.ndjson", "--regulation", "cn/human-like-ai",
                        "--version", version, "--engine", engine, "--format", "json", "--as-of", "2026-08-31"], EXAMPLE)
        assert ran.exit_code == 1, ran.told
        told.append(ran.json())
    assert told[1]["results"] == told[0]["results"]
    assert told[1]["rules"] == told[0]["rules"]


NAMES = ("file", "row", "t", "pos", "instant", "k", "asks", "o0", "m0", "k0", "first", "past", "known", "start", "sure",
         "life", "base", "mark", "run_t", "going", "new", "whole")
"""What tables of events, and tables that plans make of them, call columns of their own."""


@pytest.mark.parametrize("names", [NAMES[n:n + 11] for n in (0, 11)])
def test_fields_may_be_called_anything(shop: Project, names: tuple[str, ...]) -> None:
    """A field `file` ended columns with an internal error, and by a key `start` a state was not found."""
    vocabulary = shop.folder / "regulations/vocabulary/shop.yaml"
    text = vocabulary.read_text("utf-8")
    described = '{type: string, description: "It.", x-description-zh: "其。"}'
    declared = "".join(f"        {name}: {described}\n" for name in names)
    for kind in ("bought", "billed"):
        before, after = text.split(f"    {kind}:\n", 1)
        after = after.replace("required: [user]", f"required: [user, {', '.join(names)}]", 1).replace(
            "      properties:\n", f"      properties:\n{declared}", 1)
        text = f"{before}    {kind}:\n{after}"
    vocabulary.write_text(text, "utf-8")
    rule = "\n  cites Art. 2(2)\n  family bills\n  per user, {name}\n  on "
    shop.house("\n".join(f"""state open_{name} per user, {name} from bought until billed
episode spree_{name} per user, {name} of bought gap 20 minutes

rule before_{name}{rule}bought as one
  must billed before and one.{name} != "b" and count of bought this day < 3
rule open_when_{name}{rule}bought
  must open_{name}
rule marks_{name}{rule}every 5 minutes of spree_{name} as one
  must billed before and one.{name} = "a"
rule silent_{name}{rule}5 minutes of open_{name} without billed
  must billed where ({name} = "a") within 1 day
""".replace("{name}", name) for name in names))
    shop.trace(*[event("bought" if n % 3 else "billed", f"07-20 10:{n:02}", f"u{n % 2}",
                       **dict.fromkeys(names, "ab"[n % 4 // 2])) for n in range(30)])
    told = [[one for one in report(shop, engine, "--all", "--max-findings", "1000")["results"]
             if one["verdict"] != "not_applicable"] for engine in ("evaluator", "duckdb")]
    assert told[0] == told[1]
    assert len({one["rule"] for one in told[0]}) > 4 * len(names)
    assert {one["verdict"] for one in told[0]} >= {"satisfied", "violated"}


@pytest.mark.parametrize(("dialect", "word"), [((), '"user:text"'), (("spark",), "`user:text`")])
def test_the_plan_of_a_rule_is_shown(shop: Project, dialect: tuple[str, ...], word: str) -> None:
    """What is read, and the SQL; a rule about no moment has none."""
    ran = shop.run(["explain", "bill_sent", "--plan", *dialect], shop.folder)
    assert ran.exit_code == 0, ran.told
    assert "-- reads bought: user:text VARCHAR, gift:bool BOOLEAN" in ran.stdout
    assert word in ran.stdout and "the verdict of each moment" in ran.stdout
    ran = shop.run(["explain", "lit", "--plan"], shop.folder)
    assert "a rule without a trigger is judged by the evaluator" in ran.stdout and "SELECT" not in ran.stdout
