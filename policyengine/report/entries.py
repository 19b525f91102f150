"""The results of a report as entries to read: one a rule and verdict, with the reasons in short sentences.

In comes a `Report`; out come entries in the order of reading, what decided each result in words, and a fingerprint that
stays the same when lines move or messages change. Where the words go is not known here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from policyengine.base.diagnostic import shorten
from policyengine.base.record import record
from policyengine.core.verdict import Verdict
from policyengine.report.model import Judged, Line, Place, Report, Result, RuleCount
from policyengine.report.words import Lang, Said, as_is, counted, joined

NAMED = 10
"""Of a rule with more findings than a report lists, text looks at so many more than it shows, for whom they are about.
"""

WHOLE = 1_000_000  # `shorten` then only shows control characters


@record
class Entry:
    """What is said in one piece: the results of one rule with one verdict; or the undecided ones of several rules that
    all miss the same single thing, which then is `missing`. `number` is how many they are, those that a long report
    leaves out included; of open duties, those due by the report's `until`."""

    results: tuple[Result, ...]
    number: int
    missing: Line | None = None

    @property
    def first(self) -> Result:
        """The first in the order of reading, which gives the place."""
        return self.results[0]

    @property
    def verdict(self) -> Verdict:
        """The same for all results of the entry."""
        return self.first.verdict

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules the entry is about, in the order of reading."""
        return tuple(dict.fromkeys(result.rule for result in self.results))

    @property
    def left_out(self) -> int:
        """How many a long report leaves out: of these nothing is known but the verdict."""
        return self.number - len(self.results)


def entries(report: Report, results: Iterable[Result]) -> tuple[Entry, ...]:
    """One version's results (they are in the order of reading) as entries, in the same order."""
    by_rule: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        by_rule.setdefault((result.regulation, result.version, result.verdict, result.rule), []).append(result)
    by_missing: dict[tuple[str, ...], list[list[Result]]] = {}
    alone: dict[int, Line] = {}
    number = {id(group): _number(report, group) for group in by_rule.values()}
    for group in by_rule.values():
        lost = _only_missing(group)
        if lost is not None and number[id(group)] == len(group):  # what is left out may miss something else
            alone[id(group)] = lost
            by_missing.setdefault((*_version(group), lost.kind, lost.name), []).append(group)
    found: list[Entry] = []
    for group in by_rule.values():
        if id(group) not in alone:
            found.append(Entry(tuple(group), number[id(group)]))
            continue
        lost = alone[id(group)]
        shared = by_missing.pop((*_version(group), lost.kind, lost.name), None)
        if shared is not None:  # None: it was said with the first rule that misses the thing
            found.append(Entry(tuple(result for one in shared for result in one), sum(map(len, shared)),
                               lost if len(shared) > 1 else None))
    return tuple(found)


def _number(report: Report, group: Sequence[Result]) -> int:
    """How many results of this rule and verdict there are, whether they are listed or not."""
    count, verdict = rule_count(report, group[0]), group[0].verdict
    return max(len(group), 0 if count is None else count.counts[verdict] - (count.later if verdict == "pending" else 0))


def _version(group: Sequence[Result]) -> tuple[str, str]:
    return group[0].regulation, group[0].version


def _only_missing(group: Sequence[Result]) -> Line | None:
    """The one thing that all of a rule's undecided results miss, when it is one."""
    names = {(line.kind, line.name): line for result in group for line in result.missing}
    return next(iter(names.values())) if group[0].verdict == "undecided" and len(names) == 1 else None


def by_version(report: Report) -> tuple[tuple[Result, ...], ...]:
    """The findings and the other results of each version that judged, in the order of `report.judged`."""
    return tuple(tuple(result for result in (*report.findings, *report.others)
                       if (result.regulation, result.version) == (judged.regulation, judged.version))
                 for judged in report.judged)


# ---- reasons ----------------------------------------------------------------------------------------------------

@record
class Reasons:
    """What was found, and those parts of the requirement that what was found does not name already."""

    found: tuple[Said, ...]
    required: tuple[Said, ...] = ()

    def sentence(self, lang: Lang = "en") -> str:
        """All on one line, which is never empty for a violated or undecided result."""
        every = (*self.found, *self.required)
        return clean(joined("then", every).told(lang)) if every else ""


