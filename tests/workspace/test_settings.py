"""What the project file, the environment and the command line set, and what wins."""

from __future__ import annotations

import pytest

from tests.workspace.shop import Project, event, service

TRACE = [event("agreed", "07-20 10:00"), event("bought", "07-20 11:00", gift=False), event("billed", "07-20 11:30"),
         event("bought", "07-21 11:00", "v", gift=True)]


def due(shop: Project, *args: str) -> str:
    """Until when the bill of 10:00 must come."""
    shop.trace(event("agreed", "07-20 10:00"), event("bought", "07-20 10:00", gift=False))
    ran = shop.check(shop.good, "--events", shop.events_file, "--rule", "bill_sent", "--format", "json", *args)
    (result,) = ran.json()["results"]
    assert result["verdict"] == "pending"
    text: str = result["due"]["text"]
    return text


# ---- parameters

def test_the_command_line_wins_over_the_project_file_over_the_policy(shop: Project) -> None:
    assert due(shop) == "2026-07-20 11:00:00 +08:00"
    shop.settings('[params]\nbill_time = "40 minutes"')
    assert due(shop) == "2026-07-20 10:40:00 +08:00"
    assert due(shop, "--param", "bill_time=5 minutes") == "2026-07-20 10:05:00 +08:00"
    assert due(shop, "--param", " bill_time = 6 minutes ") == "2026-07-20 10:06:00 +08:00"
    assert due(shop, "--param", "bill_time=5 minutes", "--param", "bill_time=7 minutes") == "2026-07-20 10:07:00 +08:00"


def test_a_parameter_of_one_regulation(shop: Project) -> None:
    shop.settings('[params."cn/human-like-ai"]\npromptly = "1 minute"\n[params."xx/shop"]\nbill_time = "40 minutes"')
    assert due(shop) == "2026-07-20 10:40:00 +08:00"


@pytest.mark.parametrize(("given", "said"), [
    ("bil_time=1 hour", "error[unknown-param]: no parameter `bil_time`\nhelp: did you mean `bill_time`?"),
    ("zzz=1", "error[unknown-param]: no parameter `zzz`\nhelp: there are bill_time, notice"),
    ("least_seats=9", "error[fixed-param]: `least_seats` is fixed by xx/shop and cannot be set"),
    ("bill_time=5 working days", "error[param-value]: `bill_time = 5 working days`: expected a duration\n"
     "help: write it as in the policy, such as `1 hour`"),
    ("notice=20 days", "expected a period in working days"),
    ("notice=1 month", "expected a period in working days"),
    ("bill_time=0 hours", "expected a period longer than nothing"),
    ("bill_time=-1 hours", "`-1 hours` is not a period"),
    ("bill_time=soon", "`soon` is not a period such as `2 hours`"),
    ("notice=1.5 working days", "is not a whole number"),
    ("bill_time=", "error[usage]: `--param` takes NAME=VALUE"),
    ("bill_time", "error[usage]: `--param` takes NAME=VALUE"),
])
def test_a_parameter_that_does_not_fit(shop: Project, given: str, said: str) -> None:
    assert said in shop.refused(shop.good, "--param", given)


@pytest.mark.parametrize(("args", "said"), [
    (("--rule", "bill_snt"), "error[unknown-rule]: no rule `bill_snt`\nhelp: did you mean `bill_sent`?"),
    (("--param", "bil_time=1 hour"), "error[unknown-param]: no parameter `bil_time`\nhelp: did you mean `bill_time`?"),
])
def test_names_are_looked_up_before_events_are_read(shop: Project, args: tuple[str, str], said: str) -> None:
    """They may be very many: here the trace is none, which nobody gets to see."""
    shop.trace("no event\n")
    told = shop.refused(shop.good, "--events", shop.events_file, "--engine", "duckdb", *args)
    assert told == f"{said}\n\nnothing was judged\n"


