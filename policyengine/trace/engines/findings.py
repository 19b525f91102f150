"""What is found as a table, a row a finding: its columns, and rows kept aside until they are written as NDJSON or CSV.

In come judgements, or rows that an engine has found; out come lines of text. Which engine judged is not known here.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from io import StringIO
from json.encoder import encode_basestring as _said
from tempfile import SpooledTemporaryFile
from typing import Any

from policyengine.base.diagnostic import shorten
from policyengine.base.record import record
from policyengine.core import ir
from policyengine.core.verdict import Judgement, Verdict, key_text

COLUMNS = {"regulation": "VARCHAR", "version": "VARCHAR", "rule": "VARCHAR", "articles": "VARCHAR[]",
           "verdict": "VARCHAR", "time": "TIMESTAMP", "due": "TIMESTAMP", "tie": "BOOLEAN",
           "keys": "MAP(VARCHAR, VARCHAR)", "service": "VARCHAR", "file": "VARCHAR", "row": "BIGINT"}
"""A row a finding, in DuckDB's types: times are UTC, `due` the last instant in time, `keys` the values by their names;
service, file and row are those of the event that it stands at, else of the first of its run."""


@record
class Heading:
    """What the findings of one rule have in common: the first columns, and the names of its keys."""

    regulation: str
    version: str
    rule: str
    articles: tuple[str, ...]
    keys: tuple[str, ...]


Row = tuple[Heading, Verdict, int | None, int | None, bool, tuple[str, ...], str | None, str | None, int | None]
"""The columns in this order, times as UTC microseconds; of the keys the values, or none at all."""

IN_MEMORY = 1 << 20
"""So many bytes of rows stay in memory; more go to a temporary file."""

_EPOCH = datetime(1970, 1, 1)
_FORMULA = ("=", "+", "-", "@")
_WHOLE = 1_000_000  # `shorten` then only shows control characters


def headings(policy: ir.Policy) -> dict[str, Heading]:
    """The heading of each rule, by its name."""
    return {rule.name: Heading(policy.regulation, policy.version, rule.name, tuple(map(str, rule.citations)), rule.keys)
            for rule in policy.rules}


def row_of(of: Heading, judged: Judgement, service: str | None = None, file: str | None = None) -> Row:
    """A judgement as a row; one about a service as a whole has no moment, and stands at its file."""
    due = None if judged.due is None else judged.due - 1
    if judged.moment is None:
        return of, judged.verdict, None, due, judged.tie, (), service, file, None
    keys = tuple(key_text(value) for _, value in judged.moment.keys)
    event = judged.moment.event or judged.moment.run_first
    if event is None:
        return of, judged.verdict, judged.moment.time, due, judged.tie, keys, None, None, None
    return (of, judged.verdict, judged.moment.time, due, judged.tie, keys, event.fields.get("service"), event.file,
            event.row)


def cells(row: Row) -> tuple[Any, ...]:
    """A row as the values of all columns, None for each that it has not."""
    of, verdict, time, due, tie, keys, service, file, number = row
    return (of.regulation, of.version, of.rule, list(of.articles) or None, verdict, time, due, tie,
            dict(zip(of.keys, keys, strict=True)) if keys else None, service, file, number)


class Table:
    """Rows kept aside, however many, until `close`. With `until` (UTC microseconds), open duties due later, or
    without a date, are passed over."""

    def __init__(self) -> None:
        self.until: int | None = None
        # An engine adds from a thread of its own while what it found before is explained.
        self._engines, self._others = _aside(), _aside()

    def close(self) -> None:
        """The rows are no longer wanted."""
        self._engines.close()
        self._others.close()

    def found(self, rows: Iterable[Row]) -> None:
        """Add what an engine found."""
        self._engines.writelines(map(_line, self._wanted(rows)))

    def judged(self, rows: Iterable[Row]) -> None:
        """Add what the evaluator judged."""
        self._others.writelines(map(_line, self._wanted(rows)))

    def ndjson(self) -> Iterator[bytes]:
        """The lines, one a finding, of the columns that it has."""
        for part in (self._engines, self._others):
            part.seek(0)
            yield from part

    def csv(self) -> Iterator[bytes]:
        """A line of names, then one a finding; articles and keys are JSON. No text begins as a formula does."""
        cells = StringIO()
        writer = csv.writer(cells, lineterminator="\n")
        writer.writerow(COLUMNS)
        for line in self.ndjson():
            row = json.loads(line)
            writer.writerow([_cell(row[name]) if name in row else None for name in COLUMNS])
            if cells.tell() > IN_MEMORY:
                yield cells.getvalue().encode()
                cells.seek(0)
                cells.truncate()
        yield cells.getvalue().encode()

    def _wanted(self, rows: Iterable[Row]) -> Iterable[Row]:
        until = self.until
        if until is None:
            return rows
        return (row for row in rows if row[1] != "pending" or (row[3] is not None and row[3] <= until))


def _aside() -> SpooledTemporaryFile[bytes]:
    return SpooledTemporaryFile(IN_MEMORY)


def _line(row: Row) -> bytes:
    of, verdict, time, due, tie, keys, service, file, number = row
    told = [f'{_begun(of)},"verdict":"{verdict}"']
    if time is not None:
        told.append(f'"time":"{_written(time)}"')
    if due is not None:
        told.append(f'"due":"{_written(due)}"')
    told.append('"tie":true' if tie else '"tie":false')
    if keys:
        named = [f"{_said(name)}:{_said(value)}" for name, value in zip(of.keys, keys, strict=True)]
        told.append(f'"keys":{{{",".join(named)}}}')
    if service is not None:
        told.append(f'"service":{_said(service)}')
    if file is not None:
        told.append(f'"file":{_said(file)}')
    if number is not None:
        told.append(f'"row":{number}')
    return f"{{{','.join(told)}}}\n".encode("utf-8", "replace")


@lru_cache(maxsize=1_024)
def _begun(of: Heading) -> str:
    articles = f',"articles":[{",".join(map(_said, of.articles))}]' if of.articles else ""
    return f'"regulation":{_said(of.regulation)},"version":{_said(of.version)},"rule":{_said(of.rule)}{articles}'


def _written(instant: int) -> str:
    return f"{(_EPOCH + timedelta(microseconds=instant)).isoformat(timespec='microseconds')}Z"


def _cell(value: object) -> object:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _harmless(value)
        case list() | dict():
            return _in_json(json.dumps(value, ensure_ascii=False))
        case _:
            return value


@lru_cache(maxsize=1_024)
def _harmless(text: str) -> str:
    """Text that a spreadsheet takes for no formula, its control characters shown."""
    shown = shorten(text, _WHOLE)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def _in_json(text: str) -> str:
    """The same for JSON, which begins as no formula does and has escapes of its own."""
    return text if text.isprintable() else "".join(
        one if one.isprintable() else f"\\u{ord(one):04x}" if ord(one) < 0x1_0000 else json.dumps(one)[1:-1]
        for one in text)