def reasons(result: Result) -> Reasons:
    """Why the verdict is what it is, in short sentences."""
    match result.verdict:
        case "violated":
            return _violated(result)
        case "undecided":
            return Reasons(_missing(result.missing))
        case "pending":
            return Reasons((due(result),) if result.due else ())
        case "exempt":
            return Reasons((result.exemption,) if result.exemption else ())
        case _:
            return Reasons(())


def due(result: Result) -> Said:
    """`due by the end of 2026-08-24`, with a word when working days not yet announced were counted. It has a date."""
    assert result.due is not None
    said = Said("due", (result.due,))
    return Said("provisional", (said,)) if result.provisional else said


def _missing(lines: Sequence[Line]) -> tuple[Said, ...]:
    facts = list(dict.fromkeys(line.name for line in lines if line.kind == "fact"))
    if len(facts) < 2:
        return tuple(dict.fromkeys(line.said for line in lines))
    first = joined("and", (Said("listed", (name,)) for name in facts[:-1]))
    listed = Said("are missing", (first, facts[-1]))
    return (listed, *dict.fromkeys(line.said for line in lines if line.kind != "fact"))


def _violated(result: Result) -> Reasons:
    demands = result.requirements
    found: list[Said] = []
    settled: set[Said] = set()  # demands that the found facts already carry
    about: set[Said] = set()
    for part, lines in _by_part(result.evidence):
        texts = []
        demand = None if part is None else _demand_of(part, demands)
        for line in lines:
            if line.kind in ("fact", "field", "number"):
                wish = None if part is None or demand is None else _wish(part, line)
                texts.append(Said("then", (line.said, wish)) if wish else line.said)
                if wish and demand:
                    settled.add(demand)
            elif line.kind != "parameter":
                texts.append(line.said)
                # `no contact_recorded before` says all of `must contact_recorded before`
                if line.said.key == "none before":
                    settled.add(Said("must", (line.text.removeprefix("no "),)))
        if part is not None and not texts and not (_holds(part) is False and Said("must", (part.name,)) in demands):
            texts = [_bare(part)]
        found += texts
        if part is not None:
            about |= {demand for demand in demands if part.name in demand.told()}
    required = [demand for demand in demands if demand not in settled and (not about or demand in about)]
    return Reasons(tuple(dict.fromkeys(found)), tuple(required))


def _by_part(evidence: Sequence[Line]) -> list[tuple[Line | None, list[Line]]]:
    """Each smallest condition that decided, with the lines that follow it; lines before the first go with None."""
    groups: list[tuple[Line | None, list[Line]]] = [(None, [])]
    for line in evidence:
        if line.kind == "part":
            groups.append((line, []))
        else:
            groups[-1][1].append(line)
    return groups


def _holds(part: Line) -> bool | None:
    """How a condition came out."""
    return {"part true": True, "part false": False}.get(part.said.key)


def _demand_of(part: Line, demands: Sequence[Said]) -> Said | None:
    """The demand that cannot be met unless this condition changes: it is the condition, or a plain `and` of it."""
    wanted = (part.name,) if _holds(part) is False else (f"not {part.name}", f"not ({part.name})")
    return next((demand for demand in demands if demand.told().removeprefix("must ") in wanted), None)


_COMPARISON = re.compile(r"\s*(<=|>=|!=|=|<|>|in|contains all|contains none of|contains|matches)\s+(.+)", re.DOTALL)
# What a value has to be where a comparison has to hold, and where it must not.
_WISHES = {"=": ("be", "not be"), "!=": ("not be", "be"), "<": ("less", "not less"), "<=": ("at most", "not at most"),
           ">": ("more than", "not more than"), ">=": ("least", "not least"), "in": ("one of", "not one of"),
           "contains": ("contain", "not contain"), "contains all": ("contain all", "not contain all"),
           "contains none of": ("contain none", "not contain none"), "matches": ("matching", "not matching")}
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')


