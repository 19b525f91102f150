"""Declare templates, written as policies, over two real logs: held to SQL written by hand, and that to checkers.

The samples of the logs lie here; the whole logs are judged too where EVENT_LOGS names the folder that has them. What
Declare4Py and pm4py said stands in peers.json, which peers.py wrote; README.md says where they differ and who is right.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from policyengine.analysis.compile import compile_policy
from policyengine.analysis.vocabulary import load_vocabulary
from policyengine.base.calendar import Calendar
from policyengine.base.diagnostic import Diagnostic
from policyengine.core import ir
from policyengine.core.case import Case, Event, in_order
from policyengine.core.evaluate import judge
from policyengine.core.verdict import Setting, Verdict
from policyengine.syntax.parser import parse
from policyengine.trace.files.xes import read_xes
from policyengine.workspace.inputs import fit_events

HERE = Path(__file__).parent
FOLDER = os.environ.get("EVENT_LOGS", "")
SAMPLES, WHOLE = ("helpdesk-sample", "receipt-sample"), ("helpdesk", "receipt")
LOGS = SAMPLES + WHOLE if FOLDER else SAMPLES  # conftest.py says aloud when the whole logs are left out
DAY = 86_400_000_000
PEERS = json.loads((HERE / "peers.json").read_text("utf-8"))


@dataclass(frozen=True)
class Judged:
    """One verdict; `due` in UTC microseconds."""

    rule: str
    case: str
    verdict: Verdict
    due: int | None


Engine = Callable[[ir.Policy, Sequence[Event], int], Iterable[Judged]]


def reference(policy: ir.Policy, events: Sequence[Event], as_of: int) -> Iterable[Judged]:
    """The evaluator."""
    for one in judge(policy, Case({}, tuple(events)), Setting(as_of, {}), Calendar("UTC")):
        assert one.moment is not None
        yield Judged(one.rule, dict(one.moment.keys)["case"], one.verdict, one.due)


ENGINES: dict[str, Engine] = {"reference": reference}


# ---- the logs -----------------------------------------------------------------------------------------------------

def path_of(label: str) -> Path:
    return HERE / f"{label}.xes.gz" if label.endswith("-sample") else Path(FOLDER) / f"{label}.xes.gz"


@cache
def policy_of(name: str) -> ir.Policy:
    vocabulary, found = load_vocabulary(f"{name}.yaml", (HERE / f"{name}.yaml").read_text("utf-8"))
    assert vocabulary is not None, found
    file, found = parse(f"{name}.policy", (HERE / f"{name}.policy").read_text("utf-8"))
    policy, more = compile_policy(file, vocabulary)
    assert policy is not None, (*found, *more)
    return policy


@cache
def events_of(label: str) -> tuple[Event, ...]:
    """The log as `guiju` reads it."""
    vocabulary, _ = load_vocabulary("v.yaml", (HERE / f"{label.removesuffix('-sample')}.yaml").read_text("utf-8"))
    assert vocabulary is not None
    found: list[Diagnostic] = []
    with gzip.open(path_of(label)) as file:
        rows = list(read_xes(file, label, None, found.append))
    events, problems = fit_events(rows, {name: one.schema for name, one in vocabulary.events.items()})
    assert (found, problems) == ([], ())
    return in_order(events)


@cache
def flat_log(label: str) -> duckdb.DuckDBPyConnection:
    """The log as a table of its own reading: e(c case, p place in the case, t microseconds, a activity)."""
    with gzip.open(path_of(label)) as file:
        root = ET.parse(file).getroot()
    space, rows = root.tag.removesuffix("log"), []
    for trace in root.findall(f"{space}trace"):
        case = next(one.get("value") for one in trace if one.get("key") == "concept:name")
        for place, event in enumerate(trace.findall(f"{space}event")):
            own = {one.get("key"): one.get("value", "") for one in event}
            time = datetime.fromisoformat(own["time:timestamp"])
            rows.append((case, place, round(time.timestamp() * 1_000_000), own["concept:name"]))
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("create table e (c text, p int, t bigint, a text)")
    columns = [list(column) for column in zip(*rows, strict=True)]
    connection.execute("insert into e select unnest($1), unnest($2), unnest($3), unnest($4)", columns)
    return connection


@cache
def judged(engine: str, label: str) -> tuple[Judged, ...]:
    """Every verdict when all cases are over and every window has closed."""
    events = events_of(label)
    return tuple(ENGINES[engine](policy_of(label.removesuffix("-sample")), events, events[-1].time + 500 * DAY))


# ---- the constraints ----------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Constraint:
    """A constraint of Declare and the rules that say it together."""

    text: str
    rules: tuple[str, ...]

    @property
    def template(self) -> str:
        return self.text.partition("[")[0].rstrip("0123456789")

    @property
    def values(self) -> dict[str, str | int]:
        """What the SQL of a template asks for: the activities, and how many."""
        name, _, inside = self.text[:-1].partition("[")
        found: dict[str, str | int] = dict(zip("ab", inside.split(", "), strict=False))
        count = re.search(r"[0-9]+$", name)
        return found | ({"n": int(count[0])} if count else {})


def constraints(name: str) -> tuple[Constraint, ...]:
    """Those that the titles of a policy's rules name."""
    rules: dict[str, list[str]] = {}
    for rule in policy_of(name).rules:
        templates, bracket, activities = rule.title.partition("[")
        for template in templates.split(", ") if bracket else ():
            rules.setdefault(f"{template}[{activities}", []).append(rule.name)
    return tuple(Constraint(text, tuple(names)) for text, names in rules.items())


