"""What a run writes and where: several formats, whole files or none, Chinese labels, names that mean harm."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from tests.workspace.shop import Project, event, service

HOSTILE = "\x1b[31mevil\x07\u202e\r\n::error::x"


def harmless(text: str) -> bool:
    return all(c.isprintable() or c == "\n" for c in text)


# ---- files

def test_two_outputs_and_the_screen(shop: Project) -> None:
    shop.write("dark.json", service(lit=False))
    ran = shop.check("dark.json", "--output", "json=a.json", "--output", "sarif=out.sarif")
    assert ran.exit_code == 1 and ran.stdout.startswith("xx/shop 3-new")
    report = json.loads((shop.folder / "a.json").read_text("utf-8"))
    assert [one["rule"] for one in report["results"]] == ["lit"]
    assert json.loads((shop.folder / "out.sarif").read_text("utf-8"))["version"] == "2.1.0"


@pytest.mark.parametrize("bad", ["no/b.sarif", "services"])
def test_a_target_that_cannot_be_written_leaves_nothing(shop: Project, bad: str) -> None:
    shop.write("a.json", "as it was")
    before = sorted(path.name for path in shop.folder.iterdir())
    said = shop.refused("services/good.yaml", "--output", "json=a.json", "--output", f"sarif={bad}")
    assert "error[cannot-write]: cannot write" in said and harmless(said)
    assert (shop.folder / "a.json").read_text("utf-8") == "as it was"
    assert sorted(path.name for path in shop.folder.iterdir()) == before


def test_nothing_is_written_when_nothing_is_judged(shop: Project) -> None:
    shop.refused("none.yaml", "--output", "json=a.json")
    assert not (shop.folder / "a.json").exists()


@pytest.mark.parametrize(("args", "file"), [
    (("check", "services/good.yaml", "--events", "logs/a.ndjson", "--output", "ndjson=logs/a.ndjson"), "logs/a.ndjson"),
    (("check", "services/good.yaml", "--events", "logs", "--output", "ndjson=logs/a.ndjson"), "logs/a.ndjson"),
    (("check", "services/good.yaml", "--events", "logs/*", "--output", "csv=link"), "link"),
    (("check", "services", "--output", "json=./services/good.yaml"), "./services/good.yaml"),
    (("diff", "old.md", "new.md", "--output", "markdown=old.md"), "old.md"),
])
def test_what_is_read_is_not_written(shop: Project, args: tuple[str, ...], file: str) -> None:
    """A report took the place of the trace that it was about."""
    shop.events_file = "logs/a.ndjson"
    (shop.folder / "logs").mkdir()
    shop.trace(event("agreed", "07-20 10:00"))
    (shop.folder / "link").symlink_to("logs/a.ndjson")
    for name in ("old.md", "new.md"):
        shop.write(name, f"# Rules\n\n## Art. 1\n\nA provider keeps the records of {name} for three years.\n")
    before = (shop.folder / file).read_bytes()
    ran = shop.run([*args], shop.folder)
    format = args[-1].partition("=")[0]
    assert ran.exit_code == 2
    assert f"error[usage]: `--output {format}={file}` would overwrite a file that is read\n" in ran.stderr
    assert (shop.folder / file).read_bytes() == before
    assert shop.run([*args[:-1], f"{format}=report"], shop.folder).exit_code in (0, 1)


@pytest.mark.parametrize("given", ["json", "json=", "jsn=a", "json=a.json", "json=./a.json"])
def test_outputs_that_make_no_sense(shop: Project, given: str) -> None:
    said = shop.refused("services/good.yaml", "--output", "text=a.json", "--output", given)
    assert "error[usage]" in said


def test_a_pipe_is_written_into_and_not_replaced(shop: Project) -> None:
    pipe = shop.folder / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(Path(pipe).read_text("utf-8")), daemon=True)
    reader.start()
    assert shop.check(shop.good, "--output", "json=pipe").exit_code == 0
    reader.join(timeout=10)
    assert pipe.is_fifo() and json.loads(read[0])["schema_version"]


# ---- languages

def test_chinese_labels(shop: Project) -> None:
    shop.trace(event("bought", "07-20 10:00", gift=False))
    ran = shop.check(shop.good, "--events", shop.events_file, "--lang", "zh")
    assert "店铺规则" in ran.stdout and "违反" in ran.stdout and "第2条第1款" in ran.stdout
    assert "violated" not in ran.stdout
    assert shop.check(shop.good, env={"LC_ALL": "zh_CN.UTF-8"}).stdout.splitlines()[1] == "店铺规则"
    assert shop.check(shop.good, "--lang", "en", env={"GUIJU_LANG": "zh"}).stdout.splitlines()[1] == "The Shop Rules"


def test_json_is_the_same_in_every_language(shop: Project) -> None:
    shop.write("dark.json", service(lit=False))
    args = ("dark.json", "--as-of", "2026-08-01", "--format", "json")
    assert shop.check(*args, "--lang", "zh").stdout == shop.check(*args).stdout


# ---- names that mean harm

@pytest.mark.parametrize("format", ["text", "concise", "github"])
def test_hostile_values_in_a_report(shop: Project, format: str) -> None:
    name = "services/\x1b]0;x\x07\x1b[31m.json"
    shop.write(name, service(HOSTILE, lit=None, prices="hidden"))
    shop.trace({**event("bought", "07-20 10:00", HOSTILE, gift=False), "service": HOSTILE})
    ran = shop.check(name, "--events", shop.events_file, "--format", format, "--color", "never")
    assert ran.exit_code == 1 and harmless(ran.told)
    assert not any(line.startswith("::error::x") for line in ran.stdout.splitlines())


def test_hostile_values_survive_in_json(shop: Project) -> None:
    shop.write("a.json", service("a"))
    shop.trace(event("bought", "07-20 10:00", HOSTILE, gift=False))
    ran = shop.check("a.json", "--events", shop.events_file, "--format", "json", "--rule", "only_with_agreement")
    assert ran.json()["results"][0]["moment"]["keys"] == {"user": HOSTILE}
    assert "\x1b" not in ran.stdout


@pytest.mark.parametrize(("args", "files"), [
    (("\x1b[31m.json",), {"\x1b[31m.json": '{"service": {"id": "a", "prics": 1}}'}),
    (("x.json",), {"x.json": '{"service": {"id": "a", "\\u001b[31m": 1}}'}),
    (("x.yaml",), {"x.yaml": 'service: {id: a, prices: "\\e[31m"} # \u202e\n'}),
    (("\x1b[31m.yaml",), {}),
    (("\x1b[31m*.yaml",), {}),
    (("services/good.yaml", "--rule", HOSTILE), {}),
    (("services/good.yaml", "--param", f"{HOSTILE}=1"), {}),
    (("services/good.yaml", "--version", HOSTILE), {}),
    (("services/good.yaml", "--regulation", HOSTILE), {}),
    (("services/good.yaml", "--as-of", HOSTILE), {}),
    (("services/good.yaml", "--events", "\x1b[31m.ndjson"), {"\x1b[31m.ndjson": "{}\n"}),
    (("services/good.yaml", "--events", "e.ndjson"), {"e.ndjson": json.dumps(event(HOSTILE, "07-20 10:00"))}),
    (("services/good.yaml", "--events", "e.ndjson"),
     {"e.ndjson": json.dumps({**event("bought", "07-20 10:00"), "service": HOSTILE})}),
    (("services/good.yaml", "--events", "e.ndjson"), {"e.ndjson": json.dumps(event("bought", HOSTILE + "T"))}),
    (("services/good.yaml", "--output", f"{HOSTILE}=a"), {}),
])
def test_hostile_names_in_errors(shop: Project, args: tuple[str, ...], files: dict[str, str]) -> None:
    for name, text in files.items():
        shop.write(name, text)
    assert harmless(shop.refused(*args, "--color", "always").replace("\x1b[31;1merror", "error")
                    .replace("\x1b[0m", ""))
