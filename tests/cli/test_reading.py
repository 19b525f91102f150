"""A rule as a sentence, and how two versions of it differ."""

from __future__ import annotations

import pytest

from policyengine.syntax import ast
from policyengine.syntax.parser import parse
from policyengine.workspace.reading import Change, changes, rests_on, sentence

PARAMS = {"promptly": "10 minutes", "limit": "14"}


def rule(clauses: str) -> ast.Rule:
    file, wrong = parse("a.policy", f'rule a "A"\n  {clauses}\n')
    assert not wrong, wrong
    found = file.declarations[0]
    assert isinstance(found, ast.Rule)
    return found


@pytest.mark.parametrize(("clauses", "said"), [
    ('must service.x in ["a", "b", "c"]', 'service.x must be "a", "b" or "c".'),
    ("must service.x", "service.x must be true."),
    ("must not service.x", "service.x must not be true."),
    ("must not (service.x = 3)", "It must not be that service.x is 3."),
    ("must service.n >= 3\n  must service.m < limit", "service.n must be at least 3, and service.m must be less than "
                                                      "limit (14)."),
    ('must service.x contains all ["a", "b"]', 'service.x must contain all of "a" and "b".'),
    ('must service.x contains none of ["a"]', 'service.x must contain none of "a".'),
    ("must service.d is present", "service.d must be stated."),
    ("must today <= service.d + 1 year", "Today must be no later than service.d + 1 year."),
    ("when service.a or service.b\n  must service.c", "If service.a is true or service.b is true, service.c must be "
                                                     "true."),
    ("when not minor\n  must service.c", "If not minor, service.c must be true."),
    ("must (service.a and service.b) or service.c",
     "Either (service.a must be true and service.b must be true) or service.c must be true."),
    ("must every c in service.cs where (c.k != 1) satisfies (c.l)",
     "For every c in service.cs where c.k is not 1, c.l must be true."),
    ("must no c in service.cs satisfies (c.l)", "No c in service.cs may be such that c.l is true."),
    ("must count(c in service.cs where (c.l)) >= 2",
     "The number of c in service.cs where c.l is true must be at least 2."),
    ("per user\n  on x\n  must y where (a = 1) within promptly",
     "For each user, on each x, there must be y where a is 1, within promptly (10 minutes)."),
    ("on first x, z\n  must no y before", "On the first x or z, there must be no y before."),
    ("on x\n  must y no later than 3 days", "On each x, there must be y no later than 3 days after."),
    ("on x\n  must y within the last 1 hour", "On each x, there must be y within the last 1 hour."),
    ("on x as t\n  must y by t.due", "On each x, there must be y by t.due."),
    ("on x\n  must y since z", "On each x, there must be y since z."),
    ("on x\n  must count of y this day <= 3", "On each x, the number of y in the same day must be at most 3."),
    ("on x\n  must sum of y.m this month <= 3", "On each x, the sum of m of y in the same month must be at most 3."),
    ("on x\n  must duration of use this day <= 1 hour",
     "On each x, the duration of use in the same day must be at most 1 hour."),
    ("on x\n  must latest y.m where (k) = 3", "On each x, the latest y.m where k must be 3."),
    ("per user\n  on x where (k)\n  when minor\n  must not happen",
     "For each user, each x where k must not happen if minor."),
    ("on every 2 hours of use\n  must y within promptly",
     "On every 2 hours of use, there must be y within promptly (10 minutes)."),
    ("on every 1 hour of use\n  must y within promptly",
     "On every hour of use, there must be y within promptly (10 minutes)."),
    ("on 1 year of running without audit\n  must not happen", "Running must not run 1 year without audit."),
    ("on start of use\n  must y before", "At each start of use, there must be y before."),
    ('on x\n  must in_force(purpose: "p")\n  unless x.basis is present under Art. 3',
     'On each x, in_force for purpose "p" must hold, unless x.basis is stated (under Art. 3).'),
])
def test_a_rule_reads_as_a_sentence(clauses: str, said: str) -> None:
    assert sentence(rule(clauses), PARAMS) == said


def test_what_a_rule_rests_on_is_found_through_definitions() -> None:
    file, _ = parse("a.policy", "param p = 1 day\ndefine unused = x\ndefine a = b and p\n"
                                "state b per user from c until d\nepisode e per user of c gap p\n"
                                "rule r\n  on every 2 hours of e\n  must a\n")
    (found,) = (one for one in file.declarations if isinstance(one, ast.Rule))
    names = [one.name.text for one in rests_on(found, [file]) if not isinstance(one, ast.Rule)]  # type: ignore[union-attr]
    assert names == ["p", "a", "b", "e"]


def test_a_title_of_several_lines_is_no_clause() -> None:
    """The clauses were read off the lines below the first, which in a long title hold words of ours."""
    def titled(title: str) -> ast.Rule:
        file, wrong = parse("a.policy", f"rule a {title}\n  must service.x\n")
        assert not wrong
        (found,) = file.declarations
        assert isinstance(found, ast.Rule)
        return found

    long = "A" * 120
    assert changes(titled(f'"{long}" zh "{long}"'), titled('"B"'), (), ()) == ()
    assert changes(titled(f'"{long}"'), rule("must service.y"), (), ()) == (Change("must", "service.x", "service.y"),)


def test_changes_are_clause_by_clause_and_leave_our_words_out() -> None:
    before = rule('cites Art. 1\n  must service.x\n  fix "One."')
    after = rule('cites Art. 2\n  severity warning\n  must service.x\n  must service.y\n  fix "Two."')
    assert changes(before, after, (), ()) == (
        Change("cites", "Art. 1", "Art. 2"), Change("severity", "error", "warning"),
        Change("must", "service.x", "service.x; service.y"))
    assert changes(before, before, (), ()) == ()
