"""The project file, the environment and the flags: what they say, which wins, and what is said of mistakes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from policyengine.base.diagnostic import concise, render
from policyengine.base.source import Source
from policyengine.workspace.config import (
    Config,
    EventSource,
    Param,
    SeverityOverride,
)
from policyengine.workspace.project import find_config, load_config, with_flags
from policyengine.workspace.settings import SETTINGS, parse_config, places, with_environment

ROOT = Path("/somewhere")

WHOLE = '''\
regulations = ["cn/human-like-ai"]
policies = ["policies/"]
services = ["services/*.yaml"]
events = ["logs/*.ndjson"]
fail_on = "warning"
format = "json"
lang = "zh"
timezone = "Asia/Shanghai"

[params]
session_gap = "15 minutes"
limit = 3
ratio = 0.10
strict = true
since = 2026-07-15

[params."cn/human-like-ai"]
promptly = "10 minutes" # "at once"

[[sources]]
name = "chat"
emits = ["user_message", "assistant_message"]
complete = "2026-07-15"

[[sources]]
name = "risk"
emits = []
complete = 2026-07-15T08:00:00+08:00

[severity]
ai_notice = "info"
"cn/human-like-ai".delete_on_request = "warning"
'''


def parse(text: str, name: str = "guiju.toml") -> tuple[Config, list[str]]:
    config, diagnostics = parse_config(Source(name, text), ROOT)
    return config, [concise(d) + (f" ({d.help})" if d.help else "") for d in diagnostics]


def test_every_setting_is_read() -> None:
    config, wrong = parse(WHOLE)
    assert wrong == []
    assert config == Config(
        ROOT, "guiju.toml", ("cn/human-like-ai",), ("policies/",), ("services/*.yaml",), ("logs/*.ndjson",),
        "warning", "json", "zh", "Asia/Shanghai",
        (Param("session_gap", "15 minutes"), Param("limit", "3"), Param("ratio", "0.10"), Param("strict", "true"),
         Param("since", "2026-07-15"), Param("promptly", "10 minutes", "cn/human-like-ai")),
        (EventSource("chat", ("user_message", "assistant_message"), "2026-07-15"),
         EventSource("risk", (), "2026-07-15T08:00:00+08:00")),
        (SeverityOverride("ai_notice", "info"), SeverityOverride("delete_on_request", "warning", "cn/human-like-ai")),
    )


def test_every_value_knows_its_line() -> None:
    config, _ = parse(WHOLE)
    assert {name: config.origin(name) for name in SETTINGS} == {
        "regulations": "guiju.toml:1", "policies": "guiju.toml:2", "services": "guiju.toml:3", "events": "guiju.toml:4",
        "fail_on": "guiju.toml:5", "format": "guiju.toml:6", "lang": "guiju.toml:7", "timezone": "guiju.toml:8",
        "params": "guiju.toml:10", "sources": "guiju.toml:20", "severity": "guiju.toml:30"}
    assert [param.span.line for param in config.params if param.span] == [11, 12, 13, 14, 15, 18]
    assert [source.span.line for source in config.sources if source.span] == [20, 25]
    assert [override.span.line for override in config.severity if override.span] == [31, 32]


def test_pyproject_is_read_under_its_table() -> None:
    text = '[project]\nname = "x"\n\n[tool.guiju]\nfail_on = "info"\n\n[tool.guiju.params]\na = "1 day"\n'
    config, wrong = parse(text, "pyproject.toml")
    assert (wrong, config.fail_on, config.params) == ([], "info", (Param("a", "1 day"),))
    assert config.origin("fail_on") == "pyproject.toml:5"


def test_nothing_given_is_the_defaults() -> None:
    assert parse("") == (Config(ROOT, "guiju.toml"), [])


@pytest.mark.parametrize(("text", "expected"), [
    ('lang = "en"\nfail-on = "error"',
     "guiju.toml:2:1: error[unknown-setting] no setting `fail-on` (did you mean `fail_on`?)"),
    ('fail_on = "eror"',
     "guiju.toml:1:11: error[setting-value] `fail_on` must be one of error, warning, info, found `eror` "
     "(did you mean `error`?)"),
    ("fail_on = 3", "guiju.toml:1:11: error[setting-value] `fail_on` must be one of error, warning, info, "
                    "found the number 3"),
    ('regulations = "cn/human-like-ai"',
     "guiju.toml:1:15: error[setting-value] `regulations` must be a list of texts, found the text `cn/human-like-ai` "
     '(write `["cn/human-like-ai"]`)'),
    ("services = [1]", "guiju.toml:1:12: error[setting-value] `services` must be a list of texts, "
                       "found a list with the number 1"),
    ('timezone = "Asia/Shangai"', "guiju.toml:1:12: error[setting-value] no time zone `Asia/Shangai` "
                                  "(zones are named as in `Asia/Shanghai` and `UTC`)"),
    ('timezone = "../../etc/passwd"', "guiju.toml:1:12: error[setting-value] no time zone `../../etc/passwd` "
                                      "(zones are named as in `Asia/Shanghai` and `UTC`)"),
    ("timezone = 8", "guiju.toml:1:12: error[setting-value] `timezone` must be the name of a time zone, "
                     "found the number 8"),
    ("params = 1", "guiju.toml:1:10: error[setting-value] `params` must be a table, found the number 1"),
    ("[params]\n# x\nprompt = []",
     'guiju.toml:3:10: error[setting-value] `prompt` must be text such as "10 minutes", a number, true or false; '
     "found a list"),
    ('[severity]\n"cn/x".a = "fatal"',
     "guiju.toml:2:12: error[setting-value] `a` must be one of error, warning, info, found `fatal`"),
    ('[[sources]]\nname = "a"\nemit = []',
     "guiju.toml:3:1: error[unknown-setting] no key of a source `emit` (did you mean `emits`?)\n"
     "guiju.toml:1:3: error[setting-value] a source needs `emits`, the event types it writes"),
    ('[[sources]]\nname = "a"\nemits = []\n[[sources]]\nemits = []',
     "guiju.toml:4:3: error[setting-value] a source needs a `name`"),
    ('[[sources]]\nname = "a"\nemits = ["b"]\ncomplete = "always"',
     "guiju.toml:4:12: error[setting-value] `complete` must be a date or an instant, such as \"2026-07-15\""),
    ('sources = ["chat"]',
     "guiju.toml:1:11: error[setting-value] `sources` must be a list of tables, found a list "
     '(such as `sources = [{ name = "chat", emits = ["user_message"], complete = "2026-07-15" }]`)'),
    ('sources = [{ name = "a", emits = ["b"], until = 1 }]',
     "guiju.toml:1:1: error[unknown-setting] no key of a source `until` (there are `name`, `emits`, `complete`)"),
    ('lang = "en\n', "guiju.toml:1:11: error[toml-syntax] not TOML: illegal character '\\n'"),
    ("lang =", "guiju.toml:1:6: error[toml-syntax] not TOML: invalid value"),
])
def test_a_mistake_is_named_with_its_place(text: str, expected: str) -> None:
    config, wrong = parse(text)
    assert "\n".join(wrong) == expected
    assert config.fail_on == "error"


def test_a_wrong_table_in_pyproject() -> None:
    assert parse("[tool]\nguiju = 3\n", "pyproject.toml")[1] == [
        "pyproject.toml:2:9: error[setting-value] `tool.guiju` must be a table, found the number 3"]


def test_several_mistakes_are_all_told_and_the_rest_holds() -> None:
    config, wrong = parse('colour = true\nfail_on = "never"\nlang = "zh"\n')
    assert len(wrong) == 2
    assert config.lang == "zh"


def test_the_full_form_of_a_mistake() -> None:
    source = Source("guiju.toml", 'timezone = "UTC"\nfail_no = "error"\n')
    _, (mistake,) = parse_config(source, ROOT)
    assert render(mistake, {"guiju.toml": source}) == '''\
error[unknown-setting]: no setting `fail_no`
 --> guiju.toml:2:1
  |
2 | fail_no = "error"
  | ^^^^^^^ unknown
help: did you mean `fail_on`?'''


def test_keys_are_found_whatever_stands_around_them() -> None:
    source = Source("x.toml", "\n".join((
        'a = """',                 # 1
        'b = 1 """ # not a key',   # 2
        '"k . 1" . c = [ # note',  # 3
        '  "d = 1",',              # 4
        ']',                       # 5
        "[ x . 'y z' ]  # t",      # 6
        "e=1",                     # 7
        "[[x.l]]", "f = 'a#b' # c", "[[x.l]]", "f = 2", "[x.l.sub]", "g = 3")))
    lines = {path: (key.line, source.text[source.offset(value.line, value.column):
                                          source.offset(value.end_line, value.end_column)])
             for path, (key, value) in places(source).items()}
    assert lines == {
        ("a",): (1, '""'), ("k . 1",): (3, '"k . 1" . c'), ("k . 1", "c"): (3, "["), ("x", "y z"): (6, "x . 'y z'"),
        ("x", "y z", "e"): (7, "1"), ("x", "l"): (8, "x.l"), ("x", "l", 0): (8, "x.l"),
        ("x", "l", 0, "f"): (9, "'a#b'"),
        ("x", "l", 1): (10, "x.l"), ("x", "l", 1, "f"): (11, "2"), ("x", "l", "sub"): (12, "x.l.sub"),
        ("x", "l", "sub", "g"): (13, "3")}


