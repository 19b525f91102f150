"""Every form of the language is read as the node it says, and every typical mistake gets the message it should."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from policyengine.base.diagnostic import render
from policyengine.base.source import Source, Span
from policyengine.syntax import ast
from policyengine.syntax.ast import Name
from policyengine.syntax.ast import Path as P
from policyengine.syntax.grammar import CLAUSES, MAX_DEPTH, RESERVED, build, grammar
from policyengine.syntax.parser import parse
from tests.support.golden import check_golden

TESTS = Path(__file__).parent.parent
N = Name


def only(text: str) -> ast.Declaration:
    file, diagnostics = parse("p", text)
    assert [d.message for d in diagnostics] == []
    [declaration] = file.declarations
    return declaration


def rule(clauses: str) -> ast.Rule:
    found = only(f"rule r {clauses}" if "must" in clauses else f"rule r {clauses} must x")
    assert isinstance(found, ast.Rule)
    return found


def expression(text: str) -> ast.Expr:
    found = only(f"define x = {text}")
    assert isinstance(found, ast.Define)
    return found.value


def path(text: str) -> P:
    head, *fields = text.split(".")
    return P(N(head), tuple(map(N, fields)))


def days(count: int) -> ast.Duration:
    return ast.Duration(Decimal(count), "day")


def event(name: str, where: ast.Expr | None = None, *, any_: bool = False) -> ast.Pattern:
    return ast.Pattern(N(name), any_, where)


# ---- the grammar ------------------------------------------------------------------------------------------------

def test_the_grammar_has_no_conflict() -> None:
    build(strict=True)


def test_the_reserved_words_are_those_the_grammar_excludes_from_names() -> None:
    [name] = [t for t in grammar().terminals if t.name == "NAME"]
    excluded = re.match(r"\(\?!\(\?:(?P<words>[a-z|]+)\)", name.pattern.value)
    assert excluded is not None
    assert tuple(excluded["words"].split("|")) == RESERVED


@pytest.mark.parametrize("word", ["severity", "family", "count", "sum", "duration", "state", "rule", "version", "by",
                                  "before", "since", "this", "gap", "first", "start", "the", "all", "happen", "of"])
def test_a_word_that_is_not_reserved_may_name_a_field(word: str) -> None:
    found = rule(f"on e where ({word} = 1 and x.{word} > 2 and {word} is present)").trigger
    assert isinstance(found, ast.OnEvent)
    assert isinstance(found.where, ast.And)
    assert found.where.parts[0] == ast.Binary("=", path(word), ast.Number(Decimal(1), "1"))


@pytest.mark.parametrize("word", RESERVED)
def test_a_reserved_word_is_no_name_but_may_stand_after_a_dot(word: str) -> None:
    assert expression(f"x.{word}") == path(f"x.{word}")
    _, diagnostics = parse("p", f"rule r\n  per {word}\n  must x")
    assert diagnostics[0].message == f"`{word}` is a word of the language and cannot be a name here"


# ---- forms ------------------------------------------------------------------------------------------------------

A, B, C = path("a"), path("b"), path("c")

EXPRESSIONS = {
    "1_000": ast.Number(Decimal(1000), "1_000"),
    "96%": ast.Number(Decimal("0.96"), "96%"),
    "-0.5": ast.Number(Decimal("-0.5"), "-0.5"),
    '"a\\"b\\u4f60"': ast.Text('a"b你'),
    "true": ast.Boolean(True),
    "2026-07-15": ast.DateLiteral("2026-07-15"),
    "22:00": ast.TimeLiteral("22:00"),
    "15  working\n  days": ast.Duration(Decimal(15), "working day"),
    "1.5 hours": ast.Duration(Decimal("1.5"), "hour"),
    '["a", 1,]': ast.ListLiteral((ast.Text("a"), ast.Number(Decimal(1), "1"))),
    "f()": ast.Call(N("f"), ()),
    "f(a, k: b)": ast.Call(N("f"), (ast.Argument(None, A), ast.Argument(N("k"), B))),
    "a and b and c": ast.And((A, B, C)),
    "a or b or c": ast.Or((A, B, C)),
    "(a and b) and c": ast.And((ast.And((A, B)), C)),
    "not a and b": ast.And((ast.Not(A), B)),
    "not a = b": ast.Not(ast.Binary("=", A, B)),
    "a - b - c": ast.Binary("-", ast.Binary("-", A, B), C),
    "a - (b - c)": ast.Binary("-", A, ast.Binary("-", B, C)),
    "a + b * c": ast.Binary("+", A, ast.Binary("*", B, C)),
    "a -1": ast.Binary("-", A, ast.Number(Decimal(1), "1")),
    "a contains b": ast.Binary("contains", A, B),
    "a contains all b": ast.Binary("contains all", A, B),
    "a contains none\n of b": ast.Binary("contains none of", A, B),
    "a matches b": ast.Binary("matches", A, B),
    "a is present": ast.IsPresent(A, False),
    "a + b is missing": ast.IsPresent(ast.Binary("+", A, B), True),
    "every a in b where (c) satisfies (a)": ast.Quantified("every", N("a"), B, C, A),
    "no a in [b] satisfies (a)": ast.Quantified("no", N("a"), ast.ListLiteral((B,)), None, A),
    "count(a in b where (c)) > 1": ast.Binary(">", ast.CountElements(N("a"), B, C), ast.Number(Decimal(1), "1")),
    "a within 3 days": ast.Occurs(event("a"), ast.Within(days(3)), False),
    "a within b.c": ast.Occurs(event("a"), ast.Within(path("b.c")), False),
    "a where (b) within c and b": ast.And((ast.Occurs(event("a", B), ast.Within(C), False), B)),
    "no any a before": ast.Occurs(event("a", any_=True), ast.Before(), True),
    "a by b + 3 days": ast.Occurs(event("a"), ast.By(ast.Binary("+", B, days(3))), False),
    "a within the last # why\n 3 days": ast.Occurs(event("a"), ast.WithinLast(days(3)), False),
    "a no later than 3 days": ast.Occurs(event("a"), ast.NoLaterThan(days(3)), False),
    "no a no later than 3 days": ast.Occurs(event("a"), ast.NoLaterThan(days(3)), True),
    "a since b where (c)": ast.Occurs(event("a"), ast.Since(event("b", C)), False),
    "a this week": ast.Occurs(event("a"), ast.This("week"), False),
    "a during b": ast.Occurs(event("a"), ast.During(N("b")), False),
    "count of a before <= b": ast.Binary("<=", ast.CountEvents(event("a"), ast.Before()), B),
    "count of any a where (b) within the last 3 days / c": ast.Binary(
        "/", ast.CountEvents(event("a", B, any_=True), ast.WithinLast(days(3))), C),
    "sum of a.b.c where (c) this day": ast.SumEvents(event("a", C), (N("b"), N("c")), ast.This("day")),
    "duration of a this day": ast.EpisodeDuration(N("a"), ast.This("day")),
    "latest any a.b where (c) = c": ast.Binary("=", ast.Latest(event("a", C, any_=True), (N("b"),)), C),
}


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions(text: str) -> None:
    assert expression(text) == EXPRESSIONS[text]


TRIGGERS = {
    "a": ast.OnEvent((N("a"),), False, None, None),
    "a, b as c where (a)": ast.OnEvent((N("a"), N("b")), False, N("c"), A),
    "first a": ast.OnEvent((N("a"),), True, None, None),
    "every 3 days of a as b": ast.OnEvery(days(3), N("a"), N("b")),
    "a.b of c without a where (b) as x": ast.OnWithout(path("a.b"), N("c"), event("a", B), N("x")),
    "a of c without b": ast.OnWithout(A, N("c"), event("b"), None),
    "start of a as b": ast.OnStart(N("a"), N("b")),
}


@pytest.mark.parametrize("text", TRIGGERS)
def test_triggers(text: str) -> None:
    assert rule(f"on {text}").trigger == TRIGGERS[text]


CITATIONS = {
    "Art. 18(2)": ast.Citation(None, "Art. 18(2)"),
    "Art.23 (1)(3)": ast.Citation(None, "Art. 23(1)(3)"),
    "§ 22602(c)(2)": ast.Citation(None, "§ 22602(c)(2)"),
    "§6-1-1703": ast.Citation(None, "§ 6-1-1703"),
    "Sec. 1702": ast.Citation(None, "Sec. 1702"),
    "Clause  5.4": ast.Citation(None, "Clause 5.4"),
    "Annex E": ast.Citation(None, "Annex E"),
    "App. A.1": ast.Citation(None, "App. A.1"),
    "cn/personal-information Art. 28": ast.Citation("cn/personal-information", "Art. 28"),
}


@pytest.mark.parametrize("text", CITATIONS)
def test_citations(text: str) -> None:
    assert rule(f"cites {text}, Art. 1").citations == (CITATIONS[text], ast.Citation(None, "Art. 1"))


DECLARATIONS = {
    "policy cn/human-like-ai version 2026-04-10-final":
        ast.PolicyHeader(N("cn/human-like-ai"), N("2026-04-10-final")),
    "use  vocabulary\n  ai_service": ast.UseVocabulary(N("ai_service")),
    'use "../x.policy"': ast.UseFile(ast.Text("../x.policy")),
    "extend cn/x version final": ast.Extend(N("cn/x"), N("final")),
    "applies\n  when a": ast.Applies(A),
    "param p = 3 days tunable cites Art. 1": ast.Param(N("p"), days(3), True, (ast.Citation(None, "Art. 1"),)),
    "define d(x, y) = a": ast.Define(N("d"), (N("x"), N("y")), A),
    "state s per k, l from a where (b), b until c lasting 3 days": ast.StateHolds(
        N("s"), (N("k"), N("l")), (event("a", B), event("b")), (event("c"),), days(3)),
    "state s from a lasting p": ast.StateHolds(N("s"), (), (event("a"),), (), path("p")),
    "state s per k is a.b where (c), b.c otherwise c.a": ast.StateValue(N("s"), (N("k"),), (
        (ast.EventField(N("a"), (N("b"),), C), ast.EventField(N("b"), (N("c"),), None)),
        (ast.EventField(N("c"), (N("a"),), None),))),
    "episode e per k of a, b where (c) gap 3 days ends at c": ast.Episode(
        N("e"), (N("k"),), (event("a"), event("b", C)), days(3), (event("c"),)),
    'unchecked Art. 3, Art. 4 because "why"': ast.Unchecked(
        (ast.Citation(None, "Art. 3"), ast.Citation(None, "Art. 4")), ast.Text("why")),
    "forget k at a, b": ast.Forget(N("k"), (event("a"), event("b"))),
}


@pytest.mark.parametrize("text", DECLARATIONS)
def test_declarations(text: str) -> None:
    assert only(text) == DECLARATIONS[text]


def test_a_rule_with_every_clause() -> None:
    found = only("""rule r "A title"
  cites Art. 1
  family f
  severity warning
  per k, l
  on a
  when b
  when c
  must a
  must  # which
    not b
  must not happen
  unless c
  unless b under Art. 2
  fix "So."
