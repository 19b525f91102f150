"""A file of policy tests -> its cases, ready to judge, or every reason why they are not, with line and column.

The format is docs/commands.md, "Policy tests". Facts and events must fit the vocabulary as those of a service do. What
judging a case gives is not known here.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from policyengine.base.diagnostic import Diagnostic, did_you_mean, error, has_errors, shorten
from policyengine.base.instants import parse_date, parse_instant, start_of_day, zone_info
from policyengine.base.places import Positions
from policyengine.base.source import Source, Span
from policyengine.core.case import Event, in_order
from policyengine.core.verdict import VERDICTS, Verdict
from policyengine.facts.read import Document, positions, read_bytes, read_file
from policyengine.workspace.config import Config
from policyengine.workspace.inputs import Fits, checker, fit_events
from policyengine.workspace.parameters import parameter_values
from policyengine.workspace.suites import FOLDER, Suite

MAX_EVENTS = 10_000
EVERY_RULE = "*"

HEAD = ("base", "start", "as_of", "params", "each_event", "cases")
CASE = ("name", "about", "facts", "set", "unset", "events", "each_event", "start", "as_of", "params", "expect", "due",
        "missing")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a rule's verdicts must be: all of one kind, these in order, or so many of each."""

    one: Verdict | None = None
    listed: tuple[Verdict, ...] | None = None
    counted: Mapping[str, int] | None = field(default=None, hash=False)

    def __str__(self) -> str:
        if self.one is not None:
            return self.one
        if self.listed is not None:
            return ", ".join(self.listed) or "no moment"
        return ", ".join(f"{number} {verdict}" for verdict, number in (self.counted or {}).items())

    @property
    def verdicts(self) -> frozenset[str]:
        """The verdicts it speaks of."""
        return frozenset({self.one} if self.one is not None else self.listed or self.counted or ())


@dataclass(frozen=True)
class PolicyCase:
    """One case, ready to judge. Instants are UTC microseconds. `due` is the last instant that is in time, or the last
    day (text); `missing` names what an undecided rule must say is missing."""

    name: str
    about: tuple[str, ...]
    facts: Mapping[str, Any]
    events: tuple[Event, ...]
    as_of: int
    params: Mapping[str, str]
    expect: Mapping[str, Expected]
    due: Mapping[str, int | str]
    missing: Mapping[str, tuple[str, ...]]
    file: str
    span: Span
    written: Mapping[str, Any] = field(default_factory=dict)


def read_suite(suite: Suite, shown: Mapping[Path, str]) -> tuple[tuple[PolicyCase, ...], tuple[Diagnostic, ...],
                                                                 Mapping[str, Source]]:
    """Every case of a suite that can be judged, and what is wrong with the others. `shown` names the files."""
    cases: list[PolicyCase] = []
    found: list[Diagnostic] = []
    sources: dict[str, Source] = {}
    fits = checker(suite.book.checker_python)
    for path in suite.files:
        name = shown.get(path, str(path))
        documents, problems = _read(path, name)
        found += problems
        if path.is_file():
            sources[name] = Source(name, path.read_text("utf-8-sig", errors="replace"))
        names: dict[str, Span] = {}
        for document in documents:
            reader = _Reader(suite, path, name, document, fits, names, sources)
            cases += reader.cases()
            found += reader.found
    return tuple(cases), tuple(found), sources


def _read(path: Path, name: str) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    try:
        return read_bytes(name, path.read_bytes())
    except FileNotFoundError:
        return (), (error("missing-file", f"`{name}` does not exist"),)