# Which file

def write(file: Path, text: str = "") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_the_nearest_parent_wins(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    outer = write(tmp_path / "pyproject.toml", "[tool.guiju]\n")
    inner = write(tmp_path / "a" / "guiju.toml")
    write(tmp_path / "a" / "b" / "pyproject.toml", '[project]\nname = "guiju-plugin"\n')
    assert find_config(tmp_path / "a" / "b") == (inner, False)
    assert find_config(tmp_path) == (outer, False)


def test_nothing_above_the_repository_is_read(tmp_path: Path) -> None:
    write(tmp_path / "guiju.toml")
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    assert find_config(tmp_path / "repo") == (None, False)
    beside = write(tmp_path / "repo" / "guiju.toml")
    assert find_config(tmp_path / "repo") == (beside, False)


def test_a_worktree_file_named_git_ends_the_search_too(tmp_path: Path) -> None:
    write(tmp_path / "guiju.toml")
    write(tmp_path / "repo" / ".git", "gitdir: elsewhere")
    assert find_config(tmp_path / "repo") == (None, False)


def test_pyproject_wins_over_guiju_toml_beside_it_and_says_so(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", '[tool.guiju]\nlang = "zh"\n')
    write(tmp_path / "guiju.toml", 'lang = "en"\n')
    config, diagnostics, sources = load_config(tmp_path, {}, {})
    assert (config.lang, list(sources)) == ("zh", ["pyproject.toml"])
    assert [concise(d) for d in diagnostics] == [
        "warning[two-project-files] `guiju.toml` beside `pyproject.toml` is not read"]


def test_a_broken_pyproject_with_our_table_is_an_error_and_without_it_is_none_of_our_business(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path / "pyproject.toml", "[project\n# guiju")
    assert load_config(tmp_path, {}, {})[1] == ()
    write(tmp_path / "pyproject.toml", "[tool.guiju]\nlang = \n")
    assert [concise(d) for d in load_config(tmp_path, {}, {})[1]] == [
        "pyproject.toml:2:8: error[toml-syntax] not TOML: invalid value"]


def test_files_are_named_as_the_user_would_and_paths_start_at_the_file(tmp_path: Path) -> None:
    write(tmp_path / "guiju.toml", "format = 1\n")
    (tmp_path / "a" / "b").mkdir(parents=True)
    config, (mistake,), sources = load_config(tmp_path / "a" / "b", {}, {})
    assert config.root == tmp_path
    assert str(mistake.span) == os.path.join("..", "..", "guiju.toml:1:10")
    assert list(sources) == [os.path.join("..", "..", "guiju.toml")]


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "guiju.toml").write_bytes(b'lang = "\xff"')
    assert [d.name for d in load_config(tmp_path, {}, {})[1]] == ["not-utf8"]


# Which value

def test_flag_over_environment_over_file(tmp_path: Path) -> None:
    write(tmp_path / "guiju.toml", 'fail_on = "info"\nformat = "json"\nlang = "en"\n')
    config, wrong, _ = load_config(tmp_path, {"GUIJU_FAIL_ON": "warning", "GUIJU_LANG": "zh"},
                                   {"fail_on": "error", "format": None, "events": ()})
    assert wrong == ()
    assert (config.fail_on, config.origin("fail_on")) == ("error", "--fail-on")
    assert (config.lang, config.origin("lang")) == ("zh", "GUIJU_LANG")
    assert (config.format, config.origin("format")) == ("json", "guiju.toml:2")
    assert (config.events, config.origin("events")) == ((), "default")


def test_a_flag_with_several_values_replaces_the_list() -> None:
    config = with_flags(Config(ROOT, events=("a",)), {"events": ["b", "c"]})
    assert (config.events, config.origin("events")) == (("b", "c"), "--events")


def test_an_empty_variable_says_nothing() -> None:
    assert with_environment(Config(ROOT), {"GUIJU_FAIL_ON": ""}) == (Config(ROOT), ())


@pytest.mark.parametrize(("variable", "value", "expected"), [
    ("GUIJU_FAIL_ON", "warn", "error[setting-value] `GUIJU_FAIL_ON` must be one of error, warning, info, found `warn`"),
    ("GUIJU_FAILON", "error", "warning[unknown-variable] no setting is named by `GUIJU_FAILON`"),
    ("GUIJU_PARAMS", "x", "warning[unknown-variable] no setting is named by `GUIJU_PARAMS`"),
])
def test_a_wrong_variable(variable: str, value: str, expected: str) -> None:
    config, wrong = with_environment(Config(ROOT), {variable: value})
    assert [concise(d) for d in wrong] == [expected]
    assert config.fail_on == "error"


def test_the_language_follows_lc_all_unless_something_says_otherwise() -> None:
    environ = {"LC_ALL": "zh_CN.UTF-8"}
    assert with_environment(Config(ROOT), environ)[0].lang == "zh"
    assert with_environment(Config(ROOT), {**environ, "GUIJU_LANG": "en"})[0].lang == "en"
    assert with_environment(parse('lang = "en"')[0], environ)[0].lang == "en"
