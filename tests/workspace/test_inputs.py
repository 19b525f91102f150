"""What `check` reads, and what it says of what it cannot read: nothing passes silently."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
import pytest

from tests.workspace.shop import Project, event, service

AGREED = event("agreed", "07-20 10:00")
BOUGHT = event("bought", "07-20 11:00", gift=False)


# ---- facts

@pytest.mark.parametrize(("name", "text", "said"), [
    ("x.yaml", "", "error[empty-document]: `x.yaml` holds no facts\n --> x.yaml:1:1"),
    ("x.json", '{"service": {"id": "a",', "error[json-syntax]: expected a key in double quotes, found the end of the "
     "text\n --> x.json:1:24"),
    ("x.yaml", "service:\n  id: a\n  pricse: shown\n", "error[facts-unknown-key]: `service` has no field `pricse`\n"
     " --> x.yaml:3:3\n  |\n3 |   pricse: shown\n  |   ^^^^^^\nhelp: did you mean `prices`?"),
    ("x.yaml", 'service:\n  id: a\n  seats: "four"\n', "error[facts-type]: expected an integer for `service.seats`, "
     "found text `four`\n --> x.yaml:3:10"),
    ("x.json", '{"service": {"id": "a",\n "seats": 4.5}}', "expected an integer for `service.seats`, found the number "
     "4.5\n --> x.json:2:11"),
    ("x.toml", 'service.id = "a"\nservice.prices = "shwn"\n', "error[facts-value]: expected `shown` or `hidden` for "
     "`service.prices`, found text `shwn`\n --> x.toml:2:18"),
    ("x.yaml", "service: {id: a, id: b}\n", "x.yaml:1:18"),
    ("x.yaml", "service: {prices: shown}\n", "`service.id` is missing, and it is required"),
    ("x.yaml", "- service: {id: a}\n", "error[not-a-mapping]"),
    ("x.yaml", "service: {id: a}\n---\nservice:\n  id: b\n  seats: -1\n", " --> x.yaml:5:10"),
    ("x.txt", "service: {id: a}\n", "x.txt"),
])
def test_facts_that_do_not_fit(shop: Project, name: str, text: str, said: str) -> None:
    shop.write(name, text)
    assert said in shop.refused(name)


def test_every_mistake_is_told_at_once(shop: Project) -> None:
    shop.write("a.yaml", "service:\n  id: a\n  pricse: shown\n  seats: many\n")
    shop.write("b.json", '{"service": {}}')
    said = shop.refused("a.yaml", "b.json", "c.yaml")
    assert "`c.yaml` does not exist" in said  # before any file is opened
    said = shop.refused("a.yaml", "b.json")
    assert [line for line in said.splitlines() if "-->" in line] == [
        " --> a.yaml:3:3", " --> a.yaml:4:10", " --> b.json:1:2"]


@pytest.mark.parametrize(("args", "name"), [
    (("nope.yaml",), "missing-file"), (("no/*.yaml",), "empty-glob"), (("empty",), "no-input-files"), ((), "no-input"),
    (("services/good.yaml", "no/*.yaml"), "empty-glob"),
])
def test_no_input(shop: Project, args: tuple[str, ...], name: str) -> None:
    (shop.folder / "empty").mkdir()
    assert f"error[{name}]" in shop.refused(*args)
    assert f"error[{name}]" in shop.refused(*args, "--exit-zero")
    forgiven = shop.check(*args, "--allow-empty")
    assert forgiven.exit_code == (2 if name == "missing-file" else 0)


def test_documents_of_one_file(shop: Project) -> None:
    shop.write("two.yaml", f"{service('a')}\n---\n{service('b', prices='hidden')}\n")
    ran = shop.check("two.yaml", "--format", "json")
    assert ran.json()["services"] == ["two.yaml", "two.yaml#2"]
    assert [(one["service"], one["place"]["line"]) for one in ran.json()["results"]] == [("two.yaml#2", 3)]


def test_a_folder_a_glob_and_gitignore(shop: Project) -> None:
    shop.write("services/deep/b.json", service("b"))
    shop.write("services/.hidden.yaml", "bad: [")
    shop.write("services/notes.md", "# none")
    shop.write("services/skipped.yaml", "bad: [")
    shop.write(".gitignore", "skipped.yaml\n")
    seen = ["services/deep/b.json", "services/good.yaml"]
    assert shop.check("services", "--format", "json").json()["services"] == seen
    globbed = shop.check("services/**/[bg]*.*", "--format", "json").json()["services"]
    assert globbed == seen
    assert "skipped.yaml" in shop.refused("services/skipped.yaml")  # what is named is read
    twice = shop.check("services/good.yaml", "./services/good.yaml", "services", "--format", "json").json()["services"]
    assert sorted(twice) == seen


@pytest.mark.parametrize("engine", ["evaluator", "duckdb"])
def test_events_that_gitignore_leaves_out(shop: Project, engine: str) -> None:
    """A trace without some of its files was judged, and nothing said so."""
    for name in ("logs/a.ndjson", "logs/b.ndjson", "logs/old/c.ndjson"):
        shop.events_file = name
        (shop.folder / name).parent.mkdir(parents=True, exist_ok=True)
        shop.trace(event("agreed", "07-20 10:00", name))

    def judged(*events: str) -> tuple[int, str]:
        args = [one for name in events for one in ("--events", name)]
        ran = shop.check("services/good.yaml", *args, "--engine", engine, "--format", "json")
        return ran.json()["summary"]["events"], ran.stderr.partition("\n\n")[0]

    assert judged("logs")[0] == 3 and "left-out" not in judged("logs")[1]
    shop.write(".gitignore", "b.ndjson\n")
    assert judged("logs") == (2, "warning[left-out]: of `logs` 1 file or folder is not read, as .gitignore says\n"
                              "help: a file that is named itself is always read")
    shop.write(".gitignore", "b.ndjson\nold\n")
    assert judged("log*")[0] == 1 and "of `logs` 2 files or folders are not read" in judged("log*")[1]
    assert judged("logs", "logs/b.ndjson")[0] == 2
    assert judged("logs/a.ndjson", "logs/b.ndjson")[0] == 2
    assert "left-out" not in judged("logs/a.ndjson", "logs/b.ndjson")[1]
    shop.write(".gitignore", "logs\n")
    assert "error[no-input-files]" in (said := shop.refused("services/good.yaml", "--events", "logs"))
    assert "left-out" not in said


def test_standard_input(shop: Project) -> None:
    ran = shop.check("-", "--format", "json", stdin=b"service: {id: a, prices: hidden, seats: 3, lit: true}")
    assert ran.json()["results"][0]["place"] == {"file": "<stdin>", "line": 1, "column": 26, "row": None}
    said = shop.refused("-", "--stdin-filename", "shop.json", stdin=b'{"service": {"id": "a", "prices": "hiden"}}')
    assert " --> shop.json:1:35" in said
    assert "error[json-syntax]" in shop.refused("-", "--stdin-filename", "shop.json", stdin=b"service: {id: a}")


# ---- events

@pytest.mark.parametrize(("row", "said"), [
    (event("bougt", "07-20 10:00"), "error[unknown-event]: no event type `bougt` in the vocabulary\n"
     " --> events.ndjson:2:1\nhelp: did you mean `bought`?"),
    ('{"type": "bought", "time": "2026-07-20T10:00:00Z"}', "error[event-required]: bought: `user` is missing, and it "
     "is required\n --> events.ndjson:2:1"),
    ('{"type": "bought", "time": "2026-07-20T10:00:00Z", "user": null}', "`user` is null, and it is required"),
    (event("bought", "07-20 10:00", ammount=3), "error[event-unknown-key]: bought: there is no field `ammount`"),
    (event("bought", "07-20 10:00", amount="3"), "error[event-type]: bought: expected an integer for `amount`"),
    (event("bought", "2026-13-01T00:00:00Z"), "error[bad-time]: `2026-13-01T00:00:00Z` names a day or a time of day "
     "that does not exist\n --> events.ndjson:2:28"),
    (event("bought", "2026-07-20T10:00:00"), "error[bad-time]: `2026-07-20T10:00:00` has no offset"),
    ('{"type": "bought", ', "error[json-syntax]"),
    ("[1]", "error[not-an-event]: the line is not a JSON object\n --> events.ndjson:2:1"),
    ('{"time": "2026-07-20T10:00:00Z", "user": "u"}', "events.ndjson:2:1"),
])
def test_events_that_do_not_fit(shop: Project, row: dict[str, object] | str, said: str) -> None:
    shop.trace(AGREED, row)
    assert said in shop.refused(shop.good, "--events", shop.events_file)


def test_events_that_are_not_there(shop: Project) -> None:
    shop.trace()
    assert "error[no-events]" in shop.refused(shop.good, "--events", shop.events_file)
    assert "error[missing-file]" in shop.refused(shop.good, "--events", "none.ndjson")


def parquet(file: Path, rows: str) -> str:
    duckdb.execute(f"COPY (SELECT * FROM (VALUES {rows}) AS t(type, time, \"user\") WHERE type <> '') TO '{file}'")
    return file.name


@pytest.mark.parametrize("engine", ["evaluator", "duckdb"])
def test_a_part_without_events_among_others(shop: Project, engine: str) -> None:
    """As a cluster writes one for each of its tasks; alone it is an error."""
    empty = [shop.write("parts/2.csv", "type,time,user\n"), shop.write("parts/3.ndjson", "\n")]
    if engine == "duckdb":
        empty.insert(0, f"parts/{parquet(shop.folder / 'parts/1.parquet', _ROWS.format(''))}")
    shop.trace(AGREED, BOUGHT)
    alone = [option for one in empty for option in ("--events", one)]
    ran = shop.check(shop.good, "--events", shop.events_file, *alone, "--engine", engine, "--format", "json")
    more = f"{len(empty) - 1} other file{'s' if len(empty) > 2 else ''}"
    assert f"warning[no-events]: `{empty[0]}` and {more} hold no events\n" in ran.stderr, ran.stderr
    assert ran.verdicts() == shop.judge(shop.good, "--events", shop.events_file)
    assert shop.refused(shop.good, *alone, "--engine", engine).count("error[no-events]") == len(empty)
    shop.write("bad.csv", "type,time\nx,\n")
    assert "holds no events" in shop.refused(shop.good, *alone[:2], "--events", "bad.csv")


_ROWS = "('{}', TIMESTAMPTZ '2026-07-20 10:00:00+08', 'u')"


@pytest.mark.parametrize("engine", ["evaluator", "duckdb"])
def test_a_clock_without_a_zone_is_one_mistake(shop: Project, engine: str) -> None:
    shop.trace("{", *(event("bought", f"2026-07-20T10:{n:02}:00") for n in range(40)))
    told = shop.refused(shop.good, "--events", shop.events_file, "--engine", engine)
    assert told.count("bad-time") == 1 and told.count("error[") == 2, told
    assert "`2026-07-20T10:00:00` has no offset such as `+08:00` or `Z`\n" in told
    assert 'help: say where the clock stood that wrote it, at the top of `guiju.toml`: `timezone = "Asia' in told


@pytest.mark.parametrize(("args", "said"), [
    (("--events", "-"), "error[unknown-format]: events are read from files, some of them twice, and not from standard"),
    (("--events", "a.json"), "help: write one event a line, as `jq -c '.[]'` does"),
    (("--events", "a.parquet", "--engine", "evaluator"), "`a.parquet` is read by DuckDB or Spark, not row by row"),
    (("--events", "hdfs://host/x"), "help: events that are not on this machine are read with `--engine spark`"),
    (("--events", "empty"), "has no .ndjson, .jsonl, .csv, .xes, .parquet file to read, plain, .gz or .zst\n"),
    (("--events", "a.parquet", "b.csv.gz", "c.ndjson"), "error[unknown-format]: `b.csv.gz` is a file of events, not of "
     "a service, and so is 1 more\nhelp: name it behind `--events`, a pattern in quotes"),
    (("--events", "a.parquet", "--master", "yarn"), "error[usage]: `--master` goes with `--engine spark`"),
    (("--events", "a.parquet", "--memory", "1GB", "--engine", "evaluator"), "does not go with `--engine evaluator`"),
    (("--events", "both", "--engine", "evaluator"), "error[unknown-format]: `both/a.parquet` is read by "
     "DuckDB or Spark, not row by row"),
    (("--events", "a.parquet", "--memory", "many"), "`--memory`: `many` is not an amount of memory\nhelp: write, for"),
])
def test_what_is_no_trace(shop: Project, args: tuple[str, ...], said: str) -> None:
    for name in ("a.json", "b.csv.gz", "c.ndjson"):
        shop.write(name, "x")
    parquet(shop.folder / "a.parquet", _ROWS.format("agreed"))
    for name in ("empty", "both"):
        (shop.folder / name).mkdir()
    shop.write("both/b.csv", "type,time,user,gift,amount\nagreed,2026-07-20T10:00:00+08:00,u,,\n")
    parquet(shop.folder / "both" / "a.parquet", _ROWS.format("agreed"))
    assert said in shop.refused(shop.good, *args)


def test_a_time_without_an_offset_is_in_the_zone_of_the_project(shop: Project) -> None:
    shop.trace(AGREED, event("bought", "2026-07-20T10:00:00", gift=True))
    shop.settings('timezone = "Europe/Paris"')
    ran = shop.check(shop.good, "--events", shop.events_file, "--all", "--format", "json", "--rule", "bill_sent")
    assert [one["moment"]["instant"] for one in ran.json()["results"]] == ["2026-07-20T08:00:00Z"]


def test_csv_gives_the_same_report(shop: Project) -> None:
    shop.trace(AGREED, BOUGHT, event("bought", "07-20 12:01", amount=3))
    shop.write("events.csv", "type,time,user,gift,amount\nagreed,2026-07-20T10:00:00+08:00,u,,\n"
                             "bought,2026-07-20T11:00:00+08:00,u,false,\nbought,2026-07-20T12:01:00+08:00,u,,3\n")
    one = shop.judge(shop.good, "--events", shop.events_file)
    assert one == shop.judge(shop.good, "--events", "events.csv")
    assert one["3-new bill_sent"] == {"violated": 1, "pending": 1}


def test_rows_with_one_id_are_one_event(shop: Project) -> None:
    shop.trace(AGREED, {**BOUGHT, "id": "e1"}, {**BOUGHT, "id": "e1"}, {**BOUGHT, "id": "e2"})
    ran = shop.check(shop.good, "--events", shop.events_file, "--format", "json")
    assert ran.verdicts()["3-new only_with_agreement"] == {"satisfied": 2}
    assert "1 row repeats an event's id and counts once with it" in ran.json()["notes"]


@pytest.mark.parametrize("change", [{"gift": True}, {"user": "v"}, {"time": "2026-07-20T11:00:01+08:00"},
                                    {"sequence": 2}, {"type": "billed"}])
def test_two_events_with_one_id(shop: Project, change: dict[str, object]) -> None:
    other = {**BOUGHT, "id": "e1", "sequence": 1, **change}
    if other["type"] == "billed":
        del other["gift"]
    for rows in ([{**BOUGHT, "id": "e1", "sequence": 1}, other], [other, {**BOUGHT, "id": "e1", "sequence": 1}]):
        shop.trace(*rows)
        said = shop.refused(shop.good, "--events", shop.events_file)
        assert "error[id-twice]: two different events have the id `e1`; the other is events.ndjson:1" in said


@pytest.mark.parametrize("engine", ["evaluator", "duckdb"])
def test_an_event_ahead_of_the_clock_is_told(shop: Project, engine: str) -> None:
    """One wrong clock, and all that was due by then counts as missed."""
    rows = [event("bought", "07-20 10:00", gift=False)]
    args = (shop.good, "--events", shop.events_file, "--engine", engine, "--format", "json")
    for ahead in (False, True):
        shop.trace(*rows, *([event("agreed", "2136-07-20T10:00:00Z", "v")] if ahead else []))
        assert any("ahead of the clock, at 2136-07-20" in one for one in shop.check(*args).json()["notes"]) is ahead
    assert not any("ahead" in one for one in shop.check(*args, "--as-of", "2026-07-21").json()["notes"])


def test_exact_repeats_count_and_are_told(shop: Project) -> None:
    shop.trace(AGREED, BOUGHT, BOUGHT, BOUGHT)
    ran = shop.check(shop.good, "--events", shop.events_file, "--format", "json")
    assert ran.verdicts()["3-new only_with_agreement"] == {"satisfied": 3}
    assert "2 events repeat another exactly; without an id each counts" in ran.json()["notes"]


def test_the_order_of_rows_changes_nothing(shop: Project) -> None:
    rows = [event(kind, f"07-{15 + number % 5} 1{number % 3}:00", f"u{number % 2}", id=str(number),
                  **({"gift": number % 4 == 0} if kind == "bought" else {}))
            for number, kind in enumerate(["agreed", "bought", "billed", "withdrew", "bought"] * 12)]
    shop.trace(*rows)
    first = shop.judge(shop.good, "--events", shop.events_file)
    random.Random(5).shuffle(rows)
    shop.write("a.ndjson", shop.trace(*rows[:30]) and (shop.folder / shop.events_file).read_text("utf-8"))
    shop.trace(*rows[30:])
    assert shop.judge(shop.good, "--events", shop.events_file, "--events", "a.ndjson") == first
    assert first["3-new bill_sent"].keys() >= {"violated", "exempt"}


@pytest.mark.parametrize("engine", ["evaluator", "duckdb"])
@pytest.mark.parametrize(("purchase", "verdict"), [({}, "satisfied"), ({"amount": None}, "undecided"),
                                                   ({"amount": 9}, "violated")])
def test_an_explicit_null_clears_a_state(shop: Project, engine: str, purchase: dict[str, object], verdict: str) -> None:
    """A purchase that says nothing of its amount leaves the one before; null takes it back."""
    shop.house("state spent per user is bought.amount\n\nrule small_bills\n  cites Art. 2(2)\n  family bills\n"
               "  per user\n  on billed\n  must spent <= 5\n")
    shop.trace(event("bought", "07-20 10:00", amount=3), event("bought", "07-20 10:01", **purchase),
               event("billed", "07-20 10:02"))
    judged = shop.judge(shop.good, "--events", shop.events_file, "--engine", engine)
    assert judged["1 small_bills"] == {verdict: 1}


# ---- several services

def test_each_service_has_its_own_events(shop: Project) -> None:
    shop.write("services/b.json", service("b"))
    shop.trace({**AGREED, "service": "good"}, {**BOUGHT, "service": "good"}, {**BOUGHT, "service": "b"})
    ran = shop.check("services", "--events", shop.events_file, "--format", "json", "--rule", "only_with_agreement")
    assert ran.verdicts() == {"3-new only_with_agreement": {"violated": 1, "satisfied": 1}}
    assert [one["service"] for one in ran.json()["results"]] == ["services/b.json"]


def test_events_of_no_service(shop: Project) -> None:
    shop.write("services/b.json", service("b"))
    shop.trace({**BOUGHT, "service": "goood"}, BOUGHT, {**BOUGHT, "service": "None"})
    said = shop.refused("services", "--events", shop.events_file)
    assert "no service file has the id `goood` that an event names\n --> events.ndjson:1:1\nhelp: did you mean " \
           "`good`?" in said
    assert "does not say which service it belongs to, and there are 2 services\n --> events.ndjson:2:1\nhelp: give " \
           "each event the `service`" in said
    assert "the id `None`" in said
    shop.trace({**BOUGHT, "service": "b"})
    assert "error[unknown-service]" in shop.refused(shop.good, "--events", shop.events_file)


def test_two_services_with_the_id_an_event_names(shop: Project) -> None:
    """Neither could be said to have no such event."""
    shop.write("services/b.json", service("good"))
    shop.trace({**BOUGHT, "service": "good"})
    said = shop.refused("services", "--events", shop.events_file)
    assert "error[service-twice]: 2 services have the id `good`" in said
    assert "`services/b.json`, `services/good.yaml`" in said
    assert shop.check("services").exit_code == 0  # facts alone need no id


@pytest.mark.parametrize("engine", ["evaluator", "duckdb"])
def test_one_name_for_two_activities_of_logs_that_are_read_together(shop: Project, engine: str) -> None:
    """As in one log: `Agreed` and `AGREED` may be two things, and the vocabulary has to say."""
    def log(name: str, *activities: str) -> str:
        events = "".join(f'<event><string key="concept:name" value="{one}"/><date key="time:timestamp" '
                         f'value="2026-07-20T1{number}:00:00+08:00"/><string key="user" value="u"/></event>\n'
                         for number, one in enumerate(activities))
        return shop.write(name, f'<log xes.version="1.0">\n<trace>\n<string key="concept:name" value="{name}"/>\n'
                          f"{events}</trace>\n</log>\n")

    log("logs/a.xes", "Agreed", "Agreed")
    log("logs/b.xes", "Agreed")
    log("logs/c.xes", "AGREED")
    both = "the activities `Agreed` and `AGREED` both become `agreed`"
    for one, wrong in (("a", False), ("[ab]", False), ("c", False), ("[ac]", True)):
        said = shop.check(shop.good, "--events", f"logs/{one}.xes", "--engine", engine, "--rule", "bill_sent").stderr
        assert (both in said) is wrong and said.count("name-collision") == wrong, said
        assert not wrong or ("logs/c.xes:4" in said and "logs/a.xes:4" in said), said