ALL = [pytest.param(label, one, id=f"{label}-{one.text}")
       for label in LOGS for one in constraints(label.removesuffix("-sample"))]

# What breaks a template, one row an activation (a case where the template counts or chooses). {later} is how `y` comes
# after `x`: in Declare by its place in the case.
_RESPONSE = "select x.c from e x where x.a = $a and not exists (from e y where y.c = x.c and y.a = $b and {later})"
_PRECEDENCE = "select x.c from e x where x.a = $b and not exists (from e y where y.c = x.c and y.a = $a and y.p < x.p)"
_ALTERNATE_RESPONSE = """
    select c from (select c, p, lead(p) over (partition by c order by p) as again from e where a = $a) x
    where not exists (from e y where y.c = x.c and y.a = $b and y.p > x.p and y.p < coalesce(x.again, 1e9))"""
_ALTERNATE_PRECEDENCE = """
    select c from (select c, p, lag(p) over (partition by c order by p) as last from e where a = $b) x
    where not exists (from e y where y.c = x.c and y.a = $a and y.p < x.p and y.p > coalesce(x.last, -1))"""
_CHAIN_RESPONSE = """select c from (select *, lead(a) over (partition by c order by p) as next from e)
    where a = $a and next is distinct from $b"""
_CHAIN_PRECEDENCE = """select c from (select *, lag(a) over (partition by c order by p) as last from e)
    where a = $b and last is distinct from $a"""
_FOLLOWED = "select x.c from e x where x.a = $a and exists (from e y where y.c = x.c and y.a = $b and {later})"

BREAKS = {
    "Existence": "select c from e group by c having count(*) filter (a = $a) < $n",
    "Absence": "select c from e group by c having count(*) filter (a = $a) >= $n",
    "Exactly": "select c from e group by c having count(*) filter (a = $a) <> $n",
    "Init": "select c from e group by c having arg_min(a, p) <> $a",
    "End": "select c from e group by c having arg_max(a, p) <> $a",
    "Choice": "select c from e group by c having not bool_or(a in ($a, $b))",
    "Exclusive Choice": "select c from e group by c having bool_or(a = $a) = bool_or(a = $b)",
    "Responded Existence": "select x.c from e x where x.a = $a and x.c not in (select c from e where a = $b)",
    "Co-Existence": "select c from e group by c having bool_or(a = $a) <> bool_or(a = $b)",
    "Not Co-Existence": "select c from e group by c having bool_or(a = $a) and bool_or(a = $b)",
    "Response": _RESPONSE,
    "Precedence": _PRECEDENCE,
    "Succession": f"{_RESPONSE} union all {_PRECEDENCE}",
    "Alternate Response": _ALTERNATE_RESPONSE,
    "Alternate Precedence": _ALTERNATE_PRECEDENCE,
    "Alternate Succession": f"{_ALTERNATE_RESPONSE} union all {_ALTERNATE_PRECEDENCE}",
    "Chain Response": _CHAIN_RESPONSE,
    "Chain Precedence": _CHAIN_PRECEDENCE,
    "Chain Succession": f"{_CHAIN_RESPONSE} union all {_CHAIN_PRECEDENCE}",
    "Not Response": _FOLLOWED,
    "Not Succession": _FOLLOWED,
    "Not Chain Response": """select c from (select *, lead(a) over (partition by c order by p) as next from e)
        where a = $a and next = $b""",
}

LATER = {"declare": "y.p > x.p", "guiju": "y.t >= x.t"}
"""In the language a window compares instants: what stands in the same one is in it, whatever the order of the file."""

# Constraints whose activations are the moments of their one rule.
BY_ACTIVATION = {"Responded Existence", "Response", "Precedence", "Alternate Precedence", "Chain Precedence",
                 "Not Response", "Not Chain Response"}


def broken(label: str, constraint: Constraint, meaning: str) -> Counter[str]:
    """By SQL: the cases that break a constraint, and how often."""
    sql = BREAKS[constraint.template].format(later=LATER[meaning])
    return Counter(case for case, in flat_log(label).execute(sql, constraint.values).fetchall())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("label", "constraint"), ALL)
