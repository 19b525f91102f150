"""The title of a rule in the reader's language, in each format of a diff."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import pytest

from policyengine.diff.model import Diff
from policyengine.report.diff_to_docx import to_docx
from policyengine.report.diff_to_html import to_html
from policyengine.report.diff_to_json import to_json
from policyengine.report.diff_to_markdown import to_markdown
from policyengine.report.diff_to_text import to_text
from tests.support import diffs

ENGLISH, CHINESE = "Minors get no virtual intimacy", "不向未成年人提供虚拟亲密关系"
ALONE = "Answer in time"  # the title of a rule that has no other
UNCHANGED = replace(diffs.FULL, rules=tuple(replace(rule, edits=()) for rule in diffs.RULES))


def docx(diff: Diff, lang: str) -> str:
    with zipfile.ZipFile(BytesIO(to_docx(diff, "zh" if lang == "zh" else "en"))) as file:
        return file.read("word/comments.xml").decode()


@pytest.mark.parametrize("write", [
    lambda diff, lang: to_text(diff, lang=lang), lambda diff, lang: to_markdown(diff, lang=lang), docx],
    ids=["text", "markdown", "docx"])
def test_a_rule_bears_its_title_in_the_language_of_the_page(write: Callable[[Diff, str], str]) -> None:
    english, chinese = write(UNCHANGED, "en"), write(UNCHANGED, "zh")
    assert ENGLISH in english and CHINESE not in english
    assert CHINESE in chinese and ENGLISH not in chinese
    assert ALONE in english and ALONE in chinese


def test_the_page_has_both_and_shows_one() -> None:
    headings = re.findall(r'<h3 id="r\d+t" data-find>(.*?)</h3>', to_html(diffs.FULL))
    assert f'<span class="en" lang="en">{ENGLISH}</span><span class="zh" lang="zh-Hans">{CHINESE}</span>' in headings
    assert ALONE in headings


def test_json_has_both() -> None:
    sides = [rule["new"] for rule in json.loads(to_json(diffs.FULL))["rules"] if rule["new"]]
    assert {one["title"]: one["title_zh"] for one in sides}.items() >= {ENGLISH: CHINESE, ALONE: ""}.items()


def test_a_changed_title_in_chinese_is_a_change_of_words() -> None:
    text = to_text(diffs.FULL, lang="zh", everything=True)
    assert f"中文标题 未成年人须经监护人同意 -> {CHINESE}" in re.sub(r"\s+", " ", text)
    assert "中文标题" not in to_text(diffs.FULL, lang="zh")
    assert "Chinese title" in to_html(diffs.FULL) and "中文标题" in to_html(diffs.FULL)
