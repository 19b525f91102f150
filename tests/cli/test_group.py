"""What every command shares: exit codes, messages, colour, output files."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from policyengine.base.diagnostic import error
from policyengine.base.resources import cache_folder, shipped
from policyengine.cli import common, main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Makes `guiju planted` run a function."""
    def plant(function: Callable[[], object]) -> None:
        monkeypatch.setitem(main.COMMANDS, "planted", ("planted:command", "A test's."))
        monkeypatch.setattr(main, "import_module", lambda _: type("module", (), {
            "command": click.command("planted")(function)}))
    return plant


def guiju(*args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    return subprocess.run([sys.executable, "-m", "policyengine", *args], cwd=ROOT, text=True, encoding="utf-8",
                          capture_output=True, env={**environ, **(env or {})}, check=False, timeout=60)


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1), (2, 2)])
def test_a_command_returns_its_exit_code(planted, returned, code) -> None:
    planted(lambda: returned)
    assert main.main(["planted"]) == code


def test_a_user_mistake_is_shown_and_is_no_verdict(planted, capsys) -> None:
    planted(lambda: common.fail((error("bad-thing", "a thing is bad", help="mend it"),)))
    assert main.main(["planted"]) == 2
    assert capsys.readouterr() == ("", "error[bad-thing]: a thing is bad\nhelp: mend it\n\nnothing was judged\n")


def test_our_own_fault_says_so_with_what_was_processed(planted, capsys, monkeypatch) -> None:
    def broken() -> None:
        fault = KeyError("x")
        fault.add_note("while judging rule `ai_notice`")
        raise fault
    monkeypatch.delenv("GUIJU_DEBUG", raising=False)
    planted(broken)
    assert main.main(["-q", "planted"]) == 2
    told = capsys.readouterr().err
    for part in ("internal error: KeyError: 'x' at policyengine", "while judging rule `ai_notice`",
                 "command: guiju -q planted", "please report it", "nothing was judged"):
        assert part in told
    assert "Traceback" not in told
    monkeypatch.setenv("GUIJU_DEBUG", "1")
    assert main.main(["planted"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_no_fault_of_ours(planted, capsys) -> None:
    planted(lambda: Path("/no/such/file").read_text())
    assert main.main(["planted"]) == 2
    assert capsys.readouterr().err == "error[input-output]: `/no/such/file`: no such file or directory\n\n" \
                                      "nothing was judged\n"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, click.Abort])
def test_ctrl_c_is_130(planted, capsys, interruption) -> None:
    def stopped() -> None:
        raise interruption
    planted(stopped)
    assert main.main(["planted"]) == 130
    assert capsys.readouterr().err == "\ninterrupted; nothing was judged\n"


def test_a_signal_in_a_process_is_130(tmp_path: Path) -> None:
    code = "import sys, time; sys.argv = ['guiju', 'doctor']\n" \
           "from policyengine.cli import main\n" \
           "main.import_module = lambda _: (print('ready', flush=True), time.sleep(30))\n" \
           "sys.exit(main.main())"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130


def test_a_reader_that_leaves_makes_no_noise() -> None:
    process = subprocess.Popen([sys.executable, "-m", "policyengine", "completion", "bash"], cwd=ROOT,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=30), told) == (2, b"")


@pytest.mark.parametrize(("args", "told"), [
    (["chekc"], "error[unknown-command]: no command `chekc`\nhelp: did you mean `check`?"),
    (["zzz"], "error[unknown-command]: no command `zzz`\nhelp: `guiju --help` lists the commands"),
    (["--colr"], "error[usage]: no such option"),
    (["config", "--format", "xml"], "error[usage]: invalid value for '--format'"),
    (["completion"], "help: `guiju completion --help` lists what it takes"),
])
def test_wrong_usage_is_2_and_names_what_is_near(args: list[str], told: str, capsys) -> None:
    assert main.main(args) == 2
    found = capsys.readouterr()
    assert told in found.err
    assert found.err.endswith("nothing was judged\n")
    assert found.out == ""


def test_nothing_asked_is_the_help_and_2(capsys) -> None:
    assert main.main([]) == 2
    assert "Commands:" in capsys.readouterr().err


def test_every_command_listed_has_a_summary_that_is_its_own() -> None:
    shared = {"__init__", "main", "common", "books", "diagnostics", "progress", "explain_words"}
    here = {file.stem for file in (ROOT / "policyengine" / "cli").glob("*.py")} - shared
    assert here <= set(main.COMMANDS)
    for name, (place, summary) in main.COMMANDS.items():
        assert place == f"policyengine.cli.{name}:command"
        assert summary[0].isupper() and summary.endswith(".") and len(summary) <= 72


# Colour

@pytest.mark.parametrize(("choice", "environ", "wanted"), [
    ("never", {"FORCE_COLOR": "1"}, False),
    ("always", {"NO_COLOR": "1"}, True),
    ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ("auto", {"NO_COLOR": "", "FORCE_COLOR": "1", "TERM": "dumb"}, True),
    ("auto", {"TERM": "dumb"}, False),
    ("auto", {"NO_COLOR": "", "FORCE_COLOR": "", "TERM": "xterm"}, None),
])
def test_the_order_of_what_decides_on_colour(choice: str, environ: dict[str, str], wanted: bool | None) -> None:
    assert common.colour_wanted(choice, environ) is wanted


