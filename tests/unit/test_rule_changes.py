"""Rules of two versions: which became which through the text, where text and rules disagree, what is nearest."""

from __future__ import annotations

from policyengine.diff.checks import cross_checks
from policyengine.diff.edits import edits_between
from policyengine.diff.model import RuleChange, TextDiff
from policyengine.diff.nearest import nearest
from policyengine.diff.pairing import paired, places_of
from policyengine.diff.rules import diff_rules
from policyengine.diff.text import diff_texts
from policyengine.documents.model import Document
from policyengine.documents.read import read_document
from tests.support.diff_pages import version

NOON = 1_772_323_200_000_000

OLD = """# A Law

Article 1 Whoever offers the service states how many users it has, every year and without delay.

Article 2 Histories are deleted within 30 days after a user asks for it, and nothing is kept in secret.

Article 3 An audit by another is completed before the service opens, and its report is published in full.
"""
NEW = """# A Law

Article 1 Notices to users are written in plain words that everybody understands at once.

Article 2 Whoever offers the service states how many users it has, every year and without delay.

Article 3 Histories are deleted within 15 days after a user asks for it, and nothing is kept in secret.
"""

STATED = 'rule {} "{}" cites Art. {} family size must service.users is present\n'
DELETED = ('rule {} "Histories go" cites Art. {} family data per user on deletion_requested '
           "must history_deleted within {}\n")
AUDITED = 'rule audited "Audited" cites Art. {} family data per user on registered must message before\n'


def document(text: str) -> Document:
    read, found = read_document("law.md", text.encode())
    assert read is not None, found
    return read


def texts(old: str = OLD, new: str = NEW) -> TextDiff:
    return diff_texts(document(old), document(new))


def changes(old: str, new: str, text: TextDiff) -> tuple[RuleChange, ...]:
    return diff_rules(version(old, "old"), version(new, "new"), text)


def checks(old: str, new: str, text: TextDiff) -> list[tuple[str, str, str, str, str]]:
    return [(one.kind, one.rule, one.place, one.old, one.new) for one in cross_checks(text, changes(old, new, text))]


# ---- partners

def test_rules_pair_through_articles_that_were_renumbered() -> None:
    old = version(STATED.format("told", "Told", 1) + DELETED.format("gone", 2, "30 days"), "old").policy.rules
    new = version(STATED.format("numbers", "Numbers", 2) + DELETED.format("wiped", 3, "15 days"), "new").policy.rules
    found = paired(old, new, places_of(texts()))
    assert [(one.old and one.old.name, one.new and one.new.name, one.by) for one in found] == [
        ("told", "numbers", "citation"), ("gone", "wiped", "citation")]


def test_a_name_that_moved_to_another_duty_loses_against_the_duty() -> None:
    old = version(STATED.format("a", "Users are stated", 1) + DELETED.format("b", 2, "30 days"), "old").policy.rules
    new = version(DELETED.format("a", 3, "15 days") + STATED.format("b", "Users are stated", 2), "new").policy.rules
    found = {one.old.name: one.new.name for one in paired(old, new, places_of(texts())) if one.old and one.new}
    assert found == {"a": "b", "b": "a"}


def test_a_pin_wins() -> None:
    old = version(STATED.format("a", "A", 1) + STATED.format("b", "B", 1), "old").policy.rules
    found = paired(old, old, places_of(None), [("a", "b")])
    assert [(one.old.name, one.new.name) for one in found if one.by == "pin" and one.old and one.new] == [("a", "b")]


def test_every_rule_stands_once() -> None:
    old = version(STATED.format("a", "A", 1) + STATED.format("b", "B", 2) + AUDITED.format(3), "old").policy.rules
    new = version(STATED.format("b", "B", 2) + DELETED.format("c", 3, "15 days"), "new").policy.rules
    found = paired(old, new, places_of(texts()))
    assert sorted(one.old.name for one in found if one.old) == sorted(rule.name for rule in old)
    assert sorted(one.new.name for one in found if one.new) == sorted(rule.name for rule in new)


# ---- where the layers disagree

def test_nothing_disagrees_where_both_follow() -> None:
    assert checks(DELETED.format("gone", 2, "30 days"), DELETED.format("gone", 3, "15 days"), texts()) == []


def test_the_text_changed_and_the_rule_did_not() -> None:
    found = checks(DELETED.format("gone", 2, "30 days"), DELETED.format("gone", 3, "30 days"), texts())
    assert ("text-changed-rule-not", "gone", "Art. 2", "30 days", "15 days") in found


def test_the_number_of_the_text_is_not_the_rules() -> None:
    found = checks(DELETED.format("gone", 2, "30 days"), DELETED.format("gone", 3, "30 days"), texts())
    assert ("number-differs", "gone", "Art. 3", "15 days", "30 days") in [
        (kind, rule, place.partition("(")[0], old, new) for kind, rule, place, old, new in found]
    followed = checks(DELETED.format("gone", 2, "30 days"), DELETED.format("gone", 3, "15 days"), texts())
    assert "number-differs" not in {one[0] for one in followed}