def test_the_policy_finds_what_sql_finds(engine: str, label: str, constraint: Constraint) -> None:
    found = Counter(one.case for one in judged(engine, label)
                    if one.rule in constraint.rules and one.verdict == "violated")
    expected = broken(label, constraint, "guiju")
    assert set(found) == set(expected)
    if constraint.template in BY_ACTIVATION:
        assert len(constraint.rules) == 1
        assert found == expected


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("label", LOGS)
def test_nothing_is_left_open(engine: str, label: str) -> None:
    """After the last window, and with every fact there, a verdict is one of three."""
    assert {one.verdict for one in judged(engine, label)} == {"satisfied", "violated", "not_applicable"}


def test_every_template_is_there() -> None:
    used = {one.template for name in ("helpdesk", "receipt") for one in constraints(name)}
    assert used == set(BREAKS)


# ---- the checkers -------------------------------------------------------------------------------------------------

# Where a checker says something else than Declare means: README.md has the reasons.
OTHERWISE = {
    ("pm4py", "helpdesk", "Not Succession[Wait, Take in charge ticket]"): 39,
    ("pm4py", "helpdesk-sample", "Not Succession[Wait, Take in charge ticket]"): 4,
}
# Where the language means something else than Declare: cases that break the constraint there, and here.
TIED = {("helpdesk", "Response[INVALID, RESOLVED]"): (2, 0),
        ("helpdesk-sample", "Response[INVALID, RESOLVED]"): (2, 0)}


@pytest.mark.parametrize(("label", "constraint"), ALL)
def test_sql_says_what_the_checkers_say(label: str, constraint: Constraint) -> None:
    expected = broken(label, constraint, "declare")
    one = PEERS[label]["Declare4Py"].get(constraint.text)
    if one is not None:
        assert one[0] == len(expected)
        assert one[1] in (None, expected.total())
    other = PEERS[label]["pm4py"].get(constraint.text)
    if other is not None:
        assert other == OTHERWISE.get(("pm4py", label, constraint.text), len(expected))
    here = len(broken(label, constraint, "guiju"))
    assert (len(expected), here) == TIED.get((label, constraint.text), (len(expected),) * 2)


def test_a_checker_was_asked_about_every_constraint() -> None:
    for label in SAMPLES + WHOLE:
        asked = {*PEERS[label]["Declare4Py"], *PEERS[label]["pm4py"]}
        assert asked == {one.text for one in constraints(label.removesuffix("-sample"))}


# ---- deadlines ----------------------------------------------------------------------------------------------------

CUT = round(datetime.fromisoformat("2011-06-01T00:00:00+00:00").timestamp() * 1_000_000)
OPEN = """
    with x as (select c, t + $d as last, exists (from e y where y.c = e.c and y.a like 'T05 %' and y.t >= e.t
                                                 and y.t <= e.t + $d and y.t <= $now) as sent
               from e where a = 'Confirmation of receipt' and t <= $now)
    select case when sent then 'satisfied' when $now > last then 'violated' else 'pending' end, c,
           case when not sent and $now <= last then last + 1 end
    from x"""


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("label", [one for one in LOGS if "receipt" in one])
@pytest.mark.parametrize("now", [CUT - 100 * DAY, CUT, CUT + 1, CUT + 200 * DAY])
def test_an_open_duty_is_no_violation(engine: str, label: str, now: int) -> None:
    found = Counter((one.verdict, one.case, one.due) for one in ENGINES[engine](_only("sent_in_time"),
                                                                              events_of(label), now))
    rows = flat_log(label).execute(OPEN, {"d": 30 * DAY, "now": now}).fetchall()
    assert found == Counter(rows)
    if now == CUT:
        counts = Counter(verdict for verdict, _, _ in found)
        assert counts["violated"] and counts["pending"]
        # A checker that takes the end of the log for the end of the world reports both as violations.
        assert PEERS["deadline"][label][0] == counts["violated"] + counts["pending"]


def _only(rule: str) -> ir.Policy:
    policy = policy_of("receipt")
    return replace(policy, rules=tuple(one for one in policy.rules if one.name == rule))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("label", [one for one in LOGS if "helpdesk" in one])
def test_the_order_of_rows_changes_nothing(engine: str, label: str) -> None:
    events = list(events_of(label))
    Random(1).shuffle(events)
    shuffled = ENGINES[engine](policy_of("helpdesk"), in_order(events), max(one.time for one in events) + 500 * DAY)
    assert Counter(shuffled) == Counter(judged(engine, label))


@pytest.mark.parametrize("label", LOGS)
def test_in_one_instant_the_order_of_the_file_decides(label: str) -> None:
    """Whatever order the vocabulary has the types in."""
    last: dict[str, Any] = {}
    for event in in_order(replace(one, place=-one.place) for one in events_of(label)):
        assert event.sequence == last.get(event.fields["case"], 0) + 1
        last[event.fields["case"]] = event.sequence
