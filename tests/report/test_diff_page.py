"""The page in a real browser: no errors, no requests; filters, search, keys, languages, dark, print, no JavaScript."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policyengine.diff.model import Diff
from policyengine.report.diff_to_html import to_html
from policyengine.report.words import Lang
from tests.support import diffs
from tests.support.diffs import NASTY
from tests.support.pages import Opener, check_contrast, focused, paper, printed, settled


@pytest.fixture
def shown(opened: Opener) -> Opener:
    """Opens a diff as a page."""
    return lambda diff, lang="en", **more: opened(to_html(diff, lang), **more)


def visible(page: Any, kind: str = ".card") -> list[str]:
    """The ids of the cards that the filters leave."""
    found: list[str] = page.eval_on_selector_all(f"{kind}:not([hidden])", "every => every.map(one => one.id)")
    return found


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("diff", [diffs.FULL, diffs.TEXT_ONLY, diffs.EMPTY], ids=["full", "text only", "empty"])
def test_it_opens_without_a_word_on_the_console(shown: Opener, diff: Diff, lang: Lang) -> None:
    page = shown(diff, lang)
    assert page.evaluate("document.compatMode") == "CSS1Compat"
    assert page.locator("h1").inner_text() == (diff.new.title_zh if lang == "zh" else diff.new.title_en)
    assert page.locator(".tools").is_visible()


def test_hostile_text_never_runs(shown: Opener) -> None:
    page = shown(diffs.hostile(" ".join(NASTY)))
    assert page.evaluate("document.scripts.length") == 1
    assert page.locator("img, svg, iframe, object, embed, [onerror], [onload], [onfocus]").count() == 0
    page.keyboard.press("j")
    page.fill("#search", NASTY[0])
    settled(page)
    page.keyboard.press("Escape")


def test_the_policy_stops_what_would_run_all_the_same(browser: Any, tmp_path: Path) -> None:
    """Were a text ever to become an element, the browser would still refuse it."""
    html = to_html(diffs.FULL).replace("<main", "<script>window.ran = 1</script><img src=x onerror='ran = 2'><main", 1)
    (tmp_path / "broken.html").write_text(html, encoding="utf-8")
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((tmp_path / "broken.html").as_uri())
    assert page.evaluate("window.ran") is None
    assert any("Content Security Policy" in one for one in complaints)
    page.close()


def test_filters_narrow_every_section_and_the_table(shown: Opener) -> None:
    page = shown(diffs.FULL)
    every = visible(page)
    page.click('.chip[data-group="kinds"][data-word="split"]')
    assert visible(page, "#articles .card") == ["a4"] and visible(page, "#rules .card") == ["r4"]
    assert page.locator(".overview tbody tr:visible").count() == 1
    assert page.locator("#found").inner_text() == f"{len(visible(page))} / {len(every)}"
    page.click('.chip[data-group="kinds"][data-word="merged"]')
    assert visible(page, "#articles .card") == ["a4", "a5"], "two kinds: either"
    page.click('.chip[data-group="directions"][data-word="looser"]')
    assert visible(page, "#articles .card") == ["a5"] and visible(page, "#rules .card") == ["r2"], "two groups: both"
    page.click("#clear")
    assert visible(page) == every
    assert page.locator('.chip[aria-pressed="true"]').count() == 0 and page.locator("#clear").is_hidden()


def test_a_section_without_a_match_says_so(shown: Opener) -> None:
    page = shown(diffs.FULL)
    page.click('.chip[data-group="directions"][data-word="new"]')
    assert page.locator("#checks .filtered").is_visible() and page.locator("#rules .filtered").is_hidden()


def test_a_section_that_is_empty_anyway_speaks_of_no_filter(shown: Opener) -> None:
    page = shown(replace(diffs.FULL, impact=()))
    assert page.locator("#impact .empty:visible").all_inner_texts() == ["None of your cases comes out differently."]


@pytest.mark.parametrize(("words", "expected"), [
    ("sandbox platform", ["a9"]), ("SANDBOX", ["a9", "i2", "r6"]), ("ｓａｎｄｂｏｘ platform", ["a9"]), 
    ("1,000 yuan", ["a2"]),
    ("curfew_lifted", ["r0"]), ("no such words", []), ("price count", ["r5"]),
])
def test_search_finds_words_wherever_they_stand(shown: Opener, words: str, expected: list[str]) -> None:
    page = shown(diffs.FULL)
    page.keyboard.press("/")
    assert focused(page) == "search"
    page.keyboard.insert_text(words)
    settled(page)
    assert sorted(visible(page)) == expected
    page.keyboard.press("Escape")
    assert len(visible(page)) > 20 and page.input_value("#search") == ""


def test_search_marks_what_it_found(shown: Opener) -> None:
    page = shown(diffs.TEXT_ONLY, "zh")
    page.fill("#search", "监护人")
    settled(page)
    assert page.evaluate("[...CSS.highlights.get('found')].map(String)") == ["监护人"] * 4, "two in each column"
    page.fill("#search", "")
    settled(page)
    assert page.evaluate("CSS.highlights.size") == 0


def test_keys_step_through_the_changes(shown: Opener) -> None:
    page = shown(diffs.FULL)
    seen = []
    for _ in range(8):
        page.keyboard.press("j")
        seen.append(focused(page))
    assert seen == ["i0", "i1", "i2", "i3", "throughout", "outside", "a1", "a2"], "the unchanged article is no stop"
    top = page.evaluate("document.activeElement.getBoundingClientRect().top")
    assert page.locator(".bar").bounding_box()["height"] <= top < 300
    page.keyboard.press("k")
    assert focused(page) == "a1"
    page.keyboard.press("/")
    page.keyboard.press("j")
    assert focused(page) == "search" and page.input_value("#search") == "j", "in the field a key is a letter"


def test_keys_step_only_where_the_filters_lead(shown: Opener) -> None:
    page = shown(diffs.FULL)
    page.click('.chip[data-group="kinds"][data-word="merged"]')
    page.keyboard.press("j")
    first = focused(page)
    page.keyboard.press("j")
    assert [first, focused(page)] == ["a5", "r2"]


def test_a_long_text_is_stepped_through_to_where_it_says(shown: Opener) -> None:
    page = shown(diffs.large(120))
    for _ in range(30):
        page.keyboard.press("j")
    top = page.evaluate("document.activeElement.getBoundingClientRect().top")
    assert 0 < top < 300


def test_the_view_switches_between_two_columns_and_one(shown: Opener) -> None:
    page = shown(diffs.FULL)
    row = page.locator("#a2 .row", has_text="15 working days").first
    assert row.locator(".cell.old").is_visible()
    assert row.locator(".cell.new del").first.is_hidden()
    page.keyboard.press("t")
    assert row.locator(".cell.old").is_hidden()
    assert row.locator(".cell.new del").first.is_visible() and row.locator(".cell.new ins").first.is_visible()
    page.click("#view")
    assert row.locator(".cell.old").is_visible()


def test_a_narrow_window_starts_with_one_column(shown: Opener) -> None:
    page = shown(diffs.FULL, width=400)
    assert page.evaluate("document.documentElement.dataset.view") == "inline"
    assert page.evaluate("document.documentElement.scrollWidth") <= 400, "nothing makes the page scroll sideways"


def test_languages_switch(shown: Opener) -> None:
    page = shown(diffs.FULL, "en")
    page.keyboard.press("l")
    assert page.locator("#rules-title").inner_text() == "规则"
    assert page.evaluate("document.documentElement.lang") == "zh-Hans"
    page.click("#lang")
    assert page.locator("#rules-title").inner_text() == "Rules"


def test_help_opens_and_closes(shown: Opener) -> None:
    page = shown(diffs.FULL)
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#keys").is_hidden()


def test_a_link_into_what_is_hidden_or_folded_shows_it(shown: Opener) -> None:
    page = shown(diffs.FULL)
    page.click('.chip[data-group="kinds"][data-word="split"]')
    page.evaluate("location.hash = 'a0'")
    page.wait_for_function("document.activeElement.id === 'a0'")
    assert page.locator("#a0 .cell.new").last.is_visible(), "the folded text is open"
    assert page.locator("#a1").is_visible()


def test_it_opens_at_a_link(shown: Opener) -> None:
    page = shown(diffs.FULL, fragment="#r2")
    assert focused(page) == "r2"


def test_dark_follows_the_system_and_the_button(shown: Opener) -> None:
    light, dark = shown(diffs.FULL), shown(diffs.FULL, color_scheme="dark")
    assert paper(light) > 600 and paper(dark) < 150
    light.click("#theme")
    dark.click("#theme")
    assert paper(light) < 150 and paper(dark) > 600


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(shown: Opener, scheme: str) -> None:
    page = shown(diffs.FULL, color_scheme=scheme)
    page.click(".chip.merged")
    page.click("#clear")
    check_contrast(page)


def test_print_has_everything_open_and_no_controls(shown: Opener) -> None:
    page = shown(diffs.FULL)
    assert page.locator("#a0 .cell.new").last.is_hidden(), "folded on the screen"
    text = printed(page)
    for words in ("protect the lawful rights of citizens", "must service.exit", "possible", "Art. 21"):
        assert words in text
    assert "Show all" not in text and "Side by side" not in text
    page.emulate_media(media="print")
    assert page.locator(".bar").is_hidden()


def test_printing_leaves_the_screen_as_it_was(shown: Opener) -> None:
    page = shown(diffs.FULL)
    page.evaluate("document.querySelector('#a2 details').open = true")
    folded = "[...document.querySelectorAll('details')].filter(one => !one.open).length"
    before = page.evaluate(folded)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert before > 5 and page.evaluate(folded) == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(folded) == before


def test_without_javascript_everything_is_there(shown: Opener) -> None:
    page = shown(diffs.FULL, java_script_enabled=False)
    assert page.locator(".tools").is_hidden() and page.locator("#keys").is_hidden()
    assert page.locator("#a0 .cell.new").last.is_visible()
    assert page.locator("#r0 pre").first.is_visible() and page.locator("#r0 .matrix").is_visible()
    assert page.locator("#rules-title").inner_text() == "Rules"