def test_the_rule_changed_and_the_text_did_not() -> None:
    new = 'rule told "Told" cites Art. 2 family size must service.users > 5\n'
    found = checks(STATED.format("told", "Told", 1), new, texts())
    assert ("rule-changed-text-not", "told", "Art. 1", "", "") in found


def test_a_rule_rests_on_an_article_that_was_dropped() -> None:
    found = checks(AUDITED.format(3), AUDITED.format(3), texts())
    assert ("cites-dropped", "audited", "Art. 3", "", "") in found


def test_a_rule_rests_on_an_article_that_was_split_or_merged() -> None:
    two = ("Histories are deleted within 30 days after a user asks for it.",
           "Nothing that a user has written is kept in secret, and no copy is sold to anybody at all.")
    apart = f"# A Law\n\nArticle 1 {two[0]}\n\nArticle 2 {two[1]}\n"
    whole = f"# A Law\n\nArticle 1 {two[0]} {two[1]}\n"
    rule = DELETED.format("gone", 1, "30 days")
    assert [one[:3] for one in checks(rule, rule, texts(whole, apart)) if one[0].startswith("cites")] == [
        ("cites-split", "gone", "Art. 1")]
    second = DELETED.format("gone", 2, "30 days")
    assert [one[:3] for one in checks(second, second, texts(apart, whole)) if one[0].startswith("cites")] == [
        ("cites-merged", "gone", "Art. 2")]


# ---- the parts that changed

def test_of_two_lists_what_one_alone_has() -> None:
    old, new = (version(f'rule modes "M" family size must service.modes contains all {items}\n', label)
                for items, label in (('["text", "image"]', "old"), ('["text", "audio"]', "new")))
    edit, = edits_between(old.written(old.policy.rules[0]), new.written(new.policy.rules[0]))
    assert (edit.change.part, edit.change.only_old, edit.change.only_new) == ("must", ("image",), ("audio",))


def test_a_definition_that_changed_is_told_by_its_own_words() -> None:
    old, new = (version(f'define small = service.users < {number}\nrule r "R" family size when small '
                        "must service.labelled\n", label) for number, label in ((10, "old"), (20, "new")))
    edit, = edits_between(old.written(old.policy.rules[0]), new.written(new.policy.rules[0]))
    assert (edit.change.part, edit.change.old, edit.change.new) == (
        "when", "service.users < 10", "service.users < 20")


def test_words_in_chinese_change_as_those_in_english_do() -> None:
    plain = 'rule told "Told" cites Art. 1 family size must service.users is present fix "Tell."\n'
    spoken = plain.replace('"Told"', '"Told" zh "已说明"').replace('"Tell."', '"Tell." zh "予以说明。"')
    (change,) = changes(plain, spoken, texts(OLD, OLD))
    assert (change.direction, change.proof) == ("equivalent", "exact")
    assert [(one.part, one.old, one.new, one.direction) for one in change.edits] == [
        ("title_zh", "", "已说明", None), ("fix_zh", "", "予以说明。", None)]
    assert change.new is not None and (change.new.title, change.new.title_zh) == ("Told", "已说明")
    assert checks(plain, spoken, texts(OLD, OLD)) == []

    stricter = spoken.replace("is present", "> 3")
    (both,), (one,) = changes(plain, stricter, texts(OLD, OLD)), changes(spoken, stricter, texts(OLD, OLD))
    assert [edit for edit in both.edits if edit.direction] == list(one.edits)
    assert (both.direction, both.witnesses) == (one.direction, one.witnesses)


def test_fingerprints_are_those_of_what_changed() -> None:
    old = DELETED.format("gone", 2, "30 days")
    one, = changes(old, DELETED.format("gone", 3, "15 days"), texts())
    same, = changes("# moved\n\n" + old, "\n" + DELETED.format("gone", 3, "15 days"), texts())
    other, = changes(old, DELETED.format("gone", 3, "14 days"), texts())
    assert one.fingerprint == same.fingerprint != other.fingerprint


# ---- the nearest change

def test_the_nearest_change_is_one_the_evaluator_agrees_with() -> None:
    made = version('rule r "R" family size must service.labelled and service.users < 10\n', "new")
    side = made.side(made.policy.rules[0])
    assert nearest(side, {"service": {"labelled": False, "users": 3}}, NOON) == ("service.labelled: false -> true",)
    assert nearest(side, {"service": {"labelled": False, "users": 12}}, NOON) == (
        "service.labelled: false -> true", "service.users: 12 -> 9")


def test_a_list_is_completed() -> None:
    made = version('rule r "R" family size must service.modes contains all ["text", "audio"]\n', "new")
    side = made.side(made.policy.rules[0])
    assert nearest(side, {"service": {"modes": ["text", "image"]}}, NOON) == (
        'service.modes: ["text", "image"] -> with "audio"',)


def test_where_nothing_tried_helps_nothing_is_said() -> None:
    made = version('rule r "R" family size must service.launched > 2020-01-01\n', "new")
    assert nearest(made.side(made.policy.rules[0]), {"service": {"launched": "2019-05-01"}}, NOON) == ()
