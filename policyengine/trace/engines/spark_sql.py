"""SQL of DuckDB to SQL of Spark with the same meaning.

In comes a query that `plan` or `scan.sources` wrote; out comes text for `spark.sql`. What sqlglot rewrites
itself is left to it; here stands what it leaves as it is: windows that look ahead, which Spark would read anew for
every row, regular expressions, which are Java's, and functions that Spark has not. What it would answer differently is
refused (`columns.Unsupported`), never run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import sqlglot
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

from policyengine.core import types
from policyengine.trace.columns import Unsupported, sql_type

BEGIN, END = "^(?:", r")\z"
"""What the plan puts around a pattern, since the whole text must match."""


class _Read(DuckDB):
    """DuckDB's words, of which `len` is written of lists alone and `length` of text."""

    class Parser(DuckDB.Parser):  # type: ignore[misc,valid-type]
        FUNCTIONS = {**DuckDB.Parser.FUNCTIONS, "LEN": exp.ArraySize.from_arg_list}  # noqa: RUF012


@cache
def spark_sql(sql: str, change: Callable[[exp.Expr], None] | None = None) -> str:
    """The query in Spark's words, after a `change` of it as it is in DuckDB's.

    Raises `Unsupported` for a regular expression that Java reads differently.
    """
    tree = sqlglot.parse_one(sql, read=_Read)
    if change is not None:
        change(tree)
    for window in list(tree.find_all(exp.Window)):
        _look_back(window)
    for node in reversed(list(tree.walk())):  # from the leaves
        other = _rewritten(node)
        if other is not node:
            node.replace(other)
    return tree.sql(dialect="spark")


def name_of(table: str) -> str:
    """The name of a table or column in Spark's words."""
    return "`" + table.replace("`", "``") + "`"


def text_of(value: str) -> str:
    """A text literal of Spark."""
    return exp.Literal.string(value).sql(dialect="spark")


def spark_type(type: types.Type) -> str:
    """How Spark holds values of a type."""
    return spark_word(sql_type(type))


def spark_word(type: str) -> str:
    """A type of DuckDB in Spark's words."""
    return exp.DataType.build(type, dialect="duckdb").sql(dialect="spark")


# ---- windows ------------------------------------------------------------------------------------------------------

_MIRRORED = {"PRECEDING": "FOLLOWING", "FOLLOWING": "PRECEDING", None: None}


def _look_back(window: exp.Window) -> None:
    """A window to the end becomes one from the beginning in the mirrored order.

    Spark keeps a running answer only for windows from the beginning; for the others it starts again at every row.
    """
    spec = window.args.get("spec")
    if spec is None or spec.args.get("end") != "UNBOUNDED" or spec.args.get("start") == "UNBOUNDED":
        return
    old = dict(spec.args)
    for here, there in (("start", "end"), ("end", "start")):
        spec.set(here, old[there])
        spec.set(f"{here}_side", _MIRRORED[old.get(f"{there}_side")])
    for ordered in window.args["order"].expressions:
        first = ordered.args.get("nulls_first")
        ordered.set("desc", not ordered.args.get("desc"))
        ordered.set("nulls_first", not first)
    taken = next(window.find_all(exp.FirstValue, exp.LastValue), None)
    if taken is not None:
        other = exp.LastValue if isinstance(taken, exp.FirstValue) else exp.FirstValue
        taken.replace(other(**taken.args))


# ---- functions ----------------------------------------------------------------------------------------------------

def _rewritten(node: exp.Expr) -> exp.Expr:
    """A node that Spark would not know, or take for something else, in other words."""
    match node:
        case exp.RegexpLike() | exp.RegexpFullMatch():
            if not isinstance(node.expression, exp.Literal):
                raise Unsupported("`matches` a pattern that an event names")
            pattern = node.expression.this
            whole = pattern if isinstance(node, exp.RegexpLike) else BEGIN + pattern + END
            return exp.RegexpLike(this=node.this, expression=exp.Literal.string(java_pattern(whole)))
        case exp.If(this=exp.Null()):
            node.set("this", exp.cast(exp.Null(), "boolean"))
            return node
        case exp.Trunc():
            return _spark("floor(x)", x=node.this)  # asked only whether a number is whole
        case exp.Concat():
            # Text alone: Spark would take the type of a number for that of the whole.
            return exp.Concat(expressions=[one if isinstance(one, exp.Literal | exp.Chr) else exp.cast(one, "text")
                                           for one in node.expressions])
        case exp.Left(expression=exp.Neg(this=fewer)):
            return _spark("substring(x, 1, length(x) - n)", x=node.this, n=fewer)
        case exp.Bracket():
            return _part(node)
        case exp.JSONExtractScalar(this=exp.Cast(this=text)):
            return _spark("get_json_object(concat('{\"a\":', x, '}'), '$.a')", x=text)
        case exp.FromJson(this=exp.Cast(this=text)):
            return _spark("from_json(x, 'ARRAY<STRING>')", x=text)
        case exp.Anonymous() if node.name.lower() in _FUNCTIONS:
            return _spark(_FUNCTIONS[node.name.lower()], **dict(zip("xy", node.expressions, strict=False)))
        case _:
            return node


