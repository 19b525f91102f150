"""`guiju lint --prove` and `guiju prove` as users run them."""

from __future__ import annotations

import pytest

from tests.workspace.shop import Project, Ran

RULE = 'rule {} "R"\n  cites Art. 1(1)\n  family prices\n{}  fix "Mend it."\n'


def lint(shop: Project, *rules: tuple[str, str]) -> Ran:
    shop.house("\n".join(RULE.format(name, clauses) for name, clauses in rules))
    return shop.run(["lint", "--prove", "--format", "concise", "regulations/house.policy"], shop.folder)


@pytest.mark.parametrize(("clauses", "name"), [
    ("  when service.seats > 5 and service.seats < 3\n  must service.lit\n", "never-applies"),
    ("  when service.seats > 5\n  must service.seats > 3\n", "never-violated"),
    ("  when service.seats > 5\n  must service.seats < 3\n", "always-violated"),
])
def test_what_is_proved_of_one_rule(shop: Project, clauses: str, name: str) -> None:
    ran = lint(shop, ("odd", clauses), ("sound", "  must service.lit\n"))
    told = [line for line in ran.stdout.splitlines() if "`odd`" in line or "`sound`" in line]
    assert len(told) == 1
    assert f"[{name}] `odd`" in told[0]


def test_a_house_rule_that_contradicts_the_law(shop: Project) -> None:
    ran = lint(shop, ("dark", "  must not service.lit\n"))
    assert "warning[contradictory-rules] `lit` and `dark` can apply together and never both hold" in ran.stdout


def test_a_comment_keeps_it_back(shop: Project) -> None:
    shop.house('# guiju: ignore[contradictory-rules] reason="the lamp is a candle"\n'
               + RULE.format("dark", "  must not service.lit\n"))
    ran = shop.run(["lint", "--prove", "regulations/house.policy"], shop.folder)
    assert ran.exit_code == 0, ran.told
    assert "contradictory" not in ran.stdout


def test_without_prove_nothing_is_proved(shop: Project) -> None:
    shop.house(RULE.format("dark", "  must not service.lit\n"))
    assert "contradictory" not in shop.run(["lint", "regulations/house.policy"], shop.folder).stdout


def test_what_the_solver_cannot_be_asked_is_said(shop: Project) -> None:
    ran = lint(shop, ("odd", "  must service.seats * service.seats > 4\n"))
    assert "info[not-proved] nothing can be proved of `odd`" in ran.stdout


# ---- prove

def prove(shop: Project, *args: str) -> Ran:
    return shop.run(["prove", *args], shop.folder)


def test_a_faster_rule_implies_a_slower_one(shop: Project) -> None:
    ran = prove(shop, "bill_sent@3-new", "implies", "bill_sent@1-draft")
    assert ran.exit_code == 0, ran.told
    assert ran.stdout.startswith("proved: ")


def test_a_slower_rule_does_not_and_a_case_says_why(shop: Project) -> None:
    ran = prove(shop, "bill_sent@1-draft", "implies", "bill_sent@3-new")
    assert ran.exit_code == 1
    assert "no: a case keeps bill_sent@1-draft and violates bill_sent@3-new" in ran.stdout
    assert "bought" in ran.stdout
    made = prove(shop, "bill_sent@1-draft", "implies", "bill_sent@3-new", "--format", "json").json()
    assert (made["holds"], made["counterexample"]["new"]) == ("no", "violated")


def test_a_house_rule_is_found(shop: Project) -> None:
    shop.house(RULE.format("brighter", "  must service.lit and service.seats > 4\n"))
    assert prove(shop, "brighter", "implies", "lit").exit_code == 0
    assert prove(shop, "lit", "implies", "brighter").exit_code == 1


@pytest.mark.parametrize(("args", "says"), [
    (("nothing", "implies", "lit"), "no rule `nothing`"),
    (("litt", "implies", "lit"), "did you mean `lit`"),
    (("lit@9-none", "implies", "lit"), "9-none"),
    (("lit", "entails", "lit"), "implies"),
])
def test_what_cannot_be_asked(shop: Project, args: tuple[str, ...], says: str) -> None:
    ran = prove(shop, *args)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert says in ran.stderr
