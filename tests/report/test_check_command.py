"""`guiju check` on the shipped regulation: exit codes, what stands on which stream, files, names of inputs."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from policyengine.cli import main
from tests.report.test_formats import SARIF, SCHEMA

ROOT = Path(__file__).resolve().parents[2]
LAW = ("--regulation", "cn/human-like-ai", "--version", "final", "--as-of", "2026-11-20")
SERVICE = """\
service:
  id: companion
  name: Companion
  offered_in: [CN]
  simulates_natural_person: true
  sustained_emotional_interaction: true
  disclosure:
    ai_notice: {notice}
"""
DELETION = '{"type":"deletion_requested","time":"2026-11-03T10:00:00+08:00","user":"u1","scope":"all"}\n'


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled once for all tests here."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def folder(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder a user stands in, with one service that breaks a rule and one that does not say."""
    for name in ("GUIJU_FORMAT", "GUIJU_LANG", "GUIJU_FAIL_ON", "LC_ALL", "GITHUB_ACTIONS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GUIJU_CACHE_DIR", str(cache))
    (tmp_path / "service.yaml").write_text(SERVICE.format(notice="settings_page"), encoding="utf-8")
    (tmp_path / "good.yaml").write_text(SERVICE.format(notice="persistent"), encoding="utf-8")
    (tmp_path / "silent.yaml").write_text(SERVICE[: SERVICE.index("  disclosure")], encoding="utf-8")
    (tmp_path / "trace.ndjson").write_text(DELETION, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(*args: str) -> int:
    return main.main(["check", *args])


@pytest.mark.parametrize(("args", "code"), [
    (("service.yaml", "--rule", "ai_notice"), 1),
    (("good.yaml", "--rule", "ai_notice"), 0),
    (("silent.yaml", "--rule", "ai_notice"), 1),  # what is unknown is not compliant
    (("silent.yaml", "--rule", "ai_notice", "--allow-undecided"), 0),
    (("service.yaml", "--rule", "ai_notice", "--allow-undecided"), 1),
    (("service.yaml", "--rule", "ai_notice", "--exit-zero"), 0),
    (("good.yaml", "--rule", "ai_notice", "service.yaml"), 1),
    # a rule of severity info
    (("good.yaml", "--rule", "filing_verified_every_year"), 0),
    (("good.yaml", "--rule", "filing_verified_every_year", "--fail-on", "info"), 1),
    # an open duty is no finding, a missed one is
    (("good.yaml", "--events", "trace.ndjson", "--rule", "delete_on_request"), 0),
    (("good.yaml", "--events", "trace.ndjson", "--rule", "delete_on_request", "--param",
      "deletion_deadline=2 working days"), 1),
])
def test_exit_codes(folder: Path, capsys: pytest.CaptureFixture[str], args: tuple[str, ...], code: int) -> None:
    assert check(*args, *LAW) == code, capsys.readouterr()


@pytest.mark.parametrize(("args", "told"), [
    (("nothing.yaml",), "error[missing-file]: `nothing.yaml` does not exist"),
    ((), "no service file was given"),
    (("*.toml",), "the pattern `*.toml` matches no file"),
    (("good.yaml", "--rule", "ai_notise"), "help: did you mean `ai_notice`?"),
    (("good.yaml", "--regulation", "cn/human-like"), "help: did you mean `cn/human-like-ai`?"),
    (("good.yaml", "--as-of", "yesterday"), "--as-of yesterday"),
    (("good.yaml", "--param", "promptly"), "`--param` takes NAME=VALUE, found `promptly`"),
    (("good.yaml", "--param", "prompt=5 minutes"), "no parameter `prompt`"),
    (("good.yaml", "--param", "child_age=12"), "is fixed by cn/human-like-ai"),
    (("good.yaml", "--version", "finall"), "did you mean `final`?"),
    (("good.yaml", "--max-findings", "0"), "0 is not in the range x>=1"),
    (("good.yaml", "--output", "sarfi=x"), "did you mean `sarif`?"),
    (("good.yaml", "--events", "gone.ndjson"), "gone.ndjson"),
])
@pytest.mark.parametrize("exit_zero", [(), ("--exit-zero",)])
def test_nothing_judged_is_2_and_prints_no_result(folder: Path, capsys: pytest.CaptureFixture[str],
                                                  args: tuple[str, ...], told: str, exit_zero: tuple[str, ...]) -> None:
    assert check(*args, *exit_zero) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert told in found.err
    assert found.err.endswith("nothing was judged\n")


def test_allow_empty_forgives_only_that_there_is_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("*.toml", "--allow-empty") == 0
    assert check("nothing.yaml", "--allow-empty") == 2


def test_text_goes_to_stdout_and_what_is_said_about_the_run_to_stderr(folder: Path,
                                                                      capsys: pytest.CaptureFixture[str]) -> None:
    check("service.yaml", "--rule", "ai_notice", *LAW)
    first = capsys.readouterr()
    assert first.out.startswith("cn/human-like-ai 2026-04-10-final (in force since 2026-07-15), as of the end of "
                                "2026-11-20\n")
    assert 'service.disclosure.ai_notice is "settings_page"; must be one of "persistent",\n' in first.out
    assert "1 rule: 1 violated. 1 service, 0 events." in first.out
    assert first.err.startswith("exit 1: 1 of 1 findings are at or above `error`; ")
    check("service.yaml", "--rule", "ai_notice", *LAW, "-q")
    assert capsys.readouterr() == (first.out, "")


def test_a_pending_duty_tells_its_due_time(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check("good.yaml", "--events", "trace.ndjson", "--rule", "delete_on_request", *LAW)
    found = capsys.readouterr().out
    assert "1 open; due by the end of 2026-11-24 for u1" in found
    assert "deletion_requested at 2026-11-03 10:00:00 +08:00, trace.ndjson row 1" in found
    assert "deletion_deadline = 15 working days" in found


def test_json_and_files_in_one_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = check("service.yaml", "--events", "trace.ndjson", *LAW, "--format", "json", "--all",
                 "--output", "sarif=out.sarif", "--output", "text=out.txt", "--output", "junit=out.xml")
    data = json.loads(capsys.readouterr().out)
    assert code == 1
    assert [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(data)] == []
    log = json.loads((folder / "out.sarif").read_text(encoding="utf-8"))
    assert [error.message for error in jsonschema.Draft202012Validator(SARIF).iter_errors(log)] == []
    assert log["runs"][0]["tool"]["driver"]["rules"][0]["helpUri"].startswith("https://www.cac.gov.cn/")
    assert "\x1b" not in (folder / "out.txt").read_text(encoding="utf-8")
    assert (folder / "out.xml").read_text(encoding="utf-8").startswith("<?xml")
    assert data["summary"]["results_listed"] == len(data["results"]) > 0
    assert {one["verdict"] for one in data["results"]} >= {"violated", "undecided", "pending"}


def test_a_second_run_says_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for _ in range(2):
        check("service.yaml", "good.yaml", "--events", "trace.ndjson", "--rule", "ai_notice", *LAW, "--format", "json")
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


def test_auto_is_github_in_github_actions(folder: Path, capsys: pytest.CaptureFixture[str],
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    check("service.yaml", "--rule", "ai_notice", "--format", "auto", *LAW)
    assert capsys.readouterr().out.startswith("cn/human-like-ai ")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    check("service.yaml", "--rule", "ai_notice", "--format", "auto", *LAW)
    assert capsys.readouterr().out.startswith("::error file=service.yaml,line=8,col=16,title=ai_notice violated::")


@pytest.mark.parametrize("named", ["absolute", "project"])
def test_inputs_are_named_as_from_here(folder: Path, capsys: pytest.CaptureFixture[str], named: str) -> None:
    if named == "project":
        (folder / "guiju.toml").write_text('services = ["service.yaml"]\n', encoding="utf-8")
    arguments = () if named == "project" else (str(folder / "service.yaml"),)
    check(*arguments, "--rule", "ai_notice", "--format", "json", *LAW)
    data = json.loads(capsys.readouterr().out)
    assert data["services"] == ["service.yaml"]
    assert data["results"][0]["place"] == {"file": "service.yaml", "line": 8, "column": 16, "row": None}
    assert str(folder) not in json.dumps(data)


def test_a_service_from_stdin_has_the_name_given(folder: Path, capsys: pytest.CaptureFixture[str],
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.TextIOWrapper(io.BytesIO(SERVICE.format(notice="settings_page").encode()))
    monkeypatch.setattr(sys, "stdin", text)
    assert check("-", "--stdin-filename", "piped.yaml", "--rule", "ai_notice", "--format", "concise", *LAW) == 1
    assert capsys.readouterr().out.startswith("piped.yaml:8:16: error[ai_notice] Art. 18(1) violated: ")


def test_labels_in_chinese(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUIJU_LANG", "zh")
    check("service.yaml", "--rule", "ai_notice", *LAW)
    found = capsys.readouterr().out
    for part in ("人工智能拟人化互动服务管理暂行办法", "自 2026-07-15 起施行", "违反", "第18条第1款",
                 "截至 2026-11-20 日终", "1 条规则：1 违反。"):
        assert part in found


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_warm_run_imports_nothing_heavy_and_no_other_format(folder: Path, format: str) -> None:
    run = "import sys; from policyengine.cli.main import main; main(sys.argv[1:]); " \
          "print(*sys.modules, file=open('modules', 'w'))"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", run, "check", "service.yaml", *LAW, "--format", format], check=True,
                       capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    loaded = set((folder / "modules").read_text(encoding="utf-8").split())
    assert not loaded & {"lark", "jsonschema", "markdown_it", "xml.etree", "policyengine.analysis.compile",
                         "policyengine.trace.files.read"}
    formats = {name for name in loaded if name.startswith("policyengine.report.to_")}
    assert formats == {f"policyengine.report.to_{format}"}


def test_a_draft_can_be_tried(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check("service.yaml", "--rule", "ai_notice", "--version", "draft", "--regulation", "cn/human-like-ai")
    assert "2025-12-27-draft (a draft, never in force)" in capsys.readouterr().out


def test_a_page_is_written_whole_and_starts_in_the_language_asked_for(
        folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("service.yaml", "--rule", "ai_notice", "--output", "html=report.html", "--lang", "zh", *LAW) == 1
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.startswith('<!doctype html>\n<html lang="zh-Hans" data-lang="zh">') and page.endswith("</html>\n")
    assert "settings_page" in page and "第18条第1款" in page and str(folder) not in page
    capsys.readouterr()
    assert check("service.yaml", "--rule", "ai_notice", "--format", "html", "--lang", "zh", *LAW) == 1
    assert capsys.readouterr().out == page


def test_a_page_has_room_for_what_a_report_says_of_itself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check("good.yaml", "--events", "trace.ndjson", "--rule", "support_in_extreme_emotion", "--format", "html", *LAW)
    out, errors = capsys.readouterr()
    assert '<ul class="notes"><li class="say">' in out and "saw no trigger" in out
    assert "note: " not in errors