""")
    assert found == ast.Rule(
        N("r"), ast.Text("A title"), (ast.Citation(None, "Art. 1"),), N("f"), N("warning"), (N("k"), N("l")),
        ast.OnEvent((N("a"),), False, None, None), (B, C),
        (ast.Must(A, False), ast.Must(B, True), ast.Must(None, True)),
        (ast.Unless(C, ()), ast.Unless(B, (ast.Citation(None, "Art. 2"),))), ast.Text("So."))


def test_a_title_and_a_fix_stand_in_chinese_beside_the_english() -> None:
    found = rule('"A title" zh "标题"\n  must a\n  fix "So."\n    zh "如此。"')
    assert (found.title, found.title_zh) == (ast.Text("A title"), ast.Text("标题"))
    assert (found.fix, found.fix_zh) == (ast.Text("So."), ast.Text("如此。"))
    assert found.title_zh is not None and found.title_zh.span == Span("p", 1, 21, 1, 25)
    one = rule('"A title" must a fix "So."')
    assert (one.title_zh, one.fix_zh) == (None, None)
    assert one != found


@pytest.mark.parametrize("text", [
    'rule zh "zh" zh "zh"\n  per zh\n  on zh as zh where (zh = "zh")\n  when zh\n  must zh before\n  fix "zh" zh "zh"',
    "rule zh must zh", "rule zh per zh must zh.zh = zh(zh: zh)", "rule zh family zh must not zh within zh",
    "param zh = 3 days", "define zh(zh) = zh", "state zh per zh is zh.zh", "episode zh per zh of zh gap zh",
    "forget zh at zh", "policy zh version zh", "use vocabulary zh"])
def test_zh_is_a_name_wherever_a_name_stands(text: str) -> None:
    only(text)


def test_must_not_takes_the_whole_of_what_follows() -> None:
    assert rule("must not a or b").must == (ast.Must(ast.Or((A, B)), True),)
    assert rule("must (not a) or b").must == (ast.Must(ast.Or((ast.Not(A), B)), False),)


# ---- places -----------------------------------------------------------------------------------------------------

def test_spans_are_where_things_stand() -> None:
    found, _ = parse("p", '# 说明\nrule r "标题"\r\n  cites Art. 1, Art. 2(1)\r\n'
                          '  must (a = 1) and b.c\r\n     .d is present\n')
    [declared] = found.declarations
    assert isinstance(declared, ast.Rule)
    assert declared.span == Span("p", 2, 1, 5, 19)
    assert declared.name.span == Span("p", 2, 6, 2, 7)
    assert declared.title is not None
    assert declared.title.span == Span("p", 2, 8, 2, 12)
    assert declared.citations[1].span == Span("p", 3, 17, 3, 26)
    [must] = declared.must
    assert must.span == Span("p", 4, 3, 5, 19)
    assert isinstance(must.condition, ast.And)
    assert must.condition.parts[0].span == Span("p", 4, 9, 4, 14)
    present = must.condition.parts[1]
    assert isinstance(present, ast.IsPresent)
    assert isinstance(present.operand, P)
    assert present.operand.fields[1].span == Span("p", 5, 7, 5, 8)
    assert found.comments == (ast.Comment("# 说明"),)
    assert found.comments[0].span == Span("p", 1, 1, 1, 5)


def test_a_sign_inside_a_text_is_no_comment() -> None:
    file, diagnostics = parse("p", 'rule r "a # b" # c\n  must a  # d "e\n')
    assert diagnostics == ()
    assert [c.text for c in file.comments] == ["# c", '# d "e']


# ---- mistakes ---------------------------------------------------------------------------------------------------

def test_mistakes_say_what_they_should() -> None:
    said = []
    corpus = (TESTS / "corpus" / "syntax" / "mistakes.txt").read_text(encoding="utf-8")
    for page in corpus.split("=== ")[1:]:
        title, _, text = page.partition("\n")
        _, diagnostics = parse("mistake.policy", text)
        assert diagnostics, f"no message for: {title}"
        sources = {"mistake.policy": Source("mistake.policy", text)}
        said.append(f"=== {title}\n" + "\n".join(render(d, sources) for d in diagnostics) + "\n")
    assert len(said) > 100
    check_golden("".join(said), TESTS / "golden" / "syntax" / "mistakes.txt")


def test_a_broken_rule_neither_hides_nor_swallows_the_next() -> None:
    file, diagnostics = parse("p", "rule one\n  must a\nrule two\n  when b\n  must\n\n# c\n"
                                   "rule three\n  must not happen\n")
    assert [d.name.text for d in file.declarations if isinstance(d, ast.Rule)] == ["one", "three"]
    assert [(d.span.line, d.message) for d in diagnostics if d.span] == [
        (5, "expected a condition after `must`, found the end of the clause")]


def test_two_mistakes_in_two_clauses_are_two_messages() -> None:
    _, diagnostics = parse("p", "rule one\n  cites Article 3\n  on a where b\n  when c\n  must d ==\n")
    assert [d.span.line for d in diagnostics if d.span] == [2, 3, 5]


@pytest.mark.parametrize("text", [
    "(" * 5000, "(" * 5000 + "a" + ")" * 5000, "not " * 5000 + "a", "f(" * 300 + "a" + ")" * 300, "a" + " + a" * 5000,
    "[" * 5000, "f(" * 90 + "not (" * 90])
def test_nesting_beyond_the_limit_is_a_message(text: str) -> None:
    file, diagnostics = parse("p", f"define x = {text}\ndefine y = a\n")
    assert [d.message for d in diagnostics] == [f"an expression is nested more than {MAX_DEPTH} deep"]
    assert len(file.declarations) == 1


def test_a_long_condition_is_not_a_deep_one() -> None:
    assert len(rule("must " + " and ".join(["a"] * 5000)).must[0].condition.parts) == 5000  # type: ignore[union-attr]


@pytest.mark.parametrize("first", CLAUSES)
@pytest.mark.parametrize("second", CLAUSES)
def test_clauses_stand_in_their_order(first: str, second: str) -> None:
    clauses = {"cites": "cites Art. 1", "family": "family f", "severity": "severity info", "per": "per u", "on": "on e",
               "applies": "applies when a",
               "when": "when a", "must": "must a", "unless": "unless a", "fix": 'fix "a"'}
    _, diagnostics = parse("p", f"rule r\n  {clauses[first]}\n  {clauses[second]}\n")
    message = diagnostics[0].message if diagnostics else ""
    if first == second and first not in ("when", "must", "unless"):
        assert message == f"the rule has a second `{first}`"
    elif CLAUSES.index(first) > CLAUSES.index(second):
        assert message == f"`{second}` stands after `{first}`"
    else:
        assert message == ("" if "must" in (first, second) else "the rule `r` has no `must`")
