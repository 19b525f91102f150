"""What became of a rule about facts: direction, witnesses, matrix and table; what is proven of rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policyengine.analysis.compile import compile_policy
from policyengine.analysis.conform import problems
from policyengine.analysis.vocabulary import Vocabulary, load_vocabulary
from policyengine.base.calendar import Calendar, WorkingDays
from policyengine.base.instants import parse_instant
from policyengine.core.case import Case
from policyengine.core.patterns import full_match
from policyengine.core.verdict import VERDICTS
from policyengine.solver import compare as module
from policyengine.solver.compare import compare
from policyengine.solver.model import Comparison, Disagreement, NotAnalysable, Options, Side
from policyengine.solver.prove import contradictions, implies, prove
from policyengine.solver.values_patterns import classes_of
from policyengine.syntax.parser import parse

VOCABULARY = """
type: object
required: [user]
properties:
  user:
    type: object
    properties:
      age: {type: integer, minimum: 0, maximum: 150, description: "Age."}
      born: {type: string, format: date, description: "Born."}
      consent: {type: boolean, description: "Consent."}
      declared: {type: boolean, default: false, description: "Declared."}
      plan: {type: string, enum: [free, paid, school], description: "Plan."}
      name: {type: string, minLength: 1, description: "Name."}
      share: {type: number, minimum: 0, maximum: 1, description: "Share."}
      limit: {type: integer, description: "Limit."}
      first: {type: number, description: "First."}
      second: {type: number, description: "Second."}
  systems: {type: array, uniqueItems: true, items: {type: string, enum: [a, b, c, d]}, description: "Systems."}
  needed: {type: array, items: {type: string, enum: [a, b, c, d]}, description: "Needed."}
  tags: {type: array, items: {type: string}, description: "Tags."}
  parts:
    type: array
    description: Parts.
    items:
      type: object
      required: [name]
      properties:
        name: {type: string, minLength: 1, description: "Name."}
        size: {type: integer, minimum: 0, description: "Size."}
        safe: {type: boolean, description: "Safe."}
        pieces: {type: array, description: "Pieces.", items: {type: object, properties: {
          fine: {type: boolean, description: "Fine."}}}}
  checked: {type: string, format: date, description: "Checked."}
  term: {type: string, format: period, x-unit: day, description: "Term."}
