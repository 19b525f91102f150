"""The page of a report in a real browser: no errors, no requests; filters, search, links, languages, dark, print."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policyengine.report.entries import fingerprints
from policyengine.report.model import Report
from policyengine.report.to_html import to_html
from policyengine.report.words import Lang
from tests.report import sample
from tests.report.test_check_html import hostile
from tests.support.diffs import NASTY
from tests.support.pages import Opener, check_contrast, focused, paper, printed, settled

RICH = sample.rich()
SOOTHED = '.card:has-text("A user in extreme emotion is soothed")'


@pytest.fixture
def shown(opened: Opener) -> Opener:
    """Opens a report as a page."""
    return lambda report, lang="en", **more: opened(to_html(report, lang), **more)


def visible(page: Any) -> list[str]:
    """The verdicts of the cards that the filters leave."""
    found: list[str] = page.eval_on_selector_all(".card:not([hidden])",
                                                 "every => every.map(one => one.dataset.verdicts)")
    return found


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("report", [RICH, sample.clean()], ids=["rich", "clean"])
def test_it_opens_without_a_word_on_the_console(shown: Opener, report: Report, lang: Lang) -> None:
    page = shown(report, lang)
    assert page.evaluate("document.compatMode") == "CSS1Compat"
    headings = {("en", 1): "Interim Measures for Human-like AI Interaction Services", ("en", 3): "3 sets of rules",
                ("zh", 1): "人工智能拟人化互动服务管理暂行办法", ("zh", 3): "3 套规则"}
    assert page.locator("h1").inner_text() == headings[lang, len(report.judged)]
    assert page.locator(".tools").is_visible()


def test_hostile_text_never_runs(shown: Opener) -> None:
    page = shown(hostile(" ".join(NASTY)))
    assert page.evaluate("document.scripts.length") == 1
    assert page.locator("img, svg, iframe, object, embed, [onerror], [onload], [onfocus]").count() == 0
    page.fill("#search", NASTY[0])
    settled(page)
    page.keyboard.press("Escape")


def test_chips_filter_by_verdict(shown: Opener) -> None:
    page = shown(RICH)
    every = visible(page)
    chips = page.locator(".chip").all_inner_texts()
    assert [" ".join(one.split()) for one in chips] == [
        "✗ violated 8", "? undecided 6", "… pending 2", "○ exempt 1", "✓ satisfied 1", "– not applicable 1"]
    page.click('.chip[data-word="undecided"]')
    assert set(visible(page)) == {"undecided"}
    assert page.locator(".overview tbody tr:visible").count() == len(visible(page)) == 3
    assert page.locator("#found").inner_text() == f"3 / {len(every)}"
    page.click('.chip[data-word="pending"]')
    assert set(visible(page)) == {"undecided", "pending"}
    page.click("#clear")
    assert visible(page) == every and page.locator("#clear").is_hidden()


@pytest.mark.parametrize(("words", "number"), [
    ("support_in_extreme", 1), ("soothed", 1), ("Art. 13(2)", 1), ("第13条第2款", 1), ("u-0036", 1), ("u-4821", 1),
    ("companion.ndjson", 4), ("delete_on_request", 1), ("no such words", 0), ("用户甲", 1),
])
def test_search_finds_rule_title_article_key_and_file(shown: Opener, words: str, number: int) -> None:
    page = shown(RICH)
    page.keyboard.press("/")
    page.keyboard.insert_text(words)
    settled(page)
    assert len(visible(page)) == number
    page.keyboard.press("Escape")
    assert len(visible(page)) > 10


def test_search_opens_what_is_folded_only_where_the_words_stand_nowhere_else(shown: Opener) -> None:
    page = shown(RICH)
    fold = page.locator(SOOTHED).locator("details")
    page.fill("#search", "u-0036")
    settled(page)
    assert fold.evaluate("one => one.open") and page.get_by_text("u-0036").is_visible()
    page.fill("#search", "support_message_sent")
    settled(page)
    assert not fold.evaluate("one => one.open")
    fold.evaluate("one => { one.open = true }")
    for words in ("u-0036", ""):
        page.fill("#search", words)
        settled(page)
        assert fold.evaluate("one => one.open"), "what the reader opened stays"


def test_moments_fold_and_keys_step(shown: Opener) -> None:
    page = shown(RICH)
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert focused(page) == page.locator(".card.change").nth(1).get_attribute("id")
    page.keyboard.press("k")
    assert focused(page) == page.locator(".card.change").first.get_attribute("id")
    assert page.locator(SOOTHED).locator("li[id]:visible").count() == 3
    page.locator(SOOTHED).locator("summary").click()
    assert page.locator(SOOTHED).locator("li[id]:visible").count() == 37


def test_a_link_to_a_folded_moment_shows_it_whatever_is_filtered(shown: Opener) -> None:
    anchors = fingerprints(RICH.findings)
    last = next(f"m{anchor}" for result, anchor in zip(RICH.findings, anchors, strict=True)
                if result.moment and result.moment.keys == {"user": "u-0036"})
    page = shown(RICH, fragment=f"#{last}")
    assert page.locator(f"#{last}").is_visible()
    page.click('.chip[data-word="pending"]')
    page.locator(SOOTHED).locator("details").evaluate("one => { one.open = false }")
    page.evaluate("location.hash = ''")
    page.evaluate(f"location.hash = '{last}'")
    page.wait_for_function(f"document.getElementById('{last}').checkVisibility()")


def test_a_row_at_a_glance_leads_to_its_card(shown: Opener) -> None:
    page = shown(RICH)
    page.click('.overview a:has-text("A user in extreme emotion is soothed")')
    page.wait_for_function("document.activeElement.matches('.card')")
    assert "13(2)" in page.evaluate("document.activeElement.innerText")


def test_languages_switch(shown: Opener) -> None:
    page = shown(RICH, "en")
    card = page.locator('.card:has-text("ai_notice")').first
    assert "Users know" in card.inner_text() and "用户知晓" not in card.inner_text()
    page.keyboard.press("l")
    text = card.inner_text()
    assert "用户知晓" in text and "第18条第1款" in text and "Users know" not in text
    assert page.evaluate("document.documentElement.lang") == "zh-Hans"
    page.click("#lang")
    assert "Users know" in card.inner_text()


def test_there_is_no_second_view_and_no_key_for_it(shown: Opener) -> None:
    page = shown(RICH)
    page.keyboard.press("t")
    page.keyboard.press("?")
    assert page.locator("#keys kbd").all_inner_texts() == ["j", "k", "/", "l", "Esc", "?"]


@pytest.mark.parametrize("width", [360, 800])
@pytest.mark.parametrize("report", [RICH, sample.clean(), hostile(sample.HOSTILE), hostile("x" * 300)],
                         ids=["rich", "clean", "hostile", "long"])
def test_nothing_makes_a_narrow_page_scroll_sideways(shown: Opener, report: Report, width: int) -> None:
    page = shown(report, width=width)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.evaluate("document.querySelectorAll('.card').forEach(one => one.style.contentVisibility = 'visible')")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_follows_the_system_and_the_button(shown: Opener) -> None:
    light, dark = shown(RICH), shown(RICH, color_scheme="dark")
    assert paper(light) > 600 and paper(dark) < 150
    light.click("#theme")
    assert paper(light) < 150


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(shown: Opener, scheme: str) -> None:
    check_contrast(shown(RICH, color_scheme=scheme))


def test_print_has_everything_open_and_no_controls(shown: Opener) -> None:
    page = shown(replace(RICH, others=()))
    text = printed(page)
    for words in ("Send soothing words", "u-0036", "no support_message_sent from 12:02:00", "6 open duties", "rule_12",
                  "Not legal advice", "8 ✗ violated", "https://www.cac.gov.cn/2026-04/10/c_1.htm"):
        assert words in text
    assert "Show all" not in text and "Search" not in text


def test_without_javascript_everything_is_there(shown: Opener) -> None:
    page = shown(RICH, java_script_enabled=False)
    assert page.locator(".tools").is_hidden() and page.locator("#keys").is_hidden()
    assert page.locator(".overview").first.is_visible()
    fold = page.locator(SOOTHED).locator("details")
    fold.locator("summary").click()
    assert fold.locator("li").last.is_visible()


def test_without_javascript_print_has_what_is_folded(shown: Opener) -> None:
    assert "u-0036" in printed(shown(RICH, java_script_enabled=False))