@pytest.mark.parametrize(("declared", "must", "given", "verdict"), [
    ('["shown"]', "service.prices in it", '["hidden", "shown"]', "satisfied"),
    ('["shown"]', "service.prices in it", "[]", "violated"),
    ('["shown"]', "service.prices in it", "[1]", "expected a list in brackets"),
    ("[1, 2]", "service.seats in it", "[3, 4]", "satisfied"),
    ('["shown"]', "service.prices in it", "shown, hidden", "expected a list in brackets"),
    ('["shown"]', "service.prices in it", '{"shown": 1}', "expected a list in brackets"),
    ('"shown"', "service.prices = it", '"hidden"', "violated"),
    ("3", "service.seats > it", "4", "violated"),
    ("3", "service.seats > it", "3.5", "satisfied"),
    ("3", "service.seats > it", "1_000", "expected a number"),
    ("3", "service.seats > it", "\uff11\uff12", "expected a number"),
    ("3", "service.seats > it", "1234567890123456789", "more than 18 digits"),
    ("2026-01-01", "today > it", "2999-12-31", "violated"),
    ("2026-01-01", "today > it", "2026-02-30", "is not a day of the calendar"),
    ("true", "service.seats > 100 or it", "false", "violated"),
    ("true", "service.seats > 100 or it", "no", "expected true or false"),
])
def test_values_of_every_type(shop: Project, declared: str, must: str, given: str, verdict: str) -> None:
    file = shop.folder / "regulations/xx/shop/3-new/rules.policy"
    with file.open("a", encoding="utf-8") as stream:
        stream.write(f"\nparam it = {declared} tunable\n"
                     f"\nrule one\n  cites Art. 1(1)\n  family prices\n  must {must}\n")
    args = (shop.good, "--rule", "one", "--param", f"it={given}")
    if verdict in ("satisfied", "violated"):
        assert shop.judge(*args) == {"3-new one": {verdict: 1}}
    else:
        assert verdict in shop.refused(*args)


def test_a_parameter_of_the_project_file_that_does_not_fit(shop: Project) -> None:
    shop.settings('[params]\nbil_time = "1 hour"\nleast_seats = 9\nnotice = "2 days"\n'
                  '[params."xx/shp"]\nnotice = "1 day"')
    said = shop.refused(shop.good)
    assert "error[unknown-param]: no parameter `bil_time`\n --> guiju.toml:5:1" in said
    assert "error[fixed-param]: `least_seats` is fixed by xx/shop and cannot be set\n --> guiju.toml:6:1" in said
    assert "expected a period in working days\n --> guiju.toml:7:1" in said
    assert "error[unknown-regulation]: no regulation `xx/shp`\n --> guiju.toml:9:1" in said


def test_a_name_that_only_another_version_has_is_known(shop: Project) -> None:
    """`notice` and `lit` came with the newest version; judging by the draft is no mistake of the project file."""
    shop.settings('[params]\nnotice = "5 working days"\npromptly = "1 minute"\n[severity]\nlit = "info"')
    assert shop.check(shop.good, "--version", "draft").exit_code == 0


# ---- severity and the exit code

def test_severity_of_a_rule(shop: Project) -> None:
    shop.write("dark.json", service(lit=False))
    assert shop.check("dark.json").exit_code == 1
    shop.settings('[severity]\nlit = "warning"')
    ran = shop.check("dark.json", "--format", "json")
    assert (ran.exit_code, ran.json()["results"][0]["severity"]) == (0, "warning")
    assert shop.check("dark.json", "--fail-on", "warning").exit_code == 1
    shop.settings('li = "info"')
    assert "error[unknown-rule]: no rule `li`\n --> guiju.toml:7:1" in shop.refused("dark.json")


@pytest.mark.parametrize(("args", "env", "code"), [
    ((), {}, 0),
    (("--fail-on", "warning"), {}, 1),
    ((), {"GUIJU_FAIL_ON": "warning"}, 1),
    (("--fail-on", "error"), {"GUIJU_FAIL_ON": "warning"}, 0),
    (("--fail-on", "warning", "--exit-zero"), {}, 0),
])
def test_fail_on(shop: Project, args: tuple[str, ...], env: dict[str, str], code: int) -> None:
    shop.write("few.json", service(seats=1))  # a violated warning
    ran = shop.check("few.json", *args, env=env)
    assert ran.exit_code == code
    assert ran.stderr.startswith(f"exit {code}")
    assert "violated   Art. 1(1)  seats_enough (warning)" in ran.stdout


def test_fail_on_of_the_project_file(shop: Project) -> None:
    shop.write("few.json", service(seats=1))
    shop.settings('fail_on = "warning"')
    assert shop.check("few.json").exit_code == 1
    assert shop.check("few.json", env={"GUIJU_FAIL_ON": "error"}).exit_code == 0
    assert "must be one of error, warning, info" in shop.refused("few.json", env={"GUIJU_FAIL_ON": "never"})


