"""Markdown pages that are tests: text of a page in, what differs from what it says out.

A page is documentation: sentences, and fenced blocks that are read in order.

- `vocabulary`: the vocabulary of the blocks that follow; without one, that of tests/support/vocabulary.yaml.
- `policy`: a policy, or some declarations of one (then `policy` and `use vocabulary` are added after them). Remarks on
  a line say which diagnostics stand there, and that no others do: `# error: [unknown-name] "part of the message"`.
- `diagnostics`: the full rendering of all diagnostics of the policy before it. `pytest --update-golden` rewrites it.
- `facts`: YAML, the facts of the case of the policy before it.
- `events`: the trace: NDJSON, or a table whose first line names the columns, two spaces apart or more. `-` is no field.
  A time without an offset is read in Asia/Shanghai.
- `sources`: what the sources emit, for the verdicts that follow: a line an event type, `message` for one whose history
  is complete, `message since 2026-08-01 00:00:00` for one that is complete from then on. Others are emitted by nobody.
- `parameters`: YAML, what the operator sets tunable params to, for the verdicts that follow.
- `verdicts`, with an instant of judgement after the word or none: one line a judgement, as `judge_page` writes them.
- `evidence`, likewise: under each such line what decided it, in the words of a report. `--update-golden` rewrites both.

Before a policy, for all that follow:

- `calendar`: YAML with `zone`, `working_days` (a name in regulations/calendars, or a mapping as in such a file) and
  `moves_to_working_day`. Without one: Asia/Shanghai, no working days.
- `file NAME`: a file that policies can `use`.

Other fences are prose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from policyengine.analysis.compile import compile_sound
from policyengine.analysis.lint import LINTS, lint
from policyengine.analysis.vocabulary import Vocabulary, load_vocabulary
from policyengine.base.calendar import Calendar, load_working_days
from policyengine.base.diagnostic import Diagnostic, concise, has_errors, in_order, render
from policyengine.base.instants import format_instant, parse_instant
from policyengine.base.source import Source
from policyengine.core import ir
from policyengine.core.case import Case, Event, Sources
from policyengine.core.case import in_order as events_in_order
from policyengine.core.evaluate import judge
from policyengine.core.operators import Overflow
from policyengine.core.verdict import Judgement, Setting
from policyengine.report.evidence import Context, evidence_line, missing_line
from policyengine.syntax.parser import parse
from tests.support import golden

ZONE = "Asia/Shanghai"
CALENDAR = Calendar(ZONE)
CALENDARS = Path(__file__).resolve().parents[2] / "regulations" / "calendars"
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
    calendar: Block | None = None
    files: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Asked:
    """What a block of verdicts is about."""

    case: Case
    setting: Setting
    calendar: Calendar
    sources: Sources | None


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
    calendar: Block | None = None
    files: list[Block] = []
    for heading, block in blocks(text):
        if block.kind == "vocabulary":
            vocabulary = block
        elif block.kind == "calendar":
            calendar = block
        elif block.kind == "file":
            files.append(block)
        elif block.kind == "policy":
            found.append(PolicyPage(vocabulary, block, [], heading, calendar, tuple(files)))
        elif block.kind in ("diagnostics", "facts", "events", "sources", "parameters", "verdicts", "evidence"):
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
    policy, found = _compile(path, text, vocabulary, lints, page.files)
    texts = {path: Source(path, page.policy.text), words.path: words,
             **{block.rest: Source(block.rest, block.text) for block in page.files}}
    expected = _remarks(page.policy.text)
    pinned = [one for one in page.parts if one.kind == "diagnostics"]
    differences = [] if pinned and not expected else _compare(file, page, found, expected)
    for block in pinned:
        fresh = "\n\n".join(render(one, texts) for one in found) + "\n"
        if fresh != block.text:
            replaced.append((block, fresh))
    if policy is None and any(one.kind in ("verdicts", "evidence") for one in page.parts):
        return [*differences, f"{file}:{page.policy.line}: the policy has errors, so there are no verdicts"]
    for block, asked in _asked(page, vocabulary) if policy is not None else ():
        assert policy is not None
        judged = judge_page(policy, asked.case, asked.setting, asked.calendar, asked.sources,
                            texts if block.kind == "evidence" else None)
        fresh = "".join(f"{line}\n" for line in judged)
        if _squeezed(fresh) != _squeezed(block.text):
            replaced.append((block, fresh))
    return differences


def _asked(page: PolicyPage, vocabulary: Vocabulary) -> Iterator[tuple[Block, Asked]]:
    """Each block of verdicts with what it says the verdicts of."""
    facts: Mapping[str, Any] = {}
    events: tuple[Event, ...] = ()
    sources: Sources | None = None
    parameters: Mapping[str, Any] = {}
    calendar = CALENDAR if page.calendar is None else read_calendar(page.calendar.text)
    for block in page.parts:
        match block.kind:
            case "facts":
                facts, events = read_facts(block.text), ()
            case "events":
                events = read_events(block.text, vocabulary)
            case "sources":
                sources = read_sources(block.text, vocabulary)
            case "parameters":
                parameters = read_facts(block.text)
            case "verdicts" | "evidence":
                setting = Setting(_as_of(block.rest, events), parameters)
                yield block, Asked(Case(facts, events), setting, calendar, sources)
            case _:
                pass


def asked_of(file: Path) -> Iterator[tuple[int, ir.Policy, Mapping[str, int], Asked]]:
    """Everything a page says the verdicts of, for engines that have to say the same: the line, the policy, the places
    of all event types, and what it is asked about."""
    for page in policies(file.read_text("utf-8")):
        vocabulary, _ = _vocabulary(page.vocabulary)
        text = page.policy.text
        if not re.search(r"^(policy|extend) ", text, re.MULTILINE):
            text += HEADER.format(name=vocabulary.name)
        policy, _ = _compile("page.policy", text, vocabulary, (), page.files)
        if policy is not None:
            places = {name: event.place for name, event in vocabulary.events.items()}
            for block, asked in _asked(page, vocabulary):
                yield block.line, policy, places, asked


def _compile(path: str, text: str, vocabulary: Vocabulary, lints: Collection[str], files: Sequence[Block],
             ) -> tuple[ir.Policy | None, tuple[Diagnostic, ...]]:
    file, found = parse(path, text)
    read = {block.rest: parse(block.rest, block.text) for block in files}
    for _, mistakes in read.values():
        found += mistakes
    policy, more = compile_sound(file, vocabulary, includes={name: one for name, (one, _) in read.items()})
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


def read_sources(text: str, vocabulary: Vocabulary) -> Sources:
    """`message` or `message since 2026-08-01 00:00:00` a line."""
    complete: dict[str, int | None] = {}
    for line in text.splitlines():
        name, _, since = (part.strip() for part in line.partition(" since "))
        complete[vocabulary.events[name].name] = parse_instant(since, ZONE) if since else None
    return Sources(complete)


@cache
def read_calendar(text: str) -> Calendar:
    """The calendar of a `calendar` block."""
    written = yaml.safe_load(text)
    days = written.get("working_days")
    return Calendar(written.get("zone", ZONE),
                    None if days is None else load_working_days(CALENDARS / f"{days}.yaml" if isinstance(days, str)
                                                                else days),
                    written.get("moves_to_working_day", False))


def judge_page(policy: ir.Policy, case: Case, setting: Setting, calendar: Calendar, sources: Sources | None,
               evidence: Mapping[str, Source] | None = None) -> list[str]:
    """A line a judgement: the rule, for a moment its time in the calendar's zone and its keys, the verdict, and when it
    is due. `overflow` alone when a number has too many digits. With `evidence` (the texts of the policy), under each
    line what decided it and what was missing."""
    try:
        judged = judge(policy, case, setting, calendar, sources=sources)
    except Overflow:
        return ["overflow"]
    lines = []
    for one in judged:
        where = ""
        if one.moment is not None:
            keys = " ".join(f"{name}={value}" for name, value in one.moment.keys)
            where = "  ".join(part for part in (_clock(one.moment.time, calendar), keys) if part) + "  "
        due = f" until {_clock(one.due, calendar)}" if one.due is not None else ""
        lines.append(f"{one.rule}  {where}{one.verdict}{due}")
        if evidence is not None:
            lines += _evidence(one, Context(calendar, None, evidence))
    return lines


def _evidence(judgement: Judgement, context: Context) -> list[str]:
    lines = [evidence_line(one, context) for one in judgement.evidence]
    lines += [missing_line(one, context) for one in judgement.missing]
    written = [f"  {line.text}" + (f"  ({line.place})" if line.place and line.kind in ("event", "field") else "")
               for line in lines]
    return [*written, *(["  rests on a tie"] if judgement.tie else [])]


def _clock(instant: int, calendar: Calendar) -> str:
    return format_instant(instant, calendar.zone).rsplit(" ", 1)[0]


def _squeezed(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]
