"""Events fetched from the tables of an engine: from the one they stand in, each made once, with what the row says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from policyengine.core import types
from policyengine.core.standing import Reach
from policyengine.core.verdict import VERDICTS
from policyengine.trace.columns import Column
from policyengine.trace.engines.duckdb import DuckTables
from policyengine.trace.engines.engine import PLACE, Counted, Engine, Rows
from policyengine.trace.engines.explain import Found, TooManyRows
from policyengine.trace.plan.plan import Step

USER, AMOUNT = Column(("user",), types.Text()), Column(("amount",), types.Number(), said=True)
LIMIT = Column(("limits", "daily"), types.Number(integer=True))
NEEDS = {"paid": (USER, AMOUNT), "told": (USER,), "limited": (USER, LIMIT), "never": (USER,)}
PLACES = {name: place for place, name in enumerate(NEEDS)}
OWN = '"type", t, pos, pos AS instant, 0 AS file, pos + 1 AS "row", NULL AS service, "user:text"'
STAND = {"paid": "events_rare", "limited": "events_rare", "told": "events_frequent"}


class Tables(DuckTables):
    """Hears what is asked."""

    def __init__(self) -> None:
        super().__init__(duckdb.connect())
        self.heard: list[str] = []
        self.con.execute('CREATE TABLE rare AS SELECT * FROM (VALUES (0, 10, 0, \'u1\', 1.50, true, NULL), '
                         '(0, 30, 2, \'u2\', NULL, true, NULL), (0, 50, 4, \'u1\', NULL, false, NULL), '
                         '(2, 60, 5, \'u1\', NULL, NULL, 7)) AS v("type", t, pos, "user:text", "amount:number", '
                         '"amount:said", "limits.daily:integer")')
        self.con.execute("CREATE TABLE frequent AS SELECT * FROM (VALUES (1, 20, 1, 'u1'), (1, 40, 3, 'u2')) "
                         'AS v("type", t, pos, "user:text")')
        columns = ('"amount:number"', '"amount:said"', '"limits.daily:integer"')
        self.con.execute(f'CREATE VIEW events_rare AS SELECT {OWN}, {", ".join(columns)} FROM rare')
        self.con.execute(f"CREATE VIEW events_frequent AS SELECT {OWN} FROM frequent")
        nothing = ", ".join(f"NULL AS {one}" for one in columns)
        self.con.execute("CREATE VIEW events AS SELECT * FROM events_rare UNION ALL "
                         f"SELECT *, {nothing} FROM events_frequent")

    def ask(self, sql: str, steps: Sequence[Step] = ()) -> list[tuple[Any, ...]]:
        self.heard.append(sql)
        return super().ask(sql, steps)


def rows(stand: dict[str, str], limit: int = 100) -> tuple[Rows, Tables]:
    tables = Tables()
    return Rows(tables, NEEDS, PLACES, ["t"], {}, None, limit, stand), tables


@pytest.mark.parametrize("stand", [STAND, {}], ids=["tables", "events"])
def test_each_event_says_what_its_row_says(stand: dict[str, str]) -> None:
    """A null that was said is there, a value that is not there is not; the same event is the same object."""
    made, _ = rows(stand)
    found = made.at(range(6))
    assert [(one.type, one.time, dict(one.fields), one.row) for one in found.values()] == [
        ("paid", 10, {"user": "u1", "amount": Decimal("1.50")}, 1), ("told", 20, {"user": "u1"}, 2),
        ("paid", 30, {"user": "u2", "amount": None}, 3), ("told", 40, {"user": "u2"}, 4),
        ("paid", 50, {"user": "u1"}, 5), ("limited", 60, {"user": "u1", "limits": {"daily": 7}}, 6)]
    asked = [Reach("paid", (("user", "u1"),), None, 50), Reach("told", (("user", "u1"),), 20, 20),
             Reach("never", (("user", "u1"),), None, None), Reach("limited", (("user", "u1"),), 61, None)]
    assert [one is found[place] for one, place in zip(made.fetch(asked), (0, 1, 4), strict=True)] == [True] * 3


@pytest.mark.parametrize("stand", [STAND, {}], ids=["tables", "events"])
def test_columns_that_no_row_lacks(stand: dict[str, str]) -> None:
    """Each table is asked for its own, all at once; a type without rows has none that lacks anything."""
    tables = Tables()
    assert Engine(tables).filled(NEEDS, PLACES, stand) == {
        "paid": {"user:text"}, "told": {"user:text"}, "limited": {"user:text", "limits.daily:integer"},
        "never": {"user:text"}}
    [heard] = tables.heard
    assert not stand or ("FROM events " not in heard and heard.count("FROM events_frequent") == 1)
    assert Engine(Tables()).filled({}, PLACES, stand) == {}


def test_small_tables_hold_what_they_are_given() -> None:
    """To the last digit and character; what does not fit is an error."""
    tables = DuckTables(duckdb.connect())
    columns = {"n": "BIGINT", "text": "VARCHAR", "amount": "DECIMAL(27,9)", "flag": "BOOLEAN", "day": "DATE"}
    rows = [(2**63 - 1, "a\0\"'\\ é用户😀\u2028", Decimal("123456789012345678.123456789"), True, date(9999, 12, 31)),
            (-2**63, "", Decimal("1E+2"), False, date(1, 1, 1)), (None,) * 5, (0, "[1]", Decimal(3), None, None)]
    for given in (rows, [], rows[:1]):
        tables.give("given", columns, given)
        assert tables.ask("SELECT * FROM given") == given
    with pytest.raises(duckdb.Error):
        tables.give("given", {"n": "SMALLINT"}, [(70_000,)])


def test_moments_found_are_the_earliest_of_each_verdict() -> None:
    """Pending ones by when they are due, one without a date last; alike whether all were read before or not."""
    tables = Tables()
    columns = ("verdict", "tie", "hard", "n", *PLACE)
    place = [(9, 9, 4, None, None, None), (9, 9, 3, None, None, None), (7, 7, None, 2, None, 30),
             (8, 8, None, 2, None, None), (8, 8, None, 2, 5, 20), (8, 8, None, 1, 5, 20)]
    rows = [(VERDICTS.index(verdict), pos == 4, hard, 1 + (t == 7), t, known, pos, *more)
            for verdict in ("violated", "pending") for hard in (False, True) for t, known, pos, *more in place]
    rows.append((VERDICTS.index("satisfied"), False, False, 40, *[None] * 6))
    types = ["SMALLINT", "BOOLEAN", "BOOLEAN", *["BIGINT"] * 7]
    tables.give("found_rule", dict(zip(columns, types, strict=True)), rows)
    counts = {**dict.fromkeys(VERDICTS, 0), "violated": 7, "pending": 7, "satisfied": 40}

    def found(hard: bool, most: int) -> list[Found]:
        several = [Engine(tables).found(Counted(counts, 0, 14, "found_rule", told), hard=hard,
                                        most={} if hard else {"pending": most}) for told in (None, rows, rows[::-1])]
        assert several[0] == several[1] == several[2]
        return several[0]

    for most, due in ((7, [20, 20, 30, 30, None, None, None]), (5, [20, 20, 30, 30, None, None]), (1, [20])):
        assert [one.due for one in found(False, most) if one.verdict == "pending"] == due
    assert [(one.t, one.pos, one.first, one.past, one.tie) for one in found(False, 1) if one.verdict == "violated"] == [
        (7, None, 2, None, False), (7, None, 2, None, False), (8, None, 1, 5, False), (8, None, 2, 5, False),
        (8, None, 2, None, False), (9, 3, None, None, False), (9, 4, None, None, True)]
    assert len(found(True, 1)) == 14 and {(one.verdict, one.due) for one in found(True, 1)} == {(None, None)}


def test_events_outside_of_ranges() -> None:
    """A range goes up to its end, where the next may begin."""
    engine = Engine(Tables())
    assert [engine.outside(ranges) for ranges in (
        [(10, 30)], [(None, 20), (40, None)], [(10, 30), (30, 60)], [(None, None)], [])] == [4, 2, 1, 0, 6]


def test_rows_are_read_aside() -> None:
    """By the tables that are given for it, so that the others may be asked at the same time."""
    tables, aside = Tables(), Tables()
    made = Engine(tables, aside).rows(NEEDS, PLACES, ["t"], {}, None, 100, STAND)
    made.fetch([Reach("told", (("user", "u1"),), 20, 20)])
    assert aside.heard and not tables.heard


def test_what_lies_outside_of_all_parts_is_not_read() -> None:
    made, tables = rows(STAND)
    paid = [Reach("paid", (("user", "u1"),), 10, 20), Reach("paid", (("user", "u2"),), 15, 30)]
    assert [one.time for one in made.fetch(paid)] == [10, 30]
    assert 'e."t" BETWEEN 10 AND 30' in tables.heard[0]


def test_only_tables_that_have_rows_are_read() -> None:
    """Not the view of all, which reads more; and nothing for a type that stands nowhere."""
    made, tables = rows(STAND)
    made.at([0, 1])
    made.fetch([Reach("never", (("user", "u1"),), None, None)])
    assert len(tables.heard) == 2
    assert not any("FROM events AS" in one for one in tables.heard)
    assert "amount" not in next(one for one in tables.heard if "FROM events_frequent" in one)


def test_columns_of_other_types_are_not_read() -> None:
    """Of a table only what the types have that are asked for, and of a table that has none of them nothing."""
    made, tables = rows(STAND)
    assert dict(made.at([5], {"limited"})[5].fields) == {"user": "u1", "limits": {"daily": 7}}
    made.fetch([Reach("paid", (("user", "u1"),), None, None), Reach("told", (("user", "u3"),), None, None)])
    asked = [one for one in tables.heard if "place" in one]
    assert ["amount" in one for one in asked] == [False, True]
    assert ["limits" in one for one in asked] == [True, False]
    assert not any("FROM events_frequent" in one for one in asked)


@pytest.mark.parametrize("stand", [STAND, {}], ids=["tables", "events"])
def test_a_key_that_is_not_there(stand: dict[str, str]) -> None:
    """Sought beside one that is, and by itself."""
    made, tables = rows(stand)
    tables.con.execute("INSERT INTO rare VALUES (0, 70, 6, NULL, 3, true, NULL)")
    nobody, somebody = (("user", None),), (("user", "u2"),)
    assert [one.time for one in made.fetch([Reach("paid", nobody, None, None), Reach("paid", somebody, None, None)])] \
        == [30, 70]
    assert [one.time for one in rows(stand)[0].fetch([Reach("paid", nobody, None, None)])] == []
    assert [one.time for one in made.fetch([Reach("paid", nobody, 60, None)])] == [70]


def test_more_rows_than_the_limit_are_refused() -> None:
    with pytest.raises(TooManyRows):
        rows(STAND, 2)[0].fetch([Reach("paid", (), None, None)])
    assert len(rows(STAND, 3)[0].fetch([Reach("paid", (), None, None)])) == 3
