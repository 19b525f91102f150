"""The cache of compiled policies: only ever faster, never another verdict."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from policyengine.workspace import library
from tests.workspace.shop import Project, event, service


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "own cache"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The versions that were compiled, in order."""
    seen: list[str] = []
    real = library.compile_version

    def compile_version(*args: object) -> object:
        seen.append(args[2].label)  # type: ignore[attr-defined]
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(library, "compile_version", compile_version)
    return seen


def judged(shop: Project, folder: Path | str, *args: str) -> dict[str, dict[str, int]]:
    return shop.judge("dark.json", *args, env={"GUIJU_CACHE_DIR": str(folder)})


DARK = {"3-new lit": {"violated": 1}}


@pytest.fixture(autouse=True)
def dark(shop: Project) -> None:
    shop.write("dark.json", service(lit=False))


def test_a_second_run_compiles_nothing(shop: Project, folder: Path, compiled: list[str]) -> None:
    first = shop.check("dark.json", "--as-of", "2026-08-01", env={"GUIJU_CACHE_DIR": str(folder)})
    assert compiled == ["3-new"]
    second = shop.check("dark.json", "--as-of", "2026-08-01", env={"GUIJU_CACHE_DIR": str(folder)})
    assert (second.stdout, compiled) == (first.stdout, ["3-new"])


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"whole": true}', b"\xff\xfe", b"null",
                                    b'{"whole": true, "policy": 1, "fact_rules": 1}', "cut", "swapped", "less"])
def test_a_damaged_entry_is_made_anew(shop: Project, folder: Path, compiled: list[str], damage: bytes | str) -> None:
    assert judged(shop, folder, "--rule", "lit") == DARK
    (entry,) = folder.glob("*.json")
    whole = entry.read_bytes()
    data = json.loads(whole)
    match damage:
        case "cut":
            entry.write_bytes(whole[: len(whole) // 2])
        case "swapped":
            entry.write_text(json.dumps({**data, "facts_python": "00" * 40}), "utf-8")
        case "less":
            del data["event_schemas"]
            entry.write_text(json.dumps(data), "utf-8")
        case bytes():
            entry.write_bytes(damage)
    assert judged(shop, folder, "--rule", "lit") == DARK
    assert compiled == ["3-new", "3-new"]
    assert entry.read_bytes() == whole


def test_an_entry_that_others_could_have_written_is_not_read(shop: Project, folder: Path, compiled: list[str]) -> None:
    judged(shop, folder)
    (entry,) = folder.glob("*.json")
    assert entry.stat().st_mode & 0o077 == 0 and folder.stat().st_mode & 0o077 == 0
    entry.chmod(0o666)
    judged(shop, folder)
    assert compiled == ["3-new", "3-new"]


def test_another_release_reads_no_entry_of_this(shop: Project, folder: Path, compiled: list[str],
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    judged(shop, folder)
    monkeypatch.setattr(library, "__version__", "99.0")
    assert judged(shop, folder, "--rule", "lit") == DARK
    assert compiled == ["3-new", "3-new"]


@pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null", "/dev/null/below"])
def test_a_cache_that_cannot_be_written_is_only_slower(shop: Project, place: str) -> None:
    ran = shop.check("dark.json", "--rule", "lit", "--format", "json", env={"GUIJU_CACHE_DIR": place})
    assert ran.verdicts() == DARK and "cache" not in ran.stderr


def test_a_user_without_a_home(shop: Project) -> None:
    before = sorted(shop.folder.rglob("*"))
    ran = shop.check("dark.json", "--rule", "lit", "--format", "json",
                     env={"GUIJU_CACHE_DIR": "", "HOME": "", "XDG_CACHE_HOME": "", "LOCALAPPDATA": ""})
    assert ran.verdicts() == DARK
    assert sorted(shop.folder.rglob("*")) == before


# ---- edits

@pytest.mark.parametrize(("file", "old", "new", "verdict"), [
    ("xx/shop/3-new/rules.policy", "must service.lit", "must not service.lit", {"satisfied": 1}),
    ("xx/shop/3-new/rules.policy", "must service.lit", "when not service.lit must service.lit", {"violated": 1}),
    ("vocabulary/shop.yaml", "lit: {type: boolean,", "lit: {type: boolean, default: true,", {"violated": 1}),
    ("xx/shop/regulation.yaml", "label: 3-new", "label: 3-new # edited", {"violated": 1}),
])
def test_an_edit_is_seen(shop: Project, folder: Path, compiled: list[str], file: str, old: str, new: str,
                         verdict: dict[str, int]) -> None:
    judged(shop, folder)
    path = shop.folder / "regulations" / file
    status = path.stat()
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # the text decides, not the clock
    assert judged(shop, folder, "--rule", "lit") == {"3-new lit": verdict}
    assert compiled == ["3-new", "3-new"]


def test_an_edit_of_what_versions_share_is_seen(shop: Project, folder: Path) -> None:
    shop.trace(event("bought", "07-20 10:00"))
    args = ("--events", shop.events_file, "--rule", "only_with_agreement")
    assert judged(shop, folder, *args) == {"3-new only_with_agreement": {"violated": 1}}
    path = shop.folder / "regulations/xx/shop/common.policy"
    path.write_text(path.read_text("utf-8").replace("must agreement", "must not agreement"), "utf-8")
    assert judged(shop, folder, *args) == {"3-new only_with_agreement": {"satisfied": 1}}


def test_an_edit_that_breaks_a_policy_is_seen(shop: Project, folder: Path) -> None:
    judged(shop, folder)
    path = shop.folder / "regulations/vocabulary/shop.yaml"
    path.write_text(path.read_text("utf-8").replace("      lit:", "      light:"), "utf-8")
    said = shop.refused("dark.json", env={"GUIJU_CACHE_DIR": str(folder)})
    assert "`service` has no field `lit`" in said


def test_a_copy_elsewhere_names_its_own_files(shop: Project, folder: Path, tmp_path: Path) -> None:
    """Compiled rules hold the names of files; the same text under another name is another entry."""
    judged(shop, folder)
    os.rename(shop.folder / "regulations", shop.folder / "moved")
    shop.write("guiju.toml", 'regulations = ["xx/shop"]\npolicies = ["moved"]\n')
    ran = shop.check("dark.json", "--format", "json", env={"GUIJU_CACHE_DIR": str(folder)})
    assert ran.json()["results"][0]["rule_place"]["file"] == "moved/xx/shop/3-new/rules.policy"
