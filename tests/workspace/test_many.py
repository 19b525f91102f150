"""Many files, shared among processes: the same report, to the byte, as in one process; and Ctrl-C ends all of them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from policyengine.workspace import check as module
from policyengine.workspace.check import MANY
from tests.workspace.shop import Project, Ran, service

FILES = MANY + 21
ROOT = Path(__file__).parents[2]


@pytest.fixture
def many(shop: Project) -> Project:
    chance = random.Random(1)
    for number in range(FILES):
        facts = {"prices": chance.choice(["shown", "hidden", None]), "seats": chance.choice([0, 1, 2, 3, None]),
                 "lit": chance.choice([True, False, None])}
        text = service(f"s{number}", **facts)
        shop.write(f"many/{number % 7}/{number}.json", text)
    shop.write("many/two.yaml", f"{service('x', lit=False)}\n---\n{service('y', prices='hidden')}\n")
    return shop


def in_processes(project: Project, monkeypatch: pytest.MonkeyPatch, processes: int, *args: str,
                 stdin: bytes = b"") -> Ran:
    monkeypatch.setattr(os, "cpu_count", lambda: processes)
    return project.check(*args, stdin=stdin)


@pytest.mark.parametrize("args", [
    ("--format", "json"), ("--format", "json", "--all"), ("--format", "text"), ("--format", "sarif"),
    ("--format", "ndjson"),
    ("--format", "json", "--version", "draft", "--rule", "prices_shown"),
])
def test_several_processes_give_the_report_of_one(many: Project, monkeypatch: pytest.MonkeyPatch,
                                                  args: tuple[str, ...]) -> None:
    wanted = ("many", "--as-of", "2026-08-01", *args)
    one = in_processes(many, monkeypatch, 1, *wanted)
    assert one.exit_code == 1 and len(one.stdout) > 500
    for processes in (2, 5):
        several = in_processes(many, monkeypatch, processes, *wanted)
        assert (several.exit_code, several.stdout) == (one.exit_code, one.stdout)


def test_processes_are_used(many: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the test above compares a thing with itself."""
    shared = []
    real = module._shared
    monkeypatch.setattr(module, "_shared", lambda *args: shared.append(args[-1]) or real(*args))  # type: ignore[func-returns-value]
    in_processes(many, monkeypatch, 2, "many")
    in_processes(many, monkeypatch, 1, "many")
    assert shared == [2]


def test_the_errors_of_all_parts_are_told(many: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (3, FILES - 1):
        many.write(f"many/{number % 7}/{number}.json", '{"service": {"id": "a", "pricse": 1}}')
    told = {in_processes(many, monkeypatch, processes, "many").stderr for processes in (1, 2)}
    (said,) = told
    assert said.count("error[facts-unknown-key]") == 2 and said.endswith("nothing was judged\n")


def test_standard_input_beside_many_files(many: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was forked has no standard input to read."""
    ran = in_processes(many, monkeypatch, 2, "-", "many", "--stdin-filename", "q.json", "--format", "json",
                       stdin=service("q").encode())
    assert ran.json()["services"][0] == "q.json"
    assert len(ran.json()["services"]) == FILES + 3


@pytest.mark.skipif(sys.platform != "linux", reason="sees the processes in /proc")
def test_ctrl_c_ends_all_processes_quietly(many: Project, cache: Path) -> None:
    os.mkfifo(many.folder / "many" / "endless.yaml")  # a walk passes it by; named, it is read for ever
    code = ("import os; os.cpu_count = lambda: 3\n"
            "from policyengine.cli.main import main; raise SystemExit(main(['check', 'many', 'many/endless.yaml']))")
    process = subprocess.Popen([sys.executable, "-c", code], cwd=many.folder, start_new_session=True, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**os.environ, "GUIJU_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)})
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    children: list[str] = []
    deadline = time.monotonic() + 20
    while len(children) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
        children = workers.read_text().split()
    time.sleep(0.3)  # so that all of them are at work
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 130, stderr
    assert stdout == "" and "Traceback" not in stderr
    assert len(children) == 3 and not any(Path(f"/proc/{child}").exists() for child in children)
