"""Policies to the core: the nodes that come out, and what depends on more than the policy's own text."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from pathlib import Path
from time import perf_counter

import pytest

from policyengine.analysis.compile import compile_policy, compile_sound
from policyengine.analysis.vocabulary import Vocabulary, load_vocabulary
from policyengine.base.diagnostic import Diagnostic, concise
from policyengine.core import ir
from policyengine.core.types import Bool, Date, Instant, ListOf, Number, Period, Record, Text, TimeOfDay
from policyengine.syntax import ast
from policyengine.syntax.parser import parse

FILE = Path(__file__).parents[1] / "support" / "vocabulary.yaml"
HEADER = "policy test/one version 1\nuse vocabulary vocabulary\n"
SCOPE = Text(("all", "session"))
INTEGER = Number(integer=True)


@cache
def vocabulary() -> Vocabulary:
    loaded, _ = load_vocabulary("vocabulary.yaml", FILE.read_text("utf-8"))
    assert loaded is not None
    return loaded


def parsed(text: str, path: str = "one.policy") -> ast.File:
    file, found = parse(path, text)
    assert found == ()
    return file


def policy(text: str, **more: object) -> ir.Policy:
    result, found = compile_policy(parsed(HEADER + text), vocabulary(), **more)  # type: ignore[arg-type]
    assert [concise(one) for one in found] == []
    assert result is not None
    return result


def faults(text: str, **more: object) -> list[str]:
    result, found = compile_policy(parsed(HEADER + text), vocabulary(), **more)  # type: ignore[arg-type]
    assert result is None
    return [said(one) for one in found]


def said(one: Diagnostic) -> str:
    return f"{one.span.line - 2 if one.span else 0}: [{one.name}] {one.message}"


def must(condition: str, declarations: str = "", *, on: str = "", per: bool = True) -> ir.Expr:
    """The only `must` of a rule."""
    head = ("  per user\n" if per else "") + f"  on {on}\n" if on else ""
    text = f"{declarations}\nrule r\n{head}  must {condition}\n"
    return policy(text).rules[0].must[0].condition


def fact(*path: str, type: object, default: object = None) -> ir.Fact:
    return ir.Fact(("service", *path), type, default)  # type: ignore[arg-type]


# ---- values -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("condition", "constant"), [
    ("service.users = 3", ir.Constant(3, INTEGER)),
    ("service.share = 96%", ir.Constant(Decimal("0.96"), Number())),
    ("service.share = 1.0", ir.Constant(1, INTEGER)),
    ("service.users = -3", ir.Constant(-3, INTEGER)),
    ('service.name = "a"', ir.Constant("a", Text(("a",)))),
    ("service.labelled = true", ir.Constant(True, Bool())),
    ("service.launched = 2026-07-15", ir.Constant("2026-07-15", Date())),
    ("local_time = 22:00", ir.Constant("22:00", TimeOfDay())),
    ("service.retention = 6 months", ir.Constant("6 months", Period("month"))),
    ("service.retention = 1 year", ir.Constant("1 year", Period("month"))),
])
def test_constants_are_raw(condition: str, constant: ir.Constant) -> None:
    lowered = must(condition)
    assert isinstance(lowered, ir.Apply)
    assert lowered.arguments[1] == constant
    assert type(lowered.arguments[1].value) is type(constant.value)  # type: ignore[union-attr]


def test_a_fact_takes_its_default() -> None:
    assert must("service.public") == fact("public", type=Bool(), default=True)


def test_or_and_and_are_flat() -> None:
    one, two, three = (fact(name, type=Bool(), default=default)
                       for name, default in (("labelled", None), ("public", True), ("labelled", None)))
    assert must("(service.labelled or service.public) or service.labelled") == ir.Or((one, two, three))
    assert must("service.labelled and (service.public or service.labelled)") == ir.And((one, ir.Or((two, three))))


def test_must_not_negates_the_whole() -> None:
    text = "rule r\n  must not service.labelled or service.public\n"
    whole = policy(text).rules[0].must[0].condition
    assert whole == ir.Not(ir.Or((fact("labelled", type=Bool()), fact("public", type=Bool(), default=True))))


def test_must_not_happen() -> None:
    rule = policy("rule r\n  on message\n  must not happen\n").rules[0]
    assert rule.must == (ir.Must(ir.Constant(False, Bool()), never=True),)


def test_is_missing_is_the_negation_of_is_present() -> None:
    assert must("service.name is missing") == ir.Not(ir.Present(fact("name", type=Text())))


def test_a_quotient_may_be_compared() -> None:
    lowered = must("service.complaints / service.users <= 0.05")
    assert isinstance(lowered, ir.Apply)
    assert lowered.arguments[0].type == Number(quotient=True)  # type: ignore[union-attr]


@pytest.mark.parametrize(("condition", "type"), [
    ("today - service.launched < 30 days", Period("day")),
    ("today - 30 days > service.launched", Date()),
    ("service.reviewed + 2 hours > service.reviewed", Instant()),
    ("service.reviewed + 15 days > service.reviewed", Instant()),
    ("service.reviewed - service.reviewed < 2 hours", Period("elapsed")),
    ("1 year + 6 months > service.retention", Period("month")),
    ("service.users + 1 > 3", INTEGER),
    ("service.users * service.share > 3", Number()),
])
def test_what_reckoning_gives(condition: str, type: object) -> None:
    lowered = must(condition)
    assert isinstance(lowered, ir.Apply) and isinstance(lowered.arguments[0], ir.Apply)
    assert lowered.arguments[0].type == type


def test_a_quantifier() -> None:
    channels = vocabulary().facts.field("service").type.field("channels").type  # type: ignore[union-attr]
    assert isinstance(channels, ListOf) and isinstance(channels.item, Record)
    kind = ir.Get("c", ("kind",), Text(("text", "image", "audio")))
    assert must('every c in service.channels where (c.kind != "text") satisfies (c.explicit_label)') == ir.Quantified(
        "every", "c", fact("channels", type=channels),
        ir.Apply("!=", (kind, ir.Constant("text", Text(("text",)))), Bool()), ir.Get("c", ("explicit_label",), Bool()))


def test_a_tunable_whole_number_may_become_a_fraction() -> None:
    one, two = policy("param a = 3 tunable\nparam b = 3\n"
                      "rule r\n  must service.share < a and service.users > b\n").params
    assert (one.type, two.type) == (Number(), INTEGER)


# ---- params and definitions ---------------------------------------------------------------------------------------

def test_a_param_is_raw_and_its_type_open() -> None:
    one, two = policy('param kinds = ["companion", "other"] tunable cites Art. 3\nparam days = 15 days\n'
                      "rule r\n  must service.kind in kinds and today - service.launched > days\n").params
    assert one == ir.Param("kinds", ("companion", "other"), ListOf(Text()), True, (ir.Citation(None, "Art. 3"),))
    assert two == ir.Param("days", "15 days", Period("day"), False, ())


def test_a_tunable_text_may_be_set_to_any_value_and_a_fixed_one_may_not() -> None:
    policy('param kind = "bot" tunable\nrule r\n  must service.kind = kind\n')
    assert faults('param kind = "bot"\nrule r\n  must service.kind = kind\n') == [
        "3: [unknown-value] the two sides have no value in common"]


def test_definitions_are_put_in_place() -> None:
    define = 'define large = service.users > 3\ndefine of(kind) = service.kind = kind and large\n'
    assert must('of("other")', define) == must('service.kind = "other" and service.users > 3')


def test_a_definition_does_not_see_the_names_around_its_use() -> None:
    text = ("define short = length < 3\n"
            "rule r\n  on message as m\n  must message where (short) before and m.length > 3\n")
    assert faults(text) == ["1: [unknown-name] nothing is called `length`"]


def test_a_definitions_variable_does_not_capture_that_of_its_use() -> None:
    """Put in place as it stands, `has(c)` inside `every c` would compare the inner element with itself."""
    lowered = must("every c in service.tags satisfies (has(c))",
                   "define has(x) = some c in service.tags satisfies (c = x)")
    assert isinstance(lowered, ir.Quantified) and isinstance(lowered.condition, ir.Quantified)
    assert lowered.variable == "c" and lowered.condition.variable == "c_2"
    assert lowered.condition.condition == ir.Apply("=", (ir.Get("c_2", (), Text()), ir.Get("c", (), Text())), Bool())


def test_a_variable_called_as_an_owner_is_renamed() -> None:
    lowered = must('some trigger in service.tags satisfies (trigger = "a")')
    assert isinstance(lowered, ir.Quantified) and lowered.variable == "trigger_2"


def test_a_definition_can_be_about_an_event() -> None:
    lowered = must("whole(r)", 'define whole(x) = x.scope = "all"', on="deletion_requested as r")
    assert lowered == ir.Apply("=", (ir.Get("trigger", ("scope",), SCOPE), ir.Constant("all", Text(("all",)))), Bool())


def test_one_mistake_in_a_definition_is_one_message() -> None:
    assert faults("define a = service.nam\nrule r\n  must a = 3\nrule s\n  must a\n") == [
        "1: [unknown-field] `service` has no field `nam`"]


# ---- the trace ----------------------------------------------------------------------------------------------------

def test_candidates_agree_on_the_rules_keys() -> None:
    scope = ir.Apply("=", (ir.Get("candidate", ("scope",), SCOPE), ir.Get("trigger", ("scope",), SCOPE)), Bool())
    assert must("history_deleted where (scope = r.scope) within 15 days", on="deletion_requested as r") == ir.Occurs(
        ir.Pattern("history_deleted", ("user",), scope), ir.Within(ir.Constant("15 days", Period("day"))))


def test_any_lifts_the_keys() -> None:
    assert must("any reminder before", on="message") == ir.Occurs(ir.Pattern("reminder", (), None), ir.Before())


def test_no_event() -> None:
    assert must("no reminder this day", on="message") == ir.Not(
        ir.Occurs(ir.Pattern("reminder", ("user",), None), ir.This("day")))


def test_since_has_the_keys_too() -> None:
    lowered = must("message since any account_closed", on="message")
    assert isinstance(lowered, ir.Occurs)
    assert lowered.range == ir.Since(ir.Pattern("account_closed", (), None))


def test_the_triggers_where_is_about_the_trigger() -> None:
    rule = policy('rule r\n  on deletion_requested as x where (scope = "all" and x.request is present)\n'
                  "  must history_deleted within 3 days\n").rules[0]
    assert isinstance(rule.trigger, ir.OnEvent) and isinstance(rule.trigger.where, ir.And)
    assert rule.trigger.where.parts[0].arguments[0] == ir.Get("trigger", ("scope",), SCOPE)  # type: ignore[union-attr]


def test_fields_of_several_events_are_those_of_all() -> None:
    lowered = must("x.user = x.session", on="message, reply as x")
    assert isinstance(lowered, ir.Apply)
    assert lowered.arguments == (ir.Get("trigger", ("user",), Text()), ir.Get("trigger", ("session",), Text()))


STATES = ("state age per user is age_verified.age otherwise registered.age, age_verified.age\n"
          "state consent per user, purpose from consent_granted until consent_withdrawn, account_closed "
          "lasting 1 year\n")


def test_states() -> None:
    age, consent = policy(STATES + "rule r\n  per user\n  on message\n"
                          '  must age > 18 and consent(purpose: "training")\n').states
    source = ir.StateSource(ir.Pattern("age_verified", ("user",), None), ("age",))
    registered = ir.StateSource(ir.Pattern("registered", ("user",), None), ("age",))
    assert age == ir.ValuedState("age", ("user",), ((source,), (registered, source)), INTEGER)
    assert consent == ir.BooleanState(
        "consent", ("user", "purpose"), (ir.Pattern("consent_granted", ("user", "purpose"), None),),
        (ir.Pattern("consent_withdrawn", ("user", "purpose"), None), ir.Pattern("account_closed", ("user",), None)),
        ir.Constant("1 year", Period("month")))


def test_a_states_other_keys_are_the_triggers() -> None:
    user = ("user", ir.Get("trigger", ("user",), Text()))
    purpose = ("purpose", ir.Constant("training", Text(("training",))))
    assert must('consent(purpose: "training")', STATES, on="message") == ir.InState(
        "consent", "trigger", (user, purpose))


def test_inside_where_a_state_is_read_at_the_candidate() -> None:
    lowered = must("message where (age < 18) before", STATES, on="account_closed")
    assert isinstance(lowered, ir.Occurs) and isinstance(lowered.pattern.where, ir.Apply)
    assert lowered.pattern.where.arguments[0] == ir.StateValue(
        "age", "candidate", (("user", ir.Get("candidate", ("user",), Text())),), INTEGER)


def test_a_definition_used_inside_where_reads_its_state_at_the_candidate() -> None:
    lowered = must("message where (minor) before", STATES + "define minor = age < 18\n", on="account_closed")
    assert lowered == must("message where (age < 18) before", STATES, on="account_closed")


def test_a_state_without_a_moment_is_given_its_keys() -> None:
    assert must('age(user: "u") > 18', STATES) == ir.Apply(">", (
        ir.StateValue("age", "trigger", (("user", ir.Constant("u", Text(("u",)))),), INTEGER),
        ir.Constant(18, INTEGER)), Bool())


EPISODE = "episode use per user of message, reply where (labelled) gap 10 minutes ends at account_closed\n"


def test_an_episode_and_its_marks() -> None:
    result = policy(EPISODE + "rule r\n  per user\n  on every 2 hours of use as m\n"
                    "  must reminder where (time > m.time) within 10 minutes\n")
    where = ir.Get("candidate", ("labelled",), Bool(), False)
    assert result.episodes == (ir.Episode(
        "use", ("user",), (ir.Pattern("message", ("user",), None), ir.Pattern("reply", ("user",), where)),
        ir.Constant("10 minutes", Period("elapsed")), (ir.Pattern("account_closed", ("user",), None),)),)
    rule = result.rules[0]
    assert rule.trigger == ir.OnEvery(ir.Constant("2 hours", Period("elapsed")), "use")
    condition = rule.must[0].condition
    assert isinstance(condition, ir.Occurs) and isinstance(condition.pattern.where, ir.Apply)
    assert condition.pattern.where.arguments[1] == ir.Get("trigger", ("time",), Instant())


def test_silences() -> None:
    rule = policy(EPISODE + 'rule r\n  per user\n  on 3 hours of use without reminder where (channel = "popup")\n'
                  "  must not happen\n").rules[0]
    assert isinstance(rule.trigger, ir.OnWithout)
    assert rule.trigger.pattern.keys == ("user",) and rule.trigger.pattern.where is not None


def test_the_service_field_of_events_and_the_facts_of_the_service() -> None:
    """Every event carries the text `service`; with a field after it the fact is meant."""
    lowered = must("message where (service = service.name) before", on="message")
    assert isinstance(lowered, ir.Occurs)
    assert lowered.pattern.where == ir.Apply("=", (
        ir.Get("candidate", ("service",), Text()), fact("name", type=Text())), Bool())


# ---- the policy ---------------------------------------------------------------------------------------------------

def test_spans_are_the_smallest() -> None:
    result = policy("rule r\n  must service.users >\n    3\n")
    condition = result.rules[0].must[0].condition
    assert isinstance(condition, ir.Apply)
    assert (condition.arguments[0].span.line, condition.arguments[0].span.column) == (4, 8)
    assert (result.rules[0].span.column, result.rules[0].span.end_column) == (6, 7)


def test_layout_makes_no_difference() -> None:
    assert policy("rule r\n  must service.labelled\n") == policy("\n\nrule r # x\n  must\n    service.labelled\n")


def test_titles_families_and_severities() -> None:
    one, two = policy('rule one_more\n  must service.labelled\nrule b "B"\n  family labels\n  severity info\n'
                      '  must service.labelled\n  fix "Do."\n').rules
    assert (one.title, one.family, one.severity, one.fix) == ("One more", "general", "error", "")
    assert (two.title, two.family, two.severity, two.fix) == ("B", "labels", "info", "Do.")


def test_one_broken_rule_does_not_hide_another() -> None:
    text = "rule a\n  must service.x\nrule b\n  must service.labelled\nrule c\n  must service.y\n"
    result, found = compile_sound(parsed(HEADER + text), vocabulary())
    assert result is not None and [rule.name for rule in result.rules] == ["b"]
    assert [one.span.line for one in found if one.span] == [4, 8]
    assert compile_policy(parsed(HEADER + text), vocabulary())[0] is None


def test_a_broken_declaration_still_has_its_name() -> None:
    text = ("param limit = service.users\nstate age per user is registered.agee\n"
            "episode use per user of msg gap 1 hour\n"
            "rule r\n  per user\n  on message\n  must age < limit and message during use\n")
    assert [line.split("]")[0] for line in faults(text)] == [
        "1: [not-a-literal", "2: [unknown-field", "3: [unknown-event"]


def test_a_rule_that_requires_nothing() -> None:
    rule = ast.Rule(ast.Name("r"), None, (), None, None, (), None, (), (), (), None)
    file = parsed(HEADER)
    _, found = compile_policy(ast.File("one.policy", (*file.declarations, rule)), vocabulary())
    assert [one.name for one in found] == ["no-must"]


def test_the_header_and_the_vocabulary_are_named() -> None:
    _, found = compile_policy(parsed("rule r\n  must service.labelled\n"), vocabulary())
    assert [one.name for one in found] == ["no-header"]
    _, found = compile_policy(parsed("policy a version 1\n"), vocabulary())
    assert [one.name for one in found] == ["no-vocabulary"]


def test_unchecked_and_forget() -> None:
    result = policy('unchecked Art. 3, Art. 4 because "principles"\nforget user at account_closed\n')
    assert result.unchecked == (ir.Unchecked(ir.Citation(None, "Art. 3"), "principles"),
                                ir.Unchecked(ir.Citation(None, "Art. 4"), "principles"))
    assert result.forgets == (ir.Forget("user", (ir.Pattern("account_closed", ("user",), None),)),)


def test_working_days_need_a_calendar() -> None:
    text = "rule r\n  on message\n  must reply within 15 working days\n"
    policy(text, has_calendar=True)
    assert faults(text, has_calendar=False) == [
        "3: [no-calendar] working days need a calendar, and the regulation names none"]


class Articles:
    """Articles 1 to 3, and Art. 2(1)."""

    def find(self, place: str) -> object | None:
        return place if place in ("Art. 1", "Art. 2", "Art. 3", "Art. 2(1)") else None

    def nearest(self, place: str) -> str | None:
        return "Art. 2(1)" if place == "Art. 2(2)" else None


def test_places_cited_exist() -> None:
    text = ("param days = 3 days cites Art. 9\nrule r\n  cites Art. 1, Art. 2(2), cn/other Art. 77\n"
            "  must today - service.launched > days\n  unless service.labelled under Art. 5\n"
            'unchecked Art. 8 because "x"\n')
    result, found = compile_policy(parsed(HEADER + text), vocabulary(), text=Articles())
    assert result is None
    assert [(said(one), one.help) for one in found] == [
        ("1: [unknown-citation] the regulation has no `Art. 9`", ""),
        ("3: [unknown-citation] the regulation has no `Art. 2(2)`", "did you mean `Art. 2(1)`?"),
        ("5: [unknown-citation] the regulation has no `Art. 5`", ""),
        ("6: [unknown-citation] the regulation has no `Art. 8`", "")]
    policy(text)  # nothing to check against


# ---- files that use or extend others ------------------------------------------------------------------------------

def test_a_file_that_is_used() -> None:
    common = parsed("state age per user is registered.age\nrule common\n  must service.labelled\n", "law/common.policy")
    text = HEADER + 'use "../common.policy"\nrule r\n  per user\n  on message\n  must age > 3\n'
    result, found = compile_policy(parsed(text, "law/v1/rules.policy"), vocabulary(),
                                   includes={"law/common.policy": common})
    assert found == () and result is not None
    assert [rule.name for rule in result.rules] == ["common", "r"]
    assert [state.name for state in result.states] == ["age"]


def test_a_file_that_is_used_twice_counts_once() -> None:
    common = parsed("param x = 3\n", "common.policy")
    other = parsed('use "common.policy"\n', "other.policy")
    text = HEADER + 'use "common.policy"\nuse "other.policy"\nrule r\n  must service.users > x\n'
    result, found = compile_policy(parsed(text), vocabulary(),
                                   includes={"common.policy": common, "other.policy": other})
    assert found == () and result is not None and len(result.params) == 1


def test_a_file_that_is_used_is_no_policy() -> None:
    common = parsed("policy a version 1\nuse vocabulary vocabulary\n", "common.policy")
    _, found = compile_policy(parsed(HEADER + 'use "common.policy"\n'), vocabulary(),
                              includes={"common.policy": common})
    assert [said(one) for one in found] == ["-1: [misplaced] a file that others use has no `policy`"]


HOUSE = "policy house/one version 1\nextend test/one version 1\n"


def base() -> ir.Policy:
    return policy("param promptly = 10 minutes tunable\nparam fixed = 3\n" + STATES + EPISODE
                  + "rule r\n  per user\n  on message\n  must age > fixed and reply within promptly\n")


def house(text: str) -> tuple[ir.Policy | None, tuple[Diagnostic, ...]]:
    return compile_policy(parsed(HOUSE + text), vocabulary(), base=base())


def test_a_house_policy_sees_what_it_extends() -> None:
    result, found = house("param promptly = 5 minutes\nrule mine\n  per user\n  on every 2 hours of use\n"
                          '  when age < fixed\n  must reminder within promptly\n')
    assert found == () and result is not None
    assert result.extends == ("test/one", "1") and result.vocabulary == "vocabulary"
    assert [(param.name, param.value, param.tunable) for param in result.params] == [
        ("promptly", "5 minutes", True), ("fixed", 3, False)]
    assert [rule.name for rule in result.rules] == ["mine"]
    assert [state.name for state in result.states] == ["age", "consent"] and len(result.episodes) == 1


@pytest.mark.parametrize(("text", "name", "message"), [
    ("param fixed = 5\n", "not-tunable", "`fixed` is set by the regulation and is not tunable"),
    ("param promptly = 5\n", "type-mismatch", "`promptly` is duration in the regulation, found integer"),
    ("param promptly = 5 days\n", "type-mismatch", "`promptly` is duration in the regulation, found period in days"),
    ("state age per user is registered.age\n", "duplicate-name", "`age` is declared twice"),
    ("rule r\n  must service.labelled\n", "duplicate-name", "the regulation has a rule `r` already"),
])
def test_what_a_house_policy_may_not_do(text: str, name: str, message: str) -> None:
    result, found = house(text)
    assert result is None
    assert [(one.name, one.message) for one in found] == [(name, message)]
    assert found[0].notes[0].span is not None


def test_extending_nothing() -> None:
    _, found = compile_policy(parsed(HOUSE + "use vocabulary vocabulary\n"), vocabulary())
    assert [one.name for one in found] == ["unknown-policy"]


# ---- speed --------------------------------------------------------------------------------------------------------

def test_five_hundred_rules_compile_in_well_under_a_second() -> None:
    rule = ("rule r{0}\n  per user\n  on deletion_requested as x\n  when age < 18 and service.users > {0}\n"
            "  must history_deleted where (scope = x.scope) within 15 days\n")
    file = parsed(HEADER + STATES + "".join(rule.format(number) for number in range(500)))
    times = []
    for _ in range(3):
        start = perf_counter()
        result, found = compile_policy(file, vocabulary())
        times.append(perf_counter() - start)
        assert result is not None and not found
    assert min(times) < 2.0  # about 0.1 s on an idle machine; the bound is for a busy one
