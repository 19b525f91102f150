"""The shop: a project in which `guiju` is run, and how its events and services are written in a test."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHOP = Path(__file__).parent / "projects" / "shop"
HOUSE = """policy my/house version 1

extend xx/shop version final

"""


@dataclass(frozen=True)
class Ran:
    exit_code: int
    stdout: str
    stderr: str

    @property
    def told(self) -> str:
        return self.stdout + self.stderr

    def json(self) -> Any:
        return json.loads(self.stdout)

    def verdicts(self) -> dict[str, dict[str, int]]:
        """From the JSON: `version rule` -> the verdicts that occurred, and how often."""
        return {f"{one['version']} {one['rule']}": {name: n for name, n in one["counts"].items() if n}
                for one in self.json()["rules"]}


@dataclass
class Project:
    """The shop of tests/workspace/projects: a draft, a version in force until 2026-07-14, one from 2026-07-15."""

    folder: Path
    run: Callable[..., Ran]
    events_file: str = "events.ndjson"
    good: str = "services/good.yaml"

    def write(self, name: str, text: str | bytes) -> str:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    def settings(self, text: str) -> None:
        """Lines added to the project file."""
        with (self.folder / "guiju.toml").open("a", encoding="utf-8") as stream:
            stream.write(f"\n{text}\n")

    def house(self, text: str) -> None:
        """A house policy over the final version of the shop rules."""
        self.write("regulations/house.policy", HOUSE + text)

    def trace(self, *rows: Mapping[str, Any] | str) -> str:
        return self.write(self.events_file, "".join(
            (row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))

    def check(self, *args: str, **more: Any) -> Ran:
        return self.run(["check", *args], self.folder, **more)

    def judge(self, *args: str, **more: Any) -> dict[str, dict[str, int]]:
        """The verdicts by version and rule; a run that judged."""
        ran = self.check(*args, "--format", "json", **more)
        assert ran.exit_code in (0, 1), ran.told
        return ran.verdicts()

    def refused(self, *args: str, **more: Any) -> str:
        """What a run that could not judge said."""
        ran = self.check(*args, **more)
        assert (ran.exit_code, ran.stdout) == (2, ""), ran.told
        assert ran.stderr.endswith("nothing was judged\n")
        assert "internal error" not in ran.stderr, ran.stderr
        return ran.stderr


def event(type: str, time: str, user: str = "u", **fields: Any) -> dict[str, Any]:
    """One row, its time in Shanghai: `07-15 10:00`, or `2026-07-15T10:00:00Z` as it is."""
    written = time if "T" in time else f"2026-{time.replace(' ', 'T')}:00+08:00"
    return {"type": type, "time": written, "user": user, **fields}


def service(id: str = "one", **facts: Any) -> str:
    """A service without a fault, but for `facts`; None leaves one out."""
    good = {"id": id, "prices": "shown", "seats": 4, "lit": True, **facts}
    return json.dumps({"service": {name: value for name, value in good.items() if value is not None}})