@dataclass
class _Reader:
    """One document of a file of cases being read; mistakes are collected on the way."""

    suite: Suite
    path: Path
    name: str
    document: Document
    fits: Fits
    names: dict[str, Span]
    sources: dict[str, Source]
    found: list[Diagnostic] = field(default_factory=list)
    bases: dict[str, tuple[Any, Positions, tuple[str | int, ...]] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.where = positions(self.document)
        self.schemas = self.suite.book.event_schemas
        self.known = self.suite.rules()

    def wrong(self, name: str, message: str, path: tuple[str | int, ...], label: str = "", *, help: str = "",
              key: bool = False) -> None:
        """A mistake at a place of the document: at the value, or at the key where that is what is wrong."""
        span = (self.where.key(path) if key else None) or self.where.nearest(path)
        self.found.append(error(name, message, span, label, help=help))

    def cases(self) -> list[PolicyCase]:
        head = self.document.value
        self._keys(head, HEAD, (), "a file of cases")
        listed = head.get("cases")
        if not isinstance(listed, list) or not listed:
            self.wrong("no-cases", f"`{self.name}` lists no cases", ("cases",) if "cases" in head else (),
                       help="write them under `cases:`, each beginning with `- name: …`; facts that cases share lie in "
                       f"a folder below `{FOLDER}`")
            return []
        start = self._start(head, (), self._default_start())
        result = []
        for index, one in enumerate(listed):
            before = len(self.found)
            case = self._case(one, ("cases", index), head, start)
            if case is not None and not has_errors(self.found[before:]):
                result.append(case)
        return result

    def _keys(self, value: Any, known: Sequence[str], path: tuple[str | int, ...], what: str) -> bool:
        if not isinstance(value, dict):
            self.wrong("case-shape", f"{what} is a mapping, found {_kind(value)}", path)
            return False
        for key in value:
            if key not in known:
                self.wrong("unknown-key", f"{what} has no `{shorten(key)}`", (*path, key), "unknown key", key=True,
                           help=did_you_mean(key, known) or f"there are {', '.join(known)}")
        return True

    def _case(self, one: Any, path: tuple[str | int, ...], head: Mapping[str, Any], start: int) -> PolicyCase | None:
        if not self._keys(one, CASE, path, "a case"):
            return None
        name = one.get("name")
        if not isinstance(name, str) or not name:
            self.wrong("case-shape", "a case needs a `name`", (*path, "name") if "name" in one else path,
                       help="say in a few words what it shows")
            return None
        span = self.where.nearest((*path, "name"))
        if name in self.names:
            self.wrong("duplicate-name", f"two cases are called `{shorten(name)}`", (*path, "name"),
                       help=f"the first is in line {self.names[name].line}")
        self.names.setdefault(name, span)
        start = self._start(one, path, start)
        facts = self._facts(one, path, head)
        events = self._events(one, path, head, start)
        params = self._params(one, path, head)
        as_of = self._as_of(one, path, head, start, events)
        expect = self._expect(one, path)
        about = self._about(one, path)
        due = self._due(one, path, start)
        missing = self._missing(one, path)
        return PolicyCase(name, about, facts or {}, events, as_of, params, expect, due, missing, self.name, span, one)

    # -- facts

    def _facts(self, one: Mapping[str, Any], path: tuple[str | int, ...], head: Mapping[str, Any],
               ) -> dict[str, Any] | None:
        if "facts" in one:
            base = self._base(one["facts"], (*path, "facts"), "facts")
        elif "base" in head:
            base = self._base(head["base"], ("base",), "base")
        else:
            self.wrong("no-facts", "the case has no facts", path, help="give the file a `base:`, or the case `facts:`")
            return None
        if base is None:
            return None
        facts: dict[str, Any] = copy.deepcopy(base[0])
        changed: list[tuple[tuple[str | int, ...], tuple[str | int, ...]]] = []
        change = one.get("set", {})
        if not isinstance(change, dict):
            self.wrong("case-shape", f"`set` is a mapping of dotted paths to values, found {_kind(change)}",
                       (*path, "set"))
            return None
        for dotted, value in change.items():
            steps = _steps(dotted)
            problem = f"`{shorten(dotted)}` is not a path such as `service.roles[0].id`" if steps is None \
                else _put(facts, steps, copy.deepcopy(value))
            if problem:
                self.wrong("case-path", problem, (*path, "set", dotted), key=True)
            elif steps is not None:
                changed.append((steps, (*path, "set", dotted)))
        gone = one.get("unset", [])
        gone = [gone] if isinstance(gone, str) else gone
        if not isinstance(gone, list):
            self.wrong("case-shape", f"`unset` is a list of dotted paths, found {_kind(gone)}", (*path, "unset"))
            return None
        for index, dotted in enumerate(gone):
            steps = _steps(dotted) if isinstance(dotted, str) else None
            if steps is None or not _remove(facts, steps):
                self.wrong("case-path", f"there is no `{shorten(str(dotted))}` to take away",
                           (*path, "unset", index))
        if self.fits(facts):
            return facts
        self._misfits(facts, base, changed)
        return None

    def _base(self, written: Any, path: tuple[str | int, ...], what: str,
              ) -> tuple[Any, Positions, tuple[str | int, ...]] | None:
        """Facts written in place, or in a file beside this one; with where they stand."""
        if isinstance(written, dict):
            return written, self.where, path
        if not isinstance(written, str):
            self.wrong("case-shape", f"`{what}` is facts, or the path of a file of facts, found {_kind(written)}", path)
            return None
        if written not in self.bases:
            self.bases[written] = None
            file = self.path.parent / written
            name = str(Path(self.name).parent / written)
            if not file.is_file():
                self.wrong("missing-file", f"there is no file `{shorten(written)}` beside `{self.path.name}`", path)
                return None
            documents, problems = read_file(file)
            if problems or len(documents) != 1:
                self.found += problems
                if not problems:
                    self.wrong("case-shape", f"`{shorten(written)}` holds {len(documents)} documents, expected one",
                               path)
                return None
            document = replace(documents[0], path=name)
            self.sources[name] = Source(name, document.text)
            base = (document.value, positions(document), ())
            if not self.fits(document.value):
                self._misfits(document.value, base, [])
            else:
                self.bases[written] = base
        base_found = self.bases[written]
        if base_found is None and not has_errors(self.found):
            self.wrong("missing-file", f"`{shorten(written)}` cannot be used", path)
        return base_found

    def _misfits(self, facts: Mapping[str, Any], base: tuple[Any, Positions, tuple[str | int, ...]],
                 changed: Sequence[tuple[tuple[str | int, ...], tuple[str | int, ...]]]) -> None:
        from policyengine.analysis.conform import problems

        _, where, root = base
        for problem in problems(self.suite.book.facts_schema, facts):
            own = next((place for steps, place in reversed(changed)
                        if problem.path[:len(steps)] == steps or steps[:len(problem.path)] == problem.path), None)
            if own is not None:
                span = self.where.nearest(own) if problem.kind != "unknown-key" \
                    else self.where.key(own) or self.where.nearest(own)
            else:
                at = (*root, *problem.path)
                span = (where.key(at) if problem.kind == "unknown-key" else None) or where.nearest(at)
            help = f"did you mean `{problem.near}`?" if problem.near else ""
            self.found.append(error(f"facts-{problem.kind}", problem.message, span, help=help))

    # -- times

    def _default_start(self) -> int:
        version = self.suite.books[-1].version
        assert version is not None
        return start_of_day(version.effective_from or version.published, self.suite.zone)

    def _start(self, one: Mapping[str, Any], path: tuple[str | int, ...], otherwise: int) -> int:
        text = one.get("start")
        if text is None:
            return otherwise
        return self._instant(text, (*path, "start"), None, day_ends=False) or otherwise

    def _as_of(self, one: Mapping[str, Any], path: tuple[str | int, ...], head: Mapping[str, Any], start: int,
               events: Sequence[Event]) -> int:
        for mapping, place in ((one, path), (head, ())):
            if "as_of" in mapping:
                return self._instant(mapping["as_of"], (*place, "as_of"), start, day_ends=True) or start
        return max((event.time for event in events), default=start)

    def _instant(self, text: Any, path: tuple[str | int, ...], start: int | None, *, day_ends: bool) -> int | None:
        try:
            return _time(str(text), start, self.suite.zone, day_ends=day_ends)
        except ValueError as problem:
            self.wrong("case-time", str(problem), path)
            return None

    # -- events

    def _events(self, one: Mapping[str, Any], path: tuple[str | int, ...], head: Mapping[str, Any], start: int,
                ) -> tuple[Event, ...]:
        from policyengine.trace.files.read import Event as Row

        written = one.get("events", [])
        if not isinstance(written, list):
            self.wrong("case-shape", f"`events` is a list, found {_kind(written)}", (*path, "events"))
            return ()
        shared: dict[str, Any] = {}
        for mapping, place in ((head, ()), (one, path)):
            each = mapping.get("each_event", {})
            if self._keys(each, tuple(each) if isinstance(each, dict) else (), (*place, "each_event"), "`each_event`"):
                shared.update(each)
        rows: list[Any] = []
        for index, entry in enumerate(written):
            at = (*path, "events", index)
            line = self.where.nearest(at).line
            for type, time, fields in self._entry(entry, at, start):
                properties = self.schemas.get(type, {}).get("properties", {})
                fields = {**{key: value for key, value in shared.items() if key in properties}, **fields}
                id, sequence = fields.pop("id", None), fields.pop("sequence", None)
                rows.append(Row(type, time, fields, id, sequence, self.name, line))
                if len(rows) > MAX_EVENTS:
                    self.wrong("too-many-events", f"the case has more than {MAX_EVENTS:,} events", at)
                    return ()
        events, problems = fit_events(rows, self.schemas)
        # A row's place is its line; here its text is at hand. A range repeats one mistake for each of its events.
        lines = {self.where.nearest((*path, "events", index)).line: index for index in range(len(written))}
        for problem in dict.fromkeys(problems):
            index = lines.get(problem.span.line, -1) if problem.span is not None else -1
            self.found.append(replace(problem, span=self.where.nearest((*path, "events", index)))
                              if index >= 0 else problem)
        return in_order(events)

    def _entry(self, entry: Any, at: tuple[str | int, ...], start: int) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """The (type, time, fields) of one line of `events`."""
        if isinstance(entry, dict) and "type" in entry:
            fields = {key: value for key, value in entry.items() if key not in ("type", "time")}
            time = self._instant(entry.get("time", ""), (*at, "time"), start, day_ends=False)
            if time is not None:
                yield str(entry["type"]), time, fields
            return
        text, fields = (entry, {}) if isinstance(entry, str) else (None, {})
        if isinstance(entry, dict) and len(entry) == 1:
            text, value = next(iter(entry.items()))
            fields = {} if value is None else value
        if text is None or not isinstance(fields, dict):
            self.wrong("case-event", "an event is written `TIME TYPE: {fields}`, or as a row with `type` and `time`",
                       at, help="for example `- +2h user_message: {user: u1}`")
            return
        when, _, type = text.rstrip().rpartition(" ")
        try:
            times = _times(when.strip(), start, self.suite.zone)
        except ValueError as problem:
            self.wrong("case-time", str(problem), at, help="for example `- +2h user_message: {user: u1}`")
            return
        for time in times:
            yield type, time, dict(fields)

    # -- what is expected

    def _params(self, one: Mapping[str, Any], path: tuple[str | int, ...], head: Mapping[str, Any]) -> dict[str, str]:
        values: dict[str, str] = {}
        for mapping, place in ((head, ()), (one, path)):
            given = mapping.get("params", {})
            if not isinstance(given, dict):
                self.wrong("case-shape", f"`params` is a mapping, found {_kind(given)}", (*place, "params"))
                continue
            for name, value in given.items():
                text = value if isinstance(value, str) else str(value).lower()
                known = {param.name for book in self.suite.books for param in book.policy.params}
                at = (*place, "params", name)
                if name not in known:
                    self.wrong("unknown-param", f"no parameter `{shorten(name)}`", at, key=True,
                               help=did_you_mean(name, known))
                    continue
                book = next(book for book in self.suite.books[::-1]
                            if any(param.name == name for param in book.policy.params))
                _, problems, _ = parameter_values(book.policy, book.id, Config(Path()), [f"{name}={text}"])
                self.found += [replace(problem, span=self.where.nearest(at)) for problem in problems]
                values[name] = text
        return values

    def _expect(self, one: Mapping[str, Any], path: tuple[str | int, ...]) -> dict[str, Expected]:
        written = one.get("expect")
        if not isinstance(written, dict) or not written:
            self.wrong("case-shape", "the case expects nothing", (*path, "expect") if "expect" in one else path,
                       help="write `expect: {RULE: VERDICT}`")
            return {}
        result = {}
        for rule, value in written.items():
            at = (*path, "expect", rule)
            if rule != EVERY_RULE:
                self._rule(rule, at, key=True)
            expected = self._expected(value, at)
            if expected is not None:
                result[rule] = expected
        return result

    def _expected(self, value: Any, at: tuple[str | int, ...]) -> Expected | None:
        match value:
            case str():
                return Expected(one=value) if self._verdict(value, at) else None  # type: ignore[arg-type]
            case list():
                good = all([self._verdict(one, (*at, index)) for index, one in enumerate(value)])
                return Expected(listed=tuple(value)) if good else None
            case dict():
                good = all([self._verdict(one, (*at, one), key=True) for one in value])
                if not all(isinstance(number, int) and not isinstance(number, bool) and number >= 0
                           for number in value.values()):
                    self.wrong("case-shape", "a verdict is counted by a whole number", at)
                    return None
                return Expected(counted=dict(value)) if good else None
            case _:
                self.wrong("case-shape", f"expected a verdict, a list of verdicts or counts, found {_kind(value)}", at)
                return None

    def _verdict(self, word: Any, at: tuple[str | int, ...], *, key: bool = False) -> bool:
        if word in VERDICTS:
            return True
        self.wrong("unknown-verdict", f"no verdict `{shorten(str(word))}`", at, key=key,
                   help=did_you_mean(str(word), VERDICTS) or f"there are {', '.join(VERDICTS)}")
        return False

    def _rule(self, name: Any, at: tuple[str | int, ...], *, key: bool = False) -> None:
        if name not in self.known:
            self.wrong("unknown-rule", f"no rule `{shorten(str(name))}` in {self.suite.name}", at, "unknown rule",
                       key=key, help=did_you_mean(str(name), self.known))

    def _about(self, one: Mapping[str, Any], path: tuple[str | int, ...]) -> tuple[str, ...]:
        written = one.get("about", [])
        names = [written] if isinstance(written, str) else written
        if not isinstance(names, list):
            self.wrong("case-shape", f"`about` names rules, found {_kind(written)}", (*path, "about"))
            return ()
        for index, name in enumerate(names):
            self._rule(name, (*path, "about") if isinstance(written, str) else (*path, "about", index))
        return tuple(map(str, names))

    def _due(self, one: Mapping[str, Any], path: tuple[str | int, ...], start: int) -> dict[str, int | str]:
        result: dict[str, int | str] = {}
        for rule, value in self._by_rule(one, path, "due"):
            at = (*path, "due", rule)
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", str(value)):
                result[rule] = str(value)
                continue
            time = self._instant(value, at, start, day_ends=False)
            if time is not None:
                result[rule] = time
        return result

    def _missing(self, one: Mapping[str, Any], path: tuple[str | int, ...]) -> dict[str, tuple[str, ...]]:
        return {rule: (value,) if isinstance(value, str) else tuple(map(str, value))
                for rule, value in self._by_rule(one, path, "missing") if isinstance(value, str | list)}

    def _by_rule(self, one: Mapping[str, Any], path: tuple[str | int, ...], key: str) -> Iterator[tuple[str, Any]]:
        written = one.get(key, {})
        if not isinstance(written, dict):
            self.wrong("case-shape", f"`{key}` is a mapping by rule, found {_kind(written)}", (*path, key))
            return
        for rule, value in written.items():
            self._rule(rule, (*path, key, rule), key=True)
            yield rule, value


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return f"`{shorten(str(value))}`"


# ---- paths into facts --------------------------------------------------------------------------------------------

_STEP = re.compile(r"([^.\[\]]+)((?:\[[0-9]+\])*)")


def _steps(dotted: str) -> tuple[str | int, ...] | None:
    """`service.roles[0].id` -> its steps; None when it is no path."""
    steps: list[str | int] = []
    for part in dotted.split("."):
        found = _STEP.fullmatch(part)
        if found is None:
            return None
        steps += [found[1], *map(int, re.findall(r"[0-9]+", found[2]))]
    return tuple(steps)


def _put(facts: Any, steps: tuple[str | int, ...], value: Any) -> str:
    """Set the value at a path, making mappings on the way; what is wrong, or nothing."""
    here = facts
    for place, step in enumerate(steps):
        last = place == len(steps) - 1
        if isinstance(step, int):
            if not isinstance(here, list):
                return f"`{path_text(steps[:place])}` is no list"
            if step == len(here):
                here.append(None if last else {})
            if step > len(here):
                return f"`{path_text(steps[:place])}` has {len(here)} items, counted from 0"
        elif not isinstance(here, dict):
            return f"`{path_text(steps[:place])}` is no mapping"
        if last:
            here[step] = value
        elif isinstance(step, int):
            here = here[step]
        else:
            if here.get(step) is None:
                here[step] = [] if isinstance(steps[place + 1], int) else {}
            here = here[step]
    return ""


def _remove(facts: Any, steps: tuple[str | int, ...]) -> bool:
    """Take away the value at a path; false when there is none."""
    here = facts
    for step in steps[:-1]:
        if not _has(here, step):
            return False
        here = here[step]
    if not _has(here, steps[-1]):
        return False
    del here[steps[-1]]
    return True


def _has(here: Any, step: str | int) -> bool:
    return step in here if isinstance(here, dict) else \
        isinstance(here, list) and isinstance(step, int) and step < len(here)


def path_text(steps: Iterable[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


# ---- times -------------------------------------------------------------------------------------------------------

_OFFSET = re.compile(r"([+-]?)((?:[0-9]+(?:\.[0-9]{1,6})?[dhms])+)")
_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]{1,6})?)([dhms])")
_RANGE = re.compile(r"(.+?) to (.+?) every (\S+)")
_LOCAL = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2})(:[0-9]{2}(?:\.[0-9]{1,6})?)?")
_MICROSECONDS = {"h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000}


def _times(text: str, start: int, zone: str) -> list[int]:
    """`TIME`, or `TIME to TIME every STEP` with both ends included. ValueError when it is neither."""
    found = _RANGE.fullmatch(text)
    if found is None:
        return [_time(text, start, zone, day_ends=False)]
    first, last = (_time(found[n].strip(), start, zone, day_ends=False) for n in (1, 2))
    if not re.fullmatch(_OFFSET, found[3]) or found[3][0] in "+-":
        raise ValueError(f"`{shorten(found[3])}` is not a step such as `5m`")
    times: list[int] = []
    count = 0
    while (time := _moved(first, found[3], zone, count)) <= last:
        if times and time <= times[-1]:
            raise ValueError(f"`{shorten(found[3])}` is no step forward")
        times.append(time)
        count += 1
        if count > MAX_EVENTS:
            raise ValueError(f"a range makes at most {MAX_EVENTS:,} events")
    return times


def _time(text: str, start: int | None, zone: str, *, day_ends: bool) -> int:
    """`+2h` from `start`, a local time, an instant, or a date (its first instant, or with `day_ends` its last)."""
    text = text.strip()
    if text[:1] in ("+", "-") and _OFFSET.fullmatch(text):
        if start is None:
            raise ValueError(f"`{shorten(text)}` counts from `start`, which is a time itself")
        return _moved(start, text, zone, 1)
    if len(text) == len("2026-08-01"):
        day = parse_date(text)
        return start_of_day(day.fromordinal(day.toordinal() + 1), zone) - 1 if day_ends else start_of_day(day, zone)
    local = _LOCAL.fullmatch(text)
    if local is not None:
        return parse_instant(local[1] + (local[2] or ":00"), zone)
    try:
        return parse_instant(text, zone)
    except ValueError:
        raise ValueError(f"`{shorten(text)}` is not a time such as `+2h`, `2026-08-01 10:00` or "
                         "`2026-08-01T10:00:00+08:00`") from None


def _moved(start: int, offset: str, zone: str, times: int) -> int:
    """`start` moved by an offset, so many times. Days keep the clock time of the zone, the rest is elapsed."""
    sign = -times if offset.startswith("-") else times
    days = elapsed = 0
    for amount, unit in _AMOUNT.findall(offset):
        if unit == "d":
            if "." in amount:
                raise ValueError(f"`{shorten(offset)}`: days are whole")
            days += int(amount)
        else:
            whole, _, fraction = amount.partition(".")
            elapsed += (int(whole) * 1_000_000 + int(fraction.ljust(6, "0") or 0)) * _MICROSECONDS[unit] // 1_000_000
    try:
        if days:
            epoch = datetime(1970, 1, 1, tzinfo=UTC)
            moved = (epoch + timedelta(microseconds=start)).astimezone(zone_info(zone)) + timedelta(days=sign * days)
            start = (moved - epoch) // timedelta(microseconds=1)
        return start + sign * elapsed
    except OverflowError:
        raise ValueError(f"`{shorten(offset)}` leads outside the years 1 to 9999") from None
