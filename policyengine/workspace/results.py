"""A judgement and what it was judged with -> the `Result` a report shows: in words, with places, in reading order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policyengine.base.calendar import provisional
from policyengine.base.diagnostic import Severity
from policyengine.base.instants import format_instant, iso_instant, local_date, parse_period
from policyengine.core import ir
from policyengine.core.verdict import VERDICTS, FactRead, Judgement, MissingFact, ParameterUsed, key_text
from policyengine.report.entries import in_time
from policyengine.report.evidence import (
    Context,
    event_place,
    evidence_line,
    fact_place,
    last_in_time,
    missing_line,
    shown,
    span_place,
    written,
)
from policyengine.report.model import Judged, MomentLine, Place, Result
from policyengine.report.words import Said, as_is, citation, joined
from policyengine.workspace.library import Book

LONG = 2_000  # characters of a policy quoted whole; formats lay out


def result_of(judgement: Judgement, rule: ir.Rule, book: Book, service: str, context: Context, severity: Severity,
              values: Mapping[str, Any]) -> Result:
    """One judgement in words. `service` is the file as written; `values` are the operator's parameters."""
    calendar = book.calendar
    zone = calendar.zone
    moment = judgement.moment
    evidence = tuple(dict.fromkeys(evidence_line(one, context) for one in judgement.evidence))
    missing = tuple(dict.fromkeys(missing_line(one, context) for one in judgement.missing))
    used = {one.name for one in judgement.evidence if isinstance(one, ParameterUsed)}
    params = {param.name: shown(values.get(param.name, param.value)).strip('"') for param in book.policy.params
              if param.name in used}
    exemption = None
    if judgement.exemption is not None:
        unless = rule.unless[judgement.exemption]
        exemption = as_is(written(unless.condition.span, context))
        if unless.under:
            exemption = Said("exempt under", (exemption, joined("and", (citation(str(one)) for one in unless.under))))
    return Result(
        book.id, book.label, rule.name, rule.title, tuple(map(str, rule.citations)), rule.family, severity,
        judgement.verdict, service, _first_place(judgement, context),
        None if moment is None else MomentLine(
            format_instant(moment.time, zone), iso_instant(moment.time, "UTC"),
            {key: key_text(value) for key, value in moment.keys},
            moment.event.type if moment.event else _mark(rule, context), _moment_place(judgement)),
        None if judgement.due is None else last_in_time(judgement.due, zone),
        None if judgement.due is None else iso_instant(judgement.due - 1, "UTC"),
        _provisional(judgement, rule, book, values), _requirements(rule, context),
        evidence, missing, params, exemption, rule.fix,
        judgement.tie, span_place(rule.span), rule.title_zh, rule.fix_zh)


def _first_place(judgement: Judgement, context: Context) -> Place | None:
    """Where to look first: the moment's event, else the first fact that decided or is missing."""
    if judgement.moment is not None:
        return _moment_place(judgement)
    for evidence in judgement.evidence:
        if isinstance(evidence, FactRead):
            return fact_place(evidence.path, context)
    for missing in judgement.missing:
        if isinstance(missing, MissingFact):
            return fact_place(missing.path, context)
    return fact_place((), context)


def _mark(rule: ir.Rule, context: Context) -> str:
    return "" if rule.trigger is None else written(rule.trigger.span, context).removeprefix("on ")


def _moment_place(judgement: Judgement) -> Place | None:
    moment = judgement.moment
    if moment is None:
        return None
    event = moment.event or moment.run_past or moment.run_first
    return event_place(event) if event is not None else None


def _requirements(rule: ir.Rule, context: Context) -> tuple[Said, ...]:
    def said(must: ir.Must) -> Said:
        if must.never:
            return Said("never")
        # the span of a `must not X` holds the words itself
        text = written(must.condition.span, context, LONG).removeprefix("must ")
        return Said("must not", (text.removeprefix("not "),)) if text.startswith("not ") else Said("must", (text,))
    return tuple(map(said, rule.must))


def _provisional(judgement: Judgement, rule: ir.Rule, book: Book, values: Mapping[str, Any]) -> bool:
    """Whether the due time counts working days of a year whose days off the calendar does not list."""
    if judgement.due is None or judgement.moment is None:
        return False
    start = judgement.moment.known
    for expr in _periods(rule.must):
        raw = expr.value if isinstance(expr, ir.Constant) else next(
            (values.get(param.name, param.value) for param in book.policy.params
             if isinstance(expr, ir.Parameter) and param.name == expr.name), None)
        if isinstance(raw, str) and provisional(start, parse_period(raw), book.calendar):
            return True
    return False


def _periods(musts: Sequence[ir.Must]) -> Iterator[ir.Expr]:
    pending: list[Any] = [must.condition for must in musts]
    while pending:
        expr = pending.pop()
        match expr:
            case ir.Not():
                pending.append(expr.part)
            case ir.And() | ir.Or():
                pending += expr.parts
            case ir.Occurs(range=ir.Within(period)) | ir.Occurs(range=ir.NoLaterThan(period)):
                yield period
            case _:
                continue


SEVERITY_ORDER: dict[str, int] = {"error": 0, "warning": 1, "info": 2}


def reading_order(result: Result) -> tuple[Any, ...]:
    """Violated, undecided, pending, exempt; inside by severity, article, rule, service, due time, moment. What is alike
    in all of that stays as it stands: in the order of the trace."""
    return (VERDICTS.index(result.verdict), SEVERITY_ORDER[result.severity], result.regulation, result.version,
            _article(result.citations), result.rule, result.service,
            in_time(result.due_instant or ""), in_time(result.moment.instant if result.moment else ""))


def _article(citations: tuple[str, ...]) -> tuple[Any, ...]:
    """`Art. 9(2)` before `Art. 18(1)`."""
    if not citations:
        return ()
    digits = "".join(c if c.isdigit() else " " for c in citations[0]).split()
    return tuple(int(one) for one in digits)


def judged_by(book: Book, as_of: int, rules: int) -> Judged:
    """Which version judged, and whether it is in force at an instant (UTC microseconds)."""
    regulation, version = book.regulation, book.version
    if version is None:
        return Judged(book.id, book.label, Said("house", (regulation.title.en,)).told(),
                      Said("house", (regulation.title.zh,)).told("zh") if regulation.title.zh else "", "house",
                      Said("always"), "", "", rules, regulation.timezone)
    today = local_date(as_of, regulation.timezone)
    start = version.effective_from
    if start is None:
        force = Said("draft")
    elif start > today:
        force = Said("not yet", (start.isoformat(),))
    elif version.effective_to is not None and version.effective_to < today:
        force = Said("was in force", (start.isoformat(), version.effective_to.isoformat()))
    else:
        force = Said("in force", (start.isoformat(),))
    return Judged(book.id, book.label, version.title.en, version.title.zh, version.status, force,
                  regulation.confidence.en, regulation.confidence.zh, rules, regulation.timezone, version.sources)
