"""Event logs as they are found: what each part of one becomes, and what is said of a log that is not sound."""

from __future__ import annotations

import gzip
import re
from collections.abc import Container
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from policyengine.analysis.compile import compile_policy
from policyengine.analysis.vocabulary import load_vocabulary
from policyengine.base.diagnostic import Diagnostic
from policyengine.base.instants import parse_instant
from policyengine.base.resources import grammar_text
from policyengine.syntax.grammar import RESERVED as GRAMMAR_RESERVED
from policyengine.syntax.parser import parse
from policyengine.trace.files import xes
from policyengine.trace.files.log_names import RESERVED, Given, given_names, identifier
from policyengine.trace.files.read import Event
from policyengine.trace.files.xes import Shape, read_xes
from policyengine.trace.logs.vocabulary import vocabulary_text
from policyengine.workspace.inputs import fit_events

NAME = '<string key="concept:name" value="{}"/>'
TIME = '<date key="time:timestamp" value="{}"/>'
NOON = "2026-08-01T12:00:00Z"


def event(inside: str = "", *, name: str = "a", time: str = NOON) -> str:
    return f"<event>{NAME.format(name)}{TIME.format(time)}{inside}</event>\n"


def trace(*events: str, name: str = "c1", inside: str = "") -> str:
    return f"<trace>{NAME.format(name)}{inside}\n{''.join(events)}</trace>\n"


def log(*traces: str, head: str = "") -> str:
    return f'<?xml version="1.0"?>\n<log xmlns="http://www.xes-standard.org/">{head}\n{"".join(traces)}</log>\n'


def read(text: str | bytes, *, zone: str | None = None, size: int = 1 << 20,
         shape: Shape | None = None, given: Given | None = None,
         only: Container[int] | None = None) -> tuple[list[Event], list[Diagnostic]]:
    data = text if isinstance(text, bytes) else text.encode()
    found: list[Diagnostic] = []
    chunks = [data[start:start + size] for start in range(0, len(data), size)]
    return list(read_xes(chunks, "log.xes", zone, found.append, shape, given, only)), found


def only(text: str, **options: Any) -> Event:
    events, found = read(text, **options)
    assert (found, len(events)) == ([], 1)
    return events[0]


def fields(inside: str, **options: Any) -> dict[str, Any]:
    """What the attributes of an event become, but for its case."""
    return {name: value for name, value in only(log(trace(event(inside))), **options).fields.items() if name != "case"}


def refused(text: str | bytes, **options: Any) -> list[tuple[str, str, int]]:
    """The names, messages and lines of what is wrong with a log."""
    return [(one.name, one.message, one.span.line if one.span else 0) for one in read(text, **options)[1]]


# ---- names --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("text", "name"), [
    ("Take in charge ticket", "take_in_charge_ticket"), ("A_SUBMITTED", "a_submitted"), ("LacticAcid", "lactic_acid"),
    ("W_Call after offers", "w_call_after_offers"), ("SIRSCritTemperature", "sirs_crit_temperature"),
    ("OfferID", "offer_id"), ("01_HOOFD_010", "x01_hoofd_010"), ("T07-1 Draft", "t07_1_draft"),
    ("SRM: In Transfer", "srm_in_transfer"), ("org:resource", "org_resource"), ("  Net worth (EUR) ", "net_worth_eur"),
    ("Prüfung", "prufung"), ("Straße", "strasse"), ("Ærø", "aero"), ("审批", "u5ba1_u6279"),
    ("Заявка подана: Ёж", "zayavka_podana_ezh"), ("Αίτηση", "aitisi"), ("объект", "obekt"), ("ﬁx", "fix_"),
    ("Ⅳ", "iv"), ("x²", "x2"), ("FIX", "fix_"), ("first", "first_"), ("fix_", "fix_"), ("---", ""), ("", ""),
    ("é", "e"), ("e\u0301", "e"), ("😀", ""),
])
def test_a_text_becomes_a_name(text: str, name: str) -> None:
    assert identifier(text) == name


def test_words_of_the_grammar_are_no_names() -> None:
    assert set(GRAMMAR_RESERVED) <= RESERVED
    assert not any(identifier(one) in RESERVED for one in RESERVED)


