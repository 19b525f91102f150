"""The page of a diff with 500 and 2,000 articles: how long it takes to write, to open in Chromium, to filter.

The data is `tests.support.diffs.large`; times inside the page are the browser's own (`performance.now`). Needs Chromium
and `pip install playwright`; without them it says so and measures nothing.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from policyengine.report.diff_to_html import to_html
from tests.support import diffs

ROUNDS = 5

# Each thing a reader does, and the time until its script is done and until the next frame is painted.
ACTS = """async () => {
  const search = document.querySelector("#search");
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const acts = {
    "filter": () => document.querySelector('.chip[data-word="modified"]').click(),
    "show all": () => document.querySelector("#clear").click(),
    "search": () => { search.value = "class 42"; document.querySelector('.chip[data-word="modified"]').click(); },
    "view": () => dispatchEvent(new KeyboardEvent("keydown", { key: "t" })),
    "next": () => dispatchEvent(new KeyboardEvent("keydown", { key: "j" })),
  };
  const times = {};
  for (const [name, act] of Object.entries(acts)) {
    await frame();
    const start = performance.now();
    act();
    const script = performance.now() - start;
    await frame();
    times[name] = [script, performance.now() - start];
  }
  return times;
}"""
INTERACTIVE = "performance.getEntriesByType('navigation')[0].domInteractive"


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        print("playwright is missing: pip install playwright")
        return 0
    if chromium is None:
        print("Chromium is missing: apt-get install chromium")
        return 0
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        for articles, rules in ((500, 0), (500, 100), (2000, 0)):
            measure(browser, Path(folder), articles, rules)
        browser.close()
    return 0


def measure(browser: Any, folder: Path, articles: int, rules: int) -> None:
    diff = diffs.large(articles, rules)
    file = folder / "page.html"
    written, interactive = [], []
    acts: dict[str, list[tuple[float, float]]] = {}
    for _ in range(ROUNDS):
        start = time.perf_counter()
        html = to_html(diff)
        written.append((time.perf_counter() - start) * 1000)
        file.write_text(html, encoding="utf-8")
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(file.as_uri())
        interactive.append(page.evaluate(INTERACTIVE))
        for name, (script, painted) in page.evaluate(ACTS).items():
            acts.setdefault(name, []).append((script, painted))
        page.close()
    print(f"\n{articles:,} articles, {rules} rules: {file.stat().st_size / 1e6:.1f} MB, "
          f"written in {statistics.median(written):,.0f} ms, interactive after "
          f"{statistics.median(interactive):,.0f} ms")
    for name, times in acts.items():
        script, painted = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"  {name:<10} {script:6.1f} ms of script, {painted:6.1f} ms to the next frame")


if __name__ == "__main__":
    sys.exit(main())
