"""The helper behind golden files: it must be able to fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import golden


def test_the_same_text_passes_and_another_fails_with_the_difference(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(golden, "update", False)
    file = tmp_path / "expected.txt"
    file.write_bytes("规矩\nb\r\n".encode())
    golden.check_golden("规矩\nb\r\n", file)
    with pytest.raises(AssertionError, match=r"(?s)--update-golden.*-规矩\n\+规则\n"):
        golden.check_golden("规则\nb\r\n", file)
    with pytest.raises(AssertionError, match="there is no golden file"):
        golden.check_golden("", tmp_path / "missing.txt")


def test_update_writes_the_file(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(golden, "update", True)
    golden.check_golden("a\r\n", tmp_path / "new" / "expected.txt")
    assert (tmp_path / "new" / "expected.txt").read_bytes() == b"a\r\n"
