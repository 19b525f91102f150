"""`guiju init`: writes a starter project, a team's own policy over a shipped regulation with its cases and settings.

The files are those of workspace/starter; all that changes in them is the day. Nothing that is there is overwritten.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from policyengine.base.diagnostic import error, shorten
from policyengine.base.instants import local_date
from policyengine.base.resources import PACKAGE
from policyengine.cli.books import counted
from policyengine.cli.common import fail, note, write_files

STARTER = PACKAGE / "workspace" / "starter"
VOCABULARY = "ai_service"
SCHEMA = "services/service.schema.json"
TODAY = "@TODAY@"
ZONE = "Asia/Shanghai"  # of the regulation that the starter extends


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".")
def command(folder: str) -> int:
    """Start a project in DIR (default: here): a house policy over cn/human-like-ai, a service, events, cases.

    Exit codes: 0 written, 2 a file is there already or cannot be written; then none is.
    """
    root = Path(folder)
    texts = starter_files(local_date(int(time.time() * 1_000_000), ZONE).isoformat())
    if root.exists() and not root.is_dir():
        fail((error("cannot-write", f"`{shorten(folder)}` is a file"),))
    taken = [name for name in texts if (root / name).exists()]
    if taken:
        others = f" and {counted(len(taken) - 1, 'other file')}" if len(taken) > 1 else ""
        fail((error("already-there", f"`{shorten((root / taken[0]).as_posix())}`{others} would be overwritten",
                    help="choose another folder, such as `guiju init our-policies`"),))
    try:
        for name in texts:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        fail((error("cannot-write", f"cannot write `{shorten(folder)}`: {reason}"),))
    write_files([(str(root / name), text) for name, text in texts.items()])
    for name in texts:
        click.echo((root / name).as_posix())
    inside = "" if folder == "." else f"cd {folder} && "
    note(f"{counted(len(texts), 'file')} written; begin with `{inside}guiju check`, then read README.md")
    return 0


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
