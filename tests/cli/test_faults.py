"""What happens around a command: a full disk behind its output, and being told to end more than once."""

from __future__ import annotations

import array
import fcntl
import resource
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.cli.test_monitor import environment, start, trace_of, until
from tests.workspace.conftest import cache, guiju, shop  # noqa: F401  (fixtures)
from tests.workspace.shop import Project

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="needs the device /dev/full")
@pytest.mark.parametrize("args", [("check", "services/good.yaml"), ("check", "services/good.yaml", "--format", "json"),
                                  ("rules", "xx/shop"), ("--version",)])
def test_an_output_that_takes_no_more(shop: Project, args: tuple[str, ...]) -> None:  # noqa: F811
    with FULL.open("wb") as full:
        ran = subprocess.run([sys.executable, "-m", "policyengine", *args], cwd=shop.folder, stdout=full, text=True,
                             stderr=subprocess.PIPE, env=environment(shop), timeout=60, check=False)
    assert ran.returncode == 2 and ran.stderr.startswith(
        "error[cannot-write]: cannot write the output: no space left on device\n"), ran.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_takes_a_part(shop: Project, unbuffered: str) -> None:  # noqa: F811
    """Half a report is none."""
    shop.trace(*trace_of(100))
    args = [sys.executable, "-m", "policyengine", "check", shop.good, "--events", shop.events_file, "--format", "json"]
    env = {**environment(shop), "PYTHONUNBUFFERED": unbuffered, "PYTHONDONTWRITEBYTECODE": "1"}
    whole = subprocess.run(args, cwd=shop.folder, env=env, capture_output=True, timeout=60, check=False).stdout
    room = len(whole) // 2

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    with (shop.folder / "report.json").open("wb") as file:
        ran = subprocess.run(args, cwd=shop.folder, stdout=file, stderr=subprocess.PIPE, env=env, timeout=60, text=True,
                             check=False, preexec_fn=limit)
    assert room > 20_000 and (shop.folder / "report.json").stat().st_size == room
    assert (ran.returncode, ran.stderr) == (
        2, "error[cannot-write]: cannot write the output: file too large\n\nnothing was judged\n")


def test_a_signal_takes_nothing_from_a_reader_that_waits(shop: Project) -> None:  # noqa: F811
    """A write that it ends half-way goes on, also without a buffer: a state says that all of it was written."""
    shop.trace(*trace_of(300))
    whole = shop.run(["monitor", shop.good, "--events", shop.events_file, "--all"], shop.folder).stdout
    process = blocked(shop, PYTHONUNBUFFERED="1")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    first, _ = process.communicate(timeout=20)
    assert process.returncode == 143 and first
    again = shop.run(["monitor", shop.good, "--events", shop.events_file, "--all", "--state", "monitor.state"],
                     shop.folder)
    assert first.decode() + again.stdout == whole


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_a_monitor_at_once(shop: Project, number: int, code: int) -> None:  # noqa: F811
    """One that waits for somebody to read its verdicts; what it kept is whole."""
    shop.trace(*trace_of(300))
    process = blocked(shop)
    process.send_signal(number)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(number)
    _, told = process.communicate(timeout=20)
    assert process.returncode == code, told
    again = shop.run(["monitor", shop.good, "--events", shop.events_file, "--state", "monitor.state"], shop.folder)
    assert again.exit_code == 1 and "going on from" in again.stderr, again.stderr


def blocked(project: Project, **env: str) -> subprocess.Popen[bytes]:
    """A monitor in the middle of a write that nobody reads."""
    process = start(project, project.good, "--events", project.events_file, "--all", "--state", "monitor.state", **env)
    held = array.array("i", [0])

    def full() -> bool:
        assert process.stdout is not None
        fcntl.ioctl(process.stdout, termios.FIONREAD, held)
        return held[0] == 65_536

    until(process, full)
    time.sleep(0.2)
    return process
