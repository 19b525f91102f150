"""Pages in a real browser: opened so that an error, a breach of the policy or a request is seen."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.pages import Opener

INSTALL = "apt-get install chromium, and pip install playwright"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason=INSTALL)
    if not CHROMIUM:
        pytest.skip(f"no Chromium: {INSTALL}")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield running
        running.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Opener]:
    """Opens a page; afterwards there must have been no error, no violation of the policy and no request."""
    complaints: list[str] = []
    requests: list[str] = []
    contexts: list[Any] = []

    def show(html: str, *, width: int = 1280, fragment: str = "", **context: Any) -> Any:
        file = tmp_path / f"{len(contexts)}.html"
        file.write_text(html, encoding="utf-8")
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **context))
        contexts[-1].set_default_timeout(60_000)  # of a machine that has much else to do
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"{file.as_uri()}{fragment}")
        return page

    yield show
    for context in contexts:
        context.close()
    assert complaints == []
    assert len(requests) == len(contexts) and all(url.startswith("file:") for url in requests)
