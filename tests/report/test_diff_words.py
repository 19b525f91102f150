"""Labels for every word of the model in both languages, and the sentences that formats share."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from policyengine.core.verdict import VERDICTS
from policyengine.diff.model import (
    ArticleKind,
    CrossCheck,
    Direction,
    EditPart,
    HighlightKind,
    Impact,
    Proof,
    RuleEdit,
    Witness,
)
from policyengine.report import diff_words as words
from policyengine.report.diff_words import LABELS, SAYS, SIGNS
from policyengine.report.words import LANGUAGES
from tests.support import diffs


@pytest.mark.parametrize(("group", "every"), [
    ("kind", get_args(ArticleKind)), ("direction", get_args(Direction)), ("verdict", VERDICTS),
    ("highlight", get_args(HighlightKind)), ("part", get_args(EditPart)), ("proof", get_args(Proof)),
    ("check", tuple(one.kind for one in diffs.CHECKS)),
    ("impact", ("newly_failing", "newly_undecided", "no_longer_failing", "other")),
])
def test_every_word_of_the_model_has_a_label_in_both_languages(group: str, every: tuple[str, ...]) -> None:
    assert set(LABELS[group]) == set(every)
    assert all(english and chinese for english, chinese in LABELS[group].values())
    for position in (0, 1):
        assert len({pair[position] for pair in LABELS[group].values()}) == len(every), "two words read alike"


def test_every_coloured_word_has_a_sign_of_its_own() -> None:
    for group, signs in SIGNS.items():
        assert set(signs) == set(LABELS[group])
        assert len(set(signs.values())) == len(signs)


def test_both_languages_of_a_sentence_take_the_same_values() -> None:
    for key, pair in SAYS.items():
        holes = [{part.split("}")[0] for part in text.split("{")[1:]} for text in pair]
        assert key == "count" or holes[0] == holes[1], key


def test_the_plan_line() -> None:
    assert words.plan_line(diffs.FULL, "en") == (
        "10 articles: 1 unchanged, 6 renumbered, 1 moved, 5 modified, 1 split, 1 merged, 1 new, 1 dropped. "
        "8 rules: 1 stricter, 1 looser, 1 mixed, 2 equivalent, 1 new, 1 dropped, 1 not analysable. "
        "7 cross-checks. 2 services newly failing. 1 change accepted.")
    assert words.plan_line(diffs.FULL, "zh").startswith("10 条：未变 1，条号调整 6，移动 1，修改 5")
    assert words.plan_line(diffs.EMPTY, "en") == ""


def test_numbers_and_plurals() -> None:
    assert diffs.FULL.impact is not None
    one = replace(diffs.FULL, text=None, rules=diffs.RULES[:1], checks=diffs.CHECKS[:1], accepted=(),
                  impact=diffs.FULL.impact[1:2])
    assert words.plan_line(one, "en") == "1 rule: 1 mixed. 1 cross-check. 1 service newly failing."
    assert words.plan_line(replace(one, impact=()), "en").endswith("no service newly failing.")
    undecided = replace(one, rules=None, checks=(), impact=diffs.FULL.impact[2:3])
    assert words.plan_line(undecided, "en") == "no service newly failing, 1 service newly undecided."
    many = replace(diffs.FULL, text=None, rules=diffs.RULES * 200, checks=(), impact=None, accepted=())
    assert words.plan_line(many, "en").startswith("1,600 rules: 200 stricter")


def test_a_count_of_articles_that_changed_shows_both() -> None:
    text = diffs.text_diff(diffs.ARTICLES[:2] + diffs.ARTICLES[-1:])
    assert words.plan_line(replace(diffs.EMPTY, text=text), "en").startswith("2 -> 3 articles: 1 unchanged")


@pytest.mark.parametrize(("edit", "english", "chinese"), [
    (RuleEdit("deadline", "15 working days", "10 working days", "", "stricter"),
     "deadline 15 working days -> 10 working days (stricter)", "期限 15 working days -> 10 working days（更严）"),
    (RuleEdit("unless", "", "user.adult", "", "looser"), "exception added: user.adult (looser)",
     "新增例外：user.adult（更宽）"),
    (RuleEdit("unless", "user.adult", ""), "exception removed: user.adult", "删除例外：user.adult"),
    (RuleEdit("param", "14", "18", "age"), "age 14 -> 18", "age 14 -> 18"),
    (RuleEdit("state", "a", "b", "minor"), "state minor a -> b", "状态 minor a -> b"),
    (RuleEdit("must", "x in [1, 2]", "x in [2, 3]", only_old=("1",), only_new=("3",)), "duty x in − 1, + 3",
     "义务 x in − 1，+ 3"),
    (RuleEdit("trigger", "a, b", "a, c", only_old=("b",), only_new=("c",)), "trigger − b, + c", "触发事件 − b，+ c"),
])
def test_edits(edit: RuleEdit, english: str, chinese: str) -> None:
    assert words.edit_sentence(edit, "en") == english
    assert words.edit_sentence(edit, "zh") == chinese


def test_attribution() -> None:
    stricter = RuleEdit("param", "14", "18", "age", "stricter")
    looser = RuleEdit("unless", "", "curfew", "", "looser")
    title = RuleEdit("title", "a", "b")
    rule = replace(diffs.DEADLINE, edits=(stricter, looser, title), direction="mixed")
    assert words.attribution_sentence(rule, "en") == "Mixed = age 14 -> 18 stricter; exception added: curfew looser"
    assert words.attribution_sentence(rule, "zh") == "有宽有严 = age 14 -> 18：更严；新增例外：curfew：更宽"
    alone = replace(rule, edits=(stricter, title), direction="stricter")
    assert words.attribution_sentence(alone, "en", arrow="→") == "Stricter = age 14 → 18"
    neither = replace(rule, edits=(replace(stricter, direction="equivalent"), title), direction="stricter")
    assert words.attribution_sentence(neither, "en").startswith("Stricter: no edit alone changes a verdict, together")
    assert words.attribution_sentence(replace(rule, direction="equivalent", edits=(title,)), "en") == (
        "Equivalent: no verdict changes; title a -> b")
    assert words.attribution_sentence(replace(rule, direction="equivalent", edits=()), "en") == (
        "Equivalent: the rule did not change")
    assert words.attribution_sentence(diffs.RULES[5], "en") == (
        "Not analysable: a product of two facts, `price * count`; changed: duty price * count <= 500 -> "
        "price * count <= 300")


def test_the_direction_where_both_apply_comes_first() -> None:
    rule = replace(diffs.DEADLINE, direction="mixed", in_common="stricter")
    assert words.shown_direction(rule) == "stricter"
    assert words.common_sentence(rule, "en") == "stricter where both versions apply, mixed over all cases"
    assert words.common_sentence(replace(rule, in_common="mixed"), "en") == ""
    assert words.common_sentence(diffs.DEADLINE, "zh") == ""


def test_proofs() -> None:
    assert words.proof_sentence(diffs.SCOPE, "en") == "bounded, k = 3: a difference beyond it is not excluded"
    assert words.proof_sentence(diffs.DEADLINE, "zh") == "精确；日历 2026-2028"
    assert words.proof_sentence(diffs.INTIMACY, "en") == "exact: it holds for every case"
    assert words.proof_sentence(diffs.RULES[-1], "en") == "", "nothing was compared"


def test_a_witness_in_lines() -> None:
    assert words.witness_lines(diffs.INTIMACY.witnesses[0], "en") == [
        "before: satisfied; after: violated",
        '2026-11-03 09:00:00 +08:00 guardian_consented {user: "u1"}',
        '2026-11-03 14:00:00 +08:00 session_started {user: "u1", age: 16, role_class: "virtual_intimacy"}',
        "the moment judged: 2026-11-03 14:00:00 +08:00", "judged as of 2026-11-20 23:59:59 +08:00",
        'turns on user.age = 16, role_class = "virtual_intimacy"']
    assert 'service.roles[0].name is "A"' in words.witness_lines(diffs.SCOPE.witnesses[0], "en")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_checks_and_impact_say_whom_they_are_about(lang: words.Lang) -> None:
    for check in diffs.CHECKS:
        assert check.rule in words.check_sentence(check, lang) and check.place in words.check_sentence(check, lang)
    for one in diffs.IMPACT:
        assert (one.place or one.service) in words.impact_sentence(one, lang)


def test_a_number_that_differs_names_the_text_first() -> None:
    assert words.check_sentence(diffs.CHECKS[2], "en") == "Art. 18(2) says 2 hours, rule two_hours says 3 hours"
    assert words.check_sentence(CrossCheck("unheard-of", "r", "Art. 1"), "en") == "unheard-of: r: Art. 1"


def test_what_newly_fails_comes_first() -> None:
    assert [one.kind for one in words.by_urgency(diffs.IMPACT)] == [
        "newly_failing", "newly_failing", "newly_undecided", "no_longer_failing"]
    assert words.impact_sentence(diffs.IMPACT[1], "en") == (
        "services/companion.yaml:31:5: guardian_consent_for_companionship -> no_virtual_intimacy_for_minors newly "
        "failing: satisfied -> violated, 3 moments; nearest change: roles[2].age_gate 14 -> 18")
    lone = Impact("a.yaml", "r", "", "violated", None, "no_longer_failing", moment="2026-11-03T14:00:00Z")
    assert words.impact_sentence(lone, "en") == (
        "a.yaml: r no longer failing: violated -> no rule, 2026-11-03 14:00:00 Z")


def test_events_that_are_alike_and_evenly_apart_are_one_line() -> None:
    rows = [{"type": "message", "time": f"2026-03-02T12:{minute:02}:00+08:00", "user": "u"}
            for minute in range(0, 50, 10)]
    late = {"type": "message", "time": "2026-03-02T12:41:00+08:00", "user": "u"}
    witness = Witness("satisfied", "violated", {}, (*rows, late))
    assert words.witness_lines(witness, "en")[1:] == [
        '2026-03-02 12:00:00 +08:00 to 2026-03-02 12:40:00 +08:00, 5 times: message {user: "u"}',
        '2026-03-02 12:41:00 +08:00 message {user: "u"}']
    few = Witness("satisfied", "violated", {}, tuple(rows[:3]))
    assert len(words.witness_lines(few, "en")) == 4
