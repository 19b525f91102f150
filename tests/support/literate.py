"""Markdown pages that are tests: text of a page in, what differs from what it says out.

A page is documentation: sentences, and fenced blocks that are read in order.

- `vocabulary`: the vocabulary of the blocks that follow; without one, that of tests/support/vocabulary.yaml.
- `policy`: a policy, or some declarations of one (then `policy` and `use vocabulary` are added after them). Remarks on
  a line say which diagnostics stand there, and that no others do: `# error: [unknown-name] "part of the message"`.
- `diagnostics`: the full rendering of all diagnostics of the policy before it. `pytest --update-golden` rewrites it.
- `facts`: YAML, the facts of the case of the policy before it.
- `events`: the trace: NDJSON, or a table whose first line names the columns, two spaces apart or more. `-` is no field.
  A time without an offset is read in Asia/Shanghai.
- `verdicts`, with an instant of judgement after the word or none: one line a judgement, as `judge_page` writes them.

Other fences are prose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from policyengine.analysis.compile import compile_sound
from policyengine.analysis.lint import LINTS, lint
from policyengine.analysis.vocabulary import Vocabulary, load_vocabulary
from policyengine.base.calendar import Calendar
from policyengine.base.diagnostic import Diagnostic, concise, has_errors, in_order, render
from policyengine.base.instants import format_instant, parse_instant
from policyengine.base.source import Source
from policyengine.core import ir
from policyengine.core.case import Case, Event
from policyengine.core.case import in_order as events_in_order
from policyengine.core.evaluate import judge
from policyengine.core.verdict import Setting
from policyengine.syntax.parser import parse
from tests.support import golden

ZONE = "Asia/Shanghai"
CALENDAR = Calendar(ZONE)
HEADER = "policy test/page version 1\nuse vocabulary {name}\n"

_FENCE = re.compile(r"^```([a-z]*)[ ]*(.*)$")
_REMARK = re.compile(r'(error|warning|info): \[([\w-]+)\](?: "((?:[^"\\]|\\.)*)")?')


@dataclass(frozen=True)
class Block:
    """A fenced block: its word, what stands after it, its text, and the 1-based line of its first line of text."""

    kind: str
    rest: str
    text: str
    line: int


@dataclass
class PolicyPage:
    """A policy block with the blocks that belong to it."""

    vocabulary: Block | None
    policy: Block
    parts: list[Block] = field(default_factory=list)
    heading: str = ""


def blocks(text: str) -> list[tuple[str, Block]]:
    """The fenced blocks of a page, each with the heading it stands under."""
    found: list[tuple[str, Block]] = []
    heading, opened, start = "", None, 0
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if opened is not None:
            if line.rstrip() == "```":
                body = "".join(one + "\n" for one in lines[start - 1: number - 1])
                found.append((heading, Block(opened[0], opened[1], body, start)))
                opened = None
        elif match := _FENCE.match(line):
            opened, start = (match.group(1), match.group(2).strip()), number + 1
        elif line.startswith("#"):
            heading = line.lstrip("# ").strip()
    if opened is not None:
        raise ValueError(f"the block that opens in line {start - 1} does not close")
    return found


def policies(text: str) -> list[PolicyPage]:
    """The policies of a page, each with what is said of it."""
    found: list[PolicyPage] = []
    vocabulary: Block | None = None
    for heading, block in blocks(text):
        if block.kind == "vocabulary":
            vocabulary = block
        elif block.kind == "policy":
            found.append(PolicyPage(vocabulary, block, heading=heading))
        elif block.kind in ("diagnostics", "facts", "events", "verdicts"):
            if not found:
                raise ValueError(f"the block in line {block.line} belongs to no policy")
            found[-1].parts.append(block)
    return found


def check_page(file: Path, *, lints: Collection[str] = ()) -> None:
    """Fail unless everything the page says is so. Of lints only those named are looked at."""
    text = file.read_text("utf-8")
    differences: list[str] = []
    replaced: list[tuple[Block, str]] = []
    pages = policies(text)
    if not pages:
        raise AssertionError(f"{file}: the page has no policy")
    for page in pages:
        differences += _check(file, page, lints, replaced)
    if replaced and golden.update:
        _rewrite(file, text, replaced)
    elif replaced:
        differences += [f"{file}:{block.line}: found\n{fresh}" for block, fresh in replaced]
    if differences:
        raise AssertionError("\n\n".join(differences))


def _check(file: Path, page: PolicyPage, lints: Collection[str], replaced: list[tuple[Block, str]]) -> list[str]:
    vocabulary, words = _vocabulary(page.vocabulary)
    path = "page.policy"
    text = page.policy.text
    if not re.search(r"^(policy|extend) ", text, re.MULTILINE):
        text += HEADER.format(name=vocabulary.name)
    policy, found = _compile(path, text, vocabulary, lints)
    sources = {path: Source(path, page.policy.text), words.path: words}
    expected = _remarks(page.policy.text)
    pinned = [one for one in page.parts if one.kind == "diagnostics"]
    differences = [] if pinned and not expected else _compare(file, page, found, expected)
    for block in pinned:
        fresh = "\n\n".join(render(one, sources) for one in found) + "\n"
        if fresh != block.text:
            replaced.append((block, fresh))
    verdicts = [one for one in page.parts if one.kind == "verdicts"]
    if verdicts and policy is None:
        return [*differences, f"{file}:{page.policy.line}: the policy has errors, so there are no verdicts"]
    facts: Mapping[str, Any] = {}
    events: tuple[Event, ...] = ()
    for block in page.parts:
        match block.kind:
            case "facts":
                facts, events = read_facts(block.text), ()
            case "events":
                events = read_events(block.text, vocabulary)
            case "verdicts" if policy is not None:
                fresh = "".join(f"{line}\n" for line in judge_page(policy, facts, events, _as_of(block.rest, events)))
                if _squeezed(fresh) != _squeezed(block.text):
                    replaced.append((block, fresh))
            case _:
                pass
    return differences


def _compile(path: str, text: str, vocabulary: Vocabulary,
             lints: Collection[str]) -> tuple[ir.Policy | None, tuple[Diagnostic, ...]]:
    file, found = parse(path, text)
    policy, more = compile_sound(file, vocabulary)
    chosen = [one for one in LINTS if one.name in lints]
    linted = lint(policy, file, vocabulary, lints=chosen) if lints else ()
    found = in_order((*found, *more, *linted))
    return (None if has_errors(found) else policy), found


def _remarks(text: str) -> list[tuple[int, str, str, str]]:
    """(line in the block, severity, name, part of the message) for each remark."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if "#" in line:
            for severity, name, part in _REMARK.findall(line[line.index("#"):]):
                found.append((number, severity, name, json.loads(f'"{part}"')))
    return found