def test_words_that_are_names_can_be_written() -> None:
    """Every other word of the language names an event and a field without being taken for something else."""
    words = sorted({*re.findall(r"(?<=[(|/:])[a-z]{2,}(?=[\\|)/(])", grammar_text()), "hours"} - RESERVED)
    assert {"before", "since", "start", "count", "rule", "policy", "happen", "year"} <= set(words)
    shape = Shape()
    attributes = "".join(f'<string key="f{one}" value="x"/><string key="{one}" value="x"/>' for one in words)
    events, found = read(log(trace(*(event(attributes, name=one) for one in words))), shape=shape)
    assert found == []
    assert [one.type for one in events] == [identifier(one) for one in words]
    vocabulary, problems = load_vocabulary("v.yaml", vocabulary_text(shape, "v", "v"))
    assert vocabulary is not None, problems
    for one in map(identifier, words):
        rule = (f"rule r\n  per case\n  on {one} as o where ({one} = o.{one})\n"
                f"  must no {one} before or {one} within 1 day\n")
        file, problems = parse("p.policy", f"policy x/y version 1\nuse vocabulary v\n{rule}")
        policy, more = compile_policy(file, vocabulary)
        assert policy is not None, (one, *problems, *more)


def test_two_activities_that_become_one_are_told_once() -> None:
    text = log(trace(event(name="Send e-mail"), event(name="send E mail"), event(name="send E mail")))
    [found] = read(text)[1]
    assert (found.name, found.message) == (
        "name-collision", "the activities `Send e-mail` and `send E mail` both become `send_e_mail`")
    assert found.span is not None
    assert found.span.line == 5
    assert found.notes[0].span is not None
    assert found.notes[0].span.line == 4


def test_two_attributes_that_become_one_are_told() -> None:
    other = '<string key="net worth" value="1"/><string key="Net-Worth" value="2"/>'
    assert refused(log(trace(event(other)))) == [
        ("name-collision", "the attributes `net worth` and `Net-Worth` both become `net_worth`", 4)]
    # One of the case and one of the event, too, since each becomes a field of the event.
    both = trace(event('<string key="Case ID" value="1"/>'), inside='<string key="id" value="2"/>')
    assert [one for one, _, _ in refused(log(both))] == ["name-collision"]
    assert read(log(both))[0] == []
    both = trace(event('<string key="case:id" value="1"/>'), inside='<string key="id" value="2"/>')
    assert [one for one, _, _ in refused(log(both))] == ["name-collision"]
    # In two events: one field must not mean two things.
    apart = trace(event('<string key="a b" value="1"/>'), event('<string key="a_b" value="1"/>'))
    assert [one for one, _, _ in refused(log(apart))] == ["name-collision"]


def test_the_same_attribute_once_more_says_nothing_new() -> None:
    twice = '<string key="risk" value="low"/>' * 2
    assert fields(twice) == {"risk": "low"}
    for other in ('<string key="risk" value="high"/>', '<int key="risk" value="1"/>',
                  '<string key="risk" value="low"><int key="n" value="1"/></string>'):
        assert [one for one, _, _ in refused(log(trace(event(twice + other))))] == ["duplicate-key"]
    assert only(log(trace(event(), inside=NAME.format("c1")))).fields == {"case": "c1"}


def test_a_vocabulary_gives_names_of_its_own() -> None:
    """What has a `title` there is called by it in the log; so two texts that would become one name are told apart."""
    text = log(trace(event('<string key="Permit ID" value="1"/><string key="Permit id" value="2"/>', name="Close"),
                     event('<string key="case:n" value="3"/>', name="close"), event(name="审批"),
                     inside='<string key="n" value="4"/><string key="N" value="5"/>'))
    shape = Shape()
    events, found = read(text, shape=shape)
    assert found == []
    want = [("close", {"permit_id": "1", "permit_id_2": "2"}), ("close_2", {"case_n": "3"}), ("u5ba1_u6279", {})]
    assert [(one.type, {name: value for name, value in one.fields.items() if name not in (
        "case", "case_n_2", "case_n_3")}) for one in events] == want
    assert [(one.fields["case_n_2"], one.fields["case_n_3"]) for one in events] == [("4", "5")] * 3
    written = vocabulary_text(shape, "v", "v").replace("    u5ba1_u6279:\n", "    approve:\n      title: 审批\n")
    vocabulary, problems = load_vocabulary("v.yaml", written)
    assert vocabulary is not None, problems
    given = given_names({name: one.schema for name, one in vocabulary.events.items()})
    again, found = read(text, given=given)
    assert found == []
    assert [(one.type, one.fields) for one in again] == [
        ("approve" if one.type == "u5ba1_u6279" else one.type, one.fields) for one in events]
    messages = [one.message for one in read(text)[1]]
    assert "the activities `Close` and `close` both become `close`" in messages
    assert "the attributes `event:case:n` and `case:n` both become `case_n`" in messages


