"""A rule as a sentence, and how two versions of it differ."""

from __future__ import annotations

import pytest

from policyengine.syntax import ast
from policyengine.syntax.parser import parse
from policyengine.workspace.reading import Change, changes, rests_on
from policyengine.workspace.reading_sentence import sentence, value_in_words

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
    ("on 2 hours of use\n  must y within promptly",
     "Whenever use has run 2 hours, there must be y within promptly (10 minutes)."),
    ("on 1 year of running without audit\n  must not happen", "Running must not run 1 year without audit."),
    ("when service.a\n  when minor or service.b\n  must service.c",
     "If service.a is true and (minor or service.b is true), service.c must be true."),
    ("must (service.n + service.m) * 2 - (service.k - 1) <= service.a / (service.b * 3) + 1",
     "(service.n + service.m) * 2 - (service.k - 1) must be at most service.a / (service.b * 3) + 1."),
    ("must (service.n + service.m) - service.k * 2 > 1", "service.n + service.m - service.k * 2 must be more than 1."),
    ("must (service.n < limit) = service.a", "(service.n is less than limit (14)) must be service.a."),
    ("must service.x in []", "service.x must be in []."),
    ("on start of use\n  must y before", "At each start of use, there must be y before."),
    ('on x\n  must in_force(purpose: "p")\n  unless x.basis is present under Art. 3',
     'On each x, in_force for purpose "p" must hold, unless x.basis is stated (under Art. 3).'),
])
def test_a_rule_reads_as_a_sentence(clauses: str, said: str) -> None:
    assert sentence(rule(clauses), PARAMS) == said


