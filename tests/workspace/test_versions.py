"""Which version judges what: facts by the as-of date, each moment of a trace by its own time."""

from __future__ import annotations

import pytest

from tests.workspace.shop import Project, event

CROSSING = [
    event("agreed", "01-10 10:00"), event("bought", "01-11 10:00", gift=False),
    event("bought", "07-14 22:59", gift=False), event("billed", "07-15 00:30"),
    event("bought", "07-15 00:00", "v", gift=False), event("billed", "07-15 01:30", "v"),
]


def test_a_trace_crosses_the_effective_date(shop: Project) -> None:
    """Two hours for a bill until the day, one hour from its first instant on; before any version nothing is judged."""
    shop.trace(*CROSSING)
    ran = shop.check(shop.good, "--events", shop.events_file, "--format", "json")
    verdicts = ran.verdicts()
    assert verdicts["2-old bill_sent"] == {"satisfied": 1}
    assert verdicts["3-new bill_sent"] == {"violated": 1}
    assert verdicts["2-old prices_shown"] == {}  # facts are judged by one version, the one in force at the as-of date
    assert verdicts["3-new prices_shown"] == {"satisfied": 1}
    assert "2 events lie outside the time any version is in force, not judged" in ran.json()["notes"]
    assert [one["version"] for one in ran.json()["judged"]] == ["2-old", "3-new"]


def test_a_state_reaches_across_the_effective_date(shop: Project) -> None:
    """Agreement given in January, before any version, counts in July; that of nobody does not."""
    shop.trace(*CROSSING)
    verdicts = shop.judge(shop.good, "--events", shop.events_file)
    assert verdicts["2-old only_with_agreement"] == {"satisfied": 1}
    assert verdicts["3-new only_with_agreement"] == {"violated": 1}


def test_a_moment_without_an_event_at_its_time_is_judged(shop: Project) -> None:
    """The middle version holds for two weeks in which nothing happened but a silence grew too long."""
    file = shop.folder / "regulations/xx/shop/regulation.yaml"
    text = file.read_text("utf-8").replace("effective_to: 2026-07-14", "effective_to: 2026-06-30")
    file.write_text(text.replace("  - label: 3-new", """  - label: 2b
    status: final
    issuers: [{id: X, en: Somebody}]
    published: 2026-03-01
    effective_from: 2026-07-01
    effective_to: 2026-07-14
    sources: [https://example.org/2b]
  - label: 3-new"""), "utf-8")
    shop.write("regulations/xx/shop/2b/text.md",
               (shop.folder / "regulations/xx/shop/2-old/text.md").read_text("utf-8"))
    shop.write("regulations/xx/shop/2b/rules.policy", """policy xx/shop version 2b

use vocabulary shop
use "../common.policy"

rule bill_every_week
  cites Art. 2(2)
  family bills
  per user
  on 240 hours of agreement without billed
  must not happen
""")
    shop.trace(event("agreed", "06-25 10:00"), event("bought", "07-20 10:00", gift=True))
    assert shop.judge(shop.good, "--events", shop.events_file)["2b bill_every_week"] == {"violated": 1}


@pytest.mark.parametrize(("wanted", "label"), [
    ("draft", "1-draft"), ("final", "3-new"), ("2-old", "2-old"), ("2026-07-14", "2-old"), ("2026-07-15", "3-new"),
])
def test_a_version_asked_for_judges_everything(shop: Project, wanted: str, label: str) -> None:
    shop.trace(*CROSSING)
    verdicts = shop.judge(shop.good, "--events", shop.events_file, "--version", wanted)
    assert {name.partition(" ")[0] for name in verdicts} == {label}
    assert sum(verdicts[f"{label} bill_sent"].values()) == 3  # also what lies before any version


def test_an_unknown_version_names_the_known_ones(shop: Project) -> None:
    said = shop.refused(shop.good, "--version", "finl")
    assert "error[unknown-version]: `xx/shop` has no version `finl`" in said
    assert "`2-old` is in force from 2026-02-01 to 2026-07-14" in said
    assert "did you mean `final`?" in said
    assert "is in force on 2025-01-01" in shop.refused(shop.good, "--version", "2025-01-01")


def test_before_any_version_nothing_is_judged(shop: Project) -> None:
    said = shop.refused(shop.good, "--as-of", "2026-01-31")
    assert "error[no-version-in-force]: no version of `xx/shop` is in force on 2026-01-31" in said
    assert "help: choose one with `--version`" in said
    assert shop.check(shop.good, "--as-of", "2026-02-01").exit_code == 0


def test_as_of_cuts_the_events_after_it(shop: Project) -> None:
    shop.trace(*CROSSING)
    ran = shop.check(shop.good, "--events", shop.events_file, "--as-of", "2026-07-14", "--format", "json")
    assert ran.verdicts()["2-old bill_sent"] == {"pending": 1}
    assert not any(name.startswith("3-new") for name in ran.verdicts())
    assert ran.json()["summary"]["events"] == 3
    assert [one["due"]["instant"] for one in ran.json()["results"]] == ["2026-07-14T16:59:00Z"]
    exact = shop.judge(shop.good, "--events", shop.events_file, "--as-of", "2026-07-15T00:30:00+08:00")
    assert (exact["2-old bill_sent"], exact["3-new bill_sent"]) == ({"satisfied": 1}, {"pending": 1})


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01", "2026-7-1", "9999-12-31", "9999-12-31T23:59:59Z",
                                  "0001-01-01T00:00:00+14:00"])
def test_an_instant_that_is_none(shop: Project, text: str) -> None:
    assert f"error[usage]: `--as-of {text}`" in shop.refused(shop.good, "--as-of", text)


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59Z", "9999-12-31T12:00:00Z"])
def test_an_event_at_the_end_of_time(shop: Project, time: str) -> None:
    shop.trace(event("agreed", "07-20 10:00"), event("bought", time, gift=True))
    said = shop.refused(shop.good, "--events", shop.events_file)
    assert "error[date-out-of-range]" in said and f"{shop.events_file}:2:1" in said
