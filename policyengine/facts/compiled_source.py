"""The rules about facts as one Python function: a policy in, its source out. `compiled.load` makes the function of it.

A rule is covered when it asks nothing of a trace; the others are left to the reference evaluator. The function gives a
verdict a rule and no evidence, and has exactly the meaning of `core.evaluate`; a property test holds it to that. Facts
must have passed the vocabulary, which is not known here; nor is where the source is kept.

Every fact that a covered rule names is read once, at the top. A condition becomes two Python
expressions, one that is true where the condition is true and one where it is false; missing is where neither is. Each
is linear in the condition and stops as early as `and` and `or` stop. What needs statements (loops, arithmetic) is put
in a variable before. Whatever can fail (a sum past 18 digits, a date past year 9999) is computed even where it cannot
matter, as the reference does, so that an error does not depend on the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, assert_never

from policyengine.base.record import record
from policyengine.core import ir, types
from policyengine.core.operators import ORDERINGS
from policyengine.core.verdict import VERDICTS
from policyengine.core.walk import type_of
from policyengine.facts.compiled_covers import all_parts, any_part, conditions_of, covers, parts_of


def source(policy: ir.Policy) -> tuple[str, tuple[str, ...]]:
    """The source of a policy's fact rules, and the names of the rules it covers, in policy order."""
    rules = tuple(rule for rule in policy.rules if covers(policy, rule))
    return _Writer(policy).function(rules), tuple(rule.name for rule in rules)


_NOT_APPLICABLE = VERDICTS.index("not_applicable")
_EXEMPT = VERDICTS.index("exempt")
_UNDECIDED = VERDICTS.index("undecided")
_SATISFIED = VERDICTS.index("satisfied")
_VIOLATED = VERDICTS.index("violated")

# Operator -> Python for true and for false over operands that are there. The rest call the operator's own `compute`.
_TESTS: dict[str, tuple[str, str]] = {
    "=": ("{0} == {1}", "{0} != {1}"),
    "!=": ("{0} != {1}", "{0} == {1}"),
    "<": ("{0} < {1}", "{0} >= {1}"),
    "<=": ("{0} <= {1}", "{0} > {1}"),
    ">": ("{0} > {1}", "{0} <= {1}"),
    ">=": ("{0} >= {1}", "{0} < {1}"),
    "in": ("{0} in {1}", "{0} not in {1}"),
    "contains": ("{1} in {0}", "{1} not in {0}"),
    "contains all": ("{1}.issubset({0})", "not {1}.issubset({0})"),
    "contains none of": ("{1}.isdisjoint({0})", "not {1}.isdisjoint({0})"),
    "matches": ("{1}({0})", "not {1}({0})"),
}
_NEVER_FAILS = frozenset(_TESTS) | {"instant -", "/"}  # a quotient has no bound, and by zero it is missing
_NEVER_MISSING = frozenset({"+", "-", "instant -", "*"})  # of operands that are there

# A comparison of two intervals [{0}, {1}] and [{2}, {3}]: Python for certainly true and for certainly false.
_INTERVALS: dict[str, tuple[str, str]] = {
    "<": ("{1} < {2}", "{3} <= {0}"),
    "<=": ("{1} <= {2}", "{3} < {0}"),
    ">": ("{3} < {0}", "{1} <= {2}"),
    ">=": ("{3} <= {0}", "{1} < {2}"),
    "=": ("{0} == {1} == {2} == {3}", "({1} < {2} or {3} < {0})"),
    "!=": ("({1} < {2} or {3} < {0})", "{0} == {1} == {2} == {3}"),
}
assert frozenset(_INTERVALS) == ORDERINGS




@record
class _Atom:
    """A value as Python that may be repeated: a variable or a constant. None when missing, if `missing` allows it.

    `high` is the upper end of a count of which only the ends are known, then `code` is the lower.
    """

    code: str
    missing: bool = False
    high: str = ""


