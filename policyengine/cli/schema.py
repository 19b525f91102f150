"""`guiju schema`: JSON Schemas for editors and programs: a service file, the rows of a trace, what `check`, `diff` and
`monitor` print.

The vocabulary is JSON Schema already; here it is put in one piece, with descriptions in both languages. Nothing is
checked against it here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from policyengine.base.diagnostic import did_you_mean, error, shorten
from policyengine.base.resources import PACKAGE, regulations_folder
from policyengine.base.source import Source
from policyengine.cli.books import open_library
from policyengine.cli.common import fail, settings
from policyengine.workspace.library import Library

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REPORTS = {"check": "report/report.schema.json", "diff": "report/diff.schema.json"}

WHAT: Mapping[str, str] = {
    "service": "a service file",
    "events": "one row of a trace (NDJSON)",
    "check": "what `guiju check --format json` prints",
    "diff": "what `guiju diff --format json` prints",
    "monitor": "a line that `guiju monitor` writes",
}


@click.command("schema", epilog="What there is: " + "; ".join(f"{name}, {what}" for name, what in WHAT.items()) + ".")
@click.argument("name", metavar="|".join(WHAT), default="service")
@click.option("--vocabulary", metavar="NAME", help="The vocabulary of service and events. Default: the only one.")
def command(name: str, vocabulary: str | None) -> int:
    """Print a JSON Schema (2020-12).

    To have an editor complete a service file, save it once and name it in the file's first line:

    \b
        guiju schema service > service.schema.json
        # yaml-language-server: $schema=service.schema.json
    """
    if name not in WHAT:
        fail((error("usage", f"no schema `{shorten(name)}`",
                    help=did_you_mean(name, WHAT) or f"there are {', '.join(WHAT)}"),))
    if name in REPORTS:
        file = PACKAGE / REPORTS[name]
        if not file.is_file():
            fail((error("missing-file", f"the schema `{name}` is not in {PACKAGE}", help="install guiju again"),))
        click.echo(file.read_text("utf-8").rstrip())
        return 0
    if name == "monitor":
        from policyengine.report.lines_schema import lines_schema

        click.echo(json.dumps(lines_schema(), ensure_ascii=False, indent=2))
        return 0
    library = open_library(settings())
    words = _vocabulary(library, vocabulary)
    schema = service_schema(words) if name == "service" else events_schema(words)
    click.echo(json.dumps(schema, ensure_ascii=False, indent=2, default=number))
    return 0


def _vocabulary(library: Library, wanted: str | None) -> Any:
    """The vocabulary of a name, the project's own before the shipped one."""
    from policyengine.analysis.vocabulary import load_vocabulary

    files = {file.stem: file for folder in _folders(library) for file in sorted(folder.glob("vocabulary/*.yaml"))}
    if wanted is None and len(files) == 1:
        wanted = next(iter(files))
    if wanted not in files:
        said = "say which vocabulary" if wanted is None else f"no vocabulary `{shorten(wanted)}`"
        fail((error("usage", said, help=did_you_mean(wanted or "", files) or f"there are {', '.join(sorted(files))}"),))
    name = library.shown(files[wanted])
    source = Source(name, files[wanted].read_text("utf-8"))
    vocabulary, diagnostics = load_vocabulary(name, source.text)
    if vocabulary is None:
        fail(diagnostics, {name: source})
    return vocabulary


def _folders(library: Library) -> list[Path]:
    """The roots of regulations, the shipped one first."""
    own = {folder.parents[len(Path(id).parts) - 1] for id, folder in library.folders.items()}
    return [regulations_folder(), *sorted(own - {regulations_folder()})]


def service_schema(vocabulary: Any) -> dict[str, Any]:
    """The schema of a service file, without what only events need."""
    plain = {key: value for key, value in vocabulary.schema.items() if key != "$defs"}
    return {"$schema": DIALECT, **{key: value for key, value in _described(plain).items() if key != "$schema"}}


def events_schema(vocabulary: Any) -> dict[str, Any]:
    """The schema of one row: the type says which of the alternatives it is."""
    rows = []
    for event in vocabulary.events.values():
        row = _described(dict(event.schema))
        row["title"] = event.name
        row["properties"] = {**row.get("properties", {}), "type": {"const": event.name}}
        row["required"] = sorted({"type", "time", *row.get("required", ())})
        rows.append(row)
    return {"$schema": DIALECT, "$id": f"urn:guiju:vocabulary:{vocabulary.name}:events",
            "title": f"{vocabulary.name}: one event", "type": "object", "required": ["type", "time"],
            "properties": {"type": {"enum": list(vocabulary.events)}}, "anyOf": rows}


def _described(schema: Any) -> Any:
    """The Chinese description put under the English one, where an editor shows both."""
    if isinstance(schema, list | tuple):
        return [_described(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {key: _described(value) for key, value in schema.items()
             if key not in ("x-description-zh", "x-title-zh") or not isinstance(value, str)}
    for word in ("description", "title"):
        chinese = schema.get(f"x-{word}-zh")
        if isinstance(chinese, str) and isinstance(schema.get(word), str):
            found[word] = f"{schema[word]}{' ' if word == 'title' else chr(10)}{chinese}"
    return found


def number(value: Any) -> Any:
    """A decimal as JSON has it."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(value)
