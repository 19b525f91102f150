"""One report in every format: the texts pinned, and what each format promises to whoever reads it."""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from policyengine.base.diagnostic import shorten
from policyengine.core.verdict import VERDICTS, Verdict
from policyengine.report import model
from policyengine.report.entries import entries, fingerprints, headline, line_of, near, reasons
from policyengine.report.formats import FORMATS, render
from policyengine.report.indented import MANY, indented
from policyengine.report.model import Line, Place, Report, Result, RuleCount, Until
from policyengine.report.to_github import escape, escape_property
from policyengine.report.to_text import COLOURS, columns, to_text, wrap
from policyengine.report.words import Said, as_is
from policyengine.workspace import config
from policyengine.workspace.results import reading_order
from tests.report import sample
from tests.support.golden import check_golden
from tests.support.pages import markup

TESTS = Path(__file__).resolve().parents[1]
GOLDEN = TESTS / "golden" / "report"
SCHEMA = json.loads((TESTS.parent / "policyengine" / "report" / "report.schema.json").read_text(encoding="utf-8"))
SARIF = json.loads((TESTS / "data" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
SUFFIXES = {"text": "txt", "concise": "txt", "json": "json", "sarif": "sarif", "junit": "xml", "github": "txt",
            "gitlab": "json", "html": "html"}
REPORTS = {"rich": sample.rich, "clean": sample.clean}


# ---- every format -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("format", FORMATS)
def test_the_format_is_as_pinned(format: str, name: str) -> None:
    written = render(format, REPORTS[name]())
    check_golden(markup(written) if format == "html" else written, GOLDEN / format / f"{name}.{SUFFIXES[format]}")


def test_every_format_that_can_be_asked_for_is_there_and_pinned() -> None:
    assert {*FORMATS, *config.TABLES, "auto"} == set(config.FORMATS)
    assert set(FORMATS) == set(SUFFIXES)


@pytest.mark.parametrize("format", FORMATS)
def test_no_format_lets_a_control_character_out(format: str) -> None:
    written = render(format, sample.rich())
    written.encode("utf-8")  # no half of a surrogate pair
    if SUFFIXES[format] in ("json", "sarif"):
        json.loads(written)
        return  # JSON escapes what could harm, and its reader wants the text as it was
    assert [char for char in written if not char.isprintable() and char != "\n"] == []


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_report_is_the_same_text(format: str) -> None:
    assert render(format, sample.rich()) == render(format, sample.rich())


@pytest.mark.parametrize("format", FORMATS)
def test_no_absolute_path_comes_in(format: str) -> None:
    written = render(format, sample.rich())
    assert str(TESTS.parent) not in written
    assert "file://" not in written


# ---- text -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("width", [100, 120])
def test_text_fits_the_page(lang: str, width: int) -> None:
    for line in to_text(sample.rich(), lang=lang, width=width, max_findings=50, pending=True).splitlines():
        unbroken = max((columns(word) for word in line.split()), default=0)
        assert columns(line) <= width or unbroken > width - 20, line


def test_text_in_chinese_is_as_pinned() -> None:
    check_golden(to_text(sample.rich(), lang="zh"), GOLDEN / "text" / "rich.zh.txt")


def test_colours_only_repeat_the_words() -> None:
    painted = to_text(sample.rich(), lambda text, style: f"«{style}‹{text}»")
    assert re.sub(r"«\w+‹|»", "", painted) == to_text(sample.rich())
    assert painted != to_text(sample.rich())


def test_max_findings_says_how_many_it_left_out() -> None:
    found = to_text(sample.rich(), max_findings=2)
    assert "u-0002, u-0003 and 33 more (--max-findings)" in found
    assert found.count("risk_detected at") == 2
    assert to_text(sample.rich(), max_findings=100).count("risk_detected at") == 37


def test_moments_are_counted_among_those_judged() -> None:
    assert "37 of 1,204 moments" in to_text(sample.rich())
    assert "6 of 6 moments, 3 users" in to_text(sample.rich())


def test_rules_that_miss_one_thing_are_one_entry() -> None:
    found = to_text(sample.rich())
    assert "4 rules undecided: `service.simulates_natural_person` is missing" in found
    assert found.count("service.simulates_natural_person") == 1


def test_pending_shows_the_next_due_dates() -> None:
    found = to_text(sample.rich(), max_findings=1)
    assert "5 open; 2 due by the end of 2026-11-24, the first for u-1" in found
    assert ": u-1 and 1 more (--pending)" in found and "2026-11-25" not in found
    everything = to_text(sample.rich(), max_findings=1, pending=True)
    duties = [re.split("  +", line.strip()) for line in everything.splitlines() if "delete_on_request  " in line]
    assert [row[:2] for row in duties] == [
        ["the end of 2026-11-24", "u-1"], ["the end of 2026-11-24", "u-2"], ["the end of 2026-11-25", "u-3"],
        ["the end of 2026-11-26", "u-4"], ["the end of 2026-11-30 (provisional)", "u-5"]]
    assert everything.index("answer_guardian  ") < everything.index("u-1  "), "of another rule, and due before"


def test_what_a_long_report_leaves_out_is_counted_and_nothing_is_said_of_it() -> None:
    """Of the rules that miss one thing those are one entry of which every result is listed, and no other number is that
    of what is listed."""
    rules: dict[str, dict[Verdict, int]] = {"rule_09": {"undecided": 400}, "no_virtual_intimacy": {"undecided": 7}}
    known = sample.rich()
    duties = [sample.result("answer", "Art. 14(4)", "pending", due=Said("end of day", (f"2026-11-{day}",)),
                            due_instant=f"2026-11-{day}T15:59:59Z", **sample.moment(f"u-{place}", 12, place + 1))
              for place, day in enumerate((24, 24, 24, 25, 25, 25))]
    counts = tuple(replace(one, counts=one.counts | rules.get(one.rule, {})) for one in known.rules)
    late = RuleCount(sample.LAW, sample.FINAL, "answer", (), "error", {**dict.fromkeys(VERDICTS, 0), "pending": 30})
    report = replace(known, findings=(*known.findings, *duties), rules=(*counts, late))
    text = to_text(report, max_findings=2)
    assert "3 rules undecided: `service.simulates_natural_person` is missing" in text
    assert re.search(r"undecided +Art. 9\(1\) +rule_09 +400 of 400 services\n", text)
    assert "7 of 7 moments\n" in text, "without a number of users, who are not all known"
    assert "u-2, u-0 and 3 more (--max-findings)" in text, "one by one, since what the seventh misses is not known"
    assert "30 open; 3 due by the end of 2026-11-24, the first for u-0\n" in text
    assert "2026-11-24: u-0, u-1 and 1 more (--pending)\n" in text
    assert "2026-11-25: u-3, u-4 and at least 1 more (--pending)\n           and 24 more (--pending)\n" in text
    alike = replace(report, findings=tuple(duties[3:]))
    assert "30 open; at least 3 due by the end of 2026-11-25, the first for u-3\n" in to_text(alike)
    assert "至少 3 项" in to_text(alike, lang="zh")


def test_what_is_said_of_a_service_stands_beside_its_moments() -> None:
    """As where a rule has several triggers, of which one is not emitted."""
    silent = sample.result("consent", "Art. 14(2)", "undecided",
                           missing=(Line("not-emitted", "registered", Said("not emitted", ("registered",))),))
    late = [sample.result("consent", "Art. 14(2)", "undecided", missing=(sample.lost("service.x"),),
                          **sample.moment(user, 9, row)) for row, user in enumerate(("u-1", "u-1", "u-2"), 1)]
    report = replace(sample.clean(), findings=(silent, *late), rules=(
        RuleCount(sample.LAW, sample.FINAL, "consent", (), "error", {**dict.fromkeys(VERDICTS, 0), "undecided": 4}),))
    text = flat(to_text(report, max_findings=2))
    assert "consent  3 of 3 moments, 2 users services/companion.yaml:1:1: no source emits `registered` u-1: " in text
    assert "u-1, u-2 (--max-findings)" in text


def test_a_duty_without_a_key_is_told_by_what_gave_rise_to_it() -> None:
    def duty(hour: int, service: str) -> Result:
        found = sample.result("assess", "Art. 22(2)", "pending", service=service,
                              due=Said("end of day", ("2026-11-24",)), due_instant="2026-11-24T15:59:59Z",
                              **sample.moment("", hour, hour, "demanded"))
        assert found.moment is not None
        return replace(found, moment=replace(found.moment, keys={}))

    alone = replace(sample.clean(), findings=tuple(duty(hour, sample.SERVICE) for hour in (9, 10, 11)))
    text = to_text(alone, max_findings=2)
    assert "3 open; 3 due by the end of 2026-11-24, the first for demanded at 2026-11-03 09:02:00 +08:00" in flat(text)
    assert "demanded at 2026-11-03 09:02:00 +08:00, demanded at 10:02:00 and 1 more (--pending)" in flat(text)
    assert "the end of 2026-11-24  demanded at 2026-11-03 10:02:00 +08:00" in to_text(alone, pending=True)
    several = replace(alone, services=("a.yaml", "b.yaml"), findings=(duty(9, "a.yaml"), duty(9, "b.yaml")))
    assert "the first for a.yaml: demanded at 2026-11-03 09:02:00 +08:00" in flat(to_text(several))
    assert "a.yaml: demanded at 2026-11-03 09:02:00 +08:00, b.yaml: demanded at 09:02:00" in flat(to_text(several))


def flat(text: str) -> str:
    """The text without the breaks of its lines."""
    return re.sub(r"\s*\n +", " ", text)


def test_duties_due_within_one_second_are_in_order() -> None:
    """A fraction made the later of two instants the first."""
    dues = ["2026-11-20T04:10:00.5Z", "2026-11-20T04:10:01Z", "2026-11-20T04:10:00Z"]
    duties = [sample.result("answer", "Art. 14(4)", "pending", due=as_is(due), due_instant=due,
                            **sample.moment(f"u-{place}", 12, place + 1)) for place, due in enumerate(dues)]
    report = replace(sample.clean(), findings=tuple(sorted(duties, key=reading_order)))
    assert [one.due_instant for one in report.findings] == sorted(dues, key=lambda due: due.rstrip("Z"))
    listed = to_text(report, pending=True)
    assert [listed.index(due) for due in (dues[2], dues[0], dues[1])] == sorted(map(listed.index, dues))
    assert "1 due by 2026-11-20T04:10:00Z, the first for u-2" in to_text(report)


def test_duties_due_after_the_time_asked_about_are_counted_in_every_format_that_counts() -> None:
    report = sample.rich()
    kept = tuple(one for one in report.findings if one.verdict != "pending" or (one.due_instant or "") < "2026-11-26")
    rules = tuple(replace(one, later=2) if one.rule == "delete_on_request" else one for one in report.rules)
    assert len(report.findings) - len(kept) == 2
    report = replace(report, findings=kept, rules=rules, until=Until("4 days", Said("end of day", ("2026-11-25",)),
                                                                     "2026-11-25T15:59:59.999999Z"))
    text = to_text(report)
    assert "pending    4 open duties due by the end of 2026-11-25, by due date; 2 later\n" in text
    assert "more" not in text[text.index("4 open duties"):], "what is later is not left out"
    assert "pending    no open duty is due by the end of 2026-11-25\n" in text, "of another version"
    plain = json.loads(render("json", report))
    jsonschema.validate(plain, SCHEMA, jsonschema.Draft202012Validator)
    assert plain["due_within"] == {"period": "4 days", "text": "the end of 2026-11-25",
                                   "instant": "2026-11-25T15:59:59.999999Z", "later": 2}
    assert plain["summary"]["results_by_verdict"]["pending"] == 6
    run = json.loads(render("sarif", report))["runs"][0]
    assert run["properties"]["dueWithin"] == {"period": "4 days", "instant": "2026-11-25T15:59:59.999999Z", "later": 2}
    assert "Art. 16(3): 5 pending (2 due after the end of 2026-11-25)" in render("junit", report)
    assert render("concise", report).count(" pending[") == 4


def test_every_verdict_has_a_colour() -> None:
    assert set(COLOURS) == set(VERDICTS)


@pytest.mark.parametrize(("text", "width", "lines"), [
    ("", 5, [""]),
    ("a bc def", 4, ["a bc", "def"]),
    ("a-very-long/path stays", 8, ["a-very-long/path", "stays"]),
    ("用户使用满两小时，应当提醒。", 10, ["用户使用满", "两小时，应", "当提醒。"]),
    ("用户使用满两，应当", 12, ["用户使用满", "两，应当"]),
])
def test_wrapping(text: str, width: int, lines: list[str]) -> None:
    assert wrap(text, width, 0) == lines


# ---- reasons ----------------------------------------------------------------------------------------------------

NO_E = Line("no-event", "e", Said("none before", ("e",)))


@pytest.mark.parametrize(("requirement", "evidence", "found", "required"), [
    ("must a.b", [sample.part("a.b"), sample.fact("a.b", "false")], ["a.b is false; must be true"], []),
    ("must not a.b", [sample.part("a.b", "true"), sample.fact("a.b", "true")], ["a.b is true; must be false"], []),
    ("must a.b >= 3", [sample.part("a.b >= 3"), sample.fact("a.b", "2")], ["a.b is 2; must be at least 3"], []),
    ("must not a.b < 3", [sample.part("a.b < 3", "true"), sample.fact("a.b", "2")],
     ["a.b is 2; must not be less than 3"], []),
    ('must a.b in ["x", "y"]', [sample.part('a.b in ["x", "y"]'), sample.fact("a.b", '"z"')],
     ['a.b is "z"; must be one of "x", "y"'], []),
    ('must a.b contains all ["x", "y"]', [sample.part('a.b contains all ["x", "y"]'), sample.fact("a.b", '["x"]')],
     ['a.b is ["x"]; lacks "y"'], []),
    ('must a.b contains none of ["x", "y"]',
     [sample.part('a.b contains none of ["x", "y"]'), sample.fact("a.b", '["x", "q"]')],
     ['a.b is ["x", "q"]; must not contain "x"'], []),
    ('must a.b contains all ["x", "y"]', [sample.part('a.b contains all ["x", "y"]'), sample.fact("a.b", '["q…"]')],
     ['a.b is ["q…"]; must contain all of "x", "y"'], []),
    ("must a.b is present", [sample.part("a.b is present"), Line("fact", "a.b", Said("not stated", ("a.b",)))],
     ["a.b is not stated; must be stated"], []),
    # one way out of several is not what must be
    ("must a.b or a.c", [sample.part("a.b"), sample.fact("a.b", "false"), sample.part("a.c"),
                         sample.fact("a.c", "false")], ["a.b is false", "a.c is false"], ["must a.b or a.c"]),
    # only the demand that failed
    ("must a.b and must a.c", [sample.part("a.c"), sample.fact("a.c", "false")], ["a.c is false; must be true"], []),
    ("must e before", [sample.part("e before"), NO_E], ["no e before"], []),
    ("must a.b and must e before and must f before",
     [sample.part("a.b"), sample.fact("a.b", "false"), sample.part("e before"), NO_E,
      sample.part("f before"), Line("no-event", "f", Said("none since", ("f", "2026-01-01")))],
     ["a.b is false; must be true", "no e before", "no f since 2026-01-01"], ["must f before"]),
    ("must known(x)", [sample.part("x is present")], ["x is not known"], ["must known(x)"]),
    ("must not happen", [], [], ["must not happen"]),
    # a name that only begins like the fact
    ("must a.bc", [sample.part("a.bc"), sample.fact("a.b", "1")], ["a.b is 1"], ["must a.bc"]),
])
def test_reasons_of_a_violation(requirement: str, evidence: list[Line], found: list[str], required: list[str]) -> None:
    why = reasons(sample.result("r", "Art. 1", "violated", requirements=sample.musts(requirement),
                                evidence=tuple(evidence)))
    assert ([one.told() for one in why.found], [one.told() for one in why.required]) == (found, required)


def test_every_violated_or_undecided_result_has_a_sentence() -> None:
    assert [one.rule for one in sample.rich().findings if one.verdict in ("violated", "undecided")
            and not reasons(one).sentence()] == []
    assert all(headline(one) for one in sample.rich().findings)


def test_times_near_the_moment_lose_what_they_share() -> None:
    at = "2026-11-03 14:02:00 +08:00"
    assert near("no x from 2026-11-03 14:02:00 +08:00 to 2026-11-04 00:12:00 +08:00", at) == \
        "no x from 14:02:00 to 2026-11-04 00:12:00"
    assert near("at 2026-11-03 06:02:00 +00:00", at) == "at 2026-11-03 06:02:00 +00:00"


@pytest.mark.parametrize(("place", "line"), [
    (Place("a.yaml", 4, 2), 4), (Place("a.yaml"), 1), (Place("t.ndjson", row=7), 7), (Place("t.csv", row=7), 7),
    (Place("t.parquet", row=7), 1), (Place("t.ndjson.gz", row=7), 1),
])
def test_a_row_is_a_line_only_where_a_file_has_lines(place: Place, line: int) -> None:
    assert line_of(place) == line


def test_entries_keep_the_order_and_lose_nothing() -> None:
    findings = sample.rich().findings
    found = entries(sample.rich(), findings)
    assert sorted(id(one) for entry in found for one in entry.results) == sorted(map(id, findings))
    order = [VERDICTS.index(entry.verdict) for entry in found if entry.first.regulation == sample.LAW
             and entry.first.version == sample.FINAL]
    assert order == sorted(order)


# ---- fingerprints -----------------------------------------------------------------------------------------------

def test_fingerprints_tell_results_apart() -> None:
    marks = fingerprints(sample.rich().findings)
    assert len(set(marks)) == len(marks)
    twice = (sample.rich().findings[5],) * 3
    assert len(set(fingerprints(twice))) == 3
    assert fingerprints(twice)[0] == fingerprints(twice[:1])[0]


def test_fingerprints_do_not_hear_of_lines_and_words() -> None:
    one = sample.rich().findings[0]
    moved = replace(one, place=Place(sample.SERVICE, 99, 1), title="Other", fix="Other",
                    requirements=sample.musts("must other"), severity="info",
                    version="later", citations=("Art. 20",), rule_place=Place("x", 1, 1))
    assert fingerprints((one,)) == fingerprints((moved,))
    assert fingerprints((one,)) != fingerprints((replace(one, service="services/other.yaml"),))
    assert fingerprints((one,)) != fingerprints((replace(one, rule="other"),))


# ---- JSON -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("report", [sample.rich, sample.clean])
def test_json_fits_its_schema(report: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    assert [str(error.message) for error in validator.iter_errors(json.loads(render("json", report())))] == []


@pytest.mark.parametrize("break_it", [
    lambda data: data["results"][0].pop("fingerprint"),
    lambda data: data["results"][0].update(verdict="fine"),
    lambda data: data["results"][0].update(extra=1),
    lambda data: data["summary"].pop("events"),
    lambda data: data["rules"][0]["counts"].update(violated=-1),
    lambda data: data.update(schema_version="2.0"),
])
def test_the_schema_can_say_no(break_it: Any) -> None:
    data = json.loads(render("json", sample.rich()))
    break_it(data)
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(data)


def test_json_carries_every_field_of_a_result() -> None:
    data = json.loads(render("json", sample.rich()))["results"][0]
    renamed = {"citations": "articles", "requirements": "requirement", "due_instant": "due", "provisional": "due"}
    assert {renamed.get(one.name, one.name) for one in fields(model.Result)} | {"fingerprint"} == set(data)
    assert all(is_dataclass(one) for one in (model.Result, model.Report))


def test_json_keeps_the_counts_together() -> None:
    data = json.loads(render("json", sample.rich()))
    summary = data["summary"]
    assert sum(summary["rules_by_worst_verdict"].values()) + summary["rules_without_trigger"] == summary["rules"]
    assert summary["results_by_verdict"]["violated"] == sum(one["verdict"] == "violated" for one in data["results"])


# ---- SARIF ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("report", [sample.rich, sample.clean])
def test_sarif_fits_the_standards_schema(report: Any) -> None:
    validator = jsonschema.Draft202012Validator(SARIF)
    log = json.loads(render("sarif", report()))
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(log)] == []
    log["runs"][0]["columnKind"] = "characters"
    assert not validator.is_valid(log)


def test_sarif_is_what_github_takes() -> None:
    run = json.loads(render("sarif", sample.rich()))["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert all(rule["help"]["markdown"] for rule in rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        for location in result["locations"]:
            place = location["physicalLocation"]
            assert place["region"]["startLine"] >= 1
            assert re.fullmatch(r"[\w./%~-]+", place["artifactLocation"]["uri"])
            assert place["artifactLocation"]["uriBaseId"] == "PROJECT"
    marks = [result["partialFingerprints"]["guiju/v1"] for result in run["results"]]
    assert len(set(marks)) == len(marks)


def test_sarif_kinds_and_levels_are_the_standards() -> None:
    run = json.loads(render("sarif", sample.rich()))["runs"][0]
    found = {(one["properties"]["verdict"], one["kind"], one.get("level")) for one in run["results"]}
    assert found == {("violated", "fail", "error"), ("violated", "fail", "warning"), ("violated", "fail", "note"),
                     ("undecided", "open", None), ("pending", "informational", "none")}


def test_sarif_leaves_out_what_github_refuses_and_says_so() -> None:
    run = json.loads(render("sarif", sample.crowded()))["runs"][0]
    assert len(run["results"]) == 25_000
    assert run["properties"]["resultsLeftOut"] == 1


# ---- the others -------------------------------------------------------------------------------------------------

def test_concise_is_one_line_a_finding() -> None:
    lines = render("concise", sample.rich()).splitlines()
    report = sample.rich()
    assert len(lines) == len(report.findings) + len(report.others)
    assert lines[0] == ('services/companion.yaml:14:16: error[ai_notice] Art. 18(1) violated: '
                        'service.disclosure.ai_notice is "settings_page"; must be one of "persistent", "session_start"')
    assert render("concise", sample.clean()) == ""


def test_junit_counts_what_it_holds() -> None:
    root = ElementTree.fromstring(render("junit", sample.rich()))
    for suite in root:
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(attribute, "")) == len(suite.findall(f"testcase/{tag}"))
        assert int(suite.get("tests", "")) == len(suite.findall("testcase"))
    assert sum(len(suite) for suite in root) == len(sample.rich().rules)
    failed = {case.get("name") for case in root.iter("testcase") if case.find("failure") is not None}
    assert {"ai_notice", "no_gambling", "notice_in_every_reply"} <= failed
    undecided = {case.get("name") for case in root.iter("testcase") if case.find("error") is not None}
    assert undecided == {"rule_09", "rule_10", "rule_11", "rule_12", "two_missing", "no_virtual_intimacy"}


@pytest.mark.parametrize(("counted", "later", "more"), [(37, 0, ""), (39, 0, "and 2 more"), (39, 1, "and 1 more"),
                                                        (1_036, 0, "and 999 more")])
def test_junit_says_how_many_it_leaves_out(counted: int, later: int, more: str) -> None:
    """Those that the report leaves out, and those that it has itself no room for."""
    report = sample.rich()
    name = "support_in_extreme_emotion"
    rules = tuple(replace(one, counts=one.counts | {"violated": counted}, later=later) if one.rule == name else one
                  for one in report.rules)
    [case] = [case for case in ElementTree.fromstring(render("junit", replace(report, rules=rules))).iter("testcase")
              if case.get("name") == name]
    said = (case.findtext("failure") or "").splitlines()
    assert len(said) == 37 + bool(more) and (said[-1] == more or not more)


def test_github_commands_cannot_be_broken_out_of() -> None:
    lines = render("github", sample.rich()).splitlines()
    command = re.compile(r"::(error|warning|notice) file=[^,:]*,line=\d+(,col=\d+)?,title=[^,:]*::.*")
    assert [line for line in lines[:-1] if not command.fullmatch(line)] == []
    assert lines[-1].startswith(f"{len(sample.rich().rules)} rules: ")
    assert escape("a\r\n%0A") == "a%0D%0A%250A"
    assert escape_property("a:b,c") == "a%3Ab%2Cc"


def test_github_says_each_rule_once() -> None:
    lines = render("github", sample.rich()).splitlines()
    assert sum("support_in_extreme_emotion" in line for line in lines) == 1
    assert any("and 36 more" in line for line in lines)


def test_gitlab_has_what_it_needs() -> None:
    found = json.loads(render("gitlab", sample.rich()))
    assert {tuple(one) for one in found} == {("description", "check_name", "fingerprint", "severity", "location")}
    assert len({one["fingerprint"] for one in found}) == len(found)
    assert {one["severity"] for one in found} == {"critical", "major", "minor"}
    assert all(one["location"]["lines"]["begin"] >= 1 for one in found)
    assert json.loads(render("gitlab", sample.clean())) == []


def test_a_hostile_text_is_hostile() -> None:
    """The sample would prove nothing if it were tame."""
    assert shorten(sample.HOSTILE, 1_000) != sample.HOSTILE
    assert isinstance(sample.rich(), Report)


# ---- indented JSON ----------------------------------------------------------------------------------------------

AWKWARD = {"none": None, "true": True, "empty": [{}, [], "", {"": {}}], "numbers": [0, -1, 2 ** 63],
           "text": "a\"b\\c/ [1, {\"x\": 2}]\n\t\x00\x1f\x7f\u2028", "中文": "\U0001f600 é"}


@pytest.mark.parametrize("results", [MANY - 1, MANY])
def test_json_is_indented_alike_however_long(results: int) -> None:
    """Of many results another library writes the text, which must be what Python would write."""
    value = [AWKWARD] * results
    assert indented(value, results) == json.dumps(value, ensure_ascii=False, indent=2) + "\n"


@pytest.mark.parametrize("results", [MANY - 1, MANY])
def test_half_a_surrogate_pair_is_escaped_however_long(results: int) -> None:
    assert indented(["\udc80"] * results, results).startswith('[\n  "\\udc80"')


@pytest.mark.parametrize("format", ["json", "sarif", "gitlab"])
def test_long_json_is_not_left_to_python(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which takes ten times as long: as many findings as a large trace gives make a second of it."""
    clean = sample.clean()
    crowd = replace(clean, findings=(sample.result(clean.rules[0].rule, "Art. 18(1)", "violated"),) * MANY)
    monkeypatch.setattr(json, "dumps", None)
    assert len(json.loads(render(format, crowd))) > 0