@record
class _Pair:
    """A condition as two Python expressions: where it is true, and where it is false. `missing`: where neither may be.

    `depth` counts brackets inside one another, of which Python allows 200.
    """

    true: str
    false: str
    missing: bool = False
    depth: int = 0


_ALWAYS = _Pair("True", "False")
_NEVER = _Pair("False", "True")
_BRACKETS = 25


def _not(pair: _Pair) -> _Pair:
    return _Pair(pair.false, pair.true, pair.missing, pair.depth)


def _joined(word: str, codes: Iterable[str], neutral: str) -> str:
    kept = [code for code in dict.fromkeys(codes) if code != neutral]
    if not kept:
        return neutral
    return kept[0] if len(kept) == 1 else f"({f' {word} '.join(kept)})"


def _all(pairs: list[_Pair]) -> _Pair:
    return _Pair(_joined("and", (pair.true for pair in pairs), "True"),
                 _joined("or", (pair.false for pair in pairs), "False"),
                 any(pair.missing for pair in pairs), 1 + max((pair.depth for pair in pairs), default=0))


@dataclass
class _Writer:
    """The source being written: constants of the module, lines of the function, and the variables in reach."""

    policy: ir.Policy
    constants: dict[str, str] = field(default_factory=dict)  # Python -> its name
    lines: list[str] = field(default_factory=list)
    level: int = 1
    count: int = 0
    read: dict[tuple[str, tuple[str, ...], str], str] = field(default_factory=dict)  # owner, path, default -> variable
    elements: dict[str, str] = field(default_factory=dict)  # quantifier's variable -> Python's

    # -- the function ---------------------------------------------------------------------------------------------

    def function(self, rules: tuple[ir.Rule, ...]) -> str:
        results = []
        if rules:
            self.prelude(rules)
            applies = self.applies(rules)
            results = [self.rule(rule, applies) for rule in rules]
        made = [f"{name} = {code}" for code, name in self.constants.items()]
        return "\n".join([*made, "def judge(facts, as_of, params, calendar):", *self.lines,
                          f"    return [{', '.join(results)}]", ""])

    def applies(self, rules: tuple[ir.Rule, ...]) -> _Pair:
        """Writes the scope of the policy; where it is false, and no rule has another, that is all there is to say."""
        if self.policy.applies is None or all(rule.applies is not None for rule in rules):
            return _ALWAYS
        applies = self.named(self.condition(self.policy.applies), "a")
        if any(rule.applies is not None or any(map(_fails, rule.when)) for rule in rules):
            return applies
        self.line(f"if {applies.false}: return [{_NOT_APPLICABLE}] * {len(rules)}")
        return _Pair(applies.true, "False", True) if applies.missing else _ALWAYS

    def prelude(self, rules: tuple[ir.Rule, ...]) -> None:
        """Reads what the covered rules share: facts, parameters, the day."""
        asked = {id(one): one for rule in rules for one in conditions_of(self.policy, rule)}.values()
        self.reads(asked, None, "facts")
        parts = [part for expr in asked for part in all_parts(expr)]
        names = {part.name for part in parts if isinstance(part, ir.Parameter)}
        for param in self.policy.params:
            if param.name in names:
                name = self.read["param", (param.name,), ""] = self.fresh("p")
                raw = f"params.get({param.name!r}, {self.raw(param.value)})"
                self.line(f"{name} = {self.converted(raw, param.type)}")
        if any(isinstance(part, ir.Today | ir.CompletedYears) for part in parts):
            self.line("today = today_of(as_of, calendar.zone)")
        if any(isinstance(part, ir.LocalTime) for part in parts):
            self.line("now = now_of(as_of, calendar.zone)")

    def rule(self, rule: ir.Rule, applies: _Pair) -> str:
        """Writes one rule; gives the variable of its verdict. The question most cases answer with yes comes first."""
        verdict = self.fresh("r")
        when = (self.every([*rule.when], first=applies) if rule.applies is None
                else self.every([rule.applies, *rule.when]))
        if rule.unless:
            self.excused(rule, when, verdict)
        elif when.true == "True" and not when.missing:
            self.judged(rule, verdict)
        else:
            self.line(f"if {when.true}:")
            self.level += 1
            self.judged(rule, verdict)
            self.level -= 1
            otherwise = f"{_NOT_APPLICABLE} if {when.false} else {_UNDECIDED}" if when.missing else _NOT_APPLICABLE
            self.line(f"else: {verdict} = {otherwise}")
        return verdict

    def excused(self, rule: ir.Rule, when: _Pair, verdict: str) -> None:
        """A rule with exceptions: they are asked wherever it is not certain that the rule does not apply."""
        level = self.level
        if when.false != "False":
            self.line(f"if {when.false}: {verdict} = {_NOT_APPLICABLE}")
            self.line("else:")
            self.level += 1
        exceptions = [self.named(self.condition(one.condition), "u") for one in rule.unless]
        self.line(f"if {_joined('or', (one.true for one in exceptions), 'False')}: {verdict} = {_EXEMPT}")
        if when.missing:
            self.line(f"elif not {_bracketed(when.true)}: {verdict} = {_UNDECIDED}")
        self.line("else:")
        self.level += 1
        self.judged(rule, verdict, tuple(f"{one.true} is None" for one in exceptions if one.missing))
        self.level = level

    def judged(self, rule: ir.Rule, verdict: str, unsure: tuple[str, ...] = ()) -> None:
        """What the rule demands; `unsure` are the questions whether an exception is missing, which excuses for now."""
        must = self.every([one.condition for one in rule.must])
        violated = f"({_UNDECIDED} if {' or '.join(unsure)} else {_VIOLATED})" if unsure else str(_VIOLATED)
        self.line(f"{verdict} = {_chosen(must, str(_SATISFIED), violated, str(_UNDECIDED))}")

    # -- lines and names ------------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        self.lines.append("    " * self.level + text)

    def fresh(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def constant(self, code: str) -> str:
        """The name of a value made once, when the module is loaded."""
        return self.constants.setdefault(code, f"K{len(self.constants)}")

    def assign(self, name: str, pair: _Pair) -> None:
        self.line(f"{name} = {_chosen(pair, 'True', 'False', 'None')}")

    def named(self, pair: _Pair, letter: str) -> _Pair:
        """The condition as a variable, for one that is asked more than once."""
        name = self.fresh(letter)
        self.assign(name, pair)
        return _Pair(name, f"{name} is False", pair.missing)

    # -- reading --------------------------------------------------------------------------------------------------

    def reads(self, exprs: Iterable[ir.Expr], owner: str | None, base: str) -> None:
        """Reads the paths that expressions ask of the facts (owner None) or of a quantifier's element, each step once.
        """
        wanted = dict.fromkeys(one for expr in exprs for one in _reads(expr, owner))
        inner = {path[:n] for path, _, _ in wanted for n in range(1, len(path))}
        scope = f"{owner}/{base}"
        for path in dict.fromkeys(step for whole, _, _ in wanted for step in _prefixes(whole)):
            if (scope, path, "") in self.read and (path not in inner or (scope, path, "{}") in self.read):
                continue
            above = self.read[scope, path[:-1], "{}"] if len(path) > 1 else base
            get = f"{above}.get({path[-1]!r})"
            if any(path == whole for whole, _, _ in wanted) and (scope, path, "") not in self.read:
                name = self.read[scope, path, ""] = self.fresh("f")
                self.line(f"{name} = {get}")
            if path in inner and (scope, path, "{}") not in self.read:
                name = self.fresh("d")
                self.line(f"{name} = {self.read.get((scope, path, ''), get)} or NOTHING")
                self.read[scope, path, "{}"] = name
        for path, default, type in wanted:
            self.value_read(scope, path, default, type, base)

    def value_read(self, scope: str, path: tuple[str, ...], default: str, type: types.Type, base: str) -> None:
        raw = self.read.setdefault((scope, path, ""), base) if not path else self.read[scope, path, ""]
        key = (scope, path, f"{type}:{default}")
        if key in self.read:
            return
        code = raw
        if default != "None":
            code = self.fresh("f")
            self.line(f"{code} = {self.raw_code(default)} if {raw} is None else {raw}")
        typed = self.converted(code, type)
        if typed != code:
            name = self.fresh("f")
            self.line(f"{name} = None if {code} is None else {typed}" if default == "None" else f"{name} = {typed}")
            code = name
        self.read[key] = code

    def raw(self, value: Any) -> str:
        return self.raw_code(repr(value))

    def raw_code(self, code: str) -> str:
        """A raw value as Python; what is not a plain constant is made once."""
        return self.constant(code) if code[0] in "D[(" else code

    def converted(self, code: str, type: types.Type) -> str:
        """Raw Python to the form the compiled rules compute with; it leaves what is in that form already."""
        match type:
            case types.Instant():
                return f"us({code})"
            case types.Period():
                return f"period({code})"
            case types.TimeOfDay():
                return f"clock({code})"
            case types.ListOf():
                item = self.converted("i", type.item)
                return code if item == "i" else f"[{item} for i in {code}]"
            case types.Bool() | types.Number() | types.Text() | types.Date() | types.Record() | types.Unknown():
                return code
            case _:
                assert_never(type)

    # -- values ---------------------------------------------------------------------------------------------------

    def value(self, expr: ir.Expr) -> _Atom:
        match expr:
            case ir.Constant():
                code = self.converted(self.raw(expr.value), expr.type)
                return _Atom(self.constant(code) if code.endswith(")") else code)
            case ir.ListValue():
                return self.list_value(expr)
            case ir.Parameter():
                return _Atom(self.read["param", (expr.name,), ""])
            case ir.Fact():
                return self.fact("None/facts", expr.path, expr.default, expr.type)
            case ir.Get():
                return self.fact(f"{expr.owner}/{self.elements[expr.owner]}", expr.path, expr.default, expr.type)
            case ir.Today():
                return _Atom("today")
            case ir.LocalTime():
                return _Atom("now")
            case ir.CompletedYears():
                birth = self.value(expr.birth)
                return self.strict((birth,), f"years({birth.code}, today)", False)
            case ir.Apply():
                return self.truth(expr) if _tested(expr) else self.computed(expr)
            case ir.CountElements():
                return self.counted(expr)
            case ir.Not() | ir.And() | ir.Or() | ir.Present() | ir.Quantified():
                return self.truth(expr)
            case (ir.Occurs() | ir.CountEvents() | ir.SumEvents() | ir.EpisodeDuration() | ir.Latest() | ir.InState()
                  | ir.StateValue()):
                raise AssertionError("a rule that asks something of a trace is not covered")
            case _:
                assert_never(expr)

    def fact(self, scope: str, path: tuple[str, ...], default: Any, type: types.Type) -> _Atom:
        return _Atom(self.read[scope, path, f"{type}:{default!r}"], default is None)

    def truth(self, expr: ir.Expr) -> _Atom:
        pair = self.named(self.condition(expr), "c")
        return _Atom(pair.true, pair.missing)

    def strict(self, operands: Iterable[_Atom], code: str, may_miss: bool) -> _Atom:
        """A variable for a value that is missing when an operand is, or, with `may_miss`, by itself."""
        lost = [f"{one.code} is None" for one in operands if one.missing]
        name = self.fresh("v")
        self.line(f"{name} = None if {' or '.join(lost)} else {code}" if lost else f"{name} = {code}")
        return _Atom(name, bool(lost) or may_miss)

    def list_value(self, expr: ir.ListValue) -> _Atom:
        items = [self.value(item) for item in expr.items]
        code = "".join(("(", *(f"{item.code}, " for item in items), ")"))
        if all(isinstance(item, ir.Constant) for item in expr.items):
            return _Atom(self.constant(code))
        return self.strict(items, code, False)

    def computed(self, expr: ir.Apply) -> _Atom:
        """An operator by its own `compute`, which takes dates as dates and numbers that add exactly."""
        atoms = [self.single(one) for one in expr.arguments]
        given = [_as_operand(atom.code, type_of(one)) for atom, one in zip(atoms, expr.arguments, strict=True)]
        code = f"{self.constant(f'computed({expr.operator!r})')}({given[0]}, {given[1]}, calendar)"
        date_out = isinstance(expr.type, types.Date)
        return self.strict(atoms, f"{code}.isoformat()" if date_out else code, expr.operator not in _NEVER_MISSING)

    def single(self, expr: ir.Expr) -> _Atom:
        """A value that is one: a count of which only the ends are known is missing."""
        atom = self.value(expr)
        if not atom.high:
            return atom
        name = self.fresh("v")
        self.line(f"{name} = {atom.code} if {atom.code} == {atom.high} else None")
        return _Atom(name, True)

    def counted(self, expr: ir.CountElements) -> _Atom:
        domain = self.value(expr.domain)
        low = self.fresh("n")
        if expr.where is None:
            self.line(f"{low} = None if {domain.code} is None else len({domain.code})" if domain.missing
                      else f"{low} = len({domain.code})")
            return _Atom(low, domain.missing)
        high = self.fresh("n")
        self.line(f"{low} = {high} = 0")
        with self.loop(expr.variable, domain, expr.where):
            where = self.condition(expr.where)
            self.line(f"if {where.true}: {low} += 1")
            if where.missing:
                self.line(f"elif not {_bracketed(where.false)}: {high} += 1")
        if where.missing:
            self.line(f"{high} += {low}")
        if domain.missing:
            self.line(f"if {domain.code} is None: {low} = None")
        return _Atom(low, domain.missing, high if where.missing else "")

    # -- conditions -----------------------------------------------------------------------------------------------

    def condition(self, expr: ir.Expr) -> _Pair:
        match expr:
            case ir.Constant():
                return _ALWAYS if expr.value else _NEVER
            case ir.Not():
                return _not(self.condition(expr.part))
            case ir.And():
                return self.every([*expr.parts])
            case ir.Or():
                # Some part is true exactly where not every part's negation is.
                return _not(self.every([ir.Not(part) for part in expr.parts]))
            case ir.Present():
                return self.present(expr.operand)
            case ir.Quantified():
                return self.quantified(expr)
            case ir.Apply() if _tested(expr):
                return self.comparison(expr)
            case (ir.Apply() | ir.Fact() | ir.Get() | ir.Parameter() | ir.ListValue() | ir.Today() | ir.LocalTime()
                  | ir.CompletedYears() | ir.CountElements()):
                atom = self.value(expr)
                return _Pair(atom.code, f"{atom.code} is False", atom.missing)
            case (ir.Occurs() | ir.CountEvents() | ir.SumEvents() | ir.EpisodeDuration() | ir.Latest() | ir.InState()
                  | ir.StateValue()):
                raise AssertionError("a rule that asks something of a trace is not covered")
            case _:
                assert_never(expr)

    def every(self, parts: list[ir.Expr], *, first: _Pair = _ALWAYS) -> _Pair:
        """All of the parts. Loops come last, and only where what came before is not false already."""
        plain = _all([first, *(self.shallow(part) for part in parts if not _loops(part))])
        loops = [part for part in parts if _loops(part)]
        if not loops:
            return plain
        if len(loops) == 1 and plain.true == "True" and not plain.missing:
            return self.condition(loops[0])
        name = self.fresh("c")
        whole = _Pair(name, f"{name} is False", plain.missing)
        started = not (plain.true == "True" and not plain.missing)
        if started:
            self.assign(name, plain)
        for part in loops:
            skips = started and not _fails(part)
            if skips:
                self.line(f"if {name} is not False:")
                self.level += 1
            pair = self.condition(part)
            if not started:
                self.assign(name, pair)
            else:
                answer = self.named(pair, "c")
                skip = "" if skips else f"{name} is not False and "
                self.line(f"if {skip}{answer.true} is not True:")
                self.line(f"    {name} = {answer.true}")
            whole = _Pair(name, f"{name} is False", whole.missing or pair.missing)
            started = True
            self.level -= skips
        return whole

    def shallow(self, expr: ir.Expr) -> _Pair:
        pair = self.condition(expr)
        return self.named(pair, "c") if pair.depth > _BRACKETS else pair

    def present(self, operand: ir.Expr) -> _Pair:
        atom = self.value(operand)
        if not atom.missing:
            return _ALWAYS
        return _Pair(f"{atom.code} is not None", f"{atom.code} is None")

    def comparison(self, expr: ir.Apply) -> _Pair:
        left, right = expr.arguments
        if expr.operator in ORDERINGS:
            counts = self.value(left), self.value(right)
            if counts[0].high or counts[1].high:
                ends = [end for one in counts for end in (one.code, one.high or one.code)]
                pair = _guarded(counts, *(test.format(*ends) for test in _INTERVALS[expr.operator]))
                return _Pair(pair.true, pair.false, True)  # the ends may disagree where both counts are there
            # A Boolean compared with a constant is itself or its negation.
            for one, other in ((left, counts[1]), (right, counts[0])):
                if isinstance(one, ir.Constant) and isinstance(one.value, bool) and expr.operator in ("=", "!="):
                    same = _Pair(other.code, f"{other.code} is False", other.missing)
                    return same if one.value is (expr.operator == "=") else _not(same)
            atoms = counts
        else:
            atoms = self.single(left), self.right(expr.operator, right)
        codes = [atom.code for atom in atoms]
        if isinstance(type_of(left), types.Period) and expr.operator in ("<", "<=", ">", ">="):
            codes = [f"{code}.count" for code in codes]
        true, false = (test.format(*codes) for test in _TESTS[expr.operator])
        pair = _guarded(atoms, true, false)
        # None equals nothing that is there and is in no list, so such a test needs no question before.
        beside = atoms[1].missing and (expr.operator == "in" or atoms[0].missing)
        if expr.operator in ("=", "in") and not beside:
            return _Pair(true, pair.false, pair.missing)
        return _Pair(pair.true, false, pair.missing) if expr.operator == "!=" and not beside else pair

    def right(self, operator: str, expr: ir.Expr) -> _Atom:
        """The right operand in the form the operator's test takes: sets, and a compiled pattern."""
        if operator == "matches":
            assert isinstance(expr, ir.Constant)
            return _Atom(self.constant(f"whole_text({expr.value!r})"))
        atom = self.single(expr)
        if isinstance(expr, ir.ListValue) and all(isinstance(item, ir.Constant) for item in expr.items):
            if operator == "in" and expr.items and all(_in_source(item) for item in expr.items):
                return _Atom(f"{{{', '.join(self.value(item).code for item in expr.items)}}}")
            return _Atom(self.constant(f"frozenset({atom.code})"))
        if operator in ("contains all", "contains none of"):
            return self.strict((atom,), f"frozenset({atom.code})", False)
        return atom

    # -- loops ----------------------------------------------------------------------------------------------------

    def quantified(self, expr: ir.Quantified) -> _Pair:
        """`every` stops at the first element that breaks it, `some` and `no` at the first that has it."""
        domain = self.value(expr.domain)
        name = self.fresh("q")
        every = expr.kind == "every"
        idle, found = ("True", "False") if every else ("False", "True")
        eager = _fails(expr.where) or _fails(expr.condition)
        self.line(f"{name} = None if {domain.code} is None else {idle}" if domain.missing else f"{name} = {idle}")
        with self.loop(expr.variable, domain, expr.where):
            where = _ALWAYS if expr.where is None else self.condition(expr.where)
            if eager:
                where = self.named(where, "c")
            elif where.missing:
                self.line(f"if {where.false}: continue")
            elif where.true != "True":
                self.line(f"if not {_bracketed(where.true)}: continue")
                where = _ALWAYS
            self.reads([expr.condition], expr.variable, self.elements[expr.variable])
            condition = self.condition(expr.condition)
            self.found(name, found, where, _not(condition) if every else condition, stops=not eager)
        pair = _Pair(name, f"{name} is False", domain.missing or where.missing or condition.missing)
        return _not(pair) if expr.kind == "no" else pair

    def found(self, name: str, found: str, where: _Pair, wanted: _Pair, *, stops: bool) -> None:
        """What an element does to the answer: it is found, or nobody knows, or nothing."""
        certain = _joined("and", (where.true, wanted.true), "True")
        unsure = where.missing or wanted.missing
        if not stops:
            out = _joined("or", (where.false, wanted.false), "False")
            self.line(f"if {certain}: {name} = {found}")
            if unsure:
                self.line(f"elif {name} is not {found} and not {_bracketed(out)}: {name} = None")
            return
        if unsure:
            self.line(f"if {wanted.false}: continue")
        self.line(f"if {certain}:")
        self.line(f"    {name} = {found}")
        self.line("    break")
        if unsure:
            self.line(f"{name} = None")

    @contextmanager
    def loop(self, variable: str, domain: _Atom, first: ir.Expr | None) -> Iterator[None]:
        """A loop over a list, a missing one being empty here; it begins by reading what `first` asks of an element."""
        outer = dict(self.elements)
        element = self.elements[variable] = self.fresh("x")
        self.line(f"for {element} in {domain.code} or ():" if domain.missing else f"for {element} in {domain.code}:")
        self.level += 1
        if first is not None:
            self.reads([first], variable, element)
        yield
        self.level -= 1
        self.elements = outer


def _loops(expr: ir.Expr | None) -> bool:
    """Whether the condition takes a loop, which is worth skipping."""
    return any_part(expr, lambda one: isinstance(one, ir.Quantified | ir.CountElements))


def _fails(expr: ir.Expr | None) -> bool:
    """Whether computing it may raise, so that it must be computed whenever the reference does."""
    return any_part(expr, lambda one: isinstance(one, ir.Apply) and one.operator not in _NEVER_FAILS)


def _chosen(pair: _Pair, true: str, false: str, missing: str) -> str:
    if pair.true in ("True", "False") and not pair.missing:
        return true if pair.true == "True" else false
    if not pair.missing:
        return f"{true} if {pair.true} else {false}"
    return f"{true} if {pair.true} else {false} if {pair.false} else {missing}"


def _guarded(atoms: Iterable[_Atom], true: str, false: str) -> _Pair:
    """A test that asks first whether its operands are there."""
    known = [f"{atom.code} is not None" for atom in atoms if atom.missing]
    return _Pair(_joined("and", (*known, true), "True"), _joined("and", (*known, false), "True"), bool(known))


def _bracketed(code: str) -> str:
    return code if code.isidentifier() or code[0] == "(" else f"({code})"


def _tested(expr: ir.Apply) -> bool:
    """Whether the operator is written as a test. A pattern that only the case knows is left to `compute`."""
    return expr.operator in _TESTS and (expr.operator != "matches" or isinstance(expr.arguments[1], ir.Constant))


def _in_source(expr: ir.Expr) -> bool:
    """Whether a constant stands in the source as it is, so that Python makes a set of such when it compiles."""
    return isinstance(expr, ir.Constant) and isinstance(expr.value, str | int) and isinstance(
        expr.type, types.Text | types.Number | types.Bool | types.Date)


def _prefixes(path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (path[:n] for n in range(1, len(path) + 1))


def _reads(expr: ir.Expr, owner: str | None) -> Iterator[tuple[tuple[str, ...], str, types.Type]]:
    """The (path, default as Python, type) that an expression reads of the facts, or of a quantifier's element."""
    match expr:
        case ir.Fact():
            if owner is None:
                yield expr.path, repr(expr.default), expr.type
        case ir.Get():
            if expr.owner == owner:
                yield expr.path, repr(expr.default), expr.type
        case _:
            for part in parts_of(expr):
                yield from _reads(part, owner)


def _as_operand(code: str, type: types.Type) -> str:
    match type:
        case types.Date():
            return f"day({code})"
        case types.Number():
            return f"exact({code})"
        case _:
            return code
