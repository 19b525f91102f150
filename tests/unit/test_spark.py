"""Spark by itself: the words it is given, the patterns it is refused, and its part as an engine."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import re2

pytest.importorskip("pyspark", reason='Spark is not installed: pip install "guiju[spark]"')

from policyengine.core import ir, types
from policyengine.core.case import Case, Event, in_order
from policyengine.core.evaluate import judge
from policyengine.core.ir import CANDIDATE, TRIGGER
from policyengine.core.verdict import VERDICTS, Setting
from policyengine.trace.columns import Unsupported, needs
from policyengine.trace.engines import spark as engine
from policyengine.trace.engines.spark_sql import java_pattern, spark_sql, text_of
from policyengine.workspace.tracing import Question, Store, judge_stored
from tests.support.spark import load, session
from tests.support.tables import known_of
from tests.support.trace_strategies import CALENDAR, EVENTS, SECOND, START, policy

PATTERNS = ["a.b", "^a$", "a|b", "[a-c]+", r"\d+", r"[\w-]+", r"[^\s]*", r"\s", r"\S", "[[a]", "[a&&b]", "[]a]",
            "[^]a]", "a{", "a{2}", "{,2}", "a{1,2}b", r"\.", r"[\d.]+", r"a\\b", "(?:ab)+", "(a|b)*c", r"\v", r"\x41",
            r"\x{4e00}", "用户", "a-b", "[a-]", r"[\S]", "a}", "", r"\t", "[.^$]"]
TEXTS = ["", "a", "b", "ab", "aab", "abab", "a\nb", "a\rb", "a\u2028b", "a\n", "12", "１２", "a-b", "\v", " ", "\u00a0",
         "[", "&", "]", "^", "$", "a{", "aa", "{,2}", ".", "a\\b", "c", "abc", "A", "一", "用户", "-", "a}", "\t", "é",
         "_", "😀"]


def test_patterns_mean_the_same() -> None:
    """Java, given what `java_pattern` makes of a pattern, matches what RE2 does."""
    columns = ", ".join(f"t RLIKE {text_of(java_pattern(f'^(?:{one})' + chr(92) + 'z'))}" for one in PATTERNS)
    table = engine.local_table(session(), {"t": "STRING"}, [(one,) for one in TEXTS])
    table.createOrReplaceTempView("texts")
    for text, *said in session().sql(f"SELECT t, {columns} FROM texts").collect():
        expected = [re2.fullmatch(one, text) is not None for one in PATTERNS]
        assert dict(zip(PATTERNS, said, strict=True)) == dict(zip(PATTERNS, expected, strict=True)), repr(text)


@pytest.mark.parametrize(("pattern", "named"), [
    ("(?i)a", "(?i"), (r"\bword", r"\b"), (r"\p{Han}", r"\p"), ("(?P<x>a)", "(?P"), ("[[:alpha:]]", "[:"),
    (r"\Qa\E", r"\Q"), (r"[^\S]", r"[^\S"), (r"\C", r"\C")])
def test_other_patterns_are_refused_by_name(pattern: str, named: str) -> None:
    """What the two read differently is never asked of Spark."""
    with pytest.raises(Unsupported, match="`" + re2.escape(named)):
        java_pattern(f"^(?:{pattern})\\z")


def test_windows_that_look_ahead_look_back() -> None:
    """Over the mirrored order: to the end, Spark would begin again at every row."""
    said = spark_sql('SELECT first_value("m" IGNORE NULLS) OVER (PARTITION BY "k" ORDER BY "a", "b" ROWS BETWEEN '
                     'CURRENT ROW AND UNBOUNDED FOLLOWING) FROM x')
    assert said == ("SELECT LAST_VALUE(`m`) IGNORE NULLS OVER (PARTITION BY `k` ORDER BY `a` DESC NULLS FIRST, `b` "
                    "DESC NULLS FIRST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM x")


def test_texts_come_through() -> None:
    """Quotes, backslashes, line ends, and what Spark would take for a variable."""
    for text in ("it's", 'a"b', "a\\nb", "a\nb", "${spark.master}", "%_", "用户 😀", "`"):
        given = text.replace("'", "''")
        assert session().sql(spark_sql(f"SELECT '{given}'")).first()[0] == text


def test_too_large_is_an_error() -> None:
    """Never another number."""
    with pytest.raises(Exception, match="ARITHMETIC_OVERFLOW"):
        session().sql(spark_sql('SELECT "a" + "a" FROM (SELECT CAST(9223372036854775807 AS BIGINT) AS "a")')).collect()


def test_an_engine(tmp_path: Path) -> None:
    """Counts, evidence and written findings of a rule that comes to several verdicts."""
    flag = ir.Get(CANDIDATE, ("flag",), types.Bool())
    rule = ir.Rule("answer", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (), (ir.Must(
        ir.And((ir.Occurs(ir.Pattern("reply", ("user",), None), ir.Within(
            ir.Constant("5 seconds", types.Period("elapsed")))),
            ir.Not(ir.InState("consent", TRIGGER, (("user", ir.Get(TRIGGER, ("user",), types.Text())),))))), False),),
        (ir.Unless(ir.Occurs(ir.Pattern("notice", ("user",), flag), ir.Before()), ()),), "")
    told = [("use", 0, "u1"), ("reply", 2, "u1"), ("use", 20, "u1"), ("use", 3, "u2"), ("reply", 9, "u2"),
            ("use", 99, "u3"), ("notice", 50, "u4"), ("use", 60, "u4"), ("alert", 61, "u1"), ("use", 62, "u1")]
    events = in_order([Event(kind, START + at * SECOND, {"user": user}, None, None, "trace", row + 1,
                             EVENTS.index(kind)) for row, (kind, at, user) in enumerate(told)])
    case, as_of = Case({"service": {}}, events), START + 100 * SECOND
    known, events = known_of(policy(rule), case, as_of, CALENDAR)
    load(session(), [(known, events)])
    output = str(tmp_path / "findings")
    assert not engine.exists(session(), output)
    cluster = engine.Cluster(session(), ["trace"], output, "json")
    wanted = needs(policy(rule), [rule])
    store = Store(cluster, wanted, known.places, {}, ["trace"], events[0].time, events[-1].time, True,
                  cluster.filled(wanted, known.places))
    asked = Question(policy(rule), case.facts, None, Setting(as_of, {}), CALENDAR, None, (None, None), VERDICTS)
    [judged] = judge_stored(store, asked, [], [rule])
    assert not judged.gap
    expected = judge(policy(rule), Case(case.facts, events), Setting(as_of, {}), CALENDAR)

    def shown(found: Any) -> Any:
        return sorted((one.moment.event.row, one.verdict, one.due or 0, one.tie) for one in found)

    assert shown(judged.judgements) == shown(expected)
    assert {one for one, n in judged.counts.items() if n} == {one.verdict for one in expected}
    assert cluster.outside([(START, START + 60 * SECOND)]) == 4
    written = [json.loads(line) for part in Path(output).glob("*.json") for line in part.read_text().splitlines()]
    said = [(one["row"], one["verdict"]) for one in written]
    assert sorted(said) == [(row, verdict) for row, verdict, *_ in shown(expected)]
    assert {one["due"] for one in written if "due" in one} == {"2026-05-28T20:28:24.000000Z"}
    assert engine.exists(session(), output)


def test_a_pattern_that_spark_reads_otherwise() -> None:
    """The evaluator judges the rule row by row, and the judgement says why."""
    written = ir.Apply("matches", (ir.Get(TRIGGER, ("user",), types.Text()), ir.Constant("(?i)U1", types.Text())),
                       types.Bool())
    rule = ir.Rule("named", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (),
                   (ir.Must(written, False),), (), "")
    events = in_order([Event("use", START + n, {"user": user}, None, None, "trace", n + 1, EVENTS.index("use"))
                       for n, user in enumerate(("u1", "u2"))])
    known, events = known_of(policy(rule), Case({}, events), START + SECOND, CALENDAR)
    load(session(), [(known, events)])
    wanted = needs(policy(rule), [rule])
    store = Store(engine.Cluster(session()), wanted, known.places, {}, ["trace"], START, START + 1, False, {})
    asked = Question(policy(rule), {}, None, Setting(START + SECOND, {}), CALENDAR, None, (None, None), VERDICTS)
    [judged] = judge_stored(store, asked, [], [rule])
    assert "`(?i` in the pattern" in judged.gap
    assert {one: n for one, n in judged.counts.items() if n} == {"satisfied": 1, "violated": 1}


@pytest.mark.parametrize(("said", "name"), [
    ("An error occurred while calling o83.exists.\n: java.net.ConnectException: Call From vm to localhost:1 failed\n"
     "\tat java.base/jdk.internal.reflect", "input-output"),
    ('An error occurred while calling o61.getFileSystem.\n: org.apache.hadoop.fs.UnsupportedFileSystemException: No '
     'FileSystem for scheme "s4"\n\tat org.apache.hadoop', "input-output"),
    ("Job aborted.\nCaused by: java.io.IOException: No space left on device\n\tat java.base", "disk-full"),
    ("Job aborted due to stage failure: ExecutorLostFailure (executor 3 exited)", "spark-ended"),
    ("java.lang.OutOfMemoryError: Java heap space", "out-of-memory"),
    ("Answer from Java side is empty", "spark-ended"),
    ("[ARITHMETIC_OVERFLOW] long overflow", None),
])
def test_what_spark_cannot_do_is_no_mistake_of_ours(said: str, name: str | None) -> None:
    found = engine.fault(Exception(said))
    assert (found and found.name) == name
    assert found is None or "\tat" not in found.message


def test_java_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the thread that speaks to it: alive at the end of Python it makes DuckDB's library tell of leaks."""
    from py4j.clientserver import SHUTDOWN_FINALIZER_WORKER, FinalizerWorker
    from pyspark import SparkContext

    told: deque[Any] = deque()
    worker = FinalizerWorker(told)
    worker.daemon = True
    worker.start()
    gateway = SimpleNamespace(shutdown=lambda: told.append(SHUTDOWN_FINALIZER_WORKER))
    monkeypatch.setattr(SparkContext, "_gateway", gateway)
    monkeypatch.setattr(SparkContext, "_jvm", None)
    monkeypatch.setattr(engine.threading, "enumerate", lambda: [worker])  # not that of the tests' own session
    engine._let_go()
    assert not worker.is_alive() and SparkContext._gateway is None
