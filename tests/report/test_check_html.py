"""The page of a report as text: what it holds, that its names last, and that whatever text it is given stays text."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from policyengine.core.verdict import VERDICTS, Verdict
from policyengine.report.entries import by_version, clean, entries, fingerprints, reasons
from policyengine.report.model import Line, Place, Report, Result, RuleCount, Until
from policyengine.report.to_html import FOLDER, LISTED, PAGE, STAND_OPEN, to_html
from policyengine.report.to_text import to_text
from policyengine.report.words import LANGUAGES, Lang, Said, as_is
from tests.report import sample
from tests.support.diffs import NASTY
from tests.support.pages import Page, check_elements, check_policy, check_words

EVERY = [pytest.param(sample.rich(), id="rich"), pytest.param(sample.clean(), id="clean"),
         pytest.param(replace(sample.rich(), others=()), id="without --all")]


def told(html: str, lang: Lang) -> str:
    """What a reader of one language sees, on one line."""
    other = "zh" if lang == "en" else "en"
    text = re.sub(rf'<span class="{other}" lang="[^"]*">.*?</span>', "", html.split("<body>")[1])
    text = re.sub(r"</(?:li|td|th|p|dt|dd|h\d|summary)>", r" \g<0>", text)
    return " ".join("".join(Page(f"<body>{text}").text).split())


def card(html: str, title: str) -> str:
    """The card that has a title."""
    return next(one for one in re.findall(r'<article class="card.*?</article>', html, re.S)
                if title in re.sub(r".*?<h3[^>]*>(.*?)</h3>.*", r"\1", one, flags=re.S))


# ---- the page -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("report", EVERY)
def test_elements_stand_in_each_other_and_links_lead_somewhere(report: Report, lang: Lang) -> None:
    page = check_elements(to_html(report, lang))
    addresses = {one for judged in report.judged for one in judged.sources}
    assert {link for link in page.values("href") if not link.startswith("#")} == addresses
    assert page.values("rel") == ["noreferrer"] * len(addresses)


def test_the_policy_allows_the_one_style_and_the_one_script() -> None:
    check_policy(to_html(sample.rich()))


def test_the_style_does_not_end_its_element_or_ask_for_anything() -> None:
    text = (FOLDER / "check.css").read_text(encoding="utf-8")
    assert "</" not in text and "<!--" not in text and not re.search(r"https?:|url\(|@import", text)


def test_no_word_of_the_page_is_missing_in_a_language() -> None:
    check_words(FOLDER, PAGE)


def test_both_languages_are_inside_and_one_is_where_it_starts() -> None:
    english, chinese = to_html(sample.rich(), "en"), to_html(sample.rich(), "zh")
    assert '<html lang="en" data-lang="en">' in english and '<html lang="zh-Hans" data-lang="zh">' in chinese
    assert english.split("<title>")[1] == chinese.split("<title>")[1]


def test_both_languages_say_the_same_numbers() -> None:
    """In the same order but where a sentence turns around, so they are counted."""
    for report in (sample.rich(), sample.clean()):
        english, chinese = (sorted(re.findall(r"\d[\d,.:]*\d|\d", told(to_html(report), lang))) for lang in LANGUAGES)
        assert english == chinese


@pytest.mark.parametrize("scheme", ["javascript:alert(1)", "http://a b", "https://x/\u202e", "data:text/html,x", "//x"])
def test_what_is_no_address_is_no_link(scheme: str) -> None:
    judged = replace(sample.JUDGED_FINAL, sources=(scheme, "https://www.gov.cn/x?a=1&b=2"))
    page = check_elements(to_html(replace(sample.clean(), judged=(judged,))))
    linked = [link for link in page.values("href") if not link.startswith("#")]
    assert linked == (["http://a b"] if scheme == "http://a b" else []) + ["https://www.gov.cn/x?a=1&b=2"]
    assert clean(scheme) in "".join(page.text)


# ---- what it says ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_the_text_report_says_is_on_the_page(lang: Lang) -> None:
    """All evidence of the moments that stand open, all requirements, titles, fixes, parameters, notes."""
    report = sample.rich()
    page = told(to_html(report), lang)
    for results in by_version(report):
        for entry in entries(report, results):
            first = entry.first
            wanted = [clean(first.rule), *(clean(result.title_zh if lang == "zh" and result.title_zh else result.title)
                                           .rstrip(".") for result in entry.results)]
            if entry.verdict in ("violated", "undecided", "exempt") and not entry.missing:
                for result in entry.results[:STAND_OPEN]:
                    short = [re.sub(r"2026-\d\d-\d\d (\d\d:\d\d:\d\d) \+08:00", r"\1", clean(said.told(lang)))
                             for said in (*reasons(result).found, *reasons(result).required)]
                    wanted += [" ".join(one.split()) for one in short]
            for one in wanted:
                assert one in page
    for note in report.notes:
        assert note.told(lang) in page
    assert "本报告不构成法律意见" in page if lang == "zh" else "Not legal advice" in page


def test_the_first_things_are_counts_then_what_is_wrong_where_and_what_to_do() -> None:
    text = told(to_html(replace(sample.rich(), judged=(sample.JUDGED_FINAL,))), "en")
    at = [text.index(words) for words in (
        "Interim Measures", "8 ✗ violated", "6 ? undecided", "20 rules, 1 without a trigger, 1 service",
        "1,204,331 events", "services/companion.yaml", "2026-11-20 23:59:59 +08:00", "in force since 2026-07-15",
        "At a glance",
        "Art. 18(1) Users know they are talking to an AI service, not a natural person Show a standing notice",
        "Art. 13(2) A user in extreme emotion is soothed 37 of 1,204 moments Send soothing words.",
        "Art. 9(1) `service.simulates_natural_person` is missing 4 rules",
        "Art. 14(1) no_virtual_intimacy 6 of 6 moments, 3 users age unknown: no registered.age",
        "What to do Show a standing notice, or one at the start of each session.",
        "6 open duties, by due date", "1 rule saw no trigger")]
    assert at == sorted(at)


def test_titles_and_fixes_are_told_in_the_language_that_has_them() -> None:
    chinese = told("<body>" + card(to_html(sample.rich()), "用户知晓其正在与人工智能服务交互"), "zh")
    assert "持续显示提示" in chinese and "Users know" not in chinese and "第18条第1款" in chinese


def test_moments_are_listed_folded_and_counted() -> None:
    html = card(to_html(sample.rich()), "A user in extreme emotion is soothed")
    open_rows, folded = html.split("<details", 1)
    assert open_rows.count('<li id="m') == STAND_OPEN and folded.count('<li id="m') == 34
    assert "34 more, each with the first thing found" in folded
    assert "37 of 1,204 moments" in open_rows and "logs/companion.ndjson" in open_rows
    assert "logs/companion.ndjson" not in folded, "the one file is said once"
    assert open_rows.count("rests on the order of events of one instant") == 1
    assert "promptly = 10 minutes" in open_rows
    assert "no support_message_sent from 03:02:00 to 03:12:00" in folded


def many(number: int, counted: int) -> Report:
    """One rule violated at `counted` moments, of which the report knows `number`."""
    found = [sample.result("late", "Art. 13(2)", "violated", title="Not late", evidence=(
        Line("field", "a", as_is(f"first of {row}")), Line("field", "b", as_is(f"second of {row}"))),
        **sample.moment(f"u-{row}", 10, row)) for row in range(1, number + 1)]
    count = RuleCount(sample.LAW, sample.FINAL, "late", ("Art. 13(2)",), "error",
                      {**dict.fromkeys(VERDICTS, 0), "violated": counted})
    return replace(sample.clean(), findings=tuple(found), rules=(count,), counts={"violated": 1})


def test_a_folded_moment_says_the_first_thing_found() -> None:
    text = told(to_html(many(5, 5)), "en")
    assert "second of 3" in text and "first of 4" in text and "second of 4" not in text


@pytest.mark.parametrize(("number", "counted", "left"), [
    (7, 7, None), (LISTED, LISTED, None), (LISTED + 5, LISTED + 5, 5), (LISTED, 2_100, 2_000)])
def test_what_is_not_listed_is_counted(number: int, counted: int, left: int | None) -> None:
    html = to_html(many(number, counted))
    assert html.count('<li id="m') == min(number, LISTED)
    said = re.search(r"([\d,]+) more are not listed here", html)
    assert (said and said[1]) == (left and f"{left:,}")


def test_rules_that_miss_one_thing_are_one_card_with_each_rule() -> None:
    html = card(to_html(sample.rich()), "`service.simulates_natural_person` is missing")
    assert [name for name in re.findall(r"rule_\d\d", html)] == ["rule_09", "rule_10", "rule_11", "rule_12"]
    assert "services/companion.yaml:3:3" in html


def test_open_duties_are_a_table_by_due_date() -> None:
    rows = re.findall(r'<tr id="m\w+">(.*?)</tr>', card(to_html(sample.rich()), "open duties"), re.S)
    said = [told(f"<body>{row}", "en") for row in rows]
    dates = [one.removeprefix("the end of ")[:10] for one in said]
    assert dates == sorted(dates) and len(said) == 6
    assert said[0] == "2026-11-20 12:10:00 +08:00 user = u-9, child = c-1 answer_guardian Art. 14(4)"
    assert said[-1] == ("the end of 2026-11-30 (provisional) u-5 History is deleted on request delete_on_request "
                        "Art. 16(3)")


def test_duties_until_some_time_count_the_later_ones() -> None:
    report = sample.rich()
    kept = tuple(one for one in report.findings if one.verdict != "pending" or (one.due_instant or "") < "2026-11-26")
    rules = tuple(replace(one, later=2) if one.rule == "delete_on_request" else one for one in report.rules)
    until = Until("4 days", Said("end of day", ("2026-11-25",)), "2026-11-25T15:59:59.999999Z")
    text = told(to_html(replace(report, findings=kept, rules=rules, until=until)), "en")
    assert "4 open duties due by the end of 2026-11-25, by due date; 2 later" in text
    assert "no open duty is due by the end of 2026-11-25" in text, "of another version"


def test_what_is_satisfied_or_does_not_apply_is_there_where_it_was_asked_for() -> None:
    html = to_html(sample.rich())
    assert "convenient_exit" in html and "elderly_guidance" in html
    assert 'data-verdicts="satisfied"' not in to_html(replace(sample.rich(), others=()))


def test_nothing_found_says_so() -> None:
    text = told(to_html(sample.clean()), "en")
    assert "Nothing was found violated or undecided." in text and "At a glance" not in text


def test_an_undecided_result_that_names_nothing_is_told() -> None:
    bare = sample.result("bare", "Art. 1", "undecided")
    assert PAGE["state it"][0] in told(to_html(replace(sample.clean(), findings=(bare,))), "en")


def test_several_services_are_named_beside_their_moments() -> None:
    found = [sample.result("late", "Art. 1", "violated", service=name, **sample.moment("u-1", 10, 1))
             for name in ("a.yaml", "b.yaml")]
    text = told(to_html(replace(sample.clean(), findings=tuple(found), services=("a.yaml", "b.yaml"))), "en")
    assert "a.yaml, u-1" in text and "b.yaml, u-1" in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_counts_agree_with_the_text_report(lang: Lang) -> None:
    text, page = to_text(sample.rich(), lang=lang, pending=True), told(to_html(sample.rich()), lang)
    for verdict in VERDICTS:
        number = sample.rich().counts[verdict]
        word = Said(verdict).told(lang)
        assert f"{number} {word}" in " ".join(text.split()) and re.search(rf"\b{number} \S {word}", page)


# ---- names that last ------------------------------------------------------------------------------------------------

def names(report: Report) -> dict[str, str]:
    """Anchor -> the text of the card or row."""
    html = to_html(report)
    return {anchor: text for tag in ("article", "li", "tr") for anchor, text in re.findall(
        rf'<{tag}[^>]* ?id="([em][0-9a-f]{{12}})"[^>]*>(.*?)</{tag}>', html, re.S)}


def test_a_finding_has_the_same_name_in_the_next_report() -> None:
    """Lines moved, titles changed, earlier moments added and other rules gone."""
    report = sample.rich()
    earlier = sample.result("support_in_extreme_emotion", "Art. 13(2)", "violated", **sample.moment("u-0", 1, 1, day=1))
    moved = [replace(one, title="Another title", rule_place=Place("moved.policy", 1, 1)) for one in report.findings
             if one.rule != "ai_notice"]
    before, after = names(report), names(replace(report, findings=(earlier, *moved)))
    card_before = [one for one in before if one[0] == "e"]
    gone = [one for one in card_before if one not in after]
    assert len(gone) == 2 and all("Users know" in before[one] for one in gone), "the rule that is gone, of two versions"
    assert {f"m{one}" for one in fingerprints(moved)} - after.keys() == set()


def test_verdicts_of_one_rule_have_names_of_their_own() -> None:
    both = [sample.result("one", "Art. 1", verdict, missing=(sample.lost("service.x"),) * (verdict == "undecided"),
                          **sample.moment(f"u-{place}", 9, place + 1))
            for place, verdict in enumerate(VERDICTS[:2])]
    violated, undecided = ([one for one in names(replace(sample.clean(), findings=(result,))) if one[0] == "e"]
                           for result in both)
    assert violated != undecided
    assert {*violated, *undecided} <= names(replace(sample.clean(), findings=tuple(both))).keys()


# ---- text that is only text -----------------------------------------------------------------------------------------

def hostile(text: str) -> Report:
    """A report with one text wherever an author or a user can write."""
    row = {"place": Place(text, row=7), "due": None, "due_instant": None}
    moment = sample.moment("u", 9, 7)["moment"]
    at = replace(moment, keys={"user": text}, event=text, place=Place(text, row=7))
    said = Said("is", (text, text))

    def one(rule: str, verdict: Verdict, **more: Any) -> Result:
        return sample.result(rule + text, text, verdict, service=text, title=text, title_zh=text + "中", fix=text,
                             fix_zh=text + "中", family=text, requirements=(Said("must", (text,)),),
                             params={text: text}, **more)

    line = Line("fact", text, said, Place(text, 3, 7))
    found = [one("a", "violated", evidence=(Line("part", text, Said("part false", (text,))), line)),
             *(one("b", "violated", evidence=(replace(line, said=Said("is", (text, f"{text}{number}"))),),
                   **{**row, "moment": replace(at, instant=str(number))})
               for number in range(5)),
             one("c", "undecided", missing=(line,)), one("d", "undecided", missing=(line,)),
             one("e", "pending", **{**row, "due": as_is(text), "due_instant": "2026-11-20T04:10:00Z", "moment": at}),
             one("f", "exempt", exemption=as_is(text))]
    judged = replace(sample.JUDGED_FINAL, title_en=text, title_zh=text + "中", in_force=as_is(text), sources=(text,),
                     confidence_en=text, confidence_zh=text + "中")
    return replace(sample.clean(), as_of=as_is(text), judged=(judged,), services=(text, text), findings=tuple(found),
                   others=(one("g", "satisfied"),), notes=(as_is(text),))


def skeleton(page: Page) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """The elements, without names made from what was found."""
    return [(tag, tuple((key, re.sub(r"\b[em][0-9a-f]{12}", "", value)) for key, value in attributes))
            for tag, attributes in page.skeleton]


PLAIN = skeleton(Page(to_html(hostile("x"))))


@pytest.mark.parametrize("text", [*NASTY, sample.HOSTILE, "a\tb\u00adc"])
def test_hostile_text_is_only_text(text: str) -> None:
    html = to_html(hostile(text))
    page = Page(html)
    assert page.wrong == [] and skeleton(page) == PLAIN
    assert clean(text) in "".join(page.text)
    html.encode("utf-8")  # no lone surrogate is left
    assert [char for char in html if not char.isprintable() and char != "\n"] == []


@settings(max_examples=25, deadline=None)
@given(st.one_of(st.text(min_size=1), st.text(alphabet="<>\"'&/=;:!-{}%# \n\x00\u202e\ud800ax`.", min_size=1)))
def test_any_text_in_any_field_leaves_the_elements_as_they_are(text: str) -> None:
    assume(clean(text).rstrip(".。") and not text.startswith(("http://", "https://")))
    page = Page(to_html(hostile(text)))
    assert page.wrong == [] and skeleton(page) == PLAIN
    assert clean(text).strip() in "".join(page.text)


# ---- large ----------------------------------------------------------------------------------------------------------

def test_a_hundred_moments_of_each_of_85_rules_are_written_in_a_moment() -> None:
    """A second on the machine of the project; what is asked here leaves room for a slower one."""
    base = [one for one in sample.rich().findings if one.rule == "support_in_extreme_emotion"]
    found = tuple(replace(one, rule=f"rule_{rule:02}", moment=one.moment and replace(
        one.moment, keys={"user": f"u-{rule}-{number}"}))
        for rule in range(85) for number in range(LISTED) for one in (base[number % 37],))
    report = replace(sample.clean(), findings=found)
    started = time.process_time()
    html = to_html(report)
    assert time.process_time() - started < 4
    assert html.count('<li id="m') == 8_500 and len(html) < 5_000_000
