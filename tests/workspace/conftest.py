"""A project in a folder of its own, in which `guiju` is run in this process with a bare environment."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from policyengine.cli.main import main
from tests.workspace.shop import SHOP, Project, Ran


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def guiju(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cache: Path) -> Callable[..., Ran]:
    def run(args: Iterable[str], folder: Path, *, stdin: bytes = b"",
            env: Mapping[str, str] = MappingProxyType({})) -> Ran:
        for key in list(os.environ):
            if key in ("NO_COLOR", "FORCE_COLOR", "LC_ALL") or key.startswith("GUIJU_"):
                monkeypatch.delenv(key)
        for key, value in {"GUIJU_CACHE_DIR": str(cache), "COLUMNS": "120", **env}.items():
            monkeypatch.setenv(key, value)
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        capsys.readouterr()
        code = main(list(args))
        told = capsys.readouterr()
        return Ran(code, told.out, told.err)
    return run


@pytest.fixture
def shop(tmp_path: Path, guiju: Callable[..., Ran]) -> Project:
    shutil.copytree(SHOP, tmp_path, dirs_exist_ok=True)
    (tmp_path / ".git").mkdir()  # the project ends here, wherever the temporary folder lies
    return Project(tmp_path, guiju)