def test_attributes_with_the_names_of_columns() -> None:
    keys = ("id", "Type", "time", "sequence", "case", "service")
    inside = "".join(f'<string key="{one}" value="x"/>' for one in keys)
    one = only(log(trace(event(inside), inside='<string key="id" value="y"/>')))
    assert (one.id, one.sequence, one.type) == (None, 1, "a")
    assert one.fields == {"case": "c1", "event_id": "x", "event_type": "x", "event_time": "x", "event_sequence": "x",
                          "event_case": "x", "event_service": "x", "case_id": "y"}


# ---- events and cases ---------------------------------------------------------------------------------------------

def test_an_event_says_where_it_stands() -> None:
    text = log(trace(event(), event(name="B b"), name="one"), trace(event(), name="two"))
    events, found = read(text)
    assert found == []
    assert [(one.type, one.sequence, one.row, one.fields["case"]) for one in events] == [
        ("a", 1, 4, "one"), ("b_b", 2, 5, "one"), ("a", 1, 8, "two")]
    assert {one.file for one in events} == {"log.xes"}
    assert events[0].time == parse_instant(NOON)


def test_no_two_events_of_a_log_have_one_row() -> None:
    """Whatever stands on one line: the bulk reading of events knows them by their rows."""
    text = log(trace(event(), event(), event(), name="one"), trace(event(), event(name="b"), name="two"))
    straight = text.replace("\n", "")
    assert [one.row for one in read(straight)[0]] == [1, 2, 3, 4, 5]
    head, _, rest = text.partition("<trace>")
    assert [one.row for one in read(f"{head}<trace>" + rest.replace("\n", ""))[0]] == [3, 4, 5, 6, 7]
    for written in (text, straight):
        events = read(written)[0]
        assert read(written, only={one.row for one in events[2:4]})[0] == events[2:4]


def test_a_case_gives_its_attributes_to_its_events_wherever_it_has_them() -> None:
    amount = '<float key="AMOUNT_REQ" value="20000"/>'
    late = f"<trace>{event()}{amount}{NAME.format('c9')}</trace>"
    for text in (log(trace(event(), inside=amount, name="c9")), log(late)):
        assert only(text).fields == {"case": "c9", "case_amount_req": 20000}


def test_a_case_may_have_no_events_and_an_event_no_case() -> None:
    assert read(log(trace(name="empty"))) == ([], [])
    loose = only(log(event('<int key="n" value="1"/>')))
    assert (loose.fields, loose.sequence) == ({"n": 1}, None)


def test_a_case_without_a_name_is_called_by_its_place() -> None:
    unnamed = f"<trace>{event()}</trace>\n"
    events, found = read(log(unnamed, unnamed, trace(event(), name="")))
    assert ([one.fields["case"] for one in events], found) == (["log.xes:3", "log.xes:5", "log.xes:7"], [])
    events, found = read(f"<log>{unnamed}{unnamed}</log>".replace("\n", ""))
    assert ([one.fields["case"] for one in events], found) == (["log.xes:1", "log.xes:1:131"], [])


def test_traces_of_one_name_are_one_case() -> None:
    """Real logs have them; `sequence` goes on, also past events that cannot be read, and each event keeps the
    attributes of its own trace."""
    amount = '<int key="n" value="{}"/>'
    first, second = (trace(event(), event(name="b"), name="x", inside=amount.format(one)) for one in (1, 2))
    other = trace(event(), name="y")
    text = log(first, other, second, other, trace(event(), name="x"), trace(name="y"))
    events, found = read(text)
    assert [(one.fields["case"], one.sequence, one.type, one.fields.get("case_n")) for one in events] == [
        ("x", 1, "a", 1), ("x", 2, "b", 1), ("y", 1, "a", None), ("x", 3, "a", 2), ("x", 4, "b", 2),
        ("y", 2, "a", None), ("x", 5, "a", None)]
    [one] = found
    assert (one.name, one.severity, one.message) == (
        "case-twice", "warning", "two traces are named `x` and judged as one case, and so with 1 other name")
    assert one.span and one.notes[0].span and (one.notes[0].span.line, one.span.line) == (3, 10)
    assert [event.sequence for event in read(text, only={events[4].row})[0]] == [4]
    number = f'<log><trace><int key="concept:name" value="0173688"/>{event()}</trace></log>'
    assert only(number).fields["case"] == "0173688"
    assert read(log(trace(name="x"), trace(event(), name="x")))[1] == []  # nothing was put together


