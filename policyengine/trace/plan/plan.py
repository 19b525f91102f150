"""One rule as one relational plan: from the table of events to a verdict for each of its moments.

In come a rule and all that is known before the trace is read (facts, parameters, calendar, the instant of judgement);
out come named steps of SQL, each a table made of the ones before, and what they look up. Where the events stand and
which engine runs the steps is not known here. `core.conditions` and `core.moments` are the meaning.

A question about the trace is a *sweep* (`plan.sweeps`): the rows that ask and the rows that may answer are put in one
order, and each asking row takes what has been, or will be, seen first. Only where a candidate must be compared with the
moment by more than equality are they joined in pairs. What no column can say is `hard`: the row is judged by the
evaluator itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from policyengine.core import ir
from policyengine.core.verdict import VERDICTS, Verdict
from policyengine.core.walk import conjuncts
from policyengine.trace.plan.builder import Builder
from policyengine.trace.plan.expressions import asks_trace
from policyengine.trace.plan.frames import Frame, Guard, Known, Plan, Step, TooManyPairs, any_holds
from policyengine.trace.plan.moments import moments
from policyengine.trace.plan.states import narrow
from policyengine.trace.plan.terms import (
    Term,
    all_of,
    any_tie,
    quoted,
)
from policyengine.trace.plan.values import answer_condition, answer_value


def plan(rule: ir.Rule, known: Known) -> Plan:
    """The plan of a rule with a trigger. Raises `columns.Unsupported` for what no column can answer."""
    return _whole_rule(Builder(rule, known, (answer_condition, answer_value), narrow))


def _whole_rule(build: Builder) -> Plan:
    """Moments, then the questions in the order in which they can end a moment's judging, then the verdict."""
    rule, policy = build.rule, build.known.policy
    frame, triggered, dropping = moments(build)
    scope = policy.scope_of(rule)
    asked = [] if scope is None else [scope]
    asked = [part for one in (*asked, *rule.when) for part in conjuncts(one)]
    if dropping and triggered.tie is None:
        # What the row alone says comes first: most rows of a trace are of no concern to most rules.
        asked.sort(key=lambda one: asks_trace(one))
    when: list[Term] = [triggered]
    for one in asked:
        if dropping and triggered.tie is None:
            build.narrow(frame, one)
        answer = build.kept(frame, build.condition(frame, one), "when")
        when.append(answer)
        if dropping and triggered.tie is None:
            # What is false but for a tie may be told to rest on one.
            tied = f" OR {answer.tie}" if answer.tie is not None else ""
            build.drop(frame, f"{answer.sql} IS NOT FALSE{tied}", "without those that it does not concern")
    concerned = build.kept(frame, all_of(when), "concerned")
    unless = [build.kept(frame, build.condition(frame, one.condition), "unless") for one in rule.unless]
    must = build.kept(frame, all_of([build.condition(frame, one.condition) for one in rule.must]), "must")
    _verdicts(build, frame, triggered, concerned, unless, must)
    return Plan(rule.name, tuple(build.steps), build.total if dropping else None, tuple(build.lookups),
                tuple(build.guards), tuple(dict.fromkeys(build.warnings)))


def _verdicts(build: Builder, frame: Frame, triggered: Term, when: Term, unless: Sequence[Term], must: Term) -> None:
    """The order of the verdicts: not applicable, exempt, undecided, then by what must hold."""
    maybe = " OR ".join(f"{one.sql} IS NULL" for one in unless if one.nullable)
    pending = f"{must.settles} > {build.known.as_of}" if must.settles else None
    rows: list[tuple[str, Verdict, str]] = [
        (f"{triggered.sql} IS FALSE", "not_applicable", triggered.tie or "FALSE"),
        (f"{when.sql} IS FALSE", "not_applicable", when.tie or "FALSE")]
    rows += [(f"{one.sql} IS TRUE", "exempt", one.tie or "FALSE") for one in unless]
    rows += [(f"{when.sql} IS NULL", "undecided", when.tie or "FALSE")]
    rows += [(pending, "pending", must.tie or "FALSE")] if pending else []
    rows += [(f"{must.sql} IS NULL", "undecided", must.tie or "FALSE"), (must.sql, "satisfied", must.tie or "FALSE")]
    if maybe:
        unknown = any_tie([Term("", tie=f"({one.sql} IS NULL AND {one.tie})") for one in unless
                           if one.nullable and one.tie])
        rows += [(maybe, "undecided", " OR ".join(one for one in (must.tie, unknown) if one) or "FALSE")]
    code = " ".join(f"WHEN {condition} THEN {VERDICTS.index(verdict)}" for condition, verdict, _ in rows)
    tie = " ".join(f"WHEN {condition} THEN {one}" for condition, _, one in rows)
    ties = any(one != "FALSE" for *_, one in rows) or must.tie
    resting = f"CASE {tie} ELSE {must.tie or 'FALSE'} END" if ties else "FALSE"
    hard = any_holds(frame.hard)
    place = {one: quoted(one) if one in frame.columns else "CAST(NULL AS BIGINT)" for one in ("pos", "first", "past")}
    known = '"known"' if "known" in frame.columns else '"t"'
    inside = [f'"t" >= {build.known.start}' if build.known.start is not None else "",
              f'"t" < {build.known.end}' if build.known.end is not None else ""]
    force = " AND ".join(one for one in inside if one)
    build.step("verdicts", f'SELECT "t", {known} AS "known", {place["pos"]} AS "pos", {place["first"]} AS "first", '
               f'{place["past"]} AS "past", CASE {code} ELSE {VERDICTS.index("violated")} END AS "verdict", '
               f'{must.settles or "CAST(NULL AS BIGINT)"} AS "due", '
               f'{resting} AS "tie", {hard} AS "hard" '
               f'FROM {frame.name}{f" WHERE {force}" if force else ""}', "the verdict of each moment")


__all__ = ["Guard", "Known", "Plan", "Step", "TooManyPairs", "plan"]
