"""`guiju init`: writes a starter project, a team's own policy over a shipped regulation with its cases and settings, or
one that judges an event log.

The files are those of workspace/starter, in which only the day changes, or what `workspace.log_project` makes of a log.
Nothing that is there is overwritten.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import click

from policyengine.base.diagnostic import error, shorten
from policyengine.base.instants import local_date, zone_info
from policyengine.base.resources import PACKAGE
from policyengine.cli.books import counted
from policyengine.cli.common import fail, note, show, write_files

STARTER = PACKAGE / "workspace" / "starter"
VOCABULARY = "ai_service"
SCHEMA = "services/service.schema.json"
TODAY = "@TODAY@"
ZONE = "Asia/Shanghai"  # of the regulation that the starter extends


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".")
@click.option("--from-log", "log", metavar="FILE",
              help="Make a project that judges this event log: XES, NDJSON, CSV or Parquet, plain or compressed.")
@click.option("--timezone", "zone", metavar="ZONE",
              help="With --from-log: the zone of the rules (default: UTC), and of times without an offset.")
@click.option("--case", metavar="COLUMN",
              help="The column of a table, or field of NDJSON, that says which case an event is of.")
@click.option("--skip-without-case", is_flag=True, help="Leave out rows of no case; how many is said.")
@click.option("--activity", metavar="COLUMN", help="The column that says what happened.")
@click.option("--activity-name", metavar="NAME",
              help="What happened in each row, such as `payment`, where no column says it.")
@click.option("--time", "when", metavar="COLUMN", help="The column that says when, or two: DAY+CLOCK.")
@click.option("--encoding", metavar="NAME", help="Of a table of text that is not UTF-8: gb18030, windows-1252, big5, …")
@click.option("--dates", type=click.Choice(["day-first", "month-first"]),
              help="What `01/02/2026` means. Default: what the other times of the column show.")
def command(folder: str, log: str | None, zone: str | None, case: str | None, skip_without_case: bool,
            activity: str | None, activity_name: str | None, when: str | None,
            encoding: str | None, dates: Literal["day-first", "month-first"] | None) -> int:
    """Start a project in DIR (default: here): a house policy over cn/human-like-ai, a service, events, cases. With
    --from-log: a vocabulary of what the log holds, a policy to begin with, and the settings to judge it.

    Exit codes: 0 written, 2 the log cannot be read, a file is there already or cannot be written; then none is.
    """
    root = Path(folder)
    if log is None:
        given = {"--timezone": zone, "--case": case, "--skip-without-case": skip_without_case or None,
                 "--activity": activity, "--activity-name": activity_name, "--time": when, "--encoding": encoding,
                 "--dates": dates}
        for option, value in given.items():
            if value is not None:
                fail((error("usage", f"`{option}` goes with `--from-log`"),))
        texts = starter_files(local_date(int(time.time() * 1_000_000), ZONE).isoformat())
    else:
        texts = _files_for(log, root, zone, case=case, activity=activity, time=when, dates=dates,
                           activity_name=activity_name, skip_without_case=skip_without_case, encoding=encoding)
    if root.exists() and not root.is_dir():
        fail((error("cannot-write", f"`{shorten(folder)}` is a file"),))
    taken = [name for name in texts if (root / name).exists()]
    if taken:
        others = f" and {counted(len(taken) - 1, 'other file')}" if len(taken) > 1 else ""
        fail((error("already-there", f"`{shorten((root / taken[0]).as_posix())}`{others} would be overwritten",
                    help="choose another folder, such as `guiju init our-policies`"),))
    folders = {one for name in texts for one in (root / name).parents if not one.exists()}
    try:
        for name in texts:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_files([(str(root / name), text) for name, text in texts.items()])
        folders.clear()
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        fail((error("cannot-write", f"cannot write `{shorten(folder)}`: {reason}"),))
    finally:  # where nothing was written, no empty folders are left
        for one in sorted(folders, reverse=True):
            with suppress(OSError):
                one.rmdir()
    for name in texts:
        click.echo((root / name).as_posix())
    inside = "" if folder == "." else f"cd {folder} && "
    then = "read README.md" if log is None else "write the rules that you mean"
    note(f"{counted(len(texts), 'file')} written; begin with `{inside}guiju check`, then {then}")
    return 0


def _files_for(log: str, root: Path, zone: str | None, **columns: Any) -> dict[str, str]:
    """Name -> text of every file of a project for an event log; what is wrong with the log ends the run."""
    from policyengine.trace.logs.table import Asked
    from policyengine.workspace.log_project import project_files, read_log

    if zone is not None:
        try:
            zone_info(zone)
        except ValueError:
            fail((error("usage", f"`--timezone`: there is no time zone `{shorten(zone)}`",
                        help="write, for example, `Asia/Shanghai`"),))
    found, problems = read_log(log, zone, Asked(**columns))
    if found is None:
        fail(problems)
    show(problems, {})
    if found.table is not None:
        table, _ = found.table
        said = ", ".join([f"the {role} is `{shorten(table.names[place])}`" for role, place in table.places.items()]
                         + ([] if table.activity_name is None else [f"each row is `{shorten(table.activity_name)}`"]))
        note(f"{said}; say otherwise with `--case`, `--activity`, `--time`")
    return project_files(found, log, str(root), zone)


def starter_files(today: str) -> dict[str, str]:
    """Name -> text of every file of a new project; `today` stands where the starter has a day."""
    texts = {}
    for file in sorted(STARTER.rglob("*")):
        if file.is_file() and file.suffix != ".pyc":
            name = file.relative_to(STARTER).as_posix().replace("dot-github/", ".github/")
            texts[name] = file.read_text("utf-8").replace(TODAY, today)
    texts[SCHEMA] = _schema()
    return dict(sorted(texts.items()))


def _schema() -> str:
    from policyengine.analysis.vocabulary import load_vocabulary
    from policyengine.base.resources import regulations_folder
    from policyengine.cli.schema import number, service_schema

    file = regulations_folder() / "vocabulary" / f"{VOCABULARY}.yaml"
    vocabulary, _ = load_vocabulary(file.name, file.read_text("utf-8"))
    return json.dumps(service_schema(vocabulary), ensure_ascii=False, indent=2, default=number) + "\n"