@pytest.mark.parametrize(("inside", "name", "message"), [
    (NAME.format("a"), "missing-column", "the event has no `time:timestamp`"),
    (NAME.format("a") + TIME.format(""), "missing-column", "the event has no `time:timestamp`"),
    (TIME.format(NOON), "missing-column", "the event has no `concept:name`"),
    (NAME.format("") + TIME.format(NOON), "missing-column", "the event has no `concept:name`"),
    (NAME.format("?") + TIME.format(NOON), "bad-event-type", "the activity `?` has no letter or digit"),
    (NAME.format("a") + TIME.format("yesterday"), "bad-time", "`yesterday` is not a time such as"),
    (NAME.format("a") + TIME.format("2026-08-01T12:00:00"), "bad-time", "`2026-08-01T12:00:00` has no offset"),
    (NAME.format("a") + NAME.format("b") + TIME.format(NOON), "duplicate-key",
     "the attribute `concept:name` occurs twice"),
])
def test_a_bad_event_is_left_out_and_the_others_are_read(inside: str, name: str, message: str) -> None:
    events, found = read(log(trace(event(), f"<event>{inside}</event>\n", event(name="b"))))
    assert [one.type for one in events] == ["a", "b"]
    assert [one.sequence for one in events] == [1, 3]
    assert [(one.name, one.message.startswith(message), one.span.line if one.span else 0) for one in found] == [
        (name, True, 5)]


@pytest.mark.parametrize(("written", "same"), [
    ("2012-10-09T14:50:17+00:00", "2012-10-09T14:50:17Z"),
    ("2011-10-11T13:45:40.276+02:00", "2011-10-11T11:45:40.276Z"),
    ("2011-10-01T00:38:44.5460000+02:00", "2011-09-30T22:38:44.546Z"),
    ("2011-10-01T00:38:44.000000000Z", "2011-10-01T00:38:44Z"),
    ("2011-10-01 00:38:44+0200", "2011-09-30T22:38:44Z"),
    ("2011/10/01 00:38:44.500Z", "2011-10-01T00:38:44.5Z"),
    ("1970-01-01T00:00:00.000+01:00", "1969-12-31T23:00:00Z"),
    ("2026-08-01T12:00:00", "2026-08-01T04:00:00Z"),
])
def test_times(written: str, same: str) -> None:
    one = only(log(trace(event(f'<date key="due" value="{written}"/>', time=written))), zone="Asia/Shanghai")
    assert one.time == parse_instant(same)
    assert parse_instant(one.fields["due"]) == parse_instant(same)  # a field has an offset, whatever the log had


def test_a_time_finer_than_a_microsecond_is_not_rounded() -> None:
    assert [name for name, _, _ in refused(log(trace(event(time="2011-10-01T00:38:44.1234567Z"))))] == ["bad-time"]


# ---- attributes ---------------------------------------------------------------------------------------------------

def test_each_kind_of_attribute() -> None:
    inside = ('<string key="s" value=" a&lt;b&#10;"/><id key="i" value="c7"/><int key="n" value="-012"/>'
              '<float key="f" value="1.10"/><float key="e" value="2.3832541524E7"/><boolean key="t" value="true"/>'
              '<boolean key="u" value="False"/><date key="d" value="2026-08-01T00:00:00.000+02:00"/>')
    assert fields(inside) == {
        "s": " a<b\n", "i": "c7", "n": -12, "f": Decimal("1.10"), "e": Decimal("23832541.524"), "t": True, "u": False,
        "d": "2026-08-01T00:00:00.000+02:00"}


