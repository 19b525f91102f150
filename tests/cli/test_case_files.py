"""What a file of policy tests may say: times, paths, expectations, and what cases are said to reach."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from policyengine.base.diagnostic import concise
from policyengine.base.instants import parse_instant
from policyengine.workspace.casefile import _put, _remove, _steps, _time, _times, read_suite
from policyengine.workspace.cases import run_case
from policyengine.workspace.config import Config
from policyengine.workspace.library import find_library
from policyengine.workspace.reach import Reach
from policyengine.workspace.suites import case_folders, open_suite

ZONE = "Asia/Shanghai"
START = parse_instant("2026-08-01T10:00:00+08:00")


@pytest.mark.parametrize(("text", "instant"), [
    ("+0m", "2026-08-01T10:00:00+08:00"),
    ("+2h", "2026-08-01T12:00:00+08:00"),
    ("-3d", "2026-07-29T10:00:00+08:00"),
    ("+1d2h30m", "2026-08-02T12:30:00+08:00"),
    ("+1h59m59.999999s", "2026-08-01T11:59:59.999999+08:00"),
    ("2026-08-01 10:00", "2026-08-01T10:00:00+08:00"),
    ("2026-08-01 10:00:01.5", "2026-08-01T10:00:01.5+08:00"),
    ("2026-08-01T10:00:00Z", "2026-08-01T18:00:00+08:00"),
    ("2026-08-01", "2026-08-01T00:00:00+08:00"),
])
def test_times(text: str, instant: str) -> None:
    assert _time(text, START, ZONE, day_ends=False) == parse_instant(instant)


def test_a_day_keeps_the_clock_where_hours_do_not() -> None:
    start = parse_instant("2026-10-24T12:00:00+02:00")  # the night after, Berlin's clocks go back
    assert _time("+1d", start, "Europe/Berlin", day_ends=False) == parse_instant("2026-10-25T12:00:00+01:00")
    assert _time("+24h", start, "Europe/Berlin", day_ends=False) == parse_instant("2026-10-25T11:00:00+01:00")


def test_the_date_of_judgement_is_its_last_instant() -> None:
    assert _time("2026-08-01", None, ZONE, day_ends=True) == parse_instant("2026-08-02T00:00:00+08:00") - 1


@pytest.mark.parametrize("text", ["2h", "+2", "+1.5d", "9:00", "", "+0m to +1h", "+0m to +1h every +5m",
                                  "+0m to +1h every 0s", "+0m to +10000s every 0.5s", "2026-08-01 25:00"])
def test_what_is_no_time_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        _times(text, START, ZONE)


def test_a_range_has_both_ends() -> None:
    assert [(time - START) // 60_000_000 for time in _times("+0m to +1h every 20m", START, ZONE)] == [0, 20, 40, 60]
    assert [(time - START) // 60_000_000 for time in _times("+0m to +59m every 20m", START, ZONE)] == [0, 20, 40]
    assert _times("+1h to +0h every 1m", START, ZONE) == []


def test_paths_into_facts() -> None:
    facts = {"a": {"b": [{"c": 1}]}}
    assert [_put(facts, _steps(path) or (), value) for path, value in (
        ("a.b[0].c", 2), ("a.b[1].c", 3), ("x.y", 4), ("l[0]", 5))] == [""] * 4
    assert facts == {"a": {"b": [{"c": 2}, {"c": 3}]}, "x": {"y": 4}, "l": [5]}
    assert _put(facts, ("a", "b", 9), 1) == "`a.b` has 2 items, counted from 0"
    assert _put(facts, ("a", "b", "c"), 1) == "`a.b` is no mapping"
    assert (_remove(facts, ("a", "b", 0)), _remove(facts, ("a", "z")), _remove(facts, ("a", "b", 1))) == (
        True, False, False)
    assert facts["a"] == {"b": [{"c": 3}]}
    assert [_steps(path) for path in ("", "a..b", "a[x]", "[0]")] == [None] * 4


def judged(folder: Path, cases: str) -> tuple[list[str], Reach]:
    """What failed, `case rule expected/found`, of cases for the tiny regulation."""
    shutil.copytree(Path(__file__).parent / "projects" / "tiny", folder, dirs_exist_ok=True)
    files = folder / "regulations/xx/tiny/2-final/cases"
    (files / "shop.yaml").write_text("base: facts/good.yaml\nstart: 2026-08-01 10:00\n"
                                     f"each_event: {{user: u1, gift: false}}\ncases:\n{cases}", "utf-8")
    config = Config(folder, policies=("regulations",), regulations=("xx/tiny",))
    library, _ = find_library(config, {})
    folders, problems = case_folders(library, ["xx/tiny"])
    assert not problems
    ((where, found),) = folders.items()
    suite, problems, _ = open_suite(library, where, found, config)
    assert suite is not None, problems
    read, problems, _ = read_suite(suite, {})
    assert not problems, [concise(one) for one in problems]
    reach = Reach(suite.book.policy)
    failed = []
    for case in read:
        outcome, problems = run_case(case, suite, reach)
        assert not problems
        failed += [f"{case.name} {one.rule} {one.expected}/{one.found}" for one in outcome.failures]
    return failed, reach


def test_expectations(tmp_path: Path) -> None:
    bought = "    events: [+0h bought, +1h billed, +3h bought, +9h bought]\n    as_of: +9h\n"
    said = ["satisfied", "[satisfied, violated, pending]", "{satisfied: 1, violated: 1, pending: 1}",
            "[violated, satisfied, pending]", "{satisfied: 2}", "[]", "{violated: 0, satisfied: 1, pending: 1, "
            "violated: 1}".replace("violated: 0, ", ""), "not_applicable"]
    cases = "".join(f"  - name: c{n}\n{bought}    expect: {{bill_sent: {one}}}\n" for n, one in enumerate(said))
    found = "1 violated, 1 pending, 1 satisfied"
    assert judged(tmp_path, cases)[0] == [
        f"c0 bill_sent satisfied/{found}", "c3 bill_sent violated, satisfied, pending/satisfied, violated, pending",
        f"c4 bill_sent 2 satisfied/{found}", "c5 bill_sent no moment/satisfied, violated, pending",
        f"c7 bill_sent not_applicable/{found}"]


def test_moments_that_do_not_apply_are_left_out_unless_named(tmp_path: Path) -> None:
    cases = "".join(f"  - name: {name}\n    set: {{shop.open: false}}\n    expect: {{{what}}}\n" for name, what in (
        ("a", "prices_shown: []"), ("b", "prices_shown: not_applicable"), ("c", "prices_shown: satisfied"),
        ("d", '"*": satisfied'), ("e", '"*": violated')))
    assert judged(tmp_path, cases)[0] == ["c prices_shown satisfied/not_applicable",
                                         "e front_doors_lit violated/satisfied"]


def test_due_and_missing(tmp_path: Path) -> None:
    case = "  - name: {}\n    events: [+0h bought]\n    expect: {{bill_sent: pending}}\n    due: {{bill_sent: {}}}\n"
    cases = case.format("a", "+1h") + case.format("b", "2026-08-01") + case.format("c", "+2h") + (
        "  - name: d\n    unset: [shop.prices]\n    expect: {prices_shown: undecided}\n"
        "    missing: {prices_shown: [shop.prices]}\n"
        "  - name: e\n    unset: [shop.prices]\n    expect: {prices_shown: undecided}\n"
        "    missing: {prices_shown: [shop.open]}\n")
    assert judged(tmp_path, cases)[0] == [
        "c bill_sent due 2026-08-01 12:00:00 +08:00/due 2026-08-01 11:00:00 +08:00",
        "e prices_shown missing shop.open/missing shop.prices"]


def missed(reach: Reach) -> list[str]:
    return [f"{goal.rule or goal.span.line if goal.span else goal.rule} {goal.what}" for goal in reach.missed()]


def test_only_what_decides_is_reached(tmp_path: Path) -> None:
    _, reach = judged(tmp_path, '  - {name: a, expect: {front_doors_lit: satisfied}}\n')
    assert "front_doors_lit satisfied" not in missed(reach) and "prices_shown satisfied" in missed(reach)
    everything = """\
  - {name: a, expect: {"*": satisfied}}
  - {name: b, set: {shop.prices: hidden}, expect: {prices_shown: violated}}
  - {name: c, set: {shop.open: false}, expect: {prices_shown: not_applicable}}
  - {name: d, set: {"shop.doors[0].lit": false}, expect: {front_doors_lit: violated}}
  - {name: e, set: {"shop.doors[0].kind": back, "shop.doors[0].lit": false}, expect: {front_doors_lit: satisfied}}
  - {name: f, as_of: +9h30m, events: [+0h bought, +1h billed, +3h bought, +9h bought], expect: {bill_sent: [satisfied,
     violated, pending]}}
"""
    failed, reach = judged(tmp_path, everything)
    assert (failed, missed(reach)) == ([], ["bill_sent excused", "24 true"])
    failed, reach = judged(tmp_path, everything + "  - {name: g, events: [+0h bought: {gift: true}], expect: "
                                                  "{bill_sent: exempt}}\n")
    assert (failed, missed(reach), reach.percent) == ([], [], 100)