def _wish(part: Line, line: Line) -> Said | None:
    """What the value shown by a line would have to be: `must be one of "persistent", "session_start"`."""
    if not part.name.startswith(line.name):
        return None
    rest = part.name[len(line.name):]
    needed = _holds(part) is False
    if not rest:
        return Said("be", ("true" if needed else "false",))
    if rest.strip() == "is present":
        return Said("state" if needed else "not state")
    found = _COMPARISON.fullmatch(rest)
    if found is None:
        return None
    operator, wanted = found.groups()
    value = line.said.values[1] if len(line.said.values) > 1 else ""
    if operator.startswith("contains ") and isinstance(value, str) and "…" not in value:
        names, there = _TEXT.findall(wanted), set(_TEXT.findall(value))
        if operator == "contains all" and needed and names:
            lacking = [name for name in names if name not in there]
            return Said("lacks", (joined("and", lacking),)) if lacking else None
        if operator == "contains none of" and needed and names:
            return Said("not contain", (joined("and", (name for name in names if name in there)),))
    listed = wanted.strip("[]") if operator in ("in", "contains all", "contains none of") else wanted
    return Said(_WISHES[operator][not needed], (listed,))


def _bare(part: Line) -> Said:
    """A condition for which nothing was read: what it asks about is not known, or it is said as it stands."""
    known = re.fullmatch(r"([\w.]+) is present", part.name)
    return Said("not known", (known[1],)) if known and _holds(part) is False else part.said


# ---- whom, when, how many -------------------------------------------------------------------------------------

def whom(report: Report, result: Result) -> Said:
    """Whom a duty is about; where no key tells, what gave rise to it, of a service that is named if there are
    several."""
    service, moment = clean(result.service), result.moment
    if moment is None or moment.keys:
        return as_is(keys_text(result) or service)
    when = Said("event at", (clean(moment.event), moment.time)) if moment.event else as_is(moment.time)
    return when if len(report.services) == 1 else Said("of", (service, when))


def how_many(report: Report, entry: Entry) -> Said:
    """Of how many services or moments that the rule judged an entry tells; of moments also of how many users."""
    first, number = entry.first, entry.number
    judged = max(total(report, first), number)
    moments = [result.moment for result in entry.results if result.moment]
    if not moments:
        return Said("services", (f"{number:,}", f"{judged:,}"))
    whole = len(entry.results) - len(moments)  # beside them something is said of the service
    number, judged = number - whole, judged - whole
    keys = {tuple(moment.keys.items()) for moment in moments}
    if len(moments[0].keys) == 1 and 1 < len(keys) < len(moments) == number:
        return Said("keyed", (f"{number:,}", f"{judged:,}", f"{len(keys):,}", next(iter(moments[0].keys))))
    return Said("moments", (f"{number:,}", f"{judged:,}"))


def duties(found: Iterable[Entry]) -> list[tuple[Entry, Result]]:
    """Open duties of all rules, the first due first, each with its entry."""
    return sorted(((entry, result) for entry in found for result in entry.results),
                  key=lambda row: (in_time(row[1].due_instant), row[1].rule, keys_text(row[1])))


def duties_head(report: Report, number: int, listed: int, later: int) -> Said:
    """How many open duties there are, or how many are due by the time asked about, of which those that are known to be
    are listed; and how many are due later."""
    until = report.until
    if until is None:
        head = counted("to do", number)
    else:
        head = counted("to do until", listed, until.text) if listed else Said("to do none", (until.text,))
    return Said("later", (head, f"{later:,}")) if later else head


def later_of(report: Report, judged: Judged) -> int:
    """How many open duties of a version are due after the time asked about."""
    return sum(count.later for count in report.rules
               if (count.regulation, count.version) == (judged.regulation, judged.version))


def due_date(result: Result) -> Said:
    """Until when a duty is to be met, with a word when working days not yet announced were counted."""
    if result.due is None:
        return Said("no due")
    return Said("provisional", (result.due,)) if result.provisional else result.due


# ---- in small ---------------------------------------------------------------------------------------------------

def clean(text: str) -> str:
    """The text on one line, its control characters shown."""
    return shorten(text, WHOLE)


