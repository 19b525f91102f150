"""A team's own policy beside the law: it adds and tunes, and nothing of the law is lost."""

from __future__ import annotations

import pytest

from tests.workspace.shop import HOUSE, Project, event, service

MORE_SEATS = """rule more_seats "There are many seats"
  cites Art. 1(1)
  family prices
  must service.seats > 10
"""
SLOW = [event("agreed", "07-20 10:00"), event("bought", "07-20 10:00", gift=False), event("billed", "07-20 10:30"),
        event("withdrew", "07-20 12:00")]


def test_house_rules_judge_beside_the_law(shop: Project) -> None:
    shop.house(MORE_SEATS)
    verdicts = shop.judge(shop.good)
    assert verdicts["1 more_seats"] == {"violated": 1}
    assert verdicts["3-new prices_shown"] == {"satisfied": 1}
    assert shop.judge(shop.good, "--rule", "more_seats") == {"1 more_seats": {"violated": 1}}


def test_a_tuned_parameter_judges_the_rules_of_the_law_too(shop: Project) -> None:
    shop.trace(*SLOW)
    args = (shop.good, "--events", shop.events_file, "--rule", "bill_sent")
    assert shop.judge(*args)["3-new bill_sent"] == {"satisfied": 1}
    shop.house("param bill_time = 20 minutes\n\n" + MORE_SEATS)
    ran = shop.check(*args, "--format", "json")
    assert ran.verdicts()["3-new bill_sent"] == {"violated": 1}
    assert ran.json()["results"][0]["params"] == {"bill_time": "20 minutes"}
    assert shop.judge(*args, "--version", "draft")["1-draft bill_sent"] == {"violated": 1}
    shop.settings('[params]\nbill_time = "2 hours"')  # the project file wins
    assert shop.judge(*args)["3-new bill_sent"] == {"satisfied": 1}


def test_severity_and_parameters_may_name_what_only_the_house_has(shop: Project) -> None:
    shop.house("param many = 10 tunable\n\n" + MORE_SEATS.replace("> 10", "> many"))
    shop.settings('[severity]\nmore_seats = "info"\n[params]\nmany = 3')
    assert shop.judge(shop.good)["1 more_seats"] == {"satisfied": 1}
    assert shop.judge(shop.good, "--regulation", "xx/shop", "--rule", "lit") == {"3-new lit": {"satisfied": 1}}


@pytest.mark.parametrize(("text", "said"), [
    (HOUSE + MORE_SEATS.replace("seats >", "seat >"), "error[unknown-field]: `service` has no field `seat`\n"
     " --> regulations/house.policy:8:16"),
    (HOUSE + MORE_SEATS.replace("more_seats", "lit"), "the regulation has a rule `lit` already\n"
     " --> regulations/house.policy:5:6"),
    (HOUSE + "param least_seats = 10\n", "error[not-tunable]: `least_seats` is set by the regulation and is not "
     "tunable\n --> regulations/house.policy:5:7"),
    (HOUSE + "rule\n", "regulations/house.policy:5"),
    (HOUSE.replace("extend xx/shop version final", "use vocabulary shop") + MORE_SEATS,
     "error[extends-nothing]: `regulations/house.policy` extends no regulation\nhelp: begin it with"),
    (HOUSE.replace("xx/shop", "xx/shap"), "no regulation `xx/shap`\n --> regulations/house.policy:3:8"),
    (HOUSE.replace("final", "4-newer"), "no version `4-newer`\n --> regulations/house.policy:3:24"),
    (HOUSE.encode() + b"# \xff\n", "`regulations/house.policy`: is not utf-8 text"),
])
def test_a_house_policy_with_an_error_judges_nothing(shop: Project, text: str | bytes, said: str) -> None:
    shop.write("regulations/house.policy", text)
    assert said in shop.refused(shop.good)


def test_the_errors_of_two_house_policies_are_told_at_once(shop: Project) -> None:
    shop.house(MORE_SEATS.replace("seats >", "seat >"))
    shop.write("regulations/other.policy", HOUSE.replace("xx/shop", "xx/shap"))
    said = shop.refused(shop.good)
    assert "house.policy:8" in said and "xx/shap" in said


def test_another_regulation_is_judged_without_the_house(shop: Project) -> None:
    """The house policy speaks of the shop's vocabulary, in which this service makes no sense."""
    shop.house(MORE_SEATS)
    shop.write("ai.yaml", "service: {id: a, name: A}\n")
    ran = shop.check("ai.yaml", "--regulation", "cn/human-like-ai", "--version", "final", "--format", "json")
    assert {one["regulation"] for one in ran.json()["judged"]} == {"cn/human-like-ai"}
    text = (shop.folder / "guiju.toml").read_text("utf-8").replace("xx/shop", "cn/human-like-ai")
    shop.write("guiju.toml", text)
    assert "error[two-vocabularies]: `regulations/house.policy` extends xx/shop" in shop.refused("ai.yaml")


def test_an_error_in_the_law_judges_nothing(shop: Project) -> None:
    file = shop.folder / "regulations/xx/shop/3-new/rules.policy"
    file.write_text(file.read_text("utf-8").replace("service.lit", "service.lid"), "utf-8")
    assert "`service` has no field `lid`\n  --> regulations/xx/shop/3-new/rules.policy:34" in shop.refused(shop.good)
    file.write_bytes(b"\xff")
    assert "`regulations/xx/shop/3-new/rules.policy`: is not utf-8 text" in shop.refused(shop.good)
    assert shop.check(shop.good, "--version", "2-old").exit_code == 0  # what is not asked for need not compile


def test_a_service_that_fits(shop: Project) -> None:
    shop.house(MORE_SEATS)
    shop.write("big.json", service(seats=11))
    ran = shop.check("big.json")
    assert ran.exit_code == 0 and "my/house 1" in ran.stdout