def test_undecided_counts_unless_it_is_allowed(shop: Project) -> None:
    shop.write("unlit.json", service(lit=None))
    assert shop.check("unlit.json").exit_code == 1
    allowed = shop.check("unlit.json", "--allow-undecided")
    assert allowed.exit_code == 0 and "undecided  Art. 1(1)  lit" in allowed.stdout
    shop.write("dark.json", service(lit=False))
    assert shop.check("dark.json", "--allow-undecided").exit_code == 1


# ---- what sources show

def source(emits: str, complete: str = "") -> str:
    names = ", ".join(f'"{name}"' for name in emits.split())
    return f'[[sources]]\nname = "till"\nemits = [{names}]\n' + (f'complete = "{complete}"\n' if complete else "")


def test_what_nobody_emits_is_undecided(shop: Project) -> None:
    shop.settings(source("agreed withdrew billed"))
    assert shop.check(shop.good).exit_code == 1
    verdicts = shop.judge(shop.good)
    assert verdicts["3-new bill_sent"] == verdicts["3-new only_with_agreement"] == {"undecided": 1}
    assert "no source emits `bought`" in shop.check(shop.good).stdout


def test_a_state_that_reaches_before_the_sources_are_complete(shop: Project) -> None:
    shop.trace(*TRACE)
    args = (shop.good, "--events", shop.events_file, "--rule", "only_with_agreement")
    shop.settings(source("agreed withdrew billed bought", "2026-07-20T09:00:00+08:00"))
    assert shop.judge(*args)["3-new only_with_agreement"] == {"satisfied": 1, "undecided": 1}
    shop.settings(source("withdrew agreed", "2026-07-20T10:30:00+08:00"))  # two of them: complete when both are
    assert shop.judge(*args)["3-new only_with_agreement"] == {"undecided": 2}


def test_all_there_ever_was(shop: Project) -> None:
    shop.trace(*TRACE)
    shop.settings(source("agreed withdrew billed bought"))
    verdicts = shop.judge(shop.good, "--events", shop.events_file)
    assert verdicts["3-new only_with_agreement"] == {"satisfied": 1, "violated": 1}


def test_a_date_is_one_of_the_regulations_zone(shop: Project) -> None:
    shop.trace(event("agreed", "07-20 00:10"), event("bought", "07-20 07:00", gift=True))
    shop.settings(source("agreed withdrew billed bought", "2026-07-20"))
    verdicts = shop.judge(shop.good, "--events", shop.events_file)
    assert verdicts["3-new only_with_agreement"] == {"satisfied": 1}


@pytest.mark.parametrize(("emits", "complete", "said"), [
    ("bougt", "", "the source `till` emits `bougt`, which is no event of the vocabulary\n --> guiju.toml:4:3\n  |\n"
     "4 | [[sources]]\n  |   ^^^^^^^\nhelp: did you mean `bought`?"),
    ("bought", "20260715", "`complete` of the source `till`: `20260715` is not a time such as"),
    ("bought", "2026-07-15T00:00:00", "`2026-07-15T00:00:00` has no offset"),
    ("bought", "July", "`complete` must be a date or an instant"),
])
def test_sources_that_do_not_fit(shop: Project, emits: str, complete: str, said: str) -> None:
    shop.settings(source(emits, complete))
    assert said in shop.refused(shop.good)


# ---- names

@pytest.mark.parametrize(("args", "said"), [
    (("--rule", "prices_shwn"), "no rule `prices_shwn`\nhelp: did you mean `prices_shown`?"),
    (("--rule", "zzz"), "no rule `zzz`\nhelp: `guiju rules` lists them"),
    (("--regulation", "xx/shp"), "no regulation `xx/shp`\nhelp: did you mean `xx/shop`?"),
    (("--version", "draft", "--rule", "lit"), "no rule `lit`"),
])
def test_unknown_names(shop: Project, args: tuple[str, ...], said: str) -> None:
    assert said in shop.refused(shop.good, *args)


def test_one_rule(shop: Project) -> None:
    shop.write("dark.json", service(lit=False))
    assert shop.judge("dark.json", "--rule", "prices_shown") == {"3-new prices_shown": {"satisfied": 1}}


def test_the_inputs_of_the_project_read_the_same_from_a_folder_below(shop: Project) -> None:
    shop.settings('services = ["services"]\nevents = ["events.ndjson"]')
    shop.trace(*TRACE)
    below = shop.folder / "deep" / "er"
    below.mkdir(parents=True)
    ran = shop.run(["check", "--format", "json"], below)
    assert ran.json()["services"] == ["../../services/good.yaml"]
    assert ran.json()["summary"]["events"] == 4
    assert str(shop.folder) not in ran.told
