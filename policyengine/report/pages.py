"""What every page for a browser has: no network, a strict content policy, both languages inside, whole without script.

In come the folder of a page's templates and its own words; out comes a Jinja environment, and from a template the
whole page. The folder `page_common` holds the frame, the style and the script of all pages. Whatever an author or a
user wrote becomes text: a template escapes every value, and a symbol stands for each character that could steer a
display.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from policyengine.core.verdict import VERDICTS
from policyengine.report import diff_words as words
from policyengine.report.diff_words import SIGNS
from policyengine.report.words import Lang

COMMON = Path(__file__).resolve().parent / "page_common"
KEYS = ("j", "k", "/", "l", "esc", "?")

# The words of the frame, English and Chinese.
PAGE: dict[str, tuple[str, str]] = {
    "sections": ("Sections", "章节"), "search": ("Search", "搜索"), "clear": ("Show all", "显示全部"),
    "theme": ("Light or dark", "明暗"), "help": ("Keys", "快捷键"), "close": ("Close", "关闭"),
    "shown": ("shown", "项显示"), "nothing": ("Nothing here matches the filters.", "没有符合筛选条件的内容。"),
    "key /": ("search", "搜索"), "key l": ("English or Chinese", "切换中英文"),
    "key esc": ("clear search and filters", "清除搜索与筛选"), "key ?": ("this list", "本列表"),
    "footer": ("Made by guiju. This file needs no network and sends nothing.",
               "由 guiju 生成；本文件无需联网，不发送任何数据。"),
}


def write_page(environment: Environment, own_style: str, lang: Lang, **values: object) -> str:
    """The template `page.html` with its values, UTF-8 text without lone surrogates. `own_style` stands after the style
    of all pages; `lang` is where the interface starts, the page switches."""
    style, script = asset(COMMON / "page.css") + own_style, asset(COMMON / "page.js")
    return environment.get_template("page.html").render(
        lang=lang, style=Markup(style), script=Markup(script), policy=content_policy(style, script), **values) + "\n"


def asset(file: Path) -> str:
    """A style or a script."""
    return file.read_text(encoding="utf-8")


def content_policy(style: str, script: str) -> str:
    """What the page may do: run this style and this script, nothing else; no request, no form, no HTML from text."""
    return (f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; "
            "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


# Controls but tab and line feed, marks of direction, invisible spaces and tags, surrogates, what is no character.
_STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
                     "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e007f"
                     + "".join(chr(plane << 16 | last) for plane in range(1, 17) for last in (0xfffe, 0xffff)) + "]")


def shown(text: str) -> str:
    """The text with a symbol for each character that would be invisible or steer the display: `‹U+202E›`."""
    return _STEERS.sub(lambda found: f"‹U+{ord(found[0]):04X}›", text)


def both(english: str, chinese: str) -> Markup:
    """Text in both languages, of which the page shows one; said once where they are the same."""
    en, zh = escape(shown(english)), escape(shown(chinese))
    if en == zh:
        return en
    return Markup(f'<span class="en" lang="en">{en}</span><span class="zh" lang="zh-Hans">{zh}</span>')


def label(group: str, word: str) -> Markup:
    """A word of a model by its label."""
    return both(words.label(group, word, "en"), words.label(group, word, "zh"))


def _finalize(value: object) -> object:
    """Every value that a template writes passes here; what is already markup was made by a template."""
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def environment(folder: Path, own: Mapping[str, tuple[str, str]], **more: object) -> Environment:
    """The templates of a folder and those of all pages, with the page's own words and what else its templates ask."""
    page = {**PAGE, **own}

    def say(key: str, *values: object) -> Markup:
        """The page's own words."""
        english, chinese = page[key]
        return both(english.format(*values), chinese.format(*values)) if values else both(english, chinese)

    made = Environment(loader=FileSystemLoader((folder, COMMON)), autoescape=True, undefined=StrictUndefined,
                       finalize=_finalize, trim_blocks=True, lstrip_blocks=True)
    made.globals.update(say=say, label=label, both=both, SIGNS=SIGNS, PAGE=page, VERDICTS=VERDICTS, keys=KEYS)
    made.globals.update(more)
    return made