def test_a_float_is_the_decimal_of_its_text() -> None:
    found = fields('<float key="a" value="0.1"/><float key="b" value="498.29"/><float key="c" value="20000.0"/>'
                   '<float key="d" value="26.851024594112"/><float key="e" value="1E-12"/><float key="f" value="NaN"/>'
                   '<float key="g" value=".5"/><float key="h" value="35"/>')
    assert found == {"a": Decimal("0.1"), "b": Decimal("498.29"), "c": Decimal("20000.0"), "d": Decimal("26.851024594"),
                     "e": Decimal(0), "g": Decimal("0.5"), "h": 35}
    assert not any(isinstance(one, float) for one in found.values())
    halves = fields('<float key="a" value="0.0000000015"/><float key="b" value="0.0000000025"/>'
                    '<float key="c" value="-0.0000000001"/><float key="d" value="100.0000000000"/>'
                    '<float key="e" value="999999999999999999.99999999949999999999"/>')
    assert {name: str(value) for name, value in halves.items()} == {
        "a": "2E-9", "b": "2E-9", "c": "0E-9", "d": "100.000000000", "e": "999999999999999999.999999999"}


def test_an_empty_value_is_missing_but_for_text() -> None:
    inside = "".join(f'<{tag} key="{tag}" value=""/>' for tag in ("string", "int", "float", "boolean", "date"))
    assert fields(inside + '<string key="none"/>') == {"string": ""}


@pytest.mark.parametrize(("attribute", "name", "message"), [
    ('<int key="x" value="1.5"/>', "xes-attribute", "`x`: `1.5` is not a whole number"),
    ('<float key="x" value="1,5"/>', "number-not-finite", "`x`: `1,5` is not a finite number"),
    ('<float key="x" value="INF"/>', "number-not-finite", "`x`: `INF` is not a finite number"),
    ('<float key="x" value="1e30"/>', "number-too-long", "`x`: `1e30` has more than 18 digits before the point"),
    ('<int key="x" value="1234567890123456789"/>', "number-too-long", "`x`: `1234567890123456789` has more than 18"),
    ('<boolean key="x" value="yes"/>', "xes-attribute", "`x`: `yes` is neither `true` nor `false`"),
    ('<date key="x" value="2026-13-01T00:00:00Z"/>', "bad-time", "`x`: `2026-13-01T00:00:00Z` names a day"),
    ('<string value="1"/>', "xes-attribute", "an attribute `<string>` has no `key`"),
    ('<string key="!" value="1"/>', "xes-attribute", "the key `!` has no letter or digit"),
    ('<string key="x" value="1"/><int key="x" value="1"/>', "duplicate-key", "the attribute `x` occurs twice"),
    ('<string key="x" value="1"><int key="y" value="z"/></string>', "xes-attribute", "`y`: `z` is not a whole number"),
])
def test_an_attribute_that_cannot_be_read(attribute: str, name: str, message: str) -> None:
    events, found = read(log(trace(event(attribute), event())))
    assert len(events) == 1
    assert [(one.name, one.message[:len(message)]) for one in found] == [(name, message)]


def test_attributes_inside_attributes_stand_behind_them() -> None:
    inside = ('<string key="cost:total" value="9"><string key="currency" value="EUR"><int key="Decimals" value="2"/>'
              "</string></string>")
    assert fields(inside) == {"cost_total": "9", "cost_total_currency": "EUR", "cost_total_currency_decimals": 2}


def test_lists() -> None:
    plain = '<int key="x" value="1"/><int key="x" value="2"/>'
    for text in (f'<list key="l">{plain}</list>', f'<list key="l"><values>{plain}</values></list>',
                 f'<container key="l">{plain}</container>'):
        assert fields(text) == {"l": [1, 2]}
    assert fields('<list key="l"/>') == {"l": []}
    drivers = ('<list key="cost:drivers"><values><string key="d1" value=""><float key="cost:amount" value="21.4"/>'
               '<string key="id" value="x"/></string></values></list>')
    assert fields(drivers) == {"cost_drivers": [{"key": "d1", "value": "", "cost_amount": Decimal("21.4"), "id": "x"}]}


def test_what_is_said_of_the_log_is_no_part_of_an_event() -> None:
    head = ('<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>'
            '<global scope="trace"><string key="responsible" value="UNKNOWN"/></global>'
            '<global scope="event"><string key="org:group" value="UNKNOWN"/><float key="x" value="?"/></global>'
            '<classifier name="Activity" keys="concept:name lifecycle:transition"/>'
            '<float key="meta:avg" value="nonsense"><list key="deep"><string key="x" value="y"/></list></float>')
    # The value under `global` is an example of one; an event without the attribute does not have it.
    assert only(log(trace(event('<string key="lifecycle:transition" value="START"/>')), head=head)).fields == {
        "case": "c1", "lifecycle_transition": "START"}