_FUNCTIONS = {
    "list_position": "nullif(array_position(x, y), 0)",
    "list_bool_or": "exists(x, one -> one)",
    "list_unique": "size(array_distinct(x))",
    "strlen": "octet_length(x)",
    "epoch_us": "unix_micros(cast(x AS timestamp))",
    "isfinite": "(x IS NOT NULL)",  # Spark has no endless times
}


def _spark(sql: str, **given: exp.Expr) -> exp.Expr:
    """A piece of Spark's SQL with expressions where their names stand."""
    tree = sqlglot.parse_one(sql, read="spark")
    for column in list(tree.find_all(exp.Column)):
        if column.name in given:
            column.replace(given[column.name].copy())
    return tree


def _part(node: exp.Bracket) -> exp.Expr:
    """`x["a" + 1]` of a list, `x[-6]`, `x[2:-2]` and `x[n:]` of a text; counted from 1, or back from the end."""
    place = node.expressions[0]
    if isinstance(place, exp.Literal | exp.Neg):
        at = _number(place) + 1  # the parser has counted from 0
        return _spark(f"substring(x, {at}, 1)", x=node.this)
    if not isinstance(place, exp.Slice):
        return _spark("element_at(x, n)", x=node.this, n=place)
    if place.expression is None:
        return _spark("substring(x, n)", x=node.this, n=place.this)
    first, last = _number(place.this), _number(place.expression)
    length = str(last - first + 1) if first < 0 else f"length(x) - {first - last - 2}"
    return _spark(f"substring(x, {first}, {length})", x=node.this)


def _number(node: exp.Expr) -> int:
    return -int(node.this.name) if isinstance(node, exp.Neg) else int(node.name)


# ---- regular expressions --------------------------------------------------------------------------------------------

_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
_PLAIN = frozenset("afnrt")
_REPEAT = re.compile(r"\{[0-9]+(,[0-9]*)?\}")
_HEX = re.compile(r"\\x(?:[0-9A-Fa-f]{2}|\{[0-9A-Fa-f]+\})")


def java_pattern(pattern: str) -> str:
    """A pattern of RE2 in Java's words, to be sought, not to match whole. Raises `Unsupported`, naming what differs."""
    if pattern.startswith(BEGIN) and pattern.endswith(END):
        return rf"\A(?:{_java(pattern.removeprefix(BEGIN).removesuffix(END))})\z"
    return _java(pattern)


def _java(pattern: str) -> str:
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            text, at = _escape(pattern, at, inside=False)
        elif char == "[":
            text, at = _set(pattern, at)
        elif char == "(" and pattern.startswith("(?", at) and not pattern.startswith("(?:", at):
            raise _differs(pattern, "(?" + pattern[at + 2:at + 3])
        elif char == ".":
            text, at = r"[^\n]", at + 1  # Java's leaves out four more characters
        elif char == "$":
            text, at = r"\z", at + 1  # Java's is also before a last line end
        elif char == "^":
            text, at = r"\A", at + 1
        elif char == "{" and (repeat := _REPEAT.match(pattern, at)) is not None:
            text, at = repeat.group(), repeat.end()
        elif char in "{}]":
            text, at = "\\" + char, at + 1
        else:
            text, at = char, at + 1
        out.append(text)
    return "".join(out)


def _escape(pattern: str, at: int, *, inside: bool) -> tuple[str, int]:
    char = pattern[at + 1:at + 2]
    low = char.lower()
    if low in _CLASSES:
        if char == low:
            return (_CLASSES[low] if inside else f"[{_CLASSES[low]}]"), at + 2
        return f"[^{_CLASSES[low]}]", at + 2  # inside a set too: sets add up
    if char == "x" and (code := _HEX.match(pattern, at)) is not None:
        return code.group(), code.end()
    if char == "v":
        return r"\x0B", at + 2
    if char in _PLAIN or (not inside and char in ("A", "z")):
        return "\\" + char, at + 2
    if char.isascii() and not char.isalnum() and char:
        return "\\" + char, at + 2
    raise _differs(pattern, "\\" + char)


def _set(pattern: str, at: int) -> tuple[str, int]:
    """A set of characters: what Java would take for a set within it, or for what two have in common, is escaped."""
    start, at = at, at + 1
    out = ["["]
    if pattern.startswith("^", at):
        out.append("^")
        at += 1
    first = at
    while at < len(pattern) and (pattern[at] != "]" or at == first):
        char = pattern[at]
        if char == "\\":
            text, at = _escape(pattern, at, inside=True)
            if text.startswith("[^") and out[1:2] == ["^"]:
                raise _differs(pattern, pattern[start:at])
        elif pattern.startswith("[:", at):
            raise _differs(pattern, "[:")
        else:
            lone = char == "-" and pattern[at - 2:at - 1] == "\\" and pattern[at - 1:at].lower() in _CLASSES
            text, at = ("\\" + char if char in "[]&^" or lone else char), at + 1
        out.append(text)
    return "".join([*out, "]"]), at + 1


def _differs(pattern: str, what: str) -> Unsupported:
    return Unsupported(f"`{what}` in the pattern `{pattern}`, which Java reads in another way")
