"""A page for a browser as text and as it is open: its elements, its policy, its words, what a reader can see."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from policyengine.report.pages import COMMON, PAGE

Opener = Callable[..., Any]

VOID = frozenset({"meta", "input", "br", "link", "img"})

class Page(HTMLParser):
    """Tags with their attributes in order, the text, and what is wrong with how elements stand in each other."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.skeleton: list[tuple[str, tuple[tuple[str, str], ...]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kept = tuple((key, re.sub(r" h\d\b", "", value or "")) for key, value in attrs)  # h1: how long the text is
        self.skeleton.append((tag, kept))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.skeleton.append(("/" + tag, ()))
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"a comment: {data[:40]}")

    def values(self, name: str) -> list[str]:
        return [value for _, attributes in self.skeleton for key, value in attributes if key == name]


def markup(html: str) -> str:
    """A page without its style and script, and their hashes."""
    return re.sub(r"(<style>|<script>|sha256-)(?s:.*?)(?=</style>|</script>|&#39;)", r"\1", html)


def check_elements(html: str) -> Page:
    """Elements stand in each other, names are unique, links lead somewhere, and nothing is loaded or run."""
    page = Page(html)
    assert html.startswith("<!doctype html>\n<html lang=")
    assert page.wrong == [] and page.open == []
    ids = page.values("id")
    assert len(ids) == len(set(ids)), [one for one in ids if ids.count(one) > 1]
    assert [link for link in page.values("href") if link.startswith("#") and link[1:] not in ids] == []
    assert set(page.values("aria-labelledby")) | set(page.values("data-for")) <= set(ids)
    assert not {"src", "style", "action", "srcset"} & {key for _, attrs in page.skeleton for key, _ in attrs}
    assert not any(key.startswith("on") for _, attrs in page.skeleton for key, _ in attrs)
    return page


def check_policy(html: str) -> None:
    """The policy allows the one style and the one script."""
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    style, script = re.search(r"<style>(.*?)</style>", html, re.S), re.search(r"<script>(.*?)</script>", html, re.S)
    assert policy and style and script
    rules = policy[1].replace("&#39;", "'")
    assert rules.startswith("default-src 'none'; ") and "unsafe" not in rules
    for name, body in (("style-src", style[1]), ("script-src", script[1])):
        assert f"{name} 'sha256-{b64encode(sha256(body.encode()).digest()).decode()}'" in rules
    assert html.count("<script") == html.count("<style") == 1


def check_words(folder: Path, own: Mapping[str, tuple[str, str]]) -> None:
    """No word of a page, or of the frame of all pages, is missing in a language or said nowhere."""
    assert all(english and chinese for english, chinese in (*PAGE.values(), *own.values()))
    used, frame = ("".join(file.read_text(encoding="utf-8") for file in sorted(one.glob("*.html")))
                   for one in (folder, COMMON))
    assert set(re.findall(r'say\("([^"]+)"', used + frame)) <= {*PAGE, *own, "key "}
    assert {key for key in (*PAGE, *own) if f'"{key}"' not in used + frame and not key.startswith("key ")} == set()


# What in an open page has less than 4.5 to 1 between a text and what is behind it.
CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgb = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const weak = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || !element.checkVisibility() || element.closest("script, dialog, .quiet, .skip")) continue;
    let behind = element;
    while (behind && rgb(getComputedStyle(behind).backgroundColor)[3] < 255) behind = behind.parentElement;
    const colours = [getComputedStyle(element).color, getComputedStyle(behind || document.body).backgroundColor];
    const [a, b] = colours.map(rgb).map(light).sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) weak.push(`${element.outerHTML.slice(0, 80)} ${ratio.toFixed(2)}`);
  }
  return weak;
}"""


def focused(page: Any) -> str:
    """The id of what has the focus."""
    return str(page.evaluate("document.activeElement.id"))


def settled(page: Any) -> None:
    """The search waits a moment for the next letter."""
    page.wait_for_timeout(200)


def check_contrast(page: Any) -> None:
    """Text stands out from what is behind it, also where it was folded."""
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate(CONTRAST) == []


def paper(page: Any) -> int:
    """How light the page is, up to 765."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(",")))


def printed(page: Any) -> str:
    """The text of the page on paper."""
    pypdf = pytest.importorskip("pypdf", reason="pip install pypdf")
    pages = pypdf.PdfReader(BytesIO(page.pdf(format="A4"))).pages
    return " ".join(" ".join(one.extract_text() for one in pages).split())