def _compare(file: Path, page: PolicyPage, found: Sequence[Diagnostic],
             expected: Sequence[tuple[int, str, str, str]]) -> list[str]:
    differences = []
    left = list(found)
    for line, severity, name, part in expected:
        match = next((one for one in left if one.span and one.span.line == line and one.severity == severity
                      and one.name == name and part in one.message), None)
        if match is None:
            differences.append(f"{file}:{page.policy.line + line - 1}: not found: {severity}: [{name}] {part}")
        else:
            left.remove(match)
    for one in left:
        line = one.span.line if one.span else 1
        differences.append(f"{file}:{page.policy.line + line - 1}: not expected: {concise(one)}")
    return differences


def _rewrite(file: Path, text: str, replaced: Sequence[tuple[Block, str]]) -> None:
    lines = text.splitlines(keepends=True)
    for block, fresh in sorted(replaced, key=lambda one: -one[0].line):
        start = block.line - 1
        lines[start: start + len(block.text.splitlines())] = [fresh]
    file.write_text("".join(lines), "utf-8")


def _vocabulary(block: Block | None) -> tuple[Vocabulary, Source]:
    if block is None:
        file = Path(__file__).parent / "vocabulary.yaml"
        return _loaded("vocabulary.yaml", file.read_text("utf-8"))
    return _loaded("vocabulary.yaml", block.text)


@cache
def _loaded(path: str, text: str) -> tuple[Vocabulary, Source]:
    vocabulary, found = load_vocabulary(path, text)
    if vocabulary is None:
        raise AssertionError("\n".join(concise(one) for one in found))
    return vocabulary, Source(path, text)


# ---- cases --------------------------------------------------------------------------------------------------------

def read_facts(text: str) -> Mapping[str, Any]:
    """YAML as raw values: numbers exact, dates as text."""
    facts = _raw(yaml.safe_load(text))
    return facts if isinstance(facts, dict) else {}


def _raw(value: Any) -> Any:
    match value:
        case dict():
            return {key: _raw(item) for key, item in value.items()}
        case list():
            return [_raw(item) for item in value]
        case float():
            return Decimal(str(value))
        case None | bool() | int() | str():
            return value
        case _:
            return value.isoformat()


def read_events(text: str, vocabulary: Vocabulary) -> tuple[Event, ...]:
    """NDJSON, or a table; in the order of the language."""
    rows: list[dict[str, Any]] = []
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and lines[0].lstrip().startswith("{"):
        rows = [json.loads(line, parse_float=Decimal) for line in lines]
    elif lines:
        columns = re.split(r"\s{2,}", lines[0].strip())
        for line in lines[1:]:
            cells = re.split(r"\s{2,}", line.strip())
            if len(cells) != len(columns):
                raise ValueError(f"{len(columns)} columns, {len(cells)} cells: {line}")
            rows.append({name: _cell(cell) for name, cell in zip(columns, cells, strict=True) if cell != "-"})
    return events_in_order(_event(number, row, vocabulary) for number, row in enumerate(rows, 1))


def _cell(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        return text


def _event(number: int, row: Mapping[str, Any], vocabulary: Vocabulary) -> Event:
    fields = {name: value for name, value in row.items() if name not in ("type", "time", "sequence")}
    type = vocabulary.events[row["type"]]
    return Event(type.name, parse_instant(row["time"], ZONE), fields, id=row.get("id"), sequence=row.get("sequence"),
                 file="events", row=number, place=type.place)


def _as_of(text: str, events: Sequence[Event]) -> int:
    if text:
        return parse_instant(text.removeprefix("as-of").strip(), ZONE)
    return max((event.time for event in events), default=parse_instant("2026-08-01T12:00:00", ZONE))


def judge_page(policy: ir.Policy, facts: Mapping[str, Any], events: tuple[Event, ...], as_of: int) -> list[str]:
    """A line a judgement: the rule, for a moment its time (Asia/Shanghai) and keys, the verdict, and when it is due."""
    lines = []
    for one in judge(policy, Case(facts, events), Setting(as_of, {}), CALENDAR):
        where = ""
        if one.moment is not None:
            keys = " ".join(f"{name}={value}" for name, value in one.moment.keys)
            where = "  ".join(part for part in (_clock(one.moment.time), keys) if part) + "  "
        due = f" until {_clock(one.due)}" if one.due is not None else ""
        lines.append(f"{one.rule}  {where}{one.verdict}{due}")
    return lines


def _clock(instant: int) -> str:
    return format_instant(instant, ZONE).rsplit(" ", 1)[0]


def _squeezed(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]

