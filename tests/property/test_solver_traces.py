"""Comparing rules about a trace: what is shown is judged so, what is shut out never happens, and both ways mirror."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from policyengine.analysis.vocabulary import Vocabulary, load_vocabulary
from policyengine.core import ir, types
from policyengine.core.case import Case
from policyengine.core.evaluate import judge
from policyengine.core.verdict import Setting
from policyengine.solver.events_draft import fits
from policyengine.solver.model import FINE, Options, Side
from policyengine.solver.traces import compare_traces
from policyengine.solver.traces_closed import rebuilt
from policyengine.solver.traces_ground import ground_of
from policyengine.solver.traces_judged import judge_both
from policyengine.solver.traces_proof import shut_out
from policyengine.solver.traces_search import Search
from policyengine.solver.traces_ways import Ways
from tests.support import trace_strategies as traces

WORDS = """
type: object
additionalProperties: false
properties:
  service:
    type: object
    additionalProperties: false
    properties:
      flag: {type: boolean}
      number: {type: integer}
$defs:
  envelope:
    type: object
    required: [type, time]
    properties:
      type: {type: string}
      time: {type: string, format: date-time}
      id: {type: string}
      sequence: {type: integer}
  events:
""" + "".join(f"""
    {name}:
      type: object
      properties:
        user: {{type: string}}
        flag: {{type: boolean}}
        number: {{type: integer}}
        kind: {{type: string}}
""" for name in traces.EVENTS)


def vocabulary() -> Vocabulary:
    found, problems = load_vocabulary("words.yaml", WORDS)
    assert found is not None, problems
    return found


VOCABULARY = vocabulary()
SLOW = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large,
                                                        HealthCheck.filter_too_much])


def nudges(node: Any) -> list[Any]:
    """Other nodes that may stand in a node's place: another period, unit, bound, or condition on candidates."""
    match node:
        case ir.Constant(type=types.Period(unit="elapsed")):
            return [replace(node, value=one) for one in traces.ELAPSED if one != node.value]
        case ir.Constant(type=types.Period()):
            return [ir.Constant(text, types.Period("month" if "month" in text else "day")) for text in traces.LEGAL
                    if text != node.value]
        case ir.Constant(type=types.Number()):
            return [replace(node, value=node.value + 1), replace(node, value=node.value - 1)]
        case ir.Pattern(where=where) if where is not None:
            return [replace(node, where=None), replace(node, keys=()),
                    replace(node, where=ir.And((where, traces.FACT_FLAG)))]
        case ir.This(unit=unit):
            return [ir.This(one) for one in ("day", "week", "month", "year") if one != unit]
        case ir.Within(period=period):
            return [ir.NoLaterThan(period)]
        case ir.Since():
            return [ir.Before()]
        case ir.OnEvent(first=first):
            return [replace(node, first=not first)]
        case ir.OnEvery(once=once):
            return [replace(node, once=not once)]
        case ir.BooleanState(starts=starts, ends=ends):
            days = ir.Constant("2 days", types.Period("day"))
            return [replace(node, ends=()), replace(node, lasting=days), replace(node, ends=(), lasting=days),
                    replace(node, ends=(*ends, ir.Pattern("notice", ("user",), None))),
                    replace(node, starts=(*starts, ir.Pattern("use", ("user",), traces.get(ir.CANDIDATE, "flag")))),
                    replace(node, starts=tuple(replace(one, where=traces.get(ir.CANDIDATE, "flag")) for one in starts))]
        case ir.Episode():
            return [replace(node, ends=())]
        case _:
            return []


@st.composite
def nudged(draw: st.DrawFn, node: Any) -> Any:
    """The tree with one node changed a little."""
    places: list[tuple[Any, Any]] = []

    def note(one: Any) -> Any:
        places.extend((one, other) for other in nudges(one))
        return one

    rebuilt(node, note)
    assume(places)
    before, after = draw(st.sampled_from(places))
    return rebuilt(node, lambda one: after if one == before else one)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[ir.Rule, ir.Rule]:
    """A rule and another that differs a little, in one part or in all of them."""
    old, other = draw(traces.rules()), draw(traces.rules())
    part = draw(st.sampled_from(["little", "little", "little", "trigger", "when", "must", "unless", "all"]))
    if part == "trigger":
        assume(isinstance(old.trigger, ir.OnEvent) == isinstance(other.trigger, ir.OnEvent))
    new = (draw(nudged(old)) if part == "little" else other if part == "all"
           else replace(old, **{part: getattr(other, part)}))
    plain = isinstance(new.trigger, ir.OnEvent)
    assume(plain or not traces._reads_trigger_fields((new.when, new.must, new.unless)))
    return (old, new) if draw(st.booleans()) else (new, old)