@pytest.mark.parametrize(("args", "env", "coloured"), [
    (["config"], {}, False),
    (["config"], {"FORCE_COLOR": "1"}, True),
    (["config", "--color", "never"], {"FORCE_COLOR": "1"}, False),
    (["config", "--color", "always"], {"NO_COLOR": "1"}, True),
    (["--color", "always", "config"], {"NO_COLOR": "1"}, True),
    (["--color", "always", "config", "--color", "never"], {}, False),
])
def test_the_flag_stands_before_or_after_the_command(args: list[str], env: dict[str, str], coloured: bool) -> None:
    done = guiju(*args, env=env)
    assert ("\x1b[" in done.stdout) is coloured


@pytest.mark.parametrize("args", [["--color", "always", "config", "--format", "x"],
                                  ["config", "--color", "always", "--format", "x"]])
def test_errors_are_coloured_as_the_flag_says(args: list[str]) -> None:
    assert "\x1b[31;1merror[usage]\x1b[0m: " in guiju(*args).stderr


# Output files

def outputs_of(*args: str) -> tuple[int, list[common.Output]]:
    found: list[common.Output] = []
    command = click.command("planted")(common.output_option(lambda outputs: found.extend(outputs)))
    try:
        with command.make_context("planted", list(args)) as ctx:
            command.invoke(ctx)
    except common.Stop:
        return 2, found
    return 0, found


def test_outputs_are_read() -> None:
    assert outputs_of("--output", "json=a.json", "--output", "text=b=c.txt") == (
        0, [common.Output("json", "a.json"), common.Output("text", "b=c.txt")])


@pytest.mark.parametrize("texts", [["json"], ["json="], ["=x"], ["jsn=x"], ["json=x", "text=x"]])
def test_wrong_outputs_are_refused(texts: list[str]) -> None:
    assert outputs_of(*(part for text in texts for part in ("--output", text)))[0] == 2


def test_files_are_written_whole(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text("old")
    old.chmod(0o600)
    common.write_files([(str(old), "新\n"), (str(tmp_path / "new.txt"), "b")])
    assert (old.read_bytes(), stat.S_IMODE(old.stat().st_mode)) == ("新\n".encode(), 0o600)
    assert (tmp_path / "new.txt").read_text() == "b"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["new.txt", "old.json"]


@pytest.mark.parametrize("bad", ["missing/x.json", "folder"])
def test_when_one_cannot_be_written_none_is(tmp_path: Path, bad: str) -> None:
    (tmp_path / "folder").mkdir()
    kept = tmp_path / "kept.json"
    kept.write_text("before")
    with pytest.raises(common.Stop, match=r"cannot write `.*`: (no such file|is a folder)"):
        common.write_files([(str(kept), "after"), (str(tmp_path / bad), "x")])
    assert kept.read_text() == "before"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder", "kept.json"]


@pytest.mark.parametrize(("severities", "fail_on", "code"), [
    ([], "info", 0), (["info"], "warning", 0), (["warning"], "warning", 1), (["error"], "info", 1),
    (["info"], "info", 1),
])
def test_the_exit_code_of_findings(severities, fail_on, code) -> None:
    assert common.exit_code(severities, fail_on) == code
    assert common.exit_code(severities, fail_on, exit_zero=True) == 0


# The small commands

def test_version_is_quick() -> None:
    started = time.perf_counter()
    done = guiju("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "guiju")
    assert time.perf_counter() - started < 5  # it takes 0.1 s; this only catches an import of everything


def test_a_completing_shell_gets_commands_without_importing_them() -> None:
    done = guiju(env={"_GUIJU_COMPLETE": "bash_complete", "COMP_WORDS": "guiju co", "COMP_CWORD": "1"})
    assert done.stdout.split() == ["plain,coverage", "plain,config", "plain,completion"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    done = guiju("completion", shell)
    assert done.returncode == 0
    assert f"_GUIJU_COMPLETE={shell}_complete" in done.stdout


def test_doctor_sees_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = guiju("doctor", env={"GUIJU_CACHE_DIR": str(tmp_path / "file" / "cache")})
    assert done.returncode == 1
    assert "wrong  cache" in done.stdout


# Where things are

@pytest.mark.parametrize(("environ", "platform", "expected"), [
    ({"GUIJU_CACHE_DIR": "here", "HOME": "/h"}, "linux", "here"),
    ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "linux", "/x/guiju"),
    ({"XDG_CACHE_HOME": "x", "HOME": "/h"}, "linux", "/h/.cache/guiju"),
    ({"HOME": "/h"}, "darwin", "/h/Library/Caches/guiju"),
    ({"LOCALAPPDATA": "/l"}, "win32", "/l/guiju/cache"),
    ({}, "linux", None),
])
def test_the_cache_folder(environ: dict[str, str], platform: str, expected: str | None) -> None:
    assert cache_folder(environ, platform) == (Path(expected) if expected else None)


def test_shipped_folders_are_in_the_package_or_beside_it(tmp_path: Path) -> None:
    package = tmp_path / "policyengine"
    package.mkdir()
    with pytest.raises(FileNotFoundError, match="not wholly installed"):
        shipped("grammar", package)
    (tmp_path / "grammar").mkdir()
    assert shipped("grammar", package) == tmp_path / "grammar"
    (package / "grammar").mkdir()
    assert shipped("grammar", package) == package / "grammar"
