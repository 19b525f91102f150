"""Compare a text with a golden file; `pytest --update-golden` rewrites the file instead.

    check_golden(text, Path(__file__).parent / "expected.txt")
"""

from __future__ import annotations

import difflib
from pathlib import Path

update = False  # set by tests/conftest.py


def check_golden(text: str, file: Path) -> None:
    """Fail with a unified diff unless `file` holds `text`; a file that is not there fails too."""
    if update:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("utf-8"))
        return
    if not file.is_file():
        raise AssertionError(f"there is no golden file {file}; write it with --update-golden, and read it")
    expected = file.read_bytes().decode("utf-8")
    if text != expected:
        difference = "".join(difflib.unified_diff(
            expected.splitlines(keepends=True), text.splitlines(keepends=True), "expected", "found"))
        raise AssertionError(f"{file} differs (--update-golden rewrites it)\n{difference}")