def keys_text(result: Result) -> str:
    """Whom a moment is about: `u-4821`, or `user = u1, purpose = training` where one value would not say."""
    keys = result.moment.keys if result.moment else {}
    if len(keys) == 1:
        return shorten(next(iter(keys.values())))
    return ", ".join(f"{name} = {shorten(value)}" for name, value in keys.items())


_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) ([+-]\d\d:\d\d)")


def near(text: str, time: str) -> str:
    """`text` with the day and the offset of its times left out where they are those of `time`, which stands before."""
    base = _TIME.fullmatch(time)
    if base is None:
        return text

    def brief(found: re.Match[str]) -> str:
        day, clock, offset = found.groups()
        if offset != base[3]:
            return found[0]
        return clock if day == base[1] else f"{day} {clock}"
    return _TIME.sub(brief, text)


def in_time(instant: str | None) -> str:
    """What an instant in UTC is sorted by: as text, `10:00:00.5Z` stands before `10:00:00Z`. None comes last."""
    return "~" if instant is None else instant.removesuffix("Z")


def line_of(place: Place) -> int:
    """The 1-based line of a place, for formats that know nothing but lines: a row of NDJSON or CSV is one."""
    is_text = place.file.endswith((".ndjson", ".jsonl", ".csv", ".tsv"))
    return place.line or (place.row if place.row is not None and is_text else 1)


def place_of(result: Result) -> Place:
    """Where to look first; the service's file when nothing nearer is known."""
    return result.place or Place(file_of(result.service))


def file_of(service: str) -> str:
    """The file of a service, without the number of its document."""
    return re.sub(r"#\d+$", "", service)


def headline(result: Result) -> str:
    """One sentence in English for formats that show a result by itself: `Art. 18(1) violated: …`."""
    moment = result.moment
    why = reasons(result).sentence() or clean(result.title)
    parts = [f"{', '.join(map(clean, result.citations[:2]))} {result.verdict.replace('_', ' ')}".strip()]
    if moment is not None:
        event = f"{clean(moment.event)} at " if moment.event else "at "
        parts.append(", ".join(filter(None, (keys_text(result), event + moment.time))))
        why = near(why, moment.time)
    return ": ".join(filter(None, (*parts, why)))


def total(report: Report, result: Result) -> int:
    """How many services or moments the result's rule judged (those it did not apply to do not count)."""
    count = rule_count(report, result)
    return sum(number for verdict, number in count.counts.items() if verdict != "not_applicable") if count else 0


def rule_count(report: Report, result: Result) -> RuleCount | None:
    """The counts of the result's rule."""
    return next((count for count in report.rules if (count.regulation, count.version, count.rule)
                 == (result.regulation, result.version, result.rule)), None)


def fingerprints(results: Sequence[Result]) -> tuple[str, ...]:
    """12 hex digits for each result: the same for the same thing found again, whatever lines moved or words changed.

    From regulation, rule, service, and either the fact it stands at or keys, instant and event of the moment. Results
    that agree in all of that (two such events of one instant) are told apart by their order.
    """
    texts = []
    for result in results:
        parts = [result.regulation, result.rule, result.service]
        if result.moment is not None:
            parts += [result.moment.instant, result.moment.event]
            parts += [f"{name}={value}" for name, value in sorted(result.moment.keys.items())]
        else:
            parts.append(next((line.name for line in (*result.evidence, *result.missing) if line.kind == "fact"), ""))
        texts.append("\0".join(parts))
    return _hashed(texts)


def entry_fingerprints(found: Sequence[Entry]) -> tuple[str, ...]:
    """12 hex digits for each entry, the same in another report on the same rule and verdict: from regulation, verdict,
    and the rule, or what several rules miss."""
    return _hashed(["\0".join((one.first.regulation, one.verdict, *(
        ("", one.missing.kind, one.missing.name) if one.missing else (one.first.rule,)))) for one in found])


def _hashed(texts: Sequence[str]) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    found = []
    for text in texts:
        again = seen[text] = seen.get(text, -1) + 1
        text += f"\0{again}" if again else ""
        found.append(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12])
    return tuple(found)