def test_an_extension_under_another_prefix() -> None:
    head = ('<extension name="Concept" prefix="c" uri="http://www.xes-standard.org/concept.xesext"/>'
            '<extension name="Time" prefix="zeit" uri="http://code.deckfour.org/xes/time.xesext"/>')
    inside = f'<event><string key="c:name" value="A"/><date key="zeit:timestamp" value="{NOON}"/></event>'
    one = only(log(f'<trace><string key="c:name" value="c1"/>{inside}</trace>', head=head))
    assert (one.type, one.fields) == ("a", {"case": "c1"})


def test_namespaces_do_not_matter() -> None:
    bare = f"<log><trace>{NAME.format('c1')}{event()}</trace></log>"
    prefixed = bare.replace("</", "</x:").replace("<", "<x:").replace("<x:/x:", "</x:").replace(
        "<x:log>", '<x:log xmlns:x="http://www.xes-standard.org/">')
    assert only(bare).fields == only(prefixed).fields == {"case": "c1"}


def test_a_log_in_one_line_and_a_log_in_pieces() -> None:
    text = log(*(trace(event(f'<int key="n" value="{n}"/>'), name=f"c{n}") for n in range(300)))
    whole, found = read(text)
    assert (len(whole), found) == (300, [])
    for size in (1, 7, 1000):
        assert read(text, size=size) == (whole, [])
    flat, _ = read(text.replace("\n", ""))
    assert [one.fields for one in flat] == [one.fields for one in whole]
    assert [one.row for one in flat] == list(range(1, 301))


# ---- logs that are none -------------------------------------------------------------------------------------------

def test_a_log_that_is_cut_off() -> None:
    text = log(*(trace(event(), name=f"c{n}") for n in range(3)))
    for end, where, line in ((text.rindex("</trace>"), " inside `<trace>`", 11), (text.rindex("</event>"), None, 10),
                             (text.rindex('"/>'), None, 10), (text.rindex("</log>"), " inside `<log>`", 12)):
        events, [found] = read(text[:end])
        assert found.name == "cut-off"
        assert where is None or found.message == f"the log ends{where}"
        assert found.span is not None
        assert found.span.line == line
        assert len(events) == (3 if end == text.rindex("</log>") else 2)  # the cases that are whole


@pytest.mark.parametrize(("text", "name", "message", "line"), [
    ("<log>\n<trace>\n</log>", "xes-syntax", "cannot read XML: mismatched tag", 3),
    ("<log>\n<trace a=1/></log>", "xes-syntax", "cannot read XML: not well-formed (invalid token)", 2),
    ("<log></log><log></log>", "xes-syntax", "cannot read XML: junk after document element", 1),
    ("not XML", "xes-syntax", "cannot read XML: syntax error", 1),
    ("<html>\n</html>", "xes-syntax", "found `<html>`, where a log begins with `<log>`", 1),
    ("<log>\n<event>\n<trace/></event></log>", "xes-syntax", "found `<trace>` in `<event>`", 3),
    ("<log><trace>\n<thing/></trace></log>", "xes-syntax", "found `<thing>` in `<trace>`", 2),
    ("<log>\n&nbsp;</log>", "xes-syntax", "cannot read XML: undefined entity", 2),
])
def test_what_is_no_log(text: str, name: str, message: str, line: int) -> None:
    assert refused(text) == [(name, message, line)]


def test_an_empty_file_says_nothing_here() -> None:
    assert read("") == ([], [])


