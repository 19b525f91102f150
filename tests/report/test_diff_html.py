"""The page as text: what it holds, that its links lead somewhere, and that whatever text it is given stays text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from policyengine.diff.model import Diff
from policyengine.report.diff_to_html import FOLDER, PAGE, to_html
from policyengine.report.pages import COMMON, shown
from policyengine.report.words import LANGUAGES, Lang
from tests.support import diffs
from tests.support.diffs import NASTY
from tests.support.pages import Page, check_elements, check_policy, check_words

EVERY = [pytest.param(diffs.FULL, id="full"), pytest.param(diffs.TEXT_ONLY, id="text only"),
         pytest.param(diffs.EMPTY, id="empty"), pytest.param(diffs.large(20, 4), id="large"),
         pytest.param(replace(diffs.FULL, text=None), id="rules only")]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("diff", EVERY)
def test_elements_stand_in_each_other_and_links_lead_somewhere(diff: Diff, lang: Lang) -> None:
    assert all(link.startswith("#") for link in check_elements(to_html(diff, lang)).values("href"))


def test_the_policy_allows_the_one_style_and_the_one_script() -> None:
    check_policy(to_html(diffs.FULL))


def test_neither_style_nor_script_ends_its_element_or_asks_for_anything() -> None:
    for file in (COMMON / "page.css", COMMON / "page.js", FOLDER / "diff.css"):
        text = file.read_text(encoding="utf-8")
        assert "</" not in text and "<!--" not in text and "\r" not in text
        assert not re.search(r"https?:|url\(|@import|fetch|XMLHttp|innerHTML|eval\b|Function\(|localStorage", text)


def test_both_languages_are_inside_and_one_is_where_it_starts() -> None:
    english, chinese = to_html(diffs.FULL, "en"), to_html(diffs.FULL, "zh")
    assert '<html lang="en" data-lang="en">' in english and '<html lang="zh-Hans" data-lang="zh">' in chinese
    assert english.split("<title>")[1] == chinese.split("<title>")[1]
    assert "有宽有严 = " in english and "Mixed = " in english


def test_everything_of_the_diff_is_on_the_page() -> None:
    """A diff with a name of its own in each field, so that a field left out is seen."""
    counter = iter(range(100_000))
    diff, said = _numbered(diffs.FULL, counter)
    text = "".join(Page(to_html(diff)).text)
    assert diff.text is not None
    headings = {line.runs[0].text for article in diff.text.articles for line in article.lines  # the card's title has it
                if line.end == "same" and len(line.runs) == 1 and diff.text.new.lines[line.new or 0].level}
    assert [one for one in said if one not in text and one not in headings] == []


SHOWN = {  # record -> the fields whose text a reader must find
    "Run": ("text",), "Highlight": ("old", "new", "old_place", "new_place"), "PartLink": ("old", "new"),
    "Alternative": ("old", "new"), "ArticleChange": ("old", "new", "new_heading", "note", "chapter"),
    "TermRenamed": ("old", "new"), "ReferenceLeft": ("place", "names", "expected"),
    "RuleSide": ("name", "citations", "file", "source"), "Witness": ("facts", "events", "as_of", "decides"),
    "RuleEdit": ("old", "new", "name"), "Region": ("conditions",), "RuleChange": ("note", "fingerprint"),
    "CrossCheck": ("rule", "place", "fingerprint"), "Impact": ("new_rule", "moment", "place", "nearest"),
    "Side": ("name", "title_en", "title_zh", "version", "published", "in_force", "confidence_en", "confidence_zh"),
    "Diff": ("notes",),
}


def _numbered(value: Any, counter: Any) -> tuple[Any, list[str]]:
    """The value with every text of SHOWN made unique, and those texts."""
    said: list[str] = []

    def fresh(text: str) -> str:
        said.append(f"w{next(counter)}w")
        return said[-1]

    def walk(one: Any, ours: bool) -> Any:
        if isinstance(one, tuple):
            return tuple(walk(inner, ours) for inner in one)
        if isinstance(one, dict):
            return {name: walk(inner, ours) for name, inner in one.items()}
        if hasattr(one, "__dataclass_fields__"):
            wanted = SHOWN.get(type(one).__name__, ())
            return replace(one, **{name: walk(getattr(one, name), name in wanted) for name in one.__dataclass_fields__
                                   if name not in ("old", "new") or not isinstance(getattr(one, name), str)
                                   or type(one).__name__ not in ("Witness", "Region", "Cell", "Impact")
                                   if name not in ("script",)})
        return fresh(one) if ours and isinstance(one, str) and one else one

    return walk(value, False), said


def test_an_article_with_one_side_has_no_arrow() -> None:
    page = to_html(replace(diffs.FULL, rules=None, checks=(), impact=None))
    dropped = page.split('id="a8t"')[1].split("</h3>")[0]
    assert "Art. 19" in dropped and "→" not in dropped
    same = page.split('id="a0t"')[1].split("</h3>")[0]
    assert same.count("Art. 1") == 1


def test_the_old_and_the_new_text_can_be_read_off_each_column() -> None:
    """Without deleted runs the right column is the new text, without inserted ones the left column is the old."""
    html = to_html(diffs.TEXT_ONLY)
    assert diffs.TEXT_ONLY.text is not None
    for side, gone, document in (("old", "ins", diffs.TEXT_ONLY.text.old), ("new", "del", diffs.TEXT_ONLY.text.new)):
        cells = re.findall(rf'<div class="cell {side}" lang="zh-Hans">(?:<span class="at">.*?</span>)?<p>(.*?)</p>',
                           html)
        lines = [re.sub(r"<[^>]*>", "", re.sub(rf"<{gone}[^>]*>.*?</{gone}>", "", cell)) for cell in cells]
        assert [line for line in lines if line] == [line.text for line in document.lines]


def test_changes_outside_the_articles_are_shown() -> None:
    assert "Published on 10 April 2026 by the Cyberspace Administration" in to_html(diffs.FULL)
    assert 'id="outside"' not in to_html(diffs.TEXT_ONLY), "nothing outside changed"


def test_a_citation_leads_to_its_paragraph_and_else_to_what_is_around_it() -> None:
    html = to_html(diffs.FULL)
    place = re.search(r'<a href="#(n\d+)">Art\. 14\(3\)\(2\)</a>', html)
    assert place and f'id="{place[1]}"' in html
    card = re.search(r'href="#(a\d+)">Art\. 19</a>', html)
    assert card


@pytest.mark.parametrize("text", NASTY)
def test_hostile_text_is_only_text(text: str) -> None:
    html = to_html(diffs.hostile(text))
    page = Page(html)
    assert page.wrong == []
    assert shown(text) in "".join(page.text)
    html.encode("utf-8")  # no lone surrogate is left
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f]", html)
    assert page.skeleton == PLAIN.skeleton


PLAIN = Page(to_html(diffs.hostile("x")))


@settings(max_examples=25)
@given(st.one_of(st.text(min_size=1), st.text(alphabet="<>\"'&/=;:!-{}%# \n\x00\u202e\ud800ax", min_size=1)))
def test_any_text_in_any_field_leaves_the_elements_as_they_are(text: str) -> None:
    assume(text not in ("draft", "final", "list", *(kind.kind for kind in diffs.CHECKS)))
    page = Page(to_html(diffs.hostile(text)))
    assert page.skeleton == PLAIN.skeleton
    assert shown(text).strip() in "".join(page.text)


def test_no_word_of_the_page_is_missing_in_a_language() -> None:
    check_words(FOLDER, PAGE)
