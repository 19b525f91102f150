"""The values an operator chose for tunable parameters, from the project file and the command line, checked by type."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from policyengine.base.diagnostic import Diagnostic, error, shorten
from policyengine.base.instants import parse_date, parse_period
from policyengine.base.scalars import number
from policyengine.core import ir, types
from policyengine.report.evidence import shown
from policyengine.workspace.config import Config

_IN_QUOTES = (types.Text, types.Period, types.Date)
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


def parameter_values(policy: ir.Policy, regulation: str, config: Config, given: Sequence[str],
                     house: Mapping[str, Any] | None = None,
                     ) -> tuple[dict[str, Any], tuple[Diagnostic, ...], frozenset[str]]:
    """The raw values the operator chose for this policy's tunable parameters; the names from `given` that fitted.

    `given` are NAME=VALUE texts of the command line, which win over the project file, which wins over `house`, what a
    team's own policy sets. A parameter the law fixes cannot be set.
    """
    known = {param.name: param for param in policy.params}
    wanted: list[tuple[str, str, Any]] = [(one.name, one.value, one.span) for one in config.params
                                          if one.regulation in (None, regulation) and one.name in known]
    used = set()
    for text in given:
        name, _, value = text.partition("=")
        if name in known:
            used.add(name)
            wanted.append((name, value, None))
    values: dict[str, Any] = dict(house or {})
    found: list[Diagnostic] = []
    for name, value, span in wanted:
        param = known[name]
        if not param.tunable:
            found.append(error("fixed-param", f"`{name}` is fixed by {regulation} and cannot be set", span,
                               help="a param that an operator may choose is declared `tunable`"))
            continue
        try:
            values[name] = _raw(value, param.type)
        except ValueError as problem:
            found.append(error("param-value", f"`{name} = {shorten(value)}`: {problem}", span,
                               help=f"write it as in the policy, such as `{shown(param.value).strip(chr(34))}`"))
    return values, tuple(found), frozenset(used)


def _raw(text: str, type: types.Type) -> Any:
    text = text.strip()
    match type:
        case types.Period():
            period = parse_period(text)
            unit = {"elapsed": "microsecond"}.get(type.unit or "", type.unit)
            if unit is not None and period.unit != unit:
                raise ValueError(f"expected a {types.describe(type)}")
            if period.count <= 0:
                raise ValueError("expected a period longer than nothing")
            return text
        case types.Number():
            if not _NUMBER.fullmatch(text):
                raise ValueError("expected a number such as `12` or `0.5`")
            value = number(text)
            if type.integer and not isinstance(value, int):
                raise ValueError("expected an integer")
            return value
        case types.Bool():
            if text not in ("true", "false"):
                raise ValueError("expected true or false")
            return text == "true"
        case types.Date():
            return parse_date(text).isoformat()
        case types.ListOf():
            return _list(text, type.item)
        case _:
            return text.strip('"')


def _list(text: str, item: types.Type) -> list[Any]:
    """A list as the policy language and JSON both write it: `["a", "b"]`."""
    try:
        found = json.loads(text, parse_float=Decimal)
    except ValueError:
        found = None
    if not isinstance(found, list) or any(isinstance(one, str) != isinstance(item, _IN_QUOTES) for one in found):
        raise ValueError("expected a list in brackets, texts in double quotes")
    return [_raw(one if isinstance(one, str) else str(one).lower(), item) for one in found]