@st.composite
def sides(draw: st.DrawFn) -> tuple[Side, Side]:
    """Two sides of which the rules, or what they name, differ."""
    old, new = map(side, draw(pairs()))
    if draw(st.integers(0, 3)) == 0:
        policy = draw(nudged(replace(new.policy, rules=())))
        new = replace(new, policy=replace(policy, rules=(old.rule,)), rule=old.rule)
    return (old, new) if draw(st.booleans()) else (new, old)


def side(rule: ir.Rule) -> Side:
    return Side(traces.policy(rule), rule, traces.CALENDAR, VOCABULARY)


def verdicts(one: Side, case: Case, as_of: int) -> list[str]:
    return [found.verdict for found in judge(one.policy, case, Setting(as_of, {}), one.calendar)]


@SLOW
@given(sides())
def test_a_witness_separates_and_fits_the_vocabulary(both: tuple[Side, Side]) -> None:
    old, new = both
    found = compare_traces(old, new)
    for witness in found.witnesses:
        case = Case(witness.facts, witness.events)
        assert fits(case, VOCABULARY)
        judged = judge_both((old, new), case, witness.as_of)
        assert judged is not None
        assert any(pair == (witness.old, witness.new) and outcome.time == witness.moment
                   for pair, outcome in judged.shows())
    if found.direction in ("stricter", "looser", "mixed") and not found.note.startswith("only"):
        side_of = {"stricter": [0], "looser": [1], "mixed": [0, 1]}[found.direction]
        for place, fine in enumerate(side_of):
            witness = found.witnesses[place]
            case = Case(witness.facts, witness.events)
            assert set(verdicts((old, new)[fine], case, witness.as_of)) <= FINE
            assert "violated" in verdicts((old, new)[1 - fine], case, witness.as_of)


@SLOW
@given(sides(), st.lists(traces.cases, min_size=10, max_size=40), traces.instants)
def test_what_is_shut_out_never_happens(both: tuple[Side, Side], cases: list[Case], as_of: int) -> None:
    old, new = both
    found = compare_traces(old, new)
    impossible = {(cell.old, cell.new) for cell in found.cells if cell.possible == "no"}
    exact = found.proof == "exact" and not found.note.startswith("only")
    for case in cases:
        judged = judge_both((old, new), case, as_of)
        for pair, _ in () if judged is None else judged.shows():
            assert pair not in impossible
            if exact and pair[0] in FINE and pair[1] == "violated":
                assert found.direction in ("stricter", "mixed")
            if exact and pair[1] in FINE and pair[0] == "violated":
                assert found.direction in ("looser", "mixed")


@SLOW
@given(sides())
def test_the_other_way_round_is_the_mirror(both: tuple[Side, Side]) -> None:
    there, back = (compare_traces(*one, Options(matrix=False)) for one in (both, both[::-1]))
    assume(there.proof == back.proof == "exact")
    assert back.direction == {"stricter": "looser", "looser": "stricter"}.get(there.direction, there.direction)


@SLOW
@given(traces.rules(), st.randoms(use_true_random=False))
def test_other_names_and_another_order_change_nothing(rule: ir.Rule, random: object) -> None:
    policy = traces.policy(rule)
    other = replace(rule, name="other", title="Other", must=tuple(reversed(rule.must)), when=tuple(reversed(rule.when)))
    states = tuple(reversed(policy.states))
    new = Side(replace(policy, rules=(other,), states=states), other, traces.CALENDAR, VOCABULARY)
    found = compare_traces(side(rule), new)
    assert (found.direction, found.proof) == ("equivalent", "exact")


@SLOW
@given(sides())
def test_a_search_for_what_is_shut_out_finds_none_of_it(both: tuple[Side, Side]) -> None:
    old, new = both
    ground = ground_of(old, new, Options())
    shut = shut_out(ground, Options()).pairs
    search = Search(ground, Ways(ground), (old, new))
    for pair in sorted(shut):
        search.look_for(pair, 4, steps=100)
    assert not shut & set(search.best)