@pytest.mark.parametrize(("clauses", "said"), [
    # facts
    ("must service.x", "service.x 应当为真。"),
    ("must not service.x", "service.x 不得为真。"),
    ("must minor", "minor 应当成立。"),
    ("must not minor", "minor 不得成立。"),
    ("must service.x = true", "service.x 应当为真。"),
    ("must service.d is present", "service.d 应当填写。"),
    ("must service.d is missing", "service.d 不得填写。"),
    ("must not (service.x = 3)", "不得出现“service.x 为 3”的情形。"),
    ('must service.x != "a"', 'service.x 不得为 "a"。'),
    ("must service.n >= 3\n  must service.m < limit", "service.n 应当至少为 3，并且 service.m 应当小于 limit（14）。"),
    ("must service.n <= 3\n  must service.m > 5%\n  must service.k",
     "service.n 不得超过 3，service.m 应当超过 5%，并且 service.k 应当为真。"),
    ('must service.x in ["a", "b", "c"]', 'service.x 应当为 "a"、"b" 或者 "c"。'),
    ("must service.x in service.xs", "service.x 应当属于 service.xs。"),
    ('must service.xs contains "a"', 'service.xs 应当包含 "a"。'),
    ('must service.xs contains all ["a", "b"]', 'service.xs 应当同时包含 "a" 和 "b"。'),
    ('must service.xs contains all ["a"]', 'service.xs 应当包含 "a"。'),
    ("must service.xs contains all service.ys", "service.xs 应当包含 service.ys 中的每一项。"),
    ('must service.xs contains none of ["a", "b"]', 'service.xs 不得包含 "a" 和 "b" 中的任何一项。'),
    ('must service.xs contains none of ["a"]', 'service.xs 不得包含 "a"。'),
    ('must service.x matches "a.c"', 'service.x 应当匹配 "a.c"。'),
    ("when service.n < 3 and service.n <= 2 and service.n > 1 and service.n >= 2\n  must service.c",
     "如果 service.n 小于 3 且 service.n 不超过 2 且 service.n 超过 1 且 service.n 至少为 2，则 service.c 应当为真。"),
    ('when service.x in ["a"] or service.x in service.xs or service.xs contains "a"\n  must service.c',
     '如果 service.x 为 "a" 或者 service.x 属于 service.xs 或者 service.xs 包含 "a"，则 service.c 应当为真。'),
    ('when service.xs contains all ["a", "b"] and service.xs contains all ["c"]\n  must service.c',
     '如果 service.xs 同时包含 "a" 和 "b" 且 service.xs 包含 "c"，则 service.c 应当为真。'),
    ('when service.xs contains all service.ys and service.x matches "a.c"\n  must service.c',
     '如果 service.xs 包含 service.ys 中的每一项且 service.x 匹配 "a.c"，则 service.c 应当为真。'),
    ('when service.xs contains none of ["a", "b"] and service.xs contains none of ["c"]\n  must service.c',
     '如果 service.xs 不包含 "a" 和 "b" 中的任何一项且 service.xs 不包含 "c"，则 service.c 应当为真。'),
    ("must (service.n + service.m) * 2 - (service.k - 1) <= count(c in service.cs) - 1",
     "(service.n + service.m) * 2 - (service.k - 1) 不得超过 service.cs 中的 c 的个数 - 1。"),
    ("must (service.n < limit) = service.a", "（service.n 小于 limit（14））应当为 service.a。"),
    ("must service.x in []", "service.x 应当属于 []。"),
    # times and periods
    ("must today <= service.d + 1 year", "当日不得晚于 service.d + 1 年。"),
    ("must today > 2026-07-15", "当日应当晚于 2026-07-15。"),
    ("when today <= service.d and today > 2026-07-15\n  must today < service.e\n  must today >= service.f",
     "如果当日不晚于 service.d 且当日晚于 2026-07-15，则当日应当早于 service.e，并且当日不得早于 service.f。"),
    ("on x\n  when local_time >= 22:00 or local_time < 06:00\n  must y before",
     "每当发生 x 时，如果当地时间不早于 22:00 或者当地时间早于 06:00，则在此之前应当已发生 y。"),
    ("must completed_years(service.d) >= 18", "service.d 至今的周年数应当至少为 18。"),
    # and, or, not
    ("when service.a or service.b\n  must service.c",
     "如果 service.a 为真或者 service.b 为真，则 service.c 应当为真。"),
    ("when not minor and not service.a\n  must service.c",
     "如果 minor 不成立且 service.a 不为真，则 service.c 应当为真。"),
    ("when service.a\n  when minor and (service.b is missing or not (service.n = 3))\n  must service.c",
     "如果 service.a 为真且 minor 成立且（service.b 未填写或者并非（service.n 为 3）），则 service.c 应当为真。"),
    ("must service.a and not service.b", "service.a 应当为真，并且 service.b 不得为真。"),
    ("must (service.a and service.b) or service.c",
     "应当符合下列条件之一：①service.a 为真且 service.b 为真；②service.c 为真。"),
    ("must service.a or service.b\n  must service.c",
     "应当同时符合下列要求：（1）应当符合下列条件之一：①service.a 为真；②service.b 为真；（2）service.c 应当为真。"),
    # lists
    ("must every c in service.cs where (c.k != 1) satisfies (c.l)",
     "对 service.cs 中的每个 c（其中 c.k 不为 1），c.l 应当为真。"),
    ("must some c in service.cs satisfies (c.l)", "service.cs 中应当至少有一个 c 满足 c.l 为真。"),
    ("must no c in service.cs where (c.k) satisfies (c.l)",
     "service.cs 中不得有任何 c（其中 c.k 为真）满足 c.l 为真。"),
    ("when every c in service.cs satisfies (c.l)\n  must service.x",
     "如果 service.cs 中的每个 c 都满足 c.l 为真，则 service.x 应当为真。"),
    ("when some c in service.cs satisfies (c.l) and service.a\n  must service.x",
     "如果（service.cs 中至少有一个 c 满足 c.l 为真）且 service.a 为真，则 service.x 应当为真。"),
    ("when (some c in service.cs satisfies (c.l)) and (no c in service.cs satisfies (c.k))\n  must service.x",
     "如果（service.cs 中至少有一个 c 满足 c.l 为真）且（service.cs 中没有任何 c 满足 c.k 为真），"
     "则 service.x 应当为真。"),
    ("must count(c in service.cs where (c.l)) >= 2", "service.cs 中的 c（其中 c.l 为真）的个数应当至少为 2。"),
    # when it is judged
    ("per user\n  on x where (a = 1 and b)\n  must y",
     "对每个 user，每当发生 x（其中 a 为 1 且 b 为真）时，y 应当成立。"),
    ("per user, purpose\n  on x, z, w where (a)\n  must y",
     "对每个 user 和 purpose，每当发生 x、z 或者 w 之一（其中 a 为真）时，y 应当成立。"),
    ("on first x, z\n  must y before", "首次发生 x 或者 z 时，在此之前应当已发生 y。"),
    ("on every 2 hours of use\n  must y within promptly", "use 每超过 2 小时，应当在 promptly（10 分钟）内发生 y。"),
    ("on 2 hours of use\n  must y within promptly", "use 超过 2 小时的，应当在 promptly（10 分钟）内发生 y。"),
    ("on 1 year of running without audit where (full)\n  must y",
     "每当在 running 期间连续 1 年未发生 audit（其中 full 为真）时，y 应当成立。"),
    ("on start of use\n  must y before", "每次 use 开始时，在此之前应当已发生 y。"),
    ("on x as t where (a)\n  must y by t.due",
     "每当发生 x（以下称 t，其中 a 为真）时，应当在 t.due 前（含该时点）发生 y。"),
    ("on x as t\n  must y by t.due + 3 days", "每当发生 x（以下称 t）时，应当在（t.due + 3 日）前（含该时点）发生 y。"),
    ("on x\n  must y before or no z no later than 3 days",
     "每当发生 x 时，应当符合下列条件之一：①在此之前已发生 y；②事先以及在此后 3 日内均未发生 z。"),
    ("on every 1 hour of use as mark\n  must y by mark.time",
     "use 每超过 1 小时（该时点称 mark），应当在 mark.time 前（含该时点）发生 y。"),
    # what must not happen
    ("per user\n  on x where (k)\n  when minor\n  must not happen",
     "对每个 user，如果 minor 成立，则不得发生 x（其中 k 为真）。"),
    ("on x, z as t\n  when t.k\n  must not happen", "如果 t.k 为真，则不得发生 x 或者 z 之一（即 t）。"),
    ("on x as t where (a)\n  when t.k\n  must not happen", "如果 t.k 为真，则不得发生 x（即 t，其中 a 为真）。"),
    ("on first x\n  must not happen", "不得首次发生 x。"),
    ("must not happen", "不得发生此情形。"),
    ("on every 2 hours of use\n  must not happen", "use 不得超过 2 小时。"),
    ("on 2 hours of use\n  must not happen", "use 不得超过 2 小时。"),
    ("on 1 year of running without audit\n  must not happen", "在 running 期间不得连续 1 年未发生 audit。"),
    ("on start of use\n  must not happen", "use 不得开始。"),
    # what must occur, and where
    ("on x\n  must y where (a = 1) within 5 working days\n  must no z within 6 months",
     "每当发生 x 时，应当在 5 个工作日内发生 y（其中 a 为 1），并且不得在 6 个月内发生 z。"),
    ("on x\n  must not y within 3 days", "每当发生 x 时，不得在 3 日内发生 y。"),
    ("on x\n  must y no later than 3 days", "每当发生 x 时，应当事先或者在此后 3 日内发生 y。"),
    ("on x\n  must no y before", "每当发生 x 时，在此之前不得发生过 y。"),
    ("per user\n  on x\n  must no any y within the last 1 hour",
     "对每个 user，每当发生 x 时，在此前 1 小时内不得发生过任何 user 的 y。"),
    ("on x\n  must any y since z where (b)", "每当发生 x 时，自最近一次 z（其中 b 为真）以来应当已发生任何 y。"),
    ("on x\n  must y this day\n  must y this week", "每当发生 x 时，在当日内应当已发生 y，并且在当周内应当已发生 y。"),
    ("on x\n  must no y during use", "每当发生 x 时，在本次 use 期间不得发生过 y。"),
    ("on x\n  when no y before\n  must z", "每当发生 x 时，如果在此之前未发生过 y，则 z 应当成立。"),
    ("on x\n  must service.a = 1 or y within 30 seconds or no y within 2 weeks or y this year",
     "每当发生 x 时，应当符合下列条件之一：①service.a 为 1；②在 30 秒内发生 y；③"
     "在 2 周内未发生 y；④在当年内已发生 y。"),
    # numbers and values of the trace
    ("on x\n  must count of y where (a) this day <= 3",
     "每当发生 x 时，在当日内发生的 y（其中 a 为真）的次数不得超过 3。"),
    ("on x\n  must sum of y.m.n this month <= 3", "每当发生 x 时，在当月内发生的 y 的 m.n 之和不得超过 3。"),
    ("on x\n  must duration of use this day <= 1 hour", "每当发生 x 时，use 在当日内的累计时长不得超过 1 小时。"),
    ("on x\n  must duration of use during use <= 1 hour", "每当发生 x 时，本次 use 至今的时长不得超过 1 小时。"),
    ("on x\n  must latest y.m where (k) = 3", "每当发生 x 时，最近一次 y（其中 k 为真）的 m 应当为 3。"),
    # states and definitions
    ('on x\n  must in_force(purpose: "p")', '每当发生 x 时，purpose 为 "p" 的 in_force 应当成立。'),
    ("on x\n  when in_force(purpose: x.purpose, scope: 1)\n  must not blocked(role: x.role)",
     "每当发生 x 时，如果 purpose 为 x.purpose、scope 为 1 的 in_force 成立，则 role 为 x.role 的 blocked 不得成立。"),
    ("on x\n  when not under(limit)\n  must y", "每当发生 x 时，如果 under(limit（14）) 不成立，则 y 应当成立。"),
    # exceptions
    ("on x as t\n  must y before\n  unless t.basis is present under Art. 3, Art. 4",
     "每当发生 x（以下称 t）时，在此之前应当已发生 y。但是，依据第3条、第4条，t.basis 已填写的除外。"),
    ("must service.a\n  unless service.b\n  unless minor\n  unless service.c under Art. 3",
     "service.a 应当为真。但是，service.b 为真的除外；minor 成立的，也除外；依据第3条，service.c 为真的，也除外。"),
])
def test_a_rule_reads_as_a_chinese_sentence(clauses: str, said: str) -> None:
    assert sentence(rule(clauses), PARAMS, "zh") == said


@pytest.mark.parametrize(("value", "said"), [
    ("10 minutes", "10 分钟"), ("1 working day", "1 个工作日"), ("1.5 hours", "1.5 小时"), ("true", "真"),
    ("1,000,000", "1,000,000"), ("draft 2 weeks old", "draft 2 weeks old"), ('["a", "b"]', '["a", "b"]'),
])
def test_a_value_reads_in_chinese(value: str, said: str) -> None:
    assert value_in_words(value, "zh") == said
    assert value_in_words(value, "en") == value


def test_of_more_than_twenty_ways_each_has_its_number() -> None:
    ways = " or ".join(f"service.x = {number}" for number in range(22))
    said = sentence(rule(f"must {ways}"), {}, "zh")
    assert said.endswith("⑳service.x 为 19；（21）service.x 为 20；（22）service.x 为 21。")


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
