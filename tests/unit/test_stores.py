"""Files of events as a store: what is known of them before the first rule runs."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from policyengine.base.diagnostic import Diagnostic
from policyengine.core import ir, types
from policyengine.core.ir import CANDIDATE
from policyengine.trace.engines.findings import Table
from policyengine.workspace import stores
from policyengine.workspace.stores import open_store

SCHEMAS = {name: {"type": "object", "required": ["type", "time", *required], "additionalProperties": False,
                  "properties": {"user": {"type": "string"}, "flag": {"type": "boolean"}, "late": {"type": "boolean"}}}
           for name, required in {"use": ("user",), "reply": ("user",), "notice": ("user", "flag")}.items()}


def asked(event: str) -> ir.Expr:
    """Whether an event came before whose two fields both hold."""
    flag, late = (ir.Get(CANDIDATE, (name,), types.Bool()) for name in ("flag", "late"))
    return ir.Occurs(ir.Pattern(event, ("user",), ir.And((flag, late))), ir.Before())


RULE = ir.Rule("answer", "", (), "other", "error", ("user",), ir.OnEvent(("use",), False, None), (), (
    ir.Must(asked("reply"), False),), (ir.Unless(asked("notice"), ()),), "")
POLICY = ir.Policy("test", "1", "test", None, None, (), (), (), (RULE,), (), ())


def filled(path: Path, *rows: dict[str, Any]) -> tuple[Any, tuple[Diagnostic, ...]]:
    """What is known of each type's columns, and what is wrong with the rows."""
    path.write_text("".join(json.dumps({"user": "u", "time": f"2026-08-01T12:00:{second:02}Z", **one}) + "\n"
                            for second, one in enumerate(rows)), "utf-8")
    with open_store([str(path)], [POLICY], SCHEMAS, zone=None, as_of=None, memory=None) as (held, wrong):
        return held and held.store.filled, wrong


def test_columns_that_no_row_lacks(tmp_path: Path) -> None:
    """Those that the vocabulary requires, since a row without is refused; of others what the rows say."""
    path = tmp_path / "trace.ndjson"
    rows = [{"type": "use"}, {"type": "reply", "flag": True, "late": False}, {"type": "reply", "late": True},
            {"type": "notice", "flag": False, "late": None}]
    assert filled(path, *rows) == ({
        "use": {"user:text"}, "reply": {"user:text", "late:bool"}, "notice": {"user:text", "flag:bool"}}, ())
    found, wrong = filled(path, *rows, {"type": "notice", "flag": None, "late": True})
    assert found is None and [one.name for one in wrong] == ["event-required"]


def test_rules_run_side_by_side_where_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not over many events, nor under a limit of memory; and a table of findings has the rules one after the other."""
    path = tmp_path / "trace.ndjson"
    path.write_text("".join(json.dumps({"type": "use", "user": "u", "time": f"2026-08-01T12:00:0{second}Z"}) + "\n"
                            for second in range(3)), "utf-8")
    monkeypatch.setattr(stores, "RUNNERS", 3)

    def threads(memory: str | None = None, table: Table | None = None) -> int:
        with open_store([str(path)], [POLICY], SCHEMAS, zone=None, as_of=None, memory=memory,
                        table=table) as (held, _):
            assert held is not None
            return len(held.store.engine.each())

    assert threads() == 3 and threads("500MB") == 1
    with closing(Table()) as table:
        assert threads(table=table) == 1
    monkeypatch.setattr(stores, "FEW", 3)
    assert threads() == 3
    monkeypatch.setattr(stores, "FEW", 2)
    assert threads() == 1
