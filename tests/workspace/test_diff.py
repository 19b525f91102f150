"""`guiju diff` as users run it: what can be compared, what is refused, exit codes, what is written."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from tests.workspace.shop import Project, Ran

OLD, NEW = "xx/shop@draft", "xx/shop@3-new"

LAW = """# A Law

Article 1 Notice is given within 30 days.

Article 2 The authority may inspect.
"""


def diff(shop: Project, *args: str, **more: Any) -> Ran:
    return shop.run(["diff", *args], shop.folder, **more)


def found(shop: Project, *args: str) -> dict[str, Any]:
    ran = diff(shop, *args, "--format", "json")
    assert ran.exit_code == 0, ran.told
    made: dict[str, Any] = ran.json()
    return made


def refused(shop: Project, *args: str) -> str:
    ran = diff(shop, *args)
    assert (ran.exit_code, ran.stdout) == (2, ""), ran.told
    assert "internal error" not in ran.stderr, ran.stderr
    return ran.stderr


def directions(made: dict[str, Any]) -> dict[str, str]:
    return {(one["new"] or one["old"])["name"]: one["direction"] for one in made["rules"]}


# ---- sides

def test_two_versions(shop: Project) -> None:
    made = found(shop, OLD, NEW)
    assert directions(made)["bill_sent"] == "stricter"
    assert directions(made)["lit"] == "new"
    assert directions(made)["prices_shown"] == "equivalent"
    assert [one["kinds"] for one in made["text"]["articles"]] == [["unchanged"], ["unchanged"]]


def test_a_version_with_itself_has_no_change(shop: Project) -> None:
    made = found(shop, NEW, NEW)
    assert set(directions(made).values()) == {"equivalent"}
    assert made["checks"] == []


def test_the_second_side_may_name_the_version_alone(shop: Project) -> None:
    assert found(shop, OLD, "3-new")["new"]["version"] == "3-new"


def test_folders(shop: Project) -> None:
    made = found(shop, "regulations/xx/shop/1-draft", "regulations/xx/shop@3-new")
    assert directions(made)["bill_sent"] == "stricter"


def test_a_place_in_git(shop: Project) -> None:
    shutil.rmtree(shop.folder / ".git")
    for args in (["init", "-q"], ["add", "."],
                 ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *args], cwd=shop.folder, check=True)
    policy = shop.folder / "regulations/xx/shop/3-new/rules.policy"
    policy.write_text(policy.read_text("utf-8").replace("= 1 hour", "= 30 minutes"), "utf-8")
    made = found(shop, "HEAD:regulations/xx/shop/3-new", "regulations/xx/shop/3-new")
    assert directions(made)["bill_sent"] == "stricter"
    assert {name: one for name, one in directions(made).items() if one != "equivalent"} == {"bill_sent": "stricter"}
    assert "is no commit here" in refused(shop, "nowhere:regulations/xx/shop/3-new", NEW)
    assert "did you mean" in refused(shop, "HEAD:regulations/xx/shop/3-nwe", NEW)


def test_two_texts_have_no_rules(shop: Project) -> None:
    shop.write("old.md", LAW)
    shop.write("new.txt", LAW.replace("30 days", "15 days").removeprefix("# "))
    made = found(shop, "old.md", "new.txt")
    assert "rules" not in made
    assert [one["kinds"] for one in made["text"]["articles"]] == [["modified"], ["unchanged"]]
    assert [(one["old"], one["new"], one["new_places"]) for one in made["text"]["articles"]] == [
        (["1"], ["1"], ["Art. 1"]), (["2"], ["2"], ["Art. 2"])]
    lights = made["text"]["articles"][0]["highlights"]
    assert [(one["old"], one["new"]) for one in lights] == [("30 days", "15 days")]


def test_of_a_text_without_rules_the_rules_that_cite_what_changed(shop: Project) -> None:
    text = (shop.folder / "regulations/xx/shop/1-draft/text.md").read_text("utf-8")
    text = text.replace(" `A`", "").replace(" `B`", "")
    shop.write("new.md", text.replace("A bill follows each purchase.", "A bill follows each purchase within 2 days."))
    made = found(shop, OLD, "new.md")
    assert [(one["kind"], one["rule"], one["place"]) for one in made["checks"]] == [
        ("cites-changed", "bill_sent", "Art. 2(2)")]
    assert "rules" not in made


def test_a_chain_has_its_steps_and_the_whole(shop: Project) -> None:
    made = found(shop, "xx/shop@1-draft..2-old..3-new")
    assert [(one["old"]["version"], one["new"]["version"]) for one in made["steps"]] == [
        ("1-draft", "2-old"), ("2-old", "3-new")]
    assert (made["whole"]["old"]["version"], made["whole"]["new"]["version"]) == ("1-draft", "3-new")


# ---- layers

def test_one_layer(shop: Project) -> None:
    assert "rules" not in found(shop, OLD, NEW, "--only", "text")
    made = found(shop, OLD, NEW, "--only", "rules")
    assert "text" not in made
    bill = next(one for one in made["rules"] if one["new"] and one["new"]["name"] == "bill_sent")
    assert (bill["direction"], bill["note"]) == ("not_analysable", "not asked")
    assert [(one["part"], one["old"], one["new"]) for one in bill["edits"]] == [("deadline", "3 hours", "1 hour")]


def test_one_rule(shop: Project) -> None:
    assert list(directions(found(shop, OLD, NEW, "--rule", "bill_sent"))) == ["bill_sent"]
    assert "no rule `nothing`" in refused(shop, OLD, NEW, "--rule", "nothing")


def test_a_parameter_is_set_where_it_is_known(shop: Project) -> None:
    made = found(shop, OLD, NEW, "--param", "bill_time=2 hours", "--param", "notice=5 working days")
    assert directions(made)["bill_sent"] == "equivalent"


# ---- impact

def test_impact_on_a_service_and_its_events(shop: Project) -> None:
    shop.write("services/dark.yaml", "service: {id: dark, prices: shown, seats: 4, lit: false}\n")
    shop.trace({"type": "bought", "time": "2026-08-01T10:00:00Z", "user": "u", "gift": False, "service": "dark"},
               {"type": "billed", "time": "2026-08-01T12:30:00Z", "user": "u", "service": "dark"},
               {"type": "bought", "time": "2026-08-09T10:00:00Z", "user": "v", "gift": True, "service": "dark"})
    made = found(shop, OLD, NEW, "--service", "services/dark.yaml", "--events", "events.ndjson")
    told = {(one["new_rule"], one["kind"]): one for one in made["impact"]}
    assert told["bill_sent", "newly_failing"]["old"] == "satisfied"
    lit = told["lit", "newly_failing"]
    assert lit["nearest"] == ["service.lit: false -> true"]
    assert lit["because"]
    ran = diff(shop, OLD, NEW, "--service", "services/dark.yaml", "--fail-on", "newly-failing")
    assert ran.exit_code == 1
    assert "lit newly failing" in ran.stdout


def test_impact_as_of_a_day(shop: Project) -> None:
    """The service is judged, and the change that would mend it tried, as of the end of that day."""
    shop.write("services/dark.yaml", "service: {id: dark, prices: shown, seats: 4, lit: false}\n")
    made = found(shop, OLD, NEW, "--service", "services/dark.yaml", "--as-of", "2026-08-01")
    assert [(one["new_rule"], one["nearest"]) for one in made["impact"]] == [("lit", ["service.lit: false -> true"])]


def test_impact_needs_a_service(shop: Project) -> None:
    assert "needs one" in refused(shop, OLD, NEW, "--only", "impact")


def test_a_broken_service_is_refused(shop: Project) -> None:
    shop.write("bad.yaml", "service: {id: bad, prices: perhaps}\n")
    assert "bad.yaml:1" in refused(shop, OLD, NEW, "--service", "bad.yaml")


# ---- exit codes and accepted changes

@pytest.mark.parametrize(("kind", "code"), [("stricter", 1), ("new", 1), ("any", 1), ("looser", 0), ("modified", 0)])
def test_fail_on(shop: Project, kind: str, code: int) -> None:
    assert diff(shop, OLD, NEW, "--fail-on", kind).exit_code == code


def test_an_accepted_change_no_longer_fails(shop: Project) -> None:
    made = found(shop, OLD, NEW)
    bill = next(one for one in made["rules"] if one["new"] and one["new"]["name"] == "bill_sent")
    assert diff(shop, OLD, NEW, "--fail-on", "stricter", "--accept", bill["fingerprint"]).exit_code == 0
    shop.write("accepted.txt", f"# known\n{bill['edits'][0]['fingerprint']}  # the law says so\n")
    ran = diff(shop, OLD, NEW, "--fail-on", "stricter", "--accept", "accepted.txt")
    assert ran.exit_code == 0
    # the change is another when the deadline is another
    policy = shop.folder / "regulations/xx/shop/3-new/rules.policy"
    policy.write_text(policy.read_text("utf-8").replace("= 1 hour", "= 30 minutes"), "utf-8")
    ran = diff(shop, OLD, NEW, "--fail-on", "stricter", "--accept", "accepted.txt")
    assert ran.exit_code == 1
    assert "nothing-accepted" in ran.stderr


def test_fingerprints_do_not_depend_on_where_a_rule_stands(shop: Project) -> None:
    before = [one["fingerprint"] for one in found(shop, OLD, NEW)["rules"]]
    policy = shop.folder / "regulations/xx/shop/3-new/rules.policy"
    policy.write_text(policy.read_text("utf-8").replace("# One hour since.", "# One hour since.\n\n# Moved down.\n"),
                      "utf-8")
    assert [one["fingerprint"] for one in found(shop, OLD, NEW)["rules"]] == before


# ---- witnesses

def test_saved_witnesses_are_case_files_that_pass(shop: Project) -> None:
    ran = diff(shop, OLD, NEW, "--save-witnesses", "proof")
    assert ran.exit_code == 0, ran.told
    for side, label in (("old", "1-draft"), ("new", "3-new")):
        files = list((shop.folder / "proof" / side).glob("*.yaml"))
        assert [file.name for file in files] == ["bill_sent.yaml"]
        cases = shop.folder / "regulations/xx/shop" / label / "cases"
        cases.mkdir()
        shutil.copy(files[0], cases)
        tested = shop.run(["test", str(cases)], shop.folder)
        assert tested.exit_code == 0, tested.told


# ---- bad input

@pytest.mark.parametrize(("sides", "name", "says"), [
    ((OLD,), "one-side", "needs two things"),
    (("nothing", NEW), "unknown-side", "is no version, folder or file"),
    ((OLD, "nothing"), "unknown-version", "no version `nothing`"),
    ((OLD, "xx/shop@5-none"), "unknown-version", "5-none"),
    (("xx/shop", NEW), "no-version-named", "has 3 versions"),
    ((OLD, "xx/shpo@final"), "unknown-side", "did you mean"),
    ((OLD, "services"), "no-regulation", "no folder of a regulation"),
])
def test_sides_that_are_none(shop: Project, sides: tuple[str, ...], name: str, says: str) -> None:
    told = refused(shop, *sides)
    assert says in told
    assert f"error[{name}]" in told


def test_a_version_without_a_text_has_rules_alone(shop: Project) -> None:
    (shop.folder / "regulations/xx/shop/1-draft/text.md").unlink()
    assert "error[no-text]" in refused(shop, OLD, NEW, "--only", "text")
    policy = shop.folder / "regulations/xx/shop/1-draft/rules.policy"
    policy.write_text(policy.read_text("utf-8").replace("under Art. 2(2)", ""), "utf-8")
    assert directions(found(shop, OLD, NEW))["bill_sent"] == "stricter"


def test_a_policy_that_does_not_compile(shop: Project) -> None:
    policy = shop.folder / "regulations/xx/shop/3-new/rules.policy"
    policy.write_text(policy.read_text("utf-8").replace("must service.lit", "must service.lut"), "utf-8")
    told = refused(shop, OLD, NEW)
    assert "rules.policy:" in told
    assert "service.lut" in told


@pytest.mark.parametrize(("name", "data", "says"), [
    ("plain.md", b"# A Law\n\nNothing is numbered here.\n", "article's number"),
    ("empty.md", b"", "empty"),
    ("binary.md", b"\x00\xff\xfe\x80 Article 1", "binary.md"),
    ("broken.docx", b"PK\x03\x04 but no more", "broken.docx"),
    ("broken.pdf", b"%PDF-1.4 and nothing", "broken.pdf"),
])
def test_texts_that_cannot_be_read(shop: Project, name: str, data: bytes, says: str) -> None:
    shop.write("old.md", LAW)
    shop.write(name, data)
    assert says in refused(shop, "old.md", name)


def test_a_text_that_is_too_large(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policyengine.documents.read.MAX_BYTES", 100)
    shop.write("old.md", LAW)
    shop.write("new.md", LAW + "x" * 200)
    assert "error[document-too-large]" in refused(shop, "old.md", "new.md")


def test_two_unrelated_texts(shop: Project) -> None:
    shop.write("old.md", LAW)
    shop.write("new.md", "# Songs\n\nArticle 1 The moon rose over a silent harbour.\n\nArticle 2 Nobody sang.\n")
    assert "error[unrelated-texts]" in refused(shop, "old.md", "new.md")
    shop.write("zh.md", "# 法\n\n第一条 通知应当在三十日内发出。\n\n第二条 主管部门可以检查。\n")
    assert "error[two-languages]" in refused(shop, "old.md", "zh.md")


def test_nothing_is_half_written(shop: Project) -> None:
    ran = diff(shop, OLD, NEW, "--output", "html=page.html", "--output", "json=missing/x.json")
    assert ran.exit_code == 2
    assert not (shop.folder / "page.html").exists()


def test_every_format_is_written(shop: Project) -> None:
    names = {"text": "d.txt", "json": "d.json", "markdown": "d.md", "html": "d.html", "docx": "d.docx"}
    args = [word for format, name in names.items() for word in ("--output", f"{format}={name}")]
    assert diff(shop, OLD, NEW, *args).exit_code == 0
    assert json.loads((shop.folder / "d.json").read_text("utf-8"))["schema_version"]
    assert (shop.folder / "d.docx").read_bytes().startswith(b"PK")
    assert (shop.folder / "d.html").read_text("utf-8").startswith("<!doctype html>")
    assert "bill_sent" in (shop.folder / "d.md").read_text("utf-8")


def test_hostile_text_stays_text(shop: Project) -> None:
    shop.write("old.md", LAW)
    shop.write("new.md", LAW + "\nArticle 3 \x1b[31mred\x1b[0m \u202eback and <script>alert(1)</script>\n")
    ran = diff(shop, "old.md", "new.md")
    assert "\x1b" not in ran.stdout
    assert "\u202e" not in ran.stdout