def test_an_archive_that_is_damaged(tmp_path: Path) -> None:
    text = log(*(trace(event(f'<int key="n" value="{n * n}"/>'), name=f"c{n}") for n in range(5000)))
    packed = gzip.compress(text.encode(), mtime=0)
    for data, name, least in ((packed, None, 5000), (packed[:len(packed) // 2], "cut-off", 1000),
                              (packed[:50_000] + b"x" * 50 + packed[50_050:], "unreadable-file", 1),
                              (text.encode(), "unreadable-file", 0)):
        file = tmp_path / "log.xes.gz"
        file.write_bytes(data)
        found: list[Diagnostic] = []
        with gzip.open(file) as opened:
            events = list(read_xes(iter(lambda: opened.read(1 << 12), b""), "log.xes.gz", None, found.append))
        assert [one.name for one in found] == ([name] if name else [])
        assert len(events) >= least


@pytest.mark.parametrize("doctype", [
    '<!DOCTYPE log [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    '<!DOCTYPE log SYSTEM "file:///etc/passwd">',
    '<!DOCTYPE log [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
])
def test_a_document_type_is_refused(doctype: str) -> None:
    text = f"<?xml version='1.0'?>\n{doctype}<log>{trace(event(name='&a;'))}</log>"
    assert refused(text) == [("xes-syntax", "a log has no document type declaration", 2)]


def test_what_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = event(f'<string key="text" value="{"x" * 300_000}"/>')
    assert len(fields(f'<string key="text" value="{"x" * 300_000}"/>')["text"]) == 300_000
    monkeypatch.setattr(xes, "MAX_TAG_BYTES", 100_000)
    assert [name for name, _, _ in refused(log(trace(huge)), size=10_000)] == ["event-too-large"]
    monkeypatch.undo()
    many = "".join(f'<int key="k{n}" value="1"/>' for n in range(xes.MAX_ATTRIBUTES + 1))
    assert [name for name, _, _ in refused(log(trace(event(many))))] == ["event-too-large"]
    assert len(fields(many[: many.index('<int key="k9990"')])) == 9990
    deep = '<string key="k" value="1">' * 200 + "</string>" * 200
    assert [name for name, _, _ in refused(log(trace(event(deep))))] == ["too-deep"]


def test_the_bytes_of_other_alphabets() -> None:
    text = log(trace(event('<string key="Größe" value="ä审"/>', name="Prüfung"))).replace(
        '<?xml version="1.0"?>', "{}")
    for declared, encoding in (("", "utf-8"), ('<?xml version="1.0" encoding="UTF-8"?>', "utf-8-sig")):
        assert read(text.format(declared).encode(encoding).strip())[0][0].fields["grosse"] == "ä审"
    latin = text.format('<?xml version="1.0" encoding="ISO-8859-1"?>').replace("审", "").encode("latin-1")
    assert read(latin)[0][0].fields["grosse"] == "ä"
    assert [name for name, _, _ in refused(latin.replace(b"ISO-8859-1", b"UTF-8"))] == ["xes-syntax"]


def test_encodings_of_more_than_a_byte_for_a_character() -> None:
    """As the tools of East Asia write them; a log is read in them from the first chunk on."""
    text = log(trace(event('<string key="客" value="山"/>', name="承"))).replace('<?xml version="1.0"?>', "{}")
    for encoding in ("GBK", "gb2312", "GB18030", "Big5", "Shift_JIS"):
        data = text.format(f'<?xml version="1.0" encoding="{encoding}"?>').encode(encoding)
        for size in (1, 7, 10_000):
            events, found = read(data, size=size)
            assert [(one.type, one.fields["u5ba2"]) for one in events] == [("u627f", "山")], encoding
            assert found == []
    broken = text.format('<?xml version="1.0" encoding="GBK"?>').encode("gbk").replace("山".encode("gbk"), b"\xff\xff")
    [(name, message, line)] = refused(broken)
    assert (name, message) == ("xes-syntax", "cannot read XML: the text is not gbk")
    assert line == 1
    [(name, message, _)] = refused(text.format('<?xml version="1.0" encoding="nothing"?>').encode())
    assert (name, message) == ("xes-syntax", "the encoding `nothing` is not known")


def test_a_packed_log_under_the_name_of_a_plain_one() -> None:
    assert refused(gzip.compress(log(trace(event())).encode())) == [
        ("unreadable-file", "the log is compressed, and its name does not say so", 1)]


# ---- the vocabulary of a log --------------------------------------------------------------------------------------

def derived(text: str) -> tuple[str, Any]:
    """The text of a log's vocabulary, which reads, and which the log fits."""
    shape = Shape()
    events, found = read(text, shape=shape)
    assert found == []
    written = vocabulary_text(shape, "some_log", 'A "log": #1')
    vocabulary, problems = load_vocabulary("some_log.yaml", written)
    assert vocabulary is not None, problems
    fitted, misfits = fit_events(events, {name: one.schema for name, one in vocabulary.events.items()})
    assert (len(fitted), misfits) == (len(events), ())
    return written, vocabulary


def test_a_log_has_a_vocabulary() -> None:
    head = '<global scope="event"><string key="org:resource" value="?"/><string key="rare" value="?"/></global>'
    who = '<string key="org:resource" value="Ann"/>'
    text = log(trace(event(who + '<float key="Cost" value="1.5"/><list key="tags"><string key="t" value="x"/></list>'),
                     event(who + '<int key="n" value="3"/><date key="due" value="2026-08-02T00:00:00Z"/>', name="B b"),
                     event(who + '<int key="Cost" value="2"/><boolean key="ok" value="true"/>'),
                     inside='<int key="amount" value="5"/>'), trace(event(who), name="c2"), head=head)
    written, vocabulary = derived(text)
    assert list(vocabulary.events) == ["a", "b_b"]
    assert {one.name: type(one.type).__name__ for one in vocabulary.events["a"].record.fields} == {
        "time": "Instant", "sequence": "Number", "case": "Text", "org_resource": "Text", "case_amount": "Number",
        "cost": "Number", "tags": "ListOf", "ok": "Bool"}
    assert vocabulary.events["a"].required == {"time", "case", "org_resource"}
    assert vocabulary.descriptions["b_b"] == ("B b (1 event)", "")
    assert 'org_resource: {type: string, description: "`org:resource`", examples: ["Ann"]}' in written
    policy = ("policy x/y version 1\nuse vocabulary some_log\nrule r\n  per case, org_resource\n  on a as first_one "
              "where (cost > 1)\n  must b_b where (due > first_one.time) within 1 day\n")
    file, problems = parse("p.policy", policy)
    assert compile_policy(file, vocabulary)[0] is not None, problems


def test_fields_of_no_one_kind_are_left_out() -> None:
    text = log(trace(event('<string key="x" value="1"/><list key="l"/>'), event('<int key="x" value="1"/>')))
    written, vocabulary = derived(text)
    assert not {"x", "l"} & {one.name for one in vocabulary.events["a"].record.fields}
    assert "# x: left out, since its values are of no one kind (integer, text)\n" in written
    assert "# l: left out" in written


def test_a_list_of_lists_is_left_out_with_a_remark() -> None:
    inner = '<list key="in"><int key="m" value="2"/></list>'
    text = log(trace(event(f'<list key="Box"><int key="n" value="1"/>{inner}</list><int key="n" value="3"/>')))
    assert fields('<container key="Box"><container key="in"/></container><int key="n" value="3"/>') == {"n": 3}
    written, vocabulary = derived(text)
    assert "# box: left out, since its values are of no one kind (integer, list)\n" in written
    assert {one.name for one in vocabulary.events["a"].record.fields} == {"time", "sequence", "case", "n"}


def test_records_in_lists_have_their_own_fields() -> None:
    drivers = ('<list key="drivers"><string key="d1" value="w"><float key="amount" value="21.4"/></string>'
               '<string key="d2" value=""><list key="in"><int key="x" value="1"/></list></string></list>')
    _, vocabulary = derived(log(trace(event(drivers))))
    [field] = [one for one in vocabulary.events["a"].record.fields if one.name == "drivers"]
    assert {one.name for one in field.type.item.fields} == {"key", "value", "amount", "in_"}


@pytest.mark.parametrize("text", ["\n", "\u2028", "\x85", "\\", '"', "'", ": #", "😀", "\ue000", "a" * 500])
def test_texts_of_a_log_do_not_break_the_vocabulary(text: str) -> None:
    shown = "".join(f"&#{ord(one)};" for one in text)
    derived(log(trace(event(f'<string key="k{shown}" value="{shown}"/>', name=f"x{shown}"))))


# ---- every way to break one ---------------------------------------------------------------------------------------

def test_whatever_is_cut_off_or_changed_is_told() -> None:
    """Cut anywhere, a log gives the cases before and says that it is cut; with any byte changed nothing falls over."""
    text = log(trace(event('<float key="x" value="1.5"/><list key="l"><int key="i" value="1"/></list>'), name="one"),
               trace(event(), name="two")).encode()
    whole, _ = read(text)
    for end in range(1, len(text.rstrip()) - 1):
        events, found = read(text[:end])
        assert events == whole[:len(events)]
        assert [one.name for one in found] == ["cut-off"]
    for at in range(len(text)):
        for put in (b"", b"<", b'"', b"\x00", b"\xff", b"&"):
            read(text[:at] + put + text[at + 1:])
