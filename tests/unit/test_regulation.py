"""Regulation folders: regulation.yaml, versions, text.md, coverage; and what the shipped regulation must say."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from policyengine.base.diagnostic import Diagnostic, concise, has_errors
from policyengine.base.instants import parse_instant
from policyengine.base.resources import regulations_folder
from policyengine.regulation.coverage import Row, coverage, gaps
from policyengine.regulation.model import Regulation, Version, load_regulation, read_regulation
from policyengine.regulation.text import GRADES, Article, Item, Paragraph, Text, read_text
from policyengine.regulation.versions import effective_range, in_force, select

FOLDER = regulations_folder() / "cn" / "human-like-ai"
DRAFT, FINAL = "2025-12-27-draft", "2026-04-10-final"


def shipped() -> Regulation:
    regulation, found = load_regulation(FOLDER)
    assert regulation is not None, found
    return regulation


def shipped_text(label: str) -> tuple[str, Text]:
    path = FOLDER / label / "text.md"
    source = path.read_text(encoding="utf-8")
    text, found = read_text(str(path), source)
    assert [concise(d) for d in found] == []
    return source, text


# regulation.yaml

MINIMAL = """\
id: xx/test
title: {en: Test}
jurisdiction: XX
timezone: Europe/Berlin
calendar: xx
period_end_on_day_off: stands
vocabulary: ai_service
confidence: {en: for tests}
versions:
  - label: one
    status: final
    issuers: [{id: X, en: Authority}]
    published: 2024-01-01
    effective_from: 2024-02-01
    effective_to: 2024-12-31
    sources: [https://example.org/one]
  - label: two
    status: final
    issuers: [{id: X, en: Authority}]
    published: 2024-06-01
    effective_from: 2025-02-01
    sources: [https://example.org/two]
"""


def names(text: str) -> list[str]:
    regulation, found = read_regulation("regulation.yaml", text)
    assert (regulation is None) == has_errors(found)
    return [d.name for d in found]


def changed(old: str, new: str) -> str:
    assert MINIMAL.count(old) >= 1
    return MINIMAL.replace(old, new, 1)


def test_the_shipped_regulation_says_what_the_instrument_is() -> None:
    regulation = shipped()
    assert (regulation.id, regulation.jurisdiction, regulation.timezone) == ("cn/human-like-ai", "CN", "Asia/Shanghai")
    assert regulation.period_end_on_day_off == "moves"
    assert "official pages were not opened" in regulation.confidence.en
    draft, final = regulation.versions
    assert (draft.label, draft.status, draft.published) == (DRAFT, "draft", date(2025, 12, 27))
    assert (draft.comments_until, draft.effective_from) == (date(2026, 1, 25), None)
    assert [issuer.id for issuer in draft.issuers] == ["CAC"]
    assert (final.label, final.status, final.published) == (FINAL, "final", date(2026, 4, 10))
    assert (final.adopted, final.effective_from, final.effective_to) == (date(2026, 2, 2), date(2026, 7, 15), None)
    assert [issuer.id for issuer in final.issuers] == ["CAC", "NDRC", "MIIT", "MPS", "SAMR"]
    assert "21" in final.order
    assert final.title == regulation.title != draft.title
    assert all((FOLDER / version.label / "text.md").is_file() for version in regulation.versions)


def test_a_correct_file_has_no_diagnostics() -> None:
    assert names(MINIMAL) == []


@pytest.mark.parametrize(("text", "expected"), [
    (changed("jurisdiction", "jurisdicton"), ["missing-key", "unknown-key"]),
    (changed("calendar: xx\n", ""), ["missing-key"]),
    (changed("calendar: xx", "calendar:"), ["missing-key"]),
    (changed("calendar: xx", "calendar: [xx]"), ["wrong-type"]),
    (changed("calendar: xx", "calendar: xx\ncalendar: yy"), ["duplicate-key"]),
    (changed("stands", "stand"), ["unknown-value"]),
    (changed("Europe/Berlin", "Europe/Berlín"), ["unknown-value"]),
    (changed("Europe/Berlin", "../etc"), ["unknown-value"]),
    (changed("status: final", "status: finale"), ["unknown-value"]),
    (changed("2024-01-01", "2024-13-01"), ["bad-date"]),
    (changed("2024-01-01", "20240101"), ["bad-date"]),
    (changed("2024-01-01", "2024-01-01T00:00:00Z"), ["bad-date"]),
    (changed("2024-01-01", "[2024]"), ["bad-date"]),
    (changed("label: two", "label: one"), ["duplicate-version"]),
    (changed("label: two", "label: final"), ["reserved-label"]),
    (changed("label: two", "label: 2025-02-01"), ["reserved-label"]),
    (changed("label: two", "label: ../two"), ["reserved-label"]),
    (changed("status: final", "status: draft"), ["version-dates"]),
    (changed("effective_from: 2024-02-01\n    ", ""), ["version-dates"]),
    (changed("effective_to: 2024-12-31", "effective_to: 2024-01-31"), ["version-dates"]),
    (changed("published: 2024-01-01", "published: 2024-01-01\n    comments_until: 2023-01-31"), ["version-dates"]),
    (changed("published: 2024-01-01", "published: 2024-01-01\n    adopted: 2024-01-02"), ["version-dates"]),
    (changed("effective_to: 2024-12-31", "effective_to: 2025-02-01"), ["overlapping-versions"]),
    (changed("    effective_to: 2024-12-31\n", ""), ["overlapping-versions"]),
    (changed("sources: [https://example.org/one]", "sources: []"), ["missing-key"]),
    (changed("issuers: [{id: X, en: Authority}]", "issuers: [{id: X}]"), ["missing-key"]),
    (changed("issuers: [{id: X, en: Authority}]", "issuers: [X]"), ["wrong-type"]),
    ("", ["missing-key"]),
    ("- a list", ["wrong-type"]),
    ("id: [unclosed", ["syntax"]),
    ("id: a\n---\nid: b\n", ["syntax"]),
    ("id: \x07", ["syntax"]),
])
def test_a_mistake_in_regulation_yaml_is_named(text: str, expected: list[str]) -> None:
    assert sorted(names(text)) == expected


def test_a_misspelt_key_gets_its_place_and_the_nearest_name() -> None:
    _, found = read_regulation("r.yaml", changed("effective_to", "effective_untl"))
    (mistake,) = found
    assert concise(mistake) == "r.yaml:15:5: error[unknown-key] a version has no key `effective_untl`"
    assert mistake.span is not None and mistake.span.end_column == 5 + len("effective_untl")
    _, found = read_regulation("r.yaml", changed("effective_to", "effectiv_to"))
    assert found[0].help == "did you mean `effective_to`?"


def test_several_mistakes_are_reported_together_in_the_order_of_the_file() -> None:
    _, found = read_regulation("r.yaml", changed("stands", "never").replace("2024-06-01", "June"))
    assert [(d.name, d.span.line if d.span else 0) for d in found] == [("unknown-value", 6), ("bad-date", 20)]


def test_dates_are_days_and_other_scalars_stay_the_text_they_are() -> None:
    regulation, _ = read_regulation("r.yaml", changed("jurisdiction: XX", "jurisdiction: NO"))
    assert regulation is not None and regulation.jurisdiction == "NO"
    regulation, _ = read_regulation("r.yaml", changed("label: one", "label: 012"))
    assert regulation is not None and regulation.versions[0].label == "012"


def test_a_folder_without_the_file_or_with_another_encoding_is_a_diagnostic(tmp_path: Path) -> None:
    regulation, found = load_regulation(tmp_path)
    assert regulation is None and [d.name for d in found] == ["no-regulation"]
    (tmp_path / "regulation.yaml").write_bytes("id: 办法".encode("gb18030"))
    regulation, found = load_regulation(tmp_path)
    assert regulation is None and [d.name for d in found] == ["not-utf8"]


def test_loading_a_regulation_imports_no_markdown_reader() -> None:
    code = ("import sys; from policyengine.regulation import model, versions; "
            f"assert model.load_regulation({str(FOLDER)!r})[0]; print('markdown_it' in sys.modules)")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


# versions


def minimal() -> Regulation:
    regulation, found = read_regulation("regulation.yaml", MINIMAL)
    assert regulation is not None, found
    return regulation


@pytest.mark.parametrize(("day", "label"), [
    (date(2024, 1, 31), None), (date(2024, 2, 1), "one"), (date(2024, 12, 31), "one"),
    (date(2025, 1, 1), None), (date(2025, 1, 31), None), (date(2025, 2, 1), "two"), (date(2099, 1, 1), "two"),
])
def test_a_version_is_in_force_from_its_first_day_to_its_last(day: date, label: str | None) -> None:
    version = in_force(minimal(), day)
    assert (version and version.label) == label


def test_a_version_may_hold_for_one_day() -> None:
    assert names(changed("effective_to: 2024-12-31", "effective_to: 2024-02-01")) == []


def test_a_draft_holds_on_no_day_even_with_a_day_planned() -> None:
    draft, final = shipped().versions
    planned = replace(shipped(), versions=(replace(draft, effective_from=date(2026, 1, 1)), final))
    assert in_force(planned, date(2026, 1, 1)) is None


@pytest.mark.parametrize(("day", "label"), [
    (date(2025, 12, 27), None), (date(2026, 4, 10), None), (date(2026, 7, 14), None), (date(2026, 7, 15), FINAL),
])
def test_the_shipped_draft_is_never_in_force(day: date, label: str | None) -> None:
    version = in_force(shipped(), day)
    assert (version and version.label) == label


@pytest.mark.parametrize(("wanted", "label"), [
    ("draft", DRAFT), ("final", FINAL), (DRAFT, DRAFT), (FINAL, FINAL), ("2026-07-15", FINAL), ("2030-01-01", FINAL)])
def test_a_version_is_selected_by_status_label_or_day(wanted: str, label: str) -> None:
    version = select(shipped(), wanted)
    assert isinstance(version, Version) and version.label == label


def test_final_means_the_latest_published_whatever_the_order_of_the_file() -> None:
    head, _, versions = MINIMAL.partition("versions:\n")
    first, mark, second = versions.partition("  - label: two")
    swapped, found = read_regulation("r.yaml", f"{head}versions:\n{mark}{second}{first}")
    assert swapped is not None, found
    chosen = select(swapped, "final")
    assert isinstance(chosen, Version) and chosen.label == "two"


@pytest.mark.parametrize(("wanted", "name"), [
    ("2026-04-10-finl", "unknown-version"), ("Final", "unknown-version"), ("", "unknown-version"),
    ("2026-07-14", "no-version-in-force"), ("20260715", "unknown-version"), ("2026-02-30", "unknown-version")])
def test_an_unknown_version_is_answered_with_the_known_ones(wanted: str, name: str) -> None:
    answer = select(shipped(), wanted)
    assert isinstance(answer, Diagnostic) and answer.name == name
    said = " ".join(note.message for note in answer.notes)
    assert DRAFT in said and FINAL in said and "in force from 2026-07-15" in said


def test_a_misspelt_label_gets_the_nearest() -> None:
    answer = select(shipped(), "2026-04-10-finl")
    assert isinstance(answer, Diagnostic) and answer.help == f"did you mean `{FINAL}`?"


def test_a_regulation_without_a_draft_says_so() -> None:
    answer = select(minimal(), "draft")
    assert isinstance(answer, Diagnostic) and answer.message == "`xx/test` has no draft"


def test_the_range_in_force_is_half_open_in_the_regulations_own_zone() -> None:
    draft, final = shipped().versions
    assert effective_range(draft, "Asia/Shanghai") == (None, None)
    assert effective_range(final, "Asia/Shanghai") == (parse_instant("2026-07-14T16:00:00Z"), None)
    one = minimal().versions[0]
    assert effective_range(one, "Europe/Berlin") == (
        parse_instant("2024-01-31T23:00:00Z"), parse_instant("2024-12-31T23:00:00Z"))


# text.md

SAMPLE = """\
# A title | 标题

Anything may stand here.

- even a list

## Chapter I General | 第一章 总则

### Art. 1 Purpose | 目的

1. One sentence over
   two lines with `code` inside. `A`

> A note of ours.

### Art. 2 Duties

1. Leads in: `A-`
   1. first; `C`
   2. second.
2. Second paragraph. `B`
"""


def text_names(text: str) -> list[str]:
    return [d.name for d in read_text("text.md", text)[1]]


def test_articles_paragraphs_and_items_are_read_with_grades_and_places() -> None:
    text, found = read_text("text.md", SAMPLE)
    assert found == ()
    assert (text.title_en, text.title_zh) == ("A title", "标题")
    one, two = text.articles
    assert (one.number, one.heading_en, one.heading_zh) == (1, "Purpose", "目的")
    assert one.chapter == "Chapter I General | 第一章 总则"
    assert one.notes == ("A note of ours.",)
    assert (two.heading_en, two.heading_zh) == ("Duties", "")
    (only,) = one.paragraphs
    assert (only.text, only.grade) == ("One sentence over two lines with `code` inside.", "A")
    assert str(one.span) == "text.md:9:1" and one.span.end_line == 9
    assert (only.span.line, only.span.end_line) == (11, 12)
    first, second = two.paragraphs
    assert [(i.number, i.text, i.grade) for i in first.items] == [(1, "first;", "C"), (2, "second.", "A-")]
    assert str(first.items[1].span) == "text.md:20:4"
    assert (second.span.line, second.span.end_line) == (21, 21)


def test_a_citation_names_a_place() -> None:
    text, _ = read_text("text.md", SAMPLE)
    assert isinstance(text.find("Art. 2"), Article)
    paragraph, item = text.find("Art. 2(2)"), text.find("Art. 2(1)(2)")
    assert isinstance(paragraph, Paragraph) and paragraph.text == "Second paragraph."
    assert isinstance(item, Item) and item.text == "second."
    assert text.find("Art. 2 (2)") == paragraph
    for absent in ("Art. 3", "Art. 2(3)", "Art. 2(2)(1)", "Art. 0", "Art. 2(0)", "art 2", "cn/x Art. 2", "Art. 2(a)"):
        assert text.find(absent) is None, absent
    assert [citation for citation, _ in text.places()] == [
        "Art. 1", "Art. 1(1)", "Art. 2", "Art. 2(1)", "Art. 2(1)(1)", "Art. 2(1)(2)", "Art. 2(2)"]


@pytest.mark.parametrize(("citation", "nearest", "why"), [
    ("Art. 2(3)", "Art. 2(2)", "`Art. 2` has 2 paragraphs"),
    ("Art. 1(2)", "Art. 1(1)", "`Art. 1` has 1 paragraph"),
    ("Art. 2(1)(5)", "Art. 2(1)(2)", "`Art. 2(1)` has 2 items"),
    ("Art. 2(2)(1)", "Art. 2(2)", "`Art. 2(2)` has no items"),
    ("Art. 99(4)", "Art. 2", "the text has 2 articles"),
    ("Art. 2(2)", "Art. 2(2)", ""),
    ("eighteen", None, "a citation reads `Art. 18`, `Art. 18(2)` or `Art. 23(1)(3)`"),
])
def test_a_citation_that_names_nothing_gets_the_nearest_place(citation: str, nearest: str | None, why: str) -> None:
    text, _ = read_text("text.md", SAMPLE)
    assert (text.nearest(citation), text.why_absent(citation)) == (nearest, why)


@pytest.mark.parametrize(("old", "new", "expected"), [
    ("### Art. 2", "### Art. 1", ["duplicate-article"]),
    ("### Art. 2", "### Art. 3", ["article-gap"]),
    ("### Art. 1", "### Art. 2", ["article-gap", "duplicate-article"]),
    ("### Art. 2 Duties", "### Duties", ["not-an-article"]),
    ("### Art. 2 Duties", "### Dut\n\n1. x\n\n### Art. 3 Duties", ["not-an-article"]),
    ("### Art. 2 Duties", "### Art. 1 Duties\n\n1. x `A`\n\n### Art. 3 Duties", ["duplicate-article"]),
    ("### Art. 2 Duties", "### Art. 2", ["not-an-article"]),
    ("### Art. 2 Duties", "### Art. 2 Duties | a | b", ["not-an-article"]),
    ("### Art. 2 Duties", "#### Art. 2 Duties", ["not-an-article"]),
    ("### Art. 2 Duties", "# Art. 2 Duties", ["not-an-article"]),
    ("inside. `A`", "inside.", ["no-grade"]),
    ("inside. `A`", "inside. `D`", ["unknown-grade"]),
    ("inside. `A`", "inside. `a`", ["unknown-grade"]),
    ("first; `C`", "first; `A+`", ["unknown-grade"]),
    ("Second paragraph. `B`", "`B`", ["empty-paragraph"]),
    ("2. Second", "3. Second", ["wrong-number"]),
    ("   2. second.", "   1. second.", ["wrong-number"]),
    ("1. One", "2. One", ["wrong-number"]),
    ("1. One", "- One", ["loose-text", "empty-article"]),
    ("> A note", "A note", ["loose-text"]),
    ("## Chapter I General | 第一章 总则", "## Chapter I\n\nLoose.", ["loose-text"]),
    ("   2. second.", "   2. second.\n\n   after the items", ["loose-text"]),
])
def test_a_mistake_in_a_text_is_named(old: str, new: str, expected: list[str]) -> None:
    assert SAMPLE.count(old) == 1
    assert sorted(text_names(SAMPLE.replace(old, new))) == sorted(expected)


def test_a_text_without_articles_is_an_error() -> None:
    assert text_names("# Title\n\nNothing yet.\n") == ["no-articles"]
    assert text_names("") == ["no-articles"]


def test_a_broken_article_hides_no_other_and_is_reported_at_its_line() -> None:
    text, found = read_text("text.md", SAMPLE.replace("inside. `A`", "inside.").replace("first; `C`", "first; `Q`"))
    assert [concise(d) for d in found] == [
        "text.md:11:1: error[no-grade] `Art. 1(1)` does not say how sure it is",
        "text.md:19:4: error[unknown-grade] `Art. 2(1)(1)` has the grade `Q`, which does not exist"]
    assert len(text.articles) == 2


def test_windows_line_ends_and_a_list_cut_in_two_read_the_same() -> None:
    crlf, found = read_text("text.md", SAMPLE.replace("\n", "\r\n"))
    assert found == () and crlf == read_text("text.md", SAMPLE)[0]
    cut, found = read_text("text.md", SAMPLE.replace("2. Second", "\n> between\n\n2. Second"))
    assert found == () and [p.number for p in cut.articles[1].paragraphs] == [1, 2]


# the shipped texts


@pytest.mark.parametrize("label", [DRAFT, FINAL])
def test_each_shipped_text_has_articles_1_to_32_and_a_grade_everywhere(label: str) -> None:
    _, text = shipped_text(label)
    assert [article.number for article in text.articles] == list(range(1, 33))
    assert all(article.heading_en and article.heading_zh for article in text.articles)
    for citation, place in text.places():
        if not isinstance(place, Article):
            assert place.grade in GRADES and place.text, citation


def test_the_final_has_its_four_chapters_and_the_draft_claims_none() -> None:
    _, final = shipped_text(FINAL)
    chapters = [article.chapter.split(" ")[1] for article in final.articles]
    assert [chapters.count(roman) for roman in ("I", "II", "III", "IV")] == [5, 20, 5, 2]
    source, draft = shipped_text(DRAFT)
    assert not any("Chapter" in article.chapter for article in draft.articles)
    assert "has not been confirmed, so the articles stand here without" in source


# What readers of the law got wrong, or nobody has confirmed: a text must not come to say it.
@pytest.mark.parametrize("phrase", [
    "human take", "takes over", "takeover", "simulate relatives", "domestic representative", "traceable",
    "chinese culture", "technical failure", "must cooperate", "competent authority", "over 1,000,000",
    "more than 1,000,000"])
def test_the_final_text_does_not_say_what_is_unconfirmed(phrase: str) -> None:
    source, _ = shipped_text(FINAL)
    assert phrase not in " ".join(source.lower().split())


@pytest.mark.parametrize(("label", "citation", "words"), [
    (FINAL, "Art. 14(1)", "virtual partners"), (FINAL, "Art. 16(3)", "copy and to delete"),
    (FINAL, "Art. 16(4)", "separate consent"), (FINAL, "Art. 18(1)", "natural person"),
    (FINAL, "Art. 18(2)", "a further 2 hours"), (FINAL, "Art. 22(1)(3)", "at least 1,000,000"),
    (FINAL, "Art. 23(1)(3)", "extreme situations"), (FINAL, "Art. 32(1)", "2026-07-15"),
    (DRAFT, "Art. 11(3)", "a human takes over"), (DRAFT, "Art. 13(3)", "simulate relatives"),
    (DRAFT, "Art. 15(2)", "Every year"), (DRAFT, "Art. 17(1)", "over 2 hours"),
    (DRAFT, "Art. 21(1)(3)", "at least 100,000"),
])
def test_a_citation_of_the_shipped_texts_names_the_duty_it_should(label: str, citation: str, words: str) -> None:
    _, text = shipped_text(label)
    place = text.find(citation)
    assert isinstance(place, Paragraph | Item) and words in place.text


def test_an_article_whose_wording_is_unconfirmed_states_no_duty() -> None:
    _, text = shipped_text(FINAL)
    for number in (5, 7):
        (paragraph,) = text.articles[number - 1].paragraphs
        assert paragraph.grade == "U" and "no duty is read from it" in paragraph.text
    (third,) = text.articles[2].paragraphs
    assert third.grade == "B" and "has not been seen" in third.text


# coverage


def covered(citations: dict[str, tuple[str, ...]], unchecked: dict[str, str]) -> dict[str, Row]:
    return {row.citation: row for row in coverage(read_text("text.md", SAMPLE)[0], citations, unchecked)}


def states(rows: dict[str, Row]) -> dict[str, str]:
    return {citation: row.state for citation, row in rows.items()}


def test_without_rules_everything_is_a_gap_named_once_by_the_article() -> None:
    rows = covered({}, {})
    assert set(states(rows).values()) == {"gap"}
    assert [row.citation for row in gaps(tuple(rows.values()))] == ["Art. 1", "Art. 2"]


def test_a_citation_of_an_article_covers_all_that_is_in_it() -> None:
    rows = covered({"b": ("Art. 2",), "a": ("Art. 2(1)(2)",)}, {"Art. 1": "no duty"})
    assert states(rows) == {"Art. 1": "reason", "Art. 1(1)": "reason", "Art. 2": "rules", "Art. 2(1)": "rules",
                            "Art. 2(1)(1)": "rules", "Art. 2(1)(2)": "rules", "Art. 2(2)": "rules"}
    assert rows["Art. 2"].rules == ("a", "b") and rows["Art. 2(1)(1)"].rules == ("b",)
    assert rows["Art. 1(1)"].reason == "no duty"
    assert gaps(tuple(rows.values())) == ()


def test_a_citation_of_one_item_leaves_the_others_open() -> None:
    rows = covered({"a": ("Art. 2(1)(2)", "Art. 2(2)")}, {})
    assert states(rows) == {"Art. 1": "gap", "Art. 1(1)": "gap", "Art. 2": "partial", "Art. 2(1)": "partial",
                            "Art. 2(1)(1)": "gap", "Art. 2(1)(2)": "rules", "Art. 2(2)": "rules"}
    assert [row.citation for row in gaps(tuple(rows.values()))] == ["Art. 1", "Art. 2(1)(1)"]
    rows = covered({"a": ("Art. 2(1)(2)", "Art. 2(2)")}, {"Art. 2(1)(1)": "needs a judge"})
    assert rows["Art. 2"].state == "rules" and rows["Art. 2(1)(1)"].state == "reason"


def test_a_reason_for_the_article_stands_for_the_parts_no_rule_cites() -> None:
    rows = covered({"a": ("Art. 2(2)",)}, {"Art. 2": "the rest needs a judge"})
    assert states(rows)["Art. 2(1)(1)"] == "reason" and states(rows)["Art. 2(2)"] == "rules"
    assert rows["Art. 2"].state == "rules" and rows["Art. 2"].reason == "the rest needs a judge"


def test_citations_of_other_instruments_and_of_no_place_cover_nothing() -> None:
    rows = covered({"a": ("cn/personal-information Art. 1", "Art. 11", "Art. 1(9)")}, {})
    assert rows["Art. 1(1)"].state == "gap" and rows["Art. 1(1)"].rules == ()
    assert rows["Art. 1"].state == "gap" and rows["Art. 1"].rules == ()


def test_a_row_carries_headings_text_and_grade() -> None:
    rows = covered({}, {})
    assert (rows["Art. 1"].heading_en, rows["Art. 1"].heading_zh, rows["Art. 1"].level) == ("Purpose", "目的", 0)
    item = rows["Art. 2(1)(1)"]
    assert (item.text, item.grade, item.level, item.heading_en) == ("first;", "C", 2, "")