$defs: {events: {}}
"""
CALENDAR = Calendar("Asia/Shanghai", WorkingDays("none", frozenset(), frozenset(), frozenset({2025, 2026})))
AS_OF = parse_instant("2026-07-15T08:00:00+08:00")
OPTIONS = Options(as_of=AS_OF)


def vocabulary() -> Vocabulary:
    loaded, found = load_vocabulary("v.yaml", VOCABULARY)
    assert loaded is not None, found
    return loaded


KNOWN = vocabulary()


def side(body: str, head: str = "", **parameters: Any) -> Side:
    """The first rule of a policy; `body` are the lines of the rule, `head` what stands before it."""
    file, problems = parse("one.policy", f"policy test/one version 1\nuse vocabulary v\n{head}\nrule r\n{body}\n")
    assert problems == ()
    policy, found = compile_policy(file, KNOWN)
    assert policy is not None, found
    return Side(policy, policy.rules[0], CALENDAR, KNOWN, parameters)


def became(old: str, new: str, head: str = "", new_head: str | None = None, **more: Any) -> Comparison:
    found = compare(side(f"  {old}", head), side(f"  {new}", head if new_head is None else new_head),
                    replace(OPTIONS, **more))
    for one in found.witnesses:
        assert problems(KNOWN.schema, one.facts) == ()
    return found


def shown(found: Comparison, place: int = 0) -> Any:
    return found.witnesses[place].facts


# ---- directions -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("old", "new", "direction", "witness"), [
    ("must user.age >= 14", "must user.age >= 18", "stricter", {"user": {"age": 14}}),
    ("must user.age >= 18", "must user.age >= 14", "looser", {"user": {"age": 14}}),
    ("must user.age >= 14", "must user.age > 13", "equivalent", None),
    ("must user.consent", "must user.consent and user.age >= 18", "stricter", None),
    ("must user.consent", 'must user.consent or user.plan = "school"', "looser", None),
    ("must user.consent", "must user.declared", "mixed", None),
    ("must user.consent", "must not (not user.consent)", "equivalent", None),
    ('must user.plan in ["free", "paid", "school"]', "must user.plan is present or not user.plan is present",
     "equivalent", None),
    ("must user.share >= 0.98", "must user.share >= 0.96", "looser", None),
    ("must user.share >= 0.985", "must user.share >= 0.9851", "stricter", None),
    ("must user.first + user.second >= 10", "must user.second + user.first >= 10", "equivalent", None),
    ("must user.first / user.second >= 0.5", "must user.first / user.second >= 0.4", "looser", None),
    ("must user.first / user.second >= 0.5", "must 2 * user.first >= user.second", "mixed", None),
    ("must user.name = \"x\"", "must user.name != \"x\"", "mixed", None),
    ('must user.name matches "a+"', 'must user.name matches "a*b?a"', "looser", None),
    ('must user.name matches "[a-z]+"', 'must user.name matches "[a-z]{2,}"', "stricter", None),
    ('must user.name matches "(?i)cn-[0-9]+"', 'must user.name matches "[cC][nN]-\\\\d+"', "equivalent", None),
    ("must checked >= 2026-01-01", "must checked > 2025-12-31", "equivalent", None),
    ("must checked + 30 days >= today", "must checked + 15 days >= today", "stricter", None),
    ("must checked + 12 months >= today", "must checked + 1 year >= today", "equivalent", None),
    ("must checked + 12 months >= today", "must checked + 11 months >= today", "stricter", None),
    ("must completed_years(user.born) >= 14", "must completed_years(user.born) >= 18", "stricter", None),
    ("must term <= 30 days", "must term <= 2 weeks", "stricter", {"term": "15 days", "user": {}}),
])
def test_direction(old: str, new: str, direction: str, witness: Any) -> None:
    found = became(old, new)
    assert found.direction == direction, found
    assert found.proof == "exact"
    if witness is not None:
        assert shown(found) == witness


@pytest.mark.parametrize(("old", "new", "direction"), [
    ('systems contains all ["a", "b"]', 'systems contains all ["a", "b", "c"]', "stricter"),
    ('systems contains none of ["a"]', 'systems contains none of ["a", "d"]', "stricter"),
    ('systems contains "a"', 'not systems contains none of ["a"]', "equivalent"),
    ("systems contains all needed", 'systems contains all needed and systems contains "a"', "stricter"),
    ("tags contains user.name", "user.name in tags", "equivalent"),
    ("count(part in parts where (part.safe)) >= 4", "count(part in parts where (part.safe)) >= 5", "stricter"),
    ("count(part in parts) >= 4", "count(part in parts) > 3", "equivalent"),
    ("count(part in parts where (part.safe)) / count(part in parts) >= 0.98",
     "count(part in parts where (part.safe)) / count(part in parts) >= 0.96", "looser"),
    ("every part in parts satisfies (part.safe)", "no part in parts satisfies (not part.safe)", "equivalent"),
    ("every part in parts satisfies (part.safe)", "some part in parts satisfies (part.safe)", "mixed"),
    ("every part in parts satisfies (part.safe and part.size < 5)",
     "every part in parts satisfies (part.safe and part.size < 9)", "looser"),
    ("every part in parts satisfies (part.size <= user.limit)",
     "every part in parts satisfies (part.size < user.limit + 1)", "equivalent"),
    ("every part in parts satisfies (part.size <= user.limit)",
     "every part in parts satisfies (part.size < user.limit)", "stricter"),
    ("every part in parts satisfies (every piece in part.pieces satisfies (piece.fine))",
     "every part in parts satisfies (some piece in part.pieces satisfies (piece.fine))", "mixed"),
    ("every part in parts where (part.safe) satisfies (part.size < 5)",
     "every part in parts satisfies (part.size < 5 or not part.safe)", "equivalent"),
])
def test_lists(old: str, new: str, direction: str) -> None:
    found = became(f"must {old}", f"must {new}")
    assert (found.direction, found.proof) == (direction, "exact"), found.note


def test_a_share_is_shown_by_as_few_elements_as_will_do() -> None:
    found = became("must count(part in parts where (part.safe)) / count(part in parts) >= 0.98",
                   "must count(part in parts where (part.safe)) / count(part in parts) >= 0.96")
    parts = shown(found)["parts"]
    assert len(parts) == 25
    assert sum(part["safe"] for part in parts) == 24


# ---- the words around a direction -------------------------------------------------------------------------------

def test_a_witness_is_small_and_the_same_every_time() -> None:
    both = [became("when user.age < 18\n  must user.consent", "when user.age < 14\n  must user.consent")
            for _ in range(2)]
    assert both[0] == both[1]
    assert shown(both[0]) == {"user": {"age": 14, "consent": False}}
    assert (both[0].witnesses[0].old, both[0].witnesses[0].new) == ("violated", "not_applicable")
    assert both[0].witnesses[0].decides == ("user.consent", "user.age")


def test_the_matrix_says_what_the_word_hides() -> None:
    found = became("when user.age < 14\n  must user.age >= 0", "when user.age < 18\n  must user.age >= 0")
    cells = {(cell.old, cell.new): cell for cell in found.cells}
    assert len(cells) == len(VERDICTS) ** 2
    assert found.direction == "equivalent"
    assert "other verdicts differ" in found.note
    widened = cells["not_applicable", "satisfied"]
    assert widened.possible == "yes"
    assert widened.witness is not None
    assert found.witnesses[widened.witness].facts == {"user": {"age": 14}}
    assert cells["satisfied", "not_applicable"].possible == "no"
    assert cells["pending", "pending"].possible == "no"


def test_what_is_missing_tells_apart_only_where_nothing_else_does() -> None:
    found = became("must user.consent", "must user.consent and user.consent is present")
    assert found.direction == "stricter"
    assert "undecided or pending" in found.note
    assert shown(found) == {"user": {}}


def test_the_table_gives_the_ages_between() -> None:
    found = became("when user.age < 18\n  must user.consent", "when user.age < 14\n  must user.consent")
    assert [(row.conditions, row.old, row.new) for row in found.table][:2] == [
        (("user.age from 14 to 17", "user.consent false"), "violated", "not_applicable"),
        (("user.age from 14 to 17", "user.consent true"), "satisfied", "not_applicable")]


def test_a_row_has_lists_of_values_and_defaults() -> None:
    found = became("must user.declared = false", 'must user.declared = false or user.plan in ["paid", "school"]')
    assert (("user.declared true", "user.plan in [\"paid\", \"school\"]"), "violated", "satisfied") in [
        (row.conditions, row.old, row.new) for row in found.table]


def test_a_row_of_numbers_with_a_fraction() -> None:
    found = became("must user.share >= 0.98", "must user.share >= 0.96")
    assert found.table[0].conditions == ("user.share at least 0.96 and below 0.98",)


def test_exemptions_and_scope() -> None:
    assert became("must user.consent", 'must user.consent\n  unless user.plan = "school"').direction == "looser"
    found = became("must user.consent", 'must user.consent\n  unless user.plan = "school"')
    assert {(cell.old, cell.new) for cell in found.cells if cell.possible == "yes" and cell.old == "violated"} == {
        ("violated", "violated"), ("violated", "exempt"), ("violated", "undecided")}
    scoped = "applies when user.plan = \"paid\""
    assert became("must user.consent", "must user.consent", scoped, "").direction == "stricter"


def test_a_parameter_is_a_constant_of_its_version() -> None:
    found = became("must user.age >= least", "must user.age >= least", "param least = 14", "param least = 16")
    assert (found.direction, shown(found)) == ("stricter", {"user": {"age": 14}})
    one = side("  must user.age >= least", "param least = 14 tunable")
    assert compare(one, replace(one, parameters={"least": 12}), OPTIONS).direction == "looser"


def test_the_same_core_needs_no_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "compare_facts", None)
    found = became("must user.age >= 14", "must user.age >= 14")
    assert (found.direction, found.proof, found.cells) == ("equivalent", "exact", ())
    with pytest.raises(TypeError):
        became("must user.age >= least", "must user.age >= least", "param least = 14", "param least = 16")


def test_the_users_own_case_is_shown_first() -> None:
    own = Case({"user": {"age": 16, "consent": False, "plan": "paid"}})
    found = became("must user.age >= 14", "must user.age >= 18", cases=(Case({"user": {"age": 30}}), own))
    assert shown(found) == own.facts


def test_working_days_hold_for_the_years_that_are_announced() -> None:
    found = became("must checked + 15 working days >= today", "must checked + 10 working days >= today")
    assert (found.direction, found.proof, found.note) == ("stricter", "bounded", "calendar 2025-2026")


@pytest.mark.parametrize(("condition", "why"), [
    ("user.first * user.second >= 4", "multiplied"),
    ("every part in parts satisfies (some other in parts satisfies (other.size > part.size))", "with one another"),
    ("every tag in tags satisfies (some part in parts satisfies (part.name = tag))", "another list"),
    ("every tag in tags satisfies (tag in tags)", "with one another"),
    ('user.name matches "\\\\bword\\\\b"', "of a kind that is not followed"),
])
def test_what_cannot_be_followed_is_said(condition: str, why: str) -> None:
    found = became(f"must {condition}", f"must {condition} or user.consent")
    assert (found.direction, found.proof) == ("not_analysable", "not_analysable")
    assert why in found.note


def test_what_was_cut_off_is_never_equivalent() -> None:
    both = "must user.first / user.second >= 0.5 and every part in parts satisfies (part.size"
    found = became(f"{both} <= user.limit)", f"{both} < user.limit + 1)", effort=1)
    assert (found.direction, found.proof) == ("not_analysable", "not_analysable")
    assert found.note != ""


def test_a_witness_the_evaluator_contradicts_is_our_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "shown_by", lambda *_: ({"user": {"age": 30}}, AS_OF, []))
    with pytest.raises(Disagreement, match="age"):
        became("must user.age >= 14", "must user.age >= 18")


# ---- what is proven ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("body", "kind"), [
    ("when user.age < 14 and user.age >= 18\n  must user.consent", "never-applies"),
    ("when user.age > 150\n  must user.consent", "never-applies"),
    ("must user.age >= 0", "never-violated"),
    ("when user.age < 14\n  must user.age >= 18", "always-violated"),
    ('must systems contains "a" and count(one in systems) >= 5', "always-violated"),
    ("must count(one in systems) >= 5", "always-violated"),
    ("must count(one in systems) >= 4", None),
    ("must user.consent", None),
])
def test_prove(body: str, kind: str | None) -> None:
    assert [one.kind for one in prove([side(f"  {body}")], OPTIONS)] == ([] if kind is None else [kind])


def test_contradictions() -> None:
    first, second, third = (side(f"  {body}") for body in (
        "when user.age < 18\n  must user.limit <= 5", "when user.age < 14\n  must user.limit > 5",
        "when user.age >= 18\n  must user.limit > 5"))
    (found,) = contradictions([first, second], OPTIONS)
    assert found.case.facts["user"]["age"] == 0
    assert contradictions([first, third], OPTIONS) == ()


def test_implies() -> None:
    strict, loose = side("  must user.age >= 18"), side("  must user.age >= 14")
    assert implies(strict, loose, OPTIONS).holds == "yes"
    found = implies(loose, strict, OPTIONS)
    assert found.holds == "no"
    assert found.counterexample is not None
    assert found.counterexample.facts == {"user": {"age": 14}}


def test_implies_needs_the_first_to_reach_as_far() -> None:
    narrow = side("  when user.age < 14\n  must user.consent")
    wide = side("  when user.age < 18\n  must user.consent")
    assert implies(wide, narrow, OPTIONS).holds == "yes"
    assert implies(narrow, wide, OPTIONS).holds == "no"


# ---- patterns ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("patterns", [
    ("a+", "(text|image)"), ("[a-c]{2,3}", ".*", "名."), ("(?i)k[a-z]s",), ("[^a-z]+", "\\d*"), ("a{2,}b?", "(a|b)*"),
    ("^x.*y$",), ("[]a-]+",), ("\\x{4e00}[\\w.-]+",),
])
def test_words_of_a_class_match_as_it_says(patterns: tuple[str, ...]) -> None:
    for one in classes_of(patterns, ["aa"]):
        assert one.words
        for word in one.words:
            assert tuple(full_match(pattern, word) for pattern in patterns) == one.matches, word


def test_a_pattern_that_is_too_large_is_refused() -> None:
    with pytest.raises(NotAnalysable):
        classes_of(["(a{50}){50}"], [])

